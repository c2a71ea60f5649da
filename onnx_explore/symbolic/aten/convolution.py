"""Convolution and transposed convolution in 1 to 3 dimensions: Conv and ConvTranspose."""

from __future__ import annotations

from onnx_explore.emit import Emitter, shapes
from onnx_explore.emit.forms import pad, unsqueeze
from onnx_explore.errors import UnsupportedOperatorError
from onnx_explore.symbolic.annotations import Dim, Tensor
from onnx_explore.symbolic.aten.spatial import batched, per_axis
from onnx_explore.symbolic.registry import symbolic


def _kernel(weight: Tensor) -> list[int] | None:
    """The kernel's sizes, or None if they are known only when the model runs (ONNX then reads them off the weight)."""
    assert weight.shape is not None
    sizes = list(weight.shape)[2:]
    return [int(size) for size in sizes if isinstance(size, int)] if all(isinstance(s, int) for s in sizes) else None


def _conv(
    g: Emitter,
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: list[int],
    padding: list[int],
    dilation: list[int],
    groups: int,
    end_padding: list[int] | None = None,
    auto_pad: str | None = None,
) -> Tensor:
    spatial = g.rank(weight) - 2
    pads = [*per_axis(padding, spatial), *per_axis(end_padding or padding, spatial)]

    def compute(batch: Tensor) -> Tensor:
        return g.op(
            "Conv",
            batch,
            weight,
            bias,
            kernel_shape=_kernel(weight),
            strides=per_axis(stride, spatial),
            pads=None if auto_pad else pads,
            auto_pad=auto_pad,
            dilations=per_axis(dilation, spatial),
            group=groups,
        )

    return batched(g, x, spatial, compute)


def _conv_transpose(
    g: Emitter,
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: list[int],
    padding: list[int],
    output_padding: list[int],
    groups: int,
    dilation: list[int],
) -> Tensor:
    spatial = g.rank(weight) - 2
    strides, begin = per_axis(stride, spatial), per_axis(padding, spatial)
    extra, dilations = per_axis(output_padding, spatial), per_axis(dilation, spatial)
    end, tail = list(begin), [0] * spatial
    if any(more >= step for more, step in zip(extra, strides, strict=True)):
        # ONNX Runtime wants output_padding < stride. Cropping less at the end is the same; zeros go where nothing was cropped.
        end = [max(crop - more, 0) for crop, more in zip(begin, extra, strict=True)]
        tail = [max(more - crop, 0) for crop, more in zip(begin, extra, strict=True)]
        extra = [0] * spatial
    late_bias = bias is not None and any(tail)

    def compute(batch: Tensor) -> Tensor:
        result = g.op(
            "ConvTranspose",
            batch,
            weight,
            None if late_bias else bias,
            kernel_shape=_kernel(weight),
            strides=strides,
            pads=[*begin, *end],
            output_padding=extra if any(extra) else None,
            dilations=dilations,
            group=groups,
        )
        if any(tail):
            result = pad(g, result, [0] * (spatial + 2), [0, 0, *tail])
        if bias is not None and late_bias:
            result = g.op("Add", result, unsqueeze(g, bias, list(range(1, spatial + 1))))
        return result

    return batched(g, x, spatial, compute)


@symbolic("aten::conv1d", "aten::conv2d", "aten::conv3d")
def conv(
    g: Emitter,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: list[int],
    padding: list[int],
    dilation: list[int],
    groups: int,
) -> Tensor:
    """conv2d(Tensor input, Tensor weight, Tensor? bias=None, SymInt[2] stride=[1, 1], SymInt[2] padding=[0, 0],
    SymInt[2] dilation=[1, 1], SymInt groups=1) -> Tensor
    """
    return _conv(g, input, weight, bias, stride, padding, dilation, groups)


