"""Normalisation: over the batch, an instance, a layer, groups of channels; by root mean square; of weights.

Half-precision inputs are normalised in float32, as PyTorch does, wherever no single ONNX operator does it.
"""

from __future__ import annotations

from collections.abc import Sequence

import onnx_ir as ir
import torch

from onnx_explore import dtypes
from onnx_explore.emit import Emitter, forms, shapes
from onnx_explore.emit.algebra import mul
from onnx_explore.symbolic.annotations import Dim, Tensor
from onnx_explore.symbolic.aten.reduce import widened
from onnx_explore.symbolic.aten.statistics import moments
from onnx_explore.symbolic.registry import symbolic


def filled(g: Emitter, number: float, dims: Sequence[Dim], dtype: ir.DataType) -> Tensor:
    """A tensor of one number: a constant where its shape is known."""
    if all(isinstance(dim, int) for dim in dims):
        sizes = [int(dim) for dim in dims]  # pyright: ignore[reportArgumentType]
        return g.tensor(torch.full(sizes, number, dtype=dtypes.to_torch(dtype)))
    g.requires(8, "a constant whose shape is known only at run time")
    return g.op("Expand", g.const([number], dtype), shapes.vector(g, dims))


def per_channel(g: Emitter, x: Tensor, parameter: Tensor) -> Tensor:
    """A vector of the channels, broadcastable over (batch, channel, …)."""
    return forms.unsqueeze(g, parameter, list(range(1, g.rank(x) - 1)))


def standardized(g: Emitter, x: Tensor, axes: list[int], eps: float) -> tuple[Tensor, Tensor, Tensor]:
    """``(x - mean) / sqrt(var + eps)``, the mean, and ``1 / sqrt(var + eps)``."""
    mean = forms.reduce(g, "ReduceMean", x, axes, keepdims=True)
    centred = g.op("Sub", x, mean)
    variance = forms.reduce(g, "ReduceMean", g.op("Mul", centred, centred), axes, keepdims=True)
    deviation = g.op("Sqrt", g.op("Add", variance, g.like(eps, variance)))
    return g.op("Div", centred, deviation), mean, g.op("Reciprocal", deviation)


