"""Nodes that arrange values: constants, tuples, lists and dicts. They emit nothing, but for lists of unknown length."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import onnx_ir as ir
import torch

from onnx_explore.dtypes import SCALAR_TYPES
from onnx_explore.emit import Emitter
from onnx_explore.errors import NotConstant, UnsupportedOperatorError
from onnx_explore.lowering.lists import LISTS, SEQUENCES
from onnx_explore.symbolic.lowered import (
    UNDEFINED,
    Complex,
    Constant,
    Dictionary,
    Lowered,
    PackedCell,
    PackedWeight,
    Quantized,
    is_sequence,
    leaves,
)
from onnx_explore.torch_ir import TorchNode
from onnx_explore.torch_ir.operators import format_text


def constant(item: Any) -> Lowered:
    """The lowered form of a ``prim::Constant``'s value."""
    if isinstance(item, torch.Tensor):
        return Constant(item)
    if isinstance(item, list | tuple):
        return tuple(constant(entry) for entry in item)  # pyright: ignore[reportUnknownVariableType]
    if isinstance(item, dict):
        return Dictionary(tuple(item), tuple(constant(entry) for entry in item.values()))  # pyright: ignore[reportUnknownVariableType]
    if isinstance(item, torch.dtype):
        return SCALAR_TYPES.index(item)
    return item


def _constant(_g: Emitter, node: TorchNode, _inputs: Sequence[Lowered]) -> tuple[Lowered, ...]:
    return (constant(node.constant),)


def _construct(_g: Emitter, _node: TorchNode, inputs: Sequence[Lowered]) -> tuple[Lowered, ...]:
    return (tuple(inputs),)


def _unpack(_g: Emitter, _node: TorchNode, inputs: Sequence[Lowered]) -> tuple[Lowered, ...]:
    (whole,) = inputs
    if not isinstance(whole, tuple):
        raise UnsupportedOperatorError("unpacks something else than a tuple")
    return whole


def _index(_g: Emitter, _node: TorchNode, inputs: Sequence[Lowered]) -> tuple[Lowered, ...]:
    whole, index = inputs
    if not isinstance(whole, tuple) or not isinstance(index, int):
        raise NotConstant("takes a member of a tuple that is only known when the model runs")
    return (whole[index],)


def _tuple_slice(_g: Emitter, node: TorchNode, inputs: Sequence[Lowered]) -> tuple[Lowered, ...]:
    (whole,) = inputs
    assert isinstance(whole, tuple)
    return (whole[node.attributes["beg"] : node.attributes["end"]],)


def _enum(_g: Emitter, node: TorchNode, inputs: Sequence[Lowered]) -> tuple[Lowered, ...]:
    member: Any = inputs[0]
    return (member.name if node.target == "prim::EnumName" else member.value,)


def _same_enum(_g: Emitter, node: TorchNode, inputs: Sequence[Lowered]) -> tuple[Lowered, ...]:
    return ((inputs[0] == inputs[1]) == (node.target == "aten::eq"),)


def _format(_g: Emitter, _node: TorchNode, inputs: Sequence[Lowered]) -> tuple[Lowered, ...]:
    """``"{} {}".format(a, b)`` of what is known at export: the operator takes any number of arguments, and has no schema."""
    template, *items = inputs
    if not isinstance(template, str) or any(not isinstance(item, str | int | float | None) for item in items):
        raise NotConstant(
            "it makes a string of what only the running model knows, and ONNX models compute with numbers",
            action="make the string of what is known at export, or leave it out",
        )
    return (format_text(template, *items),)


def _undefined(_g: Emitter, node: TorchNode, _inputs: Sequence[Lowered]) -> tuple[Lowered, ...]:
    return (UNDEFINED,) * len(node.outputs)


def _nothing(_g: Emitter, node: TorchNode, _inputs: Sequence[Lowered]) -> tuple[Lowered, ...]:
    return (None,) * len(node.outputs)


Structure = Callable[[Emitter, TorchNode, Sequence[Lowered]], tuple[Lowered, ...]]

STRUCTURE: dict[str, Structure] = {
    "prim::Constant": _constant,
    "prim::ListConstruct": _construct,
    "prim::TupleConstruct": _construct,
    "prim::TupleUnpack": _unpack,
    "prim::TupleIndex": _index,
    "prim::TupleSlice": _tuple_slice,
    "prim::NamedTupleConstruct": _construct,
    "aten::eq.enum": _same_enum,
    "aten::ne.enum": _same_enum,
    "aten::format": _format,
    "prim::EnumName": _enum,
    "prim::EnumValue": _enum,
    "prim::Uninitialized": _undefined,
    "prim::RaiseException": _nothing,
    "prim::Print": _nothing,
    "aten::warn": _nothing,
    **LISTS,
}
"""Target (with overload where it matters) → what it does with the lowered inputs."""


def structure_of(node: TorchNode, inputs: Sequence[Lowered]) -> Structure | None:
    """What a node does if it only arranges values, or is given a sequence; None for any other operator."""
    found = STRUCTURE.get(node.target) or STRUCTURE.get(f"{node.target}.{node.overload}")
    if found is None and node.target in SEQUENCES and is_sequence(inputs[0]):
        return SEQUENCES[node.target]
    return found


def is_structure(node: TorchNode) -> bool:
    """Whether a node only arranges values."""
    return node.target in STRUCTURE or f"{node.target}.{node.overload}" in STRUCTURE


def is_dynamic(item: Lowered) -> bool:
    """Whether any part is only known when the model runs."""
    return any(isinstance(leaf, ir.Value | Complex | Quantized | PackedWeight | PackedCell) for leaf in leaves(item))


def is_complex(item: Lowered) -> bool:
    """Whether any part is a complex tensor that is only known when the model runs."""
    return isinstance(item, Complex) or (
        isinstance(item, tuple) and any(isinstance(leaf, Complex) for leaf in leaves(item))
    )


def is_quantized(item: Lowered) -> bool:
    """Whether any part is a quantized tensor."""
    if isinstance(item, tuple):
        return any(is_quantized(entry) for entry in item)
    return isinstance(item, Quantized) or (isinstance(item, Constant) and item.tensor.is_quantized)
