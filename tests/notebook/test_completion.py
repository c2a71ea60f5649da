"""Tab in the magics' lines."""

from __future__ import annotations

import pytest

from .conftest import Session


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("%onnx_export ", ["model", "x", "scale"]),
        ("%onnx_export model ", ["x", "scale", "model"]),
        ("%onnx_export mo", ["model"]),
        ("ex = %onnx_export mo", ["model"]),
        ("y = 1\n%onnx_export mo", ["model"]),
        ("%%onnx_export mo", ["model"]),
        ("%onnx_export model.enc", ["model.encoder"]),
        ("%onnx_export model (x, sc", ["scale"]),
        ("%onnx_export model x --ops", ["--opset"]),
        ("%onnx_export model x --opset ", ["17", "28"]),
        ("%onnx_export model x --opset 2", ["28", "27"]),
        ("%onnx_export model x --training ", ["eval", "preserve", "training"]),
        ("%onnx_export model x --dynamic ", ["x:", "scale:"]),
        ("%onnx_export model x --kw ", ["x=", "scale="]),
        ("%onnx_export model x --kw scale=sc", ["scale"]),
        ("%onnx_export model x --names ", ["x,scale"]),
        ("%onnx_graph ", ["torch", "onnx"]),
        ("%onnx_check --", ["--rtol", "--atol", "--again", "--nodes"]),
    ],
)
def test_before_any_export(session: Session, text: str, first: list[str]) -> None:
    assert session.tab(text)[: len(first)] == first


def test_an_option_is_offered_once(session: Session) -> None:
    offered = session.tab("%onnx_export model x --opset 9 --dynamic x:0 --")
    assert "--opset" not in offered
    assert "--dynamic" in offered


def test_modules_come_before_attributes(session: Session) -> None:
    assert session.tab("%onnx_export model.")[:2] == ["model.encoder", "model.head"]


def test_after_an_export(session: Session) -> None:
    assert "aten::linear" not in session.tab("%onnx_dispatch ")
    session.run("%onnx_export model x --no-check --as mine")
    assert session.tab("%onnx_dispatch aten::") == ["aten::linear", "aten::relu"]
    assert session.tab("%onnx_dispatch enc") == ["encoder.0", "encoder.1"]
    assert session.tab("%onnx_graph onnx hea") == ["head"]
    assert session.tab("%onnx_check --of ") == ["mine"]


def test_other_lines_are_left_alone(session: Session) -> None:
    assert "model" in session.tab("mode")
    assert "%timeit" in session.tab("%timei")
