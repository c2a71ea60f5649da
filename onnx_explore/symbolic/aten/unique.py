"""Distinct values: all of them (Unique-11), or of each run of equal neighbours. Shapes depend on the data."""

from __future__ import annotations

import onnx_ir as ir

from onnx_explore.emit import Emitter, forms, shapes
from onnx_explore.emit.forms.comparison import equal
from onnx_explore.symbolic.annotations import Tensor
from onnx_explore.symbolic.promotion import is_bool
from onnx_explore.symbolic.registry import symbolic


@symbolic("aten::_unique2", since=11)
def unique2(
    g: Emitter, self: Tensor, sorted: bool = True, return_inverse: bool = False, return_counts: bool = False
) -> tuple[Tensor, Tensor, Tensor]:
    """_unique2(Tensor self, bool sorted=True, bool return_inverse=False, bool return_counts=False) -> (Tensor,
    Tensor, Tensor)
    """
    del sorted, return_inverse, return_counts  # in order is one of the orders that are allowed; the rest costs nothing
    values, inverse, counts = _unique(g, self, None)
    return values, forms.reshape(g, inverse, shapes.sizes(g, self)), counts


@symbolic("aten::_unique", since=11)
def unique(g: Emitter, self: Tensor, sorted: bool = True, return_inverse: bool = False) -> tuple[Tensor, Tensor]:
    """_unique(Tensor self, bool sorted=True, bool return_inverse=False) -> (Tensor, Tensor)"""
    return unique2(g, self, sorted, return_inverse)[:2]


@symbolic("aten::unique_dim", since=11)
def unique_dim(
    g: Emitter,
    self: Tensor,
    dim: int,
    sorted: bool = True,
    return_inverse: bool = False,
    return_counts: bool = False,
) -> tuple[Tensor, Tensor, Tensor]:
    """unique_dim(Tensor self, int dim, bool sorted=True, bool return_inverse=False, bool return_counts=False) ->
    (Tensor, Tensor, Tensor)
    """
    del sorted, return_inverse, return_counts
    return _unique(g, self, g.axis(self, dim))


def _unique(g: Emitter, x: Tensor, axis: int | None) -> tuple[Tensor, Tensor, Tensor]:
    source = g.cast(x, ir.DataType.INT64) if is_bool(x) else x
    values, _, inverse, counts = g.op("Unique", source, axis=axis, sorted=1, outputs=4)
    if axis is not None:  # shape inference knows the flattened form only
        assert x.shape is not None
        values.shape = ir.Shape([g.inference.anonymous() if i == axis else dim for i, dim in enumerate(x.shape)])
    return g.cast(values, g.dtype(x)), inverse, counts


@symbolic("aten::unique_consecutive", since=11)
def unique_consecutive(
    g: Emitter,
    self: Tensor,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """unique_consecutive(Tensor self, bool return_inverse=False, bool return_counts=False, int? dim=None) ->
    (Tensor, Tensor, Tensor)
    """
    if dim is not None:
        return unique_dim_consecutive(g, self, dim, return_inverse, return_counts)
    flat = forms.reshape(g, self, [-1])
    values, inverse, counts = _runs(g, flat, 0)
    return values, forms.reshape(g, inverse, shapes.sizes(g, self)), counts


@symbolic("aten::unique_dim_consecutive", since=11)
def unique_dim_consecutive(
    g: Emitter, self: Tensor, dim: int, return_inverse: bool = False, return_counts: bool = False
) -> tuple[Tensor, Tensor, Tensor]:
    """unique_dim_consecutive(Tensor self, int dim, bool return_inverse=False, bool return_counts=False) -> (Tensor,
    Tensor, Tensor)
    """
    del return_inverse, return_counts
    return _runs(g, self, g.axis(self, dim))


def _runs(g: Emitter, x: Tensor, axis: int) -> tuple[Tensor, Tensor, Tensor]:
    """The first of each run of equal slices, the run of each slice, and the runs' lengths."""
    size = shapes.size(g, x, axis)
    later = forms.slice_axes(g, x, [1], [forms.END], [axis])
    earlier = forms.slice_axes(g, x, [0], [-1], [axis])
    same = g.cast(equal(g, later, earlier), ir.DataType.INT32)
    others = [item for item in range(g.rank(x)) if item != axis]
    if others:
        same = forms.reduce(g, "ReduceMin", same, others)
    changed = g.op("Sub", g.const(1), g.cast(same, ir.DataType.INT64))
    # The first slice starts a run, if there is one.
    first = g.const([1]) if isinstance(size, int) and size else g.op("Expand", g.const([1]), _at_most_one(g, size))
    starts = g.op("Concat", first, changed, axis=0)
    inverse = g.op("Sub", g.op("CumSum", starts, g.const(0)), g.const(1))
    places = forms.squeeze(g, g.op("NonZero", starts), [0])
    ends = g.op("Concat", forms.slice_axes(g, places, [1], [forms.END], [0]), shapes.as_vector(g, size), axis=0)
    return g.op("Gather", x, places, axis=axis), inverse, g.op("Sub", ends, places)


def _at_most_one(g: Emitter, size: shapes.Dim) -> Tensor:
    return shapes.as_vector(g, shapes.minimum(g, size, 1))
