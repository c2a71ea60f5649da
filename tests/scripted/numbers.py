"""Cases: lists of numbers, of known length and of one that only the running model knows."""

from __future__ import annotations

from typing import List

import torch
from torch import Tensor

from tests.scripted.flow import COUNTS, ROWS, WIDE, X
from tests.scripted.running import Scripted

RUNS = [(X, n) for n in COUNTS]
SOME = [(X, n) for n in (3, 1, 5)]


def computed_in_loop(x: Tensor, n: int):
    numbers: List[int] = [4]
    for i in range(n):
        numbers.append((i * 5 + 2) % 7)
    return sum(numbers), max(numbers), min(numbers), 4 in numbers, 9 in numbers, numbers.count(2), len(numbers)


def computed_floats(x: Tensor, n: int):
    numbers: List[float] = []
    for i in range(n):
        numbers.append(float(x[0, i % 3]) * i)
    numbers.append(0.5)
    return sum(numbers), max(numbers), min(numbers), torch.tensor(numbers), 0.5 in numbers


def flags(x: Tensor, n: int):
    seen: List[bool] = []
    for i in range(n):
        seen.append(bool(x[0, i % 3] > 0))
    return any(seen), all(seen), sum(seen), torch.tensor(seen)


def place_of(x: Tensor, n: int):
    numbers: List[int] = []
    for i in range(n):
        numbers.append(i * 3)
    numbers.append(100)
    return numbers.index(100), numbers.index(0)


def sorted_numbers(x: Tensor, n: int):
    numbers: List[int] = [3]
    for i in range(n):
        numbers.append((i * 5) % 7)
    up = sorted(numbers)
    numbers.sort(reverse=True)
    return torch.tensor(up), torch.tensor(numbers)


def compared(x: Tensor, n: int):
    a: List[int] = []
    b: List[int] = []
    for i in range(n):
        a.append(i)
        b.append(i % 3)
    return a == b, a != b, a == [0, 1, 2], a[:1] == b[:1]


def filled(x: Tensor, n: int):
    counts = [0] * n
    for i in range(n):
        counts[i] = i * 2
        counts[i // 2] += 1
    more = [1, 2] * n
    return torch.tensor(counts + [7]), len(more), sum(more)


def of_sizes(x: Tensor):
    sizes = [x.size(0), x.size(1), 4]
    return (
        sum(sizes),
        max(sizes),
        min(sizes),
        sizes.index(4),
        x.size(0) in sizes,
        sizes.count(3),
        any(sizes),
        all(sizes),
    )


def as_argument(x: Tensor, n: int):
    kept: List[int] = []
    for i in range(n):
        if i % 2 == 0:
            kept.append(i % 2)
    kept.append(1)
    return x[torch.tensor(kept)], x.index_select(0, torch.tensor(kept))


def greedy(x: Tensor, n: int):
    """A greedy decoder: it stops at a token, or after n steps."""
    tokens: List[int] = [0]
    state = x[0]
    while len(tokens) <= n:
        state = torch.tanh(state * 1.5 + x[len(tokens) % 2])
        token = int(state.argmax())
        tokens.append(token)
        if token == 1 and len(tokens) > 3:
            break
    return torch.tensor(tokens), len(tokens)


def tokenize(x: Tensor):
    """Words of a row of characters: what stands between zeros."""
    words: List[List[int]] = []
    i = 0
    n = x.size(0)
    while i < n:
        while i < n and int(x[i]) == 0:
            i += 1
        word: List[int] = []
        while i < n and int(x[i]) != 0:
            word.append(int(x[i]))
            i += 1
        if len(word) > 0:
            words.append(word)
    total = 0
    for k, word in enumerate(words):
        total += (k + 1) * sum(word) + 1000 * len(word)
    return total, len(words)


TEXTS = [(torch.tensor(row),) for row in ([0, 5, 6, 0, 0, 7, 0], [1], [0, 0], [3, 4, 0, 9, 9, 9])]

NUMBERS: list[Scripted] = [
    Scripted(computed_in_loop, RUNS),
    Scripted(computed_floats, RUNS),
    Scripted(flags, SOME),
    Scripted(place_of, SOME),
    Scripted(sorted_numbers, RUNS),
    Scripted(compared, RUNS),
    Scripted(filled, RUNS),
    Scripted(of_sizes, [(WIDE,), (X,)], ROWS),
    Scripted(as_argument, SOME),
    Scripted(greedy, [(X, 3), (X, 0), (-X, 7)]),
    Scripted(tokenize, TEXTS, {"x": {0: "length"}}, since=13),
]
