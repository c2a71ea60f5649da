"""Float biases out of layers whose input and weight come from DequantizeLinear (models with fake quantization).

    %y = Conv(%x, %w, %bias)      →      %a = Conv(%x, %w)
                                         %y = Add(%a, %bias as [channels, 1, 1])

With its bias inside, ONNX Runtime makes one integer kernel of DequantizeLinear → Conv → QuantizeLinear and rounds the bias to
int32. PyTorch adds a float, and one in some thousand results falls to the other side of a half. With ``integer_kernels`` the
layers stay as they are.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from onnx_explore.emit.regions import nodes_of
from onnx_explore.passes.onnx.derived import constant, derived

INTEGER_KERNELS = "onnx_explore.integer_kernels"
"""Key of ``model.meta``: whether ONNX Runtime may make integer kernels that round otherwise than PyTorch."""

_LAYERS = ("Conv", "ConvTranspose", "Gemm")


def separate_biases(model: ir.Model) -> bool:
    """Give each such layer an Add of its own."""
    if model.meta.get(INTEGER_KERNELS):
        return False
    # Before opset 11, Gemm has no place for a layer without bias.
    kinds = _LAYERS if model.opset_imports.get("", 1) >= 11 else _LAYERS[:2]
    layers = [node for node in nodes_of(model.graph) if node.op_type in kinds and node.domain == "" and _is_float(node)]
    for node in layers:
        _separate(model, node)
    return bool(layers)


def _is_float(node: ir.Node) -> bool:
    """Whether a float bias stands beside an input and a weight that are integers behind."""
    if len(node.inputs) < 3 or node.inputs[2] is None or is_dequantized(node.inputs[2]):
        return False
    beta = node.attributes.get("beta")
    if beta is not None and beta.as_float() != 1.0:
        return False
    weight = node.inputs[1]
    known = weight is not None and weight.shape is not None
    return known and is_dequantized(node.inputs[0]) and is_dequantized(weight)


def is_dequantized(value: ir.Value | None) -> bool:
    """Whether a value comes from DequantizeLinear, turned or not."""
    producer = value.producer() if value is not None else None
    if producer is not None and producer.op_type == "Transpose":
        return is_dequantized(producer.inputs[0])
    return producer is not None and producer.op_type == "DequantizeLinear"


def _separate(model: ir.Model, node: ir.Node) -> None:
    """The node becomes the Add: its output stays the value that stands for what PyTorch computed."""
    graph, (x, weight, bias), result = node.graph, node.inputs, node.outputs[0]
    assert graph is not None and weight is not None and weight.shape is not None and bias is not None
    layer = derived(node, node.op_type, [x, weight], "layer", result.dtype)
    layer.attributes.update(node.attributes)
    layer.outputs[0].shape = result.shape
    made = [layer]
    behind = len(weight.shape) - 2 if node.op_type != "Gemm" else 0
    if behind:
        shape = constant(model, np.array([-1, *[1] * behind], np.int64), f"bias/shape_{behind}")
        made.append(derived(node, "Reshape", [bias, shape], "bias", bias.dtype))
        made[-1].outputs[0].shape = ir.Shape([None if bias.shape is None else bias.shape[0], *[1] * behind])
        bias = made[-1].outputs[0]
    graph.insert_before(node, made)
    node.op_type = "Add"
    node.attributes.clear()
    node.resize_inputs(2)
    node.replace_input_with(0, layer.outputs[0])
    node.replace_input_with(1, bias)
    layer.name, node.name = node.name, f"{node.name}/Add"
