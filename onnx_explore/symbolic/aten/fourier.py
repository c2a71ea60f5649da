"""The discrete Fourier transforms of ``torch.fft``, of real and of complex tensors, over any dimensions.

A complex tensor is a pair of real and imaginary parts in a last dimension, which is what ONNX's DFT (opset 17) takes and gives;
below that, a transform of known length is a product with the matrix of its cosines and sines.

fft, ifft    every frequency
rfft, ihfft  of real values: the first half of the frequencies, as the others mirror it
irfft, hfft  of such a half: twice the real part of its transform, but that what has no mirror image counts once
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import onnx_ir as ir
import torch

from onnx_explore import dtypes
from onnx_explore.emit import Emitter, forms, shapes
from onnx_explore.emit.forms.comparison import where
from onnx_explore.symbolic.annotations import Dim
from onnx_explore.symbolic.aten.permute import swapped
from onnx_explore.symbolic.binding import materialize
from onnx_explore.symbolic.lowered import Complex as ComplexValue
from onnx_explore.symbolic.lowered import Constant
from onnx_explore.symbolic.promotion import floating
from onnx_explore.symbolic.registry import symbolic

_DOUBLES = (ir.DataType.DOUBLE, ir.DataType.COMPLEX128)


def _pairs(g: Emitter, x: Any) -> ir.Value:
    """The operand, real or complex, as real and imaginary parts (of a real one, the real part alone)."""
    if isinstance(x, ComplexValue):
        return x.pairs
    if isinstance(x, Constant):
        if x.tensor.is_complex():
            return g.tensor(torch.view_as_real(x.tensor.resolve_conj()))
        x = materialize(g, x)
    wanted = ir.DataType.DOUBLE if g.expected in _DOUBLES else ir.DataType.FLOAT
    real = g.cast(x, wanted) if g.expected is not None else floating(g, x)[0]
    return forms.unsqueeze(g, real, [g.rank(real)])


def _whole(g: Emitter, pairs: ir.Value) -> ir.Value:
    """With an imaginary part of 0 if there was none."""
    last = g.rank(pairs) - 1
    assert pairs.shape is not None
    return pairs if pairs.shape[last] == 2 else forms.pad(g, pairs, [0] * (last + 1), [0] * last + [1])


def _resized(g: Emitter, pairs: ir.Value, axis: int, n: Dim) -> ir.Value:
    """Cut, or filled up with zeros, to ``n`` along one axis."""
    if forms.same_size(g, n, pairs, axis):
        return pairs
    missing = shapes.maximum(g, shapes.sub(g, n, shapes.size(g, pairs, axis)), 0)
    if missing != 0:
        after: list[Dim] = [0] * g.rank(pairs)
        after[axis] = missing
        pairs = forms.pad(g, pairs, [0] * g.rank(pairs), after)
    return forms.slice_axes(g, pairs, [0], [n], [axis])


def _dft(g: Emitter, pairs: ir.Value, axis: int, *, inverse: bool) -> ir.Value:
    """The transform along one axis; the inverse one divides by the length."""
    n = shapes.size(g, pairs, axis)
    if g.opset < 17 and isinstance(n, int):
        return _by_matrix(g, _whole(g, pairs), axis, n, inverse=inverse)
    g.requires(17, "a Fourier transform of a length that is only known when the model runs")
    if g.opset >= 20:
        return _shaped(g, g.op("DFT", pairs, None, g.const(axis), inverse=int(inverse)), pairs)
    single = g.rank(pairs) == 2  # DFT 17 wants a batch dimension
    if single:
        pairs, axis = forms.unsqueeze(g, pairs, [0]), axis + 1
    result = _shaped(g, g.op("DFT", pairs, axis=axis, inverse=int(inverse)), pairs)
    return forms.squeeze(g, result, [0]) if single else result


def _shaped(g: Emitter, result: ir.Value, pairs: ir.Value) -> ir.Value:
    assert pairs.shape is not None
    result.dtype, result.shape = g.dtype(pairs), ir.Shape([*pairs.shape[:-1], 2])
    return result


def _by_matrix(g: Emitter, pairs: ir.Value, axis: int, n: int, *, inverse: bool) -> ir.Value:
    dtype = dtypes.to_torch(g.dtype(pairs))
    steps = torch.arange(n, dtype=torch.float64)
    angles = torch.outer(steps, steps).remainder(max(n, 1)) * (2 * math.pi / max(n, 1))
    cosines, sines = angles.cos(), angles.sin() * (1 if inverse else -1)
    if inverse:
        cosines, sines = cosines / n, sines / n
    last = g.rank(pairs) - 1
    real, imaginary = (swapped(g, forms.select(g, pairs, last, part), axis, last - 1) for part in (0, 1))
    c, s = g.tensor(cosines.to(dtype)), g.tensor(sines.to(dtype))
    parts = (
        g.op("Sub", g.op("MatMul", real, c), g.op("MatMul", imaginary, s)),
        g.op("Add", g.op("MatMul", real, s), g.op("MatMul", imaginary, c)),
    )
    columns = [forms.unsqueeze(g, swapped(g, item, axis, last - 1), [last]) for item in parts]
    return g.op("Concat", *columns, axis=last)


def _normalized(g: Emitter, x: ir.Value, sizes: Sequence[Dim], norm: str | None, *, inverse: bool) -> ir.Value:
    """What ``norm`` asks for, after transforms of which the inverse ones divided by their length already."""
    power = {"backward": 0.0, "ortho": 0.5, "forward": 1.0}[norm or "backward"] * (1 if inverse else -1)
    if power == 0:
        return x
    count = shapes.product(g, sizes)
    if isinstance(count, int):
        return g.op("Mul", x, g.const(float(count) ** power, g.dtype(x)))
    return g.op("Mul", x, g.op("Pow", g.cast(count, g.dtype(x)), g.const(power, g.dtype(x))))


def _placed(
    g: Emitter, pairs: ir.Value, s: Sequence[Dim | None] | None, dim: Sequence[int] | None, *, half: bool = False
) -> tuple[list[int], list[Dim]]:
    """Axes, and their lengths; with ``half``, the last axis holds only half of the frequencies."""
    rank = g.rank(pairs) - 1
    if dim is None:
        dim = range(rank) if s is None else range(rank - len(s), rank)
    axes = [each % rank for each in dim]
    sizes: list[Dim] = []
    for number, axis in enumerate(axes):
        wanted = None if s is None else s[number]
        if wanted is None or wanted == -1:
            wanted = shapes.size(g, pairs, axis)
            if half and number == len(axes) - 1:
                wanted = shapes.mul(g, shapes.sub(g, wanted, 1), 2)
        sizes.append(wanted)
    return axes, sizes


def _to_complex(
    g: Emitter, x: Any, s: Sequence[Dim | None] | None, dim: Sequence[int] | None, norm: str | None,
    *, inverse: bool, onesided: bool,
) -> ComplexValue:  # fmt: skip
    pairs = _pairs(g, x)
    axes, sizes = _placed(g, pairs, s, dim)
    for axis, size in zip(axes, sizes, strict=True):
        pairs = _resized(g, pairs, axis, size)
    for number, axis in enumerate(reversed(axes)):
        pairs = _dft(g, pairs, axis, inverse=inverse)
        if onesided and number == 0:
            end = shapes.add(g, shapes.div(g, sizes[-1], 2), 1)
            pairs = forms.slice_axes(g, pairs, [0], [end], [axis])
    return ComplexValue(_normalized(g, _whole(g, pairs), sizes, norm, inverse=inverse))


def _to_real(
    g: Emitter, x: Any, s: Sequence[Dim | None] | None, dim: Sequence[int] | None, norm: str | None, *, inverse: bool
) -> ir.Value:
    pairs = _pairs(g, x)
    axes, sizes = _placed(g, pairs, s, dim, half=True)
    *outer, last = axes
    length = sizes[-1]
    bins = shapes.add(g, shapes.div(g, length, 2), 1)
    for axis, size in zip(axes, [*sizes[:-1], bins], strict=True):
        pairs = _resized(g, pairs, axis, size)
    for axis in outer:
        pairs = _dft(g, pairs, axis, inverse=inverse)
    pairs = g.op("Mul", pairs, _counts(g, pairs, last, bins, length))
    pairs = _dft(g, _resized(g, pairs, last, length), last, inverse=inverse)
    real = forms.select(g, pairs, g.rank(pairs) - 1, 0)
    return _normalized(g, real, sizes, norm, inverse=inverse)


def _counts(g: Emitter, pairs: ir.Value, axis: int, bins: Dim, length: Dim) -> ir.Value:
    """1 for the frequencies that are their own mirror image (0, and half of an even length), else 2."""
    dtype = g.dtype(pairs)
    if isinstance(bins, int) and isinstance(length, int):
        counts = g.const([1.0 if step * 2 in (0, length) else 2.0 for step in range(bins)], dtype)
    else:
        steps = forms.iota(g, bins)
        middle = g.op("Equal", g.op("Mul", steps, g.const(2)), shapes.as_scalar(g, length))
        own = g.op("Or", g.op("Equal", steps, g.const(0)), middle)
        counts = where(g, own, g.const(1.0, dtype), g.const(2.0, dtype))
    return forms.unsqueeze(g, counts, list(range(1, g.rank(pairs) - axis)))


@symbolic("aten::fft_fft", "complex::fft_fft")
def fft(g: Emitter, self: Any, n: Dim | None = None, dim: int = -1, norm: str | None = None) -> ComplexValue:
    """fft_fft(Tensor self, SymInt? n=None, int dim=-1, str? norm=None) -> Tensor"""
    return _to_complex(g, self, [n], [dim], norm, inverse=False, onesided=False)


@symbolic("aten::fft_ifft", "complex::fft_ifft")
def ifft(g: Emitter, self: Any, n: Dim | None = None, dim: int = -1, norm: str | None = None) -> ComplexValue:
    """fft_ifft(Tensor self, SymInt? n=None, int dim=-1, str? norm=None) -> Tensor"""
    return _to_complex(g, self, [n], [dim], norm, inverse=True, onesided=False)


@symbolic("aten::fft_rfft")
def rfft(g: Emitter, self: Any, n: Dim | None = None, dim: int = -1, norm: str | None = None) -> ComplexValue:
    """fft_rfft(Tensor self, SymInt? n=None, int dim=-1, str? norm=None) -> Tensor"""
    return _to_complex(g, self, [n], [dim], norm, inverse=False, onesided=True)


@symbolic("aten::fft_ihfft")
def ihfft(g: Emitter, self: Any, n: Dim | None = None, dim: int = -1, norm: str | None = None) -> ComplexValue:
    """fft_ihfft(Tensor self, SymInt? n=None, int dim=-1, str? norm=None) -> Tensor"""
    return _to_complex(g, self, [n], [dim], norm, inverse=True, onesided=True)


@symbolic("aten::fft_irfft", "complex::fft_irfft")
def irfft(g: Emitter, self: Any, n: Dim | None = None, dim: int = -1, norm: str | None = None) -> ir.Value:
    """fft_irfft(Tensor self, SymInt? n=None, int dim=-1, str? norm=None) -> Tensor"""
    return _to_real(g, self, [n], [dim], norm, inverse=True)


@symbolic("aten::fft_hfft", "complex::fft_hfft")
def hfft(g: Emitter, self: Any, n: Dim | None = None, dim: int = -1, norm: str | None = None) -> ir.Value:
    """fft_hfft(Tensor self, SymInt? n=None, int dim=-1, str? norm=None) -> Tensor"""
    return _to_real(g, self, [n], [dim], norm, inverse=False)


@symbolic("aten::fft_fft2", "aten::fft_fftn", "complex::fft_fft2", "complex::fft_fftn")
def fftn(
    g: Emitter, self: Any, s: list[Dim] | None = None, dim: list[int] | None = None, norm: str | None = None
) -> ComplexValue:
    """fft_fftn(Tensor self, SymInt[1]? s=None, int[1]? dim=None, str? norm=None) -> Tensor"""
    return _to_complex(g, self, s, dim, norm, inverse=False, onesided=False)


@symbolic("aten::fft_ifft2", "aten::fft_ifftn", "complex::fft_ifft2", "complex::fft_ifftn")
def ifftn(
    g: Emitter, self: Any, s: list[Dim] | None = None, dim: list[int] | None = None, norm: str | None = None
) -> ComplexValue:
    """fft_ifftn(Tensor self, SymInt[1]? s=None, int[1]? dim=None, str? norm=None) -> Tensor"""
    return _to_complex(g, self, s, dim, norm, inverse=True, onesided=False)


@symbolic("aten::fft_rfft2", "aten::fft_rfftn")
def rfftn(
    g: Emitter, self: Any, s: list[Dim] | None = None, dim: list[int] | None = None, norm: str | None = None
) -> ComplexValue:
    """fft_rfftn(Tensor self, SymInt[1]? s=None, int[1]? dim=None, str? norm=None) -> Tensor"""
    return _to_complex(g, self, s, dim, norm, inverse=False, onesided=True)


@symbolic("aten::fft_ihfft2", "aten::fft_ihfftn")
def ihfftn(
    g: Emitter, self: Any, s: list[Dim] | None = None, dim: list[int] | None = None, norm: str | None = None
) -> ComplexValue:
    """fft_ihfftn(Tensor self, SymInt[1]? s=None, int[1]? dim=None, str? norm=None) -> Tensor"""
    return _to_complex(g, self, s, dim, norm, inverse=True, onesided=True)


@symbolic("aten::fft_irfft2", "aten::fft_irfftn", "complex::fft_irfft2", "complex::fft_irfftn")
def irfftn(
    g: Emitter, self: Any, s: list[Dim] | None = None, dim: list[int] | None = None, norm: str | None = None
) -> ir.Value:
    """fft_irfftn(Tensor self, SymInt[1]? s=None, int[1]? dim=None, str? norm=None) -> Tensor"""
    return _to_real(g, self, s, dim, norm, inverse=True)


@symbolic("aten::fft_hfft2", "aten::fft_hfftn", "complex::fft_hfft2", "complex::fft_hfftn")
def hfftn(
    g: Emitter, self: Any, s: list[Dim] | None = None, dim: list[int] | None = None, norm: str | None = None
) -> ir.Value:
    """fft_hfftn(Tensor self, SymInt[1]? s=None, int[1]? dim=None, str? norm=None) -> Tensor"""
    return _to_real(g, self, s, dim, norm, inverse=False)
