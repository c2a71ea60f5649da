"""Element types: torch ⇄ ONNX, and the integer codes that ATen uses for a ``ScalarType``."""

from __future__ import annotations

import onnx_ir as ir
import torch

from onnx_explore.errors import UnsupportedOperatorError

# c10/core/ScalarType.h: the integers that appear as `dtype` arguments in TorchScript graphs.
SCALAR_TYPES: tuple[torch.dtype, ...] = (
    torch.uint8,
    torch.int8,
    torch.int16,
    torch.int32,
    torch.int64,
    torch.float16,
    torch.float32,
    torch.float64,
    torch.complex32,
    torch.complex64,
    torch.complex128,
    torch.bool,
    torch.qint8,
    torch.quint8,
    torch.qint32,
    torch.bfloat16,
)

_TO_ONNX: dict[torch.dtype, ir.DataType] = {
    torch.uint8: ir.DataType.UINT8,
    torch.int8: ir.DataType.INT8,
    torch.int16: ir.DataType.INT16,
    torch.int32: ir.DataType.INT32,
    torch.int64: ir.DataType.INT64,
    torch.uint16: ir.DataType.UINT16,
    torch.uint32: ir.DataType.UINT32,
    torch.uint64: ir.DataType.UINT64,
    torch.float16: ir.DataType.FLOAT16,
    torch.float32: ir.DataType.FLOAT,
    torch.float64: ir.DataType.DOUBLE,
    torch.bfloat16: ir.DataType.BFLOAT16,
    torch.bool: ir.DataType.BOOL,
    torch.complex64: ir.DataType.COMPLEX64,
    torch.complex128: ir.DataType.COMPLEX128,
    torch.quint8: ir.DataType.UINT8,
    torch.qint8: ir.DataType.INT8,
    torch.qint32: ir.DataType.INT32,
    torch.float8_e4m3fn: ir.DataType.FLOAT8E4M3FN,
    torch.float8_e4m3fnuz: ir.DataType.FLOAT8E4M3FNUZ,
    torch.float8_e5m2: ir.DataType.FLOAT8E5M2,
    torch.float8_e5m2fnuz: ir.DataType.FLOAT8E5M2FNUZ,
}
_TO_TORCH: dict[ir.DataType, torch.dtype] = {}
for _torch_dtype, _onnx_dtype in _TO_ONNX.items():
    _TO_TORCH.setdefault(_onnx_dtype, _torch_dtype)


def to_onnx(dtype: torch.dtype) -> ir.DataType:
    """The ONNX element type of a torch dtype.

    Raises:
        UnsupportedOperatorError: If ONNX has none.
    """
    found = _TO_ONNX.get(dtype)
    if found is None:
        raise UnsupportedOperatorError(
            f"ONNX has no element type for {dtype}", action="convert the tensor to a type that ONNX has"
        )
    return found


def has_onnx(dtype: torch.dtype) -> bool:
    """Whether ONNX has an element type for a torch dtype."""
    return dtype in _TO_ONNX


def to_torch(dtype: ir.DataType) -> torch.dtype:
    """The torch dtype of an ONNX element type.

    Raises:
        UnsupportedOperatorError: If torch has none.
    """
    found = _TO_TORCH.get(dtype)
    if found is None:
        raise UnsupportedOperatorError(f"PyTorch has no dtype for ONNX {dtype.name}")
    return found


def from_scalar_type(code: int) -> torch.dtype:
    """The torch dtype behind an ATen ``ScalarType`` integer.

    Raises:
        UnsupportedOperatorError: If the code is unknown.
    """
    if 0 <= code < len(SCALAR_TYPES):
        return SCALAR_TYPES[code]
    raise UnsupportedOperatorError(f"unknown ScalarType code {code}")
