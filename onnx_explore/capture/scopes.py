"""Module paths of what is recorded: hooks around every module call note where in the graph the module changes.

In: the model's modules and their paths. Out: ``Scopes.marks``: from which value of the trace on which path holds. Values are
numbered as they are made, so a node belongs to the last mark before its output. (Scopes pushed on the tracing state would
do the same, but cost PyTorch's clean-up of the trace a time that grows with the square of the nodes: 50 → 190 µs a node.)
A module that is called again gets the call's number (``head#2``), what it calls stands below it (``head#2.linear``).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
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


class Marks:
    """Where in a trace the module path changes.

    Attributes:
        last: Number of the last value that the trace made while it was followed; later ones are PyTorch's own rewriting.
    """

    __slots__ = ("_paths", "_starts", "last")

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._paths: list[str] = []
        self.last = -1

    def add(self, number: int, path: str) -> None:
        """Values made after value ``number`` belong to ``path``."""
        if self._starts and self._starts[-1] == number:
            self._paths[-1] = path
        else:
            self._starts.append(number)
            self._paths.append(path)
        self.last = number

    def path(self, number: int) -> str:
        """The module path of a value's maker."""
        place = bisect_left(self._starts, number) - 1
        return self._paths[place] if place >= 0 else ""

    def renumbered(self, numbers: Sequence[int]) -> Marks:
        """The same marks for a copy of the graph, whose values are numbered from 0 in their order.

        Args:
            numbers: The values' numbers in the graph itself, in its order.
        """
        made = Marks()
        for start, path in zip(self._starts, self._paths, strict=True):
            made.add(bisect_right(numbers, start) - 1, path)
        made.last = len(numbers) - 1
        return made


class Scopes:
    """A context manager that follows the module calls of this thread's trace.

    Args:
        modules: Path and module, outermost first; a module may stand under several paths.
        enabled: False follows nothing: all paths are empty.

    Attributes:
        marks: From which value on which path holds.
        called: Path of each call (with its number, from the second on) → module.
        calls: Names them.
    """

    __slots__ = ("_enabled", "_handles", "_known", "_last", "_stack", "_state", "called", "calls", "marks")

    def __init__(self, modules: Iterable[tuple[str, torch.nn.Module]], *, enabled: bool = True) -> None:
        self._enabled = enabled
        self._state = api().tracing_state
        self._known: dict[torch.nn.Module, list[str]] = {}
        for path, module in modules if enabled else ():
            self._known.setdefault(module, []).append(path)
        self._stack: list[str] = []
        self._last = api().last_value
        self.calls = CallPaths()
        self._handles: list[Any] = []
        self.marks = Marks()
        self.called: dict[str, torch.nn.Module] = {}

    @property
    def current(self) -> str:
        """The path of the innermost module that is running."""
        return self._stack[-1] if self._stack else ""

    def __enter__(self) -> None:
        if self._enabled:
            self._handles.append(register_module_forward_pre_hook(self._enter))
            self._handles.append(register_module_forward_hook(self._leave, always_call=True))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        while self._handles:
            self._handles.pop().remove()
        state = self._state()
        if state is not None:
            self.marks.add(self._last(state), "")

    def _enter(self, module: torch.nn.Module, _: Any) -> None:
        state = self._state()
        if state is None:  # Another thread, or recording is paused.
            return
        parent = self.current
        path = self.calls.enter(self._path(module, parent), parent)
        self._stack.append(path)
        self.called[path] = module
        self.marks.add(self._last(state), path)

    def _leave(self, *_: Any) -> None:
        state = self._state()
        if state is None or not self._stack:
            return
        self._stack.pop()
        self.marks.add(self._last(state), self.current)

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
