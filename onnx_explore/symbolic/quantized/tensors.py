"""Making quantized tensors, reading what they are made of, and back to real numbers."""

from __future__ import annotations

import onnx_ir as ir

from onnx_explore import dtypes
from onnx_explore.emit import Emitter, forms, shapes
from onnx_explore.emit.shapes import Dim
from onnx_explore.errors import UnsupportedOperatorError
from onnx_explore.symbolic.annotations import DType, Quantized, Scalar, Tensor
from onnx_explore.symbolic.lowered import Grid
from onnx_explore.symbolic.quantized.grids import may_dequantize, on_grid, per_tensor, real
from onnx_explore.symbolic.quantized.observed import observed
from onnx_explore.symbolic.registry import symbolic


@symbolic("aten::quantize_per_tensor")
def quantize_per_tensor(g: Emitter, self: Tensor, scale: Scalar, zero_point: Scalar, dtype: DType) -> Quantized:
    """quantize_per_tensor(Tensor self, float scale, int zero_point, ScalarType dtype) -> Tensor"""
    return on_grid(g, self, per_tensor(g, scale, zero_point, dtype), dtype)


@symbolic("aten::quantize_per_tensor.tensors")
def quantize_per_tensor_tensors(
    g: Emitter, tensors: list[Tensor], scales: Tensor, zero_points: Tensor, dtype: DType
) -> list[Quantized]:
    """quantize_per_tensor.tensors(Tensor[] tensors, Tensor scales, Tensor zero_points, ScalarType dtype) -> Tensor[]"""
    made: list[Quantized] = []
    for index, tensor in enumerate(tensors):
        scale, point = (forms.select(g, item, 0, index) for item in (scales, zero_points))
        made.append(on_grid(g, tensor, per_tensor(g, scale, point, dtype), dtype))
    return made


@symbolic("aten::quantize_per_tensor_dynamic")
def quantize_per_tensor_dynamic(g: Emitter, self: Tensor, dtype: DType, reduce_range: bool) -> Quantized:
    """quantize_per_tensor_dynamic(Tensor self, ScalarType dtype, bool reduce_range) -> Tensor"""
    if dtype == ir.DataType.INT32:
        raise UnsupportedOperatorError("PyTorch observes 8-bit ranges only", argument="dtype")
    return on_grid(g, self, observed(g, self, dtype, reduce_range), dtype)


@symbolic("aten::_choose_qparams_per_tensor")
def choose_qparams_per_tensor(g: Emitter, self: Tensor, reduce_range: bool = False) -> list[Tensor]:
    """_choose_qparams_per_tensor(Tensor self, bool reduce_range=False) -> (float, int)"""
    grid = observed(g, self, ir.DataType.UINT8, reduce_range)
    assert isinstance(grid.scale, ir.Value) and isinstance(grid.zero_point, ir.Value)
    return [grid.scale, g.cast(grid.zero_point, ir.DataType.INT64)]


@symbolic("aten::quantize_per_channel")
def quantize_per_channel(
    g: Emitter, self: Tensor, scales: Tensor, zero_points: Tensor, axis: int, dtype: DType
) -> Quantized:
    """quantize_per_channel(Tensor self, Tensor scales, Tensor zero_points, int axis, ScalarType dtype) -> Tensor"""
    return on_grid(g, self, per_channel(g, scales, zero_points, axis, dtype), dtype)


@symbolic("aten::_make_per_tensor_quantized_tensor")
def make_per_tensor(g: Emitter, self: Tensor, scale: Scalar, zero_point: Scalar) -> Quantized:
    """_make_per_tensor_quantized_tensor(Tensor self, float scale, int zero_point) -> Tensor"""
    return Quantized(self, per_tensor(g, scale, zero_point, g.dtype(self)))


@symbolic("aten::_make_per_channel_quantized_tensor")
def make_per_channel(g: Emitter, self: Tensor, scale: Tensor, zero_point: Tensor, axis: int) -> Quantized:
    """_make_per_channel_quantized_tensor(Tensor self, Tensor scale, Tensor zero_point, int axis) -> Tensor"""
    return Quantized(self, per_channel(g, scale, zero_point, g.axis(self, axis), g.dtype(self)))


