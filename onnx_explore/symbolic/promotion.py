"""Type promotion as PyTorch does it: dimensioned tensors, 0-d tensors and Python numbers each rank below the one before.

In: operands of a pointwise operator. Out: ONNX values of one common element type; a Cast only where one is needed.
"""

from __future__ import annotations

from collections.abc import Sequence

import onnx_ir as ir
import torch

from onnx_explore import dtypes
from onnx_explore.emit import Emitter

Operand = ir.Value | int | float | bool | complex
"""A tensor, or a Python number (which is also how a number in an expression such as ``x * 2`` arrives from a trace)."""

NUMBER = "onnx_explore.number"
"""Key in ``value.meta`` of a 0-d tensor that stands for a Python number: in promotion it counts as one."""

FLOATS = frozenset({ir.DataType.FLOAT, ir.DataType.FLOAT16, ir.DataType.DOUBLE, ir.DataType.BFLOAT16})
INTEGERS = frozenset(
    {
        ir.DataType.INT8,
        ir.DataType.INT16,
        ir.DataType.INT32,
        ir.DataType.INT64,
        ir.DataType.UINT8,
        ir.DataType.UINT16,
        ir.DataType.UINT32,
        ir.DataType.UINT64,
    }
)


def result_type(g: Emitter, operands: Sequence[Operand]) -> ir.DataType:
    """The common type of operands, as ``torch.result_type`` gives it (c10's ``combine_categories``)."""
    dimensioned: torch.dtype | None = None
    zero_dim: torch.dtype | None = None
    number: torch.dtype | None = None
    for operand in operands:
        if isinstance(operand, ir.Value):
            dtype = dtypes.to_torch(g.dtype(operand))
            if operand.shape is not None and len(operand.shape) == 0:
                if NUMBER in operand.meta:
                    number = _promote(number, dtype)
                else:
                    zero_dim = _promote(zero_dim, dtype)
            else:
                dimensioned = _promote(dimensioned, dtype)
        else:
            number = _promote(number, _number_type(operand))
    result = _combine(_combine(dimensioned, zero_dim), number)
    assert result is not None, "an operator has at least one operand"
    return dtypes.to_onnx(result)


def _number_type(number: float | complex) -> torch.dtype:
    if isinstance(number, bool):
        return torch.bool
    if isinstance(number, int):
        return torch.int64
    return torch.get_default_dtype() if isinstance(number, float) else torch.complex64


def _promote(left: torch.dtype | None, right: torch.dtype | None) -> torch.dtype | None:
    if left is None or right is None:
        return left if right is None else right
    return torch.promote_types(left, right)


def _combine(higher: torch.dtype | None, lower: torch.dtype | None) -> torch.dtype | None:
    if higher is None or lower is None:
        return higher if lower is None else lower
    if higher.is_complex:
        return higher
    if higher.is_floating_point:
        return higher.to_complex() if lower.is_complex else higher
    if higher is torch.bool or lower.is_floating_point or lower.is_complex:
        return torch.promote_types(higher, lower)
    return higher


def as_type(g: Emitter, operand: Operand, dtype: ir.DataType) -> ir.Value:
    """An operand as a value of an element type."""
    return g.cast(operand, dtype) if isinstance(operand, ir.Value) else g.const(operand, dtype)


def promoted(g: Emitter, *operands: Operand) -> list[ir.Value]:
    """All operands in their common type."""
    dtype = result_type(g, operands)
    return [as_type(g, operand, dtype) for operand in operands]


def arithmetic(g: Emitter, *operands: Operand) -> list[ir.Value]:
    """Operands of an operator whose result has the common type: the captured result type, where there is one, decides.

    A trace writes a Python float as a 0-d double tensor, so the operands alone cannot tell ``ints * 0.5`` (float) from
    ``ints * torch.tensor(0.5, dtype=torch.double)`` (double).
    """
    dtype = g.expected if g.expected is not None else result_type(g, operands)
    return [as_type(g, operand, dtype) for operand in operands]


def floating(g: Emitter, *operands: Operand) -> list[ir.Value]:
    """Operands of an operator that turns integers into floats (division, sqrt, mean …)."""
    dtype = g.expected if g.expected is not None and g.expected in FLOATS else result_type(g, operands)
    if dtype not in FLOATS and dtype not in (ir.DataType.COMPLEX64, ir.DataType.COMPLEX128):
        dtype = dtypes.to_onnx(torch.get_default_dtype())
    return [as_type(g, operand, dtype) for operand in operands]


def is_float(x: ir.Value) -> bool:
    """Whether the element type is a floating-point one."""
    return x.dtype in FLOATS


def is_integer(x: ir.Value) -> bool:
    """Whether the element type is an integer one (bool is not)."""
    return x.dtype in INTEGERS


def is_bool(x: ir.Value) -> bool:
    """Whether the element type is bool."""
    return x.dtype == ir.DataType.BOOL
