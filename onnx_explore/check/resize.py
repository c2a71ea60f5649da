"""Other sizes for a dynamic axis, and inputs of these sizes that a model can still make sense of.

In: an example tensor. Out: one of the same dtype and range of values, with another size along some axes.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch

_NOISE = 0.1
"""Of the example's standard deviation: enough that repeated rows differ."""


@dataclass(frozen=True, slots=True)
class Symbol:
    """A symbol of the dynamic axes: where it stands (position of the input, axis), and its captured size."""

    name: str
    places: tuple[tuple[int, int], ...]
    size: int


def candidate_sizes(size: int, taken: Collection[int] = ()) -> tuple[int, ...]:
    """Sizes to try instead of ``size``, best first; never 0 or 1, which broadcast or vanish.

    1. The next size that shares no factor with it and is no other dimension of the inputs: a size that was baked, or
       mixed up with another, cannot fit by chance.
    2. The double, for models that need a multiple of something; then one and two more, for parity.
    3. One less and the half, for models that were captured at their largest size.

    Args:
        size: The captured size.
        taken: Sizes of other dimensions.
    """
    fresh = [
        other for other in range(size + 1, size + 8) if other > 1 and other not in taken and math.gcd(other, size) == 1
    ]
    others = [*fresh[:1], size * 2, size + 1, size + 2, size - 1, size // 2]
    return tuple(dict.fromkeys(other for other in others if other > 1 and other != size))


def joint_sizes(symbols: Sequence[Symbol], chosen: Mapping[str, int]) -> Iterator[dict[str, int]]:
    """Sizes for all symbols at once: those accepted one by one, all different where possible; else in step."""
    different: dict[str, int] = {}
    for symbol in symbols:
        size = chosen.get(symbol.name, candidate_sizes(symbol.size)[0])
        if size in different.values() and symbol.name in chosen:
            size += symbol.size if size % symbol.size == 0 else 1
        different[symbol.name] = size
    yield different
    yield {symbol.name: chosen.get(symbol.name, candidate_sizes(symbol.size)[0]) for symbol in symbols}
    yield {symbol.name: symbol.size + 1 for symbol in symbols}
    yield {symbol.name: symbol.size * 2 for symbol in symbols}


def resized(example: torch.Tensor, sizes: Mapping[int, int], *, seed: int = 0) -> torch.Tensor:
    """A tensor like ``example`` with other sizes.

    Every value comes from the example, repeated along the axes: indices stay valid, masks stay masks. Real numbers that
    are not all whole get a little noise inside of the example's range, so that repeated rows differ.

    Args:
        example: The captured input; stays as it is.
        sizes: Axis → new size.
        seed: Of the noise.
    """
    result = example.detach()
    for axis, size in sizes.items():
        if result.shape[axis] == 0:
            shape = [*result.shape]
            shape[axis] = size
            result = result.new_zeros(shape)
        else:
            index = torch.arange(size, device=result.device) % result.shape[axis]
            result = result.index_select(axis, index)
    if result.is_floating_point() and example.numel() > 1 and not _is_discrete(example):
        values = example.detach().double()
        generator = torch.Generator().manual_seed(seed)
        noise = torch.randn(result.shape, generator=generator) * (_NOISE * values.std().item())
        noisy = result.double() + noise.to(result.device)
        result = noisy.clamp(values.min().item(), values.max().item()).to(result.dtype)
    return result.clone()


def resampled(example: torch.Tensor, seed: int) -> torch.Tensor:
    """A tensor of the size of ``example``, of rows drawn from it (a box stays a box, a word a word), real numbers with noise.

    Args:
        example: The captured input; stays as it is.
        seed: Of the draw and of the noise.
    """
    if example.dim() == 0 or example.numel() == 0:
        return example.detach().clone()
    generator = torch.Generator().manual_seed(seed)
    axis = next((axis for axis, size in enumerate(example.shape) if size > 1), 0)  # of a batch of one, the rows inside
    size = example.shape[axis]
    rows = torch.randint(size, (size,), generator=generator).to(example.device)
    return resized(example.detach().index_select(axis, rows), {}, seed=seed)


def _is_discrete(example: torch.Tensor) -> bool:
    """Whether the values look like a mask, a count or a constant, rather than measurements."""
    values = example.detach().double()
    return not bool(torch.isfinite(values).all()) or torch.equal(values, values.round())
