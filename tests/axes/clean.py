"""Small models that look as if they baked a size, and do not: every dynamic axis is to be proven, and nothing reported."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from tests.axes.baking import BOTH, IMAGE, WIDE, X


def tensor_of_a_size(x: torch.Tensor) -> torch.Tensor:
    return x + torch.tensor(x.shape[1])


def tensor_of_a_list(x: torch.Tensor) -> torch.Tensor:
    # PyTorch's tracer takes the elements for plain numbers; the capture stacks them.
    return x.sum((0, 1)) / torch.tensor([x.shape[0], x.shape[1]]).prod()


def view_by_size(x: torch.Tensor) -> torch.Tensor:
    return x.view(x.shape[0], -1)


def size_arithmetic(x: torch.Tensor) -> torch.Tensor:
    return x.reshape(x.size(0), x.size(1) * 3)


def counted(x: torch.Tensor) -> torch.Tensor:
    return x + torch.arange(x.shape[1])[:, None]


def zeros_of_a_shape(x: torch.Tensor) -> torch.Tensor:
    return torch.cat([x, torch.zeros(x.shape)], 1)


def first_half(x: torch.Tensor) -> torch.Tensor:
    return x[:, : x.shape[1] // 2]


def asserted(x: torch.Tensor) -> torch.Tensor:
    assert x.shape[2] == 3
    return x * 2


def limited(x: torch.Tensor) -> torch.Tensor:
    assert x.shape[1] <= 512
    return x * 2


def branch_on_a_static_size(x: torch.Tensor) -> torch.Tensor:
    return x.sum(1) if x.shape[2] == 3 else x.mean(1)


def loop_over_a_static_axis(x: torch.Tensor) -> torch.Tensor:
    total = x[..., 0]
    for index in range(x.shape[2]):
        total = total + x[..., index] * index
    return total


def int_of_a_static_size(x: torch.Tensor) -> torch.Tensor:
    return x.reshape(-1, int(x.shape[2]))


def doubled(x: torch.Tensor) -> torch.Tensor:
    return F.interpolate(x, size=(x.shape[2] * 2, x.shape[3] * 2))


def logged(x: torch.Tensor) -> torch.Tensor:
    text = f"a batch of {x.shape[0]}"
    assert text
    return x + 1


def number_of_elements(x: torch.Tensor) -> torch.Tensor:
    return x.sum() / x.numel()


class Layers(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(3, 3) for _ in range(3)])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for index in range(len(self.layers)):
            x = torch.relu(self.layers[index](x)) * (index + 1)
        return x


def number_of_dimensions(x: torch.Tensor) -> torch.Tensor:
    for _ in range(x.dim() - 1):
        x = x.mean(-1)
    return x


def causal(x: torch.Tensor) -> torch.Tensor:
    length = x.shape[1]
    return (x @ x.transpose(1, 2)).masked_fill(torch.ones(length, length).tril() == 0, -1e4)


def flattened(x: torch.Tensor) -> torch.Tensor:
    return x.flatten(1)


def parts_of_a_static_axis(x: torch.Tensor) -> torch.Tensor:
    left, right = x.chunk(2, dim=2)
    return torch.cat([right, left], 2)


def columns(x: torch.Tensor) -> torch.Tensor:
    a, b, c = x.unbind(2)
    return a * b - c


def root_of_a_static_size(x: torch.Tensor) -> torch.Tensor:
    return x @ x.transpose(1, 2) / math.sqrt(x.shape[-1])


def mean_by_size(x: torch.Tensor) -> torch.Tensor:
    return x.sum(1) / x.shape[1]


def with_a_row(x: torch.Tensor) -> torch.Tensor:
    return torch.cat([x, torch.zeros(x.shape[0], 1, 3)], 1)


def expanded(x: torch.Tensor) -> torch.Tensor:
    return x.mean(1, keepdim=True).expand(-1, x.shape[1], -1)


def last_row(x: torch.Tensor) -> torch.Tensor:
    return x[:, -1]


def smaller_of_static_sizes(x: torch.Tensor) -> torch.Tensor:
    return x[..., : min(x.shape[2], 2)]


class Positions(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.randn(64, 3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.table[: x.shape[1]]


def filled(x: torch.Tensor) -> torch.Tensor:
    return x * torch.full((x.shape[1], 1), 2.0)


def unused_int(x: torch.Tensor) -> torch.Tensor:
    length = int(x.shape[1])
    steps = torch.zeros(length)
    assert steps.shape[0] == length
    return x - 1


def spaced(x: torch.Tensor) -> torch.Tensor:
    return x * torch.linspace(0, 1, x.shape[1])[:, None]


def stacked_sizes(x: torch.Tensor) -> torch.Tensor:
    sizes = torch.stack([torch.tensor(x.shape[0]), torch.tensor(x.shape[1])])
    return x.sum((0, 1)) / sizes.prod()


def same_length(x: torch.Tensor) -> torch.Tensor:
    y = torch.tanh(x)
    assert y.shape[1] == x.shape[1]
    return x + y


class Doubling(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        return x * 2 + 1

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> Any:
        return grads[0] * 2


def autograd_function(x: torch.Tensor) -> torch.Tensor:
    return Doubling.apply(torch.relu(x)).sum(1)


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.attention(x, x, x, need_weights=False)[0]


CLEAN: list[tuple[Any, tuple[torch.Tensor, ...], dict[str, dict[int, str]]]] = [
    *(
        (model, (X,), BOTH)
        for model in (
            *(
                tensor_of_a_size,
                autograd_function,
                tensor_of_a_list,
                view_by_size,
                size_arithmetic,
                counted,
                zeros_of_a_shape,
                first_half,
                asserted,
                limited,
            ),
            *(
                branch_on_a_static_size,
                loop_over_a_static_axis,
                int_of_a_static_size,
                logged,
                number_of_elements,
                Layers(),
            ),
            *(number_of_dimensions, causal, flattened, parts_of_a_static_axis, columns, root_of_a_static_size),
            *(mean_by_size, with_a_row, expanded, last_row, smaller_of_static_sizes, Positions(), filled, unused_int),
            *(spaced, stacked_sizes, same_length),
        )
    ),
    (doubled, (IMAGE,), {"x": {0: "batch", 2: "height", 3: "width"}}),
    (Attention(), (WIDE,), BOTH),
]
