"""What scripted code asks of a tensor, or of PyTorch, and what is the same whenever the model runs.

In: a tensor, or nothing. Out: a Python bool, so that the branch is decided at export.
"""

from __future__ import annotations

from onnx_explore.emit import Emitter
from onnx_explore.symbolic.annotations import Complex, Tensor
from onnx_explore.symbolic.promotion import is_float
from onnx_explore.symbolic.registry import Function, symbolic, table

_NEVER = (
    "is_cuda",
    "is_xla",
    "is_xpu",
    "is_mps",
    "is_ipu",
    "is_maia",
    "is_vulkan",
    "is_mtia",
    "is_mkldnn",
    "is_meta",
    "is_nested",
    "is_sparse",
    "is_sparse_csr",
    "is_quantized",
)
"""What a tensor of an ONNX model is not: it is dense, and whatever the device, the model is the same."""


def _always(answer: str) -> Function:
    def function(g: Emitter, a: Tensor) -> bool:
        return answer == "yes"

    return function


table({f"prim::{name}": "no" for name in _NEVER} | {"prim::is_cpu": "yes"}, _always)


@symbolic("aten::is_floating_point")
def is_floating_point(g: Emitter, self: Tensor) -> bool:
    """is_floating_point(Tensor self) -> bool"""
    return is_float(self)


@symbolic("aten::is_complex")
def is_complex(g: Emitter, self: Tensor) -> bool:
    """is_complex(Tensor self) -> bool: a complex tensor is asked for as ``complex::is_complex``"""
    return False


@symbolic("complex::is_complex")
def is_complex_of_complex(g: Emitter, self: Complex) -> bool:
    """is_complex(Tensor self) -> bool"""
    return True


@symbolic("prim::requires_grad")
def requires_grad(g: Emitter, a: Tensor) -> bool:
    """prim::requires_grad(Tensor a) -> bool

    No for an input of the model. A weight, and what is computed in a model, answers as in a model that can be trained: so
    scripted modules of PyTorch leave their fast paths for inference alone (nested tensors, one fused operator for a whole encoder
    layer), which have no form in ONNX. A trace switches them off, too.
    """
    return is_float(a) and not g.is_model_input(a)


@symbolic("aten::_nested_tensor_from_mask_left_aligned")
def mask_allows_nested_tensor(g: Emitter, t: Tensor, mask: Tensor) -> bool:
    """_nested_tensor_from_mask_left_aligned(Tensor t, Tensor mask) -> bool: see ``requires_grad``"""
    return False


@symbolic("aten::is_grad_enabled")
def is_grad_enabled(g: Emitter) -> bool:
    """is_grad_enabled() -> bool: see ``requires_grad``"""
    return True


@symbolic("aten::is_autocast_enabled", "aten::is_autocast_cpu_enabled")
def is_autocast_enabled(g: Emitter) -> bool:
    """is_autocast_enabled() -> bool"""
    return False
