"""The Lowering cursor: steps, failures, going on, going back; and what an Exploration makes of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import nn

import onnx_explore
from onnx_explore.emit import Emitter
from onnx_explore.errors import NotConstant, OnnxExporterError, SymbolicError, UnsupportedOperatorError
from onnx_explore.recording import NodeFailed, NodeLowered
from onnx_explore.symbolic.annotations import Tensor
from onnx_explore.symbolic.registry import REGISTRY, Variant


@pytest.fixture
def custom() -> Iterator[list[str]]:
    """Targets registered in a test; taken back afterwards."""
    targets: list[str] = []
    yield targets
    for target in targets:
        REGISTRY.unregister_custom(target)


@torch.library.custom_op("oe_tests::mystery", mutates_args=())
def mystery(x: torch.Tensor) -> torch.Tensor:
    """An operator that no exporter knows."""
    return x * 2


class Mysterious(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = torch.relu(x)
        z = mystery(y)
        return torch.sigmoid(mystery(z))


def twice(g: Emitter, x: Tensor) -> Tensor:
    return g.op("Mul", x, g.like(2, x))


def test_a_step_lowers_one_node_and_tells_how():
    ex = onnx_explore.explore(nn.ReLU(), torch.randn(2, 3))
    assert ex.state == "paused"
    event = ex.step()
    assert isinstance(event, NodeLowered)
    assert (event.target, event.emitted) == ("aten::relu", ("Relu",))
    assert [candidate.chosen for candidate in event.candidates].count(True) == 1
    assert ex.run().state == "exported"
    assert ex.step() is None


@pytest.mark.parametrize("options", [{"rtol": -1.0}, {"atol": "small"}])
def test_a_wrong_tolerance_is_refused_before_the_model_runs(options: dict[str, Any]):
    with pytest.raises(onnx_explore.errors.InvalidArgument, match="tol"):
        onnx_explore.explore(nn.ReLU(), torch.randn(2, 3), **options)


def test_run_until_stops_before_what_it_was_told():
    ex = onnx_explore.explore(nn.Sequential(nn.ReLU(), nn.Sigmoid(), nn.Tanh()), torch.randn(2, 3))
    ex.run_until("aten::tanh")
    assert ex.node is not None
    assert ex.node.target == "aten::tanh"
    assert [node.op_type for node in ex.onnx_graph] == ["Relu", "Sigmoid"]
    with pytest.raises(onnx_explore.errors.InvalidArgument, match="aten::relu"):
        ex.run_until("aten::relu")
    assert ex.run().state == "exported"


def test_all_missing_operators_are_named_with_their_lines_and_the_partial_graph_is_kept():
    ex = onnx_explore.explore(Mysterious(), torch.randn(2, 3)).run()
    assert ex.state == "failed"
    error = ex.error
    assert isinstance(error, UnsupportedOperatorError)
    assert [target for target, _ in error.missing] == ["oe_tests::mystery"] * 2
    assert len({where for _, where in error.missing}) == 2
    assert all("test_cursor.py:" in where for _, where in error.missing)
    assert [node.op_type for node in ex.onnx_graph] == ["Relu"]
    with pytest.raises(UnsupportedOperatorError):
        _ = ex.exported


def test_after_a_registration_it_goes_on_from_the_node(custom: list[str]):
    ex = onnx_explore.explore(Mysterious(), torch.randn(2, 3)).run()
    before = list(ex.onnx_graph)
    REGISTRY.register_custom("oe_tests::mystery", Variant(7, twice, custom=True))
    custom.append("oe_tests::mystery")
    ex.run()
    assert ex.state == "exported"
    assert ex.report is not None
    assert ex.report.passed
    assert next(iter(ex.exported.model.graph)) is before[0]  # nothing before the node was done again


def test_a_registration_before_the_cursor_goes_back_to_the_first_such_node(custom: list[str]):
    ex = onnx_explore.explore(nn.Sequential(nn.ReLU(), nn.Sigmoid(), nn.Tanh()), torch.randn(2, 3))
    ex.run_until("aten::tanh")

    def sigmoid(g: Emitter, self: Tensor) -> Tensor:
        one = g.like(1, self)
        return g.op("Div", one, g.op("Add", one, g.op("Exp", g.op("Neg", self))))

    REGISTRY.register_custom("aten::sigmoid", Variant(7, sigmoid, custom=True))
    custom.append("aten::sigmoid")
    ex.run()
    assert [node.op_type for node in ex.exported.model.graph] == ["Relu", "Neg", "Exp", "Add", "Div", "Tanh"]
    lowered = [event for event in ex.recording.of(NodeLowered) if event.target == "aten::sigmoid"]
    assert len(lowered) == 1
    assert "registered by the user" in lowered[0].reason


def test_notes_about_nodes_that_are_lowered_again_are_not_said_twice(custom: list[str]):
    class Cut(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            first, second, _ = torch.relu(x).unbind(0)
            return torch.tanh(torch.triu(first + second))

    def notes() -> list[str]:
        return [note.code for note in ex.recording.notes if note.node is not None]

    kind = onnx_explore.OperatorExportTypes.ONNX_ATEN_FALLBACK
    custom.append("aten::triu")
    onnx_explore.register_custom_op_symbolic("aten::triu", refuse, 9)
    ex = onnx_explore.explore(
        Cut(), torch.randn(3, 2, 2), input_names=["x"], dynamic_axes={"x": [0]}, operator_export_type=kind
    )
    ex.run_until("aten::tanh")
    assert notes() == ["BakedCount", "NotConverted"]
    custom.append("aten::relu")
    onnx_explore.register_custom_op_symbolic("aten::relu", lambda g, x: g.op("Abs", x), 9)
    assert ex.run().state == "exported"
    assert "Relu" not in {node.op_type for node in ex.onnx_graph}
    assert notes() == ["BakedCount", "NotConverted"]


def refuse(g: Emitter, x: Tensor, diagonal: int) -> Tensor:
    raise UnsupportedOperatorError("not today")


def test_what_a_failing_symbolic_function_emitted_is_taken_back(custom: list[str]):
    def broken(g: Emitter, self: Tensor) -> Tensor:
        g.op("Exp", self)
        raise ZeroDivisionError("oops")

    REGISTRY.register_custom("aten::sigmoid", Variant(7, broken, custom=True))
    custom.append("aten::sigmoid")
    ex = onnx_explore.explore(nn.Sequential(nn.ReLU(), nn.Sigmoid()), torch.randn(2, 3)).run()
    assert isinstance(ex.error, SymbolicError)
    assert isinstance(ex.error.__cause__, ZeroDivisionError)
    assert [node.op_type for node in ex.onnx_graph] == ["Relu"]
    assert isinstance(next(ex.recording.of(NodeFailed)), NodeFailed)
    REGISTRY.unregister_custom("aten::sigmoid")
    custom.clear()
    assert ex.run().state == "exported"


def test_keyboard_interrupt_in_a_symbolic_function_is_never_wrapped(custom: list[str]):
    def interrupted(g: Emitter, self: Tensor) -> Tensor:
        g.op("Exp", self)
        raise KeyboardInterrupt

    REGISTRY.register_custom("aten::sigmoid", Variant(7, interrupted, custom=True))
    custom.append("aten::sigmoid")
    ex = onnx_explore.explore(nn.Sequential(nn.ReLU(), nn.Sigmoid()), torch.randn(2, 3))
    with pytest.raises(KeyboardInterrupt):
        ex.run()
    assert [node.op_type for node in ex.onnx_graph] == ["Relu"]
    REGISTRY.unregister_custom("aten::sigmoid")
    custom.clear()
    assert ex.run().state == "exported"


def test_an_argument_that_must_be_constant_names_operator_argument_line_and_action(custom: list[str]):
    def picky(g: Emitter, self: Tensor, dim: int) -> Tensor:
        return self

    class Model(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.flatten(0, 1).cumsum(dim=0).view(x.size(0), -1).select(1, 0) * x.size(0)

    def views(g: Emitter, self: Tensor, size: list[int]) -> Tensor:
        return g.op("Reshape", self, size)

    REGISTRY.register_custom("aten::view", Variant(7, views, custom=True))
    custom.append("aten::view")
    with pytest.raises(NotConstant) as error:
        onnx_explore.export(Model(), torch.randn(2, 3, 4), input_names=["x"], dynamic_axes={"x": {0: "batch"}})
    assert error.value.target == "aten::view"
    assert error.value.argument == "size"
    assert "test_cursor.py:" in error.value.where
    assert error.value.action


def test_constants_are_folded_by_pytorch_and_said_to_be():
    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.randn(3, 3))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x @ (self.weight.exp() + 1)

    folded = onnx_explore.export(Model(), torch.randn(2, 3), check=True)
    assert [node.op_type for node in folded.model.graph] == ["MatMul"]
    assert any("folded" in event.reason for event in folded.recording.of(NodeLowered) if event.target == "aten::exp")
    kept = onnx_explore.export(Model(), torch.randn(2, 3), do_constant_folding=False, check=True)
    assert "Exp" in [node.op_type for node in kept.model.graph]


def test_decomposition_is_used_and_recorded_and_keeps_dynamic_sizes(monkeypatch: pytest.MonkeyPatch):
    class Model(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.nn.functional.silu(x) + torch.logit(x.sigmoid())

    hidden = dict(REGISTRY._functions)
    hidden.pop("aten::silu"), hidden.pop("aten::logit")
    monkeypatch.setattr(REGISTRY, "_functions", hidden)
    REGISTRY.version += 1  # lookups are cached by version
    try:
        exported = onnx_explore.export(
            Model(), torch.randn(2, 3), input_names=["x"], dynamic_axes={"x": {0: "batch"}}, check=True
        )
    finally:
        monkeypatch.undo()
        REGISTRY.version += 1
    reasons = {event.target: event.reason for event in exported.recording.of(NodeLowered)}
    assert "decomposed by PyTorch into" in reasons["aten::silu"]
    output = exported.model.graph.outputs[0]
    assert output.shape is not None
    assert str(output.shape[0]) == "batch"


def test_every_failure_is_an_exporter_error():
    with pytest.raises(OnnxExporterError):
        onnx_explore.export(Mysterious(), torch.randn(2, 3))


def test_a_sparse_tensor_is_refused_with_the_reason():
    with pytest.raises(
        UnsupportedOperatorError, match=r"aten::_to_sparse at .*test_cursor.py:\d+: .* sparse tensor"
    ) as caught:
        onnx_explore.export(lambda x: x.to_sparse().to_dense(), (torch.eye(3),))
    assert "work on dense tensors" in str(caught.value)
