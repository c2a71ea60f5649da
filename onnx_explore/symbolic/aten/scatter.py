"""Scatters: scatter and scatter_reduce, index_add and its relatives, put, masked_scatter."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from onnx_explore.emit import Emitter, forms, shapes
from onnx_explore.emit.forms.comparison import where
from onnx_explore.errors import UnsupportedOperatorError
from onnx_explore.symbolic.annotations import Operand, Tensor
from onnx_explore.symbolic.aten.permute import moved
from onnx_explore.symbolic.promotion import FLOATS, arithmetic, as_type
from onnx_explore.symbolic.registry import symbolic

_REDUCTIONS = {
    "add": "add",
    "multiply": "mul",
    "sum": "add",
    "prod": "mul",
    "mean": "add",
    "amax": "max",
    "amin": "min",
}
"""PyTorch's name → ONNX's; a mean is a sum that is divided afterwards."""


def _reduction(reduce: str | None) -> str:
    if reduce is None:
        return "none"
    if reduce not in _REDUCTIONS:
        raise UnsupportedOperatorError(f"unknown reduction '{reduce}'", argument="reduce")
    return _REDUCTIONS[reduce]


def _elements(g: Emitter, x: ir.Value, dim: int, index: ir.Value, src: Operand, reduction: str = "none") -> ir.Value:
    """ScatterElements with PyTorch's shapes: 0-d tensors, a ``src`` that is larger than ``index``, a number as ``src``."""
    assert index.shape is not None
    if any(size == 0 for size in index.shape):
        return x
    axis = g.axis(x, dim)
    scalar = g.rank(x) == 0
    target = forms.unsqueeze(g, x, [0]) if scalar else x
    index = g.cast(index, ir.DataType.INT64)
    places = forms.unsqueeze(g, index, [0]) if g.rank(index) == 0 else index
    updates = as_type(g, src, g.dtype(x))
    if isinstance(src, ir.Value) and g.rank(updates) == g.rank(index):
        updates = forms.unsqueeze(g, updates, [0]) if g.rank(updates) == 0 else _cut(g, updates, places)
    else:
        updates = forms.expand(g, updates, shapes.sizes(g, places))
    result = forms.scatter_elements(g, target, places, updates, axis, reduction)
    return forms.squeeze(g, result, [0]) if scalar else result


def _cut(g: Emitter, src: ir.Value, index: ir.Value) -> ir.Value:
    """The part of ``src`` that has the shape of ``index``."""
    longer = [axis for axis, size in enumerate(shapes.sizes(g, index)) if not forms.same_size(g, size, src, axis)]
    if not longer:
        return src
    return forms.slice_axes(g, src, [0] * len(longer), [shapes.size(g, index, axis) for axis in longer], longer)


