"""Softmax and LogSoftmax: from opset 13 on along one axis; before, over everything from ``axis`` on, flattened."""

from __future__ import annotations

import onnx_ir as ir

from onnx_explore.emit.emitter import Emitter
from onnx_explore.emit.forms.axes import squeeze, unsqueeze


def softmax(g: Emitter, op_type: str, x: ir.Value, axis: int) -> ir.Value:
    """Softmax-1, -11, -13 (or LogSoftmax) along one axis, which is not negative. A 0-d tensor counts as 1-d."""
    rank = g.rank(x)
    if rank == 0:
        return squeeze(g, g.op(op_type, unsqueeze(g, x, [0]), axis=0), [0])
    if g.opset >= 13 or axis == rank - 1:
        return g.op(op_type, x, axis=axis)
    # Flattening from the last axis on is that axis alone.
    order = [item for item in range(rank) if item != axis] + [axis]
    inverse = [order.index(item) for item in range(rank)]
    last = g.op(op_type, g.op("Transpose", x, perm=order), axis=rank - 1)
    return g.op("Transpose", last, perm=inverse)
