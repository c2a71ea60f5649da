"""``parse_args`` and the questions that symbolic functions of the reference ask of their values.

In: values as ``register_custom_op_symbolic`` hands them over. Out: Python numbers, lists, tensors. Names and meaning
are those of ``torch.onnx.symbolic_helper``; the underscored ones are what the reference's own examples use.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

import onnx_ir as ir
import torch

from onnx_explore.compat.values import Value
from onnx_explore.errors import InvalidArgument, NotConstant, UnsupportedOperatorError

__all__ = [
    "_get_const",
    "_get_tensor_dim_size",
    "_get_tensor_rank",
    "_get_tensor_sizes",
    "_is_constant",
    "_is_none",
    "_is_packed_list",
    "_is_tensor",
    "_is_value",
    "_maybe_get_const",
    "_maybe_get_scalar",
    "_parse_arg",
    "_unpack_list",
    "convert_arguments",
    "parse_args",
]

_DESCRIPTIONS = ("v", "i", "f", "b", "s", "t", "is", "fs", "none")


def parse_args(*arg_descriptors: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorator: convert the values behind ``g`` before the function sees them.

    Args:
        *arg_descriptors: One for each value: ``v`` (as it is), ``i`` int, ``f`` float, ``b`` bool, ``s`` string,
            ``t`` tensor, ``is`` and ``fs`` lists, ``none`` (not used).

    Raises:
        InvalidArgument: If a descriptor is none of these.
    """
    for descriptor in arg_descriptors:
        if descriptor not in _DESCRIPTIONS:
            raise InvalidArgument(
                f"'{descriptor}' is not a descriptor",
                argument="arg_descriptors",
                action=f"use {', '.join(_DESCRIPTIONS)}",
            )

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def parsed(g: Any, *values: Any, **kwargs: Any) -> Any:
            return function(g, *convert_arguments(function, arg_descriptors, values), **kwargs)

        return parsed

    return decorate


def convert_arguments(function: Callable[..., Any], descriptors: Sequence[str], values: Sequence[Any]) -> list[Any]:
    """The values as the descriptors want them.

    Raises:
        UnsupportedOperatorError: If there are more values than descriptors.
        NotConstant: If a value must be known at export and is not.
    """
    names = list(inspect.signature(function).parameters)[1:]
    if len(values) > len(descriptors):
        raise UnsupportedOperatorError(
            f"the operator has {len(values)} inputs, and parse_args describes {len(descriptors)}",
            action="describe all of them",
        )
    result: list[Any] = []
    for index, (descriptor, value) in enumerate(zip(descriptors, values, strict=False)):
        name = names[index] if index < len(names) else f"number {index + 1}"
        result.append(_parse_arg(value, descriptor, name))
    return result


def _parse_arg(value: Any, desc: str, arg_name: str = "") -> Any:
    if desc in ("v", "none") or not isinstance(value, Value):
        return value
    try:
        found = value.toIValue()
    except NotConstant as error:
        raise NotConstant(error.message, argument=arg_name, action=error.action) from error
    return _as(found, desc, arg_name)


def _as(found: Any, desc: str, name: str) -> Any:
    if desc == "t":
        return found if isinstance(found, torch.Tensor) else torch.tensor(found)
    if isinstance(found, torch.Tensor):
        found = found.tolist()
    if len(desc) == 2:
        items: list[Any] = list(found) if isinstance(found, list | tuple) else [found]  # pyright: ignore[reportUnknownArgumentType]
        return [_as(item, desc[0], name) for item in items]
    kinds: dict[str, tuple[Any, Any]] = {
        "i": (bool | int, int),
        "f": (bool | int | float, float),
        "b": (bool | int, bool),
        "s": (str, str),
    }
    accepts, convert = kinds[desc]
    if isinstance(found, list) and len(found) == 1:  # pyright: ignore[reportUnknownArgumentType]
        found = found[0]  # pyright: ignore[reportUnknownVariableType]
    if not isinstance(found, accepts):
        raise UnsupportedOperatorError(f"expected {convert.__name__}, found {found!r}", argument=name)
    return convert(found)


def _is_value(x: Any) -> bool:
    return isinstance(x, Value)


def _is_none(x: Any) -> bool:
    return x is None or (isinstance(x, Value) and x.lowered is None)


def _is_constant(value: Any) -> bool:
    return not isinstance(value, Value) or value.node().kind() == "onnx::Constant"


def _is_tensor(x: Value) -> bool:
    return x.type().shape is not None or isinstance(x.lowered, ir.Value)


def _is_packed_list(value: Value) -> bool:
    return value.node().kind() == "prim::ListConstruct"


def _unpack_list(value: Value) -> list[Value]:
    if not _is_packed_list(value):
        raise NotConstant(f"'{value.debugName()}' is not a list whose length is known at export")
    return value.node().inputs()


def _get_const(value: Any, desc: str, arg_name: str) -> Any:
    """The constant's content; a ``NotConstant`` naming the argument if it is none."""
    return _parse_arg(value, desc, arg_name)


def _maybe_get_const(value: Any, descriptor: str) -> Any:
    """The constant's content where it is one, else the value itself."""
    return _parse_arg(value, descriptor) if isinstance(value, Value) and _knows(value) else value


def _maybe_get_scalar(value: Any) -> Any:
    """A 0-d constant tensor, else the value itself."""
    found = _maybe_get_const(value, "t")
    return found if isinstance(found, torch.Tensor) and found.dim() == 0 else value


def _knows(value: Value) -> bool:
    item = value.lowered
    if isinstance(item, tuple):
        return all(_knows(Value(entry)) for entry in item)
    return not isinstance(item, ir.Value) or item.const_value is not None


def _get_tensor_rank(x: Value) -> int | None:
    return x.type().dim()


def _get_tensor_sizes(x: Value, allow_nonstatic: bool = True) -> list[int | None] | None:
    sizes = x.type().sizes()
    return sizes if allow_nonstatic or sizes is None or None not in sizes else None


def _get_tensor_dim_size(x: Value, dim: int) -> int | None:
    sizes = x.type().sizes()
    return None if sizes is None or not -len(sizes) <= dim < len(sizes) else sizes[dim]
