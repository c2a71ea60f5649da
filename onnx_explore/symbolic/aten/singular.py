"""Singular values, and eigenvalues of symmetric matrices: Jacobi's rotations in a Loop, for matrices of small static size.

A rotation makes two columns orthogonal (Hestenes). After some sweeps over all pairs, all columns are: their lengths are the
singular values, and the product of all rotations is V. What is added to the diagonal of a symmetric matrix is added to its
eigenvalues; with enough of it, they are the singular values. All in double precision.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from onnx_explore.emit import Emitter, forms, shapes
from onnx_explore.emit.algebra import add, div, mul, sub
from onnx_explore.emit.forms.comparison import where
from onnx_explore.emit.loops import loop
from onnx_explore.errors import UnsupportedOperatorError
from onnx_explore.symbolic.annotations import Tensor
from onnx_explore.symbolic.aten.householder import mask, product, reflections, small_sizes
from onnx_explore.symbolic.aten.permute import swapped
from onnx_explore.symbolic.registry import symbolic

_DOUBLE = ir.DataType.DOUBLE
_SWEEPS = 10
_LARGEST = 64
_EPSILON = {ir.DataType.FLOAT: 2.0**-23, _DOUBLE: 2.0**-52}


def _orthogonal(g: Emitter, x: ir.Value) -> tuple[ir.Value, ir.Value]:
    """``x V`` with orthogonal columns, that of the largest first; V."""
    _, n = small_sizes(g, x, _LARGEST)
    last = g.rank(x) - 1
    eye = forms.expand(g, g.const(np.eye(n).tolist(), _DOUBLE), [*shapes.sizes(g, x)[:-2], n, n])
    pairs = [(p, q) for p in range(n) for q in range(p + 1, n)]
    if not pairs:
        return x, eye

    def step(g: Emitter, number: ir.Value, states: list[ir.Value]) -> tuple[None, list[ir.Value]]:
        return None, _rotated(g, number, states, pairs)

    turned, v = loop(g, [x, eye], step, count=_SWEEPS * len(pairs))
    sizes = forms.reduce(g, "ReduceSum", mul(g, turned, turned), [last - 1])
    _, order = forms.top_k(g, sizes, n, last - 1)
    order = forms.unsqueeze(g, order, [last - 1])
    return tuple(  # pyright: ignore[reportReturnType]
        forms.gather_elements(g, item, forms.expand_like(g, order, item), last) for item in (turned, v)
    )


def _rotated(g: Emitter, step: ir.Value, matrices: list[ir.Value], pairs: list[tuple[int, int]]) -> list[ir.Value]:
    """The two columns of a pair rotated, in both matrices: that whose columns become orthogonal, and V."""
    turned, v = matrices
    last = g.rank(turned) - 1
    place = g.op("Mod", step, g.const(len(pairs)))
    first, second = (g.op("Gather", g.const([pair[side] for pair in pairs]), place, axis=0) for side in (0, 1))

    def columns(item: ir.Value) -> list[ir.Value]:
        return [g.op("Gather", item, forms.unsqueeze(g, at, [0]), axis=last) for at in (first, second)]

    a, b = columns(turned)
    alpha, beta, gamma = (
        forms.reduce(g, "ReduceSum", mul(g, left, right), [last - 1], keepdims=True)
        for left, right in ((a, a), (b, b), (a, b))
    )
    moves = g.op("Less", g.const(0.0, _DOUBLE), g.op("Abs", gamma))
    zeta = div(g, sub(g, beta, alpha), mul(g, where(g, moves, gamma, g.const(1.0, _DOUBLE)), 2.0))
    size = add(g, g.op("Abs", zeta), g.op("Sqrt", add(g, mul(g, zeta, zeta), 1.0)))
    sign = where(g, g.op("Less", zeta, g.like(0.0, zeta)), g.like(-1.0, zeta), g.like(1.0, zeta))
    tangent = where(g, moves, div(g, sign, size), g.like(0.0, zeta))
    cosine = div(g, 1.0, g.op("Sqrt", add(g, mul(g, tangent, tangent), 1.0)))
    sine = mul(g, cosine, tangent)
    numbers = g.const(list(range(small_sizes(g, v, _LARGEST)[1])))
    results: list[ir.Value] = []
    for item in matrices:
        a, b = columns(item)
        new = sub(g, mul(g, cosine, a), mul(g, sine, b))
        other = add(g, mul(g, sine, a), mul(g, cosine, b))
        rest = where(g, g.op("Equal", numbers, second), other, item)
        results.append(where(g, g.op("Equal", numbers, first), new, rest))
    return results


def _lengths(g: Emitter, columns: ir.Value) -> ir.Value:
    return forms.reduce(g, "ReduceL2", columns, [g.rank(columns) - 2])


def _tall(g: Emitter, x: ir.Value) -> tuple[ir.Value, bool]:
    """In double precision, transposed if it has more columns than rows."""
    rows, columns = small_sizes(g, x, _LARGEST)
    wide = columns > rows
    return g.cast(swapped(g, x, -2, -1) if wide else x, _DOUBLE), wide


def singular_values(g: Emitter, x: ir.Value) -> ir.Value:
    """The singular values, the largest first."""
    g.requires(11, "singular values")
    if min(small_sizes(g, x, _LARGEST)) == 0:
        return forms.reshape(g, x, [*shapes.sizes(g, x)[:-2], 0])
    return g.cast(_lengths(g, _orthogonal(g, _tall(g, x)[0])[0]), g.dtype(x))


@symbolic("aten::linalg_svdvals", since=11)
def linalg_svdvals(g: Emitter, A: Tensor) -> Tensor:  # noqa: N803
    """linalg_svdvals(Tensor A, *, str? driver=None) -> Tensor"""
    return singular_values(g, A)


@symbolic("aten::_linalg_svd", since=11)
def linalg_svd(
    g: Emitter,
    A: Tensor,  # noqa: N803
    full_matrices: bool = False,
    compute_uv: bool = True,
) -> list[Tensor]:
    """_linalg_svd(Tensor A, bool full_matrices=False, bool compute_uv=True, *, str? driver=None)
    -> (Tensor U, Tensor S, Tensor Vh)
    """
    if not compute_uv:
        nothing = g.const([], g.dtype(A))
        return [nothing, singular_values(g, A), nothing]
    rows, columns = small_sizes(g, A)
    batch = shapes.sizes(g, A)[:-2]
    if min(rows, columns) == 0:
        empty = forms.reshape(g, A, [*batch, 0])
        sides = (rows, columns) if full_matrices else (0, 0)
        left, right = (
            forms.expand(g, g.const(np.eye(size).tolist(), g.dtype(A)), [*batch, size, size])
            if size
            else forms.reshape(g, A, [*batch, whole, 0])
            for size, whole in zip(sides, (rows, columns), strict=True)
        )
        return [left, empty, swapped(g, right, -2, -1)]
    x, wide = _tall(g, A)
    turned, v = _orthogonal(g, x)
    # Orthonormal columns also where a singular value is 0: those of the QR factors, with the signs of the diagonal of R.
    r, found = reflections(g, turned)
    tall, n = max(rows, columns), min(rows, columns)
    u = product(g, turned, found, tall if full_matrices else n)
    diagonal = forms.reduce(
        g, "ReduceSum", where(g, mask(g, np.eye(tall, n, dtype=bool)), r, g.like(0, r)), [g.rank(r) - 2]
    )
    sign = where(g, g.op("Less", diagonal, g.like(0, diagonal)), g.like(-1, diagonal), g.like(1, diagonal))
    if full_matrices and tall > n:
        sign = forms.pad(g, sign, [0] * g.rank(sign), [*[0] * (g.rank(sign) - 1), tall - n], fill=1.0)
    u = mul(g, u, forms.unsqueeze(g, sign, [g.rank(sign) - 1]))
    u, s, v = (g.cast(item, g.dtype(A)) for item in (u, _lengths(g, turned), v))
    return [v, s, swapped(g, u, -2, -1)] if wide else [u, s, swapped(g, v, -2, -1)]


@symbolic("aten::_linalg_eigh", since=11)
def linalg_eigh(g: Emitter, A: Tensor, UPLO: str = "L", compute_v: bool = True) -> list[Tensor]:  # noqa: N803
    """_linalg_eigh(Tensor A, str UPLO='L', bool compute_v=True) -> (Tensor eigenvalues, Tensor eigenvectors)"""
    n, _ = small_sizes(g, A, _LARGEST)
    if n == 0:
        return [forms.reshape(g, A, [*shapes.sizes(g, A)[:-2], 0]), A]
    x = g.cast(_mirrored(g, A, lower=UPLO.upper() == "L"), _DOUBLE)
    axes = [g.rank(x) - 2, g.rank(x) - 1]
    shift = add(g, forms.reduce(g, "ReduceL2", x, axes, keepdims=True), 1e-300)
    turned, v = _orthogonal(g, add(g, x, mul(g, shift, g.const(np.eye(n).tolist(), _DOUBLE))))
    values = sub(g, _lengths(g, turned), forms.squeeze(g, shift, [axes[0]]))
    back = g.const(list(range(n - 1, -1, -1)))  # the smallest first
    values, v = (g.cast(g.op("Gather", item, back, axis=g.rank(item) - 1), g.dtype(A)) for item in (values, v))
    return [values, v]


def _mirrored(g: Emitter, x: ir.Value, *, lower: bool) -> ir.Value:
    """The symmetric matrix of which only one triangle counts."""
    n, _ = small_sizes(g, x, _LARGEST)
    order = np.arange(n)
    counts = order[:, None] >= order if lower else order[:, None] <= order
    return where(g, mask(g, counts), x, swapped(g, x, -2, -1))


@symbolic("aten::linalg_pinv.atol_rtol_tensor", since=11)
def pinv(
    g: Emitter, self: Tensor, atol: Tensor | None = None, rtol: Tensor | None = None, hermitian: bool = False
) -> Tensor:
    """linalg_pinv.atol_rtol_tensor(Tensor self, *, Tensor? atol=None, Tensor? rtol=None, bool hermitian=False) -> Tensor"""
    usual = relative_limit(g, self)
    absolute = g.const(0.0, _DOUBLE) if atol is None else g.cast(atol, _DOUBLE)
    if rtol is not None:
        relative = g.cast(rtol, _DOUBLE)
    elif atol is not None:
        relative = where(g, g.op("Less", g.const(0.0, _DOUBLE), absolute), g.const(0.0, _DOUBLE), usual)
    else:
        relative = usual
    absolute, relative = (
        forms.unsqueeze(g, item, [g.rank(item)]) if g.rank(item) else item for item in (absolute, relative)
    )
    return pseudo_inverse(g, _mirrored(g, self, lower=True) if hermitian else self, absolute, relative)[0]


def relative_limit(g: Emitter, x: ir.Value) -> ir.Value:
    """The part of the largest singular value below which PyTorch takes one for 0 (a double)."""
    dtype = g.dtype(x)
    if dtype not in _EPSILON:
        raise UnsupportedOperatorError(f"a pseudo-inverse of {dtype.name}")
    return g.const(max(small_sizes(g, x, _LARGEST)) * _EPSILON[dtype], _DOUBLE)


def pseudo_inverse(
    g: Emitter, x: ir.Value, absolute: ir.Value, relative: ir.Value
) -> tuple[ir.Value, ir.Value, ir.Value]:
    """The pseudo-inverse, the singular values, and which of them count.

    Args:
        g: The emitter.
        x: Matrices.
        absolute: What a singular value must exceed to count, as a double.
        relative: The same, as a part of the largest one.
    """
    rows, columns = small_sizes(g, x, _LARGEST)
    batch = shapes.sizes(g, x)[:-2]
    if min(rows, columns) == 0:
        nothing = forms.reshape(g, x, [*batch, 0])
        return forms.reshape(g, x, [*batch, columns, rows]), nothing, g.cast(nothing, ir.DataType.BOOL)
    tall, wide = _tall(g, x)
    turned, v = _orthogonal(g, tall)
    s = _lengths(g, turned)
    last = g.rank(s) - 1
    largest = forms.reduce(g, "ReduceMax", s, [last], keepdims=True)
    counts = g.op("Less", g.op("Max", absolute, mul(g, relative, largest)), s)
    # V S⁻² (A V)ᵀ, as A V is U S
    inverse = where(g, counts, div(g, 1.0, where(g, counts, mul(g, s, s), g.like(1, s))), g.like(0, s))
    result = g.op("MatMul", mul(g, v, forms.unsqueeze(g, inverse, [last])), swapped(g, turned, -2, -1))
    result, s = (g.cast(item, g.dtype(x)) for item in (swapped(g, result, -2, -1) if wide else result, s))
    return result, s, counts
