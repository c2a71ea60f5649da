"""Element types of values in symbolic functions of the reference, and casts that follow from them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from onnx_explore.compat.asking import dtype
from onnx_explore.compat.scalar_types import JitScalarType
from onnx_explore.compat.values import is_value

JitValue = Any


def scalar_type(*args: Any) -> JitScalarType | None:
    """The scalar type of the first of these that has one."""
    found = next((known for item in args if (known := dtype(item)) is not None), None)
    return None if found is None else JitScalarType.from_dtype(found)


def promoted_type(*args: Any) -> JitScalarType:
    """The scalar type that PyTorch promotes these to."""
    known = [found for item in args if (found := dtype(item)) is not None]
    if not known:
        return JitScalarType.UNDEFINED
    result = known[0]
    for item in known[1:]:
        result = torch.promote_types(result, item)
    return JitScalarType.from_dtype(result)


def cast_to(g: Any, value: JitValue, jit_type: JitScalarType) -> JitValue:
    """A value of a scalar type; the value itself if it has it."""
    return value if scalar_type(value) == jit_type else g.op("Cast", value, to_i=jit_type.onnx_type())


def number_like(*args: Any) -> Any:
    """``(number, tensor)``: the number in the tensor's scalar type; a value as it is. ``g`` may stand before them."""
    number, tensor = args[-2:]
    if is_value(number):
        return number
    wanted = dtype(tensor)
    if wanted is None or number is None:
        return number
    return torch.tensor(number, dtype=wanted) if isinstance(number, bool | int | float) else number.to(wanted)


def with_float_cast(g: Any, op_name: str, *args: Any, **kwargs: Any) -> Any:
    """An operator on operands that are not floating, computed in float32 where its opset wants that.

    ``target_float_t`` and ``opset_before`` are the reference's: the type to compute in, and the first opset that needs no cast.
    """
    wanted = kwargs.pop("target_float_t", JitScalarType.FLOAT)
    wanted = wanted if isinstance(wanted, JitScalarType) else JitScalarType.from_name(wanted)
    before = kwargs.pop("opset_before", None)
    own = scalar_type(*args)
    floating = own is not None and own.dtype().is_floating_point
    if own is None or floating or (before is not None and g.opset >= before):
        return g.op(op_name, *args, **kwargs)
    result = g.op(op_name, *(cast_to(g, item, wanted) if is_value(item) else item for item in args), **kwargs)
    return cast_to(g, result, own)


def reduce_operand(g: Any, self: JitValue) -> JitValue:
    """The operand of a sum or product: PyTorch computes those of integers in int64."""
    found = dtype(self)
    narrow = found is not None and not found.is_floating_point and found is not torch.int64
    return cast_to(g, self, JitScalarType.INT64) if narrow else self


def overload_by_count(fn: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator: of the functions that this one returns, call the one that takes as many values as there are."""

    def chosen(g: Any, *args: Any) -> Any:
        for candidate in fn(g, *args):
            if len(getattr(candidate, "_arg_descriptors", ())) == len(args):
                return candidate(g, *args)
        return None

    chosen.__name__ = getattr(fn, "__name__", "chosen")
    return chosen
