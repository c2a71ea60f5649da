"""Resampling to another size: nearest, linear, cubic, with and without antialiasing (``F.interpolate``).

Resize (opset 11) says all of it, but antialiased ``align_corners`` and Lanczos. Where ONNX has no operator, and sizes are
known, the filter is applied as what it is: one small matrix per axis, which PyTorch itself fills in.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx_ir as ir
import torch

from onnx_explore.emit import Emitter, forms, shapes
from onnx_explore.emit.forms.comparison import finite_range
from onnx_explore.emit.forms.resize import factor, resize, upsample_nearest
from onnx_explore.errors import OpsetTooLow, UnsupportedOperatorError
from onnx_explore.symbolic.annotations import Dim, Tensor
from onnx_explore.symbolic.promotion import is_float
from onnx_explore.symbolic.registry import REGISTRY, Variant


@dataclass(frozen=True, slots=True)
class _Filter:
    """One way of resampling.

    Attributes:
        mode: ONNX ``mode``; ``""`` if ONNX has none.
        coordinates: ``coordinate_transformation_mode`` without ``align_corners``.
        rounding: ``nearest_mode``.
        cubic: ``cubic_coeff_a``.
        antialias: ONNX ``antialias``.
    """

    mode: str
    coordinates: str = "half_pixel"
    rounding: str | None = None
    cubic: float | None = None
    antialias: bool = False


_NEAREST = _Filter("nearest", "asymmetric", "floor")
# round_prefer_ceil(x - 0.5) is floor(x), which PyTorch's "exact" means.
_EXACT = _Filter("nearest", "half_pixel", "round_prefer_ceil")
_LINEAR = _Filter("linear")
_CUBIC = _Filter("cubic", cubic=-0.75)

_FILTERS: dict[str, tuple[int, _Filter]] = {
    "upsample_nearest1d": (1, _NEAREST),
    "upsample_nearest2d": (2, _NEAREST),
    "upsample_nearest3d": (3, _NEAREST),
    "_upsample_nearest_exact1d": (1, _EXACT),
    "_upsample_nearest_exact2d": (2, _EXACT),
    "_upsample_nearest_exact3d": (3, _EXACT),
    "upsample_linear1d": (1, _LINEAR),
    "upsample_bilinear2d": (2, _LINEAR),
    "upsample_trilinear3d": (3, _LINEAR),
    "upsample_bicubic2d": (2, _CUBIC),
    "_upsample_bilinear2d_aa": (2, _Filter("linear", antialias=True)),
    "_upsample_bicubic2d_aa": (2, _Filter("cubic", cubic=-0.5, antialias=True)),
    "_upsample_lanczos2d_aa": (2, _Filter("", antialias=True)),
}

_ONE_AXIS = {
    ("linear", False): "upsample_bilinear2d",
    ("cubic", False): "upsample_bicubic2d",
    ("linear", True): "_upsample_bilinear2d_aa",
    ("cubic", True): "_upsample_bicubic2d_aa",
    ("", True): "_upsample_lanczos2d_aa",
}
"""Mode, antialias → the ATen operator that fills in the matrix of one axis."""


def resample(
    g: Emitter,
    x: Tensor,
    how: _Filter,
    sizes: list[Dim],
    scales: list[float] | None,
    align_corners: bool,
) -> Tensor:
    """Resample the spatial axes.

    Args:
        g: The emitter.
        x: (batch, channel, …).
        how: The filter.
        sizes: The new sizes.
        scales: The factors, where the caller gave factors: they decide the coordinates then, not the ratio of sizes.
        align_corners: Whether the outermost elements keep their place.
    """
    if not is_float(x) and how.mode != "nearest":
        return _rounded(g, x, how, sizes, scales, align_corners)
    if align_corners:
        scales = None  # the ratio of the sizes less one decides
    if scales is not None:
        scales = _exact(g, x, sizes, scales)
    if how.mode == "nearest" and g.opset < 11:
        return _nearest_before_11(g, x, how, sizes, scales)
    if not how.mode or (how.antialias and align_corners) or g.opset < (18 if how.antialias else 11):
        return _by_matrices(g, x, how, sizes, scales, align_corners)
    return resize(
        g,
        x,
        None if scales is not None else sizes,
        scales,
        how.mode,
        "align_corners" if align_corners else how.coordinates,
        rounding=how.rounding,
        cubic=how.cubic,
        antialias=how.antialias,
    )


def _rounded(
    g: Emitter, x: Tensor, how: _Filter, sizes: list[Dim], scales: list[float] | None, align_corners: bool
) -> Tensor:
    """Integers, as PyTorch does them: axis after axis, the last one first, and rounded each time."""
    dtype, half = g.dtype(x), g.const(0.5, ir.DataType.FLOAT)
    for axis in reversed(range(len(sizes))):
        here = [wanted if other == axis else shapes.size(g, x, other + 2) for other, wanted in enumerate(sizes)]
        by = None if scales is None else [scale if other == axis else 1.0 for other, scale in enumerate(scales)]
        result = resample(g, g.cast(x, ir.DataType.FLOAT), how, here, by, align_corners)
        result = g.op("Floor", g.op("Add", result, half))
        x = g.cast(forms.clip(g, result, *finite_range(dtype)), dtype)
    return x


def _exact(g: Emitter, x: Tensor, sizes: list[Dim], scales: list[float]) -> list[float]:
    """Factors in ONNX's single precision that still give the sizes that PyTorch's double precision gives."""
    result: list[float] = []
    for axis, (wanted, scale) in enumerate(zip(sizes, scales, strict=True)):
        size = shapes.size(g, x, axis + 2)
        if isinstance(size, int) and isinstance(wanted, int):
            scale = float(factor(size, wanted, scale))
        result.append(scale)
    return result


def _nearest_before_11(g: Emitter, x: Tensor, how: _Filter, sizes: list[Dim], scales: list[float] | None) -> Tensor:
    """Upsample and Resize-10 take ``floor(x / scale)`` when they grow; Gather takes any rows, where sizes are known."""
    before = [shapes.size(g, x, axis + 2) for axis in range(len(sizes))]
    factors = _growth(before, sizes, scales) if how.coordinates == "asymmetric" else None
    if factors is not None:
        return upsample_nearest(g, x, factors)
    target = "upsample_nearest1d" if how.coordinates == "asymmetric" else "_upsample_nearest_exact1d"
    operator = getattr(torch.ops.aten, target).default
    for axis, (size, wanted) in enumerate(zip(before, sizes, strict=True)):
        if not isinstance(size, int) or not isinstance(wanted, int):
            raise OpsetTooLow("resizing to or from a size that is known only at run time needs Resize-11", first=11)
        rows = torch.arange(size, dtype=torch.float64)[None, None]
        taken = operator(rows, [wanted], None if scales is None else scales[axis])
        x = g.op("Gather", x, g.tensor(taken[0, 0].to(torch.int64)), axis=axis + 2)
    return x


def _growth(before: Sequence[Dim], sizes: Sequence[Dim], scales: Sequence[float] | None) -> list[float] | None:
    """The factors, if all are known, none is below 1, and none loses anything in single precision."""
    factors: list[float] = []
    for axis, (size, wanted) in enumerate(zip(before, sizes, strict=True)):
        if scales is not None:
            factors.append(scales[axis])
        elif isinstance(size, int) and isinstance(wanted, int):
            factors.append(wanted / size)
        else:
            return None
    return factors if all(item >= 1 and float(np.float32(item)) == item for item in factors) else None


def _by_matrices(
    g: Emitter, x: Tensor, how: _Filter, sizes: list[Dim], scales: list[float] | None, align_corners: bool
) -> Tensor:
    """Resample axis after axis by a matrix product; the matrix is what the operator makes of unit vectors."""
    before = [shapes.size(g, x, axis + 2) for axis in range(len(sizes))]
    if not all(isinstance(item, int) for item in [*before, *sizes]):
        if how.mode and not (how.antialias and align_corners):
            g.requires(
                18 if how.antialias else 11, "this way of resizing a tensor whose size is known only at run time"
            )
        raise UnsupportedOperatorError(
            "ONNX has no such filter, and sizes are known only at run time",
            action="keep the sizes static, or use another mode",
        )
    operator = getattr(torch.ops.aten, _ONE_AXIS[how.mode, how.antialias]).default
    last = g.rank(x) - 1
    for axis, (size, wanted) in enumerate(zip(before, sizes, strict=True)):
        if size == wanted and (scales is None or scales[axis] == 1):
            continue
        unit = torch.eye(int(size), dtype=torch.float64)[None, None]  # pyright: ignore[reportArgumentType]
        matrix = operator(unit, [wanted, size], align_corners, None if scales is None else scales[axis], None)[0, 0]
        weights = g.const(matrix.T.tolist(), g.dtype(x))
        if axis + 2 == last:
            x = g.op("MatMul", x, weights)
            continue
        order = list(range(last + 1))
        order[axis + 2], order[last] = last, axis + 2
        x = g.op("Transpose", g.op("MatMul", g.op("Transpose", x, perm=order), weights), perm=order)
    return x


# -- the overloads -----------------------------------------------------------------------------------------------------------


def _from_list(
    g: Emitter,
    x: Tensor,
    how: _Filter,
    output_size: list[Dim] | None,
    align_corners: bool,
    scale_factors: list[float] | None,
) -> Tensor:
    """``.vec``: either sizes or factors."""
    if output_size is not None:
        return resample(g, x, how, output_size, None, align_corners)
    if scale_factors is None:
        raise UnsupportedOperatorError("neither output_size nor scale_factors is given")
    sizes: list[Dim] = []
    for axis, scale in enumerate(scale_factors):
        size = shapes.size(g, x, axis + 2)
        if not isinstance(size, int) and align_corners:
            # Coordinates need the new size. Resize computes it from the factor, too.
            return _aligned_by_factor(g, x, how, scale_factors)
        # Where the size is not known, the factors alone decide, and it stands for itself.
        sizes.append(int(size * scale) if isinstance(size, int) else size)
    return resample(g, x, how, sizes, scale_factors, align_corners)


def _aligned_by_factor(g: Emitter, x: Tensor, how: _Filter, scales: list[float]) -> Tensor:
    if not how.mode or how.antialias:
        raise UnsupportedOperatorError("ONNX has no such filter, and sizes are known only at run time")
    return resize(g, x, None, scales, how.mode, "align_corners", cubic=how.cubic)


def _given(scales: Sequence[float | None]) -> list[float] | None:
    """The factors if all are given; PyTorch passes them beside the sizes only for the coordinates."""
    found = [scale for scale in scales if scale is not None and scale > 0]
    return found if len(found) == len(scales) else None


def _register(name: str, spatial: int, how: _Filter) -> None:
    aligned = how.mode != "nearest"
    functions: dict[str, Callable[..., Any]] = {}

    def vec(
        g: Emitter, input: Tensor, output_size: list[Dim] | None, align_corners: bool, scale_factors: list[float] | None
    ) -> Tensor:
        return _from_list(g, input, how, output_size, align_corners, scale_factors)

    def vec_nearest(
        g: Emitter, input: Tensor, output_size: list[Dim] | None, scale_factors: list[float] | None
    ) -> Tensor:
        return _from_list(g, input, how, output_size, False, scale_factors)

    def one(
        g: Emitter, self: Tensor, output_size: list[Dim], align_corners: bool = False, scales: float | None = None
    ) -> Tensor:
        return resample(g, self, how, output_size, _given([scales]), align_corners)

    def two(
        g: Emitter,
        self: Tensor,
        output_size: list[Dim],
        align_corners: bool = False,
        scales_h: float | None = None,
        scales_w: float | None = None,
    ) -> Tensor:
        return resample(g, self, how, output_size, _given([scales_h, scales_w]), align_corners)

    def three(
        g: Emitter,
        self: Tensor,
        output_size: list[Dim],
        align_corners: bool = False,
        scales_d: float | None = None,
        scales_h: float | None = None,
        scales_w: float | None = None,
    ) -> Tensor:
        return resample(g, self, how, output_size, _given([scales_d, scales_h, scales_w]), align_corners)

    corners = "bool align_corners, " if aligned else ""
    listed = vec if aligned else vec_nearest
    plain = (one, two, three)[spatial - 1]
    listed.__doc__ = f"{name}.vec(Tensor input, SymInt[]? output_size, {corners}float[]? scale_factors) -> Tensor"
    names = ", ".join(f"float? {item}=None" for item in (("scales",), _HW, ("scales_d", *_HW))[spatial - 1])
    plain.__doc__ = f"{name}(Tensor self, SymInt[{spatial}] output_size, {corners}{names}) -> Tensor"
    functions[f"aten::{name}.vec"] = listed
    functions[f"aten::{name}"] = plain
    for target, function in functions.items():
        function.__name__ = function.__qualname__ = name
        REGISTRY.function(target).add(Variant(7, function))


_HW = ("scales_h", "scales_w")

for _name, (_spatial, _how) in _FILTERS.items():
    _register(_name, _spatial, _how)
