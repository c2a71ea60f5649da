"""Scripted models whose loops run as often as the data say."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from tests.models.data_dependent import BOXES, INTEGERS, MATRIX, Data, DataCase

LOOPS: list[DataCase] = []


def loop(data: Sequence[Data], since: int = 13) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Adds a function to the loops."""

    def add(run: Callable[..., Any]) -> Callable[..., Any]:
        LOOPS.append(DataCase(run.__name__, run, data, since))
        return run

    return add


@loop(BOXES)
def suppressed_by_hand(boxes: Tensor, scores: Tensor):
    """Non-maximum suppression as a loop: take the best box, drop what overlaps it, until none is left."""
    order = torch.argsort(scores, descending=True)
    order = order[scores[order] > 0.5]
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    kept = torch.zeros(0, dtype=torch.int64)
    while order.numel() > 0:
        best = order[0]
        kept = torch.cat([kept, best.unsqueeze(0)])
        rest = order[1:]
        low = torch.maximum(boxes[best, :2], boxes[rest, :2])
        high = torch.minimum(boxes[best, 2:], boxes[rest, 2:])
        common = (high - low).clamp(min=0).prod(1)
        order = rest[common / (areas[best] + areas[rest] - common) <= 0.5]
    return kept, boxes[kept]


@loop(MATRIX)
def rows_one_by_one(x: Tensor):
    """A loop over as many rows as were found, writing and appending."""
    found = (x[:, 1] > 0).nonzero().squeeze(1)
    result = torch.zeros(x.size(0), 3)
    parts = [x[:1]]
    for place in range(found.size(0)):
        row = x[found[place]]
        result[place] = row * 2
        parts.append(row.unsqueeze(0) + place)
    return result, torch.cat(parts), found


@loop(INTEGERS)
def ragged_ranges(x: Tensor):
    """Ranges of the lengths that the data give, one behind the other."""
    result = torch.zeros(0, dtype=torch.int64)
    for place in range(x.size(0)):
        result = torch.cat([result, torch.arange(int(x[place]))])
    return result, result.float().view(-1, 1) + torch.zeros(1, 2)


@loop(INTEGERS)
def halvings(x: Tensor):
    """How often the sum can be halved, and what is left: a loop on a tensor's value."""
    total, count = x.sum(), 0
    while bool(total > 1):
        total = torch.div(total, 2, rounding_mode="floor")
        count += 1
    return total, count


@loop(INTEGERS)
def first_zero(x: Tensor):
    """A loop with a way out, and a branch inside."""
    result = torch.zeros(0, dtype=torch.int64)
    for place in range(x.size(0)):
        value = x[place]
        if bool(value == 0):
            break
        if bool(value % 2 == 0):
            result = torch.cat([result, value.unsqueeze(0)])
        else:
            result = torch.cat([result, (value * 10).unsqueeze(0), value.unsqueeze(0)])
    return result
