"""The command line."""

from __future__ import annotations

import sys
from pathlib import Path

import onnx
import pytest

from onnx_explore import __version__, demo
from onnx_explore.__main__ import main


def test_demo_exports_alexnet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "alexnet.onnx"
    assert main(["demo", "--no-lab", "-o", str(path)]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith(f"exported to {path}: opset 17")
    assert "ONNX Runtime agrees with PyTorch" in printed
    graph = onnx.load(path, load_external_data=False).graph
    assert [item.name for item in (*graph.input, *graph.output)] == ["images", "scores"]


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[list[str]]:
    """The commands that would have replaced this process, in a folder of our own, without an export."""
    commands: list[list[str]] = []
    monkeypatch.setattr("os.execv", lambda path, command: commands.append(command))
    monkeypatch.setattr("onnx_explore.__main__.export_alexnet", lambda path: f"exported to {path}")
    monkeypatch.chdir(tmp_path)
    return commands


def test_demo_opens_lab_on_the_first_notebook(started: list[list[str]]) -> None:
    demo.NOTEBOOK.parent.mkdir()
    demo.NOTEBOOK.touch()
    assert main(["demo", "--no-browser", "--port=9999"]) == 0
    (command,) = started
    assert command[:3] == [sys.executable, "-m", "jupyterlab"]
    assert {"--LabApp.default_url=/lab/tree/notebooks/01_first_export.ipynb", "--no-browser", "--port=9999"} < {
        *command
    }


def test_demo_outside_of_a_checkout(started: list[list[str]], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo"]) == 1
    assert "run this in a checkout, or with --no-lab" in capsys.readouterr().err
    assert not started


def test_demo_says_what_it_cannot_write(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "-o", str(tmp_path / "missing" / "alexnet.onnx")]) == 1
    assert capsys.readouterr().err.startswith("WriteFailed: ")


@pytest.mark.parametrize("arguments", [[], ["demo", "other"], ["demo", "--no-lab", "--port=9999"], ["other"]])
def test_wrong_words(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out == f"onnx_explore {__version__}\n"
