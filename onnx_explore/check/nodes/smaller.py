"""Makes a failure smaller where no single node of the top graph shows it alone.

In: a finished export, and a predicate that says whether a piece of it shows the failure. Out: a piece that does:

1. ``inside``: a node in the body of an ``If`` or a ``Loop``, in the first round that shows it;
2. ``together``: the few nodes that differ only together, between two tensors that PyTorch has, too;
3. ``refused``: the few nodes that ``onnx.checker`` or ONNX Runtime refuses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import onnx
import onnx_ir as ir
import torch

from onnx_explore.check.nodes.extract import Extract, between, nothing
from onnx_explore.check.nodes.interpret import Interpreter, is_structural
from onnx_explore.check.nodes.segments import Part, accumulated, used_values
from onnx_explore.emit.regions import bodies
from onnx_explore.symbolic.lowered import Complex, Lowered, Quantized
from onnx_explore.torch_ir import TorchGraph, TorchNode, TorchValue, walk

Shows = Callable[[Extract], bool]
"""Whether a piece shows the failure."""

Refusal = Callable[[onnx.ModelProto], str]
"""What refuses a model says, in short; ``""`` if nothing does."""

_ROUNDS = 8
"""In how many rounds of a loop each node of its body is looked at."""

_CLOSED = 64
"""How many tensors, or nodes, are tried to be left out one by one, once a piece is found."""


def inside(
    model: ir.Model,
    graph: TorchGraph,
    lowered: Callable[[TorchValue], Lowered],
    inputs: Sequence[torch.Tensor],
    shows: Shows,
    nodes: Iterable[int],
) -> tuple[TorchNode, Extract] | None:
    """The first node in the blocks of some nodes that shows the failure alone.

    Args:
        model: The finished model.
        graph: The TorchGraph that was lowered.
        lowered: What a torch value became.
        inputs: Of the graph.
        shows: The predicate.
        nodes: Ids of nodes with blocks.

    Raises:
        UnsupportedOperatorError: If PyTorch cannot run a node on its own.
    """
    watch = _Watch(model, graph, lowered, inputs, shows, frozenset(nodes))
    for node in graph.block.nodes:
        watch.step(node)
        if watch.found is not None:
            return watch.found
    return None


class _Watch(Interpreter):
    """Runs a graph, and looks at every node in the blocks of some nodes."""

    __slots__ = ("_alive", "_graph", "_inner", "_lowered", "_model", "_nodes", "_rounds", "_shows", "found")

    def __init__(
        self,
        model: ir.Model,
        graph: TorchGraph,
        lowered: Callable[[TorchValue], Lowered],
        inputs: Sequence[torch.Tensor],
        shows: Shows,
        nodes: frozenset[int],
    ) -> None:
        super().__init__(graph, inputs)
        self._model, self._graph, self._lowered, self._shows, self._nodes = model, graph, lowered, shows, nodes
        self._inner = {
            each.id for node in walk(graph.block) if node.id in nodes for b in node.blocks for each in walk(b)
        }
        self._rounds: dict[int, int] = {}
        self._alive = _alive(model.graph)
        self.found: tuple[TorchNode, Extract] | None = None

    def _run(self, node: TorchNode) -> tuple[Any, ...]:
        outputs = super()._run(node)
        if node.id in self._inner and self.found is None and not is_structural(node):
            rounds = self._rounds[node.id] = self._rounds.get(node.id, 0) + 1
            if rounds <= _ROUNDS:
                self._look(node)
        return outputs

    def _look(self, node: TorchNode) -> None:
        known = self._known(node)
        for output in node.outputs:
            for target, expected in tensors_of(self._lowered, output, self._values[output.id]):
                if target not in self._alive:
                    continue
                given = known.get(target)
                if given is not None:
                    piece = nothing(self._model, target, given, expected)
                else:
                    piece = between(self._model, target, expected, known)
                if piece is not None and self._shows(piece):
                    self.found = node, piece
                    return

    def _known(self, node: TorchNode) -> dict[ir.Value, Any]:
        """PyTorch's values around a node, but not of what it makes; where it emits nothing, as it is fed."""
        own = {value.id for value in node.outputs}
        values = [value for block in _blocks(self._graph) for value in block]
        last = [value for value in node.inputs if value.id not in own]
        known: dict[ir.Value, Any] = {}
        for value in [item for item in values if item.id not in own] + last:
            if value.id in self._values:
                known.update(
                    (one, tensor)
                    for one, tensor in tensors_of(self._lowered, value, self._values[value.id])
                    if one in self._alive and not (value not in last and one in known)
                )
        return known


def _blocks(graph: TorchGraph) -> list[list[TorchValue]]:
    found = [list(graph.block.params)]
    for node in walk(graph.block):
        found.append(list(node.outputs))
        found.extend(list(block.params) for block in node.blocks)
    return found


