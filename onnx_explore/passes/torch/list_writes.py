"""What an operator that changes a list or dict does to it, without changing it.

In: such as ``aten::append.t(t[](a!) self, t(c -> *) el) -> t[](a!)``. Out: the operator that gives the new list, or the
members of a container that is followed one by one, after the change.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from onnx_explore.passes.torch.list_objects import Entry, ListObject, known_key, maker_of
from onnx_explore.torch_ir import Schema, SchemaArgument, TorchNode, TorchValue

CHANGES = frozenset(
    {
        "aten::append",
        "aten::insert",
        "aten::extend",
        "aten::pop",
        "aten::remove",
        "aten::clear",
        "aten::reverse",
        "aten::sort",
        "aten::_set_item",
        "aten::Delete",
        "aten::add_",
        "aten::mul_",
        "aten::update",
        "aten::setdefault",
        "aten::popitem",
    }
)
"""Operators that change a list or dict, if their schema says so (``aten::add_`` changes tensors, too)."""

_GIVE_ELEMENTS = frozenset({"aten::pop", "aten::popitem", "aten::setdefault"})
_RENAMED = {"aten::add_": "aten::add", "aten::extend": "aten::add", "aten::mul_": "aten::mul"}


@dataclass(frozen=True, slots=True)
class Pure:
    """The operator that gives the new list.

    Attributes:
        target: Its name.
        schema: Its signature, or None for ``prim::``.
        gives_element: Whether the list is its second output, behind the element that it takes out.
        count: How many inputs it takes.
    """

    target: str
    schema: Schema | None
    gives_element: bool
    count: int


def pure(node: TorchNode, kind: str) -> Pure:
    """The pure form of an operator that changes a list or dict of a kind."""
    schema = node.schema
    assert schema is not None
    if node.target == "aten::clear":
        return Pure(maker_of(kind), None, False, 0)
    gives_element = node.target in _GIVE_ELEMENTS
    target = _RENAMED.get(node.target, node.target)
    arguments = tuple(
        SchemaArgument(item.name, item.type, item.default, item.has_default, item.kwarg_only)
        for item in schema.arguments
    )
    whole = SchemaArgument("", arguments[0].type)
    returns = (SchemaArgument("", schema.returns[0].type), whole) if gives_element else (whole,)
    overload = schema.overload
    if target == "aten::mul":
        overload = "left_t"
    elif target == "aten::add":
        overload = "t"
    left = ", ".join(f"{item.type} {item.name}" for item in arguments)
    right = ", ".join(item.type for item in returns)
    text = f"{target}.{overload}({left}) -> {f'({right})' if gives_element else right}"
    return Pure(target, Schema(target, overload, arguments, returns, text), gives_element, len(arguments))


@dataclass(frozen=True, slots=True)
class Changed:
    """A container that is followed, after a change.

    Attributes:
        members: What it holds.
        keys: Its keys, for a dict.
        new_key: A key that is new.
        taken: What was taken out, if the operator gives it.
    """

    members: list[Entry]
    keys: dict[object, TorchValue] | None = None
    new_key: object = None
    taken: Entry | None = None


def changed_members(
    node: TorchNode, target: ListObject, arguments: Sequence[Entry], constants: Sequence[object]
) -> Changed | None:
    """The members after a change, or None if they cannot be told.

    Args:
        node: The operator.
        target: What it changes.
        arguments: What its other inputs stand for.
        constants: Their values, where they are constants.
    """
    assert target.members is not None
    if target.keys is not None:
        return _changed_dict(node, target, arguments, constants)
    members = list(target.members)
    place = target.place(constants[0]) if constants else None
    match node.target:
        case "aten::append":
            members.append(arguments[0])
        case "aten::insert" if isinstance(constants[0], int):
            members.insert(constants[0], arguments[1])
        case "aten::_set_item" if place is not None:
            members[place] = arguments[1]
        case "aten::Delete" if place is not None:
            del members[place]
        case "aten::pop" if place is not None:
            return Changed(members, taken=members.pop(place))
        case "aten::clear":
            members = []
        case "aten::reverse":
            members.reverse()
        case "aten::extend" | "aten::add_":
            other = arguments[0]
            if not isinstance(other, ListObject) or other.members is None:
                return None
            members.extend(other.members)
        case _:
            return None
    return Changed(members)


def _changed_dict(
    node: TorchNode, target: ListObject, arguments: Sequence[Entry], constants: Sequence[object]
) -> Changed | None:
    assert target.members is not None and target.keys is not None
    members, keys = list(target.members), dict(target.keys)
    if node.target == "aten::clear":
        return Changed([], {})
    key = constants[0] if constants else None
    if known_key(key) is None:
        return None
    place = target.place(key)
    match node.target:
        case "aten::_set_item" if place is not None:
            members[place] = arguments[1]
            return Changed(members, keys)
        case "aten::_set_item":
            return Changed([*members, arguments[1]], keys, new_key=key)
        case "aten::Delete" if place is not None:
            del members[place], keys[key]
            return Changed(members, keys)
        case "aten::pop" if place is not None:
            taken = members.pop(place)
            del keys[key]
            return Changed(members, keys, taken=taken)
        case "aten::setdefault" if place is not None:
            return Changed(members, keys, taken=members[place])
        case "aten::setdefault":
            return Changed([*members, arguments[1]], keys, new_key=key, taken=arguments[1])
        case _:
            return None
