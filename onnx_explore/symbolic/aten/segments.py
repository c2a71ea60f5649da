"""Reductions over segments, whose lengths or boundaries are a tensor."""

from __future__ import annotations

import math
from dataclasses import dataclass

import onnx_ir as ir

from onnx_explore.emit import Emitter, forms, shapes
from onnx_explore.emit.forms.comparison import where
from onnx_explore.errors import UnsupportedOperatorError
from onnx_explore.symbolic.annotations import Scalar, Tensor
from onnx_explore.symbolic.registry import symbolic

_INT = ir.DataType.INT64


@dataclass(frozen=True, slots=True)
class _Reduction:
    """How elements are joined.

    Attributes:
        op_type: ONNX's reduction of a dimension.
        scattered: ``reduction`` of ScatterElements.
        start: What no element is joined to.
    """

    op_type: str
    scattered: str
    start: float


_REDUCTIONS = {
    "sum": _Reduction("ReduceSum", "add", 0.0),
    "mean": _Reduction("ReduceSum", "add", 0.0),
    "prod": _Reduction("ReduceProd", "mul", 1.0),
    "max": _Reduction("ReduceMax", "max", -math.inf),
    "min": _Reduction("ReduceMin", "min", math.inf),
}


@symbolic("aten::segment_reduce", since=11)
def segment_reduce(
    g: Emitter,
    data: Tensor,
    reduce: str,
    lengths: Tensor | None = None,
    offsets: Tensor | None = None,
    axis: int = 0,
    unsafe: bool = False,
    initial: Scalar | None = None,
) -> Tensor:
    """segment_reduce(Tensor data, str reduce, *, Tensor? lengths=None, Tensor? indices=None, Tensor? offsets=None,
    int axis=0, bool unsafe=False, Scalar? initial=None) -> Tensor

    Every element against every segment, as ReduceSum and its kin want it.
    """
    kind = _kind(reduce)
    bounds = _bounds(g, lengths, offsets, axis)
    starts, ends = forms.slice_axes(g, bounds, [0], [-1], [axis]), forms.slice_axes(g, bounds, [1], [forms.END], [axis])
    places = forms.iota(g, shapes.size(g, data, axis))
    after = g.op("Not", g.op("Less", places, forms.unsqueeze(g, starts, [axis + 1])))
    inside = g.op("And", after, g.op("Less", places, forms.unsqueeze(g, ends, [axis + 1])))  # (…, segment, element)
    rank = g.rank(data)
    inside = forms.unsqueeze(g, inside, list(range(axis + 2, rank + 1)))
    kept = where(g, inside, forms.unsqueeze(g, data, [axis]), g.like(kind.start, data))
    return _finished(g, forms.reduce(g, kind.op_type, kept, [axis + 1]), reduce, bounds, axis, initial)


@segment_reduce.since(18)
def _(
    g: Emitter,
    data: Tensor,
    reduce: str,
    lengths: Tensor | None = None,
    offsets: Tensor | None = None,
    axis: int = 0,
    unsafe: bool = False,
    initial: Scalar | None = None,
) -> Tensor:
    """Every element scattered to its segment; to the one before the first and behind the last go those of none."""
    kind = _kind(reduce)
    bounds = _bounds(g, lengths, offsets, axis)
    sizes = shapes.sizes(g, data)
    # How many bounds an element has behind it: 0 before the first segment, 1 in the first.
    room = [*sizes[:axis], shapes.add(g, sizes[axis], 1)]
    ones = forms.expand_like(g, g.const(1), bounds)
    marks = forms.scatter_elements(g, forms.expand(g, g.const(0), room), bounds, ones, axis, "add")
    passed = forms.slice_axes(g, g.op("CumSum", marks, g.const(axis)), [0], [-1], [axis])
    segment = forms.expand(g, forms.unsqueeze(g, passed, list(range(axis + 1, len(sizes)))), sizes)
    count = shapes.size(g, bounds, axis)
    room = [*sizes[:axis], shapes.add(g, count, 1), *sizes[axis + 1 :]]
    joined = forms.scatter_elements(
        g, forms.expand(g, g.like(kind.start, data), room), segment, data, axis, kind.scattered
    )
    joined = forms.slice_axes(g, joined, [1], [-1], [axis])
    return _finished(g, joined, reduce, bounds, axis, initial)


def _kind(reduce: str) -> _Reduction:
    kind = _REDUCTIONS.get(reduce)
    if kind is None:
        raise UnsupportedOperatorError(f"the reduction '{reduce}' of segments is none of {', '.join(_REDUCTIONS)}")
    return kind


def _bounds(g: Emitter, lengths: Tensor | None, offsets: Tensor | None, axis: int) -> Tensor:
    """Where each segment begins, and behind them where the last one ends."""
    if lengths is None:
        if offsets is None:
            raise UnsupportedOperatorError("segments need lengths or offsets")
        return g.cast(offsets, _INT)
    ends = g.op("CumSum", g.cast(lengths, _INT), g.const(axis))
    return forms.pad(g, ends, [0] * axis + [1], [0] * (axis + 1))


def _finished(g: Emitter, joined: Tensor, reduce: str, bounds: Tensor, axis: int, initial: Scalar | None) -> Tensor:
    """With the initial value, and divided for the mean; a mean of no element and no initial value is NaN."""
    if initial is not None:
        start = g.cast(initial, g.dtype(joined)) if isinstance(initial, ir.Value) else g.like(initial, joined)
        op_type = {"sum": "Add", "mean": "Add", "prod": "Mul", "max": "Max", "min": "Min"}[reduce]
        joined = g.op(op_type, joined, start)
    if reduce != "mean":
        return joined
    ends, starts = forms.slice_axes(g, bounds, [1], [forms.END], [axis]), forms.slice_axes(g, bounds, [0], [-1], [axis])
    lengths = g.op("Sub", ends, starts)
    if initial is not None:
        lengths = where(g, g.op("Less", g.const(0), lengths), lengths, g.const(1))
    lengths = forms.unsqueeze(g, lengths, list(range(axis + 1, g.rank(joined))))
    return g.op("Div", joined, g.cast(lengths, g.dtype(joined)))
