"""Joining tensors: cat, stack and their NumPy relatives, block_diag, cartesian_prod, combinations."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations as _combinations
from itertools import combinations_with_replacement, pairwise

import onnx_ir as ir

from onnx_explore.emit import Emitter, forms, shapes
from onnx_explore.symbolic.annotations import Dim, Tensor
from onnx_explore.symbolic.aten.shape import atleast
from onnx_explore.symbolic.promotion import arithmetic
from onnx_explore.symbolic.registry import symbolic


def joined(g: Emitter, tensors: Sequence[ir.Value], axis: int) -> ir.Value:
    """Concat of tensors of one type; one alone stays as it is."""
    return tensors[0] if len(tensors) == 1 else g.op("Concat", *tensors, axis=axis)


@symbolic("aten::cat", "aten::concat", "aten::concatenate")
def cat(g: Emitter, tensors: list[Tensor], dim: int = 0) -> Tensor:
    """cat(Tensor[] tensors, int dim=0) -> Tensor: tensors of shape [0] are left out, whatever the rank of the others"""
    rank = max(g.rank(item) for item in tensors)
    kept = [item for item in tensors if g.rank(item) == rank and not _is_nothing(item)] or tensors[:1]
    return joined(g, arithmetic(g, *kept), g.axis(kept[0], dim))


def _is_nothing(x: ir.Value) -> bool:
    return x.shape is not None and len(x.shape) == 1 and x.shape[0] == 0


@symbolic("aten::stack")
def stack(g: Emitter, tensors: list[Tensor], dim: int = 0) -> Tensor:
    """stack(Tensor[] tensors, int dim=0) -> Tensor"""
    axis = dim % (g.rank(tensors[0]) + 1)
    return joined(g, [forms.unsqueeze(g, item, [axis]) for item in arithmetic(g, *tensors)], axis)


@symbolic("aten::hstack")
def hstack(g: Emitter, tensors: list[Tensor]) -> Tensor:
    """hstack(Tensor[] tensors) -> Tensor"""
    parts = [atleast(g, item, 1) for item in tensors]
    return cat(g, parts, 0 if g.rank(parts[0]) == 1 else 1)


@symbolic("aten::vstack", "aten::row_stack")
def vstack(g: Emitter, tensors: list[Tensor]) -> Tensor:
    """vstack(Tensor[] tensors) -> Tensor"""
    return cat(g, [atleast(g, item, 2) for item in tensors], 0)


@symbolic("aten::dstack")
def dstack(g: Emitter, tensors: list[Tensor]) -> Tensor:
    """dstack(Tensor[] tensors) -> Tensor"""
    return cat(g, [atleast(g, item, 3) for item in tensors], 2)


@symbolic("aten::column_stack")
def column_stack(g: Emitter, tensors: list[Tensor]) -> Tensor:
    """column_stack(Tensor[] tensors) -> Tensor: scalars and vectors become columns"""
    return cat(g, [forms.reshape(g, item, [-1, 1]) if g.rank(item) < 2 else item for item in tensors], 1)


@symbolic("aten::block_diag")
def block_diag(g: Emitter, tensors: list[Tensor]) -> Tensor:
    """block_diag(Tensor[] tensors) -> Tensor"""
    blocks = [atleast(g, item, 2) for item in arithmetic(g, *tensors)]
    widths = [shapes.size(g, block, 1) for block in blocks]
    rows: list[ir.Value] = []
    before: Dim = 0
    total: Dim = 0
    for width in widths:
        total = shapes.add(g, total, width)
    for block, width in zip(blocks, widths, strict=True):
        after = shapes.sub(g, total, shapes.add(g, before, width))
        rows.append(forms.pad(g, block, [0, before], [0, after]) if len(blocks) > 1 else block)
        before = shapes.add(g, before, width)
    return joined(g, rows, 0)


@symbolic("aten::cartesian_prod")
def cartesian_prod(g: Emitter, tensors: list[Tensor]) -> Tensor:
    """cartesian_prod(Tensor[] tensors) -> Tensor"""
    if len(tensors) == 1:
        return tensors[0]
    parts = arithmetic(g, *tensors)
    count = len(parts)
    columns = [
        forms.unsqueeze(g, forms.reshape(g, part, [-1]), [axis for axis in range(count) if axis != place])
        for place, part in enumerate(parts)
    ]
    grids = [forms.reshape(g, grid, [-1, 1]) for grid in forms.broadcast_all(g, columns)]
    return g.op("Concat", *grids, axis=1)


@symbolic("aten::combinations")
def combinations(g: Emitter, self: Tensor, r: int = 2, with_replacement: bool = False) -> Tensor:
    """combinations(Tensor self, int r=2, bool with_replacement=False) -> Tensor"""
    length = shapes.size(g, self, 0)
    if r == 0:
        return g.cast(g.const([]), g.dtype(self))
    if isinstance(length, int):
        choose = combinations_with_replacement if with_replacement else _combinations
        rows = list(choose(range(length), r))
        return g.op("Gather", self, forms.reshape(g, g.const([place for row in rows for place in row]), [len(rows), r]))
    # The r-tuples of indices that ascend, found as the true elements of an r-dimensional mask.
    steps = [
        forms.unsqueeze(g, forms.iota(g, length), [other for other in range(r) if other != axis]) for axis in range(r)
    ]
    mask: ir.Value | None = None
    for low, high in pairwise(steps):
        pair = g.op("Not", g.op("Less", high, low)) if with_replacement else g.op("Less", low, high)
        mask = pair if mask is None else g.op("And", mask, pair)
    if mask is None:
        return forms.unsqueeze(g, self, [1])
    return g.op("Gather", self, g.op("Transpose", g.op("NonZero", mask), perm=[1, 0]), axis=0)
