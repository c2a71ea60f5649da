"""Activation functions, rectified, saturating, gated and shrinking."""

from __future__ import annotations

import math
from typing import Any

import onnx_ir as ir

from onnx_explore.emit import Emitter, shapes
from onnx_explore.emit.algebra import add, div, mul, sub
from onnx_explore.emit.forms import clip, split, squeeze, unsqueeze
from onnx_explore.emit.forms.comparison import greater, less, less_or_equal, where
from onnx_explore.errors import UnsupportedOperatorError
from onnx_explore.symbolic.annotations import Scalar, Tensor
from onnx_explore.symbolic.aten.unary import expm1_of
from onnx_explore.symbolic.promotion import as_type, floating, is_float
from onnx_explore.symbolic.registry import symbolic

_DOUBLE = ir.DataType.DOUBLE


def _real(number: Scalar) -> float:
    """A parameter of an activation, which ONNX writes as an attribute.

    Raises:
        UnsupportedOperatorError: If it is complex, or known only at run time.
    """
    if isinstance(number, ir.Value | complex):
        raise UnsupportedOperatorError(f"a parameter of the activation is {number}, not a real number known at export")
    return float(number)


# -- rectified -----------------------------------------------------------------------------------------------------------


@symbolic("aten::relu")
def relu(g: Emitter, self: Tensor) -> Tensor:
    """relu(Tensor self) -> Tensor"""
    return g.op("Relu", self) if is_float(self) else clip(g, self, 0, None)


@symbolic("aten::relu6")
def relu6(g: Emitter, self: Tensor) -> Tensor:
    """relu6(Tensor self) -> Tensor"""
    return clip(g, self, 0, 6)


@symbolic("aten::hardtanh")
def hardtanh(g: Emitter, self: Tensor, min_val: Scalar = -1, max_val: Scalar = 1) -> Tensor:
    """hardtanh(Tensor self, Scalar min_val=-1, Scalar max_val=1) -> Tensor"""
    return clip(g, self, _real(min_val), _real(max_val))


@symbolic("aten::leaky_relu")
def leaky_relu(g: Emitter, self: Tensor, negative_slope: Scalar = 0.01) -> Tensor:
    """leaky_relu(Tensor self, Scalar negative_slope=0.01) -> Tensor"""
    slope = _real(negative_slope)
    if self.dtype == _DOUBLE and g.opset >= 9:  # an attribute would round the slope to float
        return where(g, less(g, self, g.like(0.0, self)), mul(g, self, slope), self)
    return g.op("LeakyRelu", self, alpha=slope)


@symbolic("aten::prelu", "aten::_prelu_kernel")
def prelu(g: Emitter, self: Tensor, weight: Tensor) -> Tensor:
    """prelu(Tensor self, Tensor weight) -> Tensor: one slope for each channel, dimension 1"""
    rank, slopes = g.rank(self), g.rank(weight)
    if slopes > rank:
        weight = squeeze(g, weight, list(range(slopes)))
    elif slopes == 1 and rank > 2 and weight.shape is not None and weight.shape[0] != 1:
        weight = unsqueeze(g, weight, list(range(1, rank - 1)))
    if self.dtype == _DOUBLE and g.opset >= 9:
        return where(g, less(g, self, g.like(0.0, self)), g.op("Mul", self, weight), self)
    return g.op("PRelu", self, weight)


@symbolic("aten::rrelu")
def rrelu(g: Emitter, self: Tensor, lower: Scalar = 0.125, upper: Scalar = 1 / 3, training: bool = False) -> Tensor:
    """rrelu(Tensor self, Scalar lower=0.125, Scalar upper=0.3333333333333333, bool training=False, Generator? generator=None)
    -> Tensor
    """
    low, high = _real(lower), _real(upper)
    if not training:
        return leaky_relu(g, self, (low + high) / 2)
    slope = g.op("RandomUniformLike", self, low=low, high=high) if low < high else g.like(low, self)
    return where(g, less(g, self, g.like(0, self)), mul(g, self, slope), self)


