"""Orthogonal polynomials: Chebyshev's four and their shifted forms, Hermite's two, Laguerre's, Legendre's.

All follow from a recurrence of three terms, as in PyTorch: P(0) = 1, P(1) by the family, P(k + 1) of P(k) and P(k - 1). A degree
that is known at export unrolls it; degrees that are only known when the model runs make it a Loop, in which each element stops at
its own degree.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import onnx_ir as ir

from onnx_explore.emit import Emitter, forms
from onnx_explore.emit.algebra import Term as Degree
from onnx_explore.emit.algebra import add, div, mul, sub
from onnx_explore.emit.forms.comparison import less, where
from onnx_explore.emit.loops import loop
from onnx_explore.symbolic.annotations import Operand, Tensor
from onnx_explore.symbolic.promotion import floating
from onnx_explore.symbolic.registry import REGISTRY, Variant

_INT = ir.DataType.INT64


@dataclass(frozen=True, slots=True)
class _Family:
    """One recurrence.

    Attributes:
        first: P(1) of x.
        next: P(k + 1) of x, P(k), P(k - 1) and k.
    """

    first: Callable[[Emitter, Tensor], Tensor]
    next: Callable[[Emitter, Tensor, Tensor, Tensor, Degree], Tensor]


def _twice(g: Emitter, x: Tensor) -> Tensor:
    return add(g, x, x)


def _same(_g: Emitter, x: Tensor) -> Tensor:
    return x


def _chebyshev(g: Emitter, x: Tensor, p: Tensor, older: Tensor, _k: Degree) -> Tensor:
    return sub(g, mul(g, _twice(g, x), p), older)


def _hermite_h(g: Emitter, x: Tensor, p: Tensor, older: Tensor, k: Degree) -> Tensor:
    return sub(g, mul(g, _twice(g, x), p), mul(g, older, _scaled(g, k, 2, 0)))


def _hermite_he(g: Emitter, x: Tensor, p: Tensor, older: Tensor, k: Degree) -> Tensor:
    return sub(g, mul(g, x, p), mul(g, older, k))


def _laguerre(g: Emitter, x: Tensor, p: Tensor, older: Tensor, k: Degree) -> Tensor:
    grown = mul(g, add(g, sub(g, 1.0, x), _scaled(g, k, 2, 0)), p)
    return div(g, sub(g, grown, mul(g, older, k)), _scaled(g, k, 1, 1))


def _legendre(g: Emitter, x: Tensor, p: Tensor, older: Tensor, k: Degree) -> Tensor:
    grown = mul(g, mul(g, x, _scaled(g, k, 2, 1)), p)
    return div(g, sub(g, grown, mul(g, older, k)), _scaled(g, k, 1, 1))


def _scaled(g: Emitter, k: Degree, factor: int, offset: int) -> Degree:
    """``factor * k + offset``."""
    return add(g, mul(g, k, factor), offset) if isinstance(k, ir.Value) else factor * k + offset


_FAMILIES = {
    "chebyshev_polynomial_t": _Family(_same, _chebyshev),
    "chebyshev_polynomial_u": _Family(_twice, _chebyshev),
    "chebyshev_polynomial_v": _Family(lambda g, x: sub(g, _twice(g, x), 1.0), _chebyshev),
    "chebyshev_polynomial_w": _Family(lambda g, x: add(g, _twice(g, x), 1.0), _chebyshev),
    "hermite_polynomial_h": _Family(_twice, _hermite_h),
    "hermite_polynomial_he": _Family(_same, _hermite_he),
    "laguerre_polynomial_l": _Family(lambda g, x: sub(g, 1.0, x), _laguerre),
    "legendre_polynomial_p": _Family(_same, _legendre),
}


def _evaluate(g: Emitter, family: _Family, x: Tensor, n: Operand) -> Tensor:
    degree = _known_degree(g, n)
    if degree is not None:
        return _unrolled(g, family, x, degree)
    g.requires(11, "a polynomial whose degree is only known when the model runs")
    assert isinstance(n, ir.Value)
    x, whole = forms.broadcast_all(g, [x, g.cast(n, _INT)])
    p = _looped(g, family, x, whole)
    ones, zeros = g.like(1.0, x), g.like(0.0, x)
    p = where(g, g.op("Equal", whole, g.const(0)), ones, p)
    return where(g, less(g, whole, g.const(0)), zeros, p)


def _known_degree(g: Emitter, n: Operand) -> int | None:
    if not isinstance(n, ir.Value):
        assert not isinstance(n, complex)
        return int(n)
    known = g.known(n)
    return int(known.reshape(-1)[0]) if known is not None and known.size == 1 and known.ndim == 0 else None


def _unrolled(g: Emitter, family: _Family, x: Tensor, degree: int) -> Tensor:
    if degree <= 0:
        return forms.expand_like(g, g.like(1.0 if degree == 0 else 0.0, x), x)
    older, p = g.like(1.0, x), family.first(g, x)
    for k in range(1, degree):
        older, p = p, family.next(g, x, p, older, k)
    return p if degree > 1 else g.op("Identity", p)


def _looped(g: Emitter, family: _Family, x: Tensor, n: Tensor) -> Tensor:
    """P(n) of each element, for n ≥ 1."""
    first = family.first(g, x)
    ones = forms.expand_like(g, g.like(1.0, x), x)
    # The 1 beside the degrees: of an empty tensor there is no maximum.
    every = g.op("Concat", forms.reshape(g, n, [-1]), g.const([1]), axis=0)
    steps = g.op("Sub", forms.reduce(g, "ReduceMax", every, [0]), g.const(1))

    def step(g: Emitter, number: Tensor, states: list[Tensor]) -> tuple[None, list[Tensor]]:
        """One degree more: (P(k), P(k - 1)) becomes (P(k + 1), P(k)) where k < n."""
        newer, older = states
        k = g.op("Add", number, g.const(1))
        grown = family.next(g, x, newer, older, g.cast(k, g.dtype(x)))
        below = g.op("Less", k, n)
        return None, [where(g, below, grown, newer), where(g, below, newer, older)]

    return loop(g, [first, ones], step, count=steps)[0]


def _polynomial(name: str, *, shifted: bool) -> Callable[..., Tensor]:
    family = _FAMILIES[name]

    def polynomial(g: Emitter, x: Operand, n: Operand) -> Tensor:
        degree = n
        x, n = floating(g, x, n)
        if shifted:  # the same polynomial in 2x - 1
            x = sub(g, _twice(g, x), 1.0)
        return _evaluate(g, family, x, n if isinstance(degree, ir.Value) else degree)

    polynomial.__doc__ = f"special_{'shifted_' * shifted}{name}(Tensor x, Tensor n) -> Tensor"
    polynomial.__name__ = polynomial.__qualname__ = ("shifted_" if shifted else "") + name
    return polynomial


for _name in _FAMILIES:
    REGISTRY.function(f"aten::special_{_name}").add(Variant(7, _polynomial(_name, shifted=False)))
    if _name.startswith("chebyshev"):
        REGISTRY.function(f"aten::special_shifted_{_name}").add(Variant(7, _polynomial(_name, shifted=True)))
