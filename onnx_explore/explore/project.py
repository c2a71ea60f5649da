"""Views of an exploration for the browser: an exploration in, messages of the protocol (and their buffers) out.

Views are projected when somebody looks; nothing here is kept between two looks, and nothing changes the exploration.
"""

from __future__ import annotations

import inspect
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

import onnx
import onnx_ir as ir

from onnx_explore.check.report import Report
from onnx_explore.errors import OnnxExporterError, UnsupportedOperatorError
from onnx_explore.explore import protocol, text
from onnx_explore.explore.exploration import Exploration
from onnx_explore.explore.graphs import Spelling
from onnx_explore.explore.links import Lines, Origins, source_lines
from onnx_explore.recording import NodeFailed, NodeLowered, PassRan
from onnx_explore.symbolic.registry import REGISTRY
from onnx_explore.torch_ir import graph_lines, walk

Buffers = list[bytes]
MOST_LINES = 60_000
"""A pane longer than this ends with a line that says so."""


# -- the summary ----------------------------------------------------------------------------------------------------------


def summary(ex: Exploration, revision: int) -> protocol.Summary:
    """Verdict, tables and the state of the step bar."""
    report = ex.report
    upcoming = ex.next_operator
    left = ex.remaining
    return protocol.Summary(
        revision=revision,
        state=ex.state,
        headline=ex.headline,
        checks=ex.report_text().splitlines() if report is not None else [],
        check="none" if report is None else "passed" if report.passed else "failed",
        opset=ex.options.opset_version,
        position=ex.position,
        total=ex.total,
        next_node=upcoming.id if upcoming is not None else None,
        next_target=upcoming.target if upcoming is not None else "",
        failure=_failure(ex),
        problems=_problems(ex),
        axes=_axes(ex, report),
        interface=_interface(ex),
        passes=[
            protocol.Pass(
                event.stage, event.name, len(event.before), len(event.after), event.changed, event.seconds * 1e3
            )
            for event in ex.recording.of(PassRan)
        ],
        targets=list(dict.fromkeys(node.target for node in left if not node.target.startswith("prim::"))),
        scopes=list(dict.fromkeys(node.origin.scope for node in walk(ex.torch_graph.block) if node.origin.scope)),
    )


def _failure(ex: Exploration) -> protocol.Failure | None:
    error = ex.error
    if error is None:
        return None
    node = ex.node
    missing = error.missing if isinstance(error, UnsupportedOperatorError) else ()
    return protocol.Failure(
        error.code,
        error.message,
        error.target,
        error.argument,
        error.where,
        error.action,
        node.id if node is not None else None,
        [f"{target} at {where}" if where else target for target, where in missing],
    )


def _problems(ex: Exploration) -> list[protocol.Problem]:
    order = {"error": 0, "warning": 1, "info": 2}
    rows = [
        protocol.Problem(note.severity, note.code, note.message, note.where, note.node) for note in ex.recording.notes
    ]
    return sorted(rows, key=lambda row: order[row.severity])


def _axes(ex: Exploration, report: Report | None) -> list[protocol.Axis]:
    verdicts: dict[str, tuple[protocol.AxisState, str]] = {}
    states: dict[str, protocol.AxisState] = {"passed": "proven", "failed": "broken"}
    for item in report.items if report is not None else ():
        if item.kind == "axis":
            verdicts[item.subject] = (states.get(item.status, "untested"), item.detail)
    rows: list[protocol.Axis] = []
    for item in ex.captured.inputs:
        names = ex.options.dynamic_axes.get(item.name, {})
        for axis, size in enumerate(item.example.shape):
            symbol = names.get(axis)
            state, detail = ("static", "") if symbol is None else verdicts.get(symbol, ("untested", "no check has run"))
            rows.append(protocol.Axis(item.name, axis, int(size), symbol, state, detail))
    return rows


def _interface(ex: Exploration) -> list[protocol.Interface]:
    paths = {item.name: item.path for item in (*ex.captured.inputs, *ex.captured.outputs)}
    rows = [
        protocol.Interface(value.name or "", "input", paths.get(value.name or "", ""), text.value_text(value))
        for value in ex.onnx_graph.inputs
    ]
    rows += [
        protocol.Interface(value.name or "", "output", paths.get(value.name or "", ""), text.value_text(value))
        for value in ex.onnx_graph.outputs
    ]
    return rows


# -- panes ----------------------------------------------------------------------------------------------------------------


