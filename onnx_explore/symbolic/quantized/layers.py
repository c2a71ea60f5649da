"""Linear layers and convolutions: packing, static, dynamic, and with float16 weights.

A static layer sums products of integers. Their unit is ``input scale · weight scale``. What follows differs by engine:

- fbgemm adds the bias as a float: ``round((sum + bias / unit) · (unit / output scale)) + output zero point``. The same is
  emitted here, in steps: a DequantizeLinear of scale 1 gives integers as floats, whose sums are exact below 2²⁴.
  (oneDNN, which x86 has for convolutions, adds the zero point before it rounds: 4 in a million results are one step off.)
- qnnpack adds the bias as an int32 in that unit. So does ONNX Runtime's one kernel for DequantizeLinear → layer →
  QuantizeLinear, which is what is emitted where that engine is set, for ``integer_kernels``, and for a layer without a bias,
  where both are the same.

An int32 bias is off from the float by half a unit at most, so that one in some thousand results falls to the other side of a
half; a normalization or a recurrence behind it makes more than one step of that.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import onnx_ir as ir
import torch

from onnx_explore.emit import Emitter, forms, shapes
from onnx_explore.emit.emitter import PARAMETER
from onnx_explore.symbolic.annotations import PackedWeight, Quantized, Tensor
from onnx_explore.symbolic.lowered import Grid
from onnx_explore.symbolic.quantized.grids import is_known, on_grid, one_scale, plain, real
from onnx_explore.symbolic.quantized.observed import observed
from onnx_explore.symbolic.registry import Function, symbolic, table

Activation = Callable[[Emitter, ir.Value], ir.Value]


def _same(g: Emitter, x: ir.Value) -> ir.Value:
    return x


def _relu(g: Emitter, x: ir.Value) -> ir.Value:
    return g.op("Relu", x)


# -- packing ------------------------------------------------------------------------------------------------------------


@symbolic("quantized::linear_prepack")
def linear_prepack(g: Emitter, W: Quantized, B: Tensor | None = None) -> PackedWeight:
    """linear_prepack(Tensor W, Tensor? B=None) -> LinearPackedParamsBase"""
    return PackedWeight(W, B)


@symbolic("quantized::linear_prepack_fp16")
def linear_prepack_fp16(g: Emitter, W: Tensor, B: Tensor | None = None) -> PackedWeight:
    """linear_prepack_fp16(Tensor W, Tensor? B=None) -> LinearPackedParamsBase"""
    tensor = g.torch_tensor(W)
    if tensor is None:
        half = g.cast(W, ir.DataType.FLOAT16)
    else:
        name = g.names.unique(f"{W.name}.half")
        half = g.tensor(tensor.half(), name=name, lineage=str(W.meta.get(PARAMETER, "")))
    return PackedWeight(g.op("Cast", half, to=ir.DataType.FLOAT), B)


@symbolic("quantized::conv1d_prepack", "quantized::conv2d_prepack", "quantized::conv3d_prepack")
def conv_prepack(
    g: Emitter,
    weight: Quantized,
    bias: Tensor | None,
    stride: list[int],
    padding: list[int],
    dilation: list[int],
    groups: int,
) -> PackedWeight:
    """conv2d_prepack(Tensor weight, Tensor? bias, int[] stride, int[] padding, int[] dilation, int groups)
    -> Conv2dPackedParamsBase
    """
    rank = g.rank(weight.integers) - 2
    sizes = [tuple(item * rank if len(item) == 1 else item) for item in (stride, padding, dilation)]
    return PackedWeight(weight, bias, sizes[0], sizes[1], (0,) * rank, sizes[2], groups)


@symbolic(
    "quantized::conv_transpose1d_prepack", "quantized::conv_transpose2d_prepack", "quantized::conv_transpose3d_prepack"
)
def conv_transpose_prepack(
    g: Emitter,
    weight: Quantized,
    bias: Tensor | None,
    stride: list[int],
    padding: list[int],
    output_padding: list[int],
    dilation: list[int],
    groups: int,
) -> PackedWeight:
    """conv_transpose2d_prepack(Tensor weight, Tensor? bias, int[] stride, int[] padding, int[] output_padding, int[]
    dilation, int groups) -> Conv2dPackedParamsBase
    """
    rank = g.rank(weight.integers) - 2
    lists = (stride, padding, output_padding, dilation)
    sizes = [tuple(item * rank if len(item) == 1 else item) for item in lists]
    return PackedWeight(weight, bias, sizes[0], sizes[1], sizes[2], sizes[3], groups, transposed=True)


# -- computing ----------------------------------------------------------------------------------------------------------


def real_weight(g: Emitter, packed: PackedWeight) -> ir.Value:
    """The weight as float32."""
    return real(g, packed.weight) if isinstance(packed.weight, Quantized) else packed.weight


def _bias(g: Emitter, packed: PackedWeight, x: Quantized) -> ir.Value | None:
    """The bias as real numbers: of int32 where the grids are known, else as it is."""
    weight, bias = packed.weight, packed.bias
    if bias is None or not isinstance(weight, Quantized) or not is_known(x.grid):
        return bias
    axis = weight.grid.axis
    if axis is not None and (axis != int(packed.transposed) or (packed.groups > 1 and packed.transposed)):
        return bias
    if g.opset < (10 if axis is None else 13):
        return bias
    scales = weight.grid.scale
    weights = g.torch_tensor(scales) if isinstance(scales, ir.Value) else torch.tensor(scales)
    known = g.torch_tensor(bias)
    if weights is None or known is None or isinstance(x.grid.scale, ir.Value):
        return bias
    steps = (weights.double() * x.grid.scale).float()
    integers = (known.double() / steps.double()).round()
    if not bool((integers.abs() < 2**31 - 1).all()):
        return bias
    name = g.names.unique(f"{bias.name}.int32")
    stored = g.tensor(integers.to(torch.int32), name=name, lineage=str(bias.meta.get(PARAMETER, "")))
    return forms.dequantize(g, stored, g.tensor(steps), 0, None if axis is None else 0)


def linear(g: Emitter, x: ir.Value, packed: PackedWeight, bias: ir.Value | None) -> ir.Value:
    """``x · weightᵀ + bias`` of real numbers.

    A matrix goes through Gemm: a MatMul with a weight from DequantizeLinear becomes MatMulNBits in ONNX Runtime, which rounds
    its input once more.
    """
    if g.rank(x) == 2 and (bias is not None or g.opset >= 11):
        return g.op("Gemm", x, real_weight(g, packed), bias, transB=1)
    product = g.op("MatMul", x, g.op("Transpose", real_weight(g, packed), perm=[1, 0]))
    return product if bias is None else g.op("Add", product, bias)


def turned(g: Emitter, packed: PackedWeight) -> ir.Value:
    """A weight as ``product`` multiplies with it: integers where it is quantized and ONNX multiplies these, else floats."""
    weight = packed.weight
    if isinstance(weight, Quantized) and g.opset >= 10:
        return g.transposed(weight.integers)
    return g.op("Transpose", real_weight(g, packed), perm=[1, 0])


def product(g: Emitter, x: Quantized, packed: PackedWeight, matrix: ir.Value | None = None) -> ir.Value:
    """``x · weightᵀ + bias`` as real numbers, of a quantized ``x``: by integers (MatMulInteger-10), as PyTorch has it.

    Args:
        g: The emitter.
        x: On one grid, whose scale may be known only when the model runs.
        packed: Weight and bias.
        matrix: What ``turned`` made of the weight.
    """
    matrix = turned(g, packed) if matrix is None else matrix
    weight, grid = packed.weight, one_scale(x)
    if isinstance(weight, Quantized) and g.opset >= 10:
        kinds = (g.dtype(x.integers), g.dtype(matrix))
        points = [
            item if isinstance(item, ir.Value) else g.const(item, kind)
            for item, kind in zip((grid.zero_point, weight.grid.zero_point), kinds, strict=True)
        ]
        scales = [
            item if isinstance(item, ir.Value) else g.const(item, ir.DataType.FLOAT)
            for item in (grid.scale, weight.grid.scale)
        ]
        total = g.op("MatMulInteger", x.integers, matrix, *points)
        result = g.op("Mul", g.cast(total, ir.DataType.FLOAT), g.op("Mul", *scales))
    else:
        result = g.op("MatMul", real(g, x), matrix)
    return result if packed.bias is None else g.op("Add", result, packed.bias)


def dynamic(
    g: Emitter, x: ir.Value, packed: PackedWeight, reduce_range: bool, matrix: ir.Value | None = None
) -> ir.Value:
    """A linear layer whose input is quantized when the model runs."""
    grid = observed(g, x, ir.DataType.UINT8, reduce_range)
    return product(g, on_grid(g, x, grid, ir.DataType.UINT8), packed, matrix)


def convolution(g: Emitter, x: ir.Value, packed: PackedWeight, bias: ir.Value | None) -> ir.Value:
    """A convolution of real numbers, transposed or not."""
    weight = packed.weight
    integers = weight.integers if isinstance(weight, Quantized) else weight
    assert integers.shape is not None
    return g.op(
        "ConvTranspose" if packed.transposed else "Conv",
        x,
        real_weight(g, packed),
        bias,
        kernel_shape=[int(size) for size in list(integers.shape)[2:]],  # type: ignore[arg-type]
        strides=packed.stride,
        pads=packed.padding * 2,
        dilations=packed.dilation,
        group=packed.groups,
        output_padding=packed.output_padding if packed.transposed and any(packed.output_padding) else None,
    )


Layer = Callable[[Emitter, ir.Value, PackedWeight, "ir.Value | None"], ir.Value]


def _input(g: Emitter, x: Quantized, packed: PackedWeight, bias: ir.Value | None) -> ir.Value:
    """The real input of a layer, so that ONNX Runtime does not quantize the weight or the bias anew.

    Case 1: before opset 13 a weight with a scale for each channel is made real by arithmetic, which ONNX Runtime folds. What it
    then takes for the float weight of a quantized input, it quantizes with one scale.
    Case 2: at opset 10 it quantizes a float bias with Round, which that opset does not have.
    """
    channels = isinstance(packed.weight, Quantized) and packed.weight.grid.axis is not None
    avoided = (g.opset < 13 and channels) or (g.opset < 11 and bias is not None and bias is packed.bias)
    grid = one_scale(x)
    return forms.dequantize(g, x.integers, grid.scale, grid.zero_point, by_arithmetic=avoided)


def static(
    g: Emitter,
    layer: Layer,
    x: Quantized,
    packed: PackedWeight,
    scale: float | ir.Value,
    point: int | ir.Value,
    after: Activation,
) -> Quantized:
    """A quantized layer with a quantized result."""
    weight, grid = packed.weight, Grid(scale, point)
    if _adds_integers(g, packed) or not isinstance(weight, Quantized) or not _scales_results(packed):
        bias = _bias(g, packed, x)
        result = after(g, layer(g, _input(g, x, packed, bias), packed, bias))
        return on_grid(g, result, grid, g.dtype(x.integers))
    assert packed.bias is not None
    unit = _calculated(g, "Mul", one_scale(x).scale, weight.grid.scale)
    behind = len(packed.stride)
    steps = real(g, Quantized(x.integers, Grid(1.0, x.grid.zero_point)))
    total = layer(g, steps, replace(packed, weight=_in_steps(g, weight)), None)
    bias = _calculated(g, "Div", packed.bias, unit, behind=behind, name=f"{packed.bias.name}.steps")
    total = g.op("Add", total, bias)
    if after is _same or after is _relu:
        factor = _calculated(g, "Div", unit, scale, behind=behind)
        result = on_grid(g, after(g, g.op("Mul", total, factor)), Grid(1.0, point), g.dtype(x.integers))
        return Quantized(result.integers, grid)
    factor = _calculated(g, "Mul", unit, 1.0, behind=behind)
    return on_grid(g, after(g, g.op("Mul", total, factor)), grid, g.dtype(x.integers))


def _adds_integers(g: Emitter, packed: PackedWeight) -> bool:
    """Whether the bias is an int32, if there is one: as qnnpack has it, or for the sake of ONNX Runtime's kernels."""
    return packed.bias is None or g.integer_kernels or torch.backends.quantized.engine == "qnnpack"


