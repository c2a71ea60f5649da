"""Cutting a tensor into pieces: split, chunk, tensor_split, unbind and their relatives.

How many pieces there are must be known. Along a dynamic dimension it is what the capture saw, of which a note is made; the
bounds of the pieces are computed when the model runs. A model that needs the last piece refuses to run at a size that would give
another number: PyTorch's own program would fail, or go through more of them.
A list that is not unpacked (in a scripted model) is an ONNX sequence there.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import onnx_ir as ir

from onnx_explore.emit import Emitter, forms, shapes
from onnx_explore.errors import NotConstant, UnsupportedOperatorError
from onnx_explore.symbolic.annotations import Dim, Tensor
from onnx_explore.symbolic.registry import symbolic


def _count(g: Emitter, x: ir.Value, axis: int) -> tuple[int, bool]:
    """How many pieces the capture saw, and whether the last one is needed."""
    if g.expected_count is None:
        raise NotConstant(
            "the number of pieces depends on a dynamic axis",
            argument="self",
            action="unpack the result into a fixed number of names",
        )
    count, needed = g.expected_count, g.needed_count or 0
    follow = "it refuses sizes that give another number" if needed == count else f"it uses the first {needed} of them"
    g.problem(
        "BakedCount",
        f"dimension {axis} of '{x.name}' is dynamic, and the model cuts it into {count} pieces, as many as the capture saw: "
        f"{follow}",
    )
    return count, needed == count


def equal_pieces(g: Emitter, x: ir.Value, length: Dim, axis: int) -> list[ir.Value]:
    """Pieces of one length, as many as the capture saw; the last is what is left."""
    total = shapes.size(g, x, axis)
    count, all_needed = _count(g, x, axis)
    if not all_needed:
        bounds: list[Dim] = [shapes.mul(g, length, index) for index in range(count + 1)]
        return _between(g, x, bounds, axis)
    seen = shapes.div(g, shapes.add(g, total, shapes.sub(g, length, 1)), length)
    before = shapes.mul(g, length, count - 1)
    last = shapes.checked(g, shapes.sub(g, total, before), seen, count)
    if g.opset >= 13 and count > 1:
        return list(forms.split(g, x, [*[length] * (count - 1), last], axis))
    end = shapes.add(g, before, last)
    start = shapes.sub(g, end, total)  # 0, after the check
    bounds = [shapes.add(g, start, shapes.mul(g, length, index)) for index in range(count)]
    return _between(g, x, [*bounds, end], axis)


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
    return equal_pieces(g, self, split_size, axis)


@symbolic("aten::split_with_sizes", "aten::unsafe_split_with_sizes", "aten::split_with_sizes_copy")
def split_with_sizes(g: Emitter, self: Tensor, split_sizes: list[Dim], dim: int = 0) -> list[Tensor]:
    """split_with_sizes(Tensor(a -> *) self, SymInt[] split_sizes, int dim=0) -> Tensor(a)[]: all of the dimension, or the
    model refuses to run
    """
    axis = g.axis(self, dim)
    static = all(isinstance(size, int) for size in split_sizes)
    if len(split_sizes) > 1 and (static or g.opset >= 13):
        return list(forms.split(g, self, split_sizes, axis))  # Split checks it
    whole: Dim = 0
    for size in split_sizes:
        whole = shapes.add(g, whole, size)
    total = shapes.size(g, self, axis)
    if isinstance(total, int) and total == whole and len(split_sizes) == 1:
        return [self]
    bounds: list[Dim] = [shapes.checked(g, 0, total, whole)]
    for size in split_sizes:
        bounds.append(shapes.add(g, bounds[-1], size))
    return _between(g, self, bounds, axis)


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
    if chunks == 1:
        return [self]
    return _chunks(g, self, total, chunks, axis)


def _chunks(g: Emitter, x: ir.Value, total: Dim, chunks: int, axis: int) -> list[ir.Value] | ir.Value:
    """Along a dynamic dimension: all of ceil(total / chunks), but for a shorter last one."""
    length = shapes.div(g, shapes.add(g, total, chunks - 1), chunks)
    if g.expected_count is None and g.opset >= 11:
        return as_sequence(g, x, shapes.as_scalar(g, length), axis)
    return equal_pieces(g, x, length, axis)


@chunk.since(18)
def _(g: Emitter, self: Tensor, chunks: int, dim: int = 0) -> list[Tensor] | Tensor:
    axis = g.axis(self, dim)
    total = shapes.size(g, self, axis)
    if isinstance(total, int):
        length = -(-total // chunks)
        return split(g, self, length, axis) if length else list(forms.split(g, self, [0] * chunks, axis))
    if chunks == 1:
        return [self]
    if chunks == 2 and g.expected_count == 2:
        # Split-18 makes the pieces as chunk does; it differs where there are fewer of them: of two, that is at size 1.
        return list(g.op("Split", self, axis=axis, num_outputs=chunks, outputs=chunks))
    return _chunks(g, self, total, chunks, axis)


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
        total, all_needed = _count(g, self, axis)
        if not all_needed:
            return [forms.select(g, self, axis, index) for index in range(total)]
        if total == 1:
            return [forms.select(g, self, axis, shapes.checked(g, 0, shapes.size(g, self, axis), 1))]
    return [forms.squeeze(g, piece, [axis]) for piece in forms.split(g, self, [1] * total, axis)]
