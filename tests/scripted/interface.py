"""Cases: lists, optionals and numbers at the ends of a scripted model."""

from __future__ import annotations

from typing import Dict, List, Optional, Tuple

import torch
from torch import Tensor

from tests.scripted.flow import NEGATIVE, POSITIVE, WIDE, ZERO, X
from tests.scripted.running import Scripted

LISTS = [([X, X * 2],), ([WIDE],), ([X, WIDE, X],)]


def sum_of_list(xs: List[Tensor]):
    s = torch.zeros(3)
    for x in xs:
        s = s + x.sum(0)
    return s


def list_beside_tensor(y: Tensor, xs: List[Tensor], k: int):
    return xs[k] + y[0], len(xs)


def list_in_and_out(xs: List[Tensor]):
    out: List[Tensor] = []
    for x in xs:
        if x.sum() > 0:
            out.append(x * 2)
        out.append(x)
    return out


def list_out(x: Tensor, n: int):
    out: List[Tensor] = []
    for i in range(n):
        out.append(x * i)
    return out, x


def lists_out(x: Tensor, n: int):
    a: List[Tensor] = [x]
    b: List[int] = []
    for i in range(n):
        a.append(x * i)
        b.append(i * 2)
    return {"a": a, "b": b}


def made_on_the_spot(x: Tensor):
    return [x, x * 2]


def optional_out(x: Tensor):
    y: Optional[Tensor] = None
    if x.sum() >= 0:
        y = x * 2
    return y, x + 1


def tuple_in(pair: Tuple[Tensor, Tensor], table: Dict[str, Tensor]):
    return pair[0] + pair[1] * table["a"]


def returned_inside_loop(x: Tensor, n: int) -> Tuple[Tensor, int]:
    for i in range(n):
        if x[0, 0] > i:
            return x, i
    return x * 2, -1


INTERFACE: list[Scripted] = [
    Scripted(sum_of_list, LISTS),
    Scripted(list_beside_tensor, [(X, [X, X * 2], 1), (X, [X], 0), (X, [X, X, X * 7], -1)]),
    Scripted(list_in_and_out, LISTS, since=13),
    Scripted(list_out, [(X, 3), (X, 0), (X, 1)]),
    Scripted(lists_out, [(X, 3), (X, 0), (X, 1)]),
    Scripted(made_on_the_spot, [(X,)], lacks=("SequenceConstruct",)),
    Scripted(optional_out, [(POSITIVE,), (NEGATIVE,), (ZERO,)], since=16),
    Scripted(tuple_in, [((X, X * 2), {"a": X + 1})]),
    Scripted(returned_inside_loop, [(POSITIVE, 3), (NEGATIVE, 3), (POSITIVE, 0)]),
]