def tensors_of(
    lowered: Callable[[TorchValue], Lowered], value: TorchValue, item: Any
) -> list[tuple[ir.Value, torch.Tensor]]:
    """The ONNX values that a torch value became, each with PyTorch's tensor; none for what was not lowered."""
    try:
        became = lowered(value)
    except KeyError:  # of a branch that was not taken
        return []
    several = isinstance(became, tuple) and isinstance(item, list | tuple) and len(became) == len(item)  # pyright: ignore[reportUnknownArgumentType]
    rows: list[tuple[Any, Any]] = list(zip(became, item, strict=True)) if several else [(became, item)]  # pyright: ignore[reportArgumentType]
    found: list[tuple[ir.Value, torch.Tensor]] = []
    for entry, each in rows:
        one = entry.pairs if isinstance(entry, Complex) else entry.integers if isinstance(entry, Quantized) else entry
        tensor = torch.tensor(each) if isinstance(each, bool | int | float) else each
        if isinstance(one, ir.Value) and isinstance(tensor, torch.Tensor) and not isinstance(one.type, ir.SequenceType):
            tensor = tensor.detach()
            is_pairs = isinstance(entry, Complex) and tensor.is_complex()
            found.append((one, torch.view_as_real(tensor.resolve_conj()) if is_pairs else tensor))
    return found


def _alive(graph: ir.Graph) -> set[ir.Value]:
    found = {*graph.inputs, *(value for node in graph for value in node.outputs)}
    for node in graph:
        for body in bodies(node):
            found |= _alive(body)
    return found


def together(
    model: ir.Model,
    target: ir.Value,
    expected: Any,
    given: Mapping[ir.Value, Any],
    known: Mapping[ir.Value, torch.Tensor],
    shows: Shows,
) -> Extract | None:
    """The smallest run of nodes before a value that shows the failure together.

    Args:
        model: The finished model.
        target: What differs.
        expected: PyTorch's.
        given: The inputs of the model.
        known: PyTorch's value of what stands between, in the order in which it is made.
        shows: The predicate.

    Returns:
        None if not even the whole model shows it.
    """
    before = _before(target)
    opened = [value for value in known if value in before and value is not target and value not in given]
    opened.reverse()

    def piece(closed: Iterable[ir.Value]) -> Extract | None:
        return between(model, target, expected, {**given, **{value: known[value] for value in closed}})

    def fails(count: int) -> bool:
        found = piece(opened[count:])
        return found is not None and shows(found)

    count = 0
    while not fails(count):
        if count == len(opened):
            return None
        count = min(max(1, 2 * count), len(opened))
    low = count // 2
    while low + 1 < count:  # what fails with so many opened fails with more
        middle = (low + count) // 2
        low, count = (low, middle) if fails(middle) else (middle, count)
    closed = dict.fromkeys(opened[count:])
    for value in opened[:count][:_CLOSED]:
        found = piece([*closed, value])
        if found is not None and shows(found):
            closed[value] = None
    return piece(closed)


def _before(target: ir.Value) -> set[ir.Value]:
    """What a value of the top graph depends on."""
    found: set[ir.Value] = set()
    pending = [target]
    while pending:
        node = pending.pop().producer()
        if node is None:
            continue
        for value in used_values(node):
            if value not in found:
                found.add(value)
                pending.append(value)
    return found


def refused(model: ir.Model, refusal: Refusal) -> onnx.ModelProto | None:
    """The fewest nodes that are refused as the whole model is, or None if no part of it is.

    Args:
        model: The finished model.
        refusal: What is said about a model.
    """
    nodes = list(model.graph)
    said = refusal(_cut(model, nodes))
    if not said:
        return None

    def fails(chosen: Sequence[ir.Node]) -> bool:
        return bool(chosen) and refusal(_cut(model, chosen)) == said

    low, high = 0, len(nodes)
    while low + 1 < high:  # the shortest beginning that is refused
        middle = (low + high) // 2
        low, high = (low, middle) if fails(nodes[:middle]) else (middle, high)
    first, last = 0, high
    while first + 1 < last:  # the shortest end of that
        middle = (first + last) // 2
        first, last = (middle, last) if fails(nodes[middle:high]) else (first, middle)
    chosen = nodes[first:high]
    for node in list(chosen)[:_CLOSED]:
        fewer = [each for each in chosen if each is not node]
        if fails(fewer):
            chosen = fewer
    return _cut(model, chosen)


def _cut(model: ir.Model, nodes: Sequence[ir.Node]) -> onnx.ModelProto:
    """Some nodes as a model: with the types and sizes that are known of what it is given, and weights by their type alone."""
    made = {value for node in nodes for value in node.outputs}
    taken = dict.fromkeys(value for node in nodes for value in used_values(node) if value not in made)
    inner = {value for node in nodes for value in used_values(node)}
    weights = tuple(value for value in taken if value.is_initializer())
    feeds = tuple(value for value in taken if not value.is_initializer())
    ends = set(model.graph.outputs)
    given = tuple(value for node in nodes for value in node.outputs if value in ends or value not in inner)
    used_later = {value for node in model.graph if node not in set(nodes) for value in used_values(node)}
    given += tuple(value for value in made if value in used_later and value not in given)
    part = Part(tuple(nodes), feeds, given, weights)
    proto, large = accumulated(model, part)
    shapes = {value.name: value for value in feeds}
    for item in proto.graph.input:
        known = shapes.get(item.name)
        if known is not None and known.shape is not None and item.name not in large:
            item.CopyFrom(ir.serde.serialize_value(known))
            del item.metadata_props[:]
    return proto
