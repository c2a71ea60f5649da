"""Calls that PyTorch's tracer records wrongly, or raises an internal error in, as calls that it records.

In: a function of torch and its arguments, as the user called it. Out: a function and arguments that give the same::

    torch.fill(x, 2.5)         ──►  x.clone().fill_(2.5)
    mask & True                ──►  mask & torch.tensor(True)
    x.masked_fill(mask, True)  ──►  x.masked_fill(mask, 1)
    x.data                     ──►  x.detach()
    torch.roll(x, size)        ──►  torch.roll(x, (size,))
    torch.gradient(x, spacing=[2.0, 3.0])  ──►  one call for each number
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, cast

import torch

FROM_DATA = frozenset({torch.tensor, torch.as_tensor})
"""Make a tensor of a list, whose traced sizes the tracer would take for plain numbers."""

_NUMBERS: dict[str, tuple[tuple[int | None, str], ...]] = {
    "full": ((1, "fill_value"),),
    "full_like": ((1, "fill_value"),),
    "new_full": ((2, "fill_value"),),
    "scalar_tensor": ((0, "s"),),
    "fill": ((1, "value"),),
    "masked_fill": ((2, "value"),),
    "index_fill": ((3, "value"),),
    "constant_pad_nd": ((2, "value"),),
    "scatter": ((3, "value"),),
    "clamp": ((1, "min"), (2, "max")),
    "clip": ((1, "min"), (2, "max")),
    "clamp_min": ((1, "min"),),
    "clamp_max": ((1, "max"),),
    "pow": ((0, "self"), (1, "exponent")),
    "arange": ((0, "start"), (1, "end"), (2, "step")),
    "add": ((None, "alpha"),),
    "sub": ((None, "alpha"),),
    "index_add": ((None, "alpha"),),
    "_unsafe_masked_index": ((3, "fill"),),
}
"""Function (without the ``_`` of its in-place form) → places and names of its arguments of type Scalar, for which the tracer has
no bool.
"""

_OPERANDS = frozenset(
    f"{before}{name}"
    for before, names in (
        (
            "",
            (
                "eq",
                "ne",
                "lt",
                "le",
                "gt",
                "ge",
                "not_equal",
                "less",
                "less_equal",
                "greater",
                "greater_equal",
                "where",
            ),
        ),
        ("", ("and", "or", "xor", "iand", "ior", "ixor", "rand", "ror", "rxor")),
        ("bitwise_", ("and", "or", "xor")),
    )
    for name in names
)
"""Functions (without ``_`` around) that take a bool among their operands, for which the tracer has a tensor alone."""

_FILL = frozenset({torch.fill, torch.ops.aten.fill, torch.ops.aten.fill.Scalar, torch.ops.aten.fill.Tensor})
"""Recorded by the tracer as another operator with missing arguments, of which PyTorch then finds no schema."""

_DATA = frozenset({torch.Tensor.data.__get__})  # pyright: ignore[reportAttributeAccessIssue]
"""``x.data``, which the tracer does not see; ``x.detach()`` shares the memory as well, and is recorded."""

_VIEWS = frozenset({torch.Tensor.view, torch.ops.aten.view, torch.ops.aten.view.dtype})
"""With an element type, recorded by the tracer without the overload, of which PyTorch then finds no schema."""

_SINGLE = frozenset({torch.roll, torch.Tensor.roll, torch.adaptive_avg_pool1d, torch.nn.functional.adaptive_max_pool1d})
"""Take lists of sizes, and one for a list of one: given a traced size so, PyTorch makes it a number that the trace never sees."""

_GRADIENT = frozenset({torch.gradient})
"""Takes a list of numbers, which the tracer cannot record."""


def recordable(
    func: Callable[..., Any], name: str, args: tuple[Any, ...], kwargs: dict[str, Any] | None
) -> tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any] | None]:
    """A call that the tracer records, and that gives the same.

    Args:
        func: What is called.
        name: Its name.
        args: Its positional arguments.
        kwargs: Its other arguments, if there are any.
    """
    plain = name if name in _NUMBERS else name.strip("_")
    if plain in _OPERANDS:
        args, kwargs = _with_tensors(args, kwargs or {})
    elif plain in _NUMBERS:
        args, kwargs = _without_bool(plain, args, kwargs or {})
    if func in _FILL:
        return _filled, args, kwargs
    if func in _DATA:
        return torch.Tensor.detach, args, kwargs
    if func in _GRADIENT and _gradient_steps(args, kwargs or {}):
        return _gradients, args, kwargs
    if func in _SINGLE:
        args, kwargs = _with_lists(args, kwargs or {})
    return func, args, kwargs


def reinterpreting(
    func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any] | None
) -> torch.dtype | None:
    """The element type that ``view`` is called with, or None for any other call."""
    if func not in _VIEWS:
        return None
    dtype = args[1] if len(args) > 1 else (kwargs or {}).get("dtype")
    return dtype if isinstance(dtype, torch.dtype) else None


def _without_bool(plain: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Filling with True is filling with 1, in a tensor of bools; so everywhere else."""
    for place, name in _NUMBERS[plain]:
        given = args[place] if place is not None and len(args) > place else kwargs.get(name)
        if not isinstance(given, bool):
            continue
        if place is not None and len(args) > place:
            args = (*args[:place], int(given), *args[place + 1 :])
        else:
            kwargs = {**kwargs, name: int(given)}
        if plain == "full" and kwargs.get("dtype") is None:
            kwargs = {**kwargs, "dtype": torch.bool}
    return args, kwargs


