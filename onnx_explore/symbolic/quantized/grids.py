"""From a grid to real numbers and back: what every symbolic function of quantized tensors does."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

import onnx_ir as ir

from onnx_explore.emit import Emitter, forms
from onnx_explore.errors import UnsupportedOperatorError
from onnx_explore.symbolic.annotations import Scalar
from onnx_explore.symbolic.lowered import Grid, Quantized
from onnx_explore.symbolic.registry import REGISTRY


def real(g: Emitter, q: Quantized) -> ir.Value:
    """The real numbers of a quantized tensor, float32."""
    return forms.dequantize(g, q.integers, q.grid.scale, q.grid.zero_point, q.grid.axis)


def may_dequantize(g: Emitter) -> bool:
    """Whether DequantizeLinear may stand before a layer with float weights.

    ONNX Runtime quantizes such a layer anew: before opset 13 with one scale for all channels, at opset 10 with an operator
    (Round) that it does not have.
    """
    return g.opset >= 13


def on_grid(g: Emitter, x: ir.Value, grid: Grid, dtype: ir.DataType) -> Quantized:
    """Real numbers, rounded to a grid."""
    return Quantized(forms.quantize(g, x, grid.scale, grid.zero_point, dtype, grid.axis), grid)


def made(g: Emitter, x: ir.Value, scale: float, zero_point: int, like: Quantized) -> Quantized:
    """A result on the grid that the operator was given, of the element type of one of its operands."""
    return on_grid(g, x, Grid(scale, zero_point), g.dtype(like.integers))


def computed(g: Emitter, q: Quantized, function: Callable[[ir.Value], ir.Value]) -> Quantized:
    """A function of the real numbers; the result is on the same grid."""
    return on_grid(g, function(real(g, q)), one_scale(q), g.dtype(q.integers))


def one_scale(q: Quantized) -> Grid:
    """The grid of a tensor that has one scale for all its elements.

    Raises:
        UnsupportedOperatorError: If it has one for each channel.
    """
    if q.grid.axis is not None:
        raise UnsupportedOperatorError(
            "the tensor has a scale for each channel", action="call dequantize() before this operator"
        )
    return q.grid


def is_known(grid: Grid) -> bool:
    """Whether scale and zero point are numbers."""
    return not isinstance(grid.scale, ir.Value) and not isinstance(grid.zero_point, ir.Value)


def known_numbers(q: Quantized) -> tuple[float, int]:
    """Scale and zero point of a tensor whose grid is known at export.

    Raises:
        UnsupportedOperatorError: If the grid is known only when the model runs, or differs by channel.
    """
    grid = one_scale(q)
    if isinstance(grid.scale, ir.Value) or isinstance(grid.zero_point, ir.Value):
        raise UnsupportedOperatorError(
            "scale and zero point are known only when the model runs", action="quantize with numbers"
        )
    return grid.scale, grid.zero_point


def per_tensor(g: Emitter, scale: Scalar, zero_point: Scalar, dtype: ir.DataType) -> Grid:
    """The grid of a scale and a zero point that may be 0-d (or one-element) tensors."""
    if isinstance(scale, complex) or isinstance(zero_point, complex):
        raise UnsupportedOperatorError("a complex number cannot be a scale or a zero point")
    numbers = [_number(g, item) for item in (scale, zero_point)]
    if numbers[0] is not None and numbers[1] is not None:
        return Grid(float(numbers[0]), int(numbers[1]))
    if isinstance(scale, ir.Value) or isinstance(zero_point, ir.Value):
        scale = scale if isinstance(scale, ir.Value) else g.const(float(scale), ir.DataType.FLOAT)
        zero_point = zero_point if isinstance(zero_point, ir.Value) else g.const(int(zero_point), dtype)
        return Grid(_one(g, g.cast(scale, ir.DataType.FLOAT)), _one(g, g.cast(zero_point, dtype)))
    return Grid(float(scale), int(zero_point))


def _number(g: Emitter, item: float | ir.Value) -> float | None:
    """A number, or what a one-element tensor holds that is known now (the buffer of an observer)."""
    if not isinstance(item, ir.Value):
        return item
    tensor = g.torch_tensor(item)
    return tensor.item() if tensor is not None and tensor.numel() == 1 else None


def _one(g: Emitter, x: ir.Value) -> ir.Value:
    """A one-element tensor as a 0-d one."""
    return forms.reshape(g, x, []) if g.rank(x) else x


def plain(g: Emitter, target: str, *arguments: Any, **named: Any) -> Any:
    """What the symbolic function of an operator of float tensors gives."""
    with in_floats(g):
        return REGISTRY.function(target)(g, *arguments, **named)


@contextmanager
def in_floats(g: Emitter) -> Generator[None]:
    """What is emitted inside computes in float32, whatever the result of the node is."""
    expected = g.expected
    g.expected = ir.DataType.FLOAT
    try:
        yield
    finally:
        g.expected = expected
