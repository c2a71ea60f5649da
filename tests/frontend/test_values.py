"""Numbers about two arrays: NaN, infinities, other shapes, types that are no real numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from onnx_explore.check.nodes import NodeCheck
from onnx_explore.explore.checksview import node_numbers
from onnx_explore.explore.values import BINS, NodeValues, histogram, sample, statistics

ROW = NodeCheck(7, "aten::relu", "", "model.py:3", "Relu:0", ("Relu",), "agrees")


def values(expected: Any, actual: Any) -> NodeValues:
    return NodeValues(ROW, np.asarray(expected), np.asarray(actual))


def test_the_largest_difference_has_its_place() -> None:
    found = values(np.zeros((2, 3), np.float32), np.float32([[0, 0.5, 0], [0, 0, -2]]))
    largest = found.largest
    assert largest is not None
    assert (largest.index, largest.expected, largest.actual, largest.difference) == ((1, 2), "0", "-2", 2.0)
    assert "largest    2 at [1, 2]: PyTorch 0, ONNX -2" in str(found)


def test_what_is_not_finite_on_one_side_differs_by_most() -> None:
    found = values([np.nan, np.inf, 1.0, np.inf], [np.nan, np.inf, 3.0, 4.0])
    assert found.largest is not None
    assert found.largest.index == (3,) and found.largest.difference == np.inf
    assert statistics(found.expected).odd == 3 and statistics(found.expected).mean == 1.0
    message, buffers = node_numbers(found)
    assert message.sides[0].odd == 3 and message.sides[0].first[:2] == ["nan", "inf"]
    assert len(buffers[0]) == len(buffers[1]) == 4  # one element is finite in both


@pytest.mark.parametrize(
    "item",
    [
        np.zeros((0, 3), np.float32),
        np.array(5),
        np.array([True, False]),
        np.array([1 + 2j, 3j]),
        np.array([2**62, -(2**62)]),
        np.array([1e308, -1e308]),
        np.array([1e-320, 2e-320]),
        np.full(4, np.nan),
    ],
    ids=["empty", "scalar", "bool", "complex", "int64", "wide", "denormal", "nan"],
)
def test_equal_arrays_differ_nowhere(item: np.ndarray[Any, Any]) -> None:
    found = values(item, item.copy())
    assert found.largest is None
    message, buffers = node_numbers(found)
    finite = np.isfinite(item).sum()
    assert sum(message.sides[0].histogram) == finite and len(message.sides[0].histogram) == BINS
    assert message.largest == "none: they are equal" and buffers[0] == buffers[1]
    assert str(found).endswith("none: they are equal")


def test_other_shapes_are_not_compared() -> None:
    message, buffers = node_numbers(values(np.ones(3), np.ones((3, 1))))
    assert [side.type for side in message.sides] == ["float64 [3]", "float64 [3, 1]"]
    assert message.largest == "" and buffers == [b"", b""]


def test_large_integers_differ_though_floats_cannot_tell() -> None:
    found = values(np.array([2**53]), np.array([2**53 + 1]))
    assert found.largest is not None and found.largest.difference > 0


def test_a_sample_has_the_worst_and_is_even() -> None:
    expected = np.linspace(0, 1, 10_000, dtype=np.float32)
    actual = expected.copy()
    actual[7777] += 5
    left, right = sample(values(expected, actual), 100)
    assert len(left) == len(right) <= 100 and (right - left).max() == pytest.approx(5)
    assert np.histogram(left, 4, (0, 1))[0].min() >= 15


def test_a_histogram_counts_as_numpy_does() -> None:
    item = np.random.default_rng(0).normal(size=1000)
    ends = (float(item.min()), float(item.max()))
    assert histogram(item, ends) == np.histogram(item, BINS, ends)[0].tolist()
