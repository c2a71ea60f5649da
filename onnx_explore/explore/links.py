"""Which torch nodes a line is about: the thread that ties source, TorchScript, dispatch and ONNX together.

In: an exploration. Out: per pane, lines with the ids of torch nodes, and a colour per source line that produced
something. Everything else (hover, selection) follows in the browser.
"""

from __future__ import annotations

import linecache
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

import onnx_ir as ir

from onnx_explore.emit.emitter import TORCH_NODES
from onnx_explore.explore.functions import sections
from onnx_explore.explore.protocol import STYLE_HEADING, STYLE_PLAIN, STYLE_QUIET
from onnx_explore.lowering.structure import STRUCTURE
from onnx_explore.recording import NodeFailed, NodeLowered, Recording
from onnx_explore.torch_ir import Frame, TorchGraph, TorchNode, walk
from onnx_explore.torch_ir.graph import is_inside_torch

Outcome = NodeLowered | NodeFailed


@dataclass(slots=True)
class Lines:
    """The lines of a pane, in columns; see ``protocol.PaneText``."""

    text: list[str] = field(default_factory=list[str])
    notes: list[str] = field(default_factory=list[str])
    labels: list[str] = field(default_factory=list[str])
    names: list[str] = field(default_factory=list[str])
    ids: list[Sequence[int]] = field(default_factory=list[Sequence[int]])
    colors: list[int] = field(default_factory=list[int])
    steps: list[int] = field(default_factory=list[int])
    styles: list[int] = field(default_factory=list[int])

    def add(
        self,
        text: str,
        note: str = "",
        *,
        label: str = "",
        ids: Sequence[int] = (),
        color: int = -1,
        step: int = 0,
        style: int = STYLE_PLAIN,
        name: str = "",
    ) -> None:
        """One more line."""
        self.text.append(text)
        self.notes.append(note)
        self.labels.append(label)
        self.names.append(name)
        self.ids.append(ids)
        self.colors.append(color)
        self.steps.append(step)
        self.styles.append(style)

    def cut(self, most: int) -> int:
        """Keep the first ``most`` lines.

        Returns:
            How many were taken away.
        """
        extra = max(0, len(self.text) - most)
        if extra:
            for column in (self.text, self.notes, self.labels, self.names, self.ids):
                del column[most:]
            for numbers in (self.colors, self.steps, self.styles):
                del numbers[most:]
        return extra


class Origins:
    """Captured nodes, what became of them, and the colour of each.

    A node that a pass made stands for the captured nodes it was derived from; all of them are one thread.

    Args:
        captured: The graph as captured.
        lowered: The graph after the passes.
        recording: The events.

    Attributes:
        by_id: Captured nodes.
        lowered: Nodes after the passes.
        outcomes: The last event of each operator that was lowered or failed, in order.
        steps: Node after the passes → its step, from 1.
    """

    def __init__(self, captured: TorchGraph, lowered: TorchGraph, recording: Recording) -> None:
        self.by_id: dict[int, TorchNode] = {node.id: node for node in walk(captured.block)}
        self.lowered: dict[int, TorchNode] = {node.id: node for node in walk(lowered.block)}
        self.outcomes: dict[int, Outcome] = {}
        for event in list(recording.events):
            if not isinstance(event, NodeLowered | NodeFailed):
                continue
            emitted = event.emitted if isinstance(event, NodeLowered) else ()
            if emitted or is_operator(event.target, event.overload):
                self.outcomes[event.node] = _together(self.outcomes.pop(event.node, None), event)
        self.steps = {number: index for index, number in enumerate(self.outcomes, start=1)}
        self._colors: dict[int, int] = {}
        self._paint()

    def _paint(self) -> None:
        """One colour per source line that produced output, in the order of the source; else per module."""
        places: dict[tuple[str, int], list[int]] = {}
        files: dict[str, int] = {}
        for event in self.outcomes.values():
            node = self.lowered.get(event.node)
            if node is None or not isinstance(event, NodeLowered) or not event.emitted:
                continue
            for number in self.of(node):
                frame = source_frame(self.by_id.get(number, node))
                place = (frame.file, frame.line) if frame is not None else (node.origin.scope, 0)
                files.setdefault(place[0], len(files))
                places.setdefault(place, []).append(number)
        for color, place in enumerate(sorted(places, key=lambda item: (files[item[0]], item[1]))):
            for number in places[place]:
                self._colors[number] = color

    def of(self, node: TorchNode) -> tuple[int, ...]:
        """The thread of a node: captured ids."""
        return node.derived_from or (node.id,)

    def thread(self, number: int | None) -> tuple[int, ...]:
        """The thread of a node by its number after or before the passes."""
        if number is None:
            return ()
        node = self.lowered.get(number)
        return self.of(node) if node is not None else (number,)

    def of_onnx(self, node: ir.Node) -> tuple[int, ...]:
        """The thread of an ONNX node."""
        ids: tuple[int, ...] = node.meta.get(TORCH_NODES, ())
        return ids

    def color(self, ids: Iterable[int]) -> int:
        """The colour of a line that is about these captured nodes, or -1."""
        return next((self._colors[number] for number in ids if number in self._colors), -1)


