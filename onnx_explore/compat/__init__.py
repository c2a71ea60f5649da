"""The documented ``torch.onnx`` surface for people's own symbolic functions.

Registration, ``g.op(…, alpha_f=…)``, values. A function written for the reference works unchanged: it gets a
``GraphContext`` and, by position, one value of a scratch ``torch._C.Graph`` for each input.
"""

from onnx_explore.compat.graph import GraphContext
from onnx_explore.compat.installing import Installation, install
from onnx_explore.compat.registration import register_custom_op_symbolic, unregister_custom_op_symbolic

__all__ = ["GraphContext", "Installation", "install", "register_custom_op_symbolic", "unregister_custom_op_symbolic"]
