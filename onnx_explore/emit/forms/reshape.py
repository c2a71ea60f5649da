"""Reshape (allowzero from opset 14), Expand (opset 8; Tile serves below), Flatten: with sizes that may be computed.

What is proven about sizes decides the form: a size that stays where it is becomes ONNX's ``0`` ("copy"), a single one that
is not known becomes ``-1``, so that most shape computations vanish; only what is left is computed when the model runs.
"""

from __future__ import annotations

from collections.abc import Sequence

import onnx_ir as ir

from onnx_explore.emit import shapes
from onnx_explore.emit.emitter import Emitter
from onnx_explore.emit.forms.axes import unsqueeze
from onnx_explore.emit.shapes import Dim
from onnx_explore.errors import UnsupportedOperatorError


def same_size(g: Emitter, dim: Dim, x: ir.Value, axis: int) -> bool:
    """Whether a size is proven to be the one that ``x`` has along ``axis``."""
    assert x.shape is not None
    known = x.shape[axis]
    if isinstance(dim, int) or isinstance(known, int):
        return dim == known if isinstance(dim, int) and isinstance(known, int) else False
    if g.memo(("size", x, axis)) is dim:
        return True
    elements = g.inference.elements(dim)
    if elements is None or len(elements) != 1 or known.value is None:
        return False
    return isinstance(elements[0], ir.SymbolicDim) and elements[0] == known


def reshape(g: Emitter, x: ir.Value, dims: Sequence[Dim]) -> ir.Value:
    """``x`` in another shape; one of ``dims`` may be -1, and a size 0 means an empty dimension, as in PyTorch."""
    assert x.shape is not None
    rank = len(x.shape)
    dims = _inferred(x, dims)
    copies = [index < rank and same_size(g, dim, x, index) for index, dim in enumerate(dims)]
    if len(dims) == rank and all(copies):
        return x
    if len(dims) == rank and -1 in dims and sum(copies) == rank - 1:
        return x  # the rest is what it was
    if not any(isinstance(dim, ir.Value) for dim in dims):
        return _static(g, x, [int(dim) for dim in dims], copies)  # pyright: ignore[reportArgumentType]
    wanted: list[Dim] = [
        0 if copy and not isinstance(dim, int) else dim for dim, copy in zip(dims, copies, strict=True)
    ]
    numbers = [dim for dim in dims if isinstance(dim, int)]
    computed = [index for index, dim in enumerate(wanted) if isinstance(dim, ir.Value)]
    if len(computed) == 1 and len(numbers) == len(dims) - 1 and all(number > 0 for number in numbers):
        wanted[computed[0]] = -1  # only here: beside a size that may be 0, a -1 would be ambiguous
        computed = []
    # Where the model asks for a -1 itself, PyTorch refuses zeros, too.
    if g.opset >= 14 and -1 not in wanted and (computed or 0 in numbers):
        return g.op("Reshape", x, shapes.vector(g, dims), allowzero=1)
    return g.op("Reshape", x, shapes.vector(g, wanted))


def _inferred(x: ir.Value, dims: Sequence[Dim]) -> list[Dim]:
    """``dims`` with -1 resolved where everything is static."""
    assert x.shape is not None
    given = list(dims)
    for index, dim in enumerate(given):
        if isinstance(dim, int) and dim == -1 and x.shape.is_static():
            rest = [item for place, item in enumerate(given) if place != index]
            if all(isinstance(item, int) for item in rest):
                count, total = 1, 1
                for item in rest:
                    count *= int(item)  # pyright: ignore[reportArgumentType]
                for item in x.shape:
                    total *= int(item)  # pyright: ignore[reportArgumentType]
                if count == 0:
                    raise UnsupportedOperatorError(f"-1 is ambiguous: cannot reshape {x.shape} to {given}")
                given[index] = total // count
    return given


def _static(g: Emitter, x: ir.Value, dims: list[int], copies: Sequence[bool]) -> ir.Value:
    empty = [index for index, dim in enumerate(dims) if dim == 0]
    if not empty or all(copies[index] for index in empty):
        return g.op("Reshape", x, dims)
    if g.opset >= 14:
        return g.op("Reshape", x, dims, allowzero=1)
    # ConstantOfShape-9: any tensor without elements is as good as another.
    g.requires(9, "an empty tensor")
    return g.cast(g.op("ConstantOfShape", g.const(dims)), g.dtype(x))


def merge(g: Emitter, x: ir.Value, start: int, end: int) -> ir.Value:
    """Dimensions ``start`` to ``end`` (inclusive) become one."""
    rank = g.rank(x)
    if rank == 0:
        return unsqueeze(g, x, [0])
    if start == end:
        return x
    if start == 0 and end == rank - 1:
        return reshape(g, x, [-1])
    if not shapes.is_static(x) and (rank, start, end) != (2, 0, 1):
        if start == 1 and end == rank - 1:
            return g.op("Flatten", x, axis=1)
        if start == 0 and end == rank - 2:
            return g.op("Flatten", x, axis=rank - 1)
    sizes = shapes.sizes(g, x)
    return reshape(g, x, [*sizes[:start], shapes.product(g, sizes[start : end + 1]), *sizes[end + 1 :]])


def expand(g: Emitter, x: ir.Value, dims: Sequence[Dim]) -> ir.Value:
    """``x`` broadcast to a shape; -1 keeps a size, new dimensions go in front."""
    assert x.shape is not None
    rank = len(x.shape)
    new = len(dims) - rank
    keeps = [
        index >= new and ((isinstance(dim, int) and dim == -1) or same_size(g, dim, x, index - new))
        for index, dim in enumerate(dims)
    ]
    if all(keeps):
        return x
    if all(keep or (isinstance(dim, int) and dim == 1) for keep, dim in zip(keeps, dims, strict=True)) and all(
        keeps[new:]
    ):
        return unsqueeze(g, x, list(range(new)))
    if g.opset >= 8:
        # Expand broadcasts both ways, so a 1 keeps a size.
        return g.op("Expand", x, shapes.vector(g, [1 if keep else dim for keep, dim in zip(keeps, dims, strict=True)]))
    x = unsqueeze(g, x, list(range(new)))
    counts: list[Dim] = [
        1 if keep else shapes.div(g, dim, shapes.size(g, x, index))
        for index, (keep, dim) in enumerate(zip(keeps, dims, strict=True))
    ]
    return g.op("Tile", x, shapes.vector(g, counts))


def expand_like(g: Emitter, x: ir.Value, other: ir.Value) -> ir.Value:
    """``x`` broadcast against ``other``: the result has the shape that both broadcast to."""
    assert x.shape is not None and other.shape is not None
    rank, wanted = len(x.shape), len(other.shape)
    if rank >= wanted and all(
        other.shape[wanted - back] == 1 or _equal(x.shape[rank - back], other.shape[wanted - back])
        for back in range(1, wanted + 1)
    ):
        return x
    if g.opset >= 8:
        return g.op("Expand", x, shapes.shape(g, other))
    if rank > wanted:
        other = unsqueeze(g, other, list(range(rank - wanted)))
    dims: list[Dim] = []
    for index, dim in enumerate(shapes.sizes(g, other)):
        axis = index - max(wanted - rank, 0)
        dims.append(-1 if axis >= 0 and isinstance(dim, int) and dim == 1 else dim)
    return expand(g, x, dims)


def _equal(a: object, b: object) -> bool:
    return a == b and not (isinstance(a, ir.SymbolicDim) and a.value is None)
