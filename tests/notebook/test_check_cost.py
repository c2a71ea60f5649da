"""``%onnx_check --cost``: what it prints, and what it refuses."""

from __future__ import annotations

from tests.notebook.conftest import Session


def test_the_tables(session: Session) -> None:
    session.run("%onnx_export model x --no-check")
    shown = session.run("%onnx_check --cost --runs 2")
    assert shown.startswith("ONNX Runtime's nodes take ")
    assert "(median of 2 runs)" in shown.splitlines()[0]
    heads = [line.split("  ")[0] for line in shown.splitlines() if "ONNX Runtime  share" in line]
    assert heads == ["module", "source line", "node"]
    assert "(model)" in shown


def test_what_does_not_go_together(session: Session) -> None:
    session.run("%onnx_export model x --no-check")
    assert "--runs goes with --cost" in session.run("%onnx_check --runs 3")
    assert "--cost and --nodes" in session.run("%onnx_check --cost --nodes")
