"""Python numbers and booleans, as scripted code computes with them when sizes are known only at run time.

Overloads such as ``aten::add.int(int a, int b)`` and ``aten::sqrt.int(int a)`` are bound to the tensor functions by position
(see ``binding.plan``); here stands what has no tensor form, or another result type.
"""

from __future__ import annotations

from typing import Any

import onnx_ir as ir

from onnx_explore.emit import Emitter
from onnx_explore.emit.forms.comparison import extreme, is_inf, is_nan, trunc
from onnx_explore.symbolic.annotations import Operand, Tensor
from onnx_explore.symbolic.aten import arithmetic, unary
from onnx_explore.symbolic.aten.creation import default_float
from onnx_explore.symbolic.promotion import as_type, is_float, promoted
from onnx_explore.symbolic.registry import Function, alias, symbolic, table

# -- numbers ---------------------------------------------------------------------------------------------------------------


@symbolic("prim::min")
def minimum(g: Emitter, a: Operand, b: Operand) -> Operand:
    """prim::min.int(int a, int b) -> int"""
    return extreme(g, "Min", *promoted(g, a, b))


@symbolic("prim::max")
def maximum(g: Emitter, a: Operand, b: Operand) -> Operand:
    """prim::max.int(int a, int b) -> int"""
    return extreme(g, "Max", *promoted(g, a, b))


@symbolic("prim::abs")
def absolute(g: Emitter, x: Tensor) -> Tensor:
    """prim::abs.int(int a) -> int"""
    return unary.abs(g, x)


def _to_int(op_type: str) -> Function:
    def function(g: Emitter, a: Tensor) -> Tensor:
        return g.cast(g.op(op_type, a) if is_float(a) else a, ir.DataType.INT64)

    return function


table({"aten::floor.float": "Floor", "aten::ceil.float": "Ceil"}, _to_int)
alias("aten::floor.float", "aten::floor.int", "aten::floor.Scalar")
alias("aten::ceil.float", "aten::ceil.int", "aten::ceil.Scalar")


@symbolic("aten::round.int", "aten::round.float", "aten::round.Scalar")
def round_number(g: Emitter, a: Tensor) -> Tensor:
    """aten::round.float(float a) -> float"""
    return g.cast(unary.round(g, a), default_float())


@symbolic("aten::pow.int", "aten::pow.float", "aten::pow.int_float", "aten::pow.float_int", "aten::pow.Scalar_Scalar")
def float_power(g: Emitter, a: Operand, b: Operand) -> Tensor:
    """aten::pow.int(int a, int b) -> float"""
    return arithmetic.pow(g, as_type(g, a, default_float()), b)


@symbolic("aten::log.int_int", "aten::log.float_float", "aten::log.int_float", "aten::log.float_int")
def log_to_base(g: Emitter, a: Operand, b: Operand) -> Tensor:
    """aten::log.int_int(int a, int b) -> float"""
    left, right = (g.op("Log", as_type(g, item, default_float())) for item in (a, b))
    return g.op("Div", left, right)


@symbolic("aten::fabs")
def fabs(g: Emitter, a: Operand) -> Tensor:
    """aten::fabs.int(int a) -> float"""
    return g.op("Abs", as_type(g, a, default_float()))


@symbolic("aten::modf")
def modf(g: Emitter, a: Operand) -> Any:
    """aten::modf(float a) -> (float, float)"""
    number = as_type(g, a, default_float())
    whole = trunc(g, number)
    return g.op("Sub", number, whole), whole


@symbolic("aten::isnan.float")
def isnan(g: Emitter, a: Tensor) -> Tensor:
    """aten::isnan.float(float a) -> bool"""
    return is_nan(g, a)


@symbolic("aten::isinf.float")
def isinf(g: Emitter, a: Tensor) -> Tensor:
    """aten::isinf.float(float a) -> bool"""
    return is_inf(g, a)


@symbolic("aten::divmod")
def divmod_numbers(g: Emitter, x: Operand, y: Operand) -> Any:
    """aten::divmod.int(int x, int y) -> (int, int)"""
    return arithmetic.floor_divide(g, x, y), arithmetic.remainder(g, x, y)


@symbolic("aten::__round_to_zero_floordiv")
def truncated_quotient(g: Emitter, a: Operand, b: Operand) -> Tensor:
    """aten::__round_to_zero_floordiv.int(int a, int b) -> int"""
    return arithmetic.div(g, a, b, "trunc")
