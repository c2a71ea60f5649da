"""MaxPool (indices from opset 8, dilations and ceil_mode from 10 on) and AveragePool (ceil_mode from 10 on).

Inputs have a batch and a channel axis. ``ceil_mode`` counts a last, partial window only if it starts inside the input or
its left padding: PyTorch's rule, and ONNX's, which says so from opset 22 on. Where ``ceil_mode`` will not do, the same
windows come from more padding at the end.
"""

from __future__ import annotations

from collections.abc import Sequence

import onnx_ir as ir

from onnx_explore.emit.emitter import Emitter
from onnx_explore.emit.forms.slicing import pad


def max_pool(
    g: Emitter,
    x: ir.Value,
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    ceil_mode: bool,
    *,
    indices: bool = False,
) -> ir.Value | tuple[ir.Value, ...]:
    """MaxPool-1, -8, -10: values, and with ``indices`` positions within the whole flattened tensor, too.

    Raises:
        OpsetTooLow: For what the older versions cannot say.
    """
    if indices:
        g.requires(8, "MaxPool with indices")
    if any(step != 1 for step in dilation):
        g.requires(10, "MaxPool with dilation")
    ceil_mode, end = _ceiling(g, x, kernel, stride, padding, dilation, ceil_mode)
    return g.op(
        "MaxPool",
        x,
        outputs=2 if indices else 1,
        kernel_shape=list(kernel),
        strides=list(stride),
        pads=[*padding, *end],
        dilations=list(dilation) if any(step != 1 for step in dilation) else None,
        ceil_mode=1 if ceil_mode else None,
    )


def average_pool(
    g: Emitter,
    x: ir.Value,
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    ceil_mode: bool,
    count_include_pad: bool,
) -> ir.Value:
    """AveragePool-7, -10, -19: what a partial last window lacks never counts; padding counts with ``count_include_pad``."""
    ceil_mode, end = _ceiling(g, x, kernel, stride, padding, [1] * len(kernel), ceil_mode)
    if list(end) != list(padding) and count_include_pad:
        # Padding that counts becomes elements; what stays as padding does not count.
        x = pad(g, x, [0, 0, *padding], [0, 0, *padding])
        end = [more - amount for more, amount in zip(end, padding, strict=True)]
        padding, count_include_pad = [0] * len(kernel), False
    return g.op(
        "AveragePool",
        x,
        kernel_shape=list(kernel),
        strides=list(stride),
        pads=[*padding, *end],
        ceil_mode=1 if ceil_mode else None,
        count_include_pad=1 if count_include_pad and any(padding) else None,
    )


def _ceiling(
    g: Emitter,
    x: ir.Value,
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    ceil_mode: bool,
) -> tuple[bool, list[int]]:
    """Whether ``ceil_mode`` must be said, and the padding at the end."""
    if not ceil_mode:
        return False, list(padding)
    assert x.shape is not None
    sizes = list(x.shape)[2:]
    more: list[int] = []
    dropped = False
    for size, window, step, amount, spread in zip(sizes, kernel, stride, padding, dilation, strict=True):
        if not isinstance(size, int):
            g.requires(10, "pooling with ceil_mode over a size that is known only at run time")
            return True, list(padding)
        reach = spread * (window - 1) + 1
        count = -(-(size + 2 * amount - reach) // step) + 1
        if (count - 1) * step >= size + amount:
            count -= 1
            dropped = True
        more.append(max((count - 1) * step + reach - size - 2 * amount, 0))
    if g.opset >= (22 if dropped else 10):  # shape inference of the versions before 22 does not know the rule
        return any(more), list(padding)
    return False, [amount + extra for amount, extra in zip(padding, more, strict=True)]
