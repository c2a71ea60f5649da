"""Emission of ONNX nodes: the ``Emitter``, its names, and the operators whose signature changed between opsets."""

from onnx_explore.emit.emitter import Emitter, Input, Value
from onnx_explore.emit.shapes import Dim

__all__ = ["Dim", "Emitter", "Input", "Value"]
