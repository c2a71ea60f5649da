"""Variance and standard deviation, order statistics (median, quantile, k-th value) and the mode."""

from __future__ import annotations

from collections.abc import Callable

import onnx_ir as ir
import torch

from onnx_explore.emit import Emitter, forms, shapes
from onnx_explore.emit.forms.comparison import equal, is_nan, round_even, where
from onnx_explore.errors import UnsupportedOperatorError
from onnx_explore.symbolic.annotations import Dim, Scalar, Tensor
from onnx_explore.symbolic.aten.reduce import axes_of, element_count, mean_over, reduced, widened
from onnx_explore.symbolic.promotion import is_bool, is_float
from onnx_explore.symbolic.registry import REGISTRY, Variant, symbolic

# -- variance --------------------------------------------------------------------------------------------------------------


def moments(
    g: Emitter, x: Tensor, dim: list[int] | None, correction: Scalar | None, keepdim: bool
) -> tuple[Tensor, Tensor]:
    """Variance, divided by ``n - correction``, and mean."""
    if isinstance(correction, ir.Value | complex):
        raise UnsupportedOperatorError("correction is known only when the model runs")
    less = 1 if correction is None else correction
    x = widened(g, x)
    axes = axes_of(g, x, dim)
    every = list(range(g.rank(x))) if axes is None else axes
    kept = mean_over(g, x, dim, keepdim=True)
    centred = g.op("Sub", x, kept)
    square = g.op("Mul", centred, centred)
    centre = kept if keepdim else forms.squeeze(g, kept, every)
    if less == 0:
        return mean_over(g, square, dim, keepdim), centre
    total = reduced(g, "ReduceSum", square, dim, keepdim)
    count = element_count(g, x, dim)
    if isinstance(count, int):
        return g.op("Div", total, g.like(max(count - less, 0), x)), centre
    divisor = g.op("Sub", g.cast(shapes.as_scalar(g, count), g.dtype(x)), g.like(less, x))
    return g.op("Div", total, forms.clip(g, divisor, 0, None)), centre


def _register(name: str, pick: Callable[[Emitter, Tensor, Tensor], Tensor | tuple[Tensor, Tensor]]) -> None:
    """The three overloads of ``var``, ``std``, ``var_mean`` and ``std_mean``."""
    returns = "(Tensor, Tensor)" if name.endswith("_mean") else "Tensor"

    def whole(g: Emitter, self: Tensor, unbiased: bool = True) -> Tensor | tuple[Tensor, Tensor]:
        return pick(g, *moments(g, self, None, int(unbiased), False))

    def over(
        g: Emitter, self: Tensor, dim: list[int] | None, unbiased: bool = True, keepdim: bool = False
    ) -> Tensor | tuple[Tensor, Tensor]:
        return pick(g, *moments(g, self, dim, int(unbiased), keepdim))

    def corrected(
        g: Emitter,
        self: Tensor,
        dim: list[int] | None = None,
        correction: Scalar | None = None,
        keepdim: bool = False,
    ) -> Tensor | tuple[Tensor, Tensor]:
        return pick(g, *moments(g, self, dim, correction, keepdim))

    whole.__doc__ = f"{name}(Tensor self, bool unbiased=True) -> {returns}"
    over.__doc__ = f"{name}.dim(Tensor self, int[1]? dim, bool unbiased=True, bool keepdim=False) -> {returns}"
    corrected.__doc__ = (
        f"{name}.correction(Tensor self, int[1]? dim=None, *, Scalar? correction=None, bool keepdim=False) -> {returns}"
    )
    for suffix, function in (("", whole), (".dim", over), (".correction", corrected)):
        function.__name__ = function.__qualname__ = name
        REGISTRY.function(f"aten::{name}{suffix}").add(Variant(7, function))


_register("var", lambda g, variance, mean: variance)
_register("std", lambda g, variance, mean: g.op("Sqrt", variance))
_register("var_mean", lambda g, variance, mean: (variance, mean))
_register("std_mean", lambda g, variance, mean: (g.op("Sqrt", variance), mean))


# -- order statistics --------------------------------------------------------------------------------------------------------


def ascending(g: Emitter, x: Tensor, axis: int) -> tuple[Tensor, Tensor]:
    """Sorted values and where they stood."""
    values, indices = forms.top_k(g, x, shapes.size(g, x, axis), axis, largest=False)
    for made in (values, indices):
        made.shape = made.shape or x.shape  # shape inference does not know TopK-1
    return values, indices


def kth(g: Emitter, x: Tensor, rank_of: Dim, axis: int, keepdim: bool) -> tuple[Tensor, Tensor]:
    """The element that ``rank_of`` (from 0) smaller ones go before, and where it stands."""
    count = shapes.add(g, rank_of, 1)
    values, indices = forms.top_k(g, x, count, axis, largest=False)
    if keepdim:
        last = shapes.as_vector(g, rank_of)
        return g.op("Gather", values, last, axis=axis), g.op("Gather", indices, last, axis=axis)
    return forms.select(g, values, axis, rank_of), forms.select(g, indices, axis, rank_of)


