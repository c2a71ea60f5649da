"""Covariance and correlation."""

from __future__ import annotations

import onnx_ir as ir

from onnx_explore.emit import Emitter, forms, shapes
from onnx_explore.symbolic.annotations import Tensor
from onnx_explore.symbolic.aten.permute import swapped
from onnx_explore.symbolic.aten.strided import diagonal_of
from onnx_explore.symbolic.promotion import floating
from onnx_explore.symbolic.registry import symbolic


@symbolic("aten::cov")
def cov(
    g: Emitter,
    self: Tensor,
    correction: int = 1,
    fweights: Tensor | None = None,
    aweights: Tensor | None = None,
) -> Tensor:
    """cov(Tensor self, *, int correction=1, Tensor? fweights=None, Tensor? aweights=None) -> Tensor"""
    (x,) = floating(g, self)
    dtype = g.dtype(x)
    if g.rank(x) < 2:
        x = forms.reshape(g, x, [1, -1])
    weights: ir.Value | None = None
    for given in (fweights, aweights):
        if given is not None:
            given = g.cast(given, dtype)
            weights = given if weights is None else g.op("Mul", weights, given)
    if weights is None:
        total = g.cast(shapes.as_scalar(g, shapes.size(g, x, 1)), dtype)
        weighted = x
    else:
        total = forms.reduce(g, "ReduceSum", weights, None)
        weighted = g.op("Mul", x, weights)
    mean = g.op("Div", forms.reduce(g, "ReduceSum", weighted, [1], keepdims=True), total)
    norm = total
    if correction and weights is not None and aweights is not None:
        share = forms.reduce(g, "ReduceSum", g.op("Mul", weights, g.cast(aweights, dtype)), None)
        norm = g.op("Sub", total, g.op("Div", g.op("Mul", share, g.const(correction, dtype)), total))
    elif correction:
        norm = g.op("Sub", total, g.const(correction, dtype))
    norm = g.op("Relu", norm)  # not below 0: the quotient is infinite then
    centred = g.op("Sub", x, mean)
    other = centred if weights is None else g.op("Mul", centred, weights)
    result = g.op("Div", g.op("MatMul", centred, swapped(g, other, 0, 1)), norm)
    single = g.rank(self) < 2 or (g.example_shape is not None and len(g.example_shape) == 2 and g.example_shape[0] == 1)
    return forms.squeeze(g, result, [0, 1]) if single else result


@symbolic("aten::corrcoef")
def corrcoef(g: Emitter, self: Tensor) -> Tensor:
    """corrcoef(Tensor self) -> Tensor"""
    matrix = cov(g, self)
    if g.rank(matrix) == 0:
        return g.op("Div", matrix, matrix)
    deviation = g.op("Sqrt", diagonal_of(g, matrix))
    result = g.op("Div", g.op("Div", matrix, forms.unsqueeze(g, deviation, [1])), deviation)
    return forms.clip(g, result, -1.0, 1.0)
