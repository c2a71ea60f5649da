"""Values as a symbolic function of the reference sees them: ``x.type().sizes()``, ``x.node().kind()``.

In: what a torch value has become (``Lowered``). Out: a ``Value`` around it, and back. A value has no arithmetic, as in
the reference: it stands for something that the model computes, or for a constant whose content ``symbolic_helper``
gives. Method names are the reference's.
"""

# ruff: noqa: N802, N815, A002  (the reference's names)
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import onnx_ir as ir
import torch

from onnx_explore import dtypes
from onnx_explore.errors import NotConstant
from onnx_explore.symbolic.lowered import Constant, Lowered

_SCALAR_NAMES = {
    torch.float32: "Float",
    torch.float64: "Double",
    torch.float16: "Half",
    torch.bfloat16: "BFloat16",
    torch.int64: "Long",
    torch.int32: "Int",
    torch.int16: "Short",
    torch.int8: "Char",
    torch.uint8: "Byte",
    torch.bool: "Bool",
    torch.complex64: "ComplexFloat",
    torch.complex128: "ComplexDouble",
}


@dataclass(frozen=True, slots=True)
class ValueType:
    """The type of a tensor value: element type and sizes, as far as they are known.

    Attributes:
        element: The element type, or None.
        shape: Sizes: numbers, names of dynamic ones; None where the rank is not known.
    """

    element: torch.dtype | None = None
    shape: tuple[int | str, ...] | None = None

    def sizes(self) -> list[int | None] | None:
        """Sizes; None for a dynamic one; None at all where the rank is not known."""
        return None if self.shape is None else [size if isinstance(size, int) else None for size in self.shape]

    varyingSizes = sizes  # the reference's name

    def dim(self) -> int | None:
        """The rank."""
        return None if self.shape is None else len(self.shape)

    def dtype(self) -> torch.dtype | None:
        """The element type."""
        return self.element

    def scalarType(self) -> str | None:
        """The element type's name, such as ``Float``."""
        return _SCALAR_NAMES.get(self.element) if self.element is not None else None

    def kind(self) -> str:
        """Always a tensor."""
        return "TensorType"

    def with_sizes(self, sizes: Sequence[int | None]) -> ValueType:
        """The same element type with other sizes."""
        return replace(self, shape=tuple(f"?{i}" if size is None else size for i, size in enumerate(sizes)))

    def with_dtype(self, dtype: torch.dtype) -> ValueType:
        """The same sizes with another element type."""
        return replace(self, element=dtype)

    def isSubtypeOf(self, other: object) -> bool:
        """Whether ``other`` is a tensor type, too."""
        return isinstance(other, ValueType)


@dataclass(frozen=True, slots=True)
class Node:
    """What computes a value: as much of it as symbolic functions ask for."""

    value: Value

    def kind(self) -> str:
        """``onnx::Constant``, ``onnx::Add``, ``prim::ListConstruct``, ``prim::Param``."""
        item = self.value.lowered
        if isinstance(item, tuple):
            return "prim::ListConstruct"
        if not isinstance(item, ir.Value) or item.const_value is not None:
            return "onnx::Constant"
        producer = item.producer()
        if producer is None:
            return "prim::Param"
        return f"{producer.domain or 'onnx'}::{producer.op_type}"

    def mustBeNone(self) -> bool:
        """Whether the value is None."""
        return self.value.lowered is None

    def inputs(self) -> list[Value]:
        """The items of a list; the inputs of a node."""
        item = self.value.lowered
        if isinstance(item, tuple):
            return [Value(entry) for entry in item]
        producer = item.producer() if isinstance(item, ir.Value) else None
        return [] if producer is None else [Value(entry) for entry in producer.inputs]

    def output(self) -> Value:
        """The value."""
        return self.value

    def attributeNames(self) -> list[str]:
        """Names of the attributes."""
        item = self.value.lowered
        if self.kind() == "onnx::Constant":
            return ["value"]
        producer = item.producer() if isinstance(item, ir.Value) else None
        return [] if producer is None else list(producer.attributes)

    def hasAttribute(self, name: str) -> bool:
        """Whether there is such an attribute."""
        return name in self.attributeNames()

    def t(self, name: str) -> torch.Tensor:
        """The content of a constant, as a tensor."""
        if name != "value":
            raise KeyError(name)
        found = self.value.toIValue()
        return found if isinstance(found, torch.Tensor) else torch.tensor(found)

    def __getitem__(self, name: str) -> Any:
        """An attribute's value."""
        if name == "value" and self.kind() == "onnx::Constant":
            return self.value.toIValue()
        item = self.value.lowered
        producer = item.producer() if isinstance(item, ir.Value) else None
        if producer is None or name not in producer.attributes:
            raise KeyError(name)
        return producer.attributes[name].value


