"""Slice (inputs from opset 10), Split (sizes an input from 13), Pad (pads an input from 11), Gather along one index."""

from __future__ import annotations

from collections.abc import Sequence

import onnx_ir as ir

from onnx_explore.emit import shapes
from onnx_explore.emit.emitter import Emitter
from onnx_explore.emit.forms.gathering import iota, wrapped
from onnx_explore.emit.inference import larger, smaller
from onnx_explore.emit.shapes import Dim

END = (1 << 63) - 1
"""PyTorch's and ONNX's "to the end"."""


def slice_axes(
    g: Emitter,
    x: ir.Value,
    starts: Sequence[Dim],
    ends: Sequence[Dim],
    axes: Sequence[int],
    steps: Sequence[int] | None = None,
) -> ir.Value:
    """Slice-1, -10: several axes (not negative) at once. Opset 9 gathers where there are steps or computed bounds.

    Raises:
        OpsetTooLow: For a step, or a bound that is not constant, below opset 9.
    """
    if g.opset >= 10:
        made = g.op(
            "Slice",
            x,
            shapes.vector(g, starts),
            shapes.vector(g, ends),
            list(axes),
            list(steps) if steps is not None and any(step != 1 for step in steps) else None,
        )
        return _with_extents(g, made, x, starts, ends, axes, steps or [1] * len(axes))
    if (steps is None or all(step == 1 for step in steps)) and all(
        isinstance(bound, int) for bound in [*starts, *ends]
    ):
        made = g.op("Slice", x, starts=list(starts), ends=list(ends), axes=list(axes))
        return _with_extents(g, made, x, starts, ends, axes, [1] * len(axes))
    for start, end, axis, step in zip(starts, ends, axes, steps or [1] * len(axes), strict=True):
        x = g.op("Gather", x, _taken(g, start, end, step, shapes.size(g, x, axis)), axis=axis)
    return x


def _taken(g: Emitter, start: Dim, end: Dim, step: int, size: Dim) -> ir.Value:
    """The indices that a slice takes, for opsets whose Slice has neither steps nor computed bounds."""
    if all(isinstance(item, int) for item in (start, end, size)):
        return g.const(list(range(size)[start:end:step]))  # pyright: ignore[reportArgumentType, reportCallIssue]
    g.requires(9, "a slice with a step or with computed bounds")
    if step < 0:  # PyTorch's slices run forwards; flip asks for the whole dimension backwards
        return g.op("Sub", shapes.as_scalar(g, shapes.sub(g, size, 1)), iota(g, size))
    first, stop = _clamped(g, start, size), _clamped(g, end, size)
    length = shapes.maximum(g, shapes.sub(g, stop, first), 0)
    steps = iota(g, length if step == 1 else shapes.div(g, shapes.add(g, length, step - 1), step))
    steps = steps if step == 1 else g.op("Mul", steps, g.const(step))
    return steps if first == 0 else g.op("Add", steps, shapes.as_scalar(g, first))


def _clamped(g: Emitter, bound: Dim, size: Dim) -> Dim:
    """A bound as a place between 0 and the size."""
    if isinstance(bound, int):
        if bound == 0:
            return 0
        if bound >= END:
            return size
        return shapes.minimum(g, bound, size) if bound > 0 else shapes.maximum(g, shapes.add(g, size, bound), 0)
    return shapes.minimum(g, shapes.maximum(g, shapes.simplified(g, wrapped(g, bound, size)), 0), size)


def _with_extents(
    g: Emitter,
    made: ir.Value,
    x: ir.Value,
    starts: Sequence[Dim],
    ends: Sequence[Dim],
    axes: Sequence[int],
    steps: Sequence[int],
) -> ir.Value:
    """State the shape ourselves: the inference's rule takes ``x[2:7]`` of a dynamic size to be always 5 long."""
    if x.shape is None:
        return made
    dims: list[int | ir.SymbolicDim] = list(x.shape)
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        extent = _extent(dims[axis], _known(g, start), _known(g, end), step)
        # Expressions take sizes to be at least 1; one that no input names may well be 0.
        guessed = isinstance(extent, int) and g.inference.is_anonymous(dims[axis])
        dims[axis] = g.inference.anonymous() if extent is None or guessed else extent
    made.shape = ir.Shape(dims)
    if x.dtype is not None:
        made.dtype = x.dtype
    return made


