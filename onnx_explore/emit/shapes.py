"""Sizes that may only be known when the model runs: ``Dim`` arithmetic, shape vectors, and what is known of them.

A ``Dim`` is an ``int`` where the size is proven static for this export, else a 0-d int64 value. Nothing here ever
turns a size that may be dynamic into a constant.
"""

from __future__ import annotations

from collections.abc import Sequence

import onnx_ir as ir

from onnx_explore.emit.emitter import Emitter

Dim = int | ir.Value


def size(g: Emitter, x: ir.Value, dim: int) -> Dim:
    """The size of one dimension (``dim`` may be negative)."""
    axis = g.axis(x, dim)
    assert x.shape is not None
    known = x.shape[axis]
    if isinstance(known, int):
        return known
    found = g.memo(("size", x, axis))
    if found is not None:
        return found
    made = g.op("Gather", shape(g, x), g.const(axis), axis=0)
    g.remember(("origin of size", made), x)
    g.remember(("axis of size", made), g.const(axis))
    return g.remember(("size", x, axis), made)


def sizes(g: Emitter, x: ir.Value) -> list[Dim]:
    """The sizes of all dimensions."""
    return [size(g, x, axis) for axis in range(g.rank(x))]


def is_static(x: ir.Value) -> bool:
    """Whether rank and every dimension are proven."""
    return x.shape is not None and x.shape.is_static()


def shape(g: Emitter, x: ir.Value) -> ir.Value:
    """The shape of ``x`` as a 1-d int64 tensor: a constant if static, else one shared Shape node."""
    if is_static(x):
        assert x.shape is not None
        return g.const([int(dim) for dim in x.shape])  # pyright: ignore[reportArgumentType]
    found = g.memo(("shape", x))
    return found if found is not None else g.remember(("shape", x), g.op("Shape", x))


def vector(g: Emitter, dims: Sequence[Dim]) -> ir.Value:
    """A 1-d int64 tensor of sizes."""
    if all(isinstance(dim, int) for dim in dims):
        return g.const([int(dim) for dim in dims])  # pyright: ignore[reportArgumentType]
    whole = _whole_shape(g, dims)
    if whole is not None:
        return whole
    parts: list[ir.Value] = []
    run: list[int] = []
    for dim in dims:
        if isinstance(dim, int):
            run.append(dim)
            continue
        if run:
            parts.append(g.const(run))
            run = []
        parts.append(as_vector(g, dim))
    if run:
        parts.append(g.const(run))
    return parts[0] if len(parts) == 1 else g.op("Concat", *parts, axis=0)


def _whole_shape(g: Emitter, dims: Sequence[Dim]) -> ir.Value | None:
    """The Shape node itself, when the sizes are exactly those of one tensor in order."""
    first = next(dim for dim in dims if isinstance(dim, ir.Value))
    source = g.memo(("origin of size", first))
    if source is None or source.shape is None or len(source.shape) != len(dims):
        return None
    for axis, dim in enumerate(dims):
        known = source.shape[axis]
        if isinstance(dim, int) or isinstance(known, int):
            if dim != known:
                return None
        elif g.memo(("size", source, axis)) is not dim:
            return None
    return shape(g, source)


def as_vector(g: Emitter, dim: Dim) -> ir.Value:
    """One size as a 1-d tensor with one element."""
    if isinstance(dim, int):
        return g.const([dim])
    dim = g.cast(dim, ir.DataType.INT64)
    if dim.shape is not None and len(dim.shape) == 1:
        return dim
    found = g.memo(("vector", dim))
    if found is not None:
        return found
    source = g.memo(("origin of size", dim))
    axis = g.memo(("axis of size", dim))
    if source is not None and axis is not None:
        number = g.known(axis)
        assert number is not None
        made = g.op("Gather", shape(g, source), g.const([int(number)]), axis=0)
    elif g.opset >= 13:
        made = g.op("Unsqueeze", dim, g.const([0]))
    else:
        made = g.op("Unsqueeze", dim, axes=[0])
    return g.remember(("vector", dim), made)


def as_scalar(g: Emitter, dim: Dim) -> ir.Value:
    """One size as a 0-d int64 tensor."""
    return g.const(dim) if isinstance(dim, int) else g.cast(dim, ir.DataType.INT64)


