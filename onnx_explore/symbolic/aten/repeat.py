"""Repeating and reordering along a dimension: repeat, tile, repeat_interleave, flip, roll, rot90."""

from __future__ import annotations

from collections.abc import Sequence

import onnx_ir as ir

from onnx_explore.emit import Emitter, forms, shapes
from onnx_explore.symbolic.annotations import Dim, Tensor
from onnx_explore.symbolic.aten.permute import swapped
from onnx_explore.symbolic.registry import symbolic

_FIRST = -(1 << 63) + 1
"""As the end of a slice that runs backwards: through the very first element."""


def tiled(g: Emitter, x: ir.Value, counts: Sequence[Dim]) -> ir.Value:
    """Tile with new dimensions in front where ``counts`` is longer than the rank."""
    x = forms.unsqueeze(g, x, list(range(len(counts) - g.rank(x))))
    if all(isinstance(count, int) and count == 1 for count in counts):
        return x
    result = g.op("Tile", x, shapes.vector(g, counts))
    if result.shape is None:  # counts that nothing is known of
        assert x.shape is not None
        rows = zip(x.shape, counts, strict=True)
        result.shape = ir.Shape([size if count == 1 else g.inference.anonymous() for size, count in rows])
    return result


@symbolic("aten::repeat")
def repeat(g: Emitter, self: Tensor, repeats: list[Dim]) -> Tensor:
    """repeat(Tensor self, SymInt[] repeats) -> Tensor"""
    return tiled(g, self, repeats)


@symbolic("aten::tile")
def tile(g: Emitter, self: Tensor, dims: list[Dim]) -> Tensor:
    """tile(Tensor self, SymInt[] dims) -> Tensor: too few counts are filled up with ones in front"""
    return tiled(g, self, [*[1] * (g.rank(self) - len(dims)), *dims])


@symbolic("aten::repeat_interleave.self_int")
def repeat_interleave(
    g: Emitter, self: Tensor, repeats: Dim, dim: int | None = None, output_size: Dim | None = None
) -> Tensor:
    """repeat_interleave.self_int(Tensor self, SymInt repeats, int? dim=None, *, SymInt? output_size=None) -> Tensor"""
    x = forms.reshape(g, self, [-1]) if dim is None or g.rank(self) == 0 else self
    axis = 0 if dim is None else g.axis(x, dim)
    sizes = shapes.sizes(g, x)
    counts: list[Dim] = [1] * (len(sizes) + 1)
    counts[axis + 1] = repeats
    spread = tiled(g, forms.unsqueeze(g, x, [axis + 1]), counts)
    return forms.reshape(g, spread, [*sizes[:axis], shapes.mul(g, sizes[axis], repeats), *sizes[axis + 1 :]])


@symbolic("aten::repeat_interleave.self_Tensor")
def repeat_interleave_tensor(
    g: Emitter, self: Tensor, repeats: Tensor, dim: int | None = None, output_size: Dim | None = None
) -> Tensor:
    """repeat_interleave.self_Tensor(Tensor self, Tensor repeats, int? dim=None, *, SymInt? output_size=None) -> Tensor"""
    x = forms.reshape(g, self, [-1]) if dim is None or g.rank(self) == 0 else self
    axis = 0 if dim is None else g.axis(x, dim)
    assert repeats.shape is not None
    if len(repeats.shape) == 0 or repeats.shape[0] == 1:
        count = repeats if len(repeats.shape) == 0 else forms.squeeze(g, repeats, [0])
        return repeat_interleave(g, x, shapes.simplified(g, g.cast(count, ir.DataType.INT64)), axis)
    return g.op("Gather", x, _owners(g, repeats), axis=axis)


@symbolic("aten::repeat_interleave.Tensor")
def repeat_interleave_indices(g: Emitter, repeats: Tensor, output_size: Dim | None = None) -> Tensor:
    """repeat_interleave.Tensor(Tensor repeats, *, SymInt? output_size=None) -> Tensor: index i, repeats[i] times"""
    return _owners(g, repeats)


