"""Everything a view shows, as plain text: for the terminal, for tests, for screen readers.

In: the graphs and the recording. Out: strings; the ``*_lines`` functions also tell which node a line is about.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import onnx_ir as ir

from onnx_explore.emit.emitter import SCOPE, TORCH_NODES
from onnx_explore.recording import NodeFailed, NodeLowered, PassRan, Recording
from onnx_explore.torch_ir import Origin, TorchGraph, TorchNode, TorchValue, walk

_LIMIT = 16  # elements of a constant that are written out


def shape_text(shape: ir.Shape | None) -> str:
    """``[batch, 3, 2*H]``; ``?`` if unknown."""
    return "?" if shape is None else f"[{', '.join(str(dim) for dim in shape)}]"


def value_text(value: ir.Value) -> str:
    """``FLOAT[batch, 3]``."""
    if value.dtype is None:
        return f"?{shape_text(value.shape)}" if value.shape is not None else "?"
    if value.type is not None and not isinstance(value.type, ir.TensorType):
        return str(value.type)
    return f"{value.dtype.name}{shape_text(value.shape)}"


def onnx_lines(model: ir.Model) -> Iterator[tuple[str, str]]:
    """The ONNX graph, a line per input, initializer, node and output; with the node's name, or ``""``."""
    graph = model.graph
    opsets = ", ".join(f"{domain or 'ai.onnx'} {version}" for domain, version in model.opset_imports.items())
    yield "", f"graph {graph.name} (IR version {model.ir_version}; opset {opsets})"
    for value in graph.inputs:
        yield "", f"  input  %{value.name} : {value_text(value)}"
    for value in graph.initializers.values():
        yield "", f"  weight %{value.name} : {value_text(value)}{_content(value)}"
    for node in graph:
        yield from _node_lines(node, "  ")
    for value in graph.outputs:
        yield "", f"  output %{value.name} : {value_text(value)}"


def _node_lines(node: ir.Node, indent: str) -> Iterator[tuple[str, str]]:
    outputs = ", ".join(f"%{value.name} : {value_text(value)}" for value in node.outputs)
    inputs = ", ".join("" if value is None else f"%{value.name}" for value in node.inputs)
    plain = [item for item in node.attributes.values() if item.type != ir.AttributeType.GRAPH]
    attributes = f"[{', '.join(attribute_text(item) for item in plain)}]" if plain else ""
    domain = f"{node.domain}::" if node.domain else ""
    scope = f"  # {node.meta[SCOPE]}" if SCOPE in node.meta else ""
    yield node.name or "", f"{indent}{outputs} = {domain}{node.op_type}{attributes}({inputs}){scope}"
    for item in node.attributes.values():
        if item.type == ir.AttributeType.GRAPH:
            body = item.as_graph()
            yield node.name or "", f"{indent}  {item.name}({', '.join(f'%{v.name}' for v in body.inputs)}):"
            for inner in body:
                yield from _node_lines(inner, indent + "    ")
            yield node.name or "", f"{indent}    → ({', '.join(f'%{v.name}' for v in body.outputs)})"


def attribute_text(item: ir.Attr) -> str:
    """``strides=[4, 4]``; a large tensor by type and shape only."""
    if item.type == ir.AttributeType.TENSOR:
        tensor = item.as_tensor()
        if tensor.size <= _LIMIT:
            return f"{item.name}={tensor.numpy().tolist()}"
        return f"{item.name}={tensor.dtype.name}{list(tensor.shape)}"
    if item.type == ir.AttributeType.STRING:
        return f'{item.name}="{item.as_string()}"'
    value = item.value
    return f"{item.name}={list(value) if isinstance(value, tuple) else value}"


def _content(value: ir.Value) -> str:
    tensor = value.const_value
    if tensor is None or tensor.size > _LIMIT or "onnx_explore.parameter" in value.meta:
        return ""
    return f" = {tensor.numpy().tolist()}"


def onnx_text(model: ir.Model) -> str:
    """The whole ONNX graph."""
    return "\n".join(line for _, line in onnx_lines(model))


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


def node_text(node: ir.Node) -> str:
    """One node in one line, without its subgraphs and its module path."""
    return next(_node_lines(node, ""))[1].split("  # ")[0]


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
