"""A fresh IPython session with the extension loaded, and what it printed."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell


@dataclass
class Session:
    """Runs cells."""

    shell: InteractiveShell
    capsys: pytest.CaptureFixture[str]

    def run(self, cell: str) -> str:
        """Everything that a cell shows: output and errors."""
        self.capsys.readouterr()
        result = self.shell.run_cell(cell, store_history=True)
        self.error = result.error_in_exec or result.error_before_exec
        shown = self.capsys.readouterr()
        return shown.out + shown.err

    def tab(self, text: str) -> list[str]:
        """Completions at the end of a text."""
        with provisionalcompleter(), warnings.catch_warnings():
            return [item.text for item in self.shell.Completer.completions(text, len(text))]

    def __getitem__(self, name: str) -> Any:
        return self.shell.user_ns[name]


class Small(torch.nn.Module):
    """Two layers, one in a container."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU())
        self.head = torch.nn.Linear(4, 2)

    def forward(self, x: torch.Tensor, scale: torch.Tensor | None = None) -> torch.Tensor:
        y = self.head(self.encoder(x))
        return y if scale is None else y * scale


@pytest.fixture
def session(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Session]:
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path_factory.mktemp("ipython")))
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance()
    shell.history_manager.enabled = False  # type: ignore[union-attr]
    torch.manual_seed(0)
    shell.push({"torch": torch, "model": Small().eval(), "x": torch.randn(2, 3), "scale": torch.ones(2)})
    session = Session(shell, capsys)
    assert session.run("%load_ext onnx_explore") == ""
    yield session
    session.run("%unload_ext onnx_explore")
    InteractiveShell.clear_instance()


@pytest.fixture
def missing() -> Iterator[Callable[[], torch.nn.Module]]:
    """A model with two operators that nothing can lower."""
    library = torch.library.Library("magictest", "DEF")
    library.define("twice(Tensor x, float s=2.0) -> Tensor")
    library.define("other(Tensor x) -> Tensor")
    library.impl("twice", lambda x, s=2.0: x * s, "CPU")
    library.impl("other", lambda x: x + 1, "CPU")

    class Missing(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = torch.relu(torch.ops.magictest.twice(x, 3.0))
            return torch.ops.magictest.twice(torch.ops.magictest.other(x))

    yield Missing
    library._destroy()
