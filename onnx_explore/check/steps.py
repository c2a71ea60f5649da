"""How far apart the numbers are that an output can hold: one step of its grid, where it comes from DequantizeLinear, or from
the arithmetic that stands for it before opset 10.

In: an ONNX model. Out: output name → step. What lies between is what moves values and computes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx_ir as ir

_MOVES = frozenset(
    "Concat Expand Flatten Gather Identity Reshape Slice Split Squeeze Tile Transpose Unsqueeze".split()  # noqa: SIM905
)


def output_steps(model: ir.Model) -> Mapping[str, float]:
    """The step of each output that has one; of several scales, the largest."""
    found: dict[str, float] = {}
    for output in model.graph.outputs:
        step = _step(output)
        if output.name and step > 0:
            found[output.name] = step
    return found


def _step(value: ir.Value) -> float:
    producer = value.producer()
    while producer is not None and producer.op_type in _MOVES and producer.inputs[0] is not None:
        producer = producer.inputs[0].producer()
    if producer is None:
        return 0.0
    if producer.op_type == "DequantizeLinear":
        return _largest(producer.inputs[1])
    if producer.op_type == "Mul" and _is_integer(producer.inputs[0]):
        return _largest(producer.inputs[1])
    return 0.0


def _is_integer(value: ir.Value | None) -> bool:
    """Whether a float is an integer of a grid, with the zero point taken away or not."""
    producer = value.producer() if value is not None else None
    if producer is not None and producer.op_type == "Sub":
        return _is_integer(producer.inputs[0])
    given = producer.inputs[0] if producer is not None and producer.op_type == "Cast" else None
    return given is not None and given.dtype in (ir.DataType.UINT8, ir.DataType.INT8)


def _largest(scale: ir.Value | None) -> float:
    known = ir.convenience.get_const_tensor(scale) if scale is not None else None
    return float(np.max(known.numpy())) if known is not None and known.size else 0.0
