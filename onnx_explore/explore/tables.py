"""Tables that fit a width: aligned columns, and the columns that may be cut are cut, with an ellipsis."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

_GAP = "  "
_NARROWEST = 14


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Attributes:
        title: Its head.
        cut: Where its cells may be shortened: ``"end"``, ``"start"`` (for paths, whose end says most), or not at all.
        right: Whether cells stand at the right (numbers).
    """

    title: str
    cut: Literal["never", "end", "start"] = "never"
    right: bool = False


def fit(columns: Sequence[Column], rows: Sequence[Sequence[str]], width: int | None = None) -> str:
    """A table.

    Args:
        columns: The heads; a column whose title is empty in all of them gives a table without a head.
        rows: The cells.
        width: Characters in a line; None: as wide as needed.
    """
    headed = any(column.title for column in columns)
    body = [[column.title for column in columns], *rows] if headed else list(rows)
    widths = [max((len(row[index]) for row in body), default=0) for index in range(len(columns))]
    if width is not None:
        widths = _narrowed(columns, widths, width)
    lines = [_line(columns, row, widths) for row in body]
    if headed:
        lines.insert(1, _GAP.join("─" * size for size in widths))
    return "\n".join(lines)


def _narrowed(columns: Sequence[Column], widths: list[int], width: int) -> list[int]:
    """Take from the widest column that may be cut until the line fits, or all of these are as narrow as can be."""
    result = list(widths)
    excess = sum(result) + len(_GAP) * (len(result) - 1) - width
    elastic = [index for index, column in enumerate(columns) if column.cut != "never"]
    while excess > 0:
        index = max(elastic, key=lambda item: result[item], default=None)
        if index is None or result[index] <= _NARROWEST:
            break
        others = [result[item] for item in elastic if item != index]
        step = min(excess, max(1, result[index] - max([_NARROWEST, *others])))
        result[index] -= step
        excess -= step
    return result


def _line(columns: Sequence[Column], row: Sequence[str], widths: Sequence[int]) -> str:
    cells: list[str] = []
    for column, cell, width in zip(columns, row, widths, strict=True):
        short = clip(cell, width, at="start" if column.cut == "start" else "end")
        cells.append(short.rjust(width) if column.right else short.ljust(width))
    return _GAP.join(cells).rstrip()


def clip(text: str, width: int, *, at: Literal["end", "start"] = "end") -> str:
    """Shorten a text to a width, with ``…`` where something is missing."""
    if len(text) <= width:
        return text
    if width <= 1:
        return "…"[:width]
    return f"…{text[len(text) - width + 1 :]}" if at == "start" else f"{text[: width - 1]}…"


def labelled(rows: Sequence[tuple[str, Sequence[str]]], width: int | None = None) -> str:
    """Labels at the left, their lines at the right; what is too long goes on in the next line, cut at blanks."""
    left = max((len(label) for label, lines in rows if lines), default=0)
    result: list[str] = []
    for label, lines in rows:
        for index, line in enumerate(lines):
            result += _wrapped(f"{label if index == 0 else '':<{left}}{_GAP}", line, left + len(_GAP), width)
    return "\n".join(result)


def wrapped(line: str, width: int | None = None) -> str:
    """One line of prose, going on in indented lines where it is too long."""
    return "\n".join(_wrapped("", line, 0, width))


def _wrapped(head: str, line: str, indent: int, width: int | None) -> list[str]:
    if width is None or indent + len(line) <= width:
        return [head + line]
    return textwrap.wrap(
        line,
        max(width, indent + 20),
        initial_indent=head,
        subsequent_indent=" " * (indent + 2),
        break_long_words=False,
        break_on_hyphens=False,
    )


def bytes_text(count: int) -> str:
    """``244.4 MB``."""
    size = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def count_text(count: int, noun: str, plural: str = "") -> str:
    """``1 node``, ``3 nodes``, ``12,345 nodes``."""
    return f"{count:,} {noun if count == 1 else plural or f'{noun}s'}"


def seconds_text(seconds: float) -> str:
    """``0.42 ms``, ``12 ms``, ``1.3 s``."""
    if seconds >= 1:
        return f"{seconds:.1f} s"
    return f"{seconds * 1e3:.2f} ms" if seconds < 0.01 else f"{seconds * 1e3:.0f} ms"
