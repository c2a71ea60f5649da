"""The real Schur form of Hessenberg matrices: Francis' double-shift QR iteration as LAPACK's lahqr has it, for a whole stack.

Blocks of one or two rows split off at the bottom, one after the other: they are the eigenvalues, in LAPACK's order. One
iteration of the Loop is one reflection of three rows in every matrix; one that has ended its sweep looks first what has split
off, and begins the next one. Matrices go on at their own pace: where they stand is the state.

    bottom   the last row that has not split off, -1 at the end
    place    where the sweep stands, -1 if none does
    sweeps   how many since the last row split off: the 10th, 20th, … take other shifts
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from onnx_explore.dtypes import to_torch
from onnx_explore.emit import Emitter, forms, shapes
from onnx_explore.emit.algebra import add, div, mul, sub
from onnx_explore.emit.forms.comparison import equal, greater_or_equal, less_or_equal, sign, where
from onnx_explore.emit.loops import loop
from onnx_explore.emit.shapes import Dim
from onnx_explore.symbolic.aten.hessenberg import reflection
from onnx_explore.symbolic.aten.permute import swapped
from onnx_explore.symbolic.aten.places import (
    all_of,
    any_of,
    at,
    column,
    column_of,
    diagonal,
    full,
    shifted,
    some,
    within,
)

_INT = ir.DataType.INT64
_PATIENCE = 10
"""Sweeps without success after which other shifts are tried."""


@dataclass(frozen=True, slots=True)
class _Bands:
    """What stands on and beside the diagonal of (batch, n, n), each (batch, n): index k is about row k.

    Attributes:
        main: ``T[k, k]``.
        low: ``T[k, k-1]``.
        high: ``T[k-1, k]``.
        order: ``0 … n-1``.
    """

    main: ir.Value
    low: ir.Value
    high: ir.Value
    order: ir.Value

    def near(self, g: Emitter, place: ir.Value) -> ir.Value:
        """Places (batch, 1) that may lie outside, as the nearest ones inside."""
        return within(g, place, shapes.size(g, self.main, 1))


def bands(g: Emitter, x: ir.Value, order: ir.Value) -> _Bands:
    """Of (batch, n, n)."""
    return _Bands(
        diagonal(g, x, order),
        diagonal(g, x, order, -1),
        shifted(g, diagonal(g, x, order, 1), -1),
        order,
    )


def precision(x: ir.Value) -> tuple[float, float]:
    """The distance from 1 to the next number of the element type, and the least number that counts beside it."""
    assert x.dtype is not None
    limits = np.finfo(str(to_torch(x.dtype)).removeprefix("torch."))
    return float(limits.eps), float(limits.tiny / limits.eps)


def _nonzero(g: Emitter, x: ir.Value) -> ir.Value:
    """1 in place of 0, for what is divided by."""
    return where(g, equal(g, x, g.like(0, x)), g.like(1, x), x)


def _negligible(g: Emitter, b: _Bands) -> ir.Value:
    """(batch, n): whether ``T[k, k-1]`` may be taken for 0 (the criterion of Ahues and Tisseur, as lahqr has it)."""
    epsilon, least = precision(b.main)
    low, high = g.op("Abs", b.low), g.op("Abs", b.high)
    before = shifted(g, b.main, -1)
    main = g.op("Abs", b.main)
    around = add(g, g.op("Abs", before), main)
    wider = add(g, shifted(g, low, -1), shifted(g, low, 1))
    around = where(g, equal(g, around, g.like(0, low)), wider, around)
    distance = g.op("Abs", sub(g, before, b.main))
    ab, ba = g.op("Max", low, high), g.op("Min", low, high)
    aa, bb = g.op("Max", main, distance), g.op("Min", main, distance)
    total = _nonzero(g, add(g, aa, ab))
    allowed = g.op("Max", mul(g, mul(g, bb, div(g, aa, total)), epsilon), g.like(least, low))
    exact = less_or_equal(g, mul(g, ba, div(g, ab, total)), allowed)
    relative = less_or_equal(g, low, mul(g, around, epsilon))
    return any_of(
        g,
        less_or_equal(g, low, g.like(least, low)),
        g.op("And", relative, exact),
        equal(g, b.order, g.const(0)),
    )


def _block(g: Emitter, b: _Bands, bottom: ir.Value) -> tuple[ir.Value, ir.Value, ir.Value, ir.Value]:
    """``[[p, q], [r, s]]``, the last two rows and columns that have not split off."""
    before = b.near(g, sub(g, bottom, 1))
    here = b.near(g, bottom)
    return at(g, b.main, before), at(g, b.high, here), at(g, b.low, here), at(g, b.main, here)


Shifts = tuple[ir.Value, ir.Value, ir.Value, ir.Value]
"""Real and imaginary part of one shift and of the other, (batch, 1) each."""


def _shifts(g: Emitter, b: _Bands, bottom: ir.Value, top: ir.Value, sweeps: ir.Value) -> Shifts:
    """The eigenvalues of the last block: both if they are complex, else twice that which is nearer to the last element.

    Every tenth time, those of a block made up from the elements beside the diagonal at the top, or at the bottom.
    """
    p, q, r, s = _block(g, b, bottom)
    every, other = (equal(g, g.op("Mod", sweeps, g.const(count)), g.const(0)) for count in (_PATIENCE, 2 * _PATIENCE))

    def size(place: ir.Value) -> ir.Value:
        return g.op("Abs", at(g, b.low, b.near(g, place)))

    below = add(g, size(bottom), size(sub(g, bottom, 1)))
    above = add(g, size(add(g, top, 1)), size(add(g, top, 2)))
    made = where(g, other, below, above)
    corner = add(g, where(g, other, s, at(g, b.main, b.near(g, top))), mul(g, made, 0.75))
    p, q, r, s = (
        where(g, every, new, old)
        for new, old in zip((corner, mul(g, made, -0.4375), made, corner), (p, q, r, s), strict=True)
    )
    scale = _nonzero(g, add(g, add(g, g.op("Abs", p), g.op("Abs", q)), add(g, g.op("Abs", r), g.op("Abs", s))))
    p, q, r, s = (div(g, item, scale) for item in (p, q, r, s))
    middle = mul(g, add(g, p, s), 0.5)
    area = sub(g, mul(g, sub(g, p, middle), sub(g, s, middle)), mul(g, q, r))
    root = g.op("Sqrt", g.op("Abs", area))
    zero = g.like(0, root)
    turning = greater_or_equal(g, area, zero)
    one, two = add(g, middle, root), sub(g, middle, root)
    nearer = where(g, less_or_equal(g, g.op("Abs", sub(g, one, s)), g.op("Abs", sub(g, two, s))), one, two)
    real = mul(g, where(g, turning, middle, nearer), scale)
    imaginary = mul(g, where(g, turning, root, zero), scale)
    return real, imaginary, real, g.op("Neg", imaginary)


def _start(g: Emitter, b: _Bands, top: ir.Value, bottom: ir.Value, shifts: Shifts) -> tuple[ir.Value, ir.Value]:
    """Where a sweep begins (below two small elements, if there are such), and the vector (batch, 3) of its first reflection."""
    epsilon, _ = precision(b.main)
    one, turn, two, back = shifts
    following = shifted(g, b.low, 1)
    after = shifted(g, b.main, 1)
    distance = sub(g, b.main, two)
    total = _nonzero(g, add(g, add(g, g.op("Abs", distance), g.op("Abs", back)), g.op("Abs", following)))
    ratio = div(g, following, total)
    first = sub(
        g,
        add(g, mul(g, ratio, shifted(g, b.high, 1)), mul(g, sub(g, b.main, one), div(g, distance, total))),
        mul(g, turn, div(g, back, total)),
    )
    second = mul(g, ratio, sub(g, add(g, sub(g, b.main, one), after), two))
    third = mul(g, ratio, shifted(g, b.low, 2))
    size = [g.op("Abs", item) for item in (first, second, third)]
    norm = _nonzero(g, add(g, size[0], add(g, size[1], size[2])))
    around = add(g, g.op("Abs", shifted(g, b.main, -1)), add(g, g.op("Abs", b.main), g.op("Abs", after)))
    left = mul(g, g.op("Abs", b.low), div(g, add(g, size[1], size[2]), norm))
    small = less_or_equal(g, left, mul(g, mul(g, div(g, size[0], norm), around), epsilon))
    above = g.op("And", g.op("Less", top, b.order), g.op("Less", b.order, sub(g, bottom, 1)))
    found = where(g, g.op("And", small, above), b.order, top)
    place = forms.reduce(g, "ReduceMax", found, [1], keepdims=True)
    vector = [div(g, at(g, item, place), at(g, norm, place)) for item in (first, second, third)]
    return place, g.op("Concat", *vector, axis=1)


def _splitting(g: Emitter, b: _Bands, bottom: ir.Value) -> tuple[ir.Value, ir.Value, ir.Value]:
    """The rotation that makes the last block triangular, if its eigenvalues are real (LAPACK's lanv2).

    Returns:
        Whether they are; cosine and sine, (batch, 1) each.
    """
    p, q, r, s = _block(g, b, bottom)
    zero = g.like(0, p)
    half = mul(g, sub(g, p, s), 0.5)
    sizes = [g.op("Abs", item) for item in (q, r)]
    less = mul(g, g.op("Min", *sizes), mul(g, sign(g, q), sign(g, r)))
    scale = _nonzero(g, g.op("Max", g.op("Abs", half), *sizes))
    area = add(g, mul(g, div(g, half, scale), half), mul(g, div(g, g.op("Max", *sizes), scale), less))
    real = greater_or_equal(g, area, zero)
    root = mul(g, g.op("Sqrt", scale), g.op("Sqrt", g.op("Max", area, zero)))
    reach = where(g, g.op("Less", half, zero), sub(g, half, root), add(g, half, root))
    # Both divided by the larger one, so that their squares neither overflow nor vanish.
    largest = _nonzero(g, g.op("Max", g.op("Abs", reach), g.op("Abs", r)))
    reach, r = div(g, reach, largest), div(g, r, largest)
    length = _nonzero(g, g.op("Sqrt", add(g, mul(g, reach, reach), mul(g, r, r))))
    turned = equal(g, q, zero)  # then rows and columns change places
    cosine = where(g, turned, zero, div(g, reach, length))
    sine = where(g, turned, g.like(1, p), div(g, r, length))
    return real, cosine, sine


def _turn(g: Emitter, cosine: ir.Value, sine: ir.Value) -> ir.Value:
    """(batch, 3, 3): a rotation of the first two less the identity."""
    zero = g.like(0, cosine)
    less = sub(g, cosine, 1)
    none = forms.expand_like(g, zero, cosine)
    flat = g.op("Concat", less, sub(g, zero, sine), none, sine, less, none, none, none, none, axis=1)
    return forms.reshape(g, flat, [shapes.size(g, cosine, 0), 3, 3])


def _applied(
    g: Emitter, x: ir.Value, z: ir.Value, place: ir.Value, change: ir.Value, order: ir.Value
) -> tuple[ir.Value, ir.Value]:
    """``Qᵀ x Q`` and ``z Q``, where Q is ``I + change`` in three rows and columns from ``place`` on."""
    rows = g.op("Add", place, g.const([0, 1, 2]))  # (batch, 3)
    chosen = g.cast(equal(g, column_of(g, order), forms.unsqueeze(g, rows, [1])), g.dtype(x))  # (batch, n, 3)
    back = swapped(g, chosen, 1, 2)
    turned = g.op("MatMul", swapped(g, change, 1, 2), g.op("MatMul", back, x))
    x = add(g, x, g.op("MatMul", chosen, turned))
    x, z = (add(g, item, g.op("MatMul", g.op("MatMul", g.op("MatMul", item, chosen), change), back)) for item in (x, z))
    return x, z


def _bulge(g: Emitter, x: ir.Value, place: ir.Value, bottom: ir.Value, size: Dim) -> ir.Value:
    """(batch, 3): what stands in three rows from ``place`` on in the column before it; 0 below ``bottom``."""
    rows = g.op("Add", place, g.const([0, 1, 2]))
    before = column(g, x, within(g, sub(g, place, 1), size))
    values = at(g, before, within(g, rows, size))
    return where(g, g.op("Less", bottom, rows), g.like(0, x), values)


def schur(g: Emitter, x: ir.Value, z: ir.Value, sound: ir.Value) -> tuple[ir.Value, ir.Value]:
    """T, upper triangular but for blocks of two with complex eigenvalues, and ``z`` with the transformations.

    Args:
        g: The emitter.
        x: (batch, n, n), 0 below the subdiagonal.
        z: (batch, n, n).
        sound: (batch, 1): whether a matrix is iterated at all.
    """
    batch, size, _ = shapes.sizes(g, x)
    order = forms.iota(g, size)
    rows = column_of(g, order)

    def step(g: Emitter, number: ir.Value, states: list[ir.Value]) -> tuple[ir.Value, list[ir.Value]]:
        x, z, bottom, place, sweeps = states
        alive = greater_or_equal(g, bottom, g.const(0))
        fresh = g.op("And", alive, g.op("Less", place, g.const(0)))
        b = bands(g, x, order)
        ends = g.op("And", _negligible(g, b), g.op("Not", g.op("Less", bottom, order)))
        top = forms.reduce(g, "ReduceMax", where(g, ends, order, g.const(0)), [1], keepdims=True)
        split = g.op("And", fresh, g.op("Less", sub(g, bottom, 2), top))  # one row, or two
        pair = g.op("And", split, g.op("Less", top, bottom))
        begins = g.op("And", fresh, g.op("Not", split))
        sweeps = where(g, split, g.const(0), g.op("Add", sweeps, g.cast(begins, _INT)))
        first, vector = _start(g, b, top, bottom, _shifts(g, b, bottom, top, sweeps))
        place = where(g, begins, first, place)
        w, tau = reflection(g, where(g, begins, vector, _bulge(g, x, place, bottom, size)))
        tau = where(g, g.op("And", alive, g.op("Not", split)), tau, g.like(0, x))
        reflected = mul(g, column_of(g, g.op("Neg", mul(g, w, tau))), forms.unsqueeze(g, w, [1]))
        real, cosine, sine = _splitting(g, b, bottom)
        real = g.op("And", pair, real)
        change = where(g, column_of(g, real), _turn(g, cosine, sine), reflected)
        x, z = _applied(g, x, z, where(g, real, sub(g, bottom, 1), place), change, order)
        x = where(g, _cleared(g, rows, order, top, bottom, place, fresh, split, real), g.like(0, x), x)
        place = where(g, split, g.const(-1), g.op("Add", place, g.cast(alive, _INT)))
        place = where(g, g.op("Less", place, bottom), place, g.const(-1))
        bottom = where(g, split, sub(g, top, 1), bottom)
        return some(g, greater_or_equal(g, bottom, g.const(0))), [x, z, bottom, place, sweeps]

    last = shapes.as_scalar(g, shapes.sub(g, size, 1))
    minus = full(g, -1, _INT, [batch, 1])
    bottom = where(g, sound, last, minus)
    # LAPACK gives up after 30 sweeps for each row (10 rows at least); each of them has less than n reflections.
    limit = shapes.mul(g, shapes.mul(g, shapes.maximum(g, size, 10), 30), size)
    going = some(g, greater_or_equal(g, bottom, g.const(0)))
    states = [x, z, bottom, minus, g.op("Add", minus, g.const(1))]
    x, z, *_ = loop(g, states, step, count=shapes.as_scalar(g, limit), going=going)
    return x, z


def _cleared(
    g: Emitter,
    rows: ir.Value,
    order: ir.Value,
    top: ir.Value,
    bottom: ir.Value,
    place: ir.Value,
    fresh: ir.Value,
    split: ir.Value,
    real: ir.Value,
) -> ir.Value:
    """(batch, n, n): what is 0 now. What has split off, and what a reflection or the last rotation made 0 but for rounding."""

    def element(row: ir.Value, column: ir.Value, holds: ir.Value) -> ir.Value:
        return all_of(g, equal(g, rows, column_of(g, row)), equal(g, order, column_of(g, column)), column_of(g, holds))

    before = sub(g, place, 1)
    below = g.op("Greater", rows, column_of(g, place))
    swept = all_of(g, below, equal(g, order, column_of(g, before)), column_of(g, g.op("Not", split)))
    return any_of(g, swept, element(top, sub(g, top, 1), fresh), element(bottom, sub(g, bottom, 1), real))
