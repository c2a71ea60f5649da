"""Sizes that depend on the data: captured with one count, right with every other, none among them."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from torch.utils import _pytree as pytree

import onnx_explore
from onnx_explore.capture import capture
from onnx_explore.check.runtime import RuntimeSession
from onnx_explore.errors import RuntimeMismatch
from onnx_explore.options import DEFAULT_OPSET, NEWEST_OPSET
from onnx_explore.torch_ir.data_sizes import data_sized_targets
from tests.models.data_dependent import CASES, MATRIX, Data, DataCase
from tests.models.data_loops import LOOPS
from tests.symbolic.torchvision_standins import register

register()


def rows() -> Iterator[Any]:
    """Every model, captured with one count; with ``full``, with every count, and at the oldest and newest opset."""
    for number, case in enumerate(CASES):
        opset = max(DEFAULT_OPSET, case.since)
        for at, captured in [(opset, index) for index in range(len(case.data))] + [(case.since, 0), (NEWEST_OPSET, 0)]:
            quick = at == opset and captured == number % len(case.data)
            marks = () if quick else (pytest.mark.full,)
            yield pytest.param(case, captured, at, id=f"{case.name}-{captured}-{at}", marks=marks)


@pytest.mark.parametrize(("case", "captured", "opset"), list(rows()))
def test_every_count(case: DataCase, captured: int, opset: int) -> None:
    verify(case, case.run, captured, opset)


NOT_SCRIPTED = {
    "masked_rows_linear": "a network as a default",
    "convolution_over_selected": "a network as a default",
    "recurrent": "a network as a default",
    "encoder_layer": "a network as a default",
    "crops": "a network as a default",
    "gather_by_nonzero": "nonzero(as_tuple=True)",
    "scattered": "nonzero(as_tuple=True)",
    "scatter_reduced": "nonzero(as_tuple=True)",
    "sorted_values": "Tensor.unique",
    "statistics": "std() without arguments",
    "written_broadcast": "assigning a tensor with more dimensions",
}
"""What TorchScript does not know, or cannot run."""


def scripted_rows() -> Iterator[Any]:
    for number, case in enumerate(case for case in (*CASES, *LOOPS) if case.name not in NOT_SCRIPTED):
        for captured in (0, len(case.data) - 1):
            quick = captured == 0 and (case in LOOPS or number % 4 == 0)
            marks = () if quick else (pytest.mark.full,)
            yield pytest.param(case, captured, marks=marks, id=f"{case.name}-{captured}")


@pytest.mark.parametrize(("case", "captured"), list(scripted_rows()))
def test_scripted(case: DataCase, captured: int) -> None:
    """The same from TorchScript, and loops that the data end."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = torch.jit.script(case.run)
    exported = verify(case, model, captured, max(DEFAULT_OPSET, case.since))
    if case in LOOPS:
        assert "Loop" in {node.op_type for node in exported.model.graph}


def verify(case: DataCase, model: Any, captured: int, opset: int) -> onnx_explore.Exported:
    """Captures with some data, and compares with PyTorch on all."""
    names = [f"x{index}" if index else "x" for index in range(len(case.data[0]))]
    exported = onnx_explore.export(
        model, case.data[captured], input_names=names, dynamic_axes=case.axes, opset_version=opset
    )
    onnx.checker.check_model(exported.to_proto(), full_check=True)
    session = RuntimeSession(exported.model)
    shapes: set[Any] = set()
    for number, data in enumerate(case.data):
        expected = eager(case, data)
        actual = pytree.tree_leaves(session.run(dict(zip(names, data, strict=True))))
        assert len(actual) == len(expected)
        shapes.add(tuple(tensor.shape for tensor in expected))
        for name, got, tensor in zip(_names(session, len(actual)), actual, expected, strict=True):
            wanted = tensor.numpy()
            place = f"'{name}', captured with data {captured}, run with data {number}"
            assert got.dtype == wanted.dtype, place
            assert got.shape == wanted.shape, place
            np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-5, err_msg=place)
    assert len(shapes) >= 3 or case.name in SAME_SHAPES, "the data do not give different sizes"
    return exported


def _names(session: RuntimeSession, count: int) -> list[str]:
    """Of every tensor: an output may be a list."""
    return list(session.outputs) if len(session.outputs) == count else [f"tensor {index}" for index in range(count)]


