"""The ONNX graph in the form that the reference prints with ``verbose=True``: TorchScript's, with operators of ``onnx::``.

In: a model, and the class of the module behind each module path. Out: text::

    graph(%x : Float(batch, 3)
          %fc.weight : Float(4, 3)
          %fc.bias : Float(4)) {
      %fc/Gemm:0 : Float(batch, 4) = onnx::Gemm[transB=1](%x, %fc.weight, %fc.bias), scope: Net/Linear[fc]
      %y : Float(batch, 4) = onnx::Relu(%fc/Gemm:0), scope: Net
      return (%y);
    }

Values carry the names that they have in the file, so that a line can be found there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import onnx_ir as ir

from onnx_explore.emit.emitter import PARAMETER, SCOPE

_NAMES = {
    ir.DataType.FLOAT: "Float",
    ir.DataType.DOUBLE: "Double",
    ir.DataType.FLOAT16: "Half",
    ir.DataType.BFLOAT16: "BFloat16",
    ir.DataType.INT64: "Long",
    ir.DataType.INT32: "Int",
    ir.DataType.INT16: "Short",
    ir.DataType.INT8: "Char",
    ir.DataType.UINT8: "Byte",
    ir.DataType.BOOL: "Bool",
    ir.DataType.COMPLEX64: "ComplexFloat",
    ir.DataType.COMPLEX128: "ComplexDouble",
}
_LIMIT = 16  # elements of a constant that are written out


def torchscript_text(model: ir.Model, classes: Mapping[str, str]) -> str:
    """The main graph, then the local functions.

    Args:
        model: The model.
        classes: Module path of each call → name of the module's class; ``""`` is the model's own.
    """
    scopes = _Scopes(classes)
    graph = model.graph
    weights = [value for value in graph.initializers.values() if PARAMETER in value.meta and not value.is_graph_input()]
    constants = [value for value in graph.initializers.values() if PARAMETER not in value.meta]
    rows = [*_head("graph", [*graph.inputs, *weights])]
    rows.extend(f"  {_declare(value)} = onnx::Constant[{_content(value.const_value)}](), scope: {scopes.text('')}"
                for value in constants if value.const_value is not None)  # fmt: skip
    rows.extend(_nodes(graph, "  ", scopes))
    rows.extend([f"  return ({_references(graph.outputs)});", "}"])
    for function in model.functions.values():
        rows.append("")
        rows.extend(_head(f"function {function.domain}::{function.name}", function.inputs))
        rows.extend(_nodes(function, "  ", None))
        rows.extend([f"  return ({_references(function.outputs)});", "}"])
    return "\n".join(rows)


class _Scopes:
    """Module paths as the reference writes them: ``AlexNet/Sequential[features]/Conv2d[0]``."""

    def __init__(self, classes: Mapping[str, str]) -> None:
        self._classes = classes
        self._known: dict[str, str] = {}

    def text(self, path: str) -> str:
        found = self._known.get(path)
        if found is None:
            found = self._known[path] = self._make(path)
        return found

    def _make(self, path: str) -> str:
        parts = [self._classes.get("", "")]
        start = ""
        for end in _ends(path):
            if end in self._classes:
                parts.append(f"{self._classes[end]}[{end[len(start) :].lstrip('.')}]")
                start = end
        return "/".join(part for part in parts if part)


def _ends(path: str) -> Iterator[str]:
    """``a``, ``a.b``, ``a.b.c``."""
    parts = path.split(".") if path else []
    for index in range(len(parts)):
        yield ".".join(parts[: index + 1])


def _head(name: str, values: Sequence[ir.Value]) -> Iterator[str]:
    opening = f"{name}("
    for index, value in enumerate(values):
        closing = ") {" if index == len(values) - 1 else ""
        yield f"{opening if not index else ' ' * len(opening)}{_declare(value)}{closing}"
    if not values:
        yield f"{opening}) {{"


def _nodes(nodes: Iterable[ir.Node], indent: str, scopes: _Scopes | None) -> Iterator[str]:
    for node in nodes:
        plain = [item for item in node.attributes.values() if item.is_ref() or item.type != ir.AttributeType.GRAPH]
        carried = f"[{', '.join(sorted(map(_attribute, plain)))}]" if plain else "[]" if not node.inputs else ""
        scope = f", scope: {scopes.text(node.meta.get(SCOPE, ''))}" if scopes is not None else ""
        outputs = ", ".join(_declare(value) for value in node.outputs)
        domain = node.domain or "onnx"
        yield f"{indent}{outputs} = {domain}::{node.op_type}{carried}({_references(node.inputs)}){scope}"
        for item in node.attributes.values():
            if not item.is_ref() and item.type == ir.AttributeType.GRAPH:
                body = item.as_graph()
                yield f"{indent}  {item.name}({', '.join(map(_declare, body.inputs))}):"
                yield from _nodes(body, indent + "    ", scopes)
                yield f"{indent}    -> ({_references(body.outputs)})"


def _references(values: Iterable[ir.Value | None]) -> str:
    return ", ".join("" if value is None else f"%{value.name}" for value in values)


def _declare(value: ir.Value) -> str:
    return f"%{value.name} : {_type(value)}"


def _type(value: ir.Value) -> str:
    """``Float(batch, 3)``; ``Dynamic`` where the rank is not known, as the reference has it."""
    if value.type is not None and not isinstance(value.type, ir.TensorType):
        return str(value.type)
    if value.dtype is None or value.shape is None:
        return "Dynamic"
    return f"{_NAMES.get(value.dtype, value.dtype.name)}({', '.join(map(str, value.shape))})"


def _attribute(item: ir.Attr) -> str:
    if item.is_ref():
        return f"{item.name}=@{item.ref_attr_name}"
    if item.type == ir.AttributeType.TENSOR:
        return f"{item.name}{_content(item.as_tensor()).removeprefix('value')}"
    if item.type == ir.AttributeType.STRING:
        return f'{item.name}="{item.as_string()}"'
    value = item.value
    return f"{item.name}={list(value) if isinstance(value, list | tuple) else value}"


def _content(tensor: ir.TensorProtocol | None) -> str:
    if tensor is None:
        return "value=<Tensor>"
    if tensor.size > _LIMIT or tensor.dtype == ir.DataType.STRING or _is_meta(tensor):
        return f"value=<Tensor {list(tensor.shape)}>"
    values = tensor.numpy().reshape(-1).tolist()
    return f"value={{{', '.join(map(_number, values))}}}"


def _is_meta(tensor: ir.TensorProtocol) -> bool:
    return getattr(getattr(tensor.raw, "device", None), "type", "") == "meta"


def _number(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(int(value) if isinstance(value, bool) else value)
