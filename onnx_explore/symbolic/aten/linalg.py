"""Determinants, inverses, linear systems of small static size: elimination, unrolled row by row.

ONNX has Det and nothing else. A matrix of size n becomes about 15 · n nodes, so that n is limited.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from onnx_explore.emit import Emitter, forms, shapes
from onnx_explore.emit.forms.comparison import where
from onnx_explore.errors import NotConstant, UnsupportedOperatorError
from onnx_explore.symbolic.annotations import Dim, Tensor
from onnx_explore.symbolic.aten.permute import swapped
from onnx_explore.symbolic.promotion import INTEGERS
from onnx_explore.symbolic.registry import symbolic

_LARGEST = 32


def _size(g: Emitter, x: ir.Value) -> int:
    """The size of square matrices."""
    size = shapes.size(g, x, -1)
    if not isinstance(size, int):
        raise NotConstant("the size of the matrix depends on a dynamic axis: ONNX has no operator for linear systems")
    if size > _LARGEST:
        raise UnsupportedOperatorError(
            f"a linear system of size {size}: ONNX has no operator for it, and elimination is written out up to {_LARGEST} only"
        )
    return size


def _row_mask(g: Emitter, size: int, chosen: np.ndarray) -> ir.Value:  # pyright: ignore[reportMissingTypeArgument]
    return g.const(chosen.reshape(size, 1).tolist())


def solved(g: Emitter, a: ir.Value, b: ir.Value) -> ir.Value:
    """``a⁻¹ b`` by Gauss-Jordan elimination of ``[a | b]`` with the largest pivot of each column.

    Args:
        g: The emitter.
        a: (…, n, n).
        b: (…, n, k), with the leading dimensions of ``a``.
    """
    g.requires(9, "solving linear systems")
    size = _size(g, a)
    last = g.rank(a) - 1
    numbers = np.arange(size)
    zero = g.like(0, a)
    m = g.op("Concat", a, b, axis=last)
    for step in range(size):
        here = _row_mask(g, size, numbers == step)
        row = g.op("Gather", m, g.const([step]), axis=last - 1)
        if step < size - 1:
            weight = g.op("Abs", g.op("Gather", m, g.const(step), axis=last))
            weight = where(g, g.const((numbers < step).tolist()), g.like(-1, a), weight)
            best = g.op("ArgMax", weight, axis=last - 1, keepdims=1)
            found = forms.unsqueeze(g, g.op("Equal", best, g.const(numbers.tolist())), [last])
            pivot = forms.reduce(g, "ReduceSum", where(g, found, m, zero), [last - 1], keepdims=True)
            m = where(g, here, pivot, where(g, found, row, m))
            row = pivot
        row = g.op("Div", row, g.op("Gather", row, g.const([step]), axis=last))
        column = g.op("Gather", m, g.const([step]), axis=last)
        m = where(g, here, row, g.op("Sub", m, g.op("Mul", column, row)))
    return forms.slice_axes(g, m, [size], [forms.END], [last])


def identity_like(g: Emitter, like: ir.Value) -> ir.Value:
    """Identity matrices of the shape of square ones."""
    sizes = shapes.sizes(g, like)
    size = sizes[-1]
    if isinstance(size, int):
        return forms.expand(g, g.const(np.eye(size).tolist(), g.dtype(like)), sizes)
    steps = forms.iota(g, size)
    eye = g.op("Equal", forms.unsqueeze(g, steps, [1]), steps)
    return forms.expand(g, g.cast(eye, g.dtype(like)), sizes)


def inverse_of(g: Emitter, x: ir.Value) -> ir.Value:
    """The inverse of square matrices."""
    return solved(g, x, identity_like(g, x))


@symbolic("aten::inverse", since=9)
def inverse(g: Emitter, self: Tensor) -> Tensor:
    """inverse(Tensor self) -> Tensor"""
    return inverse_of(g, self)


@symbolic("aten::linalg_inv", since=9)
def linalg_inv(g: Emitter, A: Tensor) -> Tensor:  # noqa: N803
    """linalg_inv(Tensor A) -> Tensor"""
    return inverse_of(g, A)


def _no_errors(g: Emitter, x: ir.Value) -> ir.Value:
    """``info``: 0 for every matrix."""
    return forms.expand(g, g.const(0, ir.DataType.INT32), shapes.sizes(g, x)[:-2])


@symbolic("aten::linalg_inv_ex", since=9)
def linalg_inv_ex(g: Emitter, A: Tensor, check_errors: bool = False) -> list[Tensor]:  # noqa: N803
    """linalg_inv_ex(Tensor A, *, bool check_errors=False) -> (Tensor inverse, Tensor info): info is always 0"""
    return [inverse_of(g, A), _no_errors(g, A)]


@symbolic("aten::linalg_solve", since=9)
def linalg_solve(g: Emitter, A: Tensor, B: Tensor, left: bool = True) -> Tensor:  # noqa: N803
    """linalg_solve(Tensor A, Tensor B, *, bool left=True) -> Tensor"""
    rank = g.rank(A)
    assert A.shape is not None and B.shape is not None
    vector = g.rank(B) == 1 or (g.rank(B) == rank - 1 and list(B.shape) == list(A.shape)[:-1])
    b = forms.unsqueeze(g, B, [g.rank(B)]) if vector else B
    a = A
    if not left:
        a, b = swapped(g, a, -2, -1), swapped(g, b, -2, -1)
    a, b = one_batch(g, a, b)
    x = solved(g, a, b)
    if not left:
        x = swapped(g, x, -2, -1)
    return forms.squeeze(g, x, [g.rank(x) - 1]) if vector else x


def one_batch(g: Emitter, a: ir.Value, b: ir.Value) -> tuple[ir.Value, ir.Value]:
    """Both with the leading dimensions that theirs broadcast to."""
    if g.rank(a) == 2 and g.rank(b) == 2:
        return a, b
    sizes = _joint(g, shapes.sizes(g, a)[:-2], shapes.sizes(g, b)[:-2])
    a, b = (forms.expand(g, x, [*sizes, *shapes.sizes(g, x)[-2:]]) for x in (a, b))
    return a, b


def _joint(g: Emitter, first: list[Dim], second: list[Dim]) -> list[Dim]:
    """The sizes that two lists of sizes broadcast to."""
    rank = max(len(first), len(second))
    pairs = zip([1] * (rank - len(first)) + first, [1] * (rank - len(second)) + second, strict=True)
    return [
        one if other == 1 or one is other or one == other else other if one == 1 else shapes.maximum(g, one, other)
        for one, other in pairs
    ]


@symbolic("aten::_linalg_solve_ex", since=9)
def linalg_solve_ex(
    g: Emitter,
    A: Tensor,  # noqa: N803
    B: Tensor,  # noqa: N803
    left: bool = True,
    check_errors: bool = False,
) -> list[Tensor | None]:
    """_linalg_solve_ex(Tensor A, Tensor B, *, bool left=True, bool check_errors=False)
    -> (Tensor result, Tensor LU, Tensor pivots, Tensor info): LU and pivots are not given, info is always 0
    """
    return [linalg_solve(g, A, B, left), None, None, _no_errors(g, A)]


@symbolic("aten::_linalg_check_errors")
def linalg_check_errors(g: Emitter, info: Tensor, api_name: str, is_matrix: bool) -> list[Tensor]:
    """_linalg_check_errors(Tensor info, str api_name, *, bool is_matrix) -> (): a graph cannot raise"""
    return []


@symbolic("aten::linalg_solve_triangular", since=9)
def linalg_solve_triangular(
    g: Emitter,
    self: Tensor,
    B: Tensor,  # noqa: N803
    upper: bool,
    left: bool = True,
    unitriangular: bool = False,
) -> Tensor:
    """linalg_solve_triangular(Tensor self, Tensor B, *, bool upper, bool left=True, bool unitriangular=False) -> Tensor"""
    a, b = self, B
    if not left:
        a, b, upper = swapped(g, a, -2, -1), swapped(g, b, -2, -1), not upper
    x = _substituted(g, *one_batch(g, a, b), upper, unitriangular)
    return x if left else swapped(g, x, -2, -1)


@symbolic("aten::triangular_solve", since=9)
def triangular_solve(
    g: Emitter,
    self: Tensor,
    A: Tensor,  # noqa: N803
    upper: bool = True,
    transpose: bool = False,
    unitriangular: bool = False,
) -> list[Tensor]:
    """triangular_solve(Tensor self, Tensor A, bool upper=True, bool transpose=False, bool unitriangular=False)
    -> (Tensor solution, Tensor cloned_coefficient)
    """
    a = swapped(g, A, -2, -1) if transpose else A
    x = _substituted(g, *one_batch(g, a, self), upper != transpose, unitriangular)
    return [x, A]


def _substituted(g: Emitter, a: ir.Value, b: ir.Value, upper: bool, unit: bool) -> ir.Value:
    """A triangular system, row by row from the one that has a single unknown."""
    size = _size(g, a)
    last = g.rank(a) - 1
    if size == 0:
        return b
    rows: dict[int, ir.Value] = {}
    for step in reversed(range(size)) if upper else range(size):
        row = g.op("Gather", b, g.const([step]), axis=last - 1)
        column = g.op("Gather", a, g.const([step]), axis=last)
        if not unit:
            row = g.op("Div", row, g.op("Gather", column, g.const([step]), axis=last - 1))
        rows[step] = row
        if len(rows) < size:
            b = g.op("Sub", b, g.op("Mul", column, row))
    return rows[0] if size == 1 else g.op("Concat", *[rows[step] for step in range(size)], axis=last - 1)


@symbolic("aten::linalg_cholesky", "aten::cholesky", since=9)
def cholesky(g: Emitter, self: Tensor, upper: bool = False) -> Tensor:
    """linalg_cholesky(Tensor self, *, bool upper=False) -> Tensor"""
    size = _size(g, self)
    last = g.rank(self) - 1
    if size == 0:
        return self
    numbers = np.arange(size)
    zero = g.like(0, self)
    m = self
    columns: list[ir.Value] = []
    for step in range(size):
        column = g.op("Gather", m, g.const([step]), axis=last)
        pivot = g.op("Gather", column, g.const([step]), axis=last - 1)
        column = where(g, _row_mask(g, size, numbers < step), zero, g.op("Div", column, g.op("Sqrt", pivot)))
        columns.append(column)
        if step < size - 1:
            m = g.op("Sub", m, g.op("Mul", column, swapped(g, column, -2, -1)))
    lower = columns[0] if size == 1 else g.op("Concat", *columns, axis=last)
    return swapped(g, lower, -2, -1) if upper else lower


@symbolic("aten::linalg_cholesky_ex", since=9)
def cholesky_ex(g: Emitter, self: Tensor, upper: bool = False, check_errors: bool = False) -> list[Tensor]:
    """linalg_cholesky_ex(Tensor self, *, bool upper=False, bool check_errors=False) -> (Tensor L, Tensor info)"""
    return [cholesky(g, self, upper), _no_errors(g, self)]


@symbolic("aten::cholesky_solve", since=9)
def cholesky_solve(g: Emitter, self: Tensor, input2: Tensor, upper: bool = False) -> Tensor:
    """cholesky_solve(Tensor self, Tensor input2, bool upper=False) -> Tensor: of the matrix whose factor is input2"""
    factor, b = one_batch(g, input2, self)
    other = swapped(g, factor, -2, -1)
    lower, higher = (other, factor) if upper else (factor, other)
    return _substituted(g, higher, _substituted(g, lower, b, False, False), True, False)


@symbolic("aten::cholesky_inverse", since=9)
def cholesky_inverse(g: Emitter, self: Tensor, upper: bool = False) -> Tensor:
    """cholesky_inverse(Tensor self, bool upper=False) -> Tensor"""
    return cholesky_solve(g, identity_like(g, self), self, upper)


def _determinant(g: Emitter, x: ir.Value) -> ir.Value:
    g.requires(11, "Det")
    return g.op("Det", x)


@symbolic("aten::det", since=11)
def det(g: Emitter, self: Tensor) -> Tensor:
    """det(Tensor self) -> Tensor"""
    return _determinant(g, self)


@symbolic("aten::linalg_det", since=11)
def linalg_det(g: Emitter, A: Tensor) -> Tensor:  # noqa: N803
    """linalg_det(Tensor A) -> Tensor"""
    return _determinant(g, A)


@symbolic("aten::_linalg_det", since=11)
def linalg_det_parts(g: Emitter, A: Tensor) -> list[Tensor | None]:  # noqa: N803
    """_linalg_det(Tensor A) -> (Tensor result, Tensor LU, Tensor pivots): the first alone"""
    return [_determinant(g, A), None, None]


def _sign_and_log(g: Emitter, x: ir.Value) -> list[ir.Value]:
    value = _determinant(g, x)
    return [g.op("Sign", value), g.op("Log", g.op("Abs", value))]


@symbolic("aten::slogdet", since=11)
def slogdet(g: Emitter, self: Tensor) -> list[Tensor]:
    """slogdet(Tensor self) -> (Tensor sign, Tensor logabsdet)"""
    return _sign_and_log(g, self)


@symbolic("aten::linalg_slogdet", since=11)
def linalg_slogdet(g: Emitter, A: Tensor) -> list[Tensor]:  # noqa: N803
    """linalg_slogdet(Tensor A) -> (Tensor sign, Tensor logabsdet)"""
    return _sign_and_log(g, A)


@symbolic("aten::_linalg_slogdet", since=11)
def linalg_slogdet_parts(g: Emitter, A: Tensor) -> list[Tensor | None]:  # noqa: N803
    """_linalg_slogdet(Tensor A) -> (Tensor sign, Tensor logabsdet, Tensor LU, Tensor pivots): the first two alone"""
    return [*_sign_and_log(g, A), None, None]


@symbolic("aten::logdet", since=11)
def logdet(g: Emitter, self: Tensor) -> Tensor:
    """logdet(Tensor self) -> Tensor"""
    return g.op("Log", _determinant(g, self))


@symbolic("aten::matrix_power", "aten::linalg_matrix_power")
def matrix_power(g: Emitter, self: Tensor, n: int) -> Tensor:
    """matrix_power(Tensor self, int n) -> Tensor: by squaring"""
    if n == 0:
        return identity_like(g, self)
    square = inverse_of(g, self) if n < 0 else self
    rest = abs(n)
    result: ir.Value | None = None
    while True:
        if rest & 1:
            result = square if result is None else g.op("MatMul", result, square)
        rest >>= 1
        if not rest:
            assert result is not None
            return result
        square = g.op("MatMul", square, square)


@symbolic("aten::linalg_vander")
def vander(g: Emitter, x: Tensor, N: Dim | None = None) -> Tensor:  # noqa: N803
    """linalg_vander(Tensor x, *, SymInt? N=None) -> Tensor"""
    x = forms.unsqueeze(g, x, [0]) if g.rank(x) == 0 else x
    count = shapes.size(g, x, -1) if N is None else N
    if x.dtype in INTEGERS:
        x = g.cast(x, ir.DataType.INT64)  # what is too large wraps when it is cast back
    powers = g.cast(forms.iota(g, count), g.dtype(x))
    return g.op("Pow", forms.unsqueeze(g, x, [g.rank(x)]), powers)
