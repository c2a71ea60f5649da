"""Everything a view shows, as plain text: for the terminal, for tests, for screen readers.

In: the graphs and the recording. Out: strings; the ``*_lines`` functions also tell which node a line is about.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import onnx_ir as ir

from onnx_explore.emit.emitter import TORCH_NODES
from onnx_explore.emit.printing import attribute_text, node_text, onnx_lines, onnx_text, shape_text, value_text
from onnx_explore.recording import NodeFailed, NodeLowered, PassRan, Recording
from onnx_explore.torch_ir import Origin, TorchGraph, TorchNode, TorchValue, walk

__all__ = [
    "attribute_text",
    "dispatch_text",
    "node_text",
    "notes_text",
    "onnx_lines",
    "onnx_origin",
    "onnx_text",
    "passes_text",
    "shape_text",
    "table",
    "torch_value_text",
    "value_text",
]


# -- dispatch ------------------------------------------------------------------------------------------------------


def dispatch_text(
    recording: Recording, graph: TorchGraph, names: Mapping[str, ir.Node], *, node: int | str | None = None
) -> str:
    """How each torch node was lowered.

    Args:
        recording: The events.
        graph: The TorchGraph that was lowered.
        names: Emitted ONNX nodes by name.
        node: One torch node by id, or all nodes of a target; None: all that emitted something or failed.
    """
    by_id = {item.id: item for item in walk(graph.block)}
    events = [event for event in recording.events if isinstance(event, NodeLowered | NodeFailed)]
    if node is not None:
        events = [event for event in events if node in (event.node, event.target, str(event.node))]
        if not events:
            return f"no node {node} was lowered yet"
    else:
        events = [event for event in events if isinstance(event, NodeFailed) or event.emitted]
    return "\n".join(_event_text(event, by_id.get(event.node), names, full=node is not None) for event in events)


def _event_text(
    event: NodeLowered | NodeFailed, node: TorchNode | None, names: Mapping[str, ir.Node], *, full: bool
) -> str:
    where = node.origin.where if node is not None else ""
    overload = f".{event.overload}" if event.overload else ""
    rows = [f"#{event.node} {event.target}{overload}{f'  at {where}' if where else ''}"]
    if full and node is not None:
        rows.extend(f"    {line}" for line in _arguments(node))
    if isinstance(event, NodeFailed):
        rows.append(f"    failed: {event.message}")
    else:
        rows.append(f"    → {event.function or 'structure'}  ({event.reason})")
        for name in event.emitted:
            made = names.get(name)
            rows.append(f"    + {node_text(made) if made is not None else f'{name} (removed by a later pass)'}")
    if full:
        for candidate in event.candidates:
            mark = "→" if candidate.chosen else " "
            rows.append(f"    {mark} candidate {candidate.function} (opset ≥ {candidate.since}): {candidate.reason}")
        rows.append(f"    {event.seconds * 1e3:.2f} ms")
    return "\n".join(rows)


def _arguments(node: TorchNode) -> Iterator[str]:
    arguments = node.schema.arguments if node.schema is not None else ()
    for index, value in enumerate(node.inputs):
        label = arguments[index].name if index < len(arguments) else f"input {index}"
        yield f"{label} = %{value.name} : {torch_value_text(value)}"
    for value in node.outputs:
        yield f"gives %{value.name} : {torch_value_text(value)}"


def torch_value_text(value: TorchValue) -> str:
    """``Tensor float32[2, 3]`` or the TorchScript type."""
    if not value.is_tensor:
        return value.kind
    dtype = str(value.dtype).removeprefix("torch.") if value.dtype is not None else "?"
    return f"{dtype}[{', '.join(map(str, value.shape))}]" if value.shape is not None else dtype


# -- tables --------------------------------------------------------------------------------------------------------


def table(rows: Sequence[Sequence[str]], header: Sequence[str]) -> str:
    """A plain table with aligned columns."""
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]

    def line(row: Sequence[str]) -> str:
        return "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()

    return "\n".join([line(header), line(["-" * width for width in widths]), *map(line, rows)])


def passes_text(recording: Recording) -> str:
    """The passes with nodes before and after, and time."""
    rows = [
        [
            event.stage,
            event.name,
            str(len(event.before)),
            f"{len(event.after) - len(event.before):+d}" if event.changed else "·",
            f"{event.seconds * 1e3:.1f} ms",
        ]
        for event in recording.of(PassRan)
    ]
    return table(rows, ["stage", "pass", "nodes", "change", "time"])


def notes_text(recording: Recording) -> str:
    """What a person should know, worst first."""
    order = {"error": 0, "warning": 1, "info": 2}
    notes = sorted(recording.notes, key=lambda note: order[note.severity])
    return "\n".join(
        f"{note.severity}: {note.code}: {note.message}{f'  (at {note.where})' if note.where else ''}" for note in notes
    )


def onnx_origin(node: ir.Node, origins: Mapping[int, Origin]) -> str:
    """Source line of an ONNX node, or ``""``."""
    ids: tuple[int, ...] = node.meta.get(TORCH_NODES, ())
    return next((origins[number].where for number in ids if number in origins), "")
