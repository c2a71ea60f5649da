"""Logical operators (on the truth of any number), bitwise ones, and shifts."""

from __future__ import annotations

import onnx_ir as ir
import torch

from onnx_explore import dtypes
from onnx_explore.emit import Emitter
from onnx_explore.emit.algebra import mul, sub
from onnx_explore.emit.forms.comparison import less, where
from onnx_explore.symbolic.annotations import Operand, Tensor
from onnx_explore.symbolic.aten.arithmetic import floor_divide
from onnx_explore.symbolic.promotion import arithmetic, as_type, is_bool, promoted
from onnx_explore.symbolic.registry import Function, symbolic, table

_BOOL = ir.DataType.BOOL
_UNSIGNED = (ir.DataType.UINT8, ir.DataType.UINT16, ir.DataType.UINT32, ir.DataType.UINT64)


def _logical(op_type: str) -> Function:
    def function(g: Emitter, self: Operand, other: Operand) -> Tensor:
        return g.op(op_type, as_type(g, self, _BOOL), as_type(g, other, _BOOL))

    return function


table({"aten::logical_and": "And", "aten::logical_or": "Or", "aten::logical_xor": "Xor"}, _logical)


@symbolic("aten::logical_not")
def logical_not(g: Emitter, self: Tensor) -> Tensor:
    """logical_not(Tensor self) -> Tensor"""
    return g.op("Not", g.cast(self, _BOOL))


@symbolic("aten::__not__")
def python_not(g: Emitter, self: Operand) -> Tensor:
    """aten::__not__(bool self) -> bool"""
    return g.op("Not", as_type(g, self, _BOOL))


def _bitwise(op_type: str) -> Function:
    def function(g: Emitter, self: Operand, other: Operand) -> Tensor:
        left, right = promoted(g, self, other)
        if is_bool(left):
            return g.op(op_type, left, right)
        g.requires(18, f"Bitwise{op_type}")
        return g.op(f"Bitwise{op_type}", left, right)

    return function


table(
    {
        "aten::bitwise_and": "And",
        "aten::__and__": "And",
        "aten::bitwise_or": "Or",
        "aten::__or__": "Or",
        "aten::bitwise_xor": "Xor",
        "aten::__xor__": "Xor",
    },
    _bitwise,
)


@symbolic("aten::bitwise_not")
def bitwise_not(g: Emitter, self: Tensor) -> Tensor:
    """bitwise_not(Tensor self) -> Tensor: of integers, -1 - x (unsigned: the largest one - x)"""
    if is_bool(self):
        return g.op("Not", self)
    return sub(g, torch.iinfo(dtypes.to_torch(g.dtype(self))).max if self.dtype in _UNSIGNED else -1, self)


@bitwise_not.since(18)
def _(g: Emitter, self: Tensor) -> Tensor:
    return g.op("Not" if is_bool(self) else "BitwiseNot", self)


# -- shifts: multiplication and division by a power of two, as BitShift takes unsigned integers only -----------------------


@symbolic("aten::bitwise_left_shift", "aten::__lshift__")
def left_shift(g: Emitter, self: Operand, other: Operand) -> Tensor:
    """bitwise_left_shift.Tensor(Tensor self, Tensor other) -> Tensor: 0 for a shift that the type has no room for"""
    left, right = arithmetic(g, self, other)
    bits, dtype = _bits(g, left), dtypes.to_torch(g.dtype(left))
    powers = torch.tensor([1 << index for index in range(63)] + [-(1 << 63)])[:bits].to(dtype)
    powers = torch.cat([powers, torch.zeros(1, dtype=dtype)])
    if isinstance(other, int):
        if left.dtype in _UNSIGNED and 0 <= other < bits and g.opset >= 11:
            return g.op("BitShift", left, right, direction="LEFT")
        return g.op("Mul", left, g.tensor(powers[other if 0 <= other < bits else bits].clone()))
    return g.op("Mul", left, g.op("Gather", g.tensor(powers), _index(g, right, bits), axis=0))


@symbolic("aten::bitwise_right_shift", "aten::__rshift__")
def right_shift(g: Emitter, self: Operand, other: Operand) -> Tensor:
    """bitwise_right_shift.Tensor(Tensor self, Tensor other) -> Tensor: arithmetic; nothing but the sign stays at the end"""
    left, right = arithmetic(g, self, other)
    signed = left.dtype not in _UNSIGNED
    bits, dtype = _bits(g, left) - int(signed), dtypes.to_torch(g.dtype(left))
    sign = mul(g, left, 0)
    if signed:
        sign = g.op("Neg", g.cast(less(g, left, g.like(0, left)), g.dtype(left)))
    if isinstance(other, int):
        if not 0 <= other < bits:
            return sign
        if not signed and g.opset >= 11:
            return g.op("BitShift", left, right, direction="RIGHT")
        return floor_divide(g, left, 1 << other)
    powers = torch.tensor([1 << index for index in range(bits)] + [1], dtype=torch.int64).to(dtype)
    index = _index(g, right, bits)
    shifted = floor_divide(g, left, g.op("Gather", g.tensor(powers), index, axis=0))
    return where(g, less(g, index, g.const(bits)), shifted, sign)


def _bits(g: Emitter, x: Tensor) -> int:
    return torch.iinfo(dtypes.to_torch(g.dtype(x))).bits


def _index(g: Emitter, shift: Tensor, bits: int) -> Tensor:
    """The shift as an index: ``bits`` for one that is negative or too wide."""
    shift, end = g.cast(shift, ir.DataType.INT64), g.const(bits)
    fits = g.op("And", less(g, shift, end), g.op("Not", less(g, shift, g.const(0))))
    return where(g, fits, shift, end)
