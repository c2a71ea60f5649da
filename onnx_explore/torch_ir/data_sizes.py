"""Which operators give results whose sizes depend on the data, not on the inputs' sizes alone.

In: a TorchGraph. Out: the targets of such operators in it: with another input of the same sizes, what comes behind them may
have other sizes, and a size that Python read there was that of one run.
"""

from __future__ import annotations

import torch

from onnx_explore.torch_ir.graph import TorchGraph, TorchNode, TorchValue, walk

_ALWAYS = frozenset(
    f"aten::{name}"
    for name in (
        "nonzero",
        "nonzero_numpy",
        "argwhere",
        "masked_select",
        "bincount",
        "_unique",
        "_unique2",
        "unique_dim",
        "unique_consecutive",
        "unique_dim_consecutive",
        "_pack_padded_sequence",
    )
) | {"torchvision::nms"}


_SIZES = frozenset({"prim::NumToTensor", "aten::size", "aten::numel", "aten::dim", "aten::len"})
_NUMBERS = frozenset({"aten::Int", "aten::IntImplicit", "aten::item"})


def data_sized_targets(graph: TorchGraph) -> tuple[str, ...]:
    """Targets of the operators by which sizes depend on the data, in order, each once.

    Cases:

    1. Operators whose result has as many rows as are found: ``nonzero``, ``masked_select``, ``unique``, ``nms`` …
    2. ``x[mask]``, ``where(mask)``, repeating each element as often as a tensor says.
    3. A number read from a tensor that is not computed from sizes alone, as in ``torch.zeros(int(lengths.max()))``.
    """
    lists: dict[int, tuple[TorchValue, ...]] = {}
    of_sizes: set[int] = set()
    found: dict[str, None] = {}
    for node in walk(graph.block):
        if node.target == "prim::ListConstruct":
            lists[node.outputs[0].id] = node.inputs
        if node.target in _SIZES or all(value.id in of_sizes for value in node.inputs):
            of_sizes.update(value.id for value in node.outputs)
        elif node.target in _ALWAYS or node.target in _NUMBERS or _is_by_data(node, lists):
            found[node.target] = None
    return tuple(found)


def _is_by_data(node: TorchNode, lists: dict[int, tuple[TorchValue, ...]]) -> bool:
    if node.target == "aten::index":
        return any(value.dtype in (torch.bool, torch.uint8) for value in lists.get(node.inputs[1].id, ()))
    if node.target == "aten::where":
        return len(node.inputs) == 1
    return node.target == "aten::repeat_interleave" and node.overload in ("Tensor", "self_Tensor")
