"""Activations and normalizations with a grid of their own for the result."""

from __future__ import annotations

import onnx_ir as ir

from onnx_explore.emit import Emitter
from onnx_explore.symbolic.annotations import Quantized, Scalar, Tensor
from onnx_explore.symbolic.lowered import Grid
from onnx_explore.symbolic.quantized.grids import computed, made, on_grid, plain, real
from onnx_explore.symbolic.registry import Function, symbolic, table

# -- activations --------------------------------------------------------------------------------------------------------


@symbolic("quantized::hardswish")
def hardswish(g: Emitter, input: Quantized, output_scale: float, output_zero_point: int) -> Quantized:
    """hardswish(Tensor input, float output_scale, int output_zero_point) -> Tensor"""
    return made(g, plain(g, "aten::hardswish", real(g, input)), output_scale, output_zero_point, input)


@symbolic("quantized::sigmoid")
def sigmoid(g: Emitter, qx: Quantized, output_scale: float, output_zero_point: int) -> Quantized:
    """sigmoid(Tensor qx, float output_scale, int output_zero_point) -> Tensor"""
    return made(g, g.op("Sigmoid", real(g, qx)), output_scale, output_zero_point, qx)


def _with_own_grid(target: str) -> Function:
    """PyTorch gives these a grid that spans their range: 256 steps (2³² for ``qint32``)."""

    def function(g: Emitter, self: Quantized) -> Quantized:
        """sigmoid(Tensor self) -> Tensor"""
        symmetric = target == "aten::tanh"
        point = {ir.DataType.UINT8: 128 if symmetric else 0, ir.DataType.INT8: 0 if symmetric else -128}
        dtype = g.dtype(self.integers)
        steps = 2.0**32 if dtype == ir.DataType.INT32 else 256.0
        grid = Grid((2.0 if symmetric else 1.0) / steps, point.get(dtype, 0 if symmetric else -(2**31)))
        return on_grid(g, plain(g, target, real(g, self)), grid, dtype)

    return function


table({f"quantized_tensor::{name}": f"aten::{name}" for name in ("sigmoid", "tanh", "hardsigmoid")}, _with_own_grid)


@symbolic("quantized::leaky_relu")
def leaky_relu(
    g: Emitter, qx: Quantized, negative_slope: float, inplace: bool, output_scale: float, output_zero_point: int
) -> Quantized:
    """leaky_relu(Tensor qx, Scalar negative_slope, bool inplace, float output_scale, int output_zero_point) -> Tensor"""
    result = plain(g, "aten::leaky_relu", real(g, qx), negative_slope)
    return made(g, result, output_scale, output_zero_point, qx)


@symbolic("quantized::elu")
def elu(
    g: Emitter,
    self: Quantized,
    output_scale: float,
    output_zero_point: int,
    alpha: float = 1,
    scale: float = 1,
    input_scale: float = 1,
) -> Quantized:
    """elu(Tensor self, float output_scale, int output_zero_point, Scalar alpha=1, Scalar scale=1, Scalar input_scale=1)
    -> Tensor
    """
    result = plain(g, "aten::elu", real(g, self), alpha, scale, input_scale)
    return made(g, result, output_scale, output_zero_point, self)


@symbolic("quantized::celu")
def celu(g: Emitter, self: Quantized, output_scale: float, output_zero_point: int, alpha: float = 1) -> Quantized:
    """celu(Tensor self, float output_scale, int output_zero_point, Scalar alpha=1) -> Tensor"""
    return made(g, plain(g, "aten::celu", real(g, self), alpha), output_scale, output_zero_point, self)


@symbolic("quantized::prelu")
def prelu(g: Emitter, qx: Quantized, weight: Quantized, output_scale: float, output_zero_point: int) -> Quantized:
    """prelu(Tensor qx, Tensor weight, float output_scale, int output_zero_point) -> Tensor"""
    result = plain(g, "aten::prelu", real(g, qx), real(g, weight))
    return made(g, result, output_scale, output_zero_point, qx)


@symbolic("quantized::softmax")
def softmax(g: Emitter, qx: Quantized, dim: int, output_scale: float, output_zero_point: int) -> Quantized:
    """softmax(Tensor qx, int dim, float output_scale, int output_zero_point) -> Tensor"""
    return made(g, plain(g, "aten::softmax", real(g, qx), dim), output_scale, output_zero_point, qx)


@symbolic("quantized::dropout")
def dropout(
    g: Emitter, self: Quantized, output_scale: float, output_zero_point: int, p: float = 0.5, training: bool = False
) -> Quantized:
    """dropout(Tensor self, float output_scale, int output_zero_point, Scalar p=0.5, bool training=False) -> Tensor

    The grid of the result is that of the operand, whatever the arguments say.
    """
    return self if not training else computed(g, self, lambda x: plain(g, "aten::dropout", x, p, True))


