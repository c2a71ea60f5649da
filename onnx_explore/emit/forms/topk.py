"""TopK: k an input from opset 10, smallest and unsorted from 11 on."""

from __future__ import annotations

import onnx_ir as ir

from onnx_explore.emit import shapes
from onnx_explore.emit.emitter import Emitter
from onnx_explore.emit.shapes import Dim


def top_k(
    g: Emitter, x: ir.Value, k: Dim, axis: int, *, largest: bool = True, ordered: bool = True
) -> tuple[ir.Value, ir.Value]:
    """TopK-1, -10, -11: values and int64 indices.

    Raises:
        OpsetTooLow: For a computed ``k`` below opset 10.
    """
    if g.opset >= 11:
        values, indices = g.op(
            "TopK", x, shapes.as_vector(g, k), axis=axis, largest=int(largest), sorted=int(ordered), outputs=2
        )
        return values, indices
    source = x if largest else g.op("Neg", x)
    if g.opset >= 10:
        values, indices = g.op("TopK", source, shapes.as_vector(g, k), axis=axis, outputs=2)
    else:
        if not isinstance(k, int):
            g.requires(10, "TopK with a computed k")
        values, indices = g.op("TopK", source, axis=axis, k=k, outputs=2)
    return (values if largest else g.op("Neg", values)), indices
