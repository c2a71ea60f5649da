"""Sampling at the places that a grid names, and grids from affine maps.

GridSample takes images from opset 16 on and volumes from 20 on; below, the neighbours of each place are gathered and weighted.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import onnx_ir as ir

from onnx_explore.emit import Emitter, forms, shapes
from onnx_explore.emit.forms.comparison import greater_or_equal, less_or_equal, round_even, trunc, where
from onnx_explore.errors import UnsupportedOperatorError
from onnx_explore.symbolic.annotations import Dim, Tensor
from onnx_explore.symbolic.aten.reduce import widened
from onnx_explore.symbolic.registry import symbolic

_PADDING = ("zeros", "border", "reflection")
_BEFORE_20 = ("bilinear", "nearest", "bicubic")
_FROM_20 = ("linear", "nearest", "cubic")


@symbolic(
    "aten::grid_sampler",
    "aten::grid_sampler_2d",
    "aten::grid_sampler_3d",
    "aten::_grid_sampler_2d_cpu_fallback",
    since=9,
)
def grid_sampler(
    g: Emitter, input: Tensor, grid: Tensor, interpolation_mode: int, padding_mode: int, align_corners: bool
) -> Tensor:
    """grid_sampler(Tensor input, Tensor grid, int interpolation_mode, int padding_mode, bool align_corners) ->
    Tensor
    """
    return _Sampler(g, input, grid, padding_mode, align_corners).sample(interpolation_mode)


@grid_sampler.since(16)
def _(
    g: Emitter, input: Tensor, grid: Tensor, interpolation_mode: int, padding_mode: int, align_corners: bool
) -> Tensor:
    if g.rank(input) != 4 or input.dtype == ir.DataType.DOUBLE:  # ONNX Runtime has no kernel for doubles before 20
        return _Sampler(g, input, grid, padding_mode, align_corners).sample(interpolation_mode)
    return _native(g, input, grid, _BEFORE_20[interpolation_mode], padding_mode, align_corners)


@grid_sampler.since(20)
def _(
    g: Emitter, input: Tensor, grid: Tensor, interpolation_mode: int, padding_mode: int, align_corners: bool
) -> Tensor:
    return _native(g, input, grid, _FROM_20[interpolation_mode], padding_mode, align_corners)


def _native(g: Emitter, x: Tensor, grid: Tensor, mode: str, padding_mode: int, align_corners: bool) -> Tensor:
    grid = widened(g, grid)
    return g.op(
        "GridSample",
        widened(g, x),
        grid,
        mode=mode,
        padding_mode=_PADDING[padding_mode],
        align_corners=int(align_corners),
    )


class _Sampler:
    """Gathers and weights the neighbours.

    Places are (batch, 1, points); axes count from the outermost (depth, height, width).
    """

    def __init__(self, g: Emitter, x: Tensor, grid: Tensor, padding_mode: int, align_corners: bool) -> None:
        x = widened(g, x)
        self.g, self.x, self.grid = g, x, grid
        self.dtype = g.dtype(x)
        self.padding = _PADDING[padding_mode]
        self.corners = align_corners
        self.spatial = g.rank(x) - 2
        self.sizes = [shapes.size(g, x, axis + 2) for axis in range(self.spatial)]
        self.planes = forms.reshape(g, x, [shapes.size(g, x, 0), shapes.size(g, x, 1), -1])

    def sample(self, mode: int) -> Tensor:
        g = self.g
        places = [self.unnormalized(axis) for axis in range(self.spatial)]
        if mode == 1:
            result = self.gathered([round_even(g, self.padded(p, axis)) for axis, p in enumerate(places)])
        elif mode == 0:
            result = self.linear([self.padded(place, axis) for axis, place in enumerate(places)])
        else:
            result = self.cubic(places)
        outer = [shapes.size(g, self.x, 0), shapes.size(g, self.x, 1)]
        return forms.reshape(
            g, result, [*outer, *[shapes.size(g, self.grid, axis + 1) for axis in range(self.spatial)]]
        )

    def number(self, value: float) -> Tensor:
        return self.g.const(value, self.dtype)

    def size(self, axis: int, more: int = 0) -> Tensor:
        size = self.sizes[axis]
        if isinstance(size, int):
            return self.number(size + more)
        return self.g.cast(shapes.as_scalar(self.g, shapes.add(self.g, size, more)), self.dtype)

    def unnormalized(self, axis: int) -> Tensor:
        """-1 … 1 as element numbers; the grid's last dimension starts with the innermost axis."""
        g = self.g
        column = forms.select(g, self.grid, self.spatial + 1, self.spatial - 1 - axis)
        place = forms.reshape(g, g.cast(column, self.dtype), [shapes.size(g, self.grid, 0), 1, -1])
        half = self.number(0.5)
        if self.corners:
            return g.op("Mul", g.op("Add", place, self.number(1)), g.op("Mul", self.size(axis, -1), half))
        moved = g.op("Mul", g.op("Add", place, self.number(1)), self.size(axis))
        return g.op("Mul", g.op("Sub", moved, self.number(1)), half)

    def padded(self, place: Tensor, axis: int) -> Tensor:
        """The place moved into the tensor, but for zero padding."""
        if self.padding == "reflection":
            place = self.reflected(place, axis)
        return place if self.padding == "zeros" else self.clamped(place, axis)

    def clamped(self, place: Tensor, axis: int) -> Tensor:
        return self.g.op("Min", forms.clip(self.g, place, 0, None), self.size(axis, -1))

    def reflected(self, place: Tensor, axis: int) -> Tensor:
        """Reflected at -0.5 and size - 0.5, or at 0 and size - 1 with aligned corners."""
        g = self.g
        low = self.number(0.0 if self.corners else -0.5)
        span = self.size(axis, -1 if self.corners else 0)
        if self.corners and self.sizes[axis] == 1:
            return g.op("Mul", place, self.number(0))
        distance = g.op("Abs", g.op("Sub", place, low))
        turns = g.op("Floor", g.op("Div", distance, span))
        rest = g.op("Sub", distance, g.op("Mul", turns, span))
        odd = g.op("Sub", turns, g.op("Mul", self.number(2), g.op("Floor", g.op("Mul", turns, self.number(0.5)))))
        back = g.op("Sub", span, rest)
        return g.op("Add", low, where(g, g.op("Greater", odd, self.number(0.5)), back, rest))

    def gathered(self, places: Sequence[Tensor]) -> Tensor:
        """(batch, channel, points): the elements at whole-numbered places; 0 outside."""
        g = self.g
        inside: Tensor | None = None
        index: Tensor | None = None
        for axis, place in enumerate(places):
            within = self.clamped(place, axis)
            if self.padding == "zeros":
                valid = g.op(
                    "And",
                    greater_or_equal(g, place, self.number(0)),
                    less_or_equal(g, place, self.size(axis, -1)),
                )
                inside = valid if inside is None else g.op("And", inside, valid)
            whole = g.cast(within, ir.DataType.INT64)
            if index is None:
                index = whole
            else:
                index = g.op("Add", g.op("Mul", index, shapes.as_scalar(g, self.sizes[axis])), whole)
        assert index is not None
        batch, points = shapes.size(g, self.grid, 0), shapes.product(g, self.output_sizes())
        index = forms.expand(g, index, [batch, shapes.size(g, self.x, 1), points])
        values = forms.gather_elements(g, self.planes, index, 2)
        return values if inside is None else where(g, inside, values, self.number(0))

    def output_sizes(self) -> list[Dim]:
        return [shapes.size(self.g, self.grid, axis + 1) for axis in range(self.spatial)]

    def linear(self, places: Sequence[Tensor]) -> Tensor:
        g = self.g
        lower = [g.op("Floor", place) for place in places]
        upper = [g.op("Add", place, self.number(1)) for place in lower]
        share = [g.op("Sub", place, base) for place, base in zip(places, lower, strict=True)]
        rest = [g.op("Sub", self.number(1), part) for part in share]
        corners = [
            (
                [(lower, upper)[bit][axis] for axis, bit in enumerate(bits)],
                [(rest, share)[bit][axis] for axis, bit in enumerate(bits)],
            )
            for bits in itertools.product((0, 1), repeat=self.spatial)
        ]
        return self.weighted(corners)

    def cubic(self, places: Sequence[Tensor]) -> Tensor:
        """Four neighbours along each axis, each moved into the tensor on its own."""
        if self.spatial != 2:
            raise UnsupportedOperatorError("bicubic sampling takes images only")
        g = self.g
        base = [g.op("Floor", place) for place in places]
        taps: list[list[tuple[Tensor, Tensor]]] = []
        for axis, place in enumerate(places):
            t = g.op("Sub", place, base[axis])
            weights = self.cubic_weights(t)
            rows: list[tuple[Tensor, Tensor]] = []
            for offset, weight in zip((-1, 0, 1, 2), weights, strict=True):
                neighbour = g.op("Add", base[axis], self.number(offset))
                rows.append((self.whole(self.padded(neighbour, axis)), weight))
            taps.append(rows)
        return self.weighted(
            [([row[0], column[0]], [row[1], column[1]]) for row, column in itertools.product(taps[0], taps[1])]
        )

    def whole(self, place: Tensor) -> Tensor:
        return trunc(self.g, place) if self.padding == "reflection" else place

    def cubic_weights(self, t: Tensor) -> list[Tensor]:
        """Keys' kernel with a = -0.75 at distances 1 + t, t, 1 - t, 2 - t."""
        g, a = self.g, -0.75
        u = g.op("Sub", self.number(1), t)

        def near(x: Tensor) -> Tensor:
            inner = g.op("Sub", g.op("Mul", self.number(a + 2), x), self.number(a + 3))
            return g.op("Add", g.op("Mul", g.op("Mul", inner, x), x), self.number(1))

        def far(x: Tensor) -> Tensor:
            y = g.op("Add", x, self.number(1))
            inner = g.op("Sub", g.op("Mul", self.number(a), y), self.number(5 * a))
            inner = g.op("Add", g.op("Mul", inner, y), self.number(8 * a))
            return g.op("Sub", g.op("Mul", inner, y), self.number(4 * a))

        return [far(t), near(t), near(u), far(u)]

    def weighted(self, corners: Sequence[tuple[list[Tensor], list[Tensor]]]) -> Tensor:
        g = self.g
        total: Tensor | None = None
        for places, weights in corners:
            weight = weights[0]
            for more in weights[1:]:
                weight = g.op("Mul", weight, more)
            part = g.op("Mul", self.gathered(places), weight)
            total = part if total is None else g.op("Add", total, part)
        assert total is not None
        return total


