"""Square matrices made ready for the QR iteration: balanced (LAPACK's gebal), then 0 below the subdiagonal (gehd2).

Both are similarity transformations ``T = Z⁻¹ A Z``; Z is carried along. Stacks (batch, n, n) of any size, in Loops.
"""

from __future__ import annotations

import math

import onnx_ir as ir

from onnx_explore.emit import Emitter, forms, shapes
from onnx_explore.emit.algebra import add, div, mul, sub
from onnx_explore.emit.forms.comparison import equal, where
from onnx_explore.emit.loops import loop
from onnx_explore.symbolic.aten.permute import swapped
from onnx_explore.symbolic.aten.places import (
    all_of,
    column_of,
    exchange,
    full,
    permuted_columns,
    permuted_rows,
    some,
)

_INT = ir.DataType.INT64


def hessenberg(g: Emitter, x: ir.Value) -> tuple[ir.Value, ir.Value]:
    """T and Z of (batch, n, n)."""
    batch, size, _ = shapes.sizes(g, x)
    order = forms.iota(g, size)
    eye = g.cast(equal(g, column_of(g, order), order), g.dtype(x))
    x, z, low, high = _isolated(g, x, forms.expand(g, eye, [batch, size, size]), order)
    active = g.op("Not", g.op("Or", g.op("Less", order, low), g.op("Greater", order, high)))
    x, z = _scaled(g, x, z, active, order)
    return _reduced(g, x, z, active, order)


def _isolated(g: Emitter, x: ir.Value, z: ir.Value, order: ir.Value) -> tuple[ir.Value, ir.Value, ir.Value, ir.Value]:
    """Rows with nothing but their diagonal moved to the bottom, then such columns to the left; they are eigenvalues.

    Returns:
        T, Z, and the first and last (batch, 1) of the rows that are left.
    """
    batch, size, _ = shapes.sizes(g, x)
    last = shapes.as_scalar(g, shapes.sub(g, size, 1))
    apart = g.op("Not", equal(g, column_of(g, order), order))

    def lonely(g: Emitter, x: ir.Value, active: ir.Value, axis: int) -> ir.Value:
        """Which of the active rows (axis 2) or columns (axis 1) have nothing but their diagonal."""
        across = forms.unsqueeze(g, active, [3 - axis])
        counts = all_of(g, apart, across, g.op("Less", g.like(0, x), g.op("Abs", x)))
        found = forms.reduce(g, "ReduceSum", g.cast(counts, _INT), [axis])
        return g.op("And", active, equal(g, found, g.const(0)))

    def step(g: Emitter, number: ir.Value, states: list[ir.Value]) -> tuple[ir.Value, list[ir.Value]]:
        x, z, low, high, by_rows, going = states
        active = g.op("Not", g.op("Or", g.op("Less", order, low), g.op("Greater", order, high)))
        rows = all_of(g, lonely(g, x, active, 2), by_rows)
        of_row = forms.reduce(g, "ReduceMax", where(g, rows, order, g.const(-1)), [1], keepdims=True)
        found_row = g.op("Less", g.const(-1), of_row)
        columns = all_of(g, lonely(g, x, active, 1), g.op("Not", by_rows))
        beyond = g.op("Add", last, g.const(1))
        of_column = forms.reduce(g, "ReduceMin", where(g, columns, order, beyond), [1], keepdims=True)
        found_column = g.op("Less", of_column, beyond)
        goal = where(g, found_row, high, low)
        turn = exchange(g, order, where(g, found_row, of_row, where(g, found_column, of_column, goal)), goal)
        x = permuted_columns(g, permuted_rows(g, x, turn), turn)
        z = permuted_columns(g, z, turn)
        low = g.op("Add", low, g.cast(found_column, _INT))
        high = g.op("Sub", high, g.cast(found_row, _INT))
        # One that found no row looks for columns next; one that found no column, either, is done.
        going = all_of(g, g.op("Or", by_rows, found_column), g.op("Less", low, g.op("Add", high, g.const(1))))
        return some(g, going), [x, z, low, high, g.op("And", by_rows, found_row), going]

    start = full(g, 0, _INT, [batch, 1])
    yes = g.cast(full(g, 1, _INT, [batch, 1]), ir.DataType.BOOL)
    states = [x, z, start, g.op("Add", start, last), yes, yes]
    count = shapes.as_scalar(g, shapes.add(g, shapes.mul(g, size, 2), 2))
    x, z, low, high, _, _ = loop(g, states, step, count=count)
    return x, z, low, high


