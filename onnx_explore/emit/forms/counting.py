"""``0, 1, … n-1``: Range exists from opset 11 on; NonZero counts below."""

from __future__ import annotations

import onnx_ir as ir
import torch

from onnx_explore.emit import shapes
from onnx_explore.emit.emitter import Emitter
from onnx_explore.emit.forms.axes import squeeze
from onnx_explore.emit.shapes import Dim


def count(g: Emitter, n: Dim) -> ir.Value:
    """The int64 vector ``0 … n-1``: a constant where ``n`` is known.

    Raises:
        OpsetTooLow: If ``n`` is not known at export, below opset 9.
    """
    if isinstance(n, int):
        return g.const(list(range(n)))
    if g.opset >= 11:
        return g.op("Range", g.const(0), shapes.as_scalar(g, n), g.const(1))
    g.requires(9, "counting up to a size that is known only at run time")
    ones = g.op("ConstantOfShape", shapes.as_vector(g, n), value=torch.ones(1, dtype=torch.int64))
    return squeeze(g, g.op("NonZero", ones), [0])
