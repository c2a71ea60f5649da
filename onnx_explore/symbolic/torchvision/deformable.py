"""Convolution over displaced elements: DeformConv from opset 19 on; below, the displaced elements are gathered.

offset → places (batch, groups of offsets, kernel, out height, out width) → four neighbours each, weighted
→ columns (batch, groups, channels · kernel, out places) → MatMul with the weight.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from onnx_explore.emit import Emitter, forms, shapes
from onnx_explore.emit.algebra import add, mul, sub
from onnx_explore.emit.forms.comparison import greater_or_equal, less_or_equal
from onnx_explore.errors import UnsupportedOperatorError
from onnx_explore.symbolic.annotations import Dim, Tensor
from onnx_explore.symbolic.aten.reduce import widened
from onnx_explore.symbolic.registry import symbolic

_INT64 = ir.DataType.INT64


@symbolic("torchvision::deform_conv2d", since=8)
def deform_conv2d(
    g: Emitter,
    input: Tensor,
    weight: Tensor,
    offset: Tensor,
    mask: Tensor,
    bias: Tensor,
    stride_h: int,
    stride_w: int,
    pad_h: int,
    pad_w: int,
    dilation_h: int,
    dilation_w: int,
    groups: int,
    offset_groups: int,
    use_mask: bool,
) -> Tensor:
    """torchvision::deform_conv2d(Tensor input, Tensor weight, Tensor offset, Tensor mask, Tensor bias, SymInt stride_h,
    SymInt stride_w, SymInt pad_h, SymInt pad_w, SymInt dilation_h, SymInt dilation_w, SymInt groups, SymInt
    offset_groups, bool use_mask) -> Tensor
    """
    input, weight, offset, bias = (widened(g, item) for item in (input, weight, offset, bias))
    rows, columns, channels_out = (_static(weight, axis) for axis in (2, 3, 0))
    kernel = rows * columns
    batch, *sizes = (shapes.size(g, offset, axis) for axis in (0, 2, 3))
    apart = forms.reshape(g, offset, [batch, offset_groups, kernel, 2, *sizes])
    lines = np.repeat(np.arange(rows), columns) * dilation_h - pad_h
    across = np.tile(np.arange(columns), rows) * dilation_w - pad_w
    y = g.op("Add", forms.select(g, apart, 3, 0), _regular(g, apart, lines, sizes[0], stride_h, [2]))
    x = g.op("Add", forms.select(g, apart, 3, 1), _regular(g, apart, across, sizes[1], stride_w, [1]))
    channels = _static(weight, 1) * groups
    taken = _bilinear(g, input, y, x, offset_groups, channels // offset_groups)
    if use_mask:
        taken = g.op("Mul", taken, forms.reshape(g, widened(g, mask), [batch, offset_groups, kernel, *sizes, 1]))
    depth = channels // groups * kernel
    places = shapes.product(g, sizes)
    taken = forms.reshape(g, g.op("Transpose", taken, perm=[0, 1, 5, 2, 3, 4]), [batch, groups, depth, places])
    matrices = forms.reshape(g, weight, [groups, channels_out // groups, depth])
    result = forms.reshape(g, g.op("MatMul", matrices, taken), [batch, channels_out, *sizes])
    return g.op("Add", result, forms.unsqueeze(g, bias, [1, 2]))


@deform_conv2d.since(19)
def _(
    g: Emitter,
    input: Tensor,
    weight: Tensor,
    offset: Tensor,
    mask: Tensor,
    bias: Tensor,
    stride_h: int,
    stride_w: int,
    pad_h: int,
    pad_w: int,
    dilation_h: int,
    dilation_w: int,
    groups: int,
    offset_groups: int,
    use_mask: bool,
) -> Tensor:
    return g.op(
        "DeformConv",
        input,
        weight,
        offset,
        bias,
        mask if use_mask else None,
        kernel_shape=[_static(weight, 2), _static(weight, 3)],
        strides=[stride_h, stride_w],
        pads=[pad_h, pad_w, pad_h, pad_w],
        dilations=[dilation_h, dilation_w],
        group=groups,
        offset_group=offset_groups,
    )


def _static(weight: Tensor, axis: int) -> int:
    assert weight.shape is not None
    size = weight.shape[axis]
    if not isinstance(size, int):
        raise UnsupportedOperatorError(f"the weight's size {axis} is known only at run time")
    return size


def _regular(g: Emitter, like: Tensor, starts: np.ndarray, size: Dim, stride: int, missing: list[int]) -> Tensor:
    """Where undisplaced elements are along an axis: (kernel, out height, out width) with 1 for the axis ``missing``."""
    dtype = g.dtype(like)
    steps = mul(g, g.cast(forms.iota(g, size), dtype), stride)
    return forms.unsqueeze(g, g.op("Add", g.const(starts.reshape(-1, 1).tolist(), dtype), steps), missing)


def _bilinear(g: Emitter, input: Tensor, y: Tensor, x: Tensor, offset_groups: int, channels: int) -> Tensor:
    """The elements at the places, 0 outside: (batch, groups of offsets, kernel, out height, out width, channels)."""
    batch, height, width = (shapes.size(g, input, axis) for axis in (0, 2, 3))
    apart = forms.reshape(g, input, [batch, offset_groups, channels, height, width])
    rows = forms.reshape(g, g.op("Transpose", apart, perm=[0, 1, 3, 4, 2]), [-1, channels])
    images = forms.unsqueeze(g, mul(g, forms.iota(g, batch), offset_groups), [1])
    planes = add(g, images, forms.iota(g, offset_groups)) if offset_groups > 1 else images
    planes = g.op("Mul", forms.unsqueeze(g, planes, [2, 3, 4]), shapes.as_scalar(g, height))
    total: Tensor | None = None
    for line, line_weight in _neighbours(g, y, height):
        start = g.op("Mul", g.op("Add", planes, line), shapes.as_scalar(g, width))
        for column, column_weight in _neighbours(g, x, width):
            weight = forms.unsqueeze(g, g.op("Mul", line_weight, column_weight), [5])
            part = g.op("Mul", g.op("Gather", rows, g.op("Add", start, column)), weight)
            total = part if total is None else g.op("Add", total, part)
    assert total is not None
    return total


def _neighbours(g: Emitter, place: Tensor, size: Dim) -> list[tuple[Tensor, Tensor]]:
    """The element numbers below and above a place, moved into the tensor, and their weights: 0 for those outside."""
    last = g.cast(shapes.as_scalar(g, shapes.sub(g, size, 1)), g.dtype(place))
    below = g.op("Floor", place)
    share = g.op("Sub", place, below)
    found: list[tuple[Tensor, Tensor]] = []
    for whole, weight in ((below, sub(g, 1, share)), (add(g, below, 1), share)):
        inside = g.op("And", greater_or_equal(g, whole, g.like(0, whole)), less_or_equal(g, whole, last))
        index = g.cast(g.op("Min", forms.clip(g, whole, 0, None), last), _INT64)
        found.append((index, g.op("Mul", weight, g.cast(inside, g.dtype(place)))))
    return found
