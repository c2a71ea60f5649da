"""PyTorch → ONNX, step by step: our own TorchScript-based exporter, and the tools to see what it does.

- ``export(model, args, f, ...)`` exports; the result is an ``Exported``.
- ``explore(model, args, ...)`` gives an ``Exploration``: the same export, which can be stepped, paused, questioned.
- ``symbolic("aten::x")`` and ``register_custom_op_symbolic`` register symbolic functions.
- ``%load_ext onnx_explore`` brings the magics (``%onnx_export model x`` …).
- ``errors`` has every failure, by a stable code.
"""

from __future__ import annotations

from onnx_explore import errors
from onnx_explore.export import export
from onnx_explore.exported import Exported
from onnx_explore.options import OperatorExportTypes, TrainingMode

__version__ = "0.1.0"

__all__ = [
    "Exported",
    "OperatorExportTypes",
    "TrainingMode",
    "__version__",
    "errors",
    "export",
]
