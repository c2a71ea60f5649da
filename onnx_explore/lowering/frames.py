"""Where a lowering stands: a stack of blocks, each with the region that its nodes are emitted into.

What was learnt of a loop (its ``Plan``) outlives the frame that it is in: when the body of a loop around is lowered once more,
the inner loop begins with the types that it ended with.

A ``Frame`` is one block that is being lowered; its parent is the block of the node that it belongs to. Frames never change
but for their position, so that going back to a node inside a block is going back to its frame.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from onnx_explore.emit.emitter import Rounds
from onnx_explore.emit.regions import Region
from onnx_explore.lowering.resolution import Resolution
from onnx_explore.lowering.types import Type
from onnx_explore.symbolic.lowered import Lowered
from onnx_explore.torch_ir import TorchBlock, TorchNode


@dataclass(slots=True)
class Plan:
    """What was learnt of a loop while its body was lowered.

    Attributes:
        types: The types of the carried values so far.
        unrolled: Whether its rounds stand one after the other; None as long as that is open.
        reason: Why.
        needs_numbers: Whether it is unrolled because its body failed with numbers that only the running model knows.
        passes: How often the body was begun since the block around it was.
        frame: The frame that the loop was in at that time.
    """

    types: list[Type] | None = None
    unrolled: bool | None = None
    reason: str = ""
    needs_numbers: bool = False
    passes: int = 0
    frame: Frame | None = None


Place = tuple[tuple[int, int], ...]
"""Where a frame stands: ids of the nodes around, outermost first, each with its branch or round."""


@dataclass(slots=True, eq=False)
class Frame:
    """A block that is being lowered.

    Attributes:
        block: The block.
        region: Where its nodes are emitted.
        arguments: What its parameters are.
        parent: The frame of the node that the block belongs to; None for the top block.
        opened: That node, with what is known of it while its blocks are lowered.
        number: Which branch it is, or which round of a loop.
        position: Index of the next node.
        rounds: The unrolled loops around it, and in which of their rounds it is.
    """

    block: TorchBlock
    region: Region
    arguments: tuple[Lowered, ...] = ()
    parent: Frame | None = None
    opened: Opened | None = None
    number: int = 0
    position: int = 0
    rounds: Rounds = ()

    @property
    def node(self) -> TorchNode | None:
        """The next node, or None at the end of the block."""
        nodes = self.block.nodes
        return nodes[self.position] if self.position < len(nodes) else None

    @property
    def place(self) -> Place:
        """Where it stands. A body that is lowered once more stands in the same place."""
        if self.opened is None or self.parent is None:
            return ()
        return (*self.parent.place, (self.opened.node.id, self.number))


class Opened(Protocol):
    """A node whose blocks are being lowered, one frame after the other."""

    node: TorchNode

    def begin(self) -> Frame | None:
        """The first frame, or None if there is none."""
        ...

    def proceed(self, frame: Frame, returns: tuple[Lowered, ...]) -> Frame | None:
        """The frame after this one, which ended with these values, or None if it was the last."""
        ...

    def complete(self) -> tuple[Resolution, tuple[Lowered, ...]]:
        """Make the node of all that its blocks gave: its outputs, and how it was done. Emits into the parent's region."""
        ...


class Again(Exception):
    """The blocks of a node have to be lowered once more, with what was learnt of it.

    Attributes:
        node: The node.
    """

    def __init__(self, node: TorchNode) -> None:
        super().__init__(node.target)
        self.node = node
