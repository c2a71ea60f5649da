"""``onnx_explore.verification``: the reference's import path for the comparison of ONNX with PyTorch; see ``check``."""

from onnx_explore.check.graph_info import GraphInfo, OnnxBackend, VerificationOptions
from onnx_explore.mismatch import find_mismatch
from onnx_explore.verified import verify

__all__ = ["GraphInfo", "OnnxBackend", "VerificationOptions", "find_mismatch", "verify"]
