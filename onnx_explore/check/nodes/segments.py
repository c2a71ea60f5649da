"""Parts of an ONNX graph that can be run one after the other, and with PyTorch's values in place of their own.

In: a model and the order in which its nodes are wanted. Out: models. A part in two forms::

    accumulated:  x ─ Conv ─ a ─ Relu ─ b            fed with what the part before gave
    local:        x ─ Conv ─ a'    a ─ Relu ─ b'     every node fed with PyTorch's a
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import cast

import onnx
import onnx_ir as ir
import torch

from onnx_explore.emit.regions import bodies
from onnx_explore.writing import add_initializer, serialize_around

OWN = "::onnx"
"""Ending of the names of what a node gave when it was fed with PyTorch's values."""

_LARGE = 1 << 10
"""From how many bytes on a weight is an input of the part: it is neither copied nor written. Shapes, axes and scalars stay."""

_ANY_SIZE = onnx.TensorShapeProto.Dimension()


@dataclass(frozen=True, slots=True)
class Part:
    """Some nodes of a model.

    Attributes:
        nodes: In order.
        feeds: What other parts (or the caller) must give.
        given: What this part gives: compared values, and what later parts need.
        initializers: The weights that it uses.
    """

    nodes: tuple[ir.Node, ...]
    feeds: tuple[ir.Value, ...]
    given: tuple[ir.Value, ...]
    initializers: tuple[ir.Value, ...]


@dataclass(slots=True)
class Cutting:
    """Cuts a model along positions.

    Args:
        model: The finished model; stays as it is.
        order: Torch node id → position. An ONNX node stands at the last position of what it stands for and of what it uses.
        compared: Values that a part gives whoever needs them.
        asked: Until which position a value is wanted though no ONNX node uses it.
        uses: What each node uses; made here.
    """

    model: ir.Model
    order: Mapping[int, int]
    compared: AbstractSet[ir.Value]
    asked: Mapping[ir.Value, int] = field(default_factory=dict[ir.Value, int])
    uses: dict[ir.Node, tuple[ir.Value, ...]] = field(default_factory=dict[ir.Node, tuple[ir.Value, ...]])
    _at: dict[int, list[ir.Node]] = field(default_factory=dict[int, list[ir.Node]])
    _last: dict[ir.Value, int] = field(default_factory=dict[ir.Value, int])
    _made: dict[ir.Value, int] = field(default_factory=dict[ir.Value, int])

    def __post_init__(self) -> None:
        for node in self.model.graph:
            ids = cast("tuple[int, ...]", node.meta.get("onnx_explore.torch_nodes", ()))
            position = max((self.order[number] for number in ids if number in self.order), default=-1)
            self.uses[node] = tuple(used_values(node))
            for value in self.uses[node]:
                position = max(position, self._made.get(value, -1))
            self._at.setdefault(position, []).append(node)
            for value in node.outputs:
                self._made[value] = position
        for node in self.model.graph:
            position = max((self._made[value] for value in node.outputs), default=-1)
            for value in self.uses[node]:
                self._last[value] = max(position, self._last.get(value, -1))
        for value, position in self.asked.items():
            self._last[value] = max(position, self._last.get(value, -1))

    def needed_after(self, position: int) -> Iterator[ir.Value]:
        """The values that were made up to a position and are used behind it."""
        return (
            value for value, last in self._last.items() if last > position and self._made.get(value, -1) <= position
        )

    def can_cut_after(self, position: int) -> bool:
        """Whether only tensors would be handed on there: a sequence or an optional cannot be."""
        return all(
            self._last.get(value, -1) <= position or not isinstance(value.type, ir.SequenceType | ir.OptionalType)
            for value, made in self._made.items()
            if made <= position
        )

    def copied_at(self, position: int) -> int:
        """Bytes of the weights that ONNX Runtime cannot take from where they are: views that are not contiguous."""
        nodes = self._at.get(position)
        if nodes is None:
            return 0
        weights = {
            value.const_value
            for node in nodes
            for value in self.uses[node]
            if value.is_initializer() and value.const_value is not None
        }
        return sum(
            tensor.nbytes
            for tensor in weights
            if isinstance(tensor.raw, torch.Tensor) and not tensor.raw.is_contiguous()
        )

    def part(self, first: int, last: int) -> Part | None:
        """The nodes at the positions ``first`` … ``last``; None if there are none."""
        nodes = [node for position in range(first, last + 1) for node in self._at.get(position, ())]
        if not nodes:
            return None
        initializers: dict[ir.Value, None] = {}
        feeds: dict[ir.Value, None] = {}
        own = {value for node in nodes for value in node.outputs}
        for node in nodes:
            for value in self.uses[node]:
                if value in own:
                    continue
                (initializers if value.is_initializer() else feeds)[value] = None
        given = [
            value
            for node in nodes
            for value in node.outputs
            if value in self.compared or self._last.get(value, -1) > last
        ]
        return Part(tuple(nodes), tuple(feeds), tuple(given), tuple(initializers))


