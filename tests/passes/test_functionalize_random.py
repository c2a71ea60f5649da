"""Random programs of views, views of views, writes and reads: after functionalization they mean what they meant."""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable

import pytest
import torch

from onnx_explore.capture import capture
from onnx_explore.passes.pipeline import run_torch_passes
from onnx_explore.passes.torch import TORCH_PASSES
from onnx_explore.passes.torch.tracking import writes_tensor
from onnx_explore.recording import Recorder
from onnx_explore.torch_ir import print_graph, validate, walk
from tests.passes.conftest import run_graph

Tensor = torch.Tensor


def _views(tensor: Tensor, rng: random.Random) -> list[Callable[[], list[Tensor]]]:
    """Ways to look at a tensor."""
    rank = tensor.dim()
    dim = rng.randrange(-rank, rank) if rank else 0
    size = tensor.shape[dim] if rank else 0
    ways: list[Callable[[], list[Tensor]]] = [
        lambda: [tensor.detach()],
        lambda: [tensor.reshape(-1)],
        lambda: [tensor.flatten()],
        lambda: [tensor.contiguous()],
        lambda: [tensor.unsqueeze(rng.randint(-rank - 1, rank))],
        lambda: [tensor.float()],
        lambda: [tensor.squeeze()],
    ]
    if rank and size:
        start = rng.randint(-size, size - 1)
        ways += [
            lambda: [tensor.select(dim, rng.randint(-size, size - 1))],
            lambda: [tensor.narrow(dim, 0, size - size // 2)],
            lambda: [tensor.slice_scatter(tensor[:1], 0, 0, 1)],
            lambda: [tensor[start:]],
            lambda: [tensor[..., :: rng.randint(1, 2)]],
            lambda: list(tensor.unbind(dim)),
            lambda: list(tensor.chunk(2, dim)),
            lambda: list(tensor.split(1, dim)),
            lambda: [tensor.squeeze(dim)],
            lambda: [tensor.expand_as(tensor)],
        ]
    if rank > 1:
        other = rng.randrange(rank)
        order = list(range(rank))
        rng.shuffle(order)
        ways += [
            lambda: [tensor.transpose(dim, other)],
            lambda: [tensor.permute(order)],
            lambda: [tensor.movedim(dim, other)],
            lambda: [tensor.diagonal(0, 0, 1)],
            lambda: [tensor.mT],
        ]
    return ways


def _writes(tensor: Tensor, others: list[Tensor], rng: random.Random) -> list[Callable[[], object]]:
    """Ways to write to a tensor; other tensors are read as numbers, so that any shape will do."""
    number = rng.choice(others).sum().clamp(-2, 2)
    ways: list[Callable[[], object]] = [
        lambda: tensor.add_(1),
        lambda: tensor.mul_(number),
        lambda: tensor.zero_(),
        lambda: tensor.fill_(rng.randint(1, 3)),
        lambda: tensor.copy_(tensor.clone() * 2 - number),
        lambda: tensor.clamp_(-2, 2),
        lambda: torch.relu_(tensor),
        lambda: tensor.masked_fill_(tensor > 1, 0.5),
        lambda: torch.add(tensor.clone(), number, out=tensor),
        lambda: tensor.copy_(number),
    ]
    if tensor.dim() and tensor.shape[0]:
        ways += [lambda: tensor.__setitem__(0, number), lambda: tensor.__setitem__(..., number)]
        ways += [lambda: tensor.__setitem__(tensor > 0, 0.25), lambda: tensor[-1].add_(number)]
    return ways


class _Program(torch.nn.Module):
    def __init__(self, seed: int) -> None:
        super().__init__()
        self.seed = seed

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        rng = random.Random(self.seed)
        live = [x * 1, x.transpose(0, 1) + 1]
        for _ in range(rng.randint(3, 12)):
            tensor = rng.choice(live)
            if tensor.numel() and rng.random() < 0.45:
                rng.choice(_writes(tensor, live, rng))()
            elif tensor.dim() < 5:
                live += rng.choice(_views(tensor, rng))()[-3:]
        return tuple(tensor * 1 for tensor in live)


@pytest.mark.parametrize("seed", range(60))
def test_random_program(seed: int) -> None:
    model = _Program(seed)
    x = torch.arange(24.0).reshape(2, 3, 4).remainder(7) - 3
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        captured = capture(model, (x.clone(),))
    graph = captured.graph
    recorder = Recorder()
    for entry in TORCH_PASSES:
        graph = run_torch_passes(graph, (entry,), recorder)
        validate(graph)
    assert not any(writes_tensor(node) for node in walk(graph.block))
    expected = model(x.clone())
    for result, wanted in zip(run_graph(graph, [x]), expected, strict=True):
        torch.testing.assert_close(result, wanted, msg=lambda text: f"{text}\n{print_graph(captured.graph)}")
