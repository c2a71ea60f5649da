"""Upsample-7, -9 and Resize-10, -11, -13, -18: the spatial axes (all but the first two) get new sizes.

Upsample and Resize-10 know one way to map coordinates (``x / scale``); the attributes came with Resize-11, ``antialias``
and ``axes`` with Resize-18.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx_ir as ir
import torch

from onnx_explore.emit import shapes
from onnx_explore.emit.emitter import Emitter
from onnx_explore.emit.shapes import Dim


def resize(
    g: Emitter,
    x: ir.Value,
    sizes: Sequence[Dim] | None,
    scales: Sequence[float] | None,
    mode: str,
    coordinates: str,
    *,
    rounding: str | None = None,
    cubic: float | None = None,
    antialias: bool = False,
) -> ir.Value:
    """Resize-11 and newer.

    Args:
        g: The emitter.
        x: (batch, channel, …).
        sizes: New sizes of the spatial axes; coordinates then follow from the ratio of sizes. Or
        scales: factors of the spatial axes.
        mode: ``nearest``, ``linear``, ``cubic``.
        coordinates: ``coordinate_transformation_mode``.
        rounding: ``nearest_mode``.
        cubic: ``cubic_coeff_a``.
        antialias: Whether the filter widens when the tensor shrinks. Weights outside are left out then, as PyTorch has it.
    """
    g.requires(18 if antialias else 11, "Resize with antialias" if antialias else "Resize with a coordinate mode")
    spatial = g.rank(x) - 2
    attributes: dict[str, Any] = {
        "mode": mode,
        "coordinate_transformation_mode": coordinates,
        "nearest_mode": rounding,
        "cubic_coeff_a": cubic,
        "antialias": 1 if antialias else None,
        "exclude_outside": 1 if antialias else None,
    }
    # Resize-11 wants all four inputs; an empty tensor stands for one that is not given.
    none = g.tensor(torch.zeros(0)) if g.opset < 13 else None
    if scales is not None:
        if g.opset >= 18:
            factors = g.const([float(scale) for scale in scales], ir.DataType.FLOAT)
            return g.op("Resize", x, None, factors, axes=list(range(2, 2 + spatial)), **attributes)
        factors = g.const([1.0, 1.0, *[float(scale) for scale in scales]], ir.DataType.FLOAT)
        return g.op("Resize", x, none, factors, **attributes)
    assert sizes is not None
    if g.opset >= 18:
        wanted = shapes.vector(g, sizes)
        return g.op("Resize", x, None, None, wanted, axes=list(range(2, 2 + spatial)), **attributes)
    wanted = shapes.vector(g, [shapes.size(g, x, 0), shapes.size(g, x, 1), *sizes])
    return g.op("Resize", x, none, none, wanted, **attributes)


def upsample_nearest(g: Emitter, x: ir.Value, scales: Sequence[float]) -> ir.Value:
    """Upsample-7, -9, Resize-10: nearest, downwards. Factors are at least 1: ONNX Runtime rounds the other way below."""
    op_type = "Resize" if g.opset >= 10 else "Upsample"
    if g.opset < 9:
        return g.op(op_type, x, mode="nearest", scales=[1.0, 1.0, *scales])
    return g.op(op_type, x, g.const([1.0, 1.0, *scales], ir.DataType.FLOAT), mode="nearest")


def factor(size: int, wanted: int, scale: float) -> np.float32:
    """``scale`` in single precision, moved up by as little as makes ``floor(size * scale)`` the wanted size."""
    single = np.float32(scale)
    for _ in range(4):
        if int(np.floor(np.float32(size) * single)) >= wanted:
            break
        single = np.nextafter(single, np.float32(np.inf))
    return single
