"""``select_model_mode_for_export``, ``is_in_onnx_export``, ``enable_log``: what a script may ask and set around an export."""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Generator
from typing import Any

import torch

from onnx_explore.arguments import enum_member
from onnx_explore.capture.parameters import all_modules, root_modules
from onnx_explore.capture.torch_api import is_exporting
from onnx_explore.flow import MODES
from onnx_explore.options import TrainingMode
from onnx_explore.recording import LOG


@contextlib.contextmanager
def select_model_mode_for_export(model: Any, mode: Any) -> Generator[Any]:
    """A context in which a model is in the mode that it would be exported in; every module's own mode comes back at its end.

    Args:
        model: As for ``export``.
        mode: As ``training`` of ``export``.

    Yields:
        The model.

    Raises:
        InvalidArgument: If ``mode`` is no training mode.
    """
    chosen = enum_member(TrainingMode, mode, "mode")
    roots = root_modules(model)
    before = [(module, module.training) for _, module in all_modules(roots)]
    try:
        for _, root in roots:
            if chosen is not TrainingMode.PRESERVE:
                root.train(MODES[chosen] == "train")
        yield model
    finally:
        for module, training in before:
            _set_mode(module, training)


def _set_mode(module: torch.nn.Module, training: bool) -> None:
    """One module's own flag: what is below it has its own."""
    if module.training is not training:
        module.training = training


def is_in_onnx_export() -> bool:
    """Whether an export is running: true inside of ``forward`` and of symbolic functions. So is ``torch.onnx``'s."""
    return is_exporting()


class _Printed(logging.StreamHandler[Any]):
    """Prints to whatever ``sys.stdout`` is at that time (a notebook replaces it)."""

    def __init__(self, level_before: int) -> None:
        logging.Handler.__init__(self)
        self.level_before = level_before
        self.setFormatter(logging.Formatter("onnx_explore: %(message)s"))

    @property
    def stream(self) -> Any:
        return sys.stdout


def enable_log() -> None:
    """Print what the exporter does, step by step: the logger ``onnx_explore`` from level INFO on, to stdout."""
    if not any(isinstance(handler, _Printed) for handler in LOG.handlers):
        LOG.addHandler(_Printed(LOG.level))
        LOG.setLevel(logging.INFO)


def disable_log() -> None:
    """Take ``enable_log`` back; the logger's level is as it was before."""
    for handler in [handler for handler in LOG.handlers if isinstance(handler, _Printed)]:
        LOG.removeHandler(handler)
        LOG.setLevel(handler.level_before)


@contextlib.contextmanager
def logged(wanted: bool) -> Generator[None]:
    """``enable_log`` inside, as it was afterwards."""
    on = any(isinstance(handler, _Printed) for handler in LOG.handlers)
    if wanted:
        enable_log()
    try:
        yield
    finally:
        if wanted and not on:
            disable_log()
