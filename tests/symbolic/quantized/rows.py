"""Every operator of quantized tensors once: what to run, on which inputs.

A row's function takes float tensors, quantizes them, and gives a quantized tensor (compared by its integers) or a float one.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F

from tests.symbolic.cases import seeded

ops = torch.ops.quantized


@dataclass(frozen=True)
class Row:
    """One call.

    Attributes:
        target: The operator that the row is for.
        run: What to export.
        args: Makes the inputs.
        name: Which variant of the call, for the test's id.
        since: The first opset that can.
        step: How far a float result may be off; quantized ones one integer.
        dynamic: Axes of the first input that may differ.
    """

    target: str
    run: Callable[..., Any]
    args: Callable[[], tuple[torch.Tensor, ...]]
    name: str = ""
    since: int = 7
    step: float = 1e-5
    dynamic: tuple[int, ...] = field(default=(0,))


def quantized(
    x: torch.Tensor, scale: float = 0.04, point: int = 110, dtype: torch.dtype = torch.quint8
) -> torch.Tensor:
    return torch.quantize_per_tensor(x, scale, point, dtype)


def signed(x: torch.Tensor, scale: float = 0.05, point: int = -7) -> torch.Tensor:
    return torch.quantize_per_tensor(x, scale, point, torch.qint8)


def weights(*shape: int, per_channel: bool = True, axis: int = 0) -> torch.Tensor:
    w = seeded(*shape) * 0.5
    if not per_channel:
        return torch.quantize_per_tensor(w, 0.01, 0, torch.qint8)
    scales = torch.linspace(0.006, 0.012, shape[axis]).double()
    return torch.quantize_per_channel(w, scales, torch.zeros(shape[axis], dtype=torch.int64), axis, torch.qint8)


class Layer(torch.nn.Module):
    """Holds packed weights, as the modules of torch.ao.nn do."""

    def __init__(self, packed: Any, call: Callable[..., Any]) -> None:
        super().__init__()
        self._packed_params = packed
        self.call = call

    def forward(self, *tensors: torch.Tensor) -> torch.Tensor:
        return self.call(self._packed_params, *tensors)


def image(*shape: int) -> Callable[[], tuple[torch.Tensor, ...]]:
    return lambda: (seeded(*shape, low=-3, high=4),)


_X = image(2, 4, 6, 6)
_FLAT = image(3, 8)


# -- making and reading -------------------------------------------------------------------------------------------------

_SCALES = torch.tensor([0.02, 0.05, 0.1, 0.2])
_POINTS = torch.tensor([100, 3, 250, 0])


def _channels(x: torch.Tensor) -> torch.Tensor:
    return torch.quantize_per_channel(x, _SCALES, _POINTS, 1, torch.quint8)


TENSORS = [
    Row("aten::quantize_per_tensor", quantized, _X),
    Row("aten::quantize_per_tensor", signed, _X, "signed"),
    Row("aten::quantize_per_tensor", lambda x: quantized(x, 1e-7, 11, torch.qint32), _X, "qint32"),
    Row(
        "aten::quantize_per_tensor",
        lambda x, s: torch.quantize_per_tensor(x, s, torch.tensor(3), torch.quint8),
        lambda: (*_X(), torch.tensor(0.07)),
        "traced scale",
    ),
    Row("aten::quantize_per_tensor_dynamic", lambda x: torch.quantize_per_tensor_dynamic(x, torch.quint8, False), _X),
    Row(
        "aten::quantize_per_tensor_dynamic", lambda x: torch.quantize_per_tensor_dynamic(x, torch.qint8, True), _X,
        "signed, 7 bits",
    ),
    Row(
        "aten::quantize_per_tensor_dynamic", lambda x: torch.quantize_per_tensor_dynamic(x * 0, torch.quint8, False), _X,
        "zeros",
    ),
    Row("aten::quantize_per_channel", _channels, _X),
    Row("aten::dequantize.self", lambda x: quantized(x).dequantize(), _X),
    Row("aten::dequantize.self", lambda x: _channels(x).dequantize(), _X, "channels"),
    Row("aten::dequantize.self", lambda x: quantized(x, 1e-7, 11, torch.qint32).dequantize(), _X, "qint32"),
    Row("aten::int_repr", lambda x: quantized(x).int_repr() + 0, _X),
    Row("aten::q_scale", lambda x: x * quantized(x).q_scale(), _X),
    Row("aten::q_zero_point", lambda x: x + quantized(x).q_zero_point(), _X),
    Row("aten::q_per_channel_scales", lambda x: _channels(x).q_per_channel_scales() + x[0, 0, 0, 0], _X, dynamic=()),
    Row("aten::q_per_channel_zero_points", lambda x: _channels(x).q_per_channel_zero_points() + x[0, 0, 0, 0], _X, dynamic=()),
    Row("aten::_make_per_tensor_quantized_tensor",
        lambda x: torch._make_per_tensor_quantized_tensor(quantized(x).int_repr(), 0.3, 9), _X),
]  # fmt: skip


# -- fake quantization --------------------------------------------------------------------------------------------------

_FAKE_SCALE, _FAKE_POINT = torch.tensor([0.03]), torch.tensor([17], dtype=torch.int32)


def _observed(x: torch.Tensor) -> torch.Tensor:
    return torch.fused_moving_avg_obs_fake_quant(
        x, torch.tensor([0]), torch.tensor([1]), torch.tensor(-1.0), torch.tensor(1.0), _FAKE_SCALE, _FAKE_POINT,
        0.01, 0, 127, 0, False, False,
    )  # fmt: skip


def _per_channel_fake(x: torch.Tensor) -> torch.Tensor:
    return torch.fake_quantize_per_channel_affine(x, _SCALES, _POINTS.int(), 1, 0, 255)


FAKE = [
    Row("aten::fake_quantize_per_tensor_affine", lambda x: torch.fake_quantize_per_tensor_affine(x, 0.05, 60, 0, 255), _X),
    Row("aten::fake_quantize_per_tensor_affine", lambda x: torch.fake_quantize_per_tensor_affine(x, 0.05, 0, -64, 63), _X,
        "7 bits"),
    Row("aten::fake_quantize_per_tensor_affine", lambda x: torch.fake_quantize_per_tensor_affine(x, 1e-4, 5, -32768, 32767),
        _X, "16 bits", step=1e-4),
    Row("aten::fake_quantize_per_tensor_affine",
        lambda x: torch.fake_quantize_per_tensor_affine(x, _FAKE_SCALE, _FAKE_POINT, 0, 255), _X, "tensors"),
    Row("aten::fake_quantize_per_tensor_affine_cachemask",
        lambda x: torch.ops.aten.fake_quantize_per_tensor_affine_cachemask(x, 0.01, 60, 0, 255), _X),
    Row("aten::_fake_quantize_per_tensor_affine_cachemask_tensor_qparams",
        lambda x: torch.ops.aten._fake_quantize_per_tensor_affine_cachemask_tensor_qparams(
            x, _FAKE_SCALE, _FAKE_POINT, torch.tensor([1]), 0, 255), _X),
    Row("aten::fake_quantize_per_channel_affine", _per_channel_fake, _X),
    Row("aten::fake_quantize_per_channel_affine_cachemask",
        lambda x: torch.ops.aten.fake_quantize_per_channel_affine_cachemask(x, _SCALES, _POINTS.int(), 1, 0, 255), _X),
    Row("aten::_fake_quantize_learnable_per_tensor_affine",
        lambda x: torch._fake_quantize_learnable_per_tensor_affine(x, _FAKE_SCALE, torch.tensor([17.4]), 0, 255, 1.0), _X),
    Row("aten::_fake_quantize_learnable_per_channel_affine",
        lambda x: torch._fake_quantize_learnable_per_channel_affine(x, _SCALES, _POINTS.float(), 1, 0, 255, 1.0), _X),
    Row("aten::fused_moving_avg_obs_fake_quant", _observed, _X),
]  # fmt: skip


# -- layers -------------------------------------------------------------------------------------------------------------


def _linear(per_channel: bool = True, bias: bool = True) -> Any:
    return ops.linear_prepack(weights(5, 8, per_channel=per_channel), seeded(5) if bias else None)


def _static(call: Callable[..., Any], packed: Any) -> torch.nn.Module:
    return Layer(packed, lambda p, x: call(quantized(x), p, 0.05, 100))


def _conv(dims: int, transposed: bool = False, *, groups: int = 1, per_channel: bool = True) -> Any:
    kind = f"conv{'_transpose' if transposed else ''}{dims}d_prepack"
    shape = (4, 6 // groups) if transposed else (6, 4 // groups)
    w = weights(*shape, *(3, 2, 2)[:dims], per_channel=per_channel)
    more = ([1] * dims,) if transposed else ()
    return getattr(ops, kind)(w, seeded(6), [2] * dims, [1] * dims, *more, [1] * dims, groups)


_MATRIX, _FLOATS = weights(5, 8), seeded(5, 8)
_ADDED = seeded(2, 6, 3, 4)


@contextlib.contextmanager
def onednn() -> Generator[None]:
    """An engine that has more fused operators."""
    before = torch.backends.quantized.engine
    torch.backends.quantized.engine = "onednn"
    try:
        yield
    finally:
        torch.backends.quantized.engine = before


class Onednn(Layer):
    """A layer that is packed and runs with that engine."""

    def __init__(self, make: Callable[..., Any], args: tuple[Any, ...], call: Callable[..., Any]) -> None:
        with onednn():
            super().__init__(make(*args), call)

    def forward(self, *tensors: torch.Tensor) -> torch.Tensor:
        with onednn():
            return super().forward(*tensors)


_VOLUME = image(2, 4, 5, 6, 6)
_SIGNAL = image(2, 4, 9)
_INPUTS = {1: _SIGNAL, 2: _X, 3: _VOLUME}
_OBSERVED = 7 / 127 * 1.001
"""One step of 7 bits over the inputs' range: dynamic convolutions round their result to the input's grid."""
_LINEARS = [
    Row("quantized::linear", _static(ops.linear, _linear()), _FLAT),
    Row("quantized::linear", _static(ops.linear, _linear(per_channel=False)), _FLAT, "one scale"),
    Row("quantized::linear", _static(ops.linear, _linear(bias=False)), _FLAT, "no bias"),
    Row("quantized::linear", _static(ops.linear, _linear()), image(2, 3, 8), "3-d"),
    Row("quantized::linear", lambda x: ops.linear(quantized(x), ops.linear_prepack(_MATRIX, None), 0.05, 100), _FLAT,
        "packed in forward"),
    Row("quantized::linear_relu", _static(ops.linear_relu, _linear()), _FLAT),
    Row("quantized::linear_dynamic", Layer(_linear(), lambda p, x: ops.linear_dynamic(x, p, True)), _FLAT),
    Row("quantized::linear_dynamic", Layer(_linear(False), lambda p, x: ops.linear_dynamic(x, p, False)), image(2, 3, 8),
        "3-d, 8 bits"),
    Row("quantized::linear_relu_dynamic", Layer(_linear(), lambda p, x: ops.linear_relu_dynamic(x, p, True)), _FLAT),
    Row("quantized::linear_dynamic_fp16",
        Layer(ops.linear_prepack_fp16(seeded(5, 8), seeded(5)), lambda p, x: ops.linear_dynamic_fp16(x, p)), _FLAT),
    Row("quantized::linear_relu_dynamic_fp16",
        Layer(ops.linear_prepack_fp16(seeded(5, 8), seeded(5)), lambda p, x: ops.linear_relu_dynamic_fp16(x, p)), _FLAT),
    Row("quantized::linear_with_input_q_dq_qweight_dq_output_fp32",
        Layer(_linear(False), lambda p, x: ops.linear_with_input_q_dq_qweight_dq_output_fp32(x, 0.05, 90, p)), _FLAT),
    Row("quantized::linear_with_input_q_dq_qweight_dq_relu_output_fp32",
        Layer(_linear(False), lambda p, x: ops.linear_with_input_q_dq_qweight_dq_relu_output_fp32(x, 0.05, 90, p)), _FLAT),
    Row("quantized::linear_dynamic_fp16_unpacked_weight",
        lambda x: ops.linear_dynamic_fp16_unpacked_weight(x, _FLOATS, _FLOATS[:, 0]), _FLAT),
]  # fmt: skip
_WITH_ONEDNN = [
    Row("quantized::linear_leaky_relu",
        Onednn(_linear, (False,), lambda p, x: ops.linear_leaky_relu(quantized(x), p, 0.05, 100, 0.1)), _FLAT),
    Row("quantized::linear_tanh",
        Onednn(_linear, (False,), lambda p, x: ops.linear_tanh(quantized(x), p, 0.01, 100)), _FLAT),
    *(
        Row(f"quantized::{name}",
            Onednn(_conv, (2,),
                   lambda p, x, name=name: getattr(ops, name)(quantized(x), quantized(_ADDED), p, 0.05, 100)),
            image(2, 4, 6, 6), dynamic=())
        for name in ("conv2d_add", "conv2d_add_relu")
    ),
]  # fmt: skip
_CONVOLUTIONS = [
    *(Row(f"quantized::conv{d}d", _static(getattr(ops, f"conv{d}d"), _conv(d)), _INPUTS[d]) for d in (1, 2, 3)),
    *(Row(f"quantized::conv{d}d_relu", _static(getattr(ops, f"conv{d}d_relu"), _conv(d)), _INPUTS[d]) for d in (1, 2, 3)),
    Row("quantized::conv2d", _static(ops.conv2d, _conv(2, groups=2)), _X, "groups"),
    Row("quantized::conv2d", _static(ops.conv2d, _conv(2, per_channel=False)), _X, "one scale"),
    *(
        Row(f"quantized::conv_transpose{d}d", _static(getattr(ops, f"conv_transpose{d}d"),
                                                     _conv(d, True, per_channel=False)), _INPUTS[d])
        for d in (1, 2, 3)
    ),
    *(
        Row(f"quantized::conv{d}d_dynamic",
            Layer(_conv(d), lambda p, x, d=d: getattr(ops, f"conv{d}d_dynamic")(x, p, True)), _INPUTS[d], step=_OBSERVED)
        for d in (1, 2, 3)
    ),
    *(
        Row(f"quantized::conv_transpose{d}d_dynamic",
            Layer(_conv(d, True, per_channel=False),
                  lambda p, x, d=d: getattr(ops, f"conv_transpose{d}d_dynamic")(x, p, True)), _INPUTS[d], step=_OBSERVED)
        for d in (1, 2, 3)
    ),
]  # fmt: skip
LAYERS = [*_LINEARS, *_CONVOLUTIONS, *_WITH_ONEDNN]


# -- arithmetic ---------------------------------------------------------------------------------------------------------


def _pair(name: str) -> Row:
    call = getattr(ops, name)
    return Row(f"quantized::{name}", lambda x, y: call(quantized(x), quantized(y, 0.03, 90), 0.06, 100),
               lambda: (*_X(), seeded(2, 4, 6, 6)), dynamic=())  # fmt: skip


def _number(name: str, number: float, **more: Any) -> Row:
    call = getattr(ops, name)
    return Row(f"quantized::{name}", lambda x: call(quantized(x), number), _X, f"{number}", **more)


ARITHMETIC = [
    *(_pair(name) for name in ("add", "add_relu", "mul", "mul_relu")),
    Row("quantized::matmul", lambda x, y: ops.matmul(quantized(x), quantized(y, 0.03, 90), 0.2, 100),
        lambda: (seeded(2, 3, 5), seeded(2, 5, 4)), dynamic=()),
    *(_number("add_scalar", number) for number in (0.5, -2.0, 100.0, -100.0)),
    _number("add_scalar_relu", -0.5),
    *(_number("mul_scalar", number) for number in (1.5, -0.5, 0.0)),
    _number("mul_scalar_relu", -1.5),
    Row("quantized::cat", lambda x: ops.cat([quantized(x), quantized(x, 0.02, 5)], 1, 0.05, 100), _X),
    Row("quantized::cat", lambda x: ops.cat([quantized(x), quantized(x)], 1, None, None), _X, "same grid"),
    Row("quantized::cat_relu", lambda x: ops.cat_relu([quantized(x), quantized(x, 0.02, 5)], 1, 0.05, 100), _X),
    Row("aten::cat", lambda x: torch.cat([quantized(x), quantized(x)], 1), _X),
]  # fmt: skip


# -- activations and normalizations -------------------------------------------------------------------------------------

_WEIGHT, _SHIFT = seeded(4) + 1, seeded(4)
_MEAN, _VAR = seeded(4) * 0.1, seeded(4).abs() + 0.5


def _batch_norm(name: str, inputs: Callable[[], tuple[torch.Tensor, ...]]) -> Row:
    call = getattr(ops, name)
    return Row(
        f"quantized::{name}", lambda x: call(quantized(x), _WEIGHT, _SHIFT, _MEAN, _VAR, 1e-5, 0.06, 100), inputs
    )


ACTIVATIONS = [
    Row("quantized::hardswish", lambda x: ops.hardswish(quantized(x), 0.03, 20), _X),
    Row("quantized::sigmoid", lambda x: ops.sigmoid(quantized(x), 1 / 256, 0), _X),
    Row("quantized::leaky_relu", lambda x: ops.leaky_relu(quantized(x), 0.2, False, 0.03, 40), _X),
    Row("quantized::elu", lambda x: ops.elu(quantized(x), 0.03, 40, 1.5), _X),
    Row("quantized::celu", lambda x: ops.celu(quantized(x), 0.03, 40, 1.5), _X),
    Row("quantized::prelu",
        lambda x: ops.prelu(quantized(x), torch.quantize_per_tensor(_WEIGHT, 0.01, 0, torch.quint8), 0.05, 90), _X),
    Row("quantized::softmax", lambda x: ops.softmax(quantized(x), 1, 1 / 256, 0), _X),
    Row("quantized::dropout", lambda x: ops.dropout(quantized(x), 0.1, 3, 0.5, False), _X),
    Row("quantized::relu6", lambda x: ops.relu6(quantized(x), False), image(2, 4, 6, 6)),
    Row("quantized::clamp", lambda x: ops.clamp(quantized(x), -1.03, 2.01), _X),
    Row("quantized::threshold", lambda x: ops.threshold(quantized(x), 0.5, 0.25), _X, since=9),
    Row("quantized::layer_norm",
        lambda x: ops.layer_norm(quantized(x), [6], torch.ones(6), torch.zeros(6), 1e-5, 0.05, 100), _X),
    Row("quantized::group_norm", lambda x: ops.group_norm(quantized(x), 2, _WEIGHT, _SHIFT, 1e-5, 0.05, 100), _X),
    Row("quantized::instance_norm", lambda x: ops.instance_norm(quantized(x), _WEIGHT, _SHIFT, 1e-5, 0.05, 100), _X),
    _batch_norm("batch_norm", _X),
    _batch_norm("batch_norm_relu", _X),
    _batch_norm("batch_norm1d", _SIGNAL),
    _batch_norm("batch_norm1d_relu", _SIGNAL),
    _batch_norm("batch_norm2d", _X),
    _batch_norm("batch_norm2d_relu", _X),
    _batch_norm("batch_norm3d", _VOLUME),
    _batch_norm("batch_norm3d_relu", _VOLUME),
    Row("aten::quantized_batch_norm",
        lambda x: torch.quantized_batch_norm(quantized(x), _WEIGHT, _SHIFT, _MEAN, _VAR, 1e-5, 0.06, 100), _X),
    *(Row(f"aten::{name}", lambda x, name=name: getattr(torch, name)(quantized(x)), _X) for name in ("sigmoid", "tanh", "relu")),
    Row("aten::sigmoid", lambda x: torch.sigmoid(signed(x)), _X, "signed"),
    Row("aten::tanh", lambda x: torch.tanh(signed(x)), _X, "signed"),
    Row("aten::hardsigmoid", lambda x: F.hardsigmoid(quantized(x)), _X),
    Row("aten::hardtanh", lambda x: F.hardtanh(quantized(x), -0.7, 1.2), _X),
    Row("aten::clamp", lambda x: quantized(x).clamp(-0.7, 1.2), _X),
    Row("aten::leaky_relu", lambda x: F.leaky_relu(quantized(x), 0.1), _X),
    Row("aten::gelu", lambda x: F.gelu(quantized(x)), _X, since=9),
    Row("aten::threshold", lambda x: torch.threshold(quantized(x), 0.5, 0.25), _X, since=9),
]  # fmt: skip


# -- ATen operators on quantized tensors ----------------------------------------------------------------------------------


def _on(target: str, run: Callable[[torch.Tensor], Any], name: str = "", **more: Any) -> Row:
    inputs = more.pop("inputs", _X)
    return Row(f"aten::{target}", lambda x: run(quantized(x)), inputs, name, **more)


_PLACES = seeded(2, 3, 3, 2).clamp(-1, 1)
MOVED = [
    _on("flatten", lambda q: q.flatten(1)),
    _on("reshape", lambda q: q.reshape(-1, 4, 36)),
    _on("view", lambda q: q.view(-1, 4, 36)),
    _on("permute", lambda q: q.permute(0, 2, 3, 1)),
    _on("transpose", lambda q: q.transpose(1, 2)),
    _on("slice", lambda q: q[:, 1:3, ::2]),
    _on("select", lambda q: q[:, 1]),
    _on("index_select", lambda q: q.index_select(1, torch.tensor([2, 0]))),
    _on("unsqueeze", lambda q: q.unsqueeze(1)),
    _on("squeeze", lambda q: q[:, :1].squeeze(1)),
    _on("chunk", lambda q: q.chunk(2, 1)),
    _on("split", lambda q: q.split(3, 2)),
    _on("unbind", lambda q: q.unbind(1)),
    _on("stack", lambda q: torch.stack([q, q], 1)),
    _on("flip", lambda q: q.flip(2)),
    _on("clone", lambda q: q.clone()),
    _on("contiguous", lambda q: q.transpose(1, 2).contiguous()),
    _on("channel_shuffle", lambda q: F.channel_shuffle(q, 2)),
    _on("pixel_shuffle", lambda q: F.pixel_shuffle(q, 2)),
    _on("max_pool2d", lambda q: F.max_pool2d(q, 2, 2, 1)),
    _on("max_pool1d", lambda q: F.max_pool1d(q, 2, 2), inputs=_SIGNAL),
    _on("quantized_max_pool2d", lambda q: torch.quantized_max_pool2d(q, [2, 2], [2, 2], [0, 0], [1, 1])),
    _on("upsample_nearest2d", lambda q: F.interpolate(q, scale_factor=2.0, mode="nearest")),
    _on("pad", lambda q: F.pad(q, (1, 2, 1, 1), mode="reflect"), "reflect", since=11),
    _on("topk", lambda q: q.reshape(-1, 144).topk(3)[0], since=10),
    _on("sort", lambda q: q.sort(2)[0], since=10),
    _on("max.dim", lambda q: q.max(1)[0]),
    _on("min", lambda q: q.min()),
    _on("expand", lambda q: q.unsqueeze(1).expand(-1, 3, -1, -1, -1)),
    _on("expand_as", lambda q: q[:, :1].expand_as(q)),
    _on("broadcast_to", lambda q: q.unsqueeze(1).broadcast_to(q.shape[0], 3, 4, 6, 6)),
    _on("narrow", lambda q: q.narrow(1, 1, 2)),
    _on("repeat", lambda q: q.repeat(1, 2, 1, 1)),
    _on("tile", lambda q: q.tile(2)),
    _on("t", lambda q: q.reshape(-1, 144).t()),
    _on("swapaxes", lambda q: q.swapaxes(1, 2)),
    _on("swapdims", lambda q: q.swapdims(1, 2)),
    _on("movedim", lambda q: q.movedim((1, -1), (2, 0))),
    _on("unflatten", lambda q: q.unflatten(1, (2, 2))),
    _on("unfold", lambda q: q.unfold(2, 2, 2)),
    _on("reshape_as", lambda q: q.reshape_as(q.transpose(2, 3))),
    _on("view_as", lambda q: q.view_as(q)),
    _on("diagonal", lambda q: q.diagonal(0, 2, 3)),
    _on("index", lambda q: q[:, torch.tensor([0, 2])]),
    _on("numpy_T", lambda q: q.reshape(-1, 144).T),
    _on("pixel_unshuffle", lambda q: F.pixel_unshuffle(q, 2)),
    _on("split_with_sizes", lambda q: q.split([1, 3], 1)),
    _on("unsafe_chunk", lambda q: q.unsafe_chunk(2, 1)),
    _on("unsafe_split", lambda q: q.unsafe_split(2, 1)),
    _on("unsafe_split_with_sizes", lambda q: q.unsafe_split_with_sizes([1, 3], 1)),
    _on("upsample_nearest3d", lambda q: F.interpolate(q, scale_factor=2.0), inputs=_VOLUME),
    _on("_upsample_nearest_exact2d", lambda q: F.interpolate(q, scale_factor=2.0, mode="nearest-exact"), since=11),
    _on("_upsample_nearest_exact3d", lambda q: F.interpolate(q, scale_factor=2.0, mode="nearest-exact"), since=11,
        inputs=_VOLUME),
    _on("max_pool3d", lambda q: F.max_pool3d(q, 2), inputs=_VOLUME),
    _on("quantized_max_pool1d", lambda q: torch.quantized_max_pool1d(q, [2], [2]), inputs=_SIGNAL),
    _on("quantized_max_pool3d", lambda q: torch.ops.aten.quantized_max_pool3d(q, [2, 2, 2], [2, 2, 2]), inputs=_VOLUME),
    _on("as_strided", lambda q: q.as_strided((2, 2), (4, 1)), dynamic=()),
    _on("detach", lambda q: q.detach()),
    _on("max", lambda q: q.max()),
]  # fmt: skip
COMPUTED = [
    _on("avg_pool2d", lambda q: F.avg_pool2d(q, 2)),
    _on("avg_pool2d", lambda q: F.avg_pool2d(q, 3, 2, 1, count_include_pad=False), "padded"),
    _on("avg_pool3d", lambda q: F.avg_pool3d(q, 2), inputs=_VOLUME),
    _on("avg_pool2d", lambda q: F.avg_pool2d(q.contiguous(memory_format=torch.channels_last), 2), "channels last"),
    _on("adaptive_avg_pool2d", lambda q: F.adaptive_avg_pool2d(q, 1)),
    _on("adaptive_avg_pool2d", lambda q: F.adaptive_avg_pool2d(q, 3), "3"),
    _on("mean.dim", lambda q: q.mean([2, 3])),
    _on("mean.dim", lambda q: q.mean(1, keepdim=True), "kept"),
    _on("std", lambda q: q.std(3), step=0.1),
    _on("upsample_bilinear2d", lambda q: F.interpolate(q, scale_factor=2.0, mode="bilinear", align_corners=False), since=11),
    _on("grid_sampler", lambda q: F.grid_sample(q, _PLACES, align_corners=False), since=16,
        dynamic=()),
    _on("masked_fill", lambda q: q.masked_fill(q.dequantize() > 1, 0.5), since=9),
    _on("pad", lambda q: F.pad(q, (1, 2), value=0.3), "constant"),
    _on("ge", lambda q: q >= 0.5),
    _on("eq", lambda q: q == quantized(torch.zeros(1))),
    _on("lt", lambda q: q < q.transpose(2, 3)),
    _on("gt", lambda q: q > 0.5),
    _on("le", lambda q: q <= 0.5),
    _on("ne", lambda q: q != 0.5),
    _on("avg_pool1d", lambda q: F.avg_pool1d(q, 3), inputs=_SIGNAL),
    _on("adaptive_avg_pool1d", lambda q: F.adaptive_avg_pool1d(q, 3), inputs=_SIGNAL),
    _on("adaptive_avg_pool3d", lambda q: F.adaptive_avg_pool3d(q, 1), inputs=_VOLUME),
    _on("pad", lambda q: torch.ops.aten.pad(q, [1, 1], "constant", 0.3)),
    _on("prelu", lambda q: F.prelu(q, torch.quantize_per_tensor(torch.tensor([0.25]), 0.01, 0, torch.quint8))),
    _on("relu6", lambda q: F.relu6(q)),
    _on("leaky_relu_", lambda q: F.leaky_relu_(q, 0.1)),
    _on("masked_fill_", lambda q: q.masked_fill_(q.dequantize() > 1, 0.5), since=9),
    _on("size", lambda q: q.dequantize() * q.size(0)),
    _on("numel", lambda q: q.dequantize() * q.numel()),
    _on("concat", lambda q: torch.concat([q, q], 1)),
]  # fmt: skip


# -- embeddings -----------------------------------------------------------------------------------------------------------


def _rows(dtype: torch.dtype) -> torch.Tensor:
    w = seeded(10, 12, low=-1, high=2)
    low, high = w.min(1)[0], w.max(1)[0]
    scale = (high - low) / (255 if dtype == torch.quint8 else 15)
    return torch.quantize_per_channel(w, scale, -low / scale, 0, dtype)


def _packed_rows(dtype: torch.dtype = torch.quint8) -> Any:
    return ops.embedding_bag_prepack(_rows(dtype))


def _indices() -> tuple[torch.Tensor, ...]:
    return (torch.tensor([1, 2, 4, 5, 4, 3, 2, 9]),)


_OFFSETS = torch.tensor([0, 3, 3, 6])


class Bytes(torch.nn.Module):
    """A matrix of prepacked bytes."""

    def __init__(self, bits: str) -> None:
        super().__init__()
        self.bits = bits
        self.register_buffer("table", getattr(ops, f"embedding_bag_{bits}_prepack")(seeded(10, 12, low=-1, high=2)))

    def forward(self, indices: torch.Tensor) -> torch.Tensor:
        call = getattr(ops, f"embedding_bag_{self.bits}_rowwise_offsets")
        return call(self.table, indices, _OFFSETS, False, 0, False, None, None, False)


def _bag(name: str, dtype: torch.dtype, *more: Any) -> torch.nn.Module:
    call = getattr(ops, name)
    return Layer(_packed_rows(dtype), lambda p, i: call(p, i, *more))


EMBEDDINGS = [
    Row("quantized::embedding_byte", Layer(_packed_rows(), lambda p, i: ops.embedding_byte(p, i)), _indices),
    Row("quantized::embedding_4bit", Layer(_packed_rows(torch.quint4x2), lambda p, i: ops.embedding_4bit(p, i)), _indices),
    Row("quantized::embedding_bag_byte", _bag("embedding_bag_byte", torch.quint8, _OFFSETS), _indices, since=9, dynamic=()),
    Row("quantized::embedding_bag_unpack",
        Layer(_packed_rows(), lambda p, i: ops.embedding_bag_unpack(p).dequantize()[i]), _indices),
    Row("quantized::embedding_bag_byte", _bag("embedding_bag_byte", torch.quint8),
        lambda: (torch.tensor([[1, 2], [4, 9], [0, 0]]),), "matrix", since=9),
    Row("quantized::embedding_bag_byte",
        _bag("embedding_bag_byte", torch.quint8, torch.tensor([0, 3, 3, 8]), False, 0, False, torch.arange(8).float(), None,
             True), _indices, "weights", since=9, dynamic=()),
    Row("quantized::embedding_bag_4bit", _bag("embedding_bag_4bit", torch.quint4x2, _OFFSETS), _indices, since=9, dynamic=()),
    *(Row(f"quantized::embedding_bag_{bits}_rowwise_offsets", Bytes(bits), _indices, since=9, dynamic=())
      for bits in ("byte", "4bit", "2bit")),
    *(Row(f"quantized::embedding_bag_{bits}_unpack",
          Layer(None, lambda _, x, bits=bits: getattr(ops, f"embedding_bag_{bits}_unpack")(
              getattr(ops, f"embedding_bag_{bits}_prepack")(torch.ones(3, 8))) + x), image(3, 8), dynamic=())
      for bits in ("byte", "4bit", "2bit")),
]  # fmt: skip


# -- what only a scripted model has -----------------------------------------------------------------------------------------


def _swapped(x: torch.Tensor) -> torch.Tensor:
    q = torch.quantize_per_tensor(x, 0.04, 110, torch.quint8)
    return torch.swapdims(torch.swapaxes(torch.moveaxis(q, 1, 2), 1, 3), 2, 3)


def _joined(x: torch.Tensor) -> torch.Tensor:
    q = torch.quantize_per_tensor(x, 0.04, 110, torch.quint8)
    return torch.concatenate([torch.concat([q, q], 1), q], q.dim() - 3)


def _told(x: torch.Tensor) -> torch.Tensor:
    q = torch.quantize_per_tensor_dynamic(x, torch.quint8, False)
    return x * q.q_scale() + q.q_zero_point()


def _axis(x: torch.Tensor, scales: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
    q = torch.quantize_per_channel(x, scales, points, 1, torch.quint8)
    return x + q.q_per_channel_axis()


def _chosen(x: torch.Tensor) -> torch.Tensor:
    scale, point = torch._choose_qparams_per_tensor(x, True)
    return torch.quantize_per_tensor(x, scale, point, torch.quint8).dequantize()


with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    SCRIPTED = [
        Row("aten::swapaxes", torch.jit.script(_swapped), _X, "scripted"),
        Row("aten::concat", torch.jit.script(_joined), _X, "scripted"),
        Row("aten::q_scale", torch.jit.script(_told), _X, "scripted"),
        Row("aten::q_per_channel_axis", torch.jit.script(_axis), lambda: (*_X(), _SCALES, _POINTS), "scripted"),
        Row("aten::_choose_qparams_per_tensor", torch.jit.script(_chosen), _X, "scripted"),
    ]

ROWS = [*TENSORS, *FAKE, *LAYERS, *ARITHMETIC, *ACTIVATIONS, *MOVED, *COMPUTED, *EMBEDDINGS, *SCRIPTED]
