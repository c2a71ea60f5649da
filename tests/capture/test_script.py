"""Scripted models: calls inlined, attributes resolved, control flow kept."""

from __future__ import annotations

import io
from typing import Any

import pytest
import torch
from torch import nn

from onnx_explore.capture import Capture, capture, check_replay
from onnx_explore.errors import CaptureError, InvalidArgument
from onnx_explore.torch_ir import walk

X = torch.randn(2, 3)


def scaled(x: torch.Tensor, factor: int) -> torch.Tensor:
    return nn.functional.relu(x) * factor


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 3)
        self.factor = 2.5
        self.register_buffer("shift", torch.ones(3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return scaled(self.linear(x), 3) * self.factor + self.shift

    @torch.jit.export
    def again(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear(x)


class Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([Block(), Block()])
        self.plain = torch.full((3,), 2.0)

    def forward(
        self,
        x: torch.Tensor,
        pair: tuple[torch.Tensor, dict[str, torch.Tensor]],
        count: int = 2,
        bias: torch.Tensor | None = None,
    ) -> dict[str, torch.Tensor]:
        for block in self.blocks:
            x = block(x)
        for _ in range(count):
            x = self.blocks[0].again(x)
        if bool(x.sum() > 1000):
            x = x - 1
        if bias is not None:
            x = x + bias
        return {"sum": x + pair[0] + pair[1]["k"], "plain": self.plain}


def scripted(model: nn.Module) -> Any:
    return torch.jit.script(model)


def saved(model: nn.Module) -> Any:
    file = io.BytesIO()
    torch.jit.save(torch.jit.script(model), file)
    file.seek(0)
    return torch.jit.load(file)


def targets(found: Capture) -> list[str]:
    return [node.target for node in walk(found.graph.block)]


@pytest.mark.parametrize("make", [scripted, saved])
def test_module(make: Any) -> None:
    model = make(Model().eval())
    args = (X, (torch.ones(3), {"k": torch.ones(3)}), 3)
    found = capture(model, args)
    check_replay(found)
    assert found.mode == "script"
    assert [(item.name, item.path, item.value.kind) for item in found.inputs] == [
        ("x", "args[0]", "Tensor"),
        ("pair_0", "args[1][0]", "Tensor"),
        ("pair_1_k", "args[1][1]['k']", "Tensor"),
        ("count", "args[2]", "int"),
    ]
    assert found.inputs[3].example.dtype == torch.int64 and found.inputs[3].example.item() == 3
    assert [(item.name, item.path) for item in found.outputs] == [("sum", "out['sum']"), ("plain", "out['plain']")]
    assert [value.kind for value in found.graph.outputs] == ["Tensor", "Tensor"]
    assert sorted(item.name for item in found.graph.parameters) == sorted(
        f"blocks.{index}.{name}" for index in range(2) for name in ("linear.weight", "linear.bias", "shift")
    )
    assert not {"prim::CallMethod", "prim::CallFunction", "prim::GetAttr"} & set(targets(found))
    assert {"prim::Loop", "prim::If"} <= set(targets(found))
    scopes = {node.origin.scope for node in walk(found.graph.block) if node.target == "aten::linear"}
    assert scopes == {"blocks.0.linear", "blocks.1.linear", "blocks.0#2.linear"}
    relu = next(node for node in walk(found.graph.block) if node.target == "aten::relu")
    assert any(frame.file == __file__ for frame in relu.origin.frames)
    names = [value.name for node in walk(found.graph.block) for value in node.outputs]
    assert len(names) == len(set(names))


def test_replay_runs_on_other_inputs_and_restores_the_mode() -> None:
    model = torch.jit.script(nn.Sequential(nn.Linear(3, 3), nn.Dropout(0.9))).train()
    found = capture(model, X)
    assert model.training and not found.training
    torch.testing.assert_close(found.replay((X + 1,))[0], getattr(model, "0")(X + 1))
    assert model.training
    assert model[1].training


def test_training_mode_is_what_the_graph_says() -> None:
    model = torch.jit.script(nn.Sequential(nn.Dropout(0.5)))
    for mode, expected in (("train", True), ("eval", False)):
        found = capture(model, X, training=mode)
        assert any(
            node.constant is expected and node.output.name.startswith("0.training") for node in walk(found.graph.block)
        )
        check_replay(found)


def test_function_and_defaults() -> None:
    @torch.jit.script
    def model(x: torch.Tensor, scale: float = 2.0, shift: int = 1) -> torch.Tensor:
        return x * scale + shift

    found = capture(model, (X, {"shift": 4}))
    assert [(item.name, item.value.kind) for item in found.inputs] == [("x", "Tensor"), ("shift", "int")]
    torch.testing.assert_close(found.eager[0], X * 2 + 4)
    assert 2.0 in [node.constant for node in found.graph.block.nodes]
    check_replay(found)
    torch.testing.assert_close(found.replay((X, torch.tensor(7)))[0], X * 2 + 7)


def test_traced_and_frozen_modules() -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.ReLU()).eval()
    traced = capture(torch.jit.trace(model, X), X)
    assert [item.name for item in traced.graph.parameters] == ["0.bias", "0.weight"]
    check_replay(traced)
    frozen = capture(torch.jit.freeze(torch.jit.script(model)), X)
    assert frozen.graph.parameters == ()
    check_replay(frozen)


@pytest.mark.parametrize(
    ("args", "problem"),
    [
        ((), "missing a required argument: 'x'"),
        ((X, X, X), "too many positional"),
        ((X, {"y": X}), "unexpected keyword"),
    ],
)
def test_wrong_arguments(args: Any, problem: str) -> None:
    with pytest.raises(InvalidArgument, match=problem):
        capture(torch.jit.script(scaled), args)


class Writes(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("last", torch.zeros(3))
        self.calls = 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.last = x[0]
        self.calls += 1
        return x + self.last


def test_attribute_writes_are_followed_and_restored() -> None:
    model = torch.jit.script(Writes())
    found = capture(model, X)
    assert torch.equal(model.last, torch.zeros(3)) and model.calls == 0
    assert [note.code for note in found.notes if note.severity == "warning"] == ["StateWriteDropped"] * 2
    assert "prim::SetAttr" not in targets(found)
    assert found.graph.parameters == ()
    check_replay(found)


def test_attribute_writes_in_a_branch_that_are_read_are_refused() -> None:
    class Branch(Writes):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            if bool(x.sum() > 0):
                self.last = x[0]
            return x + self.last

    with pytest.raises(CaptureError, match="writes its attribute 'last' in a branch"):
        capture(torch.jit.script(Branch()), X)


def test_error_of_the_model() -> None:
    with pytest.raises(CaptureError, match="the model raised"):
        capture(torch.jit.script(nn.Linear(3, 3)), torch.ones(2, 5))
