"""Short-time Fourier transforms: stft and istft.

stft   STFT from opset 17 on; below, a convolution whose kernels are windowed cosines and sines
istft  a transposed convolution with the inverse ones, divided by the overlapping windows' squares
"""

from __future__ import annotations

import math

import onnx_ir as ir
import torch

from onnx_explore import dtypes
from onnx_explore.emit import Emitter, forms, shapes
from onnx_explore.emit.shapes import Dim
from onnx_explore.errors import UnsupportedOperatorError
from onnx_explore.symbolic.annotations import Complex, Tensor
from onnx_explore.symbolic.aten.permute import permuted
from onnx_explore.symbolic.lowered import Complex as ComplexValue
from onnx_explore.symbolic.registry import symbolic


def _windowed(g: Emitter, window: ir.Value | None, n_fft: int, win_length: int | None, dtype: ir.DataType) -> ir.Value:
    """The window, in the middle of ``n_fft`` samples."""
    length = n_fft if win_length is None else win_length
    if window is None:
        window = g.tensor(torch.ones(length, dtype=dtypes.to_torch(dtype)))
    window = g.cast(window, dtype)
    if length == n_fft:
        return window
    before = (n_fft - length) // 2
    return forms.pad(g, window, [before], [n_fft - length - before])


def _basis(n_fft: int, bins: int, dtype: torch.dtype) -> torch.Tensor:
    """(2 · bins, n_fft): cosines, then negative sines, of every frequency."""
    angles = torch.arange(bins, dtype=torch.float64)[:, None] * torch.arange(n_fft, dtype=torch.float64)
    angles = angles * (2 * math.pi / n_fft)
    return torch.cat([angles.cos(), -angles.sin()]).to(dtype)


@symbolic("aten::stft")
def stft(
    g: Emitter,
    self: Tensor,
    n_fft: int,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: Tensor | None = None,
    normalized: bool = False,
    onesided: bool | None = None,
    return_complex: bool | None = None,
    align_to_window: bool | None = None,
) -> Tensor | ComplexValue:
    """stft(Tensor self, int n_fft, int? hop_length=None, int? win_length=None, Tensor? window=None, bool normalized=False,
    bool? onesided=None, bool? return_complex=None, bool? align_to_window=None) -> Tensor
    """
    if align_to_window:
        raise UnsupportedOperatorError("windows that are not centred", argument="align_to_window")
    dtype = g.dtype(self)
    hop = n_fft // 4 if hop_length is None else hop_length
    single = g.rank(self) == 1
    x = forms.unsqueeze(g, self, [0]) if single else self
    bins = n_fft if onesided is False else n_fft // 2 + 1
    shaped = _windowed(g, window, n_fft, win_length, dtype)
    pairs = _spectra(g, x, shaped, n_fft, hop, bins)
    if normalized:
        pairs = g.op("Mul", pairs, g.const(n_fft**-0.5, dtype))
    if single:
        pairs = forms.squeeze(g, pairs, [0])
    return ComplexValue(pairs) if return_complex else pairs


def _spectra(g: Emitter, x: ir.Value, window: ir.Value, n_fft: int, hop: int, bins: int) -> ir.Value:
    """(batch, samples) → (batch, bins, frames, 2)."""
    if g.opset >= 17:
        signal = forms.unsqueeze(g, x, [2])
        frames = g.op("STFT", signal, g.const(hop), window, g.const(n_fft), onesided=int(bins < n_fft or n_fft == 1))
        return permuted(g, frames, [0, 2, 1, 3])
    kernels = g.tensor(_basis(n_fft, bins, dtypes.to_torch(g.dtype(x)))[:, None, :])
    kernels = g.op("Mul", kernels, window)
    rows = g.op("Conv", forms.unsqueeze(g, x, [1]), kernels, strides=[hop], kernel_shape=[n_fft])
    batch, _, frames = shapes.sizes(g, rows)
    return permuted(g, forms.reshape(g, rows, [batch, 2, bins, frames]), [0, 2, 3, 1])


@symbolic("complex::istft")
def istft(
    g: Emitter,
    self: Complex,
    n_fft: int,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: Tensor | None = None,
    center: bool = True,
    normalized: bool = False,
    onesided: bool | None = None,
    length: Dim | None = None,
    return_complex: bool = False,
) -> Tensor:
    """istft(Tensor self, int n_fft, int? hop_length=None, int? win_length=None, Tensor? window=None, bool center=True,
    bool normalized=False, bool? onesided=None, int? length=None, bool return_complex=False) -> Tensor
    """
    if return_complex:
        raise UnsupportedOperatorError("a complex signal", argument="return_complex")
    dtype = g.dtype(self)
    hop = n_fft // 4 if hop_length is None else hop_length
    single = g.rank(self) == 3
    pairs = forms.unsqueeze(g, self, [0]) if single else self
    bins = n_fft if onesided is False else n_fft // 2 + 1
    batch, _, frames, _ = shapes.sizes(g, pairs)
    rows = forms.reshape(g, permuted(g, pairs, [0, 3, 1, 2]), [batch, 2 * bins, frames])
    shaped = _windowed(g, window, n_fft, win_length, dtype)
    weights = torch.full((bins,), 2.0 if bins < n_fft else 1.0, dtype=torch.float64)
    if bins < n_fft:  # the frequencies that have no mirror image
        weights[0] = 1.0
        if n_fft % 2 == 0:
            weights[-1] = 1.0
    inverse = _basis(n_fft, bins, torch.float64) * weights.repeat(2)[:, None] / n_fft
    if normalized:
        inverse = inverse * math.sqrt(n_fft)
    kernels = g.op("Mul", g.tensor(inverse[:, None, :].to(dtypes.to_torch(dtype))), shaped)
    signal = g.op("ConvTranspose", rows, kernels, strides=[hop], kernel_shape=[n_fft])
    square = forms.unsqueeze(g, g.op("Mul", shaped, shaped), [0, 1])
    ones = forms.expand(g, g.const([[[1.0]]], dtype), [1, 1, frames])
    overlap = g.op("ConvTranspose", ones, square, strides=[hop], kernel_shape=[n_fft])
    start = n_fft // 2 if center else 0
    total = shapes.add(g, shapes.mul(g, shapes.sub(g, frames, 1), hop), n_fft)
    end: Dim = forms.END
    if length is not None:
        end = shapes.add(g, length, start)
    elif center:
        end = -(n_fft // 2)
    signal, overlap = (forms.slice_axes(g, item, [start], [end], [2]) for item in (signal, overlap))
    result = forms.squeeze(g, g.op("Div", signal, overlap), [1])
    if length is not None:
        missing = shapes.maximum(g, shapes.sub(g, shapes.add(g, length, start), total), 0)
        if missing != 0:
            result = forms.pad(g, result, [0, 0], [0, missing])
    return forms.squeeze(g, result, [0]) if single else result
