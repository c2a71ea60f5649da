"""Questions about values of ``torch._C``: their content, if it is known at export."""

from __future__ import annotations

from typing import Any

import torch

from onnx_explore.compat.types import JitC
from onnx_explore.errors import NotConstant

JitValue = Any

_CONSTANTS = ("onnx::Constant", "prim::Constant")
_STRUCTURES = ("prim::ListConstruct", "prim::TupleConstruct")


def is_value(item: object) -> bool:
    """Whether it is a value of a graph, and no plain Python object."""
    return isinstance(item, JitC.Value)


def is_known(value: JitValue) -> bool:
    """Whether the content of a value is known at export."""
    node = value.node()
    kind = node.kind()
    if kind in _STRUCTURES:
        return all(is_known(entry) for entry in node.inputs())
    return kind in _CONSTANTS


def content(value: JitValue, *, argument: str = "") -> Any:
    """The content of a constant: a tensor, a string, a device, None, a list of these.

    Raises:
        NotConstant: If it is only known when the model runs.
    """
    node = value.node()
    kind = node.kind()
    if kind in _STRUCTURES:
        return [content(entry, argument=argument) for entry in node.inputs()]
    if kind == "prim::Constant":
        return value.toIValue()
    if kind != "onnx::Constant":
        raise NotConstant(
            f"the value of '%{value.debugName()}' is only known when the model runs, and is needed at export",
            argument=argument,
            action="pass a Python number that does not depend on an input or on a dynamic axis",
        )
    for name in node.attributeNames():
        found = getattr(node, "fs" if node.kindOf(name) == "c" else node.kindOf(name))(name)
        return (
            found if name.startswith("value_string") or isinstance(found, str | torch.Tensor) else torch.tensor(found)
        )
    raise NotConstant(f"'%{value.debugName()}' is a constant without a value", argument=argument)
