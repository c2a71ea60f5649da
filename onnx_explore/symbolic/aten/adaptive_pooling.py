"""Pooling to a given output size: window *i* of *n* covers ``floor(i * size / n)`` to ``ceil((i + 1) * size / n)``.

Where the size is a multiple of *n*, these are the windows of ordinary pooling. Elsewhere the average is a product with one
small matrix per axis (the windows are boxes, so their means are means of means), and the maximum gathers every window.
"""

from __future__ import annotations

import onnx_ir as ir

from onnx_explore.emit import Emitter, forms, shapes
from onnx_explore.emit.forms.counting import count
from onnx_explore.emit.forms.pooling import average_pool, max_pool
from onnx_explore.symbolic.annotations import Dim, Tensor
from onnx_explore.symbolic.aten.pooling import in_plane
from onnx_explore.symbolic.aten.spatial import batched, per_axis
from onnx_explore.symbolic.registry import symbolic


@symbolic("aten::adaptive_avg_pool1d")
def adaptive_avg_pool1d(g: Emitter, self: Tensor, output_size: list[Dim]) -> Tensor:
    """adaptive_avg_pool1d(Tensor self, int[1] output_size) -> Tensor"""
    return _average(g, self, per_axis(output_size, 1))


@symbolic("aten::adaptive_avg_pool2d", "aten::_adaptive_avg_pool2d")
def adaptive_avg_pool2d(g: Emitter, self: Tensor, output_size: list[Dim]) -> Tensor:
    """adaptive_avg_pool2d(Tensor self, SymInt[2] output_size) -> Tensor"""
    return _average(g, self, per_axis(output_size, 2))


@symbolic("aten::adaptive_avg_pool3d", "aten::_adaptive_avg_pool3d")
def adaptive_avg_pool3d(g: Emitter, self: Tensor, output_size: list[Dim]) -> Tensor:
    """adaptive_avg_pool3d(Tensor self, SymInt[3] output_size) -> Tensor"""
    return _average(g, self, per_axis(output_size, 3))


def _average(g: Emitter, x: Tensor, output: list[Dim]) -> Tensor:
    def compute(batch: Tensor) -> Tensor:
        if all(size == 1 for size in output):
            return g.op("GlobalAveragePool", batch)
        kernel = _even_windows(g, batch, output)
        if kernel is not None:
            return average_pool(g, batch, kernel, kernel, [0] * len(kernel), False, True)
        for index, wanted in enumerate(output):
            batch = _average_along(g, batch, index + 2, wanted)
        return batch

    return batched(g, x, len(output), compute)


