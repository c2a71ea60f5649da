"""Operators that give back the tensor that they are given, once nothing writes any more.

In: a functional graph. Out: the same without detours::

    %1 = aten::dropout(%x, %p, %false)
    %2 = aten::contiguous(%1, %0)                  %4 = aten::relu(%x)
    %3 = aten::detach(%2)                    ──►
    %4 = aten::relu(%3)

Cases:

1. Copies and aliases: ``clone``, ``detach``, ``alias``, ``contiguous``, ``lift_fresh``, ``requires_grad_`` …
2. Dropout outside training, or with probability 0.
3. ``to``, ``type_as`` to the dtype that the tensor has already; ``real``, ``conj`` of a real tensor.
4. The slice of everything, ``x[:]``.

An operator for which a user registered a symbolic function stays: that decides what becomes of it. Where ``as_strided`` looks
at memory, a copy that lies there in another order (``contiguous``) is no no-op.

A graph that still writes to tensors is left as it is: there, each of these is a copy or an alias that matters.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from onnx_explore.passes.torch.aliasing import (
    DROPOUTS,
    REAL_ONLY,
    WHOLE,
    is_complex,
    is_full_slice,
    is_idle_dropout,
    same_dtype,
)
from onnx_explore.passes.torch.substitution import Substitution
from onnx_explore.passes.torch.tracking import writes_tensor
from onnx_explore.recording import Recorder
from onnx_explore.symbolic.registry import REGISTRY
from onnx_explore.torch_ir import TorchBlock, TorchGraph, TorchNode, walk

_ALWAYS = (WHOLE - {"prim::unchecked_cast", "aten::_unwrap_optional"}) | {
    "aten::clone",
    "aten::contiguous",
    "aten::detach_",
    "aten::requires_grad_",
    "aten::detach_copy",
    "aten::alias_copy",
    "aten::lift_fresh_copy",
}
_IF_SAME_DTYPE = frozenset({"aten::to", "aten::type_as", "aten::_to_copy"})
_LOOKS_AT_MEMORY = frozenset({"aten::as_strided", "aten::as_strided_copy", "aten::as_strided_scatter"})
_CANDIDATES = _ALWAYS | _IF_SAME_DTYPE | DROPOUTS | REAL_ONLY | {"aten::slice"}


def remove_no_ops(graph: TorchGraph, _recorder: Recorder) -> TorchGraph:
    """Use the input of a no-op in the place of its output."""
    found = memory_matters = False
    for node in walk(graph.block):
        memory_matters = memory_matters or node.target in _LOOKS_AT_MEMORY
        if writes_tensor(node) and node.target not in _ALWAYS:
            return graph
        found = found or node.target in _CANDIDATES
    if not found:
        return graph
    block = _Remove(memory_matters).block(graph.block)
    return graph if block is graph.block else replace(graph, block=block)


class _Remove:
    def __init__(self, memory_matters: bool) -> None:
        self._memory_matters = memory_matters
        self._constants: dict[int, Any] = {}
        self._replaced = Substitution()

    def block(self, block: TorchBlock) -> TorchBlock:
        nodes: list[TorchNode] = []
        for node in block.nodes:
            after = self._replaced.node(node, self.block)
            if node.target == "prim::Constant":
                self._constants[node.outputs[0].id] = node.constant
            if self._is_no_op(after):
                self._replaced.add(after.outputs[0], after.inputs[0])
            else:
                nodes.append(after)
        return self._replaced.block(block, nodes)

    def _is_no_op(self, node: TorchNode) -> bool:
        target = node.target
        if target not in _CANDIDATES or len(node.outputs) != 1 or not node.inputs or not node.inputs[0].is_tensor:
            return False
        if REGISTRY.is_taken(target, node.overload):
            return False
        if self._memory_matters and node.inputs[0].strides != node.outputs[0].strides:
            return False
        if target in _ALWAYS:
            return True
        if target in DROPOUTS:
            return is_idle_dropout(node, self._constants)
        if target == "aten::slice":
            return is_full_slice(node, self._constants)
        if target in REAL_ONLY:
            return not is_complex(node.inputs[0])
        return same_dtype(node.inputs[0], node.outputs[0])
