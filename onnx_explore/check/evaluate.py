"""Runs a TorchGraph in PyTorch, node by node, so that every value in between can be looked at.

In: a graph that went through the torch passes (nothing in it writes), and its inputs. Out: what each value was. The model itself
does not run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, cast

import torch

from onnx_explore.errors import UnsupportedOperatorError
from onnx_explore.torch_ir import Schema, TorchBlock, TorchGraph, TorchNode

Values = dict[int, Any]


def evaluate(graph: TorchGraph, inputs: Sequence[torch.Tensor]) -> Values:
    """What every value of the top block is, by its id. Weights are the model's own.

    Args:
        graph: The graph.
        inputs: One tensor for each of ``graph.inputs``; a number that a script takes as a 0-d tensor.

    Raises:
        UnsupportedOperatorError: If PyTorch cannot run a node on its own.
    """
    values: Values = {}
    for value, tensor in zip(graph.inputs, inputs, strict=True):
        values[value.id] = tensor.detach() if value.is_tensor else tensor.item()
    for parameter in graph.parameters:
        values[parameter.value.id] = parameter.tensor.detach()
    with torch.no_grad():
        _block(graph.block, values)
    return values


def _block(block: TorchBlock, values: Values) -> list[Any]:
    for node in block.nodes:
        results = _node(node, [values[value.id] for value in node.inputs], values)
        for output, result in zip(node.outputs, results, strict=True):
            values[output.id] = result
    return [values[value.id] for value in block.returns]


def _node(node: TorchNode, inputs: list[Any], values: Values) -> Sequence[Any]:
    arrange = _ARRANGE.get(node.target)
    if arrange is not None:
        return arrange(inputs)
    if node.target == "prim::Constant":
        return [node.constant]
    if node.target == "prim::If":
        return _block(node.blocks[0 if inputs[0] else 1], values)
    if node.target == "prim::Loop":
        return _loop(node, inputs, values)
    if node.target == "prim::PythonOp" and node.blocks:
        (body,) = node.blocks
        values.update((value.id, item) for value, item in zip(body.params, inputs, strict=True))
        return _block(body, values)
    return _call(node, inputs)


_ARRANGE: Mapping[str, Callable[[list[Any]], Sequence[Any]]] = {
    "prim::ListConstruct": lambda inputs: [list(inputs)],
    "prim::TupleConstruct": lambda inputs: [tuple(inputs)],
    "prim::ListUnpack": lambda inputs: inputs[0],
    "prim::TupleUnpack": lambda inputs: inputs[0],
    "prim::TupleIndex": lambda inputs: [inputs[0][inputs[1]]],
    "prim::DictConstruct": lambda inputs: [dict(zip(inputs[::2], inputs[1::2], strict=True))],
    "prim::NumToTensor": lambda inputs: [torch.tensor(inputs[0])],
    "prim::unchecked_cast": lambda inputs: [inputs[0]],
    "aten::__getitem__": lambda inputs: [inputs[0][inputs[1]]],
}


def _loop(node: TorchNode, inputs: list[Any], values: Values) -> list[Any]:
    trips, go_on, *carried = inputs
    (body,) = node.blocks
    count = 0
    while go_on and count < trips:
        values.update((value.id, item) for value, item in zip(body.params, (count, *carried), strict=True))
        go_on, *carried = _block(body, values)
        count += 1
    return carried


def _call(node: TorchNode, inputs: list[Any]) -> Sequence[Any]:
    schema = node.schema
    operator = None if schema is None else _operator(schema)
    if schema is None or operator is None:
        raise UnsupportedOperatorError(
            "PyTorch cannot run this node on its own", target=node.target, where=node.origin.where
        )
    rows = list(zip(schema.arguments, inputs, strict=False))
    positional = [item for argument, item in rows if not argument.kwarg_only]
    keywords = {argument.name: item for argument, item in rows if argument.kwarg_only}
    result: Any = operator(*positional, **keywords)
    if len(node.outputs) == 1:
        return [result]
    return tuple(cast("Sequence[Any]", result)) if node.outputs else ()


@lru_cache(maxsize=4096)
def _operator(schema: Schema) -> Callable[..., Any] | None:
    namespace, _, name = schema.name.partition("::")
    if schema.name == "aten::view" and not schema.overload:
        name = "reshape"  # a functional graph knows no strides
    packet = getattr(getattr(torch.ops, namespace, None), name, None)
    return None if packet is None else getattr(packet, schema.overload or "default", None)
