"""Arithmetic of values of one element type, for formulas: a Python number takes the type of the value beside it.

Nothing is promoted here; that is ``symbolic/promotion.py``'s part, before a formula begins.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import onnx_ir as ir

from onnx_explore.emit.emitter import Emitter

Term = ir.Value | int | float


def _binary(g: Emitter, op_type: str, a: Term, b: Term) -> ir.Value:
    if isinstance(a, ir.Value):
        return g.op(op_type, a, b if isinstance(b, ir.Value) else g.like(b, a))
    assert isinstance(b, ir.Value), "one operand of a formula is a value"
    return g.op(op_type, g.like(a, b), b)


def add(g: Emitter, a: Term, b: Term) -> ir.Value:
    """``a + b``."""
    return _binary(g, "Add", a, b)


def sub(g: Emitter, a: Term, b: Term) -> ir.Value:
    """``a - b``."""
    return _binary(g, "Sub", a, b)


def mul(g: Emitter, a: Term, b: Term) -> ir.Value:
    """``a * b``."""
    return _binary(g, "Mul", a, b)


def div(g: Emitter, a: Term, b: Term) -> ir.Value:
    """``a / b`` (integers: truncated)."""
    return _binary(g, "Div", a, b)


def horner(g: Emitter, x: ir.Value, coefficients: Sequence[float]) -> ir.Value:
    """The polynomial in ``x`` with these coefficients, that of the highest power first."""
    result = add(g, mul(g, x, coefficients[0]), coefficients[1])
    for coefficient in coefficients[2:]:
        result = add(g, mul(g, result, x), coefficient)
    return result


def chebyshev(g: Emitter, x: ir.Value, coefficients: Sequence[float]) -> ir.Value:
    """The series of Chebyshev polynomials in ``x`` (that of the highest degree first, the constant one halved)."""
    older, old, new = g.like(0.0, x), g.like(0.0, x), g.like(coefficients[0], x)
    for coefficient in coefficients[1:]:
        older, old = old, new
        new = add(g, sub(g, mul(g, x, old), older), coefficient)
    return mul(g, sub(g, new, older), 0.5)


def in_double(g: Emitter, x: ir.Value, formula: Callable[[Emitter, ir.Value], ir.Value]) -> ir.Value:
    """A formula evaluated in double precision, its result in the type of ``x``: where rounding would show."""
    return g.cast(formula(g, g.cast(x, ir.DataType.DOUBLE)), g.dtype(x))
