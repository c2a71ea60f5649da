"""``%load_ext onnx_explore`` and ``%unload_ext``: the magics, their completion, and how an exploration is shown."""

from __future__ import annotations

from typing import Any

from IPython.core.interactiveshell import InteractiveShell

from onnx_explore.explore.exploration import Exploration
from onnx_explore.notebook.completion import Completer
from onnx_explore.notebook.magics import OnnxMagics
from onnx_explore.notebook.options import OPTIONS
from onnx_explore.notebook.session import Session


def load(shell: InteractiveShell) -> None:
    """Register the magics, their completion, and how an exploration is shown."""
    if _loaded(shell) is not None:
        return
    session = Session(shell)
    magics = OnnxMagics(shell, session)
    shell.register_magics(magics)
    shell.Completer.custom_matchers.append(Completer(session).matcher)
    _text_formatter(shell).for_type(Exploration, session.pretty)


def unload(shell: InteractiveShell) -> None:
    """Take back what ``load`` did. Variables of the user stay."""
    magics = _loaded(shell)
    if magics is None:
        return
    magics.session.forget()
    for kinds in shell.magics_manager.magics.values():
        for name in [name for name in kinds if name in OPTIONS]:
            del kinds[name]
    shell.magics_manager.registry.pop(OnnxMagics.__name__, None)
    matchers: list[Any] = shell.Completer.custom_matchers
    matchers[:] = [item for item in matchers if not isinstance(getattr(item, "__self__", None), Completer)]
    _text_formatter(shell).pop(Exploration, None)


def _text_formatter(shell: InteractiveShell) -> Any:
    display: Any = shell.display_formatter
    return display.formatters["text/plain"]


def _loaded(shell: InteractiveShell) -> OnnxMagics | None:
    found: Any = shell.magics_manager.registry.get(OnnxMagics.__name__)
    return found if isinstance(found, OnnxMagics) else None
