"""Stacks of matrices, (batch, n, n), and what stands at a place that is another one in each of them.

An iteration over a stack goes at another pace in every matrix: where it stands is a (batch, 1) tensor of indices. Sizes may
be dynamic.
"""

from __future__ import annotations

import onnx_ir as ir

from onnx_explore.emit import Emitter, forms, shapes
from onnx_explore.emit.forms.comparison import equal, where
from onnx_explore.emit.shapes import Dim

_INT = ir.DataType.INT64


def stacked(g: Emitter, x: ir.Value, inner: int = 2) -> ir.Value:
    """All leading dimensions, of which there may be none, as one; ``inner`` dimensions stay."""
    outer = g.rank(x) - inner
    return forms.unsqueeze(g, x, [0]) if outer == 0 else forms.merge(g, x, 0, outer - 1)


def unstacked(g: Emitter, x: ir.Value, outer: list[Dim]) -> ir.Value:
    """The leading dimensions back in place of the first."""
    if not outer:
        return forms.squeeze(g, x, [0])
    return x if len(outer) == 1 else forms.reshape(g, x, [*outer, *shapes.sizes(g, x)[1:]])


def full(g: Emitter, number: float, dtype: ir.DataType, dims: list[Dim]) -> ir.Value:
    """A tensor that holds one number everywhere."""
    return forms.expand(g, g.const(number, dtype), dims)


def column_of(g: Emitter, row: ir.Value) -> ir.Value:
    """(…, n) as (…, n, 1)."""
    return forms.unsqueeze(g, row, [g.rank(row)])


def at(g: Emitter, vectors: ir.Value, place: ir.Value) -> ir.Value:
    """(batch, n) at (batch, k): (batch, k)."""
    return forms.gather_elements(g, vectors, place, 1)


def column(g: Emitter, matrices: ir.Value, place: ir.Value) -> ir.Value:
    """The column at (batch, 1) of (batch, n, n): (batch, n)."""
    batch, rows, _ = shapes.sizes(g, matrices)
    index = forms.expand(g, column_of(g, place), [batch, rows, 1])
    return forms.squeeze(g, forms.gather_elements(g, matrices, index, 2), [2])


def permuted_rows(g: Emitter, matrices: ir.Value, order: ir.Value) -> ir.Value:
    """The rows of (batch, n, k) in an order (batch, n)."""
    return forms.gather_elements(g, matrices, forms.expand(g, column_of(g, order), shapes.sizes(g, matrices)), 1)


def permuted_columns(g: Emitter, matrices: ir.Value, order: ir.Value) -> ir.Value:
    """The columns of (batch, k, n) in an order (batch, n)."""
    index = forms.expand(g, forms.unsqueeze(g, order, [1]), shapes.sizes(g, matrices))
    return forms.gather_elements(g, matrices, index, 2)


def exchange(g: Emitter, order: ir.Value, one: ir.Value, other: ir.Value) -> ir.Value:
    """The order of ``0 … n-1`` in which two places, (batch, 1), have changed."""
    return where(g, equal(g, order, one), other, where(g, equal(g, order, other), one, order))


def within(g: Emitter, place: ir.Value, size: Dim) -> ir.Value:
    """Places that may lie beyond either end, as the nearest ones inside."""
    last = shapes.as_scalar(g, shapes.sub(g, size, 1))
    place = where(g, g.op("Less", place, g.const(0)), g.const(0), place)
    return where(g, g.op("Less", last, place), last, place)


def shifted(g: Emitter, vectors: ir.Value, by: int) -> ir.Value:
    """(batch, n), where index k has what stood at ``k + by``; 0 beyond the ends."""
    return forms.pad(g, vectors, [0, -by], [0, by])


def diagonal(g: Emitter, matrices: ir.Value, order: ir.Value, offset: int = 0) -> ir.Value:
    """Of (batch, n, n): index k has the element in row k and column ``k + offset``, or 0."""
    chosen = equal(g, order, column_of(g, g.op("Add", order, g.const(offset)) if offset else order))
    return forms.reduce(g, "ReduceSum", where(g, chosen, matrices, g.like(0, matrices)), [2])


def some(g: Emitter, flags: ir.Value) -> ir.Value:
    """Whether any is true (0-d); false of none."""
    total = forms.reduce(g, "ReduceSum", g.cast(flags, _INT), None)
    return g.op("Less", g.const(0), total)


def any_of(g: Emitter, first: ir.Value, *others: ir.Value) -> ir.Value:
    """Or."""
    return _joined(g, "Or", first, *others)


def all_of(g: Emitter, first: ir.Value, *others: ir.Value) -> ir.Value:
    """And."""
    return _joined(g, "And", first, *others)


def _joined(g: Emitter, op_type: str, first: ir.Value, *others: ir.Value) -> ir.Value:
    for other in others:
        first = g.op(op_type, first, other)
    return first
