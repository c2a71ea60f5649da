"""The model as protobuf, with other initializers than its own: what lets weights stay where they are.

In: a model and the values that stand for its main graph's initializers. Out: a ``ModelProto``. The model itself is not
touched, not even for a moment: nodes, functions and metadata are looked at through a ``GraphView``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

import onnx
import onnx_ir as ir

from onnx_explore.writing.payload import pieces


def stand_in(value: ir.Value, tensor: ir.TensorProtocol | None) -> ir.Value:
    """A value like ``value``, without producer or uses, with another tensor (or none) as its content."""
    copy = ir.Value(
        name=value.name,
        type=value.type,
        shape=value.shape,
        doc_string=value.doc_string,
        const_value=tensor,
        metadata_props=dict(value.metadata_props),
    )
    for key, item in cast("dict[str, object]", value.meta).items():  # Quantization annotations live there.
        copy.meta[key] = item
    return copy


def in_memory(tensor: ir.TensorProtocol) -> ir.TensorProtocol:
    """A copy of a small tensor that serialises to exactly its bytes, wherever it lives now."""
    if tensor.dtype == ir.DataType.STRING:
        return tensor
    proto = onnx.TensorProto(name=tensor.name or "", doc_string=tensor.doc_string or None)
    _fill(proto, tensor)
    copy = ir.from_proto(proto)
    copy.metadata_props.update(tensor.metadata_props)
    return copy


def add_initializer(graph: onnx.GraphProto, name: str, tensor: ir.TensorProtocol) -> None:
    """Copy a small tensor into a graph that is protobuf already, under a name."""
    place = graph.initializer.add()
    if tensor.dtype == ir.DataType.STRING:
        ir.serde.serialize_tensor_into(place, tensor)
    else:
        _fill(place, tensor)
    place.name = name


def _fill(proto: onnx.TensorProto, tensor: ir.TensorProtocol) -> None:
    proto.data_type = tensor.dtype.value
    proto.dims.extend(tensor.shape.numpy())
    proto.raw_data = b"".join(pieces(tensor))


def serialize_with(model: ir.Model, initializers: Iterable[ir.Value]) -> onnx.ModelProto:
    """Serialise a model as if its main graph had these initializers.

    Args:
        model: The model; stays as it is.
        initializers: Replace the main graph's initializers. Make them with ``stand_in``.

    Returns:
        The model as protobuf. Tensors in attributes and in the initializers of subgraphs are copied into it.
    """
    graph = model.graph
    view = ir.GraphView(
        graph.inputs,
        graph.outputs,
        nodes=graph,
        initializers=tuple(initializers),
        doc_string=graph.doc_string,
        opset_imports=graph.opset_imports,
        name=graph.name,
        metadata_props=dict(graph.metadata_props),
    )
    return serialize_around(model, view)


def serialize_around(model: ir.Model, view: ir.GraphView) -> onnx.ModelProto:
    """Serialise a model with another main graph: its versions, names, metadata and functions around that."""
    shell = ir.Model(
        cast(ir.Graph, view),  # onnx_ir documents that a model can be made of a GraphView, but types it as a Graph.
        ir_version=model.ir_version,
        producer_name=model.producer_name,
        producer_version=model.producer_version,
        domain=model.domain,
        model_version=model.model_version,
        doc_string=model.doc_string,
        functions=tuple(model.functions.values()),
        metadata_props=dict(model.metadata_props),
        device_configurations=model.device_configurations,
    )
    return ir.serde.serialize_model(shell)
