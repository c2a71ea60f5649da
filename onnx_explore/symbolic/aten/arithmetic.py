"""Arithmetic on two operands: addition to remainder and power, with PyTorch's promotion."""

from __future__ import annotations

from collections.abc import Callable

import onnx_ir as ir

from onnx_explore.emit import Emitter, shapes
from onnx_explore.emit.algebra import add as plus
from onnx_explore.emit.algebra import div as quotient_of
from onnx_explore.emit.algebra import sub as minus
from onnx_explore.emit.forms.comparison import equal, extreme, is_nan, less, round_even, trunc, where
from onnx_explore.symbolic.annotations import Operand, Tensor
from onnx_explore.symbolic.promotion import (
    FLOATS,
    arithmetic,
    as_type,
    floating,
    is_bool,
    is_float,
    is_integer,
    result_type,
)
from onnx_explore.symbolic.registry import symbolic


def _scaled(g: Emitter, operand: Operand, alpha: Operand) -> Operand:
    """``alpha * operand``; alpha is 1 nearly always."""
    if not isinstance(alpha, ir.Value) and alpha == 1:
        return operand
    if not isinstance(operand, ir.Value) and not isinstance(alpha, ir.Value):
        return alpha * operand
    return mul(g, operand, alpha)


@symbolic("aten::add")
def add(g: Emitter, self: Operand, other: Operand, alpha: Operand = 1) -> Tensor:
    """add.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor"""
    left, right = arithmetic(g, self, _scaled(g, other, alpha))
    if is_bool(left):
        return g.op("Or", left, right)
    return _counting(g, g.op("Add", left, right), left, right)


@symbolic("aten::sub", "aten::subtract")
def sub(g: Emitter, self: Operand, other: Operand, alpha: Operand = 1) -> Tensor:
    """sub.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor"""
    left, right = arithmetic(g, self, _scaled(g, other, alpha))
    return g.op("Sub", left, right)


@symbolic("aten::rsub")
def rsub(g: Emitter, self: Operand, other: Operand, alpha: Operand = 1) -> Tensor:
    """rsub.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor: other - alpha * self"""
    return sub(g, other, self, alpha)


@symbolic("aten::mul", "aten::multiply")
def mul(g: Emitter, self: Operand, other: Operand) -> Tensor:
    """mul.Tensor(Tensor self, Tensor other) -> Tensor"""
    left, right = arithmetic(g, self, other)
    if is_bool(left):
        return g.op("And", left, right)
    return _counting(g, g.op("Mul", left, right), left, right)


@symbolic("aten::div", "aten::divide")
def div(g: Emitter, self: Operand, other: Operand, rounding_mode: str | None = None) -> Tensor:
    """div.Tensor_mode(Tensor self, Tensor other, *, str? rounding_mode) -> Tensor"""
    if rounding_mode == "trunc":
        left, right = arithmetic(g, self, other)
        if not is_float(left):
            return g.op("Div", left, right)  # ONNX Div of integers truncates
        wide = (
            ir.DataType.FLOAT if left.dtype in _HALVES else g.dtype(left)
        )  # a rounded quotient may be the next integer
        return g.cast(trunc(g, g.op("Div", g.cast(left, wide), g.cast(right, wide))), g.dtype(left))
    if rounding_mode == "floor":
        return floor_divide(g, self, other)
    return true_divide(g, self, other)


@symbolic("aten::true_divide")
def true_divide(g: Emitter, self: Operand, other: Operand) -> Tensor:
    """true_divide.Tensor(Tensor self, Tensor other) -> Tensor"""
    left, right = floating(g, self, other)
    return g.op("Div", left, right)


@symbolic("aten::floor_divide", "aten::floordiv")
def floor_divide(g: Emitter, self: Operand, other: Operand) -> Tensor:
    """floor_divide(Tensor self, Tensor other) -> Tensor: of the exact quotient, so that 1 // 0.1 is 9"""
    left, right = arithmetic(g, self, other)
    if is_float(left):
        return _floor_of_floats(g, left, right, whole=_is_whole(other))
    if shapes.is_non_negative(g, left) and shapes.is_non_negative(g, right):
        return _counting(g, g.op("Div", left, right), left, right)
    return floor_of(g, left, right, positive=_positive(other))


