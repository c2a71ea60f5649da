"""The values of one node as numbers and a small plot: PyTorch's beside what ONNX gives for the same inputs.

In: two arrays. Out: statistics and histograms over common bins, as text.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from onnx_explore.check.nodes.report import NodeCheck

Array = npt.NDArray[Any]
_BARS = " ▁▂▃▄▅▆▇█"
_BINS = 32


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

    def to_text(self) -> str:
        """Statistics, a histogram of each, and one of the differences where the shapes agree."""
        lines = [f"%{self.row.node} {self.row.target}{f' at {self.row.where}' if self.row.where else ''}"]
        both = [_finite(item) for item in (self.expected, self.actual)]
        ends = _ends(np.concatenate(both))
        for name, item, finite in zip(("PyTorch", "ONNX"), (self.expected, self.actual), both, strict=True):
            lines.append(f"{name:<10} {item.dtype} {list(item.shape)}  {_statistics(item, finite)}")
            lines.append(f"{'':<10} {_histogram(finite, ends)}  {ends[0]:.4g} … {ends[1]:.4g}")
        if self.expected.shape == self.actual.shape:
            with np.errstate(invalid="ignore", over="ignore"):  # infinities cancel to NaN, which is left out
                difference = _finite(_wide(self.actual) - _wide(self.expected))
            span = _ends(difference)
            lines.append(f"{'difference':<10} {_statistics(difference, difference)}")
            lines.append(f"{'':<10} {_histogram(difference, span)}  {span[0]:.4g} … {span[1]:.4g}")
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.to_text()


def _wide(item: Array) -> Array:
    with np.errstate(invalid="ignore"):
        return np.abs(item) if item.dtype.kind == "c" else item.astype(np.float64)


def _finite(item: Array) -> Array:
    wide = _wide(item).reshape(-1)
    return wide[np.isfinite(wide)]


def _ends(item: Array) -> tuple[float, float]:
    return (float(item.min()), float(item.max())) if item.size else (0.0, 0.0)


def _statistics(item: Array, finite: Array) -> str:
    odd = item.size - finite.size
    text = f"{item.size} values"
    if finite.size:
        text += f", mean {finite.mean():.4g}, std {finite.std():.4g}, min {finite.min():.4g}, max {finite.max():.4g}"
    return f"{text}, {odd} NaN or infinite" if odd else text


def _histogram(item: Array, ends: tuple[float, float]) -> str:
    low, high = ends
    counts, _ = np.histogram(item, _BINS, (low, high if high > low else low + 1.0))
    top = max(int(counts.max()), 1)
    # A bin with anything in it shows.
    return "".join(_BARS[-(-int(count) * (len(_BARS) - 1) // top)] for count in counts)
