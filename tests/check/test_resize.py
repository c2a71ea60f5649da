"""Sizes to try, and inputs of these sizes."""

from __future__ import annotations

import math

import pytest
import torch

from onnx_explore.check.resize import candidate_sizes, resized


@pytest.mark.parametrize(
    ("size", "taken", "sizes"),
    [
        (2, (), (3, 4)),
        (1, (), (2, 3)),
        (0, (), (2,)),
        (7, (8, 9), (10, 14, 8, 9, 6, 3)),
        (32, (), (33, 64, 34, 31, 16)),
        (16, (17, 19), (21, 32, 17, 18, 15, 8)),
    ],
)
def test_candidates(size: int, taken: tuple[int, ...], sizes: tuple[int, ...]) -> None:
    assert candidate_sizes(size, taken) == sizes


@pytest.mark.parametrize("size", range(40))
def test_candidates_are_usable(size: int) -> None:
    sizes = candidate_sizes(size)
    assert sizes
    assert all(other > 1 and other != size for other in sizes)
    if size > 1:
        assert math.gcd(sizes[0], size) == 1


def test_integers_come_from_the_example() -> None:
    example = torch.tensor([[3, 7], [11, 5]])
    bigger = resized(example, {0: 3, 1: 5})
    assert bigger.tolist() == [[3, 7, 3, 7, 3], [11, 5, 11, 5, 11], [3, 7, 3, 7, 3]]
    assert resized(example, {1: 1}).tolist() == [[3], [11]]


@pytest.mark.parametrize(
    "example",
    [
        torch.tensor([True, False]),
        torch.tensor([0.0, 1.0]),
        torch.tensor([0.0, -math.inf]),
        torch.ones(2),
    ],
)
def test_masks_stay_masks(example: torch.Tensor) -> None:
    assert torch.equal(resized(example, {0: 3}), torch.cat([example, example[:1]]))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.float64])
def test_reals_differ_and_stay_in_range(dtype: torch.dtype) -> None:
    example = torch.rand(1, 50).to(dtype)
    rows = resized(example, {0: 3})
    assert (rows.dtype, rows.shape) == (dtype, (3, 50))
    assert not torch.equal(rows[0], rows[1])
    assert example.min() <= rows.min()
    assert rows.max() <= example.max()
    assert torch.equal(rows, resized(example, {0: 3}))


def test_example_is_untouched_and_not_shared() -> None:
    example = torch.zeros(2, requires_grad=True)
    other = resized(example, {0: 4})
    other.add_(1)
    assert not other.requires_grad
    assert example.tolist() == [0, 0]
    empty = resized(torch.empty(0, 3), {0: 2})
    assert empty.tolist() == [[0, 0, 0], [0, 0, 0]]
    assert resized(torch.tensor([1 + 1j, 2]), {0: 3}).tolist() == [1 + 1j, 2, 1 + 1j]
