"""Taking parts along dimensions: slice, select, narrow, index_select, gather, take; and the scatters that write slices."""

from __future__ import annotations

import onnx_ir as ir

from onnx_explore.emit import Emitter, forms, shapes
from onnx_explore.symbolic.annotations import Dim, Tensor
from onnx_explore.symbolic.registry import symbolic


@symbolic("aten::slice", "aten::slice_copy")
def slice_(
    g: Emitter, self: Tensor, dim: int = 0, start: Dim | None = None, end: Dim | None = None, step: Dim = 1
) -> Tensor:
    """slice.Tensor(Tensor(a) self, int dim=0, SymInt? start=None, SymInt? end=None, SymInt step=1) -> Tensor(a)"""
    axis = g.axis(self, dim)
    total = shapes_of(self, axis)
    first = 0 if start is None else start
    last = forms.END if end is None else end
    if isinstance(total, int) and all(isinstance(bound, int) for bound in (first, last, step)):
        taken = range(total)[first:last:step]  # pyright: ignore[reportCallIssue, reportArgumentType]
        if len(taken) == total:
            return self
    if step == 1 and first == 0 and (last == forms.END or forms.same_size(g, last, self, axis)):
        return self
    if isinstance(step, ir.Value):
        g.requires(10, "Slice with a computed step")
        return g.op(
            "Slice", self, shapes.vector(g, [first]), shapes.vector(g, [last]), [axis], shapes.vector(g, [step])
        )
    return forms.slice_axes(g, self, [first], [last], [axis], [step])


def shapes_of(x: ir.Value, axis: int) -> object:
    """The size of a dimension as it is declared: asks for no node."""
    assert x.shape is not None
    return x.shape[axis] if len(x.shape) else 1


@symbolic("aten::select", "aten::select_copy")
def select(g: Emitter, self: Tensor, dim: int, index: Dim) -> Tensor:
    """select.int(Tensor(a) self, int dim, SymInt index) -> Tensor(a)"""
    return forms.select(g, self, g.axis(self, dim), index)


@symbolic("aten::narrow", "aten::narrow_copy")
def narrow(g: Emitter, self: Tensor, dim: int, start: Dim, length: Dim) -> Tensor:
    """narrow(Tensor(a) self, int dim, SymInt start, SymInt length) -> Tensor(a): a negative start counts from the end"""
    axis = g.axis(self, dim)
    end = shapes.add(g, start, length)
    if isinstance(start, int) and start < 0 and not (isinstance(end, int) and end < 0):
        end = forms.END if isinstance(end, int) else shapes.add(g, shapes.size(g, self, axis), end)
    return slice_(g, self, axis, start, end, 1)


@symbolic("aten::narrow.Tensor")
def narrow_tensor(g: Emitter, self: Tensor, dim: int, start: Tensor, length: Dim) -> Tensor:
    """narrow.Tensor(Tensor(a) self, int dim, Tensor start, SymInt length) -> Tensor(a)"""
    axis = g.axis(self, dim)
    first = forms.wrapped(g, start, shapes.size(g, self, axis))
    return narrow(g, self, axis, shapes.simplified(g, first), length)


@symbolic("aten::index_select")
def index_select(g: Emitter, self: Tensor, dim: int, index: Tensor) -> Tensor:
    """index_select(Tensor self, int dim, Tensor index) -> Tensor"""
    if g.rank(self) == 0:
        return self
    flat = forms.unsqueeze(g, index, [0]) if g.rank(index) == 0 else index
    return forms.gather(g, self, flat, g.axis(self, dim))


@symbolic("aten::gather")
def gather(g: Emitter, self: Tensor, dim: int, index: Tensor, sparse_grad: bool = False) -> Tensor:
    """gather(Tensor self, int dim, Tensor index, *, bool sparse_grad=False) -> Tensor"""
    axis = g.axis(self, dim)
    assert index.shape is not None
    if 0 in index.shape or max(g.rank(index), 1) != max(g.rank(self), 1):  # other ranks are for an empty index alone
        return forms.expand(g, g.like(0, self), shapes.sizes(g, index))
    x = forms.unsqueeze(g, self, [0]) if g.rank(self) == 0 else self
    places = forms.unsqueeze(g, index, [0]) if g.rank(index) == 0 else index
    taken = forms.gather_elements(g, x, places, axis)
    return forms.squeeze(g, taken, [0]) if g.rank(index) == 0 else taken


@symbolic("aten::take")
def take(g: Emitter, self: Tensor, index: Tensor) -> Tensor:
    """take(Tensor self, Tensor index) -> Tensor: of the flattened tensor"""
    return forms.gather(g, forms.reshape(g, self, [-1]), index, 0)


