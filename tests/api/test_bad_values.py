"""One clear error for each bad value of each parameter of ``export``, before the model runs or a file is touched."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import onnx_explore
from onnx_explore.errors import InvalidArgument, WriteError

X = torch.randn(2, 3, generator=torch.Generator().manual_seed(0))


class Counting(nn.Module):
    """Knows whether it ran."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0
        self.linear = nn.Linear(3, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        return self.linear(x)


BAD: list[tuple[str, dict[str, Any]]] = [
    ("model", {"model": 7}),
    ("model", {"model": nn.ReLU}),
    ("export_params", {"export_params": "yes"}),
    ("verbose", {"verbose": "loud"}),
    ("training", {"training": "sometimes"}),
    ("training", {"training": 3}),
    ("input_names", {"input_names": "x"}),
    ("input_names", {"input_names": 5}),
    ("input_names", {"input_names": ["x", 1]}),
    ("input_names", {"input_names": [""]}),
    ("input_names", {"input_names": ["x", "x"]}),
    ("input_names", {"input_names": list("abcdefgh")}),
    ("output_names", {"output_names": "y"}),
    ("output_names", {"output_names": ["y", "y"]}),
    ("output_names", {"input_names": ["x"], "output_names": ["x"]}),
    ("operator_export_type", {"operator_export_type": "CAFFE2"}),
    ("operator_export_type", {"operator_export_type": 0}),
    ("opset_version", {"opset_version": 6}),
    ("opset_version", {"opset_version": 99}),
    ("opset_version", {"opset_version": "17"}),
    ("opset_version", {"opset_version": 17.0}),
    ("opset_version", {"opset_version": True}),
    ("do_constant_folding", {"do_constant_folding": "no"}),
    ("dynamic_axes", {"dynamic_axes": ["x"]}),
    ("dynamic_axes", {"dynamic_axes": {"x": 0}}),
    ("dynamic_axes", {"dynamic_axes": {0: {0: "n"}}}),
    ("dynamic_axes", {"dynamic_axes": {"x": "batch"}}),
    ("dynamic_axes", {"dynamic_axes": {"x": {"0": "batch"}}}),
    ("dynamic_axes", {"dynamic_axes": {"x": {0: ""}}}),
    ("dynamic_axes", {"dynamic_axes": {"x": {0: None}}}),
    ("dynamic_axes", {"dynamic_axes": {"x": {0: "7"}}}),
    ("dynamic_axes", {"dynamic_axes": {"x": [0, 0]}}),
    ("dynamic_axes", {"dynamic_axes": {"x": [True]}}),
    ("dynamic_axes", {"dynamic_axes": {"x": [0.0]}}),
    ("keep_initializers_as_inputs", {"keep_initializers_as_inputs": "some"}),
    ("custom_opsets", {"custom_opsets": ["domain"]}),
    ("custom_opsets", {"custom_opsets": {"domain": 0}}),
    ("custom_opsets", {"custom_opsets": {"domain": "1"}}),
    ("custom_opsets", {"custom_opsets": {"ai.onnx": 9}}),
    ("custom_opsets", {"custom_opsets": {1: 1}}),
    ("custom_opsets", {"custom_opsets": {"domain": True}}),
    ("custom_opsets", {"custom_opsets": {"domain": None}}),
    ("export_modules_as_functions", {"export_modules_as_functions": "all"}),
    ("export_modules_as_functions", {"export_modules_as_functions": {int}}),
    ("export_modules_as_functions", {"export_modules_as_functions": True, "opset_version": 14}),
    ("autograd_inlining", {"autograd_inlining": "maybe"}),
    ("kwargs", {"kwargs": [1]}),
    ("kwargs", {"kwargs": {1: X}}),
    ("args", {"args": ()}),
    ("args", {"args": (X, X)}),
    ("args", {"args": (X, {1: X})}),
    ("args", {"args": (X, {"unknown": X})}),
    ("rtol", {"rtol": -1.0}),
    ("check", {"check": np.array([True, False])}),
    ("export_params", {"export_params": torch.ones(2)}),
    ("atol", {"atol": "small"}),
    ("check", {"check": "please"}),
    ("external_data", {"external_data": "yes"}),
    ("record", {"record": None}),
    ("recorder", {"recorder": print}),
    ("optional_inputs", {"optional_inputs": "x"}),
    ("torch_symbolics", {"torch_symbolics": "no"}),
    ("integer_kernels", {"integer_kernels": "no"}),
    ("rtol", {"rtol": float("nan")}),
    ("atol", {"atol": True}),
    ("opset_version", {"opset_version": [17]}),
    ("do_constant_folding", {"do_constant_folding": torch.tensor(True)}),
    ("export_modules_as_functions", {"export_modules_as_functions": nn.Linear}),
    ("operator_export_type", {"operator_export_type": onnx_explore.TrainingMode.EVAL}),
    ("f", {"f": 3}),
    ("samples", {"samples": X, "check": True}),
    ("samples", {"samples": 2}),
]


@pytest.mark.parametrize(("name", "options"), BAD, ids=[f"{name}-{index}" for index, (name, _) in enumerate(BAD)])
def test_a_bad_value_is_refused_before_anything_runs(name: str, options: dict[str, Any], tmp_path: Path) -> None:
    model = Counting()
    file = tmp_path / "model.onnx"
    file.write_bytes(b"what was there")
    call: dict[str, Any] = {"model": model, "args": (X,), "f": file, **options}
    with pytest.raises(InvalidArgument) as caught:
        onnx_explore.export(**call)
    assert f"'{name}'" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert model.calls == 0
    assert file.read_bytes() == b"what was there"
    assert [path.name for path in tmp_path.iterdir()] == ["model.onnx"]


@pytest.mark.parametrize(
    "where", ["missing/model.onnx", ".", "file/model.onnx", "nul\0l", "text", "closed", "reading", "no path for data"]
)
def test_a_place_that_cannot_be_written_to(where: str, tmp_path: Path) -> None:
    model = Counting()
    (tmp_path / "file").write_text("a file")
    f: Any = tmp_path / where
    more: dict[str, Any] = {}
    if where == "text":
        f = io.StringIO()
    elif where == "closed":
        f = io.BytesIO()
        f.close()
    elif where == "reading":
        f = (tmp_path / "file").open("rb")
    elif where == "no path for data":
        f, more = io.BytesIO(), {"external_data": True}
    with pytest.raises(WriteError):
        onnx_explore.export(model, (X,), f, **more)
    assert model.calls == 0
    if where == "reading":
        f.close()


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("dynamic_axes", {"dynamic_axes": {"z": [0]}}),
        ("dynamic_axes", {"dynamic_axes": {"x": [7]}}),
        ("output_names", {"output_names": ["a", "b"]}),
    ],
)
def test_what_only_the_captured_model_can_tell_touches_no_file(
    name: str, options: dict[str, Any], tmp_path: Path
) -> None:
    with pytest.raises(InvalidArgument, match=name):
        onnx_explore.export(Counting(), (X,), tmp_path / "model.onnx", **options)
    assert not list(tmp_path.iterdir())


def test_numbers_stand_for_switches() -> None:
    exported = onnx_explore.export(Counting(), X, export_params=np.bool_(False), verbose=0, do_constant_folding=1)
    assert len(exported.model.graph.inputs) == 3


def test_numbers_of_numpy_are_numbers() -> None:
    two = np.int64(2)
    exported = onnx_explore.export(
        Counting(),
        X,
        input_names=["x"],
        opset_version=np.int64(16),
        custom_opsets={"my.domain": two},
        dynamic_axes={"x": {np.int64(0): "n"}},
        rtol=np.float32(1e-3),
        samples=two,
        check=True,
    )
    proto = exported.to_proto()
    assert {item.domain: item.version for item in proto.opset_import} == {"": 16, "my.domain": 2}
    assert proto.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "n"
