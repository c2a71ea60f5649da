"""ScatterElements (Scatter in opsets 9 and 10) and ScatterND-11; ``reduction`` add and mul from opset 16, max and min
from 18 on.
"""

from __future__ import annotations

import onnx_ir as ir

from onnx_explore.emit import shapes
from onnx_explore.emit.emitter import Emitter
from onnx_explore.emit.forms.gathering import linear
from onnx_explore.emit.forms.reshape import expand, merge, reshape

_FIRST = {"none": 11, "add": 16, "mul": 16, "max": 18, "min": 18}


def scatter_elements(
    g: Emitter, x: ir.Value, index: ir.Value, updates: ir.Value, axis: int, reduction: str = "none"
) -> ir.Value:
    """ScatterElements-11, -16, -18, Scatter-9: all of one rank; ``updates`` has the shape of ``index``.

    Raises:
        OpsetTooLow: If the opset has no such reduction.
    """
    if reduction == "none" and g.opset < 11:
        g.requires(9, "Scatter")
        return g.op("Scatter", x, index, updates, axis=axis)
    g.requires(_FIRST[reduction], f"ScatterElements with reduction '{reduction}'")
    if reduction == "none":
        return g.op("ScatterElements", x, index, updates, axis=axis)
    wide = _reducible(g, x)
    made = g.op("ScatterElements", g.cast(x, wide), index, g.cast(updates, wide), axis=axis, reduction=reduction)
    return g.cast(made, g.dtype(x))


def _reducible(g: Emitter, x: ir.Value) -> ir.DataType:
    """The type in which ONNX Runtime reduces: it has kernels for no half types, and for bool only without a reduction."""
    dtype = g.dtype(x)
    if dtype in (ir.DataType.FLOAT16, ir.DataType.BFLOAT16):
        return ir.DataType.FLOAT
    return ir.DataType.INT32 if dtype == ir.DataType.BOOL else dtype


def scatter_nd(g: Emitter, x: ir.Value, indices: ir.Value, updates: ir.Value, reduction: str = "none") -> ir.Value:
    """ScatterND-11, -16, -18: ``indices`` (not negative) hold coordinates in their last dimension.

    Raises:
        OpsetTooLow: If the opset has no such reduction.
    """
    if reduction == "none" and g.opset < 11:
        return _scatter_rows(g, x, indices, updates)
    g.requires(_FIRST[reduction], f"ScatterND with reduction '{reduction}'")
    if reduction == "none":
        return g.op("ScatterND", x, indices, updates)
    wide = _reducible(g, x)
    made = g.op("ScatterND", g.cast(x, wide), indices, g.cast(updates, wide), reduction=reduction)
    return g.cast(made, g.dtype(x))


def _scatter_rows(g: Emitter, x: ir.Value, indices: ir.Value, updates: ir.Value) -> ir.Value:
    """Scatter-9 on the tensor seen as a matrix: a row for each coordinate."""
    g.requires(9, "Scatter")
    assert indices.shape is not None
    count = indices.shape[-1]
    assert isinstance(count, int)
    sizes = shapes.sizes(g, x)
    columns = [g.op("Gather", indices, g.const(place), axis=g.rank(indices) - 1) for place in range(count)]
    rows = merge(g, linear(g, columns, sizes[:count]), 0, max(g.rank(columns[0]) - 1, 0))
    width = shapes.product(g, sizes[count:])
    matrix = reshape(g, x, [shapes.product(g, sizes[:count]), width])
    index = expand(g, reshape(g, rows, [-1, 1]), [-1, width])
    done = g.op("Scatter", matrix, index, reshape(g, updates, [-1, width]), axis=0)
    return reshape(g, done, sizes)
