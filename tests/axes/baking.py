"""Small models, each of which bakes a size in one place: the line with ``# baked:``, at the expression that is named there.

``LINEAR`` names those whose baked numbers are linear in the sizes, so that the repair must mend them.
"""

from __future__ import annotations

import functools
import math
import operator
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from tests.axes import elsewhere


def reshape_by_int(x: torch.Tensor) -> torch.Tensor:
    length = int(x.shape[1])  # baked: int(x.shape[1])
    return x.reshape(x.shape[0], length * 3)


def reshape_by_len(x: torch.Tensor) -> torch.Tensor:
    return x.reshape(len(x), -1)  # baked: len(x)


def loop_over_a_range(x: torch.Tensor) -> torch.Tensor:
    total = x[:, 0]
    for step in range(x.shape[1]):  # baked: range(x.shape[1])
        total = total + step * x[:, step]
    return total


def item_of_a_size(x: torch.Tensor) -> torch.Tensor:
    return x * torch.tensor(x.shape[1]).item()  # baked: torch.tensor(x.shape[1]).item()


def number_in_a_string(x: torch.Tensor) -> torch.Tensor:
    text = f"{x.shape[1]}"  # baked: f"{x.shape[1]}"
    return x + int(text)


def text_of_a_size(x: torch.Tensor) -> torch.Tensor:
    text = str(x.shape[1])  # baked: str(x.shape[1])
    return x + int(text.removeprefix("tensor(").removesuffix(")"))


def product_in_numpy(x: torch.Tensor) -> torch.Tensor:
    return x.reshape(int(np.prod(x.shape)))  # baked: np.prod(x.shape)


def tensor_of_an_array(x: torch.Tensor) -> torch.Tensor:
    sizes = torch.from_numpy(np.array([int(x.shape[0]), 1]))  # baked: int(x.shape[0])
    return x.sum((0, 1)) / sizes.prod()


def root_of_a_size(x: torch.Tensor) -> torch.Tensor:
    return x / math.sqrt(x.shape[1])  # baked: math.sqrt(x.shape[1])


def division_by_float(x: torch.Tensor) -> torch.Tensor:
    return x.sum(1) / float(x.shape[1])  # baked: float(x.shape[1])


def strided(x: torch.Tensor) -> torch.Tensor:
    return x * x.stride(0)  # baked: x.stride(0)


def bytes_of_a_tensor(x: torch.Tensor) -> torch.Tensor:
    return x / x.nbytes  # baked: x.nbytes


def bytes_of_a_storage(x: torch.Tensor) -> torch.Tensor:
    return x / (x + 0.0).untyped_storage().nbytes()  # baked: (x + 0.0).untyped_storage()


def loop_over_rows(x: torch.Tensor) -> torch.Tensor:
    total = torch.zeros(3)
    for row in x[0]:  # baked: for row in x[0]
        total = torch.tanh(total + row)
    return total


def rows_in_reverse(x: torch.Tensor) -> torch.Tensor:
    rows = x.unbind(1)  # baked:
    return torch.stack(rows[::-1], 1)


def pieces_of_two(x: torch.Tensor) -> torch.Tensor:
    pieces = x.split(2, dim=1)  # baked:
    return torch.cat(pieces[::-1], 1)


def branch_on_a_limit(x: torch.Tensor) -> torch.Tensor:
    if x.shape[1] > 4:  # baked: x.shape[1] > 4
        return x.mean(1)
    return x.sum(1)


def branch_beyond_a_limit(x: torch.Tensor) -> torch.Tensor:
    if x.shape[1] >= 40:  # baked: x.shape[1] >= 40
        x = x[:, :40] * 2
    return x.sum(1)


def branch_on_parity(x: torch.Tensor) -> torch.Tensor:
    if x.shape[1] % 2 == 0:  # baked: x.shape[1] % 2 == 0
        x = torch.relu(x)
    return x + 1


def conditional_expression(x: torch.Tensor) -> torch.Tensor:
    scale = 2.0 if x.shape[0] < 3 else 0.5  # baked: x.shape[0] < 3
    return x * scale


