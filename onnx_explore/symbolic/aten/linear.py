"""Matrix products: linear, mm, bmm, matmul and their relatives that add, batch or sum.

linear, rank 2   → Gemm(x, weight, bias, transB=1)
linear, others   → Add(MatMul(x, weight.T), bias)      weight.T is a view of the parameter, not a copy
"""

from __future__ import annotations

from collections.abc import Sequence

import onnx_ir as ir

from onnx_explore.emit import Emitter, forms, shapes
from onnx_explore.symbolic.annotations import Operand, Tensor
from onnx_explore.symbolic.aten.activation import gelu
from onnx_explore.symbolic.promotion import FLOATS, arithmetic, as_type
from onnx_explore.symbolic.registry import symbolic


@symbolic("aten::linear")
def linear(g: Emitter, input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """linear(Tensor input, Tensor weight, Tensor? bias=None) -> Tensor"""
    if g.rank(weight) == 1:
        product = g.op("MatMul", input, weight)
        return product if bias is None else g.op("Add", product, bias)
    if g.rank(input) == 2 and input.dtype in FLOATS and (bias is not None or g.opset >= 11):
        return g.op("Gemm", input, weight, bias, transB=1)
    product = g.op("MatMul", input, g.transposed(weight))
    return product if bias is None else g.op("Add", product, bias)


@symbolic("aten::mm", "aten::bmm")
def mm(g: Emitter, self: Tensor, mat2: Tensor) -> Tensor:
    """mm(Tensor self, Tensor mat2) -> Tensor"""
    return g.op("MatMul", self, mat2)


@symbolic("aten::matmul", "aten::linalg_matmul")
def matmul(g: Emitter, self: Tensor, other: Tensor) -> Tensor:
    """matmul(Tensor self, Tensor other) -> Tensor"""
    return g.op("MatMul", self, other)


@symbolic("aten::mv")
def mv(g: Emitter, self: Tensor, vec: Tensor) -> Tensor:
    """mv(Tensor self, Tensor vec) -> Tensor"""
    return g.op("MatMul", self, vec)


@symbolic("aten::dot")
def dot(g: Emitter, self: Tensor, tensor: Tensor) -> Tensor:
    """dot(Tensor self, Tensor tensor) -> Tensor"""
    return g.op("MatMul", self, tensor)


@symbolic("aten::vdot")
def vdot(g: Emitter, self: Tensor, other: Tensor) -> Tensor:
    """vdot(Tensor self, Tensor other) -> Tensor"""
    return g.op("MatMul", self, other)


@symbolic("aten::_int_mm", since=10)
def int_mm(g: Emitter, self: Tensor, mat2: Tensor) -> Tensor:
    """_int_mm(Tensor self, Tensor mat2) -> Tensor: int8 in, int32 out"""
    return g.op("MatMulInteger", self, mat2)


def is_number(operand: Operand, number: float) -> bool:
    """Whether an operand is known to be this number."""
    return not isinstance(operand, ir.Value) and operand == number


def _times(g: Emitter, x: ir.Value, factor: Operand) -> ir.Value:
    return x if is_number(factor, 1) else g.op("Mul", x, as_type(g, factor, g.dtype(x)))


def _added(g: Emitter, x: ir.Value, beta: Operand, product: ir.Value, alpha: Operand) -> ir.Value:
    """``beta * x + alpha * product``; with beta 0, ``x`` does not matter, even if it is NaN."""
    product = _times(g, product, alpha)
    return product if is_number(beta, 0) else g.op("Add", _times(g, x, beta), product)


@symbolic("aten::addmm")
def addmm(g: Emitter, self: Tensor, mat1: Tensor, mat2: Tensor, beta: Operand = 1, alpha: Operand = 1) -> Tensor:
    """addmm(Tensor self, Tensor mat1, Tensor mat2, *, Scalar beta=1, Scalar alpha=1) -> Tensor"""
    if mat1.dtype in FLOATS and not isinstance(alpha, ir.Value | complex) and not isinstance(beta, ir.Value | complex):
        kept = None if is_number(beta, 0) else self
        if kept is not None or g.opset >= 11:
            return g.op("Gemm", mat1, mat2, kept, alpha=float(alpha), beta=float(beta))
    return _added(g, self, beta, g.op("MatMul", mat1, mat2), alpha)


@symbolic("aten::_addmm_activation")
def addmm_activation(
    g: Emitter,
    self: Tensor,
    mat1: Tensor,
    mat2: Tensor,
    beta: Operand = 1,
    alpha: Operand = 1,
    use_gelu: bool = False,
) -> Tensor:
    """_addmm_activation(Tensor self, Tensor mat1, Tensor mat2, *, Scalar beta=1, Scalar alpha=1, bool use_gelu=False)
    -> Tensor
    """
    x = addmm(g, self, mat1, mat2, beta, alpha)
    return gelu(g, x) if use_gelu else g.op("Relu", x)


@symbolic("aten::addmv")
def addmv(g: Emitter, self: Tensor, mat: Tensor, vec: Tensor, beta: Operand = 1, alpha: Operand = 1) -> Tensor:
    """addmv(Tensor self, Tensor mat, Tensor vec, *, Scalar beta=1, Scalar alpha=1) -> Tensor"""
    return _added(g, self, beta, g.op("MatMul", mat, vec), alpha)


@symbolic("aten::addr")
def addr(g: Emitter, self: Tensor, vec1: Tensor, vec2: Tensor, beta: Operand = 1, alpha: Operand = 1) -> Tensor:
    """addr(Tensor self, Tensor vec1, Tensor vec2, *, Scalar beta=1, Scalar alpha=1) -> Tensor"""
    x, left, right = arithmetic(g, self, vec1, vec2)
    if x.dtype == ir.DataType.BOOL:
        product = g.op("And", forms.unsqueeze(g, left, [1]), right)
        if is_number(alpha, 0):
            product = g.op("And", product, g.const(False))
        return product if is_number(beta, 0) else g.op("Or", x, product)
    return _added(g, x, beta, g.op("Mul", forms.unsqueeze(g, left, [1]), right), alpha)


@symbolic("aten::baddbmm")
def baddbmm(g: Emitter, self: Tensor, batch1: Tensor, batch2: Tensor, beta: Operand = 1, alpha: Operand = 1) -> Tensor:
    """baddbmm(Tensor self, Tensor batch1, Tensor batch2, *, Scalar beta=1, Scalar alpha=1) -> Tensor"""
    return _added(g, self, beta, g.op("MatMul", batch1, batch2), alpha)


@symbolic("aten::addbmm")
def addbmm(g: Emitter, self: Tensor, batch1: Tensor, batch2: Tensor, beta: Operand = 1, alpha: Operand = 1) -> Tensor:
    """addbmm(Tensor self, Tensor batch1, Tensor batch2, *, Scalar beta=1, Scalar alpha=1) -> Tensor"""
    total = forms.reduce(g, "ReduceSum", g.op("MatMul", batch1, batch2), [0])
    return _added(g, self, beta, total, alpha)


@symbolic("aten::outer", "aten::ger")
def outer(g: Emitter, self: Tensor, vec2: Tensor) -> Tensor:
    """outer(Tensor self, Tensor vec2) -> Tensor"""
    left, right = arithmetic(g, self, vec2)
    return g.op("And" if left.dtype == ir.DataType.BOOL else "Mul", forms.unsqueeze(g, left, [1]), right)


@symbolic("aten::inner")
def inner(g: Emitter, self: Tensor, other: Tensor) -> Tensor:
    """inner(Tensor self, Tensor other) -> Tensor"""
    if g.rank(self) == 0 or g.rank(other) == 0:
        return g.op("Mul", *arithmetic(g, self, other))
    return tensordot(g, self, other, [-1], [-1])


@symbolic("aten::tensordot")
def tensordot(g: Emitter, self: Tensor, other: Tensor, dims_self: list[int], dims_other: list[int]) -> Tensor:
    """tensordot(Tensor self, Tensor other, int[] dims_self, int[] dims_other) -> Tensor"""
    left, right = self, other
    left_axes = [g.axis(left, dim) for dim in dims_self]
    right_axes = [g.axis(right, dim) for dim in dims_other]
    for first, second in zip(left_axes, right_axes, strict=True):  # a size of 1 stands against any other
        if _is_one(left, first) and not _is_one(right, second):
            right = forms.reduce(g, "ReduceSum", right, [second], keepdims=True)
        elif _is_one(right, second) and not _is_one(left, first):
            left = forms.reduce(g, "ReduceSum", left, [first], keepdims=True)
    left_free = [axis for axis in range(g.rank(left)) if axis not in left_axes]
    right_free = [axis for axis in range(g.rank(right)) if axis not in right_axes]
    sizes = [
        *[shapes.size(g, left, axis) for axis in left_free],
        *[shapes.size(g, right, axis) for axis in right_free],
    ]
    rows = _matrix(g, left, left_free, left_axes)
    columns = _matrix(g, right, right_axes, right_free)
    return forms.reshape(g, g.op("MatMul", rows, columns), sizes)


def _is_one(x: ir.Value, axis: int) -> bool:
    assert x.shape is not None
    return x.shape[axis] == 1


def _matrix(g: Emitter, x: ir.Value, rows: Sequence[int], columns: Sequence[int]) -> ir.Value:
    """``x`` with these dimensions merged into rows, those into columns."""
    order = [*rows, *columns]
    sizes = shapes.sizes(g, x)
    moved = x if order == sorted(order) else g.op("Transpose", x, perm=order)
    height = shapes.product(g, [sizes[axis] for axis in rows])
    width = shapes.product(g, [sizes[axis] for axis in columns])
    return forms.reshape(g, moved, [height, width])


@symbolic("aten::linalg_multi_dot")
def multi_dot(g: Emitter, tensors: list[Tensor]) -> Tensor:
    """linalg_multi_dot(Tensor[] tensors) -> Tensor"""
    return chain_matmul(g, tensors)


@symbolic("aten::chain_matmul")
def chain_matmul(g: Emitter, matrices: list[Tensor]) -> Tensor:
    """chain_matmul(Tensor[] matrices) -> Tensor: in the order that costs least, where the sizes are known"""
    tensors = list(matrices)
    sizes = [shapes.size(g, item, 0) for item in tensors[1:]]
    ends = [
        1 if g.rank(tensors[0]) == 1 else shapes.size(g, tensors[0], 0),
        1 if g.rank(tensors[-1]) == 1 else shapes.size(g, tensors[-1], -1),
    ]
    bounds = [ends[0], *sizes, ends[1]]
    while len(tensors) > 1:
        place = 0
        if all(isinstance(size, int) for size in bounds):
            # Greedy: the product that removes the largest inner size.
            place = max(range(len(tensors) - 1), key=lambda index: int(bounds[index + 1]))  # pyright: ignore[reportArgumentType]
        tensors[place : place + 2] = [g.op("MatMul", tensors[place], tensors[place + 1])]
        del bounds[place + 1]
    return tensors[0]


@symbolic("aten::bilinear")
def bilinear(g: Emitter, input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """bilinear(Tensor input1, Tensor input2, Tensor weight, Tensor? bias=None) -> Tensor: input1ᵀ · weight[o] · input2"""
    rank = g.rank(input1)
    row = forms.unsqueeze(g, input1, [rank - 1, rank])
    column = forms.unsqueeze(g, input2, [rank - 1, rank + 1])
    numbers = forms.squeeze(g, g.op("MatMul", g.op("MatMul", row, weight), column), [rank, rank + 1])
    return numbers if bias is None else g.op("Add", numbers, bias)


@symbolic("aten::linalg_vecdot")
def vecdot(g: Emitter, x: Tensor, y: Tensor, dim: int = -1) -> Tensor:
    """linalg_vecdot(Tensor x, Tensor y, *, int dim=-1) -> Tensor"""
    product = g.op("Mul", *arithmetic(g, x, y))
    return forms.reduce(g, "ReduceSum", product, [g.axis(product, dim)])


@symbolic("aten::kron")
def kron(g: Emitter, self: Tensor, other: Tensor) -> Tensor:
    """kron(Tensor self, Tensor other) -> Tensor"""
    left, right = arithmetic(g, self, other)
    rank = max(g.rank(left), g.rank(right))
    left = forms.unsqueeze(g, left, list(range(rank - g.rank(left))))
    right = forms.unsqueeze(g, right, list(range(rank - g.rank(right))))
    sizes = [
        shapes.mul(g, first, second)
        for first, second in zip(shapes.sizes(g, left), shapes.sizes(g, right), strict=True)
    ]
    wide = forms.unsqueeze(g, left, [2 * axis + 1 for axis in range(rank)])
    fine = forms.unsqueeze(g, right, [2 * axis for axis in range(rank)])
    return forms.reshape(g, g.op("And" if left.dtype == ir.DataType.BOOL else "Mul", wide, fine), sizes)


@symbolic("aten::cross")
def cross(g: Emitter, self: Tensor, other: Tensor, dim: int | None = None) -> Tensor:
    """cross(Tensor self, Tensor other, int? dim=None) -> Tensor: without dim, along the first dimension of size 3"""
    if dim is None:
        assert self.shape is not None
        dim = next((axis - len(self.shape) for axis, size in enumerate(self.shape) if size == 3), -1)
    elif dim >= 0:
        dim -= g.rank(self)
    return linalg_cross(g, self, other, dim)


@symbolic("aten::linalg_cross")
def linalg_cross(g: Emitter, self: Tensor, other: Tensor, dim: int = -1) -> Tensor:
    """linalg_cross(Tensor self, Tensor other, *, int dim=-1) -> Tensor"""
    left, right = arithmetic(g, self, other)
    if dim >= 0:
        dim -= max(g.rank(left), g.rank(right))
    turned = [
        g.op("Gather", item, g.const(order), axis=g.axis(item, dim))
        for item, order in ((left, [1, 2, 0]), (right, [2, 0, 1]), (left, [2, 0, 1]), (right, [1, 2, 0]))
    ]
    return g.op("Sub", g.op("Mul", turned[0], turned[1]), g.op("Mul", turned[2], turned[3]))
