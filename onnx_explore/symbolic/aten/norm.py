"""Norms of vectors and matrices, and distances made of them."""

from __future__ import annotations

import math

import onnx_ir as ir
import torch

from onnx_explore import dtypes
from onnx_explore.emit import Emitter, forms, shapes
from onnx_explore.emit.forms.comparison import less_or_equal, where
from onnx_explore.errors import UnsupportedOperatorError
from onnx_explore.symbolic.annotations import DType, Operand, Scalar, Tensor
from onnx_explore.symbolic.aten.permute import moved
from onnx_explore.symbolic.aten.reduce import nonzero, reduced
from onnx_explore.symbolic.aten.singular import singular_values
from onnx_explore.symbolic.promotion import arithmetic, is_float, promoted
from onnx_explore.symbolic.registry import symbolic


def p_norm(g: Emitter, x: Tensor, p: float, dim: list[int] | None, keepdim: bool = False) -> Tensor:
    """``(Σ |x|ᵖ)^(1/p)`` over dimensions; 0 counts what is not 0, ±∞ is the largest or smallest absolute value."""
    if p == 2:
        return reduced(g, "ReduceL2", x, dim, keepdim)
    if p == 1:
        return reduced(g, "ReduceL1", x, dim, keepdim)
    if p == 0:
        return reduced(g, "ReduceSum", g.cast(nonzero(g, x), g.dtype(x)), dim, keepdim)
    size = g.op("Abs", x)
    if math.isinf(p):
        return reduced(g, "ReduceMax" if p > 0 else "ReduceMin", size, dim, keepdim)
    total = reduced(g, "ReduceSum", g.op("Pow", size, g.like(p, x)), dim, keepdim)
    return g.op("Pow", total, g.like(1.0 / p, x))


def exponent(p: Scalar | None, default: float = 2.0) -> float:
    """The order of a norm as a Python number."""
    if p is None:
        return default
    if isinstance(p, ir.Value | complex):
        raise UnsupportedOperatorError("the order of the norm is known only when the model runs")
    return float(p)


def _operand(g: Emitter, x: Tensor, dtype: ir.DataType | None) -> Tensor:
    if dtype is not None:
        return g.cast(x, dtype)
    return x if is_float(x) else g.cast(x, dtypes.to_onnx(torch.get_default_dtype()))


@symbolic("aten::norm")
def norm(
    g: Emitter,
    self: Tensor,
    p: Scalar | None = 2,
    dim: list[int] | None = None,
    keepdim: bool = False,
    dtype: DType | None = None,
) -> Tensor:
    """norm.ScalarOpt_dim_dtype(Tensor self, Scalar? p, int[1] dim, bool keepdim, *, ScalarType dtype) -> Tensor"""
    return p_norm(g, _operand(g, self, dtype), exponent(p), dim, keepdim)


@symbolic("aten::linalg_vector_norm")
def vector_norm(
    g: Emitter,
    self: Tensor,
    ord: Scalar = 2,
    dim: list[int] | None = None,
    keepdim: bool = False,
    dtype: DType | None = None,
) -> Tensor:
    """linalg_vector_norm(Tensor self, Scalar ord=2, int[1]? dim=None, bool keepdim=False, *, ScalarType?
    dtype=None) -> Tensor
    """
    return p_norm(g, _operand(g, self, dtype), exponent(ord), dim, keepdim)


@symbolic("aten::linalg_norm")
def linalg_norm(
    g: Emitter,
    self: Tensor,
    ord: Scalar | None = None,
    dim: list[int] | None = None,
    keepdim: bool = False,
    dtype: DType | None = None,
) -> Tensor:
    """linalg_norm(Tensor self, Scalar? ord=None, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None)
    -> Tensor
    """
    x = _operand(g, self, dtype)
    matrix = len(dim) == 2 if dim is not None else g.rank(x) == 2
    if ord is None or not matrix:
        return p_norm(g, x, exponent(ord), dim, keepdim)
    return _matrix_norm(g, x, exponent(ord), dim or [0, 1], keepdim)


