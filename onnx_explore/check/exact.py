"""Who is right where ONNX and PyTorch differ: the recorded graph, run by PyTorch in float64, is the judge.

In: the functional TorchGraph, the inputs, what both gave. Out: a phrase that tells rounding from a bug, or ``""`` where there is
no judge: the graph does not give what the model gave (a baked size, random values), or an operator has no float64 kernel.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from onnx_explore.check.compare import Array, Comparison, compare
from onnx_explore.check.nodes.interpret import Interpreter, evaluate, to_double
from onnx_explore.torch_ir import TorchGraph, TorchNode

_NEAR = 16.0
"""How many times as far as the other one may be from the exact value for a difference to be rounding."""

_STEPS = 8
"""Steps of the element type that are rounding in any case."""

_BUDGET = 512 << 20
"""Bytes of floating weights above which they are not turned into float64."""

_FLOATS = (torch.float32, torch.float16, torch.bfloat16)
_NUMBERS = {5: 7, 6: 7, 15: 7}
"""ScalarType of float16, float32 and bfloat16 → of float64."""


def judged(
    graph: TorchGraph, inputs: Sequence[torch.Tensor], expected: Sequence[torch.Tensor], actual: Array, position: int
) -> str:
    """Whether PyTorch or ONNX is nearer to the exact value of an output.

    Args:
        graph: The graph after the torch passes.
        inputs: In the order of its inputs; they stay as they are.
        expected: What PyTorch gave for all outputs.
        actual: What ONNX gave for the output.
        position: The output.
    """
    given = expected[position]
    if given.dtype not in _FLOATS or given.layout != torch.strided:
        return ""
    if _bytes(graph) > _BUDGET or len(graph.outputs) != len(expected):
        return ""
    try:
        again = _outputs(Interpreter(graph, inputs), graph)[position]
        if not isinstance(again, torch.Tensor) or again.layout != torch.strided or not _agrees(given, again):
            return ""
        exact = _outputs(_Exact(graph, inputs), graph)[position]
    except Exception:  # noqa: BLE001 (an operator of the user's own may refuse float64 in any way: there is no judge)
        return ""
    if exact.shape != given.shape or tuple(given.shape) != actual.shape:
        return ""
    wide = torch.from_numpy(np.ascontiguousarray(actual).astype(np.float64)).reshape(actual.shape)
    exact = exact.detach().cpu().double()
    ours, theirs = _distance(wide, exact), _distance(given.detach().cpu().double(), exact)
    step = _STEPS * torch.finfo(given.dtype).eps * _largest(exact)
    if max(ours, theirs) <= _NEAR * min(ours, theirs) + step:
        return f"rounding: ONNX {ours:.1e}, PyTorch {theirs:.1e} from float64"
    if ours > theirs:
        return f"ONNX is {ours:.1e} off, PyTorch {theirs:.1e} (from float64)"
    return f"PyTorch is {theirs:.1e} off, ONNX {ours:.1e} (from float64)"


class _Exact(Interpreter):
    """Runs a TorchGraph with float64 in place of every narrower floating type."""

    __slots__ = ()

    def __init__(self, graph: TorchGraph, inputs: Sequence[torch.Tensor]) -> None:
        super().__init__(graph, inputs)
        for number, value in self._values.items():
            self._values[number] = to_double(value)

    def _evaluate(self, node: TorchNode, inputs: Sequence[Any]) -> tuple[Any, ...]:
        given = list(inputs)
        for index, argument in enumerate(node.schema.arguments[: len(given)] if node.schema is not None else ()):
            if argument.name == "dtype" and isinstance(given[index], int):
                given[index] = _NUMBERS.get(given[index], given[index])
            elif argument.name == "dtype" and given[index] in _FLOATS:
                given[index] = torch.float64
        return tuple(to_double(item) for item in evaluate(node, given))


def _outputs(run: Interpreter, graph: TorchGraph) -> list[Any]:
    for node in graph.block.nodes:
        run.step(node)
    return [run.value(value.id) for value in graph.outputs]


def _agrees(given: torch.Tensor, again: torch.Tensor) -> bool:
    """Whether the graph, at the model's own precision, computes what the model computes."""
    if again.dtype != given.dtype:
        return False
    (found,) = compare([again], [_wide(given)], [""]) if again.dtype != torch.bfloat16 else _rough(given, again)
    return found.passed


def _rough(given: torch.Tensor, again: torch.Tensor) -> list[Comparison]:
    """bfloat16, which NumPy lacks: compared as float32, as roughly as its eight bits say."""
    return compare([again.float()], [_wide(given.float())], [""], rtol=2e-2, atol=2e-2 * _largest(again.double()))


def _wide(tensor: torch.Tensor) -> Array:
    return tensor.detach().cpu().contiguous().numpy()


def _bytes(graph: TorchGraph) -> int:
    return sum(item.tensor.nbytes for item in graph.parameters if item.tensor.is_floating_point())


def _distance(values: torch.Tensor, exact: torch.Tensor) -> float:
    """The largest error where the exact value is finite; infinite if a value there is not."""
    gap = (values - exact).abs()[torch.isfinite(exact)]
    return float(torch.nan_to_num(gap, nan=float("inf"), posinf=float("inf")).max()) if gap.numel() else 0.0


def _largest(exact: torch.Tensor) -> float:
    finite = exact[torch.isfinite(exact)]
    return float(finite.abs().max()) if finite.numel() else 0.0
