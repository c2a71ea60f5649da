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

from onnx_explore.dtypes import to_onnx
from onnx_explore.writing import array_of

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
        torch.float16: Tolerance(1e-2, 4e-3, 9.8e-4),
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
QUANTIZED = Tolerance(1e-3, 1 / 127, 1.2e-7)
"""Of a model that rounds to integers inside: one step of a grid of 7 bits over the range of the tensor.

A sum that is off by one rounding falls on the other side of a half now and then, and the result is one step off.
"""

_STORED = frozenset({torch.uint8, torch.int8, torch.int16})
"""What plain tensors of integers on a grid are (``int_repr``, the operators of pt2e)."""

# One node has one node's roundings: a tenth of what a whole model may be off, down to a few steps of the element type.
LOCAL_TOLERANCES: Mapping[torch.dtype, Tolerance] = MappingProxyType(
    {
        **TOLERANCES,
        torch.float32: Tolerance(1e-4, 2e-6, 1.2e-7),
        torch.float16: Tolerance(4e-3, 1e-3, 9.8e-4),
        torch.bfloat16: Tolerance(3e-2, 8e-3, 7.8e-3),
        torch.complex64: Tolerance(1e-4, 2e-6, 1.2e-7),
    }
)
"""For a node that is fed with PyTorch's own values."""

