"""``onnx_explore.symbolic_helper``: the reference's import path for ``parse_args`` and its companions; see ``compat``."""

from onnx_explore.compat import symbolic_helper as _helper
from onnx_explore.compat.symbolic_helper import (
    args_have_same_dtype,
    cast_pytorch_to_onnx,
    dequantize_helper,
    is_complex_value,
    parse_args,
    pytorch_name_to_type,
    quantize_helper,
    quantized_args,
    requantize_bias_helper,
    scalar_name_to_pytorch,
    scalar_type_to_onnx,
    scalar_type_to_pytorch_type,
)

__all__ = [
    "args_have_same_dtype",
    "cast_pytorch_to_onnx",
    "dequantize_helper",
    "is_complex_value",
    "parse_args",
    "pytorch_name_to_type",
    "quantize_helper",
    "quantized_args",
    "requantize_bias_helper",
    "scalar_name_to_pytorch",
    "scalar_type_to_onnx",
    "scalar_type_to_pytorch_type",
]


def __getattr__(name: str) -> object:
    """The underscored companions (``_get_const``, ``_get_tensor_rank`` …)."""
    return getattr(_helper, name)