def _scaled(g: Emitter, x: ir.Value, z: ir.Value, active: ir.Value, order: ir.Value) -> tuple[ir.Value, ir.Value]:
    """Rows and columns scaled by powers of 2 until their norms are near: exact, and the iteration is more so."""
    size = shapes.size(g, x, -1)
    count = shapes.as_scalar(g, size)
    rows = column_of(g, active)
    columns = forms.unsqueeze(g, active, [1])
    one = g.like(1, x)

    def step(g: Emitter, number: ir.Value, states: list[ir.Value]) -> tuple[ir.Value, list[ir.Value]]:
        x, z, unchanged = states
        place = forms.unsqueeze(g, g.op("Mod", number, count), [0])
        inside = where(g, g.op("And", rows, columns), x, g.like(0, x))
        c = forms.reduce(g, "ReduceL2", g.op("Gather", inside, place, axis=2), [1])
        r = forms.reduce(g, "ReduceL2", g.op("Gather", inside, place, axis=1), [2])
        power = _power(g, c, r)
        total = add(g, mul(g, c, power), div(g, r, power))
        pays = all_of(
            g,
            g.op("Less", g.like(0, c), g.op("Min", c, r)),
            g.op("Less", total, mul(g, add(g, c, r), 0.95)),
            g.op("Gather", active, place, axis=1),
        )
        power = where(g, pays, power, one)
        here = equal(g, order, place)
        factor = where(g, here, power, one)  # (batch, n)
        wide = forms.unsqueeze(g, factor, [1])
        x = mul(g, div(g, x, column_of(g, factor)), wide)
        unchanged = where(g, some(g, pays), g.const(0), add(g, unchanged, 1))
        return g.op("Less", unchanged, count), [x, mul(g, z, wide), unchanged]

    # What is left to gain grows less with every scaling: LAPACK needs a few rounds, and has no limit.
    limit = shapes.as_scalar(g, shapes.mul(g, size, 100))
    x, z, _ = loop(g, [x, z, g.const(0)], step, count=limit)
    return x, z


def _power(g: Emitter, c: ir.Value, r: ir.Value) -> ir.Value:
    """The power of 2 that brings a column's norm to between half the row's and twice it, when the row is divided by it."""
    safe_c, safe_r = (where(g, g.op("Less", g.like(0, item), item), item, g.like(1, item)) for item in (c, r))
    ratio = div(g, sub(g, g.op("Log", safe_r), g.op("Log", safe_c)), math.log(2))
    up = g.op("Ceil", mul(g, sub(g, ratio, 1), 0.5))
    down = g.op("Floor", mul(g, sub(g, -1, ratio), 0.5))
    zero = g.like(0, c)
    up = where(g, g.op("Less", zero, up), up, zero)
    down = where(g, g.op("Less", g.like(-1, c), down), add(g, down, 1), zero)
    # Pow of 2 and a whole number is exact; between these limits the powers' squares have an inverse.
    exponent = g.op("Max", g.op("Min", sub(g, up, down), g.like(60, c)), g.like(-60, c))
    return g.op("Pow", g.like(2, c), exponent)


def reflection(g: Emitter, v: ir.Value) -> tuple[ir.Value, ir.Value]:
    """Householder's reflection ``I - tau · w · wᵀ`` that leaves nothing but the first of (batch, k) (LAPACK's larfg).

    Returns:
        w (batch, k), whose first is 1; tau (batch, 1), which is 0 if there is nothing to do.
    """
    zero, one = g.like(0, v), g.like(1, v)
    largest = forms.reduce(g, "ReduceMax", g.op("Abs", v), [1], keepdims=True)
    largest = where(g, g.op("Less", zero, largest), largest, one)
    v = div(g, v, largest)
    head = g.op("Gather", v, g.const([0]), axis=1)
    first = equal(g, forms.iota(g, shapes.size(g, v, 1)), g.const(0))
    rest = where(g, first, zero, v)
    size = forms.reduce(g, "ReduceSum", mul(g, rest, rest), [1], keepdims=True)
    moves = g.op("Less", zero, size)
    beta = g.op("Sqrt", add(g, mul(g, head, head), size))
    beta = where(g, g.op("Less", head, zero), beta, g.op("Neg", beta))
    tau = where(g, moves, div(g, sub(g, beta, head), where(g, moves, beta, one)), zero)
    w = where(g, first, one, div(g, rest, where(g, moves, sub(g, head, beta), one)))
    return w, tau


def _reduced(g: Emitter, x: ir.Value, z: ir.Value, active: ir.Value, order: ir.Value) -> tuple[ir.Value, ir.Value]:
    """A reflection for each column makes it 0 below the subdiagonal."""
    size = shapes.size(g, x, -1)
    whole = shapes.as_scalar(g, size)

    def step(g: Emitter, number: ir.Value, states: list[ir.Value]) -> tuple[None, list[ir.Value]]:
        x, z = states
        place = forms.unsqueeze(g, number, [0])
        following = add(g, place, 1)
        below = g.op("Greater", order, place)
        column = forms.squeeze(g, g.op("Gather", x, place, axis=2), [2])
        wanted = all_of(g, below, active)
        # Turned so that the row below the diagonal comes first, as `reflection` has it.
        there = g.op("Mod", g.op("Add", order, following), whole)
        w, tau = reflection(g, g.op("Gather", where(g, wanted, column, g.like(0, x)), there, axis=1))
        back = g.op("Mod", g.op("Sub", g.op("Add", order, whole), following), whole)
        w = column_of(g, where(g, wanted, g.op("Gather", w, back, axis=1), g.like(0, x)))
        tau = where(g, g.op("Gather", active, place, axis=1), tau, g.like(0, x))
        reflected = mul(g, column_of(g, tau), swapped(g, w, -2, -1))
        x = sub(g, x, mul(g, g.op("MatMul", x, w), reflected))
        x = sub(g, x, mul(g, w, g.op("MatMul", reflected, x)))
        z = sub(g, z, mul(g, g.op("MatMul", z, w), reflected))
        gone = g.op("And", column_of(g, g.op("Greater", order, following)), equal(g, order, place))
        return None, [where(g, gone, g.like(0, x), x), z]

    count = shapes.as_scalar(g, shapes.sub(g, size, 2))
    x, z = loop(g, [x, z], step, count=count)
    return x, z
