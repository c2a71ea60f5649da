"""Quantized tensors at the ends of the graph: an ONNX input or output holds their integers, and a note says so."""

from __future__ import annotations

import onnx_ir as ir
import torch

from onnx_explore.emit import Emitter
from onnx_explore.recording import Recorder
from onnx_explore.symbolic.binding import quantized_constant
from onnx_explore.symbolic.lowered import Constant, Grid, Quantized


def given(value: ir.Value, example: torch.Tensor, g: Emitter, recorder: Recorder) -> Quantized:
    """The quantized tensor whose integers are a graph input; its grid is that of the example."""
    one = example.qscheme() == torch.per_tensor_affine
    grid = Grid(example.q_scale(), example.q_zero_point()) if one else quantized_constant(g, Constant(example)).grid
    recorder.note(
        "warning",
        "QuantizedInput",
        f"input '{value.name}' is a quantized tensor: give ONNX its integers (int_repr(), {_type(value)}); {_text(grid)} of "
        "the example are fixed",
    )
    return Quantized(value, grid)


def returned(item: Quantized, name: str, recorder: Recorder) -> ir.Value:
    """The integers of a quantized tensor that the model returns."""
    recorder.note(
        "warning",
        "QuantizedOutput",
        f"output '{name}' is a quantized tensor: ONNX gives its integers (int_repr(), {_type(item.integers)}), which stand "
        f"for (integer - zero point) * scale; {_text(item.grid)}. Return dequantize() of it for real numbers",
    )
    return item.integers


def _type(integers: ir.Value) -> str:
    return integers.dtype.name.lower() if integers.dtype is not None else "integers"


def _text(grid: Grid) -> str:
    if grid.axis is not None:
        return f"scales and zero points along dimension {grid.axis}"
    if isinstance(grid.scale, ir.Value) or isinstance(grid.zero_point, ir.Value):
        return "scale and zero point, known only when the model runs,"
    return f"scale {grid.scale:.6g} and zero point {grid.zero_point}"