@symbolic("aten::affine_grid_generator")
def affine_grid_generator(g: Emitter, theta: Tensor, size: list[Dim], align_corners: bool) -> Tensor:
    """affine_grid_generator(Tensor theta, SymInt[] size, bool align_corners) -> Tensor"""
    return _mapped(g, theta, size, align_corners)


@affine_grid_generator.since(20)
def _(g: Emitter, theta: Tensor, size: list[Dim], align_corners: bool) -> Tensor:
    if align_corners and any(length == 1 for length in size[2:]):
        # PyTorch places the only element in the middle, ONNX Runtime at -1.
        return _mapped(g, theta, size, align_corners)
    return g.op("AffineGrid", theta, shapes.vector(g, size), align_corners=int(align_corners))


def _mapped(g: Emitter, theta: Tensor, size: list[Dim], align_corners: bool) -> Tensor:
    """The map applied to every point of the regular grid."""
    spatial = size[2:]
    count = len(spatial)
    lines = [_line(g, length, align_corners, g.dtype(theta)) for length in spatial]
    # (points…, 1): one coordinate each, the innermost axis first, then a 1 for the translation.
    columns: list[Tensor] = []
    for axis in reversed(range(count)):
        spread = forms.unsqueeze(g, lines[axis], [item for item in range(count + 1) if item != axis])
        columns.append(forms.expand(g, spread, [*spatial, 1]))
    ones = forms.expand(g, forms.unsqueeze(g, g.const([1.0], g.dtype(theta)), list(range(count))), [*spatial, 1])
    points = forms.reshape(g, g.op("Concat", *columns, ones, axis=count), [-1, count + 1])
    grid = g.op("MatMul", points, g.op("Transpose", theta, perm=[0, 2, 1]))
    return forms.reshape(g, grid, [size[0], *spatial, count])


def _line(g: Emitter, length: Dim, align_corners: bool, dtype: ir.DataType) -> Tensor:
    """``length`` coordinates between -1 and 1: of the outermost elements' centres, or of their outer edges."""
    if isinstance(length, int):
        if align_corners:
            step = 2 / (length - 1) if length > 1 else 0.0
            return g.const([index * step - 1 if length > 1 else 0.0 for index in range(length)], dtype)
        return g.const([(2 * index + 1) / length - 1 for index in range(length)], dtype)
    index = g.cast(forms.iota(g, length), dtype)
    one, two = g.const(1, dtype), g.const(2, dtype)
    total = g.cast(shapes.as_scalar(g, length), dtype)
    if align_corners:
        return g.op("Sub", g.op("Div", g.op("Mul", index, two), g.op("Sub", total, one)), one)
    return g.op("Sub", g.op("Div", g.op("Add", g.op("Mul", index, two), one), total), one)
