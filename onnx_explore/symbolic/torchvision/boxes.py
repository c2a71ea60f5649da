"""Suppression of overlapping boxes: NonMaxSuppression."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from onnx_explore.emit import Emitter, forms, shapes
from onnx_explore.errors import UnsupportedOperatorError
from onnx_explore.symbolic.annotations import Scalar, Tensor
from onnx_explore.symbolic.registry import symbolic


@symbolic("torchvision::nms", since=10)
def nms(g: Emitter, dets: Tensor, scores: Tensor, iou_threshold: Scalar) -> Tensor:
    """torchvision::nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor

    The overlap of two boxes does not tell x from y, so that the corners may be given as PyTorch has them.
    """
    chosen = g.op(
        "NonMaxSuppression",
        forms.unsqueeze(g, g.cast(dets, ir.DataType.FLOAT), [0]),
        forms.unsqueeze(g, g.cast(scores, ir.DataType.FLOAT), [0, 1]),
        shapes.as_vector(g, shapes.size(g, dets, 0)),
        _threshold(g, iou_threshold),
    )
    return forms.select(g, chosen, 1, 2)


def _threshold(g: Emitter, number: Scalar) -> Tensor:
    """ONNX wants a float32 between 0 and 1. One that is computed is a float32 already."""
    if isinstance(number, ir.Value):
        limited = forms.clip(g, g.cast(number, ir.DataType.FLOAT), None, g.const(1.0, ir.DataType.FLOAT))
        return forms.unsqueeze(g, limited, [0])
    assert isinstance(number, int | float)
    if number < 0:
        raise UnsupportedOperatorError(f"iou_threshold is {number}, and ONNX wants one between 0 and 1")
    return g.const([_rounded_down(min(number, 1.0))], ir.DataType.FLOAT)


def _rounded_down(number: float) -> float:
    """The largest float32 not above: PyTorch compares with the double, ``0.3f > 0.3`` holds."""
    near = np.float32(number)
    return float(near if float(near) <= number else np.nextafter(near, np.float32(-np.inf)))
