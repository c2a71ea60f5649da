"""Views of an exploration for the browser: an exploration in, messages of the protocol (and their buffers) out.

Views are projected when somebody looks; nothing here is kept between two looks, and nothing changes the exploration.
"""

from __future__ import annotations

import inspect
import re
import textwrap
from collections import Counter
from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from typing import Any

import onnx
import onnx_ir as ir

from onnx_explore.capture.captured import one_each
from onnx_explore.emit.emitter import SCOPE
from onnx_explore.emit.regions import nodes_of
from onnx_explore.errors import UnsupportedOperatorError
from onnx_explore.explore import protocol, text
from onnx_explore.explore.axesview import audit_view, axes_rows
from onnx_explore.explore.check_messages import Working
from onnx_explore.explore.checksview import check_rows, cost_verdict, nodes_verdict, passes_verdict
from onnx_explore.explore.columns import Buffers, ints, ragged
from onnx_explore.explore.exploration import Exploration
from onnx_explore.explore.graphs import Spelling
from onnx_explore.explore.links import Lines, Origins, is_operator, source_lines
from onnx_explore.explore.protocol import STYLE_ERROR, STYLE_HEADING, STYLE_INNER, STYLE_QUIET
from onnx_explore.explore.scopes import Scopes
from onnx_explore.explore.tables import seconds_text
from onnx_explore.recording import NodeFailed, NodeLowered, Noted, PassRan
from onnx_explore.symbolic.registry import REGISTRY
from onnx_explore.torch_ir import TorchNode, graph_lines, walk

MOST_LINES = 60_000
"""A pane longer than this ends with a line that says so."""
_ORDER = {"error": 0, "warning": 1, "info": 2}


# -- the summary ----------------------------------------------------------------------------------------------------------


def summary(ex: Exploration, revision: int, *, content: int | None = None, more: bool = False) -> protocol.Summary:
    """Verdict, tables and the state of the step bar. ``content``: the revision that the panes are of; default: this one."""
    report = ex.report
    origins = origins_of(ex)
    upcoming = ex.next_operator
    left = ex.remaining
    operators = sum(1 for node in walk(ex.torch_graph.block) if is_operator(node.target, node.overload))
    ahead = sum(1 for node in left if is_operator(node.target, node.overload))
    headline = ex.headline.removeprefix("exported").removeprefix("NOT AS PYTORCH").lstrip(":, ")
    return protocol.Summary(
        revision=revision,
        content=revision if content is None else content,
        state=ex.state,
        headline=ex.place(headline),
        verdict=ex.place(report.verdict) if report is not None else "",
        checks=check_rows(ex, report),
        check="none" if report is None else "failed" if not report.passed else "passed" if report.ran else "none",
        unchecked=ex.is_unchecked,
        opset=ex.options.opset_version,
        position=operators - ahead,
        total=operators,
        busy=ex.busy,
        more=more,
        next_ids=list(origins.of(upcoming)) if upcoming is not None else [],
        next_target=upcoming.target if upcoming is not None else "",
        next_where=ex.place(upcoming.origin.where) if upcoming is not None else "",
        failure=_failure(ex, origins),
        problems=_problems(ex, origins),
        axes=axes_rows(ex),
        axes_text=ex.axes.text,
        axes_line=ex.axes.line,
        audit=audit_view(ex, origins),
        nodes=nodes_verdict(ex),
        cost=cost_verdict(ex),
        bisect=passes_verdict(ex),
        interface=_interface(ex),
        passes=[
            protocol.Pass(
                event.stage, event.name, len(event.before), len(event.after), event.changed, event.seconds * 1e3
            )
            for event in ex.recording.of(PassRan)
        ],
        targets=list(dict.fromkeys(node.target for node in left if is_operator(node.target, node.overload))),
        scopes=list(dict.fromkeys(node.origin.scope for node in left if node.origin.scope)),
    )


def summary_answer(
    ex: Exploration, revision: int, *, content: int | None = None, more: bool = False
) -> protocol.SummaryAnswer:
    """The summary as an answer."""
    return protocol.SummaryAnswer(summary(ex, revision, content=content, more=more))


