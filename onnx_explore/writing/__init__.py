"""Writing ONNX models to files, straight from the tensors' memory.

In: an ``onnx_ir.Model``. Out: a file that ``onnx.load`` reads, or the file as it was before.
"""

from __future__ import annotations

from onnx_explore.writing.payload import array_of, contiguous_array
from onnx_explore.writing.skeleton import add_initializer, in_memory, serialize_around, serialize_with, stand_in
from onnx_explore.writing.write import WriteResult, check_target, write_model

__all__ = [
    "WriteResult",
    "add_initializer",
    "array_of",
    "check_target",
    "contiguous_array",
    "in_memory",
    "serialize_around",
    "serialize_with",
    "stand_in",
    "write_model",
]
