"""What an export came to, on one screen: verdict, checks, inputs and outputs, notes, and the failure if there is one.

In: an exploration's facts. Out: text. The verdict comes first, so that one can stop reading there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import onnx_ir as ir

from onnx_explore.capture.captured import Capture, one_each
from onnx_explore.check.report import Report
from onnx_explore.emit.regions import count_nodes
from onnx_explore.explore import text
from onnx_explore.explore.failure import short_file
from onnx_explore.explore.tables import Column, bytes_text, count_text, fit, wrapped
from onnx_explore.options import Options
from onnx_explore.recording import Noted

_MOST_NOTES = 8
_ORDER = {"error": 0, "warning": 1, "info": 2}


@dataclass(frozen=True, slots=True)
class Facts:
    """What the summary is made of.

    Attributes:
        headline: The verdict's first line.
        failure: The failure's block, or ``""``.
        graph: The ONNX graph; partial while paused or failed.
        captured: The capture.
        options: The options.
        report: The checks, or None.
        notes: What a person should know.
        place: How a source line is shown.
        audit: The audit of the axes, in one line, or ``""``.
    """

    headline: str
    failure: str
    graph: ir.Graph
    captured: Capture
    options: Options
    report: Report | None
    notes: Sequence[Noted]
    place: Callable[[str], str] = str
    audit: str = ""


def summary_text(facts: Facts, width: int | None = None) -> str:
    """The one screen."""
    head = [facts.headline, *([f"audit of the axes: {facts.audit}"] if facts.audit else [])]
    if facts.report is not None:
        head.append(facts.report.verdict)
        head += [f"also failed: {item.subject}: {item.detail}" for item in facts.report.failures[1:]]
    parts = ["\n".join(wrapped(line, width) for line in head)]
    if facts.failure:
        parts.append(facts.failure)
    parts.append(interface_table(facts, width))
    notes = sorted_notes(facts.notes)
    if notes:
        parts.append(notes_table(notes[:_MOST_NOTES], facts.place))
        if len(notes) > _MOST_NOTES:
            parts[-1] += f"\n… and {count_text(len(notes) - _MOST_NOTES, 'more note')}"
    return "\n\n".join(parts)


def size_text(graph: ir.Graph) -> str:
    """``21 nodes, 16 weights (244.4 MB)``."""
    parts = [count_text(count_nodes(graph), "node")]
    weights = list(graph.initializers.values())
    if weights:
        size = sum(value.const_value.nbytes for value in weights if value.const_value is not None)
        parts.append(f"{count_text(len(weights), 'weight')} ({bytes_text(size)})")
    return ", ".join(parts)


def interface_table(facts: Facts, width: int | None = None) -> str:
    """Inputs and outputs: name, type with symbolic sizes, and where they stand in the call of the model."""
    values = {value.name: value for value in facts.graph.inputs}
    values |= {value.name: value for value in facts.graph.outputs}
    rows: list[list[str]] = []
    captured = facts.captured
    for kind, items in (("input", one_each(captured.inputs)), ("output", one_each(captured.outputs))):
        for item in items:
            value = values.get(item.onnx_name)
            if value is not None:
                shown = text.value_text(value)
            elif kind == "input":
                shown = "removed: nothing depends on it"
            else:
                shown = f"{text.torch_value_text(item.value)} in PyTorch"
            rows.append([kind, item.onnx_name, shown, item.onnx_path])
    return fit([Column(""), Column("", "start"), Column(""), Column("", "end")], rows, width)


def sorted_notes(notes: Sequence[Noted]) -> list[Noted]:
    """Worst first."""
    return sorted(notes, key=lambda note: _ORDER[note.severity])


def short_place(where: str) -> str:
    """A source line whose file is named by its last two parts."""
    file, colon, rest = where.partition(":")
    return f"{short_file(file)}{colon}{rest}" if colon and not where.startswith("<") else where


def notes_table(notes: Sequence[Noted], place: Callable[[str], str] = str) -> str:
    """Notes, worst first; equal ones once, with their count. Messages are never cut."""
    counts: dict[Noted, int] = {}
    for note in notes:
        key = Noted(note.severity, note.code, note.message, note.where)
        counts[key] = counts.get(key, 0) + 1
    rows: list[str] = []
    for note in sorted(counts, key=lambda item: _ORDER[item.severity]):
        times = f" ({counts[note]} times)" if counts[note] > 1 else ""
        where = f"  at {place(short_place(note.where))}" if note.where else ""
        rows.append(f"{note.severity:<7}  {note.code}: {note.message}{times}{where}")
    return "\n".join(rows)
