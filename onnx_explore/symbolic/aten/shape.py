"""Shapes: view and reshape, flatten, squeeze and unsqueeze, expand, broadcasting."""

from __future__ import annotations

from collections.abc import Sequence

import onnx_ir as ir

from onnx_explore.emit import Emitter, forms, shapes
from onnx_explore.errors import UnsupportedOperatorError
from onnx_explore.symbolic.annotations import Dim, Tensor
from onnx_explore.symbolic.registry import symbolic


@symbolic("aten::view", "aten::_unsafe_view", "aten::view_copy")
def view(g: Emitter, self: Tensor, size: list[Dim]) -> Tensor:
    """view(Tensor(a) self, SymInt[] size) -> Tensor(a)"""
    return forms.reshape(g, self, size)


@symbolic("aten::reshape")
def reshape(g: Emitter, self: Tensor, shape: list[Dim]) -> Tensor:
    """reshape(Tensor(a) self, SymInt[] shape) -> Tensor(a)"""
    return forms.reshape(g, self, shape)


@symbolic("aten::_shape_as_tensor")
def shape_as_tensor(g: Emitter, self: Tensor) -> Tensor:
    """_shape_as_tensor(Tensor self) -> Tensor"""
    return shapes.shape(g, self)


@symbolic("aten::_reshape_from_tensor")
def reshape_from_tensor(g: Emitter, self: Tensor, shape: Tensor) -> Tensor:
    """_reshape_from_tensor(Tensor self, Tensor shape) -> Tensor"""
    return forms.reshape(g, self, [g.op("Gather", shape, g.const(axis), axis=0) for axis in range(_length(shape))])


def _length(shape: Tensor) -> int:
    length = shape.shape[0] if shape.shape is not None else None
    if not isinstance(length, int):
        raise UnsupportedOperatorError(
            "the number of dimensions that the shape names is not known before the model runs"
        )
    return length


@symbolic("aten::_reshape_alias")
def reshape_alias(g: Emitter, self: Tensor, size: list[Dim], stride: list[Dim]) -> Tensor:
    """_reshape_alias(Tensor(a) self, SymInt[] size, SymInt[] stride) -> Tensor(a): ONNX tensors have no strides"""
    return forms.reshape(g, self, size)


@symbolic("aten::view_as", "aten::reshape_as")
def view_as(g: Emitter, self: Tensor, other: Tensor) -> Tensor:
    """view_as(Tensor(a) self, Tensor other) -> Tensor(a)"""
    return forms.reshape(g, self, shapes.sizes(g, other))


