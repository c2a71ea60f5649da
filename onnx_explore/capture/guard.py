"""Whatever a capture changes in the process or in the model is as before when it ends, on every way out.

In: the model's modules. Out: a context inside of which the model may be run: mode, buffers, attributes, random numbers,
gradient mode, autocast cache, default dtype, fused paths, the export flag, warnings and the tracing state are restored.
Only one capture runs at a time in a process: all these are global.
"""

from __future__ import annotations

import contextlib
import threading
import warnings
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import torch

from onnx_explore.capture.captured import CaptureNote
from onnx_explore.capture.conversions import user_frame
from onnx_explore.capture.torch_api import api, fused_paths_off, onnx_export_flag, version_of
from onnx_explore.errors import CaptureError

_TABLES = ("_parameters", "_buffers", "_modules")
_INTERNAL = ("training", *_TABLES)


class _OneAtATime:
    """A lock that says so if the thread that holds it asks again."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._owner: int | None = None

    def __enter__(self) -> None:
        me = threading.get_ident()
        if self._owner == me:
            raise CaptureError(
                "a capture is running in this thread already: a model cannot be exported from inside another's forward",
                action="export the inner model before the outer one",
            )
        self._lock.acquire()
        self._owner = me

    def __exit__(self, *error: object) -> None:
        self._owner = None
        self._lock.release()


_ONE_AT_A_TIME = _OneAtATime()


@dataclass(slots=True)
class Guarded:
    """What the guard learns.

    Attributes:
        notes: Trace warnings, and what the model changed of itself.
    """

    notes: list[CaptureNote] = field(default_factory=list[CaptureNote])


@contextlib.contextmanager
def guarded(modules: Sequence[tuple[str, torch.nn.Module]]) -> Iterator[Guarded]:
    """Runs one capture; everything is restored on every way out.

    Args:
        modules: Path and module of every module of the model.

    Raises:
        CaptureError: If this thread is in a capture already.
    """
    guard = Guarded()
    with contextlib.ExitStack() as stack:
        stack.enter_context(_ONE_AT_A_TIME)
        stack.callback(_check_tracing_state)
        stack.enter_context(_random_numbers())
        stack.enter_context(_default_dtype())
        stack.enter_context(_autocast_cache())
        stack.enter_context(_warnings(guard.notes))
        stack.enter_context(_modules(modules, guard.notes))
        stack.enter_context(torch.no_grad())
        stack.enter_context(fused_paths_off())
        stack.enter_context(onnx_export_flag())
        yield guard


def _check_tracing_state() -> None:
    """A trace that raised must not leave PyTorch recording."""
    if api().tracing_state() is not None:
        api().set_tracing_state(None)


@contextlib.contextmanager
def _random_numbers() -> Iterator[None]:
    cpu = torch.get_rng_state()
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() and torch.cuda.is_initialized() else []
    try:
        yield
    finally:
        torch.set_rng_state(cpu)
        if cuda:
            torch.cuda.set_rng_state_all(cuda)


@contextlib.contextmanager
def _default_dtype() -> Iterator[None]:
    dtype = torch.get_default_dtype()
    try:
        yield
    finally:
        torch.set_default_dtype(dtype)


@contextlib.contextmanager
def _autocast_cache() -> Iterator[None]:
    """A weight that autocast cast and kept is no value of the trace."""
    enabled = torch.is_autocast_cache_enabled()
    torch.clear_autocast_cache()
    torch.set_autocast_cache_enabled(False)
    try:
        yield
    finally:
        torch.set_autocast_cache_enabled(enabled)
        torch.clear_autocast_cache()


@contextlib.contextmanager
def _warnings(notes: list[CaptureNote]) -> Iterator[None]:
    """Trace warnings become notes; deprecations of ``torch.jit`` are not the user's to act on; the rest pass."""
    tracer_warning: type[Warning] = torch.jit.TracerWarning
    seen: set[tuple[str, str]] = set()
    with warnings.catch_warnings():
        show = warnings.showwarning

        def note(
            message: Warning | str, category: type[Warning], filename: str, lineno: int, file: Any = None, line: Any = None
        ) -> None:
            if not issubclass(category, tracer_warning):
                show(message, category, filename, lineno, file, line)
                return
            frame = user_frame(_frame_of_caller())
            where = f"{frame.file}:{frame.line}" if frame is not None else f"{filename}:{lineno}"
            text = str(message).split(" We can't record", 1)[0].strip()
            if (text, where) not in seen:
                seen.add((text, where))
                notes.append(CaptureNote("warning", "tracer-warning", text, where))

        warnings.filterwarnings("ignore", message=r".*torch\.jit\.\w+.* is deprecated.*", category=DeprecationWarning)
        warnings.filterwarnings("ignore", message=r".*torch\.jit\.\w+.* is not supported in Python", category=DeprecationWarning)
        warnings.filterwarnings("always", category=tracer_warning)
        warnings.showwarning = note
        yield