def origins_of(ex: Exploration) -> Origins:
    """Who made what."""
    return Origins(ex.captured.graph, ex.torch_graph, ex.recording)


def _failure(ex: Exploration, origins: Origins) -> protocol.Failure | None:
    error = ex.error
    if error is None:
        return None
    node = ex.node
    missing = error.missing if isinstance(error, UnsupportedOperatorError) else ()
    return protocol.Failure(
        error.code,
        ex.place(error.message),
        error.target,
        error.argument,
        ex.place(error.where),
        error.action,
        list(origins.of(node)) if node is not None else [],
        [f"{target} at {ex.place(where)}" if where else target for target, where in missing],
        ex.registered,
        node is not None,
        _snippet(node) if node is not None else "",
    )


def _snippet(node: TorchNode) -> str:
    """What a symbolic function for a node starts with."""
    arguments = node.schema.arguments if node.schema is not None else ()
    names = ["g", *(item.name for item in arguments)]
    name = re.sub(r"\W", "_", node.target.split("::")[-1])
    first = names[1] if len(names) > 1 else ""
    return (
        f'@onnx_explore.symbolic("{node.target}")\ndef {name}({", ".join(names)}):\n'
        f'    return g.op("OnnxOperator", {first})'
    )


def _problems(ex: Exploration, origins: Origins) -> list[protocol.Problem]:
    """Notes, worst first; equal ones in one row."""
    notes = ex.recording.notes
    counts = Counter(Noted(note.severity, note.code, note.message, note.where) for note in notes)
    ids: dict[Noted, list[int]] = {}
    for note in notes:
        ids.setdefault(Noted(note.severity, note.code, note.message, note.where), []).extend(origins.thread(note.node))
    rows = [
        protocol.Problem(
            note.severity,
            note.code,
            ex.place(note.message),
            ex.place(note.where),
            count,
            list(dict.fromkeys(ids[note])),
        )
        for note, count in counts.items()
    ]
    return sorted(rows, key=lambda row: _ORDER[row.severity])


def _interface(ex: Exploration) -> list[protocol.Interface]:
    """As ``summary.interface_table`` has it: what was removed, and what is not there yet, included."""
    values = {value.name: value for value in ex.onnx_graph.inputs}
    values |= {value.name: value for value in ex.onnx_graph.outputs}
    rows: list[protocol.Interface] = []
    for item in one_each(ex.captured.inputs):
        value = values.get(item.onnx_name)
        shown = text.value_text(value) if value is not None else "removed: nothing depends on it"
        rows.append(protocol.Interface(item.onnx_name, "input", item.onnx_path, shown))
    for item in one_each(ex.captured.outputs):
        value = values.get(item.onnx_name)
        shown = text.value_text(value) if value is not None else f"{text.torch_value_text(item.value)} in PyTorch"
        rows.append(protocol.Interface(item.onnx_name, "output", item.onnx_path, shown))
    return rows


# -- panes ----------------------------------------------------------------------------------------------------------------


def pane(ex: Exploration, name: protocol.PaneName, revision: int) -> tuple[protocol.PaneText, Buffers]:
    """The lines of one pane, with the threads that link them to the others."""
    origins = origins_of(ex)
    if name == "source":
        lines = source_lines(origins, ex.place)
    elif name == "torch":
        lines = _torch_lines(ex, origins)
    elif name == "dispatch":
        lines = _dispatch_lines(ex, origins)
    else:
        lines = _onnx_lines(ex, origins)
    extra = lines.cut(MOST_LINES)
    if extra:
        lines.add(f"… {extra} more lines: open the graph view, or print ex.onnx_text()", style=STYLE_QUIET)
    message = protocol.PaneText(
        name, revision, lines.text, lines.notes, lines.labels, lines.names if any(lines.names) else []
    )
    return message, [*ragged(lines.ids), ints(lines.colors), ints(lines.steps), ints(lines.styles)]


