"""``install()``: ``torch.onnx.export(…, dynamo=False)`` and its companions are ours for the whole process, until it is undone.

In: nothing, or a ``with`` block. Out: a handle. Off by default; installing twice changes nothing, and only the last handle that
is undone puts PyTorch's own functions back. What somebody else put there meanwhile stays.
"""

from __future__ import annotations

import importlib
import sys
import threading
from collections.abc import Callable, Mapping
from types import ModuleType, TracebackType
from typing import Any

from onnx_explore.capture.torch_api import api

Surface = Callable[[Mapping[str, Any]], Mapping[str, Mapping[str, Any]]]
"""From PyTorch's own functions in ``torch.onnx`` to ours, by module of PyTorch and name."""

_ABSENT: Any = object()
_ENTRY = "torch.onnx"


class Installation:
    """A handle: ``undo()``, or the end of the ``with`` block that it heads, takes one ``install()`` back."""

    def __init__(self, replaced: Replaced) -> None:
        self._replaced: Replaced | None = replaced

    def undo(self) -> None:
        """Take it back; again, it does nothing."""
        replaced, self._replaced = self._replaced, None
        if replaced is not None:
            replaced.leave()

    @property
    def active(self) -> bool:
        """Whether this one was not undone yet."""
        return self._replaced is not None

    def __enter__(self) -> Installation:  # noqa: PYI034  (Self needs Python 3.11)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.undo()

    def __repr__(self) -> str:
        return f"<torch.onnx is {'onnx_explore' if self.active else 'its own again'}>"


class Replaced:
    """What was put in the place of what.

    Args:
        surface: Gives our functions.
    """

    def __init__(self, surface: Surface) -> None:
        self._surface = surface
        self._lock = threading.Lock()
        self._users = 0
        self._changes: list[tuple[ModuleType, str, Any, Any]] = []

    def enter(self) -> Installation:
        """One more user."""
        with self._lock:
            if self._users == 0:
                self._replace()
            self._users += 1
        return Installation(self)

    def leave(self) -> None:
        """One user less; the last one puts everything back."""
        with self._lock:
            self._users -= 1
            if self._users == 0:
                self._restore()

    def _replace(self) -> None:
        api()  # asks PyTorch's own is_in_onnx_export, which ours is about to stand in for
        theirs = vars(importlib.import_module(_ENTRY))
        try:
            for path, functions in self._surface(theirs).items():
                for module in _modules(path):
                    for name, function in functions.items():
                        self._changes.append((module, name, vars(module).get(name, _ABSENT), function))
                        setattr(module, name, function)
        except BaseException:
            self._restore()
            raise

    def _restore(self) -> None:
        for module, name, before, ours in reversed(self._changes):
            if vars(module).get(name) is not ours:
                continue  # somebody else's by now
            if before is _ABSENT:
                delattr(module, name)
            else:
                setattr(module, name, before)
        self._changes.clear()


def _modules(path: str) -> list[ModuleType]:
    """The module of a path: as it is imported, and as it is an attribute of its package. These may be two."""
    found = [importlib.import_module(path)]
    package, _, name = path.rpartition(".")
    attribute = vars(sys.modules[package]).get(name)
    if isinstance(attribute, ModuleType) and attribute is not found[0]:
        found.append(attribute)
    return found


_replaced: list[Replaced] = []


def provide(surface: Surface) -> None:
    """State what ``install`` puts in place: once, by the package itself."""
    _replaced[:] = [Replaced(surface)]


def install() -> Installation:
    """Point ``torch.onnx.export(…, dynamo=False)`` and its companions at this package.

    Holds for the whole process, until the handle that it returns is undone::

        with onnx_explore.compat.install():
            torch.onnx.export(model, x, "model.onnx", dynamo=False)

    ``torch.onnx.export`` with ``dynamo=True`` stays PyTorch's.

    Returns:
        The handle.
    """
    return _replaced[0].enter()
