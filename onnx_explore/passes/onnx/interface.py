"""What old IR versions and ``keep_initializers_as_inputs`` ask of initializers.

Before opset 9 (IR version 3) every initializer must be a graph input, too. Parameters become inputs; constants of ours, which
nobody would want to feed, become Constant nodes instead.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir

from onnx_explore.emit.emitter import PARAMETER

KEEP = "onnx_explore.keep_initializers_as_inputs"
"""Key in ``model.meta``: the option, where it is set."""


def _applies(model: ir.Model) -> bool:
    return bool(model.meta.get(KEEP)) or model.opset_imports.get("", 1) < 9


def initializers_as_inputs(model: ir.Model) -> bool:
    """Add parameters to the graph's inputs, where the options or the opset ask for it."""
    if not _applies(model):
        return False
    changed = False
    for value in model.graph.initializers.values():
        if PARAMETER in value.meta and not value.is_graph_input():
            model.graph.inputs.append(value)
            changed = True
    return changed


def constants_as_nodes(model: ir.Model) -> bool:
    """Make Constant nodes of the initializers that are no parameters, where initializers must be inputs."""
    if not _applies(model):
        return False
    nodes: list[ir.Node] = []
    for name, value in list(model.graph.initializers.items()):
        if value.is_graph_input() or value.const_value is None:
            continue
        del model.graph.initializers[name]
        made = _constant(name, value.const_value, model.opset_imports.get("", 1), nodes)
        made.shape, made.type = value.shape, value.type
        value.replace_all_uses_with(made, replace_graph_outputs=True)
        made.name = name
    if nodes:
        first = next(iter(model.graph), None)
        if first is None:
            model.graph.extend(nodes)
        else:
            model.graph.insert_before(first, nodes)
    return bool(nodes)


_CONSTANT_1 = frozenset({ir.DataType.FLOAT16, ir.DataType.FLOAT, ir.DataType.DOUBLE})


def _constant(name: str, tensor: ir.TensorProtocol, opset: int, nodes: list[ir.Node]) -> ir.Value:
    """The output of a new Constant node. Constant-1 holds floats only: others are cast from double, the integers that
    double cannot hold in two halves.
    """

    def emit(op_type: str, suffix: str, inputs: list[ir.Value], *attributes: ir.Attr) -> ir.Value:
        node = ir.Node("", op_type, inputs, list(attributes), num_outputs=1, name=f"{name}/{suffix}")
        node.outputs[0].name = f"{name}/{suffix}:0"
        nodes.append(node)
        return node.outputs[0]

    if opset >= 9 or tensor.dtype in _CONSTANT_1:
        return emit("Constant", "node", [], ir.AttrTensor("value", tensor))

    def cast(array: np.ndarray[Any, Any], suffix: str) -> ir.Value:
        wide = emit("Constant", f"wide{suffix}", [], ir.AttrTensor("value", ir.tensor(array.astype(np.float64))))
        return emit("Cast", f"node{suffix}", [wide], ir.AttrInt64("to", int(tensor.dtype)))

    array = tensor.numpy()
    if (
        tensor.dtype not in (ir.DataType.INT64, ir.DataType.UINT64)
        or not (np.abs(array.astype(np.float64)) > 2.0**53).any()
    ):
        return cast(array, "")
    upper = emit("Mul", "shifted", [cast(array >> 32, "_upper"), cast(np.asarray(1 << 32, array.dtype), "_half")])
    return emit("Add", "whole", [upper, cast(array & 0xFFFFFFFF, "_lower")])
