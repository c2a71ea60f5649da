"""Models that PyTorch quantized, against PyTorch: within one step, at the captured sizes and at others."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

import onnx_explore
from onnx_explore.check.runtime import run_onnxruntime
from onnx_explore.check.steps import output_steps
from onnx_explore.errors import UnsupportedOperatorError
from onnx_explore.recording import NodeLowered
from tests.quantization.models import MODELS, QuantizedModel, aware, fused, made, static

pytestmark = pytest.mark.filterwarnings("ignore")


def check(row: QuantizedModel, opset: int, change: Callable[[torch.nn.Module], torch.nn.Module] | None = None) -> None:
    model, args = made(row)
    model = change(model) if change is not None else model
    names = [f"x{index}" for index in range(len(args))]
    exported = onnx_explore.export(
        model, args, input_names=names, dynamic_axes=row.axes, opset_version=opset, check=True
    )
    lowered = {event.target for event in exported.recording.events if isinstance(event, NodeLowered)}
    assert {target for target in row.operators if target not in lowered} == set()
    assert exported.report is not None
    assert all(item.status == "passed" for item in exported.report.items), exported.report
    # As a file, where ONNX Runtime sees the weights, and may rewrite what it then knows.
    given = run_onnxruntime(exported.to_proto().SerializeToString(), dict(zip(names, args, strict=True)))
    torch.backends.mha.set_fastpath_enabled(False)  # it does not know quantized modules
    try:
        leaves = torch.utils._pytree.tree_leaves(model(*args))
    finally:
        torch.backends.mha.set_fastpath_enabled(True)
    wanted = [item.detach() for item in leaves if isinstance(item, torch.Tensor)]
    step = max(output_steps(exported.model).values(), default=0.0) * 1.001
    for want, got in zip(wanted, given, strict=True):
        # What is dynamically quantized has no grid of its own at the end: 7 bits over its range.
        assert (torch.from_numpy(got) - want).abs().max() <= (step or want.abs().max().item() / 127)


@pytest.mark.parametrize("row", [row for row in MODELS if row.fast], ids=lambda row: row.name)
def test_model(row: QuantizedModel) -> None:
    check(row, 17)


@pytest.mark.full
@pytest.mark.parametrize("opset", [9, 10, 13, 17, 21, 27])
@pytest.mark.parametrize("row", MODELS, ids=lambda row: row.name)
def test_model_at(row: QuantizedModel, opset: int) -> None:
    check(row, opset)


@pytest.mark.full
@pytest.mark.parametrize("row", [MODELS[0], MODELS[2], MODELS[9]], ids=lambda row: row.name)
@pytest.mark.parametrize("way", ["script", "trace", "freeze"])
def test_scripted(row: QuantizedModel, way: str) -> None:
    _, args = made(row)

    def scripted(model: torch.nn.Module) -> torch.nn.Module:
        if way == "script":
            return torch.jit.script(model)
        traced = torch.jit.trace(model, args)
        return torch.jit.freeze(traced) if way == "freeze" else traced

    if row.name == "lstm" and way != "script":
        row = QuantizedModel(row.name, row.make, row.args, {"x0": {0: "time"}})  # torch.jit.trace fixed the batch
    check(row, 17, scripted)


def test_every_node_is_compared_by_its_integers() -> None:
    model, args = made(MODELS[0])
    exploration = onnx_explore.explore(model, args)
    exploration.run()
    report = exploration.check_nodes()
    rows = {row.target: row.status for row in report.rows}
    assert rows["quantized::conv2d_relu"] == rows["aten::quantize_per_tensor"] == "agrees"
    assert "PythonValue" not in exploration.notes_text()


def test_weights_stay_eight_bits() -> None:
    """The weights of layers are int8 initializers with the names of their modules, each named once."""
    model, args = made(MODELS[0])
    exported = onnx_explore.export(model, args)
    weights = {name: item.dtype.name for name, item in exported.model.graph.initializers.items() if item.dtype}
    assert {name: weights[name] for name in ("conv.weight", "conv2.weight", "fc.weight")} == dict.fromkeys(
        ("conv.weight", "conv2.weight", "fc.weight"), "INT8"
    )
    large = {name: item for name, item in exported.model.graph.initializers.items() if item.const_value.size > 16}
    tables = [name for name in large if name.startswith("integers_as_reals")]  # one for each operand of the sum
    assert sorted(large.keys() - tables) == ["conv.weight", "conv2.weight", "fc.weight"]
    assert [large[name].shape for name in tables] == [(256,)] * 2


def test_the_weights_of_fake_quantization_are_integers() -> None:
    torch.manual_seed(0)
    model = aware(converted=False)
    exported = onnx_explore.export(model, (torch.randn(2, 3, 8, 8),))
    large = [item for item in exported.model.graph.initializers.values() if item.const_value.size > 16]
    assert [item.dtype.name for item in large if item.dtype] == ["INT8"] * 3
    unfolded = onnx_explore.export(model, (torch.randn(2, 3, 8, 8),), do_constant_folding=False, check=True)
    assert unfolded.report is not None


def test_an_observer_that_is_on_is_an_error() -> None:
    torch.manual_seed(0)
    model = aware(converted=False)
    model.apply(torch.ao.quantization.enable_observer)
    with pytest.raises(UnsupportedOperatorError, match="disable_observer"):
        onnx_explore.export(model, (torch.randn(2, 3, 8, 8),))


def test_quantized_inputs_and_outputs_are_integers_and_said_so() -> None:
    torch.manual_seed(0)
    layer = torch.nn.Sequential(static(fused(), torch.randn(16, 3, 8, 8)).conv)
    x = torch.quantize_per_tensor(torch.randn(2, 3, 8, 8), 0.05, 60, torch.quint8)
    exported = onnx_explore.export(layer, (x,), input_names=["x"], dynamic_axes={"x": {0: "n"}}, check=True)
    notes = {note.code: note.message for note in exported.recording.notes}
    assert "scale 0.05 and zero point 60" in notes["QuantizedInput"]
    assert "Return dequantize()" in notes["QuantizedOutput"]
    assert [value.dtype.name for value in (*exported.model.graph.inputs, *exported.model.graph.outputs) if value.dtype] == [
        "UINT8", "UINT8",
    ]  # fmt: skip
    (given,) = run_onnxruntime(exported.model, {"x": x.int_repr()})
    assert (torch.from_numpy(given).int() - layer(x).int_repr().int()).abs().max() <= 1


def test_a_scale_for_each_channel_does_not_move_with_the_values() -> None:
    def flattened(x: torch.Tensor) -> torch.Tensor:
        return torch.quantize_per_channel(x, torch.tensor([0.1, 0.2]), torch.tensor([3, 4]), 0, torch.quint8)[
            1
        ].dequantize()

    with pytest.raises(UnsupportedOperatorError, match="a scale for each channel — call dequantize"):
        onnx_explore.export(flattened, (torch.randn(2, 4),))
