"""Nodes and constants that a pass makes: they come from what the node that they stand beside comes from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy.typing as npt
import onnx_ir as ir


def derived(
    of: ir.Node,
    op_type: str,
    inputs: Sequence[ir.Value | None],
    name: str,
    dtype: ir.DataType | None,
    **attributes: int,
) -> ir.Node:
    """A node of the default domain with one output, whose shape is not set.

    Args:
        of: The node that it comes from: its origin, scope and text are handed on.
        op_type: Operator.
        inputs: Its inputs.
        name: Added to the name of ``of``.
        dtype: Of the output.
        **attributes: Integers.
    """
    listed = [ir.AttrInt64(key, value) for key, value in attributes.items()]
    node = ir.Node("", op_type, inputs, listed, num_outputs=1, name=f"{of.name}/{name}", doc_string=of.doc_string)
    node.meta.update(of.meta)
    node.metadata_props.update(of.metadata_props)
    node.outputs[0].name = f"{node.name}:0"
    node.outputs[0].type = ir.TensorType(dtype) if dtype is not None else None
    return node


def constant(model: ir.Model, array: npt.NDArray[Any], name: str) -> ir.Value:
    """An initializer of the outermost graph; the same name gives the same one."""
    found = model.graph.initializers.get(name)
    if found is not None:
        return found
    tensor = ir.tensor(array, name=name)
    value = ir.Value(name=name, shape=ir.Shape(array.shape), type=ir.TensorType(tensor.dtype), const_value=tensor)
    model.graph.initializers.add(value)
    return value


def drop_unused_constants(graph: ir.Graph) -> None:
    """Take out the initializers that nothing reads any more."""
    for name, value in list(graph.initializers.items()):
        if not value.uses() and not value.is_graph_output() and not value.is_graph_input():
            del graph.initializers[name]
