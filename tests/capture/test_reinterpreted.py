"""Calls that PyTorch's tracer records in a way of which PyTorch itself finds no schema."""

from __future__ import annotations

import pytest
import torch

from onnx_explore.capture import capture
from onnx_explore.errors import CaptureError
from onnx_explore.torch_ir import walk


def test_bits_as_another_type() -> None:
    graph = capture(lambda x: x.view(torch.int32), (torch.rand(3),)).graph
    assert [node.target for node in walk(graph.block) if node.target != "prim::Constant"] == ["aten::view_copy"]


@pytest.mark.parametrize("write_base", [True, False])
def test_writing_bits_is_refused(write_base: bool) -> None:
    def model(x: torch.Tensor) -> torch.Tensor:
        y = x * 2
        bits = y.view(torch.int32)
        (y if write_base else bits).add_(1)
        return y + bits

    with pytest.raises(CaptureError, match=r"\.view\(dtype\)") as caught:
        capture(model, (torch.rand(3),))
    assert "test_reinterpreted.py" in str(caught.value)


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_writing_other_tensors_without_memory_is_not_refused(device: str) -> None:
    """Tensors without elements, and those of a device without memory, all have one address."""

    def model(x: torch.Tensor) -> torch.Tensor:
        bits = (x * 2).view(torch.int32)
        y = x * 3
        y.add_(1)
        return y + bits

    assert capture(model, (torch.rand(0, device=device),)).graph.block.nodes


def test_fill_is_recorded_as_a_write_to_a_copy() -> None:
    graph = capture(lambda x: torch.fill(x, 2.5), (torch.rand(3),)).graph
    targets = [node.target for node in walk(graph.block) if node.target != "prim::Constant"]
    assert targets == ["aten::clone", "aten::fill_"]
