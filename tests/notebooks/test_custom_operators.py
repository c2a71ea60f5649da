"""The guide's page on custom operators: its blocks run in order in one IPython session, and print what stands under them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell

from onnx_explore.symbolic.registry import REGISTRY

pytest.importorskip("onnxscript", reason="onnx-script is an optional extra")
PAGE = Path(__file__).parents[2] / "notebooks" / "guide" / "custom_operators.md"
BLOCK = re.compile(r"^```(python|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[InteractiveShell]:
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance()
    shell.history_manager.enabled = False  # type: ignore[union-attr]
    yield shell
    InteractiveShell.clear_instance()


def test_the_page_runs(shell: InteractiveShell, capsys: pytest.CaptureFixture[str]) -> None:
    blocks = BLOCK.findall(PAGE.read_text(encoding="utf-8"))
    assert sum(kind == "text" for kind, _ in blocks) >= 9
    printed = ""
    for kind, text in blocks:
        if kind == "text":
            assert printed == text
            continue
        capsys.readouterr()
        result = shell.run_cell(text, store_history=True)
        printed = capsys.readouterr().out
        assert result.success, f"{text}\n{printed}"
    left = [
        target
        for target in ("aten::elu", "aten::relu", "guide::foo", "prim::PythonOp")
        if REGISTRY.custom_variants(target)
    ]
    assert not left
