"""Registrations that a test makes are taken back after it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch.onnx import symbolic_helper as theirs

import onnx_explore
from onnx_explore import symbolic_helper as ours
from tests.compat.wild import OPERATORS


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


@pytest.fixture(params=[ours, theirs], ids=["ours", "theirs"])
def sym(request: pytest.FixtureRequest) -> Any:
    """The helper functions: ours, and torch's."""
    return request.param


@pytest.fixture
def wild() -> Iterator[None]:
    """The operators of the library ``wild``."""
    library = torch.library.Library("wild", "DEF")
    for schema, function in OPERATORS.items():
        library.define(schema)
        library.impl(schema.split("(")[0], function, "CPU")
    yield
    library._destroy()
