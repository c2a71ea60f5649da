"""``dynamic_axes`` as the reference documents them: two forms, automatic names, and what is wrong with a wrong one."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np

from onnx_explore.errors import InvalidArgument
from onnx_explore.relations import base_sizes, symbols_in

DynamicAxes = Mapping[str, Mapping[int, str] | Sequence[int]]


def normalized(
    dynamic_axes: DynamicAxes | None,
    input_shapes: Mapping[str, tuple[int, ...]],
    output_shapes: Mapping[str, tuple[int, ...] | None],
) -> dict[str, dict[int, str]]:
    """Check and complete ``dynamic_axes``.

    Args:
        dynamic_axes: As the user wrote them: value name → {axis: symbol} or [axis, …].
        input_shapes: Captured shape of each graph input.
        output_shapes: Captured shape of each graph output, None where it is not known.

    Returns:
        Value name → {non-negative axis: symbol}. A symbol may be an expression over others, such as ``past + seq``. For the
        list form, the symbols are ``NAME_dynamic_axes_1`` …

    Raises:
        InvalidArgument: For an unknown name, an axis out of range or given twice, one symbol for two sizes, an expression that
            cannot be read, that is not what its axis is, or with a symbol that no axis tells the size of.
    """
    result: dict[str, dict[int, str]] = {}
    known = {**input_shapes, **output_shapes}
    for name, axes in (dynamic_axes or {}).items():
        if name not in known:
            raise InvalidArgument(
                f"'{name}' is neither an input nor an output of the model",
                argument="dynamic_axes",
                action=f"use one of {', '.join(known)}, or name it in input_names or output_names",
            )
        result[name] = _one(name, axes, known[name])
    _consistent(result, input_shapes)
    return result


def named_axes(name: str, axes: Any) -> dict[int, str]:
    """Axis → symbol, as the user wrote them, of one value; checked as far as that needs no shape.

    Raises:
        InvalidArgument: For what is no axis or no name, or an axis that stands there twice.
    """
    if isinstance(axes, Mapping):
        pairs: list[tuple[Any, Any]] = list(cast("Mapping[Any, Any]", axes).items())
    elif isinstance(axes, list | tuple):
        listed = cast("Sequence[Any]", axes)
        pairs = [(axis, f"{name}_dynamic_axes_{position}") for position, axis in enumerate(listed, start=1)]
    else:
        raise InvalidArgument(
            f"the axes of '{name}' are a {type(axes).__name__}",
            argument="dynamic_axes",
            action='write {"x": {0: "batch"}} or {"x": [0]}',
        )
    result: dict[int, str] = {}
    for given, symbol in pairs:
        axis: Any = given.item() if isinstance(given, np.integer) else given
        if isinstance(axis, bool) or not isinstance(axis, int):
            raise InvalidArgument(f"axis {axis!r} of '{name}' is not an int", argument="dynamic_axes")
        if not isinstance(symbol, str) or not symbol:
            raise InvalidArgument(
                f"the name {symbol!r} of axis {axis} of '{name}' is not a non-empty string", argument="dynamic_axes"
            )
        if symbol.isdigit():
            raise InvalidArgument(
                f"the name '{symbol}' of axis {axis} of '{name}' is a number, which ONNX reads as a fixed size",
                argument="dynamic_axes",
                action='choose a name such as "batch"',
            )
        if axis in result:
            raise InvalidArgument(f"axis {axis} of '{name}' is given twice", argument="dynamic_axes")
        result[axis] = symbol
    return result


def _one(name: str, axes: Any, shape: tuple[int, ...] | None) -> dict[int, str]:
    result: dict[int, str] = {}
    for axis, symbol in named_axes(name, axes).items():
        place = axis
        if shape is not None:
            if not -len(shape) <= axis < len(shape):
                raise InvalidArgument(
                    f"axis {axis} of '{name}' is out of range: its shape is {tuple(shape)}", argument="dynamic_axes"
                )
            place = axis % len(shape)
        if place in result:
            raise InvalidArgument(f"axis {place} of '{name}' is given twice", argument="dynamic_axes")
        result[place] = symbol
    return result


_NAME = re.compile(r"[^\W\d][\w.]*")


def misread(axes: Mapping[str, Mapping[int, str]]) -> list[str]:
    """The symbols that are no names, and no expressions over the other ones: sizes computed from them look like sums of others.

    Args:
        axes: Normalised ``dynamic_axes``.
    """
    symbols = list(dict.fromkeys(symbol for each in axes.values() for symbol in each.values()))
    names = {symbol for symbol in symbols if _NAME.fullmatch(symbol)}
    found = (symbol for symbol in symbols if symbol not in names)
    return [symbol for symbol in found if not set(_NAME.findall(symbol)) <= names]


def _consistent(axes: Mapping[str, Mapping[int, str]], input_shapes: Mapping[str, tuple[int, ...]]) -> None:
    """One symbol is one size, in the example inputs, and an expression is what its axis is."""
    base_sizes(
        (symbol, shape[axis], f"axis {axis} of '{name}'")
        for name, shape in input_shapes.items()
        for axis, symbol in axes.get(name, {}).items()
    )
    for name, named in axes.items():
        if name not in input_shapes:
            for symbol in named.values():
                symbols_in(symbol)  # that it can be read; what it is made of may be known only when the model runs
