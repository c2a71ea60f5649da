"""The words in which a symbolic function states what it wants of an argument.

``Tensor``, ``Tensor | None``, ``list[Tensor]``, ``list[Tensor | None]``; ``int``, ``float``, ``bool``, ``str`` and lists of
them (must be constant at export); ``Scalar`` (a number, or a 0-d value); ``Operand`` (a tensor, or a Python number also where
the schema says Tensor); ``Dim`` (an int, or a traced size), ``list[Dim]``; ``DType`` (an ONNX element type);
``Complex`` (a complex tensor, given as its pairs of real and imaginary parts); ``Quantized`` (a quantized tensor),
``PackedWeight`` and ``PackedCell`` (what PyTorch packs for quantized modules). Each with ``| None`` where the schema
allows None.
"""

from __future__ import annotations

import onnx_ir as ir

from onnx_explore.emit.shapes import Dim
from onnx_explore.symbolic.lowered import PackedCell, PackedWeight, Quantized
from onnx_explore.symbolic.promotion import Operand

Tensor = ir.Value
Complex = ir.Value
Scalar = int | float | bool | complex | ir.Value
DType = ir.DataType

__all__ = ["Complex", "DType", "Dim", "Operand", "PackedCell", "PackedWeight", "Quantized", "Scalar", "Tensor"]