def _with_tensors(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Every bool as a tensor, which ranks as low as a number in type promotion, as it is the lowest type."""
    if not any(isinstance(item, bool) for item in (*args, *kwargs.values())):
        return args, kwargs
    named = {key: torch.tensor(item) if isinstance(item, bool) else item for key, item in kwargs.items()}
    return tuple(torch.tensor(item) if isinstance(item, bool) else item for item in args), named


def _filled(self: torch.Tensor, value: Any) -> torch.Tensor:
    """What ``torch.fill`` does, in operators that the tracer records as they are."""
    return self.clone().fill_(int(value) if isinstance(value, bool) else value)


def _gradient_steps(args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[tuple[Any, Any]]:
    """Spacing and dimension of each gradient that ``torch.gradient`` is asked for with a list of numbers.

    Empty for any other call, and for one that PyTorch refuses.
    """
    x, spacing, dim = args[0] if args else kwargs.get("input"), kwargs.get("spacing"), kwargs.get("dim")
    if not isinstance(spacing, list | tuple) or not isinstance(x, torch.Tensor):
        return []
    numbers = list(cast("Sequence[Any]", spacing))
    dims = list(cast("Sequence[Any]", dim)) if isinstance(dim, list | tuple) else [dim]
    dims = list(range(x.dim())) if dim is None else dims
    wanted = len(numbers) == len(dims) and all(isinstance(item, int | float | complex) for item in numbers)
    return list(zip(numbers, dims, strict=True)) if wanted else []


def _gradients(*args: Any, **kwargs: Any) -> tuple[torch.Tensor, ...]:
    """What ``torch.gradient`` does with a list of numbers, dimension by dimension."""
    steps = _gradient_steps(args, kwargs)
    return tuple(torch.gradient(*args, **{**kwargs, "spacing": step, "dim": dim})[0] for step, dim in steps)


def holds_sizes(data: Any) -> bool:
    """Whether a (nested) list of numbers has traced sizes, or other 0-d tensors, in it."""
    if type(data) not in (list, tuple, torch.Size):
        return False
    items = cast("Sequence[Any]", data)
    return any(item.dim() == 0 if isinstance(item, torch.Tensor) else holds_sizes(item) for item in items)


def stacked(data: Sequence[Any], more: tuple[Any, ...], options: dict[str, Any]) -> torch.Tensor:
    """``torch.tensor(data, *more, **options)``, with every element as the trace knows it."""
    named = {**dict(zip(("dtype", "device"), more, strict=False)), **options}
    result = _stack(data)
    return result.to(device=named.get("device"), dtype=named.get("dtype") or result.dtype)


def _stack(data: Any) -> torch.Tensor:
    if not isinstance(data, list | tuple) or not data:
        return torch.as_tensor(data)
    parts = [_stack(item) for item in cast("Sequence[Any]", data)]
    dtype = functools.reduce(torch.promote_types, [part.dtype for part in parts])
    return torch.stack([part.to(dtype) for part in parts])


def _with_lists(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Every single number behind the first argument as a list, if one of them is a traced size."""
    named = {key: item for key, item in kwargs.items() if key != "input"}
    if not any(isinstance(item, torch.Tensor) and item.dim() == 0 for item in (*args[1:], *named.values())):
        return args, kwargs
    listed = {key: _listed(item) for key, item in named.items()}
    return (*args[:1], *(_listed(item) for item in args[1:])), {**kwargs, **listed}


def _listed(item: Any) -> Any:
    return (item,) if isinstance(item, int | torch.Tensor) and not isinstance(item, bool) else item
