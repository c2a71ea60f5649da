"""What lies in regions of images, each divided into bins: what ``aligned`` and ``pooled`` share.

Regions are (regions, 5): the number of the image, then x and y of two corners. ONNX Runtime has kernels for RoiAlign and
MaxRoiPool below opset 22. Elsewhere the elements are gathered: the input as a table of rows, one row of
channels for each place, and per region, bin and sample the number of a row along each axis::

    y: (regions, bins, samples) ─┐
    x: (regions, bins, samples) ─┴→ row: (regions, bins y, bins x, samples y, samples x) → Gather → reduce over samples
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from onnx_explore.emit import Emitter, forms, shapes
from onnx_explore.emit.algebra import add, mul
from onnx_explore.symbolic.annotations import Dim, Tensor
from onnx_explore.symbolic.aten.reduce import widened

INT64 = ir.DataType.INT64


class Regions:
    """Gathers what lies in the bins of regions.

    Args:
        x: (batch, channels, height, width).
        rois: (regions, 5).
        scale: From the regions' coordinates to those of ``x``.
        pooled: Bins along height and width.
        position_sensitive: Whether each bin reads channels of its own.
    """

    def __init__(
        self,
        g: Emitter,
        x: Tensor,
        rois: Tensor,
        scale: float,
        pooled: tuple[int, int],
        position_sensitive: bool = False,
    ) -> None:
        self.g, self.pooled, self.position_sensitive = g, pooled, position_sensitive
        x = widened(g, x)
        self.dtype = g.dtype(x)
        rois = g.cast(rois, self.dtype)
        self.count = shapes.size(g, rois, 0)
        columns = [forms.unsqueeze(g, forms.select(g, rois, 1, place), [1, 2]) for place in range(5)]
        self.image = g.cast(columns[0], INT64)
        scaled = [mul(g, column, scale) for column in columns[1:]]
        self.edges = [(scaled[1], scaled[3]), (scaled[0], scaled[2])]
        """First and last coordinate along height and width, (regions, 1, 1)."""
        self.sizes: list[Dim] = [shapes.size(g, x, 2), shapes.size(g, x, 3)]
        if position_sensitive:
            bins = pooled[0] * pooled[1]
            self.channels = shapes.div(g, shapes.size(g, x, 1), bins)
            apart = forms.reshape(g, x, [shapes.size(g, x, 0), self.channels, bins, *self.sizes])
            spread = g.op("Transpose", apart, perm=[0, 2, 3, 4, 1])
        else:
            self.channels = shapes.size(g, x, 1)
            spread = g.op("Transpose", x, perm=[0, 2, 3, 1])
        self.rows = forms.reshape(g, spread, [-1, self.channels])

    def number(self, value: Dim) -> Tensor:
        """A size among the coordinates."""
        return self.g.cast(shapes.as_scalar(self.g, value), self.dtype)

    def bins(self, axis: int, more: int = 0) -> Tensor:
        """The numbers of the bins, (1, bins, 1)."""
        return self.g.const([[[place + more] for place in range(self.pooled[axis])]], self.dtype)

    def most(self, counts: Tensor) -> Dim:
        """The largest of the regions' counts, at least 1: so many samples are gathered for all of them."""
        g = self.g
        flat = forms.reshape(g, g.cast(counts, INT64), [-1])
        return forms.reduce(g, "ReduceMax", g.op("Concat", flat, g.const([1]), axis=0), None)

    def gathered(self, y: Tensor, x: Tensor) -> Tensor:
        """(regions, bins y, bins x, samples y, samples x, channels) for the element numbers along each axis."""
        g = self.g
        base = forms.unsqueeze(g, self.image, [3, 4])
        if self.position_sensitive:
            height, width = self.pooled
            own = g.const(np.arange(height * width).reshape(1, height, width, 1, 1).tolist())
            base = add(g, mul(g, base, height * width), own)
        line = add(g, g.op("Mul", base, shapes.as_scalar(g, self.sizes[0])), of_rows(g, y))
        return g.op(
            "Gather", self.rows, add(g, g.op("Mul", line, shapes.as_scalar(g, self.sizes[1])), of_columns(g, x))
        )

    def channels_first(self, bins: Tensor) -> Tensor:
        """(regions, bins y, bins x, channels) as PyTorch has it."""
        return self.g.op("Transpose", bins, perm=[0, 3, 1, 2])

    def channel_mapping(self) -> Tensor:
        """Which channel each element of a position-sensitive result comes from."""
        g = self.g
        height, width = self.pooled
        own = g.const(np.arange(height * width).reshape(1, 1, height, width).tolist())
        first = forms.unsqueeze(g, forms.iota(g, self.channels), [0, 2, 3])
        mapping = add(g, mul(g, first, height * width), own)
        return g.cast(forms.expand(g, mapping, [self.count, self.channels, height, width]), ir.DataType.INT32)


def of_rows(g: Emitter, y: Tensor) -> Tensor:
    """Something per bin and sample along the height, to stand beside the same along the width."""
    return forms.unsqueeze(g, y, [2, 4])


def of_columns(g: Emitter, x: Tensor) -> Tensor:
    """Something per bin and sample along the width, to stand beside the same along the height."""
    return forms.unsqueeze(g, x, [1, 3])


def shaped(made: Tensor, x: Tensor, rois: Tensor, pooled: tuple[int, int]) -> Tensor:
    """``made`` with its shape, as ONNX's inference rules do not name the number of regions."""
    assert x.shape is not None and rois.shape is not None
    made.shape = ir.Shape([rois.shape[0], x.shape[1], *pooled])
    return made
