"""``%onnx_axes`` in a session, and the line that can be copied."""

from __future__ import annotations

import re

import pytest

from tests.notebook.conftest import Session

BAKING = """
def baking(x):
    length = int(x.shape[1])
    return x.reshape(length * 2, 2)
"""


@pytest.fixture
def baked(session: Session) -> Session:
    session.run(BAKING)
    session.run("import torch; y = torch.randn(2, 6, 2)[:, :5].reshape(2, 5, 2)")
    session.run("%onnx_export baking y --dynamic x:1=length --text")
    return session


def test_audit_repair_and_table(baked: Session) -> None:
    shown = baked.run("%onnx_axes")
    assert "axes length: broken at " in shown
    assert re.search(r"at   In\[\d+\]:[23]:14 in baking", shown)
    assert "length = int(x.shape[1])" in shown
    repaired = baked.run("%onnx_axes --repair")
    assert "axes length: proven at " in repaired and "it is computed as 2*length now" in repaired
    assert baked["_onnx"].report.passed
    assert "Repaired" in baked.run("%onnx_notes")
    table = baked.run("%onnx_axes --table")
    assert "%onnx_export baking y --text --dynamic x:1=length" in table
    assert "dynamic_axes={'x': {1: 'length'}}" in table


def test_the_copied_line_exports_the_same(baked: Session) -> None:
    baked.run("_onnx.axes.rename('length', 'n')")
    line = baked["_onnx"].axes.line
    assert "--dynamic x:1=n" in line
    baked.run(line)
    assert baked["_onnx"].options.dynamic_axes == {"x": {1: "n"}}


def test_of_a_model(session: Session) -> None:
    session.run(BAKING)
    shown = session.run("%onnx_axes baking torch.randn(2,5,2) --dynamic x:0=batch,1=length --sizes length=6,7,8")
    assert "length: broken at 8" in shown
    assert "batch: not tested" in shown  # the model itself needs its two rows


def test_wrong_words(session: Session) -> None:
    assert "nothing was exported yet" in session.run("%onnx_axes")
    session.run("%onnx_export model x --no-check")
    assert "no input has a dynamic axis" in session.run("%onnx_axes")
    assert "--dynamic needs a model" in session.run("%onnx_axes --dynamic x:0=batch")
    assert "write batch=3,5,7" in session.run("%onnx_axes --sizes batch")
    assert "did you mean --repair" in session.run("%onnx_axes --repare")
