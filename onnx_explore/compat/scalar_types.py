"""``JitScalarType``: the element types of torch, between the names that TorchScript, torch and ONNX have for them.

In: a name, a dtype, a value, an ONNX element type. Out: a member, and from it any of these. Names and numbers are the
reference's, so that a member's number is the integer that stands for a ``dtype`` in a TorchScript graph.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import onnx
import onnx_ir as ir
import torch

from onnx_explore import dtypes
from onnx_explore.errors import OnnxExporterError
from onnx_explore.symbolic.lowered import Constant

_NAMES: tuple[tuple[str, str, str], ...] = (
    ("UINT8", "Byte", "uint8_t"),
    ("INT8", "Char", "int8_t"),
    ("INT16", "Short", "int16_t"),
    ("INT", "Int", "int"),
    ("INT64", "Long", "int64_t"),
    ("HALF", "Half", "half"),
    ("FLOAT", "Float", "float"),
    ("DOUBLE", "Double", "double"),
    ("COMPLEX32", "ComplexHalf", "complex32"),
    ("COMPLEX64", "ComplexFloat", "complex64"),
    ("COMPLEX128", "ComplexDouble", "complex128"),
    ("BOOL", "Bool", "bool"),
    ("QINT8", "QInt8", "qint8"),
    ("QUINT8", "QUInt8", "quint8"),
    ("QINT32", "QInt32", "qint32"),
    ("BFLOAT16", "BFloat16", "bfloat16"),
    ("FLOAT8E5M2", "Float8E5M2", "float8_e5m2"),
    ("FLOAT8E4M3FN", "Float8E4M3FN", "float8_e4m3fn"),
    ("FLOAT8E5M2FNUZ", "Float8E5M2FNUZ", "float8_e5m2fnuz"),
    ("FLOAT8E4M3FNUZ", "Float8E4M3FNUZ", "float8_e4m3fnuz"),
    ("UNDEFINED", "Undefined", "undefined"),
)
_DTYPES: tuple[torch.dtype, ...] = (
    *dtypes.SCALAR_TYPES,
    torch.float8_e5m2,
    torch.float8_e4m3fn,
    torch.float8_e5m2fnuz,
    torch.float8_e4m3fnuz,
)


class JitScalarType(IntEnum):
    """Scalar types defined in torch.

    Use it to go from a type in one of the worlds (TorchScript's name, torch's C++ name, ``torch.dtype``, ONNX's element type) to
    another.
    """

    UINT8 = 0
    INT8 = 1
    INT16 = 2
    INT = 3
    INT64 = 4
    HALF = 5
    FLOAT = 6
    DOUBLE = 7
    COMPLEX32 = 8
    COMPLEX64 = 9
    COMPLEX128 = 10
    BOOL = 11
    QINT8 = 12
    QUINT8 = 13
    QINT32 = 14
    BFLOAT16 = 15
    FLOAT8E5M2 = 16
    FLOAT8E4M3FN = 17
    FLOAT8E5M2FNUZ = 18
    FLOAT8E4M3FNUZ = 19
    UNDEFINED = 20

    @classmethod
    def from_name(cls, name: str | None) -> JitScalarType:
        """From TorchScript's name (``Float``), torch's (``float``) or ONNX's (``FLOAT``).

        Raises:
            OnnxExporterError: If the name is None or none of them.
        """
        if name is None:
            raise OnnxExporterError("a scalar type has no name None", argument="name")
        for index, names in enumerate(_NAMES):
            if name in names[1:]:
                return cls(index)
        onnx_name = next((index for index, dtype in enumerate(_DTYPES) if _onnx_name(dtype) == name), None)
        if onnx_name is None:
            raise OnnxExporterError(f"{name!r} names no scalar type", argument="name")
        return cls(onnx_name)

    @classmethod
    def from_dtype(cls, dtype: torch.dtype | None) -> JitScalarType:
        """From a torch dtype.

        Raises:
            OnnxExporterError: If it is None, or TorchScript has no name for it.
        """
        if dtype not in _DTYPES:
            raise OnnxExporterError(f"{dtype!r} is no dtype with a scalar type", argument="dtype")
        return cls(_DTYPES.index(dtype))

    @classmethod
    def from_onnx_type(cls, onnx_type: int | onnx.TensorProto.DataType | None) -> JitScalarType:
        """From ONNX's element type.

        Raises:
            OnnxExporterError: If it is None, or torch has no such type.
        """
        found = next(
            (
                index
                for index, dtype in enumerate(_DTYPES)
                if onnx_type is not None and not _is_quantized(dtype) and _onnx_type(dtype) == int(onnx_type)
            ),
            None,
        )
        if found is None:
            raise OnnxExporterError(f"{onnx_type!r} is no ONNX type with a scalar type", argument="onnx_type")
        return cls(found)

    @classmethod
    def from_value(cls, value: Any, default: JitScalarType | None = None) -> JitScalarType:
        """From a tensor, a value of a symbolic function (ours or torch's), or a Python number.

        Args:
            value: What has a type.
            default: Returned where the type is not known.

        Raises:
            OnnxExporterError: If the type is not known and there is no default.
        """
        dtype = _dtype_of(value)
        if dtype in _DTYPES:
            return cls(_DTYPES.index(dtype))
        if default is None:
            raise OnnxExporterError(
                f"the scalar type of {value!r} is not known", argument="value", action="give a default, or call setType"
            )
        return default

    def scalar_name(self) -> str:
        """TorchScript's name, such as ``Float``."""
        return _NAMES[self][1]

    def torch_name(self) -> str:
        """Torch's C++ name, such as ``float``."""
        return _NAMES[self][2]

    def dtype(self) -> torch.dtype:
        """The torch dtype.

        Raises:
            OnnxExporterError: For ``UNDEFINED``.
        """
        if self is JitScalarType.UNDEFINED:
            raise OnnxExporterError("an undefined scalar type has no dtype")
        return _DTYPES[self]

    def onnx_type(self) -> int:
        """ONNX's element type, as ``onnx.TensorProto`` numbers it.

        Raises:
            OnnxExporterError: If ONNX has none.
        """
        found = 0 if self is JitScalarType.UNDEFINED else _onnx_type(_DTYPES[self])
        if found is None:
            raise OnnxExporterError(f"ONNX has no element type for {self.scalar_name()}")
        return found

    def onnx_compatible(self) -> bool:
        """Whether ONNX has an element type for it."""
        return self is not JitScalarType.UNDEFINED and _onnx_type(_DTYPES[self]) is not None


def _is_quantized(dtype: torch.dtype) -> bool:
    return dtype in (torch.qint8, torch.quint8, torch.qint32)


def _onnx_type(dtype: torch.dtype) -> int | None:
    return int(dtypes.to_onnx(dtype)) if dtypes.has_onnx(dtype) else None


def _onnx_name(dtype: torch.dtype) -> str:
    return "" if _is_quantized(dtype) or not dtypes.has_onnx(dtype) else dtypes.to_onnx(dtype).name


def _dtype_of(value: Any) -> torch.dtype | None:
    if isinstance(value, torch.Tensor):
        return value.dtype
    if isinstance(value, Constant):
        return value.tensor.dtype
    if isinstance(value, ir.Value):
        return dtypes.to_torch(value.dtype) if value.dtype is not None else None
    if isinstance(value, bool | int | float | complex):
        return torch.tensor(value).dtype
    kind = getattr(value, "type", None)
    if not callable(kind):
        return None
    return _dtype_of_type(kind())


def _dtype_of_type(kind: Any) -> torch.dtype | None:
    """Of a value's type: a tensor's element type, a list's elements', TorchScript's numbers."""
    name = kind.kind() if callable(getattr(kind, "kind", None)) else ""
    if name == "TensorType":
        return kind.dtype()
    if name == "ListType":
        return _dtype_of_type(kind.getElementType())
    if name == "OptionalType":
        return _dtype_of_type(kind.getElementType())
    return {
        "IntType": torch.int64,
        "FloatType": torch.float32,
        "BoolType": torch.bool,
        "NumberType": torch.float32,
        "ComplexType": torch.complex64,
    }.get(name)
