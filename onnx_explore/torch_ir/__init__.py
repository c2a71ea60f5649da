"""The TorchGraph: frozen data between the capture, the torch passes and the lowering."""

from onnx_explore.torch_ir.graph import (
    EMPTY,
    Frame,
    Fresh,
    Origin,
    Parameter,
    Schema,
    SchemaArgument,
    TorchBlock,
    TorchGraph,
    TorchNode,
    TorchValue,
    used_by,
    walk,
)
from onnx_explore.torch_ir.printing import graph_lines, print_graph
from onnx_explore.torch_ir.validate import validate

__all__ = [
    "EMPTY",
    "Frame",
    "Fresh",
    "Origin",
    "Parameter",
    "Schema",
    "SchemaArgument",
    "TorchBlock",
    "TorchGraph",
    "TorchNode",
    "TorchValue",
    "graph_lines",
    "print_graph",
    "used_by",
    "validate",
    "walk",
]
