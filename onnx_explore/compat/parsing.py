"""``parse_args``: what a symbolic function of the reference wants of its arguments, in descriptors such as ``"v", "i", "fs"``.

In: values as ``register_custom_op_symbolic`` hands them over. Out: Python numbers, lists, tensors; what is no value stays as it
is.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

import torch

from onnx_explore.compat.values import content, is_known, is_value
from onnx_explore.errors import InvalidArgument, UnsupportedOperatorError

DESCRIPTORS = "_arg_descriptors"
"""Where ``parse_args``, torch's and ours, leaves its descriptors."""

_DESCRIPTORS = ("v", "i", "f", "b", "s", "t", "is", "fs", "none")


def parse_args(*arg_descriptors: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorator: convert the values behind ``g`` before the function sees them.

    Args:
        *arg_descriptors: One for each value: ``v`` (as it is), ``i`` int, ``f`` float, ``b`` bool, ``s`` string,
            ``t`` tensor, ``is`` and ``fs`` lists, ``none`` (not used).

    Raises:
        InvalidArgument: If a descriptor is none of these.
    """
    for descriptor in arg_descriptors:
        if descriptor not in _DESCRIPTORS:
            raise InvalidArgument(
                f"'{descriptor}' is not a descriptor",
                argument="arg_descriptors",
                action=f"use {', '.join(_DESCRIPTORS)}",
            )

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def parsed(g: Any, *values: Any, **kwargs: Any) -> Any:
            return function(g, *convert_arguments(function, arg_descriptors, values), **kwargs)

        setattr(parsed, DESCRIPTORS, arg_descriptors)
        return parsed

    return decorate


def convert_arguments(function: Callable[..., Any], descriptors: Sequence[str], values: Sequence[Any]) -> list[Any]:
    """The values as the descriptors want them.

    Raises:
        UnsupportedOperatorError: If there are more values than descriptors, or one is of another type.
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
        result.append(parse_arg(value, descriptor, name))
    return result


def parse_arg(value: Any, desc: str, arg_name: str | None = None, node_name: str | None = None) -> Any:
    """One value as a descriptor wants it. ``node_name`` is taken for the sake of the reference's signature.

    Raises:
        UnsupportedOperatorError: If it is of another type.
        NotConstant: If it must be known at export and is not.
    """
    del node_name
    if desc in ("v", "none") or not is_value(value):
        return value
    return _as(content(value, argument=arg_name or ""), desc, arg_name or "")


def maybe_const(value: Any, descriptor: str) -> Any:
    """The content of a constant as a descriptor wants it; anything else as it is."""
    return parse_arg(value, descriptor) if is_value(value) and is_known(value) else value


def _as(found: Any, desc: str, name: str) -> Any:
    if found is None:
        return None
    if desc == "t":
        return found if isinstance(found, torch.Tensor) else torch.tensor(_plain(found))
    found = _plain(found)
    if len(desc) == 2:
        items: list[Any] = list(found) if isinstance(found, list | tuple) else [found]  # pyright: ignore[reportUnknownArgumentType]
        return [_as(item, desc[0], name) for item in items]
    kinds: dict[str, tuple[Any, Any]] = {
        "i": (bool | int | float, int),
        "f": (bool | int | float, float),
        "b": (bool | int | float, bool),
        "s": (str, str),
    }
    accepts, convert = kinds[desc]
    if isinstance(found, list) and len(found) == 1:  # pyright: ignore[reportUnknownArgumentType]
        found = found[0]  # pyright: ignore[reportUnknownVariableType]
    if not isinstance(found, accepts) or (desc == "i" and isinstance(found, float) and not found.is_integer()):
        raise UnsupportedOperatorError(
            f"the descriptor '{desc}' expects {convert.__name__}, and it is {found!r}", argument=name
        )
    return convert(found)


def _plain(found: Any) -> Any:
    """Tensors as numbers and lists."""
    if isinstance(found, torch.Tensor):
        return found.tolist()
    return [_plain(item) for item in found] if isinstance(found, list) else found  # pyright: ignore[reportUnknownVariableType]
