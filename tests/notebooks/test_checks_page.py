"""The examples of the page on checks run as they stand there, and find what the page says."""

from __future__ import annotations

import re
import typing
import zipfile
from pathlib import Path
from typing import Any

import pytest

from onnx_explore.check.nodes import report as rows

PAGE = Path(__file__).parents[2] / "notebooks" / "guide" / "checks.md"


def test_the_example_runs(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    examples = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    code, more, cost = examples
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, Any] = {"__name__": "checks_page"}
    exec(compile(code, str(PAGE), "exec"), namespace)
    assert namespace["culprit"].target == "aten::elu"
    assert namespace["culprit"].cause == "wrong symbolic function"
    shown = capsys.readouterr().out
    assert shown.startswith("nodes differ: %")
    assert "Pass it on: 2 intermediates" in shown
    with zipfile.ZipFile(tmp_path / "bug.zip") as archive:
        assert "repro.py" in archive.namelist()
    exec(compile(cost, str(PAGE), "exec"), namespace)
    assert namespace["cost"].runs == 5
    assert namespace["up"].parameters == 8 * 16 + 16
    assert "ONNX Runtime's nodes take " in capsys.readouterr().out
    exec(compile(more, str(PAGE), "exec"), namespace)
    assert namespace["ex"].report.passed
    assert [item.kind for item in namespace["ex"].report.items].count("sample") == 3
    assert "ONNX Runtime (CUDAExecutionProvider)" in capsys.readouterr().out


def test_every_status_and_cause_has_its_row() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for name in (*typing.get_args(rows.Status), *filter(None, typing.get_args(rows.Cause))):
        assert f"| `{name}` |" in text, name