def pane(
    ex: Exploration, name: protocol.PaneName, revision: int, position: int | None
) -> tuple[protocol.PaneText, Buffers]:
    """The lines of one pane, with the threads that link them to the others."""
    origins = Origins(ex.captured.graph, ex.torch_graph)
    events = _events(ex, position)
    if name == "source":
        produced = {
            number
            for event in events
            if isinstance(event, NodeLowered) and event.emitted and event.node in origins.lowered
            for number in origins.of(origins.lowered[event.node])
        }
        lines = source_lines(list(origins.by_id.values()), produced)
    elif name == "torch":
        lines = _torch_lines(ex, origins, events)
    elif name == "dispatch":
        lines = _dispatch_lines(ex, origins, events)
    else:
        lines = _onnx_lines(ex, origins, events if position is not None else None)
    return _pane_text(name, revision, lines)


def _events(ex: Exploration, position: int | None) -> list[NodeLowered | NodeFailed]:
    events = [event for event in ex.recording.events if isinstance(event, NodeLowered | NodeFailed)]
    return events if position is None else events[:position]


def _pane_text(name: protocol.PaneName, revision: int, lines: Lines) -> tuple[protocol.PaneText, Buffers]:
    extra = len(lines.text) - MOST_LINES
    if extra > 0:
        for column in (lines.text, lines.labels, lines.ids, lines.primary, lines.names):
            del column[MOST_LINES:]
        lines.add(f"… {extra} more lines: open the graph view, or print ex.onnx_text()")
    has_names = any(lines.names)
    message = protocol.PaneText(
        name,
        revision,
        lines.text,
        lines.labels,
        [protocol.SourceFile(file, first) for file, first in lines.files],
        lines.names if has_names else [],
    )
    return message, [*_rows(lines.ids), _ints(lines.primary)]


def _ints(numbers: Iterable[int]) -> bytes:
    made = array("i", numbers)
    if made.itemsize != 4:
        raise OnnxExporterError("this platform's C int does not have 32 bits")
    return made.tobytes()


def _rows(rows: Sequence[Sequence[int]]) -> Buffers:
    starts = [0]
    flat: list[int] = []
    for row in rows:
        flat.extend(row)
        starts.append(len(flat))
    return [_ints(starts), _ints(flat)]


def _torch_lines(ex: Exploration, origins: Origins, events: Sequence[NodeLowered | NodeFailed]) -> Lines:
    emitted = {event.node for event in events if isinstance(event, NodeLowered) and event.emitted}
    spelling = Spelling(ex.torch_graph, ex.captured)
    lines = Lines()
    for number, row in graph_lines(ex.torch_graph, places=False):
        if number is None:
            lines.add(row)
            continue
        if number in spelling.written:
            continue  # a constant stands where it is used
        node = origins.lowered[number]
        thread = origins.of(node)
        left = ", ".join(f"%{value.name} : {text.torch_value_text(value)}" for value in node.outputs)
        indent = row[: len(row) - len(row.lstrip())]
        shown = f"{indent}{left} = {spelling.call(node)}" if node.schema is not None else row
        lines.add(shown, f"#{number}", thread, thread[0] if number in emitted else -1)
    return lines


def _dispatch_lines(ex: Exploration, origins: Origins, events: Sequence[NodeLowered | NodeFailed]) -> Lines:
    names = {node.name: node for node in ex.onnx_graph if node.name}
    lines = Lines()
    for event in events:
        if isinstance(event, NodeLowered) and not event.emitted:
            continue
        node = origins.lowered.get(event.node)
        thread = origins.of(node) if node is not None else (event.node,)
        colour = thread[0] if isinstance(event, NodeLowered) else -1
        head = f"{event.target}{f'.{event.overload}' if event.overload else ''}"
        if isinstance(event, NodeFailed):
            lines.add(f"✕ {head}", f"#{event.node}", thread, colour)
            for row in event.message.splitlines():
                lines.add(f"    {row}", "", thread, colour)
            continue
        lines.add(f"{head} → {event.function}", f"#{event.node}", thread, colour)
        for name in event.emitted:
            made = names.get(name)
            shown = text.emitted_text(made) if made is not None else f"{name}  (removed by a later pass)"
            lines.add(f"    {shown}", "", thread, colour, name if made is not None else "")
    return lines


