"""``JitScalarType``: compared with the one of PyTorch, member by member."""

from __future__ import annotations

from typing import Any

import onnx
import pytest
import torch

import onnx_explore
from onnx_explore import JitScalarType
from onnx_explore.errors import OnnxExporterError
from tests.api.reference import proves

MEMBERS = [member for member in torch.onnx.JitScalarType if member.name in JitScalarType.__members__]


def outcome(call: Any) -> Any:
    try:
        return call()
    except (RuntimeError, KeyError):  # torch's own raises a KeyError for UNDEFINED
        return "error"


@proves("JitScalarType")
@pytest.mark.parametrize("theirs", MEMBERS, ids=lambda member: member.name)
def test_members_agree_with_pytorchs(theirs: Any) -> None:
    ours = JitScalarType[theirs.name]
    assert ours.value == theirs.value
    assert ours.scalar_name() == theirs.scalar_name()
    if theirs.name != "UNDEFINED":
        assert ours.torch_name() == theirs.torch_name()
    assert outcome(ours.dtype) == outcome(theirs.dtype)
    assert JitScalarType.from_name(theirs.scalar_name()) is ours
    assert JitScalarType.from_name(ours.torch_name()) is ours
    if theirs.name not in ("UNDEFINED", "COMPLEX32"):
        assert JitScalarType.from_dtype(theirs.dtype()) is ours
        if "Q" not in theirs.name:
            assert JitScalarType.from_value(torch.empty(0, dtype=theirs.dtype())) is ours
    # Of the quantized types ONNX has the integers; torch says so, too.
    assert ours.onnx_compatible() == (theirs.onnx_compatible() and theirs.name != "COMPLEX32")
    if ours.onnx_compatible():
        assert ours.onnx_type() == int(theirs.onnx_type())
        if "Q" not in theirs.name:
            assert JitScalarType.from_onnx_type(ours.onnx_type()) is ours
            assert JitScalarType.from_name(onnx.TensorProto.DataType.Name(ours.onnx_type())) is ours


def test_none_of_them_is_missing() -> None:
    assert {member.name for member in torch.onnx.JitScalarType} <= set(JitScalarType.__members__)


def test_values() -> None:
    graph = torch.jit.trace(lambda x, y: (x + 1, y), (torch.ones(2), torch.ones(2, dtype=torch.int32))).graph
    first, second = graph.inputs()
    assert JitScalarType.from_value(first) is JitScalarType.FLOAT
    assert JitScalarType.from_value(second) is JitScalarType.INT
    assert JitScalarType.from_value(1.5) is JitScalarType.FLOAT
    assert JitScalarType.from_value(True) is JitScalarType.BOOL
    assert JitScalarType.from_value(3) is JitScalarType.INT64
    scripted = torch.jit.script(_sizes).graph
    numbers, unknown = scripted.inputs()
    assert JitScalarType.from_value(numbers) is JitScalarType.INT64
    assert JitScalarType.from_value(unknown, JitScalarType.UNDEFINED) is JitScalarType.UNDEFINED
    with pytest.raises(OnnxExporterError, match="not known"):
        JitScalarType.from_value(unknown)


def _sizes(numbers: list[int], x: torch.Tensor) -> torch.Tensor:
    return x.view(numbers)


def test_in_a_symbolic_function() -> None:
    seen: list[JitScalarType] = []

    def relu(g: Any, x: Any) -> Any:
        seen.append(JitScalarType.from_value(x))
        return g.op("Cast", x, to_i=JitScalarType.DOUBLE.onnx_type())

    onnx_explore.register_custom_op_symbolic("aten::relu", relu, 9)
    try:
        onnx_explore.export(torch.relu, torch.ones(2, dtype=torch.float16))
    finally:
        onnx_explore.unregister_custom_op_symbolic("aten::relu", 9)
    assert seen == [JitScalarType.HALF]


@pytest.mark.parametrize(
    "call",
    [
        lambda: JitScalarType.from_name(None),
        lambda: JitScalarType.from_name("Complex"),
        lambda: JitScalarType.from_dtype(None),
        lambda: JitScalarType.from_dtype(torch.uint16),
        lambda: JitScalarType.from_onnx_type(None),
        lambda: JitScalarType.from_onnx_type(8),
        lambda: JitScalarType.UNDEFINED.dtype(),
        lambda: JitScalarType.COMPLEX32.onnx_type(),
    ],
)
def test_what_has_no_answer(call: Any) -> None:
    with pytest.raises(OnnxExporterError):
        call()
