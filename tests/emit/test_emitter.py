"""The Emitter: names, constants, shapes, and taking back what a failed step emitted."""

from __future__ import annotations

import onnx_ir as ir
import pytest
import torch

from onnx_explore.emit import Emitter, forms, shapes
from onnx_explore.errors import InvalidGraph, OpsetTooLow, UnsupportedOperatorError


def emitter(opset: int = 17, **inputs: list[int | str]) -> tuple[Emitter, list[ir.Value]]:
    values = [
        ir.Value(name=name, shape=ir.Shape(dims), type=ir.TensorType(ir.DataType.FLOAT))
        for name, dims in inputs.items()
    ]
    graph = ir.Graph(values, [], nodes=[], opset_imports={"": opset}, name="g")
    return Emitter(graph, opset), values


def ops(g: Emitter) -> list[str]:
    return [node.op_type for node in g.graph]


def test_names_come_from_scope_and_operator_and_are_unique():
    g, (x,) = emitter(x=[2, 3])
    g.scope = "encoder.0"
    first, second = g.op("Relu", x), g.op("Relu", x)
    assert (first.name, second.name) == ("encoder.0/Relu:0", "encoder.0/Relu_1:0")
    g.names.reserve("Sigmoid")
    g.scope = ""
    assert g.op("Sigmoid", x).name == "Sigmoid_1:0"


def test_shapes_are_inferred_with_symbols():
    g, (x,) = emitter(x=["batch", 3, "h", 8])
    pooled = g.op("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])
    assert pooled.dtype == ir.DataType.FLOAT
    assert pooled.shape is not None
    assert [str(dim) for dim in pooled.shape] == ["batch", "3", "floor(h/2)", "4"]


def test_equal_constants_are_one_and_floats_must_be_typed():
    g, (x,) = emitter(x=[2])
    assert g.const([1, 2]) is g.const([1, 2])
    assert g.const(1) is not g.like(1, x)
    assert g.const(True).dtype == ir.DataType.BOOL
    with pytest.raises(InvalidGraph, match=r"g\.like"):
        g.op("Add", x, 0.5)
    with pytest.raises(InvalidGraph, match="element type"):
        g.const(0.5)


def test_a_tensor_is_held_not_copied():
    g, _ = emitter()
    weight = torch.nn.Parameter(torch.ones(300, 2))
    value = g.tensor(weight, name="weight", lineage="weight")
    assert g.tensor(weight) is value
    assert value.const_value is not None
    assert value.const_value.raw.data_ptr() == weight.data_ptr()
    turned = g.transposed(value)
    assert turned.name == "weight.T"
    assert turned.const_value is not None
    assert turned.const_value.raw.data_ptr() == weight.data_ptr()


def test_rollback_takes_back_nodes_names_initializers_and_memory():
    g, (x,) = emitter(x=["batch", 4])
    g.op("Relu", x)
    mark = g.mark()
    names = [value.name for value in g.graph.initializers.values()]
    for _ in range(2):
        vector = shapes.vector(g, [shapes.size(g, x, 0), 2, 2])
        made = g.op("Reshape", g.op("Relu", x), vector)
        assert made.name == "Reshape:0"
        g.rollback(mark)
        assert ops(g) == ["Relu"]
        assert [value.name for value in g.graph.initializers.values()] == names
        assert g.memo(("shape", x)) is None
    assert g.op("Relu", x).name == "Relu_1:0"


def test_a_size_is_an_int_only_where_it_is_proven():
    g, (x,) = emitter(x=["batch", 4, 5])
    assert shapes.size(g, x, 1) == 4
    assert shapes.size(g, x, -1) == 5
    batch = shapes.size(g, x, 0)
    assert isinstance(batch, ir.Value)
    assert shapes.size(g, x, -3) is batch
    assert ops(g) == ["Shape", "Gather"]


def test_vector_reuses_the_shape_and_groups_constants():
    g, (x,) = emitter(x=["batch", 4])
    whole = shapes.vector(g, shapes.sizes(g, x))
    assert whole.producer() is not None
    assert whole.producer().op_type == "Shape"  # type: ignore[union-attr]
    mixed = shapes.vector(g, [shapes.size(g, x, 0), 2, 2])
    producer = mixed.producer()
    assert producer is not None
    assert producer.op_type == "Concat"
    assert [value.name for value in producer.inputs if value is not None and value.const_value is not None] != []
    assert g.known(shapes.vector(g, [1, 2])).tolist() == [1, 2]  # type: ignore[union-attr]


def test_dim_arithmetic_folds_numbers_and_keeps_symbols():
    g, (x,) = emitter(x=["batch", 4])
    batch = shapes.size(g, x, 0)
    assert shapes.mul(g, 2, 3) == 6
    assert shapes.add(g, batch, 0) is batch
    doubled = shapes.mul(g, batch, 2)
    reshaped = g.op("Reshape", x, shapes.vector(g, [doubled, 2]))
    assert reshaped.shape is not None
    assert str(reshaped.shape[0]) == "2*batch"
    assert shapes.sub(g, shapes.add(g, batch, 3), batch) == 3  # proven by the algebra


def test_axis_and_rank_errors_name_the_numbers():
    g, (x,) = emitter(x=[2, 3])
    assert g.axis(x, -1) == 1
    with pytest.raises(UnsupportedOperatorError, match="dimension 2 is out of range for a tensor of rank 2"):
        g.axis(x, 2)
    with pytest.raises(OpsetTooLow) as error:
        g.requires(18, "ONNX Foo")
    assert error.value.first == 18


def test_two_symbols_in_one_place_of_a_broadcast_are_neither():
    g, (x, y) = emitter(x=["a", "b"], y=["c", "b"])
    added = g.op("Add", x, y)
    assert added.shape is not None
    assert str(added.shape[0]) not in ("a", "c")
    assert str(added.shape[1]) == "b"


@pytest.mark.parametrize("opset", [9, 12, 13, 17, 18])
def test_forms_follow_the_signature_of_the_opset(opset: int):
    g, (x,) = emitter(opset, x=[2, 1, 6])
    outcome = [
        forms.squeeze(g, x, [1]),
        forms.unsqueeze(g, x, [0]),
        forms.reduce(g, "ReduceSum", x, [2], keepdims=True),
        forms.reduce(g, "ReduceMean", x, [2]),
        forms.clip(g, x, 0.0, None),
        forms.split(g, x, [2, 4], 2)[1],
    ]
    assert [tuple(value.shape or ()) for value in outcome] == [
        (2, 6),
        (1, 2, 1, 6),
        (2, 1, 1),
        (2, 1),
        (2, 1, 6),
        (2, 1, 4),
    ]
    kinds = {node.op_type: len([value for value in node.inputs if value is not None]) for node in g.graph}
    assert kinds["Squeeze"] == (2 if opset >= 13 else 1)
    assert kinds["ReduceSum"] == (2 if opset >= 13 else 1)
    assert kinds["ReduceMean"] == (2 if opset >= 18 else 1)
    assert kinds["Split"] == (2 if opset >= 13 else 1)
    assert kinds["Clip"] == (2 if opset >= 11 else 1)
