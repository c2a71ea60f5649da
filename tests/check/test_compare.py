"""Tolerances, and the line that a person reads."""

from __future__ import annotations

import math

import ml_dtypes
import numpy as np
import pytest
import torch

from onnx_explore.check.compare import Comparison, compare


def one(expected: torch.Tensor, actual: np.ndarray, **options: float) -> Comparison:
    (comparison,) = compare([expected], [actual], ["y"], **options)
    return comparison


def test_equal() -> None:
    comparison = one(torch.tensor([[1.0, 2.0]]), np.array([[1.0, 2.0]], np.float32))
    assert comparison.passed
    assert (comparison.max_abs, comparison.max_rel, comparison.mismatched, comparison.total) == (0.0, 0.0, 0, 2)
    assert str(comparison) == "'y': FLOAT [1, 2] agrees (max abs error 0.0e+00)"


def test_values() -> None:
    actual = np.array([[1.0, 2.5], [3.0, 4.1]], np.float32)
    comparison = one(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), actual)
    assert not comparison.passed
    assert comparison.worst_index == (0, 1)
    assert (comparison.mismatched, comparison.total) == (2, 4)
    assert str(comparison) == (
        "'y': 2 of 4 values differ; worst at [0, 1]: ONNX 2.5, PyTorch 2 "
        "(max abs error 5.0e-01, max rel 2.5e-01; allowed rtol 1.0e-03, atol 4.0e-05)"
    )


@pytest.mark.parametrize(
    ("expected", "actual", "line"),
    [
        (torch.tensor([1.0]), np.array([1.0]), "'y': ONNX gives DOUBLE, PyTorch FLOAT"),
        (torch.tensor([1.0]), np.array(1.0, np.float32), "'y': ONNX gives shape [], PyTorch [1]"),
        (torch.tensor([1]), np.array([1], np.int32), "'y': ONNX gives INT32, PyTorch INT64"),
        (torch.tensor([1.0]).bfloat16(), np.array([1.0], np.float16), "'y': ONNX gives FLOAT16, PyTorch BFLOAT16"),
    ],
)
def test_dtype_and_shape(expected: torch.Tensor, actual: np.ndarray, line: str) -> None:
    comparison = one(expected, actual)
    assert not comparison.passed
    assert str(comparison) == line


def test_missing_outputs() -> None:
    tensor, array = torch.ones(2), np.ones(2, np.float32)
    first, second = compare([tensor, tensor], [array], ["a", "b"])
    assert first.passed
    assert str(second) == "'b': PyTorch returns it, ONNX does not"
    _, third = compare([tensor], [array, array], ["a"])
    assert str(third) == "'#1': ONNX returns it, PyTorch does not"


def test_nan_and_infinity() -> None:
    special = torch.tensor([math.nan, math.inf, -math.inf, 1.0])
    assert one(special, special.numpy()).passed
    for position, other in [(0, 1.0), (1, 1.0), (1, -math.inf), (3, math.nan), (3, math.inf)]:
        actual = special.numpy().copy()
        actual[position] = other
        comparison = one(special, actual)
        assert (comparison.mismatched, comparison.worst_index) == (1, (position,))
        assert comparison.max_abs == math.inf


@pytest.mark.parametrize("dtype", [torch.int64, torch.uint8, torch.bool])
def test_integers_are_exact(dtype: torch.dtype) -> None:
    expected = torch.tensor([0, 1, 1]).to(dtype)
    assert one(expected, expected.numpy()).passed
    comparison = one(expected, np.zeros_like(expected.numpy()))
    assert comparison.mismatched == 2
    assert comparison.max_abs == 1.0


def test_large_integers_are_exact() -> None:
    expected = torch.tensor([2**60])
    assert one(expected, np.array([2**60 + 1])).mismatched == 1
    assert one(expected, np.array([2**60 + 1]), rtol=1e-6).passed


def test_tolerance_goes_with_the_size_of_the_tensor() -> None:
    # Sums of terms of size 1000: an element that cancels carries the error of its terms.
    expected = torch.tensor([1000.0, 1e-3])
    assert one(expected, np.array([1000.0, 2e-3], np.float32)).passed
    assert not one(expected, np.array([1000.0, 2e-2], np.float32)).passed
    # Small tensors get no more than one rounding of a term of size 1.
    assert not one(torch.tensor([1e-5, 1e-6]), np.array([1e-5, 2e-6], np.float32)).passed
    assert one(torch.zeros(3), np.full(3, 1e-7, np.float32)).passed


