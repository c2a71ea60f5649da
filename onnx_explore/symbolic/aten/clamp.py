"""Choosing between values: clamps, Where and masked fill, interpolation, signs taken from another tensor."""

from __future__ import annotations

import math
from typing import Any

import onnx_ir as ir

from onnx_explore.emit import Emitter, forms
from onnx_explore.emit.algebra import add, div, mul, sub
from onnx_explore.emit.forms import comparison
from onnx_explore.emit.forms.comparison import equal, extreme, finite_range, greater, less, where
from onnx_explore.symbolic.annotations import Operand, Scalar, Tensor
from onnx_explore.symbolic.aten.activation import softplus_of
from onnx_explore.symbolic.aten.unary import negative_of
from onnx_explore.symbolic.promotion import arithmetic, as_type, floating, is_bool, is_float
from onnx_explore.symbolic.registry import symbolic

_BOOL = ir.DataType.BOOL

# -- clamps --------------------------------------------------------------------------------------------------------------


@symbolic("aten::clamp", "aten::clip")
def clamp(g: Emitter, self: Operand, min: Operand | None = None, max: Operand | None = None) -> Tensor:
    """clamp(Tensor self, Scalar? min=None, Scalar? max=None) -> Tensor: the upper bound wins"""
    given = [bound for bound in (min, max) if bound is not None]
    x, *bounds = arithmetic(g, self, *given)
    low = bounds[0] if min is not None else None
    high = bounds[-1] if max is not None else None
    if is_bool(x) or not all(g.rank(bound) == 0 for bound in bounds):
        if low is not None:
            x = extreme(g, "Max", x, low)
        return x if high is None else extreme(g, "Min", x, high)
    if all(not isinstance(bound, ir.Value) for bound in given):
        return forms.clip(g, x, _number(min, x), _number(max, x))
    return forms.clip(g, x, low, high)


def _number(bound: Operand | None, x: Tensor) -> float | None:
    if bound is None or isinstance(bound, ir.Value | complex):
        return None
    return bound if is_float(x) else int(bound)


@symbolic("aten::clamp_min")
def clamp_min(g: Emitter, self: Operand, min: Operand) -> Tensor:
    """clamp_min(Tensor self, Scalar min) -> Tensor"""
    return clamp(g, self, min, None)


@symbolic("aten::clamp_max")
def clamp_max(g: Emitter, self: Operand, max: Operand) -> Tensor:
    """clamp_max(Tensor self, Scalar max) -> Tensor"""
    return clamp(g, self, None, max)


@symbolic("aten::nan_to_num")
def nan_to_num(
    g: Emitter, self: Tensor, nan: float | None = None, posinf: float | None = None, neginf: float | None = None
) -> Tensor:
    """nan_to_num(Tensor self, float? nan=None, float? posinf=None, float? neginf=None) -> Tensor"""
    if not is_float(self):
        return self
    lowest, highest = finite_range(g.dtype(self))
    result = self
    if posinf is None and neginf is None:
        result = forms.clip(g, result, lowest, highest)
    else:
        for infinity, number in ((math.inf, posinf), (-math.inf, neginf)):
            value = number if number is not None else (highest if infinity > 0 else lowest)
            result = where(g, equal(g, self, g.like(infinity, self)), g.like(value, self), result)
    return where(g, comparison.is_nan(g, self), g.like(nan if nan is not None else 0.0, self), result)


# -- Where and masks -------------------------------------------------------------------------------------------------------


@symbolic("aten::where.self", "aten::where.ScalarSelf", "aten::where.ScalarOther", "aten::where.Scalar")
def where_self(g: Emitter, condition: Tensor, self: Operand, other: Operand) -> Tensor:
    """where.self(Tensor condition, Tensor self, Tensor other) -> Tensor"""
    left, right = arithmetic(g, self, other)
    return where(g, g.cast(condition, _BOOL), left, right)


@symbolic("aten::where", since=9)
def where_indices(g: Emitter, condition: Tensor) -> list[Tensor]:
    """where(Tensor condition) -> Tensor[]: the indices of what is not 0, one vector for each dimension"""
    if g.rank(condition) == 0:
        condition = forms.unsqueeze(g, condition, [0])
    rows = g.op("NonZero", g.cast(condition, _BOOL))
    return [forms.select(g, rows, 0, axis) for axis in range(g.rank(condition))]


@symbolic("aten::masked_fill")
def masked_fill(g: Emitter, self: Tensor, mask: Tensor, value: Operand) -> Tensor:
    """masked_fill.Scalar(Tensor self, Tensor mask, Scalar value) -> Tensor"""
    return where(g, g.cast(mask, _BOOL), as_type(g, value, g.dtype(self)), self)


