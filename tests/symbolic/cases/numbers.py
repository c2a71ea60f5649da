"""Python numbers and lists in scripted models, computed from sizes that are known only at run time."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from tests.symbolic.cases import Case, seeded


def integers(x: Tensor) -> Tensor:
    n = x.size(0)
    m = x.size(1)
    return x + ((n + 3) * 2 - m // 2 + n % 2 - abs(-n)) + (-n // 2) + (n - 7) % 3


def extremes(x: Tensor) -> Tensor:
    n = x.size(0)
    m = x.size(1)
    return x + max(n, m) + min(n, 2) + max(float(n), 2.5) + max([n, m, 4])


def floats(x: Tensor) -> Tensor:
    n = x.size(0)
    m = x.size(1)
    return x + float(n) * math.log(float(m)) + n / 3 + math.sqrt(n) + math.exp(float(-n)) + n**2 + 1.5 * m - 0.5


def rounded(x: Tensor) -> Tensor:
    n = x.size(0)
    m = x.size(1)
    return x + int(n / 2) + math.floor(n / 2) + math.ceil(n / 3) + round(m / 3) + int(math.fabs(-1.5 * n))


def truths(x: Tensor) -> Tensor:
    n = x.size(0)
    m = x.size(1)
    return x + float(n > m) + float(n != m) + float(not (n < 4)) + float(int(n < m) + int(n >= m) + int(n <= 3))


def sizes(x: Tensor) -> Tensor:
    return torch.ones(x.size(0) * 2 + 1, max(x.size(1), 2)) * torch.tensor(x.size(0))


def lists(x: Tensor) -> Tensor:
    return torch.ones([x.size(0)] * 2 + [2]) + torch.tensor([[1, x.size(0)], [x.size(1), 2]]).sum()


def bools(x: Tensor) -> Tensor:
    return torch.full([x.size(0)], True) + torch.arange(x.size(0))


def ranges(x: Tensor) -> Tensor:
    for i in range(x.size(0)):
        for j in range(9 - x.size(1), 1, -2):
            for k in range(1, x.size(0), x.size(1)):
                x = x * 0.5 + (i * 3 + j - k)
    return x


def _row(name: str, target: str, run: Callable[..., Any], since: int = 7) -> Case:
    return Case(name, target, torch.jit.script(run), lambda: (seeded(3, 4),), dynamic={0: (0, 1)}, since=since)


CASES: list[Case] = [
    _row("ints", "aten::floordiv.int", integers),
    _row("extremes", "prim::max.int", extremes),
    _row("floats", "aten::log.float", floats),
    _row("rounded", "aten::floor.float", rounded),
    _row("truths", "aten::gt.int", truths),
    _row("sizes", "aten::tensor.int", sizes),
    _row("lists", "aten::mul.left_t", lists),
    _row("bools", "aten::full", bools, 9),
    _row("ranges", "aten::__range_length", ranges, 9),
    _row("indices", "aten::__derive_index", ranges, 9),
]
