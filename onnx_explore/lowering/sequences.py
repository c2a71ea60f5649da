"""Lists whose length only the running model knows: an ONNX sequence of tensors, or ``Columns``, one sequence for each part of
an element.

In: such lists, elements, indices. Out: ``SequenceAt``, ``SequenceInsert`` … for each sequence; what ONNX has no operator for (a
slice, two sequences together) is a Loop over the elements.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import onnx_ir as ir

from onnx_explore.emit import Dim, Emitter, shapes
from onnx_explore.errors import UnsupportedOperatorError
from onnx_explore.lowering.types import DictOf, SequenceOf, TensorOf, TupleOf, describe, join, listed, type_of
from onnx_explore.lowering.values import (
    as_type,
    column_types,
    columns,
    element_at,
    inserted_row,
    parts,
    repeated,
    row_of,
    typed,
    with_columns,
)
from onnx_explore.symbolic.lowered import Columns, Constant, Dictionary, Lowered, has_open_length


def items_of(item: Lowered) -> tuple[Lowered, ...] | None:
    """The elements of a list of known length; None for any other."""
    if isinstance(item, Constant) and item.tensor.dim() > 0:
        return tuple(Constant(row, lineage=item.lineage) for row in item.tensor)
    if isinstance(item, tuple):
        return item
    if has_open_length(item):
        return None
    raise UnsupportedOperatorError("it is given something else than a list")


def opened(g: Emitter, item: Lowered) -> Lowered:
    """A list as one of unknown length.

    Raises:
        Irreconcilable: If its elements have no type in common.
    """
    if has_open_length(item):
        return item
    kind = type_of(g, items_of(item))
    assert isinstance(kind, TupleOf)
    return as_type(g, item if isinstance(item, tuple) else items_of(item), listed(kind))


def length(g: Emitter, item: Lowered) -> Dim:
    """The length of a list, sequence or dict."""
    if isinstance(item, Dictionary):
        return len(item.keys)
    known = items_of(item)
    if known is not None:
        return len(known)
    first = columns(item)[0]
    found = g.memo(("length", first))
    if found is not None:
        return found
    made = g.remember(("length", first), g.op("SequenceLength", first))
    shapes.mark_non_negative(g, made)
    return made


def inserted(g: Emitter, whole: Lowered, item: Lowered, place: ir.Value | None = None) -> Lowered:
    """A list of unknown length with one more element: at its end, or before a place."""
    after = join(type_of(g, whole), listed(TupleOf((type_of(g, item),))), "")
    whole = as_type(g, whole, after)
    if isinstance(after, SequenceOf):
        assert after.element is not None and isinstance(whole, ir.Value)
        value = as_type(g, item, TensorOf(after.element.dtype, None))
        assert isinstance(value, ir.Value)
        return typed(g, g.op("SequenceInsert", whole, value, place), after)
    return inserted_row(g, whole, row_of(g, item, after.element), place)  # type: ignore[union-attr]


def erased(g: Emitter, whole: Lowered, index: Dim) -> Lowered:
    """A list of unknown length without one of its elements."""
    made = [
        typed(g, g.op("SequenceErase", column, index), kind)
        for column, kind in zip(columns(whole), column_types(g, whole), strict=True)
    ]
    return with_columns(whole, made)


def extended(
    g: Emitter, source: Lowered, count: Dim, place: Callable[[ir.Value], ir.Value], begun: Lowered = ()
) -> Lowered:
    """A list with elements of another one behind its own: a Loop that appends one a round.

    Args:
        g: The emitter.
        source: Where the elements come from; of unknown length.
        count: How many.
        place: From the round to the index in ``source``.
        begun: What is there before.
    """
    kind = join(type_of(g, begun), type_of(g, source), "")

    def step(number: ir.Value, sofar: Lowered) -> Lowered:
        return inserted(g, sofar, element_at(g, source, place(number)))

    return repeated(g, shapes.as_scalar(g, count), as_type(g, begun, kind), kind, step)


def column_at(whole: Lowered, place: Sequence[Any]) -> ir.Value:
    """The sequence of the tensors that stand at one place in the elements of a list.

    Args:
        whole: The list, of unknown length.
        place: Indices and keys inside an element; empty for a list of tensors.

    Raises:
        UnsupportedOperatorError: If there is none such in every element, or it is no tensor.
    """
    if not isinstance(whole, Columns):
        return columns(whole)[0]
    kind, first = whole.form, 0
    for key in place:
        entries = kind.items if isinstance(kind, TupleOf | DictOf) else ()
        number = kind.keys.index(key) if isinstance(kind, DictOf) else key
        if number >= len(entries):
            break
        first += sum(len(list(parts(entry))) for entry in entries[:number])
        kind = entries[number]
    if not isinstance(kind, TensorOf) or kind.pairs:
        raise UnsupportedOperatorError(
            f"a returned list holds {describe(kind)} in its elements, and ONNX has sequences of tensors only",
            action="return one list of tensors for each part",
        )
    return whole.values[first]
