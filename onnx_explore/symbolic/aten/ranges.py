"""Numbers in a row: arange and range, linspace and logspace."""

from __future__ import annotations

import onnx_ir as ir

from onnx_explore.emit import Emitter, forms, shapes
from onnx_explore.emit.algebra import add, div, mul, sub
from onnx_explore.emit.forms.comparison import less, where
from onnx_explore.emit.shapes import Dim
from onnx_explore.symbolic.annotations import DType, Operand, Scalar, Tensor
from onnx_explore.symbolic.aten.arithmetic import floor_of
from onnx_explore.symbolic.aten.creation import default_float
from onnx_explore.symbolic.promotion import as_type, is_integer
from onnx_explore.symbolic.registry import symbolic

_WIDE = ir.DataType.DOUBLE


def _is_int(number: Scalar) -> bool:
    return is_integer(number) if isinstance(number, ir.Value) else isinstance(number, int)


@symbolic("aten::arange.start_step")
def arange(g: Emitter, start: Scalar, end: Scalar, step: Scalar = 1, dtype: DType | None = None) -> Tensor:
    """arange.start_step(Scalar start, Scalar end, Scalar step=1, *, ScalarType? dtype=None, …) -> Tensor: counted in int64
    or double, as PyTorch does it, then cast
    """
    numbers = (start, end, step)
    whole = all(_is_int(number) for number in numbers)
    wanted = dtype or g.expected or (ir.DataType.INT64 if whole else default_float())
    counted = ir.DataType.INT64 if whole else _WIDE
    return g.cast(_steps(g, [_scalar(g, number, counted) for number in numbers], numbers), wanted)


def _scalar(g: Emitter, number: Scalar, dtype: ir.DataType) -> Tensor:
    value = as_type(g, number, dtype)
    return forms.reshape(g, value, []) if g.rank(value) else value


def _steps(g: Emitter, values: list[Tensor], numbers: tuple[Scalar, Scalar, Scalar]) -> Tensor:
    start, end, step = values
    if g.opset >= 11:
        if numbers[0] == 0 and numbers[2] == 1 and start.dtype == ir.DataType.INT64:
            return forms.iota(g, end)
        return g.op("Range", start, end, step)
    distance = end if numbers[0] == 0 else sub(g, end, start)
    if start.dtype == _WIDE:
        count = g.cast(g.op("Ceil", div(g, distance, step)), ir.DataType.INT64)
    elif numbers[2] == 1:
        count = distance
    else:
        count = g.op("Neg", floor_of(g, g.op("Neg", distance), step))
    index = g.cast(forms.iota(g, count), g.dtype(start))
    row = index if numbers[2] == 1 else mul(g, index, step)
    return row if numbers[0] == 0 else add(g, row, start)


@symbolic("aten::arange")
def arange_end(g: Emitter, end: Scalar, dtype: DType | None = None) -> Tensor:
    """arange(Scalar end, *, ScalarType? dtype=None, …) -> Tensor"""
    return arange(g, 0, end, 1, dtype)


@symbolic("aten::arange.start")
def arange_start(g: Emitter, start: Scalar, end: Scalar, dtype: DType | None = None) -> Tensor:
    """arange.start(Scalar start, Scalar end, *, ScalarType? dtype=None, …) -> Tensor"""
    return arange(g, start, end, 1, dtype)


@symbolic("aten::range")
def range_inclusive(g: Emitter, start: Scalar, end: Scalar, step: Scalar = 1, dtype: DType | None = None) -> Tensor:
    """range.step(Scalar start, Scalar end, Scalar step=1, *, ScalarType? dtype=None, …) -> Tensor: with its end"""
    first, last, each = (as_type(g, number, _WIDE) for number in (start, end, step))
    count = add(g, g.op("Floor", div(g, sub(g, last, first), each)), 1.0)
    index = g.cast(forms.iota(g, g.cast(count, ir.DataType.INT64)), _WIDE)
    return g.cast(add(g, mul(g, index, each), first), dtype or g.expected or default_float())


@symbolic("aten::linspace")
def linspace(g: Emitter, start: Operand, end: Operand, steps: Dim, dtype: DType | None = None) -> Tensor:
    """linspace(Scalar start, Scalar end, int steps, *, ScalarType? dtype=None, …) -> Tensor: the second half is counted
    from the end
    """
    return g.cast(_line(g, start, end, steps), dtype or g.expected or default_float())


def _line(g: Emitter, start: Operand, end: Operand, steps: Dim) -> Tensor:
    first, last = (as_type(g, number, _WIDE) for number in (start, end))
    index = g.cast(forms.iota(g, steps), _WIDE)
    if isinstance(steps, int) and steps == 1:
        return add(g, index, first)
    intervals = g.cast(shapes.as_scalar(g, shapes.maximum(g, shapes.sub(g, steps, 1), 1)), _WIDE)
    step = div(g, sub(g, last, first), intervals)
    forward = add(g, mul(g, index, step), first)
    backward = sub(g, last, mul(g, sub(g, intervals, index), step))
    if g.opset < 9:
        return forward
    half = mul(g, add(g, intervals, 1.0), 0.5)
    return where(g, less(g, index, g.op("Floor", half)), forward, backward)


@symbolic("aten::logspace")
def logspace(
    g: Emitter, start: Operand, end: Operand, steps: Dim, base: float = 10.0, dtype: DType | None = None
) -> Tensor:
    """logspace(Scalar start, Scalar end, int steps, float base=10.0, *, ScalarType? dtype=None, …) -> Tensor"""
    powers = _line(g, start, end, steps)
    return g.cast(g.op("Pow", g.like(base, powers), powers), dtype or g.expected or default_float())
