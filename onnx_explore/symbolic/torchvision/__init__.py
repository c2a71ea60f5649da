"""Symbolic functions of torchvision's operators. Importing this package registers them; torchvision itself is not needed."""

from onnx_explore.symbolic.torchvision import aligned, boxes, deformable, pooled

__all__ = ["aligned", "boxes", "deformable", "pooled"]
