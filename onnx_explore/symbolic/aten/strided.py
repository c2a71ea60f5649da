"""Windows and diagonals: unfold, as_strided, diagonal, diag, diag_embed, trace, and the scatters that write them."""

from __future__ import annotations

from collections.abc import Sequence

import onnx_ir as ir

from onnx_explore.emit import Emitter, forms, shapes
from onnx_explore.emit.forms.comparison import where
from onnx_explore.errors import UnsupportedOperatorError
from onnx_explore.symbolic.annotations import Dim, Tensor
from onnx_explore.symbolic.aten.permute import moved, permuted
from onnx_explore.symbolic.registry import symbolic


@symbolic("aten::unfold", "aten::unfold_copy")
def unfold(g: Emitter, self: Tensor, dimension: int, size: int, step: int) -> Tensor:
    """unfold(Tensor(a) self, int dimension, int size, int step) -> Tensor(a): windows; the place within one comes last"""
    x = forms.unsqueeze(g, self, [0]) if g.rank(self) == 0 else self
    axis = g.axis(x, dimension)
    rank = g.rank(x)
    span = shapes.sub(g, shapes.size(g, x, axis), size)
    count = shapes.add(g, shapes.div(g, span, step), 1)
    index = positions(g, [count, size], [step, 1], 0)
    windows = g.op("Gather", x, index, axis=axis)
    result = moved(g, windows, [axis + 1], [rank])
    return forms.squeeze(g, result, [0]) if g.rank(self) == 0 else result


def positions(g: Emitter, sizes: Sequence[Dim], strides: Sequence[Dim], offset: Dim) -> ir.Value:
    """``offset + Σ i_k * strides[k]`` for every place of a tensor with these sizes, as int64 of that shape."""
    if all(isinstance(item, int) for item in [*sizes, *strides, offset]):
        import torch

        grid = torch.full((), int(offset), dtype=torch.int64)  # pyright: ignore[reportArgumentType]
        for axis, (size, stride) in enumerate(zip(sizes, strides, strict=True)):
            steps = torch.arange(size) * stride  # pyright: ignore[reportCallIssue, reportArgumentType, reportOperatorIssue]
            grid = grid + steps.reshape([-1] + [1] * (len(sizes) - axis - 1))
        return g.tensor(grid)
    total: ir.Value | None = None if isinstance(offset, int) and offset == 0 else shapes.as_scalar(g, offset)
    for axis, (size, stride) in enumerate(zip(sizes, strides, strict=True)):
        steps = forms.iota(g, size)
        if not isinstance(stride, int) or stride != 1:
            steps = g.op("Mul", steps, shapes.as_scalar(g, stride))
        steps = forms.unsqueeze(g, steps, list(range(1, len(sizes) - axis)))
        total = steps if total is None else g.op("Add", total, steps)
    return total if total is not None else g.const(0)


@symbolic("aten::as_strided", "aten::as_strided_copy")
def as_strided(
    g: Emitter, self: Tensor, size: list[Dim], stride: list[Dim], storage_offset: Dim | None = None
) -> Tensor:
    """as_strided(Tensor(a) self, SymInt[] size, SymInt[] stride, SymInt? storage_offset=None) -> Tensor(a)

    Strides count in the storage: the flattened tensor, its dimensions in the order in which PyTorch's memory has them.
    """
    order = _memory_order(g, self)
    index = positions(g, size, stride, 0 if storage_offset is None else storage_offset)
    return g.op("Gather", forms.reshape(g, permuted(g, self, order), [-1]), index, axis=0)


def _memory_order(g: Emitter, x: ir.Value) -> list[int]:
    """The dimensions, that with the largest stride first.

    Raises:
        UnsupportedOperatorError: If elements of the storage are missing between those of the tensor.
    """
    shape, strides = g.example_shape, g.example_strides
    order = list(range(g.rank(x)))
    if shape is None or strides is None or len(shape) != len(order):
        return order
    last = {axis: strides[axis] for axis in order if shape[axis] != 1}
    order.sort(key=lambda axis: -last.get(axis, 0))
    if sorted(last, key=lambda axis: -last[axis]) == list(last):  # as it is; where a size of 1 stands does not matter
        order.sort()
    expected = 1
    for axis in reversed(order):
        if shape[axis] != 1 and strides[axis] != expected:
            raise UnsupportedOperatorError(
                f"the tensor of shape {list(shape)} has strides {list(strides)}: it is a part of a larger one, or repeats "
                "elements, and what lies between is not in an ONNX tensor",
                action="call .contiguous() before as_strided, or index the tensor instead",
            )
        expected *= shape[axis]
    return order


@symbolic("aten::as_strided_scatter", since=9)
def as_strided_scatter(
    g: Emitter, self: Tensor, src: Tensor, size: list[Dim], stride: list[Dim], storage_offset: Dim | None = None
) -> Tensor:
    """as_strided_scatter(Tensor self, Tensor src, SymInt[] size, SymInt[] stride, SymInt? storage_offset=None) -> Tensor"""
    order = _memory_order(g, self)
    index = positions(g, size, stride, 0 if storage_offset is None else storage_offset)
    base = permuted(g, self, order)
    flat = _write(g, forms.reshape(g, base, [-1]), forms.reshape(g, index, [-1]), forms.reshape(g, src, [-1]))
    return permuted(g, forms.reshape(g, flat, shapes.sizes(g, base)), [order.index(axis) for axis in range(len(order))])


