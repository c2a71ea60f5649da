"""Running sums, products, extremes and log-sum-exp along one dimension.

ONNX has CumSum (opset 11) and CumProd (26). The others reduce a triangle: row *i* of an (n, n) matrix holds the first
``i + 1`` elements and the operator's neutral element, which costs n² memory and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable

import onnx_ir as ir
import torch

from onnx_explore.emit import Emitter, forms, shapes
from onnx_explore.emit.forms.comparison import equal, finite_range, less_or_equal, where
from onnx_explore.symbolic.annotations import DType, Tensor
from onnx_explore.symbolic.aten.reduce import log_sum_exp, summable, widened
from onnx_explore.symbolic.promotion import is_bool, is_float
from onnx_explore.symbolic.registry import symbolic, table


@symbolic("aten::cumsum")
def cumsum(g: Emitter, self: Tensor, dim: int, dtype: DType | None = None) -> Tensor:
    """cumsum(Tensor self, int dim, *, ScalarType? dtype=None) -> Tensor

    Below opset 11 a product with a triangle of ones.
    """
    x = summable(g, self, dtype)
    if g.rank(x) == 0:
        return g.op("Identity", x)
    axis = g.axis(x, dim)
    size = shapes.size(g, x, axis)
    if not isinstance(size, int):
        g.requires(11, "cumsum along a dimension whose size is known only at run time")
    wide = x if is_float(x) else g.cast(x, ir.DataType.DOUBLE)
    assert isinstance(size, int) and wide.dtype is not None
    ones = g.const(torch.ones(size, size).triu().tolist(), wide.dtype)
    last = g.rank(x) - 1
    order = list(range(last + 1))
    order[axis], order[last] = last, axis
    if axis == last:
        return g.cast(g.op("MatMul", wide, ones), g.dtype(x))
    rows = g.op("MatMul", g.op("Transpose", wide, perm=order), ones)
    return g.cast(g.op("Transpose", rows, perm=order), g.dtype(x))


@cumsum.since(11)
def _(g: Emitter, self: Tensor, dim: int, dtype: DType | None = None) -> Tensor:
    x = summable(g, self, dtype)
    return g.op("Identity", x) if g.rank(x) == 0 else g.op("CumSum", x, g.const(g.axis(x, dim)))


@symbolic("aten::cumprod", since=9)
def cumprod(g: Emitter, self: Tensor, dim: int, dtype: DType | None = None) -> Tensor:
    """cumprod(Tensor self, int dim, *, ScalarType? dtype=None) -> Tensor"""
    x = summable(g, self, dtype)
    if g.rank(x) == 0:
        return g.op("Identity", x)
    axis = g.axis(x, dim)
    return forms.reduce(g, "ReduceProd", _triangle(g, x, axis, 1), [axis + 1])


@cumprod.since(26)
def _(g: Emitter, self: Tensor, dim: int, dtype: DType | None = None) -> Tensor:
    x = summable(g, self, dtype)
    return g.op("Identity", x) if g.rank(x) == 0 else g.op("CumProd", x, g.const(g.axis(x, dim)))


def _so_far(g: Emitter, x: Tensor, axis: int) -> Tensor:
    """(n, n, 1 …): whether element *j* is among the first ``i + 1``."""
    behind = g.rank(x) - axis - 1
    place = forms.iota(g, shapes.size(g, x, axis))
    columns = forms.unsqueeze(g, place, [0, *range(2, 2 + behind)])
    rows = forms.unsqueeze(g, place, list(range(1, 2 + behind)))
    return less_or_equal(g, columns, rows)


def _triangle(g: Emitter, x: Tensor, axis: int, neutral: float) -> Tensor:
    """A new dimension before ``axis + 1``: for each *i* the elements up to *i*, then ``neutral``."""
    return where(g, _so_far(g, x, axis), forms.unsqueeze(g, x, [axis]), g.like(neutral, x))


@symbolic("aten::logcumsumexp", since=9)
def logcumsumexp(g: Emitter, self: Tensor, dim: int) -> Tensor:
    """logcumsumexp(Tensor self, int dim) -> Tensor"""
    if g.rank(self) == 0:
        return g.op("Identity", self)
    x, axis = widened(g, self), g.axis(self, dim)
    return log_sum_exp(g, _triangle(g, x, axis, float("-inf")), [axis + 1], keepdim=False)


def _make_extreme(op_type: str) -> Callable[..., tuple[Tensor, Tensor]]:
    def cummax(g: Emitter, self: Tensor, dim: int) -> tuple[Tensor, Tensor]:
        """cummax(Tensor self, int dim) -> (Tensor values, Tensor indices): of equal ones the last"""
        if g.rank(self) == 0:
            return g.op("Identity", self), g.tensor(torch.tensor(0))
        x = g.cast(self, ir.DataType.INT32) if is_bool(self) else self
        axis = g.axis(x, dim)
        low, high = finite_range(g.dtype(x))
        if is_float(x):
            low, high = float("-inf"), float("inf")
        values = forms.reduce(g, op_type, _triangle(g, x, axis, low if op_type == "ReduceMax" else high), [axis + 1])
        hit = equal(g, forms.unsqueeze(g, x, [axis]), forms.unsqueeze(g, values, [axis + 1]))
        place = forms.unsqueeze(g, forms.iota(g, shapes.size(g, x, axis)), list(range(1, g.rank(x) - axis)))
        standing = where(g, g.op("And", hit, _so_far(g, x, axis)), place, g.const(-1))
        return g.cast(values, g.dtype(self)), forms.reduce(g, "ReduceMax", standing, [axis + 1])

    return cummax


table({"aten::cummax": "ReduceMax", "aten::cummin": "ReduceMin"}, _make_extreme, since=9)


@symbolic("aten::diff")
def diff(
    g: Emitter, self: Tensor, n: int = 1, dim: int = -1, prepend: Tensor | None = None, append: Tensor | None = None
) -> Tensor:
    """diff(Tensor self, int n=1, int dim=-1, Tensor? prepend=None, Tensor? append=None) -> Tensor

    Where fewer than n + 1 elements are left, slices and so the result are empty, as in PyTorch.
    """
    axis = g.axis(self, dim)
    parts = [part for part in (prepend, self, append) if part is not None]
    x = parts[0] if len(parts) == 1 else g.op("Concat", *parts, axis=axis)
    for _ in range(n):
        later, earlier = (forms.slice_axes(g, x, [start], [end], [axis]) for start, end in ((1, forms.END), (0, -1)))
        x = g.op("Xor" if is_bool(x) else "Sub", later, earlier)
    return x
