"""Types of lowered values: what the branches of an ``If`` and the rounds of a ``Loop`` have to agree on.

In: two lowered values that shall become one. Out: the narrowest type that holds both, and each of them as that type:

==========================  ==========================  =====================================================
one                         other                       together
==========================  ==========================  =====================================================
3                           3                           3, known at export
3                           5, or a computed int        a 0-d INT64
FLOAT[2, 3]                 FLOAT[2, 4]                 FLOAT[2, ?]
FLOAT[2, 3]                 FLOAT[2, 3, 1]              FLOAT of unknown rank
INT64[2]                    FLOAT[2]                    FLOAT[2]: the former is cast
None                        FLOAT[2]                    an optional: whether there is one (BOOL), and a FLOAT[2]
(a, b)                      (c, d)                      member by member
[a]                         [b, c]                      a sequence of what holds a, b and c
{"k": a}                    {"k": b}                    value by value
never read                  anything                    the latter
==========================  ==========================  =====================================================
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import onnx_ir as ir
import torch

from onnx_explore import dtypes
from onnx_explore.emit import Emitter
from onnx_explore.errors import NotConstant
from onnx_explore.symbolic.binding import materialize
from onnx_explore.symbolic.lowered import UNDEFINED, Complex, Constant, Dictionary, Lowered, Maybe, is_sequence
from onnx_explore.torch_ir.kinds import is_tuple

Size = int | str | None
"""A number, the name of a symbolic dimension, or unknown."""


@dataclass(frozen=True, slots=True)
class TensorOf:
    """A tensor. ``sizes`` is None where the rank is unknown; ``pairs`` is True for the pairs of a complex tensor."""

    dtype: ir.DataType
    sizes: tuple[Size, ...] | None
    pairs: bool = False


@dataclass(frozen=True, slots=True)
class SequenceOf:
    """A list whose length is not known; ``element`` is None as long as only empty ones were seen."""

    element: TensorOf | None


@dataclass(frozen=True, slots=True)
class OptionalOf:
    """Something, or None."""

    inner: Type


@dataclass(frozen=True, slots=True)
class TupleOf:
    """A tuple, or a list whose length is known."""

    items: tuple[Type, ...]


@dataclass(frozen=True, slots=True)
class DictOf:
    """A dict with these keys."""

    keys: tuple[Any, ...]
    items: tuple[Type, ...]


@dataclass(frozen=True, slots=True)
class Known:
    """Something that is known at export, such as a number, a string or None."""

    kind: type
    value: Any


@dataclass(frozen=True, slots=True)
class Never:
    """Of what is never read."""


Type = TensorOf | SequenceOf | OptionalOf | TupleOf | DictOf | Known | Never

NONE = Known(type(None), None)


class Irreconcilable(NotConstant):
    """Two values have no common type in ONNX."""


def type_of(g: Emitter, item: Lowered) -> Type:
    """The type of a lowered value."""
    if isinstance(item, ir.Value):
        if is_sequence(item):
            return SequenceOf(_element_of(item))
        return TensorOf(g.dtype(item), _sizes(item.shape))
    if isinstance(item, Constant):
        if item.tensor.is_complex():
            real = torch.view_as_real(item.tensor)
            return TensorOf(dtypes.to_onnx(real.dtype), tuple(real.shape), pairs=True)
        return TensorOf(dtypes.to_onnx(item.tensor.dtype), tuple(item.tensor.shape))
    if isinstance(item, Complex):
        return TensorOf(g.dtype(item.pairs), _sizes(item.pairs.shape), pairs=True)
    if isinstance(item, Maybe):
        return OptionalOf(type_of(g, item.value))
    if isinstance(item, Dictionary):
        return DictOf(item.keys, tuple(type_of(g, entry) for entry in item.values))
    if isinstance(item, tuple):
        return TupleOf(tuple(type_of(g, entry) for entry in item))
    if item is UNDEFINED:
        return Never()
    return Known(type(item), item)


def _element_of(sequence: ir.Value) -> TensorOf | None:
    assert isinstance(sequence.type, ir.SequenceType)
    inner = sequence.type.elem_type
    assert isinstance(inner, ir.TensorType)
    return TensorOf(inner.dtype, _sizes(sequence.shape))


def _sizes(shape: ir.Shape | None) -> tuple[Size, ...] | None:
    return None if shape is None else tuple(dim if isinstance(dim, int) else dim.value for dim in shape)


# -- joining ---------------------------------------------------------------------------------------------------------------


def join(a: Type, b: Type, kind: str) -> Type:
    """The narrowest type that holds both.

    Args:
        a: One type.
        b: The other.
        kind: What TorchScript calls the value: only a list may change its length.

    Raises:
        Irreconcilable: If there is none.
    """
    if a == b or isinstance(b, Never):
        return a
    if isinstance(a, Never):
        return b
    if isinstance(a, OptionalOf) or isinstance(b, OptionalOf) or NONE in (a, b):
        inner = [item.inner if isinstance(item, OptionalOf) else item for item in (a, b) if item != NONE]
        return OptionalOf(inner[0] if len(inner) == 1 else join(inner[0], inner[1], kind.removesuffix("?")))
    if isinstance(a, Known | TensorOf) and isinstance(b, Known | TensorOf):
        return _join_tensors(_as_tensor(a), _as_tensor(b))
    if isinstance(a, DictOf) and isinstance(b, DictOf) and a.keys == b.keys:
        return DictOf(a.keys, _join_all(a.items, b.items, kind))
    if isinstance(a, TupleOf) and isinstance(b, TupleOf) and len(a.items) == len(b.items):
        return TupleOf(_join_all(a.items, b.items, kind))
    if isinstance(a, TupleOf | SequenceOf) and isinstance(b, TupleOf | SequenceOf) and not is_tuple(kind):
        return _join_elements(sequence_of(a), sequence_of(b))
    if isinstance(a, DictOf) and isinstance(b, DictOf):
        raise Irreconcilable(
            f"a dict has the keys {list(a.keys)} or {list(b.keys)}, which only the running model knows",
            action="give the dict all its keys before",
        )
    raise Irreconcilable(f"it is {describe(a)} or {describe(b)}, and ONNX has no type that holds both")


def _join_all(left: Sequence[Type], right: Sequence[Type], kind: str) -> tuple[Type, ...]:
    inner = kind[:-2] if kind.endswith("[]") else ""
    return tuple(join(one, other, inner) for one, other in zip(left, right, strict=True))


def _join_elements(a: SequenceOf, b: SequenceOf) -> SequenceOf:
    if a.element is None or b.element is None:
        return a if b.element is None else b
    if a.element.dtype != b.element.dtype:
        raise Irreconcilable(
            f"a list holds {a.element.dtype.name} and {b.element.dtype.name}, and an ONNX sequence only one of them",
            action="convert the tensors to one dtype before they go into the list",
        )
    return SequenceOf(_join_tensors(a.element, b.element))


def sequence_of(kind: TupleOf | SequenceOf) -> SequenceOf:
    """The type of a list of known length as one of unknown length.

    Raises:
        Irreconcilable: If its elements are no tensors: ONNX has no sequences of anything else.
    """
    if isinstance(kind, SequenceOf):
        return kind
    found = SequenceOf(None)
    for item in kind.items:
        if not isinstance(item, TensorOf | Known) or item == NONE:
            raise Irreconcilable(
                f"a list whose length only the running model knows holds {describe(item)}; ONNX has sequences of tensors only",
                action="keep one list of tensors for each part",
            )
        found = _join_elements(found, SequenceOf(_as_tensor(item)))
    return found


def _as_tensor(kind: Known | TensorOf) -> TensorOf:
    if isinstance(kind, TensorOf):
        return kind
    dtype = _NUMBERS.get(kind.kind)
    if dtype is None:
        raise Irreconcilable(f"{kind.value!r} differs from what is there otherwise, which only the running model knows")
    return TensorOf(dtype or dtypes.to_onnx(torch.get_default_dtype()), ())


_NUMBERS = {bool: ir.DataType.BOOL, int: ir.DataType.INT64, float: ir.DataType.UNDEFINED}


def _join_tensors(a: TensorOf, b: TensorOf) -> TensorOf:
    if a.pairs != b.pairs:
        raise Irreconcilable("it is complex or real, which only the running model knows")
    dtype = a.dtype
    if a.dtype != b.dtype:
        dtype = dtypes.to_onnx(torch.promote_types(dtypes.to_torch(a.dtype), dtypes.to_torch(b.dtype)))
    if a.sizes is None or b.sizes is None or len(a.sizes) != len(b.sizes):
        return TensorOf(dtype, None, a.pairs)
    sizes = (one if one == other else None for one, other in zip(a.sizes, b.sizes, strict=True))
    return TensorOf(dtype, tuple(sizes), a.pairs)


def describe(kind: Type) -> str:
    """For people: ``FLOAT[2, ?]``, ``a list of 2``, ``None`` …"""
    match kind:
        case TensorOf(dtype, sizes):
            shape = (
                " of unknown rank" if sizes is None else f"[{', '.join('?' if s is None else str(s) for s in sizes)}]"
            )
            return f"{dtype.name}{shape}"
        case SequenceOf(element):
            return f"a sequence of {describe(element)}" if element is not None else "an empty list"
        case OptionalOf(inner):
            return f"None or {describe(inner)}"
        case TupleOf(items):
            return f"({', '.join(describe(item) for item in items)})"
        case DictOf(keys, items):
            return f"{{{', '.join(f'{key!r}: {describe(item)}' for key, item in zip(keys, items, strict=True))}}}"
        case Known(_, value):
            return repr(value)
        case Never():
            return "never read"


# -- making a value of a type ------------------------------------------------------------------------------------------------


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
    if not item:
        dtype = element.dtype if element is not None else ir.DataType.FLOAT
        # Without a shape for its elements: equal nodes become one, whatever each is filled with.
        return typed(g, g.op("SequenceEmpty", dtype=dtype), SequenceOf(TensorOf(dtype, None)))
    assert element is not None
    made = g.op("SequenceConstruct", *[_as_tensor_value(g, entry, element.dtype) for entry in item])
    return typed(g, made, SequenceOf(element))


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
        case SequenceOf(element):
            return _as_sequence(g, (), element)
        case TensorOf(dtype, sizes, pairs):
            shape = [size if isinstance(size, int) else 0 for size in sizes or ()]
            tensor = torch.zeros(1, dtype=dtypes.to_torch(dtype))
            made = g.op("ConstantOfShape", g.const(shape), value=tensor) if shape else g.const(0, dtype)
            return Complex(made) if pairs else made


# -- flat rows of ONNX values --------------------------------------------------------------------------------------------------


def values_of(item: Lowered, kind: Type) -> Iterator[ir.Value]:
    """The ONNX values in something that has a type (see ``as_type``), in order; what is known at export has none."""
    match kind:
        case TensorOf() | SequenceOf():
            value = item.pairs if isinstance(item, Complex) else item
            assert isinstance(value, ir.Value)
            yield value
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


def parts(kind: Type) -> Iterator[TensorOf | SequenceOf]:
    """The types of the ONNX values that a value of a type consists of, in order."""
    match kind:
        case TensorOf() | SequenceOf():
            yield kind
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


def typed(g: Emitter, value: ir.Value, kind: TensorOf | SequenceOf) -> ir.Value:
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
