"""Squeeze, Unsqueeze and the Reduce family: axes are an attribute first, an input from opset 13 (ReduceSum, Squeeze,
Unsqueeze) or 18 (the other reductions) on.
"""

from __future__ import annotations

from collections.abc import Sequence

import onnx_ir as ir

from onnx_explore.emit.emitter import Emitter


def squeeze(g: Emitter, x: ir.Value, axes: Sequence[int]) -> ir.Value:
    """Squeeze-1, -11, -13: drop dimensions of size 1. No axes: ``x`` itself."""
    if not axes:
        return x
    return g.op("Squeeze", x, list(axes)) if g.opset >= 13 else g.op("Squeeze", x, axes=list(axes))


def unsqueeze(g: Emitter, x: ir.Value, axes: Sequence[int]) -> ir.Value:
    """Unsqueeze-1, -11, -13: new dimensions of size 1 at these places of the result (not negative)."""
    if not axes:
        return x
    return g.op("Unsqueeze", x, list(axes)) if g.opset >= 13 else g.op("Unsqueeze", x, axes=list(axes))


def reduce(g: Emitter, op_type: str, x: ir.Value, axes: Sequence[int] | None, *, keepdims: bool = False) -> ir.Value:
    """ReduceSum, ReduceMean, ReduceMax … over ``axes``; over all dimensions if None or empty (as PyTorch has it)."""
    keep = int(keepdims)
    if not axes:
        return g.op(op_type, x, keepdims=keep)
    if g.opset >= (13 if op_type == "ReduceSum" else 18):
        return g.op(op_type, x, list(axes), keepdims=keep)
    return g.op(op_type, x, axes=list(axes), keepdims=keep)