def test_a_wrong_formula_is_far_outside() -> None:
    x = torch.linspace(-4, 4, 1000)
    wrong = torch.nn.functional.gelu(x, approximate="tanh").numpy()
    assert not one(torch.nn.functional.gelu(x), wrong).passed


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_rounding_of_a_deep_net_is_inside(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    layers = [torch.nn.Linear(128, 128), torch.nn.LayerNorm(128), torch.nn.GELU()] * 12
    x = torch.randn(16, 128)
    net = torch.nn.Sequential(*layers).eval()
    with torch.no_grad():
        # One and the same network, rounded after every operation, or computed in double precision.
        rounded = net.to(dtype)(x.to(dtype))
        exact = net.double()(x.to(dtype).double()).to(dtype)
    actual = exact.view(torch.uint16).numpy().view(ml_dtypes.bfloat16) if dtype == torch.bfloat16 else exact.numpy()
    assert one(rounded, actual).passed, str(one(rounded, actual))


def test_user_tolerances_are_absolute() -> None:
    expected = torch.tensor([1000.0])
    actual = np.array([1000.5], np.float32)
    assert one(expected, actual).passed
    assert not one(expected, actual, rtol=0.0, atol=0.1).passed
    assert one(expected, actual, rtol=0.0, atol=1.0).passed
    assert one(torch.tensor([3]), np.array([4]), atol=1.0).passed


def test_other_dtypes() -> None:
    assert one(torch.ones(2).bfloat16(), np.ones(2, ml_dtypes.bfloat16)).passed
    assert not one(torch.ones(2).bfloat16(), np.array([1, 1.5], ml_dtypes.bfloat16)).passed
    assert one(torch.ones(2).to(torch.float8_e4m3fn), np.ones(2, ml_dtypes.float8_e4m3fn)).passed
    assert one(torch.tensor([1 + 1j]), np.array([1 + 1j], np.complex64)).passed
    comparison = one(torch.tensor([1 + 1j]), np.array([1 - 1j], np.complex64))
    assert comparison.max_abs == 2.0
    assert "ONNX (1-1j), PyTorch (1+1j)" in str(comparison)


@pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor")
def test_quantized_and_sparse_outputs() -> None:
    quantized = torch.quantize_per_tensor(torch.tensor([0.0, 1.0]), 0.5, 3, torch.quint8)
    assert one(quantized, np.array([3, 5], np.uint8)).passed
    assert one(torch.eye(2).to_sparse(), np.eye(2, dtype=np.float32)).passed


def test_large_outputs_go_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("onnx_explore.check.compare._CHUNK", 3)
    expected = torch.arange(20.0).reshape(4, 5)
    actual = expected.numpy().copy()
    actual[1, 2], actual[2, 4] = 70, 50
    comparison = one(expected, actual)
    assert (comparison.mismatched, comparison.total, comparison.worst_index) == (2, 20, (1, 2))
    assert (comparison.max_abs, comparison.max_rel) == (63, 9)
    assert comparison.atol == pytest.approx(19e-5)
    actual = expected.numpy().copy()
    actual[3, 4] += 0.01
    comparison = one(expected, actual)
    assert comparison.passed
    assert comparison.worst_index == (3, 4)


def test_empty_and_scalar() -> None:
    assert one(torch.empty(0, 3), np.empty((0, 3), np.float32)).passed
    comparison = one(torch.tensor(1.0), np.array(2.0, np.float32))
    assert comparison.worst_index == ()
    assert "worst: ONNX 2, PyTorch 1" in str(comparison)


def test_random_outputs_compare_dtype_and_shape_only() -> None:
    (comparison,) = compare([torch.ones(3)], [np.zeros(3, np.float32)], ["y"], random={"y"})
    assert comparison.passed
    assert "values are random" in str(comparison)
    (comparison,) = compare([torch.ones(3)], [np.zeros(2, np.float32)], ["y"], random={"y"})
    assert comparison.reason == "shape"
