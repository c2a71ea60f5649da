"""``onnx_explore.symbolic_helper``: the reference's import path for ``parse_args``; see ``compat``."""

from onnx_explore.compat import symbolic_helper as _helper
from onnx_explore.compat.symbolic_helper import parse_args

__all__ = ["parse_args"]


def __getattr__(name: str) -> object:
    """The underscored companions (``_get_const``, ``_get_tensor_rank`` …)."""
    return getattr(_helper, name)
