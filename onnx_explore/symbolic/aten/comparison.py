"""Comparisons, and tests for NaN, infinity, closeness and membership: results are bools."""

from __future__ import annotations

import math
from collections.abc import Callable

import onnx_ir as ir

from onnx_explore.emit import Emitter, forms, shapes
from onnx_explore.emit.algebra import add, mul, sub
from onnx_explore.emit.forms import comparison
from onnx_explore.symbolic.annotations import Operand, Tensor
from onnx_explore.symbolic.promotion import as_type, is_float, promoted
from onnx_explore.symbolic.registry import symbolic

_BOOL = ir.DataType.BOOL


def _compared(
    g: Emitter, compare: Callable[[Emitter, Tensor, Tensor], Tensor], self: Operand, other: Operand
) -> Tensor:
    left, right = promoted(g, self, other)
    return compare(g, left, right)


@symbolic("aten::eq")
def eq(g: Emitter, self: Operand, other: Operand) -> Tensor:
    """eq.Tensor(Tensor self, Tensor other) -> Tensor"""
    return _compared(g, comparison.equal, self, other)


@symbolic("aten::ne", "aten::not_equal")
def ne(g: Emitter, self: Operand, other: Operand) -> Tensor:
    """ne.Tensor(Tensor self, Tensor other) -> Tensor"""
    return g.op("Not", _compared(g, comparison.equal, self, other))


@symbolic("aten::lt", "aten::less")
def lt(g: Emitter, self: Operand, other: Operand) -> Tensor:
    """lt.Tensor(Tensor self, Tensor other) -> Tensor"""
    return _compared(g, comparison.less, self, other)


@symbolic("aten::le", "aten::less_equal")
def le(g: Emitter, self: Operand, other: Operand) -> Tensor:
    """le.Tensor(Tensor self, Tensor other) -> Tensor"""
    return _compared(g, comparison.less_or_equal, self, other)


@symbolic("aten::gt", "aten::greater")
def gt(g: Emitter, self: Operand, other: Operand) -> Tensor:
    """gt.Tensor(Tensor self, Tensor other) -> Tensor"""
    return _compared(g, comparison.greater, self, other)


@symbolic("aten::ge", "aten::greater_equal")
def ge(g: Emitter, self: Operand, other: Operand) -> Tensor:
    """ge.Tensor(Tensor self, Tensor other) -> Tensor"""
    return _compared(g, comparison.greater_or_equal, self, other)


@symbolic("aten::equal")
def equal(g: Emitter, self: Tensor, other: Tensor) -> Tensor | bool:
    """equal(Tensor self, Tensor other) -> bool"""
    if g.rank(self) != g.rank(other):
        return False
    pairs = zip(shapes.sizes(g, self), shapes.sizes(g, other), strict=True)
    if any(isinstance(a, int) and isinstance(b, int) and a != b for a, b in pairs):
        return False
    if all(forms.same_size(g, size, other, axis) for axis, size in enumerate(shapes.sizes(g, self))):
        return _all(g, eq(g, self, other))
    # Where sizes may differ when the model runs, as many elements are compared as both have: Equal would broadcast, or fail.
    same = _all(g, g.op("Equal", shapes.shape(g, self), shapes.shape(g, other)))
    left, right = (forms.reshape(g, item, [-1]) for item in (self, other))
    count = shapes.minimum(g, shapes.size(g, left, 0), shapes.size(g, right, 0))
    left, right = (forms.slice_axes(g, item, [0], [count], [0]) for item in (left, right))
    return g.op("And", same, _all(g, eq(g, left, right)))


def _all(g: Emitter, flags: Tensor) -> Tensor:
    wide = g.cast(flags, ir.DataType.INT32)
    return g.cast(forms.reduce(g, "ReduceMin", wide, None), _BOOL)


# -- NaN and infinity --------------------------------------------------------------------------------------------------


def _never(g: Emitter, x: Tensor) -> Tensor:
    """False everywhere, in the shape of ``x``: what a test for NaN finds in integers."""
    flags = g.cast(x, _BOOL)
    return g.op("And", flags, g.op("Not", flags))


@symbolic("aten::isnan")
def isnan(g: Emitter, self: Tensor) -> Tensor:
    """isnan(Tensor self) -> Tensor"""
    return comparison.is_nan(g, self) if is_float(self) else _never(g, self)


@symbolic("aten::isinf")
def isinf(g: Emitter, self: Tensor) -> Tensor:
    """isinf(Tensor self) -> Tensor"""
    return comparison.is_inf(g, self) if is_float(self) else _never(g, self)