def _frame_of_caller() -> Any:
    import sys

    return sys._getframe(2)


@contextlib.contextmanager
def _modules(modules: Sequence[tuple[str, torch.nn.Module]], notes: list[CaptureNote]) -> Iterator[None]:
    """Modes, buffers and attributes of the model."""
    restore: list[Callable[[], str]] = []
    seen: set[int] = set()
    for path, module in modules:
        if id(module) in seen:
            continue
        seen.add(id(module))
        restore.extend(_module(path, module, seen))
    try:
        yield
    finally:
        changed: list[str] = []
        for step in restore:
            what = step()
            if what:
                changed.append(what)
        if changed:
            shown = ", ".join(changed[:5]) + (f" and {len(changed) - 5} more" if len(changed) > 5 else "")
            message = f"the model changed its own state while it ran; restored: {shown}"
            notes.append(CaptureNote("info", "state-restored", message))


def _module(path: str, module: torch.nn.Module, seen: set[int]) -> Iterator[Callable[[], str]]:
    """Steps that restore one module; each returns what it had to restore."""
    prefix = f"{path}." if path else ""
    if isinstance(module, torch.jit.ScriptModule):
        yield _mode(module)
    else:
        attributes = vars(module)
        yield _table(attributes, prefix)
        for name in _TABLES:
            yield _table(attributes[name], prefix)
    for name, buffer in module.named_buffers(recurse=False):
        if id(buffer) not in seen:
            seen.add(id(buffer))
            yield _values(f"{prefix}{name}", buffer)


def _mode(module: torch.nn.Module) -> Callable[[], str]:
    before = getattr(module, "training", None)

    def restore() -> str:
        if before is not None and module.training != before:
            module.training = before
        return ""

    return restore


def _table(table: MutableMapping[str, Any], prefix: str) -> Callable[[], str]:
    """Attributes that were bound anew, added or removed."""
    before = dict(table)

    def restore() -> str:
        names = [name for name, value in before.items() if table.get(name, table) is not value]
        added = [name for name in table if name not in before]
        for name in added:
            del table[name]
        for name in names:
            table[name] = before[name]
        if names and list(table) != list(before):
            items = {name: table[name] for name in before}
            table.clear()
            table.update(items)
        told = [f"{prefix}{name}" for name in (*names, *added) if name not in _INTERNAL]
        return ", ".join(told)

    return restore


def _values(name: str, tensor: torch.Tensor) -> Callable[[], str]:
    """The content of a buffer."""
    version = version_of(tensor)
    content = tensor.detach().clone()

    def restore() -> str:
        if version is not None and version_of(tensor) == version:
            return ""
        if version is None and torch.equal(tensor, content):
            return ""
        with torch.no_grad():
            tensor.copy_(content)
        return name

    return restore


def model_mode(modules: Sequence[torch.nn.Module], training: str) -> None:
    """Puts the model into the mode that it is to be captured in; ``guarded`` restores it."""
    for module in modules:
        if training == "eval":
            module.eval()
        elif training == "train":
            module.train()


def is_training(modules: Sequence[torch.nn.Module]) -> bool:
    """Whether any of the models is in training mode."""
    return any(bool(cast(Any, getattr(module, "training", False))) for module in modules)
