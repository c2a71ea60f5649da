"""The interface of the ONNX graph: its inputs, the model's weights, and what it gives.

In: what the capture says of the caller's arguments and results. Out: ONNX values with the user's names and axes.
"""

from __future__ import annotations

from collections.abc import Mapping

import onnx_ir as ir

from onnx_explore import dtypes
from onnx_explore.capture.captured import GraphInput, GraphOutput
from onnx_explore.emit import Emitter
from onnx_explore.errors import UnsupportedOperatorError
from onnx_explore.lowering.quantized import returned
from onnx_explore.recording import Recorder
from onnx_explore.symbolic.binding import materialize, quantized_constant
from onnx_explore.symbolic.lowered import Complex, Constant, Lowered, Quantized


def input_value(item: GraphInput, axes: Mapping[int, str]) -> ir.Value:
    """The ONNX graph input of one tensor: static but for the dynamic axes."""
    dims: list[int | str] = [axes.get(index, size) for index, size in enumerate(item.example.shape)]
    return ir.Value(name=item.name, shape=ir.Shape(dims), type=ir.TensorType(dtypes.to_onnx(item.example.dtype)))


def output_shape(
    value: ir.Value, output: GraphOutput, axes: Mapping[int, str], g: Emitter, recorder: Recorder
) -> ir.Shape | None:
    """The shape that an output declares: the user's names, else what was inferred, with readable names for the rest.

    A model must say how many dimensions its outputs have (ONNX IR, "Graphs"): where that depends on the run, it says what the
    captured run had.
    """
    name = output.name
    if value.shape is None:
        if output.rank is None:
            return None
        recorder.note(
            "warning",
            "RankNotFixed",
            f"how many dimensions output '{name}' has is only known when the model runs; "
            f"the ONNX model declares {output.rank}, as in the captured run",
        )
        return ir.Shape([axes.get(index, f"{name}_dim_{index}") for index in range(output.rank)])
    dims: list[int | ir.SymbolicDim | str] = []
    for index, dim in enumerate(value.shape):
        symbol = axes.get(index)
        if symbol is not None:
            dims.append(symbol)
        elif g.inference.is_anonymous(dim):
            dims.append(f"{name}_dim_{index}")
        else:
            dims.append(dim)
    return ir.Shape(dims)


def tensor_output(g: Emitter, output: GraphOutput, item: Lowered, recorder: Recorder) -> ir.Value:
    """What an output is: a value that the graph gives.

    Raises:
        UnsupportedOperatorError: If it is nothing that ONNX can give.
    """
    if isinstance(item, ir.Value):
        return item
    if isinstance(item, Constant) and item.tensor.is_quantized:
        item = quantized_constant(g, item)
    if isinstance(item, Quantized):
        return returned(item, output.name, recorder)
    if isinstance(item, Constant):
        recorder.note(
            "warning",
            "ConstantOutput",
            f"output '{output.name}' does not depend on any input: it is a constant of the model",
        )
        return materialize(g, item)
    if isinstance(item, bool | int | float):
        dtype = dtypes.to_onnx(output.value.dtype) if output.value.dtype is not None else None
        if dtype is None and isinstance(item, float):
            dtype = ir.DataType.FLOAT
        return g.const(item, dtype)
    if isinstance(item, Complex):
        raise UnsupportedOperatorError(
            f"output '{output.name}' is complex, and ONNX has no operators for complex tensors",
            action="return torch.view_as_real of it",
        )
    raise UnsupportedOperatorError(f"output '{output.name}' is not a tensor")
