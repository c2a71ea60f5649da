"""Comparisons, Where, Sign, Round and the tests for NaN and infinity: operators that came, or learnt types, only by and by.

Operands have one element type, but for ``bool`` where it is said; PyTorch's promotion is the caller's.
"""

from __future__ import annotations

import math

import onnx_ir as ir
import torch

from onnx_explore import dtypes
from onnx_explore.emit.emitter import Emitter

_FLOATS = (ir.DataType.FLOAT, ir.DataType.FLOAT16, ir.DataType.DOUBLE, ir.DataType.BFLOAT16)
_BOOL = ir.DataType.BOOL


def where(g: Emitter, condition: ir.Value, x: ir.Value, y: ir.Value) -> ir.Value:
    """Where-9; below, logic serves for bools and arithmetic for integers (it wraps, and so is exact).

    Raises:
        OpsetTooLow: For floats below opset 9.
    """
    if g.opset >= 9:
        return g.op("Where", condition, x, y)
    if x.dtype == _BOOL:
        return g.op("Or", g.op("And", condition, x), g.op("And", g.op("Not", condition), y))
    if x.dtype in _FLOATS:
        g.requires(9, "Where")
    return g.op("Add", y, g.op("Mul", g.cast(condition, g.dtype(x)), g.op("Sub", x, y)))


def less(g: Emitter, a: ir.Value, b: ir.Value) -> ir.Value:
    """``a < b``; False counts as less than True."""
    return g.op("And", g.op("Not", a), b) if a.dtype == _BOOL else g.op("Less", a, b)


def greater(g: Emitter, a: ir.Value, b: ir.Value) -> ir.Value:
    """``a > b``."""
    return g.op("And", a, g.op("Not", b)) if a.dtype == _BOOL else g.op("Greater", a, b)


def less_or_equal(g: Emitter, a: ir.Value, b: ir.Value) -> ir.Value:
    """``a <= b``: LessOrEqual from opset 12 on; False for a NaN at any opset."""
    if a.dtype == _BOOL:
        return g.op("Or", g.op("Not", a), b)
    if g.opset >= 12:
        return g.op("LessOrEqual", a, b)
    if a.dtype in _FLOATS:
        return g.op("Or", g.op("Less", a, b), equal(g, a, b))
    return g.op("Not", g.op("Greater", a, b))


def greater_or_equal(g: Emitter, a: ir.Value, b: ir.Value) -> ir.Value:
    """``a >= b``."""
    return less_or_equal(g, b, a) if a.dtype == _BOOL or g.opset < 12 else g.op("GreaterOrEqual", a, b)


def equal(g: Emitter, a: ir.Value, b: ir.Value) -> ir.Value:
    """``a == b``: Equal takes floats from opset 11 on; below, neither is less, and neither is NaN."""
    if g.opset >= 11 or a.dtype not in _FLOATS:
        return g.op("Equal", a, b)
    differs = g.op("Or", g.op("Less", a, b), g.op("Greater", a, b))
    either_nan = g.op("Or", is_nan(g, a), is_nan(g, b))
    return g.op("Not", g.op("Or", differs, either_nan))


def is_nan(g: Emitter, x: ir.Value) -> ir.Value:
    """IsNaN-9; below, NaN is what is neither below infinity nor above its negative."""
    if g.opset >= 9:
        return g.op("IsNaN", x)
    low, high = g.like(-math.inf, x), g.like(math.inf, x)
    return g.op("Not", g.op("Or", g.op("Less", x, high), g.op("Greater", x, low)))


def is_inf(g: Emitter, x: ir.Value, *, negative: bool = True, positive: bool = True) -> ir.Value:
    """IsInf-10; below, a comparison with the largest finite number."""
    if g.opset >= 10:
        one_sided = not (negative and positive)
        return g.op(
            "IsInf",
            x,
            detect_negative=int(negative) if one_sided else None,
            detect_positive=int(positive) if one_sided else None,
        )
    largest = torch.finfo(dtypes.to_torch(g.dtype(x))).max
    if negative and positive:
        return g.op("Greater", g.op("Abs", x), g.like(largest, x))
    return g.op("Greater", x, g.like(largest, x)) if positive else g.op("Less", x, g.like(-largest, x))


def sign(g: Emitter, x: ir.Value) -> ir.Value:
    """Sign-9; below, the difference of two comparisons."""
    if g.opset >= 9:
        return g.op("Sign", x)
    zero, dtype = g.like(0, x), g.dtype(x)
    return g.op("Sub", g.cast(g.op("Greater", x, zero), dtype), g.cast(g.op("Less", x, zero), dtype))


def round_even(g: Emitter, x: ir.Value) -> ir.Value:
    """Round-11: to the nearest integer, halves to the even one; below, from Floor."""
    if g.opset >= 11:
        return g.op("Round", x)
    below = g.op("Floor", x)
    rest, half = g.op("Sub", x, below), g.like(0.5, x)
    odd = g.op("Sub", below, g.op("Mul", g.op("Floor", g.op("Mul", below, half)), g.like(2, x)))
    tie_to_even = g.op("And", g.op("Not", g.op("Less", rest, half)), g.op("Greater", odd, half))
    up = g.op("Or", g.op("Greater", rest, half), tie_to_even)
    return g.op("Add", below, g.cast(up, g.dtype(x)))


def trunc(g: Emitter, x: ir.Value) -> ir.Value:
    """Towards zero."""
    return g.op("Mul", g.op("Floor", g.op("Abs", x)), sign(g, x))


def extreme(g: Emitter, op_type: str, a: ir.Value, b: ir.Value) -> ir.Value:
    """``op_type`` Max or Min of two values: bools by logic, integers by Where below opset 12."""
    if a.dtype == _BOOL:
        return g.op("Or" if op_type == "Max" else "And", a, b)
    if g.opset < 12 and a.dtype not in _FLOATS:
        return where(g, g.op("Less" if op_type == "Max" else "Greater", a, b), b, a)
    if g.opset < 8:
        if a.shape != b.shape:  # no broadcasting yet: add zeros of the other one's shape
            a, b = g.op("Add", a, _zeros(g, b)), g.op("Add", b, _zeros(g, a))
        made = g.op(op_type, a, b)
        made.dtype, made.shape = g.dtype(a), a.shape  # the inference rules begin at Max-8
        return made
    return g.op(op_type, a, b)


def _zeros(g: Emitter, x: ir.Value) -> ir.Value:
    return g.cast(g.op("Less", x, x), g.dtype(x))


def finite_range(dtype: ir.DataType) -> tuple[float, float]:
    """The lowest and the highest finite number of an element type."""
    torch_dtype = dtypes.to_torch(dtype)
    limits = torch.finfo(torch_dtype) if torch_dtype.is_floating_point else torch.iinfo(torch_dtype)
    return limits.min, limits.max
