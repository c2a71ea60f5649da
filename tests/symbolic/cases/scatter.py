"""Cases: scatters of elements and of slices, with every reduction."""

from __future__ import annotations

import torch

from tests.symbolic.cases import seeded
from tests.symbolic.cases.shape import row

X = seeded(4, 5)
I = torch.tensor([[0, 2, 1], [3, 3, 0]])  # noqa: E741
S = seeded(2, 3)
K = torch.tensor([2, 0, 2])
R = seeded(3, 5)
N = seeded(4, 5, dtype=torch.int64, low=-9, high=9)

CASES = [
    row("src", "scatter", lambda x, i, s: x.scatter(0, i[:1], s), X, I, S, dynamic={0: (0, 1)}, since=9),
    row(
        "src-larger",
        "scatter",
        lambda x, i, s: x.scatter(1, i[:, :2], s),
        X,
        I,
        seeded(3, 4),
        dynamic={0: (1,)},
        since=9,
    ),
    row("value", "scatter", lambda x, i: x.scatter(0, i, 2.5), X, I, dynamic={0: (0, 1), 1: (0,)}, since=9),
    row("value-int", "scatter", lambda x, i: x.scatter(1, i, 2), N, I, since=9),
    row("scalar", "scatter", lambda x, i, s: x.scatter(0, i, s), seeded(), torch.tensor(0), seeded(), since=9),
    row(
        "one-hot",
        "scatter",
        lambda i: torch.zeros(i.size(0), 5).scatter(1, i.unsqueeze(1), 1.0),
        torch.tensor([1, 4, 0]),
        dynamic={0: (0,)},
        since=9,
    ),
    *[
        row(f"reduce-{how}", "scatter", lambda x, i, s, how=how: x.scatter(0, i, s, reduce=how), X, I, S, since=16)
        for how in ("add", "multiply")
    ],
    row("value-reduce", "scatter", lambda x, i: x.scatter(0, i, 2.0, reduce="add"), X, I, since=16),
    row("scatter-add", "scatter_add", lambda x, i, s: x.scatter_add(0, i, s), X, I, S, dynamic={0: (0, 1)}, since=16),
    row("scatter-add-int", "scatter_add", lambda x, i: x.scatter_add(0, i, i), N, I, since=16),
    *[
        row(
            f"scatter-reduce-{how}-{include}",
            "scatter_reduce",
            lambda x, i, s, how=how, include=include: x.scatter_reduce(0, i, s, how, include_self=include),
            X,
            I,
            S,
            dynamic={0: (0, 1)},
            since=18 if how in ("amax", "amin") else 16,
        )
        for how in ("sum", "prod", "mean", "amax", "amin")
        for include in (True, False)
    ],
    *[
        row(
            f"scatter-reduce-int-{how}",
            "scatter_reduce",
            lambda x, i, how=how: x.scatter_reduce(0, i, i - 2, how, include_self=False),
            N,
            I,
            since=18 if how in ("amax", "amin") else 16,
        )
        for how in ("sum", "mean", "amax")
    ],
    row(
        "index-add", "index_add", lambda x, k, r: x.index_add(0, k, r, alpha=0.5), X, K, R, dynamic={0: (0,)}, since=16
    ),
    row(
        "index-add-1",
        "index_add",
        lambda x, k, r: x.index_add(1, k, r),
        X,
        K,
        seeded(4, 3),
        dynamic={0: (1,)},
        since=16,
    ),
    row("index-copy", "index_copy", lambda x, k, r: x.index_copy(-1, k[:2], r), X, K, seeded(4, 2), since=9),
    row(
        "index-copy-dynamic",
        "index_copy",
        lambda x, k, r: x.index_copy(0, k[:2], r[:2]),
        X,
        K,
        R,
        dynamic={0: (0,)},
        since=9,
    ),
    row("index-fill", "index_fill", lambda x, k: x.index_fill(1, k, 7.0), X, K, dynamic={0: (0, 1), 1: (0,)}, since=9),
    row(
        "index-fill-tensor",
        "index_fill",
        lambda x, k, v: x.index_fill(0, k, v),
        X,
        torch.tensor([-1]),
        torch.tensor(3.0),
        since=9,
    ),
    *[
        row(
            f"index-reduce-{how}-{include}",
            "index_reduce",
            lambda x, k, r, how=how, include=include: x.index_reduce(0, k, r, how, include_self=include),
            X,
            K,
            R,
            since=18 if how in ("amax", "amin") else 16,
        )
        for how in ("prod", "mean", "amax", "amin")
        for include in (True, False)
    ],
    row("put", "put", lambda x, i, s: x.put(i, s), X, torch.tensor([0, -1, 7]), seeded(3), dynamic={0: (0,)}, since=9),
    row("put-accumulate", "put", lambda x, i, s: x.put(i, s, True), X, torch.tensor([0, -1, 0]), seeded(3), since=16),
    row(
        "masked-scatter",
        "masked_scatter",
        lambda x, s: x.masked_scatter(x > 0, s),
        X,
        seeded(40),
        dynamic={0: (0, 1)},
        since=9,
    ),
    row(
        "masked-scatter-broadcast",
        "masked_scatter",
        lambda x, m, s: x.masked_scatter(m, s),
        X,
        seeded(4, 1, dtype=torch.bool),
        seeded(40),
        dynamic={0: (1,)},
        since=9,
    ),
]
