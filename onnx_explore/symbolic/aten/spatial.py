"""What convolution, pooling and resizing share: per-axis parameters, and inputs without a batch axis."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar, overload

import onnx_ir as ir

from onnx_explore.emit import Emitter
from onnx_explore.emit.forms import squeeze, unsqueeze
from onnx_explore.errors import UnsupportedOperatorError

T = TypeVar("T")


def per_axis(values: Sequence[T], rank: int) -> list[T]:
    """One entry per spatial axis; PyTorch takes one entry for all of them."""
    if len(values) == rank:
        return list(values)
    if len(values) == 1:
        return list(values) * rank
    raise UnsupportedOperatorError(f"{len(values)} values are given for {rank} spatial axes")


@overload
def batched(g: Emitter, x: ir.Value, spatial: int, compute: Callable[[ir.Value], ir.Value]) -> ir.Value: ...
@overload
def batched(
    g: Emitter, x: ir.Value, spatial: int, compute: Callable[[ir.Value], tuple[ir.Value, ...]]
) -> tuple[ir.Value, ...]: ...
@overload
def batched(
    g: Emitter, x: ir.Value, spatial: int, compute: Callable[[ir.Value], ir.Value | tuple[ir.Value, ...]]
) -> ir.Value | tuple[ir.Value, ...]: ...
def batched(
    g: Emitter, x: ir.Value, spatial: int, compute: Callable[[ir.Value], ir.Value | tuple[ir.Value, ...]]
) -> ir.Value | tuple[ir.Value, ...]:
    """Apply ``compute``, which needs (batch, channels, ``spatial`` axes), also where the batch axis is missing."""
    rank = g.rank(x)
    if rank == spatial + 2:
        return compute(x)
    if rank != spatial + 1:
        raise UnsupportedOperatorError(f"a tensor of rank {rank} has not {spatial} spatial axes")
    result = compute(unsqueeze(g, x, [0]))
    if isinstance(result, tuple):
        return tuple(squeeze(g, item, [0]) for item in result)
    return squeeze(g, result, [0])
