"""Reductions whose ONNX operators changed between opsets, as symbolic functions of the reference call them: with ``g``.

In: ``g``, values, numbers. Out: a value, or two. Until opset 17 dimensions are an attribute, from 18 on an input.
"""

# ruff: noqa: A002  (the reference's names)
from __future__ import annotations

from typing import Any

import torch

from onnx_explore.compat.asking import get_const, is_none
from onnx_explore.compat.composing import longs, numel_helper, reshape_helper, shape_as_tensor
from onnx_explore.compat.parsing import parse_arg
from onnx_explore.compat.promoting import cast_to, scalar_type, with_float_cast

JitValue = Any
_INPUT_SINCE = 18


def _reduced(g: Any, op_type: str, self: Any, dims: Any, keepdim: int) -> JitValue:
    """A reduction over some dimensions; of all of them if there are none."""
    if dims is None:
        return g.op(op_type, self, keepdims_i=keepdim)
    if g.opset < _INPUT_SINCE:
        return g.op(op_type, self, axes_i=list(dims), keepdims_i=keepdim)
    return g.op(op_type, self, longs(g, list(dims)), keepdims_i=keepdim)


def position_helper(g: Any, input: Any, dim: Any, keepdim: Any, op_name: str) -> JitValue:
    """``ArgMin`` or ``ArgMax``: of a dimension, or, without one, of all elements in a row. The first of equal ones."""
    keep = bool(parse_arg(keepdim, "b"))
    first: dict[str, Any] = {"select_last_index_i": 0} if g.opset >= 12 else {}
    if not is_none(dim):
        return g.op(op_name, input, axis_i=parse_arg(dim, "i"), keepdims_i=int(keep), **first)
    found = g.op(op_name, reshape_helper(g, input, [-1]), axis_i=0, keepdims_i=0, **first)
    if not keep:
        return found
    ones = g.op("ConstantOfShape", g.op("Shape", shape_as_tensor(g, input)), value_t=torch.tensor([1]))
    return g.op("Reshape", found, ones)


def largest_helper(g: Any, self: Any, dim_or_y: Any = None, keepdim: Any = None) -> Any:
    """``torch.max`` in its three forms."""
    return _extreme(g, "Max", self, dim_or_y, keepdim)


def smallest_helper(g: Any, self: Any, dim_or_y: Any = None, keepdim: Any = None) -> Any:
    """``torch.min`` in its three forms."""
    return _extreme(g, "Min", self, dim_or_y, keepdim)


def _extreme(g: Any, which: str, self: Any, dim_or_y: Any, keepdim: Any) -> Any:
    if keepdim is None:
        if dim_or_y is None:
            return _reduced(g, f"Reduce{which}", self, None, 0)
        return with_float_cast(g, which, self, dim_or_y, opset_before=12)
    dim, keep = get_const(dim_or_y, "i", "dim"), get_const(keepdim, "i", "keepdim")
    return _reduced(g, f"Reduce{which}", self, [dim], keep), g.op(f"Arg{which}", self, axis_i=dim, keepdims_i=keep)


def variance_helper(g: Any, input: Any, dim: Any, correction: Any, keepdim: int) -> tuple[JitValue, JitValue]:
    """Variance and mean over some dimensions (all for None), divided by their number less the correction (1 for None)."""
    own = scalar_type(input)
    mean = _reduced(g, "ReduceMean", input, dim, 0 if dim is None else keepdim)
    centered = g.op("Sub", input, _reduced(g, "ReduceMean", input, dim, 1))
    squares = g.op("Mul", centered, centered)
    variance = _reduced(g, "ReduceMean", squares, dim, 0 if dim is None else keepdim)
    less = 1 if correction is None else correction
    if less:
        count = numel_helper(g, input) if dim is None else _count(g, input, dim)
        # The mean is divided by their number; ours is to be divided by less.
        number = count if own is None else cast_to(g, count, own)
        wanted = g.op("Sub", number, g.op("Constant", value_t=_number(less, own)))
        variance = g.op("Div", g.op("Mul", variance, number), wanted)
    return variance, mean


def _count(g: Any, input: Any, dims: Any) -> JitValue:
    sizes = g.op("Gather", shape_as_tensor(g, input), longs(g, list(dims)), axis_i=0)
    return g.op("ReduceProd", sizes, keepdims_i=0)


def _number(number: float, kind: Any) -> torch.Tensor:
    return torch.tensor(number) if kind is None else torch.tensor(number, dtype=kind.dtype())
