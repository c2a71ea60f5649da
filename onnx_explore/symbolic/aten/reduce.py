"""Reductions over dimensions: sum, product, mean, extremes and where they are, any and all, counts.

An empty (or missing) list of dimensions means all of them, as PyTorch has it. A 0-d tensor has one dimension, 0.
"""

from __future__ import annotations

from collections.abc import Callable

import onnx_ir as ir
import torch

from onnx_explore import dtypes
from onnx_explore.emit import Emitter, forms, shapes
from onnx_explore.emit.forms.comparison import is_inf, is_nan, where
from onnx_explore.symbolic.annotations import Dim, DType, Tensor
from onnx_explore.symbolic.promotion import is_bool, is_float, is_integer
from onnx_explore.symbolic.registry import symbolic, table


def axes_of(g: Emitter, x: Tensor, dim: list[int] | None) -> list[int] | None:
    """PyTorch's dimensions as axes that are not negative; None for all."""
    if not dim or g.rank(x) == 0:
        return None
    return [g.axis(x, item) for item in dim]


def reduced(g: Emitter, op_type: str, x: Tensor, dim: list[int] | None, keepdim: bool = False) -> Tensor:
    """One ONNX reduction over PyTorch's dimensions; over all of them whatever their number."""
    if (x.shape is None and not dim) and not keepdim:
        return g.op(op_type, x, keepdims=0)
    if g.rank(x) == 0:
        # ONNX reduces a 0-d tensor only if no axes are named; the operator may still change the value (ReduceL2 …).
        return g.op(op_type, x, keepdims=0)
    return forms.reduce(g, op_type, x, axes_of(g, x, dim), keepdims=keepdim)


def mean_over(g: Emitter, x: Tensor, dim: list[int] | None, keepdim: bool = False) -> Tensor:
    """The mean; of nothing it is NaN, where ONNX Runtime's ReduceMean gives 0."""
    if x.shape is None and not dim and not keepdim:
        return g.op("Div", reduced(g, "ReduceSum", x, None), g.cast(g.op("Size", x), g.dtype(x)))
    axes = axes_of(g, x, dim)
    assert x.shape is not None
    if 0 not in [x.shape[axis] for axis in (range(g.rank(x)) if axes is None else axes)]:
        return reduced(g, "ReduceMean", x, dim, keepdim)
    return g.op("Div", reduced(g, "ReduceSum", x, dim, keepdim), g.like(0, x))


def element_count(g: Emitter, x: Tensor, dim: list[int] | None) -> Dim:
    """How many elements go into each result of a reduction."""
    axes = axes_of(g, x, dim)
    return shapes.product(g, [shapes.size(g, x, axis) for axis in (range(g.rank(x)) if axes is None else axes)])


def summable(g: Emitter, x: Tensor, dtype: ir.DataType | None) -> Tensor:
    """The operand of a sum or product: in the type that is asked for; else integers and bools as int64."""
    if dtype is not None:
        return g.cast(x, dtype)
    return g.cast(x, ir.DataType.INT64) if is_integer(x) or is_bool(x) else x


def widened(g: Emitter, x: Tensor) -> Tensor:
    """Half precision as float32, which PyTorch computes in."""
    return g.cast(x, ir.DataType.FLOAT) if x.dtype in (ir.DataType.FLOAT16, ir.DataType.BFLOAT16) else x


def nonzero(g: Emitter, x: Tensor) -> Tensor:
    """``x != 0`` as bool."""
    return g.cast(x, ir.DataType.BOOL)


# -- sum, product, mean --------------------------------------------------------------------------------------------------


@symbolic("aten::sum")
def sum_(
    g: Emitter, self: Tensor, dim: list[int] | None = None, keepdim: bool = False, dtype: DType | None = None
) -> Tensor:
    """sum.dim_IntList(Tensor self, int[1]? dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor"""
    return reduced(g, "ReduceSum", summable(g, self, dtype), dim, keepdim)


@symbolic("aten::nansum")
def nansum(
    g: Emitter, self: Tensor, dim: list[int] | None = None, keepdim: bool = False, dtype: DType | None = None
) -> Tensor:
    """nansum(Tensor self, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor"""
    x = self
    if is_float(x):
        x = where(g, is_nan(g, x), g.like(0, x), x)
    return reduced(g, "ReduceSum", summable(g, x, dtype), dim, keepdim)


