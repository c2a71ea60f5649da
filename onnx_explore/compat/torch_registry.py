"""What others registered with PyTorch's own exporter: the one file that looks into its registry.

In: ``torch.onnx``'s registry, if something has loaded it. Out: the symbolic functions that were put there with
``register_custom_op_symbolic``; those that PyTorch itself or torchvision registers are never taken: we have functions of our
own for all of these operators. ``exporting_opset`` lets helper functions of PyTorch that a user's function calls see the
export's opset.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import Any

from onnx_explore.options import NEWEST_OPSET

_PACKAGES = ("torch.onnx._internal.torchscript_exporter", "torch.onnx._internal")
"""Where the exporter's modules are: since PyTorch 2.9, and before."""


def _module(name: str) -> Any:
    """A module of PyTorch's exporter, if it was loaded."""
    found = (sys.modules.get(f"{package}.{name}") for package in _PACKAGES)
    return next((module for module in found if module is not None), None)


def registered_elsewhere() -> Iterator[tuple[str, int, Callable[..., Any]]]:
    """Operator, opset and function of each registration by a third party, in order."""
    registration = _module("registration")
    groups: dict[str, Any] = getattr(getattr(registration, "registry", None), "_registry", {})
    for name, group in sorted(groups.items()):
        overrides: dict[int, Callable[..., Any]] = getattr(getattr(group, "_functions", None), "_overrides", {})
        for opset, function in sorted(overrides.items()):
            if 1 <= opset <= NEWEST_OPSET and not _is_torchs_own(function):
                yield name, opset, function


def _is_torchs_own(function: Callable[..., Any]) -> bool:
    return str(getattr(function, "__module__", None)).partition(".")[0] in ("torch", "torchvision")


def is_refusal(error: BaseException) -> bool:
    """Whether a helper function of PyTorch's exporter raised it: it cannot convert these arguments."""
    return any(kind.__module__.startswith("torch.onnx") for kind in type(error).__mro__)


@contextmanager
def exporting_opset(opset: int) -> Generator[None]:
    """Inside, PyTorch's exporter believes that it exports to an opset: some of its helper functions ask."""
    state = getattr(_module("_globals") or sys.modules.get("torch.onnx._globals"), "GLOBALS", None)
    before = getattr(state, "_export_onnx_opset_version", None)
    if before is None:
        yield
        return
    state._export_onnx_opset_version = opset  # pyright: ignore[reportOptionalMemberAccess]
    try:
        yield
    finally:
        state._export_onnx_opset_version = before  # pyright: ignore[reportOptionalMemberAccess]
