"""``ex.values``: numbers and histograms of one node, from the same inputs in PyTorch and in ONNX."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from onnx_explore import explore, symbolic
from onnx_explore.errors import InvalidArgument
from onnx_explore.explore.exploration import Exploration
from tests.check.wrong import identity


class Model(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return (x.relu() * 2).log()


X = torch.tensor([[-1.0, 0.0, 1.0, 2.0]])


def node(ex: Exploration, target: str) -> int:
    return next(item.id for item in ex.torch_graph.block.nodes if item.target == target)


def test_numbers_and_histograms() -> None:
    ex = explore(Model(), X, check=False).run()
    found = ex.values(node(ex, "aten::mul"))
    np.testing.assert_array_equal(found.expected, [[0, 0, 2, 4]])
    np.testing.assert_array_equal(found.actual, found.expected)
    lines = str(found).splitlines()
    assert "4 values, mean 1.5, std 1.658, min 0, max 4" in lines[1]
    assert lines[2].strip() == "0, 0, 2, 4"
    assert lines[3].strip().startswith("█") and lines[3].endswith("0 … 4")
    assert lines[2:4] == lines[5:7]


def test_nan_and_infinity_are_counted() -> None:
    ex = explore(Model(), X, check=False).run()
    assert "2 NaN or infinite" in str(ex.values(node(ex, "aten::log")))


def test_a_culprit_shows_both_sides() -> None:
    with symbolic("aten::relu")(identity):
        ex = explore(Model(), X, check=False).run()
    found = ex.values(node(ex, "aten::relu"))
    np.testing.assert_array_equal(found.expected, [[0, 0, 1, 2]])
    np.testing.assert_array_equal(found.actual, [[-1, 0, 1, 2]])
    assert "difference 4 values, mean -0.25" in str(found)
    assert "largest    1 at [0, 0]: PyTorch 0, ONNX -1" in str(found)


def test_there_is_no_such_node() -> None:
    ex = explore(Model(), X, check=False).run()
    with pytest.raises(InvalidArgument, match="no ONNX value is left of node 999"):
        ex.values(999)
