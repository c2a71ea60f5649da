"""Cases: writes to tensors inside branches and loops."""

from __future__ import annotations

from typing import List

import torch
from torch import Tensor, nn

from tests.scripted.flow import COUNTS, ROWS, SIGNS, WIDE, X
from tests.scripted.running import Scripted

RUNS = [(X, n) for n in COUNTS]


def add_in_branch(x: Tensor):
    y = x * 2
    if x.sum() > 0:
        y.add_(1)
    return y


def add_in_both(x: Tensor):
    y = x * 2
    z = y[0]
    if x.sum() > 0:
        y += 1
    else:
        y -= 1
    return y, z


def part_in_branch(x: Tensor):
    y = x * 2
    if x.sum() > 0:
        y[0] = 7.0
        y[:, 1] += 1
    elif x.sum() < 0:
        y[1, 2] = x[0, 0]
    return y + 1, y


def view_in_branch(x: Tensor):
    y = x.clone()
    row = y[1]
    if x.sum() > 0:
        row.mul_(3)
    return y, row


def view_taken_inside(x: Tensor):
    y = x.clone()
    if x.sum() > 0:
        row = y[0]
        row.zero_()
        column = y[:, 0]
        column.add_(5)
    return y


def rows_in_loop(x: Tensor):
    y = torch.zeros_like(x)
    for i in range(x.size(0)):
        y[i] = x[i] * i
    return y


def sum_in_loop(x: Tensor, n: int):
    y = x * 1
    for i in range(n):
        y += i
    return y


def view_of_carried(x: Tensor, n: int):
    base = x * 1
    row = base[0]
    for i in range(n):
        row += i
    return base, row


def outside_in_loop(x: Tensor, n: int):
    y = torch.zeros(3)
    for i in range(n):
        y.add_(x[0] * i)
        y[1] = 0.5
    return y


def nested_writes(x: Tensor, n: int):
    y = torch.zeros(2, 3)
    for i in range(n):
        for j in range(3):
            if (i + j) % 2 == 0:
                y[i % 2, j] = x[i % 2, j] + y[0, 0]
    return y


def loop_then_write(x: Tensor, n: int):
    y = x * 2
    for _ in range(n):
        y = y * 2
    y += 1
    return y


def branch_then_write(x: Tensor):
    if x.sum() > 0:
        y = x * 2
    else:
        y = x * 3
    y[0] = 0
    return y


def written_local_to_loop(x: Tensor, n: int):
    s = torch.zeros_like(x)
    for i in range(n):
        t = x * i
        t[0] = -1
        t.relu_()
        s = s + t
    return s


def fill_by_mask(x: Tensor, n: int):
    y = x.clone()
    for i in range(n):
        y[y > i] = float(i)
    return y


def input_in_branch(x: Tensor):
    if x.sum() > 0:
        x.mul_(2)
    return x + 1


def out_of_list(x: Tensor, n: int):
    parts: List[Tensor] = []
    for i in range(n):
        t = x * i
        t += 1
        parts.append(t)
    return torch.cat(parts)


class Counter(nn.Module):
    """A buffer that is written, in a branch, too."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("count", torch.zeros(3))

    def forward(self, x: Tensor):
        count = self.count.clone()
        for i in range(x.size(0)):
            if x[i].sum() > 0:
                count += x[i]
            else:
                count[0] = count[0] - 1
        return count


class Decoder(nn.Module):
    """Writes each step into a buffer of known size, and stops early."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.cell = nn.GRUCell(3, 4)
        self.out = nn.Linear(4, 3)

    def forward(self, x: Tensor, steps: int):
        h = torch.zeros(x.size(0), 4)
        outputs = torch.zeros(steps, x.size(0), 3)
        y = x
        done = 0
        for t in range(steps):
            h = self.cell(y, h)
            y = torch.tanh(self.out(h))
            outputs[t] = y
            done += 1
            if y.mean() > 0.9:
                break
        return outputs[:done], h


WRITES: list[Scripted] = [
    Scripted(add_in_branch, SIGNS),
    Scripted(add_in_both, SIGNS),
    Scripted(part_in_branch, SIGNS),
    Scripted(view_in_branch, SIGNS),
    Scripted(view_taken_inside, SIGNS),
    Scripted(rows_in_loop, [(X,), (WIDE,), (WIDE[:0],)], ROWS),
    Scripted(sum_in_loop, RUNS),
    Scripted(view_of_carried, RUNS),
    Scripted(outside_in_loop, RUNS),
    Scripted(nested_writes, RUNS),
    Scripted(loop_then_write, RUNS),
    Scripted(branch_then_write, SIGNS),
    Scripted(written_local_to_loop, RUNS),
    Scripted(fill_by_mask, RUNS),
    Scripted(input_in_branch, SIGNS),
    Scripted(out_of_list, [(X, 3), (X, 1)]),
    Scripted(Counter(), [(X,), (WIDE,), (WIDE[:1],)], ROWS),
    Scripted(Decoder(), [(X, 3), (WIDE, 1), (WIDE * 3, 6)], {"x": {0: "rows"}}),
]
