"""The error function and its kin, logit, entropy, sinc: what ONNX has no operator for but can compute."""

from __future__ import annotations

import math

from onnx_explore.emit import Emitter
from onnx_explore.emit.algebra import add, div, horner, mul, sub
from onnx_explore.emit.forms import clip
from onnx_explore.emit.forms.comparison import equal, is_nan, less, where
from onnx_explore.symbolic.annotations import Operand, Tensor
from onnx_explore.symbolic.aten.unary import log1p_of
from onnx_explore.symbolic.promotion import floating
from onnx_explore.symbolic.registry import symbolic


@symbolic("aten::erf", "aten::special_erf", since=9)
def erf(g: Emitter, self: Tensor) -> Tensor:
    """erf(Tensor self) -> Tensor"""
    return g.op("Erf", *floating(g, self))


# Press et al., Numerical Recipes, erfcc: log(erfc(x) * exp(x²) / t) in t = 1 / (1 + x / 2); relative error 1.2e-7 for x ≥ 0.
_ERFC = (
    0.17087277,
    -0.82215223,
    1.48851587,
    -1.13520398,
    0.27886807,
    -0.18628806,
    0.09678418,
    0.37409196,
    1.00002368,
    -1.26551223,
)


def _log_erfcx(g: Emitter, x: Tensor) -> Tensor:
    """``log(exp(x²) * erfc(x))`` for ``x ≥ 0``."""
    t = g.op("Reciprocal", add(g, mul(g, x, 0.5), 1.0))
    return add(g, horner(g, t, _ERFC), g.op("Log", t))


def _erfc(g: Emitter, x: Tensor) -> Tensor:
    """By ``1 - erf(x)`` where nothing cancels, else by the scaled form."""
    size = g.op("Abs", x)
    tail = g.op("Exp", sub(g, _log_erfcx(g, size), mul(g, x, x)))
    near = less(g, x, g.like(0.5, x))
    return where(g, near, sub(g, 1.0, g.op("Erf", x)), tail)


@symbolic("aten::erfc", "aten::special_erfc", since=9)
def erfc(g: Emitter, self: Tensor) -> Tensor:
    """erfc(Tensor self) -> Tensor"""
    return _erfc(g, *floating(g, self))


@symbolic("aten::special_erfcx", since=9)
def erfcx(g: Emitter, self: Tensor) -> Tensor:
    """special_erfcx(Tensor self) -> Tensor: exp(x²) * erfc(x)"""
    (x,) = floating(g, self)
    scaled = g.op("Exp", _log_erfcx(g, g.op("Abs", x)))
    mirrored = sub(g, mul(g, g.op("Exp", mul(g, x, x)), 2.0), scaled)
    return where(g, less(g, x, g.like(0.0, x)), mirrored, scaled)


@symbolic("aten::special_ndtr", since=9)
def ndtr(g: Emitter, self: Tensor) -> Tensor:
    """special_ndtr(Tensor self) -> Tensor: the normal distribution function"""
    (x,) = floating(g, self)
    return mul(g, _erfc(g, mul(g, x, -math.sqrt(0.5))), 0.5)


@symbolic("aten::special_log_ndtr", since=9)
def log_ndtr(g: Emitter, self: Tensor) -> Tensor:
    """special_log_ndtr(Tensor self) -> Tensor"""
    (x,) = floating(g, self)
    size = mul(g, g.op("Abs", x), math.sqrt(0.5))
    left = sub(g, _log_erfcx(g, size), add(g, mul(g, size, size), math.log(2.0)))
    right = log1p_of(g, mul(g, _erfc(g, mul(g, x, math.sqrt(0.5))), -0.5))
    return where(g, less(g, x, g.like(-1.0, x)), left, right)


