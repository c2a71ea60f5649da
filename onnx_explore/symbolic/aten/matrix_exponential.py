"""The exponential of square matrices by scaling and squaring; in double precision.

Each matrix is halved until its 1-norm is at most 1.09, where Taylor's polynomial of degree 18 is exact to a double (Bader, Blanes
and Casas, 2019: PyTorch's own degree for large norms), and the polynomial's value is squared as often. How often depends on the
values, so the squarings are a Loop; a matrix of a batch that needs fewer waits.
"""

from __future__ import annotations

import math

import onnx_ir as ir

from onnx_explore.emit import Emitter, forms
from onnx_explore.emit.algebra import add, div, in_double, mul
from onnx_explore.emit.forms.comparison import greater, where
from onnx_explore.emit.loops import loop
from onnx_explore.symbolic.annotations import Tensor
from onnx_explore.symbolic.aten.linalg import identity_like
from onnx_explore.symbolic.registry import symbolic

_LARGEST_NORM = 1.09
_DEGREE = 18
_BLOCK = 4  # powers that are computed; the polynomial is one of degree 4 in the last of them (Paterson and Stockmeyer)
_MOST = 1000  # squarings


@symbolic("aten::linalg_matrix_exp", "aten::matrix_exp", since=9)
def matrix_exp(g: Emitter, self: Tensor) -> Tensor:
    """linalg_matrix_exp(Tensor self) -> Tensor"""
    return in_double(g, self, _exponential)


def _exponential(g: Emitter, x: ir.Value) -> ir.Value:
    rank = g.rank(x)
    columns = forms.reduce(g, "ReduceSum", g.op("Abs", x), [rank - 2], keepdims=True)
    # Of a matrix without elements the maximum is that of the 0 beside them.
    columns = forms.pad(g, columns, [0] * rank, [0] * (rank - 1) + [1])
    norm = forms.reduce(g, "ReduceMax", columns, [rank - 1], keepdims=True)
    large = greater(g, norm, g.like(_LARGEST_NORM, norm))
    ratio = div(g, where(g, large, norm, g.like(_LARGEST_NORM, norm)), _LARGEST_NORM)
    halvings = g.op("Ceil", div(g, g.op("Log", ratio), math.log(2)))
    halvings = g.op("Min", halvings, g.like(float(_MOST), halvings))
    scaled = g.op("Div", x, g.op("Pow", g.like(2.0, x), halvings))
    flat = g.op("Concat", g.const([0]), g.cast(forms.reshape(g, halvings, [-1]), ir.DataType.INT64), axis=0)

    def step(g: Emitter, number: ir.Value, states: list[ir.Value]) -> tuple[None, list[ir.Value]]:
        (value,) = states
        waits = g.op("Less", g.cast(number, g.dtype(value)), halvings)
        return None, [where(g, waits, g.op("MatMul", value, value), value)]

    return loop(g, [_taylor(g, scaled)], step, count=forms.reduce(g, "ReduceMax", flat, [0]))[0]


def _taylor(g: Emitter, x: ir.Value) -> ir.Value:
    """Σ x^k / k!"""
    powers = [identity_like(g, x), x]
    while len(powers) <= _BLOCK:
        powers.append(g.op("MatMul", powers[-1], x))
    total: ir.Value | None = None
    for first in reversed(range(0, _DEGREE + 1, _BLOCK)):
        if total is not None:
            total = g.op("MatMul", total, powers[_BLOCK])
        for power in range(min(_BLOCK, _DEGREE + 1 - first)):
            term = mul(g, powers[power], 1 / math.factorial(first + power))
            total = term if total is None else add(g, total, term)
    assert total is not None
    return total
