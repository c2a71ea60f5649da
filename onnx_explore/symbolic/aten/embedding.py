"""Look-ups: embedding and embedding_bag."""

from __future__ import annotations

import onnx_ir as ir

from onnx_explore.emit import Emitter, forms, shapes
from onnx_explore.emit.forms.comparison import equal, where
from onnx_explore.symbolic.annotations import Dim, Tensor
from onnx_explore.symbolic.aten.norm import p_norm
from onnx_explore.symbolic.registry import symbolic

_MEAN, _MAX = 1, 2


@symbolic("aten::embedding")
def embedding(
    g: Emitter,
    weight: Tensor,
    indices: Tensor,
    padding_idx: Dim = -1,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """embedding(Tensor weight, Tensor indices, SymInt padding_idx=-1, bool scale_grad_by_freq=False, bool sparse=False)
    -> Tensor: padding_idx matters to the gradient alone
    """
    return g.op("Gather", weight, indices, axis=0)


@symbolic("aten::embedding_bag.padding_idx")
def embedding_bag_padded(
    g: Emitter,
    weight: Tensor,
    indices: Tensor,
    offsets: Tensor,
    scale_grad_by_freq: bool,
    mode: int,
    sparse: bool,
    per_sample_weights: Tensor | None,
    include_last_offset: bool,
    padding_idx: int | None,
) -> list[Tensor | None]:
    """embedding_bag.padding_idx(Tensor weight, Tensor indices, Tensor offsets, bool scale_grad_by_freq, int mode,
    bool sparse, Tensor? per_sample_weights, bool include_last_offset, int? padding_idx) -> (Tensor, Tensor, Tensor, Tensor)
    """
    skipped: Dim | None = padding_idx
    if padding_idx is not None and padding_idx < 0:
        skipped = shapes.add(g, shapes.size(g, weight, 0), padding_idx)
    return [
        _bags(g, weight, indices, offsets, mode, per_sample_weights, include_last_offset, skipped),
        None,
        None,
        None,
    ]


@symbolic("aten::embedding_bag")
def embedding_bag(
    g: Emitter,
    weight: Tensor,
    indices: Tensor,
    offsets: Tensor,
    scale_grad_by_freq: bool = False,
    mode: int = 0,
    sparse: bool = False,
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
) -> list[Tensor | None]:
    """embedding_bag(Tensor weight, Tensor indices, Tensor offsets, bool scale_grad_by_freq=False, int mode=0,
    bool sparse=False, Tensor? per_sample_weights=None, bool include_last_offset=False) -> (Tensor, Tensor, Tensor, Tensor)
    """
    return [_bags(g, weight, indices, offsets, mode, per_sample_weights, include_last_offset, None), None, None, None]


@symbolic("aten::_embedding_bag", "aten::_embedding_bag_forward_only")
def embedding_bag_forward(
    g: Emitter,
    weight: Tensor,
    indices: Tensor,
    offsets: Tensor,
    scale_grad_by_freq: bool = False,
    mode: int = 0,
    sparse: bool = False,
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int = -1,
) -> list[Tensor | None]:
    """_embedding_bag(Tensor weight, Tensor indices, Tensor offsets, bool scale_grad_by_freq=False, int mode=0,
    bool sparse=False, Tensor? per_sample_weights=None, bool include_last_offset=False, int padding_idx=-1)
    -> (Tensor, Tensor, Tensor, Tensor)
    """
    skipped = padding_idx if padding_idx >= 0 else None
    return [
        _bags(g, weight, indices, offsets, mode, per_sample_weights, include_last_offset, skipped),
        None,
        None,
        None,
    ]


@symbolic("aten::embedding_renorm", since=9)
def embedding_renorm(g: Emitter, self: Tensor, indices: Tensor, max_norm: float, norm_type: float) -> Tensor:
    """embedding_renorm(Tensor self, Tensor indices, float max_norm, float norm_type) -> Tensor

    Rows that are looked up and longer than max_norm are shortened to it.
    """
    length = p_norm(g, self, norm_type, [1], keepdim=True)
    limit = g.like(max_norm, self)
    factor = g.op("Div", limit, g.op("Add", length, g.like(1e-7, self)))
    rows = shapes.size(g, self, 0)
    places = forms.reshape(g, g.cast(indices, ir.DataType.INT64), [-1])
    ones = forms.expand(g, g.const([1]), [shapes.size(g, places, 0)])
    used = forms.scatter_elements(g, forms.expand(g, g.const([0]), [rows]), places, ones, 0)
    longer = g.op("And", g.op("Greater", length, limit), g.cast(forms.unsqueeze(g, used, [1]), ir.DataType.BOOL))
    return where(g, longer, g.op("Mul", self, factor), self)


def _bags(
    g: Emitter,
    weight: ir.Value,
    indices: ir.Value,
    offsets: ir.Value,
    mode: int,
    per_sample_weights: ir.Value | None,
    include_last_offset: bool,
    padding_idx: Dim | None,
) -> ir.Value:
    """Rows are taken, then reduced by bag: bag b has the places from ``offsets[b]`` up to ``offsets[b + 1]``."""
    dtype = g.dtype(weight)
    offsets = g.cast(offsets, ir.DataType.INT64)
    if include_last_offset:
        offsets = forms.slice_axes(g, offsets, [0], [-1], [0])
    count = shapes.size(g, offsets, 0)
    width = shapes.size(g, weight, 1)
    rows = g.op("Gather", weight, indices, axis=0)
    if per_sample_weights is not None:
        rows = g.op("Mul", rows, forms.unsqueeze(g, g.cast(per_sample_weights, dtype), [1]))
    places = forms.iota(g, shapes.size(g, indices, 0))
    # The bag of a place: as many offsets as are not behind it, less one.
    started = g.op("Not", g.op("Less", forms.unsqueeze(g, places, [1]), offsets))
    number = forms.reduce(g, "ReduceSum", g.cast(started, ir.DataType.INT64), [1])
    bag = g.op("Sub", number, g.const(1))
    kept = None
    if padding_idx is not None:
        skipped = g.op("Equal", g.cast(indices, ir.DataType.INT64), shapes.as_scalar(g, padding_idx))
        kept = g.op("Not", skipped)
    if g.opset < (18 if mode == _MAX else 16):
        return _bags_by_mask(g, rows, bag, count, mode, kept)
    ones = forms.expand(g, g.const([1], dtype), [shapes.size(g, indices, 0)]) if kept is None else g.cast(kept, dtype)
    target = forms.unsqueeze(g, bag, [1])
    sizes = forms.scatter_nd(g, forms.expand(g, g.const([0], dtype), [count]), target, ones, "add")
    sizes = forms.unsqueeze(g, sizes, [1])
    zero = g.const(0, dtype)
    start = g.const([[float("-inf") if mode == _MAX else 0.0]], dtype)
    if kept is not None:
        neutral = g.const(float("-inf") if mode == _MAX else 0.0, dtype)
        rows = where(g, forms.unsqueeze(g, kept, [1]), rows, neutral)
    total = forms.scatter_nd(g, forms.expand(g, start, [count, width]), target, rows, "max" if mode == _MAX else "add")
    if mode == _MAX:
        return where(g, equal(g, sizes, zero), zero, total)
    return g.op("Div", total, forms.clip(g, sizes, 1, None)) if mode == _MEAN else total


def _bags_by_mask(g: Emitter, rows: ir.Value, bag: ir.Value, count: Dim, mode: int, kept: ir.Value | None) -> ir.Value:
    """Before ScatterND could reduce: a (bags × places) mask, as a matrix to multiply with, or to choose from."""
    dtype = g.dtype(rows)
    member = g.op("Equal", forms.unsqueeze(g, forms.iota(g, count), [1]), bag)
    if kept is not None:
        member = g.op("And", member, kept)
    matrix = g.cast(member, dtype)
    if mode != _MAX:
        total = g.op("MatMul", matrix, rows)
        if mode != _MEAN:
            return total
        sizes = forms.reduce(g, "ReduceSum", matrix, [1], keepdims=True)
        return g.op("Div", total, forms.clip(g, sizes, 1, None))
    chosen = where(g, forms.unsqueeze(g, member, [2]), rows, g.const(float("-inf"), dtype))
    largest = forms.reduce(g, "ReduceMax", chosen, [1])
    empty = equal(g, largest, g.const(float("-inf"), dtype))
    return where(g, empty, g.const(0, dtype), largest)
