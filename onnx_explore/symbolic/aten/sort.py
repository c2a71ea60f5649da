"""Sorting, the largest and smallest, and places in sorted sequences. TopK is stable: of equal values the first."""

from __future__ import annotations

import onnx_ir as ir
import torch

from onnx_explore.emit import Emitter, forms, shapes
from onnx_explore.emit.forms.comparison import greater_or_equal, less, less_or_equal, where
from onnx_explore.errors import UnsupportedOperatorError
from onnx_explore.symbolic.annotations import Dim, Operand, Scalar, Tensor
from onnx_explore.symbolic.promotion import is_bool, promoted
from onnx_explore.symbolic.registry import symbolic


def ordered(g: Emitter, x: Tensor, dim: int, descending: bool) -> tuple[Tensor, Tensor]:
    """Values in order, and where they stood."""
    if g.rank(x) == 0:
        return g.op("Identity", x), g.tensor(torch.tensor(0))
    return largest(g, x, shapes.size(g, x, dim), dim, descending)


def largest(g: Emitter, x: Tensor, k: Dim, dim: int, descending: bool = True) -> tuple[Tensor, Tensor]:
    """TopK over any element type: bools as numbers, integers as floats where TopK takes floats only."""
    source = x
    if is_bool(x):
        source = g.cast(x, ir.DataType.INT32)
    elif g.opset < 11 and x.dtype in _SMALL:
        source = g.cast(x, ir.DataType.FLOAT)  # Neg would wrap around
    values, indices = forms.top_k(g, source, k, g.axis(x, dim), largest=descending)
    return g.cast(values, g.dtype(x)), indices


_SMALL = (ir.DataType.UINT8, ir.DataType.INT8, ir.DataType.INT16, ir.DataType.UINT16)


@symbolic("aten::sort")
def sort(
    g: Emitter, self: Tensor, dim: int = -1, descending: bool = False, stable: bool | None = None
) -> tuple[Tensor, Tensor]:
    """sort.stable(Tensor self, *, bool? stable, int dim=-1, bool descending=False) -> (Tensor values, Tensor
    indices)
    """
    del stable
    return ordered(g, self, dim, descending)


@symbolic("aten::argsort")
def argsort(g: Emitter, self: Tensor, dim: int = -1, descending: bool = False, stable: bool | None = None) -> Tensor:
    """argsort.stable(Tensor self, *, bool stable, int dim=-1, bool descending=False) -> Tensor"""
    del stable
    return ordered(g, self, dim, descending)[1]


@symbolic("aten::msort")
def msort(g: Emitter, self: Tensor) -> Tensor:
    """msort(Tensor self) -> Tensor"""
    return ordered(g, self, 0, False)[0]


@symbolic("aten::topk")
def topk(
    g: Emitter, self: Tensor, k: Dim, dim: int = -1, largest: bool = True, sorted: bool = True
) -> tuple[Tensor, Tensor]:
    """topk(Tensor self, SymInt k, int dim=-1, bool largest=True, bool sorted=True) -> (Tensor values, Tensor
    indices)
    """
    del sorted  # in order is one of the orders that are allowed
    if g.rank(self) == 0:
        return g.op("Identity", self), g.tensor(torch.tensor(0))
    return _largest(g, self, k, dim, largest)


_largest = largest


# -- places in sorted sequences --------------------------------------------------------------------------------------------


@symbolic("aten::searchsorted")
def searchsorted(
    g: Emitter,
    sorted_sequence: Tensor,
    self: Operand,
    out_int32: bool = False,
    right: bool = False,
    side: str | None = None,
    sorter: Tensor | None = None,
) -> Tensor:
    """searchsorted.Tensor(Tensor sorted_sequence, Tensor self, *, bool out_int32=False, bool right=False, str?
    side=None, Tensor? sorter=None) -> Tensor
    """
    if sorter is not None:
        sorted_sequence = forms.gather_elements(g, sorted_sequence, sorter, g.rank(sorted_sequence) - 1)
    return _places(g, sorted_sequence, self, right or side == "right", out_int32)


