"""Real numbers ⇄ integers on a grid: QuantizeLinear-10, -13 (an axis) and DequantizeLinear; arithmetic where they do not serve.

``integer = saturate(round_half_even(real / scale) + zero_point)`` and ``real = (integer - zero_point) * scale``.
"""

from __future__ import annotations

import onnx_ir as ir
import torch

from onnx_explore.emit.emitter import Emitter
from onnx_explore.emit.forms.axes import unsqueeze
from onnx_explore.emit.forms.clip import clip
from onnx_explore.emit.forms.comparison import round_even

RANGES = {
    ir.DataType.UINT8: (0, 255),
    ir.DataType.INT8: (-128, 127),
    ir.DataType.INT32: (-(2**31), 2**31 - 1),
}
"""The integers that each type of a quantized tensor holds."""


def quantize(
    g: Emitter,
    x: ir.Value,
    scale: float | ir.Value,
    zero_point: int | ir.Value,
    dtype: ir.DataType,
    axis: int | None = None,
) -> ir.Value:
    """The integers of a float tensor; ``scale`` and ``zero_point`` are numbers, or values of one shape (0-d or 1-d)."""
    x = g.cast(x, ir.DataType.FLOAT)
    scale, point = _parameters(g, scale, zero_point, dtype)
    if point.dtype == dtype and dtype != ir.DataType.INT32 and g.opset >= (10 if axis is None else 13):
        return g.op("QuantizeLinear", x, scale, point, axis=axis)
    rank = g.rank(x) if axis is not None else 0
    inverse, point = (_aligned(g, item, axis, rank) for item in (reciprocal(g, scale), point))
    point = g.cast(point, ir.DataType.FLOAT)
    steps = g.op("Mul", x, inverse)
    low, high = RANGES[dtype]
    if dtype == ir.DataType.INT32:  # PyTorch adds the zero point before it rounds. Doubles hold all 32-bit integers.
        rounded = g.cast(round_even(g, g.op("Add", steps, point)), ir.DataType.DOUBLE)
        return g.cast(clip(g, rounded, low, high), dtype)
    return g.cast(clip(g, g.op("Add", round_even(g, steps), point), low, high), dtype)


def dequantize(
    g: Emitter,
    x: ir.Value,
    scale: float | ir.Value,
    zero_point: int | ir.Value,
    axis: int | None = None,
    *,
    by_arithmetic: bool = False,
) -> ir.Value:
    """The float32 tensor behind integers; ``by_arithmetic``: not by DequantizeLinear, where it serves either."""
    dtype = g.dtype(x)
    known_zero = (not isinstance(zero_point, ir.Value) and zero_point == 0) or _is_zero(g, zero_point)
    scale, point = _parameters(g, scale, zero_point, dtype)
    served = point.dtype == dtype and (dtype != ir.DataType.INT32 or known_zero)
    if served and not by_arithmetic and g.opset >= (10 if axis is None else 13):
        return g.op("DequantizeLinear", x, scale, None if dtype == ir.DataType.INT32 else point, axis=axis)
    scale, point = (_aligned(g, item, axis, g.rank(x) if axis is not None else 0) for item in (scale, point))
    if dtype == ir.DataType.INT32:
        steps = g.op("Sub", g.cast(x, ir.DataType.DOUBLE), g.cast(point, ir.DataType.DOUBLE))
        return g.op("Mul", g.cast(steps, ir.DataType.FLOAT), scale)
    steps = g.cast(x, ir.DataType.FLOAT)
    return g.op("Mul", steps if known_zero else g.op("Sub", steps, g.cast(point, ir.DataType.FLOAT)), scale)


def reciprocal(g: Emitter, scale: ir.Value) -> ir.Value:
    """One over a scale as float32: PyTorch multiplies by that. (ONNX Runtime makes a division of it, if it may.)"""
    tensor = g.torch_tensor(scale)
    if tensor is not None and tensor.dtype == torch.float32:
        return g.tensor(tensor.reciprocal())
    return g.op("Div", g.const(1.0, ir.DataType.FLOAT), scale)


def _parameters(
    g: Emitter, scale: float | ir.Value, zero_point: int | ir.Value, dtype: ir.DataType
) -> tuple[ir.Value, ir.Value]:
    scale = scale if isinstance(scale, ir.Value) else g.const(scale, ir.DataType.FLOAT)
    return scale, zero_point if isinstance(zero_point, ir.Value) else g.const(zero_point, dtype)


def _is_zero(g: Emitter, zero_point: int | ir.Value) -> bool:
    known = g.known(zero_point) if isinstance(zero_point, ir.Value) else None
    return known is not None and not known.any()


def _aligned(g: Emitter, x: ir.Value, axis: int | None, rank: int) -> ir.Value:
    """A vector along an axis, so that it broadcasts against a tensor of that rank."""
    after = 0 if axis is None else rank - axis - 1
    return unsqueeze(g, x, list(range(1, after + 1))) if after else x