def used_values(node: ir.Node) -> Iterator[ir.Value]:
    """The values that a node uses, those that its bodies take from outside included."""
    for value in node.inputs:
        if value is not None:
            yield value
    inner = list(bodies(node))
    if inner:
        made: set[ir.Value] = set()
        used: list[ir.Value] = []
        for body in inner:
            _collect(body, made, used)
        yield from (value for value in used if value not in made)


def _collect(graph: ir.Graph, made: set[ir.Value], used: list[ir.Value]) -> None:
    made.update(graph.inputs)
    made.update(graph.initializers.values())
    used.extend(graph.outputs)
    for node in graph:
        used.extend(value for value in node.inputs if value is not None)
        made.update(node.outputs)
        for body in bodies(node):
            _collect(body, made, used)


def accumulated(model: ir.Model, part: Part) -> tuple[onnx.ModelProto, dict[str, ir.TensorProtocol]]:
    """A part as a model of its own, and its large weights, which are inputs of that model."""
    view = ir.GraphView((), (), nodes=(), opset_imports=model.graph.opset_imports, name="part")
    proto = serialize_around(model, view)
    graph = proto.graph
    del graph.value_info[:]  # shapes are those of this run, not those that were inferred
    for value in part.feeds:
        _declare(graph.input.add(), value)
    weights: dict[str, ir.TensorProtocol] = {}
    for value in part.initializers:
        tensor = value.const_value
        assert tensor is not None
        if tensor.dtype == ir.DataType.STRING or tensor.dtype.bitwidth < 8 or tensor.nbytes < _LARGE:
            add_initializer(graph, value.name or "", tensor)
        else:
            weights[value.name or ""] = tensor
            place = onnx.helper.make_tensor_value_info(value.name or "", tensor.dtype.value, tensor.shape.numpy())
            graph.input.append(place)
    for value in part.given:
        _declare(graph.output.add(), value)
    for node in part.nodes:
        ir.serde.serialize_node_into(graph.node.add(), node)
    return proto, weights


def local(
    whole: onnx.ModelProto, part: Part, compared: Iterable[ir.Value], seen: Mapping[int, Mapping[ir.Value, str]]
) -> onnx.ModelProto:
    """A part in which every compared value is both: what is fed for whoever uses it, and what its node gives.

    Args:
        whole: The part as it runs.
        part: The part.
        compared: Values that have a tensor of PyTorch's.
        seen: Torch node id → values that stand for another tensor where that node uses them → name of the input for that tensor:
            what a symbolic function gave that emitted nothing is the value that it was given.
    """
    names = {value.name or "" for value in compared}
    proto = onnx.ModelProto()
    proto.CopyFrom(whole)
    given = {value.name or "" for value in part.given}
    more: dict[str, ir.Value] = {}
    for node, source in zip(proto.graph.node, part.nodes, strict=True):
        for index, name in enumerate(node.output):
            if name in names and name in given:
                node.output[index] = name + OWN
        ids = cast("tuple[int, ...]", source.meta.get("onnx_explore.torch_nodes", ()))
        renamed = {value: name for number in ids for value, name in seen.get(number, {}).items()}
        if renamed:
            _rename_inputs(node, {value.name or "": name for value, name in renamed.items()})
            used = set(used_values(source))
            more.update((name, value) for value, name in renamed.items() if value in used)
    needed = {value.name or "" for node in part.nodes for value in used_values(node)}
    outputs = list(proto.graph.output)
    for output in outputs:
        if output.name in names:
            if output.name in needed:
                feed = proto.graph.input.add()
                feed.CopyFrom(output)
            output.name += OWN
    for name, value in more.items():
        feed = proto.graph.input.add()
        _declare(feed, value)
        feed.name = name
    return proto


def _rename_inputs(node: onnx.NodeProto, names: Mapping[str, str]) -> None:
    for index, name in enumerate(node.input):
        node.input[index] = names.get(name, name)
    for attribute in node.attribute:
        if attribute.type == onnx.AttributeProto.GRAPH:
            for inner in attribute.g.node:
                _rename_inputs(inner, names)
            for output in attribute.g.output:
                output.name = names.get(output.name, output.name)


def _declare(place: onnx.ValueInfoProto, value: ir.Value) -> None:
    """A value as a part's input or output: with its type, without its sizes."""
    if not isinstance(value.type, ir.TensorType):
        ir.serde.serialize_value_into(place, ir.Value(name=value.name, type=value.type))
        return
    place.name = value.name or ""
    place.type.tensor_type.elem_type = value.type.dtype.value
    if value.shape is not None:
        # ONNX Runtime refuses an output whose rank is not as declared; sizes may differ from run to run.
        place.type.tensor_type.shape.dim.extend([_ANY_SIZE] * len(value.shape))
        place.type.tensor_type.shape.SetInParent()  # of a scalar