@symbolic("aten::heaviside")
def heaviside(g: Emitter, self: Tensor, values: Tensor) -> Tensor:
    """heaviside(Tensor self, Tensor values) -> Tensor"""
    x, at_zero = arithmetic(g, self, values)
    if is_bool(x):
        return g.op("Or", x, at_zero)
    zero = g.like(0, x)
    return where(g, equal(g, x, zero), at_zero, g.cast(greater(g, x, zero), g.dtype(x)))


# -- combinations --------------------------------------------------------------------------------------------------------


@symbolic("aten::lerp")
def lerp(g: Emitter, self: Tensor, end: Tensor, weight: Operand) -> Tensor:
    """lerp.Tensor(Tensor self, Tensor end, Tensor weight) -> Tensor"""
    start, stop, share = floating(g, self, end, weight)
    distance = sub(g, stop, start)
    if isinstance(weight, int | float) and weight >= 0.5:
        return sub(g, stop, mul(g, distance, sub(g, 1.0, share)))
    return add(g, start, mul(g, distance, share))


@symbolic("aten::addcmul")
def addcmul(g: Emitter, self: Tensor, tensor1: Tensor, tensor2: Tensor, value: Scalar = 1) -> Tensor:
    """addcmul(Tensor self, Tensor tensor1, Tensor tensor2, *, Scalar value=1) -> Tensor"""
    base, left, right = arithmetic(g, self, tensor1, tensor2)
    return g.op("Add", base, _weighted(g, g.op("Mul", left, right), value))


@symbolic("aten::addcdiv")
def addcdiv(g: Emitter, self: Tensor, tensor1: Tensor, tensor2: Tensor, value: Scalar = 1) -> Tensor:
    """addcdiv(Tensor self, Tensor tensor1, Tensor tensor2, *, Scalar value=1) -> Tensor"""
    base, left, right = arithmetic(g, self, tensor1, tensor2)
    return g.op("Add", base, _weighted(g, g.op("Div", left, right), value))


def _weighted(g: Emitter, x: Tensor, value: Scalar) -> Tensor:
    if not isinstance(value, ir.Value) and value == 1:
        return x
    return g.op("Mul", x, as_type(g, value, g.dtype(x)))


@symbolic("aten::copysign")
def copysign(g: Emitter, self: Operand, other: Operand) -> Tensor:
    """copysign.Tensor(Tensor self, Tensor other) -> Tensor"""
    x, y = floating(g, self, other)
    size = g.op("Abs", x)
    return where(g, negative_of(g, y), g.op("Neg", size), size)


@symbolic("aten::hypot")
def hypot(g: Emitter, self: Tensor, other: Tensor) -> Tensor:
    """hypot(Tensor self, Tensor other) -> Tensor: in double, where the squares of floats do not overflow"""
    x, y = floating(g, self, other)
    wide = [g.cast(item, ir.DataType.DOUBLE) for item in (x, y)]
    squares = [g.op("Mul", item, item) for item in wide]
    return g.cast(g.op("Sqrt", g.op("Add", *squares)), g.dtype(x))


@symbolic("aten::atan2", "aten::arctan2")
def atan2(g: Emitter, self: Operand, other: Operand) -> Tensor:
    """atan2(Tensor self, Tensor other) -> Tensor"""
    y, x = floating(g, self, other)
    zero = g.like(0.0, x)
    both_zero = g.op("And", equal(g, x, zero), equal(g, y, zero))
    size = g.op("Abs", x)
    # One divisor for all quadrants: |x|, so that -0 counts as 0.
    angle = g.op("Atan", div(g, y, where(g, both_zero, g.like(1.0, x), size)))
    turned = sub(g, where(g, less(g, y, zero), g.like(-math.pi, x), g.like(math.pi, x)), angle)
    return where(g, less(g, x, zero), turned, angle)


@symbolic("aten::logaddexp")
def logaddexp(g: Emitter, self: Tensor, other: Tensor) -> Tensor:
    """logaddexp(Tensor self, Tensor other) -> Tensor"""
    return _log_add(g, *floating(g, self, other), scale=1.0)


@symbolic("aten::logaddexp2")
def logaddexp2(g: Emitter, self: Tensor, other: Tensor) -> Tensor:
    """logaddexp2(Tensor self, Tensor other) -> Tensor"""
    return _log_add(g, *floating(g, self, other), scale=math.log(2.0))


def _log_add(g: Emitter, x: Tensor, y: Tensor, scale: float) -> Tensor:
    """The larger one, and what the smaller one adds: at most log 2. Equal infinities have no difference."""
    distance: Any = g.op("Abs", sub(g, x, y))
    distance = where(g, equal(g, x, y), g.like(0.0, x), distance)
    if scale == 1.0:
        extra = softplus_of(g, g.op("Neg", distance))
    else:
        extra = div(g, softplus_of(g, mul(g, distance, -scale)), scale)
    return g.op("Add", g.op("Max", x, y), extra)
