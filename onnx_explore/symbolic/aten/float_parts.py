"""The parts of a floating-point number (fraction, exponent, sign) by arithmetic, and what is made of them.

ONNX can read a number's bits from opset 26 on (BitCast); what stands here holds at any opset. A number is
``±fraction · 2^exponent`` with a fraction from ½ to 1.
"""

from __future__ import annotations

import math
from typing import Any

import onnx_ir as ir

from onnx_explore.emit import Emitter, forms
from onnx_explore.emit.algebra import add, div, mul, sub
from onnx_explore.emit.forms.comparison import equal, finite_range, is_inf, is_nan, less, where
from onnx_explore.errors import UnsupportedOperatorError
from onnx_explore.symbolic.annotations import DType, Operand, Tensor
from onnx_explore.symbolic.promotion import arithmetic, is_float
from onnx_explore.symbolic.registry import symbolic

_INT = ir.DataType.INT64
_DIGITS = {DType.FLOAT: (24, -149), DType.DOUBLE: (53, -1074), DType.FLOAT16: (11, -24), DType.BFLOAT16: (8, -133)}
"""Binary digits of a fraction, and the exponent of the least positive number."""


def _split(g: Emitter, wide: ir.Value) -> tuple[ir.Value, ir.Value, ir.Value]:
    """Where a double is neither 0, infinite nor NaN; there the exponent (as a double), and the fraction with its sign."""
    size = g.op("Abs", wide)
    zero, one, half = g.like(0.0, wide), g.like(1.0, wide), g.like(0.5, wide)
    finite = less(g, size, g.like(math.inf, wide))
    usable = g.op("And", finite, g.op("Not", equal(g, size, zero)))
    safe = where(g, usable, size, half)
    # From a logarithm, then set right.
    exponent = add(g, g.op("Floor", div(g, g.op("Log", safe), math.log(2.0))), 1.0)
    mantissa = _scaled_down(g, safe, exponent)
    too_large = g.op("Not", less(g, mantissa, one))
    too_small = less(g, mantissa, half)
    exponent = sub(g, add(g, exponent, g.cast(too_large, g.dtype(wide))), g.cast(too_small, g.dtype(wide)))
    return usable, exponent, _scaled_down(g, wide, exponent)


def _scaled_down(g: Emitter, x: ir.Value, exponent: ir.Value) -> ir.Value:
    """``x / 2^exponent``, in two steps: 2^1024 is no double."""
    half = g.op("Floor", mul(g, exponent, 0.5))
    two = g.like(2.0, x)
    return g.op("Div", g.op("Div", x, g.op("Pow", two, half)), g.op("Pow", two, g.op("Sub", exponent, half)))


@symbolic("aten::frexp", since=9)
def frexp(g: Emitter, self: Tensor) -> Any:
    """frexp.Tensor(Tensor self) -> (Tensor mantissa, Tensor exponent)"""
    wide = g.cast(self, DType.DOUBLE)
    usable, exponent, mantissa = _split(g, wide)
    return (
        g.cast(where(g, usable, mantissa, wide), g.dtype(self)),
        g.cast(where(g, usable, exponent, g.like(0.0, wide)), DType.INT32),
    )


@symbolic("aten::nextafter", since=9)
def nextafter(g: Emitter, self: Operand, other: Operand) -> Tensor:
    """nextafter(Tensor self, Tensor other) -> Tensor: by the distance of neighbours, half of it below a power of 2"""
    narrow, target = arithmetic(g, self, other)
    dtype = g.dtype(narrow)
    if dtype not in _DIGITS:
        raise UnsupportedOperatorError(f"nextafter of {dtype.name}")
    digits, least = _DIGITS[dtype]
    x, y = g.cast(narrow, DType.DOUBLE), g.cast(target, DType.DOUBLE)
    zero = g.like(0.0, x)
    usable, exponent, mantissa = _split(g, x)
    up = less(g, x, y)
    away = equal(g, up, less(g, zero, x))  # does the size grow?
    shrinks = g.op("And", g.op("Not", away), equal(g, g.op("Abs", mantissa), g.like(0.5, x)))
    exponent = sub(g, sub(g, exponent, float(digits)), g.cast(shrinks, g.dtype(x)))
    exponent = where(g, usable, g.op("Max", exponent, g.like(float(least), x)), g.like(float(least), x))
    half = g.op("Floor", mul(g, exponent, 0.5))
    two = g.like(2.0, x)
    step = g.op("Mul", g.op("Pow", two, half), g.op("Pow", two, g.op("Sub", exponent, half)))
    moved = where(g, up, g.op("Add", x, step), g.op("Sub", x, step))
    largest = finite_range(dtype)[1]
    moved = where(g, is_inf(g, x), where(g, up, g.like(-largest, x), g.like(largest, x)), moved)
    moved = where(g, equal(g, x, y), y, moved)
    missing = g.op("Or", is_nan(g, x), is_nan(g, y))
    return g.cast(where(g, missing, g.like(math.nan, x), moved), dtype)


