"""Which ONNX value each tensor of the TorchGraph became.

In: the TorchGraph that was lowered, what its values became, the finished ONNX graph. Out: one ``Pair`` for each tensor that
a torch node made and that is still in the graph.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import onnx_ir as ir
import torch

from onnx_explore.symbolic.lowered import Complex, Lowered, Quantized
from onnx_explore.torch_ir import TorchGraph, TorchNode, TorchValue


@dataclass(frozen=True, slots=True)
class Pair:
    """A tensor of the TorchGraph and the ONNX value that it became.

    Attributes:
        node: What makes it in PyTorch.
        output: Which of the node's outputs.
        item: Which element, if that output is a list of tensors.
        value: In the ONNX graph.
        pairs: Whether it is complex, and the ONNX value holds real and imaginary parts.
        alias: Whether another node made that ONNX value, or it is an input: the node emitted nothing for this tensor.
    """

    node: TorchNode
    output: int
    item: int | None
    value: ir.Value
    pairs: bool = False
    alias: bool = False

    @property
    def name(self) -> str:
        """The ONNX value's name."""
        return self.value.name or ""

    def of(self, outputs: tuple[Any, ...]) -> torch.Tensor | None:
        """PyTorch's tensor among the node's outputs; a number as a 0-d tensor; None if there is none."""
        found = outputs[self.output]
        if self.item is not None:
            found = found[self.item]
        if isinstance(found, bool | int | float):
            found = torch.tensor(found)
        if not isinstance(found, torch.Tensor):
            return None
        found = found.detach()
        return torch.view_as_real(found.resolve_conj()) if self.pairs and found.is_complex() else found


def find_pairs(graph: TorchGraph, lowered: Callable[[TorchValue], Lowered], onnx: ir.Graph) -> list[Pair]:
    """All pairs, in the order of the TorchGraph.

    Args:
        graph: What was lowered.
        lowered: What a value became.
        onnx: The finished graph. Values that a pass has replaced are not in it any more, and have no pair.
    """
    alive = {value for node in onnx for value in node.outputs} | set(onnx.inputs)
    fresh = alive.difference(onnx.inputs)
    found: list[Pair] = []
    for node in graph.block.nodes:
        for output, value in enumerate(node.outputs):
            item = lowered(value)
            if isinstance(item, tuple):
                entries: list[tuple[int | None, Lowered]] = list(enumerate(item))
            else:
                entries = [(None, item)]
            for index, entry in entries:
                one = entry.pairs if isinstance(entry, Complex) else entry
                one = one.integers if isinstance(one, Quantized) else one
                if isinstance(one, ir.Value) and one in alive and not isinstance(one.type, ir.SequenceType):
                    found.append(Pair(node, output, index, one, isinstance(entry, Complex), one not in fresh))
                    fresh.discard(one)
    return found
