"""Branches of a scripted model whose condition is known: the branch that is taken takes the place of the ``prim::If``.

In: a graph with ``prim::If``. Out: the same without those that are decided at export::

    %c : bool = prim::Constant[value=0]()               %y : Tensor = aten::relu(%x)
    %y : Tensor = prim::If(%c)                   ──►    return (%y)
      block0(): %a = aten::relu_(%x) -> (%a)
      block1(): %b = aten::relu(%x)  -> (%b)

Module attributes (``inplace``, ``training``) are constants of a scripted model, so most of its branches are decided. What
decides: constants, comparisons and logic over constants, ``is None`` and ``isinstance`` of a value whose type says so.

An ONNX model cannot raise: of two branches, the one that always raises is never taken, whatever the condition (an ``assert`` is
such a pair of branches). Each one leaves a note.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import replace
from enum import Enum
from typing import Any

from onnx_explore.passes.torch.substitution import Substitution
from onnx_explore.recording import Recorder
from onnx_explore.torch_ir import TorchBlock, TorchGraph, TorchNode, TorchValue, walk

_UNKNOWN = object()
_PLAIN = (bool, int, float, str, type(None), Enum)
_COMPUTED: dict[str, Callable[..., Any]] = {
    "aten::__not__": operator.not_,
    "aten::__and__": operator.and_,
    "aten::__or__": operator.or_,
    "aten::eq": operator.eq,
    "aten::ne": operator.ne,
    "aten::lt": operator.lt,
    "aten::le": operator.le,
    "aten::gt": operator.gt,
    "aten::ge": operator.ge,
    "aten::Bool": bool,
}

_OPEN = ("?", "Optional", "Union", "Any", "Scalar", "number")
"""Words of types that do not tell what a value is when the model runs."""


def resolve_branches(graph: TorchGraph, recorder: Recorder) -> TorchGraph:
    """Take the branches that are decided at export."""
    if not any(node.target == "prim::If" for node in walk(graph.block)):
        return graph
    block = _Resolve(recorder).block(graph.block)
    return graph if block is graph.block else replace(graph, block=block)


class _Resolve:
    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._known: dict[int, Any] = {}
        self._replaced = Substitution()

    def block(self, block: TorchBlock) -> TorchBlock:
        """The block with its decided branches spliced in."""
        nodes: list[TorchNode] = []
        for node in block.nodes:
            self._add(nodes, node)
        return self._replaced.block(block, nodes)

    def _add(self, nodes: list[TorchNode], node: TorchNode) -> None:
        inputs = self._replaced.values(node.inputs)
        condition = self._condition(node, inputs[0]) if node.target == "prim::If" else _UNKNOWN
        if condition is _UNKNOWN:
            after = self._replaced.node(node, self.block)
            self._note(after)
            nodes.append(after)
            return
        taken = node.blocks[0 if condition else 1]
        for inner in taken.nodes:
            self._add(nodes, inner)
        for output, result in zip(node.outputs, taken.returns, strict=True):
            self._replaced.add(output, result)

    def _condition(self, node: TorchNode, condition: TorchValue) -> Any:
        """What decides a branch: the condition's value, or that the other branch raises."""
        known = self._value(condition)
        raising = [_raised(block) for block in node.blocks]
        if known is not _UNKNOWN or all(raising) or not any(raising):
            return known
        raised = raising[0] or raising[1]
        assert raised is not None
        message = self._known.get(raised.inputs[0].id) if raised.inputs else None
        what = f": {message!r:.80}" if isinstance(message, str) and message else ""
        self._recorder.note(
            "info",
            "RaiseDropped",
            f"a branch that raises{what} is left out: the ONNX model goes on as if it was not taken",
            where=raised.origin.where,
            node=node.id,
        )
        return raising[0] is None

    def _note(self, node: TorchNode) -> None:
        if node.target == "prim::Constant":
            if isinstance(node.constant, _PLAIN):
                self._known[node.outputs[0].id] = node.constant
        elif node.target in ("aten::__is__", "aten::__isnot__"):
            same = self._is_same(*node.inputs)
            if same is not None:
                self._known[node.outputs[0].id] = same if node.target == "aten::__is__" else not same
        elif node.target in _COMPUTED and not any(value.is_tensor for value in node.inputs):
            given = [self._value(value) for value in node.inputs]
            if _UNKNOWN not in given:
                self._known[node.outputs[0].id] = _COMPUTED[node.target](*given)
        elif node.target == "prim::isinstance":
            kind, types = node.inputs[0].kind, node.attributes["types"]
            if kind in types or not any(word in text for word in _OPEN for text in (kind, *types)):
                self._known[node.outputs[0].id] = kind in types
        elif node.target == "prim::unchecked_cast" and node.inputs[0].id in self._known:
            self._known[node.outputs[0].id] = self._known[node.inputs[0].id]

    def _value(self, value: TorchValue) -> Any:
        if value.kind == "NoneType":
            return None
        return self._known.get(value.id, _UNKNOWN)

    def _is_same(self, left: TorchValue, right: TorchValue) -> bool | None:
        """Whether both are None, where that is known; a value that is no optional is not None."""
        known = [self._value(value) for value in (left, right)]
        if None not in known:
            return None
        other = right if known[0] is None else left
        if self._value(other) is None:
            return True
        decided = self._value(other) is not _UNKNOWN or not ("?" in other.kind or "Optional" in other.kind)
        return False if decided else None


def _raised(block: TorchBlock) -> TorchNode | None:
    """What raises in a block that always raises; None for any other."""
    for node in block.nodes:
        if node.target == "prim::RaiseException":
            return node
        if node.target == "prim::If":
            raised = [_raised(inner) for inner in node.blocks]
            if all(raised):
                return raised[0]
    return None