@symbolic("aten::conv1d.padding", "aten::conv2d.padding", "aten::conv3d.padding", "aten::_convolution_mode")
def conv_mode(
    g: Emitter,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: list[int],
    padding: str,
    dilation: list[int],
    groups: int,
) -> Tensor:
    """conv2d.padding(Tensor input, Tensor weight, Tensor? bias=None, SymInt[2] stride=[1, 1], str padding="valid",
        SymInt[2] dilation=[1, 1], SymInt groups=1) -> Tensor

    With "same" an odd amount of padding puts one more element at the end.
    """
    spatial = g.rank(weight) - 2
    if padding == "valid":
        return _conv(g, input, weight, bias, stride, [0] * spatial, dilation, groups)
    if padding != "same":
        raise UnsupportedOperatorError(f"padding is {padding!r}; PyTorch knows 'same' and 'valid'")
    kernel = _kernel(weight)
    if kernel is None:
        if any(step != 1 for step in dilation):  # ONNX Runtime takes auto_pad without dilation only
            return _conv(g, _same_padded(g, input, weight, dilation), weight, bias, stride, [0], dilation, groups)
        return _conv(g, input, weight, bias, stride, [0], dilation, groups, auto_pad="SAME_UPPER")
    total = [step * (size - 1) for step, size in zip(per_axis(dilation, spatial), kernel, strict=True)]
    begin = [amount // 2 for amount in total]
    end = [amount - half for amount, half in zip(total, begin, strict=True)]
    return _conv(g, input, weight, bias, stride, begin, dilation, groups, end_padding=end)


def _same_padded(g: Emitter, x: Tensor, weight: Tensor, dilation: list[int]) -> Tensor:
    """Zeros for a kernel whose size is known only when the model runs."""
    spatial, rank = g.rank(weight) - 2, g.rank(x)
    begin: list[Dim] = [0] * (rank - spatial)
    end: list[Dim] = [0] * (rank - spatial)
    for axis, step in enumerate(per_axis(dilation, spatial)):
        total = shapes.mul(g, shapes.sub(g, shapes.size(g, weight, axis + 2), 1), step)
        begin.append(shapes.div(g, total, 2))
        end.append(shapes.sub(g, total, begin[-1]))
    return pad(g, x, begin, end)


@symbolic("aten::conv_transpose1d", "aten::conv_transpose2d", "aten::conv_transpose3d")
def conv_transpose(
    g: Emitter,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: list[int],
    padding: list[int],
    output_padding: list[int],
    groups: int,
    dilation: list[int],
) -> Tensor:
    """conv_transpose2d.input(Tensor input, Tensor weight, Tensor? bias=None, SymInt[2] stride=[1, 1], SymInt[2]
    padding=[0, 0], SymInt[2] output_padding=[0, 0], SymInt groups=1, SymInt[2] dilation=[1, 1]) -> Tensor
    """
    return _conv_transpose(g, input, weight, bias, stride, padding, output_padding, groups, dilation)


@symbolic("aten::_convolution", "aten::convolution", "aten::convolution_overrideable")
def convolution(
    g: Emitter,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: list[int],
    padding: list[int],
    dilation: list[int],
    transposed: bool,
    output_padding: list[int],
    groups: int,
    benchmark: bool = False,
    deterministic: bool = False,
    allow_tf32: bool = False,
) -> Tensor:
    """_convolution(Tensor input, Tensor weight, Tensor? bias, SymInt[] stride, SymInt[] padding, SymInt[] dilation,
    bool transposed, SymInt[] output_padding, SymInt groups, bool benchmark, bool deterministic, bool
    cudnn_enabled, bool allow_tf32) -> Tensor
    """
    del benchmark, deterministic, allow_tf32  # how it is computed, not what
    if transposed:
        return _conv_transpose(g, input, weight, bias, stride, padding, output_padding, groups, dilation)
    return _conv(g, input, weight, bias, stride, padding, dilation, groups)


@symbolic("aten::mkldnn_convolution")
def mkldnn_convolution(
    g: Emitter,
    self: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    padding: list[int],
    stride: list[int],
    dilation: list[int],
    groups: int,
) -> Tensor:
    """mkldnn_convolution(Tensor self, Tensor weight, Tensor? bias, SymInt[] padding, SymInt[] stride, SymInt[]
    dilation, SymInt groups) -> Tensor
    """
    return _conv(g, self, weight, bias, stride, padding, dilation, groups)


@symbolic("aten::thnn_conv2d", "aten::_slow_conv2d_forward", "aten::slow_conv3d")
def slow_conv(
    g: Emitter,
    self: Tensor,
    weight: Tensor,
    kernel_size: list[int],
    bias: Tensor | None,
    stride: list[int],
    padding: list[int],
) -> Tensor:
    """thnn_conv2d(Tensor self, Tensor weight, SymInt[2] kernel_size, Tensor? bias=None, SymInt[2] stride=[1, 1],
    SymInt[2] padding=[0, 0]) -> Tensor
    """
    del kernel_size  # the weight has it
    return _conv(g, self, weight, bias, stride, padding, [1], 1)


@symbolic("aten::conv_tbc")
def conv_tbc(g: Emitter, self: Tensor, weight: Tensor, bias: Tensor, pad: int = 0) -> Tensor:
    """conv_tbc(Tensor self, Tensor weight, Tensor bias, int pad=0) -> Tensor

    Time, batch, channels; the weight is (kernel, channels in, channels out).
    """
    x = g.op("Transpose", self, perm=[1, 2, 0])
    kernel = g.op("Transpose", weight, perm=[2, 1, 0])
    return g.op("Transpose", _conv(g, x, kernel, bias, [1], [pad], [1], 1), perm=[2, 0, 1])


__all__ = ["conv", "conv_mode", "conv_transpose", "convolution"]
