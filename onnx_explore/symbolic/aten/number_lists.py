"""Lists of Python numbers, as scripted code computes with them.

In: a tuple whose numbers are known at export or 0-d values, or, where only the running model knows its length, a 1-d tensor.
"""

from __future__ import annotations

from typing import Any

import onnx_ir as ir

from onnx_explore.emit import Emitter, forms, shapes
from onnx_explore.emit.forms.comparison import extreme
from onnx_explore.symbolic.annotations import Operand, Tensor
from onnx_explore.symbolic.aten import comparison
from onnx_explore.symbolic.aten.creation import of_numbers
from onnx_explore.symbolic.promotion import promoted
from onnx_explore.symbolic.registry import symbolic

_NUMBERS = ("int", "float", "bool")


def _overloads(target: str) -> list[str]:
    return [f"{target}{kind}" for kind in _NUMBERS]


def _as_int(g: Emitter, flags: ir.Value) -> ir.Value:
    return g.cast(flags, ir.DataType.INT64)


def _total(g: Emitter, numbers: ir.Value) -> ir.Value:
    return forms.reduce(g, "ReduceSum", numbers, [0])


def _hits(g: Emitter, numbers: Any, item: Operand) -> ir.Value:
    """Which numbers of a list are equal to one."""
    return comparison.eq(g, of_numbers(g, numbers), item)


# -- smallest, largest, sum ----------------------------------------------------------------------------------------------


@symbolic(*_overloads("prim::min.self_"))
def smallest(g: Emitter, self: Any) -> Operand:
    """prim::min.self_int(int[] self) -> int"""
    return _extreme(g, "Min", self)


@symbolic(*_overloads("prim::max.self_"))
def largest(g: Emitter, self: Any) -> Operand:
    """prim::max.self_int(int[] self) -> int"""
    return _extreme(g, "Max", self)


def _extreme(g: Emitter, op_type: str, numbers: Any) -> Operand:
    if isinstance(numbers, ir.Value):
        dtype = g.dtype(numbers)
        given = _as_int(g, numbers) if dtype == ir.DataType.BOOL else numbers
        return g.cast(forms.reduce(g, f"Reduce{op_type}", given, [0]), dtype)
    result = numbers[0]
    for number in numbers[1:]:
        result = extreme(g, op_type, *promoted(g, result, number))
    return result


@symbolic(*_overloads("aten::sum."))
def total(g: Emitter, self: Any) -> Tensor:
    """sum.int(int[] self) -> int"""
    numbers = of_numbers(g, self)
    return _total(g, _as_int(g, numbers) if g.dtype(numbers) == ir.DataType.BOOL else numbers)


@symbolic(*_overloads("aten::any."))
def any_of(g: Emitter, self: Any) -> Tensor:
    """any.int(int[] self) -> bool"""
    return g.op("Greater", _total(g, _as_int(g, g.cast(of_numbers(g, self), ir.DataType.BOOL))), g.const(0))


@symbolic(*_overloads("aten::all."))
def all_of(g: Emitter, self: Any) -> Tensor:
    """all.int(int[] self) -> bool"""
    wrong = g.op("Not", g.cast(of_numbers(g, self), ir.DataType.BOOL))
    return g.op("Equal", _total(g, _as_int(g, wrong)), g.const(0))


# -- finding -----------------------------------------------------------------------------------------------------------------


@symbolic("aten::__contains__.int_list", "aten::__contains__.float_list")
def contains(g: Emitter, l: Any, item: Operand) -> Operand:  # noqa: E741  (the schema's name)
    """aten::__contains__.int_list(int[] l, int item) -> bool"""
    if isinstance(l, ir.Value):
        return g.op("Greater", count(g, l, item), g.const(0))
    result: Operand = False
    for number in l:
        if isinstance(number, ir.Value) or isinstance(item, ir.Value):
            same = comparison.eq(g, number, item)
            result = g.op("Or", result, same) if isinstance(result, ir.Value) else same
        elif number == item:
            return True
    return result


@symbolic(*_overloads("aten::count."))
def count(g: Emitter, self: Any, el: Operand) -> Tensor:
    """count.int(int[] self, int el) -> int"""
    return _total(g, _as_int(g, _hits(g, self, el)))


@symbolic(*_overloads("aten::index.list_"))
def index(g: Emitter, self: Any, el: Operand) -> Tensor:
    """index.list_int(int[] self, int el) -> int: where it is not in the list, the model refuses to run, as Python does"""
    g.requires(9, "the place of a number in a list")
    places = g.op("NonZero", _hits(g, self, el))  # [1, how often]
    return forms.select(g, forms.squeeze(g, places, [0]), 0, 0)


# -- comparing ---------------------------------------------------------------------------------------------------------------


@symbolic("aten::eq.int_list", "aten::eq.float_list", "aten::eq.bool_list")
def equal_lists(g: Emitter, a: Any, b: Any) -> Operand:
    """aten::eq.int_list(int[] a, int[] b) -> bool"""
    if isinstance(a, ir.Value) or isinstance(b, ir.Value):
        return _equal_vectors(g, of_numbers(g, a), of_numbers(g, b))
    if len(a) != len(b):
        return False
    result: Operand = True
    for left, right in zip(a, b, strict=True):
        if isinstance(left, ir.Value) or isinstance(right, ir.Value):
            same = comparison.eq(g, left, right)
            result = g.op("And", result, same) if isinstance(result, ir.Value) else same
        elif left != right:
            return False
    return result


def _equal_vectors(g: Emitter, a: ir.Value, b: ir.Value) -> ir.Value:
    """Whether two 1-d tensors have one length and are equal as far as the shorter one goes."""
    lengths = [shapes.size(g, item, 0) for item in (a, b)]
    both = shapes.minimum(g, *lengths)
    left, right = (forms.slice_axes(g, item, [0], [both], [0]) for item in (a, b))
    wrong = _as_int(g, g.op("Not", comparison.eq(g, left, right)))
    same_length = g.op("Equal", *[shapes.as_scalar(g, item) for item in lengths])
    return g.op("And", same_length, g.op("Equal", _total(g, wrong), g.const(0)))


@symbolic("aten::ne.int_list", "aten::ne.float_list", "aten::ne.bool_list")
def unequal_lists(g: Emitter, a: Any, b: Any) -> Operand:
    """aten::ne.int_list(int[] a, int[] b) -> bool"""
    same = equal_lists(g, a, b)
    return g.op("Not", same) if isinstance(same, ir.Value) else not same