def _write(g: Emitter, flat: ir.Value, index: ir.Value, src: ir.Value) -> ir.Value:
    return forms.scatter_elements(g, flat, index, g.cast(src, g.dtype(flat)), 0)


def _diagonal_places(g: Emitter, rows: Dim, columns: Dim, offset: int) -> ir.Value:
    """Where the diagonal's elements are in a flattened ``rows × columns`` matrix."""
    above, below = max(offset, 0), max(-offset, 0)
    room = shapes.minimum(g, shapes.sub(g, rows, below), shapes.sub(g, columns, above))
    length = max(room, 0) if isinstance(room, int) else (shapes.maximum(g, room, 0) if offset else room)
    start = above if offset >= 0 else shapes.mul(g, columns, below)
    return positions(g, [length], [shapes.add(g, columns, 1)], start)


def _matrices(g: Emitter, x: ir.Value, dim1: int, dim2: int) -> tuple[ir.Value, list[Dim]]:
    """``x`` with two dimensions moved to the end and merged, and the sizes before merging."""
    last = moved(g, x, [dim1, dim2], [-2, -1])
    rank = g.rank(last)
    return forms.merge(g, last, rank - 2, rank - 1), shapes.sizes(g, last)


def diagonal_of(g: Emitter, x: ir.Value, offset: int = 0, dim1: int = 0, dim2: int = 1) -> ir.Value:
    """The diagonal of two dimensions, as a new last dimension."""
    flat, sizes = _matrices(g, x, dim1, dim2)
    return g.op("Gather", flat, _diagonal_places(g, sizes[-2], sizes[-1], offset), axis=g.rank(flat) - 1)


@symbolic("aten::diagonal", "aten::diagonal_copy")
def diagonal(g: Emitter, self: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """diagonal(Tensor(a) self, int offset=0, int dim1=0, int dim2=1) -> Tensor(a)"""
    return diagonal_of(g, self, offset, dim1, dim2)


@symbolic("aten::linalg_diagonal")
def linalg_diagonal(g: Emitter, A: Tensor, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:  # noqa: N803
    """linalg_diagonal(Tensor(a) A, *, int offset=0, int dim1=-2, int dim2=-1) -> Tensor(a)"""
    return diagonal_of(g, A, offset, dim1, dim2)


@symbolic("aten::diagonal_scatter", since=9)
def diagonal_scatter(g: Emitter, self: Tensor, src: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """diagonal_scatter(Tensor self, Tensor src, int offset=0, int dim1=0, int dim2=1) -> Tensor"""
    flat, sizes = _matrices(g, self, dim1, dim2)
    places = _diagonal_places(g, sizes[-2], sizes[-1], offset)
    lead = g.rank(flat) - 1
    index = forms.expand(g, places, [*sizes[:-2], shapes.size(g, places, 0)])
    written = forms.scatter_elements(g, flat, index, g.cast(src, g.dtype(self)), lead)
    return moved(g, forms.reshape(g, written, sizes), [-2, -1], [dim1, dim2])


@symbolic("aten::diag")
def diag(g: Emitter, self: Tensor, diagonal: int = 0) -> Tensor:
    """diag(Tensor self, int diagonal=0) -> Tensor"""
    return diag_embed(g, self, diagonal) if g.rank(self) == 1 else diagonal_of(g, self, diagonal)


@symbolic("aten::diagflat")
def diagflat(g: Emitter, self: Tensor, offset: int = 0) -> Tensor:
    """diagflat(Tensor self, int offset=0) -> Tensor"""
    return diag_embed(g, forms.reshape(g, self, [-1]), offset)


@symbolic("aten::diag_embed")
def diag_embed(g: Emitter, self: Tensor, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """diag_embed(Tensor self, int offset=0, int dim1=-2, int dim2=-1) -> Tensor"""
    if offset < 0:
        offset, dim1, dim2 = -offset, dim2, dim1
    rank = g.rank(self)
    length = shapes.size(g, self, -1)
    # Row i holds element i in column i + offset: a column vector, seen through a mask of (rows, columns).
    size = shapes.add(g, length, offset)
    rows = forms.unsqueeze(g, forms.iota(g, length), [1])
    columns = forms.iota(g, size)
    mask = g.op("Equal", g.op("Add", rows, g.const(offset)) if offset else rows, columns)
    filled = where(g, mask, forms.unsqueeze(g, self, [rank]), g.like(0, self))
    if offset:
        filled = forms.pad(g, filled, [0] * (rank + 1), [0] * (rank - 1) + [offset, 0])
    return moved(g, filled, [-2, -1], [dim1, dim2])


@symbolic("aten::trace")
def trace(g: Emitter, self: Tensor) -> Tensor:
    """trace(Tensor self) -> Tensor"""
    elements = diagonal_of(g, self)
    return forms.reduce(g, "ReduceSum", g.cast(elements, g.expected) if g.expected else elements, [0])
