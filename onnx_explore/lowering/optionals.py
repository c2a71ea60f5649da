"""Arguments of which only the running model knows whether they are None, for operators that take either.

In: a lowered argument, such as ``Maybe`` or a list that holds one. Out: the same, with the first of them decided; and on what.
"""

from __future__ import annotations

import onnx_ir as ir

from onnx_explore.symbolic.lowered import Lowered, Maybe


def is_undecided(item: Lowered) -> bool:
    """Whether it is, or holds, something that may be None."""
    return _first(item) is not None


def condition_of(item: Lowered) -> ir.Value:
    """Whether the first of what may be None is there: a 0-d bool."""
    found = _first(item)
    assert found is not None
    return found.present


def decided(item: Lowered, *, present: bool) -> Lowered:
    """The argument where the first of what may be None is there, or where it is None."""
    found = _first(item)
    return _replaced(item, found, found.value if found is not None and present else None)


def _first(item: Lowered) -> Maybe | None:
    if isinstance(item, Maybe):
        return item
    if isinstance(item, tuple):
        return next((found for entry in item if (found := _first(entry)) is not None), None)
    return None


def _replaced(item: Lowered, found: Maybe | None, by: Lowered) -> Lowered:
    if item is found:
        return by
    return tuple(_replaced(entry, found, by) for entry in item) if isinstance(item, tuple) else item
