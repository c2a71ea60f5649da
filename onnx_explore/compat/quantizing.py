"""Quantized tensors in symbolic functions of the reference: a tuple of the integers, the scale, the zero point and maybe an axis.

In: ``g`` and such tuples. Out: ``DequantizeLinear`` and ``QuantizeLinear`` around functions that only know floating tensors.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import onnx_ir as ir
import torch

from onnx_explore.compat.asking import dtype, is_tuple, unpack_tuple
from onnx_explore.compat.parsing import maybe_const
from onnx_explore.compat.refusing import opset_unsupported
from onnx_explore.compat.values import is_value
from onnx_explore.errors import UnsupportedOperatorError

JitValue = Any


def quantized_args(
    *arg_q_descriptors: bool,
    scale: float | None = None,
    zero_point: int | None = None,
    quantize_output: bool = True,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorator: lets a function for floating tensors take quantized ones.

    Args:
        *arg_q_descriptors: For each value behind ``g``: whether it may be quantized.
        scale: Of the result; default: that of the first quantized value.
        zero_point: Of the result; default: that of the first quantized value.
        quantize_output: Whether the result is quantized again.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def wrapped(g: Any, *args: Any, **kwargs: Any) -> Any:
            flags = [*arg_q_descriptors, *[False] * (len(args) - len(arg_q_descriptors))]
            marked = [flag and is_tuple(item) for flag, item in zip(flags, args, strict=False)]
            if not any(marked):
                return function(g, *args, **kwargs)
            plain: list[Any] = []
            out_scale = g.op("Constant", value_t=torch.tensor(scale)) if scale is not None else None
            out_zero = g.op("Constant", value_t=torch.tensor(zero_point)) if zero_point is not None else None
            for item, quantized in zip(args, marked, strict=True):
                if not quantized:
                    plain.append(item)
                    continue
                tensor, own_scale, own_zero, _ = dequantize_helper(g, item)
                plain.append(tensor)
                out_scale = out_scale if out_scale is not None else own_scale
                out_zero = out_zero if out_zero is not None else own_zero
            result = function(g, *plain, **kwargs)
            return quantize_helper(g, result, out_scale, out_zero) if quantize_output else result

        return wrapped

    return decorate


def unpack_quantized_tensor(tuple_value: JitValue) -> tuple[JitValue, ...]:
    """Integers, scale, zero point and maybe axis.

    Raises:
        UnsupportedOperatorError: If it is no quantized tensor.
    """
    parts = unpack_tuple(tuple_value)
    if len(parts) not in (3, 4):
        raise UnsupportedOperatorError(f"a tuple of {len(parts)} values is no quantized tensor")
    return parts


def dequantize_helper(g: Any, qtensor: JitValue, qdtype: Any = None) -> tuple[JitValue, JitValue, JitValue, Any]:
    """The floating tensor behind a quantized one, with scale, zero point and axis (None for per-tensor)."""
    tensor, scale, zero, *rest = unpack_quantized_tensor(qtensor)
    axis = maybe_const(rest[0], "i") if rest else None
    if axis is not None and is_value(axis):
        raise UnsupportedOperatorError("the axis of a quantized tensor is only known when the model runs")
    if axis is not None and g.opset < 13:
        opset_unsupported("DequantizeLinear along an axis", g.opset, 13)
    wanted = int(qdtype) if qdtype is not None else _integer_type(tensor)
    scale = g.op("Cast", scale, to_i=int(ir.DataType.FLOAT))
    zero = g.op("Cast", zero, to_i=wanted)
    tensor = g.op("Cast", tensor, to_i=wanted)
    return g.op("DequantizeLinear", tensor, scale, zero, axis_i=axis), scale, zero, axis


def quantize_helper(g: Any, tensor: JitValue, scale: JitValue, zero_point: JitValue, axis: Any = None) -> JitValue:
    """The quantized tensor: a tuple of integers, scale, zero point and maybe axis."""
    if axis is not None and g.opset < 13:
        opset_unsupported("QuantizeLinear along an axis", g.opset, 13)
    if dtype(scale) is not torch.float32:
        scale = g.op("Cast", scale, to_i=int(ir.DataType.FLOAT))
    if dtype(zero_point) not in (torch.uint8, torch.int8):
        zero_point = g.op("Cast", zero_point, to_i=int(ir.DataType.UINT8))
    integers = g.op("QuantizeLinear", tensor, scale, zero_point, axis_i=axis)
    parts = [integers, scale, zero_point]
    if axis is not None:
        parts.append(g.op("Constant", value_t=torch.tensor(axis)))
    return g.op("prim::TupleConstruct", *parts)


def requantize_bias_helper(
    g: Any, bias: JitValue, input_scale: JitValue, weight_scale: JitValue, axis: Any = None
) -> JitValue:
    """A floating bias as int32 of the scale of input times weight."""
    scale = g.op("Mul", weight_scale, input_scale)
    zero = g.op("ConstantOfShape", g.op("Shape", scale), value_t=torch.tensor([0], dtype=torch.int32))
    integers = g.op("Cast", g.op("Div", bias, scale), to_i=int(ir.DataType.INT32))
    parts = [integers, scale, zero]
    if axis is not None:
        parts.append(g.op("Constant", value_t=torch.tensor(axis)))
    return g.op("prim::TupleConstruct", *parts)


def _integer_type(tensor: JitValue) -> int:
    found = dtype(tensor)
    return int(ir.DataType.INT8 if found is torch.int8 else ir.DataType.UINT8)
