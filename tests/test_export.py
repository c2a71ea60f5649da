"""``export``: each documented parameter, and what is refused before the model runs."""

from __future__ import annotations

import inspect
import io
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import nn

import onnx_explore
from onnx_explore.errors import InvalidArgument, WriteError

REFERENCE = [
    "model",
    "args",
    "f",
    "export_params",
    "verbose",
    "training",
    "input_names",
    "output_names",
    "operator_export_type",
    "opset_version",
    "do_constant_folding",
    "dynamic_axes",
    "keep_initializers_as_inputs",
    "custom_opsets",
    "export_modules_as_functions",
    "autograd_inlining",
]


class Net(nn.Module):
    """Convolution, batch norm, linear: parameters and buffers, whose state_dict order interleaves them."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.norm = nn.BatchNorm2d(4)
        self.head = nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.norm(self.conv(x)).relu().mean((2, 3)))


X = torch.randn(2, 3, 6, 6)


def run(model: bytes, *inputs: torch.Tensor) -> np.ndarray:
    session = onnxruntime.InferenceSession(model)
    feeds = {item.name: tensor.numpy() for item, tensor in zip(session.get_inputs(), inputs, strict=True)}
    return session.run(None, feeds)[0]


def names(values: list[onnx.ValueInfoProto]) -> list[str]:
    return [value.name for value in values]


def test_the_parameters_of_the_reference_come_first_and_in_its_order():
    parameters = inspect.signature(onnx_explore.export).parameters
    assert list(parameters)[: len(REFERENCE)] == REFERENCE
    ours = list(parameters.values())[len(REFERENCE) :]
    assert ours
    assert all(parameter.kind is inspect.Parameter.KEYWORD_ONLY for parameter in ours)


def test_path_file_object_and_nothing(tmp_path: Path):
    model = Net().eval()
    with torch.no_grad():
        expected = model(X).numpy()
    assert onnx_explore.export(model, X).path is None
    exported = onnx_explore.export(model, X, tmp_path / "net.onnx")
    assert exported.path == str(tmp_path / "net.onnx")
    buffer = io.BytesIO()
    onnx_explore.export(model, (X,), buffer)
    assert buffer.getvalue() == (tmp_path / "net.onnx").read_bytes()
    np.testing.assert_allclose(run(buffer.getvalue(), X), expected, rtol=1e-4, atol=1e-5)


def test_names_cover_inputs_then_parameters_and_may_be_shorter():
    proto = onnx_explore.export(
        Net(), X, None, input_names=["image", "learned_0", "learned_1"], output_names=["logits"]
    ).to_proto()
    assert names(proto.graph.input) == ["image"]
    assert names(proto.graph.output) == ["logits"]
    assert [item.name for item in proto.graph.initializer][:3] == ["learned_0", "learned_1", "norm.weight"]
    with pytest.raises(InvalidArgument, match="input_names"):
        onnx_explore.export(Net(), X, input_names=[f"n{index}" for index in range(40)])
    with pytest.raises(InvalidArgument, match="output_names"):
        onnx_explore.export(Net(), X, output_names=["a", "b"])


def test_without_parameters_they_are_inputs_in_the_order_of_state_dict():
    model = Net().eval()
    with torch.no_grad():
        expected = model(X).numpy()
    proto = onnx_explore.export(model, X, export_params=False).to_proto()
    used = [name for name in model.state_dict() if name != "norm.num_batches_tracked"]
    assert names(proto.graph.input) == ["x", *used]
    assert not [item for item in proto.graph.initializer if item.name in used]
    weights = [model.state_dict()[name] for name in used]
    np.testing.assert_allclose(run(proto.SerializeToString(), X, *weights), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("keep", "opset", "expected"), [(None, 17, 1), (False, 17, 1), (True, 17, 9), (None, 8, 9), (False, 8, 9)]
)
def test_initializers_as_inputs(keep: bool | None, opset: int, expected: int):
    model = Net().eval()
    with torch.no_grad():
        wanted = model(X).numpy()
    proto = onnx_explore.export(model, X, keep_initializers_as_inputs=keep, opset_version=opset).to_proto()
    onnx.checker.check_model(proto, full_check=True)
    assert len(proto.graph.input) == expected
    session = onnxruntime.InferenceSession(proto.SerializeToString())
    np.testing.assert_allclose(session.run(None, {"x": X.numpy()})[0], wanted, rtol=1e-4, atol=1e-5)


def test_folding_can_be_switched_off():
    class Scaled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.randn(3, 4))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x @ (self.weight.t() * 2)

    x = torch.randn(2, 4)
    assert [node.op_type for node in onnx_explore.export(Scaled(), x, check=True).model.graph] == ["MatMul"]
    kept = onnx_explore.export(Scaled(), x, do_constant_folding=False, check=True)
    assert {node.op_type for node in kept.model.graph} == {"Transpose", "Mul", "MatMul"}
    assert "weight" in kept.model.graph.initializers


def test_verbose_prints_the_graph_and_documents_nodes(capsys: pytest.CaptureFixture[str]):
    exported = onnx_explore.export(Net(), X, verbose=True)
    assert "Conv[" in capsys.readouterr().out
    conv = next(node for node in exported.model.graph if node.op_type == "Conv")
    assert conv.doc_string
    assert "test_export.py" in conv.doc_string
    silent = onnx_explore.export(Net(), X)
    assert capsys.readouterr().out == ""
    assert all(not node.doc_string for node in silent.model.graph)


def test_training_modes_and_torchs_own_enums():
    model = Net().train()
    for training in (torch.onnx.TrainingMode.EVAL, onnx_explore.TrainingMode.EVAL, "EVAL"):
        exported = onnx_explore.export(model, X, training=training)
        assert model.training
        assert len(exported.model.graph.outputs) == 1
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    onnx_explore.export(model, X, training=onnx_explore.TrainingMode.TRAINING)
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    with pytest.raises(InvalidArgument, match="training"):
        onnx_explore.export(model, X, training="sometimes")


@pytest.mark.parametrize("opset", [6, 29, "17", True, 17.0])
def test_an_opset_that_does_not_exist(opset: object):
    with pytest.raises(InvalidArgument, match="opset"):
        onnx_explore.export(Net(), X, opset_version=opset)  # type: ignore[arg-type]


def test_the_default_opset_is_the_references():
    proto = onnx_explore.export(Net(), X).to_proto()
    assert proto.opset_import[0].version == 17
    assert proto.ir_version == 8
    assert proto.producer_name == "onnx_explore"


def test_a_script_module_is_captured_with_its_control_flow():
    class Branch(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            if bool(x.sum() > 0):
                return x + 1
            return x - 1

    straight = onnx_explore.export(
        torch.jit.script(nn.Sequential(nn.Linear(3, 4), nn.ReLU())), torch.randn(2, 3), check=True
    )
    assert [node.op_type for node in straight.model.graph][-1] == "Relu"
    branching = onnx_explore.export(torch.jit.script(Branch()), torch.randn(2, 3), check=True)
    assert [node.op_type for node in branching.model.graph][-1] == "If"


@pytest.mark.parametrize("entry", ["export", "explore", "audit"])
def test_every_entry_checks_its_arguments_before_the_model_runs(entry: str, tmp_path: Path) -> None:
    ran: list[int] = []

    class Counting(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            ran.append(1)
            return x + 1

    def call(**options: Any) -> Any:
        rest: tuple[Any, ...] = ({"x": {0: "n"}},) if entry == "audit" else ()
        return getattr(onnx_explore, entry)(Counting(), torch.ones(2), *rest, **options)

    wrong: list[tuple[dict[str, Any], str]] = [
        ({"rtol": -1.0}, "rtol"),
        ({"atol": True}, "atol"),
        ({"kwargs": 3}, "kwargs"),
    ]
    if entry != "export":
        wrong.append(({"opset": 9}, f"{entry}\\(\\)"))
    for options, named in wrong:
        with pytest.raises(InvalidArgument, match=named):
            call(**options)
    if entry == "export":  # the explorer stands still at the end, and goes on when the folder is there
        with pytest.raises(WriteError, match="nowhere"):
            call(f=tmp_path / "nowhere" / "model.onnx")
    assert not ran
    call(rtol=np.float32(1e-3))
    assert ran
