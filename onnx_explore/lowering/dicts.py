"""Dicts whose keys are known at export: nothing is emitted.

In: operators of dicts, none of which changes what it is given (``functionalize_lists``). Out: the same on lowered values.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from onnx_explore.emit import Emitter
from onnx_explore.errors import NotConstant, UnsupportedOperatorError
from onnx_explore.symbolic.lowered import Constant, Dictionary, Lowered
from onnx_explore.torch_ir import TorchNode

Inputs = Sequence[Lowered]
Results = tuple[Lowered, ...]


def _key(item: Lowered) -> Any:
    if isinstance(item, Constant):
        return item.tensor.item()
    if isinstance(item, str | int | float):
        return item
    raise NotConstant("a key is only known when the model runs", action="use keys that do not depend on an input")


def _dict(item: Lowered) -> Dictionary:
    if isinstance(item, Dictionary):
        return item
    raise UnsupportedOperatorError("it is given something else than a dict")


def _with_key(whole: Dictionary, key: Any, value: Lowered) -> Dictionary:
    if key in whole.keys:
        place = whole.keys.index(key)
        return Dictionary(whole.keys, (*whole.values[:place], value, *whole.values[place + 1 :]))
    return Dictionary((*whole.keys, key), (*whole.values, value))


def _without_key(whole: Dictionary, key: Any) -> Dictionary:
    place = _find(whole, key)
    return Dictionary(
        (*whole.keys[:place], *whole.keys[place + 1 :]), (*whole.values[:place], *whole.values[place + 1 :])
    )


def _find(whole: Dictionary, key: Any) -> int:
    if key not in whole.keys:
        raise UnsupportedOperatorError(f"the dict has no key {key!r}", action="give it all its keys before")
    return whole.keys.index(key)


def _dict_construct(_g: Emitter, _node: TorchNode, inputs: Inputs) -> Results:
    made = Dictionary((), ())
    for key, value in zip(inputs[::2], inputs[1::2], strict=True):
        made = _with_key(made, _key(key), value)
    return (made,)


def _dict_getitem(_g: Emitter, _node: TorchNode, inputs: Inputs) -> Results:
    whole = _dict(inputs[0])
    return (whole.values[_find(whole, _key(inputs[1]))],)


def _dict_get(_g: Emitter, _node: TorchNode, inputs: Inputs) -> Results:
    whole, key = _dict(inputs[0]), _key(inputs[1])
    default = inputs[2] if len(inputs) > 2 else None
    return (whole.values[whole.keys.index(key)] if key in whole.keys else default,)


def _dict_set_item(_g: Emitter, _node: TorchNode, inputs: Inputs) -> Results:
    return (_with_key(_dict(inputs[0]), _key(inputs[1]), inputs[2]),)


def _dict_delete(_g: Emitter, _node: TorchNode, inputs: Inputs) -> Results:
    return (_without_key(_dict(inputs[0]), _key(inputs[1])),)


def _dict_pop(_g: Emitter, _node: TorchNode, inputs: Inputs) -> Results:
    whole, key = _dict(inputs[0]), _key(inputs[1])
    if key not in whole.keys and len(inputs) > 2:
        return inputs[2], whole
    return whole.values[_find(whole, key)], _without_key(whole, key)


def _dict_popitem(_g: Emitter, _node: TorchNode, inputs: Inputs) -> Results:
    whole = _dict(inputs[0])
    if not whole.keys:
        raise UnsupportedOperatorError("the dict is empty")
    return (whole.keys[-1], whole.values[-1]), _without_key(whole, whole.keys[-1])


def _dict_setdefault(_g: Emitter, _node: TorchNode, inputs: Inputs) -> Results:
    whole, key = _dict(inputs[0]), _key(inputs[1])
    if key not in whole.keys:
        whole = _with_key(whole, key, inputs[2])
    return whole.values[whole.keys.index(key)], whole


def _dict_update(_g: Emitter, _node: TorchNode, inputs: Inputs) -> Results:
    whole, more = _dict(inputs[0]), _dict(inputs[1])
    for key, value in zip(more.keys, more.values, strict=True):
        whole = _with_key(whole, key, value)
    return (whole,)


def _dict_contains(_g: Emitter, _node: TorchNode, inputs: Inputs) -> Results:
    return (_key(inputs[1]) in _dict(inputs[0]).keys,)


def _dict_keys(_g: Emitter, _node: TorchNode, inputs: Inputs) -> Results:
    return (_dict(inputs[0]).keys,)


def _dict_values(_g: Emitter, _node: TorchNode, inputs: Inputs) -> Results:
    return (_dict(inputs[0]).values,)


def _dict_items(_g: Emitter, _node: TorchNode, inputs: Inputs) -> Results:
    whole = _dict(inputs[0])
    return (tuple(zip(whole.keys, whole.values, strict=True)),)


def _dict_of_items(_g: Emitter, _node: TorchNode, inputs: Inputs) -> Results:
    if isinstance(inputs[0], Dictionary):
        return (inputs[0],)
    made = Dictionary((), ())
    for pair in _pairs(inputs[0]):
        assert isinstance(pair, tuple)
        made = _with_key(made, _key(pair[0]), pair[1])
    return (made,)


def _pairs(item: Lowered) -> tuple[Any, ...]:
    if isinstance(item, tuple):
        return item
    raise NotConstant("a dict is made of a list whose length is only known when the model runs")


def _length(_g: Emitter, _node: TorchNode, inputs: Inputs) -> Results:
    return (len(_dict(inputs[0]).keys),)


def _same(_g: Emitter, _node: TorchNode, inputs: Inputs) -> Results:
    return (inputs[0],)


_KEYS = ("str", "int", "bool", "float")

DICTS: dict[str, Callable[[Emitter, TorchNode, Inputs], Results]] = {
    "prim::DictConstruct": _dict_construct,
    **{
        f"aten::{name}{suffix}{key}": function
        for key in _KEYS
        for name, suffix, function in (
            ("len", ".Dict_", _length),
            ("__getitem__", ".Dict_", _dict_getitem),
            ("get", ".", _dict_get),
            ("get.default_", "", _dict_get),
            ("_set_item", ".", _dict_set_item),
            ("Delete", ".Dict_", _dict_delete),
            ("pop", ".Dict_", _dict_pop),
            ("pop", ".Dict_default_", _dict_pop),
            ("popitem", ".", _dict_popitem),
            ("setdefault", ".", _dict_setdefault),
            ("update", ".", _dict_update),
            ("__contains__", ".", _dict_contains),
            ("keys", ".", _dict_keys),
            ("values", ".", _dict_values),
            ("items", ".", _dict_items),
            ("copy", ".Dict_", _same),
            ("dict", ".", _dict_of_items),
            ("dict.Dict_", "", _dict_of_items),
        )
    },
}
"""Target with overload → what it does."""
