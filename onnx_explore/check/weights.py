"""Takes large weights out of a model, so that it can be looked at (or run) without a copy of them.

In: a model. Out: its protobuf with the large initializers as graph inputs, and these initializers. Nodes see no
difference: dtype and shape are those of the initializer. Small ones stay, for shape inference needs shapes, axes and
scalars.
"""

from __future__ import annotations

import onnx
import onnx_ir as ir

from onnx_explore.writing import add_initializer, serialize_with, stand_in

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
    strings: list[ir.Value] = []
    small: dict[str, ir.TensorProtocol] = {}
    inputs: list[ir.Value] = []
    weights: dict[str, ir.TensorProtocol] = {}
    known = {value.name for value in model.graph.inputs}
    for name, value in model.graph.initializers.items():
        tensor = value.const_value
        if tensor is None or tensor.dtype == ir.DataType.STRING:
            strings.append(value)
        elif tensor.nbytes < large or tensor.dtype.bitwidth < 8:
            small[name] = tensor
        else:
            weights[name] = tensor
            if name not in known:
                place = stand_in(value, None)
                place.type = ir.TensorType(tensor.dtype)
                place.shape = ir.Shape(tensor.shape.numpy())
                inputs.append(place)
    proto = serialize_with(model, strings, more_inputs=inputs)
    for name, tensor in small.items():
        add_initializer(proto.graph, name, tensor)
    return proto, weights
