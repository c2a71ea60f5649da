"""What symbolic functions of the reference need for a resize: scales, sizes, the mode.

In: ``g``, the input, sizes or factors as values or numbers. Out: scales of all dimensions, as one value of float32.
"""

# ruff: noqa: A002  (the reference's names)
from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import torch

from onnx_explore.compat.asking import is_none, is_packed_list, rank, unpack_list
from onnx_explore.compat.composing import absent_input, longs, reshape_helper, shape_as_tensor, slice_helper
from onnx_explore.compat.parsing import maybe_const, parse_arg
from onnx_explore.compat.values import is_value
from onnx_explore.errors import UnsupportedOperatorError

JitValue = Any
_FLOAT = 1
_INT64 = 7
_SIZES_SINCE = 11
_ABSENT_SINCE = 13


def interpolate_warning(interpolate_mode: str) -> None:
    """Tells that ONNX's resize of this mode may differ from PyTorch's in old opsets."""
    warnings.warn(
        f"before opset 11, ONNX resizes '{interpolate_mode}' with other coordinates than PyTorch", stacklevel=3
    )


def scales_of_size(g: Any, input: Any, output_size: Any, dim: int) -> JitValue:
    """The factors to an output size; 1 for the leading dimensions."""
    known = maybe_const(output_size, "is")
    if is_value(known):
        spatial = rank(output_size)
        wanted = output_size if spatial is None or spatial == 1 else reshape_helper(g, output_size, [-1])
        count = dim - 2
    else:
        wanted, count = longs(g, known), len(known)
    shape = slice_helper(g, shape_as_tensor(g, input), [0], [dim - count], [dim])
    ratio = g.op("Div", g.op("Cast", wanted, to_i=_FLOAT), g.op("Cast", shape, to_i=_FLOAT))
    return g.op("Concat", _ones(g, dim - count), ratio, axis_i=0)


def given_scales(g: Any, scales: Any) -> JitValue | None:
    """The factors, if they are given: with a 1 for batch and channels each."""
    if is_none(scales) or (not is_value(scales) and not scales):
        return None
    known = maybe_const(scales, "fs")
    if not is_value(known):
        return g.op("Constant", value_t=torch.tensor([1.0, 1.0, *known], dtype=torch.float32))
    return g.op("Concat", _ones(g, 2), g.op("Cast", scales, to_i=_FLOAT), axis_i=0)


def interpolate_attributes(g: Any, mode: str, args: Any) -> tuple[JitValue | None, Any]:
    """The factors and ``align_corners`` of a resize whose arguments end with the factors."""
    if mode == "nearest":
        return given_scales(g, args[0]), None
    return given_scales(g, args[1]), args[0]


def scales_of_factor(g: Any, scale_factor: Any, dim: int) -> JitValue:
    """One factor for all spatial dimensions, or one for each; 1 for batch and channels."""
    known = maybe_const(scale_factor, "t")
    if not is_value(known):
        factors = [float(item) for item in torch.as_tensor(known).reshape(-1)]
        factors = factors * (dim - 2) if len(factors) == 1 else factors
        return g.op("Constant", value_t=torch.tensor([1.0, 1.0, *factors], dtype=torch.float32))
    if is_packed_list(scale_factor):
        parts = [reshape_helper(g, item, [1]) for item in unpack_list(scale_factor)]
        spatial = g.op("Concat", *parts, axis_i=0)
    elif rank(scale_factor) == 0:
        spatial = g.op("Expand", reshape_helper(g, scale_factor, [1]), longs(g, [dim - 2]))
    else:
        spatial = scale_factor
    return g.op("Concat", _ones(g, 2), g.op("Cast", spatial, to_i=_FLOAT), axis_i=0)


def scales_and_mode(
    g: Any, input: Any, size: Any, scale_factor: Any, mode: Any, align_corners: Any
) -> tuple[JitValue, str]:
    """The factors and ONNX's mode for the arguments of ``torch.nn.functional.interpolate``.

    Raises:
        UnsupportedOperatorError: For ``align_corners`` and cubic modes, and without a size or a factor.
    """
    mode = parse_arg(mode, "s")
    mode = "linear" if "linear" in mode else mode
    if "cubic" in mode:
        raise UnsupportedOperatorError(f"its symbolic function cannot convert mode '{mode}'", argument="mode")
    if not is_none(align_corners) and maybe_const(align_corners, "b"):
        raise UnsupportedOperatorError("its symbolic function cannot convert it", argument="align_corners")
    dim = rank(input)
    if dim is None:
        raise UnsupportedOperatorError("resizes a tensor of unknown rank")
    if not is_none(scale_factor):
        return scales_of_factor(g, scale_factor, dim), mode
    if is_none(size):
        raise UnsupportedOperatorError("neither a size nor a factor is given", argument="size")
    known = maybe_const(size, "is")
    wanted = size if is_value(known) else [known[0]] * (dim - 2) if len(known) == 1 else known
    return scales_of_size(g, input, wanted, dim), mode


def resize_of(name: str, dim: int, interpolate_mode: str) -> Callable[..., JitValue]:
    """The symbolic function of a resize to an output size, or by the factors that stand at the end of its arguments.

    Args:
        name: The operator's, for errors.
        dim: Of its input, batch and channels included.
        interpolate_mode: ``"nearest"``, ``"linear"`` or ``"cubic"``, as ONNX calls them.
    """

    def resize(g: Any, input: Any, output_size: Any, *args: Any) -> JitValue:
        if g.opset < _SIZES_SINCE:
            raise UnsupportedOperatorError(f"{name} needs opset {_SIZES_SINCE}: before, Resize takes no size")
        factors, corners = interpolate_attributes(g, interpolate_mode, args)
        aligned = interpolate_mode != "nearest" and bool(maybe_const(corners, "b"))
        mapping = "asymmetric" if interpolate_mode == "nearest" else "align_corners" if aligned else "half_pixel"
        attributes: dict[str, Any] = {
            "coordinate_transformation_mode_s": mapping,
            "cubic_coeff_a_f": -0.75,
            "mode_s": interpolate_mode,
            "nearest_mode_s": "floor",
        }
        roi = _absent(g)
        if factors is not None:
            return g.op("Resize", input, roi, factors, **attributes)
        known = maybe_const(output_size, "is")
        wanted = g.op("Cast", output_size, to_i=_INT64) if is_value(known) else longs(g, known)
        sizes = g.op("Concat", slice_helper(g, shape_as_tensor(g, input), [0], [0], [2]), wanted, axis_i=0)
        return g.op("Resize", input, roi, _absent(g), sizes, **attributes)

    del dim  # batch and channels stay, whatever follows them
    return resize


def _absent(g: Any) -> JitValue:
    """An input that is not given: an empty tensor before opset 13."""
    return absent_input(g) if g.opset >= _ABSENT_SINCE else g.op("Constant", value_t=torch.zeros(0))


def _ones(g: Any, count: int) -> JitValue:
    return g.op("Constant", value_t=torch.ones(count, dtype=torch.float32))
