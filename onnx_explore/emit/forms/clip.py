"""Clip: bounds are float attributes first, inputs from opset 11 (floats) and 12 (integers) on."""

from __future__ import annotations

import onnx_ir as ir

from onnx_explore.emit.emitter import Emitter
from onnx_explore.emit.forms.comparison import extreme

_FLOATS = (ir.DataType.FLOAT, ir.DataType.FLOAT16, ir.DataType.DOUBLE, ir.DataType.BFLOAT16)


def clip(g: Emitter, x: ir.Value, low: float | ir.Value | None, high: float | ir.Value | None) -> ir.Value:
    """Clip-6, -11, -12, and Min/Max where it does not serve: bounds are numbers or 0-d values of the type of ``x``."""
    if low is None and high is None:
        return x
    static = not isinstance(low, ir.Value) and not isinstance(high, ir.Value)
    floating = x.dtype in _FLOATS and x.dtype != ir.DataType.DOUBLE  # ONNX Runtime has Clip-12 for doubles, not -6, -11
    if g.opset < 11 and static and floating and not _crossed(low, high):
        return g.op("Clip", x, min=_number(low), max=_number(high))
    if g.opset >= 12 or (g.opset == 11 and floating):
        return g.op("Clip", x, _bound(g, x, low), _bound(g, x, high))
    for bound, op_type in ((low, "Max"), (high, "Min")):
        limit = _bound(g, x, bound)
        if limit is not None:
            x = extreme(g, op_type, x, limit)
    return x


def _crossed(low: float | ir.Value | None, high: float | ir.Value | None) -> bool:
    """Whether the lower bound is above the upper one, which the attributes of Clip-6 must not be."""
    return isinstance(low, int | float) and isinstance(high, int | float) and low > high


def _number(bound: float | ir.Value | None) -> float | None:
    return None if bound is None or isinstance(bound, ir.Value) else float(bound)


def _bound(g: Emitter, x: ir.Value, bound: float | ir.Value | None) -> ir.Value | None:
    return bound if bound is None or isinstance(bound, ir.Value) else g.like(bound, x)
