"""Columns of numbers as little-endian buffers, beside a message or, where they travel as JSON, as lists."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence

from onnx_explore.errors import OnnxExporterError

Buffers = list[bytes]


def ints(row: Iterable[int]) -> bytes:
    """A column of int32."""
    made = array("i", row)
    if made.itemsize != 4:
        raise OnnxExporterError("this platform's C int does not have 32 bits")
    return made.tobytes()


def floats(row: Iterable[float]) -> bytes:
    """A column of float32: what is too large for one is infinite."""
    made = array("f", row)
    return made.tobytes()


def ragged(columns: Sequence[Sequence[int]]) -> Buffers:
    """Rows of different lengths: where each begins (one more than there are rows), and all of them in one column."""
    starts = [0]
    flat: list[int] = []
    for row in columns:
        flat.extend(row)
        starts.append(len(flat))
    return [ints(starts), ints(flat)]


def numbers(buffers: Sequence[bytes]) -> list[list[int]]:
    """Buffers as lists of int32, floats as their bits."""
    found: list[list[int]] = []
    for buffer in buffers:
        made = array("i")
        made.frombytes(buffer)
        found.append(made.tolist())
    return found
