"""Records a PyTorch model as a ``TorchGraph``: ``capture(model, args)``."""

from onnx_explore.capture.captured import Capture, CaptureNote, Conversion, GraphInput, GraphOutput
from onnx_explore.capture.capturing import capture
from onnx_explore.capture.replay import check_replay

__all__ = ["Capture", "CaptureNote", "Conversion", "GraphInput", "GraphOutput", "capture", "check_replay"]
