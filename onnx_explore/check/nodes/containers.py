"""Operators of lists, dicts and optionals in plain Python, for running a TorchGraph a node at a time.

PyTorch's dispatcher takes no arguments of a generic type (``t[]``), so TorchScript alone runs them. None changes what it is
given: the list after a change is the last output, as ``functionalize_lists`` has it.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

from onnx_explore.torch_ir import TorchNode

Results = tuple[Any, ...]


def contained(node: TorchNode, inputs: Sequence[Any]) -> Results | None:
    """What an operator of a list or dict gives, or None if it is another one."""
    if node.target in ("aten::__is__", "aten::__isnot__"):
        return ((inputs[0] is inputs[1]) == (node.target == "aten::__is__"),)
    if node.target == "prim::SequenceOutput":
        return (_column(inputs[0], node.constant or ()),)
    if node.target == "aten::mul" and node.overload == "right_":
        return (inputs[1] * inputs[0],)
    if not inputs:
        return None
    table = _LISTS if isinstance(inputs[0], list) else _DICTS if isinstance(inputs[0], dict) else {}
    function = table.get(node.target)
    return None if function is None else function(*inputs)


def _column(whole: Any, place: Sequence[Any]) -> list[Any]:
    column: list[Any] = []
    for entry in whole:
        for key in place:
            entry = entry[key]
        column.append(entry)
    return column


def _changed(change: Callable[..., Any]) -> Callable[..., Results]:
    """The list or dict after a change of a copy of it."""

    def function(whole: Any, *arguments: Any) -> Results:
        copy = whole.copy()
        change(copy, *arguments)
        return (copy,)

    return function


def _taken(take: Callable[..., Any]) -> Callable[..., Results]:
    """What is taken out, and what is left."""

    def function(whole: Any, *arguments: Any) -> Results:
        copy = whole.copy()
        return take(copy, *arguments), copy

    return function


def _set(whole: Any, key: Any, item: Any) -> None:
    whole[key] = item


def _delete(whole: Any, key: Any) -> None:
    del whole[key]


def _sort(whole: list[Any], backwards: bool = False) -> None:
    whole.sort(reverse=backwards)


def _copied(whole: Any, *_: Any) -> Results:
    return (whole.copy(),)


def _given(function: Callable[..., Any]) -> Callable[..., Results]:
    """What a function of Python gives."""
    return lambda *arguments: (function(*arguments),)


def _sliced(whole: list[Any], start: int | None, end: int | None, step: int | None) -> list[Any]:
    return whole[start:end:step]


def _keys(whole: dict[Any, Any]) -> list[Any]:
    return list(whole.keys())


def _values(whole: dict[Any, Any]) -> list[Any]:
    return list(whole.values())


def _items(whole: dict[Any, Any]) -> list[Any]:
    return list(whole.items())


_LISTS: dict[str, Callable[..., Results]] = {
    "aten::len": _given(len),
    "aten::__getitem__": _given(operator.getitem),
    "aten::append": _changed(list.append),
    "aten::insert": _changed(list.insert),
    "aten::_set_item": _changed(_set),
    "aten::Delete": _changed(_delete),
    "aten::remove": _changed(list.remove),
    "aten::reverse": _changed(list.reverse),
    "aten::sort": _changed(_sort),
    "aten::sorted": _changed(_sort),
    "aten::pop": _taken(list.pop),
    "aten::add": _given(operator.add),
    "aten::mul": _given(operator.mul),
    "aten::slice": _given(_sliced),
    "aten::copy": _copied,
    "aten::list": _copied,
    "aten::__contains__": _given(operator.contains),
    "aten::index": _given(list.index),
    "aten::count": _given(list.count),
    "aten::dict": _given(dict),
}

_DICTS: dict[str, Callable[..., Results]] = {
    "aten::len": _given(len),
    "aten::__getitem__": _given(operator.getitem),
    "aten::get": _given(dict.get),
    "aten::_set_item": _changed(_set),
    "aten::Delete": _changed(_delete),
    "aten::update": _changed(dict.update),
    "aten::pop": _taken(dict.pop),
    "aten::popitem": _taken(dict.popitem),
    "aten::setdefault": _taken(dict.setdefault),
    "aten::__contains__": _given(operator.contains),
    "aten::keys": _given(_keys),
    "aten::values": _given(_values),
    "aten::items": _given(_items),
    "aten::copy": _copied,
    "aten::dict": _copied,
}
