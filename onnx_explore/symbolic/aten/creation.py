"""New tensors: filled, counted, diagonal, triangular; like another one, or from numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import onnx_ir as ir
import torch

from onnx_explore import dtypes
from onnx_explore.emit import Emitter, forms, shapes
from onnx_explore.emit.forms.comparison import less_or_equal, where
from onnx_explore.emit.shapes import Dim
from onnx_explore.symbolic.annotations import DType, Operand, Scalar, Tensor
from onnx_explore.symbolic.promotion import as_type, is_bool
from onnx_explore.symbolic.registry import symbolic

_SMALL = 1024  # elements up to which a filled tensor is written as a constant

# -- filled ----------------------------------------------------------------------------------------------------------------


def default_float() -> ir.DataType:
    """The element type of a tensor for which none is asked."""
    return dtypes.to_onnx(torch.get_default_dtype())


def filled(g: Emitter, size: Sequence[Dim], value: Operand, dtype: DType) -> Tensor:
    """A tensor of one value; ConstantOfShape exists from opset 9 on."""
    size = [shapes.simplified(g, dim) for dim in size]
    if isinstance(value, ir.Value):
        if g.rank(value) == 1:
            value = forms.squeeze(g, value, [0])
        return forms.expand(g, g.cast(value, dtype), size)
    if all(isinstance(dim, int) for dim in size):
        fixed = [int(dim) for dim in size]  # pyright: ignore[reportArgumentType]
        if g.opset < 9 or _count(fixed) <= _SMALL:
            return g.tensor(torch.full(fixed, value, dtype=dtypes.to_torch(dtype)))
    if g.opset < 9:
        return forms.expand(g, g.const(value, dtype), size)
    narrow = dtype if dtype != ir.DataType.BFLOAT16 else ir.DataType.FLOAT
    one = torch.full((1,), value, dtype=dtypes.to_torch(narrow))
    made = g.op("ConstantOfShape", shapes.vector(g, size), value=one)
    if made.shape is None:  # the inference rule reads constants only
        made.shape = ir.Shape([dim if isinstance(dim, int) else _symbol(g, dim) for dim in size])
    return g.cast(made, dtype)


def _symbol(g: Emitter, dim: ir.Value) -> int | ir.SymbolicDim:
    elements = g.inference.elements(dim)
    return elements[0] if elements else g.inference.anonymous()


def _count(size: Sequence[int]) -> int:
    total = 1
    for dim in size:
        total *= dim
    return total


def _type(g: Emitter, dtype: DType | None, value: Operand = 0.0) -> ir.DataType:
    """The type asked for, else the one captured, else the one that follows from a number."""
    if dtype is not None:
        return dtype
    if g.expected is not None:
        return g.expected
    if isinstance(value, ir.Value):
        return g.dtype(value)
    if isinstance(value, bool):
        return ir.DataType.BOOL
    return ir.DataType.INT64 if isinstance(value, int) else default_float()


@symbolic("aten::zeros", "aten::empty", "aten::empty_permuted", "aten::_efficientzerotensor")
def zeros(g: Emitter, size: list[Dim], dtype: DType | None = None) -> Tensor:
    """zeros(SymInt[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) ->
    Tensor: also what stands for memory that is not initialized
    """
    return filled(g, size, 0, _type(g, dtype))


@symbolic("aten::empty_strided")
def empty_strided(g: Emitter, size: list[Dim], stride: list[Dim], dtype: DType | None = None) -> Tensor:
    """empty_strided(SymInt[] size, SymInt[] stride, *, ScalarType? dtype=None, …) -> Tensor"""
    return filled(g, size, 0, _type(g, dtype))


@symbolic("aten::ones")
def ones(g: Emitter, size: list[Dim], dtype: DType | None = None) -> Tensor:
    """ones(SymInt[] size, *, ScalarType? dtype=None, …) -> Tensor"""
    return filled(g, size, 1, _type(g, dtype))


@symbolic("aten::full")
def full(g: Emitter, size: list[Dim], fill_value: Scalar, dtype: DType | None = None) -> Tensor:
    """full(SymInt[] size, Scalar fill_value, *, ScalarType? dtype=None, …) -> Tensor"""
    return filled(g, size, fill_value, _type(g, dtype, fill_value))


@symbolic("aten::zeros_like", "aten::empty_like")
def zeros_like(g: Emitter, self: Tensor, dtype: DType | None = None) -> Tensor:
    """zeros_like(Tensor self, *, ScalarType? dtype=None, …) -> Tensor"""
    return filled(g, shapes.sizes(g, self), 0, dtype or g.dtype(self))


@symbolic("aten::zero")
def zero(g: Emitter, self: Tensor) -> Tensor:
    """zero(Tensor self) -> Tensor"""
    return zeros_like(g, self)


@symbolic("aten::ones_like")
def ones_like(g: Emitter, self: Tensor, dtype: DType | None = None) -> Tensor:
    """ones_like(Tensor self, *, ScalarType? dtype=None, …) -> Tensor"""
    return filled(g, shapes.sizes(g, self), 1, dtype or g.dtype(self))


@symbolic("aten::full_like")
def full_like(g: Emitter, self: Tensor, fill_value: Scalar, dtype: DType | None = None) -> Tensor:
    """full_like(Tensor self, Scalar fill_value, *, ScalarType? dtype=None, …) -> Tensor"""
    return filled(g, shapes.sizes(g, self), fill_value, dtype or g.dtype(self))


@symbolic("aten::fill")
def fill(g: Emitter, self: Tensor, value: Scalar) -> Tensor:
    """fill.Scalar(Tensor self, Scalar value) -> Tensor"""
    return full_like(g, self, value)


@symbolic("aten::new_zeros", "aten::new_empty")
def new_zeros(g: Emitter, self: Tensor, size: list[Dim], dtype: DType | None = None) -> Tensor:
    """new_zeros(Tensor self, SymInt[] size, *, ScalarType? dtype=None, …) -> Tensor"""
    return filled(g, size, 0, dtype or g.dtype(self))


@symbolic("aten::new_empty_strided")
def new_empty_strided(
    g: Emitter, self: Tensor, size: list[Dim], stride: list[Dim], dtype: DType | None = None
) -> Tensor:
    """new_empty_strided(Tensor self, SymInt[] size, SymInt[] stride, *, ScalarType? dtype=None, …) -> Tensor"""
    return filled(g, size, 0, dtype or g.dtype(self))


@symbolic("aten::new_ones")
def new_ones(g: Emitter, self: Tensor, size: list[Dim], dtype: DType | None = None) -> Tensor:
    """new_ones(Tensor self, SymInt[] size, *, ScalarType? dtype=None, …) -> Tensor"""
    return filled(g, size, 1, dtype or g.dtype(self))


@symbolic("aten::new_full")
def new_full(g: Emitter, self: Tensor, size: list[Dim], fill_value: Scalar, dtype: DType | None = None) -> Tensor:
    """new_full(Tensor self, SymInt[] size, Scalar fill_value, *, ScalarType? dtype=None, …) -> Tensor"""
    return filled(g, size, fill_value, dtype or g.dtype(self))


# -- from numbers ------------------------------------------------------------------------------------------------------------


@symbolic("aten::scalar_tensor")
def scalar_tensor(g: Emitter, s: Scalar, dtype: DType | None = None) -> Tensor:
    """scalar_tensor(Scalar s, *, ScalarType? dtype=None, …) -> Tensor"""
    return as_type(g, s, _type(g, dtype))


@symbolic("aten::tensor", "aten::as_tensor.list")
def tensor(g: Emitter, data: Any, dtype: DType | None = None) -> Tensor:
    """tensor(t[] data, *, ScalarType? dtype=None, Device? device=None, bool requires_grad=False) -> Tensor"""
    made = of_numbers(g, data)
    return g.cast(made, _type(g, dtype, made))


def of_numbers(g: Emitter, data: Any) -> Tensor:
    """A tensor of a number or a (nested) list of numbers, each known at export or a 0-d value."""
    if not isinstance(data, tuple | list):
        return data if isinstance(data, ir.Value) else as_type(g, data, _type_of_number(data))
    rows: list[Tensor] = [of_numbers(g, item) for item in data]  # pyright: ignore[reportUnknownVariableType]
    if not rows:
        return g.const([], default_float())
    if all(g.known(row) is not None for row in rows):
        return g.tensor(torch.stack([torch.as_tensor(g.known(row)) for row in rows]))
    rows = [forms.unsqueeze(g, row, [0]) for row in rows]
    return rows[0] if len(rows) == 1 else g.op("Concat", *rows, axis=0)


def _type_of_number(number: Operand) -> ir.DataType:
    if isinstance(number, bool):
        return ir.DataType.BOOL
    return ir.DataType.INT64 if isinstance(number, int) else default_float()


@symbolic("aten::tensor.int", "aten::tensor.float", "aten::tensor.bool", "aten::as_tensor.int", "aten::as_tensor.float")
def tensor_of_number(g: Emitter, t: Operand, dtype: DType | None = None) -> Tensor:
    """tensor.int(int t, *, ScalarType? dtype=None, Device? device=None, bool requires_grad=False) -> Tensor"""
    return as_type(g, t, _type(g, dtype, t))


@symbolic("aten::as_tensor")
def as_tensor(g: Emitter, data: Tensor, dtype: DType | None = None) -> Tensor:
    """as_tensor(Tensor(a) data, *, ScalarType? dtype=None, Device? device=None) -> Tensor(b|a)"""
    return data if dtype is None else g.cast(data, dtype)


# -- triangles and diagonals ---------------------------------------------------------------------------------------------


@symbolic("aten::eye")
def eye(g: Emitter, n: Dim, m: Dim | None = None, dtype: DType | None = None) -> Tensor:
    """eye.m(SymInt n, SymInt m, *, ScalarType? dtype=None, …) -> Tensor"""
    rows, columns, wanted = n, n if m is None else m, _type(g, dtype)
    if g.opset < 9 and isinstance(rows, int) and isinstance(columns, int):
        return g.tensor(torch.eye(rows, columns, dtype=dtypes.to_torch(wanted)))
    g.requires(9, "EyeLike")
    return g.cast(g.op("EyeLike", filled(g, [rows, columns], 0, ir.DataType.FLOAT)), wanted)


def _grid(g: Emitter, rows: Dim, columns: Dim) -> tuple[Tensor, Tensor]:
    """Row numbers as a column, column numbers as a row."""
    return forms.unsqueeze(g, forms.iota(g, rows), [1]), forms.unsqueeze(g, forms.iota(g, columns), [0])


def triangle(g: Emitter, rows: Dim, columns: Dim, diagonal: Dim, *, upper: bool) -> Tensor:
    """A mask: True on the diagonal and to one side of it."""
    down, across = _grid(g, rows, columns)
    shifted = down if isinstance(diagonal, int) and diagonal == 0 else g.op("Add", down, shapes.as_scalar(g, diagonal))
    return less_or_equal(g, shifted, across) if upper else less_or_equal(g, across, shifted)


def _triangular(g: Emitter, x: Tensor, diagonal: Dim, *, upper: bool) -> Tensor:
    if g.opset >= 14:
        offset = None if isinstance(diagonal, int) and diagonal == 0 else shapes.as_scalar(g, diagonal)
        return g.op("Trilu", x, offset, upper=int(upper))
    mask = triangle(g, shapes.size(g, x, -2), shapes.size(g, x, -1), diagonal, upper=upper)
    if is_bool(x):
        return g.op("And", x, mask)
    return where(g, mask, x, g.like(0, x))


@symbolic("aten::tril")
def tril(g: Emitter, self: Tensor, diagonal: Dim = 0) -> Tensor:
    """tril(Tensor self, SymInt diagonal=0) -> Tensor"""
    return _triangular(g, self, diagonal, upper=False)


@symbolic("aten::triu")
def triu(g: Emitter, self: Tensor, diagonal: Dim = 0) -> Tensor:
    """triu(Tensor self, SymInt diagonal=0) -> Tensor"""
    return _triangular(g, self, diagonal, upper=True)


@symbolic("aten::tril_indices", since=9)
def tril_indices(g: Emitter, row: Dim, col: Dim, offset: Dim = 0, dtype: DType | None = None) -> Tensor:
    """tril_indices(int row, int col, int offset=0, *, ScalarType? dtype=long, …) -> Tensor"""
    return g.cast(g.op("NonZero", triangle(g, row, col, offset, upper=False)), _type(g, dtype, 0))


@symbolic("aten::triu_indices", since=9)
def triu_indices(g: Emitter, row: Dim, col: Dim, offset: Dim = 0, dtype: DType | None = None) -> Tensor:
    """triu_indices(int row, int col, int offset=0, *, ScalarType? dtype=long, …) -> Tensor"""
    return g.cast(g.op("NonZero", triangle(g, row, col, offset, upper=True)), _type(g, dtype, 0))


# -- grids and classes -----------------------------------------------------------------------------------------------------


@symbolic("aten::meshgrid")
def meshgrid(g: Emitter, tensors: list[Tensor], indexing: str = "ij") -> list[Tensor]:
    """meshgrid.indexing(Tensor[] tensors, *, str indexing) -> Tensor[]"""
    order = list(range(len(tensors)))
    if indexing == "xy" and len(order) >= 2:
        order[0], order[1] = 1, 0
    lines = [x if g.rank(x) else forms.unsqueeze(g, x, [0]) for x in tensors]
    size = [shapes.size(g, lines[index], 0) for index in order]
    grids: list[Tensor] = []
    for index, line in enumerate(lines):
        axis = order.index(index)
        other = [place for place in range(len(order)) if place != axis]
        grids.append(forms.expand(g, forms.unsqueeze(g, line, other), size))
    return grids


@symbolic("aten::one_hot", since=9)
def one_hot(g: Emitter, self: Tensor, num_classes: Dim = -1) -> Tensor:
    """one_hot(Tensor self, int num_classes=-1) -> Tensor: without num_classes as many as the largest index asks for"""
    if isinstance(num_classes, int) and num_classes == -1:
        largest = forms.reduce(g, "ReduceMax", self, None)
        depth = g.op("Add", largest, g.const(1))
    else:
        depth = shapes.as_scalar(g, num_classes)
    if g.rank(self):
        return g.op("OneHot", self, depth, g.const([0, 1]), axis=-1)
    row = g.op("OneHot", forms.unsqueeze(g, self, [0]), depth, g.const([0, 1]), axis=-1)
    return forms.squeeze(g, row, [0])
