"""The two graphs and the dispatch as tables, one line per operator: what the magics print.

In: the TorchGraph, the ONNX model, the recording. Out: text. Constants and lists of constants stand where they are used
(``stride=[4, 4]``) instead of in a line of their own; ``torch_ir.print_graph`` and ``text.onnx_text`` leave nothing
out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import onnx_ir as ir
import torch

from onnx_explore.capture.captured import Capture
from onnx_explore.emit.emitter import SCOPE
from onnx_explore.explore import text
from onnx_explore.explore.tables import Column, bytes_text, clip, count_text, fit, labelled, seconds_text
from onnx_explore.recording import NodeFailed, NodeLowered, Recording
from onnx_explore.torch_ir import TorchBlock, TorchGraph, TorchNode, TorchValue, walk

Place = Callable[[str], str]
"""How a source line is shown: a notebook says ``In[5]:3`` for a line of a cell."""

MOST_ROWS = 500
"""Longer tables end with a line that says how many rows are missing."""

_ARRANGING = frozenset({"prim::Constant", "prim::ListConstruct", "prim::TupleConstruct"})
_IN_FULL = 1
"""Up to so many nodes are explained in full; more are listed, with the first in full."""


class Spelling:
    """How the values of a TorchGraph are written: inputs and weights by name, constants by what they are.

    Args:
        graph: The graph.
        captured: Gives the inputs' names.
    """

    def __init__(self, graph: TorchGraph, captured: Capture) -> None:
        self._text: dict[int, str] = {}
        self.written: set[int] = set()
        """Ids of the nodes that stand where they are used, and so need no line."""
        for value, item in zip(graph.inputs, captured.inputs, strict=True):
            self._text[value.id] = item.name
        for parameter in graph.parameters:
            self._text[parameter.value.id] = parameter.name
        for node in walk(graph.block):
            self._note(node)

    def _note(self, node: TorchNode) -> None:
        if node.target == "prim::Constant":
            self._text[node.output.id] = constant_text(node.constant)
            self.written.add(node.id)
        elif node.target in _ARRANGING:
            items = ", ".join(map(self.of, node.inputs))
            self._text[node.output.id] = f"[{items}]" if node.target == "prim::ListConstruct" else f"({items})"
            self.written.add(node.id)

    def of(self, value: TorchValue) -> str:
        """The text of a value."""
        return self._text.get(value.id) or f"%{value.name}"

    def call(self, node: TorchNode) -> str:
        """``aten::max_pool2d(%555, kernel_size=[3, 3], stride=[2, 2])``: what holds its default is left out."""
        overload = f".{node.overload}" if node.overload else ""
        arguments = node.schema.arguments if node.schema is not None else ()
        parts: list[str] = []
        for index, value in enumerate(node.inputs):
            shown = self.of(value)
            argument = arguments[index] if index < len(arguments) else None
            if argument is None or value.is_tensor:
                parts.append(shown)
            elif not (argument.has_default and shown == constant_text(argument.default)):
                parts.append(f"{argument.name}={shown}")
        parts += [f"{name}={constant_text(item)}" for name, item in node.attributes.items() if name != "value"]
        return f"{node.target}{overload}({', '.join(parts)})"


def constant_text(item: Any) -> str:
    """A constant as one would write it: ``[4, 4]``, ``0.5``, ``None``, ``<float32[3] tensor>``."""
    if isinstance(item, torch.Tensor):
        dtype = str(item.dtype).removeprefix("torch.")
        if item.dim() == 0 and item.device.type != "meta":
            return f"{item.item()}"
        return f"<{dtype}{list(item.shape)} tensor>"
    if isinstance(item, list | tuple):
        entries: list[Any] = list(item)  # pyright: ignore[reportUnknownArgumentType]
        return f"[{', '.join(map(constant_text, entries))}]"
    if isinstance(item, torch.device):
        return str(item)
    return repr(item)


def inside(name: str, only: str) -> str:
    """A name without the module path that the view is about: ``.query/MatMul`` inside ``encoder.self``."""
    if only and name.startswith((f"{only}.", f"{only}#")):
        return name[len(only) :]
    return name.removeprefix(f"{only}/") if only else name


def _place_inside(where: str, only: str) -> str:
    head, separator, scope = where.rpartition(" in ")
    return f"{head}{separator}{inside(scope, only)}" if separator and scope != only else (head if separator else where)


def fits(node_scope: str, words: Sequence[str], only: str) -> bool:
    """Whether a line is about ``only``: a module path (with all below it), an operator, a name or a number."""
    return only in words or node_scope == only or node_scope.startswith((f"{only}.", f"{only}#"))


def torch_table(
    graph: TorchGraph, captured: Capture, *, width: int | None = None, only: str = "", place: Place = str
) -> str:
    """The traced graph after the torch passes."""
    spelling = Spelling(graph, captured)
    nodes = [(depth, node) for depth, node in _torch_nodes(graph.block, 0) if node.id not in spelling.written]
    shown = [
        (depth, node)
        for depth, node in nodes
        if not only
        or fits(node.origin.scope, [node.target, f"{node.target}.{node.overload}", str(node.id), f"#{node.id}"], only)
    ]
    rows = [
        [
            f"#{node.id}",
            f"{'  ' * depth}{', '.join(f'%{value.name}' for value in node.outputs)}",
            ", ".join(map(text.torch_value_text, node.outputs)),
            spelling.call(node),
            _place_inside(place(node.origin.where), only) if only else place(node.origin.where),
        ]
        for depth, node in shown[:MOST_ROWS]
    ]
    columns = [
        Column("node", right=True),
        Column("value", "end"),
        Column("type", "end"),
        Column("operator", "end"),
        Column("at", "start"),
    ]
    written = sum(1 for _ in walk(graph.block)) - len(nodes)
    how = "traced" if captured.mode == "trace" else "scripted"
    head = f"TorchScript graph ({how}): {count_text(len(nodes), 'operator')}"
    if written:
        head += f"; {count_text(written, 'constant and list', 'constants and lists')} written where they are used"
    parts = [head]
    if not only:
        parts.append(_torch_interface(graph, captured, spelling, width))
    parts.append(_body(columns, rows, len(shown), only, width))
    return "\n\n".join(parts)


def _torch_interface(graph: TorchGraph, captured: Capture, spelling: Spelling, width: int | None) -> str:
    rows = [
        ["input", item.name, text.torch_value_text(value)]
        for value, item in zip(graph.inputs, captured.inputs, strict=True)
    ]
    rows += [
        ["output", item.name, f"{text.torch_value_text(value)}, is {spelling.of(value)}"]
        for value, item in zip(graph.outputs, captured.outputs, strict=True)
    ]
    if graph.parameters:
        size = sum(item.tensor.numel() * item.tensor.element_size() for item in graph.parameters)
        listed = ", ".join(item.name for item in graph.parameters)
        rows.append(["weights", f"{len(graph.parameters)}, {bytes_text(size)}", listed])
    return fit([Column(""), Column("", "end"), Column("", "end")], rows, width)


def onnx_table(
    graph: ir.Graph, *, head: str, outputs: Sequence[str] = (), width: int | None = None, only: str = ""
) -> str:
    """The ONNX graph.

    Args:
        graph: The graph; may be partial.
        head: The first line.
        outputs: Names of the outputs that a partial graph will have.
        width: Characters in a line.
        only: Only what this module path, operator or node name is about.
    """
    nodes = [
        (depth, node)
        for depth, node in _onnx_nodes(graph, 0)
        if not only
        or fits(
            str(node.meta.get(SCOPE, "")),
            [node.op_type, node.name or "", *(value.name or "" for value in node.outputs)],
            only,
        )
    ]
    rows = [
        [
            f"{'  ' * depth}{inside(node.name or '?', only)}",
            f"{f'{node.domain}::' if node.domain else ''}{node.op_type}",
            ", ".join("–" if value is None else _short(inside(_value_name(value), only)) for value in node.inputs),
            ", ".join(map(text.value_text, node.outputs)),
            _attributes(node),
        ]
        for depth, node in nodes[:MOST_ROWS]
    ]
    columns = [
        Column("node", "start"),
        Column("operator", "end"),
        Column("inputs", "end"),
        Column("gives", "end"),
        Column("attributes", "end"),
    ]
    parts = [head]
    if not only:
        parts.append(_onnx_interface(graph, outputs, width))
    parts.append(_body(columns, rows, len(nodes), only, width))
    return "\n\n".join(parts)


def _torch_nodes(block: TorchBlock, depth: int) -> Iterator[tuple[int, TorchNode]]:
    """Nodes with their depth, each before those of its blocks."""
    for node in block.nodes:
        yield depth, node
        for inner in node.blocks:
            yield from _torch_nodes(inner, depth + 1)


def _onnx_nodes(graph: ir.Graph, depth: int) -> Iterator[tuple[int, ir.Node]]:
    for node in graph:
        yield depth, node
        for item in node.attributes.values():
            if item.type == ir.AttributeType.GRAPH:
                yield from _onnx_nodes(item.as_graph(), depth + 1)


def _value_name(value: ir.Value) -> str:
    """A node's only output goes by the node's name; a small constant by its content."""
    tensor = value.const_value
    if tensor is not None and tensor.size <= 4 and value.producer() is None and _is_plain(value):
        return str(tensor.numpy().tolist())
    return (value.name or "?").removesuffix(":0")


def _short(name: str) -> str:
    """Several long names in one cell: the end of each says most."""
    return clip(name, 28, at="start")


def _is_plain(value: ir.Value) -> bool:
    return (value.name or "").startswith("constant")


def _attributes(node: ir.Node) -> str:
    return ", ".join(
        f"{item.name}=…" if item.type == ir.AttributeType.GRAPH else text.attribute_text(item)
        for item in node.attributes.values()
    )


def _onnx_interface(graph: ir.Graph, outputs: Sequence[str], width: int | None) -> str:
    rows = [["input", str(value.name), text.value_text(value)] for value in graph.inputs]
    if graph.outputs:
        rows += [["output", str(value.name), text.value_text(value)] for value in graph.outputs]
    else:
        rows += [["output", name, "not connected yet"] for name in outputs]
    weights = list(graph.initializers.values())
    if weights:
        size = sum(value.const_value.nbytes for value in weights if value.const_value is not None)
        listed = ", ".join(str(value.name) for value in weights)
        rows.append(["weights", f"{len(weights)}, {bytes_text(size)}", listed])
    return fit([Column(""), Column("", "end"), Column("", "end")], rows, width)


def _body(columns: Sequence[Column], rows: Sequence[Sequence[str]], total: int, only: str, width: int | None) -> str:
    if not rows:
        return f"nothing here is about '{only}'" if only else "no nodes yet"
    table = fit(columns, rows, width)
    if total > len(rows):
        table += f"\n… and {total - len(rows):,} more: name a module to see its part"
    return table


# -- dispatch ------------------------------------------------------------------------------------------------------


def dispatch_table(
    recording: Recording,
    graph: TorchGraph,
    captured: Capture,
    names: Mapping[str, ir.Node],
    *,
    only: str | int | None = None,
    everything: bool = False,
    width: int | None = None,
    place: Place = str,
) -> str:
    """How the operators were lowered: a table, or with ``only`` the full story of those that it names.

    Args:
        recording: The events.
        graph: The graph that is lowered.
        captured: The capture.
        names: The ONNX nodes by name.
        only: A node's number, an operator, a module path, or the name of an ONNX node or value.
        everything: Also the nodes that emitted nothing.
        width: Characters in a line.
        place: How a source line is shown.
    """
    nodes = {node.id: node for node in walk(graph.block)}
    last = {item.node: item for item in recording.events if isinstance(item, NodeLowered | NodeFailed)}
    events = list(last.values())  # a node that failed first and was lowered then has one story
    if only is None or only == "":
        shown = events if everything else [event for event in events if _says_something(event)]
        waiting = len(nodes) - len({event.node for event in events if isinstance(event, NodeLowered)})
        quiet = len(events) - len(shown)
        tail: list[str] = []
        if quiet:
            tail.append(f"{count_text(quiet, 'node')} emitted nothing: constants, lists, what was folded")
        if waiting:
            tail.append(f"{count_text(waiting, 'node')} not lowered yet")
        return "\n".join([_dispatch_rows(shown, nodes, names, width, place), *tail])
    key = str(only)
    chosen = [event for event in events if _is_about(event, nodes.get(event.node), key)]
    if not chosen:
        return _not_lowered(graph, key, place)
    if len(chosen) <= _IN_FULL:
        return "\n\n".join(
            explain(event, nodes.get(event.node), names, graph, captured, width, place) for event in chosen
        )
    first = next((event for event in chosen if _says_something(event)), chosen[0])
    return "\n\n".join(
        [
            _dispatch_rows(chosen, nodes, names, width, place),
            f"The first of these {len(chosen)} in full; ask for another one by its number, such as {chosen[1].node}:",
            explain(first, nodes.get(first.node), names, graph, captured, width, place),
        ]
    )


def _says_something(event: NodeLowered | NodeFailed) -> bool:
    return isinstance(event, NodeFailed) or bool(event.emitted)


def _is_about(event: NodeLowered | NodeFailed, node: TorchNode | None, key: str) -> bool:
    overload = f"{event.target}.{event.overload}"
    words = [event.target, event.target.rpartition("::")[2], overload, str(event.node), f"#{event.node}"]
    if isinstance(event, NodeLowered):
        words += event.emitted
        words += [f"{name}:0" for name in event.emitted]
    scope = node.origin.scope if node is not None and _says_something(event) else ""
    return fits(scope, words, key)


def _not_lowered(graph: TorchGraph, key: str, place: Place) -> str:
    left = [node for node in walk(graph.block) if key in (node.target, str(node.id), f"#{node.id}")]
    if left:
        first = left[0]
        where = place(first.origin.where)
        return f"#{first.id} {first.target} is not lowered yet{f'  (at {where})' if where else ''}"
    return ""


def _dispatch_rows(
    events: Sequence[NodeLowered | NodeFailed],
    nodes: Mapping[int, TorchNode],
    names: Mapping[str, ir.Node],
    width: int | None,
    place: Place,
) -> str:
    if not events:
        return "no node was lowered yet"
    rows: list[list[str]] = []
    for event in events[:MOST_ROWS]:
        node = nodes.get(event.node)
        overload = f".{event.overload}" if event.overload else ""
        if isinstance(event, NodeFailed):
            function = next((item.function for item in event.candidates if item.chosen), "–")
            emitted = f"failed: {event.code}"
        else:
            function = f"{event.function} ≥ {event.variant}" if event.variant else event.function or "–"
            emitted = _emitted(event, names)
        where = place(node.origin.where) if node is not None else ""
        rows.append([f"#{event.node}", f"{event.target}{overload}", function, emitted, where])
    table = fit(
        [
            Column("node", right=True),
            Column("operator", "end"),
            Column("symbolic function ≥ opset", "start"),
            Column("emitted", "end"),
            Column("at", "start"),
        ],
        rows,
        width,
    )
    if len(events) > MOST_ROWS:
        table += f"\n… and {len(events) - MOST_ROWS:,} more: name a module or an operator"
    return table


def _emitted(event: NodeLowered, names: Mapping[str, ir.Node]) -> str:
    """``Conv``; ``Shape, Gather, 2 × Concat``; what a later pass removed in brackets."""
    counts: dict[str, int] = {}
    for name in event.emitted:
        made = names.get(name)
        op_type = made.op_type if made is not None else f"({name.rpartition('/')[2]})"
        counts[op_type] = counts.get(op_type, 0) + 1
    if not counts:
        return "nothing" + (f": {event.reason}" if event.function == "PyTorch" else "")
    return ", ".join(op_type if count == 1 else f"{count} × {op_type}" for op_type, count in counts.items())


def node_text(
    recording: Recording,
    graph: TorchGraph,
    captured: Capture,
    names: Mapping[str, ir.Node],
    number: int,
    place: Place = str,
) -> str:
    """The full story of one node, or what is known of it before it is lowered."""
    node = next((item for item in walk(graph.block) if item.id == number), None)
    events = [item for item in recording.events if isinstance(item, NodeLowered | NodeFailed) and item.node == number]
    if events:
        return explain(events[-1], node, names, graph, captured, place=place)
    if node is None:
        return ""
    rows: list[tuple[str, Sequence[str]]] = []
    if node.schema is not None:
        rows.append(("schema", [node.schema.text]))
    rows.append(("arguments", _arguments(node, Spelling(graph, captured))))
    rows.append(("gives", [f"%{value.name} : {text.torch_value_text(value)}" for value in node.outputs]))
    where = f"  at {place(node.origin.where)}" if node.origin.where else ""
    body = labelled([*rows, ("state", ["not lowered yet"])], None)
    return "\n".join([f"#{number} {node.target}{where}", *(f"  {line}" for line in body.splitlines())])


def explain(
    event: NodeLowered | NodeFailed,
    node: TorchNode | None,
    names: Mapping[str, ir.Node],
    graph: TorchGraph,
    captured: Capture,
    width: int | None = None,
    place: Place = str,
) -> str:
    """The full story of one node: arguments by name, registrations and why, what was emitted."""
    overload = f".{event.overload}" if event.overload else ""
    where = f"  at {place(node.origin.where)}" if node is not None and node.origin.where else ""
    rows: list[tuple[str, Sequence[str]]] = []
    if node is not None:
        if node.schema is not None:
            rows.append(("schema", [node.schema.text]))
        rows.append(("arguments", _arguments(node, Spelling(graph, captured))))
        rows.append(("gives", [f"%{value.name} : {text.torch_value_text(value)}" for value in node.outputs]))
    folded = isinstance(event, NodeLowered) and event.function == "PyTorch"
    if isinstance(event, NodeFailed):
        rows.append(("failed", [f"{event.code}: {place(_reason(event))}"]))
    elif folded:
        rows.append(("folded by", [f"{event.function}: {event.reason}"]))
    elif not event.candidates:
        rows.append(("handled by", [f"{event.function}: {event.reason}"]))
    for title, chosen in (("chosen", True), ("not taken", False)):
        lines = [
            f"{item.function} (opset ≥ {item.since}): {item.reason}"
            for item in event.candidates
            if (item.chosen and not folded) is chosen
        ]
        rows.append((title, lines))
    if isinstance(event, NodeLowered):
        own = f"%{node.origin.scope}/" if node is not None and node.origin.scope else "%"
        rows.append(
            (
                "emitted",
                [
                    text.node_text(names[name]).replace(own, "%")
                    if name in names
                    else f"{inside(name, own[1:-1])} (removed by a later pass)"
                    for name in event.emitted
                ],
            )
        )
    rows.append(("time", [seconds_text(event.seconds)]))
    body = labelled(rows, None if width is None else width - 2)
    return "\n".join([f"#{event.node} {event.target}{overload}{where}", *(f"  {line}" for line in body.splitlines())])


def _reason(event: NodeFailed) -> str:
    """The message without what stands in the lines around it anyway."""
    return event.message.splitlines()[0].removeprefix(f"{event.code}: ")


def _arguments(node: TorchNode, spelling: Spelling) -> list[str]:
    arguments = node.schema.arguments if node.schema is not None else ()
    lines: list[str] = []
    for index, value in enumerate(node.inputs):
        label = arguments[index].name if index < len(arguments) else f"input {index}"
        kind = f" : {text.torch_value_text(value)}" if value.is_tensor else ""
        lines.append(f"{label} = {spelling.of(value)}{kind}")
    return lines
