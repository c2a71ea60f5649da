"""Lists: plain tuples as long as their length is known at export, ONNX sequences where it is not. Also optionals.

In: operators of lists, none of which changes what it is given (``functionalize_lists``). Out: the same on lowered
values. A list of known length emits nothing, a sequence emits ``SequenceAt``, ``SequenceInsert`` …; what ONNX has no operator
for (a slice, two sequences together) is a Loop over the elements.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum

import onnx_ir as ir

from onnx_explore.emit import Dim, Emitter, forms, shapes
from onnx_explore.emit.forms import comparison
from onnx_explore.errors import NotConstant, UnsupportedOperatorError
from onnx_explore.lowering.dicts import DICTS
from onnx_explore.lowering.sequences import column_at, erased, extended, inserted, items_of, length, opened
from onnx_explore.lowering.types import SequenceOf, TensorOf, TupleOf, listed, type_of
from onnx_explore.lowering.values import as_type, element_at, stacked, typed, unstacked
from onnx_explore.symbolic.lowered import Constant, Lowered, Maybe
from onnx_explore.torch_ir import TorchNode

Inputs = Sequence[Lowered]
Results = tuple[Lowered, ...]


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


def _place(g: Emitter, item: Lowered, index: Lowered) -> Dim:
    """An index counted from the front."""
    number = _dim(g, index)
    if isinstance(number, int):
        return number if number >= 0 else shapes.add(g, length(g, item), number)
    if shapes.is_non_negative(g, number):
        return number
    wrapped = g.op("Add", number, shapes.as_scalar(g, length(g, item)))
    return g.op("Where", g.op("Less", number, g.const(0)), wrapped, number)


# -- lists -------------------------------------------------------------------------------------------------------------------


def _len(g: Emitter, _node: TorchNode, inputs: Inputs) -> Results:
    return (length(g, inputs[0]),)


def _getitem(g: Emitter, _node: TorchNode, inputs: Inputs) -> Results:
    whole, index = inputs
    items = items_of(whole)
    number = _dim(g, index)
    if items is None:
        return (element_at(g, whole, number),)
    if isinstance(number, int):
        if not -len(items) <= number < len(items):
            raise UnsupportedOperatorError(f"takes element {number} of a list of {len(items)}")
        return (items[number],)
    if items and all(isinstance(item, int | float) for item in items):
        return (g.op("Gather", as_numbers(g, items), number, axis=0),)
    return (element_at(g, opened(g, items), number),)


def as_numbers(g: Emitter, items: Sequence[Lowered]) -> ir.Value:
    """Known numbers as a 1-d tensor."""
    kind = listed(TupleOf(tuple(type_of(g, item) for item in items)))
    assert isinstance(kind, SequenceOf) and kind.element is not None
    return g.const(list(items), kind.element.dtype)  # type: ignore[arg-type]


def _append(g: Emitter, _node: TorchNode, inputs: Inputs) -> Results:
    whole, item = inputs
    items = items_of(whole)
    if items is not None:
        return ((*items, item),)
    return (inserted(g, whole, item),)


def _insert(g: Emitter, _node: TorchNode, inputs: Inputs) -> Results:
    whole, index, item = inputs
    items, number = items_of(whole), _dim(g, index)
    if items == ():
        return ((item,),)
    if items is not None and isinstance(number, int):
        new = list(items)
        new.insert(number, item)
        return (tuple(new),)
    sequence = opened(g, whole)
    count = length(g, whole)
    limited = shapes.maximum(g, shapes.minimum(g, number, count), shapes.sub(g, 0, count))  # as Python does
    return (inserted(g, sequence, item, shapes.as_scalar(g, limited)),)


def _set_item(g: Emitter, _node: TorchNode, inputs: Inputs) -> Results:
    whole, index, item = inputs
    items, number = items_of(whole), _dim(g, index)
    if items is not None and isinstance(number, int):
        new = list(items)
        if not -len(new) <= number < len(new):
            raise UnsupportedOperatorError(f"sets element {number} of a list of {len(new)}")
        new[number] = item
        return (tuple(new),)
    place = shapes.as_scalar(g, _place(g, whole, number))
    sequence = opened(g, whole)
    return (inserted(g, erased(g, sequence, place), item, place),)


def _delete(g: Emitter, _node: TorchNode, inputs: Inputs) -> Results:
    return (_taken(g, inputs[0], inputs[1])[1],)


def _pop(g: Emitter, _node: TorchNode, inputs: Inputs) -> Results:
    return _taken(g, inputs[0], inputs[1])


def _taken(g: Emitter, whole: Lowered, index: Lowered) -> tuple[Lowered, Lowered]:
    """An element, and the list without it."""
    items, number = items_of(whole), _dim(g, index)
    if items is not None and isinstance(number, int):
        new = list(items)
        if not -len(new) <= number < len(new):
            raise UnsupportedOperatorError(f"takes element {number} out of a list of {len(new)}")
        return new.pop(number), tuple(new)
    sequence = opened(g, whole)
    return element_at(g, sequence, number), erased(g, sequence, number)


def _reverse(g: Emitter, _node: TorchNode, inputs: Inputs) -> Results:
    items = items_of(inputs[0])
    if items is not None:
        return (items[::-1],)
    sequence = inputs[0]
    count = length(g, sequence)

    def place(number: ir.Value) -> ir.Value:
        return shapes.as_scalar(g, shapes.sub(g, shapes.sub(g, count, number), 1))

    return (extended(g, sequence, count, place),)


def _sort(g: Emitter, _node: TorchNode, inputs: Inputs) -> Results:
    items = items_of(inputs[0])
    backwards = inputs[1] if len(inputs) > 1 else False
    if not isinstance(backwards, bool):
        raise NotConstant("in which order it sorts is only known when the model runs", action="sort in two branches")
    if items is not None and all(isinstance(item, int | float | str) for item in items):
        return (tuple(sorted(items, reverse=backwards)),)  # type: ignore[type-var]
    whole = opened(g, inputs[0])
    kind = type_of(g, whole)
    assert isinstance(whole, ir.Value) and isinstance(kind, SequenceOf) and kind.element is not None
    part = SequenceOf(TensorOf(kind.element.dtype, ()))
    dtype = ir.DataType.INT32 if kind.element.dtype == ir.DataType.BOOL else kind.element.dtype  # TopK takes no bools
    numbers = g.cast(stacked(g, whole, part), dtype)
    ordered, _ = forms.top_k(g, numbers, shapes.size(g, numbers, 0), 0, largest=backwards)
    return (unstacked(g, g.cast(ordered, kind.element.dtype), part),)


def _repeated(g: Emitter, node: TorchNode, inputs: Inputs) -> Results:
    whole, times = inputs if node.overload == "left_t" else (inputs[1], inputs[0])
    items, number = items_of(whole), _dim(g, times)
    if items is not None and isinstance(number, int):
        return (items * number,)
    if items == ():
        return (items,)
    source = opened(g, whole)
    size = length(g, whole)

    def place(round_number: ir.Value) -> ir.Value:
        return g.op("Mod", round_number, shapes.as_scalar(g, size))

    count = shapes.maximum(g, shapes.mul(g, size, number), 0)
    return (extended(g, source, count, place),)


def _add(g: Emitter, _node: TorchNode, inputs: Inputs) -> Results:
    left, right = inputs
    one, other = items_of(left), items_of(right)
    if one is not None and other is not None:
        return ((*one, *other),)
    sequence = opened(g, left)
    if other is not None:
        for item in other:
            sequence = inserted(g, sequence, item)
        return (sequence,)
    if one is not None and not one:
        return (right,)
    return (extended(g, right, length(g, right), lambda number: number, sequence),)


def _slice(g: Emitter, _node: TorchNode, inputs: Inputs) -> Results:
    whole, *bounds = inputs
    items = items_of(whole)
    start, end, step = (None if item is None else _dim(g, item) for item in bounds)
    plain = all(item is None or isinstance(item, int) for item in (start, end, step))
    if items is not None and plain:
        return (items[slice(start, end, step)],)  # type: ignore[arg-type]
    if items == ():
        return (items,)
    if not isinstance(step, int | None) or step == 0:
        raise NotConstant("the step of a slice is only known when the model runs", action="slice with a constant step")
    sequence = opened(g, whole)
    step = 1 if step is None else step
    count = length(g, whole)
    lowest, highest = (0, count) if step > 0 else (-1, shapes.sub(g, count, 1))

    def limited(bound: Dim | None, default: Dim) -> Dim:
        if bound is None:
            return default
        return shapes.maximum(g, shapes.minimum(g, _place(g, whole, bound), highest), lowest)

    first = limited(start, lowest if step > 0 else highest)
    last = limited(end, highest if step > 0 else lowest)
    span = shapes.sub(g, last, first) if step > 0 else shapes.sub(g, first, last)
    rounds = shapes.div(g, shapes.maximum(g, shapes.add(g, span, abs(step) - 1), 0), abs(step))

    def place(number: ir.Value) -> ir.Value:
        return shapes.as_scalar(g, shapes.add(g, shapes.mul(g, number, step), first))

    return (extended(g, sequence, rounds, place),)


def _same(_g: Emitter, _node: TorchNode, inputs: Inputs) -> Results:
    return (inputs[0],)


def _sequence_output(g: Emitter, node: TorchNode, inputs: Inputs) -> Results:
    """A list as a sequence; of a list of structures, what stands at the place ``node.constant`` of each element."""
    g.requires(11, "a list as output")
    return (column_at(opened(g, inputs[0]), node.constant or ()),)


def _optional_output(g: Emitter, _node: TorchNode, inputs: Inputs) -> Results:
    return (optional_output(g, inputs[0]),)


def optional_output(g: Emitter, item: Lowered) -> Lowered:
    """An ONNX optional, if only the running model knows whether there is a tensor; anything else as it is."""
    if not isinstance(item, Maybe):
        return item
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
    return chosen


def _remove(g: Emitter, _node: TorchNode, inputs: Inputs) -> Results:
    whole, item = inputs
    items = items_of(whole)
    if items is None or isinstance(item, ir.Value) or any(isinstance(entry, ir.Value) for entry in items):
        return (_without(g, whole, item),)
    new = list(items)
    if item not in new:
        raise UnsupportedOperatorError(f"{item!r} is not in the list")
    new.remove(item)
    return (tuple(new),)


def _without(g: Emitter, whole: Lowered, item: Lowered) -> Lowered:
    """A list of numbers without the first one that is equal to one; the model refuses to run where there is none."""
    sequence = opened(g, whole)
    kind = type_of(g, sequence)
    assert isinstance(sequence, ir.Value) and isinstance(kind, SequenceOf) and kind.element is not None
    element = TensorOf(kind.element.dtype, ())
    value = as_type(g, item, element)
    assert isinstance(value, ir.Value)
    places = g.op("NonZero", comparison.equal(g, stacked(g, sequence, SequenceOf(element)), value))  # [1, how often]
    return erased(g, sequence, forms.select(g, forms.squeeze(g, places, [0]), 0, 0))


def _list_unpack(g: Emitter, node: TorchNode, inputs: Inputs) -> Results:
    items = items_of(inputs[0])
    if items is None:
        sequence = inputs[0]
        return tuple(element_at(g, sequence, index) for index in range(len(node.outputs)))
    if len(items) != len(node.outputs):
        raise UnsupportedOperatorError(f"unpacks {len(node.outputs)} values from a list of {len(items)}")
    return items


def _joined(g: Emitter, inputs: Inputs, *, new_axis: bool) -> Results:
    sequence, dim = inputs[0], _index(inputs[1])
    assert isinstance(sequence, ir.Value) and dim is not None
    kind = type_of(g, sequence)
    assert isinstance(kind, SequenceOf)
    element = kind.element or TensorOf(ir.DataType.FLOAT, None)
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
    if isinstance(left, Enum) or isinstance(right, Enum):
        # TorchScript compares objects: a member that is an attribute is not the one that the code names.
        raise UnsupportedOperatorError("it compares members of an enum by identity", action="compare them with ==")
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
    "aten::sorted.bool": _sort,
    "aten::add.t": _add,
    "aten::mul.left_t": _repeated,
    "aten::mul.right_": _repeated,
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
