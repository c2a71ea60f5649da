"""The invariants of a TorchGraph, checked in one linear walk.

In: a TorchGraph, from the capture or from a pass. Out: nothing, or an ``InvalidGraph`` that names the node.

Every node and every value has an id of its own; a value is defined before it is used, in its own or an enclosing block,
and used as the very object that was defined; the parameters are the last of the block's params; the blocks of
``prim::If`` and ``prim::Loop`` take and return what TorchScript prescribes.
"""

from __future__ import annotations

from onnx_explore.errors import InvalidGraph
from onnx_explore.torch_ir.graph import TorchBlock, TorchGraph, TorchNode, TorchValue


def validate(graph: TorchGraph) -> None:
    """Check the invariants.

    Raises:
        InvalidGraph: If one is broken.
    """
    count = len(graph.parameters)
    tail = graph.block.params[len(graph.block.params) - count :] if count <= len(graph.block.params) else ()
    if len(tail) != count or any(
        parameter.value is not value for parameter, value in zip(graph.parameters, tail, strict=True)
    ):
        raise InvalidGraph("the parameters are not the last params of the top block")
    _Walk().block(graph.block)


class _Walk:
    def __init__(self) -> None:
        self._nodes: set[int] = set()
        self._seen: set[int] = set()
        self._visible: dict[int, TorchValue] = {}

    def block(self, block: TorchBlock) -> None:
        added: list[int] = []
        for value in block.params:
            self._define(value, None)
            added.append(value.id)
        for node in block.nodes:
            if node.id in self._nodes:
                raise _broken(node, f"the node id {node.id} is used twice")
            self._nodes.add(node.id)
            for value in node.inputs:
                self._use(value, node)
            _check_form(node)
            for inner in node.blocks:
                self.block(inner)
            for value in node.outputs:
                self._define(value, node)
                added.append(value.id)
        for value in block.returns:
            self._use(value, None)
        for number in added:
            del self._visible[number]

    def _define(self, value: TorchValue, node: TorchNode | None) -> None:
        if value.id in self._seen:
            raise _broken(node, f"the value %{value.name} (id {value.id}) is defined twice")
        self._seen.add(value.id)
        self._visible[value.id] = value

    def _use(self, value: TorchValue, node: TorchNode | None) -> None:
        found = self._visible.get(value.id)
        if found is value:
            return
        if found is not None:
            raise _broken(node, f"%{value.name} has the id {value.id} of another value, %{found.name}")
        raise _broken(node, f"%{value.name} is used and not defined before, or in a block that is not around")


def _check_form(node: TorchNode) -> None:
    if node.target == "prim::Constant":
        if node.inputs or len(node.outputs) != 1:
            raise _broken(node, "a constant has no inputs and one output")
    elif node.target == "prim::If":
        if len(node.blocks) != 2 or len(node.inputs) != 1:
            raise _broken(node, "it has one condition and two blocks")
        for inner in node.blocks:
            if inner.params or len(inner.returns) != len(node.outputs):
                raise _broken(node, "each block takes nothing and returns one value per output")
    elif node.target == "prim::Loop":
        carried = len(node.outputs)
        if len(node.blocks) != 1 or len(node.inputs) != carried + 2:
            raise _broken(node, "it has a trip count, a condition, one initial value per output, and one block")
        (body,) = node.blocks
        if len(body.params) != carried + 1 or len(body.returns) != carried + 1:
            raise _broken(node, "its block takes the iteration and returns the condition beside the carried values")


def _broken(node: TorchNode | None, message: str) -> InvalidGraph:
    if node is None:
        return InvalidGraph(message)
    return InvalidGraph(f"node {node.id}: {message}", target=node.target, where=node.origin.where)