def _scales_results(packed: PackedWeight) -> bool:
    """Whether each scale of the weight is that of one channel of the result, in order, or there is one scale."""
    assert isinstance(packed.weight, Quantized)
    axis = packed.weight.grid.axis
    return axis is None or (axis == int(packed.transposed) and not (packed.transposed and packed.groups > 1))


def _in_steps(g: Emitter, weight: Quantized) -> Quantized:
    """A weight with the scale 1; zero points that are all zero are one."""
    point = weight.grid.zero_point
    if isinstance(point, ir.Value):
        known = g.torch_tensor(point)
        if known is None or bool(known.any()):
            assert isinstance(weight.grid.scale, ir.Value)
            ones = _calculated(g, "Div", weight.grid.scale, weight.grid.scale)
            return Quantized(weight.integers, Grid(ones, point, weight.grid.axis))
        point = 0
    return Quantized(weight.integers, Grid(1.0, point))


def _calculated(
    g: Emitter, op_type: str, left: float | ir.Value, right: float | ir.Value, *, behind: int = 0, name: str = ""
) -> ir.Value:
    """A product or a quotient of float32 numbers or vectors, computed now where both are known.

    Args:
        g: The emitter.
        op_type: ``Mul`` or ``Div``.
        left: A number, or a value.
        right: The same.
        behind: How many dimensions stand behind the vector's own in what it goes with.
        name: Of the initializer, if there will be one; it keeps the lineage of ``left``.
    """
    known = [g.torch_tensor(item) if isinstance(item, ir.Value) else torch.tensor(item) for item in (left, right)]
    if known[0] is None or known[1] is None:
        values = [item if isinstance(item, ir.Value) else g.const(item, ir.DataType.FLOAT) for item in (left, right)]
        result = g.op(op_type, *values)
        return forms.unsqueeze(g, result, list(range(1, behind + 1))) if behind and g.rank(result) else result
    compute = torch.mul if op_type == "Mul" else torch.div
    tensor = compute(known[0].detach().float(), known[1].detach().float())
    tensor = tensor.reshape([-1] + [1] * behind) if tensor.dim() else tensor
    lineage = str(left.meta.get(PARAMETER, "")) if name and isinstance(left, ir.Value) else ""
    return g.tensor(tensor, name=g.names.unique(name) if name else "", lineage=lineage)