@symbolic("aten::threshold")
def threshold(g: Emitter, self: Tensor, threshold: Scalar, value: Scalar) -> Tensor:
    """threshold(Tensor self, Scalar threshold, Scalar value) -> Tensor"""
    if threshold == 0 and value == 0:
        return relu(g, self)
    dtype = g.dtype(self)
    return where(g, less_or_equal(g, self, as_type(g, threshold, dtype)), as_type(g, value, dtype), self)


# -- exponential linear --------------------------------------------------------------------------------------------------


@symbolic("aten::elu")
def elu(g: Emitter, self: Tensor, alpha: Scalar = 1, scale: Scalar = 1, input_scale: Scalar = 1) -> Tensor:
    """elu(Tensor self, Scalar alpha=1, Scalar scale=1, Scalar input_scale=1) -> Tensor"""
    a, s, inner = _real(alpha), _real(scale), _real(input_scale)
    if inner == 1 and self.dtype != _DOUBLE:
        made = g.op("Elu", self, alpha=a)
        return made if s == 1 else mul(g, made, s)
    negative = mul(g, expm1_of(g, mul(g, clip(g, self, None, 0), inner)), a * s)
    return add(g, mul(g, g.op("Relu", self), s), negative)


@symbolic("aten::selu")
def selu(g: Emitter, self: Tensor) -> Tensor:
    """selu(Tensor self) -> Tensor"""
    if self.dtype == _DOUBLE:
        return elu(g, self, 1.6732632423543772848170429916717, 1.0507009873554804934193349852946)
    return g.op("Selu", self)


@symbolic("aten::celu")
def celu(g: Emitter, self: Tensor, alpha: Scalar = 1.0) -> Tensor:
    """celu(Tensor self, Scalar alpha=1.0) -> Tensor"""
    a = _real(alpha)
    return elu(g, self, a, 1, 1 / a)


@celu.since(12)
def _(g: Emitter, self: Tensor, alpha: Scalar = 1.0) -> Tensor:
    a = _real(alpha)
    return elu(g, self, a, 1, 1 / a) if self.dtype == _DOUBLE else g.op("Celu", self, alpha=a)


# -- saturating ----------------------------------------------------------------------------------------------------------


@symbolic("aten::hardsigmoid")
def hardsigmoid(g: Emitter, self: Tensor) -> Tensor:
    """hardsigmoid(Tensor self) -> Tensor: clip(x + 3, 0, 6) / 6"""
    if self.dtype == _DOUBLE:
        return div(g, clip(g, add(g, self, 3.0), 0, 6), 6.0)
    return g.op("HardSigmoid", self, alpha=1 / 6, beta=0.5)


@symbolic("aten::hardswish")
def hardswish(g: Emitter, self: Tensor) -> Tensor:
    """hardswish(Tensor self) -> Tensor"""
    return g.op("Mul", self, hardsigmoid(g, self))


@hardswish.since(14)
def _(g: Emitter, self: Tensor) -> Tensor:
    if self.dtype in (ir.DataType.FLOAT, ir.DataType.FLOAT16):
        return g.op("HardSwish", self)
    return g.op("Mul", self, hardsigmoid(g, self))


@symbolic("aten::softplus")
def softplus(g: Emitter, self: Tensor, beta: Scalar = 1, threshold: Scalar = 20) -> Tensor:
    """softplus(Tensor self, Scalar beta=1, Scalar threshold=20) -> Tensor: beyond the threshold it is the identity"""
    b, limit = _real(beta), _real(threshold)
    scaled = self if b == 1 else mul(g, self, b)
    smooth = softplus_of(g, scaled)
    if b != 1:
        smooth = div(g, smooth, b)
    # What the threshold cuts off, exp(-limit), is below the precision of a float beside 17.
    if limit >= 17 and self.dtype != _DOUBLE:
        return smooth
    return where(g, greater(g, scaled, g.like(limit, self)), self, smooth)


