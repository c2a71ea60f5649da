"""What a file will hold, byte for byte, before anything is written.

In: a model. Out: a ``Plan``: literal bytes and tensors in order, with the exact size. The protobuf of a whole model is
framed by hand, so that weights go from the tensors' memory to the file and are never inside a message::

    ModelProto                         everything but the graph      one message, serialised
      7: GraphProto, length            everything but initializers   one message, serialised
         5: TensorProto, length        dims, type, name, ...         one message, serialised
            9: raw_data, length        the tensor's bytes            from memory

Fields may stand in any order; the weights stand last, so a reader sees the graph first.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import onnx
import onnx_ir as ir

from onnx_explore.writing.skeleton import in_memory, serialize_with, stand_in

PROTOBUF_LIMIT = 2**31 - 1
"""No protobuf message may be larger, in bytes."""

ALIGNMENT = 4096
"""Offsets of external tensors: the page size that memory mapping wants (ONNX IR, "External Tensor Data")."""

INLINE_BELOW = 1024
"""Smaller tensors stay in the model: shape inference must see shapes, axes and scalars."""

_GRAPH = onnx.ModelProto.GRAPH_FIELD_NUMBER
_INITIALIZER = onnx.GraphProto.INITIALIZER_FIELD_NUMBER
_RAW_DATA = onnx.TensorProto.RAW_DATA_FIELD_NUMBER
_LENGTH_DELIMITED = 2


@dataclass(frozen=True, slots=True)
class Plan:
    """The content of one file: bytes and tensors in order, and their size together in bytes."""

    parts: tuple[bytes | ir.TensorProtocol, ...]
    size: int


def plan_inline(model: ir.Model) -> Plan:
    """One file that holds everything.

    Args:
        model: The model; stays as it is.

    Returns:
        The plan. It is too large for protobuf if its ``size`` is above ``PROTOBUF_LIMIT``.
    """
    values: list[ir.Value] = []
    streamed: list[tuple[ir.TensorProtocol, int]] = []
    for value in model.graph.initializers.values():
        tensor = value.const_value
        if tensor is None or tensor.dtype == ir.DataType.STRING:
            values.append(value)
        else:
            size = tensor.nbytes  # computed anew at each look
            values.append(stand_in(value, _external(value, tensor, "", 0, size)))
            streamed.append((tensor, size))
    proto = serialize_with(model, values)

    framed: list[bytes | ir.TensorProtocol] = []
    payloads = iter(streamed)
    total = 0
    for header in proto.graph.initializer:
        if header.HasField("data_location"):
            tensor, size = next(payloads)
            header.ClearField("data_location")
            header.ClearField("external_data")
            fields = header.SerializeToString() + _open_field(_RAW_DATA, size)
            frame = _open_field(_INITIALIZER, len(fields) + size) + fields
            framed += [frame, tensor]
            total += len(frame) + size
        else:
            fields = header.SerializeToString()
            frame = _open_field(_INITIALIZER, len(fields)) + fields
            framed.append(frame)
            total += len(frame)

    proto.graph.ClearField("initializer")
    graph = proto.graph.SerializeToString()
    proto.ClearField("graph")
    head = proto.SerializeToString()
    head += _open_field(_GRAPH, len(graph) + total) + graph
    return Plan((head, *framed), len(head) + total)


def plan_external(model: ir.Model, location: str) -> tuple[Plan, Plan]:
    """A model file, and a data file that holds the initializers of 1 KiB and more.

    Args:
        model: The model; stays as it is.
        location: Name of the data file, beside the model file.

    Returns:
        The plan of the model file and the plan of the data file. The latter is empty if every initializer is small.
    """
    values: list[ir.Value] = []
    parts: list[bytes | ir.TensorProtocol] = []
    offset = 0
    for value in model.graph.initializers.values():
        tensor = value.const_value
        if tensor is None or tensor.dtype == ir.DataType.STRING:
            values.append(value)
        elif tensor.nbytes < INLINE_BELOW:
            values.append(stand_in(value, in_memory(tensor)))
        else:
            padding, size = -offset % ALIGNMENT, tensor.nbytes
            parts += [bytes(padding), tensor] if padding else [tensor]
            values.append(stand_in(value, _external(value, tensor, location, offset + padding, size)))
            offset += padding + size
    return _plan((serialize_with(model, values).SerializeToString(),)), _plan(parts)


def part_size(part: bytes | ir.TensorProtocol) -> int:
    """Bytes that a part takes in the file."""
    return len(part) if isinstance(part, bytes) else part.nbytes


def _plan(parts: Iterable[bytes | ir.TensorProtocol]) -> Plan:
    parts = tuple(parts)
    return Plan(parts, sum(part_size(part) for part in parts))


def _open_field(number: int, length: int) -> bytes:
    """Tag and length of a length-delimited field."""
    return _varint(number << 3 | _LENGTH_DELIMITED) + _varint(length)


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def _external(value: ir.Value, tensor: ir.TensorProtocol, location: str, offset: int, size: int) -> ir.ExternalTensor:
    return ir.ExternalTensor(
        location,
        offset,
        size,
        tensor.dtype,
        shape=ir.Shape(tensor.shape.numpy()),
        name=value.name or "",
        doc_string=tensor.doc_string,
        metadata_props=dict(tensor.metadata_props),
    )
