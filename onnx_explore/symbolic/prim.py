"""``prim::`` operators that have a schema, and the operators of Python scalars: conversions, sizes, lengths."""

from __future__ import annotations

import onnx_ir as ir
import torch

from onnx_explore import dtypes
from onnx_explore.emit import Emitter, forms, shapes
from onnx_explore.errors import UnsupportedOperatorError
from onnx_explore.symbolic.annotations import Dim, Operand, Tensor
from onnx_explore.symbolic.promotion import as_type
from onnx_explore.symbolic.registry import symbolic


@symbolic("prim::NumToTensor")
def num_to_tensor(g: Emitter, a: Operand) -> Tensor:
    """prim::NumToTensor.Scalar(Scalar a) -> Tensor"""
    return as_type(g, a, g.expected or ir.DataType.INT64)


@symbolic("aten::Int", "aten::IntImplicit")
def to_int(g: Emitter, a: Operand) -> Operand:
    """aten::Int.Tensor(Tensor a) -> int"""
    return g.cast(_number(g, a), ir.DataType.INT64) if isinstance(a, ir.Value) else int(_real(a))


@symbolic("aten::Float", "aten::FloatImplicit")
def to_float(g: Emitter, a: Operand) -> Operand:
    """aten::Float.Tensor(Tensor a) -> float"""
    if isinstance(a, ir.Value):
        return g.cast(_number(g, a), dtypes.to_onnx(torch.get_default_dtype()))
    return float(_real(a))


@symbolic("aten::Bool")
def to_bool(g: Emitter, a: Operand) -> Operand:
    """aten::Bool.Tensor(Tensor a) -> bool"""
    return g.cast(_number(g, a), ir.DataType.BOOL) if isinstance(a, ir.Value) else bool(a)


@symbolic("aten::ScalarImplicit")
def scalar_implicit(g: Emitter, a: Operand) -> Operand:
    """aten::ScalarImplicit(Tensor a) -> Scalar"""
    return _number(g, a) if isinstance(a, ir.Value) else a


@symbolic("aten::item", "aten::_local_scalar_dense")
def item(g: Emitter, self: Operand) -> Operand:
    """aten::item(Tensor self) -> Scalar"""
    return _number(g, self) if isinstance(self, ir.Value) else self


def _number(g: Emitter, x: ir.Value) -> ir.Value:
    """A tensor of one element, in any number of dimensions, as a Python number: without dimensions."""
    return forms.reshape(g, x, []) if x.shape is not None and len(x.shape) else x


def _real(number: Operand) -> float:
    if isinstance(number, ir.Value | complex):
        raise UnsupportedOperatorError("a complex number cannot be made real")
    return number


@symbolic("aten::size", "aten::sym_size")
def size(g: Emitter, self: Tensor, dim: int | None = None) -> Dim | list[Dim]:
    """aten::size.int(Tensor self, int dim) -> int"""
    return shapes.sizes(g, self) if dim is None else shapes.size(g, self, dim)


@symbolic("aten::dim", "aten::ndim")
def dim(g: Emitter, self: Tensor) -> int:
    """aten::dim(Tensor self) -> int"""
    return g.rank(self)


@symbolic("aten::numel", "aten::sym_numel")
def numel(g: Emitter, self: Tensor) -> Dim:
    """aten::numel(Tensor self) -> int"""
    return shapes.product(g, shapes.sizes(g, self))


@symbolic("aten::len.Tensor")
def len_tensor(g: Emitter, t: Tensor) -> Dim:
    """aten::len.Tensor(Tensor t) -> int"""
    return shapes.size(g, t, 0)


@symbolic("aten::__range_length")
def range_length(g: Emitter, lo: Dim, hi: Dim, step: Dim) -> Dim:
    """aten::__range_length(int lo, int hi, int step) -> int"""
    if isinstance(lo, int) and isinstance(hi, int) and isinstance(step, int):
        return len(range(lo, hi, step))
    if isinstance(step, int):
        if step < 0:
            lo, hi, step = hi, lo, -step
        return shapes.maximum(g, shapes.div(g, shapes.add(g, shapes.sub(g, hi, lo), step - 1), step), 0)
    g.requires(9, "a range whose step is only known when the model runs")
    forwards = shapes.div(g, shapes.sub(g, shapes.add(g, shapes.sub(g, hi, lo), step), 1), step)
    backwards = shapes.div(g, shapes.add(g, shapes.add(g, shapes.sub(g, hi, lo), step), 1), step)
    upwards = g.op("Greater", step, g.const(0))
    length = g.op("Where", upwards, shapes.as_scalar(g, forwards), shapes.as_scalar(g, backwards))
    return shapes.maximum(g, length, 0)


@symbolic("aten::__derive_index")
def derive_index(g: Emitter, index: Dim, start: Dim, step: Dim) -> Dim:
    """aten::__derive_index(int index, int start, int step) -> int"""
    return shapes.add(g, start, shapes.mul(g, index, step))


@symbolic("prim::dtype")
def dtype(g: Emitter, a: Tensor) -> int:
    """prim::dtype(Tensor a) -> int"""
    return dtypes.SCALAR_TYPES.index(dtypes.to_torch(g.dtype(a)))


@symbolic("prim::device")
def device(g: Emitter, a: Tensor) -> torch.device:
    """prim::device(Tensor a) -> Device"""
    return torch.device("cpu")
