"""More programs with truth labels, written as people write models, after the implementation and without a look into it.

``BAKES``: one place each, marked ``# baked:``; a test has ``torch.jit.trace`` (which is not ours) agree that the trace is wrong
at another size. ``CLEAN``: what looks like it and is traced.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from tests.axes.baking import BOTH, IMAGE, LENGTH, WIDE, X, Y

# -- what bakes


class WindowPartition(nn.Module):
    """Swin's windows, with the number of rows as a Python number."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, channels, height, width = x.shape
        rows = int(height) // 2  # baked: int(height)
        x = x.view(batch, channels, rows, 2, width // 2, 2)
        return x.permute(0, 2, 4, 3, 5, 1).reshape(-1, 4, channels)


class UpTo(nn.Module):
    """A UNet's skip connection: the size as a list of Python numbers."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        small = F.avg_pool2d(x, 2)
        size = [int(side) for side in x.shape[2:]]  # baked: int(side)
        return x + F.interpolate(small, size=size, mode="nearest")


class Sinusoids(nn.Module):
    """Positions in NumPy."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        steps = np.arange(x.shape[1])  # baked: np.arange(x.shape[1])
        table = np.sin(steps[:, None] / 10000 ** (np.arange(8)[None] / 8))
        return x + torch.from_numpy(table).to(x.dtype)


class CausalMask(nn.Module):
    """A mask in a buffer, made again when the length changes."""

    mask: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mask", torch.ones(3, 3).tril())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.mask.shape[0] != x.shape[1]:
            self.mask = torch.from_numpy(np.tril(np.ones((x.shape[1], x.shape[1]), np.float32)))  # baked: np.ones
        return self.mask @ x


@dataclass
class State:
    length: Any = 0


class LateNumber(nn.Module):
    """The size is put away in one method, and becomes a number in another."""

    def __init__(self) -> None:
        super().__init__()
        self.state = State()

    def remember(self, x: torch.Tensor) -> None:
        self.state.length = x.size(1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.remember(x)
        return x.transpose(1, 2).reshape(-1, 8 * int(self.state.length))  # baked: int(self.state.length)


class Pooled(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        size = math.ceil(x.shape[1] / 2)  # baked: math.ceil(x.shape[1] / 2)
        return F.adaptive_avg_pool1d(x.transpose(1, 2), size)


class Chunks(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        parts = x.chunk(x.shape[1], dim=1)  # baked: x.chunk(x.shape[1], dim=1)
        return torch.stack([part.amax(1) for part in parts]).sum(0)


class Pairs(nn.Module):
    """One output for each pair of neighbours."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        rows = x.unbind(1)  # baked: x.unbind(1)
        return torch.stack([left * right for left, right in itertools.pairwise(rows)], 1)


class Percent(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        key = "%d" % x.shape[1]  # noqa: UP031  # baked: "%d" % x.shape[1]
        return x * len(key) + int(key)


class Formatted(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        key = "length={}".format(x.shape[1])  # noqa: UP032  # baked: "length={}".format(x.shape[1])
        return x + int(key.split("=")[1])


class Elements(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.view(x.shape.numel())  # baked: x.shape.numel()


class Spaced(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * torch.linspace(0, 1, int(x.shape[1]))[:, None]  # baked: int(x.shape[1])


class RunningMean(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        state, outs = torch.zeros_like(x[:, 0]), []
        for step in range(x.size(1)):  # baked: range(x.size(1))
            state = 0.9 * state + 0.1 * x[:, step]
            outs.append(state)
        return torch.stack(outs, 1)


class Scaled(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x @ x.transpose(1, 2) * (1.0 / math.sqrt(x.size(1)))  # baked: math.sqrt(x.size(1))


class LongOnes(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.shape[1] > 6:  # baked: x.shape[1] > 6
            return x.mean(1)
        return x.sum(1)


class Slots(nn.Module):
    """A dict over positions, filled by a comprehension."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        slots = {place: x[:, place] for place in range(x.shape[1])}  # baked: range(x.shape[1])
        return sum(slots.values(), torch.zeros_like(x[:, 0]))


def outer(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    count = len(y[0])  # baked: len(y[0])
    return x.unsqueeze(2).expand(-1, -1, count, -1)


IMAGE_AXES = {"x": {0: "batch", 2: "height", 3: "width"}}
XY = {"x": {0: "batch", 1: "length"}, "y": {0: "batch", 1: "more"}}
Row = tuple[Any, tuple[torch.Tensor, ...], dict[str, dict[int, str]]]

BAKES: list[Row] = [
    (WindowPartition(), (IMAGE,), IMAGE_AXES),
    (UpTo(), (IMAGE,), IMAGE_AXES),
    (Sinusoids(), (WIDE,), BOTH),
    (CausalMask(), (WIDE,), BOTH),
    (LateNumber(), (WIDE,), BOTH),
    (Pooled(), (WIDE,), BOTH),
    (Chunks(), (X,), LENGTH),
    (Pairs(), (X,), BOTH),
    (Percent(), (X,), LENGTH),
    (Formatted(), (X,), LENGTH),
    (Elements(), (X,), BOTH),
    (Spaced(), (X,), BOTH),
    (RunningMean(), (X,), BOTH),
    (Scaled(), (WIDE,), BOTH),
    (LongOnes(), (X,), BOTH),
    (Slots(), (X,), BOTH),
    (outer, (X, Y), XY),
]
MENDED = (WindowPartition, UpTo, LateNumber, Elements, Spaced)
"""Whose number is linear in the sizes (or a product of them), and goes into an operator: the repair must mend them."""

# -- what does not


class Rearranged(nn.Module):
    """As einops does it: names of axes to sizes, then products of these."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        sizes = dict(zip("bld", x.shape, strict=True))
        sizes["h"], sizes["e"] = 2, sizes["d"] // 2
        split = x.reshape([sizes[name] for name in "blhe"])
        return split.permute(0, 2, 1, 3).reshape(sizes["b"] * sizes["h"], sizes["l"], sizes["e"])


class Skips(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.down, self.up = nn.Conv2d(3, 4, 3, stride=2, padding=1), nn.Conv2d(7, 3, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        small = F.interpolate(self.down(x), size=x.shape[-2:], mode="bilinear", align_corners=False)
        return self.up(torch.cat([x, small], 1))


class Slices(nn.Module):
    """A mask in a buffer, cut to the length."""

    mask: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mask", torch.ones(1, 64, 64).tril().bool())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        length = x.size(1)
        scores = x @ x.transpose(1, 2) / math.sqrt(x.size(2))
        return scores.masked_fill(~self.mask[:, :length, :length], float("-inf")).softmax(-1) @ x


def starred(x: torch.Tensor) -> torch.Tensor:
    *lead, last = x.shape
    return x.reshape(*lead, last, 1).expand(*lead, last, 2)


def to_a_multiple(x: torch.Tensor) -> torch.Tensor:
    return F.pad(x, (0, 0, 0, (4 - x.shape[1] % 4) % 4))


def first_and_rest(x: torch.Tensor) -> torch.Tensor:
    first, rest = torch.split(x, [1, x.shape[1] - 1], 1)
    return rest - first


def all_sizes(x: torch.Tensor) -> torch.Tensor:
    batch, length, width = tuple(x.size())
    return x.new_zeros(batch, length * width).view(batch, length, width) + x


def distances(x: torch.Tensor) -> torch.Tensor:
    place = torch.arange(x.shape[1], device=x.device)
    return (place[None] - place[:, None]).abs().to(x.dtype) @ x


def halves(x: torch.Tensor) -> torch.Tensor:
    middle = x.size(1) // 2
    return torch.cat([x[:, middle:], x[:, :middle]], 1)


def fixed_heads(x: torch.Tensor) -> torch.Tensor:
    heads = int(x.shape[2] // 4)  # of an axis that is not dynamic
    return x.view(x.shape[0], x.shape[1], heads, -1).transpose(1, 2)


def scaled_by_width(x: torch.Tensor) -> torch.Tensor:
    return x * len(f"{x.shape[2]}") / math.sqrt(x.size(-1))


def counted_elements(x: torch.Tensor) -> torch.Tensor:
    return x.sum() / x.numel()


CLEAN: list[Row] = [
    (Rearranged(), (WIDE,), BOTH),
    (Skips(), (IMAGE,), IMAGE_AXES),
    (Slices(), (WIDE,), BOTH),
    (starred, (X,), BOTH),
    (to_a_multiple, (X,), BOTH),
    (first_and_rest, (X,), BOTH),
    (all_sizes, (X,), BOTH),
    (distances, (X,), BOTH),
    (halves, (X,), BOTH),
    (fixed_heads, (WIDE,), BOTH),
    (scaled_by_width, (X,), BOTH),
    (counted_elements, (X,), BOTH),
]