def _together(before: Outcome | None, event: Outcome) -> Outcome:
    """One outcome of a node that was lowered once in each round of an unrolled loop."""
    if not isinstance(before, NodeLowered) or not isinstance(event, NodeLowered):
        return event
    return replace(event, emitted=(*before.emitted, *event.emitted), seconds=before.seconds + event.seconds)


def is_operator(target: str, overload: str) -> bool:
    """Whether a node is more than a constant or a list: a step."""
    return target not in STRUCTURE and f"{target}.{overload}" not in STRUCTURE


def source_frame(node: TorchNode) -> Frame | None:
    """The innermost line of the user's; for a module of PyTorch's own that no line of the user's called, its ``forward``."""
    frames = node.origin.frames
    own = next((frame for frame in frames if not is_inside_torch(frame.file)), None)
    return own or next((frame for frame in frames if frame.function == "forward"), None)


def source_lines(origins: Origins, place: Callable[[str], str] = str) -> Lines:
    """The functions that made nodes, file by file.

    Args:
        origins: Captured nodes and colours.
        place: How a file's name is shown.
    """
    threads: dict[str, dict[int, list[int]]] = {}
    colors: dict[tuple[str, int], int] = {}
    steps: dict[tuple[str, int], int] = {}
    made: dict[int, int] = {}
    for number, node in origins.lowered.items():
        if number in origins.steps:
            made |= dict.fromkeys(origins.of(node), origins.steps[number])
    for node in origins.by_id.values():
        own = source_frame(node)
        if own is None or not is_operator(node.target, node.overload):
            continue
        users = [frame for frame in node.origin.frames if not is_inside_torch(frame.file)] or [own]
        for frame in users:
            rows = threads.setdefault(frame.file, {}).setdefault(frame.line, [])
            if not rows or rows[-1] != node.id:
                rows.append(node.id)
        color = origins.color((node.id,))
        if color >= 0:
            colors.setdefault((own.file, own.line), color)
        if node.id in made:
            steps.setdefault((own.file, own.line), made[node.id])
    lines = Lines()
    for file, rows in threads.items():
        _add_file(lines, file, rows, colors, steps, place)
    return lines


def _add_file(
    lines: Lines,
    file: str,
    threads: dict[int, list[int]],
    colors: dict[tuple[str, int], int],
    steps: dict[tuple[str, int], int],
    place: Callable[[str], str],
) -> None:
    text = linecache.getlines(file)
    lines.add(place(short_name(file)), style=STYLE_HEADING)

    def add(number: int, row: str) -> None:
        key = (file, number)
        lines.add(
            row,
            label=str(number),
            ids=threads.get(number, ()),
            color=colors.get(key, -1),
            step=steps.get(key, 0),
        )

    if not text:
        for number in sorted(threads):
            add(number, "(the source is not available)")
        return
    last = 0
    for start, end in sections(text, threads):
        if start > last + 1 and last:
            lines.add("⋯", style=STYLE_QUIET)
        for number in range(max(start, last + 1), end + 1):
            add(number, text[number - 1].rstrip("\r\n") if number <= len(text) else "")
        last = max(last, end)


def short_name(file: str) -> str:
    """The last two parts of a path: the rest is private."""
    return "/".join(file.replace("\\", "/").rsplit("/", 2)[-2:])
