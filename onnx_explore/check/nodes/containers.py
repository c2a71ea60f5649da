"""What TorchScript's operators on lists and dicts do, after the torch passes: none of them changes what it is given.

In: the inputs of a node. Out: its outputs. ``torch.ops`` refuses these operators for lists of tensors: it has no type for them.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

from onnx_explore.torch_ir import TorchNode

Run = Callable[[TorchNode, Sequence[Any]], tuple[Any, ...]]


def _append(_node: TorchNode, inputs: Sequence[Any]) -> tuple[Any, ...]:
    return ([*inputs[0], inputs[1]],)


def _insert(_node: TorchNode, inputs: Sequence[Any]) -> tuple[Any, ...]:
    items = list(inputs[0])
    items.insert(inputs[1], inputs[2])
    return (items,)


def _pop(_node: TorchNode, inputs: Sequence[Any]) -> tuple[Any, ...]:
    items: Any = dict(inputs[0]) if isinstance(inputs[0], dict) else list(inputs[0])
    taken = items.pop(*inputs[1:])
    return taken, items


def _set(_node: TorchNode, inputs: Sequence[Any]) -> tuple[Any, ...]:
    items = dict(inputs[0]) if isinstance(inputs[0], dict) else list(inputs[0])
    items[inputs[1]] = inputs[2]
    return (items,)


def _delete(_node: TorchNode, inputs: Sequence[Any]) -> tuple[Any, ...]:
    items = dict(inputs[0]) if isinstance(inputs[0], dict) else list(inputs[0])
    del items[inputs[1]]
    return (items,)


def _slice(_node: TorchNode, inputs: Sequence[Any]) -> tuple[Any, ...]:
    return (inputs[0][slice(*inputs[1:])],)


def _update(_node: TorchNode, inputs: Sequence[Any]) -> tuple[Any, ...]:
    return ({**inputs[0], **inputs[1]},)


def _get(_node: TorchNode, inputs: Sequence[Any]) -> tuple[Any, ...]:
    return (inputs[0].get(*inputs[1:]),)


def _reverse(_node: TorchNode, inputs: Sequence[Any]) -> tuple[Any, ...]:
    return (inputs[0][::-1],)


def _values(_node: TorchNode, inputs: Sequence[Any]) -> tuple[Any, ...]:
    return (list(inputs[0].values()),)


def _items(_node: TorchNode, inputs: Sequence[Any]) -> tuple[Any, ...]:
    return (list(inputs[0].items()),)


def _same(_node: TorchNode, inputs: Sequence[Any]) -> tuple[Any, ...]:
    return (inputs[0],)


def _of(function: Callable[..., Any]) -> Run:
    def run(_node: TorchNode, inputs: Sequence[Any]) -> tuple[Any, ...]:
        return (function(*inputs),)

    return run


CONTAINERS: dict[str, Run] = {
    "aten::len.t": _of(len),
    "aten::append.t": _append,
    "aten::insert.t": _insert,
    "aten::pop.t": _pop,
    "aten::reverse.t": _reverse,
    "aten::_set_item.t": _set,
    "aten::Delete.t": _delete,
    "aten::slice.t": _slice,
    "aten::copy.t": _of(list),
    "aten::list.t": _of(list),
    "aten::add.t": _of(operator.add),
    "aten::mul.left_t": _of(operator.mul),
    "aten::len.Dict_str": _of(len),
    "aten::keys.str": _of(list),
    "aten::values.str": _values,
    "aten::items.str": _items,
    "aten::__contains__.str": _of(operator.contains),
    "aten::_set_item.str": _set,
    "aten::Delete.Dict_str": _delete,
    "aten::pop.Dict_str": _pop,
    "aten::pop.Dict_default_str": _pop,
    "aten::update.str": _update,
    "aten::get.str": _get,
    "aten::get.default_str": _get,
    "aten::copy.Dict_str": _of(dict),
    "aten::__is__": _of(operator.is_),
    "aten::__isnot__": _of(operator.is_not),
    "aten::_unwrap_optional": _same,
}
"""Target with overload → what it does."""