def _known(g: Emitter, bound: Dim) -> int | ir.SymbolicDim | None:
    """What is known of a bound: a number, or a size by its name; an expression might be negative."""
    if isinstance(bound, int):
        return bound
    elements = g.inference.elements(bound)
    if elements is None or len(elements) != 1:
        return None
    (element,) = elements
    if isinstance(element, int):
        return element
    return element if element.value is not None and element.value.isidentifier() else None


def _extent(
    size: int | ir.SymbolicDim, start: int | ir.SymbolicDim | None, end: int | ir.SymbolicDim | None, step: int
) -> int | ir.SymbolicDim | None:
    """How many elements a slice takes, or None where no expression says it."""
    if isinstance(size, int) and isinstance(start, int) and isinstance(end, int):
        return len(range(size)[start:end:step])
    if start is None or end is None:
        return None
    if step == -1:
        return size if start == -1 and isinstance(end, int) and end < -(1 << 31) else None
    if step < 1 or (isinstance(start, int) and start < 0) or (isinstance(size, ir.SymbolicDim) and size.value is None):
        return None
    if isinstance(end, int) and end < 0:
        stop = size + end
    else:
        stop = size if end in (END, size) else smaller(size, end)
    if stop is None:
        return None
    length = stop if start == 0 else stop - start
    if start != 0 or (isinstance(end, int) and end < 0):
        length = larger(length, 0)
    return length if step == 1 or length is None else (length + (step - 1)) // step


def split(g: Emitter, x: ir.Value, lengths: Sequence[Dim], axis: int) -> tuple[ir.Value, ...]:
    """Split-2, -13: into pieces of these lengths. One piece: ``x`` itself."""
    if len(lengths) == 1:
        return (x,)
    if g.opset >= 13:
        pieces = _tuple(g.op("Split", x, shapes.vector(g, lengths), axis=axis, outputs=len(lengths)))
        for piece, length in zip(pieces, lengths, strict=True):
            if piece.shape is not None:  # inference takes lengths that it does not know for equal ones
                known = [length] if isinstance(length, int) else g.inference.elements(length)
                size = known[0] if known else g.inference.anonymous()
                piece.shape = ir.Shape([*piece.shape[:axis], size, *piece.shape[axis + 1 :]])
        return pieces
    if all(isinstance(length, int) for length in lengths):
        return _tuple(g.op("Split", x, axis=axis, split=list(lengths), outputs=len(lengths)))
    parts: list[ir.Value] = []
    start: Dim = 0
    for length in lengths:
        end = shapes.add(g, start, length)
        parts.append(slice_axes(g, x, [start], [end], [axis]))
        start = end
    return tuple(parts)


def _tuple(made: ir.Value | tuple[ir.Value, ...]) -> tuple[ir.Value, ...]:
    return made if isinstance(made, tuple) else (made,)


def pad(
    g: Emitter, x: ir.Value, before: Sequence[Dim], after: Sequence[Dim], mode: str = "constant", fill: float = 0.0
) -> ir.Value:
    """Pad-2, -11: ``before[i]`` and ``after[i]`` elements along axis *i*; negative numbers crop."""
    if g.opset >= 11:
        value = g.like(fill, x) if mode == "constant" and fill != 0 else None
        return g.op("Pad", x, shapes.vector(g, [*before, *after]), value, mode=mode)
    if not all(isinstance(amount, int) for amount in [*before, *after]):
        g.requires(11, "Pad with computed amounts")
    return g.op("Pad", x, mode=mode, pads=[*before, *after], value=float(fill) if mode == "constant" else None)


def select(g: Emitter, x: ir.Value, axis: int, index: Dim) -> ir.Value:
    """One index along one axis, which disappears. A negative index counts from the end (Gather takes that from 11 on)."""
    if g.opset < 11:
        if isinstance(index, int) and index < 0:
            index = shapes.add(g, shapes.size(g, x, axis), index)
        elif not isinstance(index, int):
            index = wrapped(g, index, shapes.size(g, x, axis))
    return g.op("Gather", x, index, axis=axis)
