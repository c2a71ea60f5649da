"""The Airy function Ai, in double precision: a power series around 0, an integral to the right,
an asymptotic series to the left.

Source: NIST's Digital Library of Mathematical Functions, 9.4.1, 9.5.8 and 9.7.9.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np

from onnx_explore.emit import Emitter, forms
from onnx_explore.emit.algebra import add, div, horner, in_double, mul, sub
from onnx_explore.emit.forms.comparison import is_inf, less, where
from onnx_explore.symbolic.annotations import Tensor
from onnx_explore.symbolic.promotion import floating
from onnx_explore.symbolic.registry import symbolic

_RIGHT = 2.0  # above, the integral; its 32 nodes are exact to 1e-15 there
_LEFT = -8.0  # below, the asymptotic series; its 15 terms are exact to 1e-13 there
_AT_ZERO = 0.355028053887817239
_SLOPE_AT_ZERO = -0.258819403792806798


@symbolic("aten::special_airy_ai", since=9)
def airy_ai(g: Emitter, x: Tensor) -> Tensor:
    """special_airy_ai(Tensor x) -> Tensor: NaN at both infinities, as in PyTorch"""
    (argument,) = floating(g, x)
    return in_double(g, argument, _airy_ai)


def _airy_ai(g: Emitter, x: Tensor) -> Tensor:
    right, left = less(g, g.like(_RIGHT, x), x), less(g, x, g.like(_LEFT, x))
    middle = where(g, g.op("Or", right, left), g.like(0.0, x), x)
    value = where(g, right, _to_the_right(g, where(g, right, x, g.like(_RIGHT, x))), _near(g, middle))
    value = where(g, left, _to_the_left(g, g.op("Neg", where(g, left, x, g.like(_LEFT, x)))), value)
    return where(g, is_inf(g, x), g.like(math.nan, x), value)


def _near(g: Emitter, x: Tensor) -> Tensor:
    """Two power series in (x / 8)³: ONNX Runtime takes two doubles for one constant if they are the same as floats, such as
    1e-70 and 1e-74, so that the coefficients must not be those of x³.
    """
    even, odd = [1.0], [1.0]
    for k in range(1, 26):
        even.append(even[-1] * 8**3 / ((3 * k - 1) * (3 * k)))
        odd.append(odd[-1] * 8**3 / ((3 * k) * (3 * k + 1)))
    part = div(g, x, 8.0)
    cube = g.op("Mul", g.op("Mul", part, part), part)
    first = mul(g, horner(g, cube, even[::-1]), _AT_ZERO)
    return add(g, first, mul(g, g.op("Mul", x, horner(g, cube, odd[::-1])), _SLOPE_AT_ZERO))


@cache
def _nodes(count: int = 32, power: float = -1 / 6) -> tuple[list[float], list[float]]:
    """Gauss's nodes and weights for ∫ t^power e^-t f(t) dt over t > 0 (Golub and Welsch)."""
    k = np.arange(count)
    below = np.sqrt(k[1:] * (k[1:] + power))
    nodes, vectors = np.linalg.eigh(np.diag(2 * k + power + 1) + np.diag(below, 1) + np.diag(below, -1))
    return nodes.tolist(), (math.gamma(power + 1) * vectors[0] ** 2).tolist()


def _angle(g: Emitter, x: Tensor) -> tuple[Tensor, Tensor]:
    """ζ = ⅔ x^(3/2), and x^(1/4)."""
    root = g.op("Sqrt", x)
    return mul(g, g.op("Mul", x, root), 2 / 3), g.op("Sqrt", root)


def _to_the_right(g: Emitter, x: Tensor) -> Tensor:
    """``e^-ζ ζ^(-1/6) / (√π 48^(1/6) Γ(5/6)) · ∫ e^-t t^(-1/6) (2 + t/ζ)^(-1/6) dt``"""
    zeta, _ = _angle(g, x)
    nodes, weights = _nodes()
    rank = g.rank(x)
    ratio = g.op("Div", g.const(nodes, g.dtype(x)), forms.unsqueeze(g, zeta, [rank]))
    terms = g.op("Mul", g.op("Pow", add(g, ratio, 2.0), g.like(-1 / 6, x)), g.const(weights, g.dtype(x)))
    integral = forms.reduce(g, "ReduceSum", terms, [rank])
    scale = 1 / (math.sqrt(math.pi) * 48 ** (1 / 6) * math.gamma(5 / 6))
    front = mul(g, g.op("Mul", g.op("Exp", g.op("Neg", zeta)), g.op("Pow", zeta, g.like(-1 / 6, x))), scale)
    return g.op("Mul", front, integral)


def _to_the_left(g: Emitter, x: Tensor) -> Tensor:
    """Of -x: ``(cos(ζ - π/4) Σ (-1)^k u(2k) / ζ^2k + sin(ζ - π/4) Σ (-1)^k u(2k + 1) / ζ^(2k + 1)) / (√π x^(1/4))``"""
    terms = [1.0]
    for k in range(1, 16):
        terms.append(terms[-1] * (6 * k - 5) * (6 * k - 3) * (6 * k - 1) / (216 * k * (2 * k - 1)))
    zeta, root = _angle(g, x)
    inverse = g.op("Reciprocal", zeta)
    square = g.op("Neg", g.op("Mul", inverse, inverse))
    phase = sub(g, zeta, math.pi / 4)
    cosine = g.op("Mul", g.op("Cos", phase), horner(g, square, terms[-2::-2]))
    sine = g.op("Mul", g.op("Sin", phase), g.op("Mul", inverse, horner(g, square, terms[::-2])))
    return div(g, add(g, cosine, sine), mul(g, root, math.sqrt(math.pi)))