@symbolic("aten::kthvalue")
def kthvalue(g: Emitter, self: Tensor, k: Dim, dim: int = -1, keepdim: bool = False) -> tuple[Tensor, Tensor]:
    """kthvalue(Tensor self, SymInt k, int dim=-1, bool keepdim=False) -> (Tensor values, Tensor indices)"""
    if g.rank(self) == 0:
        return g.op("Identity", self), g.tensor(torch.tensor(0))
    return kth(g, self, shapes.sub(g, k, 1), g.axis(self, dim), keepdim)


@symbolic("aten::median.dim")
def median_dim(g: Emitter, self: Tensor, dim: int, keepdim: bool = False) -> tuple[Tensor, Tensor]:
    """median.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices): the lower one of two"""
    if g.rank(self) == 0:
        return g.op("Identity", self), g.tensor(torch.tensor(0))
    axis = g.axis(self, dim)
    middle = shapes.div(g, shapes.sub(g, shapes.size(g, self, axis), 1), 2)
    return kth(g, self, middle, axis, keepdim)


@symbolic("aten::median")
def median(g: Emitter, self: Tensor) -> Tensor:
    """median(Tensor self) -> Tensor"""
    return median_dim(g, forms.reshape(g, self, [-1]), 0)[0]


@symbolic("aten::nanmedian.dim", since=9)
def nanmedian_dim(g: Emitter, self: Tensor, dim: int, keepdim: bool = False) -> tuple[Tensor, Tensor]:
    """nanmedian.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)"""
    if not is_float(self) or g.rank(self) == 0:
        return median_dim(g, self, dim, keepdim)
    axis = g.axis(self, dim)
    missing = is_nan(g, self)
    values, indices = ascending(g, where(g, missing, g.like(float("inf"), self), self), axis)
    present = forms.reduce(g, "ReduceSum", g.cast(g.op("Not", missing), ir.DataType.INT64), [axis], keepdims=True)
    none = g.op("Equal", present, g.const(0))
    middle = g.op("Div", g.op("Sub", present, g.const(1)), g.const(2))  # of nothing: -1 / 2 is 0 in ONNX
    value = where(g, none, g.like(float("nan"), self), forms.gather_elements(g, values, middle, axis))
    index = forms.gather_elements(g, indices, middle, axis)
    return (value, index) if keepdim else (forms.squeeze(g, value, [axis]), forms.squeeze(g, index, [axis]))


@symbolic("aten::nanmedian", since=9)
def nanmedian(g: Emitter, self: Tensor) -> Tensor:
    """nanmedian(Tensor self) -> Tensor"""
    return nanmedian_dim(g, forms.reshape(g, self, [-1]), 0)[0]


@symbolic("aten::quantile", since=9)
def quantile(
    g: Emitter, self: Tensor, q: Tensor, dim: int | None = None, keepdim: bool = False, interpolation: str = "linear"
) -> Tensor:
    """quantile(Tensor self, Tensor q, int? dim=None, bool keepdim=False, *, str interpolation="linear") -> Tensor"""
    return _quantile(g, self, q, dim, keepdim, interpolation, skip=False)


@symbolic("aten::quantile.scalar", since=9)
def quantile_scalar(
    g: Emitter, self: Tensor, q: float, dim: int | None = None, keepdim: bool = False, interpolation: str = "linear"
) -> Tensor:
    """quantile.scalar(Tensor self, float q, int? dim=None, bool keepdim=False, *, str interpolation="linear") ->
    Tensor
    """
    return _quantile(g, self, g.like(q, self), dim, keepdim, interpolation, skip=False)


@symbolic("aten::nanquantile", since=9)
def nanquantile(
    g: Emitter, self: Tensor, q: Tensor, dim: int | None = None, keepdim: bool = False, interpolation: str = "linear"
) -> Tensor:
    """nanquantile(Tensor self, Tensor q, int? dim=None, bool keepdim=False, *, str interpolation="linear") -> Tensor"""
    return _quantile(g, self, q, dim, keepdim, interpolation, skip=True)


@symbolic("aten::nanquantile.scalar", since=9)
def nanquantile_scalar(
    g: Emitter, self: Tensor, q: float, dim: int | None = None, keepdim: bool = False, interpolation: str = "linear"
) -> Tensor:
    """nanquantile.scalar(Tensor self, float q, int? dim=None, bool keepdim=False, *, str interpolation="linear") ->
    Tensor
    """
    return _quantile(g, self, g.like(q, self), dim, keepdim, interpolation, skip=True)


