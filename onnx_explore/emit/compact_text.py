"""The compact form of a model that ``export_to_pretty_string`` gives: every part of the protobuf in a line of its own.

In: a model. Out: text::

    ModelProto {
      producer_name: "onnx_explore"
      graph:
        GraphProto {
          name: "main_graph"
          inputs: [{name: "x", type:Tensor dims: 2 3}]
          nodes: [
            Node {type: "Relu", inputs: [x], outputs: [y], attributes: []}
          ]
        }
      opset_import: [OperatorSetIdProto { domain: , version: 17}],
    }
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import onnx_ir as ir

_SHORT = 100  # characters of an attribute's value


def compact_text(model: ir.Model, *, doc_strings: bool = False) -> str:
    """The whole model.

    Args:
        model: The model.
        doc_strings: Whether to write the nodes' source lines, too.
    """
    opsets = ",".join(
        f"OperatorSetIdProto {{ domain: {domain}, version: {version}}}"
        for domain, version in model.opset_imports.items()
    )
    rows = [
        "ModelProto {",
        f'  producer_name: "{model.producer_name or ""}"',
        f'  domain: "{model.domain or ""}"',
        f'  doc_string: "{model.doc_string or ""}"',
        "  graph:",
        *_graph(model.graph, "    ", doc_strings),
    ]
    for function in model.functions.values():
        rows.extend(
            [
                "  function:",
                "    FunctionProto {",
                f'      domain: "{function.domain}", name: "{function.name}"',
                f"      inputs: [{_names(function.inputs)}]",
                f"      outputs: [{_names(function.outputs)}]",
                f"      attributes: [{', '.join(function.attributes)}]",
                *_nodes(function, "      ", doc_strings),
                "    }",
            ]
        )
    return "\n".join([*rows, f"  opset_import: [{opsets}],", "}", ""])


def _graph(graph: ir.Graph, indent: str, doc_strings: bool) -> Iterator[str]:
    weights = ",".join(f"TensorProto shape: [{_dims(value.shape)}]" for value in graph.initializers.values())
    yield f"{indent}GraphProto {{"
    yield f'{indent}  name: "{graph.name or ""}"'
    yield f"{indent}  inputs: [{','.join(map(_value, graph.inputs))}]"
    yield f"{indent}  outputs: [{','.join(map(_value, graph.outputs))}]"
    yield f"{indent}  initializers: [{weights}]"
    yield from _nodes(graph, f"{indent}  ", doc_strings)
    yield f"{indent}}}"


def _nodes(nodes: Iterable[ir.Node], indent: str, doc_strings: bool) -> Iterator[str]:
    yield f"{indent}nodes: ["
    for node in nodes:
        attributes = ",".join(_attribute(item, indent, doc_strings) for _, item in sorted(node.attributes.items()))
        text = f'Node {{type: "{node.op_type}", '
        text += f'domain: "{node.domain}", ' if node.domain else ""
        text += f"inputs: [{_names(node.inputs)}], outputs: [{_names(node.outputs)}], attributes: [{attributes}]"
        text += f', doc_string: "{node.doc_string}"' if doc_strings and node.doc_string else ""
        yield f"{indent}  {text}}},"
    yield f"{indent}]"


def _attribute(item: ir.Attr, indent: str, doc_strings: bool) -> str:
    kind = item.type.name.lower()
    if item.is_ref():
        return f"{{ name: '{item.name}', type: {kind}, ref: '{item.ref_attr_name}'}}"
    if item.type == ir.AttributeType.GRAPH:
        body = "\n".join(_graph(item.as_graph(), f"{indent}      ", doc_strings))
        return f"{{ name: '{item.name}', type: graph, value:\n{body}\n{indent}    }}"
    if item.type == ir.AttributeType.TENSOR:
        return f"{{ name: '{item.name}', type: tensor, value:TensorProto shape: [{_dims(item.as_tensor().shape)}]}}"
    value = item.value
    text = " ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    text = text if len(text) <= _SHORT else f"{text[:_SHORT]}…"
    return f"{{ name: '{item.name}', type: {kind}, value: {text}}}"


def _value(value: ir.Value) -> str:
    kind = "Tensor" if value.type is None else type(value.type).__name__.removesuffix("Type")
    return f'{{name: "{value.name}", type:{kind} dims: {_dims(value.shape)}}}'


def _dims(shape: ir.Shape | ir.ShapeProtocol | None) -> str:
    return "?" if shape is None else " ".join(map(str, shape))


def _names(values: Iterable[ir.Value | None]) -> str:
    return ",".join("" if value is None else value.name or "" for value in values)
