"""Bessel functions of orders 0 and 1, by the polynomials of Abramowitz and Stegun, section 9.8 (absolute error below 2e-7;
for the scaled functions relative).
"""

from __future__ import annotations

import math
from collections.abc import Callable

from onnx_explore.emit import Emitter
from onnx_explore.emit.algebra import add, div, horner, mul, sub
from onnx_explore.emit.forms.comparison import equal, is_inf, less, where
from onnx_explore.emit.forms.comparison import sign as sign_of
from onnx_explore.symbolic.annotations import Tensor
from onnx_explore.symbolic.promotion import floating
from onnx_explore.symbolic.registry import symbolic

Series = tuple[float, ...]

# Constant term first, as in the book; 9.8.1 to 9.8.8 and 9.4.1 to 9.4.6.
_I0: Series = (1.0, 3.5156229, 3.0899424, 1.2067492, 0.2659732, 0.0360768, 0.0045813)
_I0_FAR: Series = (
    0.39894228, 0.01328592, 0.00225319, -0.00157565, 0.00916281, -0.02057706, 0.02635537, -0.01647633, 0.00392377,
)  # fmt: skip
_I1: Series = (0.5, 0.87890594, 0.51498869, 0.15084934, 0.02658733, 0.00301532, 0.00032411)
_I1_FAR: Series = (
    0.39894228, -0.03988024, -0.00362018, 0.00163801, -0.01031555, 0.02282967, -0.02895312, 0.01787654, -0.00420059,
)  # fmt: skip
_K0: Series = (-0.57721566, 0.42278420, 0.23069756, 0.03488590, 0.00262698, 0.00010750, 0.00000740)
_K0_FAR: Series = (1.25331414, -0.07832358, 0.02189568, -0.01062446, 0.00587872, -0.00251540, 0.00053208)
_K1: Series = (1.0, 0.15443144, -0.67278579, -0.18156897, -0.01919402, -0.00110404, -0.00004686)
_K1_FAR: Series = (1.25331414, 0.23498619, -0.03655620, 0.01504268, -0.00780353, 0.00325614, -0.00068245)
_J0: Series = (1.0, -2.2499997, 1.2656208, -0.3163866, 0.0444479, -0.0039444, 0.0002100)
_J1: Series = (0.5, -0.56249985, 0.21093573, -0.03954289, 0.00443319, -0.00031761, 0.00001109)
_Y0: Series = (0.36746691, 0.60559366, -0.74350384, 0.25300117, -0.04261214, 0.00427916, -0.00024846)
_Y1: Series = (-0.6366198, 0.2212091, 2.1682709, -1.3164827, 0.3123951, -0.0400976, 0.0027873)
_SIZE0: Series = (0.79788456, -0.00000077, -0.00552740, -0.00009512, 0.00137237, -0.00072805, 0.00014476)
_PHASE0: Series = (-0.78539816, -0.04166397, -0.00003954, 0.00262573, -0.00054125, -0.00029333, 0.00013558)
_SIZE1: Series = (0.79788456, 0.00000156, 0.01659667, 0.00017105, -0.00249511, 0.00113653, -0.00020033)
_PHASE1: Series = (-2.35619449, 0.12499612, 0.00005650, -0.00637879, 0.00074348, 0.00079824, -0.00029166)


def _series(g: Emitter, t: Tensor, coefficients: Series) -> Tensor:
    return horner(g, t, coefficients[::-1])


def _ratio_squared(g: Emitter, x: Tensor, scale: float) -> Tensor:
    ratio = div(g, x, scale)
    return g.op("Mul", ratio, ratio)


# -- modified, first kind ------------------------------------------------------------------------------------------------


def _modified(g: Emitter, x: Tensor, near: Series, far: Series, *, odd: bool, scaled: bool) -> Tensor:
    size = g.op("Abs", x)
    inner = _series(g, _ratio_squared(g, x, 3.75), near)
    if odd:
        inner = g.op("Mul", inner, size)
    decay = g.op("Exp", g.op("Neg", size))
    outer = div(g, _series(g, div(g, 3.75, size), far), g.op("Sqrt", size))
    if scaled:
        inner = g.op("Mul", inner, decay)
    else:
        outer = g.op("Mul", outer, g.op("Exp", size))
    value = where(g, less(g, size, g.like(3.75, x)), inner, outer)
    return g.op("Mul", value, sign_of(g, x)) if odd else value


