"""Counting up (Range-11), Gather with negative indices (from opset 11 on), GatherElements-11 and GatherND-11 with what
serves below.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir
import torch

from onnx_explore.emit import shapes
from onnx_explore.emit.emitter import Emitter
from onnx_explore.emit.forms.axes import unsqueeze
from onnx_explore.emit.forms.counting import count as forms_count
from onnx_explore.emit.forms.reshape import expand_like, merge, reshape
from onnx_explore.emit.shapes import Dim


def iota(g: Emitter, size: Dim) -> ir.Value:
    """``0, 1, … size - 1`` as a 1-d int64 tensor; computed once for one size."""
    if isinstance(size, int):
        return forms_count(g, size)
    found = g.memo(("iota", size))
    return found if found is not None else g.remember(("iota", size), forms_count(g, size))


def wrapped(g: Emitter, index: ir.Value, count: Dim) -> ir.Value:
    """Indices with the negative ones counted from the end, as int64."""
    known = g.known(index)
    if known is not None:
        if not (known < 0).any():
            return g.cast(index, ir.DataType.INT64)
        if isinstance(count, int):
            return g.const(np.where(known < 0, known + count, known).tolist())
    index = g.cast(index, ir.DataType.INT64)
    if not _may_be_negative(index):
        return index
    moved = g.op("Add", index, shapes.as_scalar(g, count))
    negative = g.op("Less", index, g.const(0))
    if g.opset >= 9:
        return g.op("Where", negative, moved, index)
    shift = g.op("Mul", g.op("Cast", negative, to=ir.DataType.INT64), shapes.as_scalar(g, count))
    return g.op("Add", index, shift)


_NONNEGATIVE = frozenset({"NonZero", "ArgMax", "ArgMin", "Range", "Shape", "Size"})
_PASSING = frozenset({"Gather", "Squeeze", "Unsqueeze", "Reshape", "Transpose", "Cast", "Split", "Expand", "Identity"})


def _may_be_negative(index: ir.Value) -> bool:
    """Whether it cannot be seen from its producers that every index is at least 0."""
    node = index.producer()
    while node is not None and node.op_type in _PASSING and node.inputs[0] is not None:
        node = node.inputs[0].producer()
    return node is None or node.op_type not in _NONNEGATIVE


def gather(g: Emitter, x: ir.Value, index: ir.Value, axis: int) -> ir.Value:
    """Gather-1, -11, -13: the indices' shape takes the place of ``axis``; indices may be negative."""
    if g.opset < 11:
        index = wrapped(g, index, shapes.size(g, x, axis))
    return g.op("Gather", x, _index_type(g, index), axis=axis)


def _index_type(g: Emitter, index: ir.Value) -> ir.Value:
    return index if index.dtype == ir.DataType.INT32 else g.cast(index, ir.DataType.INT64)


def gather_elements(g: Emitter, x: ir.Value, index: ir.Value, axis: int) -> ir.Value:
    """GatherElements-11; below, Gather on the flattened tensor. Same rank (at least 1) of both."""
    if g.opset >= 11:
        return g.op("GatherElements", x, _index_type(g, index), axis=axis)
    sizes = shapes.sizes(g, x)
    rank = len(sizes)
    index = wrapped(g, index, sizes[axis])
    places: ir.Value | None = None
    for dim in range(rank):
        if dim == axis:
            part = index
        else:
            counted = iota(g, shapes.size(g, index, dim))
            part = unsqueeze(g, counted, [other for other in range(rank) if other != dim])
        step = shapes.product(g, sizes[dim + 1 :])
        if step != 1:
            part = g.op("Mul", part, shapes.as_scalar(g, step))
        places = part if places is None else g.op("Add", places, part)
    assert places is not None
    return g.op("Gather", reshape(g, x, [-1]), places, axis=0)


def broadcast_all(g: Emitter, tensors: Sequence[ir.Value]) -> list[ir.Value]:
    """Tensors, all expanded to their common shape."""
    if len(tensors) < 2:
        return list(tensors)
    joint = tensors[0]
    for other in tensors[1:]:
        joint = expand_like(g, joint, other)
    return [joint if index == 0 else expand_like(g, other, joint) for index, other in enumerate(tensors)]


def coordinates(g: Emitter, indices: Sequence[ir.Value]) -> ir.Value:
    """Index tensors, broadcast and put side by side in a new last dimension: the indices of GatherND and ScatterND."""
    parts = [g.cast(part, ir.DataType.INT64) for part in broadcast_all(g, indices)]
    columns = [unsqueeze(g, part, [g.rank(part)]) for part in parts]
    return columns[0] if len(columns) == 1 else g.op("Concat", *columns, axis=-1 if g.opset >= 11 else g.rank(parts[0]))


def linear(g: Emitter, indices: Sequence[ir.Value], sizes: Sequence[Dim]) -> ir.Value:
    """Index tensors of adjacent dimensions as one, into the merged dimension."""
    known = [g.known(index) for index in indices]
    if all(isinstance(size, int) for size in sizes) and all(item is not None for item in known):
        total = np.zeros((), np.int64)
        for item, size in zip(known, sizes, strict=True):
            assert item is not None and isinstance(size, int)
            total = total * size + np.where(item < 0, item + size, item)
        return g.tensor(torch.from_numpy(np.ascontiguousarray(total, np.int64).reshape(np.shape(total))))
    result: ir.Value | None = None
    for index, size in zip(indices, sizes, strict=True):
        part = wrapped(g, index, size)
        result = part if result is None else g.op("Add", g.op("Mul", result, shapes.as_scalar(g, size)), part)
    assert result is not None
    return result


def gather_nd(g: Emitter, x: ir.Value, indices: Sequence[ir.Value]) -> ir.Value:
    """GatherND-11 over the first ``len(indices)`` dimensions, with index tensors that broadcast; Gather below opset 11."""
    count = len(indices)
    if g.opset >= 11:
        return g.op("GatherND", x, coordinates(g, indices))
    sizes = shapes.sizes(g, x)
    return g.op("Gather", merge(g, x, 0, count - 1), linear(g, indices, sizes[:count]), axis=0)
