"""``quantized_decomposed::``: what torchao's pt2e and ``torch.ao``'s decomposed reference models say quantization with.

Their tensors are plain integers (``uint8``, ``int8``, ``int16``, ``int32``), and each operator is told the grid and the range.
Eight bits become QuantizeLinear and DequantizeLinear, of which a weight keeps its integers; the rest is arithmetic.
"""

from __future__ import annotations

import onnx_ir as ir

from onnx_explore.emit import Emitter, forms
from onnx_explore.emit.forms.comparison import extreme, round_even
from onnx_explore.emit.forms.quantization import RANGES
from onnx_explore.errors import UnsupportedOperatorError
from onnx_explore.symbolic.annotations import DType, Scalar, Tensor
from onnx_explore.symbolic.lowered import Grid
from onnx_explore.symbolic.quantized.fake import EIGHT_BITS, fake_quantized, steps_of, stored_integers
from onnx_explore.symbolic.quantized.grids import may_dequantize, per_tensor
from onnx_explore.symbolic.quantized.tensors import per_channel
from onnx_explore.symbolic.registry import symbolic

_INTEGERS = (*EIGHT_BITS, ir.DataType.INT16, ir.DataType.UINT16, ir.DataType.INT32)


def _integers(g: Emitter, x: ir.Value, grid: Grid, low: int, high: int, dtype: ir.DataType) -> ir.Value:
    """The integers of a float tensor, within ``low`` … ``high``."""
    _check(dtype)
    x = g.cast(x, ir.DataType.FLOAT)
    if dtype not in EIGHT_BITS:
        steps = steps_of(g, x, grid)
        if dtype == ir.DataType.INT32:  # a float does not hold the ends of the range
            steps = g.cast(steps, ir.DataType.DOUBLE)
        return g.cast(forms.clip(g, steps, low, high), dtype)
    stored = stored_integers(g, x, grid, low, high, dtype)
    if stored is not None:
        return stored
    integers = forms.quantize(g, x, grid.scale, grid.zero_point, dtype, grid.axis)
    return integers if (low, high) == RANGES[dtype] else forms.clip(g, integers, low, high)


def _reals(g: Emitter, x: ir.Value, grid: Grid, out_dtype: ir.DataType | None) -> ir.Value:
    _check(g.dtype(x))
    arithmetic = g.dtype(x) not in EIGHT_BITS or not may_dequantize(g)
    result = forms.dequantize(g, x, grid.scale, grid.zero_point, grid.axis, by_arithmetic=arithmetic)
    return result if out_dtype is None else g.cast(result, out_dtype)


def _check(dtype: ir.DataType) -> None:
    if dtype not in _INTEGERS:
        raise UnsupportedOperatorError(
            f"a grid of {dtype.name.lower()} is not supported",
            argument="dtype",
            action="quantize to int8, uint8, int16, uint16 or int32",
        )


@symbolic("quantized_decomposed::quantize_per_tensor", "quantized_decomposed::quantize_per_tensor.tensor",
          "quantized_decomposed::quantize_per_tensor.tensor2")  # fmt: skip
def quantize_per_tensor(
    g: Emitter, input: Tensor, scale: Scalar, zero_point: Scalar, quant_min: int, quant_max: int, dtype: DType
) -> Tensor:
    """quantize_per_tensor(Tensor input, float scale, int zero_point, int quant_min, int quant_max, ScalarType dtype)
    -> Tensor
    """
    return _integers(g, input, per_tensor(g, scale, zero_point, dtype), quant_min, quant_max, dtype)


@symbolic("quantized_decomposed::dequantize_per_tensor", "quantized_decomposed::dequantize_per_tensor.tensor",
          "quantized_decomposed::dequantize_per_tensor.tensor2")  # fmt: skip
def dequantize_per_tensor(
    g: Emitter,
    input: Tensor,
    scale: Scalar,
    zero_point: Scalar,
    quant_min: int,
    quant_max: int,
    dtype: DType,
    out_dtype: DType | None = None,
) -> Tensor:
    """dequantize_per_tensor(Tensor input, float scale, int zero_point, int quant_min, int quant_max, ScalarType dtype, *,
    ScalarType? out_dtype=None) -> Tensor: the range is not asked for
    """
    return _reals(g, input, per_tensor(g, scale, zero_point, g.dtype(input)), out_dtype)


