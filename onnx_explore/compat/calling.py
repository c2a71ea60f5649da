"""One call of a symbolic function of the reference: values on a scratch graph in, what it returned in the ONNX graph out."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import onnx_ir as ir
import torch

from onnx_explore.compat.graph import GraphContext
from onnx_explore.compat.original import OriginalNode
from onnx_explore.compat.replaying import Replay
from onnx_explore.compat.scratch import JitValue, Scratch
from onnx_explore.compat.spellings import older_spellings
from onnx_explore.compat.torch_registry import exporting_opset, is_refusal
from onnx_explore.compat.values import is_value
from onnx_explore.emit import Emitter
from onnx_explore.errors import SymbolicError, UnsupportedOperatorError
from onnx_explore.symbolic.binding import materialize
from onnx_explore.symbolic.lowered import Constant, Grid, Lowered, Quantized
from onnx_explore.symbolic.outcome import first_line
from onnx_explore.torch_ir import TorchNode, TorchValue

Arguments = Callable[[list[JitValue]], Sequence[Any]]
"""From the values of all inputs to the positional arguments behind ``g``."""


class Same:
    """A function as a key: by identity, whatever its class says of equality."""

    __slots__ = ("function",)

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and other.function is self.function

    def __hash__(self) -> int:
        return id(self.function)


def call(
    function: Callable[..., Any],
    emitter: Emitter,
    node: TorchNode,
    inputs: tuple[Lowered, ...],
    arguments: Arguments = list,
    keywords: Mapping[str, Any] | None = None,
) -> Lowered:
    """Run a symbolic function and emit what it returned.

    Args:
        function: ``(g, *values, **keywords)``.
        emitter: Where the nodes go.
        node: The torch node that is exported.
        inputs: What its inputs have become.
        arguments: Chooses and converts the positional arguments.
        keywords: Keyword arguments.

    Returns:
        A value, a tuple of them, or None if the function cannot convert these arguments.

    Raises:
        SymbolicError: If it returned what is no value.
        UnsupportedOperatorError: If a helper function of PyTorch's exporter refused.
        InvalidArgument: If it returned a value of another graph.
    """
    mark = emitter.mark()
    scratch = Scratch()
    values = [scratch.value(item, value.kind) for value, item in zip(node.inputs, inputs, strict=True)]
    trial = Replay(scratch, emitter)
    original = OriginalNode(node, inputs)
    g = GraphContext(
        graph=scratch.graph,
        block=scratch.graph.block(),
        opset=emitter.opset,
        original_node=original,
        params_dict=scratch.parameters,
        env=original.env(values),
        values_in_env=set(values),
        emitter=emitter,
        scratch=scratch,
        trial=trial,
    )
    positional = arguments(values)
    with exporting_opset(emitter.opset), older_spellings():
        try:
            returned = function(g, *positional, **(keywords or {}))
        except RuntimeError as error:
            if not is_refusal(error):
                raise
            raise UnsupportedOperatorError(f"its symbolic function gives up: {first_line(error)}") from error
    if returned is None:
        return None
    flat: list[JitValue] = []
    shape = _taken_apart(returned, scratch, flat)
    emitter.rollback(mark)  # what was made to find types out; what is needed is emitted for good now
    final = Replay(scratch, emitter)
    results = final.all_of(flat)
    final.state_types(trial)
    made = _put_together(shape, results)
    if len(node.outputs) == 1:
        return quantized_result(emitter, node.outputs[0], made)
    if not isinstance(made, tuple) or len(made) != len(node.outputs):
        return made
    return tuple(quantized_result(emitter, value, item) for value, item in zip(node.outputs, made, strict=True))


def _taken_apart(item: Any, scratch: Scratch, flat: list[JitValue]) -> Any:
    """The values in what was returned go into ``flat``; their places stay."""
    if isinstance(item, torch.Tensor):
        item = scratch.constant(item)
    if is_value(item):
        scratch.check_own(item, "what it returned")
        flat.append(item)
        return len(flat) - 1
    if isinstance(item, list | tuple):
        return tuple(_taken_apart(entry, scratch, flat) for entry in item)  # pyright: ignore[reportUnknownVariableType]
    if item is None:
        return None
    raise SymbolicError(
        f"its symbolic function returned {item!r} ({type(item).__name__}), which is no value of the graph",
        action="return what g.op returned, or one of the values given",
    )


def _put_together(shape: Any, results: Sequence[Lowered]) -> Lowered:
    if isinstance(shape, tuple):
        return tuple(_put_together(entry, results) for entry in shape)  # pyright: ignore[reportUnknownVariableType]
    return None if shape is None else results[shape]


_INTEGERS = {torch.quint8: ir.DataType.UINT8, torch.qint8: ir.DataType.INT8, torch.qint32: ir.DataType.INT32}


def quantized_result(emitter: Emitter, value: TorchValue, item: Lowered) -> Lowered:
    """A tuple of integers, scale and zero point, where a quantized tensor is the result; anything else as it is."""
    if value.dtype not in _INTEGERS or not isinstance(item, tuple) or len(item) not in (3, 4):
        return item
    integers, scale, zero = (_value(emitter, entry) for entry in item[:3])
    wanted = _INTEGERS[value.dtype]
    axis = item[3] if len(item) == 4 else None
    axis = int(axis.tensor) if isinstance(axis, Constant) else axis
    grid = Grid(emitter.cast(scale, ir.DataType.FLOAT), emitter.cast(zero, wanted), axis)
    return Quantized(emitter.cast(integers, wanted), grid)


def _value(emitter: Emitter, item: Lowered) -> ir.Value:
    if isinstance(item, Constant):
        return materialize(emitter, item)
    if isinstance(item, float):
        return emitter.const(item, ir.DataType.FLOAT)
    return emitter.value(item)  # pyright: ignore[reportArgumentType]


def accepted(function: Callable[..., Any], keywords: Mapping[str, Any]) -> dict[str, Any]:
    """The keyword arguments that a function takes."""
    parameters = inspect.signature(function).parameters.values()
    if any(item.kind is inspect.Parameter.VAR_KEYWORD for item in parameters):
        return dict(keywords)
    names = {item.name for item in parameters if item.kind is not inspect.Parameter.POSITIONAL_ONLY}
    return {name: item for name, item in keywords.items() if name in names}