@symbolic("aten::scatter.src", since=9)
def scatter(g: Emitter, self: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """scatter.src(Tensor self, int dim, Tensor index, Tensor src) -> Tensor"""
    return _elements(g, self, dim, index, src)


@symbolic("aten::scatter.value", since=9)
def scatter_value(g: Emitter, self: Tensor, dim: int, index: Tensor, value: Operand) -> Tensor:
    """scatter.value(Tensor self, int dim, Tensor index, Scalar value) -> Tensor"""
    return _elements(g, self, dim, index, value)


@symbolic("aten::scatter.reduce", since=16)
def scatter_with(g: Emitter, self: Tensor, dim: int, index: Tensor, src: Tensor, reduce: str) -> Tensor:
    """scatter.reduce(Tensor self, int dim, Tensor index, Tensor src, *, str reduce) -> Tensor"""
    return _elements(g, self, dim, index, src, _reduction(reduce))


@symbolic("aten::scatter.value_reduce", since=16)
def scatter_value_with(g: Emitter, self: Tensor, dim: int, index: Tensor, value: Operand, reduce: str) -> Tensor:
    """scatter.value_reduce(Tensor self, int dim, Tensor index, Scalar value, *, str reduce) -> Tensor"""
    return _elements(g, self, dim, index, value, _reduction(reduce))


@symbolic("aten::scatter_add", since=16)
def scatter_add(g: Emitter, self: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """scatter_add(Tensor self, int dim, Tensor index, Tensor src) -> Tensor"""
    return _elements(g, self, dim, index, src, "max" if self.dtype == ir.DataType.BOOL else "add")


@symbolic("aten::scatter_reduce.two", since=16)
def scatter_reduce(
    g: Emitter, self: Tensor, dim: int, index: Tensor, src: Tensor, reduce: str, include_self: bool = True
) -> Tensor:
    """scatter_reduce.two(Tensor self, int dim, Tensor index, Tensor src, str reduce, *, bool include_self=True) -> Tensor"""
    base = self if include_self else _elements(g, self, dim, index, _neutral(g, self, reduce))
    result = _elements(g, base, dim, index, src, _reduction(reduce))
    if reduce != "mean":
        return result
    zeros = forms.expand(g, g.like(1 if include_self else 0, self), shapes.sizes(g, self))
    return _mean(g, result, _elements(g, zeros, dim, index, 1, "add"))


def _neutral(g: Emitter, x: ir.Value, reduce: str) -> ir.Value:
    """What leaves the other operand of a reduction as it is."""
    if reduce in ("sum", "mean"):
        return g.like(0, x)
    if reduce == "prod":
        return g.like(1, x)
    lowest = reduce == "amax"
    if x.dtype in FLOATS:
        return g.like(float("-inf") if lowest else float("inf"), x)
    if x.dtype == ir.DataType.BOOL:
        return g.like(not lowest, x)
    limits = np.iinfo(g.dtype(x).numpy())
    return g.like(int(limits.min if lowest else limits.max), x)


def _mean(g: Emitter, total: ir.Value, count: ir.Value) -> ir.Value:
    """Total by count, where nothing was counted the total; integers are rounded down."""
    one = g.like(1, count)
    count = where(g, g.op("Less", count, one), one, count)
    if total.dtype in FLOATS:
        return g.op("Div", total, count)
    quotient = g.op("Div", total, count)
    below = g.op("Less", total, g.op("Mul", quotient, count))
    return g.op("Sub", quotient, g.cast(below, g.dtype(total)))


def _rows(g: Emitter, x: ir.Value, dim: int, index: ir.Value, source: ir.Value, reduction: str = "none") -> ir.Value:
    """ScatterND of whole slices along one dimension, given by a vector of indices."""
    axis = g.axis(x, dim)
    index = g.cast(index, ir.DataType.INT64)
    source = g.cast(source, g.dtype(x))
    flat = forms.unsqueeze(g, index, [0]) if g.rank(index) == 0 else index
    target = forms.unsqueeze(g, x, [0]) if g.rank(x) == 0 else x
    if g.rank(source) < g.rank(target):
        source = forms.unsqueeze(g, source, [axis])
    front = forms.scatter_nd(
        g, moved(g, target, [axis], [0]), forms.unsqueeze(g, flat, [1]), moved(g, source, [axis], [0]), reduction
    )
    result = moved(g, front, [0], [axis])
    return forms.squeeze(g, result, [0]) if g.rank(x) == 0 else result


@symbolic("aten::index_add", since=16)
def index_add(g: Emitter, self: Tensor, dim: int, index: Tensor, source: Tensor, alpha: Operand = 1) -> Tensor:
    """index_add(Tensor self, int dim, Tensor index, Tensor source, *, Scalar alpha=1) -> Tensor"""
    if isinstance(alpha, ir.Value) or alpha != 1:
        if self.dtype == ir.DataType.BOOL:
            source = g.op("And", source, as_type(g, alpha, ir.DataType.BOOL))
        else:
            source = g.op("Mul", *arithmetic(g, source, alpha))
    return _rows(g, self, dim, index, source, "max" if self.dtype == ir.DataType.BOOL else "add")


@symbolic("aten::index_copy", since=9)
def index_copy(g: Emitter, self: Tensor, dim: int, index: Tensor, source: Tensor) -> Tensor:
    """index_copy(Tensor self, int dim, Tensor index, Tensor source) -> Tensor"""
    return _rows(g, self, dim, index, source)


@symbolic("aten::index_reduce", since=16)
def index_reduce(
    g: Emitter, self: Tensor, dim: int, index: Tensor, source: Tensor, reduce: str, include_self: bool = True
) -> Tensor:
    """index_reduce(Tensor self, int dim, Tensor index, Tensor source, str reduce, *, bool include_self=True) -> Tensor"""
    base = self
    if not include_self:
        neutral = forms.expand(g, _neutral(g, self, reduce), shapes.sizes(g, source))
        base = _rows(g, self, dim, index, neutral)
    result = _rows(g, base, dim, index, source, _reduction(reduce))
    if reduce != "mean":
        return result
    counts = forms.expand(g, g.like(1 if include_self else 0, self), shapes.sizes(g, self))
    ones = forms.expand(g, g.like(1, self), shapes.sizes(g, source))
    return _mean(g, result, _rows(g, counts, dim, index, ones, "add"))


@symbolic("aten::index_fill.int_Scalar", "aten::index_fill.int_Tensor", since=9)
def index_fill(g: Emitter, self: Tensor, dim: int, index: Tensor, value: Operand) -> Tensor:
    """index_fill.int_Scalar(Tensor self, int dim, Tensor index, Scalar value) -> Tensor"""
    fill = as_type(g, value, g.dtype(self))
    axis = g.axis(self, dim)
    rank = g.rank(self)
    if index.shape is not None and index.shape.is_static() and 0 in index.shape:
        return self
    length = shapes.size(g, self, axis) if rank else 1
    places = forms.reshape(g, forms.wrapped(g, index, length), [-1])
    empty = forms.expand(g, g.const([0]), [length])
    ones = forms.expand(g, g.const([1]), [shapes.size(g, places, 0)])
    marked = g.cast(forms.scatter_elements(g, empty, places, ones, 0), ir.DataType.BOOL)
    mask = forms.unsqueeze(g, marked, list(range(1, rank - axis))) if rank else forms.squeeze(g, marked, [0])
    return where(g, mask, fill, self)


@symbolic("aten::put", since=9)
def put(g: Emitter, self: Tensor, index: Tensor, source: Tensor, accumulate: bool = False) -> Tensor:
    """put(Tensor self, Tensor index, Tensor source, bool accumulate=False) -> Tensor: into the flattened tensor"""
    flat = forms.reshape(g, self, [-1])
    sizes = shapes.sizes(g, self)
    places = forms.reshape(g, forms.wrapped(g, index, shapes.product(g, sizes)), [-1])
    source = forms.reshape(g, g.cast(source, g.dtype(self)), [-1])
    if index.shape is not None and index.shape.is_static() and 0 in index.shape:
        return self
    kind = "none"
    if accumulate:
        kind = "max" if self.dtype == ir.DataType.BOOL else "add"
    return forms.reshape(g, forms.scatter_elements(g, flat, places, source, 0, kind), sizes)


@symbolic("aten::masked_scatter", since=9)
def masked_scatter(g: Emitter, self: Tensor, mask: Tensor, source: Tensor) -> Tensor:
    """masked_scatter(Tensor self, Tensor mask, Tensor source) -> Tensor: the true elements take the source's, in order"""
    x, where_true = forms.broadcast_all(g, [self, g.cast(mask, ir.DataType.BOOL)])
    sizes = shapes.sizes(g, x)
    flat = forms.reshape(g, x, [-1])
    places = forms.select(g, g.op("NonZero", forms.reshape(g, where_true, [-1])), 0, 0)
    values = forms.reshape(g, g.cast(source, g.dtype(x)), [-1])
    given = forms.slice_axes(g, values, [0], [shapes.size(g, places, 0)], [0])
    return forms.reshape(g, forms.scatter_elements(g, flat, places, given, 0), sizes)