def _even_windows(g: Emitter, x: Tensor, output: list[Dim]) -> list[int] | None:
    """The kernel (and stride) of the ordinary pooling that does the same, or None."""
    kernel: list[int] = []
    for index, wanted in enumerate(output):
        size = shapes.size(g, x, index + 2)
        if wanted is size:
            kernel.append(1)
        elif isinstance(size, int) and isinstance(wanted, int) and wanted > 0 and size % wanted == 0 and size:
            kernel.append(size // wanted)
        else:
            return None
    return kernel


def _average_along(g: Emitter, x: Tensor, axis: int, wanted: Dim) -> Tensor:
    size = shapes.size(g, x, axis)
    if wanted is size or (isinstance(size, int) and wanted == size):
        return x
    if isinstance(wanted, int) and wanted == 1:
        return forms.reduce(g, "ReduceMean", x, [axis], keepdims=True)
    dtype = g.dtype(x)
    if isinstance(size, int) and isinstance(wanted, int):
        rows = [[0.0] * wanted for _ in range(size)]
        for window in range(wanted):
            first, end = window * size // wanted, -(-(window + 1) * size // wanted)
            for item in range(first, end):
                rows[item][window] = 1.0 / (end - first)
        matrix = g.const(rows, dtype)
    else:
        first, length = _windows(g, size, wanted)
        items = forms.unsqueeze(g, count(g, size), [1])
        inside = g.op(
            "And",
            g.op("Not", g.op("Less", items, first)),
            g.op("Less", items, g.op("Add", first, length)),
        )
        matrix = g.op("Div", g.cast(inside, dtype), g.cast(length, dtype))
    last = g.rank(x) - 1
    if axis == last:
        return g.op("MatMul", x, matrix)
    order = list(range(last + 1))
    order[axis], order[last] = last, axis
    return g.op("Transpose", g.op("MatMul", g.op("Transpose", x, perm=order), matrix), perm=order)


def _windows(g: Emitter, size: Dim, wanted: Dim) -> tuple[ir.Value, ir.Value]:
    """First element and length of every window, as int64 vectors."""
    if isinstance(size, int) and isinstance(wanted, int):
        first = [window * size // wanted for window in range(wanted)]
        end = [-(-(window + 1) * size // wanted) for window in range(wanted)]
        return g.const(first), g.const([b - a for a, b in zip(first, end, strict=True)])
    index, total, number = count(g, wanted), shapes.as_scalar(g, size), shapes.as_scalar(g, wanted)
    starts = g.op("Div", g.op("Mul", index, total), number)
    ahead = g.op("Mul", g.op("Add", index, g.const(1)), total)
    ends = g.op("Div", g.op("Add", ahead, shapes.as_scalar(g, shapes.sub(g, wanted, 1))), number)
    return starts, g.op("Sub", ends, starts)


@symbolic("aten::adaptive_max_pool1d")
def adaptive_max_pool1d(g: Emitter, self: Tensor, output_size: list[Dim]) -> tuple[Tensor, ...]:
    """adaptive_max_pool1d(Tensor self, int[1] output_size) -> (Tensor, Tensor)"""
    return _maximum(g, self, per_axis(output_size, 1))


@symbolic("aten::adaptive_max_pool2d")
def adaptive_max_pool2d(g: Emitter, self: Tensor, output_size: list[Dim]) -> tuple[Tensor, ...]:
    """adaptive_max_pool2d(Tensor self, int[2] output_size) -> (Tensor, Tensor)"""
    return _maximum(g, self, per_axis(output_size, 2))


@symbolic("aten::adaptive_max_pool3d")
def adaptive_max_pool3d(g: Emitter, self: Tensor, output_size: list[Dim]) -> tuple[Tensor, ...]:
    """adaptive_max_pool3d(Tensor self, int[3] output_size) -> (Tensor, Tensor)"""
    return _maximum(g, self, per_axis(output_size, 3))


def _maximum(g: Emitter, x: Tensor, output: list[Dim]) -> tuple[Tensor, ...]:
    spatial = len(output)

    def compute(batch: Tensor) -> tuple[Tensor, ...]:
        kernel = _even_windows(g, batch, output)
        if kernel is not None:
            made = max_pool(g, batch, kernel, kernel, [0] * spatial, [1] * spatial, False, indices=True)
            assert isinstance(made, tuple)
            return made[0], in_plane(g, made[1], batch, spatial)
        if all(size == 1 for size in output):
            plane = g.op("Reshape", batch, [0, 0, -1])
            ones = list(range(3, 2 + spatial))
            best = forms.unsqueeze(g, g.op("ArgMax", plane, axis=2, keepdims=1), ones)
            return g.op("GlobalMaxPool", batch), best
        return _gathered(g, batch, output)

    return batched(g, x, spatial, compute)


def _gathered(g: Emitter, x: Tensor, output: list[Dim]) -> tuple[Tensor, ...]:
    """Gather each window (short ones repeat their last element, which changes no maximum), then reduce."""
    last = len(output) + 2
    position = _positions(g, x, output)
    windows = g.op("Gather", g.op("Reshape", x, [0, 0, -1]), position, axis=2)  # (batch, channel, *output, window)
    values = forms.reduce(g, "ReduceMax", windows, [last])
    best = g.op("ArgMax", windows, axis=last, keepdims=1)
    if g.opset >= 11:
        wide = g.op("Expand", position, shapes.shape(g, windows))
        return values, forms.squeeze(g, g.op("GatherElements", wide, best, axis=last), [last])
    chosen = g.op("Equal", best, count(g, shapes.size(g, position, -1)))
    return values, forms.reduce(g, "ReduceSum", g.op("Mul", g.cast(chosen, ir.DataType.INT64), position), [last])


def _positions(g: Emitter, x: Tensor, output: list[Dim]) -> ir.Value:
    """(*output, window): where in the flattened plane a window's elements stand, row by row."""
    spatial = len(output)
    sizes = [shapes.size(g, x, axis + 2) for axis in range(spatial)]
    position: ir.Value | None = None
    for axis, (size, wanted) in enumerate(zip(sizes, output, strict=True)):
        first, length = _windows(g, size, wanted)
        behind = [1] * (spatial - 1 - axis)
        widest = _widest(g, size, wanted)
        steps = g.op("Reshape", count(g, widest), [-1, *behind])
        within = g.op("Sub", g.op("Reshape", length, [-1, *behind, *[1] * spatial]), g.const(1))
        step = g.op("Sub", steps, _excess(g, steps, within))
        here = g.op("Add", g.op("Reshape", first, [-1, *behind, *[1] * spatial]), step)
        if position is None:
            position = here
        else:
            position = g.op("Add", g.op("Mul", position, shapes.as_scalar(g, size)), here)
    assert position is not None
    return g.op("Reshape", position, shapes.vector(g, [*output, -1]))


def _excess(g: Emitter, steps: ir.Value, within: ir.Value) -> ir.Value:
    """``max(steps - within, 0)``."""
    over = g.op("Sub", steps, within)
    return g.op("Mul", over, g.cast(g.op("Greater", over, g.const(0)), ir.DataType.INT64))


def _widest(g: Emitter, size: Dim, wanted: Dim) -> Dim:
    if isinstance(size, int) and isinstance(wanted, int):
        return max(-(-(window + 1) * size // wanted) - window * size // wanted for window in range(wanted))
    return shapes.add(g, shapes.div(g, shapes.sub(g, size, 1), wanted), 2)