def _torch_lines(ex: Exploration, origins: Origins) -> Lines:
    """The traced graph, module by module; constants stand where they are used."""
    spelling = Spelling(ex.torch_graph, ex.captured)
    classes = ex.modules
    lines = Lines()
    for value, item in zip(ex.torch_graph.inputs, ex.captured.inputs, strict=True):
        lines.add(f"input %{item.name}", text.torch_value_text(value), style=STYLE_QUIET)
    scope = ""
    head = max(1, len(ex.torch_graph.block.params))
    for number, row in graph_lines(ex.torch_graph, places=False)[head:-1]:
        if number is None:  # a block of a loop or a branch
            lines.add(row, style=STYLE_QUIET)
            continue
        if number in spelling.written:
            continue
        node = origins.lowered[number]
        if node.origin.scope != scope:
            scope = node.origin.scope
            lines.add(scope or "forward", classes.get(_module(scope), ""), style=STYLE_HEADING)
        ids = origins.of(node)
        failed = isinstance(origins.outcomes.get(number), NodeFailed)
        indent = row[2 : len(row) - len(row.lstrip())]
        left = ", ".join(f"%{value.name}" for value in node.outputs)
        equals = " = " if left else ""
        lines.add(
            f"{indent}{left}{equals}{_within(spelling.call(node), scope)}",
            ", ".join(map(text.torch_value_text, node.outputs)),
            label=str(ids[0]),
            ids=ids,
            color=origins.color(ids) if _emitted(origins, number) else -1,
            step=origins.steps.get(number, 0),
            style=STYLE_ERROR if failed else 0,
        )
    lines.add(f"return {', '.join(spelling.of(value) for value in ex.torch_graph.outputs)}", style=STYLE_QUIET)
    return lines


def _emitted(origins: Origins, number: int) -> tuple[str, ...]:
    event = origins.outcomes.get(number)
    return event.emitted if isinstance(event, NodeLowered) else ()


def _module(scope: str) -> str:
    return re.sub(r"#\d+", "", scope) if "#" in scope else scope


def _within(shown: str, scope: str) -> str:
    """The text without the module path that it stands under."""
    if not scope:
        return shown
    for path in dict.fromkeys((scope, _module(scope))):
        if path in shown:
            for end in "./":
                for before in ("%", "(", " ", "[", "="):
                    shown = shown.replace(f"{before}{path}{end}", before)
            shown = shown.removeprefix(f"{path}/")
    return shown


def _dispatch_lines(ex: Exploration, origins: Origins) -> Lines:
    """Each operator: which symbolic function lowered it, and what it emitted."""
    names = {node.name: node for node in nodes_of(ex.onnx_graph) if node.name}
    classes = ex.modules
    lines = Lines()
    scope = ""
    for number, event in origins.outcomes.items():
        node = origins.lowered.get(number)
        ids = origins.thread(number)
        here = node.origin.scope if node is not None else ""
        if here != scope:
            scope = here
            lines.add(scope or "forward", classes.get(_module(scope), ""), style=STYLE_HEADING)
        color = origins.color(ids)
        step = origins.steps[number]
        head = f"{event.target}.{event.overload}" if event.overload else event.target
        if isinstance(event, NodeFailed):
            lines.add(f"✕ {head}", event.code, label=str(ids[0]), ids=ids, step=step, style=STYLE_ERROR)
            for row in ex.place(event.message).splitlines():
                lines.add(row, ids=ids, step=step, style=STYLE_ERROR)
            continue
        if not event.emitted:
            lines.add(f"{head} → nothing", event.reason, label=str(ids[0]), ids=ids, step=step, style=STYLE_QUIET)
            continue
        since = f"opset ≥ {event.variant} · " if event.variant else ""
        note = f"{since}{seconds_text(event.seconds)}"
        lines.add(f"{head} → {event.function}", note, label=str(ids[0]), ids=ids, color=color, step=step)
        for name in event.emitted:
            made = names.get(name)
            shown, kind = (
                _onnx_line(made, scope) if made is not None else (_within(name, scope), "removed by a later pass")
            )
            found = name if made is not None else ""
            lines.add(shown, kind, ids=ids, color=color, step=step, style=STYLE_INNER, name=found)
    if not lines.text:
        lines.add("no operator was lowered yet: Step lowers the first one", style=STYLE_QUIET)
    return lines


