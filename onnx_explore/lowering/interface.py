"""The interface of the ONNX graph: its inputs, the model's weights, and what it gives.

In: what the capture says of the caller's arguments and results. Out: ONNX values with the user's names and axes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import onnx_ir as ir

from onnx_explore import dtypes
from onnx_explore.capture.captured import GraphInput, GraphOutput
from onnx_explore.emit import Emitter
from onnx_explore.errors import UnsupportedOperatorError
from onnx_explore.lowering.quantized import returned
from onnx_explore.lowering.types import TensorOf
from onnx_explore.lowering.values import as_type, filler, typed
from onnx_explore.recording import Recorder
from onnx_explore.symbolic.binding import materialize, quantized_constant
from onnx_explore.symbolic.lowered import Complex, Constant, Lowered, Maybe, Quantized


def one_input_each(inputs: Sequence[GraphInput]) -> list[list[GraphInput]]:
    """What becomes one input of the ONNX graph: a tensor alone, the elements of a list together."""
    rows: dict[str, list[GraphInput]] = {}
    for item in inputs:
        rows.setdefault(item.onnx_name, []).append(item)
    return list(rows.values())


def input_value(g: Emitter, row: Sequence[GraphInput], axes: Mapping[int, str], *, optional: bool = False) -> ir.Value:
    """The ONNX graph input of one tensor: static but for the dynamic axes. A list is a sequence of any length.

    Raises:
        UnsupportedOperatorError: If the elements of a list have several dtypes, or the opset has no sequences (optionals).
    """
    first = row[0]
    shapes = [tuple(item.example.shape) for item in row]
    dtype = dtypes.to_onnx(first.example.dtype)
    if not first.sequence:
        dims: list[int | str] = [axes.get(index, size) for index, size in enumerate(shapes[0])]
        kind: ir.TypeProtocol = ir.TensorType(dtype)
        if optional:
            g.requires(15, f"an input that may be None ('{first.name}')")
            kind = ir.OptionalType(kind)
        return ir.Value(name=first.name, shape=ir.Shape(dims), type=kind)
    g.requires(11, f"a list of tensors as input ('{first.sequence}')")
    if any(item.example.dtype != first.example.dtype for item in row):
        raise UnsupportedOperatorError(
            f"the list '{first.sequence}' holds tensors of several dtypes, an ONNX sequence only of one",
            action="pass a list for each dtype",
        )
    shape: ir.Shape | None = None
    if all(len(sizes) == len(shapes[0]) for sizes in shapes):
        columns = list(zip(*shapes, strict=True))
        shape = ir.Shape(
            [axes.get(index, sizes[0] if len(set(sizes)) == 1 else None) for index, sizes in enumerate(columns)]
        )
    return ir.Value(name=first.sequence, shape=shape, type=ir.SequenceType(ir.TensorType(dtype)))


def optional_input(g: Emitter, given: ir.Value) -> Maybe:
    """Whether a graph input that is an ONNX optional holds a tensor, and that tensor.

    OptionalGetElement fails where there is none, so it stands in a branch; the other branch gives what nobody looks at.
    """
    assert isinstance(given.type, ir.OptionalType) and isinstance(given.type.elem_type, ir.TensorType)
    sizes = tuple(dim if isinstance(dim, int) else dim.value for dim in given.shape or ())
    kind = TensorOf(given.type.elem_type.dtype, sizes)
    present = g.raw_op("OptionalHasElement", [given], (), 1, infer=False)
    assert isinstance(present, ir.Value)
    typed(g, present, TensorOf(ir.DataType.BOOL, ()))
    outer = g.region
    branches: list[ir.Attr] = []
    for name in ("then_branch", "else_branch"):
        region = g.subgraph(f"{given.name}.{name}")
        g.enter(region)
        if name == "then_branch":
            made = g.raw_op("OptionalGetElement", [given], (), 1, infer=False)
            assert isinstance(made, ir.Value)
            typed(g, made, kind)
        else:
            made = as_type(g, filler(g, kind), kind)
            assert isinstance(made, ir.Value)
        region.graph.outputs.append(made)
        branches.append(ir.AttrGraph(name, region.graph))
    g.enter(outer)
    chosen = g.raw_op("If", [present], branches, 1, infer=False)
    assert isinstance(chosen, ir.Value)
    return Maybe(present, typed(g, chosen, kind))


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
