"""Nodes that nothing needs.

In: a functional graph. Out: only what the outputs depend on; weights that nobody reads are gone::

    graph(%x, %y, %w = "old.weight"):
      %1 = aten::mul(%x, %w)                        graph(%x, %y):
      %2 = aten::relu(%x)                     ──►     %2 = aten::relu(%x)
       = prim::Print(%1)                              return (%2)
      return (%2)                                   (noted: %y has no effect, the print and old.weight are gone)

Liveness spreads from the outputs over a worklist, into the blocks of ``prim::If`` and ``prim::Loop``, value by value: a
carried value of a loop that only feeds itself is dead. Inputs stay, because the caller passes them.
"""

from __future__ import annotations

from dataclasses import replace

from onnx_explore.recording import Recorder
from onnx_explore.torch_ir import Parameter, TorchBlock, TorchGraph, TorchNode, TorchValue

_DROPPED_EFFECTS = frozenset(
    {
        "prim::Print",
        "prim::RaiseException",
        "aten::warn",
        "aten::_assert_async",
        "aten::_assert_scalar",
        "aten::_assert_tensor_metadata",
        "aten::_functional_assert_async",
        "aten::_functional_assert_scalar",
        "aten::_functional_sym_constrain_range",
        "aten::sym_constrain_range",
        "aten::sym_constrain_range_for_size",
        "aten::_print",
        "aten::manual_seed",
    }
)
"""What an ONNX graph cannot do; each one that goes leaves a note."""


def remove_dead_code(graph: TorchGraph, recorder: Recorder) -> TorchGraph:
    """Remove nodes, block values and parameters that no output depends on."""
    live = _Live(graph)
    sweep = _Sweep(live, recorder)
    block = sweep.block(graph.block)
    for value in graph.inputs:
        if value.id not in live.values:
            recorder.note("warning", "UnusedInput", f"input '{value.name}' has no effect on any output")
    kept: list[Parameter] = []
    for parameter in graph.parameters:
        if parameter.value.id in live.values:
            kept.append(parameter)
        elif parameter.trainable:
            recorder.note("info", "UnusedParameter", f"parameter '{parameter.name}' has no effect on any output")
    if len(kept) != len(graph.parameters):
        params = (*graph.inputs, *(parameter.value for parameter in kept))
        return TorchGraph(replace(block, params=params), tuple(kept))
    return graph if block is graph.block else replace(graph, block=block)


def live_nodes(graph: TorchGraph) -> frozenset[int]:
    """Ids of the nodes that an output depends on, or that write to something."""
    return frozenset(_Live(graph).nodes)


class _Live:
    """Which values and nodes are needed.

    Attributes:
        values: Ids of the needed values.
        nodes: Ids of the needed nodes.
    """

    def __init__(self, graph: TorchGraph) -> None:
        self.values: set[int] = set()
        self.nodes: set[int] = set()
        self._producers: dict[int, tuple[TorchNode, int]] = {}
        self._carried: dict[int, tuple[TorchNode, int]] = {}  # param of a loop's block → the loop and its index
        self._owners: dict[int, TorchNode] = {}  # node → the node whose block it is in
        self._work: list[TorchValue] = list(graph.outputs)
        self._index(graph.block, None)
        while self._work:
            value = self._work.pop()
            if value.id in self.values:
                continue
            self.values.add(value.id)
            if value.id in self._producers:
                self._need(*self._producers[value.id])
            elif value.id in self._carried:
                self._need_carried(*self._carried[value.id])

    def _index(self, block: TorchBlock, owner: TorchNode | None) -> None:
        for node in block.nodes:
            for index, value in enumerate(node.outputs):
                self._producers[value.id] = (node, index)
            if owner is not None:
                self._owners[node.id] = owner
            for inner in node.blocks:
                if node.target == "prim::Loop":
                    for index, value in enumerate(inner.params[1:]):
                        self._carried[value.id] = (node, index)
                self._index(inner, node)
            if _has_effect(node):
                self._need_node(node)

    def _need(self, node: TorchNode, index: int) -> None:
        self._need_node(node)
        if node.target == "prim::Loop":
            self._need_carried(node, index)
        elif node.target == "prim::If":
            self._work.extend(inner.returns[index] for inner in node.blocks)

    def _need_carried(self, node: TorchNode, index: int) -> None:
        self._work.extend((node.inputs[index + 2], node.blocks[0].returns[index + 1]))

    def _need_node(self, node: TorchNode) -> None:
        if node.id in self.nodes:
            return
        self.nodes.add(node.id)
        if node.target == "prim::Loop":
            self._work.extend((*node.inputs[:2], node.blocks[0].returns[0]))
        else:
            self._work.extend(node.inputs)
        owner = self._owners.get(node.id)
        if owner is not None:
            self._need_node(owner)


def _has_effect(node: TorchNode) -> bool:
    """Whether it writes to something (a list, an attribute): kept, whoever reads it."""
    if node.target in ("prim::SetAttr", "prim::CallMethod"):
        return True
    return node.schema is not None and any(
        argument.written and value.kind != "NoneType"
        for argument, value in zip(node.schema.arguments, node.inputs, strict=False)
    )


class _Sweep:
    def __init__(self, live: _Live, recorder: Recorder) -> None:
        self._live = live
        self._recorder = recorder

    def block(self, block: TorchBlock) -> TorchBlock:
        nodes: list[TorchNode] = []
        for node in block.nodes:
            if node.id in self._live.nodes:
                nodes.append(self._trim(node) if node.blocks else node)
            else:
                self._note(node)
        same = len(nodes) == len(block.nodes) and all(a is b for a, b in zip(nodes, block.nodes, strict=True))
        return block if same else replace(block, nodes=tuple(nodes))

    def _trim(self, node: TorchNode) -> TorchNode:
        """Swept blocks, and only the outputs that are needed."""
        blocks = tuple(self.block(inner) for inner in node.blocks)
        keep = [index for index, value in enumerate(node.outputs) if self._is_kept(node, index, value)]
        if len(keep) == len(node.outputs):
            same = all(after is before for after, before in zip(blocks, node.blocks, strict=True))
            return node if same else replace(node, blocks=blocks)
        outputs = tuple(node.outputs[index] for index in keep)
        if node.target == "prim::If":
            blocks = tuple(replace(inner, returns=tuple(inner.returns[index] for index in keep)) for inner in blocks)
            return replace(node, outputs=outputs, blocks=blocks)
        (body,) = blocks
        body = replace(
            body,
            params=(body.params[0], *(body.params[index + 1] for index in keep)),
            returns=(body.returns[0], *(body.returns[index + 1] for index in keep)),
        )
        inputs = (*node.inputs[:2], *(node.inputs[index + 2] for index in keep))
        return replace(node, inputs=inputs, outputs=outputs, blocks=(body,))

    def _is_kept(self, node: TorchNode, index: int, value: TorchValue) -> bool:
        if value.id in self._live.values:
            return True
        return node.target == "prim::Loop" and node.blocks[0].params[index + 1].id in self._live.values

    def _note(self, node: TorchNode) -> None:
        if node.target in _DROPPED_EFFECTS:
            self._recorder.note(
                "info",
                "SideEffectDropped",
                f"{node.target} is not in the ONNX model",
                where=node.origin.where,
                node=node.id,
            )
        for inner in node.blocks:
            for nested in inner.nodes:
                self._note(nested)
