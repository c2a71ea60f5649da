"""Cases: lists, tuples, dicts and optionals, with known and unknown lengths."""

from __future__ import annotations

from enum import Enum
from typing import Dict, List, NamedTuple, Optional, Tuple

import torch
from torch import Tensor, nn

from tests.scripted.flow import COUNTS, NEGATIVE, POSITIVE, ROWS, SIGNS, WIDE, X
from tests.scripted.running import Scripted

RUNS = [(X, n) for n in COUNTS]
SOME = [(X, n) for n in (3, 1, 5)]


def append_and_stack(x: Tensor, n: int):
    out: List[Tensor] = []
    for i in range(n):
        out.append(x * i)
    return torch.stack(out)


def append_and_cat(x: Tensor, n: int):
    out = [x]
    for i in range(n):
        out.append(x[:1] * i)
    return torch.cat(out, 0), len(out)


def append_different_sizes(x: Tensor, n: int):
    out: List[Tensor] = []
    for i in range(n):
        out.append(x[: i % 2 + 1])
    return torch.cat(out, dim=0)


def comprehension(x: Tensor, n: int):
    return torch.stack([x * i for i in range(n)], 1)


def comprehension_of_rows(x: Tensor):
    return torch.stack([row.relu() for row in x], 0)


def known_lists(x: Tensor):
    a: List[Tensor] = []
    for i in range(3):
        a.append(x * i)
    a.insert(1, x + 100)
    a.extend([x, x + 1])
    y = a.pop()
    z = a.pop(0)
    a[1] = x - 7
    del a[0]
    a.reverse()
    a += [x + 3]
    b = a.copy()
    a.clear()
    return torch.cat(b), len(a), y, z, b[-1], torch.stack(b[1:3])


def numbers_in_lists(x: Tensor):
    k = [3, 1, 2]
    k.sort()
    k.append(4)
    k.remove(2)
    total = 0
    for i in k:
        total += i
    if 4 in k:
        total += 100
    s = sorted([5, 2, 9])
    return x * total + s[0], max(k), sum(k), len(k)


def sizes_in_list(x: Tensor, n: int):
    sizes: List[int] = []
    y = x
    for _ in range(n):
        y = torch.cat([y, x])
        sizes.append(y.size(0))
    total = 0
    for size in sizes:
        total = total * 2 + size
    return total, y


def unknown_index(x: Tensor, n: int, k: int):
    out: List[Tensor] = []
    for i in range(n):
        out.append(x + i)
    return out[k], out[-1], out[n - 1]


def known_list_unknown_index(x: Tensor, k: int):
    items = [x, x * 2, x[:1]]
    table = [10, 20, 30]
    return items[k] + table[k]


def set_items(x: Tensor, n: int, k: int):
    out: List[Tensor] = []
    for i in range(n):
        out.append(x + i)
    out[k] = x * 100
    out[-1] = out[-1] - 1
    out.insert(1, x * 7)
    out.insert(100, x * 9)
    return torch.stack(out)


def pops(x: Tensor, n: int):
    out: List[Tensor] = []
    for i in range(n + 3):
        out.append(x + i)
    a = out.pop()
    b = out.pop(0)
    del out[0]
    rest = torch.zeros_like(x)
    while len(out) > 0:
        rest = rest * 2 + out.pop()
    return a, b, rest


def slices(x: Tensor, n: int):
    out: List[Tensor] = []
    for i in range(n):
        out.append(x + i)
    tail = out[1:]
    head = out[:-1]
    both = head + tail
    both.reverse()
    return torch.stack(both + [x])


def extend_unknown(x: Tensor, n: int):
    out: List[Tensor] = [x]
    more: List[Tensor] = []
    for i in range(n):
        more.append(x + i)
    out.extend(more)
    out += more
    return torch.stack(out)


def branches_append(x: Tensor):
    out = [x]
    if x.sum() > 0:
        out.append(x + 1)
        out.append(x + 2)
    elif x.sum() < 0:
        out[0] = x * 5
    return torch.stack(out)


def branches_same_length(x: Tensor):
    if x.sum() > 0:
        out = [x, x[:1]]
    else:
        out = [x + 1, x[1:]]
    return out[0], out[1]


def loop_and_branch(x: Tensor, n: int):
    out: List[Tensor] = []
    for i in range(n):
        if i % 2 == 0:
            out.append(x * i)
        else:
            out.append(x[:1] * i)
            out.append(x)
    return torch.cat([torch.zeros(1, 3), torch.cat(out)]) if len(out) > 0 else x


def break_with_list(x: Tensor, n: int):
    out: List[Tensor] = []
    for i in range(n):
        out.append(x + i)
        if (x + i).sum() > 12:
            break
    return torch.stack(out)


def nested_append(x: Tensor, n: int):
    out: List[Tensor] = [x]
    for i in range(n):
        for j in range(i):
            out.append(x * j + i)
    return torch.stack(out)


