"""Element types by the names and numbers that symbolic functions of the reference use for them.

``"Float"`` is what ``scalarType()`` says, 6 is what an ATen ``dtype`` argument holds, ``DataType.FLOAT`` is ONNX's number.
"""

from __future__ import annotations

import onnx_ir as ir
import torch

from onnx_explore import dtypes

pytorch_name_to_type: dict[str, torch.dtype] = {
    "Byte": torch.uint8,
    "Char": torch.int8,
    "Double": torch.float64,
    "Float": torch.float32,
    "Half": torch.float16,
    "Int": torch.int32,
    "Long": torch.int64,
    "Short": torch.int16,
    "Bool": torch.bool,
    "ComplexFloat": torch.complex64,
    "ComplexDouble": torch.complex128,
    "BFloat16": torch.bfloat16,
    "QInt8": torch.qint8,
    "QUInt8": torch.quint8,
    "QInt32": torch.qint32,
}
"""Torch's name of an element type → the type."""

cast_pytorch_to_onnx: dict[str, ir.DataType] = {
    name: dtypes.to_onnx(dtype) for name, dtype in pytorch_name_to_type.items() if not name.startswith("Q")
} | {"Undefined": ir.DataType.UNDEFINED}
"""Torch's name of an element type → ONNX's number."""

scalar_name_to_pytorch: dict[str, str] = {
    "uint8_t": "Byte",
    "int8_t": "Char",
    "double": "Double",
    "float": "Float",
    "half": "Half",
    "int": "Int",
    "int64_t": "Long",
    "int16_t": "Short",
    "bool": "Bool",
    "complex64": "ComplexFloat",
    "complex128": "ComplexDouble",
    "qint8": "QInt8",
    "quint8": "QUInt8",
    "qint32": "QInt32",
    "bfloat16": "BFloat16",
}
"""C's name of an element type → torch's."""

scalar_type_to_pytorch_type: list[torch.dtype] = list(dtypes.SCALAR_TYPES)
"""By ATen's number of an element type: the type."""

scalar_type_to_onnx: list[ir.DataType] = [
    dtypes.to_onnx(dtype) if dtypes.has_onnx(dtype) else ir.DataType.UNDEFINED for dtype in dtypes.SCALAR_TYPES
]
"""By ATen's number of an element type: ONNX's number."""
