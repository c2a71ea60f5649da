"""What a number that leaves the trace was computed from: sizes alone, or a tensor's elements.

In: a tensor while the trace runs. Out: ``"size"`` with the numbers that went in (the 512 of ``x.shape[1] > 512``), or ``"data"``.
The recorded graph is followed backwards, as far as it is small: the arithmetic of sizes always is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch

from onnx_explore.capture.mirror import constant_of
from onnx_explore.capture.torch_api import JitValue, api

Provenance = tuple[Literal["size", "data", ""], tuple[int | float, ...]]

_SIZES = frozenset({"aten::size", "aten::numel", "aten::dim", "aten::_shape_as_tensor", "aten::sym_size"})
_LONGEST = 64
"""Nodes that are followed."""


def provenance(tensor: torch.Tensor) -> Provenance:
    """What a tensor of the running trace was computed from."""
    if api().tracing_state() is None:
        return "", ()
    found: list[int | float] = []
    pending: list[JitValue] = [api().get_value_trace(tensor)]
    seen: set[int] = set()
    sizes = False
    while pending:
        value = pending.pop()
        if value.unique() in seen:
            continue
        seen.add(value.unique())
        node = value.node()
        kind = node.kind()
        if kind in _SIZES:
            sizes = True
        elif kind == "prim::Constant":
            found += _numbers(constant_of(node))
        elif kind == "prim::Param" or len(seen) > _LONGEST:
            return "data", ()
        else:
            pending += [node.inputsAt(index) for index in range(node.inputsSize())]
    return ("size", tuple(dict.fromkeys(found))) if sizes else ("data", ())


def together(parts: Sequence[Provenance]) -> Provenance:
    """Of a value that was made of several: data if any of them is."""
    kinds = [kind for kind, _ in parts]
    if "data" in kinds:
        return "data", ()
    constants = dict.fromkeys(number for _, numbers in parts for number in numbers)
    return ("size" if "size" in kinds else ""), tuple(constants)


def _numbers(constant: object) -> list[int | float]:
    if isinstance(constant, torch.Tensor):
        return [constant.item()] if constant.numel() == 1 and not constant.is_complex() else []
    if isinstance(constant, (int, float)) and not isinstance(constant, bool):
        return [constant]
    return []
