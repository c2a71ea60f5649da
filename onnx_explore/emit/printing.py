"""The ONNX graph as text, a line per node, each with the node's name so that a view can link the two.

In: ``onnx_ir`` objects. Out: strings::

    input  %x : FLOAT[batch, 3]
    %Relu:0 : FLOAT[batch, 3] = Relu(%x)  # encoder.0
"""

from __future__ import annotations

from collections.abc import Iterator

import onnx_ir as ir

from onnx_explore.emit.emitter import PARAMETER, SCOPE

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
    for function in model.functions.values():
        yield from _function_lines(function)


def _function_lines(function: ir.Function) -> Iterator[tuple[str, str]]:
    attributes = f"[{', '.join(function.attributes)}]" if function.attributes else ""
    inputs = ", ".join(f"%{value.name}" for value in function.inputs)
    yield "", f"function {function.domain}::{function.name}{attributes}({inputs})"
    for node in function:
        # The names in a function are its own: no line of the graph is meant.
        for _, line in _node_lines(node, "  "):
            yield "", line
    yield "", f"  → ({', '.join(f'%{value.name}' for value in function.outputs)})"


def _node_lines(node: ir.Node, indent: str) -> Iterator[tuple[str, str]]:
    outputs = ", ".join(f"%{value.name} : {value_text(value)}" for value in node.outputs)
    inputs = ", ".join("" if value is None else f"%{value.name}" for value in node.inputs)
    plain = [item for item in node.attributes.values() if item.is_ref() or item.type != ir.AttributeType.GRAPH]
    attributes = f"[{', '.join(attribute_text(item) for item in plain)}]" if plain else ""
    domain = f"{node.domain}::" if node.domain else ""
    scope = f"  # {node.meta[SCOPE]}" if SCOPE in node.meta else ""
    yield node.name or "", f"{indent}{outputs} = {domain}{node.op_type}{attributes}({inputs}){scope}"
    for item in node.attributes.values():
        if not item.is_ref() and item.type == ir.AttributeType.GRAPH:
            body = item.as_graph()
            yield node.name or "", f"{indent}  {item.name}({', '.join(f'%{v.name}' for v in body.inputs)}):"
            for inner in body:
                yield from _node_lines(inner, indent + "    ")
            yield node.name or "", f"{indent}    → ({', '.join(f'%{v.name}' for v in body.outputs)})"


def attribute_text(item: ir.Attr) -> str:
    """``strides=[4, 4]``; a large tensor by type and shape only; ``alpha=@inferred::alpha`` for a function's attribute."""
    if item.is_ref():
        return f"{item.name}=@{item.ref_attr_name}"
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
    if tensor is None or tensor.size > _LIMIT or PARAMETER in value.meta:
        return ""
    return f" = {tensor.numpy().tolist()}"


def onnx_text(model: ir.Model) -> str:
    """The whole ONNX graph."""
    return "\n".join(line for _, line in onnx_lines(model))


def node_text(node: ir.Node) -> str:
    """One node in one line, without its subgraphs and its module path."""
    return next(_node_lines(node, ""))[1].split("  # ")[0]
