"""Lists of constants become constants; a number that was made a tensor and a number again is the number.

In: a graph as captured. Out: the same values with fewer nodes in between::

    %2 : int = prim::Constant[value=2]()             %4 : int[] = prim::Constant[value=[2, 3]]()
    %3 : int = prim::Constant[value=3]()             %7 : int   = aten::size(%x, %0)
    %4 : int[] = prim::ListConstruct(%2, %3)   ──►   %9 : Tensor = aten::view(%x, %4)
    %8 : Tensor = prim::NumToTensor(%7)
    %h : int = aten::Int(%8)

Cases:

1. ``prim::ListConstruct`` of numbers, strings, None → ``prim::Constant``; not if the list may grow later.
2. ``aten::Int``, ``Float``, ``Bool``, ``ScalarImplicit``, ``item`` … of ``prim::NumToTensor(x)`` → ``x`` of that kind.
3. The same of a constant tensor with one element → ``prim::Constant``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch

from onnx_explore.passes.torch.substitution import Substitution
from onnx_explore.recording import Recorder
from onnx_explore.torch_ir import TorchBlock, TorchGraph, TorchNode, TorchValue, walk

_LISTS = frozenset({f"{kind}[]" for kind in ("int", "float", "bool", "str", "Scalar", "number", "int?", "float?")})
_TO_NUMBER: dict[str, tuple[type, ...]] = {
    "aten::Int": (int,),
    "aten::IntImplicit": (int,),
    "aten::Float": (float,),
    "aten::FloatImplicit": (float,),
    "aten::Bool": (bool,),
    "aten::ScalarImplicit": (int, float, bool),
    "aten::item": (int, float, bool),
}
_CONVERT: dict[str, type] = {"aten::Int": int, "aten::Float": float, "aten::Bool": bool}


def fold_constants(graph: TorchGraph, _recorder: Recorder) -> TorchGraph:
    """Fold what is known without computing."""
    if not any(node.target == "prim::ListConstruct" or node.target in _TO_NUMBER for node in walk(graph.block)):
        return graph
    fold = _Fold(graph)
    block = fold.block(graph.block)
    return graph if block is graph.block else replace(graph, block=block)


def growing_lists(graph: TorchGraph) -> set[int]:
    """Ids of the values that an operator may write to: lists among them are not what they were made as.

    Where lists do grow, every list that is kept in a structure, or goes through control flow, may be one of them.
    """
    written: set[int] = set()
    kept: set[int] = set()
    lists_grow = False
    for node in walk(graph.block):
        for inner in node.blocks:
            kept.update(value.id for value in inner.returns)
        if node.blocks or node.target in ("prim::TupleConstruct", "prim::ListConstruct", "prim::DictConstruct"):
            kept.update(value.id for value in node.inputs)
        elif node.schema is not None:
            for argument, value in zip(node.schema.arguments, node.inputs, strict=False):
                if argument.written:
                    written.add(value.id)
                    lists_grow = lists_grow or value.kind.endswith("[]")
    return written | kept if lists_grow else written


class _Fold:
    def __init__(self, graph: TorchGraph) -> None:
        self._growing = growing_lists(graph)
        self._constants: dict[int, Any] = {}
        self._numbers: dict[int, TorchValue] = {}  # output of NumToTensor → number
        self._replaced = Substitution()

    def block(self, block: TorchBlock) -> TorchBlock:
        nodes: list[TorchNode] = []
        for node in block.nodes:
            after = self._node(self._replaced.node(node, self.block))
            if after is not None:
                nodes.append(after)
        return self._replaced.block(block, nodes)

    def _node(self, node: TorchNode) -> TorchNode | None:
        if node.target == "prim::Constant":
            self._constants[node.outputs[0].id] = node.constant
        elif node.target == "prim::NumToTensor":
            if node.outputs[0].id not in self._growing:
                self._numbers[node.outputs[0].id] = node.inputs[0]
        elif node.target == "prim::ListConstruct":
            return self._list(node)
        elif node.target in _TO_NUMBER and len(node.inputs) == 1:
            return self._number(node)
        return node

    def _list(self, node: TorchNode) -> TorchNode:
        output = node.outputs[0]
        known = output.kind in _LISTS and output.id not in self._growing
        if not known or not all(value.id in self._constants for value in node.inputs):
            return node
        return self._constant(node, [self._constants[value.id] for value in node.inputs])

    def _number(self, node: TorchNode) -> TorchNode | None:
        value = node.inputs[0]
        number = self._numbers.get(value.id)
        wanted = _TO_NUMBER[node.target]
        if number is not None and number.kind in {kind.__name__ for kind in wanted}:
            self._replaced.add(node.outputs[0], number)
            return None
        constant = self._constants.get(value.id)
        if isinstance(constant, torch.Tensor) and constant.numel() == 1 and value.id not in self._growing:
            constant = constant.item()
        if not isinstance(constant, bool | int | float):
            return node
        convert = _CONVERT.get(node.target)
        return self._constant(node, constant if convert is None else convert(constant))

    def _constant(self, node: TorchNode, constant: Any) -> TorchNode:
        self._constants[node.outputs[0].id] = constant
        return replace(node, target="prim::Constant", inputs=(), schema=None, constant=constant)
