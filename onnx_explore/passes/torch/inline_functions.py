"""``torch.autograd.Function``: what its forward did takes the place of its call.

In: a graph whose ``prim::PythonOp`` nodes hold what the forward recorded. Out: those that nothing can lower are replaced::

    %3 = ^Swish(%1)
      {%4 → %5 = aten::sigmoid(%4)                 %5 = aten::sigmoid(%1)
            %6 = aten::mul(%4, %5) → %6}    ──►    %6 = aten::mul(%1, %5)
    return (%3)                                    return (%6)

Cases:

1. A function with a static ``symbolic``, or one for which a symbolic function for ``prim::PythonOp`` is registered: it stays,
   without what its forward recorded.
2. Several results come as one tuple.
3. A tensor that is returned twice is recorded once: which of the results is which is clear only if it is all of them; else
   the node stays, and nothing can lower it.
4. A function inside the forward of another one: the same, from the inside out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from onnx_explore.passes.torch.substitution import Substitution
from onnx_explore.recording import Recorder
from onnx_explore.torch_ir import Fresh, TorchBlock, TorchGraph, TorchNode, TorchValue, walk

PYTHON_OP = "prim::PythonOp"


def inline_functions(keeps: Callable[[TorchNode], bool]) -> Callable[[TorchGraph, Recorder], TorchGraph]:
    """The pass.

    Args:
        keeps: Whether the node of a function is to stay.
    """

    def run(graph: TorchGraph, _recorder: Recorder) -> TorchGraph:
        if not any(node.target == PYTHON_OP for node in walk(graph.block)):
            return graph
        block = _Inline(graph, keeps).block(graph.block)
        return graph if block is graph.block else replace(graph, block=block)

    return run


class _Inline:
    def __init__(self, graph: TorchGraph, keeps: Callable[[TorchNode], bool]) -> None:
        self._keeps = keeps
        self._fresh = Fresh(graph)
        self._replaced = Substitution()

    def block(self, block: TorchBlock) -> TorchBlock:
        nodes = self._nodes(block)
        return self._replaced.block(block, nodes)

    def _nodes(self, block: TorchBlock) -> list[TorchNode]:
        nodes: list[TorchNode] = []
        for node in block.nodes:
            if node.target == PYTHON_OP and node.blocks and not self._keeps(node) and self._inline(node, nodes):
                continue
            kept = replace(node, blocks=()) if node.target == PYTHON_OP and node.blocks else node
            nodes.append(self._replaced.node(kept, self.block))
        return nodes

    def _inline(self, node: TorchNode, nodes: list[TorchNode]) -> bool:
        (body,) = node.blocks
        arity = _arity(node.outputs[0]) if len(node.outputs) == 1 else None
        count = arity if arity is not None else len(node.outputs)
        if len(body.returns) not in (1, count):
            return False
        for param, given in zip(body.params, self._replaced.values(node.inputs), strict=True):
            self._replaced.add(param, given)
        nodes.extend(self._nodes(body))
        returns = self._replaced.values(body.returns)
        if len(returns) == 1:
            returns = returns * count
        if arity is not None:
            packed = node.outputs[0]
            nodes.append(
                TorchNode(
                    self._fresh.node_id(),
                    "prim::TupleConstruct",
                    returns,
                    (packed,),
                    origin=node.origin,
                    derived_from=node.derived_from or (node.id,),
                )
            )
            return True
        for output, value in zip(node.outputs, returns, strict=True):
            self._replaced.add(output, value)
        return True


def _arity(value: TorchValue) -> int | None:
    """The number of members, if the value is a tuple."""
    if not value.kind.startswith("("):
        return None
    depth, count = 0, 1
    for character in value.kind:
        depth += (character in "([") - (character in ")]")
        count += character == "," and depth == 1
    return count
