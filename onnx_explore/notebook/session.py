"""What the magics share in one IPython session: the last exploration, and how text is shown there."""

from __future__ import annotations

import re
import shutil
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from onnx_explore.explore.exploration import Exploration
from onnx_explore.explore.failure import failure_text, short_file
from onnx_explore.notebook.line import WrongWord

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

DEFAULT_NAME = "_onnx"
_NOTEBOOK_WIDTH = 118
"""What a JupyterLab output area of usual size takes in one line."""
_CELL_FILE = re.compile(r"(?:[\w.\-/\\:]*[/\\])?ipykernel_\d+[/\\]\d+\.py|<ipython-input-[^>]*>")


class Session:
    """The state behind the magics.

    Args:
        shell: The IPython session.

    Attributes:
        name: The variable that holds the last exploration.
    """

    def __init__(self, shell: InteractiveShell) -> None:
        self.shell = shell
        self.name = DEFAULT_NAME
        self._current: Exploration | None = None

    @property
    def current(self) -> Exploration | None:
        """The last exploration."""
        return self._current

    def remember(self, exploration: Exploration, name: str) -> None:
        """Keep an exploration as the last one, and as a variable of the user."""
        exploration.place = self.readable
        self._current = exploration
        self.name = name
        self.shell.user_ns[name] = exploration

    def forget(self) -> None:
        """Let go of the last exploration; variables of the user stay."""
        self._current = None
        self.name = DEFAULT_NAME

    def exploration(self) -> Exploration:
        """The last exploration.

        Raises:
            WrongWord: If there is none yet.
        """
        if self._current is None:
            raise WrongWord("nothing was exported yet; start with %onnx_export model x")
        return self._current

    # -- how text is shown ------------------------------------------------------------------------------------------

    @property
    def width(self) -> int:
        """Characters in a line."""
        if _in_terminal(self.shell):
            return max(60, shutil.get_terminal_size().columns)
        return _NOTEBOOK_WIDTH

    @property
    def has_front_end(self) -> bool:
        """Whether a browser may be there to show the explorer: in a Jupyter kernel, not in a terminal."""
        return getattr(self.shell, "kernel", None) is not None

    def readable(self, shown: str) -> str:
        """The text with ``In[5]`` where it names the temporary file of a notebook's cell."""
        files = self._cells()
        return _CELL_FILE.sub(lambda match: files.get(short_file(match[0]), match[0]), shown)

    def show(self, shown: str) -> None:
        """Print."""
        print(self.readable(shown))  # noqa: T201  (what a magic is for)

    def pretty(self, exploration: Exploration, printer: Any, cycle: bool) -> None:
        """How IPython shows an exploration."""
        printer.text(repr(exploration) if cycle else exploration.summary_text(self.width))

    def failure(self, error: BaseException) -> str:
        """The block for a failure."""
        return self.readable(failure_text(error, width=self.width, place=self.readable))

    @property
    def cell_number(self) -> int:
        """The number of the cell that runs: that of the one compiled last."""
        return max(self._compiled().values(), default=self.shell.execution_count)

    def _cells(self) -> dict[str, str]:
        """Short file name → ``In[5]``, for the cells that were compiled so far."""
        return {short_file(file): f"In[{number}]" for file, number in self._compiled().items()}

    def _compiled(self) -> dict[str, int]:
        compiled: Any = self.shell.compile
        return getattr(compiled, "_filename_map", {})  # IPython ≥ 8.0 has no public list of them


def _in_terminal(shell: InteractiveShell) -> bool:
    return any(kind.__name__ == "TerminalInteractiveShell" for kind in type(shell).__mro__)


def closest(word: str, known: list[str]) -> str:
    """``; did you mean …?``, or empty. Operators are compared without their namespace."""
    short = {item.rpartition("::")[2]: item for item in reversed(known)}
    plain = word.rpartition("::")[2]
    close = [item for item in short if plain in item] or get_close_matches(plain, list(short), n=1, cutoff=0.4)
    return f"; did you mean {short[close[0]]}?" if close else ""
