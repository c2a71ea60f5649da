"""Bins as means of bilinear samples: RoiAlign from opset 10 to 21, where it can; else the samples are gathered."""

from __future__ import annotations

from dataclasses import dataclass

from onnx_explore.emit import Emitter, forms, shapes
from onnx_explore.emit.algebra import add, div, sub
from onnx_explore.emit.forms.comparison import greater_or_equal, less_or_equal, where
from onnx_explore.symbolic.annotations import Tensor
from onnx_explore.symbolic.aten.reduce import widened
from onnx_explore.symbolic.registry import symbolic
from onnx_explore.symbolic.torchvision.regions import INT64, Regions, of_columns, of_rows, shaped


@dataclass(frozen=True, slots=True)
class _Samples:
    """Along one axis, (regions, bins, samples) each: element numbers as int64, and what they count for."""

    index: Tensor
    weight: Tensor


class _Aligned(Regions):
    """Bins that are the mean of bilinear samples at regular places."""

    half_pixel = True
    at_least_one = False

    def mean(self, sampling_ratio: int) -> Tensor:
        """The bins.

        Args:
            sampling_ratio: Samples along each axis of a bin; 0 or less: about one for each element.
        """
        g = self.g
        axes = [self.samples(axis, sampling_ratio) for axis in range(2)]
        total: Tensor | None = None
        for y in axes[0][0]:
            for x in axes[1][0]:
                weight = g.op("Mul", of_rows(g, y.weight), of_columns(g, x.weight))
                part = g.op("Mul", self.gathered(y.index, x.index), forms.unsqueeze(g, weight, [5]))
                total = part if total is None else g.op("Add", total, part)
        assert total is not None
        number = g.op("Mul", axes[0][1], axes[1][1])
        if not self.position_sensitive and sampling_ratio <= 0:
            number = forms.clip(g, number, 1, None)
        if sampling_ratio <= 0:
            number = forms.unsqueeze(g, number, [3])
        return self.channels_first(g.op("Div", forms.reduce(g, "ReduceSum", total, [3, 4]), number))

    def samples(self, axis: int, ratio: int) -> tuple[tuple[_Samples, _Samples], Tensor]:
        """The lower and the upper neighbours along an axis, and how many samples there are in a bin."""
        g = self.g
        start, end = self.edges[axis]
        if self.half_pixel:
            start, end = sub(g, start, 0.5), sub(g, end, 0.5)
        extent = g.op("Sub", end, start)
        if self.at_least_one:
            extent = forms.clip(g, extent, 1, None)
        size = div(g, extent, self.pooled[axis])
        number, most = (g.const(ratio, self.dtype), ratio) if ratio > 0 else (g.op("Ceil", size), 0)
        sample = g.cast(forms.iota(g, most if ratio > 0 else self.most(number)), self.dtype)
        within = g.op("Div", g.op("Mul", add(g, sample, 0.5), size), number)
        place = g.op("Add", g.op("Add", g.op("Mul", self.bins(axis), size), start), within)
        counts = g.op(
            "And", greater_or_equal(g, place, g.like(-1, place)), less_or_equal(g, place, self.number(self.sizes[axis]))
        )
        if ratio <= 0:
            counts = g.op("And", counts, g.op("Less", sample, number))
        return self.neighbours(place, counts, axis), number

    def neighbours(self, place: Tensor, counts: Tensor, axis: int) -> tuple[_Samples, _Samples]:
        g = self.g
        last = self.number(shapes.sub(g, self.sizes[axis], 1))
        # Samples that do not count may lie anywhere, at infinity or nowhere (0/0): their place is made 0.
        place = where(g, counts, place, g.like(0, place)) if g.opset >= 9 else place
        place = g.op("Min", forms.clip(g, place, 0, None), last)
        below = g.op("Floor", place)
        above = g.op("Min", add(g, below, 1), last)
        share = g.op("Sub", place, below)
        valid = g.cast(counts, self.dtype)
        return (
            _Samples(g.cast(below, INT64), g.op("Mul", sub(g, 1, share), valid)),
            _Samples(g.cast(above, INT64), g.op("Mul", share, valid)),
        )


