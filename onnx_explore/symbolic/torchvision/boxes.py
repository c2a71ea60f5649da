"""Suppression of overlapping boxes: NonMaxSuppression."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from onnx_explore.emit import Emitter, forms, shapes
from onnx_explore.errors import UnsupportedOperatorError
from onnx_explore.symbolic.annotations import Tensor
from onnx_explore.symbolic.registry import symbolic


@symbolic("torchvision::nms", since=10)
def nms(g: Emitter, dets: Tensor, scores: Tensor, iou_threshold: float) -> Tensor:
    """torchvision::nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor

    The overlap of two boxes does not tell x from y, so that the corners may be given as PyTorch has them.
    """
    if iou_threshold < 0:
        raise UnsupportedOperatorError(f"iou_threshold is {iou_threshold}, and ONNX wants one between 0 and 1")
    chosen = g.op(
        "NonMaxSuppression",
        forms.unsqueeze(g, g.cast(dets, ir.DataType.FLOAT), [0]),
        forms.unsqueeze(g, g.cast(scores, ir.DataType.FLOAT), [0, 1]),
        shapes.as_vector(g, shapes.size(g, dets, 0)),
        g.const([_rounded_down(min(iou_threshold, 1.0))], ir.DataType.FLOAT),
    )
    return forms.select(g, chosen, 1, 2)


def _rounded_down(number: float) -> float:
    """The largest float32 not above: PyTorch compares with the double, ``0.3f > 0.3`` holds."""
    near = np.float32(number)
    return float(near if float(near) <= number else np.nextafter(near, np.float32(-np.inf)))
