"""The operators of either graph as rows: where each stands, what flows in and out. Blocks stand like modules.

In: an exploration. Out: ``Operator`` rows. A node in the ``then`` branch of an ``If`` of module ``encoder`` stands at
``encoder.If_3.then``; the ``If`` itself at ``encoder.If_3``, and what its branches return flows into it. What a loop carries
comes out of a row of its own, ``Loop_5.body``'s first.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass

import onnx_ir as ir

from onnx_explore.emit.emitter import SCOPE
from onnx_explore.explore import text
from onnx_explore.explore.exploration import Exploration
from onnx_explore.explore.graphs import Spelling
from onnx_explore.explore.links import Origins
from onnx_explore.torch_ir import TorchBlock, TorchNode, TorchValue

Flow = list[tuple[object, str, str]]
"""Values with their names and types."""

_BLOCKS = {"prim::If": ("then", "else"), "prim::Loop": ("body",)}


@dataclass(frozen=True, slots=True)
class Operator:
    """One operator of either graph, in what the two have in common."""

    where: str
    key: str
    title: str
    subtitle: str
    thread: Sequence[int]
    step: int
    inputs: Sequence[tuple[object, str, str]]
    outputs: Sequence[object]


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a block stands: the module that it belongs to, and its own path."""

    module: str = ""
    path: str = ""

    def of(self, scope: str) -> str:
        """Where a node of a module stands, if it is in this block."""
        if not self.path:
            return scope
        if scope == self.module:
            return self.path
        inside = scope.removeprefix(f"{self.module}.") if self.module else scope
        return f"{self.path}.{inside}" if inside else self.path

    def block(self, scope: str, label: str, name: str) -> _Place:
        """The place of a block of a node of this one."""
        return _Place(scope, f"{self.beside(scope, label)}.{name}")

    def beside(self, scope: str, label: str) -> str:
        """The path under which a node with blocks stands with them."""
        where = self.of(scope)
        return f"{where}.{label}" if where else label


class OnnxOperators:
    """The ONNX graph's.

    Args:
        ex: The exploration.
        origins: Who made what.
        classes: Module path → class name; blocks are added.

    Attributes:
        rows: In order.
    """

    def __init__(self, ex: Exploration, origins: Origins, classes: MutableMapping[str, str]) -> None:
        self.rows: list[Operator] = []
        self._origins = origins
        self._classes = classes
        self._steps: Mapping[str, int] = {
            name: origins.steps[number]
            for number, event in origins.outcomes.items()
            for name in getattr(event, "emitted", ())
        }
        self._add(ex.onnx_graph, _Place())

    def _add(self, graph: ir.Graph, place: _Place) -> None:
        for node in graph:
            bodies = [item for item in node.attributes.values() if item.type == ir.AttributeType.GRAPH]
            scope, name = str(node.meta.get(SCOPE, "")), node.name or ""
            inputs = [_flow(value) for value in node.inputs if value is not None and not value.is_initializer()]
            thread, step = self._origins.of_onnx(node), self._steps.get(name, 0)
            where = place.of(scope)
            if bodies:
                label = name.rsplit("/", 1)[-1].replace(".", "_")
                where = place.beside(scope, label)
                self._classes[where] = node.op_type
                for item in bodies:
                    body = item.as_graph()
                    inner = place.block(scope, label, item.name.removesuffix("_branch"))
                    if body.inputs:
                        self.rows.append(
                            Operator(inner.path, f"{name}:in", "carried", "", thread, step, inputs, tuple(body.inputs))
                        )
                    self._add(body, inner)
                    inputs = [*inputs, *map(_flow, body.outputs)]
            shape = text.shape_text(node.outputs[0].shape) if node.outputs else ""
            self.rows.append(Operator(where, name, node.op_type, shape, thread, step, inputs, node.outputs))


def _flow(value: ir.Value) -> tuple[object, str, str]:
    return value, value.name or "", text.value_text(value)


class TorchOperators:
    """The TorchGraph's; arguments as for ``OnnxOperators``."""

    def __init__(self, ex: Exploration, origins: Origins, classes: MutableMapping[str, str]) -> None:
        self.rows: list[Operator] = []
        self._origins = origins
        self._classes = classes
        self._spelling = Spelling(ex.torch_graph, ex.captured)
        self._weights = {parameter.value.id for parameter in ex.torch_graph.parameters}
        self._behind: dict[int, Flow] = {}
        self._add(ex.torch_graph.block, _Place())

    def _add(self, block: TorchBlock, place: _Place) -> None:
        for node in block.nodes:
            inputs = self._flow(node.inputs)
            if node.id in self._spelling.written:
                self._behind |= {value.id: inputs for value in node.outputs}
                continue
            where = place.of(node.origin.scope)
            if node.target in _BLOCKS and node.blocks:
                where, inputs = self._blocks(node, inputs, place)
            self.rows.append(self._row(node, where, str(node.id), _title(node), inputs, node.outputs))

    def _blocks(self, node: TorchNode, inputs: Flow, place: _Place) -> tuple[str, Flow]:
        """The rows of a node's blocks; where it stands with them, and what flows into it."""
        scope, label = node.origin.scope, f"{_title(node)}_{node.id}"
        where = place.beside(scope, label)
        self._classes[where] = node.target
        for name, inner in zip(_BLOCKS[node.target], node.blocks, strict=False):
            here = place.block(scope, label, name)
            if inner.params:
                self.rows.append(self._row(node, here.path, f"{node.id}:in", "carried", inputs, inner.params))
            self._add(inner, here)
            inputs = [*inputs, *self._flow(inner.returns)]
        return where, inputs

    def _flow(self, values: Sequence[TorchValue]) -> Flow:
        found: Flow = []
        for value in values:
            if value.id in self._behind:  # a list that stands where it is used: what is in it flows in
                found += self._behind[value.id]
            elif value.id not in self._weights:
                found.append((value.id, self._spelling.of(value), text.torch_value_text(value)))
        return found

    def _row(
        self, node: TorchNode, where: str, key: str, title: str, inputs: Flow, outputs: Sequence[TorchValue]
    ) -> Operator:
        subtitle = text.torch_value_text(outputs[0]) if outputs else ""
        step = self._origins.steps.get(node.id, 0)
        ids = [value.id for value in outputs]
        return Operator(where, key, title, subtitle, self._origins.of(node), step, inputs, ids)


def _title(node: TorchNode) -> str:
    return (
        node.target.removeprefix("aten::").removeprefix("prim::") if node.blocks else node.target.removeprefix("aten::")
    )