def _rows(g: Emitter, x: Quantized, packed: PackedWeight, scale: float, point: int, after: Activation) -> Quantized:
    """A quantized linear layer: more dimensions become rows of one matrix, on the integers."""
    if g.rank(x.integers) == 2:
        return static(g, linear, x, packed, scale, point, after)
    assert isinstance(packed.weight, Quantized)
    *outer, width = shapes.sizes(g, x.integers)
    matrix = Quantized(forms.reshape(g, x.integers, [-1, width]), x.grid)
    result = static(g, linear, matrix, packed, scale, point, after)
    shape = [*outer, shapes.size(g, packed.weight.integers, 0)]
    return Quantized(forms.reshape(g, result.integers, shape), result.grid)


# -- linear -------------------------------------------------------------------------------------------------------------


@symbolic("quantized::linear")
def quantized_linear(
    g: Emitter, X: Quantized, W_prepack: PackedWeight, Y_scale_i: float, Y_zero_point_i: int
) -> Quantized:
    """linear(Tensor X, LinearPackedParamsBase W_prepack, float Y_scale_i, int Y_zero_point_i) -> Tensor Y"""
    return _rows(g, X, W_prepack, Y_scale_i, Y_zero_point_i, _same)


@symbolic("quantized::linear_relu")
def linear_relu(g: Emitter, X: Quantized, W_prepack: PackedWeight, Y_scale_i: float, Y_zero_point_i: int) -> Quantized:
    """linear_relu(Tensor X, LinearPackedParamsBase W_prepack, float Y_scale_i, int Y_zero_point_i) -> Tensor Y"""
    return _rows(g, X, W_prepack, Y_scale_i, Y_zero_point_i, _relu)


