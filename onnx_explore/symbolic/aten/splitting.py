"""Cutting a tensor into pieces: split, chunk, tensor_split, unbind and their relatives.

How many pieces there are must be known where they are unpacked. Along a dynamic dimension it is what the capture saw; the bounds
of the pieces are computed when the model runs. A list that is not unpacked (in a scripted model) is an ONNX sequence there.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import onnx_ir as ir

from onnx_explore.emit import Emitter, forms, shapes
from onnx_explore.errors import NotConstant, UnsupportedOperatorError
from onnx_explore.symbolic.annotations import Dim, Tensor
from onnx_explore.symbolic.registry import symbolic


def _count(g: Emitter) -> int:
    if g.expected_count is None:
        raise NotConstant(
            "the number of pieces depends on a dynamic axis",
            argument="self",
            action="unpack the result into a fixed number of names",
        )
    return g.expected_count


def equal_pieces(g: Emitter, x: ir.Value, length: Dim, axis: int, count: int) -> list[ir.Value]:
    """``count`` pieces of one length; the last is what is left."""
    pieces: list[ir.Value] = []
    for index in range(count):
        start = shapes.mul(g, length, index)
        end = shapes.mul(g, length, index + 1)
        pieces.append(forms.slice_axes(g, x, [start], [end], [axis]))
    return pieces


def as_sequence(g: Emitter, x: ir.Value, length: ir.Value | None, axis: int) -> ir.Value:
    """Pieces of one length (without: of length 1, and without that axis), as many as there are when the model runs."""
    made = g.op("SplitToSequence", x, length, axis=axis, keepdims=1 if length is not None else 0)
    sizes: list[int | ir.SymbolicDim | None] = list(x.shape or ())
    if length is None:
        del sizes[axis]
    else:
        sizes[axis] = None
    made.type, made.shape = ir.SequenceType(ir.TensorType(g.dtype(x))), ir.Shape(sizes)
    return made


@symbolic("aten::split.Tensor", "aten::unsafe_split", "aten::split_copy")
def split(g: Emitter, self: Tensor, split_size: Dim, dim: int = 0) -> list[Tensor] | Tensor:
    """split.Tensor(Tensor(a -> *) self, SymInt split_size, int dim=0) -> Tensor(a)[]"""
    axis = g.axis(self, dim)
    total = shapes.size(g, self, axis)
    if isinstance(total, int) and isinstance(split_size, int):
        if split_size == 0 or total == 0:
            return [self]
        full, rest = divmod(total, split_size)
        return list(forms.split(g, self, [split_size] * full + ([rest] if rest else []), axis))
    if g.expected_count is None and g.opset >= 11:
        return as_sequence(g, self, shapes.as_scalar(g, split_size), axis)
    return equal_pieces(g, self, split_size, axis, _count(g))


@symbolic("aten::split_with_sizes", "aten::unsafe_split_with_sizes", "aten::split_with_sizes_copy")
def split_with_sizes(g: Emitter, self: Tensor, split_sizes: list[Dim], dim: int = 0) -> list[Tensor]:
    """split_with_sizes(Tensor(a -> *) self, SymInt[] split_sizes, int dim=0) -> Tensor(a)[]"""
    return list(forms.split(g, self, split_sizes, g.axis(self, dim)))


@symbolic("aten::split")
def split_list(g: Emitter, self: Tensor, split_sizes: list[Dim], dim: int = 0) -> list[Tensor]:
    """split(Tensor(a -> *) self, int[] split_sizes, int dim=0) -> Tensor(a)[]"""
    return split_with_sizes(g, self, split_sizes, dim)


@symbolic("aten::split.sizes")
def split_sizes(g: Emitter, self: Tensor, split_size: list[Dim], dim: int = 0) -> list[Tensor]:
    """split.sizes(Tensor(a -> *) self, SymInt[] split_size, int dim=0) -> Tensor(a)[]"""
    return split_with_sizes(g, self, split_size, dim)


@symbolic("aten::chunk", "aten::unsafe_chunk")
def chunk(g: Emitter, self: Tensor, chunks: int, dim: int = 0) -> list[Tensor] | Tensor:
    """chunk(Tensor(a -> *) self, int chunks, int dim=0) -> Tensor(a)[]"""
    axis = g.axis(self, dim)
    total = shapes.size(g, self, axis)
    if isinstance(total, int):
        length = -(-total // chunks)
        if length == 0:
            return list(forms.split(g, self, [0] * chunks, axis))
        return split(g, self, length, axis)
    length = shapes.div(g, shapes.add(g, total, chunks - 1), chunks)
    if g.expected_count is None and g.opset >= 11:
        return as_sequence(g, self, shapes.as_scalar(g, length), axis)
    return equal_pieces(g, self, length, axis, g.expected_count or chunks)


@chunk.since(18)
def _(g: Emitter, self: Tensor, chunks: int, dim: int = 0) -> list[Tensor] | Tensor:
    axis = g.axis(self, dim)
    total = shapes.size(g, self, axis)
    if g.expected_count is None and not isinstance(total, int) and chunks != 1:
        length = shapes.div(g, shapes.add(g, total, chunks - 1), chunks)
        return as_sequence(g, self, shapes.as_scalar(g, length), axis)
    if isinstance(total, int) or (g.expected_count or chunks) != chunks or chunks == 1:
        length = total if chunks == 1 else shapes.div(g, shapes.add(g, total, chunks - 1), chunks)
        if length == 0:
            return list(forms.split(g, self, [0] * chunks, axis))
        if isinstance(total, int):
            return split(g, self, length, axis)
        return equal_pieces(g, self, length, axis, g.expected_count or chunks)
    # Split-18 makes the pieces as chunk does: all of ceil(total / chunks), but for a shorter last one.
    return list(g.op("Split", self, axis=axis, num_outputs=chunks, outputs=chunks))


def sections_of(g: Emitter, x: ir.Value, sections: int, axis: int) -> list[ir.Value]:
    """``tensor_split`` into a number of sections: the first ``total % sections`` are longer by one."""
    total = shapes.size(g, x, axis)
    if sections <= 0:
        raise UnsupportedOperatorError(f"cannot split into {sections} sections")
    if isinstance(total, int):
        base, longer = divmod(total, sections)
        return list(forms.split(g, x, [base + 1] * longer + [base] * (sections - longer), axis))
    base = shapes.div(g, total, sections)
    longer = shapes.sub(g, total, shapes.mul(g, base, sections))
    bounds: list[Dim] = [
        shapes.add(g, shapes.mul(g, base, index), shapes.minimum(g, longer, index)) for index in range(sections)
    ]
    return _between(g, x, [*bounds, forms.END], axis)


def _between(g: Emitter, x: ir.Value, bounds: Sequence[Dim], axis: int) -> list[ir.Value]:
    return [forms.slice_axes(g, x, [start], [end], [axis]) for start, end in pairwise(bounds)]


def cut_at(g: Emitter, x: ir.Value, indices: Sequence[Dim], axis: int) -> list[ir.Value]:
    """``tensor_split`` at places, which are slice bounds as Python has them."""
    total = shapes.size(g, x, axis)
    numbers = [index for index in indices if isinstance(index, int)]
    if isinstance(total, int) and len(numbers) == len(indices):
        places = range(total)
        ranges = [places[start:end] for start, end in pairwise([0, *numbers, total])]
        lengths = [len(piece) for piece in ranges]
        if sum(lengths) == total and all(later.start == earlier.stop for earlier, later in pairwise(ranges)):
            return list(forms.split(g, x, lengths, axis))
    return _between(g, x, [0, *indices, forms.END], axis)


@symbolic("aten::tensor_split.sections")
def tensor_split(g: Emitter, self: Tensor, sections: int, dim: int = 0) -> list[Tensor]:
    """tensor_split.sections(Tensor(a -> *) self, SymInt sections, int dim=0) -> Tensor(a)[]"""
    return sections_of(g, self, sections, g.axis(self, dim))


@symbolic("aten::tensor_split.indices")
def tensor_split_indices(g: Emitter, self: Tensor, indices: list[Dim], dim: int = 0) -> list[Tensor]:
    """tensor_split.indices(Tensor(a -> *) self, SymInt[] indices, int dim=0) -> Tensor(a)[]"""
    return cut_at(g, self, indices, g.axis(self, dim))


@symbolic("aten::tensor_split.tensor_indices_or_sections")
def tensor_split_tensor(g: Emitter, self: Tensor, tensor_indices_or_sections: Tensor, dim: int = 0) -> list[Tensor]:
    """tensor_split.tensor_indices_or_sections(Tensor(a -> *) self, Tensor tensor_indices_or_sections, int dim=0)
    -> Tensor(a)[]
    """
    given = tensor_indices_or_sections
    known = g.known(given)
    axis = g.axis(self, dim)
    if g.rank(given) == 0:
        if known is None:
            raise NotConstant("the number of sections is known only at run time", argument="tensor_indices_or_sections")
        return sections_of(g, self, int(known), axis)
    if known is not None:
        return cut_at(g, self, [int(item) for item in known], axis)
    assert given.shape is not None
    length = given.shape[0]
    if not isinstance(length, int):
        raise NotConstant("the number of indices is known only at run time", argument="tensor_indices_or_sections")
    return cut_at(g, self, [g.op("Gather", given, g.const(index), axis=0) for index in range(length)], axis)


@symbolic("aten::hsplit.int")
def hsplit(g: Emitter, self: Tensor, sections: int) -> list[Tensor]:
    """hsplit.int(Tensor(a -> *) self, int sections) -> Tensor(a)[]"""
    return sections_of(g, self, sections, 0 if g.rank(self) == 1 else 1)


@symbolic("aten::hsplit.array")
def hsplit_array(g: Emitter, self: Tensor, indices: list[Dim]) -> list[Tensor]:
    """hsplit.array(Tensor(a -> *) self, int[] indices) -> Tensor(a)[]"""
    return cut_at(g, self, indices, 0 if g.rank(self) == 1 else 1)


@symbolic("aten::vsplit.int")
def vsplit(g: Emitter, self: Tensor, sections: int) -> list[Tensor]:
    """vsplit.int(Tensor(a -> *) self, int sections) -> Tensor(a)[]"""
    return sections_of(g, self, sections, 0)


@symbolic("aten::vsplit.array")
def vsplit_array(g: Emitter, self: Tensor, indices: list[Dim]) -> list[Tensor]:
    """vsplit.array(Tensor(a -> *) self, int[] indices) -> Tensor(a)[]"""
    return cut_at(g, self, indices, 0)


@symbolic("aten::dsplit.int")
def dsplit(g: Emitter, self: Tensor, sections: int) -> list[Tensor]:
    """dsplit.int(Tensor(a -> *) self, int sections) -> Tensor(a)[]"""
    return sections_of(g, self, sections, 2)


@symbolic("aten::dsplit.array")
def dsplit_array(g: Emitter, self: Tensor, indices: list[Dim]) -> list[Tensor]:
    """dsplit.array(Tensor(a -> *) self, int[] indices) -> Tensor(a)[]"""
    return cut_at(g, self, indices, 2)


@symbolic("aten::unbind", "aten::unbind_copy")
def unbind(g: Emitter, self: Tensor, dim: int = 0) -> list[Tensor] | Tensor:
    """unbind.int(Tensor(a -> *) self, int dim=0) -> Tensor(a)[]"""
    axis = g.axis(self, dim)
    total = shapes.size(g, self, axis)
    if not isinstance(total, int) and g.expected_count is None and g.opset >= 11:
        return as_sequence(g, self, None, axis)
    if not isinstance(total, int):
        return [forms.select(g, self, axis, index) for index in range(_count(g))]
    return [forms.squeeze(g, piece, [axis]) for piece in forms.split(g, self, [1] * total, axis)]
