"""Cases: what may be None, in containers, in loops and branches, and handed on to operators that take either."""

from __future__ import annotations

from typing import Dict, List, Optional, Tuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.scripted.flow import COUNTS, SIGNS, X
from tests.scripted.running import Scripted

RUNS = [(X, n) for n in COUNTS]
SQUARE = torch.linspace(-1, 2, 9).reshape(3, 3)


def bias_of_branch(x: Tensor, w: Tensor):
    b: Optional[Tensor] = None
    if x.sum() > 0:
        b = x[0] * 2
    return F.linear(x, w, b)


def mask_of_branch(x: Tensor):
    mask: Optional[Tensor] = None
    q = x.unsqueeze(0)
    if x.sum() > 0:
        mask = torch.zeros(2, 2) + x[:, :2]
    return F.scaled_dot_product_attention(q, q, q, attn_mask=mask)


def two_undecided(x: Tensor, w: Tensor):
    weight: Optional[Tensor] = None
    bias: Optional[Tensor] = None
    if x.sum() > 0:
        weight = w[0]
    if x[0, 0] > 0:
        bias = w[1]
    return F.layer_norm(x, [3], weight, bias)


def in_a_tuple(x: Tensor):
    pair: Tuple[Tensor, Optional[Tensor]] = (x, None)
    if x.sum() > 0:
        pair = (x + 1, x * 2)
    a, b = pair
    return a if b is None else a + b


def in_a_list(x: Tensor):
    items: List[Optional[Tensor]] = [x, None, x * 2]
    if x.sum() > 0:
        items[1] = x + 5
    s = torch.zeros_like(x)
    for item in items:
        s = s * 0.5
        if item is not None:
            s = s + item
    return s


def in_a_dict(x: Tensor):
    state: Dict[str, Optional[Tensor]] = {"h": None, "c": x}
    if x.sum() > 0:
        state["h"] = x * 3
    h = state["h"]
    c = state["c"]
    if h is None:
        h = x - 1
    assert c is not None
    return h * c


def cache(x: Tensor, n: int):
    """Keys and values of the steps before, or nothing at the first one."""
    past: Optional[Tuple[Tensor, Tensor]] = None
    y = x[:1]
    for _ in range(n):
        if past is None:
            keys, values = y, y * 2
        else:
            keys, values = torch.cat([past[0], y]), torch.cat([past[1], y * 2])
        past = (keys, values)
        y = torch.softmax(y @ keys.t(), -1) @ values
    return y


def carried_and_handed_on(x: Tensor, w: Tensor, n: int):
    b: Optional[Tensor] = None
    y = x
    for i in range(n):
        y = F.linear(y, w, b).tanh()
        if i % 2 == 0:
            b = y[0]
        else:
            b = None
    return y


def optional_list(x: Tensor, n: int):
    found: Optional[List[Tensor]] = None
    for i in range(n):
        if i == 1:
            found = [x, x * i]
    if found is None:
        return x
    return torch.stack(found).sum(0)


def optional_numbers(x: Tensor, n: int):
    best: Optional[float] = None
    place: Optional[int] = None
    for i in range(n):
        value = float(x[i % 2, i % 3])
        if best is None or value > best:
            best = value
            place = i
    if best is None or place is None:
        return x
    return x * best + place


def returned_in_a_tuple(x: Tensor, n: int):
    y: Optional[Tensor] = None
    for i in range(n):
        if y is None:
            y = x * i
        else:
            y = y + 1
    return x, (y if y is not None else x, n)


class Inner(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(5)
        self.linear = nn.Linear(3, 3)

    def forward(self, x: Tensor, state: Optional[Tensor] = None) -> Tuple[Tensor, Optional[Tensor]]:
        y = self.linear(x)
        if state is not None:
            y = y + state
        return y, (y if bool(y.sum() > 0) else None)


class Stateful(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = Inner(), Inner()

    def forward(self, x: Tensor):
        y, state = self.first(x)
        z, state = self.second(y, state)
        z, state = self.second(z, state)
        return z if state is None else z * state


OPTIONALS: list[Scripted] = [
    Scripted(bias_of_branch, [(X, SQUARE), (-X, SQUARE)], has=("If",)),
    Scripted(mask_of_branch, SIGNS),
    Scripted(two_undecided, [(X, SQUARE), (-X, SQUARE), (X + 5, SQUARE), (X.abs() - 20, SQUARE)]),
    Scripted(in_a_tuple, SIGNS),
    Scripted(in_a_list, SIGNS),
    Scripted(in_a_dict, SIGNS),
    Scripted(cache, RUNS),
    Scripted(carried_and_handed_on, [(X, SQUARE, n) for n in COUNTS]),
    Scripted(optional_list, RUNS),
    Scripted(optional_numbers, RUNS),
    Scripted(returned_in_a_tuple, RUNS),
    Scripted(Stateful(), SIGNS),
]
