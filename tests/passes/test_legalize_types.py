"""``legalize_types``: golden pairs of text."""

from __future__ import annotations

import onnx
import onnx_ir as ir
import pytest

from onnx_explore.passes.onnx.legalize_types import legalize_types


def model(opset: int, body: str, interface: str) -> ir.Model:
    text = f'<ir_version: 4, opset_import: ["" : {opset}]>\ng {interface} {{\n{body}\n}}'
    made = ir.from_onnx_text(text)
    for index, node in enumerate(made.graph):
        node.name = f"n{index}"
        for output in node.outputs:
            if output.dtype is None and node.inputs and node.inputs[0] is not None:
                output.dtype = node.inputs[0].dtype
    return made


def kinds(made: ir.Model) -> list[str]:
    return [
        f"Cast({ir.DataType(node.attributes['to'].as_int()).name})" if node.op_type == "Cast" else node.op_type
        for node in made.graph
    ]


def test_a_type_that_the_opset_does_not_take_is_widened_and_narrowed_again():
    made = model(13, "y = Relu(x)", "(int32[n] x) => (int32[n] y)")
    assert legalize_types(made)
    assert kinds(made) == ["Cast(FLOAT)", "Relu", "Cast(INT32)"] or kinds(made) == [
        "Cast(DOUBLE)",
        "Relu",
        "Cast(INT32)",
    ]
    assert made.graph.outputs[0].name == "y"
    onnx.checker.check_model(ir.to_proto(made), full_check=True)


@pytest.mark.parametrize(
    ("opset", "interface"), [(14, "(int32[n] x) => (int32[n] y)"), (13, "(float[n] x) => (float[n] y)")]
)
def test_a_type_that_is_allowed_is_left_alone(opset: int, interface: str):
    made = model(opset, "y = Relu(x)", interface)
    assert not legalize_types(made)
    assert kinds(made) == ["Relu"]


def test_the_result_of_another_type_variable_is_not_cast_back():
    made = model(7, "y = Equal(x, z)", "(float16[n] x, float16[n] z) => (bool[n] y)")
    made.graph.outputs[0].dtype = ir.DataType.BOOL
    for node in made.graph:
        node.outputs[0].dtype = ir.DataType.BOOL
    legalize_types(made)
    assert kinds(made)[-1] == "Equal"
    assert made.graph.outputs[0].dtype == ir.DataType.BOOL
