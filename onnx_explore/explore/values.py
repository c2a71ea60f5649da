"""The values of one node as numbers and a small plot: PyTorch's beside what ONNX gives for the same inputs.

In: two arrays. Out: statistics, first elements, the largest difference, and histograms over common bins; as numbers and as text.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from onnx_explore.check.nodes.report import NodeCheck

Array = npt.NDArray[Any]
_BARS = " ▁▂▃▄▅▆▇█"
BINS = 32
"""Of a histogram."""
FIRST = 6
"""Elements that are shown one by one."""


@dataclass(frozen=True, slots=True)
class Statistics:
    """Numbers about an array; complex numbers by their absolute value.

    Attributes:
        size: Elements.
        odd: How many of them are NaN or infinite; the rest is about the others.
        mean: Their mean, NaN if there are none, as the rest.
        std: Their standard deviation.
        low: The smallest.
        high: The largest.
    """

    size: int
    odd: int
    mean: float
    std: float
    low: float
    high: float

    def __str__(self) -> str:
        text = f"{self.size} values"
        if self.size > self.odd:
            text += f", mean {self.mean:.4g}, std {self.std:.4g}, min {self.low:.4g}, max {self.high:.4g}"
        return f"{text}, {self.odd} NaN or infinite" if self.odd else text


@dataclass(frozen=True, slots=True)
class Largest:
    """Where two arrays differ by most: the index, both values as text, and by how much (infinite: one of them is not finite)."""

    index: tuple[int, ...]
    expected: str
    actual: str
    difference: float

    def __str__(self) -> str:
        return f"{self.difference:.4g} at {list(self.index)}: PyTorch {self.expected}, ONNX {self.actual}"


@dataclass(frozen=True, slots=True, eq=False)
class NodeValues:
    """What one node gives.

    Attributes:
        row: Of the check of every node.
        expected: PyTorch's.
        actual: ONNX's, fed with PyTorch's inputs.
    """

    row: NodeCheck
    expected: Array
    actual: Array

    @property
    def difference(self) -> Array | None:
        """ONNX's minus PyTorch's, in float64 (of complex numbers: of the absolute values); None where the shapes differ."""
        if self.expected.shape != self.actual.shape:
            return None
        with np.errstate(invalid="ignore", over="ignore"):  # infinities cancel to NaN
            return _wide(self.actual) - _wide(self.expected)

    @property
    def largest(self) -> Largest | None:
        """Where the two differ by most; None where the shapes differ, or nothing does."""
        difference = self.difference
        if difference is None or not difference.size:
            return None
        left, right = _wide(self.expected), _wide(self.actual)
        same = (self.expected == self.actual) | (np.isnan(left) & np.isnan(right))
        off = np.where(same, 0.0, np.where(np.isfinite(difference), np.abs(difference), np.inf))
        # Integers above 2**53 may be two and yet one float64: then they are off by one at least.
        off = np.where(~same & (off == 0), 1.0, off)
        position = int(np.argmax(off))
        if not off.flat[position]:
            return None
        index = tuple(int(item) for item in np.unravel_index(position, off.shape))
        return Largest(
            index, element(self.expected.flat[position]), element(self.actual.flat[position]), float(off.flat[position])
        )

    def to_text(self) -> str:
        """Statistics, the first elements and a histogram of each, and the same of the differences where the shapes agree."""
        lines = [f"%{self.row.node} {self.row.target}{f' at {self.row.where}' if self.row.where else ''}"]
        ends = self.ends
        for name, item in (("PyTorch", self.expected), ("ONNX", self.actual)):
            lines.append(f"{name:<10} {item.dtype} {list(item.shape)}  {statistics(item)}")
            lines.append(f"{'':<10} {', '.join(first(item))}{', …' if item.size > FIRST else ''}")
            lines.append(f"{'':<10} {_drawn(histogram(item, ends))}  {ends[0]:.4g} … {ends[1]:.4g}")
        difference = self.difference
        if difference is not None:
            found = statistics(difference)
            span = ends_of(difference)
            lines.append(f"{'difference':<10} {found}")
            lines.append(f"{'':<10} {_drawn(histogram(difference, span))}  {span[0]:.4g} … {span[1]:.4g}")
            lines.append(f"{'largest':<10} {self.largest or 'none: they are equal'}")
        return "\n".join(lines)

    @property
    def ends(self) -> tuple[float, float]:
        """The smallest and the largest finite element of both."""
        return ends_of(np.concatenate([_finite(self.expected), _finite(self.actual)]))

    def __str__(self) -> str:
        return self.to_text()


def statistics(item: Array) -> Statistics:
    """Numbers about an array."""
    finite = _finite(item)
    odd = item.size - finite.size
    if not finite.size:
        return Statistics(item.size, odd, *[float("nan")] * 4)
    with np.errstate(over="ignore"):
        mean, std = float(finite.mean()), float(finite.std())
    return Statistics(item.size, odd, mean, std, float(finite.min()), float(finite.max()))


def first(item: Array, count: int = FIRST) -> list[str]:
    """The first elements in memory order, as text."""
    return [element(value) for value in item.reshape(-1)[:count]]


def element(value: Any) -> str:
    """One element as text."""
    plain = value.item() if hasattr(value, "item") else value
    return str(plain) if isinstance(plain, bool | int | complex) else f"{float(plain):.6g}"


def histogram(item: Array, ends: tuple[float, float], bins: int = BINS) -> list[int]:
    """How many finite elements fall into each of equal parts of a range."""
    low, high = ends
    with np.errstate(over="ignore"):
        wide = high - low
    if not 0 < wide < np.inf or low + wide / bins == low:  # one value, or too near for a part of its own
        return [_finite(item).size, *[0] * (bins - 1)]
    counts, _ = np.histogram(_finite(item), bins, (low, high))
    return counts.tolist()


def sample(values: NodeValues, most: int) -> tuple[Array, Array]:
    """PyTorch's and ONNX's values of the same elements, evenly chosen, those that differ by most among them; both in float32.

    Empty where the shapes differ. Only elements that are finite in both.
    """
    difference = values.difference
    if difference is None:
        return np.zeros(0, np.float32), np.zeros(0, np.float32)
    left, right = _wide(values.expected).reshape(-1), _wide(values.actual).reshape(-1)
    usable = np.flatnonzero(np.isfinite(left) & np.isfinite(right))
    if usable.size > most:
        off = np.abs(difference.reshape(-1)[usable])
        worst = usable[np.argpartition(off, -(most // 4))[-(most // 4) :]]
        even = usable[np.linspace(0, usable.size - 1, most - worst.size).astype(np.int64)]
        usable = np.unique(np.concatenate([even, worst]))
    with np.errstate(over="ignore"):
        return left[usable].astype(np.float32), right[usable].astype(np.float32)


def _wide(item: Array) -> Array:
    with np.errstate(invalid="ignore"):
        return np.abs(item) if item.dtype.kind == "c" else item.astype(np.float64)


def _finite(item: Array) -> Array:
    wide = _wide(item).reshape(-1)
    return wide[np.isfinite(wide)]


def ends_of(item: Array) -> tuple[float, float]:
    """The smallest and the largest finite element; (0, 0) if there is none."""
    finite = _finite(item)
    return (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)


def _drawn(counts: list[int]) -> str:
    top = max(*counts, 1)
    # A bin with anything in it shows.
    return "".join(_BARS[-(-count * (len(_BARS) - 1) // top)] for count in counts)
