"""What is exported: a model, its arguments, its dynamic axes, and how many operators it has where that is the point."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

Axes = dict[str, dict[int, str]]


@dataclass(frozen=True, slots=True)
class Subject:
    """A model that is ready to be exported."""

    model: nn.Module
    args: tuple[Any, ...]
    axes: Axes = field(default_factory=lambda: {"x": {0: "batch"}})


def resnet50() -> Subject:
    from tests.models.zoo import ResNet

    return Subject(ResNet(), (torch.randn(1, 3, 224, 224),))


def bert_base() -> Subject:
    from transformers import BertConfig, BertModel

    class Bert(nn.Module):
        """One tensor out: no exporter has to flatten a dataclass."""

        def __init__(self) -> None:
            super().__init__()
            self.bert = BertModel(BertConfig())

        def forward(self, x: Tensor, mask: Tensor) -> Tensor:
            return self.bert(x, mask).last_hidden_state

    ids = torch.randint(0, 30000, (2, 128))
    axes = {"x": {0: "batch", 1: "length"}, "mask": {0: "batch", 1: "length"}}
    return Subject(Bert(), (ids, torch.ones_like(ids)), axes)


class Chain(nn.Module):
    """Linear, Relu, Linear, Relu …

    Args:
        nodes: How many operators.
        shared: One weight for all.
        outputs: Return every intermediate value, not the last alone.
    """

    def __init__(self, nodes: int, *, shared: bool = False, outputs: bool = False) -> None:
        super().__init__()
        one = nn.Linear(16, 16)
        self.layers = nn.ModuleList(one if shared else nn.Linear(16, 16) for _ in range((nodes + 1) // 2))
        self.nodes, self.outputs = nodes, outputs

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, ...]:
        found: list[Tensor] = []
        for index in range(self.nodes):
            x = torch.relu(x) if index % 2 else self.layers[index // 2](x)
            found.append(x)
        return tuple(found) if self.outputs else x


def linear_2000() -> Subject:
    layers = (nn.Linear(64, 64) for _ in range(2000))
    return Subject(nn.Sequential(*layers), (torch.randn(2, 64),), {"input": {0: "batch"}})


def gigabyte() -> Subject:
    """1 GiB of weights in 16 layers, on sequences: the layers become MatMuls, which take transposed weights."""
    layers = (nn.Linear(4096, 4096, bias=False) for _ in range(16))
    return Subject(nn.Sequential(*layers), (torch.randn(1, 2, 4096),), {"input": {0: "batch"}})


SUBJECTS: dict[str, Callable[[], Subject]] = {
    "resnet50": resnet50,
    "bert_base": bert_base,
    "linear_2000": linear_2000,
    "gigabyte": gigabyte,
}

CHAINS: dict[str, Callable[[int], Subject]] = {
    "chain": lambda nodes: Subject(Chain(nodes), (torch.randn(2, 16),)),
    "one_weight": lambda nodes: Subject(Chain(nodes, shared=True), (torch.randn(2, 16),)),
    "many_outputs": lambda nodes: Subject(Chain(nodes, outputs=True), (torch.randn(2, 16),)),
}
