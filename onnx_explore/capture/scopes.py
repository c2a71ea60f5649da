"""Module paths of what is recorded: hooks around every module call push and pop scopes of the tracing state.

In: the model's modules and their paths. Out: ``Scopes.paths``; the trace carries the index into it as scope name.
A module that is called again gets the call's number (``head#2``), what it calls stands below it (``head#2.linear``).
"""

from __future__ import annotations

from collections.abc import Iterable
from types import TracebackType
from typing import Any

import torch
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook

from onnx_explore.capture.torch_api import api


class CallPaths:
    """Names module calls: path below the caller, and the number of the call from the second on."""

    __slots__ = ("_calls",)

    def __init__(self) -> None:
        self._calls: dict[str, int] = {}

    def enter(self, module: str, caller: str) -> str:
        """The scope of a call of the module at path ``module`` from scope ``caller``."""
        owner = plain(caller)
        path = f"{caller}{module[len(owner) :]}" if owner and module.startswith(f"{owner}.") else module
        if not path:
            return ""
        count = self._calls[path] = self._calls.get(path, 0) + 1
        return path if count == 1 else f"{path}#{count}"


class Scopes:
    """A context manager that follows the module calls of this thread's trace.

    Args:
        modules: Path and module, outermost first; a module may stand under several paths.
        enabled: False follows nothing: all paths are empty.
    """

    __slots__ = ("_calls", "_enabled", "_handles", "_known", "_stack", "_state", "paths")

    def __init__(self, modules: Iterable[tuple[str, torch.nn.Module]], *, enabled: bool = True) -> None:
        self._enabled = enabled
        self._state = api().tracing_state
        self._known: dict[torch.nn.Module, list[str]] = {}
        for path, module in modules if enabled else ():
            self._known.setdefault(module, []).append(path)
        self._stack: list[int] = []
        self._calls = CallPaths()
        self._handles: list[Any] = []
        self.paths: list[str] = []

    @property
    def current(self) -> str:
        """The path of the innermost module that is running."""
        return self.paths[self._stack[-1]] if self._stack else ""

    def __enter__(self) -> None:
        if self._enabled:
            self._handles.append(register_module_forward_pre_hook(self._enter))
            self._handles.append(register_module_forward_hook(self._leave, always_call=True))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        while self._handles:
            self._handles.pop().remove()

    def _enter(self, module: torch.nn.Module, _: Any) -> None:
        state = self._state()
        if state is None:  # Another thread, or recording is paused.
            return
        parent = self.paths[self._stack[-1]] if self._stack else ""
        path = self._calls.enter(self._path(module, parent), parent)
        index = len(self.paths)
        self.paths.append(path)
        self._stack.append(index)
        state.push_scope(str(index))

    def _leave(self, *_: Any) -> None:
        state = self._state()
        if state is None or not self._stack:
            return
        self._stack.pop()
        state.pop_scope()

    def _path(self, module: torch.nn.Module, parent: str) -> str:
        """The module's path, below its caller if it has such a one; its class if the model does not own it."""
        known = self._known.get(module)
        if known is None:
            name = type(module).__name__
            return f"{plain(parent)}.{name}" if parent else name
        if len(known) == 1:
            return known[0]
        below = f"{plain(parent)}." if parent else ""
        return next((path for path in known if path.startswith(below)), known[0])


def plain(scope: str) -> str:
    """A scope without numbers of calls."""
    return ".".join(part.partition("#")[0] for part in scope.split(".")) if "#" in scope else scope