def _onnx_lines(ex: Exploration, origins: Origins, events: Sequence[NodeLowered | NodeFailed] | None) -> Lines:
    shown = None
    if events is not None:
        shown = {name for event in events if isinstance(event, NodeLowered) for name in event.emitted}
    by_name = {node.name: node for node in ex.onnx_graph if node.name}
    lines = Lines()
    for name, row in ex.onnx_lines():
        node = by_name.get(name)
        if node is None:
            lines.add(row)
            continue
        if shown is not None and name not in shown:
            continue
        thread = origins.of_onnx(node)
        lines.add(row, "", thread, thread[0] if thread else -1, name)
    return lines


# -- graphs ---------------------------------------------------------------------------------------------------------------


class _Nodes:
    """The nodes and edges of one scope, while they are collected."""

    def __init__(self) -> None:
        self.index: dict[str, int] = {}
        self.kinds: list[protocol.NodeKind] = []
        self.titles: list[str] = []
        self.subtitles: list[str] = []
        self.sizes: list[int] = []
        self.threads: list[list[int]] = []
        self.edges: dict[tuple[int, int], str] = {}

    def node(self, key: str, kind: protocol.NodeKind, title: str, subtitle: str = "") -> int:
        found = self.index.get(key)
        if found is None:
            found = self.index[key] = len(self.titles)
            self.kinds.append(kind)
            self.titles.append(title)
            self.subtitles.append(subtitle)
            self.sizes.append(0)
            self.threads.append([])
        return found


def graph(
    ex: Exploration, stage: protocol.Stage, scope: str, revision: int
) -> tuple[protocol.GraphScope, Buffers]:
    """One module's inside: its own operators, and its submodules as one node each."""
    nodes = _torch_scope(ex, scope) if stage == "torch" else _onnx_scope(ex, scope)
    message = protocol.GraphScope(
        stage,
        scope,
        revision,
        nodes.kinds,
        nodes.titles,
        nodes.subtitles,
        list(nodes.index),
        nodes.sizes,
        list(nodes.edges.values()),
    )
    pairs = [index for pair in nodes.edges for index in pair]
    return message, [_ints(pairs), *_rows(nodes.threads)]


def _place(nodes: _Nodes, scope: str, where: str, key: str, title: str, subtitle: str, thread: Sequence[int]) -> int:
    """The graph node that an operator belongs to in this scope: itself, a submodule, or the outside."""
    prefix = f"{scope}." if scope else ""
    if where == scope:
        number = nodes.node(key, "operator", title, subtitle)
    elif where.startswith(prefix) and where != scope:
        child = where[len(prefix) :].split(".", 1)[0]
        number = nodes.node(f"{prefix}{child}", "module", child, "")
    else:
        return -1
    nodes.sizes[number] += 1
    nodes.threads[number].extend(thread)
    return number


def _join(nodes: _Nodes, source: int, target: int, label: str) -> None:
    if source != target and source >= 0 and target >= 0:
        nodes.edges.setdefault((source, target), label)


def _onnx_scope(ex: Exploration, scope: str) -> _Nodes:
    nodes = _Nodes()
    home: dict[ir.Value, int] = {}
    for value in ex.onnx_graph.inputs:
        if not value.is_initializer() and not scope:
            home[value] = nodes.node(f"input {value.name}", "input", value.name or "", text.value_text(value))
    origins = Origins(ex.captured.graph, ex.torch_graph)
    for node in ex.onnx_graph:
        where = str(node.meta.get("onnx_explore.scope", ""))
        subtitle = text.shape_text(node.outputs[0].shape) if node.outputs else ""
        number = _place(nodes, scope, where, node.name or "", node.op_type, subtitle, origins.of_onnx(node))
        for value in node.inputs:
            if value is None or (value.is_initializer() and not value.is_graph_input()):
                continue
            source = home.get(value, -1)
            if number >= 0 and source < 0:
                source = nodes.node(f"input {value.name}", "input", value.name or "", text.value_text(value))
                home[value] = source
            if number >= 0:
                _join(nodes, source, number, text.value_text(value))
            elif source >= 0 and nodes.kinds[source] != "input":
                _leaves(nodes, source, value.name or "", text.value_text(value))
        for value in node.outputs:
            if number >= 0:
                home[value] = number
    for value in ex.onnx_graph.outputs:
        if home.get(value, -1) >= 0 and nodes.kinds[home[value]] != "input":
            _leaves(nodes, home[value], value.name or "", text.value_text(value))
    return nodes


def _leaves(nodes: _Nodes, source: int, name: str, label: str) -> None:
    """A value that is used outside this scope, or returned."""
    _join(nodes, source, nodes.node(f"output {name}", "output", name, label), label)