def _i0(g: Emitter, x: Tensor) -> Tensor:
    return _modified(g, x, _I0, _I0_FAR, odd=False, scaled=False)


def _i1(g: Emitter, x: Tensor) -> Tensor:
    return _modified(g, x, _I1, _I1_FAR, odd=True, scaled=False)


@symbolic("aten::i0", "aten::special_i0", "aten::special_modified_bessel_i0", since=9)
def i0(g: Emitter, self: Tensor) -> Tensor:
    """i0(Tensor self) -> Tensor"""
    return _i0(g, *floating(g, self))


@symbolic("aten::special_i0e", since=9)
def i0e(g: Emitter, self: Tensor) -> Tensor:
    """special_i0e(Tensor self) -> Tensor: exp(-|x|) i0(x)"""
    (x,) = floating(g, self)
    return _modified(g, x, _I0, _I0_FAR, odd=False, scaled=True)


@symbolic("aten::special_i1", "aten::special_modified_bessel_i1", since=9)
def i1(g: Emitter, self: Tensor) -> Tensor:
    """special_i1(Tensor self) -> Tensor"""
    return _i1(g, *floating(g, self))


@symbolic("aten::special_i1e", since=9)
def i1e(g: Emitter, self: Tensor) -> Tensor:
    """special_i1e(Tensor self) -> Tensor: exp(-|x|) i1(x)"""
    (x,) = floating(g, self)
    return _modified(g, x, _I1, _I1_FAR, odd=True, scaled=True)


# -- modified, second kind -----------------------------------------------------------------------------------------------


def _k0_near(g: Emitter, x: Tensor) -> Tensor:
    return sub(g, _series(g, _ratio_squared(g, x, 2.0), _K0), g.op("Mul", g.op("Log", mul(g, x, 0.5)), _i0(g, x)))


def _k1_near(g: Emitter, x: Tensor) -> Tensor:
    series = div(g, _series(g, _ratio_squared(g, x, 2.0), _K1), x)
    return add(g, series, g.op("Mul", g.op("Log", mul(g, x, 0.5)), _i1(g, x)))


def _second(
    g: Emitter, self: Tensor, near: Callable[[Emitter, Tensor], Tensor], far: Series, *, scaled: bool
) -> Tensor:
    (x,) = floating(g, self)
    inner = near(g, x)
    outer = div(g, _series(g, div(g, 2.0, x), far), g.op("Sqrt", x))
    if scaled:
        inner = g.op("Mul", inner, g.op("Exp", x))
    else:
        outer = g.op("Mul", outer, g.op("Exp", g.op("Neg", x)))
    value = where(g, less(g, x, g.like(2.0, x)), inner, outer)
    # At 0, where the series has no value, and below.
    zero = g.like(0.0, x)
    edge = where(g, less(g, x, zero), g.like(math.nan, x), g.like(math.inf, x))
    return where(g, less(g, zero, x), value, edge)


@symbolic("aten::special_modified_bessel_k0", since=9)
def k0(g: Emitter, self: Tensor) -> Tensor:
    """special_modified_bessel_k0(Tensor self) -> Tensor"""
    return _second(g, self, _k0_near, _K0_FAR, scaled=False)


@symbolic("aten::special_modified_bessel_k1", since=9)
def k1(g: Emitter, self: Tensor) -> Tensor:
    """special_modified_bessel_k1(Tensor self) -> Tensor"""
    return _second(g, self, _k1_near, _K1_FAR, scaled=False)


@symbolic("aten::special_scaled_modified_bessel_k0", since=9)
def scaled_k0(g: Emitter, x: Tensor) -> Tensor:
    """special_scaled_modified_bessel_k0(Tensor x) -> Tensor"""
    return _second(g, x, _k0_near, _K0_FAR, scaled=True)


