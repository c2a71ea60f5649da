"""ONNX operators whose signature changed between opsets, one file per family; symbolic functions call these instead."""

from onnx_explore.emit.forms.axes import reduce, squeeze, unsqueeze
from onnx_explore.emit.forms.clip import clip
from onnx_explore.emit.forms.gathering import (
    broadcast_all,
    coordinates,
    gather,
    gather_elements,
    gather_nd,
    iota,
    linear,
    wrapped,
)
from onnx_explore.emit.forms.quantization import dequantize, quantize
from onnx_explore.emit.forms.reshape import expand, expand_like, merge, reshape, same_size
from onnx_explore.emit.forms.scattering import scatter_elements, scatter_nd
from onnx_explore.emit.forms.slicing import END, pad, select, slice_axes, split
from onnx_explore.emit.forms.topk import top_k

__all__ = [
    "END",
    "broadcast_all",
    "clip",
    "coordinates",
    "dequantize",
    "expand",
    "expand_like",
    "gather",
    "gather_elements",
    "gather_nd",
    "iota",
    "linear",
    "merge",
    "pad",
    "quantize",
    "reduce",
    "reshape",
    "same_size",
    "scatter_elements",
    "scatter_nd",
    "select",
    "slice_axes",
    "split",
    "squeeze",
    "top_k",
    "unsqueeze",
    "wrapped",
]
