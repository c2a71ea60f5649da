"""How a magic fails: one line for a wrong word, one readable block for a failed export, never a traceback of ours."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import NoReturn

from IPython.core.error import UsageError

from onnx_explore.errors import InvalidArgument, OnnxExporterError
from onnx_explore.notebook.line import WrongWord
from onnx_explore.notebook.session import Session


@contextmanager
def reporting(session: Session) -> Generator[None]:
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
        raise UsageError(session.readable("".join(parts))) from error
    except OnnxExporterError as error:
        if not hasattr(error, "_render_traceback_"):
            render(error, session.failure(error))
        raise
    except KeyboardInterrupt as interrupt:
        if not hasattr(interrupt, "_render_traceback_"):
            render(interrupt, "Interrupted: nothing was changed; the last export is still there")
        raise


def render(error: BaseException, block: str) -> None:
    """Let IPython show the block instead of a traceback. The exception stays what it is, for ``%debug``."""
    error._render_traceback_ = lambda: block.splitlines()  # type: ignore[attr-defined]


def raise_for(check: Callable[[], None], hint: str) -> NoReturn:
    """End the cell with what a failed check raises.

    Args:
        check: Raises.
        hint: What the block ends with.
    """
    try:
        check()
    except OnnxExporterError as error:
        render(error, f"{error.code}: the check failed, see above and %onnx_check. {hint}")
        raise
    raise AssertionError("only called for a report with failures")
