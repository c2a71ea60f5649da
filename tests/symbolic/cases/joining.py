"""Cases: cat and stack in all forms, split, chunk, tensor_split, unbind."""

from __future__ import annotations

import torch

from tests.symbolic.cases import seeded
from tests.symbolic.cases.shape import row

X = seeded(2, 3, 4)
Y = seeded(2, 5, 4)
V = seeded(5)
ALL = {0: (0, 1, 2)}

CASES = [
    row("cat", "cat", lambda x, y: torch.cat([x, y], 1), X, Y, dynamic={0: (1,), 1: (1,)}),
    row("cat-negative", "cat", lambda x, y: torch.cat([x, y], -2), X, Y),
    row("cat-mixed-types", "cat", lambda x, y: torch.cat([x, y]), seeded(3), seeded(2, dtype=torch.int64)),
    row("cat-bool", "cat", lambda x, y: torch.cat([x, y]), seeded(3, dtype=torch.bool), seeded(2, dtype=torch.bool)),
    row("cat-legacy-empty", "cat", lambda x: torch.cat([torch.zeros(0), x], 1), X),
    row("cat-one", "cat", lambda x: torch.cat([x]) + 1, X),
    row("concat", "concat", lambda x, y: torch.concat([x, y], 1), X, Y),
    row("concatenate", "concatenate", lambda x, y: torch.concatenate([x, y], 1), X, Y),
    row("stack", "stack", lambda x, y: torch.stack([x, y], -1), X, X, dynamic={}),
    row("stack-scalars", "stack", lambda x, y: torch.stack([x, y]), seeded(), seeded()),
    row("hstack", "hstack", lambda x, y: (torch.hstack([x, y]), torch.hstack([x[0, 0], y[0, 0]])), X, Y),
    row("vstack", "vstack", lambda x, y: torch.vstack([x, y]), seeded(4), seeded(2, 4), dynamic={1: (0,)}),
    row("row-stack", "row_stack", lambda x, y: torch.row_stack([x, y]), seeded(4), seeded(4)),
    row("dstack", "dstack", lambda x, y: torch.dstack([x, y]), seeded(2, 3), seeded(2, 3, 2)),
    row("column-stack", "column_stack", lambda x, y: torch.column_stack([x, y]), seeded(3), seeded(3, 2)),
    row(
        "block-diag",
        "block_diag",
        lambda x, y, z: torch.block_diag(x, y, z),
        seeded(2, 3),
        seeded(2),
        seeded(),
        dynamic={0: (0, 1)},
        since=11,
    ),
    row("block-diag-static", "block_diag", lambda x, y: torch.block_diag(x, y), seeded(2, 3), seeded(2, 2)),
    row(
        "cartesian-prod",
        "cartesian_prod",
        lambda x, y: torch.cartesian_prod(x, y),
        seeded(3),
        seeded(2),
        dynamic={0: (0,), 1: (0,)},
    ),
    row(
        "cartesian-prod-three",
        "cartesian_prod",
        lambda x, y, z: torch.cartesian_prod(x, y, z),
        seeded(3),
        seeded(2),
        seeded(4),
    ),
    row("combinations", "combinations", lambda x: torch.combinations(x, 3), V),
    row(
        "combinations-dynamic",
        "combinations",
        lambda x: (torch.combinations(x), torch.combinations(x, 2, True)),
        V,
        dynamic={0: (0,)},
        since=9,
    ),
    row("split", "split", lambda x: x.split(2, 1), X, dynamic={0: (0, 2)}),
    row("split-one", "split", lambda x: x.split(5, 1)[0] + 1, X),
    row("split-sizes", "split_with_sizes", lambda x: x.split([1, 2], 1), X, dynamic={0: (0, 2)}),
    row("split-sizes-dynamic", "split_with_sizes", lambda x: x.split([1, x.size(1) - 1], 1), X, dynamic=ALL, since=9),
    row("unsafe-split", "unsafe_split", lambda x: torch.unsafe_split(x, 2, 1), X),
    row("unsafe-split-sizes", "unsafe_split_with_sizes", lambda x: torch.unsafe_split_with_sizes(x, [1, 2], 1), X),
    row("chunk", "chunk", lambda x: x.chunk(2, 1), X, dynamic={0: (0, 2)}),
    row("chunk-dynamic", "chunk", lambda x: x.chunk(2, 1), seeded(2, 5), dynamic={0: (0, 1)}, since=9),
    row("chunk-many", "chunk", lambda x: x.chunk(7, 1), seeded(2, 5)),
    row("unsafe-chunk", "unsafe_chunk", lambda x: torch.unsafe_chunk(x, 3, 2), X),
    row("tensor-split", "tensor_split", lambda x: x.tensor_split(3), V),
    row("tensor-split-dynamic", "tensor_split", lambda x: x.tensor_split(3), V, dynamic={0: (0,)}, since=9),
    row("tensor-split-indices", "tensor_split", lambda x: x.tensor_split((1, 3), 0), V, dynamic={0: (0,)}),
    row("tensor-split-back", "tensor_split", lambda x: x.tensor_split((3, -4, 9), 0), V),
    row("tensor-split-tensor", "tensor_split", lambda x: x.tensor_split(torch.tensor([1, 3]), 0), V),
    row("hsplit", "hsplit", lambda x: (x.hsplit(3), x.hsplit([1])), X),
    row("hsplit-vector", "hsplit", lambda x: x.hsplit([1, 3]), V),
    row("vsplit", "vsplit", lambda x: (x.vsplit(2), x.vsplit([1])), X),
    row("dsplit", "dsplit", lambda x: (x.dsplit(2), x.dsplit([1, 2])), X),
    row("unbind", "unbind", lambda x: x.unbind(1), X, dynamic={0: (0, 2)}),
    row("unbind-one", "unbind", lambda x: x.unbind(0)[0], seeded(1, 3), dynamic={0: (1,)}),
]