@symbolic("quantized_decomposed::quantize_per_channel")
def quantize_per_channel(
    g: Emitter,
    input: Tensor,
    scales: Tensor,
    zero_points: Tensor,
    axis: int,
    quant_min: int,
    quant_max: int,
    dtype: DType,
) -> Tensor:
    """quantize_per_channel(Tensor input, Tensor scales, Tensor zero_points, int axis, int quant_min, int quant_max, ScalarType
    dtype) -> Tensor
    """
    grid = per_channel(g, scales, zero_points, g.axis(input, axis), dtype)
    return _integers(g, input, grid, quant_min, quant_max, dtype)


@symbolic("quantized_decomposed::dequantize_per_channel")
def dequantize_per_channel(
    g: Emitter,
    input: Tensor,
    scales: Tensor,
    zero_points: Tensor | None,
    axis: int,
    quant_min: int,
    quant_max: int,
    dtype: DType,
    out_dtype: DType | None = None,
) -> Tensor:
    """dequantize_per_channel(Tensor input, Tensor scales, Tensor? zero_points, int axis, int quant_min, int quant_max,
    ScalarType dtype, *, ScalarType? out_dtype=None) -> Tensor
    """
    if zero_points is None:
        zero_points = g.op("Sub", scales, scales)
    grid = per_channel(g, scales, g.cast(zero_points, g.dtype(input)), g.axis(input, axis), g.dtype(input))
    return _reals(g, input, grid, out_dtype)


@symbolic("quantized_decomposed::fake_quant_per_channel")
def fake_quant_per_channel(
    g: Emitter, input: Tensor, scales: Tensor, zero_points: Tensor, axis: int, quant_min: int, quant_max: int
) -> Tensor:
    """fake_quant_per_channel(Tensor input, Tensor scales, Tensor zero_points, int axis, int quant_min, int quant_max)
    -> Tensor
    """
    return fake_quantized(g, input, Grid(scales, zero_points, g.axis(input, axis)), quant_min, quant_max)


@symbolic("quantized_decomposed::choose_qparams.tensor")
def choose_qparams(g: Emitter, input: Tensor, quant_min: int, quant_max: int, eps: float, dtype: DType) -> list[Tensor]:
    """choose_qparams.tensor(Tensor input, int quant_min, int quant_max, float eps, ScalarType dtype) -> (Tensor, Tensor)"""
    low, high = _range(g, input)
    scale = _widened(g, g.op("Sub", high, low), float(quant_max - quant_min), eps)
    point = g.op("Sub", g.const(float(quant_min), ir.DataType.FLOAT), round_even(g, g.op("Div", low, scale)))
    return _chosen(g, scale, forms.clip(g, point, quant_min, quant_max))


@symbolic("quantized_decomposed::choose_qparams_symmetric.tensor")
def choose_qparams_symmetric(
    g: Emitter, input: Tensor, quant_min: int, quant_max: int, eps: float, dtype: DType
) -> list[Tensor]:
    """choose_qparams_symmetric.tensor(Tensor input, int quant_min, int quant_max, float eps, ScalarType dtype)
    -> (Tensor, Tensor)
    """
    low, high = _range(g, input)
    scale = _widened(g, extreme(g, "Max", g.op("Neg", low), high), (quant_max - quant_min) / 2, eps)
    return _chosen(g, scale, g.const(128.0 if dtype == ir.DataType.UINT8 else 0.0, ir.DataType.FLOAT))


def _range(g: Emitter, x: ir.Value) -> tuple[ir.Value, ir.Value]:
    """Smallest and largest element, widened to hold zero."""
    x, zero = g.cast(x, ir.DataType.FLOAT), g.const(0.0, ir.DataType.FLOAT)
    axes = list(range(g.rank(x)))
    return (
        extreme(g, "Min", forms.reduce(g, "ReduceMin", x, axes), zero),
        extreme(g, "Max", forms.reduce(g, "ReduceMax", x, axes), zero),
    )


def _widened(g: Emitter, span: ir.Value, steps: float, eps: float) -> ir.Value:
    scale = g.op("Div", span, g.const(steps, ir.DataType.FLOAT))
    return extreme(g, "Max", scale, g.const(eps, ir.DataType.FLOAT))


def _chosen(g: Emitter, scale: ir.Value, point: ir.Value) -> list[ir.Value]:
    """One element each: a double and an integer."""
    made = (g.cast(scale, ir.DataType.DOUBLE), g.cast(point, ir.DataType.INT64))
    return [forms.reshape(g, item, [1]) for item in made]
