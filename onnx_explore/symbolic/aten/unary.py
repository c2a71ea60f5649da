"""Pointwise functions of one operand: roots, exponentials, logarithms, trigonometry, rounding, signs."""

from __future__ import annotations

import math
from collections.abc import Callable

from onnx_explore.emit import Emitter
from onnx_explore.emit.algebra import add, div, in_double, mul, sub
from onnx_explore.emit.forms.comparison import equal, is_nan, less, round_even, where
from onnx_explore.emit.forms.comparison import sign as sign_of
from onnx_explore.emit.forms.comparison import trunc as towards_zero
from onnx_explore.symbolic.annotations import DType, Tensor
from onnx_explore.symbolic.promotion import floating, is_bool, is_float
from onnx_explore.symbolic.registry import Function, alias, symbolic, table

# -- one ONNX operator each; integers become floats --------------------------------------------------------------------


def _floats(op_type: str) -> Function:
    def function(g: Emitter, self: Tensor) -> Tensor:
        return g.op(op_type, *floating(g, self))

    return function


table(
    {
        "aten::sqrt": "Sqrt",
        "aten::exp": "Exp",
        "aten::log": "Log",
        "aten::reciprocal": "Reciprocal",
        "aten::sin": "Sin",
        "aten::cos": "Cos",
        "aten::asin": "Asin",
        "aten::acos": "Acos",
        "aten::atan": "Atan",
        "aten::tanh": "Tanh",
        "aten::sigmoid": "Sigmoid",
    },
    _floats,
)
alias("aten::asin", "aten::arcsin")
alias("aten::acos", "aten::arccos")
alias("aten::atan", "aten::arctan")
alias("aten::sigmoid", "aten::special_expit")

# -- where ONNX has the operator from opset 9 on only, or ONNX Runtime for float only: the formula ------------------------


def _or_formula(op_type: str, formula: Callable[[Emitter, Tensor], Tensor], since: int) -> Function:
    def function(g: Emitter, self: Tensor) -> Tensor:
        (x,) = floating(g, self)
        return formula(g, x) if g.opset < since or x.dtype == DType.DOUBLE else g.op(op_type, x)

    return function


def _tan(g: Emitter, x: Tensor) -> Tensor:
    return div(g, g.op("Sin", x), g.op("Cos", x))


def _sinh(g: Emitter, x: Tensor) -> Tensor:
    above_one = expm1_of(g, x)
    return mul(g, add(g, above_one, div(g, above_one, add(g, above_one, 1.0))), 0.5)


def _cosh(g: Emitter, x: Tensor) -> Tensor:
    return mul(g, add(g, g.op("Exp", x), g.op("Exp", g.op("Neg", x))), 0.5)


def _asinh(g: Emitter, x: Tensor) -> Tensor:
    size = g.op("Abs", x)
    square = mul(g, size, size)
    root = g.op("Sqrt", add(g, square, 1.0))
    return mul(g, log1p_of(g, add(g, size, div(g, square, add(g, root, 1.0)))), sign_of(g, x))


def _acosh(g: Emitter, x: Tensor) -> Tensor:
    return g.op("Log", add(g, x, g.op("Sqrt", sub(g, mul(g, x, x), 1.0))))


def _atanh(g: Emitter, x: Tensor) -> Tensor:
    return mul(g, log1p_of(g, div(g, mul(g, x, 2.0), sub(g, 1.0, x))), 0.5)


for _target, _op_type, _formula, _since in (
    ("aten::tan", "Tan", _tan, 7),
    ("aten::sinh", "Sinh", _sinh, 9),
    ("aten::cosh", "Cosh", _cosh, 9),
    ("aten::asinh", "Asinh", _asinh, 9),
    ("aten::acosh", "Acosh", _acosh, 9),
    ("aten::atanh", "Atanh", _atanh, 9),
):
    table({_target: _op_type}, lambda op_type, formula=_formula, since=_since: _or_formula(op_type, formula, since))
alias("aten::asinh", "aten::arcsinh")
alias("aten::acosh", "aten::arccosh")
alias("aten::atanh", "aten::arctanh")


# -- exponentials and logarithms -----------------------------------------------------------------------------------------


@symbolic("aten::rsqrt")
def rsqrt(g: Emitter, self: Tensor) -> Tensor:
    """rsqrt(Tensor self) -> Tensor"""
    return g.op("Reciprocal", g.op("Sqrt", *floating(g, self)))


@symbolic("aten::square")
def square(g: Emitter, self: Tensor) -> Tensor:
    """square(Tensor self) -> Tensor"""
    return g.op("And" if is_bool(self) else "Mul", self, self)


@symbolic("aten::exp2", "aten::special_exp2")
def exp2(g: Emitter, self: Tensor) -> Tensor:
    """exp2(Tensor self) -> Tensor"""
    (x,) = floating(g, self)
    return g.op("Pow", g.like(2.0, x), x)


@symbolic("aten::expm1", "aten::special_expm1")
def expm1(g: Emitter, self: Tensor) -> Tensor:
    """expm1(Tensor self) -> Tensor"""
    return expm1_of(g, *floating(g, self))


