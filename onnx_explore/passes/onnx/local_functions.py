"""Module calls become local functions (``export_modules_as_functions``).

In: the graph, with the module path of every node, and which calls are wanted. Out: one call node for each of these calls, and the
functions; calls of one class that compute the same share a function::

    %a = Gelu(%x)                  # blocks.0.act                __main__::Block(%x, %blocks.0.weight)[size=3]
    %b = MatMul(%a, %blocks.0.weight)    # blocks.0     ──►      __main__::Block(%b, %blocks.1.weight)[size=3]
    %c = Gelu(%b)                  # blocks.1.act
    %d = MatMul(%c, %blocks.1.weight)    # blocks.1              function __main__::Block(input_0, weight) { … }

1. Calls are taken innermost first, those of one height together, so that all that may share a function are there at once.
2. What a call uses from outside becomes an input of the function (weights last), a constant goes inside.
3. Attributes in which calls differ become attributes ``inferred::NAME`` of the function; class variables with an annotation are
   attributes of the function that its body does not use.
4. A node of another module that stands between two nodes of a call (a shared module that it calls) belongs to the call, too.
"""

from __future__ import annotations

import inspect
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import onnx_ir as ir
import torch

from onnx_explore.emit.emitter import PARAMETER, SCOPE, TORCH_NODES

FUNCTIONS = "onnx_explore.modules_as_functions"
"""Key in ``model.meta``: module path (with the number of the call) → module, for the calls that become functions."""

INFERRED = "inferred::"


@dataclass(slots=True, eq=False)
class _Call:
    """One module call, taken out of the graph.

    Attributes:
        scope: Its path.
        module: The module.
        body: Its nodes, in order.
        inputs: What it takes from outside.
        places: The same inside of the function.
        outputs: What it gives, inside of the function.
        node: The node that stands for it.
    """

    scope: str
    module: torch.nn.Module
    body: list[ir.Node]
    inputs: list[ir.Value]
    places: list[ir.Value]
    outputs: list[ir.Value]
    node: ir.Node


def modules_as_functions(model: ir.Model) -> bool:
    """Take the wanted module calls out of the main graph."""
    wanted: Mapping[str, torch.nn.Module] = model.meta.get(FUNCTIONS, {})
    if not wanted:
        return False
    naming = _Naming()
    for level in _levels(wanted):
        groups: dict[object, list[_Call]] = {}
        for scope, nodes in _nodes_of(model.graph, level).items():
            call = _take_out(model.graph, scope, wanted[scope], nodes)
            if call is not None:
                groups.setdefault((type(call.module), _structure(call)), []).append(call)
        for calls in groups.values():
            _define(model, calls, naming)
    _drop_unused_constants(model.graph)
    return bool(model.functions)


def _levels(scopes: Iterable[str]) -> Iterator[list[str]]:
    """Calls by height: those without another call inside first."""
    height = dict.fromkeys(scopes, 0)
    for scope in sorted(height, key=lambda each: each.count(".") + bool(each), reverse=True):
        outer = _nearest(scope.rpartition(".")[0], height) if scope else None
        if outer is not None:
            height[outer] = max(height[outer], height[scope] + 1)
    for level in range(max(height.values(), default=-1) + 1):
        yield [scope for scope in height if height[scope] == level]


def _nearest(scope: str, known: Container[str]) -> str | None:
    """The scope itself or the nearest one around it that is known."""
    while scope not in known:
        if not scope:
            return None
        scope = scope.rpartition(".")[0]
    return scope


# -- taking a call out of the graph -------------------------------------------------------------------------------------


def _nodes_of(graph: ir.Graph, level: Sequence[str]) -> dict[str, list[ir.Node]]:
    """Call → its nodes, in order. No call of one height is inside another."""
    known = frozenset(level)
    found: dict[str, list[ir.Node]] = {}
    for node in graph:
        scope = _nearest(node.meta.get(SCOPE, ""), known)
        if scope is not None:
            found.setdefault(scope, []).append(node)
    return found


