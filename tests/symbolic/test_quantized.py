"""Every operator of quantized tensors against PyTorch: the integers are at most one step off.

By default at opset 17; ``-m full`` from the first one to the newest that ONNX Runtime has kernels for, and says how many rows
are exact.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch

import onnx_explore
from onnx_explore.check.runtime import run_onnxruntime
from onnx_explore.recording import NodeLowered
from onnx_explore.symbolic.registry import REGISTRY
from tests.quantization.models import MODELS, made
from tests.symbolic.quantized.decomposed import DECOMPOSED
from tests.symbolic.quantized.rows import ROWS, Row
from tests.symbolic.running import run_exported

NEWEST_WITH_KERNELS = 27
"""Of QuantizeLinear and DequantizeLinear, in ONNX Runtime's CPU provider."""

ALL = [*ROWS, *DECOMPOSED]
IDS = [f"{row.target}-{row.name}" if row.name else row.target for row in ALL]
pytestmark = pytest.mark.filterwarnings("ignore")


def _outputs(result: Any) -> list[torch.Tensor]:
    return [item.detach() for item in torch.utils._pytree.tree_leaves(result) if isinstance(item, torch.Tensor)]


def largest_difference(row: Row, exported: onnx_explore.Exported, args: tuple[torch.Tensor, ...]) -> float:
    """In steps: of one integer, or of what a float result may be off."""
    feeds = {value.name: item for value, item in zip(exported.model.graph.inputs, args, strict=False)}
    with torch.no_grad():
        wanted = _outputs(row.run(*[item.clone() for item in args]))
    # Before opset 9, ONNX Runtime lacks the kernels of doubles.
    opset = exported.model.opset_imports[""]
    # As a file, where ONNX Runtime sees the weights, and may rewrite what it then knows.
    written = exported.to_proto().SerializeToString()
    given = run_onnxruntime(written, feeds) if opset >= 9 else run_exported(exported, args)
    assert len(wanted) == len(given)
    steps = 0.0
    for want, got in zip(wanted, given, strict=True):
        have = torch.from_numpy(got.copy())
        step = row.step
        if want.is_quantized:
            want, step = want.int_repr(), 1.0
        assert have.dtype == want.dtype
        assert tuple(have.shape) == tuple(want.shape)
        if want.numel():
            steps = max(steps, (have.double() - want.double()).abs().max().item() / step)
    return steps


def run(row: Row, opset: int) -> float:
    args = row.args()
    axes = {"x0": {axis: f"d{axis}" for axis in row.dynamic}} if row.dynamic else None
    names = [f"x{index}" for index in range(len(args))]
    exported = onnx_explore.export(row.run, args, opset_version=opset, input_names=names, dynamic_axes=axes)
    steps = largest_difference(row, exported, args)
    if row.dynamic:
        longer = (torch.cat([args[0], args[0].narrow(0, 0, 1)]), *args[1:])
        steps = max(steps, largest_difference(row, exported, longer))
    return steps


@pytest.mark.parametrize("row", ALL, ids=IDS)
def test_operator(row: Row) -> None:
    assert run(row, max(17, row.since)) <= 1


@pytest.mark.full
def test_every_symbolic_function_of_quantized_tensors_is_called() -> None:
    called: set[str] = set()
    exports = [(row.run, row.args(), max(17, row.since)) for row in ALL] + [(*made(row), 17) for row in MODELS]
    for model, args, opset in exports:
        events = onnx_explore.export(model, args, opset_version=opset).recording.events
        called |= {event.target.partition("::")[2] for event in events if isinstance(event, NodeLowered)}
    registered = {
        target.split(".")[0]
        for target, entry in REGISTRY._functions.items()
        if all(item.function.__module__.startswith("onnx_explore.symbolic.quantized") for item in entry.variants)
    }
    assert {target for target in registered if target.partition("::")[2] not in called} == set()


@pytest.mark.full
@pytest.mark.parametrize("opset", [7, 9, 10, 11, 12, 13, 21, 25, NEWEST_WITH_KERNELS])
def test_operators_at(opset: int) -> None:
    failures: list[str] = []
    exact = 0
    rows = [row for row in ALL if row.since <= opset]
    for row in rows:
        try:
            steps = run(row, opset)
        except Exception as error:  # noqa: BLE001  (collected and reported below)
            failures.append(f"{row.target} {row.name}: {type(error).__name__}: {str(error)[:300]}")
            continue
        exact += steps == 0 or (steps < 0.1 and row.step < 1e-4)
        if steps > 1:
            failures.append(f"{row.target} {row.name}: {steps:.3g} steps off")
    print(f"opset {opset}: {exact} of {len(rows)} rows exact")
    assert not failures, "\n".join(failures)