def simplified(g: Emitter, dim: Dim) -> Dim:
    """An ``int`` if the size is proven to be one, however it was computed."""
    if isinstance(dim, int):
        return dim
    known = g.known(dim)
    return int(known.reshape(-1)[0]) if known is not None and known.size == 1 else dim


def is_non_negative(g: Emitter, x: ir.Value) -> bool:
    """Whether a 0-d integer is known not to be negative: a size, a constant, or computed from such."""
    if g.memo(("origin of size", x)) is not None or g.memo(("non-negative", x)) is not None:
        return True
    if x.shape is None or len(x.shape) > 0 or x.dtype != ir.DataType.INT64:
        return False
    known = g.known(x)
    return known is not None and bool(known >= 0)


def mark_non_negative(g: Emitter, x: ir.Value) -> None:
    """State that a 0-d integer is not negative."""
    g.remember(("non-negative", x), x)


def _binary(g: Emitter, op_type: str, a: Dim, b: Dim) -> Dim:
    return simplified(g, g.op(op_type, as_scalar(g, a), as_scalar(g, b)))


def add(g: Emitter, a: Dim, b: Dim) -> Dim:
    """``a + b``."""
    if isinstance(a, int) and isinstance(b, int):
        return a + b
    if b == 0:
        return a
    return b if a == 0 else _binary(g, "Add", a, b)


def sub(g: Emitter, a: Dim, b: Dim) -> Dim:
    """``a - b``."""
    if isinstance(a, int) and isinstance(b, int):
        return a - b
    return a if b == 0 else _binary(g, "Sub", a, b)


def mul(g: Emitter, a: Dim, b: Dim) -> Dim:
    """``a * b``."""
    if isinstance(a, int) and isinstance(b, int):
        return a * b
    if b == 1:
        return a
    return b if a == 1 else _binary(g, "Mul", a, b)


def div(g: Emitter, a: Dim, b: Dim) -> Dim:
    """``a // b`` for non-negative sizes (ONNX Div truncates, which is the same there)."""
    if isinstance(a, int) and isinstance(b, int):
        return a // b
    return a if b == 1 else _binary(g, "Div", a, b)


def minimum(g: Emitter, a: Dim, b: Dim) -> Dim:
    """The smaller one. ONNX Min takes integers from opset 12 on; Where serves below."""
    if isinstance(a, int) and isinstance(b, int):
        return min(a, b)
    if g.opset >= 12:
        return _binary(g, "Min", a, b)
    left, right = as_scalar(g, a), as_scalar(g, b)
    return simplified(g, _if_less(g, left, right, left, right))


def maximum(g: Emitter, a: Dim, b: Dim) -> Dim:
    """The larger one."""
    if isinstance(a, int) and isinstance(b, int):
        return max(a, b)
    if g.opset >= 12:
        return _binary(g, "Max", a, b)
    left, right = as_scalar(g, a), as_scalar(g, b)
    return simplified(g, _if_less(g, left, right, right, left))


def _if_less(g: Emitter, left: ir.Value, right: ir.Value, then: ir.Value, other: ir.Value) -> ir.Value:
    """``then`` where ``left < right``, else ``other``: Where exists from opset 9 on, arithmetic serves below."""
    smaller = g.op("Less", left, right)
    if g.opset >= 9:
        return g.op("Where", smaller, then, other)
    return g.op("Add", other, g.op("Mul", g.cast(smaller, ir.DataType.INT64), g.op("Sub", then, other)))


def checked(g: Emitter, dim: Dim, actual: Dim, expected: Dim) -> Dim:
    """``dim``, in a model that refuses to run where ``actual`` is not ``expected``.

    ONNX has no assertion; a Gather whose index is out of range is one in every runtime that checks its indices.
    """
    difference = sub(g, actual, expected)
    if difference == 0:
        return dim
    index = g.op("Mul", as_scalar(g, difference), g.const(2))  # -1 would be the last element
    return g.op("Add", as_scalar(g, dim), g.op("Gather", g.const([0]), index, axis=0))


def product(g: Emitter, dims: Sequence[Dim]) -> Dim:
    """The product of sizes; 1 for none."""
    result: Dim = 1
    for dim in dims:
        result = mul(g, result, dim)
    return result
