"""The guide's list of lifted limitations: what ``test_examples.py`` does not show already."""

from __future__ import annotations

import dataclasses
from collections import namedtuple
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from torch import nn

import onnx_explore
from onnx_explore.errors import CaptureDiverged, OnnxExporterError, RuntimeMismatch, UnsupportedOperatorError

X = torch.randn(2, 3, generator=torch.Generator().manual_seed(0))

Pair = namedtuple("Pair", ["left", "right"])  # noqa: PYI024 (as models have them)


@dataclasses.dataclass
class Batch:
    ids: torch.Tensor
    extra: Any


def names(exported: onnx_explore.Exported) -> tuple[list[str | None], list[str | None]]:
    return [v.name for v in exported.model.graph.inputs], [v.name for v in exported.model.graph.outputs]


def notes(exported: onnx_explore.Exported, code: str) -> list[str]:
    return [note.message for note in exported.recording.notes if note.code == code]


def test_containers() -> None:
    class Containers(nn.Module):
        def forward(self, batch: Batch, pair: Any) -> Any:
            return {"sum": batch.ids + batch.extra[0]["bias"], "pair": Pair(pair.left * 2, [pair.right])}

    args = (Batch(X, [{"bias": X + 1}]), Pair(X, X + 2))
    exported = onnx_explore.export(Containers(), args, check=True)
    assert names(exported) == (
        ["batch_ids", "batch_extra_0_bias", "pair_left", "pair_right"],
        ["sum", "pair_left_1", "pair_right_0"],
    )
    assert len(notes(exported, "OutputFlattened")) == 1


def test_a_str_in_a_script_is_a_constant() -> None:
    class Mode(nn.Module):
        def forward(self, x: torch.Tensor, mode: str) -> torch.Tensor:
            if mode == "double":
                return x * 2
            return x

    exported = onnx_explore.export(torch.jit.script(Mode()), (X, "double"), check=True)
    assert names(exported)[0] == ["x"]
    assert [node.op_type for node in exported.model.graph] == ["Mul"]
    assert "'double'" in notes(exported, "ConstantInput")[0]


def test_a_list_of_tensors_at_an_old_opset() -> None:
    exported = onnx_explore.export(lambda xs: torch.cat(xs), ([X, X],), opset_version=9, check=True)
    assert len(exported.model.graph.inputs) == 2


class Pitfalls(nn.Module):
    """Every way out of the trace, a line each."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.sum() > -100:  # branch
            x = x + 1
        for row in x:  # loop over data
            x = x + row
        for index in range(x.shape[0]):  # loop over a size
            x = x + index
        x = x * float(x.mean())  # float
        x = x + len(x)  # len
        x = x * x.max().item()  # item
        x = x + np.asarray(x.numpy()).sum()  # numpy
        x = x + torch.from_numpy(np.ones((2, 3), np.float32))  # from numpy
        return x + torch.tensor(x.tolist())  # tolist


@pytest.mark.parametrize(
    ("mark", "code", "frozen", "rewrite"),
    [
        ("branch", "PythonValue", "truth value (True)", "torch.where"),
        ("loop over data", "PythonValue", "2 parts", "torch.jit.script"),
        ("loop over a size", "PythonValue", "2", "torch.jit.script"),
        ("float", "PythonValue", "", "pass the tensor itself"),
        ("len", "PythonValue", "2", "x.shape[0]"),
        ("item", "PythonValue", "", "single-element"),
        ("numpy", "PythonValue", "ndarray of shape (2, 3)", "torch operators"),
        ("from numpy", "ConstantTensor", "a NumPy array", "torch.cat for np.concatenate"),
        ("tolist", "PythonValue", "[[", "torch.stack"),
    ],
)
def test_pitfalls_are_told_with_line_value_and_rewrite(mark: str, code: str, frozen: str, rewrite: str) -> None:
    exported = onnx_explore.export(Pitfalls(), X, input_names=["x"], dynamic_axes={"x": {1: "n"}})
    lines = Path(__file__).read_text(encoding="utf-8").splitlines()
    line = next(number for number, text in enumerate(lines, 1) if text.endswith(f"# {mark}"))
    found = [
        note for note in exported.recording.notes if note.code == code and f"test_limitations.py:{line}" in note.where
    ]
    assert found, [note for note in exported.recording.notes if str(line) in note.where]
    assert any(frozen in note.message and rewrite in note.message for note in found)
    assert not [note for note in exported.recording.notes if note.code == "TracerWarning"]


def test_data_is_recorded_and_told() -> None:
    class Hidden(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = x * 2
            y.data.add_(3)
            return y + x.data

    exported = onnx_explore.export(Hidden(), X, input_names=["x"], dynamic_axes={"x": [0]}, check=True)
    assert [node.op_type for node in exported.model.graph] == ["Mul", "Add", "Add"]
    assert len(notes(exported, "TensorData")) == 2

    class Assigned(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = x * 2
            y.data = x + 5
            return y

    exported = onnx_explore.export(Assigned(), X)
    (note,) = [note for note in exported.recording.notes if note.code == "TensorData"]
    assert note.severity == "warning" and "assignment" in note.message
    with pytest.raises((CaptureDiverged, RuntimeMismatch)):
        onnx_explore.export(Assigned(), X, check=True)


def test_sizes_are_numbers() -> None:
    class Sizes(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            first = second = x.shape[1] * 2
            first += 1
            first *= x.shape[0]
            first //= 2
            second -= 1
            other = torch.ones(x.shape[0], dtype=torch.int64)
            other += second  # a tensor: in place, as PyTorch has it
            return x.new_ones(first, second).sum() + other.sum()

    exported = onnx_explore.export(Sizes(), X, input_names=["x"], dynamic_axes={"x": [0, 1]}, check=True)
    assert len(notes(exported, "SizeWrittenInPlace")) == 4
    session = onnxruntime.InferenceSession(exported.to_proto().SerializeToString())
    more = torch.ones(5, 4)
    np.testing.assert_allclose(session.run(None, {"x": more.numpy()})[0], Sizes()(more).numpy())


def test_all_missing_operators_at_once() -> None:
    library = torch.library.Library("api_all_missing", "DEF")
    try:
        for name in ("one", "two"):
            library.define(f"{name}(Tensor x) -> Tensor")
            library.impl(name, lambda x: x * 2, "CPU")
        with pytest.raises(UnsupportedOperatorError) as caught:
            onnx_explore.export(lambda x: torch.ops.api_all_missing.two(torch.ops.api_all_missing.one(x)), X)
        assert [target for target, _ in caught.value.missing] == ["api_all_missing::one", "api_all_missing::two"]
        assert all("test_limitations.py" in where for _, where in caught.value.missing)
    finally:
        library._destroy()


def test_every_error_is_one_of_ours() -> None:
    """The reference's hierarchy: all are ``OnnxExporterError``, which is a ``RuntimeError``."""
    errors = onnx_explore.errors
    assert issubclass(errors.CheckerError, errors.OnnxExporterError)
    assert issubclass(errors.UnsupportedOperatorError, errors.OnnxExporterError)
    assert issubclass(OnnxExporterError, RuntimeError)
