"""Cases: ``x[...]`` and ``x[...] = …`` with tensors, in every pattern."""

from __future__ import annotations

from typing import Any

import torch

from tests.symbolic.cases import seeded
from tests.symbolic.cases.shape import row

X = seeded(4, 5, 6, 3)
ALL = {0: (0, 1, 2, 3)}
I = torch.tensor([0, 3, -1])  # noqa: E741
J = torch.tensor([[2], [-4]])
M = torch.tensor([True, False, True, True])
MM = seeded(4, 5, dtype=torch.bool)


def put(index: Any, value: Any, accumulate: bool = False) -> Any:
    def run(x: torch.Tensor, *rest: torch.Tensor) -> torch.Tensor:
        places = index(*rest[: index.__code__.co_argcount]) if callable(index) else index
        given = value(*rest[index.__code__.co_argcount :] if callable(index) else rest) if callable(value) else value
        y = x.clone()
        if accumulate:
            return y.index_put(places if isinstance(places, tuple) else (places,), given, True)
        y[places] = given
        return y

    return run


CASES = [
    row("one", "index", lambda x, i: x[i], X, I, dynamic=ALL | {1: (0,)}),
    row("one-later", "index", lambda x, i: x[:, i], X, I, dynamic=ALL),
    row("one-matrix", "index", lambda x, i: x[:, :, i], X, J, dynamic=ALL),
    row("one-scalar", "index", lambda x, i: x[i], X, torch.tensor(-2), dynamic=ALL),
    row("int32", "index", lambda x, i: x[i], X, I.int()),
    row("two", "index", lambda x, i, j: x[i, j], X, I, J, dynamic=ALL),
    row("two-later", "index", lambda x, i, j: x[:, i, j], X, I, J, dynamic={0: (0, 3)}),
    row("two-later-dynamic", "index", lambda x, i, j: x[:, i, j], X, I, J, dynamic=ALL),
    row("two-apart", "index", lambda x, i, j: x[i, :, j], X, I, J, dynamic=ALL),
    row("two-apart-later", "index", lambda x, i, j: x[:, i, :, j], X, I, torch.tensor([[2], [-1]]), dynamic=ALL),
    row("three", "index", lambda x, i, j, k: x[i, j, k], X, I, J, torch.tensor(5), dynamic=ALL),
    row("constant", "index", lambda x: x[:, [0, 2], [-1, 1]], X, dynamic={0: (0,)}),
    row("with-new-axis", "index", lambda x, i: x[:, None, i], X, I, dynamic=ALL),
    row("with-int", "index", lambda x, i: x[1, :, i], X, I, dynamic={0: (1, 3)}),
    row("with-slices", "index", lambda x, i, j: x[1:, i, :2, j], X, I, torch.tensor([1, 0, 2]), dynamic={0: (1, 3)}),
    row("empty", "index", lambda x: x[torch.zeros(0, dtype=torch.int64)], X, dynamic={0: (1,)}),
    row("arange-pair", "index", lambda x, i: x[torch.arange(x.size(0)), i], seeded(3, 5), I, dynamic={}),
    row(
        "last-token",
        "index",
        lambda x, n: x[torch.arange(x.shape[0]), n - 1],
        seeded(3, 5, 2),
        torch.tensor([5, 2, 3]),
        dynamic={0: (1, 2)},
    ),
    row("mask", "index", lambda x, m: x[m], X, M, dynamic={0: (1, 2, 3)}, since=9),
    row("mask-later", "index", lambda x, m: x[:, :, :, m], seeded(2, 3, 2, 4), M, dynamic={0: (0, 1)}, since=9),
    row("mask-matrix", "index", lambda x, m: x[m], X, MM, dynamic={0: (2, 3)}, since=9),
    row("mask-middle", "index", lambda x, m: x[:, m], seeded(2, 4, 5, 3), MM, dynamic={0: (0, 3)}, since=9),
    row("mask-same", "index", lambda x: x[x > 0], X, dynamic=ALL, since=9),
    row("mask-uint8", "index", lambda x, m: x[m], X, M.to(torch.uint8), since=9),
    row("mask-and-int", "index", lambda x, m, i: x[m, i], X, M, I, dynamic={0: (1, 2)}, since=9),
    row("mask-and-int-apart", "index", lambda x, m, i: x[m, :, i], X, M, I, dynamic={0: (1, 2)}, since=9),
    row("mask-matrix-and-int", "index", lambda x, m, i: x[m, i], X, MM, torch.tensor(-1), dynamic={0: (2,)}, since=9),
    row("mask-scalar", "index", lambda x, m: x[m], X, torch.tensor(True)),
    row("bool-data", "index", lambda x, i, j: x[i, j], seeded(4, 5, dtype=torch.bool), I, J),
    row("int-data", "index", lambda x, i, j: x[i, j], seeded(4, 5, dtype=torch.int32, high=90), I, J),
    row("half-data", "index", lambda x, i: x[:, i], seeded(4, 5, dtype=torch.float16), I),
    row("put-one", "index_put", put(lambda i: i, lambda v: v), X, I, seeded(3, 5, 6, 3), dynamic={0: (0,)}, since=9),
    row("put-one-dynamic", "index_put", put(lambda i: i, 2.0), X, I, dynamic=ALL | {1: (0,)}, since=9),
    row(
        "put-later",
        "index_put",
        put(lambda i: (slice(None), i), lambda v: v),
        X,
        I,
        seeded(3, 1, 3),
        dynamic={0: (0, 2)},
        since=9,
    ),
    row(
        "put-two",
        "index_put",
        put(lambda i, j: (i, j), lambda v: v),
        X,
        I,
        J,
        seeded(6, 3),
        dynamic={0: (0, 1)},
        since=9,
    ),
    row(
        "put-two-apart",
        "index_put",
        put(lambda i, j: (i, slice(None), j), lambda v: v),
        X,
        I,
        J,
        seeded(5, 1),
        dynamic={0: (0, 2)},
        since=9,
    ),
    row(
        "put-two-later",
        "index_put",
        put(lambda i, j: (slice(None), i, j), lambda v: v),
        X,
        I,
        J,
        seeded(2, 3, 1),
        dynamic={0: (0,)},
        since=9,
    ),
    row("put-mask-number", "index_put", put(lambda m: m, -1.0), X, MM, dynamic={0: (2, 3)}, since=9),
    row("put-mask-same", "index_put", lambda x: put(x > 0, 0.0)(x), X, dynamic=ALL, since=9),
    row(
        "put-mask-later",
        "index_put",
        put(lambda m: (slice(None), m), 7.0),
        seeded(2, 4, 5, 3),
        MM,
        dynamic={0: (0, 3)},
        since=9,
    ),
    row("put-mask-row", "index_put", put(lambda m: m, lambda v: v), X, MM, seeded(6, 3), since=9),
    row("put-mask-rows", "index_put", put(lambda m: m, lambda v: v), X, M, seeded(3, 5, 6, 3), since=9),
    row(
        "put-mask-elements",
        "index_put",
        lambda x, v: put(x > 0, v[: int((x > 0).sum())])(x),
        seeded(3, 4),
        seeded(12),
        since=9,
    ),
    row("put-mask-and-int", "index_put", put(lambda m, i: (m, i), lambda v: v), X, M, I, seeded(3, 1, 1), since=9),
    row("put-mask-scalar", "index_put", put(lambda m: m, 3.0), X, torch.tensor(True), since=9),
    row(
        "put-accumulate",
        "index_put",
        put(lambda i: i, lambda v: v, True),
        X,
        torch.tensor([1, 1, 0]),
        seeded(3, 5, 6, 3),
        dynamic={0: (0,)},
        since=16,
    ),
    row(
        "put-accumulate-two",
        "index_put",
        put(lambda i, j: (i, j), lambda v: v, True),
        seeded(4, 5),
        torch.tensor([1, 1, -3]),
        torch.tensor([2, 2, 2]),
        seeded(3),
        dynamic={0: (0, 1)},
        since=16,
    ),
    row("put-mask-accumulate", "index_put", put(lambda m: m, lambda v: v, True), X, M, seeded(1), since=9),
    row("put-bool", "index_put", put(lambda i: i, True), seeded(4, 5, dtype=torch.bool), I, since=9),
    row("put-int", "index_put", put(lambda i: i, 9), seeded(4, 5, dtype=torch.int64), I, since=9),
    row("put-slices", "index_put", put(lambda i: (slice(1, 3), i), 5.0), X, I, dynamic={0: (2, 3)}, since=9),
    row("put-empty", "index_put", put(torch.zeros(0, dtype=torch.int64), 5.0), X, since=9),
]
