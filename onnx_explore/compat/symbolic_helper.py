"""``symbolic_helper``: the names that symbolic functions in public code import from ``torch.onnx.symbolic_helper``.

Names and meaning are those of the reference; what is behind them stands in the modules that this one lists. Only
names stand here: ours have none of their own in it.
"""

from onnx_explore.compat.asking import applied as _apply_params
from onnx_explore.compat.asking import are_alike as args_have_same_dtype
from onnx_explore.compat.asking import as_list_type as _as_list_type
from onnx_explore.compat.asking import cross_dimension as _get_dim_for_cross
from onnx_explore.compat.asking import get_const as _get_const
from onnx_explore.compat.asking import is_bool as _is_bool
from onnx_explore.compat.asking import is_complex as is_complex_value
from onnx_explore.compat.asking import is_constant as _is_constant
from onnx_explore.compat.asking import is_floating as _is_fp
from onnx_explore.compat.asking import is_graph_constant as _is_onnx_constant
from onnx_explore.compat.asking import is_list as _is_list
from onnx_explore.compat.asking import is_list_of_numbers as _is_scalar_list
from onnx_explore.compat.asking import is_list_of_tensors as _is_tensor_list
from onnx_explore.compat.asking import is_none as _is_none
from onnx_explore.compat.asking import is_packed_list as _is_packed_list
from onnx_explore.compat.asking import is_tensor_value as _is_tensor
from onnx_explore.compat.asking import is_tuple as _is_tuple_construct
from onnx_explore.compat.asking import maybe_scalar as _maybe_get_scalar
from onnx_explore.compat.asking import node_attribute as _node_get
from onnx_explore.compat.asking import rank as _get_tensor_rank
from onnx_explore.compat.asking import scalar as _scalar
from onnx_explore.compat.asking import size as _get_tensor_dim_size
from onnx_explore.compat.asking import sizes as _get_tensor_sizes
from onnx_explore.compat.asking import splits_are_known as _is_split_static
from onnx_explore.compat.asking import unpack_list as _unpack_list
from onnx_explore.compat.asking import unpack_tuple as _unpack_tuple
from onnx_explore.compat.composing import absent_input as _optional_input_placeholder_tensor
from onnx_explore.compat.composing import all_dimensions as _handle_reduce_dim_none
from onnx_explore.compat.composing import flatten_helper as _flatten_helper
from onnx_explore.compat.composing import index_fill_reshape as _index_fill_reshape_helper
from onnx_explore.compat.composing import less_helper as _lt_helper
from onnx_explore.compat.composing import numel_helper as _numel_helper
from onnx_explore.compat.composing import pool_helper as _avgpool_helper
from onnx_explore.compat.composing import reducesum_helper as _reducesum_helper
from onnx_explore.compat.composing import reshape_helper as _reshape_helper
from onnx_explore.compat.composing import select_helper as _select_helper
from onnx_explore.compat.composing import shape_as_tensor as _shape_as_tensor
from onnx_explore.compat.composing import size_helper as _size_helper
from onnx_explore.compat.composing import slice_helper as _slice_helper
from onnx_explore.compat.composing import sort_helper as _sort_helper
from onnx_explore.compat.composing import squeeze_helper as _squeeze_helper
from onnx_explore.compat.composing import topk_helper as _topk_helper
from onnx_explore.compat.composing import unbind_helper as _unbind_helper
from onnx_explore.compat.composing import unsqueeze_helper as _unsqueeze_helper
from onnx_explore.compat.composing import wrapped_number as _generate_wrapped_number
from onnx_explore.compat.interpolating import given_scales as _interpolate_get_scales_if_available
from onnx_explore.compat.interpolating import interpolate_attributes as _get_interpolate_attributes
from onnx_explore.compat.interpolating import interpolate_warning as _interpolate_warning
from onnx_explore.compat.interpolating import resize_of as _interpolate_helper
from onnx_explore.compat.interpolating import scales_and_mode as _interpolate_get_scales_and_mode
from onnx_explore.compat.interpolating import scales_of_factor as _interpolate_get_scales
from onnx_explore.compat.interpolating import scales_of_size as _interpolate_size_to_scales
from onnx_explore.compat.parsing import maybe_const as _maybe_get_const
from onnx_explore.compat.parsing import parse_arg as _parse_arg
from onnx_explore.compat.parsing import parse_args
from onnx_explore.compat.promoting import cast_to as _maybe_cast_to_type
from onnx_explore.compat.promoting import number_like as _if_scalar_type_as
from onnx_explore.compat.promoting import overload_by_count as _overload_by_arg_count
from onnx_explore.compat.promoting import promoted_type as _type_promote_from_values
from onnx_explore.compat.promoting import reduce_operand as _maybe_cast_reduce_op_input
from onnx_explore.compat.promoting import scalar_type as _try_get_scalar_type
from onnx_explore.compat.promoting import with_float_cast as _op_with_optional_float_cast
from onnx_explore.compat.quantizing import dequantize_helper, quantize_helper, quantized_args, requantize_bias_helper
from onnx_explore.compat.quantizing import unpack_quantized_tensor as _unpack_quantized_tensor
from onnx_explore.compat.reducing import largest_helper as _max_helper
from onnx_explore.compat.reducing import position_helper as _argmin_argmax_helper
from onnx_explore.compat.reducing import smallest_helper as _min_helper
from onnx_explore.compat.reducing import variance_helper as _var_mean_helper
from onnx_explore.compat.refusing import blocked as _block_list_in_opset
from onnx_explore.compat.refusing import opset_unsupported as _onnx_opset_unsupported
from onnx_explore.compat.refusing import opset_unsupported_because as _onnx_opset_unsupported_detailed
from onnx_explore.compat.refusing import unimplemented as _unimplemented
from onnx_explore.compat.refusing import unsupported as _onnx_unsupported
from onnx_explore.compat.tables import (
    cast_pytorch_to_onnx,
    pytorch_name_to_type,
    scalar_name_to_pytorch,
    scalar_type_to_onnx,
    scalar_type_to_pytorch_type,
)
from onnx_explore.compat.values import is_value as _is_value