@symbolic("quantized::linear_tanh")
def linear_tanh(g: Emitter, X: Quantized, W_prepack: PackedWeight, Y_scale_i: float, Y_zero_point_i: int) -> Quantized:
    """linear_tanh(Tensor X, LinearPackedParamsBase W_prepack, float Y_scale_i, int Y_zero_point_i) -> Tensor Y"""
    return _rows(g, X, W_prepack, Y_scale_i, Y_zero_point_i, lambda g, x: g.op("Tanh", x))


@symbolic("quantized::linear_leaky_relu")
def linear_leaky_relu(
    g: Emitter,
    X: Quantized,
    W_prepack: PackedWeight,
    Y_scale_i: float,
    Y_zero_point_i: int,
    negative_slope: float,
) -> Quantized:
    """linear_leaky_relu(Tensor X, LinearPackedParamsBase W_prepack, float Y_scale_i, int Y_zero_point_i, float
    negative_slope) -> Tensor Y
    """
    leaky: Activation = lambda g, x: plain(g, "aten::leaky_relu", x, negative_slope)  # noqa: E731
    return _rows(g, X, W_prepack, Y_scale_i, Y_zero_point_i, leaky)


@symbolic("quantized::linear_dynamic")
def linear_dynamic(g: Emitter, X: Tensor, W_prepack: PackedWeight, reduce_range: bool = False) -> Tensor:
    """linear_dynamic(Tensor X, LinearPackedParamsBase W_prepack, bool reduce_range=False) -> Tensor Y"""
    return dynamic(g, X, W_prepack, reduce_range)


