"""ONNX operators whose signature changed between opsets, as symbolic functions of the reference call them: with ``g``.

In: ``g``, values, Python numbers. Out: a value. ``g.opset`` decides between an attribute and an input.
"""

# ruff: noqa: A002  (the reference's names)
from __future__ import annotations

from typing import Any

import torch

from onnx_explore.compat.asking import dtype, rank, size
from onnx_explore.compat.parsing import maybe_const
from onnx_explore.compat.refusing import opset_unsupported
from onnx_explore.compat.types import JitC
from onnx_explore.compat.values import is_value
from onnx_explore.errors import UnsupportedOperatorError

JitValue = Any
_INT64 = 7


def longs(g: Any, numbers: Any) -> JitValue:
    """A constant of int64."""
    return g.op("Constant", value_t=torch.tensor(numbers, dtype=torch.int64))


def slice_helper(
    g: Any, input: Any, axes: Any, starts: Any, ends: Any, steps: Any = None, dynamic_slice: bool = False
) -> JitValue:
    """``Slice``: the numbers are attributes before opset 10, inputs since."""
    del dynamic_slice  # which of them are values can be seen
    parts: list[Any] = [starts, ends, axes] + ([steps] if steps is not None else [])
    if g.opset >= 10:
        return g.op("Slice", input, *(part if is_value(part) else longs(g, part) for part in parts))
    if steps is not None and any(step != 1 for step in maybe_const(steps, "is")):
        opset_unsupported("Slice with steps", g.opset, 10)
    starts, ends, axes = (maybe_const(part, "is") for part in parts[:3])
    if any(is_value(part) for part in (starts, ends, axes)):
        opset_unsupported("Slice with computed bounds", g.opset, 10)
    return g.op("Slice", input, axes_i=axes, starts_i=starts, ends_i=ends)


def select_helper(g: Any, self: Any, dim: int, index: Any, apply_reshape: bool = True) -> JitValue:
    """``Gather`` of one index; the dimension stays, of size 1."""
    known = maybe_const(index, "i")
    if not is_value(known):
        index = longs(g, [known])
    elif apply_reshape and rank(index) == 0:
        index = reshape_helper(g, index, [1])
    if dtype(index) not in (torch.int64, torch.int32):
        index = g.op("Cast", index, to_i=_INT64)
    return g.op("Gather", self, index, axis_i=dim)


def _with_axes(g: Any, op_type: str, input: Any, axes: Any) -> JitValue:
    """``Squeeze`` and ``Unsqueeze``: axes are an attribute before opset 13, an input since."""
    if not is_value(axes) and any(is_value(axis) for axis in axes):
        axes = g.op("Concat", *(reshape_helper(g, axis, [1]) for axis in axes), axis_i=0)
    if g.opset >= 13:
        return g.op(op_type, input, axes if is_value(axes) else longs(g, axes))
    known = maybe_const(axes, "is")
    if is_value(known):
        opset_unsupported(f"{op_type} with computed axes", g.opset, 13)
    return g.op(op_type, input, axes_i=known)


def unsqueeze_helper(g: Any, input: Any, axes_i: Any) -> JitValue:
    """``Unsqueeze`` at these axes."""
    return _with_axes(g, "Unsqueeze", input, axes_i)


def squeeze_helper(g: Any, input: Any, axes_i: Any) -> JitValue:
    """``Squeeze`` of these axes; of all of size 1 without any."""
    if not is_value(axes_i) and not axes_i:
        return g.op("Squeeze", input)
    return _with_axes(g, "Squeeze", input, axes_i)


def reducesum_helper(
    g: Any, input: Any, axes_i: Any = None, keepdims_i: int = 1, noop_with_empty_axes_i: int = 0
) -> JitValue:
    """``ReduceSum``: axes are an attribute before opset 13, an input since."""
    if g.opset < 13:
        return g.op("ReduceSum", input, axes_i=maybe_const(axes_i, "is"), keepdims_i=keepdims_i)
    axes = [] if axes_i is None else [axes_i if is_value(axes_i) else longs(g, axes_i)]
    return g.op("ReduceSum", input, *axes, keepdims_i=keepdims_i, noop_with_empty_axes_i=noop_with_empty_axes_i)


def reshape_helper(g: Any, input: Any, shape: Any, allowzero: int = 0) -> JitValue:
    """``Reshape``; the sizes may be numbers, values, or both. ``allowzero`` exists from opset 14 on."""
    shape = maybe_const(shape, "is")
    if not is_value(shape):
        if any(is_value(item) for item in shape):
            parts = [item if is_value(item) else longs(g, [item]) for item in shape]
            one = longs(g, [1])
            shape = g.op("Concat", *(g.op("Reshape", part, one) for part in parts), axis_i=0)
        else:
            shape = longs(g, list(shape))
    if g.opset < 14:
        if allowzero:
            opset_unsupported("Reshape with allowzero", g.opset, 14)
        return g.op("Reshape", input, shape)
    return g.op("Reshape", input, shape, allowzero_i=allowzero)


