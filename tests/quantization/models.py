"""Models that PyTorch quantized: statically, dynamically, with training, by fx."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.ao.nn.quantized as nnq
import torch.ao.quantization as tq
from torch.ao.quantization import quantize_fx
from torch.nn import functional as F

CUSTOM_LSTM = {
    "float_to_observed_custom_module_class": {torch.nn.LSTM: torch.ao.nn.quantizable.LSTM},
    "observed_to_quantized_custom_module_class": {torch.ao.nn.quantizable.LSTM: torch.ao.nn.quantized.LSTM},
}


class Convnet(torch.nn.Module):
    """Convolution, batch norm and ReLU that fuse; a residual sum; an average, if wanted; a linear layer."""

    def __init__(self, *, average: bool = True) -> None:
        super().__init__()
        self.average = average
        self.quant, self.dequant = tq.QuantStub(), tq.DeQuantStub()
        self.conv, self.bn, self.relu = torch.nn.Conv2d(3, 8, 3, padding=1), torch.nn.BatchNorm2d(8), torch.nn.ReLU()
        self.conv2 = torch.nn.Conv2d(8, 8, 3, padding=1, groups=2)
        self.add = nnq.FloatFunctional()
        self.fc = torch.nn.Linear(8 if average else 128, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.relu(self.bn(self.conv(self.quant(x))))
        x = F.max_pool2d(self.add.add_relu(x, self.conv2(x)), 2)
        x = F.adaptive_avg_pool2d(x, [1, 1]) if self.average else x
        return self.dequant(self.fc(x.flatten(1)))


class Signal(torch.nn.Module):
    """Convolutions over one and three dimensions, transposed ones, activations with a grid of their own."""

    def __init__(self) -> None:
        super().__init__()
        self.quant, self.dequant = tq.QuantStub(), tq.DeQuantStub()
        self.narrow = torch.nn.Conv1d(4, 6, 3, stride=2, padding=1)
        self.wide = torch.nn.ConvTranspose1d(6, 4, 3, stride=2, padding=1, output_padding=1)
        self.act, self.norm = torch.nn.Hardswish(), torch.nn.LayerNorm(8)
        self.cat = nnq.FloatFunctional()
        self.leaky = torch.nn.LeakyReLU(0.2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.quant(x)
        y = self.leaky(self.wide(self.act(self.narrow(x))))
        return self.dequant(torch.sigmoid(self.norm(self.cat.cat([x, y], 1))))


class StaticLstm(torch.nn.Module):
    """An LSTM whose every step computes with integers: what is off in one of them goes on in the next."""

    def __init__(self, inputs: int = 4, hidden: int = 6, **more: Any) -> None:
        super().__init__()
        self.quant, self.dequant = tq.QuantStub(), tq.DeQuantStub()
        self.lstm = torch.nn.LSTM(inputs, hidden, **more)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.dequant(self.lstm(self.quant(x))[0])


class PackedSequence(torch.nn.Module):
    def __init__(self, kind: type[torch.nn.Module]) -> None:
        super().__init__()
        self.recurrent = kind(4, 6, 2, bidirectional=True)

    def forward(self, x: torch.Tensor, lengths: torch.Tensor) -> Any:
        packed = torch.nn.utils.rnn.pack_padded_sequence(x, lengths, enforce_sorted=False)
        y, state = self.recurrent(packed)
        return torch.nn.utils.rnn.pad_packed_sequence(y)[0], state


def images(count: int = 2) -> torch.Tensor:
    return torch.randn(count, 3, 8, 8)


def static(model: torch.nn.Module, calibration: torch.Tensor, *, qconfig: Any = None, **custom: Any) -> torch.nn.Module:
    model.eval()
    model.qconfig = qconfig or tq.get_default_qconfig("fbgemm")
    observed = tq.prepare(model, prepare_custom_config_dict=custom.get("custom"))
    observed(calibration)
    return tq.convert(observed, convert_custom_config_dict=custom.get("custom"))


def fused() -> torch.nn.Module:
    return tq.fuse_modules(Convnet().eval(), [["conv", "bn", "relu"]])


def aware(*, converted: bool) -> torch.nn.Module:
    model = Convnet().train()
    tq.fuse_modules_qat(model, [["conv", "bn", "relu"]], inplace=True)
    model.qconfig = tq.get_default_qat_qconfig("fbgemm")
    tq.prepare_qat(model, inplace=True)
    for _ in range(3):
        model(images(4))
    model.apply(tq.disable_observer)
    return tq.convert(model.eval()) if converted else model.eval()


FX: dict[str, Callable[..., torch.nn.Module]] = {
    "integers": quantize_fx.convert_fx,
    "reference": quantize_fx.convert_to_reference_fx,
    "decomposed": quantize_fx._convert_to_reference_decomposed_fx,
}
"""What fx makes of an observed model: PyTorch's integer kernels; floats between ``quantize`` and ``dequantize``; the same
with the operators of pt2e."""


def by_fx(kind: str = "integers", *, average: bool = True) -> torch.nn.Module:
    model = Convnet(average=average).eval()
    observed = quantize_fx.prepare_fx(model, tq.get_default_qconfig_mapping("fbgemm"), (images(),))
    observed(images(8))
    return FX[kind](copy.deepcopy(observed))


def dynamic(model: torch.nn.Module, *kinds: type[torch.nn.Module], dtype: torch.dtype = torch.qint8) -> torch.nn.Module:
    return tq.quantize_dynamic(model.eval(), set(kinds), dtype=dtype)


def transformer() -> torch.nn.Module:
    layer = torch.nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
    return dynamic(torch.nn.TransformerEncoder(layer, 2), torch.nn.Linear)


def embedding_bag() -> torch.nn.Module:
    model = torch.nn.Sequential(torch.nn.EmbeddingBag(10, 12, mode="sum"), torch.nn.ReLU()).eval()
    model[0].qconfig = tq.float_qparams_weight_only_qconfig
    return tq.convert(tq.prepare(model))


PER_TENSOR = tq.QConfig(activation=tq.default_observer, weight=tq.default_weight_observer)


@dataclass(frozen=True)
class QuantizedModel:
    """A model, its arguments, and the axes that may differ.

    Attributes:
        name: For the test's id.
        make: Makes the model.
        args: Makes the arguments.
        axes: Dynamic axes of the inputs ``x0``, ``x1`` ….
        fast: Whether it runs by default.
        operators: Targets that must be among those that were lowered.
    """

    name: str
    make: Callable[[], torch.nn.Module]
    args: Callable[[], tuple[torch.Tensor, ...]]
    axes: dict[str, dict[int, str]] = field(default_factory=lambda: {"x0": {0: "batch"}})
    fast: bool = False
    operators: tuple[str, ...] = ()


_SEQUENCE: dict[str, dict[int, str]] = {"x0": {0: "time", 1: "batch"}}


def _sequence() -> tuple[torch.Tensor, ...]:
    return (torch.randn(5, 2, 4),)


MODELS = [
    QuantizedModel("static convnet", lambda: static(fused(), images(16)), lambda: (images(),), fast=True,
                   operators=("quantized::conv2d_relu", "quantized::add_relu", "quantized::linear")),
    QuantizedModel("per tensor", lambda: static(fused(), images(16), qconfig=PER_TENSOR), lambda: (images(),)),
    QuantizedModel("static signal", lambda: static(Signal(), torch.randn(16, 4, 8), qconfig=PER_TENSOR),
                   lambda: (torch.randn(2, 4, 8),), fast=True,
                   operators=("quantized::conv1d", "quantized::conv_transpose1d", "quantized::layer_norm")),
    QuantizedModel("fake quantization", lambda: aware(converted=False), lambda: (images(),), fast=True,
                   operators=("aten::fused_moving_avg_obs_fake_quant",)),
    QuantizedModel("trained and converted", lambda: aware(converted=True), lambda: (images(),)),
    QuantizedModel("fx", by_fx, lambda: (images(),), fast=True, operators=("quantized::conv2d_relu",)),
    # With an average, PyTorch's floats decide where a half goes: see test_steps.py.
    QuantizedModel("fx reference", lambda: by_fx("reference", average=False), lambda: (images(),)),
    QuantizedModel("fx decomposed", lambda: by_fx("decomposed", average=False), lambda: (images(),),
                   operators=("quantized_decomposed::quantize_per_tensor", "quantized_decomposed::dequantize_per_channel")),
    QuantizedModel("transformer", transformer, lambda: (torch.randn(2, 5, 16),), {"x0": {0: "batch", 1: "time"}},
                   fast=True, operators=("quantized::linear_dynamic",)),
    QuantizedModel("linear", lambda: dynamic(torch.nn.Sequential(torch.nn.Linear(4, 6), torch.nn.ReLU()), torch.nn.Linear),
                   _sequence, _SEQUENCE),
    QuantizedModel("lstm", lambda: dynamic(torch.nn.Sequential(torch.nn.LSTM(4, 6, 2, bidirectional=True)), torch.nn.LSTM),
                   _sequence, _SEQUENCE, fast=True, operators=("aten::quantized_lstm",)),
    QuantizedModel("gru", lambda: dynamic(torch.nn.Sequential(torch.nn.GRU(4, 6, batch_first=True)), torch.nn.GRU),
                   _sequence, _SEQUENCE, operators=("aten::quantized_gru",)),
    QuantizedModel("half lstm", lambda: dynamic(torch.nn.Sequential(torch.nn.LSTM(4, 6)), torch.nn.LSTM, dtype=torch.float16),
                   _sequence, _SEQUENCE),
    QuantizedModel("half linear",
                   lambda: dynamic(torch.nn.Sequential(torch.nn.Linear(4, 6)), torch.nn.Linear, dtype=torch.float16),
                   _sequence, _SEQUENCE),
    *(
        QuantizedModel(f"packed {kind.__name__}", lambda kind=kind: dynamic(PackedSequence(kind), kind),
                       lambda: (torch.randn(5, 3, 4), torch.tensor([3, 5, 2])), {"x0": {0: "time"}})
        for kind in (torch.nn.LSTM, torch.nn.GRU)
    ),
    *(
        QuantizedModel(kind.__name__, lambda kind=kind: dynamic(torch.nn.Sequential(kind(4, 6)), kind),
                       lambda: (torch.randn(3, 4),))
        for kind in (torch.nn.LSTMCell, torch.nn.GRUCell, torch.nn.RNNCell)
    ),
    QuantizedModel(
        "relu RNNCell", lambda: dynamic(torch.nn.Sequential(torch.nn.RNNCell(4, 6, nonlinearity="relu")), torch.nn.RNNCell),
        lambda: (torch.randn(3, 4),),
    ),
    QuantizedModel("embedding bag", embedding_bag, lambda: (torch.tensor([[1, 2, 3], [4, 5, 6]]),), fast=True,
                   operators=("quantized::embedding_bag_byte",)),
]  # fmt: skip


def made(row: QuantizedModel) -> tuple[torch.nn.Module, tuple[torch.Tensor, ...]]:
    """The model and its arguments, always the same; PyTorch warns that it will move all this to torchao."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.manual_seed(0)
        return row.make(), row.args()
