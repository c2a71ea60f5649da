"""Lists of tensors that are unpacked: into how many values, and how many of them the model needs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from onnx_explore.torch_ir import TorchBlock, TorchNode, TorchValue


@dataclass(frozen=True, slots=True)
class Pieces:
    """What becomes of a list.

    Attributes:
        count: Into how many values it is unpacked.
        needed: How many of them, counted from the first one, there must be for those that are used.
    """

    count: int
    needed: int


def unpacked_lists(nodes: Iterable[TorchNode], block: TorchBlock) -> dict[int, Pieces]:
    """The lists that ``prim::ListUnpack`` takes apart, by value id.

    Args:
        nodes: All nodes, those of inner blocks too.
        block: The outermost block.
    """
    nodes = tuple(nodes)
    unpacks = [node for node in nodes if node.target == "prim::ListUnpack"]
    if not unpacks:
        return {}
    used = {value.id for value in block.returns}
    for node in nodes:
        used.update([value.id for value in node.inputs])
        for inner in node.blocks:
            used.update([value.id for value in inner.returns])
    return {node.inputs[0].id: Pieces(len(node.outputs), _last_used(node.outputs, used) + 1) for node in unpacks}


def _last_used(values: tuple[TorchValue, ...], used: set[int]) -> int:
    return max((index for index, value in enumerate(values) if value.id in used), default=-1)
