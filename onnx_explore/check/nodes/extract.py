"""Takes the smallest subgraph out of a model that shows what one node gives: back to the nearest tensors that PyTorch has, too.

In: a finished export and a row of a report. Out: an ONNX model of its own, PyTorch's values for its inputs, and PyTorch's
value for its output::

    x ─ Mul ─ Sigmoid ─ Mul ─ y        x: PyTorch's; y: to be compared with PyTorch's
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

import onnx
import onnx_ir as ir
import torch

from onnx_explore.check.nodes.interpret import Interpreter, is_structural
from onnx_explore.check.nodes.pairs import Pair, find_pairs
from onnx_explore.check.nodes.report import NodeCheck
from onnx_explore.check.nodes.segments import Part, accumulated, used_values
from onnx_explore.emit.regions import bodies
from onnx_explore.errors import InvalidArgument
from onnx_explore.symbolic.lowered import Lowered
from onnx_explore.torch_ir import TorchGraph, TorchNode, TorchValue


@dataclass(frozen=True, slots=True)
class Extract:
    """A subgraph with PyTorch's values.

    Attributes:
        model: Holds the weights that it needs, and no others.
        inputs: PyTorch's, by the names of the model's inputs: a tensor, a list of tensors, or None.
        expected: PyTorch's, by the names of its outputs: a tensor, or a list of tensors.
    """

    model: onnx.ModelProto
    inputs: dict[str, Any]
    expected: dict[str, Any]


def extract(
    model: ir.Model,
    graph: TorchGraph,
    lowered: Callable[[TorchValue], Lowered],
    inputs: Sequence[torch.Tensor],
    fed: Mapping[str, torch.Tensor],
    row: NodeCheck,
) -> Extract:
    """The subgraph of one row.

    Args:
        model: The finished model.
        graph: The TorchGraph that was lowered.
        lowered: What a torch value became.
        inputs: Those that the report was made with.
        fed: The same by name, and weights that are inputs of the model.
        row: Of the report.

    Raises:
        InvalidArgument: If no ONNX value is left of the row's node.
        UnsupportedOperatorError: If PyTorch cannot run a node on its own.
    """
    pairs = find_pairs(graph, lowered, model.graph)
    chosen = next((pair for pair in pairs if pair.node.id == row.node and pair.name == row.value), None)
    if chosen is None:
        raise InvalidArgument(f"no ONNX value is left of %{row.node} {row.target}", argument="row")
    known = {pair.value for pair in pairs} | set(model.graph.inputs)
    nodes, feeds, weights = ((), (chosen.value,), ()) if chosen.alias else _back(model, chosen.value, known)
    values = _values(graph, inputs, pairs, chosen, {value: fed.get(value.name or "") for value in feeds})
    part = Part(nodes, feeds, (chosen.value,), weights)
    if chosen.alias:
        (feed,) = part.feeds
        return nothing(model, feed, values[feed], values[chosen])
    named = {value.name or "": values[value] for value in feeds}
    return Extract(_alone(model, part), named, {chosen.name: values[chosen]})


def between(model: ir.Model, target: ir.Value, expected: Any, known: Mapping[ir.Value, Any]) -> Extract | None:
    """The subgraph that makes a value of known ones, wherever it stands: in a body, too.

    Args:
        model: The finished model.
        target: What it gives.
        expected: PyTorch's value of it: a tensor, or a list of tensors.
        known: PyTorch's values: where they are reached, the subgraph begins.

    Returns:
        None if it needs something that is not known, such as the number of the round of a loop.
    """
    nodes, feeds, weights = _back(model, target, known.keys())
    if not nodes or any(value not in known for value in feeds):
        return None
    made = {value for node in nodes for value in node.outputs}
    if any(value not in made and value not in known and not value.is_initializer() for value in _taken(nodes)):
        return None
    proto = _alone(model, Part(nodes, feeds, (target,), weights))
    return Extract(proto, {value.name or "": known[value] for value in feeds}, {target.name or "": expected})


def _taken(nodes: Sequence[ir.Node]) -> list[ir.Value]:
    return [value for node in nodes for value in used_values(node)]


def _alone(model: ir.Model, part: Part) -> onnx.ModelProto:
    """A part with its weights, and without source lines."""
    proto, large = accumulated(model, part)
    for name, tensor in large.items():
        proto.graph.initializer.append(ir.serde.serialize_tensor(tensor))
        proto.graph.initializer[-1].name = name
    kept = [item for item in proto.graph.input if item.name not in large]
    del proto.graph.input[:]
    proto.graph.input.extend(kept)
    without_places(proto)
    return proto


def without_places(model: onnx.ModelProto) -> None:
    """Source lines are paths of a machine: those of the nodes, in bodies and functions, too."""
    for part in (model.graph, *model.functions):
        _clear(part.node)


def _clear(nodes: Iterable[onnx.NodeProto]) -> None:
    for node in nodes:
        node.doc_string = ""
        del node.metadata_props[:]
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                _clear(attribute.g.node)


def _back(
    model: ir.Model, target: ir.Value, known: AbstractSet[ir.Value]
) -> tuple[tuple[ir.Node, ...], tuple[ir.Value, ...], tuple[ir.Value, ...]]:
    """The nodes that make a value of known ones, these, and the weights."""
    wanted: set[ir.Node] = set()
    feeds: dict[ir.Value, None] = {}
    weights: dict[ir.Value, None] = {}
    pending = [target]
    while pending:
        node = pending.pop().producer()
        if node is None or node in wanted:
            continue
        wanted.add(node)
        for value in used_values(node):
            if value.is_initializer():
                weights[value] = None
            elif value in known and value not in node.outputs and value is not target:
                feeds[value] = None
            else:
                pending.append(value)
    nodes = tuple(node for graph in _around(model, target) for node in graph if node in wanted)
    made = {value for node in nodes for value in node.outputs}
    return nodes, tuple(value for value in feeds if value not in made), tuple(weights)


def _around(model: ir.Model, value: ir.Value) -> Iterator[ir.Graph]:
    """The graph, and the bodies down to the one that a value is made in."""
    yield model.graph
    path: list[ir.Graph] = []

    def holds(graph: ir.Graph) -> bool:
        if value.producer() is not None and any(node is value.producer() for node in graph):
            return True
        for node in graph:
            for body in bodies(node):
                if holds(body):
                    path.append(body)
                    return True
        return False

    holds(model.graph)
    yield from reversed(path)


def _values(
    graph: TorchGraph,
    inputs: Sequence[torch.Tensor],
    pairs: Sequence[Pair],
    chosen: Pair,
    feeds: Mapping[ir.Value, torch.Tensor | None],
) -> dict[ir.Value | Pair, torch.Tensor]:
    """PyTorch's tensors of the fed values and of the chosen pair.

    Several may stand in one ONNX value, where nodes emitted nothing: the one counts that the chosen node uses.
    """
    found: dict[ir.Value | Pair, torch.Tensor] = {
        value: tensor for value, tensor in feeds.items() if tensor is not None
    }
    used = _used(graph, chosen.node)
    by_node: dict[int, list[Pair]] = {}
    for pair in pairs:
        by_node.setdefault(pair.node.id, []).append(pair)
    run = Interpreter(graph, inputs)
    for node in graph.block.nodes:
        outputs = run.step(node)
        for pair in by_node.get(node.id, ()):
            tensor = pair.of(outputs)
            if tensor is None:
                continue
            if pair is chosen:
                found[pair] = tensor.clone()
            elif pair.value in feeds and (not pair.alias or node.outputs[pair.output].id in used):
                found[pair.value] = tensor.clone()
        if node.id == chosen.node.id:
            return found
    raise AssertionError("the pair's node is one of the graph's")


def _used(graph: TorchGraph, node: TorchNode) -> set[int]:
    """Ids of the values that a node uses, the elements of its lists included."""
    makers = {value.id: maker for maker in graph.block.nodes for value in maker.outputs}
    found: set[int] = set()
    pending = list(node.inputs)
    while pending:
        value = pending.pop()
        found.add(value.id)
        maker = makers.get(value.id)
        if maker is not None and is_structural(maker):
            pending.extend(maker.inputs)
    return found


def nothing(model: ir.Model, feed: ir.Value, given: torch.Tensor, expected: torch.Tensor) -> Extract:
    """Of a node that emitted nothing: what it gives is what it was given.

    Args:
        model: Says the opset.
        feed: What the node's output became.
        given: PyTorch's input.
        expected: PyTorch's output.
    """
    dtype = (feed.dtype or ir.DataType.FLOAT).value
    source, result = "given", "result"
    proto = onnx.helper.make_model(
        onnx.helper.make_graph(
            [onnx.helper.make_node("Identity", [source], [result])],
            "part",
            [onnx.helper.make_tensor_value_info(source, dtype, None)],
            [onnx.helper.make_tensor_value_info(result, dtype, None)],
        ),
        opset_imports=[onnx.helper.make_opsetid("", model.graph.opset_imports.get("", 17))],
        ir_version=model.ir_version,
    )
    return Extract(proto, {source: given}, {result: expected})
