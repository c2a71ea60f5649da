"""Module calls, found in the graph and taken out of it: what ``local_functions`` makes functions of.

In: the graph, and which calls are wanted. Out: one ``Call`` for each: its nodes are out of the graph, one node is in their place.

1. A call may stand in the body of an If, a Loop or a Scan (a scripted model's control flow): each graph is looked through on its
   own, inner ones first.
2. The rounds of a loop that was unrolled are calls of their own.
3. What a call uses from outside becomes an input (weights last), a constant goes inside.
4. A node of another module that stands between two nodes of a call (a shared module that it calls) belongs to the call, too.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import onnx_ir as ir

from onnx_explore.capture.classes import CalledModule
from onnx_explore.emit.emitter import PARAMETER, ROUNDS, SCOPE, TORCH_NODES, Rounds
from onnx_explore.emit.regions import bodies


@dataclass(slots=True, eq=False)
class Call:
    """One module call, taken out of the graph.

    Attributes:
        scope: Its path.
        called: The module.
        body: Its nodes, in order.
        inputs: What it takes from outside.
        places: The same inside of the function.
        outputs: What it gives, inside of the function.
        node: The node that stands for it.
    """

    scope: str
    called: CalledModule
    body: list[ir.Node]
    inputs: list[ir.Value]
    places: list[ir.Value]
    outputs: list[ir.Value]
    node: ir.Node


@dataclass(slots=True, eq=False)
class _Found:
    """The nodes of one call in one graph."""

    graph: ir.Graph
    scope: str
    rounds: Rounds
    nodes: list[ir.Node]


def take_out(graph: ir.Graph, wanted: Mapping[str, CalledModule]) -> tuple[list[Call], list[str]]:
    """Take calls out of the graph and the bodies in it, none of which is inside another.

    Returns:
        The calls, and the paths of those that could not be: another call has taken a part of them.
    """
    calls: list[Call] = []
    refused: list[str] = []
    for found in _find(graph, wanted):
        if any(node.graph is not found.graph for node in found.nodes):
            refused.append(found.scope)
            continue
        body, in_one_piece = _closed(found.graph, found.nodes)
        call = _take(found, wanted[found.scope], body, in_one_piece)
        if call is not None:
            calls.append(call)
    return calls, refused


def levels(scopes: Iterable[str]) -> Iterator[list[str]]:
    """Calls by height: those without another call inside first."""
    height = dict.fromkeys(scopes, 0)
    for scope in sorted(height, key=lambda each: each.count(".") + bool(each), reverse=True):
        outer = nearest(scope.rpartition(".")[0], height) if scope else None
        if outer is not None:
            height[outer] = max(height[outer], height[scope] + 1)
    for level in range(max(height.values(), default=-1) + 1):
        yield [scope for scope in height if height[scope] == level]


def nearest(scope: str, known: Container[str]) -> str | None:
    """The path itself or the nearest one around it that is known."""
    while scope not in known:
        if not scope:
            return None
        scope = scope.rpartition(".")[0]
    return scope


def _find(graph: ir.Graph, known: Container[str]) -> list[_Found]:
    """The calls that have nodes, those in bodies first; a body of a call's own node is looked through for other calls only."""
    here: dict[tuple[str, Rounds], _Found] = {}
    inner: list[_Found] = []
    for node in graph:
        call = call_of(node, known)
        for body in bodies(node):
            inner += [found for found in _find(body, known) if call is None or found.scope != call[0]]
        if call is not None:
            here.setdefault(call, _Found(graph, *call, [])).nodes.append(node)
    return [*inner, *here.values()]


def call_of(node: ir.Node, known: Container[str]) -> tuple[str, Rounds] | None:
    """The innermost of the known calls that a node belongs to, with the rounds of the loops that it stands in; None for none."""
    scope = nearest(node.meta.get(SCOPE, ""), known)
    return None if scope is None else (scope, _around(scope, node.meta.get(ROUNDS, ())))


def _around(scope: str, rounds: Rounds) -> Rounds:
    """The rounds of the loops that a call stands in; those of loops inside of it do not count."""
    return tuple(each for each in rounds if not _is_within(each[0], scope))


def _is_within(path: str, scope: str) -> bool:
    return path == scope or not scope or path.startswith(f"{scope}.")


def _take(found: _Found, called: CalledModule, body: list[ir.Node], in_one_piece: bool) -> Call | None:
    """Replace the nodes of a call by one; None if it gives nothing."""
    graph, scope = found.graph, found.scope
    every = list(all_nodes(body))
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
    call = ir.Node("", "Call", inputs, [], num_outputs=len(outputs), name=_call_name(found))
    call.meta[TORCH_NODES] = tuple(dict.fromkeys(item for node in body for item in node.meta.get(TORCH_NODES, ())))
    outer = scope.rpartition(".")[0]
    if outer:
        call.meta[SCOPE] = outer
    if found.rounds:
        call.meta[ROUNDS] = found.rounds
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
    return Call(scope, called, [*inside, *body], inputs, places, outputs, call)


def _call_name(found: _Found) -> str:
    """The path, with the numbers of the rounds that it stands in: a name of its own."""
    return "@".join([found.scope or "model", *(str(number) for _, _, number in found.rounds)])


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
        if any(value is not None and value.producer() in after for each in all_nodes([node]) for value in each.inputs):
            after.add(node)
    before = set(chosen)
    owners = {each: node for node in window for each in all_nodes([node])}
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


def all_nodes(nodes: Iterable[ir.Node]) -> Iterator[ir.Node]:
    """Nodes with those of the graphs in their attributes."""
    for node in nodes:
        yield node
        for body in bodies(node):
            yield from all_nodes(body)


def _taken(nodes: Sequence[ir.Node]) -> list[ir.Value]:
    """Values from outside that the nodes read, in order of first use."""
    own = {value for node in nodes for value in node.outputs}
    for node in nodes:
        for body in bodies(node):
            own.update(body.inputs)
            own.update(body.initializers.values())
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