@symbolic("aten::take_along_dim")
def take_along_dim(g: Emitter, self: Tensor, indices: Tensor, dim: int | None = None) -> Tensor:
    """take_along_dim(Tensor self, Tensor indices, int? dim=None) -> Tensor: all other dimensions broadcast"""
    if dim is None:
        return forms.gather_elements(g, forms.reshape(g, self, [-1]), forms.reshape(g, indices, [-1]), 0)
    axis = g.axis(self, dim)
    wanted = shapes.sizes(g, indices)
    have = shapes.sizes(g, self)
    x, places = self, indices
    if any(not forms.same_size(g, size, self, other) for other, size in enumerate(wanted) if other != axis):
        # Each is broadcast to the other, but for the dimension along which is taken.
        places = _broadcast_but(g, indices, have, axis)
        x = _broadcast_but(g, self, wanted, axis)
    return forms.gather_elements(g, x, places, axis)


def _broadcast_but(g: Emitter, x: ir.Value, sizes: list[Dim], axis: int) -> ir.Value:
    g.requires(8, "Expand")
    return g.op("Expand", x, shapes.vector(g, [1 if other == axis else size for other, size in enumerate(sizes)]))


@symbolic("aten::slice_scatter")
def slice_scatter(
    g: Emitter,
    self: Tensor,
    src: Tensor,
    dim: int = 0,
    start: Dim | None = None,
    end: Dim | None = None,
    step: int = 1,
) -> Tensor:
    """slice_scatter(Tensor self, Tensor src, int dim=0, SymInt? start=None, SymInt? end=None, SymInt step=1) -> Tensor"""
    axis = g.axis(self, dim)
    src = g.cast(src, g.dtype(self))
    total = shapes_of(self, axis)
    first: Dim = 0 if start is None else start
    last: Dim = forms.END if end is None else end
    whole = step == 1 and first == 0
    if isinstance(total, int) and isinstance(first, int) and isinstance(last, int):
        places = range(total)[first:last:step]
        if len(places) == 0:
            return self
        if len(places) == total:
            return src
        if step != 1:
            return _interleaved(g, self, src, axis, total, places)
        first = places.start
    elif whole and (last == forms.END or forms.same_size(g, last, self, axis)):
        return src
    if step != 1:
        return _strided_scatter(g, self, src, axis, first, step)
    first = _clamped(g, first, self, axis)
    after = shapes.add(g, first, shapes.size(g, src, axis))
    parts = [src]
    if first != 0:
        parts.insert(0, forms.slice_axes(g, self, [0], [first], [axis]))
    if after != total and not (last == forms.END or (isinstance(last, int) and last == total)):
        parts.append(forms.slice_axes(g, self, [after], [forms.END], [axis]))
    return g.op("Concat", *parts, axis=axis) if len(parts) > 1 else src


def _clamped(g: Emitter, start: Dim, x: ir.Value, axis: int) -> Dim:
    """A slice's start as a place between 0 and the size."""
    if start == 0 or (isinstance(start, ir.Value) and g.memo(("origin of size", start)) is not None):
        return start
    total = shapes.size(g, x, axis)
    if isinstance(start, int):
        return start if start > 0 else shapes.maximum(g, shapes.add(g, total, start), 0)
    return shapes.maximum(g, forms.wrapped(g, start, total), 0)


def _interleaved(g: Emitter, x: ir.Value, src: ir.Value, axis: int, total: int, places: range) -> ir.Value:
    """Both side by side, and each element taken from where it comes."""
    order = list(range(total))
    for number, place in enumerate(places):
        order[place] = total + number
    return g.op("Gather", g.op("Concat", x, src, axis=axis), g.const(order), axis=axis)


def _strided_scatter(g: Emitter, x: ir.Value, src: ir.Value, axis: int, start: Dim, step: int) -> ir.Value:
    first = _clamped(g, start, x, axis)
    steps = g.op("Mul", forms.iota(g, shapes.size(g, src, axis)), g.const(step))
    places = g.op("Add", steps, shapes.as_scalar(g, first))
    index = forms.unsqueeze(g, places, [other for other in range(g.rank(x)) if other != axis])
    return forms.scatter_elements(g, x, forms.expand_like(g, index, src), src, axis)


@symbolic("aten::select_scatter")
def select_scatter(g: Emitter, self: Tensor, src: Tensor, dim: int, index: Dim) -> Tensor:
    """select_scatter(Tensor self, Tensor src, int dim, SymInt index) -> Tensor"""
    axis = g.axis(self, dim)
    row = forms.unsqueeze(g, g.cast(src, g.dtype(self)), [axis])
    if isinstance(index, int):
        return slice_scatter(g, self, row, axis, index, index + 1 if index != -1 else None)
    place = forms.wrapped(g, index, shapes.size(g, self, axis))
    return slice_scatter(g, self, row, axis, place, shapes.add(g, place, 1))
