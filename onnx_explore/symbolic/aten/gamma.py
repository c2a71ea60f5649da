"""The logarithm of the gamma function, its derivatives, and the Hurwitz zeta function; evaluated in double precision."""

from __future__ import annotations

import math

from onnx_explore.emit import Emitter, forms
from onnx_explore.emit.algebra import add, div, horner, in_double, mul, sub
from onnx_explore.emit.forms.comparison import equal, greater, less, round_even, where
from onnx_explore.symbolic.annotations import DType, Operand, Tensor
from onnx_explore.symbolic.promotion import floating
from onnx_explore.symbolic.registry import symbolic

_FAR = 8.0  # from here on the asymptotic series below are exact to 1e-14


def _mirrored(g: Emitter, x: Tensor) -> tuple[Tensor, Tensor]:
    """Whether ``x < 1/2``, and ``1 - x`` there, else ``x``."""
    low = less(g, x, g.like(0.5, x))
    return low, where(g, low, sub(g, 1.0, x), x)


def _offset_angle(g: Emitter, x: Tensor) -> Tensor:
    """``π (x - round(x))``: an angle whose sine and cotangent have the size of those of ``πx``, without loss."""
    return mul(g, sub(g, x, round_even(g, x)), math.pi)


@symbolic("aten::lgamma", "aten::special_gammaln", since=9)
def lgamma(g: Emitter, self: Tensor) -> Tensor:
    """lgamma(Tensor self) -> Tensor"""
    (x,) = floating(g, self)
    return in_double(g, x, lgamma_in_double)


def lgamma_in_double(g: Emitter, x: Tensor) -> Tensor:
    """The logarithm of the gamma function of doubles."""
    low, z = _mirrored(g, x)
    near = less(g, z, g.like(_FAR, z))
    inside = where(g, near, z, g.like(1.0, z))
    product = inside
    for step in range(1, int(_FAR)):
        product = g.op("Mul", product, add(g, inside, float(step)))
    far = where(g, near, add(g, z, _FAR), z)
    value = sub(g, _stirling(g, far), where(g, near, g.op("Log", product), g.like(0.0, z)))
    sine = g.op("Abs", g.op("Sin", _offset_angle(g, x)))
    return where(g, low, sub(g, sub(g, math.log(math.pi), g.op("Log", sine)), value), value)


def _stirling(g: Emitter, y: Tensor) -> Tensor:
    inverse = g.op("Reciprocal", y)
    series = horner(g, g.op("Mul", inverse, inverse), [-691 / 360360, 1 / 1188, -1 / 1680, 1 / 1260, -1 / 360, 1 / 12])
    main = g.op("Mul", sub(g, y, 0.5), sub(g, g.op("Log", y), 1.0))
    return add(g, add(g, main, 0.5 * math.log(2 * math.pi) - 0.5), g.op("Mul", series, inverse))


@symbolic("aten::digamma", "aten::special_digamma", "aten::special_psi", since=9)
def digamma(g: Emitter, self: Tensor) -> Tensor:
    """digamma(Tensor self) -> Tensor: NaN at the negative integers"""
    (x,) = floating(g, self)
    return in_double(g, x, _digamma)


def _digamma(g: Emitter, x: Tensor) -> Tensor:
    low, z = _mirrored(g, x)
    near = less(g, z, g.like(_FAR, z))
    skipped = g.op("Reciprocal", z)
    for step in range(1, int(_FAR)):
        skipped = g.op("Add", skipped, g.op("Reciprocal", add(g, z, float(step))))
    far = where(g, near, add(g, z, _FAR), z)
    inverse = g.op("Reciprocal", far)
    square = g.op("Mul", inverse, inverse)
    series = horner(g, square, [-691 / 32760, 1 / 132, -1 / 240, 1 / 252, -1 / 120, 1 / 12, 0.0])
    value = sub(g, sub(g, g.op("Log", far), mul(g, inverse, 0.5)), series)
    value = sub(g, value, where(g, near, skipped, g.like(0.0, z)))
    angle = _offset_angle(g, x)
    cotangent = div(g, mul(g, g.op("Cos", angle), math.pi), g.op("Sin", angle))
    zero = g.like(0.0, x)
    pole = g.op("And", less(g, x, zero), equal(g, angle, zero))
    return where(g, pole, g.like(math.nan, x), where(g, low, sub(g, value, cotangent), value))


@symbolic("aten::polygamma", "aten::special_polygamma", since=9)
def polygamma(g: Emitter, n: int, self: Tensor) -> Tensor:
    """polygamma(int n, Tensor self) -> Tensor"""
    if n == 0:
        return digamma(g, self)
    (x,) = floating(g, self)
    if n == 1:
        return in_double(g, x, _trigamma)
    factor = math.factorial(n) * (1 if n % 2 else -1)
    return in_double(g, x, lambda g, wide: mul(g, _zeta(g, g.like(n + 1.0, wide), wide), factor))


def _trigamma(g: Emitter, x: Tensor) -> Tensor:
    low, z = _mirrored(g, x)
    value = _zeta(g, g.like(2.0, z), z)
    sine = div(g, g.op("Sin", _offset_angle(g, x)), math.pi)
    return where(g, low, sub(g, g.op("Reciprocal", g.op("Mul", sine, sine)), value), value)


@symbolic("aten::special_zeta", since=9)
def zeta(g: Emitter, self: Operand, other: Operand) -> Tensor:
    """special_zeta(Tensor self, Tensor other) -> Tensor: the sum of (other + k) ** -self; other above -20"""
    s, q = floating(g, self, other)
    wide_s, wide_q = (g.cast(item, DType.DOUBLE) for item in (s, q))
    value = _zeta(g, wide_s, wide_q)
    one = g.like(1.0, wide_s)
    value = where(g, greater(g, wide_s, one), value, g.like(math.nan, value))
    return g.cast(where(g, equal(g, wide_s, one), g.like(math.inf, value), value), g.dtype(s))


_TERMS = 24
_BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6)


def _zeta(g: Emitter, s: Tensor, q: Tensor) -> Tensor:
    """Euler and Maclaurin: the first terms, the integral over the rest, and its corrections."""
    minus_s = g.op("Neg", s)
    rank = max(g.rank(s), g.rank(q))
    steps = g.const([float(k) for k in range(_TERMS)], g.dtype(q))
    terms = g.op("Pow", add(g, _trailing(g, q), steps), _trailing(g, minus_s))
    total = forms.reduce(g, "ReduceSum", terms, [rank])
    end = add(g, q, float(_TERMS))
    last = g.op("Pow", end, minus_s)
    total = add(g, total, div(g, g.op("Mul", last, end), sub(g, s, 1.0)))
    total = add(g, total, mul(g, last, 0.5))
    rising, power = s, div(g, last, end)
    for index, number in enumerate(_BERNOULLI):
        order = 2 * index + 2
        total = add(g, total, mul(g, g.op("Mul", rising, power), number / math.factorial(order)))
        rising = g.op("Mul", g.op("Mul", rising, add(g, s, order - 1.0)), add(g, s, float(order)))
        power = div(g, div(g, power, end), end)
    return total


def _trailing(g: Emitter, x: Tensor) -> Tensor:
    return forms.unsqueeze(g, x, [g.rank(x)])
