"""Compares what ONNX gave with what PyTorch gave: dtype, shape, then every value.

In: PyTorch's tensors and numpy arrays. Out: one ``Comparison`` per output, whose ``str`` is one line for a person.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import onnx_ir as ir
import torch
from onnx_ir.tensor_adapters import TorchTensor

from onnx_explore.dtypes import to_onnx
from onnx_explore.writing import contiguous_array

Array = npt.NDArray[Any]
Reason = Literal["", "missing", "dtype", "shape", "values"]


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far a value may be off: ``rtol * |expected| + max(atol * largest |expected| of the tensor, epsilon)``.

    Attributes:
        rtol: Relative to the element.
        atol: Relative to the tensor's largest finite element.
        epsilon: Absolute.
    """

    rtol: float
    atol: float
    epsilon: float


# Two correct implementations of one network sum in different orders. The error of a sum goes with the size of its
# terms, not of its result, hence `atol` is relative to the tensor: an element that cancels to almost nothing carries
# the error of its large neighbours. `epsilon` is one rounding of a term of size 1, for tensors that cancel everywhere.
# - float64: errors are about 1e-15 per operation, but ONNX float attributes (alpha, epsilon) are float32, off by 6e-8.
# - float32: 1e-7 per operation; 1e-3 leaves room for a hundred layers of fused or vectorised kernels, and a wrong
#   formula (a tanh GELU for an erf one, a missing bias) is still far outside.
# - float16, bfloat16: PyTorch rounds after every operation, ONNX Runtime computes in float32 between casts: a few
#   roundings (5e-4 and 4e-3) per layer.
# - float8 has two or three bits: one step.
TOLERANCES: Mapping[torch.dtype, Tolerance] = MappingProxyType(
    {
        torch.float64: Tolerance(1e-7, 1e-9, 2.2e-16),
        torch.float32: Tolerance(1e-3, 1e-5, 1.2e-7),
        torch.float16: Tolerance(1e-2, 2e-3, 9.8e-4),
        torch.bfloat16: Tolerance(5e-2, 3e-2, 7.8e-3),
        torch.complex64: Tolerance(1e-3, 1e-5, 1.2e-7),
        torch.complex128: Tolerance(1e-7, 1e-9, 2.2e-16),
        torch.float8_e4m3fn: Tolerance(0.125, 0.0, 2**-9),
        torch.float8_e4m3fnuz: Tolerance(0.125, 0.0, 2**-10),
        torch.float8_e5m2: Tolerance(0.25, 0.0, 2**-16),
        torch.float8_e5m2fnuz: Tolerance(0.25, 0.0, 2**-17),
    }
)
EXACT = Tolerance(0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Comparison:
    """One output, compared.

    Attributes:
        name: Name of the output.
        passed: Whether ONNX agrees with PyTorch.
        reason: What differs first, or ``""``.
        expected_dtype: PyTorch's, as ONNX names it (``FLOAT``), or ``""`` where PyTorch has no such output.
        actual_dtype: ONNX's, or ``""`` where ONNX has no such output.
        expected_shape: PyTorch's.
        actual_shape: ONNX's.
        max_abs: Largest absolute difference; infinite where one side is infinite or NaN and the other is not.
        max_rel: Largest relative difference, over the elements where PyTorch's is not zero.
        worst_index: Where the difference is farthest outside of (or closest to) what is allowed; None for no elements.
        worst: PyTorch's and ONNX's value there, as text.
        mismatched: How many elements are outside of what is allowed.
        total: How many elements were compared.
        rtol: Relative tolerance.
        atol: Absolute tolerance, as a number (not relative to the tensor).
        random: Only dtype and shape were compared, as the values are random.
    """

    name: str
    passed: bool
    reason: Reason
    expected_dtype: str
    actual_dtype: str
    expected_shape: tuple[int, ...]
    actual_shape: tuple[int, ...]
    max_abs: float = 0.0
    max_rel: float = 0.0
    worst_index: tuple[int, ...] | None = None
    worst: tuple[str, str] = ("", "")
    mismatched: int = 0
    total: int = 0
    rtol: float = 0.0
    atol: float = 0.0
    random: bool = False

    def __str__(self) -> str:
        head = f"'{self.name}'"
        match self.reason:
            case "missing":
                has, lacks = ("PyTorch", "ONNX") if self.expected_dtype else ("ONNX", "PyTorch")
                return f"{head}: {has} returns it, {lacks} does not"
            case "dtype":
                return f"{head}: ONNX gives {self.actual_dtype}, PyTorch {self.expected_dtype}"
            case "shape":
                return f"{head}: ONNX gives shape {list(self.actual_shape)}, PyTorch {list(self.expected_shape)}"
            case "values":
                place = f" at {list(self.worst_index)}" if self.worst_index else ""
                return (
                    f"{head}: {self.mismatched} of {self.total} values differ; worst{place}: ONNX {self.worst[1]}, "
                    f"PyTorch {self.worst[0]} (max abs error {self.max_abs:.1e}, max rel {self.max_rel:.1e}; "
                    f"allowed rtol {self.rtol:.1e}, atol {self.atol:.1e})"
                )
            case "":
                what = f"{self.expected_dtype} {list(self.expected_shape)}"
                if self.random:
                    return f"{head}: {what} agrees in dtype and shape; its values are random"
                return f"{head}: {what} agrees (max abs error {self.max_abs:.1e})"


def compare(
    expected: Sequence[torch.Tensor],
    actual: Sequence[Array],
    names: Sequence[str],
    *,
    rtol: float | None = None,
    atol: float | None = None,
    random: Collection[str] = (),
) -> list[Comparison]:
    """Compare all outputs.

    NaN equals NaN, and an infinity equals the same infinity. Integers and booleans must be exactly equal (integers:
    unless a tolerance is given). For real and complex numbers see ``TOLERANCES``.

    Args:
        expected: What PyTorch gave.
        actual: What ONNX gave, in the same order.
        names: Names of the outputs; those without one are called by their number.
        rtol: Instead of the table's.
        atol: Instead of the table's, as an absolute number, as in ``torch.testing.assert_close``.
        random: Names of outputs whose values are random; only dtype and shape of these are compared.

    Returns:
        One comparison for each output of either side.
    """
    results: list[Comparison] = []
    for position in range(max(len(expected), len(actual))):
        name = names[position] if position < len(names) else f"#{position}"
        if position >= len(actual):
            tensor = expected[position]
            results.append(Comparison(name, False, "missing", to_onnx(tensor.dtype).name, "", tuple(tensor.shape), ()))
        elif position >= len(expected):
            array = actual[position]
            dtype = ir.DataType.from_numpy(array.dtype).name
            results.append(Comparison(name, False, "missing", "", dtype, (), array.shape))
        else:
            results.append(_compare_one(expected[position], actual[position], name, rtol, atol, name in random))
    return results


def _compare_one(
    expected: torch.Tensor, actual: Array, name: str, rtol: float | None, atol: float | None, random: bool
) -> Comparison:
    expected_dtype, actual_dtype = to_onnx(expected.dtype), ir.DataType.from_numpy(actual.dtype)
    reason: Reason = ""
    if expected_dtype != actual_dtype:
        reason = "dtype"
    elif tuple(expected.shape) != actual.shape:
        reason = "shape"
    if reason or random or not expected.numel():
        return Comparison(
            name,
            not reason,
            reason,
            expected_dtype.name,
            actual_dtype.name,
            tuple(expected.shape),
            actual.shape,
            random=random,
        )

    wanted = contiguous_array(TorchTensor(expected))
    difference, rel, is_close, allowed, tolerance = _differences(wanted, actual, expected.dtype, rtol, atol)
    # Farthest outside of what is allowed; where nothing is outside, closest to the border.
    excess = np.where(is_close, -1.0 / (1.0 + np.abs(difference - allowed)), np.maximum(difference - allowed, 0.0))
    worst = np.unravel_index(int(np.argmax(excess)), wanted.shape)
    mismatched = int(wanted.size - np.count_nonzero(is_close))
    return Comparison(
        name,
        not mismatched,
        "values" if mismatched else "",
        expected_dtype.name,
        actual_dtype.name,
        tuple(expected.shape),
        actual.shape,
        max_abs=float(difference.max()),
        max_rel=float(rel.max()),
        worst_index=tuple(int(index) for index in worst),
        worst=(_text(wanted[worst]), _text(actual[worst])),
        mismatched=mismatched,
        total=wanted.size,
        rtol=tolerance[0],
        atol=tolerance[1],
    )


def _differences(
    wanted: Array, actual: Array, dtype: torch.dtype, rtol: float | None, atol: float | None
) -> tuple[Array, Array, Array, Array, tuple[float, float]]:
    """Absolute and relative difference, closeness and allowance by element, and the tolerances that were used."""
    table = TOLERANCES.get(dtype, EXACT)
    precise = np.complex128 if wanted.dtype.kind == "c" else np.float64
    left, right = wanted.astype(precise), actual.astype(precise)
    same = (wanted == actual) | (np.isnan(left) & np.isnan(right))
    with np.errstate(invalid="ignore", over="ignore"):
        difference = np.where(same, 0.0, np.abs(right - left))
    size = np.abs(left)
    finite = np.isfinite(left) & np.isfinite(right)
    difference = np.where(finite | same, difference, np.inf)

    if dtype == torch.bool:
        rtol, absolute = 0.0, 0.0
    else:
        rtol = table.rtol if rtol is None else rtol
        largest = float(np.max(size, initial=0.0, where=np.isfinite(size)))
        absolute = max(table.atol * largest, table.epsilon) if atol is None else atol
    allowed = np.where(np.isfinite(size), rtol * size, 0.0) + absolute
    is_close = same | (finite & (difference <= allowed) & (allowed > 0))
    rel = np.divide(difference, size, out=np.zeros_like(size), where=(size > 0) & np.isfinite(size))
    return difference, rel, is_close, allowed, (rtol, absolute)


def _text(value: Any) -> str:
    item = value.item() if hasattr(value, "item") else value
    if isinstance(item, bool | int | complex):
        return str(item)
    number = float(value)
    return f"{number:.7g}" if math.isfinite(number) else str(number)
