"""Wrong symbolic functions, as people write them, and the models that they are put into.

Most are the built-in function with one argument changed: what is forgotten or mixed up is then all that is wrong.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import onnx_ir as ir
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from onnx_explore.emit import Emitter
from onnx_explore.symbolic.registry import REGISTRY
from tests.models import zoo

Change = Callable[[Emitter, dict[str, Any]], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Wrong:
    """One mistake.

    Attributes:
        name: Test id.
        model: Key of ``MODELS``.
        target: The operator whose symbolic function is wrong.
        make: Makes that function.
    """

    name: str
    model: str
    target: str
    make: Callable[[str], Callable[..., Any]]


def built_in(target: str) -> Callable[..., Any]:
    """The right function at the default opset."""
    variant = REGISTRY.function(target).at(17)
    assert variant is not None
    return variant.function


def arguments(change: Change) -> Callable[[str], Callable[..., Any]]:
    """The right function with other arguments."""

    def make(target: str) -> Callable[..., Any]:
        right = built_in(target)
        names = list(right.__code__.co_varnames[1 : right.__code__.co_argcount])

        @functools.wraps(right)
        def wrong(g: Emitter, *args: Any, **kwargs: Any) -> Any:
            given = {**dict(zip(names, args, strict=False)), **kwargs}
            return right(g, **{**given, **change(g, given)})

        return wrong

    return make


def results(change: Callable[[Emitter, Any], Any]) -> Callable[[str], Callable[..., Any]]:
    """The right function, and something done to what it gives."""

    def make(target: str) -> Callable[..., Any]:
        right = built_in(target)

        @functools.wraps(right)
        def wrong(g: Emitter, *args: Any, **kwargs: Any) -> Any:
            return change(g, right(g, *args, **kwargs))

        return wrong

    return make


def constant(**changed: Any) -> Callable[[str], Callable[..., Any]]:
    """Arguments that are not read: always the same."""
    return arguments(lambda g, given: changed)


def by_hand(function: Callable[..., Any]) -> Callable[[str], Callable[..., Any]]:
    return lambda target: function


def swapped(first: str, second: str) -> Callable[[str], Callable[..., Any]]:
    return arguments(lambda g, given: {first: given[second], second: given[first]})


def transposed(g: Emitter, x: Any, *order: int) -> Any:
    return g.op("Transpose", x, perm=order)


def rounded_half_up(g: Emitter, self: Any) -> Any:
    return g.op("Floor", g.op("Add", self, g.tensor(torch.tensor(0.5))))


def other_gelu(g: Emitter, self: Any, approximate: str = "none") -> Any:
    return built_in("aten::gelu")(g, self, "tanh")


def identity(g: Emitter, self: Any) -> Any:
    return self


def sigmoid(g: Emitter, self: Any) -> Any:
    return g.op("Sigmoid", self)


def weights_if_square(g: Emitter, given: dict[str, Any]) -> Mapping[str, Any]:
    weight = given["weight"]
    square = len(set(weight.shape)) == 1
    return {"weight": transposed(g, weight, 1, 0)} if square else {}


def gates_in_onnx_order(g: Emitter, given: dict[str, Any]) -> Mapping[str, Any]:
    """PyTorch has input, forget, cell, output; taken as if it were ONNX's input, output, forget, cell."""

    def moved(x: Any) -> Any:
        first, second, third, fourth = built_in("aten::chunk")(g, x, 4, 0)
        return g.op("Concat", first, third, fourth, second, axis=0)

    return {"params": [moved(item) for item in given["params"]]}


def exchange(*order: int) -> Callable[[str], Callable[..., Any]]:
    return results(lambda g, made: [made[place] for place in order])


def in_half(g: Emitter, made: Any) -> Any:
    """Of the wrong dtype; the lowering itself casts it back to PyTorch's."""
    return g.op("Cast", made, to=ir.DataType.FLOAT16)


def directions_swapped(g: Emitter, made: Any) -> Any:
    output, *state = made
    forward, backward = built_in("aten::chunk")(g, output, 2, 2)
    return [g.op("Concat", backward, forward, axis=2), *state]


