"""Putting other values in the place of some, in one walk: what the passes that only remove nodes have in common.

In: pairs old → new. Out: nodes and blocks that use the new ones; the very same objects where nothing changed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from onnx_explore.torch_ir import TorchBlock, TorchNode, TorchValue


class Substitution:
    """Values that stand for other values."""

    __slots__ = ("_map",)

    def __init__(self) -> None:
        self._map: dict[int, TorchValue] = {}

    def add(self, old: TorchValue, new: TorchValue) -> None:
        """From here on ``new`` stands for ``old``; ``new`` itself may have been replaced before."""
        self._map[old.id] = self._map.get(new.id, new)

    def values(self, values: tuple[TorchValue, ...]) -> tuple[TorchValue, ...]:
        """The values that stand for these; the very same tuple if these do."""
        mapping = self._map
        if not mapping:
            return values
        for value in values:
            if value.id in mapping:
                return tuple(mapping.get(value.id, value) for value in values)
        return values

    def node(self, node: TorchNode, recurse: Callable[[TorchBlock], TorchBlock]) -> TorchNode:
        """The node over the new values, its blocks through ``recurse``."""
        inputs = self.values(node.inputs)
        if node.blocks:
            blocks = tuple(recurse(block) for block in node.blocks)
            if any(after is not before for after, before in zip(blocks, node.blocks, strict=True)):
                return replace(node, inputs=inputs, blocks=blocks)
        return node if inputs is node.inputs else replace(node, inputs=inputs)

    def block(self, block: TorchBlock, nodes: Sequence[TorchNode]) -> TorchBlock:
        """The block with other nodes; the very same if they are its own."""
        returns = self.values(block.returns)
        same = len(nodes) == len(block.nodes) and all(
            after is before for after, before in zip(nodes, block.nodes, strict=True)
        )
        return block if same and returns is block.returns else TorchBlock(block.params, tuple(nodes), returns)
