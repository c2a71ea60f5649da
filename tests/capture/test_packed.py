"""Packed weights of quantized modules become weights with names, and the model stays as it was."""

from __future__ import annotations

import pytest
import torch
import torch.ao.nn.quantized as nnq
import torch.ao.nn.quantized.dynamic as nnqd

from onnx_explore.capture import capture, check_replay
from onnx_explore.torch_ir import walk

pytestmark = pytest.mark.filterwarnings("ignore")


def names(model: torch.nn.Module, *args: torch.Tensor) -> dict[str, torch.dtype]:
    captured = capture(model, args)
    check_replay(captured)
    return {item.name: item.tensor.dtype for item in captured.graph.parameters}


class Net(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.quant = nnq.Quantize(0.1, 3, torch.quint8)
        self.body = torch.nn.Sequential(nnq.Conv2d(3, 4, 3), nnq.Conv2d(4, 4, 1))
        self.fc = nnqd.Linear(4, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(self.body(self.quant(x)).dequantize().mean((2, 3)))


def test_weights_have_the_names_of_the_state_dict() -> None:
    found = names(Net(), torch.randn(2, 3, 6, 6))
    assert found == {
        "body.0.weight": torch.int8, "body.0.bias": torch.float32, "body.1.weight": torch.int8,
        "body.1.bias": torch.float32, "fc.weight": torch.int8, "fc.bias": torch.float32,
    }  # fmt: skip


def test_recurrent_weights_have_the_names_of_the_float_module() -> None:
    found = names(torch.nn.Sequential(nnqd.LSTM(3, 4, 2, bidirectional=True)), torch.randn(5, 2, 3))
    float_names = torch.nn.Sequential(torch.nn.LSTM(3, 4, 2, bidirectional=True)).state_dict().keys()
    assert found.keys() == float_names
    assert found["0.weight_hh_l1_reverse"] == torch.int8
    assert names(nnqd.LSTMCell(3, 4), torch.randn(2, 3)).keys() >= {"weight_ih", "weight_hh"}


def test_scopes_and_lines_are_known() -> None:
    captured = capture(Net(), (torch.randn(2, 3, 6, 6),))
    scopes = {node.target: node.origin.scope for node in walk(captured.graph.block)}
    assert scopes["aten::quantize_per_tensor"] == "quant"
    assert scopes["quantized::linear_dynamic"] == "fc"
    assert scopes["quantized::conv2d_prepack"] in ("body.0", "body.1")
    assert [node.origin.scope for node in walk(captured.graph.block) if node.target == "quantized::conv2d"] == [
        "body.0", "body.1",
    ]  # fmt: skip
    mean = next(node for node in walk(captured.graph.block) if node.target == "aten::mean")
    assert "test_packed.py" in mean.origin.where


def test_scripted_models_hold_the_same_weights() -> None:
    x = torch.randn(2, 3, 6, 6)
    model = Net().eval()
    plain = names(model, x)
    for scripted in (torch.jit.script(model), torch.jit.trace(model, x), torch.jit.freeze(torch.jit.trace(model, x))):
        captured = capture(scripted, (x,))
        check_replay(captured)
        assert {item.name for item in captured.graph.parameters} - {"quant.scale", "quant.zero_point"} == set(plain)
        assert "StateRestored" not in {note.code for note in captured.notes}


def test_a_scripted_module_beside_a_quantized_one() -> None:
    class Scaled(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x * 2

    found = names(torch.nn.Sequential(torch.jit.script(Scaled()), nnqd.Linear(4, 5)), torch.randn(2, 4))
    assert set(found) == {"1.weight", "1.bias"}


def test_the_model_runs_as_before() -> None:
    model, x = Net().train(), torch.randn(2, 3, 6, 6)
    before, attributes = model(x), {name: dict(vars(module)) for name, module in model.named_modules()}
    capture(model, (x,))
    assert model.training
    assert torch.equal(model(x), before)
    after = {name: dict(vars(module)) for name, module in model.named_modules()}
    assert all(after[name][key] is value for name, table in attributes.items() for key, value in table.items())


def test_four_bits_are_unpacked() -> None:
    scales = torch.full((10,), 0.1)
    packed = torch.ops.quantized.embedding_bag_prepack(
        torch.quantize_per_channel(torch.rand(10, 12), scales, torch.zeros(10), 0, torch.quint4x2)
    )

    class Rows(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self._packed_weight = packed

        def forward(self, indices: torch.Tensor) -> torch.Tensor:
            return torch.ops.quantized.embedding_4bit(self._packed_weight, indices)

    captured = capture(Rows(), (torch.tensor([1, 2, 3]),))
    weight = next(item for item in captured.graph.parameters if item.name == "weight")
    assert weight.tensor.shape == (10, 12)
    assert 8 <= weight.tensor.max() <= 10
