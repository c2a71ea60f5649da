"""The cursor inside blocks: steps, failures, going on and back; what the dispatch record says of branches and loops."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import List

import onnx_ir as ir
import pytest
import torch

import onnx_explore
from onnx_explore.emit import Emitter
from onnx_explore.emit.regions import nodes_of
from onnx_explore.errors import NotConstant, SymbolicError, UnsupportedOperatorError
from onnx_explore.recording import NodeFailed, NodeLowered
from onnx_explore.symbolic.annotations import Tensor
from onnx_explore.symbolic.registry import REGISTRY, Variant
from tests.scripted.running import scripted

X = torch.tensor([[1.0, 2.0, 3.0]])


@pytest.fixture
def custom() -> Iterator[list[str]]:
    """Targets registered in a test; taken back afterwards."""
    targets: list[str] = []
    yield targets
    for target in targets:
        REGISTRY.unregister_custom(target)


def nested(x: torch.Tensor, n: int):
    y = x
    for i in range(n):
        if y.sum() > 5:
            y = torch.sigmoid(y)
        else:
            y = torch.tanh(y) + i
    return y


def explored(function=nested, *args, **options) -> onnx_explore.Exploration:
    return onnx_explore.explore(scripted(function), args or (X, 3), **options)


def reasons(exploration_or_exported) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for event in exploration_or_exported.recording.of(NodeLowered):
        found.setdefault(event.target, []).append(event.reason)
    return found


def test_a_step_goes_into_a_block_and_lowers_one_node_of_it():
    ex = explored()
    events = []
    while (event := ex.step()) is not None and ex.state == "paused":
        events.append(event)
    targets = [item.target for item in ex.recording.of(NodeLowered) if not item.target.startswith("prim::Constant")]
    assert targets == [
        "aten::sum",
        "aten::gt",
        "aten::Bool",
        "aten::sigmoid",
        "aten::tanh",
        "aten::add",
        "prim::If",
        "prim::Loop",
    ] or targets == ["aten::sum", "aten::gt", "aten::sigmoid", "aten::tanh", "aten::add", "prim::If", "prim::Loop"]
    assert ex.state == "exported"
    emitted = {event.target: event.emitted for event in ex.recording.of(NodeLowered)}
    assert emitted["prim::If"] == ("If",)
    assert emitted["prim::Loop"][-1] == "Loop"
    made = [node.name for node in nodes_of(ex.onnx_graph)]
    assert len(made) == len(set(made))
    assert ex.report is not None
    assert ex.report.passed


def test_run_until_stops_inside_a_block_and_says_where():
    ex = explored()
    ex.run_until("aten::tanh")
    assert ex.node is not None
    assert ex.node.target == "aten::tanh"
    assert [node.target for node in ex._flow.lowering.inside] == ["prim::Loop", "prim::If"]
    assert ex.run().state == "exported"


def test_a_failure_inside_a_block_stays_there_and_goes_on_after_a_registration(custom: list[str]):
    def broken(g: Emitter, self: Tensor) -> Tensor:
        g.op("Exp", self)
        raise ZeroDivisionError("oops")

    def mended(g: Emitter, self: Tensor) -> Tensor:
        return g.op("Tanh", self)

    REGISTRY.register_custom("aten::tanh", Variant(7, broken, custom=True))
    custom.append("aten::tanh")
    ex = explored().run()
    assert isinstance(ex.error, SymbolicError)
    assert ex.error.target == "aten::tanh"
    assert ex.node is not None
    assert ex.node.target == "aten::tanh"
    before = [event.target for event in ex.recording.of(NodeLowered)]
    assert "aten::sigmoid" in before
    REGISTRY.register_custom("aten::tanh", Variant(7, mended, custom=True))
    ex.run()
    assert ex.state == "exported"
    assert ex.report is not None
    assert ex.report.passed
    assert [event.target for event in ex.recording.of(NodeLowered)][: len(before)] == before
    assert "Exp" not in [node.op_type for node in nodes_of(ex.onnx_graph)]
    assert isinstance(next(ex.recording.of(NodeFailed)), NodeFailed)


def test_a_registration_for_a_node_in_a_finished_block_opens_the_block_again(custom: list[str]):
    def after(x: torch.Tensor):
        y = torch.tanh(x) if x.sum() > 5 else x
        return torch.cos(y)

    ex = explored(after, X)
    ex.run_until("aten::cos")

    def tanh(g: Emitter, self: Tensor) -> Tensor:
        return g.op("Neg", g.op("Tanh", g.op("Neg", self)))

    REGISTRY.register_custom("aten::tanh", Variant(7, tanh, custom=True))
    custom.append("aten::tanh")
    assert ex.node is not None
    assert ex.node.target == "aten::tanh"
    ex.run()
    assert ex.state == "exported"
    assert ex.report is not None
    assert ex.report.passed
    assert [node.op_type for node in nodes_of(ex.onnx_graph)].count("Neg") == 2
    assert len([event for event in ex.recording.of(NodeLowered) if event.target == "aten::tanh"]) == 1
    assert [node.op_type for node in ex.onnx_graph].count("If") == 1


def test_back_to_a_node_of_an_unrolled_loop():
    def unrolled(x: torch.Tensor):
        out: List[torch.Tensor] = []
        for i in range(3):
            out.append(torch.tanh(x) * i)
        return torch.stack(out)

    ex = explored(unrolled, X)
    lowering = ex._flow.lowering
    while lowering.node is not None and lowering.node.target != "aten::stack":
        lowering.step()
    index = next(number for number, node in enumerate(lowering.nodes) if node.target == "aten::mul")
    lowering.back_to(index)
    assert lowering.node is not None
    assert lowering.node.target == "aten::mul"
    assert [node.op_type for node in lowering.onnx] == ["Tanh"]
    assert ex.run().state == "exported"
    assert ex.report is not None
    assert ex.report.passed


def test_an_operator_without_a_symbolic_function_is_named_with_its_place_in_the_block():
    @torch.library.custom_op("oe_tests::riddle", mutates_args=())
    def riddle(x: torch.Tensor) -> torch.Tensor:
        return x * 2

    @riddle.register_fake
    def _(x: torch.Tensor) -> torch.Tensor:
        return x

    class Model(torch.nn.Module):
        def forward(self, x: torch.Tensor):
            if x.sum() > 0:
                return torch.ops.oe_tests.riddle(x)
            return x

    ex = explored(Model(), X).run()
    assert isinstance(ex.error, UnsupportedOperatorError)
    assert ex.error.target == "oe_tests::riddle"
    assert "test_control_flow.py:" in ex.error.where


def test_the_record_says_what_became_of_each_branch_and_loop():
    def model(x: torch.Tensor, n: int):
        if x.dim() == 2:
            x = x + 1
        out: List[torch.Tensor] = [x]
        for i in range(2):
            out.append(x * i)
        k = 0
        y = x
        for _ in range(n):
            y = torch.cat([y, x])
            k += 1
        if y.sum() > 3:
            z = y
        else:
            z = y.sum(0)
        return torch.stack(out), z * k

    found = reasons(onnx_explore.export(scripted(model), (X, 3)))
    assert found["prim::Loop"][0].startswith("unrolled into 2 rounds: it works on lists")
    grown = found["prim::Loop"][1]
    assert "begins as FLOAT[1, 3] and is carried as FLOAT[?, 3]" in grown
    assert "begins as 0 and is carried as INT64[]" in grown
    assert "is FLOAT[" in found["prim::If"][-1] and "of unknown rank" in found["prim::If"][-1]


def test_a_known_condition_takes_its_branch_when_it_becomes_known_in_the_lowering():
    def model(x: torch.Tensor):
        y = torch.cat([x, x], 1)
        if y.size(1) == 6:
            return y * 2
        return y

    exported = onnx_explore.export(scripted(model), (X,))
    assert "If" not in [node.op_type for node in exported.model.graph]
    assert "its condition is known at export to be True" in reasons(exported)["prim::If"][0]
    dynamic = onnx_explore.export(scripted(model), (X,), input_names=["x"], dynamic_axes={"x": {1: "columns"}})
    assert "If" in [node.op_type for node in dynamic.model.graph]


def test_a_loop_whose_body_needs_its_number_is_unrolled_and_says_so():
    def model(x: torch.Tensor):
        y = x.view(1, 1, 1, 3)
        for i in range(2):
            y = torch.nn.functional.avg_pool2d(y, [1, i + 1], 1)
        return y

    found = reasons(onnx_explore.export(scripted(model), (X,)))
    assert "what it does needs numbers that are known at export" in found["prim::Loop"][0]

    def unknown(x: torch.Tensor, n: int):
        y = x.view(1, 1, 1, 3)
        for i in range(n):
            y = torch.nn.functional.avg_pool2d(y, [1, i + 1], 1)
        return y

    with pytest.raises(NotConstant) as error:
        onnx_explore.export(scripted(unknown), (X, 2))
    assert error.value.target == "aten::avg_pool2d"
    assert "test_control_flow.py:" in error.value.where


def test_lists_of_what_onnx_has_no_sequence_for_are_a_clear_error():
    def rows(x: torch.Tensor, n: int):
        out: List[List[torch.Tensor]] = []
        for i in range(n):
            row: List[torch.Tensor] = []
            for j in range(i):
                row.append(x[:, :j])
            out.append(row)
        return len(out)

    with pytest.raises(NotConstant, match="ONNX has no sequences of sequences") as error:
        onnx_explore.export(scripted(rows), (X, 3))
    assert error.value.target in ("aten::append", "prim::Loop")
    assert "test_control_flow.py:" in error.value.where


def _deep(depth: int, folder: Path) -> Callable[..., object]:
    """Loops in loops, each of which carries a tensor that grows, a number and a list."""
    lines = ["import torch", "from typing import List", "def deep(x: torch.Tensor, n: int):", "    y, k = x, 0"]
    lines.append("    out: List[torch.Tensor] = []")
    lines += ["    " * (level + 1) + f"for i{level} in range(n):" for level in range(depth)]
    body = ["y = torch.cat([y, x])", "k += 1", "if y.sum() > 0:", "    out.append(y)"]
    lines += ["    " * (depth + 1) + line for line in body]
    lines.append("    return y, k, len(out)")
    path = folder / f"deep_{depth}.py"
    path.write_text("\n".join(lines))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.deep


def test_the_work_does_not_multiply_with_the_loops_around(tmp_path: Path):
    """What was learnt of a loop is not learnt again in each pass over the loops around it: that would double the work."""
    steps: list[int] = []
    for depth in range(1, 6):
        ex = onnx_explore.explore(scripted(_deep(depth, tmp_path)), (X, 2), check=False)
        count = 0
        while ex.step() is not None and ex.state == "paused":
            count += 1
        steps.append(count)
    assert steps[-1] <= 4 * steps[0], steps


def test_sequences_in_a_loop_need_their_opset_and_say_which():
    def model(x: torch.Tensor, n: int):
        out: List[torch.Tensor] = []
        for i in range(n):
            out.append(x[:, : i + 1])
        return torch.cat(out, 1)

    with pytest.raises(UnsupportedOperatorError, match="opset 13"):
        onnx_explore.export(scripted(model), (X, 3), opset_version=11)


def test_a_list_that_a_loop_only_fills_is_a_scan_output_below_opset_13():
    def model(x: torch.Tensor, n: int):
        out: List[torch.Tensor] = [x + 1]
        for i in range(n):
            out.append(x * i)
        return torch.stack(out)

    exported = onnx_explore.export(scripted(model), (X, 3), opset_version=11, check=True)
    assert [node.op_type for node in exported.model.graph] == [
        "Add",
        "Loop",
        "SplitToSequence",
        "SequenceInsert",
        "ConcatFromSequence",
    ]
    assert "is only filled: a scan output" in reasons(exported)["prim::Loop"][0]


def test_a_branch_that_raises_is_left_out_with_a_note():
    def model(x: torch.Tensor):
        if x.sum() > 100:
            raise ValueError("far too large")
        print("value", x.size(0))
        return x + 1

    exported = onnx_explore.export(scripted(model), (X,), check=True)
    assert [node.op_type for node in exported.model.graph] == ["Add"]
    notes = {note.code: note for note in exported.recording.notes}
    assert "far too large" in notes["RaiseDropped"].message
    assert "test_control_flow.py:" in notes["RaiseDropped"].where
    assert "test_control_flow.py:" in notes["SideEffectDropped"].where


def test_values_of_a_block_are_never_used_outside_it():
    """Sizes are remembered for later use: those computed in a block must not be."""

    def model(x: torch.Tensor):
        y = torch.cat([x, x])
        if x.sum() > 3:
            z = torch.zeros(y.size(0), y.size(0)) + 1
        else:
            z = torch.zeros(y.size(0), y.size(0))
        return torch.ones(y.size(0)) @ z, y.size(0)

    exported = onnx_explore.export(
        scripted(model), (X,), input_names=["x"], dynamic_axes={"x": {0: "rows"}}, check=True
    )
    outer = set(exported.model.graph.inputs) | set(exported.model.graph.initializers.values())
    _check_scopes(exported.model.graph, outer)


def _check_scopes(graph: ir.Graph, visible: set[ir.Value]) -> None:
    visible = visible | set(graph.inputs)
    for node in graph:
        assert all(value is None or value in visible for value in node.inputs), node.name
        for attribute in node.attributes.values():
            if attribute.type == ir.AttributeType.GRAPH:
                _check_scopes(attribute.as_graph(), visible)
        visible |= set(node.outputs)
    assert all(value in visible for value in graph.outputs)
