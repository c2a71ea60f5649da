"""One module's inside as a graph: its own operators, and its submodules as one node each.

In: an exploration and a module path. Out: the message ``GraphScope`` with its buffers. A module that holds nothing but one
submodule is passed through. The blocks of an ``If`` or ``Loop`` stand in it like submodules: ``encoder.If_3.then``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from onnx_explore.explore import protocol, text
from onnx_explore.explore.exploration import Exploration
from onnx_explore.explore.links import Origins
from onnx_explore.explore.operator_rows import OnnxOperators, Operator, TorchOperators

Interface = Mapping[object, tuple[str, str]]
"""Value → name and type."""


@dataclass(slots=True)
class Scope:
    """The nodes and edges of one module, while they are collected, in columns."""

    scope: str
    classes: Mapping[str, str]
    expanded: bool = False
    index: dict[tuple[protocol.NodeKind, str], int] = field(default_factory=dict[tuple[protocol.NodeKind, str], int])
    titles: list[str] = field(default_factory=list[str])
    subtitles: list[str] = field(default_factory=list[str])
    sizes: list[int] = field(default_factory=list[int])
    threads: list[list[int]] = field(default_factory=list[list[int]])
    colors: list[int] = field(default_factory=list[int])
    steps: list[int] = field(default_factory=list[int])
    first: dict[int, Operator] = field(default_factory=dict[int, Operator])
    edges: dict[tuple[int, int], str] = field(default_factory=dict[tuple[int, int], str])

    def node(self, kind: protocol.NodeKind, key: str, title: str, subtitle: str = "") -> int:
        """The number of a node, made if there is none."""
        found = self.index.get((kind, key))
        if found is None:
            found = self.index[kind, key] = len(self.titles)
            self.titles.append(title)
            self.subtitles.append(subtitle)
            self.sizes.append(0)
            self.threads.append([])
            self.colors.append(-1)
            self.steps.append(0)
        return found

    def place(self, where: str, key: str, title: str, subtitle: str) -> int:
        """The graph node that an operator belongs to here: itself, a submodule, or none (-1)."""
        prefix = f"{self.scope}." if self.scope else ""
        if where == self.scope or (self.expanded and where.startswith(prefix)):
            return self.node("operator", key, title, subtitle)
        if not where.startswith(prefix):
            return -1
        child = where[len(prefix) :].split(".", 1)[0]
        path = f"{prefix}{child}"
        return self.node("module", path, child, self.classes.get(path.split("#")[0], ""))

    def count(self, number: int, item: Operator, color: int) -> None:
        """One operator more belongs to a node."""
        thread, step = item.thread, item.step
        self.sizes[number] += 1
        self.first.setdefault(number, item)
        self.threads[number].extend(thread)
        if self.sizes[number] == 1:
            self.colors[number], self.steps[number] = color, step
        else:
            self.colors[number] = -1
            self.steps[number] = max(self.steps[number], step)

    def edge(self, source: int, target: int, label: str) -> None:
        """A value that flows."""
        if source != target and source >= 0 and target >= 0:
            self.edges.setdefault((source, target), label)

    def unwrap(self) -> None:
        """A module with one operator is shown as that operator, in its name."""
        keys = list(self.index)
        for number, item in self.first.items():
            kind, path = keys[number]
            if kind == "module" and self.sizes[number] == 1:
                keys[number] = ("operator", item.key)
                self.titles[number] = f"{path.rsplit('.', 1)[-1]}: {item.title}"
                self.subtitles[number] = item.subtitle
        self.index = {key: number for number, key in enumerate(keys)}

    @property
    def only_module(self) -> str:
        """Path of the one module that is all there is here, or ``""``."""
        inside = [key for key in self.index if key[0] in ("module", "operator")]
        return inside[0][1] if len(inside) == 1 and inside[0][0] == "module" else ""


class Scopes:
    """The modules of one graph; what they have in common is looked up once."""

    def __init__(self, ex: Exploration, origins: Origins, stage: protocol.Stage) -> None:
        self.stage: protocol.Stage = stage
        self._classes = dict(ex.modules)
        collect = TorchOperators if stage == "torch" else OnnxOperators
        self._operators = collect(ex, origins, self._classes).rows
        self._inputs, self._outputs = _interface(ex, stage)
        self._color = origins.color

    def expanded(self, path: str) -> Scope:
        """Every operator inside a module, however deep."""
        return _collect(Scope(path, self._classes, True), self._operators, self._inputs, self._outputs, self._color)

    def at(self, path: str) -> Scope:
        """What is inside a module; of one that holds nothing but another module: that one."""
        while True:
            found = _collect(Scope(path, self._classes), self._operators, self._inputs, self._outputs, self._color)
            if not found.only_module:
                found.unwrap()
                return found
            path = found.only_module


def _collect(
    scope: Scope,
    operators: Sequence[Operator],
    inputs: Interface,
    outputs: Interface,
    color: Callable[[Sequence[int]], int],
) -> Scope:
    home: dict[object, int] = {}
    if not scope.scope:
        for value, (name, label) in inputs.items():
            home[value] = scope.node("input", name, name, label)
    inside: set[object] = set()
    for item in operators:
        number = scope.place(item.where, item.key, item.title, item.subtitle)
        if number >= 0:
            scope.count(number, item, color(item.thread))
        for value, name, label in item.inputs:
            source = home.get(value, -1)
            if number >= 0 and source < 0:
                source = home[value] = scope.node("input", name, name, label)
            if number >= 0:
                scope.edge(source, number, label)
            elif value in inside:
                scope.edge(source, scope.node("output", name, name, label), label)
        for value in item.outputs:
            if number >= 0:
                home[value] = number
                inside.add(value)
    for value, (name, label) in outputs.items():
        if value in inside or (not scope.scope and value in home):
            scope.edge(home[value], scope.node("output", name, name, label), label)
    return scope


def _interface(ex: Exploration, stage: protocol.Stage) -> tuple[Interface, Interface]:
    """Inputs and outputs of the whole graph: value → name and type."""
    if stage == "onnx":
        graph = ex.onnx_graph
        inputs = [value for value in graph.inputs if not value.is_initializer()]
        return (
            {value: (value.name or "", text.value_text(value)) for value in inputs},
            {value: (value.name or "", text.value_text(value)) for value in graph.outputs},
        )
    pairs = zip(ex.torch_graph.inputs, ex.captured.inputs, strict=True)
    given: Interface = {value.id: (item.name, text.torch_value_text(value)) for value, item in pairs}
    pairs = zip(ex.torch_graph.outputs, ex.captured.outputs, strict=True)
    returned: Interface = {value.id: (item.name, text.torch_value_text(value)) for value, item in pairs}
    return given, returned
