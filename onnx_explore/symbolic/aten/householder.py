"""QR factors by Householder's reflections, as LAPACK has them: written out for matrices of small static size.

A reflection is ``I - tau · v · vᵀ``; v is 0 above its step, 1 there, and stands below the diagonal of the packed matrix.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
import torch

from onnx_explore.emit import Emitter, forms, shapes
from onnx_explore.emit.algebra import add, div, mul, sub
from onnx_explore.emit.forms.comparison import where
from onnx_explore.errors import NotConstant, UnsupportedOperatorError
from onnx_explore.symbolic.annotations import Tensor
from onnx_explore.symbolic.aten.permute import swapped
from onnx_explore.symbolic.registry import symbolic

_LARGEST = 32
Reflection = tuple[ir.Value, ir.Value]
"""v as a column, and tau as a matrix of one element."""


def small_sizes(g: Emitter, x: ir.Value, largest: int = _LARGEST) -> tuple[int, int]:
    """Rows and columns of a matrix whose factors are written out."""
    rows, columns = (shapes.size(g, x, axis) for axis in (-2, -1))
    if not isinstance(rows, int) or not isinstance(columns, int):
        raise NotConstant("the size of the matrix depends on a dynamic axis: ONNX has no operator for its factors")
    if min(rows, columns) > largest:
        raise UnsupportedOperatorError(
            f"factors of a matrix of {rows} by {columns}: ONNX has no operator for them, "
            f"and they are written out up to size {largest} only"
        )
    return rows, columns


def mask(g: Emitter, chosen: np.ndarray) -> ir.Value:  # pyright: ignore[reportMissingTypeArgument, reportUnknownParameterType]
    """A constant of bools."""
    return g.tensor(torch.from_numpy(chosen))


def upper_part(g: Emitter, x: ir.Value) -> ir.Value:
    """With 0 below the diagonal."""
    rows, columns = small_sizes(g, x)
    return where(g, mask(g, np.arange(rows)[:, None] > np.arange(columns)), g.like(0, x), x)


def _column(g: Emitter, x: ir.Value, step: int) -> ir.Value:
    return g.op("Gather", x, g.const([step]), axis=g.rank(x) - 1)


def _unit(g: Emitter, column: ir.Value, step: int, rows: int) -> ir.Value:
    """The vector of a reflection from what stands below the diagonal in a column."""
    numbers = np.arange(rows)[:, None]
    one = where(g, mask(g, numbers == step), g.like(1, column), column)
    return where(g, mask(g, numbers < step), g.like(0, column), one)


def _reflected(g: Emitter, x: ir.Value, reflection: Reflection) -> ir.Value:
    """``x - tau · v · (vᵀ x)``."""
    v, tau = reflection
    return sub(g, x, mul(g, mul(g, tau, v), g.op("MatMul", swapped(g, v, -2, -1), x)))


def reflections(g: Emitter, x: ir.Value) -> tuple[ir.Value, list[Reflection]]:
    """R, and the reflections that make it of ``x``: each makes one column 0 below the diagonal (LAPACK's geqr2, larfg)."""
    rows, columns = small_sizes(g, x)
    axis = g.rank(x) - 2
    zero, one = g.like(0, x), g.like(1, x)
    found: list[Reflection] = []
    for step in range(min(rows, columns)):
        column = _column(g, x, step)
        alpha = g.op("Gather", column, g.const([step]), axis=axis)
        below = where(g, mask(g, np.arange(rows)[:, None] > step), column, zero)
        rest = forms.reduce(g, "ReduceSum", mul(g, below, below), [axis], keepdims=True)
        moves = g.op("Less", zero, rest)  # a column that is 0 already is left as it is
        size = g.op("Sqrt", add(g, mul(g, alpha, alpha), rest))
        beta = where(g, g.op("Less", alpha, zero), size, g.op("Neg", size))
        tau = where(g, moves, div(g, sub(g, beta, alpha), where(g, moves, beta, one)), zero)
        v = _unit(g, div(g, below, where(g, moves, sub(g, alpha, beta), one)), step, rows)
        found.append((v, tau))
        x = _reflected(g, x, found[-1])
    return upper_part(g, x), found


def product(g: Emitter, like: ir.Value, found: list[Reflection], columns: int) -> ir.Value:
    """The first columns of the product of all reflections."""
    rows, _ = small_sizes(g, like)
    eye = g.const(np.eye(rows, columns).tolist(), g.dtype(like))
    q = forms.expand(g, eye, [*shapes.sizes(g, like)[:-2], rows, columns])
    for reflection in reversed(found):
        q = _reflected(g, q, reflection)
    return q


def _unpacked(g: Emitter, packed: ir.Value, tau: ir.Value) -> list[Reflection]:
    rows, _ = small_sizes(g, packed)
    count = shapes.size(g, tau, -1)
    if not isinstance(count, int):
        raise NotConstant("the number of reflections depends on a dynamic axis", argument="tau")
    taus = forms.unsqueeze(g, tau, [g.rank(tau) - 1])
    return [(_unit(g, _column(g, packed, step), step, rows), _column(g, taus, step)) for step in range(count)]


@symbolic("aten::linalg_qr", since=9)
def linalg_qr(g: Emitter, A: Tensor, mode: str = "reduced") -> list[Tensor]:  # noqa: N803
    """linalg_qr(Tensor A, str mode='reduced') -> (Tensor Q, Tensor R)"""
    rows, columns = small_sizes(g, A)
    r, found = reflections(g, A)
    if mode != "complete":
        r = forms.slice_axes(g, r, [0], [min(rows, columns)], [g.rank(r) - 2])
    if mode == "r":
        return [g.const([], g.dtype(A)), r]
    return [product(g, A, found, rows if mode == "complete" else min(rows, columns)), r]


@symbolic("aten::qr", since=9)
def qr(g: Emitter, self: Tensor, some: bool = True) -> list[Tensor]:
    """qr(Tensor self, bool some=True) -> (Tensor Q, Tensor R)"""
    return linalg_qr(g, self, "reduced" if some else "complete")


@symbolic("aten::geqrf", since=9)
def geqrf(g: Emitter, self: Tensor) -> list[Tensor]:
    """geqrf(Tensor self) -> (Tensor a, Tensor tau): R, and the reflections below its diagonal"""
    rows, columns = small_sizes(g, self)
    r, found = reflections(g, self)
    last = g.rank(self) - 1
    if not found:
        return [r, forms.reshape(g, r, [*shapes.sizes(g, r)[:-2], 0])]
    low = g.op("Concat", *[v for v, _ in found], axis=last)
    if columns > rows:
        low = forms.pad(g, low, [0] * (last + 1), [*[0] * last, columns - rows])
    packed = where(g, mask(g, np.arange(rows)[:, None] > np.arange(columns)), low, r)
    taus = g.op("Concat", *[tau for _, tau in found], axis=last)
    return [packed, forms.squeeze(g, taus, [last - 1])]


@symbolic("aten::linalg_householder_product", since=9)
def householder_product(g: Emitter, input: Tensor, tau: Tensor) -> Tensor:
    """linalg_householder_product(Tensor input, Tensor tau) -> Tensor"""
    return product(g, input, _unpacked(g, input, tau), small_sizes(g, input)[1])


@symbolic("aten::ormqr", since=9)
def ormqr(
    g: Emitter, self: Tensor, input2: Tensor, input3: Tensor, left: bool = True, transpose: bool = False
) -> Tensor:
    """ormqr(Tensor self, Tensor input2, Tensor input3, bool left=True, bool transpose=False) -> Tensor: input3 times the
    product of the reflections in self and input2
    """
    found = _unpacked(g, self, input2)
    x = input3 if left else swapped(g, input3, -2, -1)
    for reflection in found if left == transpose else reversed(found):
        x = _reflected(g, x, reflection)
    return x if left else swapped(g, x, -2, -1)