def expm1_of(g: Emitter, x: Tensor) -> Tensor:
    """``exp(x) - 1`` without cancellation: ``tanh(x / 2) * (exp(x) + 1)``."""
    return mul(g, g.op("Tanh", mul(g, x, 0.5)), add(g, g.op("Exp", x), 1.0))


@symbolic("aten::log1p", "aten::special_log1p")
def log1p(g: Emitter, self: Tensor) -> Tensor:
    """log1p(Tensor self) -> Tensor"""
    return log1p_of(g, *floating(g, self))


def log1p_of(g: Emitter, x: Tensor) -> Tensor:
    """``log(1 + x)``; what the sum rounded away is put back by the first term of the series (from opset 9 on)."""
    total = add(g, x, 1.0)
    plain = g.op("Log", total)
    if g.opset < 9:
        return plain
    lost = sub(g, sub(g, total, 1.0), x)
    return where(g, less(g, g.op("Abs", x), g.like(1.0, x)), sub(g, plain, div(g, lost, total)), plain)


@symbolic("aten::log2")
def log2(g: Emitter, self: Tensor) -> Tensor:
    """log2(Tensor self) -> Tensor: in double, as floor(log2(8192)) must be 13"""
    return _logarithm(g, self, 2.0)


@symbolic("aten::log10")
def log10(g: Emitter, self: Tensor) -> Tensor:
    """log10(Tensor self) -> Tensor"""
    return _logarithm(g, self, 10.0)


def _logarithm(g: Emitter, self: Tensor, base: float) -> Tensor:
    (x,) = floating(g, self)
    return in_double(g, x, lambda g, wide: div(g, g.op("Log", wide), math.log(base)))


@symbolic("aten::deg2rad")
def deg2rad(g: Emitter, self: Tensor) -> Tensor:
    """deg2rad(Tensor self) -> Tensor"""
    (x,) = floating(g, self)
    return mul(g, x, math.pi / 180)


@symbolic("aten::rad2deg")
def rad2deg(g: Emitter, self: Tensor) -> Tensor:
    """rad2deg(Tensor self) -> Tensor"""
    (x,) = floating(g, self)
    return mul(g, x, 180 / math.pi)


# -- signs and rounding ---------------------------------------------------------------------------------------------------


@symbolic("aten::abs", "aten::absolute")
def abs(g: Emitter, self: Tensor) -> Tensor:
    """abs(Tensor self) -> Tensor"""
    return self if is_bool(self) else g.op("Abs", self)


@symbolic("aten::neg", "aten::negative")
def neg(g: Emitter, self: Tensor) -> Tensor:
    """neg(Tensor self) -> Tensor"""
    return g.op("Neg", self)


@symbolic("aten::positive")
def positive(g: Emitter, self: Tensor) -> Tensor:
    """positive(Tensor self) -> Tensor"""
    return self


@symbolic("aten::sign", "aten::sgn")
def sign(g: Emitter, self: Tensor) -> Tensor:
    """sign(Tensor self) -> Tensor"""
    return self if is_bool(self) else sign_of(g, self)


@symbolic("aten::signbit")
def signbit(g: Emitter, self: Tensor) -> Tensor:
    """signbit(Tensor self) -> Tensor"""
    if is_bool(self):
        return g.op("And", self, g.op("Not", self))
    return negative_of(g, self)


def negative_of(g: Emitter, x: Tensor) -> Tensor:
    """Whether the sign bit is set: negative, or a zero whose reciprocal is."""
    zero = g.like(0, x)
    negative = less(g, x, zero)
    if not is_float(x):
        return negative
    return g.op("Or", negative, g.op("And", equal(g, x, zero), less(g, g.op("Reciprocal", x), zero)))


def _whole(op_type: str) -> Function:
    def function(g: Emitter, self: Tensor) -> Tensor:
        return g.op(op_type, self) if is_float(self) else self

    return function


table({"aten::floor": "Floor", "aten::ceil": "Ceil"}, _whole)


@symbolic("aten::trunc", "aten::fix")
def trunc(g: Emitter, self: Tensor) -> Tensor:
    """trunc(Tensor self) -> Tensor"""
    return towards_zero(g, self) if is_float(self) else self


@symbolic("aten::frac")
def frac(g: Emitter, self: Tensor) -> Tensor:
    """frac(Tensor self) -> Tensor"""
    return sub(g, self, towards_zero(g, self))


@symbolic("aten::round", "aten::special_round")
def round(g: Emitter, self: Tensor, decimals: int = 0) -> Tensor:
    """round.decimals(Tensor self, *, int decimals) -> Tensor"""
    if not is_float(self):
        return self
    if decimals == 0:
        return round_even(g, self)
    scale = 10.0 ** (decimals if decimals > 0 else -decimals)
    if decimals > 0:
        return div(g, round_even(g, mul(g, self, scale)), scale)
    return mul(g, round_even(g, div(g, self, scale)), scale)


@symbolic("aten::angle", since=9)
def angle(g: Emitter, self: Tensor) -> Tensor:
    """angle(Tensor self) -> Tensor: of a real number, π below 0, else 0"""
    (x,) = floating(g, self)
    zero = g.like(0.0, x)
    direction = where(g, less(g, x, zero), g.like(math.pi, x), zero)
    return where(g, is_nan(g, x), x, direction) if is_float(self) else direction
