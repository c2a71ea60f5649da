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
[(a, b)]                    [(c, d), (e, f)]            columns: a sequence of what holds a, c and e, one of b, d and f
{"k": a}                    {"k": b}                    value by value
never read                  anything                    the latter
==========================  ==========================  =====================================================
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import onnx_ir as ir
import torch

from onnx_explore import dtypes
from onnx_explore.emit import Emitter
from onnx_explore.errors import NotConstant
from onnx_explore.symbolic.lowered import UNDEFINED, Columns, Complex, Constant, Dictionary, Lowered, Maybe, is_sequence
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
class ColumnsOf:
    """A list whose length is not known, of something else than tensors: a sequence for each part of an element."""

    element: Type


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


Type = TensorOf | SequenceOf | ColumnsOf | OptionalOf | TupleOf | DictOf | Known | Never

ListType = TupleOf | SequenceOf | ColumnsOf
"""What a list may be."""

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
    if isinstance(item, Columns):
        return ColumnsOf(item.form)
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
    if isinstance(a, ListType) and isinstance(b, ListType) and not is_tuple(kind):
        return _join_lists(listed(a), listed(b))
    if isinstance(a, DictOf) and isinstance(b, DictOf):
        raise Irreconcilable(
            f"a dict has the keys {list(a.keys)} or {list(b.keys)}, which only the running model knows",
            action="give the dict all its keys before",
        )
    raise Irreconcilable(f"it is {describe(a)} or {describe(b)}, and ONNX has no type that holds both")


def _join_all(left: Sequence[Type], right: Sequence[Type], kind: str) -> tuple[Type, ...]:
    inner = kind[:-2] if kind.endswith("[]") else ""
    return tuple(join(one, other, inner) for one, other in zip(left, right, strict=True))


def _join_lists(a: SequenceOf | ColumnsOf, b: SequenceOf | ColumnsOf) -> SequenceOf | ColumnsOf:
    if a.element is None or b.element is None:
        return a if b.element is None else b
    _check_dtypes(a.element, b.element)
    return _list_of(generalized(join(a.element, b.element, "")))


def _list_of(element: Type) -> SequenceOf | ColumnsOf:
    return SequenceOf(element) if isinstance(element, TensorOf) and not element.pairs else ColumnsOf(element)


def _check_dtypes(a: Type, b: Type) -> None:
    """Elements of one list stand in the same sequences, whose element type is one.

    Raises:
        Irreconcilable: If they differ: a cast would change what the model gives.
    """
    match a, b:
        case TensorOf(), TensorOf() if a.dtype != b.dtype:
            raise Irreconcilable(
                f"a list holds {a.dtype.name} and {b.dtype.name}, and an ONNX sequence only one of them",
                action="convert the tensors to one dtype before they go into the list",
            )
        case OptionalOf(), OptionalOf():
            _check_dtypes(a.inner, b.inner)
        case OptionalOf(), _:
            _check_dtypes(a.inner, b)
        case _, OptionalOf():
            _check_dtypes(a, b.inner)
        case (TupleOf(), TupleOf()) | (DictOf(), DictOf()) if len(a.items) == len(b.items):
            for one, other in zip(a.items, b.items, strict=True):
                _check_dtypes(one, other)
        case _:
            return


def generalized(kind: Type) -> Type:
    """The type of any element like this one: its numbers may be others."""
    match kind:
        case Known(kind=number) if number in _NUMBERS:
            return _as_tensor(kind)
        case OptionalOf(inner):
            return OptionalOf(generalized(inner))
        case TupleOf(items):
            return TupleOf(tuple(generalized(item) for item in items))
        case DictOf(keys, items):
            return DictOf(keys, tuple(generalized(item) for item in items))
        case _:
            return kind


def listed(kind: ListType) -> SequenceOf | ColumnsOf:
    """The type of a list of known length as one of unknown length.

    Raises:
        Irreconcilable: If its elements have no type in common.
    """
    if not isinstance(kind, TupleOf):
        return kind
    found: SequenceOf | ColumnsOf = SequenceOf(None)
    for item in kind.items:
        found = _join_lists(found, _list_of(generalized(item)))
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
        case ColumnsOf(element):
            return f"a list of {describe(element)}"
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
