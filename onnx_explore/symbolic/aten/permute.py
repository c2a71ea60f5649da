"""The order of dimensions: transpose, permute, movedim, and what is made of them: pixel_shuffle, channel_shuffle."""

from __future__ import annotations

from collections.abc import Sequence

import onnx_ir as ir

from onnx_explore.emit import Emitter, forms, shapes
from onnx_explore.errors import UnsupportedOperatorError
from onnx_explore.symbolic.annotations import Dim, Tensor
from onnx_explore.symbolic.registry import symbolic


def permuted(g: Emitter, x: ir.Value, order: Sequence[int]) -> ir.Value:
    """Transpose, unless the order is the one that ``x`` has."""
    return x if list(order) == sorted(order) else g.op("Transpose", x, perm=list(order))


def swapped(g: Emitter, x: ir.Value, first: int, second: int) -> ir.Value:
    """Two dimensions exchanged."""
    order = list(range(g.rank(x)))
    if order:
        first, second = g.axis(x, first), g.axis(x, second)
        order[first], order[second] = order[second], order[first]
    return permuted(g, x, order)


def moved(g: Emitter, x: ir.Value, source: Sequence[int], destination: Sequence[int]) -> ir.Value:
    """Dimensions moved to other places, the rest in order."""
    rank = g.rank(x)
    if rank == 0:
        return x
    places = {g.axis(x, to): g.axis(x, start) for start, to in zip(source, destination, strict=True)}
    rest = iter([axis for axis in range(rank) if axis not in places.values()])
    return permuted(g, x, [places[axis] if axis in places else next(rest) for axis in range(rank)])


@symbolic("aten::transpose", "aten::transpose_copy", "aten::swapdims")
def transpose(g: Emitter, self: Tensor, dim0: int, dim1: int) -> Tensor:
    """transpose.int(Tensor(a) self, int dim0, int dim1) -> Tensor(a)"""
    return swapped(g, self, dim0, dim1)


@symbolic("aten::swapaxes")
def swapaxes(g: Emitter, self: Tensor, axis0: int, axis1: int) -> Tensor:
    """swapaxes(Tensor(a) self, int axis0, int axis1) -> Tensor(a)"""
    return swapped(g, self, axis0, axis1)


@symbolic("aten::permute", "aten::permute_copy")
def permute(g: Emitter, self: Tensor, dims: list[int]) -> Tensor:
    """permute(Tensor(a) self, int[] dims) -> Tensor(a)"""
    return permuted(g, self, [g.axis(self, dim) for dim in dims])


@symbolic("aten::t", "aten::t_copy")
def t(g: Emitter, self: Tensor) -> Tensor:
    """t(Tensor(a) self) -> Tensor(a): vectors and scalars stay"""
    return permuted(g, self, [1, 0]) if g.rank(self) == 2 else self


@symbolic("aten::numpy_T")
def numpy_t(g: Emitter, self: Tensor) -> Tensor:
    """numpy_T(Tensor(a) self) -> Tensor(a): all dimensions in reverse order"""
    return permuted(g, self, list(reversed(range(g.rank(self)))))


@symbolic("aten::mT")
def matrix_transposed(g: Emitter, self: Tensor) -> Tensor:
    """mT(Tensor(a) self) -> Tensor(a)"""
    return swapped(g, self, -2, -1)


@symbolic("aten::mH", "aten::adjoint", "aten::matrix_H")
def adjoint(g: Emitter, self: Tensor) -> Tensor:
    """adjoint(Tensor(a) self) -> Tensor(a)"""
    if self.dtype in (ir.DataType.COMPLEX64, ir.DataType.COMPLEX128):
        raise UnsupportedOperatorError("the adjoint of a complex matrix: ONNX cannot conjugate")
    return self if g.rank(self) == 0 else swapped(g, self, -2, -1)


@symbolic("aten::movedim.int", "aten::moveaxis.int")
def movedim(g: Emitter, self: Tensor, source: int, destination: int) -> Tensor:
    """movedim.int(Tensor(a) self, int source, int destination) -> Tensor(a)"""
    return moved(g, self, [source], [destination])


@symbolic("aten::movedim.intlist", "aten::moveaxis.intlist")
def movedim_list(g: Emitter, self: Tensor, source: list[int], destination: list[int]) -> Tensor:
    """movedim.intlist(Tensor(a) self, int[] source, int[] destination) -> Tensor(a)"""
    return moved(g, self, source, destination)


@symbolic("aten::pixel_shuffle")
def pixel_shuffle(g: Emitter, self: Tensor, upscale_factor: int) -> Tensor:
    """pixel_shuffle(Tensor self, int upscale_factor) -> Tensor"""
    factor = upscale_factor
    if g.opset >= 11 and g.rank(self) == 4 and self.dtype in (ir.DataType.FLOAT, ir.DataType.DOUBLE):
        return g.op("DepthToSpace", self, blocksize=factor, mode="CRD")
    *batch, channels, height, width = shapes.sizes(g, self)
    lead = len(batch)
    channels = shapes.div(g, channels, factor * factor)
    parts = forms.reshape(g, self, [*batch, channels, factor, factor, height, width])
    order = [*range(lead + 1), lead + 3, lead + 1, lead + 4, lead + 2]
    rows, columns = shapes.mul(g, height, factor), shapes.mul(g, width, factor)
    return forms.reshape(g, permuted(g, parts, order), [*batch, channels, rows, columns])


@symbolic("aten::pixel_unshuffle")
def pixel_unshuffle(g: Emitter, self: Tensor, downscale_factor: int) -> Tensor:
    """pixel_unshuffle(Tensor self, int downscale_factor) -> Tensor"""
    factor = downscale_factor
    *batch, channels, height, width = shapes.sizes(g, self)
    lead = len(batch)
    rows, columns = shapes.div(g, height, factor), shapes.div(g, width, factor)
    parts = forms.reshape(g, self, [*batch, channels, rows, factor, columns, factor])
    order = [*range(lead + 1), lead + 2, lead + 4, lead + 1, lead + 3]
    return forms.reshape(
        g, permuted(g, parts, order), [*batch, shapes.mul(g, channels, factor * factor), rows, columns]
    )


@symbolic("aten::channel_shuffle", "aten::native_channel_shuffle")
def channel_shuffle(g: Emitter, self: Tensor, groups: Dim) -> Tensor:
    """channel_shuffle(Tensor self, SymInt groups) -> Tensor"""
    batch, channels, *space = shapes.sizes(g, self)
    parts = forms.reshape(g, self, [batch, groups, shapes.div(g, channels, groups), *space])
    order = [0, 2, 1, *range(3, g.rank(parts))]
    return forms.reshape(g, permuted(g, parts, order), [batch, channels, *space])
