"""Symbolic functions by family. Importing this package imports every module in it, and so registers them."""

from importlib import import_module
from pkgutil import iter_modules

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")
import_module("onnx_explore.symbolic.prim")
import_module("onnx_explore.symbolic.torchvision")
import_module("onnx_explore.symbolic.quantized")
