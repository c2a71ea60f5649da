"""Helpers that bake sizes, in another file than the models that call them."""

from __future__ import annotations

import functools

import torch


def length_of(x: torch.Tensor) -> int:
    return int(x.shape[1])  # baked: int(x.shape[1])


def folded(x: torch.Tensor) -> torch.Tensor:
    total = x[:, 0]
    for step in range(1, x.shape[1]):  # baked: range(1, x.shape[1])
        total = torch.tanh(total + x[:, step])
    return total


@functools.lru_cache(maxsize=8)
def triangle(size: int) -> torch.Tensor:
    return torch.ones(size, size).tril()


def masked(scores: torch.Tensor) -> torch.Tensor:
    size = int(scores.shape[-1])  # baked: int(scores.shape[-1])
    return scores.masked_fill(triangle(size) == 0, -1e4)


class Settings:
    """What a model passes around."""

    def __init__(self) -> None:
        self.length = 0

    def note(self, x: torch.Tensor) -> None:
        self.length = len(x[0])  # baked: len(x[0])
