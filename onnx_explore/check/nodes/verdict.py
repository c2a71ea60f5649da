"""Why a node gives something else than PyTorch although it was fed with PyTorch's values.

In: the node, what PyTorch fed it with, what both gave. Out: the class of the cause, and a line. float64 is the judge between
rounding and a wrong formula: PyTorch computes the node again in it, and both are measured against that.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from onnx_explore.check.compare import Array, Comparison
from onnx_explore.check.nodes.interpret import evaluate, to_double
from onnx_explore.check.nodes.report import Cause
from onnx_explore.errors import UnsupportedOperatorError
from onnx_explore.torch_ir import TorchNode

# Two roundings of one formula are about as far from the exact value; a wrong formula is far outside of that.
_FACTOR = 16.0
_HALF = (torch.float16, torch.bfloat16)
_STEPS = 8


def cause_of(
    node: TorchNode,
    inputs: Sequence[Any],
    expected: torch.Tensor,
    actual: Array,
    comparison: Comparison,
    function: str,
    *,
    output: int,
    item: int | None,
    resized: bool,
) -> tuple[Cause, str]:
    """The class of the cause, and a line.

    Args:
        node: The torch node.
        inputs: What it was fed with.
        expected: What PyTorch gave.
        actual: What ONNX gave.
        comparison: Of the two.
        function: Name of the symbolic function that lowered it.
        output: Which output of the node.
        item: Which element, if that is a list.
        resized: Whether the inputs have other sizes than when the model was captured.
    """
    by = f"by {function}" if function else "by the lowering"
    if comparison.reason in ("dtype", "shape"):
        if comparison.reason == "shape" and resized:
            return "baked size", f"{comparison}: lowered {by} with a size of the captured run in it"
        return "wrong symbolic function", f"{comparison}: lowered {by}"
    training = _trains(node, inputs)
    exact = _in_double(node, inputs, output, item)
    if exact is not None and exact.shape == expected.shape:
        wide = torch.from_numpy(actual.astype(np.float64)).reshape(expected.shape)
        theirs = _distance(expected.to(torch.float64), exact)
        ours = _distance(wide, exact)
        if ours <= _FACTOR * theirs + _resolution(expected):
            if expected.dtype in _HALF:
                kind = str(expected.dtype).removeprefix("torch.")
                return "unsupported precision", (
                    f"{ours:.1e} from the exact value, PyTorch {theirs:.1e}: {kind} rounds elsewhere in ONNX Runtime"
                )
            return "rounding", f"{ours:.1e} from the exact value (computed in float64), PyTorch itself {theirs:.1e}"
        detail = f"{comparison}; {ours:.1e} from the exact value, PyTorch {theirs:.1e}; lowered {by}"
    else:
        detail = f"{comparison}; lowered {by}"
    if training:
        return "training mode", f"{detail}, with {training}=True"
    return "wrong symbolic function", detail


def _resolution(expected: torch.Tensor) -> float:
    """A few steps of the element type at the tensor's largest element."""
    if not expected.is_floating_point() or not expected.numel():
        return 0.0
    finite = expected[torch.isfinite(expected)]
    largest = float(finite.abs().max()) if finite.numel() else 0.0
    return _STEPS * torch.finfo(expected.dtype).eps * largest


def _distance(left: torch.Tensor, exact: torch.Tensor) -> float:
    gap = (left - exact).abs()
    gap = gap[torch.isfinite(gap)]
    return float(gap.max()) if gap.numel() else float("inf")


def _in_double(node: TorchNode, inputs: Sequence[Any], output: int, item: int | None) -> torch.Tensor | None:
    """The node's output computed in float64, or None where that makes no sense."""
    if node.blocks or not any(_is_float(entry) for entry in _flat(inputs)):
        return None
    try:
        found = evaluate(node, [to_double(entry) for entry in inputs])[output]
    except UnsupportedOperatorError:
        return None  # an operator without a float64 kernel: there is no judge
    if item is not None:
        found = found[item]
    return found.to(torch.float64) if isinstance(found, torch.Tensor) and not found.is_complex() else None


def _flat(items: Sequence[Any]) -> list[Any]:
    return [each for entry in items for each in (_flat(entry) if isinstance(entry, list | tuple) else [entry])]


def _is_float(item: Any) -> bool:
    return isinstance(item, torch.Tensor) and item.is_floating_point()


def _trains(node: TorchNode, inputs: Sequence[Any]) -> str:
    """The argument that says that the node trains, or ``""``."""
    if node.schema is None:
        return ""
    for argument, item in zip(node.schema.arguments, inputs, strict=False):
        if argument.name in ("train", "training", "use_input_stats") and item is True:
            return argument.name
    return ""