class _AlignedFromEdges(_Aligned):
    """The older convention: no shift by half an element, regions are at least one element wide."""

    half_pixel = False
    at_least_one = True


@symbolic("torchvision::roi_align", since=8)
def roi_align(
    g: Emitter,
    input: Tensor,
    rois: Tensor,
    spatial_scale: float,
    pooled_height: int,
    pooled_width: int,
    sampling_ratio: int,
    aligned: bool,
) -> Tensor:
    """torchvision::roi_align(Tensor input, Tensor rois, float spatial_scale, SymInt pooled_height, SymInt pooled_width,
    int sampling_ratio, bool aligned) -> Tensor
    """
    regions = _Aligned if aligned else _AlignedFromEdges
    return regions(g, input, rois, spatial_scale, (pooled_height, pooled_width)).mean(sampling_ratio)


@roi_align.since(10)
def _(
    g: Emitter,
    input: Tensor,
    rois: Tensor,
    spatial_scale: float,
    pooled_height: int,
    pooled_width: int,
    sampling_ratio: int,
    aligned: bool,
) -> Tensor:
    if aligned:  # an attribute from opset 16 on
        return _Aligned(g, input, rois, spatial_scale, (pooled_height, pooled_width)).mean(sampling_ratio)
    return _native_align(g, input, rois, spatial_scale, (pooled_height, pooled_width), sampling_ratio, None)


@roi_align.since(16)
def _(
    g: Emitter,
    input: Tensor,
    rois: Tensor,
    spatial_scale: float,
    pooled_height: int,
    pooled_width: int,
    sampling_ratio: int,
    aligned: bool,
) -> Tensor:
    mode = "half_pixel" if aligned else "output_half_pixel"
    return _native_align(g, input, rois, spatial_scale, (pooled_height, pooled_width), sampling_ratio, mode)


@roi_align.since(22)  # ONNX Runtime has no kernel for RoiAlign-22
def _(
    g: Emitter,
    input: Tensor,
    rois: Tensor,
    spatial_scale: float,
    pooled_height: int,
    pooled_width: int,
    sampling_ratio: int,
    aligned: bool,
) -> Tensor:
    regions = _Aligned if aligned else _AlignedFromEdges
    return regions(g, input, rois, spatial_scale, (pooled_height, pooled_width)).mean(sampling_ratio)


def _native_align(
    g: Emitter, x: Tensor, rois: Tensor, scale: float, pooled: tuple[int, int], ratio: int, mode: str | None
) -> Tensor:
    x = widened(g, x)
    rois = g.cast(rois, g.dtype(x))
    corners = forms.slice_axes(g, rois, [1], [5], [1])
    if mode == "half_pixel" and ratio <= 0:
        # ONNX Runtime crashes where the last corner is before the first; without any extent the result is 0, too.
        first, last = (forms.slice_axes(g, rois, [place], [place + 2], [1]) for place in (1, 3))
        corners = g.op("Concat", first, g.op("Max", first, last), axis=1)
    made = g.op(
        "RoiAlign",
        x,
        corners,
        g.cast(forms.select(g, rois, 1, 0), INT64),
        output_height=pooled[0],
        output_width=pooled[1],
        sampling_ratio=max(ratio, 0),
        spatial_scale=float(scale),
        mode="avg",
        coordinate_transformation_mode=mode,
    )
    return shaped(made, x, rois, pooled)


@symbolic("torchvision::ps_roi_align", since=8)
def ps_roi_align(
    g: Emitter,
    input: Tensor,
    rois: Tensor,
    spatial_scale: float,
    pooled_height: int,
    pooled_width: int,
    sampling_ratio: int,
) -> tuple[Tensor, Tensor]:
    """torchvision::ps_roi_align(Tensor input, Tensor rois, float spatial_scale, SymInt pooled_height, SymInt
    pooled_width, int sampling_ratio) -> (Tensor, Tensor)
    """
    regions = _Aligned(g, input, rois, spatial_scale, (pooled_height, pooled_width), position_sensitive=True)
    return regions.mean(sampling_ratio), regions.channel_mapping()
