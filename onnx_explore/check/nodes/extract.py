"""Takes the smallest subgraph out of a model that shows what one node gives: back to the nearest tensors that PyTorch has, too.

In: a finished export and a row of a report. Out: an ONNX model of its own, PyTorch's values for its inputs, and PyTorch's
value for its output::

    x ─ Mul ─ Sigmoid ─ Mul ─ y        x: PyTorch's; y: to be compared with PyTorch's
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import onnx
import onnx_ir as ir
import torch

from onnx_explore.check.nodes.interpret import Interpreter, is_structural
from onnx_explore.check.nodes.pairs import Pair, find_pairs
from onnx_explore.check.nodes.report import NodeCheck
from onnx_explore.check.nodes.segments import Part, accumulated, used_values
from onnx_explore.errors import InvalidArgument
from onnx_explore.symbolic.lowered import Lowered
from onnx_explore.torch_ir import TorchGraph, TorchNode, TorchValue


@dataclass(frozen=True, slots=True)
class Extract:
    """A subgraph with PyTorch's values.

    Attributes:
        model: Holds the weights that it needs, and no others.
        inputs: PyTorch's, by the names of the model's inputs.
        expected: PyTorch's, by the names of its outputs.
    """

    model: onnx.ModelProto
    inputs: dict[str, torch.Tensor]
    expected: dict[str, torch.Tensor]


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
        return _nothing(model, part, chosen, values)
    proto, large = accumulated(model, part)
    for name, tensor in large.items():
        proto.graph.initializer.append(ir.serde.serialize_tensor(tensor))
        proto.graph.initializer[-1].name = name
    kept = [item for item in proto.graph.input if item.name not in large]
    del proto.graph.input[:]
    proto.graph.input.extend(kept)
    for node in proto.graph.node:  # source lines are paths of a machine
        node.doc_string = ""
        del node.metadata_props[:]
    named = {value.name or "": values[value] for value in feeds}
    return Extract(proto, named, {chosen.name: values[chosen]})


def _back(
    model: ir.Model, target: ir.Value, known: set[ir.Value]
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
    nodes = tuple(node for node in model.graph if node in wanted)
    made = {value for node in nodes for value in node.outputs}
    return nodes, tuple(value for value in feeds if value not in made), tuple(weights)


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


def _nothing(model: ir.Model, part: Part, chosen: Pair, values: dict[ir.Value | Pair, torch.Tensor]) -> Extract:
    """Of a node that emitted nothing: what it gives is what it was given."""
    (feed,) = part.feeds
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
    return Extract(proto, {source: values[feed]}, {result: values[chosen]})