def _onnx_line(node: ir.Node, scope: str) -> tuple[str, str]:
    """``%Conv:0 = Conv(%images, weight, strides=[4, 4])`` and its type."""
    parts = ["∅" if value is None else _value(value) for value in node.inputs]
    parts += [text.attribute_text(item) for item in node.attributes.values() if item.type != ir.AttributeType.GRAPH]
    domain = f"{node.domain}::" if node.domain else ""
    left = ", ".join(f"%{value.name}" for value in node.outputs)
    shown = f"{left} = {domain}{node.op_type}({', '.join(parts)})"
    return _within(shown, scope), ", ".join(map(text.value_text, node.outputs))


def _value(value: ir.Value) -> str:
    return (value.name or "?") if value.is_initializer() else f"%{value.name}"


def _onnx_lines(ex: Exploration, origins: Origins) -> Lines:
    """The ONNX graph, module by module: inputs, nodes, outputs, and the weights at the end."""
    steps = {name: origins.steps[number] for number in origins.outcomes for name in _emitted(origins, number)}
    classes = ex.modules
    lines = Lines()
    for value in ex.onnx_graph.inputs:
        lines.add(f"input %{value.name}", text.value_text(value), style=STYLE_QUIET)
    scope = ""
    for node in ex.onnx_graph:
        here = str(node.meta.get(SCOPE, ""))
        if here != scope:
            scope = here
            lines.add(scope or "forward", classes.get(_module(scope), ""), style=STYLE_HEADING)
        ids = origins.of_onnx(node)
        shown, kind = _onnx_line(node, scope)
        name = node.name or ""
        lines.add(shown, kind, ids=ids, color=origins.color(ids), step=steps.get(name, 0), name=name)
        for item in node.attributes.values():
            if item.type == ir.AttributeType.GRAPH:
                _body_lines(lines, item.name, item.as_graph(), ids, scope, "  ", origins, steps)
    for value in ex.onnx_graph.outputs:
        lines.add(f"output %{value.name}", text.value_text(value), style=STYLE_QUIET)
    if ex.onnx_graph.initializers:
        lines.add("weights", style=STYLE_HEADING)
    for value in ex.onnx_graph.initializers.values():
        users = dict.fromkeys(number for node, _ in value.uses() for number in origins.of_onnx(node))
        lines.add(value.name or "", text.value_text(value), ids=list(users), style=STYLE_QUIET)
    return lines


def _body_lines(
    lines: Lines,
    name: str,
    body: ir.Graph,
    ids: Sequence[int],
    scope: str,
    indent: str,
    origins: Origins,
    steps: dict[str, int],
) -> None:
    """A subgraph, its nodes with threads of their own."""
    params = ", ".join(f"%{value.name}" for value in body.inputs)
    lines.add(f"{indent}{name}({params})", ids=ids, style=STYLE_INNER)
    for node in body:
        shown, kind = _onnx_line(node, scope)
        inner = origins.of_onnx(node) or ids
        name = node.name or ""
        color, step = origins.color(inner), steps.get(name, 0)
        lines.add(f"{indent}  {shown}", kind, ids=inner, color=color, step=step, style=STYLE_INNER, name=name)
        for item in node.attributes.values():
            if item.type == ir.AttributeType.GRAPH:
                _body_lines(lines, item.name, item.as_graph(), inner, scope, f"{indent}    ", origins, steps)
    lines.add(f"{indent}  → {', '.join(f'%{value.name}' for value in body.outputs)}", ids=ids, style=STYLE_INNER)


# -- graphs ---------------------------------------------------------------------------------------------------------------