def _take_out(graph: ir.Graph, scope: str, module: torch.nn.Module, nodes: list[ir.Node]) -> _Call | None:
    """Replace the nodes of a call by one; None if it gives nothing, or another call took a part of it already."""
    body, in_one_piece = _closed(graph, nodes)
    if any(node.graph is not graph for node in body):
        return None
    every = list(_all_nodes(body))
    inner = set(every)
    outputs = [
        value
        for node in body
        for value in node.outputs
        if value.is_graph_output() or any(use.node not in inner for use in value.uses())
    ]
    if not outputs:
        return None
    taken = _taken(every)
    inputs = [value for value in taken if not _is_constant(value)]
    inputs.sort(key=lambda value: PARAMETER in value.meta)  # stable: weights last
    constants = [value for value in taken if _is_constant(value)]
    places = [ir.Value(name=_input_name(value, scope, index)) for index, value in enumerate(inputs)]
    inside = [_constant_node(value) for value in constants]
    replacements = dict(zip(inputs, places, strict=True)) | {
        value: node.outputs[0] for value, node in zip(constants, inside, strict=True)
    }
    call = ir.Node("", "Call", inputs, [], num_outputs=len(outputs), name=scope or "model")
    call.meta[TORCH_NODES] = tuple(dict.fromkeys(item for node in body for item in node.meta.get(TORCH_NODES, ())))
    outer = scope.rpartition(".")[0]
    if outer:
        call.meta[SCOPE] = outer
    graph.insert_after(body[-1], call)
    for old, new in zip(outputs, call.outputs, strict=True):
        new.name, new.type, new.shape = old.name, old.type, old.shape
        for use in list(old.uses()):
            if use.node not in inner:
                use.node.replace_input_with(use.idx, new)
        for index, value in enumerate(list(graph.outputs)):
            if value is old:
                graph.outputs[index] = new
    graph.remove(body)
    if not in_one_piece:
        graph.sort()
    for node in every:
        for index, value in enumerate(node.inputs):
            if value in replacements:
                node.replace_input_with(index, replacements[value])
    for node in body:
        node.name = _local(node.name, scope)
        for value in node.outputs:
            value.name, value.type, value.shape = _local(value.name, scope), None, None
    return _Call(scope, module, [*inside, *body], inputs, places, outputs, call)


def _closed(graph: ir.Graph, nodes: list[ir.Node]) -> tuple[list[ir.Node], bool]:
    """The nodes of a call and those between them that depend on one and feed another; whether they stand side by side."""
    chosen = set(nodes)
    window: list[ir.Node] = []
    for node in _from(graph, nodes[0]):
        window.append(node)
        if node is nodes[-1]:
            break
    if len(window) == len(nodes):
        return nodes, True
    after = set(chosen)
    for node in window:
        if any(value is not None and value.producer() in after for each in _all_nodes([node]) for value in each.inputs):
            after.add(node)
    before = set(chosen)
    owners = {each: node for node in window for each in _all_nodes([node])}
    for node in reversed(window):
        users = (owners.get(use.node) for value in node.outputs for use in value.uses())
        if any(user in before for user in users):
            before.add(node)
    return [node for node in window if node in chosen or (node in after and node in before)], False


def _from(graph: ir.Graph, start: ir.Node) -> Iterator[ir.Node]:
    found = False
    for node in graph:
        found = found or node is start
        if found:
            yield node


def _all_nodes(nodes: Iterable[ir.Node]) -> Iterator[ir.Node]:
    """Nodes with those of the graphs in their attributes."""
    for node in nodes:
        yield node
        for item in node.attributes.values():
            if not item.is_ref() and item.type == ir.AttributeType.GRAPH:
                yield from _all_nodes(item.as_graph())