def topk_helper(
    g: Any, input: Any, k: Any, dim: int, largest: bool = True, sorted: bool = False, out: Any = None
) -> tuple[JitValue, JitValue]:
    """``TopK``: values and indices."""
    _no_out("topk", out)
    known = maybe_const(k, "i")
    if g.opset < 10:
        if is_value(known):
            opset_unsupported("TopK of a computed size", g.opset, 10)
        _largest_only(g, largest)
        return g.op("TopK", input, k_i=known, axis_i=dim, outputs=2)
    count = reshape_helper(g, k, [1]) if is_value(known) else longs(g, [known])
    if g.opset < 11:
        _largest_only(g, largest)
        return g.op("TopK", input, count, axis_i=dim, outputs=2)
    return g.op("TopK", input, count, axis_i=dim, largest_i=int(largest), sorted_i=int(sorted), outputs=2)


def sort_helper(g: Any, input: Any, dim: int, descending: bool = True, out: Any = None) -> tuple[JitValue, JitValue]:
    """A sort: the ``TopK`` of everything."""
    _no_out("sort", out)
    return topk_helper(g, input, size_helper(g, input, longs(g, dim)), dim, largest=descending, sorted=True)


def _largest_only(g: Any, largest: bool) -> None:
    if not largest:
        opset_unsupported("the smallest elements", g.opset, 11)


def _no_out(name: str, out: Any) -> None:
    if out is not None:
        raise UnsupportedOperatorError(f"its symbolic function cannot convert {name} with out=", argument="out")


def shape_as_tensor(g: Any, input: Any) -> JitValue:
    """``Shape``."""
    return g.op("Shape", input)


def size_helper(g: Any, self: Any, dim: Any) -> JitValue:
    """One size, computed when the model runs; of the rank of ``dim``."""
    index = dim if is_value(dim) else longs(g, dim)
    return g.op("Gather", shape_as_tensor(g, self), index, axis_i=0)


def numel_helper(g: Any, self: Any) -> JitValue:
    """The number of elements, computed when the model runs."""
    return g.op("ReduceProd", shape_as_tensor(g, self), keepdims_i=0)


def less_helper(g: Any, input: Any, other: Any) -> JitValue:
    """``Less``."""
    return g.op("Less", input, other)


def flatten_helper(g: Any, input: Any, start_dim: int, end_dim: int, dim: int) -> JitValue:
    """The dimensions ``start_dim`` … ``end_dim`` of ``dim`` as one."""
    shape = shape_as_tensor(g, input)
    parts = [longs(g, [-1])]
    if start_dim > 0:
        parts.insert(0, slice_helper(g, shape, [0], [0], [start_dim]))
    if end_dim < dim - 1:
        parts.append(slice_helper(g, shape, [0], [end_dim + 1], [dim]))
    return reshape_helper(g, input, g.op("Concat", *parts, axis_i=0) if len(parts) > 1 else parts[0])


def unbind_helper(g: Any, self: Any, dim: int, outputs: int | None) -> Any:
    """The slices along a dimension, without it: as many as are asked for, or as it has."""
    count = outputs if outputs is not None else size(self, dim)
    if count is None:
        raise UnsupportedOperatorError("unbinds a dimension whose size is only known when the model runs")
    if g.opset < 13:
        parts = g.op("Split", self, split_i=[1] * count, axis_i=dim, outputs=count)
    else:
        parts = g.op("Split", self, longs(g, [1] * count), axis_i=dim, outputs=count)
    parts = [parts] if count == 1 else parts
    squeezed = [squeeze_helper(g, part, [dim]) for part in parts]
    return squeezed if outputs is not None and outputs > 1 else squeezed[0] if count == 1 else squeezed


def wrapped_number(g: Any, number: Any) -> JitValue:
    """A Python number as a constant; a value as it is."""
    if is_value(number):
        return number
    if isinstance(number, float):
        return g.op("Constant", value_t=torch.tensor(number, dtype=torch.double))
    return g.op("Constant", value_t=torch.tensor(number))


def absent_input(g: Any) -> JitValue:
    """What stands for an optional input that is not given."""
    return g.op("prim::Constant").setType(JitC.NoneType.get())


def all_dimensions(g: Any, self: Any, op_name: str) -> JitValue:
    """All dimensions of a tensor, for a reduction over each of them."""
    del op_name
    known = rank(self)
    if known is not None:
        return longs(g, list(range(known)))
    count = g.op("Shape", shape_as_tensor(g, self))
    return g.op("Range", longs(g, 0), g.op("Squeeze", count), longs(g, 1))


def index_fill_reshape(g: Any, self: Any, dim: Any, index: Any) -> tuple[JitValue, JitValue]:
    """The shape of a tensor, and an index of one dimension in the rank of that tensor, expanded to its shape."""
    known, axis = rank(self), maybe_const(dim, "i")
    if known is None or is_value(axis):
        raise UnsupportedOperatorError("fills at an index along a dimension that is not known at export")
    axis %= known
    wide = unsqueeze_helper(g, index, [place for place in range(known) if place != axis])
    shape = shape_as_tensor(g, self)
    one = longs(g, [1])
    parts = [one if place == axis else slice_helper(g, shape, [0], [place], [place + 1]) for place in range(known)]
    target = g.op("Concat", *parts, axis_i=0)
    return shape, g.op("Expand", wide, target)


def pool_helper(
    tuple_fn: Any, padding: Any, kernel_size: Any, stride: Any, divisor_override: Any, name: str
) -> tuple[int, ...]:
    """Checks an average pool's arguments; its padding as the function makes tuples of numbers."""
    del kernel_size, stride
    if divisor_override is not None and not (is_value(divisor_override) and divisor_override.node().mustBeNone()):
        raise UnsupportedOperatorError(f"its symbolic function cannot convert {name} with a divisor of its own")
    return tuple(tuple_fn(padding))
