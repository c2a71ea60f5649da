"""The regularized incomplete gamma functions P(a, x) and Q(a, x) = 1 - P(a, x); in double precision.

Where x < 1 or x < a, P comes from its power series; elsewhere Q comes from Legendre's continued fraction by Lentz's method
(NIST's Digital Library of Mathematical Functions, 8.11.4 and 8.9.2). Both are Loops that end when every element stands still:
after about 6·√a iterations where x is near a.
"""

from __future__ import annotations

import math

from onnx_explore.emit import Emitter, forms
from onnx_explore.emit.algebra import add, mul, sub
from onnx_explore.emit.forms.comparison import equal, greater, is_inf, less, where
from onnx_explore.emit.loops import loop
from onnx_explore.symbolic.annotations import DType, Operand, Tensor
from onnx_explore.symbolic.aten.gamma import lgamma_in_double
from onnx_explore.symbolic.promotion import floating
from onnx_explore.symbolic.registry import symbolic

_EPSILON = 2.0**-52
_TINY = 1e-300
_MOST = 100_000  # iterations


@symbolic("aten::igamma", "aten::special_gammainc", since=11)
def igamma(g: Emitter, self: Operand, other: Operand) -> Tensor:
    """igamma(Tensor self, Tensor other) -> Tensor: P(self, other)"""
    return _incomplete(g, self, other, upper=False)


@symbolic("aten::igammac", "aten::special_gammaincc", since=11)
def igammac(g: Emitter, self: Operand, other: Operand) -> Tensor:
    """igammac(Tensor self, Tensor other) -> Tensor: Q(self, other)"""
    return _incomplete(g, self, other, upper=True)


def _incomplete(g: Emitter, self: Operand, other: Operand, *, upper: bool) -> Tensor:
    narrow = floating(g, self, other)
    a, x = forms.broadcast_all(g, [g.cast(item, DType.DOUBLE) for item in narrow])
    zero, one, nan = (g.like(number, a) for number in (0.0, 1.0, math.nan))
    inside = _all(g, greater(g, a, zero), greater(g, x, zero), g.op("Not", is_inf(g, a)), g.op("Not", is_inf(g, x)))
    by_series = g.op("And", inside, g.op("Or", less(g, x, one), less(g, x, a)))
    by_fraction = g.op("And", inside, g.op("Not", by_series))
    safe_a, safe_x = (where(g, inside, item, one) for item in (a, x))
    # x^a e^-x / Γ(a)
    factor = g.op("Exp", sub(g, sub(g, g.op("Mul", safe_a, g.op("Log", safe_x)), safe_x), lgamma_in_double(g, safe_a)))
    lower_part = g.op("Mul", factor, _series(g, safe_a, where(g, by_series, safe_x, zero)))
    upper_part = g.op("Mul", factor, _fraction(g, safe_a, safe_x, by_fraction))
    if upper:
        value = where(g, by_fraction, upper_part, sub(g, 1.0, lower_part))
    else:
        value = where(g, by_fraction, sub(g, 1.0, upper_part), lower_part)
    # On the edges P is a step: 1 for a = 0 or x infinite, 0 for x = 0 or a infinite; both at once has no value.
    full = g.op("Or", equal(g, a, zero), is_inf(g, x))
    none = g.op("Or", equal(g, x, zero), is_inf(g, a))
    value = where(g, full, g.like(0.0 if upper else 1.0, a), value)
    value = where(g, none, g.like(1.0 if upper else 0.0, a), value)
    real = _all(g, g.op("Not", less(g, a, zero)), g.op("Not", less(g, x, zero)), g.op("Not", g.op("And", full, none)))
    known = g.op("And", real, _all(g, equal(g, a, a), equal(g, x, x)))  # no NaN
    return g.cast(where(g, known, value, nan), g.dtype(narrow[0]))


def _all(g: Emitter, *conditions: Tensor) -> Tensor:
    result = conditions[0]
    for condition in conditions[1:]:
        result = g.op("And", result, condition)
    return result


def _any(g: Emitter, condition: Tensor) -> Tensor:
    return g.cast(forms.reduce(g, "ReduceSum", g.cast(condition, DType.FLOAT), None), DType.BOOL)


def _series(g: Emitter, a: Tensor, x: Tensor) -> Tensor:
    """Σ x^n / (a (a + 1) … (a + n)); an element whose x is 0 stops at once."""

    def step(g: Emitter, _number: Tensor, states: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        divisor, term, total = states
        divisor = add(g, divisor, 1.0)
        term = g.op("Mul", term, g.op("Div", x, divisor))
        total = g.op("Add", total, term)
        return _any(g, g.op("Greater", term, mul(g, total, _EPSILON))), [divisor, term, total]

    first = g.op("Reciprocal", a)
    return loop(g, [a, first, first], step, count=_MOST)[2]


def _fraction(g: Emitter, a: Tensor, x: Tensor, wanted: Tensor) -> Tensor:
    """1 / (x + 1 - a - 1 (1 - a) / (x + 3 - a - 2 (2 - a) / (x + 5 - a - …)))"""

    def step(g: Emitter, number: Tensor, states: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        b, c, d, value = states
        place = add(g, g.cast(number, DType.DOUBLE), 1.0)
        partial = g.op("Mul", place, sub(g, a, place))
        b = add(g, b, 2.0)
        d = g.op("Reciprocal", add(g, g.op("Mul", partial, d), b))
        c = add(g, b, g.op("Div", partial, c))
        change = g.op("Mul", c, d)
        moves = g.op("Greater", g.op("Abs", sub(g, change, 1.0)), g.like(_EPSILON, change))
        return _any(g, g.op("And", moves, wanted)), [b, c, d, g.op("Mul", value, change)]

    first = sub(g, add(g, x, 1.0), a)
    # An element that is not wanted only must not disturb: any fraction does that divides by nothing small.
    first = where(g, wanted, first, add(g, g.op("Add", a, x), 1.0))
    inverse = g.op("Reciprocal", first)
    huge = forms.expand_like(g, g.like(1 / _TINY, x), x)
    return loop(g, [first, huge, inverse, inverse], step, count=_MOST)[3]
