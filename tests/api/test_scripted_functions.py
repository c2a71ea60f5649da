"""``export_modules_as_functions`` for scripted models, and for traced ones with scripted modules inside: run in ONNX Runtime.

TorchScript does not read annotations that are strings, so these are none.
"""

import io
import re
from typing import Any

import onnx
import pytest
import torch
from torch import nn

import onnx_explore
from tests.api.test_modules_as_functions import X, attributes, named


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


class Control(nn.Module):
    """Calls of modules in a loop and in both branches."""

    def __init__(self) -> None:
        super().__init__()
        self.block = Block(4, 0.1)
        self.linear = nn.Linear(4, 4)

    def forward(self, x: torch.Tensor, rounds: int) -> torch.Tensor:
        for _ in range(rounds):
            x = self.block(x)
        if bool(x.sum() > 0):
            x = self.linear(x)
        else:
            x = self.block(x) - self.linear(x)
        return x


class Collects(nn.Module):
    """A list in a loop: the loop is unrolled where its count is known."""

    def __init__(self) -> None:
        super().__init__()
        self.block = Block(4, 0.1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found: list[torch.Tensor] = []
        for _ in range(3):
            x = self.block(x)
            found.append(x)
        return torch.stack(found)


class Mixed(nn.Module):
    """A trace around a scripted module, which is called twice."""

    def __init__(self) -> None:
        super().__init__()
        self.scripted = torch.jit.script(Control().eval())
        self.block = Block(4, 0.5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.block(self.scripted(x, 2)) + self.scripted(x, 3)


def given(model: Any) -> Any:
    return model


def loaded(model: Any) -> Any:
    stream = io.BytesIO()
    torch.jit.save(model, stream)
    stream.seek(0)
    return torch.jit.load(stream)


def exported(model: Any, functions: Any, *args: Any, **more: Any) -> tuple[onnx.ModelProto, list[tuple[str, str]]]:
    """The model, checked by ONNX's checker and by ONNX Runtime at two sizes; what was noted."""
    result = onnx_explore.export(
        model,
        args or (X,),
        export_modules_as_functions=functions,
        input_names=["x"],
        dynamic_axes={"x": {0: "batch"}},
        check=True,
        **more,
    )
    assert result.report is not None and result.report.passed
    return result.to_proto(), [(note.code, note.message) for note in result.recording.notes]


def calls(graph: Any, name: str) -> list[onnx.NodeProto]:
    """The calls of a function in a graph and its bodies."""
    found: list[onnx.NodeProto] = []
    for node in graph.node:
        found += [node] if node.op_type == name else []
        for item in node.attribute:
            found += calls(item.g, name) if item.type == onnx.AttributeProto.GRAPH else []
    return found


@pytest.mark.parametrize("again", [given, loaded], ids=["scripted", "loaded"])
def test_a_script_has_the_functions_of_its_classes(again: Any) -> None:
    proto, _ = exported(again(torch.jit.script(Model().eval())), True)
    names = {(function.domain, function.name) for function in proto.functions}
    here = Model.__module__
    assert names == {
        (here, "Model"),
        (here, "Block"),
        ("torch.nn.modules.linear", "Linear"),
        ("torch.nn.modules.activation", "LeakyReLU"),
        ("torch.nn.modules.normalization", "LayerNorm"),
    }
    (block,) = named(proto, "Block")
    assert list(block.attribute)[:3] == ["size", "slope", "kind"]
    (inferred,) = list(block.attribute)[3:]
    found = [attributes(node) for node in calls(named(proto, "Model")[0], "Block")]
    assert [item[inferred] for item in found] == pytest.approx([0.1, 0.2, 0.3, 0.1])
    assert [item["slope"] for item in found] == pytest.approx([0.1, 0.2, 0.3, 0.1])
    assert attributes(proto.graph.node[0]) == {"depth": 3}


@pytest.mark.parametrize("again", [given, loaded], ids=["scripted", "loaded"])
def test_only_these_classes_of_a_script(again: Any) -> None:
    proto, _ = exported(again(torch.jit.script(Model().eval())), {Block})
    assert [function.name for function in proto.functions] == ["Block"]
    blocks = [node for node in proto.graph.node if node.op_type == "Block"]
    assert len(blocks) == 4
    assert blocks[0].input[1:] == blocks[3].input[1:] != blocks[1].input[1:]


def test_calls_in_loops_and_branches() -> None:
    model = torch.jit.script(Control().eval())
    proto, _ = exported(model, {Block, nn.Linear}, X, 3)
    assert {function.name for function in proto.functions} == {"Block", "Linear"}
    assert [node.op_type for node in proto.graph.node if node.op_type in ("Loop", "If")] == ["Loop", "If"]
    assert len(calls(proto.graph, "Block")) == 2
    assert len(calls(proto.graph, "Linear")) == 2
    whole, _ = exported(model, True, X, 3)
    assert [node.op_type for node in whole.graph.node] == ["Control"]
    # The loop and its calls are in the function, and the calls in the loop's body are calls still.
    (control,) = named(whole, "Control")
    assert {node.op_type for node in control.node} >= {"Loop", "If"}
    assert len(calls(control, "Block")) == 2


def test_the_rounds_of_an_unrolled_loop_are_calls() -> None:
    proto, _ = exported(torch.jit.script(Collects().eval()), True)
    (collects,) = named(proto, "Collects")
    assert [node.op_type for node in collects.node if node.op_type == "Block"] == ["Block"] * 3
    assert len({node.name for node in collects.node}) == len(collects.node)
    assert len(named(proto, "Block")) == 1


def test_scripted_modules_in_a_trace() -> None:
    model = Mixed().eval()
    proto, _ = exported(model, True)
    assert {function.name for function in proto.functions} == {"Mixed", "Control", "Block", "Linear", "LeakyReLU"}
    (mixed,) = named(proto, "Mixed")
    assert [node.op_type for node in mixed.node if node.op_type != "Constant"] == ["Control", "Block", "Control", "Add"]
    proto, _ = exported(model, {Control})
    assert [function.name for function in proto.functions] == ["Control"]
    first, second = [node for node in proto.graph.node if node.op_type == "Control"]
    assert first.input[1:] == second.input[1:]


def test_a_traced_script_tells_what_it_lost() -> None:
    proto, notes = exported(torch.jit.trace(Model().eval(), X), {Block})
    (block,) = proto.functions
    assert (block.domain, block.name) == (Block.__module__, "Block")
    assert not [name for name in block.attribute if not name.startswith("inferred::")]
    (message,) = [message for code, message in notes if code == "AttributeLost"]
    assert f"{Block.__module__}.Block.slope" in message and "torch.jit.trace does not keep them" in message


def test_an_unknown_class_is_told_and_a_named_one_is_known() -> None:
    class Hidden(nn.Module):
        gain: int

        def __init__(self) -> None:
            super().__init__()
            self.gain = 3

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x * self.gain

    model = loaded(torch.jit.script(nn.Sequential(Hidden(), nn.ReLU())))
    proto, notes = exported(model, True)
    assert list(named(proto, "Hidden")[0].attribute) == []
    (message,) = [message for code, message in notes if code == "ClassUnknown"]
    assert f"{__name__}.Hidden" in message
    proto, notes = exported(model, {Hidden})
    assert attributes(calls(proto.graph, "Hidden")[0]) == {"gain": 3}
    assert not notes


@pytest.mark.parametrize(
    ("model", "functions", "message"),
    [
        (Block(4, 0.1), {nn.Conv2d}, "no module of torch.nn.modules.conv.Conv2d is called"),
        (
            torch.jit.freeze(torch.jit.script(Model().eval())),
            {Block},
            "Block is called, .*torch.jit.freeze leaves none",
        ),
        (torch.neg, True, "no module is called"),
    ],
)
def test_a_wish_that_did_not_come_true_is_told(model: Any, functions: Any, message: str) -> None:
    result = onnx_explore.export(model, X, export_modules_as_functions=functions)
    assert not result.model.functions
    (note,) = [note for note in result.recording.notes if note.code == "NoModuleFunction"]
    assert note.severity == "warning"
    assert re.search(message, note.message)


def test_a_call_with_nothing_to_compute_is_told() -> None:
    result = onnx_explore.export(Block(4, 0.1).eval(), X, export_modules_as_functions=True)
    (note,) = [note for note in result.recording.notes if note.code == "EmptyModule"]
    assert "no function was made of drop," in note.message


def test_a_script_in_training_mode() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.drop = nn.Dropout(0.5)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.drop(x) - self.drop(x)

    result = onnx_explore.export(torch.jit.script(Twice()), X, training="TRAINING", export_modules_as_functions=True)
    (twice,) = named(result.to_proto(), "Twice")
    assert [node.op_type for node in twice.node].count("Dropout") == 2