@symbolic("quantized::linear_relu_dynamic")
def linear_relu_dynamic(g: Emitter, X: Tensor, W_prepack: PackedWeight, reduce_range: bool = False) -> Tensor:
    """linear_relu_dynamic(Tensor X, LinearPackedParamsBase W_prepack, bool reduce_range=False) -> Tensor Y"""
    return _relu(g, dynamic(g, X, W_prepack, reduce_range))


@symbolic("quantized::linear_dynamic_fp16")
def linear_dynamic_fp16(g: Emitter, X: Tensor, W_prepack: PackedWeight) -> Tensor:
    """linear_dynamic_fp16(Tensor X, LinearPackedParamsBase W_prepack) -> Tensor Y: computes with floats"""
    return linear(g, X, W_prepack, W_prepack.bias)


@symbolic("quantized::linear_relu_dynamic_fp16")
def linear_relu_dynamic_fp16(g: Emitter, X: Tensor, W_prepack: PackedWeight) -> Tensor:
    """linear_relu_dynamic_fp16(Tensor X, LinearPackedParamsBase W_prepack) -> Tensor Y"""
    return _relu(g, linear(g, X, W_prepack, W_prepack.bias))


@symbolic("quantized::linear_dynamic_fp16_unpacked_weight")
def linear_dynamic_fp16_unpacked_weight(g: Emitter, X: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """linear_dynamic_fp16_unpacked_weight(Tensor X, Tensor weight, Tensor? bias) -> Tensor Y"""
    return linear(g, X, linear_prepack_fp16(g, weight), bias)


def _on_given_grid(after: Activation) -> Function:
    def function(g: Emitter, X: Tensor, X_scale: float, X_zero_point: int, W_prepack: PackedWeight) -> Tensor:
        """linear_with_input_q_dq_qweight_dq_output_fp32(Tensor X, float X_scale, int X_zero_point, LinearPackedParamsBase
        W_prepack) -> Tensor Y
        """
        x = Quantized(forms.quantize(g, X, X_scale, X_zero_point, ir.DataType.UINT8), Grid(X_scale, X_zero_point))
        return after(g, product(g, x, W_prepack))

    return function


_GIVEN_GRID = "quantized::linear_with_input_q_dq_qweight_dq"
table(
    {f"{_GIVEN_GRID}_output_fp32": "", f"{_GIVEN_GRID}_relu_output_fp32": "Relu"},
    lambda name: _on_given_grid(_relu if name else _same),
)


# -- convolutions -------------------------------------------------------------------------------------------------------


def _convolution(after: Activation) -> Function:
    def function(
        g: Emitter, qx: Quantized, packed_weight: PackedWeight, output_scale: float, output_zero_point: int
    ) -> Quantized:
        """conv2d.new(Tensor qx, Conv2dPackedParamsBase packed_weight, float output_scale, int output_zero_point) -> Tensor"""
        return static(g, convolution, qx, packed_weight, output_scale, output_zero_point, after)

    return function


def _old_convolution(after: Activation) -> Function:
    def function(
        g: Emitter,
        qx: Quantized,
        weight: PackedWeight,
        stride: list[int],
        padding: list[int],
        dilation: list[int],
        groups: int,
        output_scale: float,
        output_zero_point: int,
    ) -> Quantized:
        """conv2d(Tensor qx, Conv2dPackedParamsBase weight, int[] stride, int[] padding, int[] dilation, int groups, float
        output_scale, int output_zero_point) -> Tensor: PyTorch, too, takes sizes from what was packed
        """
        return static(g, convolution, qx, weight, output_scale, output_zero_point, after)

    return function


def _by_activation(make: Callable[[Activation], Function]) -> Callable[[str], Function]:
    return lambda name: make({"": _same, "Relu": _relu}[name])


table(
    {
        "quantized::conv1d": "",
        "quantized::conv2d.new": "",
        "quantized::conv3d.new": "",
        "quantized::conv1d_relu": "Relu",
        "quantized::conv2d_relu.new": "Relu",
        "quantized::conv3d_relu.new": "Relu",
        "quantized::conv_transpose1d": "",
        "quantized::conv_transpose2d": "",
        "quantized::conv_transpose3d": "",
    },
    _by_activation(_convolution),
)
table(
    {
        "quantized::conv2d": "",
        "quantized::conv3d": "",
        "quantized::conv2d_relu": "Relu",
        "quantized::conv3d_relu": "Relu",
    },
    _by_activation(_old_convolution),
)


def _convolution_and_sum(after: Activation) -> Function:
    def function(
        g: Emitter,
        qx: Quantized,
        qaccum: Quantized,
        packed_weight: PackedWeight,
        output_scale: float,
        output_zero_point: int,
    ) -> Quantized:
        """conv2d_add(Tensor qx, Tensor qaccum, Conv2dPackedParamsBase packed_weight, float output_scale, int
        output_zero_point) -> Tensor
        """
        other = real(g, qaccum)
        whole: Activation = lambda g, x: after(g, g.op("Add", x, other))  # noqa: E731
        return static(g, convolution, qx, packed_weight, output_scale, output_zero_point, whole)

    return function


table({"quantized::conv2d_add": "", "quantized::conv2d_add_relu": "Relu"}, _by_activation(_convolution_and_sum))


@symbolic(
    "quantized::conv1d_dynamic",
    "quantized::conv2d_dynamic",
    "quantized::conv3d_dynamic",
    "quantized::conv_transpose1d_dynamic",
    "quantized::conv_transpose2d_dynamic",
    "quantized::conv_transpose3d_dynamic",
)
def conv_dynamic(g: Emitter, qx: Tensor, packed_weight: PackedWeight, reduce_range: bool = False) -> Tensor:
    """conv2d_dynamic(Tensor qx, Conv2dPackedParamsBase packed_weight, bool reduce_range=False) -> Tensor

    PyTorch rounds the result to the grid that it chose for the input, and cuts off what is outside of that.
    """
    dtype = ir.DataType.UINT8
    grid = observed(g, qx, dtype, reduce_range)
    x = on_grid(g, qx, grid, dtype)
    return real(g, static(g, convolution, x, packed_weight, grid.scale, grid.zero_point, _same))
