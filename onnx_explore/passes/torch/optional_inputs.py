"""Inputs of a scripted model that may be None when the ONNX model runs.

In: a graph that was captured with tensors. Out: the chosen inputs are optionals, as TorchScript declares them, so that no branch
on ``mask is None`` is decided at export::

    graph(%mask : Tensor)        ──►    graph(%mask : Tensor?)
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace

from onnx_explore.passes.torch.substitution import Substitution
from onnx_explore.recording import Recorder
from onnx_explore.torch_ir import TorchBlock, TorchGraph


def optional_inputs(chosen: Collection[int]) -> Callable[[TorchGraph, Recorder], TorchGraph]:
    """The pass.

    Args:
        chosen: Ids of the block parameters.
    """

    def run(graph: TorchGraph, _recorder: Recorder) -> TorchGraph:
        replaced = Substitution()
        params = tuple(
            replace(value, kind=f"{value.kind}?") if value.id in chosen else value for value in graph.block.params
        )
        for old, new in zip(graph.block.params, params, strict=True):
            if new is not old:
                replaced.add(old, new)

        def within(block: TorchBlock) -> TorchBlock:
            return replaced.block(block, [replaced.node(node, within) for node in block.nodes])

        return replace(graph, block=replace(within(graph.block), params=params))

    return run
