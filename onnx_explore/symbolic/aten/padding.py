"""Padding: constant, reflecting, replicating and circular, by any mix of positive and negative amounts."""

from __future__ import annotations

from collections.abc import Callable

import onnx_ir as ir

from onnx_explore.emit import Emitter, forms, shapes
from onnx_explore.errors import UnsupportedOperatorError
from onnx_explore.symbolic.annotations import Dim, Scalar, Tensor
from onnx_explore.symbolic.promotion import is_float
from onnx_explore.symbolic.registry import Function, symbolic, table


@symbolic("aten::constant_pad_nd")
def constant_pad_nd(g: Emitter, self: Tensor, pad: list[Dim], value: Scalar = 0) -> Tensor:
    """constant_pad_nd(Tensor self, SymInt[] pad, Scalar value=0) -> Tensor"""
    before, after = _by_axis(g, self, pad)
    if all(amount == 0 for amount in [*before, *after]):
        return self
    if isinstance(value, ir.Value | complex):
        raise UnsupportedOperatorError("the value to pad with is only known when the model runs")
    return forms.pad(g, self, before, after, "constant", value if is_float(self) else int(value))


@symbolic("aten::pad")
def pad(g: Emitter, self: Tensor, pad: list[Dim], mode: str = "constant", value: float | None = None) -> Tensor:
    """pad(Tensor self, SymInt[] pad, str mode="constant", float? value=None) -> Tensor"""
    if mode == "constant":
        return constant_pad_nd(g, self, pad, value if value is not None else 0)
    if mode not in _MODES:
        raise UnsupportedOperatorError(f"padding mode '{mode}' is not one of constant, {', '.join(_MODES)}")
    return _pad(g, self, pad, mode)


@symbolic("aten::_pad_circular")
def pad_circular(g: Emitter, self: Tensor, pad: list[Dim]) -> Tensor:
    """_pad_circular(Tensor self, SymInt[] pad) -> Tensor"""
    return _pad(g, self, pad, "circular")


_MODES = ("reflect", "replicate", "circular")


def _padding(mode: str) -> Function:
    def padded(g: Emitter, self: Tensor, padding: list[Dim]) -> Tensor:
        return _pad(g, self, padding, mode)

    return padded


def _named(mode: str) -> Callable[[str], Function]:
    return lambda _op_type: _padding(mode)


table({f"aten::reflection_pad{dims}d": "Pad" for dims in (1, 2, 3)}, _named("reflect"))
table({f"aten::replication_pad{dims}d": "Pad" for dims in (1, 2, 3)}, _named("replicate"))


def _by_axis(g: Emitter, x: Tensor, pad: list[Dim]) -> tuple[list[Dim], list[Dim]]:
    """PyTorch's pairs, last axis first, as amounts before and after each axis."""
    rank = g.rank(x)
    if len(pad) % 2 or len(pad) > 2 * rank:
        raise UnsupportedOperatorError(f"{len(pad)} amounts do not pad a tensor of rank {rank}")
    before: list[Dim] = [0] * rank
    after: list[Dim] = [0] * rank
    for pair in range(len(pad) // 2):
        before[rank - 1 - pair], after[rank - 1 - pair] = pad[2 * pair], pad[2 * pair + 1]
    return before, after


def _pad(g: Emitter, x: Tensor, pad: list[Dim], mode: str) -> Tensor:
    before, after = _by_axis(g, x, pad)
    cut = before, after
    if mode != "replicate":
        x = _cropped(g, x, *cut)
    before = [0 if isinstance(amount, int) and amount < 0 else amount for amount in before]
    after = [0 if isinstance(amount, int) and amount < 0 else amount for amount in after]
    if mode == "replicate":  # the edge that is repeated may be cut off itself
        wide = x if all(amount == 0 for amount in [*before, *after]) else forms.pad(g, x, before, after, "edge")
        return _cropped(g, wide, *cut)
    if all(amount == 0 for amount in [*before, *after]):
        return x
    if mode != "circular":
        return forms.pad(g, x, before, after, "reflect")
    for axis, (left, right) in enumerate(zip(before, after, strict=True)):
        x = _wrapped(g, x, axis, left, right)
    return x


def _cropped(g: Emitter, x: Tensor, before: list[Dim], after: list[Dim]) -> Tensor:
    """Negative amounts cut off; ONNX allows them for constant padding, and runtimes for nothing else."""
    axes: list[int] = []
    starts: list[Dim] = []
    ends: list[Dim] = []
    for axis, (left, right) in enumerate(zip(before, after, strict=True)):
        cut_left = -left if isinstance(left, int) and left < 0 else 0
        cut_right = right if isinstance(right, int) and right < 0 else forms.END
        if cut_left or cut_right != forms.END:
            axes.append(axis)
            starts.append(cut_left)
            ends.append(cut_right)
    return forms.slice_axes(g, x, starts, ends, axes) if axes else x


def _wrapped(g: Emitter, x: Tensor, axis: int, left: Dim, right: Dim) -> Tensor:
    """The end of an axis before it, its beginning behind it."""
    size = shapes.size(g, x, axis)
    parts = [x]
    if left != 0:
        parts.insert(0, forms.slice_axes(g, x, [shapes.sub(g, size, left)], [forms.END], [axis]))
    if right != 0:
        parts.append(forms.slice_axes(g, x, [0], [right], [axis]))
    return g.op("Concat", *parts, axis=axis) if len(parts) > 1 else x
