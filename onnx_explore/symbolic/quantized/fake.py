"""Fake quantization (training that knows of quantization): rounds to a grid and gives real numbers."""

from __future__ import annotations

import onnx_ir as ir
import torch

from onnx_explore import dtypes
from onnx_explore.emit import Emitter, forms
from onnx_explore.emit.emitter import PARAMETER
from onnx_explore.emit.forms.comparison import round_even
from onnx_explore.emit.forms.quantization import RANGES, reciprocal
from onnx_explore.errors import UnsupportedOperatorError
from onnx_explore.symbolic.annotations import Scalar, Tensor
from onnx_explore.symbolic.lowered import Grid
from onnx_explore.symbolic.quantized.grids import may_dequantize, per_tensor
from onnx_explore.symbolic.registry import symbolic

EIGHT_BITS = (ir.DataType.UINT8, ir.DataType.INT8)
"""What QuantizeLinear-10 makes."""


def _integers(low: int, high: int) -> ir.DataType | None:
    """The narrowest type that holds a range, of those that QuantizeLinear makes."""
    return next((dtype for dtype in EIGHT_BITS if RANGES[dtype][0] <= low and high <= RANGES[dtype][1]), None)


def fake_quantized(g: Emitter, x: ir.Value, grid: Grid, low: int, high: int) -> ir.Value:
    """Rounded to the grid, within ``low`` … ``high``, in the element type of ``x``."""
    dtype = _integers(low, high)
    if dtype is None or (isinstance(grid.zero_point, ir.Value) and grid.zero_point.dtype == ir.DataType.FLOAT):
        steps = forms.clip(g, steps_of(g, x, grid), low, high)
        scale, point = _aligned(g, x, grid)
        return g.cast(g.op("Mul", g.op("Sub", steps, point), scale), g.dtype(x))
    point = g.cast(grid.zero_point, dtype) if isinstance(grid.zero_point, ir.Value) else grid.zero_point
    integers = stored_integers(g, x, grid, low, high, dtype)
    if integers is None:
        integers = forms.quantize(g, x, grid.scale, point, dtype, grid.axis)
        if (low, high) != RANGES[dtype]:
            integers = forms.clip(g, integers, low, high)
    floats = forms.dequantize(g, integers, grid.scale, point, grid.axis, by_arithmetic=not may_dequantize(g))
    return g.cast(floats, g.dtype(x))


def stored_integers(g: Emitter, x: ir.Value, grid: Grid, low: int, high: int, dtype: ir.DataType) -> ir.Value | None:
    """The integers of a weight, computed now: it takes a quarter of the space. None for what is known only at run time."""
    tensor = g.torch_tensor(x)
    parts = [
        g.torch_tensor(item) if isinstance(item, ir.Value) else torch.tensor(item)
        for item in (grid.scale, grid.zero_point)
    ]
    if tensor is None or any(part is None for part in parts):
        return None
    shape = [1] * tensor.dim()
    if grid.axis is not None:
        shape[grid.axis] = -1
    scale, point = (part.reshape(shape).float() for part in parts if part is not None)
    integers = ((tensor.float() * scale.reciprocal()).round() + point).clamp(low, high)
    name = g.names.unique(f"{x.name}.integers")
    lineage = str(x.meta.get(PARAMETER, ""))
    return g.tensor(integers.to(dtypes.to_torch(dtype)), name=name, lineage=lineage)


def _aligned(g: Emitter, x: ir.Value, grid: Grid) -> tuple[ir.Value, ir.Value]:
    """Scale and zero point as floats that broadcast against ``x``."""
    floats: list[ir.Value] = []
    for item in (grid.scale, grid.zero_point):
        value = item if isinstance(item, ir.Value) else g.const(float(item), ir.DataType.FLOAT)
        after = 0 if grid.axis is None else g.rank(x) - grid.axis - 1
        value = g.cast(value, ir.DataType.FLOAT)
        floats.append(forms.unsqueeze(g, value, list(range(1, after + 1))) if after else value)
    return floats[0], floats[1]


def steps_of(g: Emitter, x: ir.Value, grid: Grid) -> ir.Value:
    """The integers as floats, not yet limited to a range."""
    scale, point = _aligned(g, x, grid)
    steps = g.op("Mul", g.cast(x, ir.DataType.FLOAT), reciprocal(g, scale))
    return g.op("Add", round_even(g, steps), point)


def _with_mask(g: Emitter, x: ir.Value, grid: Grid, low: int, high: int) -> list[ir.Value]:
    steps = steps_of(g, x, grid)
    below, above = (
        g.op(op, steps, g.const(float(end), ir.DataType.FLOAT)) for op, end in (("Less", low), ("Greater", high))
    )
    return [fake_quantized(g, x, grid, low, high), g.op("Not", g.op("Or", below, above))]


def _learned(g: Emitter, scale: ir.Value, zero_point: ir.Value, low: int, high: int, axis: int | None) -> Grid:
    """A zero point that is being learned is a float: it is rounded into the range."""
    point = forms.clip(g, round_even(g, g.cast(zero_point, ir.DataType.FLOAT)), low, high)
    point = g.cast(point, _integers(low, high) or ir.DataType.INT32)
    scale = g.cast(scale, ir.DataType.FLOAT)
    return per_tensor(g, scale, point, g.dtype(point)) if axis is None else Grid(scale, point, axis)


@symbolic("aten::fake_quantize_per_tensor_affine")
def fake_quantize_per_tensor_affine(
    g: Emitter, self: Tensor, scale: Scalar, zero_point: Scalar, quant_min: int, quant_max: int
) -> Tensor:
    """fake_quantize_per_tensor_affine(Tensor self, float scale, int zero_point, int quant_min, int quant_max) -> Tensor"""
    return fake_quantized(g, self, _single(g, scale, zero_point), quant_min, quant_max)