SAME_SHAPES = frozenset(
    {"reductions", "written_rows", "written_prefix", "written_broadcast", "scattered", "sizes_as_numbers", "empty_sums"}
    | {"halvings", "scatter_reduced", "encoder_layer", "statistics", "top_of_selected", "attention_over_selected"}
)
"""Models whose sizes inside depend on the data, and whose outputs have one shape."""


def eager(case: DataCase, data: Data) -> list[torch.Tensor]:
    with torch.no_grad():
        result = case.run(*[tensor.clone() for tensor in data])
    return [torch.as_tensor(leaf) for leaf in pytree.tree_leaves(result) if not isinstance(leaf, str)]


# -- what the check of an export says ------------------------------------------------------------------------------------


def counted_by_python(x: torch.Tensor) -> Any:
    """Python's ``len`` is a plain number: the count of one run."""
    values = x[x > 0]
    return values.view(len(values), 1)


def test_the_check_runs_other_data() -> None:
    """At the captured sizes alone, a count that was baked agrees; other values show it."""
    x = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
    good = onnx_explore.export(lambda x: x[x > 0].view(-1, 1), (x,), check=True)
    assert good.report is not None
    (data,) = [item for item in good.report.items if item.kind == "data"]
    assert data.status == "passed"
    assert data.subject == "other data (aten::index)"
    (comparison,) = data.comparisons
    assert comparison.passed
    with pytest.raises(RuntimeMismatch, match="other data"):
        onnx_explore.export(counted_by_python, (x,), check=True)
    plain = onnx_explore.export(lambda x: x + 1, (x,), check=True)
    assert plain.report is not None
    assert "data" not in {item.kind for item in plain.report.items}


def test_data_that_pytorch_rejects() -> None:
    """Sorted lengths stay sorted only as they are: said, not failed."""

    def run(x: torch.Tensor, lengths: torch.Tensor) -> Any:
        assert bool((lengths == torch.tensor([3, 2, 1])).all()), "other lengths"
        return torch.nn.utils.rnn.pack_padded_sequence(x, lengths).data

    report = onnx_explore.export(run, (torch.randn(3, 3, 2), torch.tensor([3, 2, 1])), check=True).report
    assert report is not None
    (data,) = [item for item in report.items if item.kind == "data"]
    assert data.status == "not run"
    assert "PyTorch itself rejects other values: other lengths" in data.detail


def test_a_count_that_python_read_is_a_warning() -> None:
    x = torch.randn(4, 3)
    explored = onnx_explore.explore(counted_by_python, x)
    explored.run()
    (line,) = [row for row in explored.summary_text().splitlines() if "PythonValue" in row]
    assert line.startswith("warning")
    assert "sizes of this model depend on the data (aten::index)" in line


@pytest.mark.parametrize(
    ("run", "targets"),
    [
        (lambda x: x.nonzero(), ("aten::nonzero",)),
        (lambda x: torch.zeros(int(x.shape[0]) // 2 + 1, x.shape[1] * 2) + x.sum(), ()),
        (lambda x: x.view(x.shape[0] // 1, -1)[: x.shape[0] - 1], ()),
        (lambda x: torch.zeros(x.sum().long().abs()) + x.sum(), ("aten::Int",)),
        (lambda x: torch.where(x > 0)[0], ("aten::where",)),
        (lambda x: x[torch.tensor([0, 1])], ()),
    ],
)
def test_what_makes_sizes_depend_on_data(run: Any, targets: tuple[str, ...]) -> None:
    found = data_sized_targets(capture(run, (torch.ones(4, 3),)).graph)
    assert tuple(target.replace("IntImplicit", "Int") for target in found) == targets


def test_declared_sizes_of_a_split_by_data() -> None:
    """Pieces of lengths that the data give are not declared as equal parts."""

    def run(x: torch.Tensor) -> Any:
        count = x[x[:, 0] > 0].shape[0]
        return torch.split(x, [count, 4 - count])

    exported = onnx_explore.export(run, MATRIX[0], check=True)
    for output in exported.model.graph.outputs:
        assert output.shape is not None
        assert not isinstance(output.shape[0], int)
        assert output.shape[1] == 3
