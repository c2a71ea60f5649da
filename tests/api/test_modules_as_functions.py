"""``export_modules_as_functions``: local functions that ONNX Runtime runs."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import nn

import onnx_explore
from onnx_explore.errors import InvalidArgument
from tests.api.reference import proves


class Block(nn.Module):
    size: int
    slope: float
    kind: str

    def __init__(self, size: int, slope: float) -> None:
        super().__init__()
        self.size, self.slope, self.kind = size, slope, "block"
        self.linear = nn.Linear(size, size)
        self.act = nn.LeakyReLU(slope)
        self.drop = nn.Dropout()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.drop(self.act(self.linear(x))) * 2.0 + x


class Model(nn.Module):
    depth: int

    def __init__(self) -> None:
        super().__init__()
        self.depth = 3
        self.blocks = nn.ModuleList([Block(4, 0.1), Block(4, 0.2), Block(4, 0.3)])
        self.norm = nn.LayerNorm(4, eps=1e-3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for block in self.blocks:
            x = block(x)
        return self.norm(self.norm(x) + self.blocks[0](x))


X = torch.randn(2, 4, generator=torch.Generator().manual_seed(1))


def exported(functions: Any, model: nn.Module | None = None, x: torch.Tensor = X, **more: Any) -> onnx.ModelProto:
    """The model, checked by ONNX's checker and by ONNX Runtime, at another size, too."""
    result = onnx_explore.export(
        (model or Model()).eval(),
        x,
        export_modules_as_functions=functions,
        input_names=["x"],
        dynamic_axes={"x": {0: "batch"}},
        check=True,
        **more,
    )
    assert result.report is not None and result.report.passed
    return result.to_proto()


def named(proto: onnx.ModelProto, name: str) -> list[onnx.FunctionProto]:
    return [function for function in proto.functions if function.name.partition(".")[0] == name]


def attributes(node: onnx.NodeProto) -> dict[str, Any]:
    return {item.name: onnx.helper.get_attribute_value(item) for item in node.attribute}


@proves("export.export_modules_as_functions", "export.export_modules_as_functions: True")
def test_all_modules() -> None:
    proto = exported(True)
    assert [node.op_type for node in proto.graph.node] == ["Model"]
    assert {function.name for function in proto.functions} == {"Model", "Block", "Linear", "LeakyReLU", "LayerNorm"}
    assert named(proto, "Linear")[0].domain == "torch.nn.modules.linear"
    assert named(proto, "Model")[0].domain == Model.__module__
    (block,) = named(proto, "Block")
    assert [node.op_type for node in block.node if node.op_type != "Constant"] == ["Linear", "LeakyReLU", "Mul", "Add"]
    assert list(block.input) == ["input_0", "linear.weight", "linear.bias"]
    assert {opset.domain for opset in proto.opset_import} >= {function.domain for function in proto.functions}
    assert proto.ir_version >= 8


@proves("export.export_modules_as_functions: a set of types")
def test_only_these_classes() -> None:
    proto = exported({nn.LeakyReLU, nn.Conv2d})
    assert [function.name for function in proto.functions] == ["LeakyReLU"]
    assert [node.op_type for node in proto.graph.node].count("LeakyReLU") == 4
    assert [function.name for function in exported({nn.Conv2d}).functions] == []
    proto = exported({Block})
    assert [function.name for function in proto.functions] == ["Block"]
    # A module that is called again, from elsewhere, is the same function on the same weights.
    blocks = [node for node in proto.graph.node if node.op_type == "Block"]
    assert len(blocks) == 4
    assert blocks[0].input[1:] == blocks[3].input[1:] != blocks[1].input[1:]


@proves("export.export_modules_as_functions: annotated attributes")
def test_annotated_attributes() -> None:
    proto = exported(True)
    assert list(named(proto, "Model")[0].attribute) == ["depth"]
    assert attributes(proto.graph.node[0]) == {"depth": 3}
    (norm,) = named(proto, "LayerNorm")
    assert list(norm.attribute) == ["normalized_shape", "eps", "elementwise_affine"]
    calls = [node for node in named(proto, "Model")[0].node if node.op_type == "LayerNorm"]
    assert attributes(calls[0]) == {"normalized_shape": [4], "eps": pytest.approx(1e-3), "elementwise_affine": 1}
    # They are not used inside.
    assert not [item for node in norm.node for item in node.attribute if item.ref_attr_name]


@proves("export.export_modules_as_functions: inferred attributes")
def test_inferred_attributes() -> None:
    proto = exported(True)
    (relu,) = named(proto, "LeakyReLU")
    assert [item.ref_attr_name for node in relu.node for item in node.attribute] == ["inferred::alpha"]
    (block,) = named(proto, "Block")
    # The slope of the module inside differs from block to block: one attribute of the block, whatever it is called inside.
    (name,) = [name for name in block.attribute if name.startswith("inferred::")]
    calls = [node for node in named(proto, "Model")[0].node if node.op_type == "Block"]
    slopes = [attributes(node)[name] for node in calls]
    assert slopes == pytest.approx([0.1, 0.2, 0.3, 0.1])
    assert [attributes(node)["slope"] for node in calls] == pytest.approx([0.1, 0.2, 0.3, 0.1])


