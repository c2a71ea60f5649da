"""Runs a TorchGraph in PyTorch, a node at a time, so that every intermediate can be looked at.

In: a functional TorchGraph (after the torch passes) and its inputs. Out: the values of each node, freed after their last
use. Control flow runs inside its node::

    run = Interpreter(graph, inputs)
    for node in graph.block.nodes:
        outputs = run.step(node)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from onnx_explore.check.nodes.containers import CONTAINERS
from onnx_explore.errors import UnsupportedOperatorError
from onnx_explore.torch_ir import TorchBlock, TorchGraph, TorchNode, walk
from onnx_explore.torch_ir.operators import format_text, operator_of


class Interpreter:
    """Runs a TorchGraph.

    Args:
        graph: A functional graph: nothing in it writes.
        inputs: One tensor per ``graph.inputs``; a number that a script takes as a 0-d tensor. Weights are the graph's own, and
            are not copied.
        keep: Whether values are kept after their last use.
    """

    __slots__ = ("_last_use", "_values")

    def __init__(self, graph: TorchGraph, inputs: Sequence[torch.Tensor], *, keep: bool = False) -> None:
        self._values: dict[int, Any] = {}
        for value, tensor in zip(graph.inputs, inputs, strict=True):
            self._values[value.id] = tensor.detach() if "Tensor" in value.kind else tensor.item()
        for parameter in graph.parameters:
            self._values[parameter.value.id] = parameter.tensor.detach()
        self._last_use = {} if keep else _last_uses(graph)

    def value(self, number: int) -> Any:
        """The value with this id, which is still needed.

        Raises:
            KeyError: If it was freed, or not computed.
        """
        return self._values[number]

    def inputs(self, node: TorchNode) -> list[Any]:
        """What goes into a node of the top block that was not run yet."""
        return [self._values[value.id] for value in node.inputs]

    def step(self, node: TorchNode) -> tuple[Any, ...]:
        """Run the next node of the top block.

        Returns:
            One value per output: a tensor, a number, a list or tuple of these, None.

        Raises:
            UnsupportedOperatorError: If PyTorch cannot run it alone.
        """
        outputs = self._run(node)
        for value in self._last_use.get(node.id, ()):
            self._values.pop(value, None)
        return outputs

    def _run(self, node: TorchNode) -> tuple[Any, ...]:
        if node.target == "prim::If":
            block = node.blocks[0 if self._values[node.inputs[0].id] else 1]
            outputs = self._block(block)
        elif node.target == "prim::Loop":
            outputs = self._loop(node)
        elif node.target == "prim::PythonOp" and node.blocks:
            (body,) = node.blocks
            for param, value in zip(body.params, node.inputs, strict=True):
                self._values[param.id] = self._values[value.id]
            outputs = self._block(body)
        else:
            outputs = self._evaluate(node, [self._values[value.id] for value in node.inputs])
        for value, item in zip(node.outputs, outputs, strict=True):
            self._values[value.id] = item
        return outputs

    def _evaluate(self, node: TorchNode, inputs: Sequence[Any]) -> tuple[Any, ...]:
        return evaluate(node, inputs)

    def _block(self, block: TorchBlock) -> tuple[Any, ...]:
        for node in block.nodes:
            self._run(node)
        return tuple(self._values[value.id] for value in block.returns)

    def _loop(self, node: TorchNode) -> tuple[Any, ...]:
        trips, goes_on, *carried = (self._values[value.id] for value in node.inputs)
        (body,) = node.blocks
        trip = 0
        while trip < int(trips) and bool(goes_on):
            for param, item in zip(body.params, (trip, *carried), strict=True):
                self._values[param.id] = item
            goes_on, *carried = self._block(body)
            trip += 1
        return tuple(carried)


def values_of(graph: TorchGraph, inputs: Sequence[torch.Tensor]) -> dict[int, Any]:
    """What every value of the top block is, by its id.

    Raises:
        UnsupportedOperatorError: If PyTorch cannot run a node on its own.
    """
    run = Interpreter(graph, inputs, keep=True)
    found = {value.id: run.value(value.id) for value in graph.block.params}
    for node in graph.block.nodes:
        for value, item in zip(node.outputs, run.step(node), strict=True):
            found[value.id] = item
    return found


def evaluate(node: TorchNode, inputs: Sequence[Any]) -> tuple[Any, ...]:
    """A node without blocks, run by PyTorch.

    Raises:
        UnsupportedOperatorError: If there is no such operator, or if it refuses these inputs.
    """
    arrange = _STRUCTURE.get(node.target) or _STRUCTURE.get(f"{node.target}.{node.overload}")
    if arrange is not None:
        return arrange(node, inputs)
    if node.target == "prim::PythonOp" and "function" in node.attributes:
        return _python(node, inputs)
    operator = operator_of(node.schema) if node.schema is not None else None
    if operator is None:
        raise UnsupportedOperatorError("PyTorch cannot run it alone", target=node.target, where=node.origin.where)
    try:
        with torch.no_grad():
            result = operator(inputs)
    # Operators that are written in Python assert their dtypes.
    except (RuntimeError, ValueError, TypeError, IndexError, NotImplementedError, AssertionError) as error:
        raise UnsupportedOperatorError(
            f"PyTorch refuses it with these inputs: {' '.join(str(error).split())[:200]}",
            target=node.target,
            where=node.origin.where,
        ) from error
    return (result,) if len(node.outputs) == 1 else tuple(result) if node.outputs else ()


def _python(node: TorchNode, inputs: Sequence[Any]) -> tuple[Any, ...]:
    """An ``autograd.Function`` that something lowers as it is, called as the model calls it."""
    tensors, others = iter(inputs), iter(node.attributes["scalar_args"])
    given = [next(tensors) if letter == "d" else next(others) for letter in node.attributes["signature"]]
    try:
        with torch.no_grad():
            result: Any = node.attributes["function"].apply(*given)
    except Exception as error:  # the user's own code: anything may come
        raise UnsupportedOperatorError(
            f"{node.attributes.get('name', 'its function')} fails with these inputs: {' '.join(str(error).split())[:200]}",
            target=node.target,
            where=node.origin.where,
        ) from error
    return (result,) if len(node.outputs) == 1 else tuple(result)


def to_double(item: Any) -> Any:
    """A value with float64 in place of any floating type; lists and tuples item by item."""
    if isinstance(item, torch.Tensor):
        return item.to(torch.float64) if item.is_floating_point() else item
    if isinstance(item, list | tuple):
        return type(item)([to_double(entry) for entry in item])  # pyright: ignore[reportUnknownVariableType]
    return item


def is_structural(node: TorchNode) -> bool:
    """Whether a node only arranges values."""
    return node.target in _STRUCTURE or f"{node.target}.{node.overload}" in _STRUCTURE


def _constant(node: TorchNode, _inputs: Sequence[Any]) -> tuple[Any, ...]:
    return (node.constant,)


def _list(_node: TorchNode, inputs: Sequence[Any]) -> tuple[Any, ...]:
    return (list(inputs),)


def _tuple(_node: TorchNode, inputs: Sequence[Any]) -> tuple[Any, ...]:
    return (tuple(inputs),)


def _dict(_node: TorchNode, inputs: Sequence[Any]) -> tuple[Any, ...]:
    return (dict(zip(inputs[::2], inputs[1::2], strict=True)),)


def _unpack(_node: TorchNode, inputs: Sequence[Any]) -> tuple[Any, ...]:
    return tuple(inputs[0])


def _item(_node: TorchNode, inputs: Sequence[Any]) -> tuple[Any, ...]:
    return (inputs[0][inputs[1]],)


def _same(_node: TorchNode, inputs: Sequence[Any]) -> tuple[Any, ...]:
    return (inputs[0],)


def _tensor(_node: TorchNode, inputs: Sequence[Any]) -> tuple[Any, ...]:
    return (torch.as_tensor(inputs[0]),)


def _nothing(node: TorchNode, _inputs: Sequence[Any]) -> tuple[Any, ...]:
    return (None,) * len(node.outputs)


def _sequence_output(node: TorchNode, inputs: Sequence[Any]) -> tuple[Any, ...]:
    """A list; of a list of structures, what stands at one place of each element."""
    column: list[Any] = list(inputs[0])
    for key in node.constant or ():
        column = [entry[key] for entry in column]
    return (column,)


def _enum(node: TorchNode, inputs: Sequence[Any]) -> tuple[Any, ...]:
    return (inputs[0].name if node.target == "prim::EnumName" else inputs[0].value,)


def _format(_node: TorchNode, inputs: Sequence[Any]) -> tuple[Any, ...]:
    return (format_text(*inputs),)


def _yes(_node: TorchNode, _inputs: Sequence[Any]) -> tuple[Any, ...]:
    return (True,)


def _no(_node: TorchNode, _inputs: Sequence[Any]) -> tuple[Any, ...]:
    return (False,)


_STRUCTURE: dict[str, Callable[[TorchNode, Sequence[Any]], tuple[Any, ...]]] = {
    "prim::Constant": _constant,
    "prim::ListConstruct": _list,
    "prim::TupleConstruct": _tuple,
    "prim::NamedTupleConstruct": _tuple,
    "prim::SequenceInput": _list,
    "prim::SequenceOutput": _sequence_output,
    "prim::OptionalOutput": _same,
    "prim::DictConstruct": _dict,
    "prim::ListUnpack": _unpack,
    "prim::TupleUnpack": _unpack,
    "prim::TupleIndex": _item,
    "aten::__getitem__.t": _item,
    "aten::__getitem__.Dict_str": _item,
    "prim::NumToTensor": _tensor,
    "prim::unchecked_cast": _same,
    "prim::Uninitialized": _nothing,
    "prim::RaiseException": _nothing,
    "prim::Print": _nothing,
    "aten::warn": _nothing,
    "aten::is_grad_enabled": _yes,  # the answers of an export (``symbolic.aten.questions``)
    "prim::requires_grad": _yes,
    "aten::_nested_tensor_from_mask_left_aligned": _no,
    "prim::is_nested": _no,
    "prim::EnumName": _enum,
    "prim::EnumValue": _enum,
    "aten::format": _format,
    **CONTAINERS,
}


def _last_uses(graph: TorchGraph) -> dict[int, list[int]]:
    """Ids of the values that a node of the top block is the last to use, by the node's id."""
    last: dict[int, int] = {}
    for node in graph.block.nodes:
        for value in (*node.outputs, *node.inputs):
            last[value.id] = node.id
        for inner in node.blocks:
            for each in walk(inner):
                for value in (*each.inputs, *(item for block in each.blocks for item in block.returns)):
                    last[value.id] = node.id
            for value in inner.returns:
                last[value.id] = node.id
    for value in graph.outputs:
        last.pop(value.id, None)
    freed: dict[int, list[int]] = {}
    for number, node_id in last.items():
        freed.setdefault(node_id, []).append(number)
    return freed
