"""Pooling over fixed windows: maximum with and without indices, average, and the inverse of maximum."""

from __future__ import annotations

from collections.abc import Callable

import onnx_ir as ir
import torch

from onnx_explore import dtypes
from onnx_explore.emit import Emitter, forms, shapes
from onnx_explore.emit.forms.pooling import average_pool, max_pool
from onnx_explore.errors import UnsupportedOperatorError
from onnx_explore.symbolic.annotations import Dim, Tensor
from onnx_explore.symbolic.aten.spatial import batched, per_axis
from onnx_explore.symbolic.promotion import is_float
from onnx_explore.symbolic.registry import REGISTRY, Variant, symbolic


def in_plane(g: Emitter, positions: Tensor, x: Tensor, spatial: int) -> Tensor:
    """Positions in the whole flattened tensor (ONNX) as positions in each channel's plane (PyTorch)."""
    plane = shapes.product(g, [shapes.size(g, x, axis) for axis in range(-spatial, 0)])
    length = shapes.as_scalar(g, plane)
    if g.opset >= 10:
        return g.op("Mod", positions, length)
    return g.op("Sub", positions, g.op("Mul", g.op("Div", positions, length), length))


def _max(
    g: Emitter,
    x: Tensor,
    spatial: int,
    kernel_size: list[int],
    stride: list[int],
    padding: list[int],
    dilation: list[int],
    ceil_mode: bool,
    indices: bool,
) -> Tensor | tuple[Tensor, ...]:
    kernel = per_axis(kernel_size, spatial)

    def compute(batch: Tensor) -> Tensor | tuple[Tensor, ...]:
        made = max_pool(
            g,
            batch,
            kernel,
            per_axis(stride, spatial) if stride else kernel,
            per_axis(padding, spatial),
            per_axis(dilation, spatial),
            ceil_mode,
            indices=indices,
        )
        if isinstance(made, tuple):
            return made[0], in_plane(g, made[1], batch, spatial)
        return made

    return batched(g, x, spatial, compute)


def _register_max(name: str, spatial: int, indices: bool) -> None:
    def pooled(
        g: Emitter,
        self: Tensor,
        kernel_size: list[int],
        stride: list[int],
        padding: list[int],
        dilation: list[int],
        ceil_mode: bool = False,
    ) -> Tensor | tuple[Tensor, ...]:
        return _max(g, self, spatial, kernel_size, stride, padding, dilation, ceil_mode, indices)

    returns = "(Tensor, Tensor)" if indices else "Tensor"
    pooled.__doc__ = (
        f"{name}(Tensor self, int[{spatial}] kernel_size, int[{spatial}] stride=[], int[{spatial}] padding=0, "
        f"int[{spatial}] dilation=1, bool ceil_mode=False) -> {returns}"
    )
    _add(name, pooled, since=8 if indices else 7)


def _add(name: str, function: Callable[..., object], since: int = 7) -> None:
    function.__name__ = function.__qualname__ = name
    REGISTRY.function(f"aten::{name}").add(Variant(since, function))


for _spatial in (1, 2, 3):
    _register_max(f"max_pool{_spatial}d", _spatial, False)
    _register_max(f"max_pool{_spatial}d_with_indices", _spatial, True)