@symbolic("quantized::relu6")
def relu6(g: Emitter, qx: Quantized, inplace: bool = False) -> Quantized:
    """relu6(Tensor qx, bool inplace=False) -> Tensor"""
    return computed(g, qx, lambda x: plain(g, "aten::hardtanh", x, 0.0, 6.0))


@symbolic("quantized::clamp")
def clamp(g: Emitter, qx: Quantized, min: Scalar | None = None, max: Scalar | None = None) -> Quantized:
    """clamp(Tensor qx, Scalar? min=None, Scalar? max=None) -> Tensor qy"""
    return computed(g, qx, lambda x: plain(g, "aten::clamp", x, min, max))


@symbolic("quantized::threshold")
def threshold(g: Emitter, qx: Quantized, threshold: Scalar, value: Scalar) -> Quantized:
    """threshold(Tensor qx, Scalar threshold, Scalar value) -> Tensor qy"""
    return computed(g, qx, lambda x: plain(g, "aten::threshold", x, threshold, value))


# -- normalizations -----------------------------------------------------------------------------------------------------


@symbolic("quantized::layer_norm")
def layer_norm(
    g: Emitter,
    input: Quantized,
    normalized_shape: list[int],
    weight: Tensor | None,
    bias: Tensor | None,
    eps: float,
    output_scale: float,
    output_zero_point: int,
) -> Quantized:
    """layer_norm(Tensor input, int[] normalized_shape, Tensor? weight, Tensor? bias, float eps, float output_scale, int
    output_zero_point) -> Tensor
    """
    result = plain(g, "aten::layer_norm", real(g, input), normalized_shape, weight, bias, eps)
    return made(g, result, output_scale, output_zero_point, input)


@symbolic("quantized::group_norm")
def group_norm(
    g: Emitter,
    input: Quantized,
    num_groups: int,
    weight: Tensor | None,
    bias: Tensor | None,
    eps: float,
    output_scale: float,
    output_zero_point: int,
) -> Quantized:
    """group_norm(Tensor input, int num_groups, Tensor? weight, Tensor? bias, float eps, float output_scale, int
    output_zero_point) -> Tensor
    """
    result = plain(g, "aten::group_norm", real(g, input), num_groups, weight, bias, eps)
    return made(g, result, output_scale, output_zero_point, input)


@symbolic("quantized::instance_norm")
def instance_norm(
    g: Emitter,
    input: Quantized,
    weight: Tensor | None,
    bias: Tensor | None,
    eps: float,
    output_scale: float,
    output_zero_point: int,
) -> Quantized:
    """instance_norm(Tensor input, Tensor? weight, Tensor? bias, float eps, float output_scale, int output_zero_point)
    -> Tensor
    """
    result = plain(g, "aten::instance_norm", real(g, input), weight, bias, None, None, True, 0.0, eps)
    return made(g, result, output_scale, output_zero_point, input)


def _batch_norm(op_type: str) -> Function:
    def function(
        g: Emitter,
        qx: Quantized,
        weight: Tensor | None,
        bias: Tensor | None,
        mean: Tensor,
        var: Tensor,
        eps: float,
        output_scale: float,
        output_zero_point: int,
    ) -> Quantized:
        """batch_norm2d(Tensor qx, Tensor? weight, Tensor? bias, Tensor mean, Tensor var, float eps, float output_scale, int
        output_zero_point) -> Tensor
        """
        result = plain(g, "aten::batch_norm", real(g, qx), weight, bias, mean, var, False, 0.0, eps)
        return made(g, g.op(op_type, result) if op_type else result, output_scale, output_zero_point, qx)

    return function


table(
    {
        f"quantized::batch_norm{dims}{suffix}": op_type
        for dims in ("", "1d", "2d", "3d")
        for suffix, op_type in (("", ""), ("_relu", "Relu"))
    },
    _batch_norm,
)


@symbolic("quantized_tensor::quantized_batch_norm")
def quantized_batch_norm(
    g: Emitter,
    input: Quantized,
    weight: Tensor | None,
    bias: Tensor | None,
    mean: Tensor,
    var: Tensor,
    eps: float,
    output_scale: float,
    output_zero_point: int,
) -> Quantized:
    """quantized_batch_norm(Tensor input, Tensor? weight, Tensor? bias, Tensor mean, Tensor var, float eps, float
    output_scale, int output_zero_point) -> Tensor
    """
    result = plain(g, "aten::batch_norm", real(g, input), weight, bias, mean, var, False, 0.0, eps)
    return made(g, result, output_scale, output_zero_point, input)
