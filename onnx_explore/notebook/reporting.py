"""What the magics have in common: the last exploration, and how a failure is shown.

In: a line, and whatever a magic raises. Out: IPython's one-line ``UsageError`` for a wrong word, one
readable block for a failed export.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic import Magics

from onnx_explore.errors import InvalidArgument, OnnxExporterError
from onnx_explore.explore.exploration import Exploration
from onnx_explore.notebook.evaluation import Namespace
from onnx_explore.notebook.line import Line, WrongWord, parse_line
from onnx_explore.notebook.options import OPTIONS
from onnx_explore.notebook.session import Session


class SessionMagics(Magics):
    """Magics that share a session."""

    def __init__(self, shell: InteractiveShell, session: Session) -> None:
        super().__init__(shell)
        self.session = session

    def _view(
        self, magic: str, line: str, local_ns: dict[str, Any] | None, *, at_most: int
    ) -> tuple[Line, Exploration, int | None]:
        """What every view starts with: the parsed line, the exploration, the width."""
        parsed = parse_line(line, OPTIONS[magic], at_most=at_most)
        exploration: Any = None
        if parsed.get("of") is not None:
            exploration = Namespace(self.session.shell.user_ns, local_ns).evaluate(parsed.get("of"))
            if not isinstance(exploration, Exploration):
                raise WrongWord(f"'{parsed.get('of')}' is a {type(exploration).__name__}, not an exploration")
        else:
            exploration = self.session.exploration()
        return parsed, exploration, None if parsed.get("wide") else self.session.width

    @contextmanager
    def _reporting(self) -> Generator[None, None, None]:
        """Wrong words become IPython's one-line ``UsageError``, our errors a block instead of a traceback."""
        try:
            yield
        except WrongWord as error:
            raise UsageError(str(error)) from error
        except InvalidArgument as error:
            if hasattr(error, "_render_traceback_"):  # of an exploration that stands still, not of this line
                raise
            parts = [f"{error.argument}: " if error.argument else "", error.message]
            parts.append(f" — {error.action}" if error.action else "")
            raise UsageError(self.session.readable("".join(parts))) from error
        except OnnxExporterError as error:
            if not hasattr(error, "_render_traceback_"):
                render(error, self.session.failure(error))
            raise
        except KeyboardInterrupt as interrupt:
            if not hasattr(interrupt, "_render_traceback_"):
                render(interrupt, "Interrupted: nothing was changed; the last export is still there")
            raise


def render(error: BaseException, block: str) -> None:
    """Let IPython show the block instead of a traceback. The exception stays what it is, for ``%debug``."""
    error._render_traceback_ = lambda: block.splitlines()  # type: ignore[attr-defined]
