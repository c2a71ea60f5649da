"""The running statistics that normalizations update in training, which their schemas do not say.

In: ``aten::batch_norm`` or ``aten::instance_norm`` with the flag for training. Out: what it leaves in the two statistics::

    %y = aten::batch_norm(%x, %w, %b, %mean, %var, True, %momentum, …)
    (mean, var) ──►  mean + momentum * (mean of x over its channels - mean), and so var, corrected by n / (n - 1)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from onnx_explore.passes.torch.builder import Builder
from onnx_explore.passes.torch.schemas import schema_of
from onnx_explore.torch_ir import TorchNode, TorchValue

_INPUT, _MEAN, _VARIANCE, _TRAINING, _MOMENTUM = 0, 3, 4, 5, 6
_BY_CHANNEL = frozenset({"aten::batch_norm", "aten::native_batch_norm", "aten::cudnn_batch_norm"})
_BY_SAMPLE = frozenset({"aten::instance_norm"})


def may_update_statistics(node: TorchNode) -> bool:
    """Whether a node is one of these normalizations."""
    return node.target in _BY_CHANNEL or node.target in _BY_SAMPLE


def updated_statistics(node: TorchNode, constants: Mapping[int, Any]) -> tuple[TorchValue, ...]:
    """The running mean and variance that a node updates; nothing if it does not, or has none."""
    if not may_update_statistics(node) or constants.get(node.inputs[_TRAINING].id) is not True:
        return ()
    statistics = (node.inputs[_MEAN], node.inputs[_VARIANCE])
    return () if any(value.kind == "NoneType" for value in statistics) else statistics


def new_statistics(b: Builder, node: TorchNode, x: TorchValue, before: Sequence[TorchValue]) -> list[TorchValue]:
    """The statistics after the node.

    Args:
        b: Where they are built.
        node: The normalization.
        x: What it normalizes.
        before: Running mean and variance before it.
    """
    # One row per channel, or one per sample and channel.
    if node.target in _BY_SAMPLE:
        rows, axis = b.op("aten::flatten", "using_ints", x, 2, -1), 2
    else:
        rows, axis = b.op("aten::flatten", "using_ints", b.op("aten::transpose", "int", x, 0, 1), 1, -1), 1
    variance, mean = (b.fresh.value(dtype=x.dtype) for _ in range(2))
    b.call(schema_of("aten::var_mean", "correction"), (rows, [axis], 1), (variance, mean))
    after: list[TorchValue] = []
    for statistic, old in zip((mean, variance), before, strict=True):
        if node.target in _BY_SAMPLE:
            statistic = b.op("aten::mean", "dim", statistic, [0], dtype=x.dtype)
        if old.dtype is None or old.dtype != x.dtype:
            statistic = b.op("aten::type_as", "", statistic, old, dtype=old.dtype)
        after.append(b.op("aten::lerp", "Scalar", old, statistic, node.inputs[_MOMENTUM], like=old))
    return after
