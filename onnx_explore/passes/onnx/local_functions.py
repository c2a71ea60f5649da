"""Module calls become local functions (``export_modules_as_functions``).

In: the graph, with the module path of every node, and which calls are wanted. Out: one call node for each of these calls, and the
functions; calls of one class that compute the same share a function::

    %a = Gelu(%x)                  # blocks.0.act                __main__::Block(%x, %blocks.0.weight)[size=3]
    %b = MatMul(%a, %blocks.0.weight)    # blocks.0     ──►      __main__::Block(%b, %blocks.1.weight)[size=3]
    %c = Gelu(%b)                  # blocks.1.act
    %d = MatMul(%c, %blocks.1.weight)    # blocks.1              function __main__::Block(input_0, weight) { … }

1. Calls are taken out innermost first (``module_calls``), those of one height together, so that all that may share a function are
   there at once.
2. Attributes in which calls differ become attributes ``inferred::NAME`` of the function; class variables with an annotation are
   attributes of the function that its body does not use.
3. What did not become a function is left for the flow to tell (``LEFT``).
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import onnx_ir as ir
import torch

from onnx_explore.capture.classes import CalledModule
from onnx_explore.passes.onnx.derived import drop_unused_constants
from onnx_explore.passes.onnx.module_calls import Call, all_nodes, levels, take_out

FUNCTIONS = "onnx_explore.modules_as_functions"
"""Key in ``model.meta``: module path (with the number of the call) → ``CalledModule``, for the calls that become functions."""
LEFT = "onnx_explore.modules_without_functions"
"""Key in ``model.meta``: a ``Left``."""

INFERRED = "inferred::"


@dataclass(frozen=True, slots=True)
class Left:
    """The wanted calls that did not become functions.

    Attributes:
        empty: Paths of those that compute nothing: dropout in inference, an identity.
        shared: Paths of those of which another call has a part.
    """

    empty: tuple[str, ...]
    shared: tuple[str, ...]


def modules_as_functions(model: ir.Model) -> bool:
    """Take the wanted module calls out of the main graph and the bodies in it."""
    wanted: Mapping[str, CalledModule] = model.meta.get(FUNCTIONS, {})
    if not wanted:
        return False
    naming = _Naming()
    done: set[str] = set()
    shared: dict[str, None] = {}
    for level in levels(wanted):
        groups: dict[object, list[Call]] = {}
        calls, refused = take_out(model.graph, {scope: wanted[scope] for scope in level})
        for call in calls:
            groups.setdefault((call.called.domain, call.called.name, _structure(call)), []).append(call)
            done.add(call.scope)
        for alike in groups.values():
            _define(model, alike, naming)
        shared.update(dict.fromkeys(refused))
    drop_unused_constants(model.graph)
    model.meta[LEFT] = Left(
        tuple(scope for scope in wanted if scope not in done and scope not in shared), tuple(shared)
    )
    return bool(done)


@dataclass(slots=True)
class _Naming:
    """Names of functions, each given once within its domain."""

    taken: dict[tuple[str, str], int] = field(default_factory=dict[tuple[str, str], int])

    def name(self, called: CalledModule) -> tuple[str, str]:
        domain, name = called.domain, called.name
        count = self.taken.get((domain, name), 0)
        self.taken[domain, name] = count + 1
        return domain, f"{name}.{count}" if count else name


def _define(model: ir.Model, calls: Sequence[Call], naming: _Naming) -> None:
    """One function for calls that have the same structure."""
    first = calls[0]
    domain, name = naming.name(first.called)
    inferred = _infer(calls)
    annotated = [_annotated(call.called) for call in calls]
    declared = [*dict.fromkeys(item.name for items in annotated for item in items), *inferred]
    opsets = {node.domain: model.graph.opset_imports[node.domain] for node in all_nodes(first.body)}
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


def _infer(calls: Sequence[Call]) -> dict[str, list[ir.Attr]]:
    """Attributes in which calls differ: a reference in the first call's body, which becomes the function's, and the values."""
    found: dict[str, list[ir.Attr]] = {}
    bodies = [list(all_nodes(call.body)) for call in calls]
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


def _annotated(called: CalledModule) -> list[ir.Attr]:
    """Class variables with an annotation, as far as ONNX has an attribute type for their values. Weights are inputs."""
    found = [_attribute(name, getattr(called.module, name, None)) for name in annotated_names(called.kind)]
    return [item for item in found if item is not None]


def annotated_names(kind: type | None) -> list[str]:
    """The class variables with an annotation of a module class and its bases, but those that begin with an underscore."""
    names: dict[str, None] = {}
    for each in reversed(kind.__mro__ if kind is not None else ()):
        if issubclass(each, torch.nn.Module) and each is not torch.nn.Module:
            names.update(dict.fromkeys(name for name in inspect.get_annotations(each) if not name.startswith("_")))
    return list(names)


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


def _structure(call: Call) -> object:
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
