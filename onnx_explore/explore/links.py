"""Which torch nodes a line is about: the thread that ties source, TorchScript, dispatch and ONNX together.

In: an exploration. Out: per pane, lines with the ids of torch nodes. Everything else (hover, colours) follows in the
    browser.
"""

from __future__ import annotations

import ast
import linecache
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import onnx_ir as ir

from onnx_explore.emit.emitter import TORCH_NODES
from onnx_explore.torch_ir import Origin, TorchGraph, TorchNode, walk


@dataclass(slots=True)
class Lines:
    """The lines of a pane, in columns.

    Attributes:
        text: Per line.
        labels: Per line, for the gutter.
        ids: Per line, torch nodes.
        primary: Per line, the node that gives it its colour, or -1.
        names: Per line, an ONNX node's name or "".
        files: Name and first line of each section.
    """

    text: list[str] = field(default_factory=list[str])
    labels: list[str] = field(default_factory=list[str])
    ids: list[tuple[int, ...]] = field(default_factory=list[tuple[int, ...]])
    primary: list[int] = field(default_factory=list[int])
    names: list[str] = field(default_factory=list[str])
    files: list[tuple[str, int]] = field(default_factory=list[tuple[str, int]])

    def add(self, text: str, label: str = "", ids: Iterable[int] = (), primary: int = -1, name: str = "") -> None:
        """One more line."""
        self.text.append(text)
        self.labels.append(label)
        self.ids.append(tuple(ids))
        self.primary.append(primary)
        self.names.append(name)


class Origins:
    """Captured nodes and what became of them.

    A node that a pass made stands for the captured nodes it was derived from; all of them are one thread.

    Args:
        captured: The graph as captured.
        lowered: The graph after the passes.
    """

    def __init__(self, captured: TorchGraph, lowered: TorchGraph) -> None:
        self.by_id: dict[int, TorchNode] = {node.id: node for node in walk(captured.block)}
        self.lowered: dict[int, TorchNode] = {node.id: node for node in walk(lowered.block)}

    def of(self, node: TorchNode) -> tuple[int, ...]:
        """The thread of a node: captured ids."""
        return node.derived_from or (node.id,)

    def of_onnx(self, node: ir.Node) -> tuple[int, ...]:
        """The thread of an ONNX node."""
        ids: tuple[int, ...] = node.meta.get(TORCH_NODES, ())
        return ids

    def origin(self, number: int) -> Origin:
        """Where a torch node comes from."""
        node = self.by_id.get(number) or self.lowered.get(number)
        return node.origin if node is not None else Origin()


def source_lines(nodes: Sequence[TorchNode], produced: set[int]) -> Lines:
    """The user's functions that made nodes, file by file.

    Args:
        nodes: Captured nodes.
        produced: Ids that produced ONNX output: only these colour their line.
    """
    threads: dict[str, dict[int, list[int]]] = {}
    colours: dict[tuple[str, int], int] = {}
    order: list[str] = []
    for node in nodes:
        frames = [frame for frame in node.origin.frames if not frame.function.startswith("<lambda")]
        own = node.origin.user_frame
        users = [frame for frame in frames if own is not None and _is_user(frame.file)]
        for frame in users:
            if frame.file not in threads:
                threads[frame.file] = {}
                order.append(frame.file)
            threads[frame.file].setdefault(frame.line, []).append(node.id)
        if own is not None and node.id in produced:
            colours.setdefault((own.file, own.line), node.id)
    lines = Lines()
    for file in order:
        _add_file(lines, file, threads[file], colours)
    return lines


def _is_user(file: str) -> bool:
    from onnx_explore.torch_ir.graph import is_inside_torch

    return not is_inside_torch(file)


def _add_file(lines: Lines, file: str, threads: dict[int, list[int]], colours: dict[tuple[str, int], int]) -> None:
    text = linecache.getlines(file)
    lines.files.append((_short(file), len(lines.text)))
    if not text:
        for number in sorted(threads):
            lines.add("(source not available)", str(number), threads[number], colours.get((file, number), -1))
        return
    last = 0
    for start, end in _sections(text, threads):
        if start > last + 1 and last:
            lines.add("⋯")
        for number in range(max(start, last + 1), end + 1):
            row = text[number - 1].rstrip("\n") if number <= len(text) else ""
            lines.add(row, str(number), threads.get(number, ()), colours.get((file, number), -1))
        last = max(last, end)


def _sections(text: Sequence[str], threads: dict[int, list[int]]) -> list[tuple[int, int]]:
    """First and last line of each function that holds a line of interest; the line alone where the file does not parse."""
    wanted = sorted(threads)
    try:
        tree = ast.parse("".join(text))
    except (SyntaxError, ValueError):
        return [(number, number) for number in wanted]
    spans = sorted(
        (node.lineno, node.end_lineno or node.lineno)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )
    sections: set[tuple[int, int]] = set()
    for number in wanted:
        around = [span for span in spans if span[0] <= number <= span[1]]
        sections.add(max(around, key=lambda span: span[0]) if around else (number, number))
    return sorted(sections)


def _short(file: str) -> str:
    """What a person calls the file; the folder is private."""
    name = file.replace("\\", "/").rsplit("/", 1)[-1]
    return "notebook cell" if name.startswith("<ipython-input") or name[:-3].isdigit() else name