def _torch_scope(ex: Exploration, scope: str) -> _Nodes:
    nodes = _Nodes()
    home: dict[int, int] = {}
    spelling = Spelling(ex.torch_graph, ex.captured)
    weights = {parameter.value.id for parameter in ex.torch_graph.parameters}
    names = {item.value.id: item.name for item in ex.lowering_inputs}
    origins = Origins(ex.captured.graph, ex.torch_graph)
    for value in ex.torch_graph.inputs:
        if not scope:
            home[value.id] = nodes.node(f"input {value.id}", "input", names[value.id], text.torch_value_text(value))
    for node in ex.torch_graph.block.nodes:
        if node.id in spelling.written and not any(value.id in home for value in node.inputs):
            continue
        subtitle = text.torch_value_text(node.outputs[0]) if node.outputs else ""
        number = _place(nodes, scope, node.origin.scope, str(node.id), node.target, subtitle, origins.of(node))
        for value in node.inputs:
            if value.id in weights:
                continue
            source = home.get(value.id, -1)
            if number >= 0 and source < 0 and value.is_tensor:
                label = text.torch_value_text(value)
                source = home[value.id] = nodes.node(f"input {value.id}", "input", spelling.of(value), label)
            if number >= 0:
                _join(nodes, source, number, text.torch_value_text(value))
            elif source >= 0 and nodes.kinds[source] != "input":
                _leaves(nodes, source, spelling.of(value), text.torch_value_text(value))
        for value in node.outputs:
            if number >= 0:
                home[value.id] = number
    for value in ex.torch_graph.outputs:
        if home.get(value.id, -1) >= 0 and nodes.kinds[home[value.id]] != "input":
            _leaves(nodes, home[value.id], spelling.of(value), text.torch_value_text(value))
    return nodes


# -- one node -------------------------------------------------------------------------------------------------------------


def detail(ex: Exploration, node: int | None, name: str | None) -> protocol.NodeDetail:
    """Everything about one torch node, or about the torch node behind an ONNX node.

    Raises:
        KeyError: If there is no such node.
    """
    origins = Origins(ex.captured.graph, ex.torch_graph)
    if node is None:
        found = next((item for item in ex.onnx_graph if item.name == name), None)
        if found is None or not origins.of_onnx(found):
            raise KeyError(f"no node of the model stands behind '{name}'")
        node = origins.of_onnx(found)[0]
    lowered = origins.lowered.get(node) or next(
        (item for item in origins.lowered.values() if node in item.derived_from), None
    )
    if lowered is None:
        gone = origins.by_id[node]
        return protocol.NodeDetail(node, gone.target, ["removed by a pass before the lowering"], "", "", [])
    event = next(
        (
            item
            for item in reversed(ex.recording.events)
            if isinstance(item, NodeLowered | NodeFailed) and item.node == lowered.id
        ),
        None,
    )
    emitted = event.emitted if isinstance(event, NodeLowered) else ()
    lines = ex.dispatch_text(lowered.id).splitlines()
    return protocol.NodeDetail(
        node, lowered.target, lines, _symbolic(lowered.target, lowered.overload, event), _documentation(ex, emitted), list(emitted)
    )


def _symbolic(target: str, overload: str, event: NodeLowered | NodeFailed | None) -> str:
    """The source of the symbolic function that lowered a node."""
    if not isinstance(event, NodeLowered):
        return ""
    for entry in REGISTRY.lookup(target, overload):
        for variant in entry.variants:
            if variant.name == event.function:
                try:
                    return inspect.getsource(variant.function)
                except (OSError, TypeError):
                    return ""
    return ""


def _documentation(ex: Exploration, emitted: Sequence[str]) -> str:
    """The specification of the ONNX operators among the emitted nodes."""
    by_name = {node.name: node for node in ex.onnx_graph}
    kinds = dict.fromkeys(by_name[name].op_type for name in emitted if name in by_name and not by_name[name].domain)
    parts: list[str] = []
    for op_type in kinds:
        if onnx.defs.has(op_type, ex.options.opset_version):
            schema = onnx.defs.get_schema(op_type, ex.options.opset_version)
            parts.append(f"{op_type} (since opset {schema.since_version})\n{inspect.cleandoc(schema.doc or '')}")
    return "\n\n".join(parts)


def to_message(answer: protocol.Answer) -> dict[str, Any]:
    """An answer as plain data."""
    return asdict(answer)
