"""Element types and sizes between ``onnx_ir`` and ``torch._C``: what ``x.type()`` tells a symbolic function of the reference.

In: an ``onnx_ir.Value``. Out: a ``torch._C`` type, in which a dynamic size is a symbol of its own (``sizes()`` is then None and
``varyingSizes()`` has None there); and back, so that a type handed on with ``setType(x.type())`` keeps the names of the axes.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import onnx_ir as ir
import torch
from torch import _C

from onnx_explore import dtypes

JitType = Any
"""A type of ``torch._C``: its stubs are incomplete."""

JitC: Any = _C


class Symbols:
    """The dynamic sizes of one scratch graph: torch's symbol numbers ⇄ the dimensions of ``onnx_ir``."""

    __slots__ = ("_dims",)

    def __init__(self) -> None:
        self._dims: dict[int, ir.SymbolicDim] = {}

    def tensor(self, dtype: torch.dtype | None, shape: Sequence[int | ir.SymbolicDim] | None) -> JitType:
        """A tensor type; what is not known stays open. It is complete where all is known: on the CPU and contiguous."""
        sizes = None if shape is None else tuple(size for size in shape if isinstance(size, int))
        if dtype is not None and shape is not None and sizes is not None and len(sizes) == len(shape):
            return _complete(dtype, sizes)
        found = JitC.TensorType.get()
        if dtype is not None:
            found = found.with_dtype(dtype)
        if shape is None:
            return found
        found = found.with_sizes([size if isinstance(size, int) else None for size in shape])
        for size, number in zip(shape, found.symbolic_sizes() or (), strict=False):
            if isinstance(size, ir.SymbolicDim):
                self._dims[number] = size
        return found

    def of_value(self, value: ir.Value) -> JitType:
        """The type of a value that the model computes."""
        if isinstance(value.type, ir.SequenceType):
            return JitC.ListType(JitC.TensorType.get())
        dtype = dtypes.to_torch(value.dtype) if value.dtype is not None else None
        return self.tensor(dtype, list(value.shape) if value.shape is not None else None)

    def dims(self, kind: JitType) -> list[int | ir.SymbolicDim | None] | None:
        """The sizes that a tensor type states: numbers, dimensions known here, None; None if its rank is open."""
        numbers: list[int] | None = kind.symbolic_sizes()
        if numbers is None:
            return None
        return [number if number >= 0 else self._dims.get(number) for number in numbers]


@lru_cache(maxsize=1024)
def _complete(dtype: torch.dtype, sizes: tuple[int, ...]) -> JitType:
    """The type of a contiguous tensor on the CPU: functions ask ``isCompleteTensor()``. Nothing is allocated."""
    example = torch.empty(sizes, dtype=dtype, device="meta")
    return JitC.TensorType.create_from_tensor(example).with_device(torch.device("cpu"))


def is_tensor(kind: JitType) -> bool:
    """Whether a type is a tensor's."""
    return kind.kind() == "TensorType"


def stated(kind: JitType) -> tuple[Any, ...]:
    """What a type says, comparable: to see whether ``setType`` changed it."""
    if not is_tensor(kind):
        return (str(kind),)
    sizes = kind.symbolic_sizes()
    return kind.dtype(), None if sizes is None else tuple(sizes)


_ELEMENTS = {"int": "IntType", "float": "FloatType", "bool": "BoolType", "str": "StringType", "Scalar": "NumberType"}


def list_type(kind: str) -> JitType:
    """The type of a list or tuple, from its kind as TorchScript prints it: ``int[]``, ``Tensor?[]``, ``(Tensor, int)``."""
    element = kind.removesuffix("?").removesuffix("[]")
    optional = element.endswith("?")
    name = _ELEMENTS.get(element.removesuffix("?"))
    found = JitC.TensorType.get() if name is None else getattr(JitC, name).get()
    return JitC.ListType(JitC.OptionalType(found) if optional else found)
