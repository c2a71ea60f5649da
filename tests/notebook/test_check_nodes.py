"""``%onnx_check --nodes``: what it prints, what is remembered, and an interrupt in the middle."""

from __future__ import annotations

import os
import signal
from typing import Any

import pytest
import torch

import onnx_explore
from onnx_explore.check.nodes.interpret import Interpreter
from tests.notebook.conftest import Session


def test_all_agree_and_the_report_stays(session: Session) -> None:
    session.run("%onnx_export model x --no-check")
    assert session["_onnx"].nodes_report is None
    shown = session.run("%onnx_check --nodes")
    assert shown.startswith("every node agrees: 3 of 3 intermediates compared")
    report = session["_onnx"].nodes_report
    assert session.run("%onnx_check --nodes") == shown
    assert session["_onnx"].nodes_report is report
    session.run("%onnx_check --nodes --again")
    assert session["_onnx"].nodes_report is not report


def test_the_culprit_is_printed_first(session: Session) -> None:
    @onnx_explore.symbolic("aten::relu")
    def no_relu(g: Any, self: Any) -> Any:
        return g.op("Abs", self)

    with no_relu:
        session.run("%onnx_export model x --no-check")
        shown = session.run("%onnx_check --nodes")
    assert shown.startswith("nodes differ: %")
    assert "aten::relu" in shown.splitlines()[0]
    assert "no_relu" in shown.splitlines()[0]
    assert "Pass it on: 1 intermediates, from %" in shown


def test_another_tolerance(session: Session) -> None:
    session.run("%onnx_export model x --no-check")
    session.run("%onnx_check --nodes --rtol 0 --atol 0 --budget 1")
    report = session["_onnx"].nodes_report
    assert report.budget == 1 << 20
    assert all(row.local.atol == 0.0 for row in report.rows)
    assert "goes with --nodes" in session.run("%onnx_check --budget 3")


def test_an_export_that_is_made_again_has_no_report(session: Session) -> None:
    session.run("%onnx_export model x --no-check")
    session.run("%onnx_check --nodes")
    session["_onnx"].set_opset(18)
    assert session["_onnx"].nodes_report is None


def test_interrupt_in_the_middle(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    session.run("%onnx_export model x --no-check")
    before = session.run("%onnx_check --nodes")
    ex = session["_onnx"]
    report, model, state = ex.nodes_report, ex.exported.model, torch.get_rng_state()
    step = Interpreter.step

    def interrupted(self: Interpreter, node: Any) -> Any:
        if node.target == "aten::relu":
            os.kill(os.getpid(), signal.SIGINT)
        return step(self, node)

    with monkeypatch.context() as patched:
        patched.setattr(Interpreter, "step", interrupted)
        shown = session.run("%onnx_check --nodes --again")
    assert shown.startswith("Interrupted: nothing was changed")
    assert isinstance(session.error, KeyboardInterrupt)
    assert not ex.busy
    assert ex.nodes_report is report and ex.exported.model is model
    assert torch.equal(state, torch.get_rng_state())
    assert session.run("%onnx_check --nodes") == before
    session.run("%onnx_check --nodes --again")
    assert ex.nodes_report is not report and ex.nodes_report.passed
    assert "agrees with PyTorch" in session.run("%onnx_check")


def test_cancel_in_the_middle(session: Session) -> None:
    session.run("%onnx_export model x --no-check")
    ex = session["_onnx"]

    def stop(done: int, total: int) -> None:
        assert done <= total
        ex.cancel()

    with pytest.raises(onnx_explore.errors.Cancelled):
        ex.check_nodes(budget=1, progress=stop)
    assert ex.nodes_report is None and not ex.busy
    assert ex.check_nodes().passed
