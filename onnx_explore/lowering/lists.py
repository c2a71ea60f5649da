"""Lists: plain tuples as long as their length is known at export, ONNX sequences where it is not. Also optionals.

In: operators of lists, none of which changes what it is given (``functionalize_lists``). Out: the same on lowered
values. A list of known length emits nothing, a sequence emits ``SequenceAt``, ``SequenceInsert`` …; what ONNX has no operator
for (a slice, two sequences together) is a Loop over the elements.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import onnx_ir as ir

from onnx_explore.emit import Dim, Emitter, shapes
from onnx_explore.errors import NotConstant, UnsupportedOperatorError
from onnx_explore.lowering.dicts import DICTS
from onnx_explore.lowering.types import (
    SequenceOf,
    TensorOf,
    as_type,
    filler,
    join,
    sequence_of,
    type_of,
    typed,
)
from onnx_explore.symbolic.lowered import Constant, Dictionary, Lowered, Maybe, is_sequence
from onnx_explore.torch_ir import TorchNode

Inputs = Sequence[Lowered]
Results = tuple[Lowered, ...]


def _items(item: Lowered) -> tuple[Lowered, ...] | None:
    """The elements of a list of known length; None for a sequence."""
    if isinstance(item, Constant) and item.tensor.dim() > 0:
        return tuple(Constant(row, lineage=item.lineage) for row in item.tensor)
    if isinstance(item, tuple):
        return item
    if is_sequence(item):
        return None
    raise UnsupportedOperatorError("it is given something else than a list")


def _index(item: Lowered) -> int | None:
    """An index, if it is known at export."""
    if isinstance(item, Constant):
        return int(item.tensor.item())
    return int(item) if isinstance(item, int) else None


def _dim(g: Emitter, item: Lowered) -> Dim:
    known = _index(item)
    if known is not None:
        return known
    assert isinstance(item, ir.Value)
    return shapes.simplified(g, item)


def as_sequence(g: Emitter, item: Lowered) -> ir.Value:
    """A list as an ONNX sequence.

    Raises:
        NotConstant: If it holds something else than tensors and numbers.
    """
    kind = type_of(g, item)
    assert not isinstance(kind, TensorOf)
    made = as_type(g, item, sequence_of(kind))  # type: ignore[arg-type]
    assert isinstance(made, ir.Value)
    return made


def _element(sequence: ir.Value, g: Emitter) -> TensorOf:
    kind = type_of(g, sequence)
    assert isinstance(kind, SequenceOf)
    return kind.element or TensorOf(ir.DataType.FLOAT, None)


def _with(g: Emitter, sequence: ir.Value, item: Lowered) -> tuple[ir.Value, SequenceOf]:
    """An element as a tensor, and the type of the sequence that holds it, too."""
    before = type_of(g, sequence)
    after = join(before, sequence_of(type_of(g, (item,))), "Tensor[]")  # type: ignore[arg-type]
    assert isinstance(after, SequenceOf) and after.element is not None
    value = as_type(g, item, TensorOf(after.element.dtype, None))
    assert isinstance(value, ir.Value)
    return value, after


def _inserted(g: Emitter, sequence: ir.Value, item: Lowered, place: ir.Value | None = None) -> ir.Value:
    value, after = _with(g, sequence, item)
    return typed(g, g.op("SequenceInsert", sequence, value, place), after)


def _at(g: Emitter, sequence: ir.Value, index: Dim) -> ir.Value:
    element = _element(sequence, g)
    return typed(g, g.op("SequenceAt", sequence, index), element)


def _erased(g: Emitter, sequence: ir.Value, index: Dim) -> ir.Value:
    kind = type_of(g, sequence)
    assert isinstance(kind, SequenceOf)
    return typed(g, g.op("SequenceErase", sequence, index), kind)


def length(g: Emitter, item: Lowered) -> Dim:
    """The length of a list, sequence or dict."""
    if isinstance(item, Dictionary):
        return len(item.keys)
    known = _items(item)
    if known is not None:
        return len(known)
    assert isinstance(item, ir.Value)
    found = g.memo(("length", item))
    if found is not None:
        return found
    made = g.remember(("length", item), g.op("SequenceLength", item))
    shapes.mark_non_negative(g, made)
    return made


def _place(g: Emitter, item: Lowered, index: Lowered) -> Dim:
    """An index counted from the front."""
    number = _dim(g, index)
    if isinstance(number, int):
        return number if number >= 0 else shapes.add(g, length(g, item), number)
    if shapes.is_non_negative(g, number):
        return number
    wrapped = g.op("Add", number, shapes.as_scalar(g, length(g, item)))
    return g.op("Where", g.op("Less", number, g.const(0)), wrapped, number)


def rebuilt(
    g: Emitter, source: ir.Value, count: Dim, place: Callable[[ir.Value], ir.Value], begun: ir.Value
) -> ir.Value:
    """A sequence with elements of another one behind its own: a Loop that appends one a round.

    Args:
        g: The emitter.
        source: Where the elements come from.
        count: How many.
        place: From the round to the index in ``source``.
        begun: What is there before.
    """
    g.requires(13, "a Loop over a list")
    kind = join(type_of(g, begun), type_of(g, source), "Tensor[]")
    assert isinstance(kind, SequenceOf)
    outer = g.region
    body = g.subgraph(f"{g.scope}/Loop.elements" if g.scope else "Loop.elements")
    number = typed(g, ir.Value(name=g.names.unique("Loop.iteration")), TensorOf(ir.DataType.INT64, ()))
    going = typed(g, ir.Value(name=g.names.unique("Loop.condition")), TensorOf(ir.DataType.BOOL, ()))
    sofar = typed(g, ir.Value(name=g.names.unique("Loop.elements")), kind)
    body.graph.inputs.extend([number, going, sofar])
    g.enter(body)
    after = typed(g, g.op("SequenceInsert", sofar, _at(g, source, place(number))), kind)
    goes_on = g.op("Identity", g.const(True))
    body.graph.outputs.extend([goes_on, after])
    g.enter(outer)
    made = g.raw_op(
        "Loop", [shapes.as_scalar(g, count), None, begun], [ir.AttrGraph("body", body.graph)], 1, infer=False
    )
    assert isinstance(made, ir.Value)
    return typed(g, made, kind)


def _empty(g: Emitter, like: ir.Value) -> ir.Value:
    kind = type_of(g, like)
    made = filler(g, kind)
    assert isinstance(made, ir.Value)
    return made


# -- lists -------------------------------------------------------------------------------------------------------------------


def _len(g: Emitter, _node: TorchNode, inputs: Inputs) -> Results:
    return (length(g, inputs[0]),)


def _getitem(g: Emitter, _node: TorchNode, inputs: Inputs) -> Results:
    whole, index = inputs
    items = _items(whole)
    number = _dim(g, index)
    if items is None:
        assert isinstance(whole, ir.Value)
        return (_at(g, whole, number),)
    if isinstance(number, int):
        if not -len(items) <= number < len(items):
            raise UnsupportedOperatorError(f"takes element {number} of a list of {len(items)}")
        return (items[number],)
    if items and all(isinstance(item, int | float) for item in items):
        return (g.op("Gather", as_numbers(g, items), number, axis=0),)
    return (_at(g, as_sequence(g, items), number),)


def as_numbers(g: Emitter, items: Sequence[Lowered]) -> ir.Value:
    """Known numbers as a 1-d tensor."""
    kind = sequence_of(type_of(g, tuple(items)))  # type: ignore[arg-type]
    assert kind.element is not None
    return g.const(list(items), kind.element.dtype)  # type: ignore[arg-type]


def _append(g: Emitter, _node: TorchNode, inputs: Inputs) -> Results:
    whole, item = inputs
    items = _items(whole)
    if items is not None:
        return ((*items, item),)
    assert isinstance(whole, ir.Value)
    return (_inserted(g, whole, item),)


def _insert(g: Emitter, _node: TorchNode, inputs: Inputs) -> Results:
    whole, index, item = inputs
    items, number = _items(whole), _dim(g, index)
    if items is not None and isinstance(number, int):
        new = list(items)
        new.insert(number, item)
        return (tuple(new),)
    sequence = as_sequence(g, whole)
    count = length(g, whole)
    limited = shapes.maximum(g, shapes.minimum(g, number, count), shapes.sub(g, 0, count))  # as Python does
    return (_inserted(g, sequence, item, shapes.as_scalar(g, limited)),)


def _set_item(g: Emitter, _node: TorchNode, inputs: Inputs) -> Results:
    whole, index, item = inputs
    items, number = _items(whole), _dim(g, index)
    if items is not None and isinstance(number, int):
        new = list(items)
        if not -len(new) <= number < len(new):
            raise UnsupportedOperatorError(f"sets element {number} of a list of {len(new)}")
        new[number] = item
        return (tuple(new),)
    place = shapes.as_scalar(g, _place(g, whole, number))
    sequence = as_sequence(g, whole)
    return (_inserted(g, _erased(g, sequence, place), item, place),)


def _delete(g: Emitter, _node: TorchNode, inputs: Inputs) -> Results:
    return (_taken(g, inputs[0], inputs[1])[1],)


def _pop(g: Emitter, _node: TorchNode, inputs: Inputs) -> Results:
    return _taken(g, inputs[0], inputs[1])


def _taken(g: Emitter, whole: Lowered, index: Lowered) -> tuple[Lowered, Lowered]:
    """An element, and the list without it."""
    items, number = _items(whole), _dim(g, index)
    if items is not None and isinstance(number, int):
        new = list(items)
        if not -len(new) <= number < len(new):
            raise UnsupportedOperatorError(f"takes element {number} out of a list of {len(new)}")
        return new.pop(number), tuple(new)
    sequence = as_sequence(g, whole)
    return _at(g, sequence, number), _erased(g, sequence, number)


def _reverse(g: Emitter, _node: TorchNode, inputs: Inputs) -> Results:
    items = _items(inputs[0])
    if items is not None:
        return (items[::-1],)
    sequence = inputs[0]
    assert isinstance(sequence, ir.Value)
    count = length(g, sequence)

    def place(number: ir.Value) -> ir.Value:
        return shapes.as_scalar(g, shapes.sub(g, shapes.sub(g, count, number), 1))

    return (rebuilt(g, sequence, count, place, _empty(g, sequence)),)


def _sort(_g: Emitter, _node: TorchNode, inputs: Inputs) -> Results:
    items = _items(inputs[0])
    backwards = inputs[1] if len(inputs) > 1 else False
    if (
        items is None
        or not all(isinstance(item, int | float | str) for item in items)
        or not isinstance(backwards, bool)
    ):
        raise NotConstant("it sorts a list whose elements are only known when the model runs", action="use torch.sort")
    return (tuple(sorted(items, reverse=backwards)),)  # type: ignore[type-var]


def _add(g: Emitter, _node: TorchNode, inputs: Inputs) -> Results:
    left, right = inputs
    one, other = _items(left), _items(right)
    if one is not None and other is not None:
        return ((*one, *other),)
    sequence = as_sequence(g, left)
    if other is not None:
        for item in other:
            sequence = _inserted(g, sequence, item)
        return (sequence,)
    assert isinstance(right, ir.Value)
    if one is not None and not one:
        return (right,)
    return (rebuilt(g, right, length(g, right), lambda number: number, sequence),)


def _slice(g: Emitter, _node: TorchNode, inputs: Inputs) -> Results:
    whole, *bounds = inputs
    items = _items(whole)
    start, end, step = (None if item is None else _dim(g, item) for item in bounds)
    plain = all(item is None or isinstance(item, int) for item in (start, end, step))
    if items is not None and plain:
        return (items[slice(start, end, step)],)  # type: ignore[arg-type]
    if step not in (None, 1):
        raise UnsupportedOperatorError("a list of unknown length can be sliced with step 1 only")
    sequence = as_sequence(g, whole)
    count = length(g, whole)

    def limited(bound: Dim | None, default: Dim) -> Dim:
        if bound is None:
            return default
        return shapes.maximum(g, shapes.minimum(g, _place(g, whole, bound), count), 0)

    first, last = limited(start, 0), limited(end, count)

    def place(number: ir.Value) -> ir.Value:
        return shapes.as_scalar(g, shapes.add(g, number, first))

    return (rebuilt(g, sequence, shapes.maximum(g, shapes.sub(g, last, first), 0), place, _empty(g, sequence)),)


def _same(_g: Emitter, _node: TorchNode, inputs: Inputs) -> Results:
    return (inputs[0],)


def _sequence_output(g: Emitter, _node: TorchNode, inputs: Inputs) -> Results:
    g.requires(11, "a list as output")
    return (as_sequence(g, inputs[0]),)


def _optional_output(g: Emitter, _node: TorchNode, inputs: Inputs) -> Results:
    """An ONNX optional, if only the running model knows whether there is a tensor."""
    item = inputs[0]
    if not isinstance(item, Maybe):
        return (item,)
    g.requires(16, "an output that may be None")
    kind = type_of(g, item.value)
    value = as_type(g, item.value, kind)
    assert isinstance(value, ir.Value)
    outer = g.region
    branches: list[ir.Attr] = []
    for name, given in (("then_branch", [value]), ("else_branch", [])):
        region = g.subgraph(f"Optional.{name}")
        g.enter(region)
        made = g.raw_op(
            "Optional", given, [ir.AttrTypeProto("type", ir.TypeAndShape(value.type, None))], 1, infer=False
        )
        assert isinstance(made, ir.Value)
        made.type = ir.OptionalType(value.type)  # type: ignore[arg-type]
        region.graph.outputs.append(made)
        branches.append(ir.AttrGraph(name, region.graph))
    g.enter(outer)
    chosen = g.raw_op("If", [item.present], branches, 1, infer=False)
    assert isinstance(chosen, ir.Value)
    chosen.type, chosen.shape = ir.OptionalType(value.type), value.shape  # type: ignore[arg-type]
    return (chosen,)


def _remove(_g: Emitter, _node: TorchNode, inputs: Inputs) -> Results:
    whole, item = inputs
    items = _items(whole)
    if items is None or isinstance(item, ir.Value) or any(isinstance(entry, ir.Value) for entry in items):
        raise NotConstant("it looks for an element that is only known when the model runs")
    new = list(items)
    if item not in new:
        raise UnsupportedOperatorError(f"{item!r} is not in the list")
    new.remove(item)
    return (tuple(new),)


def _list_unpack(g: Emitter, node: TorchNode, inputs: Inputs) -> Results:
    items = _items(inputs[0])
    if items is None:
        sequence = inputs[0]
        assert isinstance(sequence, ir.Value)
        return tuple(_at(g, sequence, index) for index in range(len(node.outputs)))
    if len(items) != len(node.outputs):
        raise UnsupportedOperatorError(f"unpacks {len(node.outputs)} values from a list of {len(items)}")
    return items


def _joined(g: Emitter, inputs: Inputs, *, new_axis: bool) -> Results:
    sequence, dim = inputs[0], _index(inputs[1])
    assert isinstance(sequence, ir.Value) and dim is not None
    element = _element(sequence, g)
    made = g.op("ConcatFromSequence", sequence, axis=dim, new_axis=int(new_axis))
    sizes = element.sizes
    if sizes is not None:
        place = dim % (len(sizes) + new_axis)
        sizes = (*sizes[:place], None, *sizes[place if new_axis else place + 1 :])
    return (typed(g, made, TensorOf(element.dtype, sizes)),)


def _concatenate(g: Emitter, _node: TorchNode, inputs: Inputs) -> Results:
    return _joined(g, inputs, new_axis=False)


def _stack(g: Emitter, _node: TorchNode, inputs: Inputs) -> Results:
    return _joined(g, inputs, new_axis=True)


# -- optionals ---------------------------------------------------------------------------------------------------------------


def _unchecked(_g: Emitter, node: TorchNode, inputs: Inputs) -> Results:
    """An optional that the model knows to be there; one that stays an optional stays what it is."""
    item = inputs[0]
    return (item.value if isinstance(item, Maybe) and not node.outputs[0].kind.endswith("?") else item,)


def _is(g: Emitter, node: TorchNode, inputs: Inputs) -> Results:
    left, right = inputs
    optional = next((item for item in inputs if isinstance(item, Maybe)), None)
    negated = node.target == "aten::__isnot__"
    if left is None or right is None:
        if optional is not None:
            return (optional.present if negated else g.op("Not", optional.present),)
        return ((left is right) != negated,)
    # Two tensors: the same object, if they are the same value; the caller may pass one object twice, which nobody can tell.
    return ((left is right) != negated,)


LISTS: dict[str, Callable[[Emitter, TorchNode, Inputs], Results]] = {
    "aten::len.t": _len,
    "aten::__getitem__.t": _getitem,
    "aten::append.t": _append,
    "aten::insert.t": _insert,
    "aten::_set_item.t": _set_item,
    "aten::Delete.t": _delete,
    "aten::pop.t": _pop,
    "aten::reverse.t": _reverse,
    "aten::sort.int": _sort,
    "aten::sort.float": _sort,
    "aten::sort.bool": _sort,
    "aten::sort.str": _sort,
    "aten::sorted.int": _sort,
    "aten::sorted.float": _sort,
    "aten::sorted.str": _sort,
    "aten::add.t": _add,
    "aten::slice.t": _slice,
    "aten::copy.t": _same,
    "aten::list.t": _same,
    "aten::remove.int": _remove,
    "aten::remove.float": _remove,
    "aten::remove.bool": _remove,
    "aten::remove.str": _remove,
    "prim::ListUnpack": _list_unpack,
    "prim::SequenceInput": _same,
    "prim::SequenceOutput": _sequence_output,
    "prim::OptionalOutput": _optional_output,
    "prim::unchecked_cast": _unchecked,
    "aten::_unwrap_optional": _unchecked,
    "aten::__is__": _is,
    "aten::__isnot__": _is,
    **DICTS,
}
"""Target with overload → what it does."""

SEQUENCES: dict[str, Callable[[Emitter, TorchNode, Inputs], Results]] = {
    "aten::cat": _concatenate,
    "aten::concat": _concatenate,
    "aten::concatenate": _concatenate,
    "aten::stack": _stack,
}
"""Operators of lists of tensors that take a sequence, too."""
