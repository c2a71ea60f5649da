"""Nodes without a schema: constants, lists and tuples. They emit nothing; they only arrange values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import onnx_ir as ir
import torch

from onnx_explore.dtypes import SCALAR_TYPES
from onnx_explore.emit import Emitter
from onnx_explore.errors import UnsupportedOperatorError
from onnx_explore.symbolic.lowered import UNDEFINED, Complex, Constant, Lowered
from onnx_explore.torch_ir import TorchNode


def constant(item: Any) -> Lowered:
    """The lowered form of a ``prim::Constant``'s value."""
    if isinstance(item, torch.Tensor):
        return Constant(item)
    if isinstance(item, list | tuple):
        return tuple(constant(entry) for entry in item)  # pyright: ignore[reportUnknownVariableType]
    if isinstance(item, torch.dtype):
        return SCALAR_TYPES.index(item)
    return item


def _constant(_g: Emitter, node: TorchNode, _inputs: Sequence[Lowered]) -> tuple[Lowered, ...]:
    return (constant(node.constant),)


def _construct(_g: Emitter, _node: TorchNode, inputs: Sequence[Lowered]) -> tuple[Lowered, ...]:
    return (tuple(inputs),)


def _unpack(_g: Emitter, node: TorchNode, inputs: Sequence[Lowered]) -> tuple[Lowered, ...]:
    (sequence,) = inputs
    if isinstance(sequence, Constant):
        return tuple(Constant(row, lineage=sequence.lineage) for row in sequence.tensor)
    if not isinstance(sequence, tuple):
        raise UnsupportedOperatorError("unpacks a list whose length is only known when the model runs")
    if len(sequence) != len(node.outputs):
        raise UnsupportedOperatorError(f"unpacks {len(node.outputs)} values from a list of {len(sequence)}")
    return sequence


def _index(_g: Emitter, _node: TorchNode, inputs: Sequence[Lowered]) -> tuple[Lowered, ...]:
    sequence, index = inputs
    if not isinstance(sequence, tuple) or not isinstance(index, int):
        raise UnsupportedOperatorError("takes an element of a list that is only known when the model runs")
    return (sequence[index],)


def _unchecked(_g: Emitter, _node: TorchNode, inputs: Sequence[Lowered]) -> tuple[Lowered, ...]:
    return (inputs[0],)


def _undefined(_g: Emitter, node: TorchNode, _inputs: Sequence[Lowered]) -> tuple[Lowered, ...]:
    return (UNDEFINED,) * len(node.outputs)


def _nothing(_g: Emitter, node: TorchNode, _inputs: Sequence[Lowered]) -> tuple[Lowered, ...]:
    return (None,) * len(node.outputs)


Structure = Callable[[Emitter, TorchNode, Sequence[Lowered]], tuple[Lowered, ...]]

STRUCTURE: dict[str, Structure] = {
    "prim::Constant": _constant,
    "prim::ListConstruct": _construct,
    "prim::TupleConstruct": _construct,
    "prim::ListUnpack": _unpack,
    "prim::TupleUnpack": _unpack,
    "prim::TupleIndex": _index,
    "aten::__getitem__.t": _index,
    "prim::unchecked_cast": _unchecked,
    "prim::Uninitialized": _undefined,
    "prim::RaiseException": _nothing,
    "prim::Print": _nothing,
    "aten::warn": _nothing,
}
"""Target (with overload where it matters) → what it does with the lowered inputs."""


def is_dynamic(item: Lowered) -> bool:
    """Whether any part is only known when the model runs."""
    if isinstance(item, tuple):
        return any(is_dynamic(entry) for entry in item)
    return isinstance(item, ir.Value | Complex)


def is_complex(item: Lowered) -> bool:
    """Whether any part is a complex tensor that is only known when the model runs."""
    if isinstance(item, tuple):
        return any(is_complex(entry) for entry in item)
    return isinstance(item, Complex)
