"""Two captures of one model at different sizes, side by side: which node is which, and where they differ.

In: two TorchGraphs. Out: an ``Alignment``: pairs of nodes, and ``Difference``s::

    %1 = prim::Constant[value=5]()        %1 = prim::Constant[value=7]()         "constant": 5 → 7
    %2 = aten::mul(%x, %1)                %2 = aten::mul(%x, %1)
    %3 = aten::relu(%2)                                                          "only": stands in one graph alone
    %4, %5 = prim::ListUnpack(%l)         %4, %5, %6 = prim::ListUnpack(%l)      "count": 2 → 3

Nodes that no output depends on are left out: what they hold does not matter. Nodes are told apart by operator, module path and
Python stack, which are the same at any size.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, Literal

import torch

from onnx_explore.capture.scopes import plain
from onnx_explore.passes.torch.dead_code import live_nodes
from onnx_explore.torch_ir import TorchGraph, TorchNode, TorchValue, walk

_LARGEST = 4_000_000
"""Pairs of nodes that are compared to find the best alignment of a part; a larger part counts as one that differs."""

Kind = Literal["constant", "count", "wiring", "only"]


@dataclass(frozen=True, slots=True)
class Difference:
    """One place where two graphs differ.

    Attributes:
        kind: ``constant`` (the value of a constant), ``count`` (of a list's elements or a node's results), ``wiring`` (a node
            takes its input from elsewhere), ``only`` (nodes that stand in one graph alone).
        node: The node of the first graph; of the second one where nodes stand there alone.
        before: What it is in the first graph.
        after: In the second one.
        nodes: For ``only``: how many nodes.
    """

    kind: Kind
    node: TorchNode
    before: Any
    after: Any
    nodes: int = 1


@dataclass(frozen=True, slots=True)
class Alignment:
    """Two graphs, aligned.

    Attributes:
        pairs: Id of a node of the first graph → node of the second.
        differences: In the order of the first graph.
    """

    pairs: dict[int, TorchNode]
    differences: tuple[Difference, ...]


def align(first: TorchGraph, second: TorchGraph) -> Alignment:
    """Align two captures of one model."""
    left, right = _live(first), _live(second)
    pairs: list[tuple[TorchNode, TorchNode]] = []
    only: list[tuple[list[TorchNode], list[TorchNode]]] = []
    for ours, theirs, same in _matched(left, right):
        if same:
            pairs.extend(zip(ours, theirs, strict=True))
        else:
            only.append((ours, theirs))
    twins = _Twins(first, second, pairs)
    found: list[tuple[int, Difference]] = []
    for ours, theirs in only:
        node = (ours or theirs)[0]
        place = left.index(node) if ours else _place(theirs[0], right, pairs, left)
        found.append((place, Difference("only", node, len(ours), len(theirs), max(len(ours), len(theirs)))))
    order = {node.id: index for index, node in enumerate(left)}
    for ours, theirs in pairs:
        found.extend((order[ours.id], item) for item in _differences(ours, theirs, twins))
    last = left[-1] if left else None
    if last is not None and len(first.outputs) == len(second.outputs):
        found.extend(
            (len(left), Difference("wiring", twins.maker(ours) or last, ours.name, theirs.name))
            for ours, theirs in zip(first.outputs, second.outputs, strict=True)
            if not twins.same(ours, theirs)
        )
    found.sort(key=lambda item: item[0])
    return Alignment({ours.id: theirs for ours, theirs in pairs}, tuple(item for _, item in found))


def _live(graph: TorchGraph) -> list[TorchNode]:
    live = live_nodes(graph)
    return [node for node in walk(graph.block) if node.id in live]


def _token(node: TorchNode) -> tuple[str, str, str, str]:
    return node.target, node.overload, plain(node.origin.scope), node.origin.stack


def _matched(
    left: Sequence[TorchNode], right: Sequence[TorchNode]
) -> Iterator[tuple[list[TorchNode], list[TorchNode], bool]]:
    """Runs of nodes that are the same in both, and runs that are not."""
    ours, theirs = [_token(node) for node in left], [_token(node) for node in right]
    if ours == theirs:
        yield list(left), list(right), True
        return
    start = 0
    while start < min(len(ours), len(theirs)) and ours[start] == theirs[start]:
        start += 1
    end = 0
    while end < min(len(ours), len(theirs)) - start and ours[-1 - end] == theirs[-1 - end]:
        end += 1
    yield list(left[:start]), list(right[:start]), True
    inner, outer = ours[start : len(ours) - end], theirs[start : len(theirs) - end]
    if len(inner) * len(outer) > _LARGEST:
        yield list(left[start : len(ours) - end]), list(right[start : len(theirs) - end]), False
    else:
        for tag, a, b, c, d in SequenceMatcher(None, inner, outer, autojunk=False).get_opcodes():
            yield list(left[start + a : start + b]), list(right[start + c : start + d]), tag == "equal"
    if end:
        yield list(left[len(left) - end :]), list(right[len(right) - end :]), True


def _place(
    node: TorchNode, right: Sequence[TorchNode], pairs: Sequence[tuple[TorchNode, TorchNode]], left: Sequence[TorchNode]
) -> int:
    """Where in the first graph a node of the second one would stand."""
    twin = {theirs.id: ours for ours, theirs in pairs}
    for other in reversed(right[: right.index(node)]):
        if other.id in twin:
            return left.index(twin[other.id])
    return -1


class _Twins:
    """Which value of the second graph stands for one of the first."""

    def __init__(self, first: TorchGraph, second: TorchGraph, pairs: Sequence[tuple[TorchNode, TorchNode]]) -> None:
        self._twin: dict[int, int] = {}
        self._makers: dict[int, TorchNode] = {}
        self._known: set[int] = set()
        for ours, theirs in zip(first.inputs, second.inputs, strict=False):
            self._add(ours, theirs)
        by_name = {item.name: item.value for item in second.parameters}
        for item in first.parameters:
            if item.name in by_name:
                self._add(item.value, by_name[item.name])
            else:
                self._twin[item.value.id] = -1  # a weight that the second graph does not use
        self._known.update(item.value.id for item in second.parameters)
        for ours, theirs in pairs:
            for mine, other in zip(ours.outputs, theirs.outputs, strict=False):
                self._add(mine, other)
                self._makers[mine.id] = ours
            for inner, outer in zip(ours.blocks, theirs.blocks, strict=False):
                for mine, other in zip(inner.params, outer.params, strict=False):
                    self._add(mine, other)

    def _add(self, ours: TorchValue, theirs: TorchValue) -> None:
        self._twin[ours.id] = theirs.id
        self._known.add(theirs.id)

    def maker(self, value: TorchValue) -> TorchNode | None:
        """The node of the first graph that makes a value."""
        return self._makers.get(value.id)

    def same(self, ours: TorchValue, theirs: TorchValue) -> bool:
        """Whether they may be the same value. One that stands in one graph alone is told of elsewhere."""
        twin = self._twin.get(ours.id)
        return twin is None or twin == theirs.id or theirs.id not in self._known


def _differences(ours: TorchNode, theirs: TorchNode, twins: _Twins) -> Iterator[Difference]:
    if ours.target == "prim::Constant":
        if not same_constant(ours.constant, theirs.constant):
            yield Difference("constant", ours, ours.constant, theirs.constant)
        return
    if len(ours.outputs) != len(theirs.outputs):
        yield Difference("count", ours, len(ours.outputs), len(theirs.outputs))
    elif len(ours.inputs) != len(theirs.inputs):
        yield Difference("count", ours, len(ours.inputs), len(theirs.inputs))
    else:
        for mine, other in zip(ours.inputs, theirs.inputs, strict=True):
            if not twins.same(mine, other):
                yield Difference("wiring", ours, mine.name, other.name)
                return


def same_constant(ours: Any, theirs: Any) -> bool:
    """Whether two constants hold the same."""
    if isinstance(ours, torch.Tensor) and isinstance(theirs, torch.Tensor):
        if ours is theirs:
            return True
        if ours.dtype != theirs.dtype or ours.shape != theirs.shape or ours.layout != theirs.layout:
            return False
        if ours.layout != torch.strided or ours.is_quantized:
            return True
        return torch.equal(ours, theirs) or bool(((ours == theirs) | ((ours != ours) & (theirs != theirs))).all())
    if isinstance(ours, (list, tuple)) and isinstance(theirs, (list, tuple)):
        return len(ours) == len(theirs) and all(map(same_constant, ours, theirs))  # pyright: ignore[reportUnknownArgumentType]
    if isinstance(ours, float) and isinstance(theirs, float) and ours != ours and theirs != theirs:
        return True
    if isinstance(ours, (bool, int, float, str)) or ours is None:
        return type(ours) is type(theirs) and ours == theirs
    return type(ours) is type(theirs)