__all__ = [
    "_apply_params",
    "_argmin_argmax_helper",
    "_as_list_type",
    "_avgpool_helper",
    "_block_list_in_opset",
    "_flatten_helper",
    "_generate_wrapped_number",
    "_get_const",
    "_get_dim_for_cross",
    "_get_interpolate_attributes",
    "_get_tensor_dim_size",
    "_get_tensor_rank",
    "_get_tensor_sizes",
    "_handle_reduce_dim_none",
    "_if_scalar_type_as",
    "_index_fill_reshape_helper",
    "_interpolate_get_scales",
    "_interpolate_get_scales_and_mode",
    "_interpolate_get_scales_if_available",
    "_interpolate_helper",
    "_interpolate_size_to_scales",
    "_interpolate_warning",
    "_is_bool",
    "_is_constant",
    "_is_fp",
    "_is_list",
    "_is_none",
    "_is_onnx_constant",
    "_is_packed_list",
    "_is_scalar_list",
    "_is_split_static",
    "_is_tensor",
    "_is_tensor_list",
    "_is_tuple_construct",
    "_is_value",
    "_lt_helper",
    "_max_helper",
    "_maybe_cast_reduce_op_input",
    "_maybe_cast_to_type",
    "_maybe_get_const",
    "_maybe_get_scalar",
    "_min_helper",
    "_node_get",
    "_numel_helper",
    "_onnx_opset_unsupported",
    "_onnx_opset_unsupported_detailed",
    "_onnx_unsupported",
    "_op_with_optional_float_cast",
    "_optional_input_placeholder_tensor",
    "_overload_by_arg_count",
    "_parse_arg",
    "_reducesum_helper",
    "_reshape_helper",
    "_scalar",
    "_select_helper",
    "_shape_as_tensor",
    "_size_helper",
    "_slice_helper",
    "_sort_helper",
    "_squeeze_helper",
    "_topk_helper",
    "_try_get_scalar_type",
    "_type_promote_from_values",
    "_unbind_helper",
    "_unimplemented",
    "_unpack_list",
    "_unpack_quantized_tensor",
    "_unpack_tuple",
    "_unsqueeze_helper",
    "_var_mean_helper",
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
