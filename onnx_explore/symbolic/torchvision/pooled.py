"""Bins of whole elements, of which the largest or the mean counts: MaxRoiPool up to opset 21; else they are gathered."""

from __future__ import annotations

from dataclasses import dataclass

import onnx_ir as ir

from onnx_explore.emit import Emitter, forms, shapes
from onnx_explore.emit.algebra import add, div, mul
from onnx_explore.emit.forms.comparison import equal, finite_range, trunc, where
from onnx_explore.symbolic.annotations import Tensor
from onnx_explore.symbolic.registry import symbolic
from onnx_explore.symbolic.torchvision.regions import INT64, Regions, of_columns, of_rows, shaped

_BEHIND = 2**31 - 1  # no element is at this place


@dataclass(frozen=True, slots=True)
class _Span:
    """Along one axis, the elements of each bin, (regions, bins, samples)."""

    index: Tensor
    inside: Tensor
    length: Tensor


class _Pooled(Regions):
    """Bins of whole elements; neighbouring ones may overlap."""

    def span(self, axis: int, more: int, limit: int) -> _Span:
        """The elements along an axis.

        Args:
            axis: 0 for the height, 1 for the width.
            more: How many elements a region has besides the difference of its rounded corners.
            limit: Where bins end at the latest, from the end of the axis.
        """
        g = self.g
        start, end = (_rounded(g, edge) for edge in self.edges[axis])
        extent = forms.clip(g, add(g, g.op("Sub", end, start), more), 1, None)
        size = div(g, extent, self.pooled[axis])
        bound = self.number(shapes.sub(g, self.sizes[axis], limit))
        ends = [
            g.op("Min", forms.clip(g, g.op("Add", g.op(op_type, g.op("Mul", bins, size)), start), 0, None), bound)
            for op_type, bins in (("Floor", self.bins(axis)), ("Ceil", self.bins(axis, 1)))
        ]
        length = forms.clip(g, g.op("Sub", ends[1], ends[0]), 0, None)
        step = g.cast(forms.iota(g, self.most(length)), self.dtype)
        last = self.number(shapes.sub(g, self.sizes[axis], 1))
        index = g.cast(g.op("Min", g.op("Add", ends[0], step), last), INT64)
        return _Span(index, g.op("Less", step, length), length)

    def largest(self) -> tuple[Tensor, Tensor]:
        """Per bin the largest element, 0 for none, and where it is in its plane, -1 for none."""
        g = self.g
        y, x = self.span(0, 1, 0), self.span(1, 1, 0)
        inside = forms.unsqueeze(g, g.op("And", of_rows(g, y.inside), of_columns(g, x.inside)), [5])
        lowest = finite_range(self.dtype)[0]
        elements = where(g, inside, self.gathered(y.index, x.index), g.const(lowest, self.dtype))
        most = forms.reduce(g, "ReduceMax", elements, [3, 4], keepdims=True)
        hit = g.op("And", inside, equal(g, elements, most))
        line = g.op("Mul", of_rows(g, y.index), shapes.as_scalar(g, self.sizes[1]))
        place = forms.unsqueeze(g, g.op("Add", line, of_columns(g, x.index)), [5])
        first = forms.reduce(g, "ReduceMin", where(g, hit, place, g.const(_BEHIND)), [3, 4])
        some = g.op("Greater", g.op("Mul", of_rows(g, y.length), of_columns(g, x.length)), g.const(0, self.dtype))
        some = forms.squeeze(g, some, [3])
        values = where(g, some, forms.squeeze(g, most, [3, 4]), g.const(0, self.dtype))
        place = g.cast(where(g, some, first, g.const(-1)), ir.DataType.INT32)
        return self.channels_first(values), self.channels_first(place)

    def mean(self) -> Tensor:
        """Per bin the mean, 0 for none."""
        g = self.g
        y, x = self.span(0, 0, 1), self.span(1, 0, 1)
        inside = forms.unsqueeze(g, g.op("And", of_rows(g, y.inside), of_columns(g, x.inside)), [5])
        masked = where(g, inside, self.gathered(y.index, x.index), g.const(0, self.dtype))
        area = forms.squeeze(g, g.op("Mul", of_rows(g, y.length), of_columns(g, x.length)), [3])
        total = forms.reduce(g, "ReduceSum", masked, [3, 4])
        return self.channels_first(g.op("Div", total, forms.clip(g, area, 1, None)))


def _rounded(g: Emitter, x: Tensor) -> Tensor:
    """To the nearest integer, halves away from zero, as C rounds."""
    whole = trunc(g, x)
    rest = g.op("Sub", x, whole)
    return add(g, whole, trunc(g, mul(g, rest, 2)))


@symbolic("torchvision::roi_pool", since=9)
def roi_pool(
    g: Emitter, input: Tensor, rois: Tensor, spatial_scale: float, pooled_height: int, pooled_width: int
) -> tuple[Tensor, Tensor]:
    """torchvision::roi_pool(Tensor input, Tensor rois, float spatial_scale, SymInt pooled_height, SymInt pooled_width)
    -> (Tensor, Tensor)
    """
    largest, place = _Pooled(g, input, rois, spatial_scale, (pooled_height, pooled_width)).largest()
    if input.dtype == ir.DataType.FLOAT:  # the places are gathered, and dropped where nothing uses them
        pooled = (pooled_height, pooled_width)
        made = g.op("MaxRoiPool", input, rois, pooled_shape=list(pooled), spatial_scale=float(spatial_scale))
        largest = shaped(made, input, rois, pooled)
    return largest, place


@roi_pool.since(22)  # ONNX Runtime has no kernel for MaxRoiPool-22
def _(
    g: Emitter, input: Tensor, rois: Tensor, spatial_scale: float, pooled_height: int, pooled_width: int
) -> tuple[Tensor, Tensor]:
    return _Pooled(g, input, rois, spatial_scale, (pooled_height, pooled_width)).largest()


@symbolic("torchvision::ps_roi_pool", since=9)
def ps_roi_pool(
    g: Emitter, input: Tensor, rois: Tensor, spatial_scale: float, pooled_height: int, pooled_width: int
) -> tuple[Tensor, Tensor]:
    """torchvision::ps_roi_pool(Tensor input, Tensor rois, float spatial_scale, SymInt pooled_height, SymInt
    pooled_width) -> (Tensor, Tensor)

    A bin ends before the last row and column, whatever the region.
    """
    regions = _Pooled(g, input, rois, spatial_scale, (pooled_height, pooled_width), position_sensitive=True)
    return regions.mean(), regions.channel_mapping()
