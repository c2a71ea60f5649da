"""Whatever a capture changes in the process or in the model is as before when it ends, on every way out.

In: the model's modules. Out: a context inside of which the model may be run: mode, buffers, attributes, random numbers,
gradient mode, autocast cache, default dtype, fused paths, the export flag, warnings and the tracing state are restored.
Only one capture runs at a time in a process: all these are global.
"""

from __future__ import annotations

import contextlib
import inspect
import threading
import warnings
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import torch

from onnx_explore.capture.captured import CaptureNote
from onnx_explore.capture.conversions import inside_torch, reads_own_grid, user_frame
from onnx_explore.capture.state import kept_state
from onnx_explore.capture.torch_api import api, checkpoints_off, fused_paths_off, onnx_export_flag
from onnx_explore.errors import CaptureError


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


def _ignore(_: torch.Tensor) -> None:
    """Before the guard is entered, nothing is written."""


@dataclass(slots=True)
class Guarded:
    """What the guard learns.

    Attributes:
        notes: Trace warnings, and what the model changed of itself.
        before_write: To be called with a tensor that is about to be written to.
    """

    notes: list[CaptureNote] = field(default_factory=list[CaptureNote])
    before_write: Callable[[torch.Tensor], None] = _ignore


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
        stack.enter_context(kept_random_numbers())
        stack.enter_context(_default_dtype())
        stack.enter_context(_autocast_cache())
        stack.enter_context(_warnings(guard.notes))
        guard.before_write = stack.enter_context(kept_state(modules, guard.notes))
        stack.enter_context(torch.no_grad())
        stack.enter_context(fused_paths_off())
        stack.enter_context(checkpoints_off())
        stack.enter_context(onnx_export_flag())
        yield guard


def _check_tracing_state() -> None:
    """A trace that raised must not leave PyTorch recording."""
    if api().tracing_state() is not None:
        api().set_tracing_state(None)


@contextlib.contextmanager
def kept_random_numbers() -> Generator[None]:
    """Of the CPU, and of every accelerator that is in use."""
    cpu = torch.get_rng_state()
    others = [(device, _states(device)) for device in _accelerators()]
    try:
        yield
    finally:
        torch.set_rng_state(cpu)
        for device, states in others:
            for index, state in enumerate(states):
                if device is torch.mps:
                    torch.mps.set_rng_state(state)
                else:
                    device.set_rng_state(state, index)


def _accelerators() -> list[Any]:
    """The modules of devices that hold a state of random numbers. Asking one that is not in use would start it."""
    found: list[Any] = [
        device for device in (torch.cuda, torch.xpu) if device.is_available() and device.is_initialized()
    ]
    return [*found, torch.mps] if torch.backends.mps.is_available() else found


def _states(device: Any) -> list[torch.Tensor]:
    return [torch.mps.get_rng_state()] if device is torch.mps else list(device.get_rng_state_all())


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
            if reads_own_grid(raised):
                return
            inside = raised is not None and inside_torch(raised.f_code.co_filename)
            frame = user_frame(raised)
            where = f"{frame.file}:{frame.line}" if frame is not None else f"{filename}:{lineno}"
            text = str(message).split(" We can't record", 1)[0].strip()
            if (text, where) not in seen:
                seen.add((text, where))
                # What torch's own Python code converts, it mostly knows to be safe.
                notes.append(CaptureNote("info" if inside else "warning", "TracerWarning", text, where))

        deprecated = r".*torch\.jit\.\w+.* is (deprecated|not supported in Python)"
        warnings.filterwarnings("ignore", message=deprecated, category=DeprecationWarning)
        warnings.filterwarnings("always", category=tracer_warning)
        warnings.showwarning = note
        yield


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
