"""Does ONNX compute what PyTorch computes: structure, ONNX Runtime, comparison, other sizes, report."""