def _quantile(
    g: Emitter, x: Tensor, q: Tensor, dim: int | None, keepdim: bool, interpolation: str, *, skip: bool
) -> Tensor:
    """Ranks ``q * (count - 1)``, between whose neighbours the sorted values are interpolated.

    The work is done with the dimension last: values (…, n), ranks (…, q). ``q`` goes in front at the end.
    """
    rank = g.rank(x)
    flat = dim is None or rank == 0
    axis = 0 if dim is None or rank == 0 else g.axis(x, dim)
    rows = forms.reshape(g, x, [-1]) if flat else _moved(g, x, axis, rank - 1)
    last = g.rank(rows) - 1
    missing = is_nan(g, rows)
    values, _ = ascending(g, where(g, missing, g.like(float("inf"), rows), rows), last)
    dtype = g.dtype(x)
    present = forms.reduce(g, "ReduceSum", g.cast(g.op("Not", missing), dtype), [last], keepdims=True)
    size = g.cast(shapes.as_scalar(g, shapes.size(g, rows, last)), dtype)
    count = present if skip else size
    highest = g.op("Sub", count, g.like(1, x))
    ranks = g.op("Mul", g.cast(forms.reshape(g, q, [-1]), dtype), forms.clip(g, highest, 0, None))  # (…, q)
    if interpolation in ("lower", "higher", "nearest"):
        if interpolation == "nearest":
            whole = round_even(g, ranks)
        else:
            whole = g.op("Floor" if interpolation == "lower" else "Ceil", ranks)
        found = _at(g, values, whole)
    else:
        below = g.op("Floor", ranks)
        low, high = _at(g, values, below), _at(g, values, g.op("Ceil", ranks))
        weight = g.like(0.5, x) if interpolation == "midpoint" else g.op("Sub", ranks, below)
        if interpolation == "midpoint":
            weight = g.op("Mul", weight, g.cast(g.op("Greater", g.op("Sub", ranks, below), g.like(0, x)), dtype))
        found = g.op("Add", low, g.op("Mul", weight, g.op("Sub", high, low)))
    spoiled = g.op("Less", present, size) if not skip else g.op("Less", present, g.like(1, x))
    found = where(g, spoiled, g.like(float("nan"), x), found)
    return _arranged(g, found, q, x, axis, flat, keepdim)


def _moved(g: Emitter, x: Tensor, source: int, target: int) -> Tensor:
    if source == target:
        return x
    order = [axis for axis in range(g.rank(x)) if axis != source]
    order.insert(target, source)
    return g.op("Transpose", x, perm=order)


def _at(g: Emitter, values: Tensor, ranks: Tensor) -> Tensor:
    index = g.cast(ranks, ir.DataType.INT64)
    last = g.rank(values) - 1
    if g.rank(ranks) == 1:
        return g.op("Gather", values, index, axis=last)
    return forms.gather_elements(g, values, index, last)


def _arranged(g: Emitter, found: Tensor, q: Tensor, x: Tensor, axis: int, flat: bool, keepdim: bool) -> Tensor:
    """(…, q) → q in front, or gone if it was a number; the reduced dimension kept or not."""
    rank = g.rank(x)
    if g.rank(q) == 0:
        result = forms.squeeze(g, found, [g.rank(found) - 1])
        front = 0
    else:
        result = _moved(g, found, g.rank(found) - 1, 0)
        front = 1
    if not keepdim:
        return result
    return forms.unsqueeze(g, result, [front + item for item in (range(rank) if flat else [axis])])


@symbolic("aten::mode", since=9)
def mode(g: Emitter, self: Tensor, dim: int = -1, keepdim: bool = False) -> tuple[Tensor, Tensor]:
    """mode(Tensor self, int dim=-1, bool keepdim=False) -> (Tensor values, Tensor indices)

    The smallest of the most frequent values, and where it stands last.
    """
    if g.rank(self) == 0:
        return g.op("Identity", self), g.tensor(torch.tensor(0))
    axis = g.axis(self, dim)
    x = g.cast(self, ir.DataType.INT32) if is_bool(self) else self
    same = equal(g, forms.unsqueeze(g, x, [axis + 1]), forms.unsqueeze(g, x, [axis]))
    counts = forms.reduce(g, "ReduceSum", g.cast(same, ir.DataType.INT64), [axis + 1])
    most = forms.reduce(g, "ReduceMax", counts, [axis], keepdims=True)
    often = g.op("Equal", counts, most)
    worst = forms.reduce(g, "ReduceMax", x, [axis], keepdims=True)
    value = forms.reduce(g, "ReduceMin", where(g, often, x, worst), [axis], keepdims=True)
    places = forms.unsqueeze(g, forms.iota(g, shapes.size(g, x, axis)), list(range(1, g.rank(x) - axis)))
    standing = where(g, equal(g, x, value), places, g.const(-1))
    index = forms.reduce(g, "ReduceMax", standing, [axis], keepdims=keepdim)
    value = value if keepdim else forms.squeeze(g, value, [axis])
    return g.cast(value, g.dtype(self)), index
