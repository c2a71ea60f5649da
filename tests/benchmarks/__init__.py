"""Time and memory of an export, against ``torch.onnx.export``: ``python -m tests.benchmarks``; no part of pytest."""