def two_names(x: Tensor, n: int):
    a: List[Tensor] = []
    b = a
    for i in range(n):
        a.append(x + i)
        b.append(x - i)
    b.append(x)
    return torch.stack(a), len(b)


def two_lists(x: Tensor, n: int):
    a: List[Tensor] = [x]
    b: List[Tensor] = [x + 1]
    for i in range(n):
        if i % 2 == 0:
            a.append(b[-1])
        else:
            b.append(a[-1] * 2)
    return torch.stack(a), torch.stack(b)


def list_of_lists(x: Tensor):
    rows: List[List[Tensor]] = []
    for i in range(3):
        row: List[Tensor] = []
        for j in range(2):
            row.append(x * i + j)
        rows.append(row)
    return torch.stack(rows[1]), len(rows), rows[-1][0]


def list_in_tuple(x: Tensor, n: int):
    a: List[Tensor] = [x]
    pair = (a, 3)
    for i in range(n):
        pair[0].append(x + i)
    return torch.stack(a) * pair[1]


def known_list_of_lists_in_loop(x: Tensor, n: int):
    lists: List[List[Tensor]] = [[x], [x]]
    for i in range(n):
        lists[0].append(x + i)
        if i % 2 == 0:
            lists[1].append(x - i)
    return torch.stack(lists[0]), torch.stack(lists[1])


def tuples_in_list(x: Tensor):
    pairs: List[Tuple[Tensor, int]] = []
    for i in range(3):
        pairs.append((x + i, i))
    s = torch.zeros_like(x)
    for y, k in pairs:
        s = s + y * k
    return s


def tuple_carried(x: Tensor, n: int):
    state = (x, x * 2, 1)
    for i in range(n):
        h, c, k = state
        state = (c, h + c, k + i)
    return state


class State(NamedTuple):
    h: Tensor
    c: Tensor


def named_tuple(x: Tensor, n: int):
    state = State(x, x + 1)
    for _ in range(n):
        state = State(state.c, state.h * 2)
    return state.h, state.c


def zipped(x: Tensor):
    a = [x, x + 1, x + 2]
    b = [1, 2, 3]
    s = torch.zeros_like(x)
    for i, (y, k) in enumerate(zip(a, b)):  # noqa: B905  (TorchScript knows no strict)
        s = s + y * k * i
    return s


def dicts(x: Tensor):
    d: Dict[str, Tensor] = {}
    d["a"] = x
    d["b"] = x + 1
    s = torch.zeros_like(x)
    for key, value in d.items():
        s = s + value
        if key == "b":
            s = s * 2
    for key in d:
        s = s + d[key]
    if "a" in d:
        d.pop("a")
    d.update({"c": s})
    e = d.copy()
    e["d"] = x
    return d, len(d), e.get("d", s), list(e.keys())[0] == "b"


def dict_carried(x: Tensor, n: int):
    state = {"h": x, "c": x * 0}
    for i in range(n):
        state["c"] = state["c"] + state["h"]
        if i % 2 == 0:
            state["h"] = state["h"] * 2
    return state["h"], state["c"]


def dict_of_lists(x: Tensor, n: int):
    d: Dict[str, List[Tensor]] = {"a": [x], "b": [x]}
    for i in range(n):
        d["a"].append(x + i)
    return torch.stack(d["a"]), len(d["b"])


def int_keys(x: Tensor):
    d: Dict[int, Tensor] = {}
    for i in range(3):
        d[i] = x + i
    return d[0] + d[2]


def optional_in_loop(x: Tensor, n: int):
    last: Optional[Tensor] = None
    for i in range(n):
        if last is None:
            last = x
        else:
            last = last * 2 + i
    if last is not None:
        return last
    return x - 1


def optional_of_branch(x: Tensor):
    y: Optional[Tensor] = None
    if x.sum() > 0:
        y = x * 2
    if y is None:
        z = x
    else:
        z = y + 1
    return z


def optional_unwrapped(x: Tensor, n: int):
    best: Optional[Tensor] = None
    for i in range(n):
        y = x * (i - 1)
        if best is None or bool(y.sum() > best.sum()):
            best = y
    assert best is not None
    return best


def optional_number(x: Tensor):
    k: Optional[int] = None
    if x.sum() > 0:
        k = 3
    return x * k if k is not None else x


def default_optional(x: Tensor, y: Optional[Tensor] = None):
    return x + 1 if y is None else x + y


class Mode(Enum):
    FAST = 1
    SLOW = 2


