"""The model's own state is as before when a capture ends: modes, attributes, buffers, and weights that it writes to.

In: the modules. Out: a context that yields ``before_write``, to be called with a tensor before it is written to. Buffers
are copied at once, because some kernels write to them unseen; weights and other tensors only when they are written to.
"""

from __future__ import annotations

import contextlib
import operator
from collections.abc import Callable, Generator, MutableMapping, Sequence
from typing import Any

import torch

from onnx_explore.capture.captured import CaptureNote
from onnx_explore.capture.torch_api import storage_of, version_of, written_attributes

_TABLES = ("_parameters", "_buffers", "_modules")
_INTERNAL = ("training", *_TABLES)
_ABSENT = object()


@contextlib.contextmanager
def kept_state(
    modules: Sequence[tuple[str, torch.nn.Module]], notes: list[CaptureNote]
) -> Generator[Callable[[torch.Tensor], None]]:
    """Restores the model on every way out, and notes what had to be restored.

    Args:
        modules: Path and module of every module.
        notes: Where the note goes.

    Yields:
        A function that must be called with every tensor that is about to be written to.
    """
    state = _State(modules)
    try:
        yield state.before_write
    finally:
        changed = state.restore()
        if changed:
            shown = ", ".join(changed[:5]) + (f" and {len(changed) - 5} more" if len(changed) > 5 else "")
            message = f"the model changed its own state while it ran; restored: {shown}"
            notes.append(CaptureNote("info", "StateRestored", message))


# Path of the module, the live table, and its names and values as they were.
_Table = tuple[str, MutableMapping[str, Any], tuple[str, ...], tuple[Any, ...]]


class _State:
    def __init__(self, modules: Sequence[tuple[str, torch.nn.Module]]) -> None:
        self._tables: list[_Table] = []
        self._compiled: list[tuple[str, Any, str, Any]] = []
        self._buffers: list[tuple[str, torch.Tensor, int | None, torch.Tensor]] = []
        self._others: dict[int, list[tuple[str, torch.Tensor]]] = {}
        self._copies: dict[int, list[tuple[str, torch.Tensor, torch.Tensor]]] = {}
        written = written_attributes([item for _, item in modules if isinstance(item, torch.jit.ScriptModule)])
        seen: set[int] = set()
        for path, module in modules:
            if id(module) in seen:
                continue
            seen.add(id(module))
            if isinstance(module, torch.jit.ScriptModule):
                for name in ("training", *written):
                    value = getattr(module, name, _ABSENT)
                    # A method of another module may write an attribute of that name; packed weights never change.
                    if value is not _ABSENT and not isinstance(value, torch.ScriptObject | torch.nn.Module):
                        self._compiled.append((path, module, name, value))
            else:
                self._module(path, vars(module))
            for name, buffer in module.named_buffers(recurse=False):
                if id(buffer) not in seen:
                    seen.add(id(buffer))
                    copied = buffer.detach().clone()
                    self._buffers.append((_join(path, name), buffer, version_of(buffer), copied))
        # A buffer may share storage with a weight; it is restored as a buffer.
        for _, buffer, _, _ in self._buffers:
            self._others.pop(storage_of(buffer), None)

    def _module(self, path: str, attributes: dict[str, Any]) -> None:
        self._tables.append(_table(path, attributes))
        self._tables.extend(_table(path, attributes[name]) for name in _TABLES if attributes[name])
        for table in (attributes, attributes["_parameters"]):
            for name, value in table.items():
                if isinstance(value, torch.Tensor):
                    self._others.setdefault(storage_of(value), []).append((_join(path, name), value))

    def before_write(self, tensor: torch.Tensor) -> None:
        """Copies the weights (or attributes) that share storage with a tensor, the first time."""
        storage = storage_of(tensor)
        if storage in self._others and storage not in self._copies:
            named = self._others[storage]
            self._copies[storage] = [(name, value, value.detach().clone()) for name, value in named]

    def restore(self) -> list[str]:
        """Puts everything back; returns the names of what was not as before."""
        changed = [name for table in self._tables for name in _restore_table(table)]
        for path, module, name, value in self._compiled:
            if not _same(getattr(module, name), value):
                setattr(module, name, value)
                changed += [_join(path, name)] if name not in _INTERNAL else []
        with torch.no_grad():
            for name, buffer, version, content in self._buffers:
                # Some kernels (batch_norm) write without counting it as a version.
                if version_of(buffer) != version or not _equal(buffer, content):
                    buffer.copy_(content)
                    changed.append(name)
            for copies in self._copies.values():
                for name, tensor, content in copies:
                    if not _equal(tensor, content):
                        tensor.copy_(content)
                        changed.append(name)
        return changed


def _equal(now: torch.Tensor, before: torch.Tensor) -> bool:
    """Whether two tensors of one shape hold the same, where nan is the same as nan. Tensors without values always do."""
    if now.is_meta:
        return True
    return torch.equal(now, before) or bool(((now == before) | ((now != now) & (before != before))).all())


def _same(now: Any, before: Any) -> bool:
    """Whether a scripted module's attribute is what it was: containers are copied whenever they are read."""
    if isinstance(now, torch.Tensor) or isinstance(before, torch.Tensor):
        return now is before
    return type(now) is type(before) and isinstance(now, (bool, int, float, str)) and now == before


def _table(path: str, table: MutableMapping[str, Any]) -> _Table:
    return path, table, tuple(table), tuple(table.values())


def _restore_table(saved: _Table) -> list[str]:
    """Undoes what was bound anew, added or removed; returns the names."""
    path, table, names, values = saved
    if len(table) == len(names) and tuple(table) == names and all(map(operator.is_, table.values(), values)):
        return []
    before = dict(zip(names, values, strict=True))
    changed = [name for name in before if name not in table or table[name] is not before[name]]
    changed += [name for name in table if name not in before]
    table.clear()
    table.update(before)
    return [_join(path, name) for name in changed if name not in _INTERNAL]


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
