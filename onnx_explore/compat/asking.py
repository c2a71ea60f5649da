"""What symbolic functions of the reference ask of their values: rank, sizes, is it constant, is it a list.

In: values of ``torch._C``. Out: plain Python. A size that may differ when the model runs is None.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from onnx_explore.compat.parsing import parse_arg
from onnx_explore.compat.types import JitC, is_tensor
from onnx_explore.compat.values import content, is_known, is_value
from onnx_explore.errors import NotConstant, UnsupportedOperatorError

JitValue = Any


def is_none(x: Any) -> bool:
    """Whether an optional argument is not given."""
    return x is None or (is_value(x) and x.node().mustBeNone())


def is_constant(value: Any) -> bool:
    """Whether it is known at export: a constant, or no value at all."""
    return not is_value(value) or value.node().kind() in ("onnx::Constant", "prim::Constant")


def is_tensor_value(x: JitValue) -> bool:
    """Whether its type is a tensor's."""
    return is_tensor(x.type())


def is_list(x: JitValue) -> bool:
    """Whether its type is a list's."""
    return x.type().kind() == "ListType"


def is_list_of_tensors(x: JitValue) -> bool:
    """Whether its type is that of a list of tensors."""
    return is_list(x) and is_tensor(x.type().getElementType())


def is_list_of_numbers(x: JitValue) -> bool:
    """Whether its type is that of a list of numbers."""
    return is_list(x) and x.type().getElementType().kind() in ("IntType", "FloatType", "BoolType", "NumberType")


def is_packed_list(value: Any) -> bool:
    """Whether it is a list whose length and members are known at export."""
    return is_value(value) and value.node().kind() == "prim::ListConstruct"


def is_tuple(value: Any) -> bool:
    """Whether it is a tuple whose members are known at export."""
    return is_value(value) and value.node().kind() == "prim::TupleConstruct"


def unpack_list(list_value: JitValue) -> list[JitValue]:
    """The members of a list.

    Raises:
        NotConstant: If its length is only known when the model runs.
    """
    if not is_packed_list(list_value):
        raise NotConstant(f"'%{list_value.debugName()}' is not a list whose length is known at export")
    return list(list_value.node().inputs())


def unpack_tuple(tuple_value: JitValue) -> tuple[JitValue, ...]:
    """The members of a tuple.

    Raises:
        UnsupportedOperatorError: If it is none.
    """
    if not is_tuple(tuple_value):
        raise UnsupportedOperatorError(f"'%{tuple_value.debugName()}' is not a tuple of known members")
    return tuple(tuple_value.node().inputs())


def get_const(value: Any, desc: str, arg_name: str) -> Any:
    """The content of a constant, as a descriptor wants it.

    Raises:
        NotConstant: If it is only known when the model runs; names the argument.
    """
    return parse_arg(value, desc, arg_name)


def maybe_scalar(value: Any) -> Any:
    """The 0-d tensor behind a constant; anything else as it is."""
    found = content(value) if is_value(value) and is_constant(value) else value
    return found if isinstance(found, torch.Tensor) and found.dim() == 0 else value


def scalar(x: Any) -> Any:
    """The number in a tensor of one element; a number as it is; else None."""
    if isinstance(x, bool | int | float | complex):
        return x
    if isinstance(x, torch.Tensor):
        if x.numel() != 1:
            raise UnsupportedOperatorError(f"a tensor of {x.numel()} elements is no number")
        return x.item()
    return None


def rank(x: JitValue) -> int | None:
    """The number of dimensions, where it is known."""
    return x.type().dim() if is_tensor_value(x) else None


def sizes(x: JitValue, allow_nonstatic: bool = True) -> list[int | None] | None:
    """The sizes; None in place of a dynamic one, or in place of all without ``allow_nonstatic``."""
    if not is_tensor_value(x):
        return None
    return x.type().varyingSizes() if allow_nonstatic else x.type().sizes()


def size(x: JitValue, dim: int) -> int | None:
    """One size, where it is known."""
    known = sizes(x)
    return None if known is None or not -len(known) <= dim < len(known) else known[dim]


def dtype(x: Any) -> torch.dtype | None:
    """The element type of a value or a tensor, or the one of a Python number."""
    if is_value(x):
        return x.type().dtype() if is_tensor_value(x) else None
    if isinstance(x, torch.Tensor):
        return x.dtype
    return torch.tensor(x).dtype if isinstance(x, bool | int | float | complex) else None


def is_floating(value: Any) -> bool:
    """Whether the element type is a floating-point one."""
    found = dtype(value)
    return found is not None and found.is_floating_point


def is_bool(value: Any) -> bool:
    """Whether the element type is bool."""
    return dtype(value) == torch.bool


def is_complex(x: Any) -> bool:
    """Whether the element type is complex."""
    found = dtype(x)
    return found is not None and found.is_complex


def are_alike(args: Any) -> bool:
    """Whether values have one element type."""
    return len({dtype(item) for item in args}) <= 1


def node_attribute(node: Any, key: str) -> Any:
    """An attribute of a node, whatever its type."""
    kind = node.kindOf(key)
    return getattr(node, "fs" if kind == "c" else kind)(key)


def splits_are_known(split_size_or_sizes: Any, outputs: int | None) -> bool:
    """Whether a split has parts whose number and sizes are known at export."""
    return outputs is not None and (not is_value(split_size_or_sizes) or is_known(split_size_or_sizes))


def cross_dimension(x: JitValue, dim: int | None) -> int | None:
    """The dimension of a cross product: the first of size 3 if it is not said."""
    if dim is None or dim == -1:
        known = sizes(x)
        found = next((index for index, item in enumerate(known or []) if item == 3), None)
        if found is None and dim is None:
            raise UnsupportedOperatorError("no dimension of size 3 is known", argument="dim", action="pass dim")
        return found if dim is None else dim
    return dim


def is_graph_constant(value: JitValue) -> bool:
    """Whether a value is made by ``Constant``, and not what TorchScript calls a constant."""
    return value.node().kind() == "onnx::Constant"


def as_list_type(kind: Any) -> Any:
    """A type, if it is a list's; else None."""
    return kind if isinstance(kind, JitC.ListType) else None


def applied(*args: Any, **kwargs: Any) -> Callable[[Callable[..., Any]], Any]:
    """Decorator: the name stands for what the function gives for these arguments."""
    return lambda function: function(*args, **kwargs)