@symbolic("aten::mean")
def mean(
    g: Emitter, self: Tensor, dim: list[int] | None = None, keepdim: bool = False, dtype: DType | None = None
) -> Tensor:
    """mean.dim(Tensor self, int[1]? dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor"""
    return mean_over(g, self if dtype is None else g.cast(self, dtype), dim, keepdim)


@symbolic("aten::nanmean")
def nanmean(
    g: Emitter, self: Tensor, dim: list[int] | None = None, keepdim: bool = False, dtype: DType | None = None
) -> Tensor:
    """nanmean(Tensor self, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor"""
    x = self if dtype is None else g.cast(self, dtype)
    missing = is_nan(g, x)
    total = reduced(g, "ReduceSum", where(g, missing, g.like(0, x), x), dim, keepdim)
    present = reduced(g, "ReduceSum", g.cast(g.op("Not", missing), g.dtype(x)), dim, keepdim)
    return g.op("Div", total, present)


@symbolic("aten::prod")
def prod(g: Emitter, self: Tensor, dtype: DType | None = None) -> Tensor:
    """prod(Tensor self, *, ScalarType? dtype=None) -> Tensor"""
    return reduced(g, "ReduceProd", summable(g, self, dtype), None)


@symbolic("aten::prod.dim_int")
def prod_dim(g: Emitter, self: Tensor, dim: int, keepdim: bool = False, dtype: DType | None = None) -> Tensor:
    """prod.dim_int(Tensor self, int dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor"""
    return reduced(g, "ReduceProd", summable(g, self, dtype), [dim], keepdim)


# -- extremes --------------------------------------------------------------------------------------------------------------


def extreme(g: Emitter, op_type: str, x: Tensor, dim: list[int] | None, keepdim: bool = False) -> Tensor:
    """ReduceMax or ReduceMin; bools as numbers below opset 20, and where there may be none: ONNX Runtime refuses these."""
    if not is_bool(x) or (g.opset >= 20 and shapes.is_static(x)):
        return reduced(g, op_type, x, dim, keepdim)
    number = reduced(g, op_type, g.cast(x, ir.DataType.INT32), dim, keepdim)
    if op_type == "ReduceMax" and not shapes.is_static(x):
        return g.op("Greater", number, g.like(0, number))  # of no elements, it is the lowest number there is
    return g.cast(number, ir.DataType.BOOL)


def _make_extreme(op_type: str) -> Callable[..., Tensor]:
    def amax(g: Emitter, self: Tensor, dim: list[int] | None = None, keepdim: bool = False) -> Tensor:
        """amax(Tensor self, int[1] dim=[], bool keepdim=False) -> Tensor"""
        return extreme(g, op_type, self, dim, keepdim)

    return amax


table({"aten::amax": "ReduceMax", "aten::amin": "ReduceMin"}, _make_extreme)


