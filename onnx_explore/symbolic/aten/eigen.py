"""Eigenvalues and eigenvectors of real square matrices of any size, as LAPACK's geev finds them.

Balanced, reduced to Hessenberg form (hessenberg.py), brought to the real Schur form (schur.py), in the element type of the
matrix: so the eigenvalues come in LAPACK's order, which follows from its rounding, too, but for rare matrices. Vectors are
found from the triangular form from below, and have length 1; a complex one's largest element is real. Their sign
may differ from LAPACK's, which promises none.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import onnx_ir as ir

from onnx_explore.emit import Emitter, forms, shapes
from onnx_explore.emit.algebra import add, div, mul, sub
from onnx_explore.emit.forms.comparison import equal, where
from onnx_explore.emit.loops import loop
from onnx_explore.symbolic.annotations import Tensor
from onnx_explore.symbolic.aten.complex_numbers import paired
from onnx_explore.symbolic.aten.hessenberg import hessenberg
from onnx_explore.symbolic.aten.permute import swapped
from onnx_explore.symbolic.aten.places import column_of, full, shifted, stacked, unstacked
from onnx_explore.symbolic.aten.schur import bands, precision, schur
from onnx_explore.symbolic.lowered import Complex as ComplexValue
from onnx_explore.symbolic.registry import symbolic

Pair = tuple[ir.Value, ir.Value]
"""Real and imaginary parts."""


def _schur(g: Emitter, x: ir.Value) -> Pair:
    """T and Z of a stack; NaN for a matrix with elements that are not finite, which PyTorch refuses."""
    spoiled = forms.reduce(g, "ReduceSum", mul(g, x, 0), [1, 2], keepdims=True)  # 0, or NaN
    sound = equal(g, spoiled, g.like(0, x))
    t, z = hessenberg(g, where(g, sound, x, g.like(0, x)))
    t, z = schur(g, t, z, forms.squeeze(g, sound, [2]))
    return add(g, t, spoiled), add(g, z, spoiled)


@dataclass(frozen=True, slots=True)
class _Spectrum:
    """What the diagonal of a Schur form says, each (batch, n).

    Attributes:
        real: Of the eigenvalues.
        imaginary: Of the eigenvalues; above 0 in the first row of a block of two, below in the second.
        ends: Whether a row is the second of a block of two.
        vector: In the first row of a block ``[[a, b], [c, d]]`` with the eigenvalue λ, the parts of the vector ``(b, λ - a)`` of
            length 1: the first one (real), and real and imaginary part of the second one. Elsewhere 1, 0, 0.
    """

    real: ir.Value
    imaginary: ir.Value
    ends: ir.Value
    vector: tuple[ir.Value, ir.Value, ir.Value]


def _spectrum(g: Emitter, t: ir.Value, order: ir.Value) -> _Spectrum:
    b = bands(g, t, order)
    zero, one = g.like(0, t), g.like(1, t)
    below, right, after = (shifted(g, item, 1) for item in (b.low, b.high, b.main))
    begins, ends = (g.op("Not", equal(g, item, zero)) for item in (below, b.low))
    half = mul(g, sub(g, b.main, after), 0.5)
    # p² + b c is below 0; as a product of roots it neither overflows nor vanishes where b c would.
    scale = g.op("Max", g.op("Abs", half), g.op("Abs", right), g.op("Abs", below))
    scale = where(g, begins, scale, one)
    p, q, r = (div(g, item, scale) for item in (half, right, below))
    turn = where(g, begins, g.op("Sqrt", g.op("Abs", add(g, mul(g, p, p), mul(g, q, r)))), zero)
    length = where(g, begins, g.op("Sqrt", sub(g, mul(g, q, q), mul(g, q, r))), one)
    vector = [where(g, begins, div(g, item, length), zero) for item in (q, g.op("Neg", p), turn)]
    first = where(g, begins, vector[0], one)
    turn = mul(g, turn, scale)
    middle = where(g, begins, sub(g, b.main, half), zero)
    real = where(g, begins, middle, where(g, ends, shifted(g, middle, -1), b.main))
    return _Spectrum(real, sub(g, turn, shifted(g, turn, -1)), ends, (first, vector[1], vector[2]))


def _blocks(g: Emitter, s: _Spectrum, order: ir.Value) -> Pair:
    """The unitary matrix that makes the blocks of two triangular: ``[[u, -w̄], [w, u]]`` for the vector (u, w)."""
    rows = column_of(g, order)
    u, w, turn = s.vector
    zero = g.like(0, u)
    u = where(g, s.ends, shifted(g, u, -1), u)
    below, right = (equal(g, rows, add(g, order, by)) for by in (1, -1))

    def wide(item: ir.Value, axis: int) -> ir.Value:
        return forms.unsqueeze(g, item, [axis])

    real = where(g, below, wide(w, 1), where(g, right, g.op("Neg", wide(w, 2)), zero))
    real = where(g, equal(g, rows, order), wide(u, 1), real)
    imaginary = where(g, below, wide(turn, 1), where(g, right, wide(turn, 2), zero))
    return real, imaginary


def _product(g: Emitter, a: Pair, b: Pair) -> Pair:
    """Of complex matrices."""
    (p, q), (r, s) = a, b
    return (
        sub(g, g.op("MatMul", p, r), g.op("MatMul", q, s)),
        add(g, g.op("MatMul", p, s), g.op("MatMul", q, r)),
    )


def _vectors(g: Emitter, t: ir.Value, z: ir.Value, s: _Spectrum, order: ir.Value) -> Pair:
    """The eigenvectors, a column each (batch, n, n)."""
    blocks = _blocks(g, s, order)
    left = tuple(swapped(g, item, 1, 2) for item in blocks)
    once = g.op("MatMul", left[0], t), g.op("Neg", g.op("MatMul", left[1], t))
    found = _product(g, blocks, _substituted(g, _product(g, once, blocks), s, order))
    real, imaginary = _normal(g, *(g.op("MatMul", z, item) for item in found))
    plain = forms.unsqueeze(g, equal(g, s.imaginary, g.like(0, t)), [1])
    imaginary = where(g, plain, g.like(0, t), imaginary)
    ends = forms.unsqueeze(g, s.ends, [1])  # exactly the conjugate of the one before
    before = [forms.pad(g, item, [0, 0, 1], [0, 0, -1]) for item in (real, imaginary)]
    return where(g, ends, before[0], real), where(g, ends, g.op("Neg", before[1]), imaginary)


def _substituted(g: Emitter, t: Pair, s: _Spectrum, order: ir.Value) -> Pair:
    """The eigenvectors of upper triangular matrices, all at once: row by row from the last one.

    A column whose elements grow beyond what the rest of it can stand is scaled down on the way.
    """
    batch, size, _ = shapes.sizes(g, t[0])
    last = shapes.as_scalar(g, shapes.sub(g, size, 1))
    epsilon, least = precision(t[0])
    zero = g.like(0, t[0])
    smallest = mul(g, add(g, g.op("Abs", s.real), g.op("Abs", s.imaginary)), epsilon)
    smallest = g.op("Max", smallest, g.like(least, smallest))

    def step(g: Emitter, number: ir.Value, states: list[ir.Value]) -> tuple[None, list[ir.Value]]:
        place = forms.unsqueeze(g, g.op("Sub", last, number), [0])
        rows = g.op("Gather", t[0], place, axis=1), g.op("Gather", t[1], place, axis=1)
        a, b = (forms.squeeze(g, item, [1]) for item in _product(g, rows, (states[0], states[1])))
        c, d = (sub(g, item, g.op("Gather", item, place, axis=1)) for item in (s.real, s.imaginary))
        size = g.op("Max", g.op("Abs", c), g.op("Abs", d))
        near = g.op("Less", size, smallest)
        c, d = where(g, near, smallest, c), where(g, near, zero, d)
        scale = where(g, near, smallest, size)
        c, d = div(g, c, scale), div(g, d, scale)
        total = mul(g, add(g, mul(g, c, c), mul(g, d, d)), scale)
        real = div(g, add(g, mul(g, a, c), mul(g, b, d)), total)
        imaginary = div(g, sub(g, mul(g, b, c), mul(g, a, d)), total)
        own, later = equal(g, order, place), g.op("Less", order, place)
        real = where(g, own, g.like(1, zero), where(g, later, zero, real))
        imaginary = where(g, g.op("Or", own, later), zero, imaginary)
        here = column_of(g, own)
        made = [
            where(g, here, forms.unsqueeze(g, new, [1]), old)
            for new, old in zip((real, imaginary), states, strict=True)
        ]
        largest = g.op("Max", *[forms.reduce(g, "ReduceMax", g.op("Abs", item), [1], keepdims=True) for item in made])
        largest = where(g, g.op("Less", g.like(1 / math.sqrt(least), zero), largest), largest, g.like(1, zero))
        return None, [div(g, item, largest) for item in made]

    nothing = full(g, 0, g.dtype(zero), [batch, size, size])
    real, imaginary = loop(g, [nothing, nothing], step, count=shapes.as_scalar(g, size))
    return real, imaginary


def _normal(g: Emitter, real: ir.Value, imaginary: ir.Value) -> Pair:
    """Columns of length 1 whose largest element is real (a real vector keeps its sign)."""
    one = g.like(1, real)
    largest = g.op(
        "Max", *[forms.reduce(g, "ReduceMax", g.op("Abs", item), [1], keepdims=True) for item in (real, imaginary)]
    )
    largest = where(g, equal(g, largest, g.like(0, real)), one, largest)
    real, imaginary = div(g, real, largest), div(g, imaginary, largest)
    sizes = add(g, mul(g, real, real), mul(g, imaginary, imaginary))
    length = g.op("Sqrt", forms.reduce(g, "ReduceSum", sizes, [1], keepdims=True))
    place = g.op("ArgMax", sizes, axis=1, keepdims=1)
    c, d = (forms.gather_elements(g, item, place, 1) for item in (real, imaginary))
    plain = equal(g, d, g.like(0, d))
    size = where(g, plain, one, g.op("Sqrt", add(g, mul(g, c, c), mul(g, d, d))))
    c, d = where(g, plain, one, div(g, c, size)), div(g, d, size)
    length = where(g, equal(g, length, g.like(0, real)), one, length)
    return (
        div(g, add(g, mul(g, real, c), mul(g, imaginary, d)), length),
        div(g, sub(g, mul(g, imaginary, c), mul(g, real, d)), length),
    )


def _decomposed(g: Emitter, x: ir.Value, *, vectors: bool) -> list[ComplexValue]:
    outer = shapes.sizes(g, x)[:-2]
    if shapes.size(g, x, -1) == 0:
        nothing = [forms.reshape(g, x, [*outer, 0]), x]
        return [paired(g, item, item) for item in nothing[: 1 + vectors]]
    t, z = _schur(g, stacked(g, x))
    order = forms.iota(g, shapes.size(g, t, 1))
    s = _spectrum(g, t, order)
    found = [(s.real, s.imaginary)]
    if vectors:
        found.append(_vectors(g, t, z, s, order))
    return [paired(g, *(unstacked(g, part, outer) for part in parts)) for parts in found]


@symbolic("aten::linalg_eig", since=11)
def linalg_eig(g: Emitter, self: Tensor) -> list[ComplexValue]:
    """linalg_eig(Tensor self) -> (Tensor eigenvalues, Tensor eigenvectors)"""
    return _decomposed(g, self, vectors=True)


@symbolic("aten::linalg_eigvals", "aten::_linalg_eigvals", since=11)
def linalg_eigvals(g: Emitter, self: Tensor) -> ComplexValue:
    """linalg_eigvals(Tensor self) -> Tensor"""
    return _decomposed(g, self, vectors=False)[0]
