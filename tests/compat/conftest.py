"""Registrations that a test makes are taken back after it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

import onnx_explore


@pytest.fixture
def register() -> Iterator[Callable[..., None]]:
    """``register_custom_op_symbolic``, for one test."""
    done: list[tuple[str, int]] = []

    def register(name: str, function: Any, opset: int = 9) -> None:
        onnx_explore.register_custom_op_symbolic(name, function, opset)
        done.append((name, opset))

    yield register
    for name, opset in dict.fromkeys(done):
        onnx_explore.unregister_custom_op_symbolic(name, opset)
