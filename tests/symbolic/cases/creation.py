"""New tensors."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from tests.symbolic.cases import Case, seeded


def _row(name, target, run, since=7, dynamic=(0,), **more):  # type: ignore[no-untyped-def]
    return Case(
        name,
        f"aten::{target}",
        run,
        lambda: (seeded(3, 4),),
        dynamic={0: dynamic} if dynamic else {},
        since=since,
        **more,
    )


class _Grid(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        rows, columns = torch.meshgrid(torch.arange(x.shape[0]), torch.arange(x.shape[1]), indexing="ij")
        return torch.stack((rows, columns), -1) + x[..., None]


CASES: list[Case] = [
    _row("dynamic", "zeros", lambda x: torch.zeros(x.shape[0], 2)),
    _row("types", "zeros", lambda x: torch.zeros(2, x.shape[0], dtype=torch.int64)),
    _row("large", "zeros", lambda x: torch.zeros(40, 40) + x[0, 0]),
    _row("dynamic", "ones", lambda x: torch.ones(x.shape)),
    _row("bools", "ones", lambda x: torch.ones(x.shape[0], x.shape[0], dtype=torch.bool)),
    _row("dynamic", "full", lambda x: torch.full((x.shape[0], 2), 2.5)),
    _row("int", "full", lambda x: torch.full((x.shape[0],), 7)),
    _row("bool", "full", lambda x: torch.full((x.shape[0],), 1, dtype=torch.bool)),
    _row("half", "full", lambda x: torch.full(x.shape, float("-inf"), dtype=torch.float16)),
    _row("value", "full", lambda x: torch.full((x.shape[0],), x.shape[0])),
    _row("dynamic", "zeros_like", torch.zeros_like),
    _row("type", "zeros_like", lambda x: torch.zeros_like(x, dtype=torch.int64)),
    _row("dynamic", "ones_like", torch.ones_like),
    _row("dynamic", "full_like", lambda x: torch.full_like(x, 3)),
    _row("type", "full_like", lambda x: torch.full_like(x, 3, dtype=torch.int32)),
    _row("bfloat16", "ones_like", lambda x: torch.ones_like(x, dtype=torch.bfloat16).float(), 13),
    _row("dynamic", "empty_like", lambda x: torch.empty_like(x), exact=False),
    _row("dynamic", "empty", lambda x: torch.empty(x.shape[0], 3), exact=False),
    _row("dynamic", "new_zeros", lambda x: x.new_zeros(x.shape[0], 2)),
    _row("dynamic", "new_ones", lambda x: x.new_ones((x.shape[0],), dtype=torch.int64)),
    _row("dynamic", "new_full", lambda x: x.new_full((x.shape[0], 1), 5)),
    _row("dynamic", "new_empty", lambda x: x.new_empty(x.shape[0]), exact=False),
    _row("in-place", "fill", lambda x: x.clone().fill_(3)),
    _row("number", "fill", lambda x: torch.fill(x, 2.5)),
    _row("bool", "fill", lambda x: torch.ops.aten.fill(x > 0, True)),
    _row("value", "fill", lambda x: torch.fill(x, x.mean())),
    _row("tensor", "fill", lambda x: x.clone().fill_(x.mean())),
    _row("in-place", "zero", lambda x: x.clone().zero_()),
    _row("number", "scalar_tensor", lambda x: torch.scalar_tensor(x.shape[0], dtype=torch.float32) + x),
    _row("end", "arange", lambda x: torch.arange(x.shape[0]), 9),
    _row("float", "arange", lambda x: torch.arange(x.shape[0], dtype=torch.float32), 9),
    _row("half", "arange", lambda x: torch.arange(x.shape[0], dtype=torch.float16), 9),
    _row("start", "arange", lambda x: torch.arange(2, x.shape[0] + 5), 9),
    _row("step", "arange", lambda x: torch.arange(1, x.shape[0] * 4, 3), 9),
    _row("backwards", "arange", lambda x: torch.arange(x.shape[0], -3, -2), 9),
    _row("float-step", "arange", lambda x: torch.arange(0, x.shape[0], 0.3), 9),
    _row("float-end", "arange", lambda x: torch.arange(x.shape[0] / 2), 9),
    _row("int32", "arange", lambda x: torch.arange(x.shape[0], dtype=torch.int32), 9),
    _row("static", "arange", lambda x: torch.arange(5) + x[0, 0], dynamic=()),
    _row("positions", "arange", lambda x: torch.arange(x.shape[1]).expand(x.shape[0], -1) + x, dynamic=(0, 1), since=9),
    _row("steps", "linspace", lambda x: torch.linspace(0, x.shape[0], 5)),
    _row("end", "linspace", lambda x: torch.linspace(-1, 1, x.shape[0]), 9),
    _row("tensors", "linspace", lambda x: torch.linspace(x[0, 0], x[0, 1], 4), dynamic=()),
    _row("plain", "logspace", lambda x: torch.logspace(0, 2, x.shape[0], base=3.0), 9),
    _row("square", "eye", lambda x: torch.eye(x.shape[0]), 9),
    _row("oblong", "eye", lambda x: torch.eye(x.shape[0], 5, dtype=torch.int64), 9),
    _row("plain", "tril", torch.tril, 9, (0, 1)),
    _row("diagonal", "triu", lambda x: torch.triu(x, 1), 9, (0, 1)),
    _row("negative", "triu", lambda x: torch.triu(x, -2), 9, (0, 1)),
    _row("dynamic-diagonal", "triu", lambda x: torch.triu(x, x.shape[0] - 2), 9),
    _row("bool", "tril", lambda x: torch.tril(x > -9, -1), 9, (0, 1)),
    _row("ints", "tril", lambda x: torch.tril((x * 9).int(), 1), 9, (0, 1)),
    _row("batch", "tril", lambda x: torch.tril(x[None] * torch.ones(2, 1, 1)), 9, (0, 1)),
    _row("mask", "triu", lambda x: torch.triu(torch.full((x.shape[0], x.shape[0]), float("-inf")), diagonal=1), 9),
    _row("plain", "tril_indices", lambda x: torch.tril_indices(x.shape[0], x.shape[1], -1), 9),
    _row("plain", "triu_indices", lambda x: torch.triu_indices(x.shape[0], x.shape[1], 1), 9),
    Case("ij", "aten::meshgrid", _Grid(), lambda: (seeded(3, 4),), dynamic={0: (0, 1)}, since=9),
    Case(
        "xy",
        "aten::meshgrid",
        lambda x, y: torch.meshgrid(x, y, indexing="xy"),
        lambda: (seeded(3), seeded(4)),
        dynamic={0: (0,), 1: (0,)},
    ),
    Case(
        "three",
        "aten::meshgrid",
        lambda x, y: torch.meshgrid(x, y, x[:1], indexing="ij"),
        lambda: (seeded(3), seeded(4)),
        dynamic={1: (0,)},
    ),
    Case(
        "known",
        "aten::one_hot",
        lambda x: F.one_hot(x, 5),
        lambda: (torch.tensor([[0, 4], [2, 1]]),),
        dynamic={0: (0,)},
        since=9,
    ),
    Case("0d", "aten::one_hot", lambda x: F.one_hot(x, 4), lambda: (torch.tensor(3),), since=9),
    Case(
        "largest",
        "aten::one_hot",
        lambda x: F.one_hot(x),
        lambda: (torch.tensor([3, 0, 1]),),
        dynamic={0: (0,)},
        since=9,
    ),
    _row("list", "tensor", lambda x: torch.tensor([1.0, 2.0, 3.0, 4.0]) + x),
    Case("size", "aten::tensor", lambda x: torch.as_tensor(x.shape[0]) + x, lambda: (seeded(3, 4),), dynamic={0: (0,)}),
]