@symbolic("aten::flatten")
def flatten(g: Emitter, self: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """flatten.using_ints(Tensor(a) self, int start_dim=0, int end_dim=-1) -> Tensor(a)"""
    return forms.merge(g, self, g.axis(self, start_dim), g.axis(self, end_dim))


@symbolic("aten::ravel")
def ravel(g: Emitter, self: Tensor) -> Tensor:
    """ravel(Tensor(a) self) -> Tensor(a)"""
    return forms.reshape(g, self, [-1])


@symbolic("aten::unflatten")
def unflatten(g: Emitter, self: Tensor, dim: int, sizes: list[Dim]) -> Tensor:
    """unflatten.int(Tensor(a) self, int dim, SymInt[] sizes) -> Tensor(a)"""
    axis = g.axis(self, dim)
    around = shapes.sizes(g, self)
    inner = list(sizes)
    if -1 in inner:
        place = inner.index(-1)
        rest = shapes.product(g, inner[:place] + inner[place + 1 :])
        if rest != 0:
            inner[place] = shapes.div(g, around[axis], rest)
    return forms.reshape(g, self, [*around[:axis], *inner, *around[axis + 1 :]])


@symbolic("aten::unsqueeze", "aten::unsqueeze_copy")
def unsqueeze(g: Emitter, self: Tensor, dim: int) -> Tensor:
    """unsqueeze(Tensor(a) self, int dim) -> Tensor(a)"""
    if self.shape is None and dim >= 0:
        return forms.unsqueeze(g, self, [dim])
    return forms.unsqueeze(g, self, [dim % (g.rank(self) + 1)])


@symbolic("aten::squeeze", "aten::squeeze_copy")
def squeeze(g: Emitter, self: Tensor) -> Tensor:
    """squeeze(Tensor(a) self) -> Tensor(a): a dynamic dimension goes only if it went in the capture"""
    assert self.shape is not None
    return _squeezed(g, self, range(len(self.shape)))


@symbolic("aten::squeeze.dim", "aten::squeeze_copy.dim")
def squeeze_dim(g: Emitter, self: Tensor, dim: int) -> Tensor:
    """squeeze.dim(Tensor(a) self, int dim) -> Tensor(a)"""
    axis = g.axis(self, dim)
    return _squeezed(g, self, [axis] if g.rank(self) else [])


@symbolic("aten::squeeze.dims", "aten::squeeze_copy.dims")
def squeeze_dims(g: Emitter, self: Tensor, dim: list[int]) -> Tensor:
    """squeeze.dims(Tensor(a) self, int[] dim) -> Tensor(a)"""
    return _squeezed(g, self, sorted({g.axis(self, item) for item in dim}) if g.rank(self) else [])


def _squeezed(g: Emitter, x: ir.Value, axes: Sequence[int]) -> ir.Value:
    """Whether a dynamic dimension is 1 is not known: it is taken to be what it was in the capture."""
    assert x.shape is not None
    seen = g.example_shape
    gone = [
        axis
        for axis in axes
        if x.shape[axis] == 1
        or (not isinstance(x.shape[axis], int) and seen is not None and len(seen) == len(x.shape) and seen[axis] == 1)
    ]
    return forms.squeeze(g, x, gone)


@symbolic("aten::expand", "aten::expand_copy")
def expand(g: Emitter, self: Tensor, size: list[Dim], implicit: bool = False) -> Tensor:
    """expand(Tensor(a) self, SymInt[] size, *, bool implicit=False) -> Tensor(a)"""
    return forms.expand(g, self, size)


@symbolic("aten::broadcast_to")
def broadcast_to(g: Emitter, self: Tensor, size: list[Dim]) -> Tensor:
    """broadcast_to(Tensor(a) self, SymInt[] size) -> Tensor(a)"""
    return forms.expand(g, self, size)


@symbolic("aten::expand_as")
def expand_as(g: Emitter, self: Tensor, other: Tensor) -> Tensor:
    """expand_as(Tensor(a) self, Tensor other) -> Tensor(a)"""
    return forms.expand(g, self, shapes.sizes(g, other))


@symbolic("aten::broadcast_tensors")
def broadcast_tensors(g: Emitter, tensors: list[Tensor]) -> list[Tensor]:
    """broadcast_tensors(Tensor[] tensors) -> Tensor[]"""
    return forms.broadcast_all(g, tensors)


@symbolic("aten::sum_to_size")
def sum_to_size(g: Emitter, self: Tensor, size: list[Dim]) -> Tensor:
    """sum_to_size(Tensor self, SymInt[] size) -> Tensor: what broadcasting from ``size`` added is summed up"""
    rank = g.rank(self)
    assert self.shape is not None
    lead = rank - len(size)
    narrow = [lead + axis for axis, dim in enumerate(size) if dim == 1 and self.shape[lead + axis] != 1]
    unknown = [
        dim
        for axis, dim in enumerate(size)
        if not isinstance(dim, int) and not forms.same_size(g, dim, self, lead + axis)
    ]
    if unknown:
        raise UnsupportedOperatorError("which dimensions are summed is known only at run time")
    total = g.cast(self, ir.DataType.INT64) if self.dtype == ir.DataType.BOOL and (narrow or lead) else self
    total = forms.reduce(g, "ReduceSum", total, narrow, keepdims=True) if narrow else total
    return forms.reduce(g, "ReduceSum", total, list(range(lead))) if lead else total


def atleast(g: Emitter, x: ir.Value, rank: int) -> ir.Value:
    """``x`` with new dimensions until it has ``rank`` ones, placed as NumPy places them."""
    have = g.rank(x)
    if have >= rank:
        return x
    front = (
        {1: [0], 2: [0, 1], 3: [0, 1, 2]}[rank] if have == 0 else {(1, 2): [0], (1, 3): [0, 2], (2, 3): [2]}[have, rank]
    )
    return forms.unsqueeze(g, x, front)


@symbolic("aten::atleast_1d")
def atleast_1d(g: Emitter, self: Tensor) -> Tensor:
    """atleast_1d(Tensor self) -> Tensor"""
    return atleast(g, self, 1)


@symbolic("aten::atleast_2d")
def atleast_2d(g: Emitter, self: Tensor) -> Tensor:
    """atleast_2d(Tensor self) -> Tensor"""
    return atleast(g, self, 2)


@symbolic("aten::atleast_3d")
def atleast_3d(g: Emitter, self: Tensor) -> Tensor:
    """atleast_3d(Tensor self) -> Tensor"""
    return atleast(g, self, 3)


@symbolic("aten::atleast_1d.Sequence")
def atleast_1d_sequence(g: Emitter, tensors: list[Tensor]) -> list[Tensor]:
    """atleast_1d.Sequence(Tensor[] tensors) -> Tensor[]"""
    return [atleast(g, item, 1) for item in tensors]


@symbolic("aten::atleast_2d.Sequence")
def atleast_2d_sequence(g: Emitter, tensors: list[Tensor]) -> list[Tensor]:
    """atleast_2d.Sequence(Tensor[] tensors) -> Tensor[]"""
    return [atleast(g, item, 2) for item in tensors]


@symbolic("aten::atleast_3d.Sequence")
def atleast_3d_sequence(g: Emitter, tensors: list[Tensor]) -> list[Tensor]:
    """atleast_3d.Sequence(Tensor[] tensors) -> Tensor[]"""
    return [atleast(g, item, 3) for item in tensors]