def _taken(nodes: Sequence[ir.Node]) -> list[ir.Value]:
    """Values from outside that the nodes read, in order of first use."""
    own = {value for node in nodes for value in node.outputs}
    for node in nodes:
        for item in node.attributes.values():
            if not item.is_ref() and item.type == ir.AttributeType.GRAPH:
                own.update(item.as_graph().inputs)
                own.update(item.as_graph().initializers.values())
    found: dict[ir.Value, None] = {}
    for node in nodes:
        for value in node.inputs:
            if value is not None and value not in own:
                found.setdefault(value)
    return list(found)


def _is_constant(value: ir.Value) -> bool:
    return value.is_initializer() and PARAMETER not in value.meta


def _constant_node(value: ir.Value) -> ir.Node:
    assert value.const_value is not None
    node = ir.Node("", "Constant", [], [ir.AttrTensor("value", value.const_value)], name=f"{value.name}/node")
    node.outputs[0].name = value.name
    return node


def _input_name(value: ir.Value, scope: str, index: int) -> str:
    """The name of a weight below the module, else a number."""
    if PARAMETER not in value.meta:
        return f"input_{index}"
    name = value.name or ""
    plain = ".".join(part.partition("#")[0] for part in scope.split("."))
    return name.removeprefix(f"{plain}.") if plain else name


def _local(name: str | None, scope: str) -> str:
    """A name without the module's path: ``blocks.0/MatMul`` is ``MatMul`` in the function."""
    text = name or ""
    for mark in ("/", "."):
        if scope and text.startswith(f"{scope}{mark}"):
            return text[len(scope) + 1 :]
    return text


# -- functions ------------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Naming:
    """Names of functions, each given once within its domain."""

    taken: dict[tuple[str, str], int] = field(default_factory=dict[tuple[str, str], int])

    def name(self, kind: type) -> tuple[str, str]:
        domain, name = kind.__module__, kind.__name__
        count = self.taken.get((domain, name), 0)
        self.taken[domain, name] = count + 1
        return domain, f"{name}.{count}" if count else name


def _define(model: ir.Model, calls: Sequence[_Call], naming: _Naming) -> None:
    """One function for calls that have the same structure."""
    first = calls[0]
    domain, name = naming.name(type(first.module))
    inferred = _infer(calls)
    annotated = [_annotated(call.module) for call in calls]
    declared = [*dict.fromkeys(item.name for items in annotated for item in items), *inferred]
    opsets = {node.domain: model.graph.opset_imports[node.domain] for node in _all_nodes(first.body)}
    opsets.setdefault("", model.graph.opset_imports[""])
    graph = ir.Graph(first.places, first.outputs, nodes=first.body, opset_imports=opsets, name=name)
    function = ir.Function(
        domain, name, graph=graph, attributes=[ir.Attr(each, ir.AttributeType.UNDEFINED, None) for each in declared]
    )
    model.functions[function.identifier()] = function
    model.graph.opset_imports[domain] = 1
    for index, call in enumerate(calls):
        call.node.domain, call.node.op_type = domain, name
        for item in annotated[index]:
            call.node.attributes[item.name] = item
        for each, values in inferred.items():
            found = values[index]
            call.node.attributes[each] = ir.Attr(each, found.type, found.value)


def _infer(calls: Sequence[_Call]) -> dict[str, list[ir.Attr]]:
    """Attributes in which calls differ: a reference in the first call's body, which becomes the function's, and the values."""
    found: dict[str, list[ir.Attr]] = {}
    bodies = [list(_all_nodes(call.body)) for call in calls]
    for place, node in enumerate(bodies[0]):
        for key in list(node.attributes):
            values = [body[place].attributes[key] for body in bodies]
            if values[0].type == ir.AttributeType.GRAPH or len({_plain(item) for item in values}) == 1:
                continue
            same = next((name for name, known in found.items() if _equal(known, values)), None)
            name = same or _unused(f"{INFERRED}{key.removeprefix(INFERRED)}", found)
            found[name] = values
            node.attributes[key] = ir.RefAttr(key, name, values[0].type)
    return found


def _equal(left: Sequence[ir.Attr], right: Sequence[ir.Attr]) -> bool:
    return all(a.type == b.type and _plain(a) == _plain(b) for a, b in zip(left, right, strict=True))


