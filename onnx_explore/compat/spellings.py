"""Two questions that public symbolic functions put to values and nodes of ``torch._C``, and that today's PyTorch does not answer.

``value.toIValue()`` of an ``onnx::Constant``, or of a list of them, is its content here (PyTorch says None), and
``node["value"]`` is the attribute, as before PyTorch 1.13. Both hold only while a symbolic function runs; then
``torch._C`` is as it was.
"""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import torch

from onnx_explore.compat.asking import node_attribute
from onnx_explore.compat.types import JitC
from onnx_explore.compat.values import content, is_known

_WITH_CONTENT = ("onnx::Constant", "prim::ListConstruct", "prim::TupleConstruct")

_lock = threading.Lock()


class _Spellings:
    """Counts who needs them: calls may be nested, and in several threads."""

    def __init__(self) -> None:
        self._users = 0
        self._to_ivalue: Any = None
        self._had_item = False

    def enter(self) -> None:
        if self._users == 0:
            original = self._to_ivalue = JitC.Value.toIValue
            self._had_item = hasattr(JitC.Node, "__getitem__")

            def to_ivalue(value: Any) -> Any:
                found = original(value)
                known = found is None and value.node().kind() in _WITH_CONTENT and is_known(value)
                return _content(value) if known else found

            JitC.Value.toIValue = to_ivalue
            if not self._had_item:
                JitC.Node.__getitem__ = node_attribute
        self._users += 1

    def leave(self) -> None:
        self._users -= 1
        if self._users == 0:
            JitC.Value.toIValue = self._to_ivalue
            if not self._had_item:
                del JitC.Node.__getitem__


_spellings = _Spellings()


@contextmanager
def older_spellings() -> Generator[None]:
    """Inside, ``torch._C`` answers both."""
    with _lock:
        _spellings.enter()
    try:
        yield
    finally:
        with _lock:
            _spellings.leave()


def _content(value: Any) -> Any:
    found = content(value)
    return found.item() if isinstance(found, torch.Tensor) and found.dim() == 0 else found