CASES = (
    Wrong("wrong epsilon of batch norm", "resnet18", "aten::batch_norm", constant(eps=1e-2)),
    Wrong("running mean ignored", "resnet50", "aten::batch_norm",
          arguments(lambda g, given: {"running_mean": given["bias"]})),
    Wrong("padding one side off by one", "resnet50", "aten::max_pool2d",
          results(lambda g, made: g.op("Pad", made, g.tensor(torch.tensor([0, 0, 1, 0, 0, 0, -1, 0]))))),
    Wrong("kernel transposed", "resnet50", "aten::_convolution",
          arguments(lambda g, given: {"weight": transposed(g, given["weight"], 0, 1, 3, 2)})),
    Wrong("padding off by one", "resnet18", "aten::_convolution",
          arguments(lambda g, given: {"padding": [max(0, item - 1) for item in given["padding"]]})),
    Wrong("alpha of elu ignored", "resnet18", "aten::elu", constant(alpha=1.0)),
    Wrong("ceil_mode ignored", "resnet18", "aten::max_pool2d", constant(ceil_mode=False)),
    Wrong("count_include_pad ignored", "resnet18", "aten::avg_pool2d", constant(count_include_pad=True)),
    Wrong("alpha of add ignored", "resnet18", "aten::add", constant(alpha=1)),
    Wrong("relu that emits nothing", "resnet50", "aten::relu", by_hand(identity)),
    Wrong("operands of sub swapped", "resnet18", "aten::sub", swapped("self", "other")),
    Wrong("rounding half up", "resnet18", "aten::round", by_hand(rounded_half_up)),
    Wrong("bias of linear missing", "resnet50", "aten::linear", constant(bias=None)),
    Wrong("flatten from another axis", "resnet50", "aten::flatten", constant(start_dim=0)),
    Wrong("tanh gelu for the erf one", "bert", "aten::gelu", by_hand(other_gelu)),
    Wrong("sigmoid for tanh", "bert", "aten::tanh", by_hand(sigmoid)),
    Wrong("softmax over another axis", "bert", "aten::softmax", constant(dim=-2)),
    Wrong("wrong epsilon of layer norm", "bert", "aten::layer_norm", constant(eps=1e-3)),
    Wrong("bias of layer norm missing", "bert", "aten::layer_norm", constant(bias=None)),
    Wrong("weight of linear transposed", "bert", "aten::linear", arguments(weights_if_square)),
    Wrong("operands of matmul swapped", "bert", "aten::matmul", swapped("self", "other")),
    Wrong("scale missing in attention", "bert_sdpa", "aten::scaled_dot_product_attention", constant(scale=1.0)),
    Wrong("mask ignored in attention", "bert_sdpa", "aten::scaled_dot_product_attention", constant(attn_mask=None)),
    Wrong("gates in another order", "lstm", "aten::lstm.input", arguments(gates_in_onnx_order)),
    Wrong("hidden and cell state swapped", "lstm", "aten::lstm.input", exchange(0, 2, 1)),
    Wrong("directions swapped", "lstm", "aten::lstm.input", results(directions_swapped)),
    Wrong("half precision in between", "lstm", "aten::mul", results(in_half)),
    Wrong("log_softmax over another axis", "lstm", "aten::log_softmax", constant(dim=0)),
)  # fmt: skip


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a residual that is scaled down."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        y = F.elu(self.bn1(self.conv1(x)), alpha=0.5)
        return F.elu(torch.add(x, self.bn2(self.conv2(y)), alpha=0.25), alpha=0.5)


class ResNet18(nn.Module):
    """ResNet-18's blocks, with the attributes of pooling and activations that are easily forgotten."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, 2, 1, bias=False)
        self.bn = nn.BatchNorm2d(8)
        self.blocks = nn.Sequential(BasicBlock(8), BasicBlock(8))
        self.fc = nn.Linear(8, 5)

    def forward(self, pixels: Tensor) -> Tensor:
        x = torch.round(pixels) / 16 - 0.5
        x = F.max_pool2d(self.bn(self.conv(x)), 2, 2, ceil_mode=True)
        x = F.avg_pool2d(self.blocks(x), 3, 2, 1, count_include_pad=False)
        return self.fc(x.mean((2, 3)))


class ResNet50(nn.Module):
    """ResNet-50's stem, head and bottlenecks, few and narrow."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 7, 2, 3, bias=False)
        self.bn = nn.BatchNorm2d(8)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.layers = nn.Sequential(zoo.Bottleneck(8, 8), zoo.Bottleneck(32, 8), zoo.Bottleneck(32, 16, 2))
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(64, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(self.relu(self.bn(self.conv(x))))
        return self.fc(torch.flatten(self.avgpool(self.layers(x)), 1))


class Tagger(nn.Module):
    """A bidirectional LSTM that names a class for each step."""

    def __init__(self) -> None:
        super().__init__()
        self.rnn = nn.LSTM(6, 10, bidirectional=True)
        self.head = nn.Linear(20, 4)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        out, (hidden, cell) = self.rnn(x)
        scores = self.head(out).log_softmax(-1)
        return scores, scores.argmax(-1) + 1, hidden * 2, cell * 3


def _trained(model: nn.Module) -> nn.Module:
    """With statistics and affine weights that are not 0 and 1."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_mean is not None and module.running_var is not None
            nn.init.normal_(module.running_mean)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
        if isinstance(module, nn.BatchNorm2d | nn.LayerNorm):
            nn.init.normal_(module.bias, std=0.3)
    return model.eval()


def _bert(attention: str) -> nn.Module:
    from transformers import BertConfig, BertModel

    chosen: dict[str, Any] = {"attn_implementation": attention}
    return BertModel(
        BertConfig(
            vocab_size=60,
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=4,
            intermediate_size=48,
            max_position_embeddings=32,
            initializer_range=0.3,
            **chosen,
        )
    )


def resnet18() -> tuple[nn.Module, Any]:
    return _trained(ResNet18()), torch.randint(0, 64, (2, 3, 18, 18)) / 2


def resnet50() -> tuple[nn.Module, Any]:
    return _trained(ResNet50()), torch.randn(2, 3, 24, 24)


def bert(attention: str = "eager") -> tuple[nn.Module, Any]:
    ids = torch.randint(0, 60, (2, 7))
    mask = torch.tensor([[1] * 7, [1] * 4 + [0] * 3])
    return _trained(_bert(attention)), (ids, mask)


def lstm() -> tuple[nn.Module, Any]:
    return Tagger().eval(), torch.randn(5, 3, 6)


MODELS: dict[str, Callable[[], tuple[nn.Module, Any]]] = {
    "resnet18": resnet18,
    "resnet50": resnet50,
    "bert": bert,
    "bert_sdpa": lambda: bert("sdpa"),
    "lstm": lstm,
}
