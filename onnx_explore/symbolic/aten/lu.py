"""LU factors with the largest pivot of each column, and what is solved with them: written out for small static sizes."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from onnx_explore.emit import Emitter, forms, shapes
from onnx_explore.emit.algebra import div, mul, sub
from onnx_explore.emit.forms.comparison import where
from onnx_explore.symbolic.annotations import Tensor
from onnx_explore.symbolic.aten.householder import mask, small_sizes, upper_part
from onnx_explore.symbolic.aten.linalg import linalg_solve_triangular
from onnx_explore.symbolic.aten.permute import swapped
from onnx_explore.symbolic.registry import symbolic

_INT = ir.DataType.INT64


def _exchanged(g: Emitter, numbers: ir.Value, step: int, pivot: ir.Value) -> ir.Value:
    """``numbers`` (a column each) with the rows ``step`` and ``pivot`` exchanged."""
    axis = g.rank(numbers) - 2
    rows = shapes.size(g, numbers, axis)
    assert isinstance(rows, int)
    order = np.arange(rows)[:, None]
    places = where(g, g.op("Equal", pivot, g.const(order.tolist())), g.const(step), g.const(order.tolist()))
    places = where(g, mask(g, order == step), pivot, places)
    wide = forms.expand(g, places, shapes.sizes(g, numbers))
    return forms.gather_elements(g, numbers, wide, axis)


def _factored(g: Emitter, x: ir.Value, *, pivot: bool) -> tuple[ir.Value, ir.Value]:
    """Both factors in one matrix; the row that each step exchanged its own with, from 1 on."""
    rows, columns = small_sizes(g, x)
    axis = g.rank(x) - 2
    zero, one = g.like(0, x), g.like(1, x)
    order, across = np.arange(rows)[:, None], np.arange(columns)
    pivots: list[ir.Value] = []
    batch = shapes.sizes(g, x)[:-2]
    for step in range(min(rows, columns)):
        if pivot:
            size = g.op("Abs", g.op("Gather", x, g.const([step]), axis=axis + 1))
            size = where(g, mask(g, order < step), g.like(-1, x), size)
            best = g.op("ArgMax", size, axis=axis, keepdims=1)
            x = _exchanged(g, x, step, best)
        else:
            best = forms.expand(g, g.const([[step]]), [*batch, 1, 1])
        pivots.append(forms.squeeze(g, best, [axis]))
        row = g.op("Gather", x, g.const([step]), axis=axis)
        column = g.op("Gather", x, g.const([step]), axis=axis + 1)
        corner = g.op("Gather", row, g.const([step]), axis=axis + 1)
        safe = where(g, g.op("Less", zero, g.op("Abs", corner)), corner, one)
        factor = where(g, mask(g, order > step), div(g, column, safe), zero)
        rest = where(g, mask(g, across > step), row, zero)
        x = where(g, mask(g, (order > step) & (across == step)), factor, sub(g, x, mul(g, factor, rest)))
    if not pivots:
        return x, forms.expand(g, g.const([], ir.DataType.INT32), [*batch, 0])
    numbers = g.op("Add", g.op("Concat", *pivots, axis=axis), g.const(1))
    return x, g.cast(numbers, ir.DataType.INT32)


def _order(g: Emitter, pivots: ir.Value, rows: int) -> ir.Value:
    """Which row of the matrix stands in each row of the factors, as a column."""
    count = shapes.size(g, pivots, -1)
    assert isinstance(count, int)
    batch = shapes.sizes(g, pivots)[:-1]
    numbers = forms.expand(g, g.const(np.arange(rows)[:, None].tolist()), [*batch, rows, 1])
    steps = forms.unsqueeze(g, g.op("Sub", g.cast(pivots, _INT), g.const(1)), [g.rank(pivots) - 1])
    for step in range(count):
        numbers = _exchanged(g, numbers, step, g.op("Gather", steps, g.const([step]), axis=g.rank(steps) - 1))
    return numbers


def _permutation(g: Emitter, pivots: ir.Value, rows: int, dtype: ir.DataType) -> ir.Value:
    """P, of A = P L U."""
    numbers = _order(g, pivots, rows)
    found = g.op("Equal", numbers, g.const(np.arange(rows).tolist()))
    return swapped(g, g.cast(found, dtype), -2, -1)


def _halves(g: Emitter, both: ir.Value) -> tuple[ir.Value, ir.Value]:
    """L and U."""
    rows, columns = small_sizes(g, both)
    axis = g.rank(both) - 2
    size = min(rows, columns)
    low = forms.slice_axes(g, both, [0], [size], [axis + 1])
    order, across = np.arange(rows)[:, None], np.arange(size)
    low = where(g, mask(g, order == across), g.like(1, both), low)
    low = where(g, mask(g, order < across), g.like(0, both), low)
    return low, upper_part(g, forms.slice_axes(g, both, [0], [size], [axis]))


def _info(g: Emitter, x: ir.Value) -> ir.Value:
    return forms.expand(g, g.const(0, ir.DataType.INT32), shapes.sizes(g, x)[:-2])


@symbolic("aten::linalg_lu_factor", since=9)
def lu_factor(g: Emitter, A: Tensor, pivot: bool = True) -> list[Tensor]:  # noqa: N803
    """linalg_lu_factor(Tensor A, *, bool pivot=True) -> (Tensor LU, Tensor pivots)"""
    return [*_factored(g, A, pivot=pivot)]


@symbolic("aten::linalg_lu_factor_ex", since=9)
def lu_factor_ex(g: Emitter, A: Tensor, pivot: bool = True, check_errors: bool = False) -> list[Tensor]:  # noqa: N803
    """linalg_lu_factor_ex(Tensor A, *, bool pivot=True, bool check_errors=False) -> (Tensor LU, Tensor pivots, Tensor info):
    info is always 0
    """
    return [*_factored(g, A, pivot=pivot), _info(g, A)]


@symbolic("aten::linalg_lu", since=9)
def linalg_lu(g: Emitter, A: Tensor, pivot: bool = True) -> list[Tensor]:  # noqa: N803
    """linalg_lu(Tensor A, *, bool pivot=True) -> (Tensor P, Tensor L, Tensor U)"""
    both, pivots = _factored(g, A, pivot=pivot)
    low, high = _halves(g, both)
    first = _permutation(g, pivots, small_sizes(g, A)[0], g.dtype(A)) if pivot else g.const([], g.dtype(A))
    return [first, low, high]


@symbolic("aten::lu_unpack", since=9)
def lu_unpack(
    g: Emitter,
    LU_data: Tensor,  # noqa: N803
    LU_pivots: Tensor,  # noqa: N803
    unpack_data: bool = True,
    unpack_pivots: bool = True,
) -> list[Tensor]:
    """lu_unpack(Tensor LU_data, Tensor LU_pivots, bool unpack_data=True, bool unpack_pivots=True)
    -> (Tensor P, Tensor L, Tensor U)
    """
    nothing = g.const([], g.dtype(LU_data))
    rows, _ = small_sizes(g, LU_data)
    first = _permutation(g, LU_pivots, rows, g.dtype(LU_data)) if unpack_pivots else nothing
    low, high = _halves(g, LU_data) if unpack_data else (nothing, nothing)
    return [first, low, high]


@symbolic("aten::linalg_lu_solve", since=9)
def lu_solve(
    g: Emitter,
    LU: Tensor,  # noqa: N803
    pivots: Tensor,
    B: Tensor,  # noqa: N803
    left: bool = True,
    adjoint: bool = False,
) -> Tensor:
    """linalg_lu_solve(Tensor LU, Tensor pivots, Tensor B, *, bool left=True, bool adjoint=False) -> Tensor"""
    rows, _ = small_sizes(g, LU)
    first = _permutation(g, pivots, rows, g.dtype(LU))
    b = B if left else swapped(g, B, -2, -1)
    if adjoint != (not left):  # Uᵀ Lᵀ Pᵀ x = b
        turned = swapped(g, LU, -2, -1)
        x = linalg_solve_triangular(g, turned, b, upper=False)
        x = linalg_solve_triangular(g, turned, x, upper=True, unitriangular=True)
        x = g.op("MatMul", first, x)
    else:
        x = g.op("MatMul", swapped(g, first, -2, -1), b)
        x = linalg_solve_triangular(g, LU, x, upper=False, unitriangular=True)
        x = linalg_solve_triangular(g, LU, x, upper=True)
    return x if left else swapped(g, x, -2, -1)


@symbolic("aten::lu_solve", since=9)
def lu_solve_legacy(g: Emitter, self: Tensor, LU_data: Tensor, LU_pivots: Tensor) -> Tensor:  # noqa: N803
    """lu_solve(Tensor self, Tensor LU_data, Tensor LU_pivots) -> Tensor"""
    return lu_solve(g, LU_data, LU_pivots, self)