@symbolic("aten::avg_pool1d")
def avg_pool1d(
    g: Emitter,
    self: Tensor,
    kernel_size: list[int],
    stride: list[int],
    padding: list[int],
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """avg_pool1d(Tensor self, int[1] kernel_size, int[1] stride=[], int[1] padding=[0], bool ceil_mode=False, bool
    count_include_pad=True) -> Tensor
    """
    return _average(g, self, 1, kernel_size, stride, padding, ceil_mode, count_include_pad)


@symbolic("aten::avg_pool2d")
def avg_pool2d(
    g: Emitter,
    self: Tensor,
    kernel_size: list[int],
    stride: list[int],
    padding: list[int],
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """avg_pool2d(Tensor self, int[2] kernel_size, int[2] stride=[], int[2] padding=0, bool ceil_mode=False, bool
    count_include_pad=True, int? divisor_override=None) -> Tensor
    """
    return _average(g, self, 2, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)


@symbolic("aten::avg_pool3d")
def avg_pool3d(
    g: Emitter,
    self: Tensor,
    kernel_size: list[int],
    stride: list[int],
    padding: list[int],
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """avg_pool3d(Tensor self, int[3] kernel_size, int[3] stride=[], int[3] padding=0, bool ceil_mode=False, bool
    count_include_pad=True, int? divisor_override=None) -> Tensor
    """
    return _average(g, self, 3, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)


def _average(
    g: Emitter,
    x: Tensor,
    spatial: int,
    kernel_size: list[int],
    stride: list[int],
    padding: list[int],
    ceil_mode: bool,
    count_include_pad: bool,
    divisor: int | None = None,
) -> Tensor:
    kernel = per_axis(kernel_size, spatial)
    strides = per_axis(stride, spatial) if stride else kernel
    amounts = per_axis(padding, spatial)

    def compute(batch: Tensor) -> Tensor:
        if divisor is None:
            return average_pool(g, batch, kernel, strides, amounts, ceil_mode, count_include_pad)
        return _divided(g, batch, kernel, strides, amounts, ceil_mode, divisor)

    if is_float(x):
        return batched(g, x, spatial, compute)
    # Integers are divided towards zero. A whole mean that rounding left just short of itself is lifted over the edge.
    mean = batched(g, g.cast(x, ir.DataType.FLOAT), spatial, compute)
    return g.cast(g.op("Mul", mean, g.like(1 + 1e-6, mean)), g.dtype(x))


def _divided(
    g: Emitter, x: Tensor, kernel: list[int], stride: list[int], padding: list[int], ceil_mode: bool, divisor: int
) -> Tensor:
    """A window's sum by a number of the caller's: a mean over full windows, times their size."""
    if ceil_mode:
        # Zeros make the partial last window a full one; a window that would start in them is cut off afterwards.
        tail = [step - 1 for step in stride]
        padded = forms.pad(g, x, [0, 0, *padding], [0, 0, *[a + b for a, b in zip(padding, tail, strict=True)]])
        mean = average_pool(g, padded, kernel, stride, [0] * len(kernel), False, False)
        lengths = [
            _length(g, shapes.size(g, x, axis + 2), *rest)
            for axis, rest in enumerate(zip(kernel, stride, padding, strict=True))
        ]
        axes = list(range(2, 2 + len(kernel)))
        mean = forms.slice_axes(g, mean, [0] * len(kernel), lengths, axes)
    else:
        mean = average_pool(g, x, kernel, stride, padding, False, True)
    window = 1
    for size in kernel:
        window *= size
    return mean if window == divisor else g.op("Mul", mean, g.like(window / divisor, mean))


def _length(g: Emitter, size: Dim, kernel: int, stride: int, padding: int) -> Dim:
    """How many windows ``ceil_mode`` gives: as many as are needed, but none that starts behind the input."""
    needed = shapes.add(g, shapes.div(g, shapes.add(g, size, 2 * padding - kernel + stride - 1), stride), 1)
    starting = shapes.add(g, shapes.div(g, shapes.add(g, size, padding - 1), stride), 1)
    return shapes.minimum(g, needed, starting)


@symbolic("aten::max_unpool2d", since=9)
def max_unpool2d(g: Emitter, self: Tensor, indices: Tensor, output_size: list[Dim]) -> Tensor:
    """max_unpool2d(Tensor self, Tensor indices, SymInt[2] output_size) -> Tensor"""
    return _unpool(g, self, indices, output_size)


@symbolic("aten::max_unpool3d", since=9)
def max_unpool3d(
    g: Emitter, self: Tensor, indices: Tensor, output_size: list[Dim], stride: list[int], padding: list[int]
) -> Tensor:
    """max_unpool3d(Tensor self, Tensor indices, SymInt[3] output_size, int[3] stride, int[3] padding) -> Tensor"""
    del stride, padding  # output_size says it all
    return _unpool(g, self, indices, output_size)


@symbolic("aten::max_pool2d_with_indices_backward", since=16)
def max_pool2d_with_indices_backward(
    g: Emitter,
    grad_output: Tensor,
    self: Tensor,
    kernel_size: list[int],
    stride: list[int],
    padding: list[int],
    dilation: list[int],
    ceil_mode: bool,
    indices: Tensor,
) -> Tensor:
    """max_pool2d_with_indices_backward(Tensor grad_output, Tensor self, int[2] kernel_size, int[2] stride, int[2] padding,
    int[2] dilation, bool ceil_mode, Tensor indices) -> Tensor: what overlapping windows took from one place is added
    """
    del kernel_size, stride, padding, dilation, ceil_mode  # the indices say it all
    return _unpool(g, grad_output, indices, shapes.sizes(g, self)[-2:], "add")


def _unpool(g: Emitter, x: Tensor, indices: Tensor, output_size: list[Dim], reduction: str = "none") -> Tensor:
    """Scatter into planes of zeros. ONNX's MaxUnpool counts over the whole tensor; PyTorch's indices count in a
    plane.
    """
    spatial = len(output_size)
    outer = [shapes.size(g, x, axis) for axis in range(g.rank(x) - spatial)]
    zero = torch.zeros(1, dtype=dtypes.to_torch(g.dtype(x)))
    planes = g.op("ConstantOfShape", shapes.vector(g, [*outer, shapes.product(g, output_size)]), value=zero)
    flat = shapes.vector(g, [*([0] * len(outer)), -1])
    places, values = g.op("Reshape", indices, flat), g.op("Reshape", x, flat)
    scattered = forms.scatter_elements(g, planes, places, values, len(outer), reduction)
    return g.op("Reshape", scattered, shapes.vector(g, [*outer, *output_size]))


@symbolic("aten::fractional_max_pool2d", since=11)
def fractional_max_pool2d(
    g: Emitter, self: Tensor, kernel_size: list[int], output_size: list[int], random_samples: Tensor
) -> tuple[Tensor, ...]:
    """fractional_max_pool2d(Tensor self, int[2] kernel_size, int[2] output_size, Tensor random_samples) -> (Tensor,
    Tensor)
    """
    return _fractional(g, self, per_axis(kernel_size, 2), per_axis(output_size, 2), random_samples, [1, 0])


@symbolic("aten::fractional_max_pool3d", since=11)
def fractional_max_pool3d(
    g: Emitter, self: Tensor, kernel_size: list[int], output_size: list[int], random_samples: Tensor
) -> tuple[Tensor, ...]:
    """fractional_max_pool3d(Tensor self, int[3] kernel_size, int[3] output_size, Tensor random_samples) -> (Tensor,
    Tensor)
    """
    return _fractional(g, self, per_axis(kernel_size, 3), per_axis(output_size, 3), random_samples, [0, 1, 2])


def _fractional(
    g: Emitter, x: Tensor, kernel: list[int], output: list[int], samples: Tensor, columns: list[int]
) -> tuple[Tensor, ...]:
    """Windows of a fixed size at places that the samples (batch, channel, axis) decide.

    Window *i* of *n* starts at ``int((i + u) * a) - int(u * a)`` with ``a = (size - kernel) / (n - 1)``; the last one
    ends at the border. The 2-d samples stand in the order width, height: ``columns`` says which is whose.
    """
    spatial = len(kernel)

    def compute(batch: Tensor) -> tuple[Tensor, ...]:
        position: Tensor | None = None  # (batch, channel, *output, *kernel): where in the plane
        for axis in range(spatial):
            size = shapes.size(g, batch, axis + 2)
            starts = _starts(g, forms.select(g, samples, 2, columns[axis]), size, kernel[axis], output[axis])
            starts = forms.unsqueeze(g, starts, [a + 2 for a in range(2 * spatial) if a != axis])
            steps = g.op("Reshape", g.const(list(range(kernel[axis]))), [-1] + [1] * (spatial - 1 - axis))
            here = g.op("Add", starts, steps)
            if position is None:
                position = here
            else:
                position = g.op("Add", g.op("Mul", position, shapes.as_scalar(g, size)), here)
        assert position is not None
        planes = g.op("Reshape", batch, [0, 0, -1])
        shape = [shapes.size(g, batch, 0), shapes.size(g, batch, 1), *output, -1]
        windows = g.op("GatherElements", planes, g.op("Reshape", position, [0, 0, -1]), axis=2)
        windows = g.op("Reshape", windows, shapes.vector(g, shape))
        position = g.op("Reshape", position, shapes.vector(g, shape))
        values = forms.reduce(g, "ReduceMax", windows, [spatial + 2])
        best = g.op("ArgMax", windows, axis=spatial + 2, keepdims=1)
        return values, forms.squeeze(g, g.op("GatherElements", position, best, axis=spatial + 2), [spatial + 2])

    if any(item == 1 for item in output) and not shapes.is_static(x):
        raise UnsupportedOperatorError("an output size of 1 over an input whose size is known only at run time")
    return batched(g, x, spatial, compute)


def _starts(g: Emitter, samples: Tensor, size: Dim, kernel: int, count: int) -> Tensor:
    """(batch, channel) samples → (batch, channel, count) first elements."""
    last = shapes.sub(g, size, kernel)
    if count == 1:
        zeros = g.op("Mul", g.cast(samples, dtypes.to_onnx(torch.int64)), g.const(0))
        return forms.unsqueeze(g, g.op("Add", zeros, shapes.as_scalar(g, last)), [2])
    dtype = g.dtype(samples)
    step = g.op("Div", g.cast(shapes.as_scalar(g, last), dtype), g.const(count - 1, dtype))
    u = forms.unsqueeze(g, samples, [2])
    moved = g.op("Mul", g.op("Add", u, g.const([float(i) for i in range(count - 1)], dtype)), step)
    integer = dtypes.to_onnx(torch.int64)
    starts = g.op("Sub", g.cast(moved, integer), g.cast(g.op("Mul", u, step), integer))
    shape = shapes.vector(g, [shapes.size(g, samples, 0), shapes.size(g, samples, 1), 1])
    border = g.op("Expand", shapes.as_vector(g, last), shape)
    return g.op("Concat", starts, border, axis=2)
