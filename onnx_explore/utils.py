"""``onnx_explore.utils``: the reference's import path for ``unconvertible_ops`` and its companions."""

from onnx_explore.export import export
from onnx_explore.modes import select_model_mode_for_export
from onnx_explore.pretty import export_to_pretty_string
from onnx_explore.unconvertible import unconvertible_ops

__all__ = ["export", "export_to_pretty_string", "select_model_mode_for_export", "unconvertible_ops"]
