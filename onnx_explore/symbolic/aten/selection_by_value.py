"""Selecting by value: masked_select, nonzero, argwhere. How many elements come out is known only when the model runs."""

from __future__ import annotations

import onnx_ir as ir

from onnx_explore.emit import Emitter, forms, shapes
from onnx_explore.symbolic.annotations import Dim, Tensor
from onnx_explore.symbolic.registry import symbolic


@symbolic("aten::masked_select")
def masked_select(g: Emitter, self: Tensor, mask: Tensor) -> Tensor:
    """masked_select(Tensor self, Tensor mask) -> Tensor"""
    g.requires(9, "Compress")
    x, wanted = forms.broadcast_all(g, [self, g.cast(mask, ir.DataType.BOOL)])
    return g.op("Compress", forms.reshape(g, x, [-1]), forms.reshape(g, wanted, [-1]), axis=0)


@symbolic("aten::nonzero", "aten::argwhere")
def nonzero(g: Emitter, self: Tensor) -> Tensor:
    """nonzero(Tensor self) -> Tensor: one row of indices per element that is not zero"""
    g.requires(9, "NonZero")
    if g.rank(self) == 0:
        rows = g.op("Transpose", g.op("NonZero", forms.unsqueeze(g, self, [0])), perm=[1, 0])
        return forms.slice_axes(g, rows, [0], [0], [1])  # a scalar has no coordinates
    return g.op("Transpose", g.op("NonZero", self), perm=[1, 0])


@symbolic("aten::nonzero_numpy")
def nonzero_numpy(g: Emitter, self: Tensor) -> list[Tensor]:
    """nonzero_numpy(Tensor self) -> Tensor[]"""
    g.requires(9, "NonZero")
    found = g.op("NonZero", forms.unsqueeze(g, self, [0]) if g.rank(self) == 0 else self)
    return [forms.select(g, found, 0, dim) for dim in range(max(g.rank(self), 1))]


@symbolic("aten::nonzero_static", since=11)
def nonzero_static(g: Emitter, self: Tensor, size: Dim, fill_value: int = -1) -> Tensor:
    """nonzero_static(Tensor self, *, SymInt size, int fill_value=-1) -> Tensor"""
    rows = forms.slice_axes(g, nonzero(g, self), [0], [size], [0])
    missing = shapes.sub(g, size, shapes.size(g, rows, 0))
    return forms.pad(g, rows, [0, 0], [missing, 0], fill=fill_value)