def _owners(g: Emitter, repeats: ir.Value) -> ir.Value:
    """``[0, 0, 2]`` for ``[2, 0, 1]``: the row of each true element of ``column < repeats[row]``, in order."""
    g.requires(9, "NonZero")
    repeats = g.cast(repeats, ir.DataType.INT64)
    most = forms.reduce(g, "ReduceMax", g.op("Concat", repeats, g.const([0]), axis=0), [0])
    inside = g.op("Less", forms.iota(g, shapes.simplified(g, most)), forms.unsqueeze(g, repeats, [1]))
    return g.op("Gather", g.op("NonZero", inside), g.const(0), axis=0)


def flipped(g: Emitter, x: ir.Value, axes: Sequence[int]) -> ir.Value:
    """The elements in reverse order along some dimensions."""
    assert x.shape is not None
    axes = [axis for axis in axes if x.shape[axis] != 1]
    if not axes:
        return x
    count = len(axes)
    return forms.slice_axes(g, x, [-1] * count, [_FIRST] * count, axes, [-1] * count)


@symbolic("aten::flip")
def flip(g: Emitter, self: Tensor, dims: list[int]) -> Tensor:
    """flip(Tensor self, int[] dims) -> Tensor"""
    return flipped(g, self, [g.axis(self, dim) for dim in dims]) if g.rank(self) else self


@symbolic("aten::fliplr")
def fliplr(g: Emitter, self: Tensor) -> Tensor:
    """fliplr(Tensor self) -> Tensor"""
    return flipped(g, self, [1])


@symbolic("aten::flipud")
def flipud(g: Emitter, self: Tensor) -> Tensor:
    """flipud(Tensor self) -> Tensor"""
    return flipped(g, self, [0])


@symbolic("aten::rot90")
def rot90(g: Emitter, self: Tensor, k: int = 1, dims: list[int] = [0, 1]) -> Tensor:  # noqa: B006
    """rot90(Tensor self, int k=1, int[] dims=[0, 1]) -> Tensor"""
    first, second = (g.axis(self, dim) for dim in dims)
    match k % 4:
        case 0:
            return self
        case 1:
            return swapped(g, flipped(g, self, [second]), first, second)
        case 2:
            return flipped(g, self, [first, second])
        case _:
            return swapped(g, flipped(g, self, [first]), first, second)


@symbolic("aten::roll")
def roll(g: Emitter, self: Tensor, shifts: list[Dim], dims: list[int] = []) -> Tensor:  # noqa: B006
    """roll(Tensor self, SymInt[1] shifts, int[1] dims=[]) -> Tensor: without dims, the flattened tensor is rolled"""
    if g.rank(self) == 0:
        return self
    if not dims:
        rolled = _rolled(g, forms.reshape(g, self, [-1]), shifts[0], 0)
        return forms.reshape(g, rolled, shapes.sizes(g, self))
    x = self
    for shift, dim in zip(shifts, dims, strict=True):
        x = _rolled(g, x, shift, g.axis(self, dim))
    return x


def _rolled(g: Emitter, x: ir.Value, shift: Dim, axis: int) -> ir.Value:
    length = shapes.size(g, x, axis)
    start: Dim
    if isinstance(shift, int) and isinstance(length, int):
        start = -shift % length if length else 0
        if start == 0:
            return x
    elif isinstance(shift, int) and shift in (0, 1, -1):
        start = -shift  # in range for every length
        if start == 0:
            return x
    else:
        start = _remainder(g, g.op("Neg", shapes.as_scalar(g, shift)), shapes.maximum(g, length, 1))
    back = forms.slice_axes(g, x, [start], [forms.END], [axis])
    front = forms.slice_axes(g, x, [0], [start], [axis])
    return g.op("Concat", back, front, axis=axis)


def _remainder(g: Emitter, number: ir.Value, divisor: Dim) -> ir.Value:
    """With the sign of the divisor: Mod from opset 10 on."""
    if g.opset >= 10:
        return g.op("Mod", number, shapes.as_scalar(g, divisor))
    whole = g.op("Mul", g.op("Div", number, shapes.as_scalar(g, divisor)), shapes.as_scalar(g, divisor))
    return forms.wrapped(g, g.op("Sub", number, whole), divisor)