@symbolic("aten::linalg_norm.ord_str")
def linalg_norm_named(
    g: Emitter, self: Tensor, ord: str, dim: list[int] | None = None, keepdim: bool = False, dtype: DType | None = None
) -> Tensor:
    """linalg_norm.ord_str(Tensor self, str ord, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) ->
    Tensor
    """
    return matrix_norm_named(g, self, ord, dim or [0, 1], keepdim, dtype)


@symbolic("aten::linalg_matrix_norm")
def matrix_norm(
    g: Emitter, self: Tensor, ord: Scalar, dim: list[int], keepdim: bool = False, dtype: DType | None = None
) -> Tensor:
    """linalg_matrix_norm(Tensor self, Scalar ord, int[] dim=[-2, -1], bool keepdim=False, *, ScalarType?
    dtype=None) -> Tensor
    """
    return _matrix_norm(g, _operand(g, self, dtype), exponent(ord), dim, keepdim)


@symbolic("aten::linalg_matrix_norm.str_ord")
def matrix_norm_named(
    g: Emitter, self: Tensor, ord: str, dim: list[int], keepdim: bool = False, dtype: DType | None = None
) -> Tensor:
    """linalg_matrix_norm.str_ord(Tensor self, str ord="fro", int[] dim=[-2, -1], bool keepdim=False, *, ScalarType?
    dtype=None) -> Tensor
    """
    if ord == "nuc":
        return _of_singular_values(g, "ReduceSum", _operand(g, self, dtype), dim, keepdim)
    if ord != "fro":
        raise UnsupportedOperatorError(f"unknown norm {ord!r}", argument="ord")
    return p_norm(g, _operand(g, self, dtype), 2, dim, keepdim)


def _matrix_norm(g: Emitter, x: Tensor, order: float, dim: list[int], keepdim: bool) -> Tensor:
    """±1: extreme sum of a column; ±∞: extreme sum of a row; ±2: extreme singular value."""
    row, column = (g.axis(x, item) for item in dim)
    if abs(order) == 1:
        summed, kept = row, column
    elif math.isinf(order):
        summed, kept = column, row
    elif abs(order) == 2:
        return _of_singular_values(g, "ReduceMax" if order > 0 else "ReduceMin", x, dim, keepdim)
    else:
        raise UnsupportedOperatorError(f"the matrix norm of order {order}", argument="ord")
    sums = reduced(g, "ReduceL1", x, [summed], keepdim=True)
    best = reduced(g, "ReduceMax" if order > 0 else "ReduceMin", sums, [kept], keepdim=True)
    return best if keepdim else forms.squeeze(g, best, sorted([row, column]))


def _of_singular_values(g: Emitter, op_type: str, x: Tensor, dim: list[int], keepdim: bool) -> Tensor:
    axes = [g.axis(x, item) for item in dim]
    values = singular_values(g, moved(g, x, axes, [-2, -1]))
    if shapes.size(g, values, -1) == 0:
        op_type = "ReduceSum"  # PyTorch has 0 for every norm of nothing
    result = reduced(g, op_type, values, [g.rank(values) - 1])
    return forms.unsqueeze(g, result, sorted(axes)) if keepdim else result


@symbolic("aten::frobenius_norm")
def frobenius_norm(g: Emitter, self: Tensor, dim: list[int] | None = None, keepdim: bool = False) -> Tensor:
    """frobenius_norm.dim(Tensor self, int[1] dim, bool keepdim=False) -> Tensor"""
    return reduced(g, "ReduceL2", self, dim, keepdim)


