"""Whatever a capture changes in the process or in the model is as before when it ends, on every way out.

In: the model's modules. Out: a context inside of which the model may be run: mode, buffers, attributes, random numbers,
gradient mode, autocast cache, default dtype, fused paths, the export flag, warnings and the tracing state are restored.
Only one capture runs at a time in a process: all these are global.
"""

from __future__ import annotations

import contextlib
import inspect
import operator
import threading
import warnings
from collections.abc import Generator, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import torch

from onnx_explore.capture.captured import CaptureNote
from onnx_explore.capture.conversions import inside_torch, user_frame
from onnx_explore.capture.torch_api import api, fused_paths_off, onnx_export_flag, version_of, written_attributes
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
def guarded(modules: Sequence[tuple[str, torch.nn.Module]]) -> Generator[Guarded]:
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
def _random_numbers() -> Generator[None]:
    cpu = torch.get_rng_state()
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() and torch.cuda.is_initialized() else []
    try:
        yield
    finally:
        torch.set_rng_state(cpu)
        if cuda:
            torch.cuda.set_rng_state_all(cuda)


@contextlib.contextmanager
def _default_dtype() -> Generator[None]:
    dtype = torch.get_default_dtype()
    try:
        yield
    finally:
        torch.set_default_dtype(dtype)


@contextlib.contextmanager
def _autocast_cache() -> Generator[None]:
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
def _warnings(notes: list[CaptureNote]) -> Generator[None]:
    """Trace warnings become notes; deprecations of ``torch.jit`` are not the user's to act on; the rest pass."""
    tracer_warning = api().tracer_warning
    seen: set[tuple[str, str]] = set()
    with warnings.catch_warnings():
        show = warnings.showwarning

        def note(
            message: Warning | str,
            category: type[Warning],
            filename: str,
            lineno: int,
            file: Any = None,
            line: Any = None,
        ) -> None:
            if not issubclass(category, tracer_warning):
                show(message, category, filename, lineno, file, line)
                return
            raised = inspect.currentframe()
            while raised is not None and raised.f_code.co_filename in (__file__, warnings.__file__):
                raised = raised.f_back
            inside = raised is not None and inside_torch(raised.f_code.co_filename)
            frame = user_frame(raised)
            where = f"{frame.file}:{frame.line}" if frame is not None else f"{filename}:{lineno}"
            text = str(message).split(" We can't record", 1)[0].strip()
            if (text, where) not in seen:
                seen.add((text, where))
                # What torch's own Python code converts, it mostly knows to be safe.
                notes.append(CaptureNote("info" if inside else "warning", "tracer-warning", text, where))

        deprecated = r".*torch\.jit\.\w+.* is (deprecated|not supported in Python)"
        warnings.filterwarnings("ignore", message=deprecated, category=DeprecationWarning)
        warnings.filterwarnings("always", category=tracer_warning)
        warnings.showwarning = note
        yield


@contextlib.contextmanager
def _modules(modules: Sequence[tuple[str, torch.nn.Module]], notes: list[CaptureNote]) -> Generator[None]:
    """Modes, buffers and attributes of the model."""
    tables: list[_Table] = []
    buffers: list[tuple[str, torch.Tensor, int | None, torch.Tensor]] = []
    compiled: list[tuple[str, Any, str, Any]] = []
    written = {"training"} | written_attributes(
        [item for _, item in modules if isinstance(item, torch.jit.ScriptModule)]
    )
    seen: set[int] = set()
    for path, module in modules:
        if id(module) in seen:
            continue
        seen.add(id(module))
        if isinstance(module, torch.jit.ScriptModule):
            compiled += [(path, module, name, getattr(module, name)) for name in written if hasattr(module, name)]
        else:
            attributes = vars(module)
            tables.append(_table(path, attributes))
            tables.extend(_table(path, attributes[name]) for name in _TABLES if attributes[name])
        for name, buffer in module.named_buffers(recurse=False):
            if id(buffer) not in seen:
                seen.add(id(buffer))
                buffers.append((_join(path, name), buffer, version_of(buffer), buffer.detach().clone()))
    try:
        yield
    finally:
        changed = [name for table in tables for name in _restore_table(table)]
        for path, module, name, value in compiled:
            if not _same(getattr(module, name), value):
                setattr(module, name, value)
                changed += [_join(path, name)] if name not in _INTERNAL else []
        for name, buffer, version, content in buffers:
            # Some kernels (batch_norm) write without counting it as a version.
            if version_of(buffer) != version or not torch.equal(buffer, content):
                with torch.no_grad():
                    buffer.copy_(content)
                changed.append(name)
        if changed:
            shown = ", ".join(changed[:5]) + (f" and {len(changed) - 5} more" if len(changed) > 5 else "")
            message = f"the model changed its own state while it ran; restored: {shown}"
            notes.append(CaptureNote("info", "state-restored", message))


def _same(now: Any, before: Any) -> bool:
    """Whether a scripted module's attribute is what it was: containers are copied whenever they are read."""
    if isinstance(now, torch.Tensor) or isinstance(before, torch.Tensor):
        return now is before
    return type(now) is type(before) and isinstance(now, (bool, int, float, str)) and now == before


# Path of the module, the live table, and its names and values as they were.
_Table = tuple[str, MutableMapping[str, Any], tuple[str, ...], tuple[Any, ...]]


def _table(path: str, table: MutableMapping[str, Any]) -> _Table:
    return path, table, tuple(table), tuple(table.values())


def _restore_table(saved: _Table) -> list[str]:
    """Undoes what was bound anew, added or removed; returns the names."""
    path, table, names, values = saved
    if len(table) == len(names) and tuple(table) == names and all(map(operator.is_, table.values(), values)):
        return []
    before = dict(zip(names, values, strict=True))
    changed = [name for name in (*names, *(name for name in table if name not in before))
               if name not in table or name not in before or table[name] is not before[name]]  # fmt: skip
    table.clear()
    table.update(before)
    return [_join(path, name) for name in changed if name not in _INTERNAL]


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


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
