"""Cases: lists of tuples, lists, dicts and optionals whose length only the running model knows."""

from typing import Dict, List, NamedTuple, Optional, Tuple

import torch
from torch import Tensor, nn

from tests.scripted.flow import COUNTS, ROWS, SIGNS, WIDE, X
from tests.scripted.running import Scripted

RUNS = [(X, n) for n in COUNTS]
SOME = [(X, n) for n in (3, 1, 5)]


def pairs_appended(x: Tensor, n: int):
    out: List[Tuple[Tensor, Tensor]] = []
    for i in range(n):
        out.append((x * i, x[0] + i))
    a = [pair[0] for pair in out]
    b = [pair[1] for pair in out]
    return torch.stack(a), torch.stack(b), len(out)


def pairs_in_a_loop(x: Tensor, n: int):
    out: List[Tuple[Tensor, int, float]] = [(x, 7, 0.5)]
    for i in range(n):
        out.append((x * i, i, 0.25 * i))
    s = torch.zeros_like(x)
    for y, k, f in out:
        s = s * 0.5 + y * k + f
    return s, out[0][1], out[-1][1], out[-1][2]


def pairs_of_different_sizes(x: Tensor, n: int):
    out: List[Tuple[Tensor, Tensor]] = []
    for i in range(n):
        out.append((x[: i % 2 + 1], x[0]))
    s = torch.zeros(3)
    for a, b in out:
        s = s + a.sum(0) * b
    return s


class Step(NamedTuple):
    state: Tensor
    score: Tensor
    number: int


def named_steps(x: Tensor, n: int):
    steps: List[Step] = []
    for i in range(n):
        steps.append(Step(x + i, x.sum() * i, i))
    best = steps[0]
    for step in steps:
        if step.score > best.score:
            best = step
    return best.state, best.score, best.number


def pairs_changed(x: Tensor, n: int, k: int):
    out: List[Tuple[Tensor, int]] = []
    for i in range(n + 2):
        out.append((x + i, i))
    out[0] = (x * 100, 50)
    out.insert(1, (x * 7, 9))
    last, number = out.pop()
    first = out.pop(0)
    del out[0]
    out[k] = (x, number + 1)
    out.reverse()
    more = out + [(x - 1, 3)]
    more += out[1:]
    more.extend(out[:-1])
    s = torch.zeros_like(x)
    for y, j in more:
        s = s * 0.5 + y * (j + 1)
    return s, last, first[0], first[1], number, len(more)


def pairs_of_branches(x: Tensor):
    out: List[Tuple[Tensor, int]] = [(x, 1)]
    if x.sum() > 0:
        out.append((x + 1, 2))
        out.append((x[:1], 3))
    elif x.sum() < 0:
        out = [(x * 2, 4)]
    s = torch.zeros(1, 3)
    for y, k in out:
        s = s + y.sum(0) * k
    return s, len(out)


def worklist(x: Tensor, n: int):
    work: List[Tuple[Tensor, int]] = [(x, n)]
    total = torch.zeros(1)
    while len(work) > 0:
        y, depth = work.pop()
        total = total + y.sum() * depth
        if depth > 1:
            work.append((y * 0.5, depth - 1))
            work.append((y + 1.0, depth - 2))
    return total


def nested_pairs(x: Tensor, n: int):
    out: List[Tuple[Tensor, Tuple[Tensor, int]]] = []
    for i in range(n):
        for j in range(i):
            out.append((x * j, (x + i, i * j)))
    s = torch.zeros_like(x)
    for a, (b, k) in out:
        s = s + a * b + k
    return s


def optional_elements(x: Tensor, n: int):
    out: List[Optional[Tensor]] = []
    for i in range(n):
        out.append(x * i if i % 2 == 0 else None)
    s = torch.zeros_like(x)
    missing = 0
    for item in out:
        if item is None:
            missing += 1
        else:
            s = s + item
    return s, missing


def optional_members(x: Tensor, n: int):
    out: List[Tuple[Tensor, Optional[Tensor]]] = [(x, None)]
    previous: Optional[Tensor] = None
    for i in range(n):
        out.append((x + i, previous))
        previous = x * i
    s = torch.zeros_like(x)
    for a, b in out:
        s = s + a
        if b is not None:
            s = s * 0.5 + b
    return s


def lists_of_numbers(x: Tensor, n: int):
    beams: List[List[int]] = [[1]]
    for i in range(n):
        beams.append(beams[-1] + [i])
    total = 0
    for beam in beams:
        for token in beam:
            total = total * 2 % 97 + token
    return total, len(beams), len(beams[-1]), beams[-1][-1]


def lists_of_tensors(x: Tensor, n: int):
    rows: List[List[Tensor]] = []
    for i in range(n):
        row: List[Tensor] = []
        for j in range(i):
            row.append(x * j + i)
        rows.append(row)
    s = torch.zeros_like(x)
    for row in rows:
        for y in row:
            s = s * 0.5 + y
    return s, len(rows)


def dicts_in_a_list(x: Tensor, n: int):
    out: List[Dict[str, Tensor]] = []
    for i in range(n):
        out.append({"a": x * i, "b": x[0]})
    s = torch.zeros_like(x)
    for item in out:
        s = s + item["a"] * item["b"]
    return s


def beams(x: Tensor, n: int):
    """A beam search over the columns of a table of scores."""
    hypotheses: List[Tuple[List[int], float]] = [([0], 0.0)]
    for i in range(n):
        grown: List[Tuple[List[int], float]] = []
        for tokens, score in hypotheses:
            last = tokens[-1]
            for token in range(3):
                grown.append((tokens + [token], score + float(x[i % 2, token]) * (1.0 + 0.5 * last)))
        kept: List[Tuple[List[int], float]] = []
        for _ in range(2):
            best = -1
            value = -1e30
            for k in range(len(grown)):
                if grown[k][1] > value:
                    value = grown[k][1]
                    best = k
            kept.append(grown.pop(best))
        hypotheses = kept
    tokens, score = hypotheses[0]
    return torch.tensor(tokens), score


class Layers(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(4)
        self.cell = nn.LSTMCell(3, 3)

    def forward(self, x: Tensor):
        state = (torch.zeros(1, 3), torch.zeros(1, 3))
        history: List[Tuple[Tensor, Tensor]] = []
        for t in range(x.size(0)):
            state = self.cell(x[t : t + 1], state)
            history.append(state)
        return torch.cat([h for h, _ in history]), torch.cat([c for _, c in history])


STRUCTURES: list[Scripted] = [
    Scripted(pairs_appended, SOME),
    Scripted(pairs_in_a_loop, RUNS),
    Scripted(pairs_of_different_sizes, RUNS, since=13),
    Scripted(named_steps, SOME),
    Scripted(pairs_changed, [(X, 3, 1), (X, 4, -2), (X, 1, 0)], since=13),
    Scripted(pairs_of_branches, SIGNS, since=13),
    Scripted(worklist, [(X, 3), (X, 0), (X, 5)]),
    Scripted(nested_pairs, RUNS),
    Scripted(optional_elements, RUNS),
    Scripted(optional_members, RUNS),
    Scripted(lists_of_numbers, RUNS, since=13),
    Scripted(lists_of_tensors, RUNS, since=13),
    Scripted(dicts_in_a_list, RUNS),
    Scripted(beams, [(X, 2), (X, 0), (X, 3)], since=13),
    Scripted(Layers(), [(WIDE,), (WIDE[:1],)], ROWS, since=13),
]
