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
from onnx_explore.check.runtime import RuntimeSession
from onnx_explore.options import DEFAULT_OPSET, NEWEST_OPSET
from tests.models.data_dependent import CASES, LOOPS, Data, DataCase
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