def halving(x: torch.Tensor) -> torch.Tensor:
    length = x.shape[1]
    while length > 1:  # baked: length > 1
        length = length // 2
        x = torch.tanh(x)
    return x


def smaller_of_two(x: torch.Tensor) -> torch.Tensor:
    length = min(x.shape[1], 6)  # baked: min(x.shape[1], 6)
    return x[:, :length].mean(1) * length


class ScaleByLength(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scales = [1.0 + 0.25 * index for index in range(64)]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.scales[x.shape[1]]  # baked: self.scales[x.shape[1]]


class ScaleByTable(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.table = {5: 1.0, 6: 2.0, 7: 0.5}

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.table.get(int(x.shape[1]), 3.0)  # baked: int(x.shape[1])


def enumerated(x: torch.Tensor) -> torch.Tensor:
    return torch.stack([row * index for index, row in enumerate(x)])  # baked: enumerate(x)


def comprehension(x: torch.Tensor) -> torch.Tensor:
    steps = [x[:, index] * index for index in range(x.shape[1])]  # baked: range(x.shape[1])
    return torch.stack(steps, 1).sum(1)


def helper_in_another_file(x: torch.Tensor) -> torch.Tensor:
    length = elsewhere.length_of(x)
    return x.reshape(-1, length, 3, 1)


def loop_in_another_file(x: torch.Tensor) -> torch.Tensor:
    return elsewhere.folded(x)


def cached_in_another_file(x: torch.Tensor) -> torch.Tensor:
    return torch.softmax(elsewhere.masked(x @ x.transpose(1, 2)), -1)


class Remembering(nn.Module):
    """An encoder that keeps the length on itself; the decoder reads it there."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 4)
        self.length = 0

    def encode(self, x: torch.Tensor) -> torch.Tensor:
        self.length = int(x.shape[1])  # baked: int(x.shape[1])
        return self.linear(x)

    def decode(self, x: torch.Tensor) -> torch.Tensor:
        return x.reshape(-1, 4).reshape(-1, self.length, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.decode(self.encode(x))


class MaskCache(nn.Module):
    """Keeps its mask, as many attention layers do."""

    def __init__(self) -> None:
        super().__init__()
        self.mask: torch.Tensor | None = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        length = int(x.shape[1])  # baked: int(x.shape[1])
        if self.mask is None or self.mask.shape[0] != length:
            self.mask = torch.ones(length, length).tril()
        scores = x @ x.transpose(1, 2)
        return scores * self.mask


class NotedInSettings(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.settings = elsewhere.Settings()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.settings.note(x)
        return x[:, self.settings.length - 1]


class HookedLength(nn.Module):
    """A hook of a submodule reads the size."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 3)
        self.linear.register_forward_pre_hook(self.note)
        self.length = 0

    def note(self, module: nn.Module, args: Any) -> None:
        self.length = int(args[0].shape[1])  # baked: int(args[0].shape[1])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear(x).mean(1, keepdim=True).repeat(1, self.length, 1)


def positions_from_numpy(x: torch.Tensor) -> torch.Tensor:
    positions = np.arange(x.shape[1], dtype=np.float32)  # baked: np.arange(x.shape[1], dtype=np.float32)
    return x + torch.from_numpy(positions)[:, None]


def zeros_from_numpy(x: torch.Tensor) -> torch.Tensor:
    return torch.cat([x, torch.from_numpy(np.zeros(x.shape, np.float32))])  # baked: np.zeros(x.shape, np.float32)


def shape_of_an_array(x: torch.Tensor) -> torch.Tensor:
    return x * x.detach().numpy().shape[1]  # baked: x.detach().numpy()


def length_of_a_list(x: torch.Tensor) -> torch.Tensor:
    rows = x[0].tolist()  # baked: x[0].tolist()
    return x.reshape(-1, len(rows), 3) * len(rows)


def product_of_sizes(x: torch.Tensor) -> torch.Tensor:
    batch, length = map(int, x.shape[:2])  # baked: batch, length
    return x.reshape(batch * length, 3)


def zeros_of_an_int(x: torch.Tensor) -> torch.Tensor:
    start = torch.zeros(int(x.shape[0]), 1, 3)  # baked: int(x.shape[0])
    return torch.cat([start, x], 1)


def positions_of_an_int(x: torch.Tensor) -> torch.Tensor:
    steps = torch.arange(int(x.shape[1]), dtype=torch.float32)  # baked: int(x.shape[1])
    return x * steps[:, None]


def last_element(x: torch.Tensor) -> torch.Tensor:
    last = int(x.shape[1]) - 1  # baked: int(x.shape[1])
    return x[:, last]


def doubled_image(x: torch.Tensor) -> torch.Tensor:
    height, width = int(x.shape[2]), x.shape[3]  # baked: int(x.shape[2])
    return F.interpolate(x, size=(height * 2, width * 2))


def padded_to_a_length(x: torch.Tensor) -> torch.Tensor:
    missing = 64 - int(x.shape[1])  # baked: int(x.shape[1])
    return F.pad(x, (0, 0, 0, missing))


def repeated(x: torch.Tensor) -> torch.Tensor:
    return x.mean(1, keepdim=True).repeat(1, int(x.shape[1]), 1)  # baked: int(x.shape[1])


def half_of_it(x: torch.Tensor) -> torch.Tensor:
    half = int(x.shape[1] * 0.5)  # baked: int(x.shape[1] * 0.5)
    return x[:, :half]


class LayerByLength(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(3, 3), nn.Linear(3, 3)])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers[int(x.shape[1]) % 2](x)  # baked: int(x.shape[1])


def recursive(x: torch.Tensor) -> torch.Tensor:
    if len(x) < 2:  # baked: len(x)
        return x[0]
    return torch.maximum(x[0], recursive(x[1:]))


class Attention(nn.Module):
    """Heads by int sizes."""

    def __init__(self) -> None:
        super().__init__()
        self.project = nn.Linear(8, 24)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, length = x.shape[0], int(x.size(1))  # baked: int(x.size(1))
        q, k, v = self.project(x).chunk(3, dim=-1)
        q, k, v = (item.view(batch, length, 2, 4).transpose(1, 2) for item in (q, k, v))
        scores = torch.softmax(q @ k.transpose(-1, -2) / 2.0, -1)
        return (scores @ v).transpose(1, 2).reshape(batch, length, 8)


def mean_by_int(x: torch.Tensor) -> torch.Tensor:
    return x.sum(1) / int(x.shape[1])  # baked: int(x.shape[1])


def rolled(x: torch.Tensor) -> torch.Tensor:
    return x.roll(int(x.shape[1]) - 2, 1)  # baked: int(x.shape[1])


def reduced(x: torch.Tensor) -> torch.Tensor:
    return x.sum() / functools.reduce(operator.mul, map(int, x.shape))  # baked: functools.reduce(


def rounded_up(x: torch.Tensor) -> torch.Tensor:
    return x[:, : math.ceil(x.shape[1] / 2)]  # baked: math.ceil(x.shape[1] / 2)


def compared_with_a_shape(x: torch.Tensor) -> torch.Tensor:
    if x.shape == (2, 5, 3):  # baked: x.shape == (2, 5, 3)
        return x * 2
    return x / 2


def reversed_indices(x: torch.Tensor) -> torch.Tensor:
    order = list(reversed(range(x.shape[1])))  # baked: range(x.shape[1])
    return x[:, order]


def old_constructor(x: torch.Tensor) -> torch.Tensor:
    return x * torch.LongTensor([x.shape[1]])  # baked: torch.LongTensor([x.shape[1]])


def new_tensor(x: torch.Tensor) -> torch.Tensor:
    return x + x.new_tensor([x.shape[1], 1, 2])  # baked: x.new_tensor([x.shape[1], 1, 2])


def two_sizes_in_one(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    both = int(x.shape[1]) + int(y.shape[1])  # baked: int(
    return torch.cat([x, y], 1).reshape(-1, both, 3, 1)


X = torch.randn(2, 5, 3, generator=torch.Generator().manual_seed(0))
Y = torch.randn(2, 4, 3, generator=torch.Generator().manual_seed(1))
IMAGE = torch.randn(1, 3, 8, 10, generator=torch.Generator().manual_seed(2))
WIDE = torch.randn(2, 5, 8, generator=torch.Generator().manual_seed(3))

BATCH = {"x": {0: "batch"}}
LENGTH = {"x": {1: "length"}}
BOTH = {"x": {0: "batch", 1: "length"}}

LINEAR: list[tuple[Any, tuple[torch.Tensor, ...], dict[str, dict[int, str]]]] = [
    (reshape_by_int, (X,), BOTH),
    (reshape_by_len, (X,), BOTH),
    (item_of_a_size, (X,), BOTH),
    (number_in_a_string, (X,), LENGTH),
    (text_of_a_size, (X,), LENGTH),
    (product_in_numpy, (X,), BOTH),
    (tensor_of_an_array, (X,), BOTH),
    (division_by_float, (X,), BOTH),
    (strided, (X,), BOTH),
    (bytes_of_a_tensor, (X,), BOTH),
    (bytes_of_a_storage, (X,), BOTH),
    (helper_in_another_file, (X,), BOTH),
    (Remembering(), (X,), BOTH),
    (MaskCache(), (X,), BOTH),
    (NotedInSettings(), (X,), BOTH),
    (HookedLength(), (X,), BOTH),
    (shape_of_an_array, (X,), BOTH),
    (length_of_a_list, (X,), BOTH),
    (product_of_sizes, (X,), BOTH),
    (zeros_of_an_int, (X,), BOTH),
    (positions_of_an_int, (X,), BOTH),
    (last_element, (X,), BOTH),
    (doubled_image, (IMAGE,), {"x": {0: "batch", 2: "height", 3: "width"}}),
    (padded_to_a_length, (X,), BOTH),
    (repeated, (X,), BOTH),
    (Attention(), (WIDE,), BOTH),
    (mean_by_int, (X,), BOTH),
    (rolled, (X,), BOTH),
    (reduced, (X,), BOTH),
    (old_constructor, (X,), BOTH),
    (new_tensor, (X,), BOTH),
    (two_sizes_in_one, (X, Y), {"x": {0: "batch", 1: "length"}, "y": {0: "batch", 1: "more"}}),
]

OTHER: list[tuple[Any, tuple[torch.Tensor, ...], dict[str, dict[int, str]]]] = [
    (loop_over_a_range, (X,), BOTH),
    (root_of_a_size, (X,), BOTH),
    (loop_over_rows, (X,), BOTH),
    (rows_in_reverse, (X,), BOTH),
    (pieces_of_two, (X,), BOTH),
    (branch_on_a_limit, (X,), BOTH),
    (branch_beyond_a_limit, (X,), BOTH),
    (branch_on_parity, (X,), BOTH),
    (conditional_expression, (X,), BOTH),
    (halving, (X,), BOTH),
    (smaller_of_two, (X,), BOTH),
    (ScaleByLength(), (X,), BOTH),
    (ScaleByTable(), (X,), BOTH),
    (enumerated, (X,), BOTH),
    (comprehension, (X,), BOTH),
    (loop_in_another_file, (X,), BOTH),
    (cached_in_another_file, (X,), BOTH),
    (positions_from_numpy, (X,), BOTH),
    (zeros_from_numpy, (X,), BOTH),
    (half_of_it, (X,), BOTH),
    (LayerByLength(), (X,), BOTH),
    (recursive, (X,), BATCH),
    (rounded_up, (X,), BOTH),
    (compared_with_a_shape, (X,), BOTH),
    (reversed_indices, (X,), BOTH),
]

IN_ANOTHER_FILE = {
    "helper_in_another_file": "length_of",
    "loop_in_another_file": "folded",
    "cached_in_another_file": "masked",
    "NotedInSettings": "note",
}
"""Model → the function of ``elsewhere`` that bakes."""