def scaled(g: Emitter, x: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    """``x * weight + bias``, of what there is."""
    if weight is not None:
        x = g.op("Mul", x, g.cast(weight, g.dtype(x)))
    return x if bias is None else g.op("Add", x, g.cast(bias, g.dtype(x)))


# -- over the batch ------------------------------------------------------------------------------------------------------


@symbolic("aten::batch_norm")
def batch_norm(
    g: Emitter,
    input: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    training: bool,
    momentum: float,
    eps: float,
) -> Tensor:
    """batch_norm(Tensor input, Tensor? weight, Tensor? bias, Tensor? running_mean, Tensor? running_var, bool
    training, float momentum, float eps, bool cudnn_enabled) -> Tensor
    """
    del momentum
    if g.rank(input) < 2:
        return g.op("Identity", input)  # PyTorch takes a vector without elements, and no other
    if running_mean is None or running_var is None or (training and g.opset < 14):
        return _batch_norm_by_batch(g, input, weight, bias, eps)[0]
    if training:
        # The new running statistics are not used (``passes/torch/running_statistics.py`` computes them where somebody reads
        # them), and with a momentum of 1 they are the old ones: ONNX Runtime writes them into the memory of the old ones, which
        # it shares with any initializer of the same content, such as the weights of a new module.
        statistics = g.cast(running_mean, g.dtype(input)), g.cast(running_var, g.dtype(input))
        parameters = _parameters(g, input, weight, bias)
        inputs = [input, *parameters, *statistics]
        return g.op("BatchNormalization", *inputs, epsilon=eps, momentum=1.0, training_mode=1, outputs=3)[0]
    return _batch_norm_by_statistics(g, input, weight, bias, running_mean, running_var, eps)


def _batch_norm_by_statistics(
    g: Emitter, x: Tensor, weight: Tensor | None, bias: Tensor | None, mean: Tensor, variance: Tensor, eps: float
) -> Tensor:
    dtype = g.dtype(x)
    parameters = _parameters(g, x, weight, bias)
    return g.op("BatchNormalization", x, *parameters, g.cast(mean, dtype), g.cast(variance, dtype), epsilon=eps)


def _parameters(g: Emitter, x: Tensor, weight: Tensor | None, bias: Tensor | None) -> tuple[Tensor, Tensor]:
    """Scale and bias of the channels, made up where PyTorch has none."""
    dtype, channels = g.dtype(x), shapes.size(g, x, 1)
    return (
        filled(g, 1.0, [channels], dtype) if weight is None else g.cast(weight, dtype),
        filled(g, 0.0, [channels], dtype) if bias is None else g.cast(bias, dtype),
    )


def _batch_norm_by_batch(
    g: Emitter, x: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Output, batch mean, and the inverse of the batch's standard deviation."""
    axes = [axis for axis in range(g.rank(x)) if axis != 1]
    normal, mean, inverse = standardized(g, widened(g, x), axes, eps)
    output = scaled(
        g,
        normal,
        None if weight is None else per_channel(g, x, weight),
        None if bias is None else per_channel(g, x, bias),
    )
    return g.cast(output, g.dtype(x)), forms.squeeze(g, mean, axes), forms.squeeze(g, inverse, axes)


@symbolic("aten::native_batch_norm")
def native_batch_norm(
    g: Emitter,
    input: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    training: bool,
    momentum: float,
    eps: float,
) -> tuple[Tensor, ...]:
    """native_batch_norm(Tensor input, Tensor? weight, Tensor? bias, Tensor? running_mean, Tensor? running_var, bool
    training, float momentum, float eps) -> (Tensor, Tensor, Tensor)
    """
    del momentum
    if training or running_mean is None or running_var is None:
        return _batch_norm_by_batch(g, input, weight, bias, eps)
    output = _batch_norm_by_statistics(g, input, weight, bias, running_mean, running_var, eps)
    nothing = g.tensor(torch.zeros(0))
    return output, nothing, nothing


@symbolic("aten::_native_batch_norm_legit_no_training")
def batch_norm_no_training(
    g: Emitter,
    input: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor,
    running_var: Tensor,
    momentum: float,
    eps: float,
) -> tuple[Tensor, ...]:
    """_native_batch_norm_legit_no_training(Tensor input, Tensor? weight, Tensor? bias, Tensor running_mean, Tensor
    running_var, float momentum, float eps) -> (Tensor, Tensor, Tensor)
    """
    return native_batch_norm(g, input, weight, bias, running_mean, running_var, False, momentum, eps)


@symbolic("aten::_native_batch_norm_legit.no_stats")
def batch_norm_no_stats(
    g: Emitter, input: Tensor, weight: Tensor | None, bias: Tensor | None, training: bool, momentum: float, eps: float
) -> tuple[Tensor, ...]:
    """_native_batch_norm_legit.no_stats(Tensor input, Tensor? weight, Tensor? bias, bool training, float momentum,
    float eps) -> (Tensor, Tensor, Tensor)
    """
    del training, momentum
    return _batch_norm_by_batch(g, input, weight, bias, eps)


@symbolic("aten::_native_batch_norm_legit_functional")
def batch_norm_with_statistics(
    g: Emitter,
    input: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor,
    running_var: Tensor,
    training: bool,
    momentum: float,
    eps: float,
) -> tuple[Tensor, ...]:
    """_native_batch_norm_legit_functional(Tensor input, Tensor? weight, Tensor? bias, Tensor running_mean, Tensor
    running_var, bool training, float momentum, float eps) -> (Tensor, Tensor, Tensor, Tensor running_mean_out, Tensor
    running_var_out)
    """
    results = native_batch_norm(g, input, weight, bias, running_mean, running_var, training, momentum, eps)
    if not training:
        return *results, g.op("Identity", running_mean), g.op("Identity", running_var)
    axes = [axis for axis in range(g.rank(input)) if axis != 1]
    spread, centre = moments(g, input, axes, 1, False)
    return *results, *(
        g.op("Add", mul(g, before, 1.0 - momentum), mul(g, g.cast(value, g.dtype(before)), momentum))
        for before, value in ((running_mean, centre), (running_var, spread))
    )


@symbolic("aten::_batch_norm_with_update_functional")
def batch_norm_with_update(
    g: Emitter,
    input: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor,
    running_var: Tensor,
    momentum: float,
    eps: float,
) -> tuple[Tensor, ...]:
    """_batch_norm_with_update_functional(Tensor input, Tensor? weight, Tensor? bias, Tensor running_mean, Tensor
    running_var, float momentum, float eps) -> (Tensor, Tensor, Tensor, Tensor, Tensor running_mean_out, Tensor
    running_var_out): the fourth is what a GPU keeps for the backward pass
    """
    results = batch_norm_with_statistics(g, input, weight, bias, running_mean, running_var, True, momentum, eps)
    return *results[:3], g.tensor(torch.zeros(0, dtype=torch.uint8)), *results[3:]


@symbolic("aten::instance_norm")
def instance_norm(
    g: Emitter,
    input: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    use_input_stats: bool,
    momentum: float,
    eps: float,
) -> Tensor:
    """instance_norm(Tensor input, Tensor? weight, Tensor? bias, Tensor? running_mean, Tensor? running_var, bool
    use_input_stats, float momentum, float eps, bool cudnn_enabled) -> Tensor
    """
    del momentum
    if not use_input_stats and running_mean is not None and running_var is not None:
        return _batch_norm_by_statistics(g, input, weight, bias, running_mean, running_var, eps)
    return g.op("InstanceNormalization", input, *_parameters(g, input, weight, bias), epsilon=eps)


# -- over the last axes ----------------------------------------------------------------------------------------------------


@symbolic("aten::layer_norm")
def layer_norm(
    g: Emitter,
    input: Tensor,
    normalized_shape: list[Dim],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
    cudnn_enable: bool = True,
) -> Tensor:
    """layer_norm(Tensor input, SymInt[] normalized_shape, Tensor? weight=None, Tensor? bias=None, float
    eps=1.0000000000000001e-05, bool cudnn_enable=True) -> Tensor
    """
    del cudnn_enable
    return native_layer_norm(g, input, normalized_shape, weight, bias, eps)[0]


@symbolic("aten::native_layer_norm")
def native_layer_norm(
    g: Emitter, input: Tensor, normalized_shape: list[Dim], weight: Tensor | None, bias: Tensor | None, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    """native_layer_norm(Tensor input, SymInt[] normalized_shape, Tensor? weight, Tensor? bias, float eps) ->
    (Tensor, Tensor, Tensor)
    """
    rank = g.rank(input)
    axes = list(range(rank - len(normalized_shape), rank))
    normal, mean, inverse = standardized(g, widened(g, input), axes, eps)
    return g.cast(scaled(g, normal, weight, bias), g.dtype(input)), mean, inverse


@layer_norm.since(17)
def _(
    g: Emitter,
    input: Tensor,
    normalized_shape: list[Dim],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
    cudnn_enable: bool = True,
) -> Tensor:
    del cudnn_enable
    scale, shift = _layer_parameters(g, input, normalized_shape, weight, bias)
    return g.op("LayerNormalization", input, scale, shift, axis=-len(normalized_shape), epsilon=eps)


@native_layer_norm.since(17)
def _(
    g: Emitter, input: Tensor, normalized_shape: list[Dim], weight: Tensor | None, bias: Tensor | None, eps: float
) -> tuple[Tensor, ...]:
    scale, shift = _layer_parameters(g, input, normalized_shape, weight, bias)
    return g.op("LayerNormalization", input, scale, shift, axis=-len(normalized_shape), epsilon=eps, outputs=3)


def _layer_parameters(
    g: Emitter, x: Tensor, normalized_shape: list[Dim], weight: Tensor | None, bias: Tensor | None
) -> tuple[Tensor, Tensor | None]:
    dtype = g.dtype(x)
    scale = filled(g, 1.0, normalized_shape, dtype) if weight is None else g.cast(weight, dtype)
    return scale, None if bias is None else g.cast(bias, dtype)


@symbolic("aten::rms_norm")
def rms_norm(
    g: Emitter, input: Tensor, normalized_shape: list[Dim], weight: Tensor | None = None, eps: float | None = None
) -> Tensor:
    """rms_norm(Tensor input, SymInt[] normalized_shape, Tensor? weight=None, float? eps=None) -> Tensor"""
    return _fused_rms_norm(g, input, normalized_shape, weight, eps)[0]


@rms_norm.since(23)
def _(
    g: Emitter, input: Tensor, normalized_shape: list[Dim], weight: Tensor | None = None, eps: float | None = None
) -> Tensor:
    scale, _ = _layer_parameters(g, input, normalized_shape, weight, None)
    epsilon = _machine_epsilon(input) if eps is None else eps
    return g.op("RMSNormalization", input, scale, axis=-len(normalized_shape), epsilon=epsilon)


@symbolic("aten::_fused_rms_norm")
def _fused_rms_norm(
    g: Emitter, input: Tensor, normalized_shape: list[Dim], weight: Tensor | None, eps: float | None
) -> tuple[Tensor, Tensor]:
    """_fused_rms_norm(Tensor input, int[] normalized_shape, Tensor? weight, float? eps) -> (Tensor, Tensor)"""
    x, rank = widened(g, input), g.rank(input)
    axes = list(range(rank - len(normalized_shape), rank))
    square = forms.reduce(g, "ReduceMean", g.op("Mul", x, x), axes, keepdims=True)
    root = g.op("Sqrt", g.op("Add", square, g.like(_machine_epsilon(x) if eps is None else eps, square)))
    output = scaled(g, g.op("Div", x, root), weight, None)
    return g.cast(output, g.dtype(input)), g.op("Reciprocal", root)


def _machine_epsilon(x: Tensor) -> float:
    assert x.dtype is not None
    return torch.finfo(dtypes.to_torch(x.dtype)).eps


# -- over groups of channels -----------------------------------------------------------------------------------------------


@symbolic("aten::group_norm")
def group_norm(
    g: Emitter,
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """group_norm(Tensor input, int num_groups, Tensor? weight=None, Tensor? bias=None, float
    eps=1.0000000000000001e-05, bool cudnn_enabled=True) -> Tensor
    """
    dtype = g.dtype(input)
    groups = _grouped(g, input, num_groups)
    ones, zeros = filled(g, 1.0, [num_groups], dtype), filled(g, 0.0, [num_groups], dtype)
    normal = g.op("InstanceNormalization", groups, ones, zeros, epsilon=eps)
    output = forms.reshape(g, normal, shapes.sizes(g, input))
    return scaled(
        g,
        output,
        None if weight is None else per_channel(g, input, weight),
        None if bias is None else per_channel(g, input, bias),
    )


def _grouped(g: Emitter, x: Tensor, groups: int) -> Tensor:
    """(batch, group, everything else)."""
    whole = shapes.product(g, shapes.sizes(g, x)[1:]) if shapes.is_static(x) else None
    return forms.reshape(g, x, [shapes.size(g, x, 0), groups, whole // groups if isinstance(whole, int) else -1])


@group_norm.since(21)
def _(
    g: Emitter,
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    # GroupNormalization-18 scales groups, not channels. ONNX Runtime has no kernel; it expands the operator.
    return g.op("GroupNormalization", input, *_parameters(g, input, weight, bias), num_groups=num_groups, epsilon=eps)


@symbolic("aten::native_group_norm")
def native_group_norm(
    g: Emitter,
    input: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    N: Dim,  # noqa: N803  (the schema's name)
    C: Dim,  # noqa: N803
    HxW: Dim,  # noqa: N803
    group: int,
    eps: float,
) -> tuple[Tensor, Tensor, Tensor]:
    """native_group_norm(Tensor input, Tensor? weight, Tensor? bias, SymInt N, SymInt C, SymInt HxW, int group,
    float eps) -> (Tensor, Tensor, Tensor)
    """
    del N, C, HxW
    groups = _grouped(g, widened(g, input), group)
    _, mean, inverse = standardized(g, groups, [2], eps)
    return group_norm(g, input, group, weight, bias, eps), forms.squeeze(g, mean, [2]), forms.squeeze(g, inverse, [2])


# -- of weights ------------------------------------------------------------------------------------------------------------


@symbolic("aten::norm_except_dim")
def norm_except_dim(g: Emitter, v: Tensor, pow: int = 2, dim: int = 0) -> Tensor:
    """norm_except_dim(Tensor v, int pow=2, int dim=0) -> Tensor

    ``dim`` -1 stands for no dimension at all: the norm of the whole tensor.
    """
    keep = dim != -1
    axes = [axis for axis in range(g.rank(v)) if axis != dim] if keep else None
    if axes == []:
        return g.op("Abs", v)
    if pow == 2:
        return forms.reduce(g, "ReduceL2", v, axes, keepdims=keep)
    if pow == 1:
        return forms.reduce(g, "ReduceL1", v, axes, keepdims=keep)
    total = forms.reduce(g, "ReduceSum", g.op("Pow", g.op("Abs", v), g.like(pow, v)), axes, keepdims=keep)
    return g.op("Pow", total, g.like(1.0 / pow, v))


@symbolic("aten::_weight_norm")
def weight_norm(emitter: Emitter, v: Tensor, g: Tensor, dim: int = 0) -> Tensor:
    """_weight_norm(Tensor v, Tensor g, int dim=0) -> Tensor"""
    return weight_norm_interface(emitter, v, g, dim)[0]


@symbolic("aten::_weight_norm_interface")
def weight_norm_interface(emitter: Emitter, v: Tensor, g: Tensor, dim: int = 0) -> tuple[Tensor, Tensor]:
    """_weight_norm_interface(Tensor v, Tensor g, int dim=0) -> (Tensor, Tensor)"""
    norm = norm_except_dim(emitter, v, 2, dim)
    return emitter.op("Mul", v, emitter.op("Div", g, norm)), norm
