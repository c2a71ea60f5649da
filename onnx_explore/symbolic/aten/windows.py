"""Sliding windows of images as columns (``unfold``) and back (``fold``): im2col and col2im."""

from __future__ import annotations

import numpy as np

from onnx_explore.emit import Emitter, forms, shapes
from onnx_explore.emit.shapes import Dim
from onnx_explore.symbolic.annotations import Tensor
from onnx_explore.symbolic.aten.permute import permuted
from onnx_explore.symbolic.aten.strided import positions
from onnx_explore.symbolic.registry import symbolic


def _pair(numbers: list[int]) -> tuple[int, int]:
    return (numbers[0], numbers[0]) if len(numbers) == 1 else (numbers[0], numbers[1])


def _steps(g: Emitter, size: Dim, kernel: int, dilation: int, padding: int, stride: int) -> Dim:
    """How many windows fit along one dimension."""
    room = shapes.sub(g, size, dilation * (kernel - 1) + 1 - 2 * padding)
    return shapes.add(g, shapes.div(g, room, stride), 1)


@symbolic("aten::im2col")
def im2col(
    g: Emitter, self: Tensor, kernel_size: list[int], dilation: list[int], padding: list[int], stride: list[int]
) -> Tensor:
    """im2col(Tensor self, int[2] kernel_size, int[2] dilation, int[2] padding, int[2] stride) -> Tensor"""
    single = g.rank(self) == 3
    x = forms.unsqueeze(g, self, [0]) if single else self
    kernel, dilations, paddings, strides = (_pair(item) for item in (kernel_size, dilation, padding, stride))
    counts = [
        _steps(g, shapes.size(g, x, 2 + axis), kernel[axis], dilations[axis], paddings[axis], strides[axis])
        for axis in range(2)
    ]
    if any(paddings):
        x = forms.pad(g, x, [0, 0, *paddings], [0, 0, *paddings])
    rows, columns = (
        positions(g, [kernel[axis], counts[axis]], [dilations[axis], strides[axis]], 0) for axis in range(2)
    )
    windows = g.op("Gather", g.op("Gather", x, rows, axis=2), columns, axis=4)  # n c kh h kw w
    batch, channels = shapes.size(g, self, 0) if not single else 1, shapes.size(g, x, 1)
    ordered = permuted(g, windows, [0, 1, 2, 4, 3, 5])
    area = kernel[0] * kernel[1]
    result = forms.reshape(g, ordered, [batch, shapes.mul(g, channels, area), shapes.mul(g, counts[0], counts[1])])
    return forms.squeeze(g, result, [0]) if single else result


@symbolic("aten::col2im")
def col2im(
    g: Emitter,
    self: Tensor,
    output_size: list[Dim],
    kernel_size: list[int],
    dilation: list[int],
    padding: list[int],
    stride: list[int],
) -> Tensor:
    """col2im(Tensor self, SymInt[2] output_size, int[2] kernel_size, int[2] dilation, int[2] padding, int[2] stride)
    -> Tensor: what overlaps is added up, as a transposed convolution does with a kernel of ones and zeros
    """
    kernel, dilations, paddings, strides = (_pair(item) for item in (kernel_size, dilation, padding, stride))
    single = g.rank(self) == 2
    x = forms.unsqueeze(g, self, [0]) if single else self
    batch, columns, _ = shapes.sizes(g, x)
    area = kernel[0] * kernel[1]
    channels = shapes.div(g, columns, area)
    counts: list[int] = []
    rests: list[int] = []
    for axis, size in enumerate(output_size):
        if not isinstance(size, int):
            g.requires(18, "fold to a size that is known only at run time")
            continue
        count = _steps(g, size, kernel[axis], dilations[axis], paddings[axis], strides[axis])
        assert isinstance(count, int)
        counts.append(count)
        covered = (count - 1) * strides[axis] + dilations[axis] * (kernel[axis] - 1) + 1 - 2 * paddings[axis]
        rests.append(size - covered)
    patches = forms.reshape(g, x, [shapes.mul(g, batch, channels), area, *counts])
    ones = np.eye(area).reshape(area, 1, *kernel)
    image = g.op(
        "ConvTranspose",
        patches,
        g.const(ones.tolist(), g.dtype(self)),
        kernel_shape=list(kernel),
        strides=list(strides),
        dilations=list(dilations),
        pads=[*paddings, *paddings],
        output_padding=rests if any(rests) else None,
    )
    result = forms.reshape(g, image, [batch, channels, *output_size])
    return forms.squeeze(g, result, [0]) if single else result


@col2im.since(18)
def _(
    g: Emitter,
    self: Tensor,
    output_size: list[Dim],
    kernel_size: list[int],
    dilation: list[int],
    padding: list[int],
    stride: list[int],
) -> Tensor:
    kernel, dilations, paddings, strides = (_pair(item) for item in (kernel_size, dilation, padding, stride))
    single = g.rank(self) == 2
    x = forms.unsqueeze(g, self, [0]) if single else self
    result = g.op(
        "Col2Im",
        x,
        shapes.vector(g, output_size),
        list(kernel),
        dilations=list(dilations),
        pads=[*paddings, *paddings],
        strides=list(strides),
    )
    return forms.squeeze(g, result, [0]) if single else result
