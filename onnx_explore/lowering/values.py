"""Lowered values as a type, and as the flat rows of ONNX values that ``If`` and ``Loop`` hand on.

In: a lowered value and a type that holds it (``types``). Out: the value as that type, its ONNX values in order, and a value
made of such a row again. A type has the same number of ONNX values, its ``parts``, whatever the value::

    (FLOAT[2], None or INT64[])       ──►   FLOAT[2], BOOL[], INT64[]
    a list of (FLOAT[2], INT64[])     ──►   a sequence of FLOAT[2], a sequence of INT64[]
    a list of lists of INT64[]        ──►   a sequence of INT64[?]: the inner lists stacked

Below opset 13, ``If`` and ``Loop`` take tensors only: a sequence of tensors of one size goes through them stacked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import onnx_ir as ir
import torch

from onnx_explore import dtypes
from onnx_explore.emit import Emitter, shapes
from onnx_explore.errors import UnsupportedOperatorError
from onnx_explore.lowering.types import (
    ColumnsOf,
    DictOf,
    Irreconcilable,
    Known,
    Never,
    OptionalOf,
    SequenceOf,
    TensorOf,
    TupleOf,
    Type,
    describe,
    type_of,
)
from onnx_explore.symbolic.binding import materialize
from onnx_explore.symbolic.lowered import UNDEFINED, Columns, Complex, Constant, Dictionary, Lowered, Maybe, is_sequence

SEQUENCES_IN_BLOCKS = 13
"""From this opset on, If and Loop take sequences."""

Part = TensorOf | SequenceOf
"""What one ONNX value may be."""

Step = Callable[[ir.Value, Lowered], Lowered]
"""From the round of a loop (0-d) and what it carries to what it carries on."""

# -- a value of a type ---------------------------------------------------------------------------------------------------------


def as_type(g: Emitter, item: Lowered, kind: Type) -> Lowered:
    """A lowered value as a type that holds it; what that takes is emitted.

    Raises:
        Irreconcilable: If it takes something that ONNX does not have.
    """
    if item is UNDEFINED:
        return filler(g, kind)
    match kind:
        case Known() | Never():
            return item
        case OptionalOf(inner):
            if item is None:
                return Maybe(g.const(False), filler(g, inner))
            if isinstance(item, Maybe):
                return Maybe(item.present, as_type(g, item.value, inner))
            return Maybe(g.const(True), as_type(g, item, inner))
        case TupleOf(items):
            assert isinstance(item, tuple)
            return tuple(as_type(g, entry, inner) for entry, inner in zip(item, items, strict=True))
        case DictOf(keys, items):
            assert isinstance(item, Dictionary)
            return Dictionary(
                keys, tuple(as_type(g, entry, inner) for entry, inner in zip(item.values, items, strict=True))
            )
        case SequenceOf(element):
            return _as_sequence(g, item, element)
        case ColumnsOf(element):
            return _as_columns(g, item, element)
        case TensorOf(dtype, _, pairs):
            made = _as_tensor_value(g, item, dtype)
            return Complex(made) if pairs else made


def _as_tensor_value(g: Emitter, item: Lowered, dtype: ir.DataType) -> ir.Value:
    if isinstance(item, Complex):
        return g.cast(item.pairs, dtype)
    if isinstance(item, Constant):
        tensor = item.tensor
        value = g.tensor(torch.view_as_real(tensor.resolve_conj())) if tensor.is_complex() else materialize(g, item)
        return g.cast(value, dtype)
    if isinstance(item, ir.Value):
        return g.cast(item, dtype)
    assert isinstance(item, bool | int | float)
    return g.const(item, dtype)


def _as_sequence(g: Emitter, item: Lowered, element: TensorOf | None) -> ir.Value:
    if isinstance(item, ir.Value):
        return item
    assert isinstance(item, tuple)
    row = [_as_tensor_value(g, entry, element.dtype) for entry in item] if element is not None else []
    return construct(g, row, element)


def construct(g: Emitter, row: Sequence[ir.Value], element: TensorOf | None) -> ir.Value:
    """A sequence of tensors."""
    if not row:
        dtype = element.dtype if element is not None else ir.DataType.FLOAT
        # Without a shape for its elements: equal nodes become one, whatever each is filled with.
        return typed(g, g.op("SequenceEmpty", dtype=dtype), SequenceOf(TensorOf(dtype, None)))
    return typed(g, g.op("SequenceConstruct", *row), SequenceOf(element))


def _as_columns(g: Emitter, item: Lowered, element: Type) -> Columns:
    if isinstance(item, tuple):
        rows = [row_of(g, entry, element) for entry in item]
        made = [construct(g, [row[place] for row in rows], part) for place, part in enumerate(columns_of(element))]
        return Columns(element, tuple(made))
    before = type_of(g, item)
    if isinstance(item, Columns) and _same_columns(item.form, element):
        return Columns(element, item.values)
    assert isinstance(before, SequenceOf | ColumnsOf)
    kind = ColumnsOf(element)
    count = shapes.as_scalar(g, g.op("SequenceLength", columns(item)[0]))

    def step(number: ir.Value, sofar: Lowered) -> Lowered:
        return inserted_row(g, sofar, row_of(g, element_at(g, item, number), element))

    result = repeated(g, count, filler(g, kind), kind, step)
    assert isinstance(result, Columns)
    return result


def _same_columns(one: Type, other: Type) -> bool:
    """Whether elements of two types are the same row: only their sizes differ."""
    match one, other:
        case TensorOf(), TensorOf():
            return (one.dtype, one.pairs) == (other.dtype, other.pairs)
        case SequenceOf(), SequenceOf():
            return one.element is not None and other.element is not None and _same_columns(one.element, other.element)
        case ColumnsOf(), ColumnsOf():
            return _same_columns(one.element, other.element)
        case OptionalOf(), OptionalOf():
            return _same_columns(one.inner, other.inner)
        case (TupleOf(), TupleOf()) | (DictOf(), DictOf()):
            return len(one.items) == len(other.items) and all(map(_same_columns, one.items, other.items))
        case _:
            return one == other


def filler(g: Emitter, kind: Type) -> Lowered:
    """Something of a type, for where nobody looks: zeros, and sizes of 0 where they are not known."""
    match kind:
        case Known(_, value):
            return value
        case Never():
            return UNDEFINED
        case OptionalOf(inner):
            return Maybe(g.const(False), filler(g, inner))
        case TupleOf(items):
            return tuple(filler(g, item) for item in items)
        case DictOf(keys, items):
            return Dictionary(keys, tuple(filler(g, item) for item in items))
        case SequenceOf() | ColumnsOf():
            return as_type(g, (), kind)
        case TensorOf(dtype, sizes, pairs):
            shape = [size if isinstance(size, int) else 0 for size in sizes or ()]
            tensor = torch.zeros(1, dtype=dtypes.to_torch(dtype))
            made = g.op("ConstantOfShape", g.const(shape), value=tensor) if shape else g.const(0, dtype)
            return Complex(made) if pairs else made


def copied(g: Emitter, value: ir.Value) -> ir.Value:
    """The same value, made by a node of the present graph. Identity takes sequences from opset 14 on."""
    if is_sequence(value) and g.opset < 14:
        kind = type_of(g, value)
        assert isinstance(kind, SequenceOf)
        more = g.op("SequenceInsert", value, g.const(0, kind.element.dtype if kind.element else ir.DataType.FLOAT))
        made = g.op("SequenceErase", more)
    else:
        made = g.op("Identity", value)
    made.type, made.shape = value.type, value.shape
    return made


def typed(g: Emitter, value: ir.Value, kind: Part) -> ir.Value:
    """The value, with this type; a size that is not known gets a name of its own."""
    inner = kind.element if isinstance(kind, SequenceOf) else kind
    dtype = inner.dtype if inner is not None else ir.DataType.FLOAT
    value.type = ir.SequenceType(ir.TensorType(dtype)) if isinstance(kind, SequenceOf) else ir.TensorType(dtype)
    if inner is None or inner.sizes is None:
        value.shape = None
    elif isinstance(kind, SequenceOf):
        value.shape = ir.Shape(inner.sizes)
    else:
        value.shape = ir.Shape([g.inference.anonymous() if size is None else size for size in inner.sizes])
    return value


# -- flat rows of ONNX values --------------------------------------------------------------------------------------------------


def values_of(item: Lowered, kind: Type) -> Iterator[ir.Value]:
    """The ONNX values in something that has a type (see ``as_type``), in order; what is known at export has none."""
    match kind:
        case TensorOf() | SequenceOf():
            value = item.pairs if isinstance(item, Complex) else item
            assert isinstance(value, ir.Value)
            yield value
        case ColumnsOf():
            assert isinstance(item, Columns)
            yield from item.values
        case OptionalOf(inner):
            assert isinstance(item, Maybe)
            yield item.present
            yield from values_of(item.value, inner)
        case TupleOf(items):
            assert isinstance(item, tuple)
            for entry, inner in zip(item, items, strict=True):
                yield from values_of(entry, inner)
        case DictOf(_, items):
            assert isinstance(item, Dictionary)
            for entry, inner in zip(item.values, items, strict=True):
                yield from values_of(entry, inner)
        case Known() | Never():
            return


def parts(kind: Type) -> Iterator[Part]:
    """The types of the ONNX values that a value of a type consists of, in order."""
    match kind:
        case TensorOf() | SequenceOf():
            yield kind
        case ColumnsOf(element):
            yield from map(SequenceOf, columns_of(element))
        case OptionalOf(inner):
            yield TensorOf(ir.DataType.BOOL, ())
            yield from parts(inner)
        case TupleOf(items) | DictOf(_, items):
            for item in items:
                yield from parts(item)
        case Known() | Never():
            return


def rebuilt(kind: Type, row: Iterator[ir.Value]) -> Lowered:
    """A value of a type from its ONNX values."""
    match kind:
        case TensorOf(_, _, pairs):
            value = next(row)
            return Complex(value) if pairs else value
        case SequenceOf():
            return next(row)
        case ColumnsOf(element):
            return Columns(element, tuple(next(row) for _ in columns_of(element)))
        case OptionalOf(inner):
            present = next(row)
            return Maybe(present, rebuilt(inner, row))
        case TupleOf(items):
            return tuple(rebuilt(item, row) for item in items)
        case DictOf(keys, items):
            return Dictionary(keys, tuple(rebuilt(item, row) for item in items))
        case Known(_, value):
            return value
        case Never():
            return UNDEFINED


# -- what If and Loop hand on ----------------------------------------------------------------------------------------------------


def handed_on(g: Emitter, kind: Type, op_type: str) -> list[Part]:
    """The types of the ONNX values in which ``If`` and ``Loop`` hand on a value of a type.

    Raises:
        OpsetTooLow: Below opset 13, if it holds a list of tensors whose sizes may differ.
    """
    return [_handed_on(g, part, op_type) for part in parts(kind)]


def _handed_on(g: Emitter, part: Part, op_type: str) -> Part:
    if g.opset >= SEQUENCES_IN_BLOCKS or isinstance(part, TensorOf):
        return part
    if not _one_size(part):
        g.requires(SEQUENCES_IN_BLOCKS, f"{op_type} of lists (sequences) of tensors whose sizes may differ")
    return _stack_of(part)


def sent(g: Emitter, item: Lowered, kind: Type) -> Iterator[ir.Value]:
    """The ONNX values in which they hand on a value that has a type."""
    for value, part in zip(values_of(item, kind), parts(kind), strict=True):
        if isinstance(part, SequenceOf) and g.opset < SEQUENCES_IN_BLOCKS:
            value = stacked(g, value, part)
        yield value


def received(g: Emitter, kind: Type, row: Iterable[ir.Value]) -> Lowered:
    """A value of a type from the ONNX values in which they handed it on; each gets its type."""
    values: list[ir.Value] = []
    for value, part in zip(row, parts(kind), strict=True):
        if isinstance(part, SequenceOf) and g.opset < SEQUENCES_IN_BLOCKS:
            values.append(unstacked(g, typed(g, value, _stack_of(part)), part))
        else:
            values.append(typed(g, value, part))
    return rebuilt(kind, iter(values))


# -- lists as tensors --------------------------------------------------------------------------------


def _one_size(part: SequenceOf) -> bool:
    return part.element is None or (part.element.sizes is not None and None not in part.element.sizes)


def _stack_of(part: SequenceOf) -> TensorOf:
    element = part.element or TensorOf(ir.DataType.FLOAT, ())
    assert element.sizes is not None
    return TensorOf(element.dtype, (None, *element.sizes), element.pairs)


def stacked(g: Emitter, sequence: ir.Value, part: SequenceOf) -> ir.Value:
    """A sequence of tensors of one size as one tensor, which may be empty; ConcatFromSequence takes no empty sequence."""
    kind = _stack_of(part)
    producer = sequence.producer()
    if producer is not None and producer.op_type == "SequenceConstruct":
        made = g.op("ConcatFromSequence", sequence, axis=0, new_axis=1)
        return typed(g, made, kind)
    outer = g.region
    empty = g.op("Equal", g.op("SequenceLength", sequence), g.const(0))
    branches: list[ir.Attr] = []
    for name in ("then_branch", "else_branch"):
        region = g.subgraph(f"Stack.{name}")
        g.enter(region)
        if name == "then_branch":
            assert kind.sizes is not None
            sizes = [size if isinstance(size, int) else 0 for size in (0, *kind.sizes[1:])]
            tensor = torch.zeros(1, dtype=dtypes.to_torch(kind.dtype))
            made = g.op("ConstantOfShape", g.const(sizes), value=tensor)
        else:
            made = g.op("ConcatFromSequence", sequence, axis=0, new_axis=1)
        region.graph.outputs.append(typed(g, made, kind))
        branches.append(ir.AttrGraph(name, region.graph))
    g.enter(outer)
    chosen = g.raw_op("If", [empty], branches, 1, infer=False)
    assert isinstance(chosen, ir.Value)
    return typed(g, chosen, kind)


_SPLIT_DTYPES = frozenset(
    {
        ir.DataType.FLOAT,
        ir.DataType.DOUBLE,
        ir.DataType.FLOAT16,
        ir.DataType.INT32,
        ir.DataType.INT64,
        ir.DataType.BOOL,
    }
)
"""What SplitToSequence takes in ONNX Runtime."""


def unstacked(g: Emitter, tensor: ir.Value, part: SequenceOf) -> ir.Value:
    """The rows of a tensor as a sequence."""
    kind = SequenceOf(part.element or TensorOf(ir.DataType.FLOAT, ()))
    if g.dtype(tensor) in _SPLIT_DTYPES:
        return typed(g, g.op("SplitToSequence", tensor, axis=0, keepdims=0), kind)
    g.requires(SEQUENCES_IN_BLOCKS, f"a list of {g.dtype(tensor).name} tensors")
    count = shapes.as_scalar(g, shapes.size(g, tensor, 0))
    made = repeated(
        g, count, filler(g, kind), kind,
        lambda number, sofar: inserted_row(g, sofar, [g.op("Gather", tensor, number, axis=0)]),
    )  # fmt: skip
    assert isinstance(made, ir.Value)
    return made


# -- lists of structures --------------------------------------------------------------------------------


def columns_of(element: Type) -> list[TensorOf]:
    """The types of the tensors that stand for one element of a list: a list in it is stacked.

    Raises:
        Irreconcilable: If a list in it holds tensors whose sizes may differ.
    """
    row: list[TensorOf] = []
    for part in parts(element):
        if isinstance(part, TensorOf):
            row.append(part)
            continue
        if not _one_size(part):
            raise Irreconcilable(
                f"a list whose length only the running model knows holds {describe(part)}: ONNX has no sequences of sequences, "
                "and tensors of different sizes cannot be stacked",
                action="keep one list of tensors, and a list of how many belong together",
            )
        row.append(_stack_of(part))
    return row or [TensorOf(ir.DataType.BOOL, ())]  # the list must have a length, even if all is known of its elements


def row_of(g: Emitter, item: Lowered, element: Type) -> list[ir.Value]:
    """The tensors that stand for an element of a list of structures."""
    item = as_type(g, item, element)
    row = [
        stacked(g, value, part) if isinstance(part, SequenceOf) else value
        for value, part in zip(values_of(item, element), parts(element), strict=True)
    ]
    return row or [g.const(True)]


def columns(whole: Lowered) -> tuple[ir.Value, ...]:
    """The sequences that a list of unknown length consists of: one, if it holds tensors."""
    if isinstance(whole, Columns):
        return whole.values
    if is_sequence(whole):
        assert isinstance(whole, ir.Value)
        return (whole,)
    raise UnsupportedOperatorError("it is given something else than a list")


def element_at(g: Emitter, whole: Lowered, index: shapes.Dim) -> Lowered:
    """The element of a list of unknown length at an index, which may count from the end."""
    if not isinstance(whole, Columns):
        (sequence,) = columns(whole)
        kind = type_of(g, sequence)
        assert isinstance(kind, SequenceOf)
        return typed(g, g.op("SequenceAt", sequence, index), kind.element or TensorOf(ir.DataType.FLOAT, None))
    kinds = columns_of(whole.form)
    row = [typed(g, g.op("SequenceAt", column, index), kind) for column, kind in zip(whole.values, kinds, strict=True)]
    values = [
        unstacked(g, value, part) if isinstance(part, SequenceOf) else value
        for value, part in zip(row, parts(whole.form), strict=False)
    ]
    return rebuilt(whole.form, iter(values))


def inserted_row(g: Emitter, whole: Lowered, row: Sequence[ir.Value], place: ir.Value | None = None) -> Lowered:
    """The list with one more element, which has the type that the list says."""
    made = [
        typed(g, g.op("SequenceInsert", column, value, place), kind)
        for column, value, kind in zip(columns(whole), row, column_types(g, whole), strict=True)
    ]
    return with_columns(whole, made)


def column_types(g: Emitter, whole: Lowered) -> list[SequenceOf]:
    """The types of the sequences that a list of unknown length consists of."""
    kind = type_of(g, whole)
    assert isinstance(kind, SequenceOf | ColumnsOf)
    return [kind] if isinstance(kind, SequenceOf) else [SequenceOf(part) for part in columns_of(kind.element)]


def with_columns(whole: Lowered, made: Sequence[ir.Value]) -> Lowered:
    """A list of the same elements' type, of other sequences."""
    return Columns(whole.form, tuple(made)) if isinstance(whole, Columns) else made[0]