class WithEnum(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.mode = Mode.SLOW
        self.name = "gelu"

    def forward(self, x: Tensor):
        if self.mode == Mode.FAST:
            x = x * 2
        if self.name == "relu":
            return x.relu()
        elif self.name in ("gelu", "silu"):
            return x + 1
        return x


class ListOfStates(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(2)
        self.cells = nn.ModuleList([nn.GRUCell(3, 3), nn.GRUCell(3, 3)])

    def forward(self, x: Tensor):
        states = [torch.zeros(1, 3), torch.zeros(1, 3)]
        outputs: List[Tensor] = []
        for t in range(x.size(0)):
            y = x[t : t + 1]
            for i, cell in enumerate(self.cells):
                states[i] = cell(y, states[i])
                y = states[i]
            outputs.append(y)
        return torch.cat(outputs), states[0], states[1]


def list_of_loop_then_loop(x: Tensor):
    parts: List[Tensor] = []
    for i in range(x.size(0)):
        parts.append(x[i] * i)
    s = torch.zeros(3)
    for part in parts:
        s = s + part
    for i, part in enumerate(parts):
        s = s * 0.5 + part * i
    return s


def while_stack(x: Tensor):
    stack = [x]
    s = torch.zeros(1)
    while len(stack) > 0:
        top = stack.pop()
        s = s + top.sum()
        if top.size(0) > 1:
            half = top.size(0) // 2
            stack.append(top[:half])
            stack.append(top[half:])
    return s


def split_and_loop(x: Tensor):
    s = torch.zeros(3)
    for piece in x.split(2):
        s = s + piece.sum(0)
    return s


def unbind_and_loop(x: Tensor):
    s = torch.zeros(x.size(0))
    for piece in x.unbind(1):
        s = s * 2 + piece
    return s


def list_of_ints_as_shape(x: Tensor):
    shape: List[int] = []
    for i in range(x.dim()):
        shape.append(x.size(i))
    shape.append(1)
    return x.reshape(shape) + x.new_zeros(shape)


CONTAINERS: list[Scripted] = [
    Scripted(append_and_stack, SOME),
    Scripted(append_and_cat, RUNS),
    Scripted(append_different_sizes, SOME, since=13),
    Scripted(comprehension, SOME),
    Scripted(comprehension_of_rows, [(X,), (WIDE,)], ROWS),
    Scripted(known_lists, [(X,)], lacks=("Loop", "SequenceInsert")),
    Scripted(numbers_in_lists, [(X,)]),
    Scripted(sizes_in_list, RUNS),
    Scripted(unknown_index, [(X, 3, 1), (X, 5, -2), (X, 1, 0)]),
    Scripted(known_list_unknown_index, [(X, 0), (X, 2), (X, -2)]),
    Scripted(set_items, [(X, 3, 1), (X, 4, -3), (X, 1, 0)]),
    Scripted(pops, RUNS),
    Scripted(slices, RUNS),
    Scripted(extend_unknown, RUNS),
    Scripted(branches_append, SIGNS),
    Scripted(branches_same_length, SIGNS),
    Scripted(loop_and_branch, RUNS, since=13),
    Scripted(break_with_list, SOME),
    Scripted(nested_append, RUNS),
    Scripted(two_names, RUNS),
    Scripted(two_lists, RUNS),
    Scripted(list_of_lists, [(X,)], lacks=("Loop",)),
    Scripted(list_in_tuple, RUNS),
    Scripted(known_list_of_lists_in_loop, RUNS),
    Scripted(tuples_in_list, [(X,)]),
    Scripted(tuple_carried, RUNS),
    Scripted(named_tuple, RUNS),
    Scripted(zipped, [(X,)], lacks=("Loop",)),
    Scripted(dicts, [(X,)]),
    Scripted(dict_carried, RUNS, has=("Loop",)),
    Scripted(dict_of_lists, RUNS),
    Scripted(int_keys, [(X,)]),
    Scripted(optional_in_loop, RUNS),
    Scripted(optional_of_branch, SIGNS),
    Scripted(optional_unwrapped, [(POSITIVE, 3), (NEGATIVE, 4), (POSITIVE, 1)]),
    Scripted(optional_number, SIGNS),
    Scripted(default_optional, [(X,)]),
    Scripted(WithEnum(), [(X,)], lacks=("If",)),
    Scripted(ListOfStates(), [(WIDE,), (WIDE[:1],)], ROWS, since=13),
    Scripted(list_of_loop_then_loop, [(WIDE,), (WIDE[:1],), (WIDE[:0],)], ROWS),
    Scripted(while_stack, [(WIDE,), (WIDE[:1],), (torch.cat([WIDE, WIDE]),)], ROWS, since=13),
    Scripted(split_and_loop, [(WIDE,), (WIDE[:1],), (torch.cat([WIDE, X, X[:1]]),)], ROWS),
    Scripted(unbind_and_loop, [(WIDE,), (WIDE[:, :1],)], {"x": {1: "columns"}}),
    Scripted(list_of_ints_as_shape, [(WIDE,), (X,)], ROWS),
]
