"""Histograms with bins by number or by edges, with weights, of one dimension or several.

A bin holds its lower edge; the last one holds the upper edge of the whole, too. What lies outside, or is NaN, is not counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import onnx_ir as ir

from onnx_explore.emit import Emitter, forms, shapes
from onnx_explore.emit.algebra import add, sub
from onnx_explore.emit.forms.comparison import equal, less_or_equal, where
from onnx_explore.errors import NotConstant
from onnx_explore.symbolic.annotations import Tensor
from onnx_explore.symbolic.aten.ranges import linspace
from onnx_explore.symbolic.registry import symbolic


def _even_edges(g: Emitter, column: ir.Value, bins: int, bounds: Sequence[float] | None) -> ir.Value:
    """``bins + 1`` edges between the bounds, or the smallest and the largest of the values (0 and 1 if there are none)."""
    if bounds is None:
        low, high = _bounds(g, column)
    else:
        low, high = g.like(bounds[0], column), g.like(bounds[1], column)
    point = equal(g, low, high)
    low, high = where(g, point, sub(g, low, 0.5), low), where(g, point, add(g, high, 0.5), high)
    return linspace(g, low, high, bins + 1, g.dtype(column))


def _bounds(g: Emitter, column: ir.Value) -> tuple[ir.Value, ir.Value]:
    size = shapes.size(g, column, 0)
    if size == 0:
        return g.like(0.0, column), g.like(1.0, column)
    if isinstance(size, int):
        return forms.reduce(g, "ReduceMin", column, [0]), forms.reduce(g, "ReduceMax", column, [0])
    none = g.op("Equal", size, g.const(0))
    some = g.op("Concat", column, _if_empty(g, none, 0.0, column), axis=0)
    other = g.op("Concat", column, _if_empty(g, none, 1.0, column), axis=0)
    low, high = forms.reduce(g, "ReduceMin", some, [0]), forms.reduce(g, "ReduceMax", other, [0])
    low.shape = high.shape = ir.Shape([])  # shape inference does not know how many elements were joined
    return low, high


def _if_empty(g: Emitter, none: ir.Value, bound: float, column: ir.Value) -> ir.Value:
    """A vector of the bound if the column is empty, else none."""
    count = shapes.as_vector(g, g.cast(none, ir.DataType.INT64))
    return forms.expand(g, g.like(bound, column), [count])


def _hits(g: Emitter, column: ir.Value, edges: ir.Value) -> ir.Value:
    """(value, bin): 1 where the value falls into the bin, else 0."""
    values = forms.unsqueeze(g, column, [1])
    inner, last = forms.slice_axes(g, edges, [0], [-1], [0]), forms.slice_axes(g, edges, [-1], [forms.END], [0])
    above = less_or_equal(g, inner, values)
    # Below the next edge is what is not above it; of the last bin, what is at the last edge belongs to it.
    next_above = forms.slice_axes(g, above, [1], [forms.END], [1])
    inside = g.op("Not", g.op("Concat", next_above, g.op("Not", less_or_equal(g, values, last)), axis=1))
    return g.cast(g.op("And", above, inside), g.dtype(column))


def _counted(
    g: Emitter, columns: Sequence[ir.Value], edges: Sequence[ir.Value], weight: Tensor | None, density: bool
) -> ir.Value:
    hits = [_hits(g, column, edge) for column, edge in zip(columns, edges, strict=True)]
    first = hits[0]
    if weight is not None:
        weights = g.cast(forms.reshape(g, weight, [-1]), g.dtype(first))
        first = g.op("Mul", first, forms.unsqueeze(g, weights, [1]))
    if len(hits) == 1:
        count = forms.reduce(g, "ReduceSum", first, [0])
    else:
        for other in hits[1:-1]:
            pairs = g.op("Mul", forms.unsqueeze(g, first, [2]), forms.unsqueeze(g, other, [1]))
            first = g.op("Flatten", pairs, axis=1)
        count = g.op("MatMul", g.op("Transpose", first, perm=[1, 0]), hits[-1])
        if len(hits) > 2:
            count = forms.reshape(g, count, [shapes.sub(g, shapes.size(g, edge, 0), 1) for edge in edges])
    return _density(g, count, edges) if density else count


def _density(g: Emitter, count: ir.Value, edges: Sequence[ir.Value]) -> ir.Value:
    """Divided by the sum of all and by the size of each bin."""
    result = g.op("Div", count, forms.reduce(g, "ReduceSum", count, None))
    for axis, edge in enumerate(edges):
        ends, starts = forms.slice_axes(g, edge, [1], [forms.END], [0]), forms.slice_axes(g, edge, [0], [-1], [0])
        widths = forms.unsqueeze(g, g.op("Sub", ends, starts), list(range(1, len(edges) - axis)))
        result = g.op("Div", result, widths)
    return result


@symbolic("aten::histogram.bin_ct", since=9)
def histogram(
    g: Emitter,
    self: Tensor,
    bins: int = 100,
    range: list[float] | None = None,
    weight: Tensor | None = None,
    density: bool = False,
) -> tuple[Tensor, Tensor]:
    """histogram.bin_ct(Tensor self, int bins=100, *, float[]? range=None, Tensor? weight=None, bool density=False)
    -> (Tensor hist, Tensor bin_edges)
    """
    column = forms.reshape(g, self, [-1])
    edges = _even_edges(g, column, bins, range)
    return _counted(g, [column], [edges], weight, density), edges


@symbolic("aten::histogram.bins_tensor", since=9)
def histogram_of_edges(
    g: Emitter, self: Tensor, bins: Tensor, weight: Tensor | None = None, density: bool = False
) -> tuple[Tensor, Tensor]:
    """histogram.bins_tensor(Tensor self, Tensor bins, *, Tensor? weight=None, bool density=False)
    -> (Tensor hist, Tensor bin_edges)
    """
    edges = g.cast(bins, g.dtype(self))
    return _counted(g, [forms.reshape(g, self, [-1])], [edges], weight, density), g.op("Identity", edges)


def _columns(g: Emitter, x: ir.Value, count: int) -> list[ir.Value]:
    """The coordinates of points, whose leading dimensions are merged."""
    points = forms.reshape(g, x, [-1, count])
    return [g.op("Gather", points, g.const(number), axis=1) for number in range(count)]


def _edges(
    g: Emitter, columns: Sequence[ir.Value], bins: Sequence[int], bounds: Sequence[float] | None
) -> list[ir.Value]:
    return [
        _even_edges(g, column, count, None if bounds is None else bounds[2 * number : 2 * number + 2])
        for number, (column, count) in enumerate(zip(columns, bins, strict=True))
    ]


@symbolic("aten::histogramdd", since=9)
def histogramdd(
    g: Emitter,
    self: Tensor,
    bins: list[int],
    range: list[float] | None = None,
    weight: Tensor | None = None,
    density: bool = False,
) -> Any:
    """histogramdd(Tensor self, int[] bins, float[]? range=None, Tensor? weight=None, bool density=False)
    -> (Tensor hist, Tensor[] bin_edges)
    """
    columns = _columns(g, self, len(bins))
    edges = _edges(g, columns, bins, range)
    return _counted(g, columns, edges, weight, density), edges


@symbolic("aten::histogramdd.int_bins", since=9)
def histogramdd_of_equal_bins(
    g: Emitter,
    self: Tensor,
    bins: int,
    range: list[float] | None = None,
    weight: Tensor | None = None,
    density: bool = False,
) -> Any:
    """histogramdd.int_bins(Tensor self, int bins, float[]? range=None, Tensor? weight=None, bool density=False)
    -> (Tensor hist, Tensor[] bin_edges)
    """
    count = shapes.size(g, self, -1)
    if not isinstance(count, int):
        raise NotConstant("how many coordinates a point has depends on a dynamic axis", argument="self")
    return histogramdd(g, self, [bins] * count, range, weight, density)


@symbolic("aten::histogramdd.TensorList_bins", since=9)
def histogramdd_of_edges(
    g: Emitter,
    self: Tensor,
    bins: list[Tensor],
    weight: Tensor | None = None,
    density: bool = False,
) -> Any:
    """histogramdd.TensorList_bins(Tensor self, Tensor[] bins, float[]? range=None, Tensor? weight=None,
    bool density=False) -> (Tensor hist, Tensor[] bin_edges)
    """
    edges = [g.cast(edge, g.dtype(self)) for edge in bins]
    hist = _counted(g, _columns(g, self, len(bins)), edges, weight, density)
    return hist, [g.op("Identity", edge) for edge in edges]
