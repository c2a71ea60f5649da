"""Constant folding at the ATen level: a node whose inputs are all known is evaluated by PyTorch itself.

So a folded value is right by construction, whatever the operator. Sizes that are static for this export arrive here as Python
numbers, which is why shape arithmetic vanishes from an export without dynamic axes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import onnx_ir as ir
import torch

from onnx_explore.symbolic.lowered import (
    Columns,
    Complex,
    Constant,
    Dictionary,
    Lowered,
    Maybe,
    PackedCell,
    PackedWeight,
    Quantized,
    Undefined,
)
from onnx_explore.torch_ir import Schema, TorchNode
from onnx_explore.torch_ir.operators import Operator, operator_of

_LARGE = 4096
"""A folded tensor may have this many elements, or as many as its inputs have."""

_NEVER = frozenset(
    {
        "aten::__is__",
        "aten::__isnot__",
        "aten::_make_per_channel_quantized_tensor",  # the integers keep the weight's name
        "aten::_make_per_tensor_quantized_tensor",
        "aten::dequantize",  # a weight stays in its 8 bits
        "aten::empty",
        "aten::empty_like",
        "aten::new_empty",
        "aten::_nested_tensor_from_mask_left_aligned",
        "aten::is_autocast_cpu_enabled",
        "aten::is_autocast_enabled",
        "aten::is_grad_enabled",  # the answers of an export, not of the export's own calls
        "prim::requires_grad",
        "aten::warn",
        "aten::empty_strided",
        "aten::fake_quantize_per_channel_affine",
        "aten::fake_quantize_per_tensor_affine",
    }
)


_WRITTEN_ALIKE = frozenset({"int", "float", "bool", "str", "Scalar", "NoneType"})


def _is_written_alike(kind: str) -> bool:
    """Whether our text of a value is TorchScript's: numbers, strings and lists of them; not tensors, tuples and dicts."""
    return kind.removesuffix("[]") in _WRITTEN_ALIKE


def fold(node: TorchNode, inputs: Sequence[Lowered], *, parameters: bool, tensors: bool) -> tuple[Lowered, ...] | None:
    """Evaluate a node.

    Args:
        node: An operator with an ATen schema.
        inputs: Its lowered inputs.
        parameters: Whether values computed from parameters may be folded.
        tensors: Whether more than scalars and sizes may be folded (``do_constant_folding``).

    Returns:
        One lowered value per output, or None if the node cannot or should not be folded.
    """
    if node.schema is None or node.target in _NEVER or node.blocks:
        return None
    if node.target == "aten::str" and any(not _is_written_alike(value.kind) for value in node.inputs):
        return None
    lineage: list[str] = []
    given = 0
    for item in inputs:
        amount = _constant_elements(item, lineage)
        if amount is None:
            return None
        given += amount
    if lineage and not parameters:
        return None
    limit = max(given, _LARGE) if tensors else 1
    for output in node.outputs:
        if output.shape is not None and _numel(output.shape) > limit:
            return None
        if output.is_tensor and output.shape is None and not tensors:
            return None
    operator = _evaluable(node.schema)
    if operator is None:
        return None
    with torch.no_grad():
        result = operator([_plain(item) for item in inputs])
    results = (result,) if len(node.outputs) == 1 else tuple(result)
    name = f"{lineage[0]} → {node.target}" if lineage else ""
    return tuple(_lowered(item, name) for item in results)


def _numel(shape: tuple[int, ...]) -> int:
    count = 1
    for size in shape:
        count *= size
    return count


def _constant_elements(item: Lowered, lineage: list[str]) -> int | None:
    if isinstance(item, ir.Value | Complex | Quantized | PackedWeight | PackedCell):
        return None
    if isinstance(item, Constant):
        if item.lineage:
            lineage.append(item.lineage)
        return item.tensor.numel()
    if isinstance(item, tuple):
        total = 0
        for entry in item:
            amount = _constant_elements(entry, lineage)
            if amount is None:
                return None
            total += amount
        return total
    if isinstance(item, Maybe | Dictionary | Columns | Undefined):
        return None
    return 0


def _plain(item: Any) -> Any:
    if isinstance(item, Constant):
        return item.tensor.detach()
    if isinstance(item, tuple):
        return [_plain(entry) for entry in item]
    return item


def _lowered(item: Any, lineage: str) -> Lowered:
    if isinstance(item, torch.Tensor):
        return Constant(item, lineage=lineage)
    if isinstance(item, list | tuple):
        return tuple(_lowered(entry, lineage) for entry in item)
    return item


def _evaluable(schema: Schema) -> Operator | None:
    """The operator behind a schema, or None if it must not be evaluated: random, writing, a third party's, unknown."""
    operator = operator_of(schema)
    if operator is None or operator.writes or operator.is_random:
        return None
    return operator if schema.name.startswith(("aten::", "prim::")) else None
