"""Module paths survive the copy that inlining a scripted function makes."""

from __future__ import annotations

import torch
from torch import nn

from onnx_explore.capture import capture


@torch.jit.script
def doubled(x: torch.Tensor) -> torch.Tensor:
    return torch.sigmoid(x * 2)


class Inner(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.tanh(doubled(torch.relu(x)))


class Outer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = Inner()
        self.second = Inner()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.exp(self.second(self.first(x)))


def test_each_node_has_the_path_of_its_module():
    graph = capture(Outer(), torch.randn(2, 3)).graph
    paths = {node.target: [] for node in graph.block.nodes}
    for node in graph.block.nodes:
        paths[node.target].append(node.origin.scope)
    assert paths["aten::relu"] == ["first", "second"]
    assert paths["aten::tanh"] == ["first", "second"]
    assert paths["aten::sigmoid"] == ["first", "second"]
    assert paths["aten::exp"] == [""]