@symbolic("aten::isposinf")
def isposinf(g: Emitter, self: Tensor) -> Tensor:
    """isposinf(Tensor self) -> Tensor"""
    return comparison.is_inf(g, self, negative=False) if is_float(self) else _never(g, self)


@symbolic("aten::isneginf")
def isneginf(g: Emitter, self: Tensor) -> Tensor:
    """isneginf(Tensor self) -> Tensor"""
    return comparison.is_inf(g, self, positive=False) if is_float(self) else _never(g, self)


@symbolic("aten::isfinite")
def isfinite(g: Emitter, self: Tensor) -> Tensor:
    """isfinite(Tensor self) -> Tensor"""
    if not is_float(self):
        return g.op("Not", _never(g, self))
    return comparison.less(g, g.op("Abs", self), g.like(math.inf, self))  # false for NaN, too


@symbolic("aten::isreal")
def isreal(g: Emitter, self: Tensor) -> Tensor:
    """isreal(Tensor self) -> Tensor"""
    return g.op("Not", _never(g, self))


@symbolic("aten::is_nonzero")
def is_nonzero(g: Emitter, self: Tensor) -> Tensor:
    """is_nonzero(Tensor self) -> bool"""
    flag = g.cast(self, _BOOL)
    return flag if g.rank(flag) == 0 else forms.reshape(g, flag, [])


# -- closeness and membership ------------------------------------------------------------------------------------------


@symbolic("aten::isclose")
def isclose(
    g: Emitter, self: Tensor, other: Tensor, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> Tensor:
    """isclose(Tensor self, Tensor other, float rtol=1e-05, float atol=1e-08, bool equal_nan=False) -> Tensor"""
    left, right = promoted(g, self, other)
    close = comparison.equal(g, left, right)
    if equal_nan and is_float(left):
        close = g.op("Or", close, g.op("And", comparison.is_nan(g, left), comparison.is_nan(g, right)))
    if rtol == 0 and atol == 0:
        return close
    if not is_float(left):
        left, right = (as_type(g, item, ir.DataType.DOUBLE) for item in (left, right))
    distance = g.op("Abs", sub(g, left, right))
    allowed = add(g, g.op("Abs", mul(g, right, rtol)), atol)
    finite = comparison.less(g, distance, g.like(math.inf, distance))
    return g.op("Or", close, g.op("And", finite, comparison.less_or_equal(g, distance, allowed)))


@symbolic("aten::allclose")
def allclose(
    g: Emitter, self: Tensor, other: Tensor, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> Tensor:
    """allclose(Tensor self, Tensor other, float rtol=1e-05, float atol=1e-08, bool equal_nan=False) -> bool"""
    return _all(g, isclose(g, self, other, rtol, atol, equal_nan))


@symbolic("aten::isin.Tensor_Scalar")
def isin_scalar(
    g: Emitter, elements: Tensor, test_element: Operand, assume_unique: bool = False, invert: bool = False
) -> Tensor:
    """isin.Tensor_Scalar(Tensor elements, Scalar test_element, *, bool assume_unique=False, bool invert=False) -> Tensor"""
    return ne(g, elements, test_element) if invert else eq(g, elements, test_element)


@symbolic("aten::isin.Scalar_Tensor")
def scalar_isin(
    g: Emitter, element: Operand, test_elements: Tensor, assume_unique: bool = False, invert: bool = False
) -> Tensor:
    """isin.Scalar_Tensor(Scalar element, Tensor test_elements, *, bool assume_unique=False, bool invert=False) -> Tensor"""
    return isin(g, element, test_elements, assume_unique, invert)


@symbolic("aten::isin")
def isin(
    g: Emitter, elements: Operand, test_elements: Operand, assume_unique: bool = False, invert: bool = False
) -> Tensor:
    """isin.Tensor_Tensor(Tensor elements, Tensor test_elements, *, bool assume_unique=False, bool invert=False) -> Tensor"""
    left, right = promoted(g, elements, test_elements)
    if g.rank(right) > 0:
        row = forms.reshape(g, right, [-1])
        same = comparison.equal(g, forms.unsqueeze(g, left, [g.rank(left)]), row)
        flags = forms.reduce(g, "ReduceSum", g.cast(same, ir.DataType.INT32), [g.rank(left)])
        found = comparison.greater(g, flags, g.like(0, flags))
    else:
        found = comparison.equal(g, left, right)
    return g.op("Not", found) if invert else found
