"""Identities that stand for nothing.

    %a = Relu(%x)
    %b = Identity(%a)      →      %a = Relu(%x)
    %c = Neg(%b)                  %c = Neg(%a)

Case 1: the Identity's output is no output of a graph: its uses take what it was given.
Case 2: it is, and what it was given is made by a node of the very same graph and no output itself: that value is the output,
under the Identity's name.

Any other Identity stays: a graph cannot give its own inputs, its initializers or what a graph around it made.
"""

from __future__ import annotations

import onnx_ir as ir

from onnx_explore.emit.regions import nodes_of


def eliminate_identities(model: ir.Model) -> bool:
    """Remove them, in subgraphs, too."""
    changed = False
    for node in list(nodes_of(model.graph)):
        if node.op_type == "Identity" and node.domain == "" and node.graph is not None:
            changed = _eliminate(node) or changed
    return changed


def _eliminate(node: ir.Node) -> bool:
    given, made, graph = node.inputs[0], node.outputs[0], node.graph
    assert isinstance(graph, ir.Graph)
    if given is None:
        return False
    if made.is_graph_output():
        producer = given.producer()
        if producer is None or producer.graph is not graph or given.is_graph_output():
            return False
        given.name = made.name
    if given.type is None:
        given.type = made.type
    if given.shape is None:
        given.shape = made.shape
    ir.convenience.replace_all_uses_with(made, given, replace_graph_outputs=True)
    graph.remove(node, safe=True)
    return True