def repeated(g: Emitter, count: ir.Value, begun: Lowered, kind: Type, step: Step) -> Lowered:
    """A Loop that carries one value of a type.

    Args:
        g: The emitter.
        count: How often it runs, 0-d.
        begun: The value before; of the type.
        kind: The type.
        step: From the round and the value to the next one.
    """
    row = handed_on(g, kind, "Loop")
    outer = g.region
    initial = list(sent(g, begun, kind))
    body = g.subgraph(f"{g.scope}/Loop.elements" if g.scope else "Loop.elements")
    names = ["Loop.iteration", "Loop.condition", *["Loop.elements"] * len(row)]
    kinds = [TensorOf(ir.DataType.INT64, ()), TensorOf(ir.DataType.BOOL, ()), *row]
    arguments = [typed(g, ir.Value(name=g.names.unique(name)), part) for name, part in zip(names, kinds, strict=True)]
    body.graph.inputs.extend(arguments)
    g.enter(body)
    after = as_type(g, step(arguments[0], received(g, kind, arguments[2:])), kind)
    goes_on = g.op("Identity", g.const(True))
    body.graph.outputs.extend([goes_on, *sent(g, after, kind)])
    g.enter(outer)
    made = g.raw_op("Loop", [count, None, *initial], [ir.AttrGraph("body", body.graph)], len(row), infer=False)
    return received(g, kind, [made] if isinstance(made, ir.Value) else made)