@dataclass(frozen=True, slots=True, eq=False)
class Value:
    """One value.

    Attributes:
        lowered: What it is around.
    """

    lowered: Lowered

    def type(self) -> ValueType:
        """Element type and sizes."""
        item = self.lowered
        if isinstance(item, Constant):
            return ValueType(item.tensor.dtype, tuple(item.tensor.shape))
        if isinstance(item, ir.Value):
            element = dtypes.to_torch(item.dtype) if item.dtype is not None else None
            shape = None
            if item.shape is not None:
                shape = tuple(size if isinstance(size, int) else str(size) for size in item.shape)
            return ValueType(element, shape)
        if isinstance(item, bool | int | float | complex):
            return ValueType(torch.tensor(item).dtype, ())
        return ValueType()

    def setType(self, type: ValueType) -> Value:
        """State element type and sizes, where a custom operator leaves them open. Returns the value itself."""
        item = self.lowered
        if isinstance(item, ir.Value):
            if type.element is not None:
                item.dtype = dtypes.to_onnx(type.element)
            if type.shape is not None:
                item.shape = ir.Shape([None if _is_open(size) else size for size in type.shape])
        return self

    def setTypeAs(self, other: Value) -> Value:
        """``setType`` with another value's type."""
        return self.setType(other.type())

    def node(self) -> Node:
        """What computes it."""
        return Node(self)

    def isCompleteTensor(self) -> bool:
        """Whether element type and every size are known."""
        kind = self.type()
        return kind.element is not None and kind.shape is not None and all(isinstance(size, int) for size in kind.shape)

    def debugName(self) -> str:
        """Its name."""
        item = self.lowered
        return (item.name or "") if isinstance(item, ir.Value | Constant) else repr(item)

    def toIValue(self) -> Any:
        """The content of a constant: a number, a string, a tensor, a list of these, None.

        Raises:
            NotConstant: If it is only known when the model runs.
        """
        return content(self.lowered)

    def __iter__(self) -> Any:
        raise TypeError(
            f"'{self.debugName()}' is a value of the graph; unpack a list with symbolic_helper._unpack_list"
        )

    def __repr__(self) -> str:
        return f"<Value {self.debugName()}>"


def _is_open(size: int | str) -> bool:
    return isinstance(size, str) and size.startswith("?")


def content(item: Lowered) -> Any:
    """The Python object behind something known at export.

    Raises:
        NotConstant: If it is only known when the model runs.
    """
    if isinstance(item, Constant):
        return item.tensor.detach()
    if isinstance(item, tuple):
        return [content(entry) for entry in item]
    if isinstance(item, ir.Value):
        tensor = item.const_value
        if tensor is None:
            raise NotConstant(
                f"the value of '{item.name}' is only known when the model runs, and is needed at export",
                action="pass a Python number that does not depend on an input or on a dynamic axis",
            )
        return torch.from_numpy(tensor.numpy().copy())
    return item


def wrap(item: Lowered) -> Value | None:
    """A value around what is lowered; None stays None."""
    return None if item is None else Value(item)


def unwrap(item: Any) -> Any:
    """What a symbolic function returned, without the wrapping."""
    if isinstance(item, Value):
        return item.lowered
    if isinstance(item, list | tuple):
        return tuple(unwrap(entry) for entry in item)  # pyright: ignore[reportUnknownVariableType]
    return item