@symbolic("aten::renorm", since=9)
def renorm(g: Emitter, self: Tensor, p: Scalar, dim: int, maxnorm: Scalar) -> Tensor:
    """renorm(Tensor self, Scalar p, int dim, Scalar maxnorm) -> Tensor"""
    limit, axis = exponent(maxnorm), g.axis(self, dim)
    others = [item for item in range(g.rank(self)) if item != axis]
    size = p_norm(g, self, exponent(p), others, keepdim=True)
    shrink = g.op("Div", g.like(limit, self), g.op("Add", size, g.like(1e-7, self)))
    return g.op("Mul", self, where(g, g.op("Greater", size, g.like(limit, self)), shrink, g.like(1, self)))


# -- distances ---------------------------------------------------------------------------------------------------------------


@symbolic("aten::dist")
def dist(g: Emitter, self: Operand, other: Operand, p: Scalar = 2) -> Tensor:
    """dist(Tensor self, Tensor other, Scalar p=2) -> Tensor"""
    return p_norm(g, g.op("Sub", *arithmetic(g, self, other)), exponent(p), None)


@symbolic("aten::pairwise_distance")
def pairwise_distance(
    g: Emitter, x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False
) -> Tensor:
    """pairwise_distance(Tensor x1, Tensor x2, float p=2., float eps=9.9999999999999995e-07, bool keepdim=False) ->
    Tensor
    """
    difference = _operand(g, g.op("Sub", *promoted(g, x1, x2)), None)  # bytes wrap around before they become floats
    return p_norm(g, g.op("Add", difference, g.like(eps, difference)), p, [-1], keepdim)


@symbolic("aten::cosine_similarity")
def cosine_similarity(g: Emitter, x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """cosine_similarity(Tensor x1, Tensor x2, int dim=1, float eps=1e-08) -> Tensor"""
    left, right = arithmetic(g, x1, x2)
    dim -= 0 if dim < 0 else max(g.rank(left), g.rank(right))  # from the end: the ranks may differ
    unit: list[Tensor] = []
    for x in (left, right):
        size = reduced(g, "ReduceL2", x, [dim], keepdim=True) if g.rank(x) >= -dim else g.op("Abs", x)
        unit.append(g.op("Div", x, forms.clip(g, size, eps, None)))
    return reduced(g, "ReduceSum", g.op("Mul", *unit), [dim])


@symbolic("aten::cdist")
def cdist(g: Emitter, x1: Tensor, x2: Tensor, p: float = 2.0, compute_mode: int | None = None) -> Tensor:
    """cdist(Tensor x1, Tensor x2, float p=2., int? compute_mode=None) -> Tensor"""
    del compute_mode  # how, not what
    rank = max(g.rank(x1), g.rank(x2))
    left, right = (forms.unsqueeze(g, x, list(range(rank - g.rank(x)))) for x in (x1, x2))
    apart = g.op("Sub", forms.unsqueeze(g, left, [rank - 1]), forms.unsqueeze(g, right, [rank - 2]))
    return p_norm(g, apart, p, [-1])


@symbolic("aten::_cdist_forward")
def cdist_forward(g: Emitter, x1: Tensor, x2: Tensor, p: float, compute_mode: int | None) -> Tensor:
    """_cdist_forward(Tensor x1, Tensor x2, float p, int? compute_mode) -> Tensor"""
    return cdist(g, x1, x2, p, compute_mode)


@symbolic("aten::pdist", "aten::_pdist_forward")
def pdist(g: Emitter, self: Tensor, p: float = 2.0) -> Tensor:
    """pdist(Tensor self, float p=2.) -> Tensor: the upper triangle of all distances, row by row"""
    every = cdist(g, self, self, p)
    count = shapes.size(g, self, 0)
    if isinstance(count, int):
        rows, columns = torch.triu_indices(count, count, 1)
        places = g.tensor(rows * count + columns)
    else:
        line = forms.iota(g, count)
        below = less_or_equal(g, forms.unsqueeze(g, line, [0]), forms.unsqueeze(g, line, [1]))
        places = forms.squeeze(g, g.op("NonZero", forms.reshape(g, g.op("Not", below), [-1])), [0])
    return g.op("Gather", forms.reshape(g, every, [-1]), places, axis=0)
