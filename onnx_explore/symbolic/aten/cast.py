"""Conversions of the element type, and the operators that only move, share or mark a tensor, which say nothing here."""

from __future__ import annotations

import onnx_ir as ir

from onnx_explore.emit import Emitter
from onnx_explore.emit.forms import expand_like
from onnx_explore.errors import UnsupportedOperatorError
from onnx_explore.symbolic.annotations import DType, Operand, Tensor
from onnx_explore.symbolic.aten.complex_numbers import COMPLEX, from_real
from onnx_explore.symbolic.lowered import Complex
from onnx_explore.symbolic.promotion import as_type
from onnx_explore.symbolic.registry import Function, symbolic, table


@symbolic("aten::to", "aten::_to_copy")
def to(g: Emitter, self: Tensor, dtype: DType | None = None, copy: bool = False) -> Tensor | Complex:
    """to.dtype(Tensor(a) self, ScalarType dtype, bool non_blocking=False, bool copy=False, MemoryFormat?
    memory_format=None) -> Tensor(a)
    """
    if dtype is not None and dtype in COMPLEX:
        return from_real(g, self, dtype)
    return self if dtype is None else g.cast(self, dtype)


@symbolic("aten::to.other")
def to_other(g: Emitter, self: Tensor, other: Tensor, copy: bool = False) -> Tensor:
    """to.other(Tensor(a) self, Tensor other, bool non_blocking=False, bool copy=False, MemoryFormat? memory_format=None)
    -> Tensor(a)
    """
    return g.cast(self, g.dtype(other))


@symbolic("aten::type_as")
def type_as(g: Emitter, self: Tensor, other: Tensor) -> Tensor:
    """type_as(Tensor self, Tensor other) -> Tensor"""
    return g.cast(self, g.dtype(other))


def _cast(name: str) -> Function:
    dtype = ir.DataType[name]

    def function(g: Emitter, self: Tensor) -> Tensor:
        return g.cast(self, dtype)

    return function


table(
    {
        "aten::_cast_Byte": "UINT8",
        "aten::_cast_Char": "INT8",
        "aten::_cast_Short": "INT16",
        "aten::_cast_Int": "INT32",
        "aten::_cast_Long": "INT64",
        "aten::_cast_Half": "FLOAT16",
        "aten::_cast_Float": "FLOAT",
        "aten::_cast_Double": "DOUBLE",
    },
    _cast,
)


@symbolic(
    "aten::contiguous",
    "aten::clone",
    "aten::detach",
    "aten::detach_copy",
    "aten::alias",
    "aten::alias_copy",
    "aten::lift",
    "aten::lift_fresh",
    "aten::lift_fresh_copy",
    "aten::cpu",
    "aten::cuda",
    "aten::pin_memory",
    "aten::resolve_conj",
    "aten::resolve_neg",
    "aten::conj",
    "aten::_conj",
    "aten::conj_physical",
    "aten::real",
    "aten::requires_grad_",
    "aten::to_dense",
    "aten::data",
)
def same(g: Emitter, self: Tensor) -> Tensor:
    """contiguous(Tensor(a) self, *, MemoryFormat memory_format=contiguous_format) -> Tensor(a): the tensor itself (real
    tensors are their own conjugates)
    """
    if self.dtype in (ir.DataType.COMPLEX64, ir.DataType.COMPLEX128):
        raise UnsupportedOperatorError("complex tensors are not supported")
    return self


@symbolic("aten::copy")
def copy(g: Emitter, self: Tensor, src: Operand) -> Tensor:
    """copy(Tensor self, Tensor src, bool non_blocking=False) -> Tensor: src, broadcast to the shape and cast to the type"""
    return expand_like(g, as_type(g, src, g.dtype(self)), self)


@symbolic("aten::view.dtype", "aten::view_copy.dtype")
def view_dtype(g: Emitter, self: Tensor, dtype: DType) -> Tensor:
    """view.dtype(Tensor(a) self, ScalarType dtype) -> Tensor(a): the same bits read as another type"""
    if self.dtype == dtype:
        return self
    if g.dtype(self).itemsize != dtype.itemsize:
        raise UnsupportedOperatorError(
            f"the bits of {g.dtype(self).name} cannot be read as {dtype.name}: ONNX's BitCast needs types of one size"
        )
    g.requires(26, "BitCast")
    return g.op("BitCast", self, to=dtype)
