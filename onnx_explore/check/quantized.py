"""Whether a model rounds to integers inside, so that its results lie on a grid and may be one step off."""

from __future__ import annotations

from onnx_explore.torch_ir import TorchGraph, TorchNode, walk

_ROUNDS = (
    "aten::quantize_",
    "aten::quantized_",
    "aten::fake_quantize_",
    "aten::_fake_quantize_",
    "aten::fused_moving_avg",
    "quantized_decomposed::fake_quant_",
    "quantized_decomposed::quantize_",
)


def is_quantized(graph: TorchGraph) -> bool:
    """Whether a model rounds to integers inside."""
    return any(rounds_to_integers(node) for node in walk(graph.block))


def rounds_to_integers(node: TorchNode) -> bool:
    """Whether a node's result lies on a grid, so that it may be one step off."""
    return node.target.startswith(("quantized::", *_ROUNDS))