def graph(ex: Exploration, stage: protocol.Stage, path: str, revision: int) -> tuple[protocol.GraphScope, Buffers]:
    """One module's inside: its own operators, and its submodules as one node each."""
    return graph_of(Scopes(ex, origins_of(ex), stage), path, revision)


def graph_of(scopes: Scopes, path: str, revision: int) -> tuple[protocol.GraphScope, Buffers]:
    """The same, of one of many modules."""
    found = scopes.at(path)
    message = protocol.GraphScope(
        scopes.stage,
        found.scope,
        revision,
        [kind for kind, _ in found.index],
        found.titles,
        found.subtitles,
        [key for _, key in found.index],
        found.sizes,
        list(found.edges.values()),
    )
    pairs = [index for pair in found.edges for index in pair]
    return message, [ints(pairs), *ragged(found.threads), ints(found.colors), ints(found.steps)]


# -- one node -------------------------------------------------------------------------------------------------------------


def detail(ex: Exploration, node: int | None, name: str | None) -> protocol.NodeDetail:
    """Everything about one torch node, or about the torch node behind an ONNX node.

    Raises:
        KeyError: If there is no such node.
    """
    origins = origins_of(ex)
    if node is None:
        found = next((item for item in nodes_of(ex.onnx_graph) if item.name == name), None)
        if found is None or not origins.of_onnx(found):
            raise KeyError(f"no node of the model stands behind '{name}'")
        node = origins.of_onnx(found)[0]
    lowered = origins.lowered.get(node) or next(
        (item for item in origins.lowered.values() if node in item.derived_from), None
    )
    if lowered is None:
        gone = origins.by_id[node]
        return protocol.NodeDetail([node], gone.target, ["removed by a pass before the lowering"], "", "", [])
    event = origins.outcomes.get(lowered.id)
    lines = ex.place(ex.node_text(lowered.id)).splitlines()
    emitted = list(_emitted(origins, lowered.id))
    return protocol.NodeDetail(
        list(origins.of(lowered)),
        lowered.target,
        lines,
        _symbolic(lowered, event),
        _documentation(ex, emitted),
        emitted,
    )


def _symbolic(lowered: TorchNode, event: NodeLowered | NodeFailed | None) -> str:
    """The source of the symbolic function that lowered a node, or that failed to."""
    if isinstance(event, NodeLowered):
        wanted = event.function
    else:
        wanted = next((item.function for item in event.candidates if item.chosen), "") if event is not None else ""
    carries = REGISTRY.carried.get(lowered.target)
    own = carries(lowered) if carries is not None else None
    variants = [item for entry in REGISTRY.lookup(lowered.target, lowered.overload) for item in entry.variants]
    for variant in variants if own is None else (own, *variants):
        if variant.name == wanted:
            try:
                return textwrap.dedent(inspect.getsource(variant.function))
            except (OSError, TypeError):
                return ""
    return ""


def _documentation(ex: Exploration, emitted: Sequence[str]) -> str:
    """The specification of the ONNX operators among the emitted nodes."""
    by_name = {node.name: node for node in nodes_of(ex.onnx_graph)}
    kinds = dict.fromkeys(by_name[name].op_type for name in emitted if name in by_name and not by_name[name].domain)
    parts: list[str] = []
    for op_type in kinds:
        if onnx.defs.has(op_type, ex.options.opset_version):
            schema = onnx.defs.get_schema(op_type, ex.options.opset_version)
            parts.append(f"{op_type} (since opset {schema.since_version})\n{inspect.cleandoc(schema.doc or '')}")
    return "\n\n".join(parts)


def to_message(answer: protocol.Answer | protocol.Opening | Working) -> dict[str, Any]:
    """An answer as plain data. Columns are passed on as they are: they may be long."""
    return _plain(answer)


def _plain(item: Any) -> Any:
    if is_dataclass(item):
        return {field.name: _plain(getattr(item, field.name)) for field in fields(item)}
    if isinstance(item, list):
        rows: list[Any] = item
        return [_plain(row) for row in rows] if rows and is_dataclass(rows[0]) else rows
    return item