def _unused(name: str, taken: Mapping[str, object]) -> str:
    count = 0
    while (f"{name}_{count}" if count else name) in taken:
        count += 1
    return f"{name}_{count}" if count else name


def _annotated(module: torch.nn.Module) -> list[ir.Attr]:
    """Class variables with an annotation, as far as ONNX has an attribute type for their values. Weights are inputs."""
    attributes: dict[str, ir.Attr] = {}
    for kind in reversed(type(module).__mro__):
        if not issubclass(kind, torch.nn.Module) or kind is torch.nn.Module:
            continue
        for name in inspect.get_annotations(kind):
            item = None if name.startswith("_") else _attribute(name, getattr(module, name, None))
            if item is not None:
                attributes[name] = item
    return list(attributes.values())


def _attribute(name: str, value: Any) -> ir.Attr | None:
    if isinstance(value, bool | int):
        return ir.AttrInt64(name, int(value))
    if isinstance(value, float):
        return ir.AttrFloat32(name, value)
    if isinstance(value, str):
        return ir.AttrString(name, value)
    if isinstance(value, list | tuple) and value:
        items: list[Any] = list(cast("Sequence[Any]", value))
        if all(isinstance(item, bool | int) for item in items):
            return ir.AttrInt64s(name, [int(item) for item in items])
        if all(isinstance(item, int | float) for item in items):
            return ir.AttrFloat32s(name, [float(item) for item in items])
        if all(isinstance(item, str) for item in items):
            return ir.AttrStrings(name, items)
    return None


def _structure(call: _Call) -> object:
    """What two calls must have in common to share a function: operators, wiring, and attributes by name and type."""
    numbers: dict[ir.Value, object] = {value: ("input", index) for index, value in enumerate(call.places)}
    rows = [_row(node, numbers, index) for index, node in enumerate(call.body)]
    return tuple(rows), tuple(numbers[value] for value in call.outputs)


def _row(node: ir.Node, numbers: dict[ir.Value, object], index: object) -> object:
    inputs = tuple(None if value is None else numbers.get(value, ("outside", id(value))) for value in node.inputs)
    for place, value in enumerate(node.outputs):
        numbers[value] = ("node", index, place)
    attributes: list[object] = []
    for key, item in sorted(node.attributes.items()):
        if item.is_ref() or item.type != ir.AttributeType.GRAPH:
            attributes.append((key, item.type, _shape(item)))
            continue
        graph = item.as_graph()
        numbers.update({value: ("block", index, key, place) for place, value in enumerate(graph.inputs)})
        numbers.update({value: ("held", index, key, name) for name, value in graph.initializers.items()})
        inner = tuple(_row(each, numbers, (index, key, place)) for place, each in enumerate(graph))
        attributes.append((key, inner, tuple(numbers.get(value) for value in graph.outputs)))
    return node.domain, node.op_type, node.overload, inputs, tuple(attributes), len(node.outputs)


def _shape(item: ir.Attr) -> object:
    """Tensors may differ in their values only: their type and shape are part of what is computed."""
    if item.is_ref() or item.type != ir.AttributeType.TENSOR:
        return None
    tensor = item.as_tensor()
    return tensor.dtype, tuple(tensor.shape)


def _plain(item: ir.Attr) -> object:
    """An attribute's value, so that it can be compared."""
    if item.is_ref():
        return "reference", item.ref_attr_name
    if item.type == ir.AttributeType.TENSOR:
        tensor = item.as_tensor()
        return tensor.dtype, tuple(tensor.shape), tensor.tobytes()
    value = item.value
    return tuple(cast("Sequence[Any]", value)) if isinstance(value, list | tuple) else value


def _drop_unused_constants(graph: ir.Graph) -> None:
    for name, value in list(graph.initializers.items()):
        if not value.uses() and not value.is_graph_output() and not value.is_graph_input():
            del graph.initializers[name]
