"""Takes large weights out of a model, so that it can be looked at (or run) without a copy of them.

In: a model. Out: its protobuf with the large initializers as graph inputs, and these initializers. Nodes see no
difference: dtype and shape are those of the initializer. Small ones stay, for shape inference needs shapes, axes and
scalars.
"""

from __future__ import annotations

import onnx
import onnx_ir as ir

from onnx_explore.writing import add_initializer, serialize_around

LARGE = 64 << 10
"""From how many bytes on an initializer is taken out."""


def without_weights(model: ir.Model, *, large: int = LARGE) -> tuple[onnx.ModelProto, dict[str, ir.TensorProtocol]]:
    """The model with its large initializers as inputs, and these initializers by name.

    Args:
        model: The model; stays as it is.
        large: Initializers of so many bytes and more are taken out. Strings and elements of less than a byte stay.

    Raises:
        onnx_ir.serde.SerdeError: If the model cannot be serialised.
    """
    graph = model.graph
    view = ir.GraphView(
        (), (), nodes=(), doc_string=graph.doc_string, opset_imports=graph.opset_imports, name=graph.name
    )
    proto = serialize_around(model, view)
    weights: dict[str, ir.TensorProtocol] = {}
    for value in graph.inputs:
        _declare(proto.graph.input.add(), value)
    known = {value.name for value in graph.inputs}
    for name, value in graph.initializers.items():
        tensor = value.const_value
        if tensor is None:
            continue
        if tensor.dtype == ir.DataType.STRING or tensor.nbytes < large or tensor.dtype.bitwidth < 8:
            add_initializer(proto.graph, name, tensor)
        else:
            weights[name] = tensor
            if name not in known:
                place = onnx.helper.make_tensor_value_info(name, tensor.dtype.value, tensor.shape.numpy())
                proto.graph.input.append(place)
    for value in graph.outputs:
        _declare(proto.graph.output.add(), value)
    for node in graph:
        ir.serde.serialize_node_into(proto.graph.node.add(), node)
        for value in node.outputs:
            if value.name and value.type is not None and not value.is_graph_output():
                _declare(proto.graph.value_info.add(), value)
    return proto, weights


def _declare(place: onnx.ValueInfoProto, value: ir.Value) -> None:
    """Name, element type and shape; there are so many of them that ``onnx_ir`` would take longer for them than for the nodes."""
    if not isinstance(value.type, ir.TensorType) or value.type.denotation:
        ir.serde.serialize_value_into(place, value)
        return
    place.name = value.name or ""
    tensor = place.type.tensor_type
    tensor.elem_type = value.type.dtype.value
    if value.shape is None:
        return
    tensor.shape.SetInParent()  # of a scalar
    dims = tensor.shape.dim
    for size in value.shape:
        if isinstance(size, int):
            dims.add().dim_value = size
        elif size.value is None:
            dims.add()
        else:
            dims.add().dim_param = size.value