@symbolic("aten::hash_tensor", since=13)
def hash_tensor(g: Emitter, self: Tensor, dim: list[int] | None = None, keepdim: bool = False, mode: int = 0) -> Tensor:
    """hash_tensor(Tensor self, int[1] dim=[], *, bool keepdim=False, int mode=0) -> Tensor

    Mode 0: exclusive or of the 64 bits of the elements (floats as doubles); each bit by the parity of its sum.
    """
    if mode != 0:
        raise UnsupportedOperatorError(f"hash_tensor of mode {mode}: PyTorch has 0 alone", argument="mode")
    rank = g.rank(self)
    axes = sorted(g.axis(self, axis) for axis in dim) if dim else list(range(rank))
    words = _double_bits(g, g.cast(self, DType.DOUBLE)) if is_float(self) else g.cast(self, _INT)
    words = forms.unsqueeze(g, g.cast(words, ir.DataType.UINT64), [rank])
    places = g.const(list(range(64)), ir.DataType.UINT64)
    shifted = g.op("BitShift", words, places, direction="RIGHT")
    bits = g.op("Mod", shifted, g.const(2, ir.DataType.UINT64))
    odd = g.cast(bits, _INT)
    if axes:
        odd = g.op("Mod", forms.reduce(g, "ReduceSum", odd, axes, keepdims=keepdim), g.const(2))
    last = g.rank(odd) - 1
    weights = g.const([1 << place for place in range(32)])
    # In two halves: ONNX Runtime sums int64 with the 53 digits of a double.
    low, high = (
        forms.reduce(g, "ReduceSum", g.op("Mul", forms.slice_axes(g, odd, [start], [end], [last]), weights), [last])
        for start, end in ((0, 32), (32, 64))
    )
    return g.cast(g.op("Add", low, mul(g, high, 1 << 32)), ir.DataType.UINT64)


def _double_bits(g: Emitter, x: ir.Value) -> ir.Value:
    """The 64 bits of doubles, as integers: sign, 11 bits of exponent, 52 of the fraction behind its leading 1."""
    zero = g.like(0.0, x)
    usable, exponent, mantissa = _split(g, x)
    size = g.op("Abs", x)
    normal = less(g, g.like(-1022.0, x), exponent)
    field = where(g, normal, add(g, exponent, 1022.0), zero)
    fraction = mul(g, sub(g, mul(g, g.op("Abs", mantissa), 2.0), 1.0), 2.0**52)
    below = mul(g, mul(g, size, 2.0**537), 2.0**537)  # of a subnormal number: how often the least one
    fraction = where(g, normal, fraction, below)
    special = where(g, is_nan(g, x), g.like(2.0**51, x), zero)
    field = where(g, usable, field, where(g, equal(g, size, zero), zero, g.like(2047.0, x)))
    fraction = where(g, usable, fraction, special)
    # 1 / -0 is negative, too.
    negative = less(g, where(g, equal(g, size, zero), div(g, 1.0, x), x), zero)
    word = g.op("Add", mul(g, g.cast(field, _INT), 1 << 52), g.cast(fraction, _INT))
    return g.op("Add", word, mul(g, g.cast(negative, _INT), -(1 << 63)))