def _single(g: Emitter, scale: Scalar, zero_point: Scalar) -> Grid:
    return per_tensor(g, scale, zero_point, ir.DataType.INT32)


@symbolic("aten::fake_quantize_per_tensor_affine_cachemask")
def fake_quantize_per_tensor_affine_cachemask(
    g: Emitter, self: Tensor, scale: Scalar, zero_point: Scalar, quant_min: int, quant_max: int
) -> list[Tensor]:
    """fake_quantize_per_tensor_affine_cachemask(Tensor self, float scale, int zero_point, int quant_min, int quant_max)
    -> (Tensor output, Tensor mask)
    """
    return _with_mask(g, self, _single(g, scale, zero_point), quant_min, quant_max)


@symbolic("aten::_fake_quantize_per_tensor_affine_cachemask_tensor_qparams")
def fake_quantize_cachemask_tensor_qparams(
    g: Emitter,
    self: Tensor,
    scale: Scalar,
    zero_point: Scalar,
    fake_quant_enabled: int,
    quant_min: int,
    quant_max: int,
) -> list[Tensor]:
    """_fake_quantize_per_tensor_affine_cachemask_tensor_qparams(Tensor self, Tensor scale, Tensor zero_point, Tensor
    fake_quant_enabled, int quant_min, int quant_max) -> (Tensor output, Tensor mask)
    """
    made = _with_mask(g, self, _single(g, scale, zero_point), quant_min, quant_max)
    return made if fake_quant_enabled else [self, made[1]]


@symbolic("aten::fake_quantize_per_channel_affine")
def fake_quantize_per_channel_affine(
    g: Emitter, self: Tensor, scale: Tensor, zero_point: Tensor, axis: int, quant_min: int, quant_max: int
) -> Tensor:
    """fake_quantize_per_channel_affine(Tensor self, Tensor scale, Tensor zero_point, int axis, int quant_min, int quant_max)
    -> Tensor
    """
    return fake_quantized(g, self, Grid(scale, zero_point, g.axis(self, axis)), quant_min, quant_max)


@symbolic("aten::fake_quantize_per_channel_affine_cachemask")
def fake_quantize_per_channel_affine_cachemask(
    g: Emitter, self: Tensor, scale: Tensor, zero_point: Tensor, axis: int, quant_min: int, quant_max: int
) -> list[Tensor]:
    """fake_quantize_per_channel_affine_cachemask(Tensor self, Tensor scale, Tensor zero_point, int axis, int quant_min, int
    quant_max) -> (Tensor output, Tensor mask)
    """
    return _with_mask(g, self, Grid(scale, zero_point, g.axis(self, axis)), quant_min, quant_max)


@symbolic("aten::_fake_quantize_learnable_per_tensor_affine")
def fake_quantize_learnable_per_tensor(
    g: Emitter,
    self: Tensor,
    scale: Tensor,
    zero_point: Tensor,
    quant_min: int,
    quant_max: int,
    grad_factor: float = 1.0,
) -> Tensor:
    """_fake_quantize_learnable_per_tensor_affine(Tensor self, Tensor scale, Tensor zero_point, int quant_min, int quant_max,
    float grad_factor=1.) -> Tensor
    """
    return fake_quantized(g, self, _learned(g, scale, zero_point, quant_min, quant_max, None), quant_min, quant_max)


@symbolic("aten::_fake_quantize_learnable_per_channel_affine")
def fake_quantize_learnable_per_channel(
    g: Emitter,
    self: Tensor,
    scale: Tensor,
    zero_point: Tensor,
    axis: int,
    quant_min: int,
    quant_max: int,
    grad_factor: float = 1.0,
) -> Tensor:
    """_fake_quantize_learnable_per_channel_affine(Tensor self, Tensor scale, Tensor zero_point, int axis, int quant_min, int
    quant_max, float grad_factor=1.) -> Tensor
    """
    grid = _learned(g, scale, zero_point, quant_min, quant_max, g.axis(self, axis))
    return fake_quantized(g, self, grid, quant_min, quant_max)


@symbolic("aten::fused_moving_avg_obs_fake_quant")
def fused_moving_avg_obs_fake_quant(
    g: Emitter,
    self: Tensor,
    observer_on: int,
    fake_quant_on: int,
    running_min: Tensor,
    running_max: Tensor,
    scale: Tensor,
    zero_point: Tensor,
    averaging_const: float,
    quant_min: int,
    quant_max: int,
    ch_axis: int,
    per_row_fake_quant: bool = False,
    symmetric_quant: bool = False,
) -> Tensor:
    """fused_moving_avg_obs_fake_quant(Tensor self, Tensor observer_on, Tensor fake_quant_on, Tensor(a!) running_min, Tensor(b!)
    running_max, Tensor(c!) scale, Tensor(d!) zero_point, float averaging_const, int quant_min, int quant_max, int ch_axis,
    bool per_row_fake_quant=False, bool symmetric_quant=False) -> Tensor
    """
    if observer_on:
        raise UnsupportedOperatorError(
            "its observer is on: it would go on learning the range, and an ONNX model has no state",
            argument="observer_on",
            action="call model.apply(torch.ao.quantization.disable_observer) before the export",
        )
    if not fake_quant_on:
        return self
    if per_row_fake_quant:
        return fake_quantized(g, self, Grid(scale, zero_point, g.axis(self, ch_axis)), quant_min, quant_max)
    return fake_quantized(g, self, per_tensor(g, scale, zero_point, ir.DataType.INT32), quant_min, quant_max)
