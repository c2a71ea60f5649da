"""``dynamic_axes``: both forms, automatic names, and what is wrong with a wrong one."""

from __future__ import annotations

import pytest
import torch

import onnx_explore
from onnx_explore.axes import normalized
from onnx_explore.errors import InvalidArgument

INPUTS = {"x": (2, 3), "y": (2, 3)}
OUTPUTS: dict[str, tuple[int, ...] | None] = {"sum": (2,)}


def test_both_forms_with_automatic_names():
    assert normalized({"x": {0: "my_custom_axis_name"}, "sum": [0]}, INPUTS, OUTPUTS) == {
        "x": {0: "my_custom_axis_name"},
        "sum": {0: "sum_dynamic_axes_1"},
    }
    assert normalized({"x": [1, 0]}, INPUTS, OUTPUTS) == {"x": {1: "x_dynamic_axes_1", 0: "x_dynamic_axes_2"}}
    assert normalized({"x": {-1: "n"}}, INPUTS, OUTPUTS) == {"x": {1: "n"}}
    assert normalized(None, INPUTS, OUTPUTS) == {}


@pytest.mark.parametrize(
    ("axes", "message"),
    [
        ({"z": [0]}, "'z' is neither an input nor an output"),
        ({"x": [2]}, "axis 2 of 'x' is out of range"),
        ({"x": {0: "a", -2: "b"}}, "given twice"),
        ({"x": {0: 3}}, "not a non-empty string"),
        ({"x": {0: "3"}}, "fixed size"),
        ({"x": {"0": "a"}}, "is not an int"),
        ({"x": 0}, "axes of 'x' are a int"),
        ({"x": {0: "n", 1: "n"}}, "one name is one size"),
    ],
)
def test_what_is_wrong_is_said(axes: dict[str, object], message: str):
    with pytest.raises(InvalidArgument, match=message):
        normalized(axes, INPUTS, OUTPUTS)  # type: ignore[arg-type]


class Sum(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.sum(x, dim=1)


def dims(value: object) -> list[str]:
    return [str(dim) for dim in value.shape]  # type: ignore[attr-defined]


def test_the_example_of_the_reference():
    static = onnx_explore.export(Sum(), (torch.ones(2, 2),), input_names=["x"], output_names=["sum"])
    assert dims(static.model.graph.inputs[0]) == ["2", "2"]
    assert dims(static.model.graph.outputs[0]) == ["2"]
    dynamic = onnx_explore.export(
        Sum(),
        (torch.ones(2, 2),),
        input_names=["x"],
        output_names=["sum"],
        dynamic_axes={"x": {0: "my_custom_axis_name"}, "sum": [0]},
    )
    assert dims(dynamic.model.graph.inputs[0]) == ["my_custom_axis_name", "2"]
    assert dims(dynamic.model.graph.outputs[0]) == ["sum_dynamic_axes_1"]


def test_a_size_that_follows_from_a_dynamic_axis_is_an_expression():
    class Doubled(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.cat([x, x]).view(x.size(0), -1)

    exported = onnx_explore.export(
        Doubled(), torch.ones(3, 4), input_names=["x"], output_names=["y"], dynamic_axes={"x": {0: "n"}}, check=True
    )
    assert dims(exported.model.graph.outputs[0])[0] == "n"


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (("batch", "n_2"), []),
        (("batch-size", "n"), ["batch-size"]),
        (("batch size", "n"), ["batch size"]),
        (("2*n", "n"), []),
    ],
)
def test_a_name_that_reads_as_an_expression_is_told(names: tuple[str, str], told: list[str]):
    """ONNX writes sizes as expressions: with ``batch-size`` for x, three times that is declared as a difference."""
    exported = onnx_explore.export(
        lambda x, y: (x.reshape(-1), y.reshape(-1)),
        (torch.zeros(4, 3), torch.zeros(2, 3)),
        input_names=["x", "y"],
        dynamic_axes={"x": {0: names[0]}, "y": {0: names[1]}},
        check=True,
    )
    messages = [note.message for note in exported.recording.notes if note.code == "AxisName"]
    assert [message.split("'")[1] for message in messages] == told
    proto = exported.to_proto()
    assert [value.type.tensor_type.shape.dim[0].dim_param for value in proto.graph.input] == list(names)
