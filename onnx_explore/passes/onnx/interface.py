"""What old IR versions and ``keep_initializers_as_inputs`` ask of initializers.

Before opset 9 (IR version 3) every initializer must be a graph input, too. Parameters become inputs; constants of ours, which
nobody would want to feed, become Constant nodes instead.
"""

from __future__ import annotations

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
        node = ir.Node("", "Constant", [], [ir.AttrTensor("value", value.const_value)], num_outputs=1, name=f"{name}/node")
        made = node.outputs[0]
        made.shape, made.type = value.shape, value.type
        value.replace_all_uses_with(made, replace_graph_outputs=True)
        made.name = name
        nodes.append(node)
    if nodes:
        first = next(iter(model.graph), None)
        if first is None:
            model.graph.extend(nodes)
        else:
            model.graph.insert_before(first, nodes)
    return bool(nodes)
