"""The documented ``torch.onnx`` surface for people's own symbolic functions.

Registration, ``g.op(…, alpha_f=…)``, values. A function written for the reference works unchanged: it gets a
``GraphContext`` and, by position, one ``Value`` for each input.
"""

from onnx_explore.compat.graph import GraphContext
from onnx_explore.compat.registration import register_custom_op_symbolic, unregister_custom_op_symbolic
from onnx_explore.compat.values import Node, Value, ValueType

__all__ = [
    "GraphContext",
    "Node",
    "Value",
    "ValueType",
    "register_custom_op_symbolic",
    "unregister_custom_op_symbolic",
]