def _make_where(op_type: str) -> Callable[..., Tensor]:
    def argmax(g: Emitter, self: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
        """argmax(Tensor self, int? dim=None, bool keepdim=False) -> Tensor"""
        rank = g.rank(self)
        if dim is None or rank == 0:
            flat = g.op(
                "ArgMax" if op_type == "ReduceMax" else "ArgMin", forms.reshape(g, self, [-1]), axis=0, keepdims=0
            )
            return forms.unsqueeze(g, flat, list(range(rank))) if keepdim else flat
        return place(g, op_type, self, g.axis(self, dim), keepdim)

    return argmax


table({"aten::argmax": "ReduceMax", "aten::argmin": "ReduceMin"}, _make_where)


def place(g: Emitter, op_type: str, x: Tensor, axis: int, keepdim: bool) -> Tensor:
    """Where the first extreme value stands."""
    if is_bool(x):
        x = g.cast(x, ir.DataType.INT32)
    return g.op("ArgMax" if op_type == "ReduceMax" else "ArgMin", x, axis=axis, keepdims=int(keepdim))


def _with_place(g: Emitter, op_type: str, x: Tensor, dim: int, keepdim: bool) -> tuple[Tensor, Tensor]:
    if g.rank(x) == 0:
        return g.op("Identity", x), g.tensor(torch.tensor(0))
    return extreme(g, op_type, x, [dim], keepdim), place(g, op_type, x, g.axis(x, dim), keepdim)


@symbolic("aten::max")
def max_(g: Emitter, self: Tensor) -> Tensor:
    """max(Tensor self) -> Tensor"""
    return extreme(g, "ReduceMax", self, None)


@symbolic("aten::max.dim")
def max_dim(g: Emitter, self: Tensor, dim: int, keepdim: bool = False) -> tuple[Tensor, Tensor]:
    """max.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)"""
    return _with_place(g, "ReduceMax", self, dim, keepdim)


@symbolic("aten::min")
def min_(g: Emitter, self: Tensor) -> Tensor:
    """min(Tensor self) -> Tensor"""
    return extreme(g, "ReduceMin", self, None)


@symbolic("aten::min.dim")
def min_dim(g: Emitter, self: Tensor, dim: int, keepdim: bool = False) -> tuple[Tensor, Tensor]:
    """min.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)"""
    return _with_place(g, "ReduceMin", self, dim, keepdim)


@symbolic("aten::aminmax", "aten::_aminmax")
def aminmax(g: Emitter, self: Tensor, dim: int | None = None, keepdim: bool = False) -> tuple[Tensor, Tensor]:
    """aminmax(Tensor self, *, int? dim=None, bool keepdim=False) -> (Tensor min, Tensor max)"""
    dims = None if dim is None else [dim]
    return extreme(g, "ReduceMin", self, dims, keepdim), extreme(g, "ReduceMax", self, dims, keepdim)


# -- truth and counts --------------------------------------------------------------------------------------------------------


def truth(g: Emitter, op_type: str, x: Tensor, dim: list[int] | None, keepdim: bool) -> Tensor:
    """Whether any (ReduceMax) or all (ReduceMin) elements differ from 0."""
    return extreme(g, op_type, nonzero(g, x), dim, keepdim)


def _make_truth(op_type: str) -> Callable[..., Tensor]:
    def any(g: Emitter, self: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
        """any.dim(Tensor self, int dim, bool keepdim=False) -> Tensor"""
        return truth(g, op_type, self, None if dim is None else [dim], keepdim)

    return any


def _make_truth_dims(op_type: str) -> Callable[..., Tensor]:
    def any_dims(g: Emitter, self: Tensor, dim: list[int] | None = None, keepdim: bool = False) -> Tensor:
        """any.dims(Tensor self, int[]? dim=None, bool keepdim=False) -> Tensor

        Here an empty list names no dimension.
        """
        return nonzero(g, self) if dim == [] else truth(g, op_type, self, dim, keepdim)

    return any_dims


table({"aten::any": "ReduceMax", "aten::all": "ReduceMin"}, _make_truth)
table({"aten::any.dims": "ReduceMax", "aten::all.dims": "ReduceMin"}, _make_truth_dims)


@symbolic("aten::count_nonzero")
def count_nonzero(g: Emitter, self: Tensor, dim: int | None = None) -> Tensor:
    """count_nonzero(Tensor self, int? dim=None) -> Tensor"""
    return count_nonzero_dims(g, self, [] if dim is None else [dim])


@symbolic("aten::count_nonzero.dim_IntList")
def count_nonzero_dims(g: Emitter, self: Tensor, dim: list[int]) -> Tensor:
    """count_nonzero.dim_IntList(Tensor self, int[] dim) -> Tensor"""
    return reduced(g, "ReduceSum", g.cast(nonzero(g, self), ir.DataType.INT64), dim)


@symbolic("aten::logsumexp", "aten::special_logsumexp")
def logsumexp(g: Emitter, self: Tensor, dim: list[int], keepdim: bool = False) -> Tensor:
    """logsumexp(Tensor self, int[1] dim, bool keepdim=False) -> Tensor"""
    x = self if is_float(self) else g.cast(self, dtypes.to_onnx(torch.get_default_dtype()))
    return log_sum_exp(g, x, dim, keepdim)


def log_sum_exp(g: Emitter, x: Tensor, dim: list[int] | None, keepdim: bool) -> Tensor:
    """ReduceLogSumExp. ONNX Runtime has no kernel for version 28, and expands it in a way that overflows."""
    if g.opset < 28:
        return reduced(g, "ReduceLogSumExp", x, dim, keepdim)
    top = reduced(g, "ReduceMax", x, dim, keepdim=True)
    top = where(g, is_inf(g, top), g.like(0, x), top)
    total = reduced(g, "ReduceSum", g.op("Exp", g.op("Sub", x, top)), dim, keepdim)
    if not keepdim:
        top = forms.squeeze(g, top, axes_of(g, x, dim) or list(range(g.rank(x))))
    return g.op("Add", g.op("Log", total), top)
