"""How far apart the numbers are that an output can hold: one step of its grid, where it comes from DequantizeLinear.

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
    if producer is None or producer.op_type != "DequantizeLinear" or producer.inputs[1] is None:
        return 0.0
    scale = ir.convenience.get_const_tensor(producer.inputs[1])
    return float(np.max(scale.numpy())) if scale is not None and scale.size else 0.0
