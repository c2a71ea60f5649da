"""Tuples and lists that are made and taken apart again.

In: a graph that wraps and unwraps values. Out: the values themselves; outputs are tensors, not structures::

    %t : (Tensor, Tensor) = prim::TupleConstruct(%a, %b)
    %c, %d = prim::TupleUnpack(%t)                           %e = aten::add(%a, %b, %1)
    %e = aten::add(%c, %d, %1)                        ──►    return (%e, %a, %b)
    %r : (Tensor, (Tensor, Tensor)) = prim::TupleConstruct(%e, %t)
    return (%r)

Cases:

1. ``prim::TupleUnpack``, ``prim::TupleIndex``, ``prim::ListUnpack``, ``aten::__getitem__`` of what was constructed
   here. Named tuples are tuples. Lists that may grow in between are left alone.
2. A list made of all elements that another one was unpacked into, in order, is that list, if a branch or loop gave it: so a
   trace hands a list from one scripted function to the next.
3. Outputs that are tuples, lists or dicts constructed here are flattened in order, nested ones too.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from onnx_explore.passes.torch.constants import growing_lists
from onnx_explore.passes.torch.list_writes import CHANGES
from onnx_explore.passes.torch.substitution import Substitution
from onnx_explore.recording import Recorder
from onnx_explore.torch_ir import TorchBlock, TorchGraph, TorchNode, TorchValue, walk

_TUPLES = frozenset({"prim::TupleConstruct", "prim::NamedTupleConstruct"})
_UNPACKS = frozenset({"prim::TupleUnpack", "prim::ListUnpack"})
_ITEMS = frozenset({"prim::TupleIndex", "aten::__getitem__"})


def cancel_tuples(graph: TorchGraph, _recorder: Recorder) -> TorchGraph:
    """Cancel constructions against what takes them apart, and flatten the outputs."""
    takes_apart = any(node.target in _UNPACKS or node.target in _ITEMS for node in walk(graph.block))
    if not takes_apart and all(value.is_tensor for value in graph.outputs):
        return graph
    run = _Cancel(graph)
    block = run.block(graph.block)
    returns = tuple(leaf for value in block.returns for leaf in run.leaves(value))
    if returns != block.returns:
        block = replace(block, returns=returns)
    return graph if block is graph.block else replace(graph, block=block)


class _Cancel:
    def __init__(self, graph: TorchGraph) -> None:
        self._growing = growing_lists(graph)
        self._made: dict[int, tuple[TorchValue, ...]] = {}
        self._open: set[int] = set()  # lists whose length may only be known when the model runs
        self._unpacked: dict[tuple[int, ...], TorchValue] = {}
        self._dicts: dict[int, tuple[TorchValue, ...]] = {}
        self._constants: dict[int, Any] = {}
        self._replaced = Substitution()

    def leaves(self, value: TorchValue) -> list[TorchValue]:
        """The values in a structure, in order; the value itself if it is none that was constructed here."""
        parts = self._made.get(value.id) or self._dicts.get(value.id)
        return [value] if parts is None else [leaf for part in parts for leaf in self.leaves(part)]

    def block(self, block: TorchBlock) -> TorchBlock:
        nodes: list[TorchNode] = []
        for node in block.nodes:
            after = self._replaced.node(node, self.block)
            if not self._cancelled(after):
                nodes.append(after)
        return self._replaced.block(block, nodes)

    def _cancelled(self, node: TorchNode) -> bool:
        if node.blocks or node.target in CHANGES:
            self._open.update(value.id for value in node.outputs)
        if node.target == "prim::Constant":
            self._constants[node.outputs[0].id] = node.constant
        elif node.target in _TUPLES:
            self._made[node.outputs[0].id] = node.inputs
        elif node.target == "prim::ListConstruct":
            whole = self._unpacked.get(tuple(value.id for value in node.inputs))
            written = any(value.id in self._growing for value in node.inputs)
            if whole is not None and whole.kind == node.outputs[0].kind and not written:
                self._replaced.add(node.outputs[0], whole)
                return True
            if node.outputs[0].id not in self._growing:
                self._made[node.outputs[0].id] = node.inputs
        elif node.target == "prim::DictConstruct":
            self._dicts[node.outputs[0].id] = node.inputs[1::2]
        elif node.target in _UNPACKS:
            if node.target == "prim::ListUnpack" and node.inputs[0].id in self._open:
                self._unpacked[tuple(value.id for value in node.outputs)] = node.inputs[0]
            return self._replace(node, self._made.get(node.inputs[0].id))
        elif node.target in _ITEMS and len(node.inputs) == 2:
            parts = self._made.get(node.inputs[0].id)
            index = self._constants.get(node.inputs[1].id)
            if parts is not None and isinstance(index, int) and -len(parts) <= index < len(parts):
                return self._replace(node, (parts[index],))
        return False

    def _replace(self, node: TorchNode, parts: tuple[TorchValue, ...] | None) -> bool:
        if parts is None or len(parts) != len(node.outputs):
            return False
        for output, part in zip(node.outputs, parts, strict=True):
            self._replaced.add(output, part)
        return True
