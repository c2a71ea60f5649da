"""Sizes that depend on the data: captured with one count, right with every other, none among them."""

from __future__ import annotations

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
from tests.models.data_dependent import CASES, Data, DataCase
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
    names = [f"x{index}" if index else "x" for index in range(len(case.data[0]))]
    exported = onnx_explore.export(
        case.run, case.data[captured], input_names=names, dynamic_axes=case.axes, opset_version=opset
    )
    onnx.checker.check_model(exported.to_proto(), full_check=True)
    session = RuntimeSession(exported.model)
    shapes: set[Any] = set()
    for number, data in enumerate(case.data):
        expected = eager(case, data)
        actual = session.run(dict(zip(names, data, strict=True)))
        assert len(actual) == len(expected)
        shapes.add(tuple(tensor.shape for tensor in expected))
        for name, got, tensor in zip(session.outputs, actual, expected, strict=True):
            wanted = tensor.numpy()
            place = f"'{name}', captured with data {captured}, run with data {number}"
            assert got.dtype == wanted.dtype, place
            assert got.shape == wanted.shape, place
            np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-5, err_msg=place)
    assert len(shapes) >= 3 or case.name in SAME_SHAPES, "the data do not give different sizes"


SAME_SHAPES = frozenset(
    {"reductions", "written_rows", "written_prefix", "written_broadcast", "scattered", "sizes_as_numbers", "empty_sums"}
    | {"scatter_reduced", "encoder_layer", "statistics", "top_of_selected", "attention_over_selected"}
)
"""Models whose sizes inside depend on the data, and whose outputs have one shape."""


def eager(case: DataCase, data: Data) -> list[torch.Tensor]:
    with torch.no_grad():
        result = case.run(*[tensor.clone() for tensor in data])
    return [leaf for leaf in pytree.tree_leaves(result) if isinstance(leaf, torch.Tensor)]