def _floor_of_floats(g: Emitter, left: Tensor, right: Tensor, *, whole: bool) -> Tensor:
    wide = ir.DataType.DOUBLE
    if whole or (left.dtype == wide and g.opset < 10):
        return g.op("Floor", g.op("Div", left, right))
    if left.dtype != wide:  # a quotient of floats, as a double, is never rounded up to an integer
        return g.cast(g.op("Floor", g.op("Div", g.cast(left, wide), g.cast(right, wide))), g.dtype(left))
    exact = round_even(g, quotient_of(g, minus(g, left, _remainder(g, left, right)), right))
    return where(g, equal(g, right, g.like(0, right)), g.op("Div", left, right), exact)


def floor_of(g: Emitter, left: Tensor, right: Tensor, *, positive: bool = False) -> Tensor:
    """``left // right`` of integers of one type; ``positive``: the divisor is known to be."""
    quotient = g.op("Div", left, right)
    if left.dtype in _UNSIGNED:
        return quotient
    # Truncation and floor differ where the remainder is not 0 and has not the divisor's sign.
    rest, zero = minus(g, left, g.op("Mul", quotient, right)), g.like(0, left)
    if positive:
        differs = less(g, rest, zero)
    else:
        signs_differ = g.op("Xor", less(g, rest, zero), less(g, right, zero))
        differs = g.op("And", g.op("Not", equal(g, rest, zero)), signs_differ)
    return g.op("Sub", quotient, g.cast(differs, g.dtype(left)))


_HALVES = (ir.DataType.FLOAT16, ir.DataType.BFLOAT16)
_UNSIGNED = (ir.DataType.UINT8, ir.DataType.UINT16, ir.DataType.UINT32, ir.DataType.UINT64)


def _counting(g: Emitter, result: Tensor, left: Tensor, right: Tensor) -> Tensor:
    """``result``, known not to be negative if the operands are: what is computed from sizes."""
    if shapes.is_non_negative(g, left) and shapes.is_non_negative(g, right):
        shapes.mark_non_negative(g, result)
    return result


def _positive(number: Operand) -> bool:
    return not isinstance(number, ir.Value | complex) and number > 0


def _is_whole(number: Operand) -> bool:
    """Whether rounding a quotient by this number cannot lift it to the next integer."""
    return not isinstance(number, ir.Value | complex) and float(number).is_integer() and number != 0


@symbolic("aten::remainder")
def remainder(g: Emitter, self: Operand, other: Operand) -> Tensor:
    """remainder.Tensor(Tensor self, Tensor other) -> Tensor: the sign is the divisor's"""
    left, right = arithmetic(g, self, other)
    return _remainder(g, left, right, positive=_positive(other))


def _remainder(g: Emitter, left: Tensor, right: Tensor, *, positive: bool = False) -> Tensor:
    if g.opset < 10:
        if not is_float(left):
            return minus(g, left, g.op("Mul", floor_of(g, left, right), right))
        x, y = (g.cast(item, ir.DataType.DOUBLE) for item in (left, right))
        return g.cast(minus(g, x, g.op("Mul", g.op("Floor", g.op("Div", x, y)), y)), g.dtype(left))
    if not is_float(left):
        return g.op("Mod", left, right)
    # Mod of floats has the dividend's sign. Adding the divisor once mends it; doing it everywhere would round.
    rest, zero = g.op("Mod", left, right, fmod=1), g.like(0, left)
    if positive:
        wrong = less(g, rest, zero)
    else:
        differ = g.op("Xor", less(g, rest, zero), less(g, right, zero))
        wrong = g.op("And", differ, g.op("Not", equal(g, rest, zero)))
    return where(g, wrong, plus(g, rest, right), rest)


@symbolic("aten::fmod")
def fmod(g: Emitter, self: Operand, other: Operand) -> Tensor:
    """fmod.Tensor(Tensor self, Tensor other) -> Tensor: the sign is the dividend's"""
    left, right = arithmetic(g, self, other)
    if not is_float(left):
        return minus(g, left, g.op("Mul", g.op("Div", left, right), right))
    x, y = (g.cast(item, ir.DataType.DOUBLE) for item in (left, right))
    return g.cast(minus(g, x, g.op("Mul", trunc(g, g.op("Div", x, y)), y)), g.dtype(left))


@fmod.since(10)
def _(g: Emitter, self: Operand, other: Operand) -> Tensor:
    left, right = arithmetic(g, self, other)
    return g.op("Mod", left, right, fmod=1)