# Giles, "Approximating the erfinv function": polynomials in w - 2.5 and sqrt(w) - 3 with w = -log(1 - x²).
_CENTRE = (
    2.81022636e-08,
    3.43273939e-07,
    -3.5233877e-06,
    -4.39150654e-06,
    0.00021858087,
    -0.00125372503,
    -0.00417768164,
    0.246640727,
    1.50140941,
)
_TAIL = (
    -0.000200214257,
    0.000100950558,
    0.00134934322,
    -0.00367342844,
    0.00573950773,
    -0.0076224613,
    0.00943887047,
    1.00167406,
    2.83297682,
)


def _erfinv(g: Emitter, x: Tensor) -> Tensor:
    w = g.op("Neg", g.op("Log", mul(g, sub(g, 1.0, x), add(g, x, 1.0))))
    centre = horner(g, sub(g, w, 2.5), _CENTRE)
    tail = horner(g, sub(g, g.op("Sqrt", w), 3.0), _TAIL)
    inner = mul(g, where(g, less(g, w, g.like(5.0, w)), centre, tail), x)
    edge = equal(g, g.op("Abs", x), g.like(1.0, x))
    return where(g, edge, mul(g, x, math.inf), inner)


@symbolic("aten::erfinv", "aten::special_erfinv", since=9)
def erfinv(g: Emitter, self: Tensor) -> Tensor:
    """erfinv(Tensor self) -> Tensor"""
    return _erfinv(g, *floating(g, self))


@symbolic("aten::special_ndtri", since=9)
def ndtri(g: Emitter, self: Tensor) -> Tensor:
    """special_ndtri(Tensor self) -> Tensor: the inverse of ndtr"""
    (x,) = floating(g, self)
    return mul(g, _erfinv(g, sub(g, mul(g, x, 2.0), 1.0)), math.sqrt(2.0))


@symbolic("aten::logit", "aten::special_logit")
def logit(g: Emitter, self: Tensor, eps: float | None = None) -> Tensor:
    """logit(Tensor self, float? eps=None) -> Tensor"""
    (x,) = floating(g, self)
    if eps is not None and eps >= 0:
        x = clip(g, x, eps, 1 - eps)
    return g.op("Log", div(g, x, sub(g, 1.0, x)))


@symbolic("aten::special_entr", since=9)
def entr(g: Emitter, self: Tensor) -> Tensor:
    """special_entr(Tensor self) -> Tensor: -x log x"""
    (x,) = floating(g, self)
    zero = g.like(0.0, x)
    inside = g.op("Neg", mul(g, x, g.op("Log", x)))
    inside = where(g, equal(g, x, zero), zero, inside)
    return where(g, less(g, x, zero), g.like(-math.inf, x), inside)


@symbolic("aten::sinc", "aten::special_sinc", since=9)
def sinc(g: Emitter, self: Tensor) -> Tensor:
    """sinc(Tensor self) -> Tensor: sin(πx) / (πx)"""
    (x,) = floating(g, self)
    angle = mul(g, x, math.pi)
    return where(g, equal(g, x, g.like(0.0, x)), g.like(1.0, x), div(g, g.op("Sin", angle), angle))


@symbolic("aten::xlogy", "aten::special_xlogy", since=9)
def xlogy(g: Emitter, self: Operand, other: Operand) -> Tensor:
    """xlogy.Tensor(Tensor self, Tensor other) -> Tensor"""
    x, y = floating(g, self, other)
    return _zero_wins(g, x, y, mul(g, x, g.op("Log", y)))


@symbolic("aten::special_xlog1py", since=9)
def xlog1py(g: Emitter, self: Operand, other: Operand) -> Tensor:
    """special_xlog1py(Tensor self, Tensor other) -> Tensor"""
    x, y = floating(g, self, other)
    return _zero_wins(g, x, y, mul(g, x, log1p_of(g, y)))


def _zero_wins(g: Emitter, x: Tensor, y: Tensor, product: Tensor) -> Tensor:
    """0 where ``x`` is 0, unless ``y`` is NaN."""
    zero = g.like(0.0, x)
    return where(g, g.op("And", equal(g, x, zero), g.op("Not", is_nan(g, y))), zero, product)