_CHUNK = 1 << 22
"""Elements that are compared at once: the comparison is in float64, and there are several arrays of it."""


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
        worst_index: Where the difference is the largest multiple of what is allowed; None without values to compare.
        worst: PyTorch's and ONNX's value there, as text.
        mismatched: How many elements are outside of what is allowed.
        total: How many elements were compared.
        rtol: Relative tolerance.
        atol: Absolute tolerance, as a number (not relative to the tensor).
        random: Only dtype and shape were compared, as the values are random.
        excess: The largest difference as a multiple of what is allowed: more than 1 where ONNX does not agree, infinite
            where dtype or shape differ or nothing is allowed.
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
    excess: float = 0.0

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
    quantized: bool = False,
    steps: Mapping[str, float] = MappingProxyType({}),
    table: Mapping[torch.dtype, Tolerance] = TOLERANCES,
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
        quantized: Whether the model rounds to integers inside: real numbers, quantized tensors and integers of 8 or 16 bits may
            be one step off.
        steps: How large that step is, for outputs where it is known.
        table: Tolerances by element type.

    Returns:
        One comparison for each output of either side.
    """
    if quantized:
        table = {**table, torch.float32: QUANTIZED}
    results: list[Comparison] = []
    for position in range(max(len(expected), len(actual))):
        name = names[position] if position < len(names) else f"#{position}"
        if position >= len(actual):
            tensor = expected[position]
            results.append(
                Comparison(
                    name, False, "missing", to_onnx(tensor.dtype).name, "", tuple(tensor.shape), (), excess=math.inf
                )
            )
        elif position >= len(expected):
            array = actual[position]
            dtype = ir.DataType.from_numpy(array.dtype).name
            results.append(Comparison(name, False, "missing", "", dtype, (), array.shape, excess=math.inf))
        else:
            step = steps.get(name, 1.0 if expected[position].dtype in _STORED else 0.0) if quantized else None
            one = _compare_one(expected[position], actual[position], name, rtol, atol, name in random, table, step)
            results.append(one)
    return results


def _compare_one(
    expected: torch.Tensor,
    actual: Array,
    name: str,
    rtol: float | None,
    atol: float | None,
    random: bool,
    tolerances: Mapping[torch.dtype, Tolerance],
    step: float | None,
) -> Comparison:
    least = step or 0.0
    if expected.is_quantized:
        expected = expected.int_repr()
        least = 0.0 if step is None else 1.0
    if expected.layout != torch.strided:
        expected = expected.to_dense()
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
            excess=math.inf if reason else 0.0,
        )

    found = _Found()
    wanted = array_of(expected).reshape(-1)
    given = np.ascontiguousarray(actual).reshape(-1)
    least = least if atol is None else 0.0
    rtol, absolute = _tolerances(wanted, expected.dtype, rtol, atol, tolerances)
    absolute = max(absolute, least)
    for start in range(0, wanted.size, _CHUNK):
        found.add(start, wanted[start : start + _CHUNK], given[start : start + _CHUNK], rtol, absolute)
    return Comparison(
        name,
        not found.mismatched,
        "values" if found.mismatched else "",
        expected_dtype.name,
        actual_dtype.name,
        tuple(expected.shape),
        actual.shape,
        max_abs=found.max_abs,
        max_rel=found.max_rel,
        worst_index=tuple(int(index) for index in np.unravel_index(found.worst, actual.shape)),
        worst=(_text(wanted[found.worst]), _text(given[found.worst])),
        mismatched=found.mismatched,
        total=wanted.size,
        rtol=rtol,
        atol=absolute,
        excess=math.inf if found.mismatched and not rtol and not absolute else max(found.excess, 0.0),
    )


def _tolerances(
    wanted: Array,
    dtype: torch.dtype,
    rtol: float | None,
    atol: float | None,
    tolerances: Mapping[torch.dtype, Tolerance],
) -> tuple[float, float]:
    """The relative tolerance, and the absolute one as a number."""
    if dtype == torch.bool:
        return 0.0, 0.0
    table = tolerances.get(dtype, EXACT)
    if atol is None:
        largest = 0.0
        for start in range(0, wanted.size, _CHUNK) if table.atol else ():
            largest = max(largest, _largest(wanted[start : start + _CHUNK]))
        atol = max(table.atol * largest, table.epsilon)
    return (table.rtol if rtol is None else rtol), atol


def _largest(part: Array) -> float:
    """The largest finite absolute value."""
    if part.dtype.kind == "f":
        largest = float(np.abs(part).max(initial=0.0))
        if math.isfinite(largest):
            return largest
    size = np.abs(_wide(part))
    return float(np.max(size, initial=0.0, where=np.isfinite(size)))


@dataclass(slots=True)
class _Found:
    """What the comparison found so far."""

    max_abs: float = 0.0
    max_rel: float = 0.0
    mismatched: int = 0
    worst: int = 0
    excess: float = -1.0

    def add(self, start: int, wanted: Array, given: Array, rtol: float, atol: float) -> None:
        """Compare the elements from ``start`` on."""
        if self._are_near(start, wanted, given, atol):
            return
        left, right = _wide(wanted), _wide(given)
        if wanted.dtype.kind == "f" and atol > 0 and _is_finite(left) and _is_finite(right):
            self._add_finite(start, left, right, rtol, atol)
            return
        # Integers above 2**53 differ only as they are.
        same = (wanted == given) | (np.isnan(left) & np.isnan(right))
        size = np.abs(left)
        finite = np.isfinite(size) & np.isfinite(right)
        with np.errstate(invalid="ignore", over="ignore"):
            difference = np.where(same, 0.0, np.where(finite, np.abs(right - left), np.inf))
        allowed = np.where(np.isfinite(size), rtol * size, 0.0) + atol
        is_close = same | (finite & (difference <= allowed) & (allowed > 0))
        rel = np.divide(difference, size, out=np.zeros_like(size), where=(size > 0) & np.isfinite(size))
        self.max_abs = max(self.max_abs, float(difference.max()))
        self.max_rel = max(self.max_rel, float(rel.max()))
        self.mismatched += int(is_close.size - np.count_nonzero(is_close))
        # The worst element is the one that is off by most times what is allowed; where nothing is, by most.
        excess = np.where(same, 0.0, difference + 1.0)
        np.divide(difference, allowed, out=excess, where=allowed > 0)
        position = int(np.argmax(excess))
        if excess[position] > self.excess:
            self.excess, self.worst = float(excess[position]), start + position

    def _add_finite(self, start: int, left: Array, right: Array, rtol: float, atol: float) -> None:
        """The same for finite numbers of which something may always be off."""
        size = np.abs(left)
        with np.errstate(over="ignore"):
            difference = np.abs(right - left)
            allowed = rtol * size + atol
            excess = difference / allowed
        self.max_abs = max(self.max_abs, float(difference.max()))
        self.max_rel = max(self.max_rel, _largest_share(difference, size))
        self.mismatched += int(np.count_nonzero(difference > allowed))
        position = int(excess.argmax())
        if excess[position] > self.excess:
            self.excess, self.worst = float(excess[position]), start + position

    def _are_near(self, start: int, wanted: Array, given: Array, atol: float) -> bool:
        """Whether all elements are finite and within the absolute tolerance, which the element type itself can tell."""
        if wanted.dtype.kind != "f" or wanted.dtype.itemsize < 4 or atol <= 0:
            return False
        with np.errstate(invalid="ignore", over="ignore"):
            difference = np.abs(given - wanted)
        position = int(difference.argmax())  # of the first NaN, if there is one
        largest = float(difference[position])
        if not largest <= atol:
            return False
        self.max_abs = max(self.max_abs, largest)
        self.max_rel = max(self.max_rel, _largest_share(difference, np.abs(wanted)))
        if largest / atol > self.excess:
            self.excess, self.worst = largest / atol, start + position
        return True


def _largest_share(difference: Array, size: Array) -> float:
    """The largest relative difference of finite elements that are not zero."""
    if size.min() <= 0:
        size = np.where(size > 0, size, np.inf)
    with np.errstate(over="ignore"):
        return float((difference / size).max())


def _is_finite(array: Array) -> bool:
    """Whether all elements are; it may be False for numbers so large that their sum is not."""
    with np.errstate(invalid="ignore", over="ignore"):
        return math.isfinite(float(np.add.reduce(array)))


def _wide(array: Array) -> Array:
    return array.astype(np.complex128 if array.dtype.kind == "c" else np.float64)


def _text(value: Any) -> str:
    item = value.item() if hasattr(value, "item") else value
    if isinstance(item, bool | int | complex):
        return str(item)
    number = float(value)
    return f"{number:.7g}" if math.isfinite(number) else str(number)
