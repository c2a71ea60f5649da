"""Every write means after functionalization what it meant in PyTorch, also at a batch size that was not captured."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import pytest
import torch
from torch.utils import _pytree as pytree

from onnx_explore.capture import capture
from onnx_explore.passes.pipeline import run_torch_passes
from onnx_explore.passes.torch import TORCH_PASSES
from onnx_explore.passes.torch.tracking import writes_tensor
from onnx_explore.recording import Recorder
from onnx_explore.torch_ir import print_graph, validate, walk
from tests.passes.conftest import run_graph
from tests.passes.writing_cases import CASES


class _Model(torch.nn.Module):
    def __init__(self, function: Callable[..., object]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: torch.Tensor, z: torch.Tensor) -> object:
        return self.function(x, z)


def _inputs(batch: int) -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(batch)
    return torch.randn(batch, 6), torch.randn(batch, 6)


@pytest.mark.parametrize("function", CASES, ids=lambda function: function.__name__)
def test_write(function: Callable[..., object]) -> None:
    model = _Model(function)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        captured = capture(model, _inputs(4))
    recorder = Recorder()
    graph = captured.graph
    for name, run in TORCH_PASSES:
        graph = run_torch_passes(graph, ((name, run),), recorder)
        validate(graph)
    assert not any(writes_tensor(node) for node in walk(graph.block)), print_graph(graph)
    writes = sum(writes_tensor(node) for node in walk(captured.graph.block))
    assert len(recorder.recording.ledger) >= writes - sum(
        node.target in ("aten::detach_", "aten::resize_as_") for node in walk(captured.graph.block)
    )
    for batch in (4, 7):
        inputs = _inputs(batch)
        results = run_graph(graph, inputs)
        expected = [item for item in pytree.tree_leaves(model(*(item.clone() for item in inputs))) if item is not None]
        assert len(results) == len(expected)
        for result, wanted in zip(results, expected, strict=True):
            assert result.dtype == wanted.dtype, print_graph(graph)
            assert result.shape == wanted.shape, print_graph(graph)
            torch.testing.assert_close(result, wanted, msg=lambda text: f"{text}\n{print_graph(graph)}")
