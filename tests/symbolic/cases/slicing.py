"""Cases: slice, select, narrow, gather, take, selections by value, and slice scatters."""

from __future__ import annotations

import torch

from tests.symbolic.cases import seeded
from tests.symbolic.cases.shape import row

X = seeded(4, 5, 6)
ALL = {0: (0, 1, 2)}
I = torch.tensor([[0, 2, 1], [3, 3, 0]])  # noqa: E741

CASES = [
    row("slice", "slice", lambda x: x[1:3, :, 2:], X, dynamic=ALL),
    row("slice-negative", "slice", lambda x: x[-3:-1, :-2], X, dynamic=ALL),
    row("slice-beyond", "slice", lambda x: (x[1:99], x[-99:2], x[7:9]), X),
    row("slice-step", "slice", lambda x: x[::2, 1::3], X, dynamic={0: (0, 1)}, since=9),
    row("slice-step-static", "slice", lambda x: x[::2, 1:4:2], X),
    row("slice-whole", "slice", lambda x: x[:, :] + 1, X, dynamic=ALL),
    row("slice-to-size", "slice", lambda x, y: x[:, : y.size(0)], X, seeded(3), dynamic={1: (0,)}, since=9),
    row("slice-from-size", "slice", lambda x, y: x[:, y.size(0) :], X, seeded(3), dynamic={1: (0,)}, since=9),
    row("slice-minus-size", "slice", lambda x, y: x[:, -y.size(0) :], X, seeded(3), dynamic={1: (0,)}, since=9),
    row("slice-tensor-bounds", "slice", lambda x, i: x[i : i + 2], X, torch.tensor(1), since=9),
    row("select", "select", lambda x: (x[1], x[:, -1], x[..., 2]), X, dynamic=ALL),
    row("select-by-size", "select", lambda x, y: x[:, y.size(0) - 1], X, seeded(3), dynamic={1: (0,)}),
    row("narrow", "narrow", lambda x: x.narrow(1, 1, 3), X, dynamic={0: (0, 1)}),
    row("narrow-negative", "narrow", lambda x: (x.narrow(1, -3, 2), x.narrow(1, -3, 3)), X, dynamic={0: (0, 1)}),
    row("narrow-tensor", "narrow", lambda x, i: x.narrow(1, i, 2), X, torch.tensor(-2), since=9),
    row("narrow-copy", "narrow_copy", lambda x: torch.narrow_copy(x, 1, 1, 3), X),
    row(
        "index-select",
        "index_select",
        lambda x, i: x.index_select(1, i),
        X,
        torch.tensor([0, 4, 4]),
        dynamic={0: (0, 2), 1: (0,)},
    ),
    row(
        "index-select-scalar",
        "index_select",
        lambda x, i: (x.index_select(1, i), x[0, 0, 0].index_select(0, i)),
        X,
        torch.tensor(0),
    ),
    row("gather", "gather", lambda x, i: x.gather(0, i), seeded(4, 3), I, since=7),
    row("gather-dynamic", "gather", lambda x, i: x.gather(0, i), seeded(4, 3), I, dynamic={1: (0,)}),
    row("gather-smaller", "gather", lambda x, i: x.gather(1, i), seeded(4, 5), I, since=7),
    row("gather-scalar", "gather", lambda x, i: x.gather(0, i), seeded(), torch.tensor(0)),
    row("gather-empty", "gather", lambda x: x.gather(1, torch.zeros(0, 2, dtype=torch.int64)), seeded(4, 5)),
    row("take", "take", lambda x, i: x.take(i), X, torch.tensor([[0, -1], [119, 7]]), dynamic={0: (0,)}),
    row("take-along-dim", "take_along_dim", lambda x, i: x.take_along_dim(i, 0), seeded(4, 1), I, since=8),
    row("take-along-dim-flat", "take_along_dim", lambda x, i: x.take_along_dim(i), seeded(4, 3), I),
    row(
        "take-along-sorted",
        "take_along_dim",
        lambda x: x.take_along_dim(x.argmax(1, keepdim=True), 1),
        seeded(4, 5),
        dynamic={0: (0, 1)},
        since=9,
    ),
    row("masked-select", "masked_select", lambda x: x.masked_select(x > 0), X, dynamic=ALL, since=9),
    row(
        "masked-select-broadcast",
        "masked_select",
        lambda x, m: x.masked_select(m),
        seeded(3, 4),
        torch.tensor([True, False, True, True]),
        dynamic={0: (0,)},
        since=9,
    ),
    row("nonzero", "nonzero", lambda x: torch.nonzero(x > 0), X, dynamic=ALL, since=9),
    row("nonzero-scalar", "nonzero", lambda x: torch.nonzero(x), seeded(), since=9),
    row("nonzero-tuple", "nonzero_numpy", lambda x: torch.nonzero(x > 0, as_tuple=True), X, dynamic=ALL, since=9),
    row(
        "nonzero-static",
        "nonzero_static",
        lambda x: (torch.nonzero_static(x > 0, size=2), torch.nonzero_static(x > 0, size=30)),
        seeded(4, 5),
        since=11,
    ),
    row("argwhere", "argwhere", lambda x: torch.argwhere(x > 0), X, since=9),
    row(
        "slice-scatter",
        "slice_scatter",
        lambda x, y: torch.slice_scatter(x, y, 1, 1, 3),
        X,
        seeded(4, 2, 6),
        dynamic={},
    ),
    row(
        "slice-scatter-dynamic",
        "slice_scatter",
        lambda x: torch.slice_scatter(x, x[:, 1:] * 2, 1, 0, -1),
        X,
        dynamic=ALL,
        since=9,
    ),
    row("slice-scatter-step", "slice_scatter", lambda x, y: torch.slice_scatter(x, y, 1, 0, 5, 2), X, seeded(4, 3, 6)),
    row(
        "slice-scatter-step-dynamic",
        "slice_scatter",
        lambda x: torch.slice_scatter(x, x[:, 1::2] * 2, 1, 1, None, 2),
        X,
        dynamic=ALL,
        since=9,
    ),
    row(
        "slice-scatter-end",
        "slice_scatter",
        lambda x, y: torch.slice_scatter(x, y, 1, -2),
        X,
        seeded(4, 2, 6),
        dynamic={},
    ),
    row(
        "select-scatter",
        "select_scatter",
        lambda x, y: (torch.select_scatter(x, y, 1, 2), torch.select_scatter(x, y, 1, -1)),
        X,
        seeded(4, 6),
    ),
    row(
        "select-scatter-dynamic",
        "select_scatter",
        lambda x: (torch.select_scatter(x, x[:, 0] * 2, 1, -1), torch.select_scatter(x, x[:, 0] * 2, 1, 1)),
        X,
        dynamic=ALL,
        since=9,
    ),
]