def test_different_structures_are_different_functions() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Sequential(nn.Linear(4, 4), nn.ReLU())
            self.second = nn.Sequential(nn.Linear(4, 4, bias=False), nn.ReLU())

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.second(self.first(x))

    proto = exported(True, Net())
    assert [function.name for function in named(proto, "Sequential")] == ["Sequential", "Sequential.1"]
    assert len(named(proto, "Linear")) == 2
    assert len(named(proto, "ReLU")) == 1


def test_constants_differ_by_an_inferred_attribute() -> None:
    class Scale(nn.Module):
        def __init__(self, factor: float) -> None:
            super().__init__()
            self.factor = factor

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x * self.factor

    proto = exported({Scale}, nn.Sequential(Scale(2.0), Scale(3.0)))
    (scale,) = proto.functions
    assert list(scale.attribute) == ["inferred::value"]
    session = onnxruntime.InferenceSession(proto.SerializeToString())
    np.testing.assert_allclose(session.run(None, {"x": X.numpy()})[0], X.numpy() * 6, rtol=1e-6)


def test_a_shared_module_below_another_one() -> None:
    class Inner(nn.Module):
        def __init__(self, shared: nn.Module) -> None:
            super().__init__()
            self.list = [shared]  # not registered here

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.list[0](x + 1).exp()

    class Outer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.shared = nn.Linear(4, 4)
            self.inner = Inner(self.shared)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.inner(self.shared(x))

    for functions in (True, {Inner}, {nn.Linear}):
        exported(functions, Outer())


def test_training_mode_keeps_two_dropouts_apart() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.drop = nn.Dropout(0.5)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.drop(x) - self.drop(x)

    proto = onnx_explore.export(Twice(), X, training="TRAINING", export_modules_as_functions=True).to_proto()
    (outer,) = named(proto, "Twice")
    assert [node.op_type for node in outer.node].count("Dropout") == 2


def test_source_locations_and_weights_as_inputs() -> None:
    proto = exported(True, verbose=True, keep_initializers_as_inputs=True)
    assert all("test_modules_as_functions.py" in node.doc_string for node in named(proto, "Block")[0].node[-1:])
    assert len(proto.graph.input) > 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"export_modules_as_functions": True, "opset_version": 14}, "opset 15"),
        ({"export_modules_as_functions": {nn.Linear}, "opset_version": 9}, "opset_version=15"),
        ({"export_modules_as_functions": {int}}, "not a class of torch.nn.Module"),
        ({"export_modules_as_functions": "Linear"}, "neither True nor False nor a set"),
    ],
)
def test_what_cannot_be(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        onnx_explore.export(Model(), X, **options)


def test_the_explorer_shows_functions() -> None:
    exploration = onnx_explore.explore(Model().eval(), X, export_modules_as_functions={nn.LeakyReLU}).run()
    text = exploration.onnx_text()
    assert "torch.nn.modules.activation::LeakyReLU[" in text
    assert (
        "\nfunction torch.nn.modules.activation::LeakyReLU[inplace, negative_slope, inferred::alpha](%input_0)\n"
        in text
    )
    assert "LeakyRelu[alpha=@inferred::alpha](%input_0)" in text


@pytest.mark.filterwarnings("ignore:LSTM with projections")
def test_loops_stay_inside_of_functions() -> None:
    """Bodies of Scan and Loop read what the module was given: inputs of the function."""

    class Spoken(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lstm = nn.LSTM(4, 6, proj_size=5, bidirectional=True)
            self.head = nn.Linear(10, 3)

        def forward(self, x: torch.Tensor, *targets: torch.Tensor) -> torch.Tensor:
            return nn.functional.ctc_loss(self.head(self.lstm(x)[0]).log_softmax(-1), *targets)

    args = (torch.randn(6, 2, 4), torch.tensor([[1, 2, 1], [2, 1, 2]]), torch.tensor([6, 5]), torch.tensor([3, 2]))
    exported = onnx_explore.export(Spoken(), args, export_modules_as_functions=True, check=True)
    assert exported.report is not None and exported.report.passed
    functions = {function.name: function for function in exported.model.functions.values()}
    assert set(functions) == {"Spoken", "LSTM", "Linear"}
    inside = [node.op_type for name in ("Spoken", "LSTM") for node in functions[name]]
    assert {"Loop", "Scan"} & set(inside)


def test_what_two_calls_would_share_stays_in_each() -> None:
    """All blocks compare the same mask, and ask for the same sizes: one function, with no output but its own."""

    class Masked(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(4, 4)

        def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
            heads = self.linear(x).view(x.shape[0], x.shape[1], 2, 2).transpose(1, 2)
            scores = (heads @ heads.transpose(-2, -1)).masked_fill(mask[:, None, None, :] == 0, -1e9)
            return x + (scores.softmax(-1) @ heads).transpose(1, 2).reshape(x.shape)

    class Stack(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.blocks = nn.ModuleList([Masked(), Masked(), Masked()])

        def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
            for block in self.blocks:
                x = block(x, mask)
            return x

    mask = torch.ones(2, 5)
    mask[:, 3:] = 0
    result = onnx_explore.export(
        Stack().eval(),
        (torch.randn(2, 5, 4), mask),
        export_modules_as_functions={Masked},
        input_names=["x", "mask"],
        dynamic_axes={name: {0: "batch", 1: "time"} for name in ("x", "mask")},
        check=True,
    )
    assert result.report is not None and result.report.passed
    proto = result.to_proto()
    (block,) = proto.functions
    assert (block.name, len(block.output)) == ("Masked", 1)
    assert [node.op_type for node in proto.graph.node] == ["Masked"] * 3
