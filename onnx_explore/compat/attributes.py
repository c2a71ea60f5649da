"""Attributes as the reference writes them, ``alpha_f=1.0``, on nodes of a scratch graph, and from there to ``onnx_ir``.

The suffix says the type: ``_f`` float, ``_i`` int, ``_s`` string, ``_t`` tensor; a list, or ``_fs`` ``_is`` ``_ss`` ``_ts``,
several.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import onnx_ir as ir
import torch
from onnx_ir.tensor_adapters import TorchTensor

from onnx_explore.compat.scratch import JitNode
from onnx_explore.compat.types import JitC
from onnx_explore.compat.values import content
from onnx_explore.errors import InvalidArgument, UnsupportedOperatorError

_ATTRIBUTE = re.compile(r"(.+)_(is|fs|ss|ts|[ifstz])")
_PYTHON: dict[str, Callable[[Any], Any]] = {"i": int, "f": float, "s": str}
_WORDS = {"i": "an int", "f": "a float", "s": "a string", "t": "a tensor"}


def set_attribute(node: JitNode, opname: str, key: str, item: Any) -> None:
    """Put ``key=item`` on a node. A value that is constant stands for its content, as in the reference.

    Raises:
        InvalidArgument: If the key does not say its type, or the item is not of it.
        NotConstant: For a value that is only known when the model runs.
    """
    match = _ATTRIBUTE.fullmatch(key)
    if match is None:
        raise InvalidArgument(
            f"the attribute '{key}' of {opname} does not say its type",
            argument=key,
            action=f"write {key}_f (float), {key}_i (int), {key}_s (string) or {key}_t (tensor)",
        )
    name, suffix = match.groups()
    kind = "t" if suffix[0] == "z" else suffix[0]
    if isinstance(item, JitC.Value):
        item = content(item, argument=key)
    if isinstance(item, torch.Size):
        item = list(item)
    if isinstance(item, torch.Tensor) and kind != "t":
        item = item.tolist()
    several = len(suffix) == 2 or (isinstance(item, list | tuple) and kind != "t")
    entries: list[Any] = list(item) if isinstance(item, list | tuple) and several else [item]  # pyright: ignore[reportUnknownArgumentType]
    try:
        plain = [_converted(kind, entry) for entry in entries]
        getattr(node, f"{kind}s_" if several else f"{kind}_")(name, plain if several else plain[0])
    except (TypeError, ValueError, RuntimeError) as error:
        raise InvalidArgument(
            f"{item!r} cannot be the attribute '{name}' of {opname}, which is {_WORDS[kind]}", argument=key
        ) from error


def _converted(kind: str, entry: Any) -> Any:
    if isinstance(entry, JitC.Value):
        entry = content(entry)
    if kind == "t":
        tensor = entry if isinstance(entry, torch.Tensor) else torch.tensor(entry)
        return tensor.detach().contiguous()
    if kind == "s" and not isinstance(entry, str | bytes):
        raise TypeError("not a string")
    return _PYTHON[kind](entry.decode() if isinstance(entry, bytes) else entry)


def attributes_of(node: JitNode) -> list[ir.Attr]:
    """A node's attributes as ``onnx_ir`` has them, by name."""
    return [_attribute(node, name) for name in sorted(node.attributeNames())]


def attribute_value(node: JitNode, name: str) -> Any:
    """One attribute of a node, whatever its type.

    Raises:
        KeyError: If there is none of that name.
    """
    if not node.hasAttribute(name):
        raise KeyError(name)
    kind = node.kindOf(name)
    return getattr(node, _FLOATS if kind == "c" else kind)(name)


_FLOATS = "fs"
"""PyTorch's ``kindOf`` says "c" of a list of floats."""

_MAKE: dict[str, Callable[[str, Any], ir.Attr]] = {
    "i": ir.AttrInt64,
    "f": ir.AttrFloat32,
    "s": ir.AttrString,
    "is": ir.AttrInt64s,
    "c": ir.AttrFloat32s,
    "fs": ir.AttrFloat32s,
    "ss": ir.AttrStrings,
    "t": lambda name, item: ir.AttrTensor(name, TorchTensor(item)),
    "ts": lambda name, items: ir.AttrTensors(name, [TorchTensor(item) for item in items]),
}


def _attribute(node: JitNode, name: str) -> ir.Attr:
    kind = node.kindOf(name)
    if kind not in _MAKE:
        raise UnsupportedOperatorError(
            f"the attribute '{name}' of {node.kind()} is of a type ('{kind}') that ONNX does not have"
        )
    return _MAKE[kind](name, attribute_value(node, name))