@symbolic("aten::special_scaled_modified_bessel_k1", since=9)
def scaled_k1(g: Emitter, x: Tensor) -> Tensor:
    """special_scaled_modified_bessel_k1(Tensor x) -> Tensor"""
    return _second(g, x, _k1_near, _K1_FAR, scaled=True)


# -- first and second kind -----------------------------------------------------------------------------------------------


def _wave(g: Emitter, size: Tensor, amplitude: Series, phase: Series, function: str) -> Tensor:
    """The oscillating form, for ``x ≥ 3``."""
    u = div(g, 3.0, size)
    angle = add(g, size, _series(g, u, phase))
    return div(g, g.op("Mul", _series(g, u, amplitude), g.op(function, angle)), g.op("Sqrt", size))


def _j0(g: Emitter, x: Tensor) -> Tensor:
    size = g.op("Abs", x)
    near = _series(g, _ratio_squared(g, x, 3.0), _J0)
    return where(g, less(g, size, g.like(3.0, x)), near, _wave(g, size, _SIZE0, _PHASE0, "Cos"))


def _j1(g: Emitter, x: Tensor) -> Tensor:
    size = g.op("Abs", x)
    near = g.op("Mul", size, _series(g, _ratio_squared(g, x, 3.0), _J1))
    value = where(g, less(g, size, g.like(3.0, x)), near, _wave(g, size, _SIZE1, _PHASE1, "Cos"))
    return g.op("Mul", value, sign_of(g, x))


@symbolic("aten::special_bessel_j0", since=9)
def j0(g: Emitter, self: Tensor) -> Tensor:
    """special_bessel_j0(Tensor self) -> Tensor"""
    return _j0(g, *floating(g, self))


@symbolic("aten::special_bessel_j1", since=9)
def j1(g: Emitter, self: Tensor) -> Tensor:
    """special_bessel_j1(Tensor self) -> Tensor"""
    return _j1(g, *floating(g, self))


def _y(g: Emitter, x: Tensor, near: Tensor, far: Tensor) -> Tensor:
    zero = g.like(0.0, x)
    value = where(g, less(g, x, g.like(3.0, x)), near, far)
    edge = where(g, less(g, x, zero), g.like(math.nan, x), g.like(-math.inf, x))
    return where(g, less(g, zero, x), value, edge)


@symbolic("aten::special_bessel_y0", since=9)
def y0(g: Emitter, self: Tensor) -> Tensor:
    """special_bessel_y0(Tensor self) -> Tensor"""
    (x,) = floating(g, self)
    logarithm = mul(g, g.op("Log", mul(g, x, 0.5)), 2 / math.pi)
    near = add(g, g.op("Mul", logarithm, _j0(g, x)), _series(g, _ratio_squared(g, x, 3.0), _Y0))
    return _y(g, x, near, _wave(g, x, _SIZE0, _PHASE0, "Sin"))


@symbolic("aten::special_bessel_y1", since=9)
def y1(g: Emitter, self: Tensor) -> Tensor:
    """special_bessel_y1(Tensor self) -> Tensor"""
    (x,) = floating(g, self)
    logarithm = mul(g, g.op("Log", mul(g, x, 0.5)), 2 / math.pi)
    series = div(g, _series(g, _ratio_squared(g, x, 3.0), _Y1), x)
    near = add(g, g.op("Mul", logarithm, _j1(g, x)), series)
    return _y(g, x, near, _wave(g, x, _SIZE1, _PHASE1, "Sin"))


@symbolic("aten::special_spherical_bessel_j0", since=9)
def spherical_j0(g: Emitter, x: Tensor) -> Tensor:
    """special_spherical_bessel_j0(Tensor x) -> Tensor: sin(x) / x"""
    (angle,) = floating(g, x)
    zero = g.like(0.0, angle)
    value = where(g, equal(g, angle, zero), g.like(1.0, angle), div(g, g.op("Sin", angle), angle))
    return where(g, is_inf(g, angle), zero, value)
