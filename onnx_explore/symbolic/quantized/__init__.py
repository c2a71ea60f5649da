"""Symbolic functions of quantized tensors and of what PyTorch packs for quantized modules. Importing this registers them.

A quantized tensor is integers on a ``Grid``. Operators compute between DequantizeLinear and QuantizeLinear, which ONNX
Runtime fuses into integer kernels; what only moves values works on the integers::

    quantized::conv2d_relu(%x, %packed, scale, zero_point)
 →  QuantizeLinear(Relu(Conv(DequantizeLinear(%x), DequantizeLinear(%weight), DequantizeLinear(%bias))))

``quantized_tensor::relu`` is asked for where a quantized tensor goes into ``aten::relu``.
"""

from importlib import import_module
from pkgutil import iter_modules

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")
