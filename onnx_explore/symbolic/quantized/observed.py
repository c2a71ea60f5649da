"""Dynamic quantization: the grid follows from the smallest and largest element of the tensor, when the model runs.

As fbgemm's ``ChooseQuantizationParams`` has it: the range is widened to hold zero; scale and zero point are computed in
doubles; the scale is at least 6.1e-5, and 0.1 where the tensor is all zero.
"""

from __future__ import annotations

import onnx_ir as ir

from onnx_explore.emit import Emitter, forms
from onnx_explore.emit.forms.comparison import equal, extreme, round_even
from onnx_explore.symbolic.lowered import Grid

_SMALLEST = 6.1e-5


def observed(g: Emitter, x: ir.Value, dtype: ir.DataType, reduce_range: bool) -> Grid:
    """The grid for the values of ``x``; with ``reduce_range`` it takes half of the integers."""
    low, high = (0, 255) if dtype == ir.DataType.UINT8 else (-128, 127)
    if reduce_range:  # Python's and C++'s division differ below zero; all of these are even or positive.
        low, high = low // 2, high // 2
    axes = list(range(g.rank(x)))
    x = g.cast(x, ir.DataType.FLOAT)
    wide = ir.DataType.DOUBLE
    zero = g.const(0.0, ir.DataType.FLOAT)
    smallest = extreme(g, "Min", forms.reduce(g, "ReduceMin", x, axes), zero)
    largest = extreme(g, "Max", forms.reduce(g, "ReduceMax", x, axes), zero)
    smallest, largest = g.cast(smallest, wide), g.cast(largest, wide)
    step = g.op("Div", g.op("Sub", largest, smallest), g.const(float(high - low), wide))
    is_zero = g.cast(equal(g, step, g.const(0.0, wide)), wide)
    step = g.op("Add", step, g.op("Mul", is_zero, g.const(0.1, wide)))
    point = g.op("Sub", g.const(float(low), wide), g.op("Div", smallest, step))
    point = forms.clip(g, round_even(g, point), low, high)
    scale = g.cast(forms.clip(g, step, _SMALLEST, None), ir.DataType.FLOAT)
    return Grid(scale, g.cast(point, dtype))