@symbolic("aten::pow", "aten::float_power")
def pow(g: Emitter, self: Operand, exponent: Operand) -> Tensor:
    """pow.Tensor_Tensor(Tensor self, Tensor exponent) -> Tensor"""
    if isinstance(self, ir.Value) and isinstance(exponent, int | float):
        special = _POWERS.get(float(exponent))
        (base,) = (
            arithmetic(g, self) if g.expected is not None else [as_type(g, self, result_type(g, [self, exponent]))]
        )
        if special is not None and (is_float(base) or exponent in (1, 2)):
            return special(g, base)
        if is_integer(base) and isinstance(exponent, int) and 2 < exponent < 64:
            return _product_of(g, base, exponent)
    base, power = arithmetic(g, self, exponent)
    if g.opset < 12 and base.dtype not in FLOATS:
        # Pow-7 takes floats only; doubles hold every int that a power of ints is likely to give.
        wide = ir.DataType.DOUBLE
        result = g.cast(g.op("Pow", g.cast(base, wide), g.cast(power, wide)), g.dtype(base))
    else:
        result = g.op("Pow", base, power)
    if not is_integer(base) or not isinstance(exponent, ir.Value):
        return result
    # 0 to a negative power is 0 for integers, and infinite, then cast, for a runtime that goes by doubles.
    zero = g.like(0, base)
    empty = g.op("And", g.op("Equal", base, zero), g.op("Less", power, zero))
    return where(g, empty, zero, result)


def _product_of(g: Emitter, base: Tensor, exponent: int) -> Tensor:
    """An integer multiplied with itself: exact, as runtimes' powers of integers, which go by doubles, are not."""
    result: Tensor | None = None
    while exponent:
        if exponent & 1:
            result = base if result is None else g.op("Mul", result, base)
        exponent >>= 1
        if exponent:
            base = g.op("Mul", base, base)
    assert result is not None
    return result


_POWERS: dict[float, Callable[[Emitter, Tensor], Tensor]] = {
    1.0: lambda g, x: x,
    2.0: lambda g, x: g.op("Mul", x, x),
    0.5: lambda g, x: g.op("Sqrt", x),
    -0.5: lambda g, x: g.op("Reciprocal", g.op("Sqrt", x)),
    -1.0: lambda g, x: g.op("Reciprocal", x),
}
"""Exponents that PyTorch, too, evaluates without a power."""


@symbolic("aten::ldexp")
def ldexp(g: Emitter, self: Operand, other: Operand) -> Tensor:
    """ldexp.Tensor(Tensor self, Tensor other) -> Tensor: self * 2 ** other"""
    left, right = floating(g, self, other)
    return g.op("Mul", left, g.op("Pow", g.like(2.0, right), right))


@symbolic("aten::maximum", "aten::max.other")
def maximum(g: Emitter, self: Operand, other: Operand) -> Tensor:
    """maximum(Tensor self, Tensor other) -> Tensor"""
    return extreme(g, "Max", *arithmetic(g, self, other))


@symbolic("aten::minimum", "aten::min.other")
def minimum(g: Emitter, self: Operand, other: Operand) -> Tensor:
    """minimum(Tensor self, Tensor other) -> Tensor"""
    return extreme(g, "Min", *arithmetic(g, self, other))


@symbolic("aten::fmax")
def fmax(g: Emitter, self: Operand, other: Operand) -> Tensor:
    """fmax(Tensor self, Tensor other) -> Tensor: a number goes before a NaN"""
    return _ignoring_nan(g, "Max", self, other)


@symbolic("aten::fmin")
def fmin(g: Emitter, self: Operand, other: Operand) -> Tensor:
    """fmin(Tensor self, Tensor other) -> Tensor: a number goes before a NaN"""
    return _ignoring_nan(g, "Min", self, other)


def _ignoring_nan(g: Emitter, op_type: str, self: Operand, other: Operand) -> Tensor:
    left, right = arithmetic(g, self, other)
    if not is_float(left):
        return extreme(g, op_type, left, right)
    return extreme(g, op_type, where(g, is_nan(g, left), right, left), where(g, is_nan(g, right), left, right))


__all__ = ["add", "as_type", "div", "floor_divide", "mul", "pow", "remainder", "result_type", "rsub", "sub"]