def per_channel(g: Emitter, scales: ir.Value, zero_points: ir.Value, axis: int, dtype: ir.DataType) -> Grid:
    """PyTorch keeps scales as doubles, computes with floats; float zero points are those of an embedding's grid."""
    points = zero_points if zero_points.dtype == ir.DataType.FLOAT else _as(g, zero_points, dtype, "zero_points")
    return Grid(_as(g, scales, ir.DataType.FLOAT, "scales"), points, axis)


def _as(g: Emitter, x: ir.Value, dtype: ir.DataType, what: str) -> ir.Value:
    """A vector in another type: a constant one is converted now."""
    if x.dtype == dtype:
        return x
    tensor = g.torch_tensor(x)
    if tensor is None:
        return g.cast(x, dtype)
    found = g.memo((what, x))
    name = g.names.unique(f"{x.name}.{dtype.name.lower()}") if found is None else ""
    return found or g.remember((what, x), g.tensor(tensor.to(dtypes.to_torch(dtype)), name=name, lineage=x.name or ""))


@symbolic("quantized_tensor::dequantize", "quantized_tensor::dequantize.self")
def dequantize(g: Emitter, self: Quantized) -> Tensor:
    """dequantize.self(Tensor self) -> Tensor"""
    grid = self.grid
    return forms.dequantize(
        g, self.integers, grid.scale, grid.zero_point, grid.axis, by_arithmetic=not may_dequantize(g)
    )


@symbolic("aten::dequantize.self")
def dequantize_float(g: Emitter, self: Tensor) -> Tensor:
    """dequantize.self(Tensor self) -> Tensor: of a tensor that is not quantized"""
    return g.cast(self, ir.DataType.FLOAT)


@symbolic("quantized_tensor::dequantize.tensors")
def dequantize_tensors(g: Emitter, tensors: list[Quantized]) -> list[Tensor]:
    """dequantize.tensors(Tensor[] tensors) -> Tensor[]"""
    return [real(g, item) for item in tensors]


@symbolic("quantized_tensor::int_repr")
def int_repr(g: Emitter, self: Quantized) -> Tensor:
    """int_repr(Tensor self) -> Tensor"""
    return self.integers


@symbolic("quantized_tensor::q_scale")
def q_scale(g: Emitter, self: Quantized) -> Scalar:
    """q_scale(Tensor self) -> float"""
    return self.grid.scale


@symbolic("quantized_tensor::q_zero_point")
def q_zero_point(g: Emitter, self: Quantized) -> Scalar:
    """q_zero_point(Tensor self) -> int"""
    point = self.grid.zero_point
    return g.cast(point, ir.DataType.INT64) if isinstance(point, ir.Value) else point


@symbolic("quantized_tensor::q_per_channel_scales")
def q_per_channel_scales(g: Emitter, self: Quantized) -> Tensor:
    """q_per_channel_scales(Tensor self) -> Tensor"""
    assert isinstance(self.grid.scale, ir.Value)
    return g.cast(self.grid.scale, ir.DataType.DOUBLE)


@symbolic("quantized_tensor::q_per_channel_zero_points")
def q_per_channel_zero_points(g: Emitter, self: Quantized) -> Tensor:
    """q_per_channel_zero_points(Tensor self) -> Tensor"""
    assert isinstance(self.grid.zero_point, ir.Value)
    return g.cast(self.grid.zero_point, ir.DataType.INT64)


@symbolic("quantized_tensor::q_per_channel_axis")
def q_per_channel_axis(g: Emitter, self: Quantized) -> int:
    """q_per_channel_axis(Tensor self) -> int"""
    assert self.grid.axis is not None
    return self.grid.axis


@symbolic("quantized_tensor::size")
def size(g: Emitter, self: Quantized, dim: int | None = None) -> Dim | list[Dim]:
    """size.int(Tensor self, int dim) -> int"""
    return shapes.sizes(g, self.integers) if dim is None else shapes.size(g, self.integers, dim)


@symbolic("quantized_tensor::dim")
def dim(g: Emitter, self: Quantized) -> int:
    """dim(Tensor self) -> int"""
    return g.rank(self.integers)


@symbolic("quantized_tensor::numel")
def numel(g: Emitter, self: Quantized) -> Dim:
    """numel(Tensor self) -> int"""
    return shapes.product(g, shapes.sizes(g, self.integers))
