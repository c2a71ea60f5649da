"""Runs a TorchGraph in PyTorch, node by node, so that a pass can be compared with the model itself."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from typing import Any

import torch

from onnx_explore.capture.mirror import Mirror
from onnx_explore.passes.pipeline import TorchPass
from onnx_explore.recording import Recorder, Recording
from onnx_explore.torch_ir import TorchBlock, TorchGraph, TorchNode, print_graph, validate


def graph_of(text: str) -> TorchGraph:
    """A graph from TorchScript's text."""
    return TorchGraph(Mirror().graph(torch._C.parse_ir(textwrap.dedent(text)), {}))


def script_of(function: Callable[..., object]) -> TorchGraph:
    """The graph of a scripted function."""
    return TorchGraph(Mirror().graph(torch.jit.script(function).inlined_graph, {}))


def after(graph: TorchGraph, *passes: TorchPass) -> tuple[str, Recording]:
    """The text of a graph after some passes, each of which leaves a valid graph, and what they recorded."""
    recorder = Recorder()
    validate(graph)
    for run in passes:
        graph = run(graph, recorder)
        validate(graph)
    return print_graph(graph, places=False), recorder.recording


def same(text: str, wanted: str) -> None:
    """Compare two graphs as text, indentation of the block aside."""
    assert text.strip() == textwrap.dedent(wanted).strip()


def run_graph(graph: TorchGraph, inputs: Sequence[torch.Tensor]) -> tuple[torch.Tensor, ...]:
    """The outputs of a graph; weights are the model's own, inputs are copied."""
    values: dict[int, Any] = {value.id: tensor.clone() for value, tensor in zip(graph.inputs, inputs, strict=True)}
    values.update({parameter.value.id: parameter.tensor.detach().clone() for parameter in graph.parameters})
    with torch.no_grad():
        return tuple(_run_block(graph.block, values))


def _run_block(block: TorchBlock, values: dict[int, Any]) -> list[Any]:
    for node in block.nodes:
        inputs = [values[value.id] for value in node.inputs]
        results = _run_node(node, inputs, values)
        for output, result in zip(node.outputs, results, strict=True):
            values[output.id] = result
    return [values[value.id] for value in block.returns]


def _run_node(node: TorchNode, inputs: list[Any], values: dict[int, Any]) -> Sequence[Any]:
    match node.target:
        case "prim::Constant":
            constant = node.constant
            return [constant.clone() if isinstance(constant, torch.Tensor) else constant]
        case "prim::ListConstruct":
            return [list(inputs)]
        case "prim::TupleConstruct":
            return [tuple(inputs)]
        case "prim::ListUnpack" | "prim::TupleUnpack":
            return inputs[0]
        case "prim::If":
            return _run_block(node.blocks[0 if inputs[0] else 1], values)
        case "prim::Loop":
            return _run_loop(node, inputs, values)
        case "prim::NumToTensor":
            return [torch.tensor(inputs[0])]
        case "aten::Int":
            return [int(inputs[0])]
        case "prim::Print":
            return []
        case _:
            return _call(node, inputs)


def _run_loop(node: TorchNode, inputs: list[Any], values: dict[int, Any]) -> list[Any]:
    trips, go_on, *carried = inputs
    (body,) = node.blocks
    count = 0
    while go_on and count < trips:
        values.update({value.id: item for value, item in zip(body.params, (count, *carried), strict=True)})
        go_on, *carried = _run_block(body, values)
        count += 1
    return carried


def _call(node: TorchNode, inputs: list[Any]) -> Sequence[Any]:
    schema = node.schema
    assert schema is not None, node.target
    namespace, _, name = node.target.partition("::")
    if node.target == "aten::view" and not schema.overload:
        return [inputs[0].reshape(inputs[1])]  # a functional graph knows no layouts
    operator = getattr(getattr(getattr(torch.ops, namespace), name), schema.overload or "default")
    rows = list(zip(schema.arguments, inputs, strict=True))
    positional = [item for argument, item in rows if not argument.kwarg_only]
    result = operator(*positional, **{argument.name: item for argument, item in rows if argument.kwarg_only})
    return [result] if len(node.outputs) == 1 else result if node.outputs else []