@symbolic("aten::bucketize")
def bucketize(g: Emitter, self: Operand, boundaries: Tensor, out_int32: bool = False, right: bool = False) -> Tensor:
    """bucketize.Tensor(Tensor self, Tensor boundaries, *, bool out_int32=False, bool right=False) -> Tensor"""
    return _places(g, boundaries, self, right, out_int32)


def _places(g: Emitter, sequence: Tensor, values: Operand, right: bool, out_int32: bool) -> Tensor:
    """How many elements of the sequence are less (or, with ``right``, not greater) than each value."""
    borders, sought = promoted(g, sequence, values)
    if g.rank(borders) > 1:
        last = g.rank(borders)
        borders = forms.unsqueeze(g, borders, [last - 1])
    sought = forms.unsqueeze(g, sought, [g.rank(sought)])
    before = less_or_equal(g, borders, sought) if right else less(g, borders, sought)
    dtype = ir.DataType.INT32 if out_int32 else ir.DataType.INT64
    return forms.reduce(g, "ReduceSum", g.cast(before, dtype), [g.rank(sought) - 1])


@symbolic("aten::histc", since=9)
def histc(g: Emitter, self: Tensor, bins: int = 100, min: Scalar = 0, max: Scalar = 0) -> Tensor:
    """histc(Tensor self, int bins=100, Scalar min=0, Scalar max=0) -> Tensor

    Equal bounds stand for the tensor's own range; if that is a point, for one on either side of it.
    """
    if isinstance(min, ir.Value | complex) or isinstance(max, ir.Value | complex):
        raise UnsupportedOperatorError("min or max is known only when the model runs")
    flat = forms.reshape(g, self, [-1])
    if min != max:
        low, high = g.like(min, flat), g.like(max, flat)
    else:
        if min == 0:
            low, high = g.op("ReduceMin", flat, keepdims=0), g.op("ReduceMax", flat, keepdims=0)
        else:
            low, high = g.like(min, flat), g.like(max, flat)
        one = g.like(1, flat)
        point = g.op("Not", g.op("Less", low, high))
        low, high = where(g, point, g.op("Sub", low, one), low), where(g, point, g.op("Add", high, one), high)
    wide = g.op("Mul", g.op("Sub", flat, low), g.like(bins, flat))
    index = g.cast(g.op("Div", wide, g.op("Sub", high, low)), ir.DataType.INT64)
    last = g.const(bins - 1)
    index = where(g, g.op("Greater", index, last), last, index)  # the upper bound belongs to the last bin
    inside = g.op("And", greater_or_equal(g, flat, low), less_or_equal(g, flat, high))
    index = where(g, inside, index, g.const(-1))
    hits = g.op("Equal", forms.unsqueeze(g, index, [1]), g.const(list(range(bins))))
    return forms.reduce(g, "ReduceSum", g.cast(hits, g.dtype(flat)), [0])


@symbolic("aten::bincount")
def bincount(g: Emitter, self: Tensor, weights: Tensor | None = None, minlength: int = 0) -> Tensor:
    """bincount(Tensor self, Tensor? weights=None, SymInt minlength=0) -> Tensor"""
    flat = g.cast(self, ir.DataType.INT64)
    # minlength - 1 counts as a value seen; so the maximum of an empty tensor is defined, too.
    seen = g.op("Concat", flat, g.const([minlength - 1]), axis=0)
    length = g.op("Add", g.op("ReduceMax", seen, keepdims=0), g.const(1))
    hits = g.op("Equal", forms.unsqueeze(g, flat, [1]), forms.iota(g, length))
    if weights is None:
        return forms.reduce(g, "ReduceSum", g.cast(hits, ir.DataType.INT64), [0])
    wide = weights if weights.dtype in (ir.DataType.FLOAT, ir.DataType.DOUBLE) else g.cast(weights, ir.DataType.DOUBLE)
    return forms.reduce(g, "ReduceSum", g.op("Mul", g.cast(hits, g.dtype(wide)), forms.unsqueeze(g, wide, [1])), [0])
