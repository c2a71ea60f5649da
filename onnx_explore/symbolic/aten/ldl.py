"""LDLᵀ factors of symmetric matrices: Bunch and Kaufman's pivots as LAPACK's sytf2 has them; what is solved with them.

A step takes one row and column, or two where the diagonal is small beside what stands below it: D has blocks of one and two
rows. Matrices of a stack go on at their own pace, each at its own column, in a Loop of as many iterations as they have rows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import onnx_ir as ir

from onnx_explore.emit import Emitter, forms, shapes
from onnx_explore.emit.algebra import add, div, mul, sub
from onnx_explore.emit.forms.comparison import equal, greater_or_equal, where
from onnx_explore.emit.loops import loop
from onnx_explore.emit.shapes import Dim
from onnx_explore.symbolic.annotations import Tensor
from onnx_explore.symbolic.aten.linalg import one_batch
from onnx_explore.symbolic.aten.permute import swapped
from onnx_explore.symbolic.aten.places import (
    all_of,
    any_of,
    at,
    column,
    column_of,
    diagonal,
    exchange,
    full,
    permuted_columns,
    permuted_rows,
    shifted,
    stacked,
    unstacked,
    within,
)
from onnx_explore.symbolic.registry import symbolic

_INT = ir.DataType.INT64
_INT32 = ir.DataType.INT32
_ALPHA = (1 + math.sqrt(17)) / 8
"""The part of the largest element beside it that the diagonal must have to serve as a pivot: growth is least then."""


@dataclass(frozen=True, slots=True)
class _Pivot:
    """What a step takes, each (batch, 1).

    Attributes:
        place: The column, kept inside of the matrix where a matrix is done.
        partner: The row that goes into the last one of the step.
        two: Whether it takes two columns.
        nothing: Whether there is nothing but zeros on and below the diagonal.
    """

    place: ir.Value
    partner: ir.Value
    two: ir.Value
    nothing: ir.Value


def _largest(g: Emitter, chosen: ir.Value, sizes: ir.Value) -> ir.Value:
    return forms.reduce(g, "ReduceMax", where(g, chosen, sizes, g.like(0, sizes)), [1], keepdims=True)


def _pivot(g: Emitter, rest: ir.Value, step: ir.Value, order: ir.Value, size: Dim) -> _Pivot:
    """Bunch and Kaufman's choice.

    Args:
        g: The emitter.
        rest: The matrices whose rows and columns from ``step`` on are still to be factored.
        step: (batch, 1).
        order: ``0 … n-1``.
        size: n.
    """
    place = within(g, step, size)
    alive = g.op("Less", step, shapes.as_scalar(g, size))
    here = g.op("Abs", column(g, rest, place))
    below = g.op("Greater", order, place)
    zero, minus = g.like(0, rest), g.like(-1, rest)
    candidate = g.op("ArgMax", where(g, below, here, minus), axis=1, keepdims=1)
    beside = _largest(g, below, here)
    corner = at(g, here, place)
    there = g.op("Abs", column(g, rest, candidate))
    others = all_of(g, g.op("Not", g.op("Less", order, place)), g.op("Not", equal(g, order, candidate)))
    around = _largest(g, others, there)
    nothing = g.op("Not", g.op("Less", zero, g.op("Max", corner, beside)))  # for a NaN, too
    ratio = div(g, beside, where(g, g.op("Less", zero, around), around, g.like(1, rest)))
    limit = mul(g, beside, _ALPHA)
    keeps = any_of(
        g,
        nothing,
        g.op("Not", alive),
        greater_or_equal(g, corner, limit),
        greater_or_equal(g, corner, mul(g, limit, ratio)),
    )
    single = g.op("Or", keeps, greater_or_equal(g, at(g, there, candidate), mul(g, around, _ALPHA)))
    return _Pivot(place, where(g, keeps, place, candidate), g.op("Not", single), g.op("And", nothing, alive))


def _weights(
    g: Emitter, first: ir.Value, second: ir.Value, pivot: _Pivot, following: ir.Value
) -> tuple[ir.Value, ir.Value]:
    """The two columns divided by the block of D, each (batch, n): the columns of L. The second is 0 for a block of one."""
    one = g.like(1, first)
    corner = at(g, first, pivot.place)
    alone = div(g, first, where(g, pivot.nothing, one, corner))
    link = where(g, pivot.two, at(g, first, following), one)
    upper = div(g, corner, link)
    lower = div(g, at(g, second, following), link)
    scale = div(g, div(g, 1.0, where(g, pivot.two, sub(g, mul(g, lower, upper), 1.0), one)), link)
    left = mul(g, scale, sub(g, mul(g, lower, first), second))
    right = mul(g, scale, sub(g, mul(g, upper, second), first))
    return where(g, pivot.two, left, alone), where(g, pivot.two, right, g.like(0, first))


def _factored(g: Emitter, x: ir.Value) -> tuple[ir.Value, ir.Value, ir.Value]:
    """Of (batch, n, n), whose lower triangles count: the packed factors, the pivots (batch, n), info (batch, 1)."""
    batch, size, _ = shapes.sizes(g, x)
    order = forms.iota(g, size)
    rows = column_of(g, order)
    lower = g.op("Not", g.op("Less", rows, order))
    zero = g.like(0, x)

    def step(
        g: Emitter, number: ir.Value, states: list[ir.Value]
    ) -> tuple[None, tuple[ir.Value, ir.Value, ir.Value, ir.Value, ir.Value]]:
        rest, packed, pivots, info, k = states
        pivot = _pivot(g, rest, k, order, size)
        last = g.op("Add", pivot.place, g.cast(pivot.two, _INT))
        turn = exchange(g, order, last, pivot.partner)
        rest = permuted_columns(g, permuted_rows(g, rest, turn), turn)
        following = within(g, g.op("Add", pivot.place, g.const(1)), size)
        first, second = column(g, rest, pivot.place), column(g, rest, following)
        left, right = _weights(g, first, second, pivot, following)
        later = g.op("Greater", order, last)
        both = (g.op("And", equal(g, order, k), g.op("Not", later)), all_of(g, pivot.two, equal(g, order, last)))
        for chosen, old, new in zip(both, (first, second), (left, right), strict=True):
            made = column_of(g, where(g, later, new, old))
            wanted = all_of(g, forms.unsqueeze(g, chosen, [1]), lower)
            packed = where(g, wanted, made, packed)
            change = forms.unsqueeze(g, where(g, later, new, zero), [1])
            rest = sub(g, rest, mul(g, column_of(g, old), change))
        named = add(g, pivot.partner, 1)
        named = where(g, pivot.two, g.op("Neg", named), named)
        pivots = where(g, any_of(g, *both), named, pivots)
        info = where(g, g.op("And", pivot.nothing, equal(g, info, g.const(0))), add(g, k, 1), info)
        taken = add(g, g.cast(pivot.two, _INT), 1)
        return None, (rest, packed, pivots, info, g.op("Add", k, taken))

    start = full(g, 0, _INT, [batch, 1])
    states = [
        where(g, lower, x, swapped(g, x, -2, -1)),
        full(g, 0, g.dtype(x), [batch, size, size]),
        full(g, 0, _INT, [batch, size]),
        start,
        start,
    ]
    _, packed, pivots, info, _ = loop(g, states, step, count=shapes.as_scalar(g, size))
    return packed, g.cast(pivots, _INT32), g.cast(info, _INT32)


@symbolic("aten::linalg_ldl_factor_ex", since=11)
def ldl_factor_ex(g: Emitter, self: Tensor, hermitian: bool = False, check_errors: bool = False) -> list[Tensor]:
    """linalg_ldl_factor_ex(Tensor self, *, bool hermitian=False, bool check_errors=False) -> (Tensor LD, Tensor pivots,
    Tensor info): real matrices are Hermitian if they are symmetric
    """
    outer = shapes.sizes(g, self)[:-2]
    if shapes.size(g, self, -1) == 0:
        return [
            self,
            full(g, 0, _INT32, [*outer, 0]),
            full(g, 0, _INT32, outer),
        ]
    packed, pivots, info = _factored(g, stacked(g, self))
    return [
        unstacked(g, packed, outer),
        unstacked(g, pivots, outer),
        unstacked(g, forms.squeeze(g, info, [1]), outer),
    ]


@symbolic("aten::linalg_ldl_factor", since=11)
def ldl_factor(g: Emitter, self: Tensor, hermitian: bool = False) -> list[Tensor]:
    """linalg_ldl_factor(Tensor self, *, bool hermitian=False) -> (Tensor LD, Tensor pivots)"""
    return ldl_factor_ex(g, self, hermitian)[:2]


@symbolic("aten::linalg_ldl_solve", since=11)
def ldl_solve(g: Emitter, LD: Tensor, pivots: Tensor, B: Tensor, hermitian: bool = False) -> Tensor:  # noqa: N803
    """linalg_ldl_solve(Tensor LD, Tensor pivots, Tensor B, *, bool hermitian=False) -> Tensor"""
    size = shapes.size(g, LD, -1)
    if size == 0:
        return B
    named = forms.unsqueeze(g, pivots, [g.rank(pivots) - 1])
    factors, b = one_batch(g, LD, B)
    outer = shapes.sizes(g, b)[:-2]
    named = forms.expand(g, named, [*outer, 1, size])
    factors, b, named = (stacked(g, item) for item in (factors, b, named))
    return unstacked(g, _solved(g, factors, forms.squeeze(g, named, [1]), b), outer)


def _solved(g: Emitter, factors: ir.Value, named: ir.Value, b: ir.Value) -> ir.Value:
    """L, its exchanges between its columns; D; Lᵀ with the exchanges backwards. All three (batch, n, …)."""
    size = shapes.size(g, factors, -1)
    order = forms.iota(g, size)
    named = g.cast(named, _INT)
    paired = g.op("Less", named, g.const(0))
    # Blocks of two have their pivot twice: the odd ones of those below 0 begin a block.
    odd = equal(g, g.op("Mod", g.op("CumSum", g.cast(paired, _INT), g.const(1)), g.const(2)), g.const(1))
    begins = g.op("And", paired, odd)
    ends = g.op("And", paired, g.op("Not", odd))
    last = g.op("Add", order, g.cast(begins, _INT))
    partner = where(g, ends, order, sub(g, g.op("Abs", named), 1))
    link = where(g, begins, diagonal(g, swapped(g, factors, -2, -1), order, 1), g.like(0, factors))
    below = g.op("Greater", column_of(g, order), order)
    inside = all_of(g, forms.unsqueeze(g, begins, [1]), equal(g, column_of(g, order), add(g, order, 1)))
    low = where(g, g.op("And", below, g.op("Not", inside)), factors, g.like(0, factors))

    def pieces(g: Emitter, number: ir.Value) -> tuple[ir.Value, ir.Value, ir.Value]:
        place = forms.unsqueeze(g, number, [0])
        ends_at, with_row = (g.op("Gather", item, place, axis=1) for item in (last, partner))
        return place, g.op("Gather", low, place, axis=2), exchange(g, order, ends_at, with_row)

    def forward(g: Emitter, number: ir.Value, states: list[ir.Value]) -> tuple[None, list[ir.Value]]:
        place, factor, turn = pieces(g, number)
        x = permuted_rows(g, states[0], turn)
        return None, [sub(g, x, mul(g, factor, g.op("Gather", x, place, axis=1)))]

    def backward(g: Emitter, number: ir.Value, states: list[ir.Value]) -> tuple[None, list[ir.Value]]:
        number = g.op("Sub", shapes.as_scalar(g, shapes.sub(g, size, 1)), number)
        place, factor, turn = pieces(g, number)
        total = g.op("MatMul", swapped(g, factor, -2, -1), states[0])
        x = where(g, column_of(g, equal(g, order, place)), sub(g, states[0], total), states[0])
        return None, [permuted_rows(g, x, turn)]

    count = shapes.as_scalar(g, size)
    (x,) = loop(g, [b], forward, count=count)
    (x,) = loop(g, [_divided(g, x, diagonal(g, factors, order), link, begins, ends)], backward, count=count)
    return x


def _divided(g: Emitter, x: ir.Value, corners: ir.Value, link: ir.Value, begins: ir.Value, ends: ir.Value) -> ir.Value:
    """``D⁻¹ x``: by numbers, and by blocks ``[[a, c], [c, d]]``, both of whose rows are divided by c first."""
    one = g.like(1, corners)
    links = where(g, begins, link, where(g, ends, shifted(g, link, -1), one))
    own = div(g, corners, links)
    other = where(g, begins, shifted(g, own, 1), shifted(g, own, -1))
    paired = g.op("Or", begins, ends)
    turned = where(g, column_of(g, begins), _rows(g, x, 1), _rows(g, x, -1))
    scaled, neighbour = (div(g, item, column_of(g, links)) for item in (x, turned))
    size = where(g, paired, sub(g, mul(g, own, other), 1.0), one)
    both = div(g, sub(g, mul(g, column_of(g, other), scaled), neighbour), column_of(g, size))
    return where(g, column_of(g, paired), both, div(g, x, column_of(g, corners)))


def _rows(g: Emitter, x: ir.Value, by: int) -> ir.Value:
    """Row k has what stood in row ``k + by``."""
    return forms.pad(g, x, [0, -by, 0], [0, by, 0])