def softplus_of(g: Emitter, x: Tensor) -> Tensor:
    """``log(1 + exp(x))``; in double by hand, as ONNX Runtime has Softplus for float only."""
    if x.dtype != _DOUBLE:
        return g.op("Softplus", x)
    tail = g.op("Log", add(g, g.op("Exp", g.op("Neg", g.op("Abs", x))), 1.0))
    return add(g, g.op("Relu", x), tail)


@symbolic("aten::log_sigmoid")
def log_sigmoid(g: Emitter, self: Tensor) -> Tensor:
    """log_sigmoid(Tensor self) -> Tensor"""
    return g.op("Neg", softplus_of(g, g.op("Neg", self)))


@symbolic("aten::log_sigmoid_forward")
def log_sigmoid_forward(g: Emitter, self: Tensor) -> Any:
    """log_sigmoid_forward(Tensor self) -> (Tensor output, Tensor buffer)"""
    return log_sigmoid(g, self), g.op("Exp", g.op("Neg", g.op("Abs", self)))


# -- gated ---------------------------------------------------------------------------------------------------------------


@symbolic("aten::gelu")
def gelu(g: Emitter, self: Tensor, approximate: str = "none") -> Tensor:
    """gelu(Tensor self, *, str approximate='none') -> Tensor"""
    if approximate == "tanh":
        return _gelu_tanh(g, self)
    g.requires(9, "Erf, and with it gelu(approximate='none'),")
    return mul(g, mul(g, self, add(g, g.op("Erf", mul(g, self, math.sqrt(0.5))), 1.0)), 0.5)


@gelu.since(20)
def _(g: Emitter, self: Tensor, approximate: str = "none") -> Tensor:
    if self.dtype == _DOUBLE and approximate == "tanh":
        return _gelu_tanh(g, self)
    return g.op("Gelu", self, approximate=approximate)


def _gelu_tanh(g: Emitter, x: Tensor) -> Tensor:
    cube = mul(g, mul(g, x, x), x)
    inner = mul(g, add(g, x, mul(g, cube, 0.044715)), math.sqrt(2 / math.pi))
    return mul(g, mul(g, x, add(g, g.op("Tanh", inner), 1.0)), 0.5)


@symbolic("aten::silu")
def silu(g: Emitter, self: Tensor) -> Tensor:
    """silu(Tensor self) -> Tensor"""
    (x,) = floating(g, self)
    return g.op("Mul", x, g.op("Sigmoid", x))


@symbolic("aten::mish")
def mish(g: Emitter, self: Tensor) -> Tensor:
    """mish(Tensor self) -> Tensor"""
    return g.op("Mul", self, g.op("Tanh", softplus_of(g, self)))


@mish.since(18)
def _(g: Emitter, self: Tensor) -> Tensor:
    if self.dtype in (ir.DataType.FLOAT, ir.DataType.FLOAT16):
        return g.op("Mish", self)
    return g.op("Mul", self, g.op("Tanh", softplus_of(g, self)))


@symbolic("aten::glu")
def glu(g: Emitter, self: Tensor, dim: int = -1) -> Tensor:
    """glu(Tensor self, int dim=-1) -> Tensor"""
    axis = g.axis(self, dim)
    half = shapes.div(g, shapes.size(g, self, axis), 2)
    left, gate = split(g, self, [half, half], axis)
    return g.op("Mul", left, g.op("Sigmoid", gate))


# -- shrinking -----------------------------------------------------------------------------------------------------------


@symbolic("aten::softshrink")
def softshrink(g: Emitter, self: Tensor, lambd: Scalar = 0.5) -> Tensor:
    """softshrink(Tensor self, Scalar lambd=0.5) -> Tensor: what a clip to the interval takes away"""
    limit = _real(lambd)
    return sub(g, self, clip(g, self, -limit, limit))


@symbolic("aten::hardshrink")
def hardshrink(g: Emitter, self: Tensor, lambd: Scalar = 0.5) -> Tensor:
    """hardshrink(Tensor self, Scalar lambd=0.5) -> Tensor"""
    return where(g, less_or_equal(g, g.op("Abs", self), g.like(_real(lambd), self)), g.like(0, self), self)
