"""The checks and the costs as the browser gets them: what Python knows, row by row, and one state for both."""

from __future__ import annotations

import functools
import json
import math
import threading
from array import array
from collections.abc import Callable, Iterator
from typing import Any, cast

import numpy as np
import onnx_ir as ir
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import onnx_explore
from onnx_explore.check.nodes.interpret import Interpreter
from onnx_explore.errors import RuntimeMismatch
from onnx_explore.explore import check_messages as messages
from onnx_explore.explore.columns import floats, numbers
from onnx_explore.explore.saved import saved
from onnx_explore.explore.service import Service
from onnx_explore.explore.shown import Progress
from onnx_explore.passes.onnx import ONNX_PASSES
from tests.frontend.test_protocol import ask, to_end


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.up, self.down = nn.Linear(8, 16), nn.Linear(16, 8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = F.elu(self.up(x), alpha=0.5)
        return self.down(y).softmax(-1)


def service(model: nn.Module | None = None) -> Service:
    torch.manual_seed(0)
    held = Service(onnx_explore.explore(model or Net().eval(), torch.randn(4, 8), input_names=["x"]))
    to_end(held)
    return held


@pytest.fixture
def wrong() -> Iterator[Service]:
    """An ELU whose alpha is forgotten."""

    @onnx_explore.symbolic("aten::elu")
    def elu(g: Any, self: Any, alpha: float = 1.0) -> Any:
        return g.op("Elu", self)

    with elu:
        yield service()


def reals(buffer: bytes) -> list[float]:
    made = array("f")
    made.frombytes(buffer)
    return made.tolist()


def test_the_rows_are_those_of_the_report(wrong: Service) -> None:
    assert ask(wrong, "summary").summary.nodes is None
    verdict = ask(wrong, "check_nodes").summary.nodes
    assert verdict is not None and not verdict.passed
    assert (verdict.culprits, verdict.passing, verdict.compared, verdict.total) == (1, 2, 4, 4)
    report = wrong.exploration.nodes_report
    assert report is not None
    table, buffers = wrong.handle({"kind": "nodes"})
    assert isinstance(table, messages.NodesTable)
    nodes, starts, ids, order, *_ = numbers(buffers)
    accumulated, local, accumulated_excess, local_excess = map(reals, buffers[4:8])
    assert table.targets == ["aten::elu", "aten::linear", "aten::softmax", "aten::linear"]
    assert table.statuses == ["introduces", "passes on", "passes on", "agrees"]
    assert table.causes[0] == "wrong symbolic function" and table.first_difference == 0 and table.first_nonfinite == -1
    assert table.inputs == "the captured inputs"
    for row, number in enumerate(nodes):
        own = report.rows[order[row]]
        assert (own.node, own.target, own.value) == (number, table.targets[row], table.values[row])
        assert accumulated[row] == pytest.approx(own.accumulated_error) and local[row] == pytest.approx(own.local_error)
    # Outside of the tolerance is more than once what is allowed.
    assert [item > 1 for item in local_excess] == [True, False, False, False]
    assert [item > 1 for item in accumulated_excess] == [True, True, True, False]
    # The panes' lines about a node are about the row of that node.
    pane, columns = wrong.pane("torch")
    line = next(index for index, text in enumerate(pane.lines) if "aten::elu" in text)
    of_pane = numbers(columns)
    assert of_pane[1][of_pane[0][line] : of_pane[0][line + 1]] == ids[starts[0] : starts[1]]


def test_panes_stay_where_only_a_check_ran() -> None:
    held = service()
    pane = held.pane("onnx")
    before = ask(held, "summary").summary
    for kind in ("check_nodes", "measure_cost", "bisect"):
        summary = ask(held, kind).summary
        assert summary.revision > before.revision and summary.content == before.content
    assert held.pane("onnx") is pane
    held.exploration.select("Softmax")
    assert ask(held, "summary").summary.content == before.content
    after = ask(held, "set_axes", edits=[{"input": "x", "axis": 0, "symbol": "n"}]).summary
    assert after.content == after.revision and held.pane("onnx") is not pane


def test_python_and_the_browser_are_one_state() -> None:
    held = service()
    report = held.exploration.check_nodes()
    summary = ask(held, "summary").summary
    assert summary.nodes is not None and summary.nodes.passed and summary.nodes.verdict == report.verdict
    again = ask(held, "check_nodes").summary.nodes
    assert held.exploration.nodes_report is not report and again.stamp != summary.nodes.stamp
    assert ask(held, "set_axes", edits=[{"input": "x", "axis": 0, "symbol": "n"}]).summary.nodes is None
    assert ask(held, "nodes").code == "InvalidArgument"


def test_values_are_those_of_both_sides(wrong: Service) -> None:
    assert ask(wrong, "values", node=0, value="").code == "InvalidArgument"  # nobody asked for a check of all nodes
    ask(wrong, "check_nodes")
    report = wrong.exploration.nodes_report
    assert report is not None
    row = report.culprits[0]
    found = wrong.exploration.values(row.node)
    answer, buffers = wrong.handle({"kind": "values", "node": row.node, "value": row.value})
    assert isinstance(answer, messages.NodeNumbers)
    expected = found.expected
    np.testing.assert_allclose(found.actual, np.where(expected < 0, 2, 1) * expected, rtol=1e-5)  # alpha was 0.5
    assert [side.name for side in answer.sides] == ["PyTorch", "ONNX", "difference"]
    assert answer.sides[0].type == "float32 [4, 16]" and answer.sides[0].low == f"{expected.min():.4g}"
    assert all(sum(side.histogram) == 64 for side in answer.sides)
    left, right = map(reals, buffers)
    np.testing.assert_array_equal(left, expected.reshape(-1))
    np.testing.assert_array_equal(right, found.actual.reshape(-1))
    off = np.abs(found.actual - expected)
    place = [int(item) for item in np.unravel_index(off.argmax(), off.shape)]
    assert answer.largest.startswith(f"{off.max():.4g} at {place}: PyTorch {expected.reshape(-1)[off.argmax()]:.6g}")
    assert answer.largest in str(found)


def test_a_value_that_is_not_there_is_refused() -> None:
    held = service()
    ask(held, "check_nodes")
    answer = ask(held, "values", node=4, value="nothing")
    assert answer.kind == "failed" and "called 'nothing'" in answer.message


def test_costs_add_up() -> None:
    held = service()
    assert ask(held, "costs").code == "InvalidArgument"
    assert ask(held, "measure_cost").summary.cost is not None
    report = held.exploration.cost_report
    assert report is not None
    answer, buffers = held.handle({"kind": "costs"})
    assert isinstance(answer, messages.CostTables)
    assert len(buffers) == 12 and answer.parameters == f"{16 * 9 + 8 * 17}"
    modules, nodes = reals(buffers[0]), reals(buffers[8])
    assert answer.modules.titles[:3] == ["", "up", "down"]
    assert answer.modules.parameters[1:3] == [str(16 * 9), str(8 * 17)]
    assert sum(nodes) * 1e3 == pytest.approx(answer.milliseconds, rel=1e-4)
    assert modules[0] <= sum(nodes) * 1.0001
    # The model's nodes are those of all modules, the line's those of the model.
    starts, ids = numbers(buffers[2:4])
    assert set(ids[starts[1] : starts[2]]) < set(ids[starts[0] : starts[1]])
    assert not any(math.isnan(item) for item in reals(buffers[1])[:3])
    assert nodes == sorted(nodes, reverse=True)


def test_the_passes_are_told(wrong: Service) -> None:
    found = ask(wrong, "bisect").summary.bisect
    assert found is not None and found.culprit == "" and "no pass changed the result" in found.verdict
    assert found.passes[0].name == "lowering" and found.passes[0].status == "differs"
    assert wrong.exploration.passes_report is not None


def test_a_pass_that_changed_the_result_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    held = service()

    def breaks(model: ir.Model) -> bool:
        node = next(node for node in model.graph if node.op_type == "Softmax")
        node.op_type = "LogSoftmax"
        return True

    flow = held.exploration._flow
    passes = (*ONNX_PASSES, ("breaks", breaks))
    monkeypatch.setattr(flow, "check_passes", functools.partial(flow.check_passes, passes))
    found = ask(held, "bisect").summary.bisect
    assert found.culprit == "breaks" and "the pass breaks changed the result" in found.verdict
    assert [row.status for row in found.passes[:-1]] == ["agrees"] * len(ONNX_PASSES) + ["agrees"]
    assert found.passes[-1].status == "differs"


def test_a_cancelled_check_keeps_the_last_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """From another thread, as the browser asks past a running request."""
    held = service()
    ask(held, "check_nodes")
    kept = held.exploration.nodes_report
    running, released = threading.Event(), threading.Event()
    step: Callable[..., Any] = Interpreter.step

    def slow(self: Interpreter, node: Any) -> Any:
        running.set()
        released.wait(10)
        return step(self, node)

    answers: list[Any] = []
    with monkeypatch.context() as patched:
        patched.setattr(Interpreter, "step", slow)
        thread = threading.Thread(target=lambda: answers.append(held.handle({"kind": "check_nodes"})[0]))
        thread.start()
        assert running.wait(10)
        assert ask(held, "check_nodes").kind == "busy"
        assert ask(held, "cancel").kind == "done"
        released.set()
        thread.join(20)
    assert answers[0].kind == "failed" and answers[0].code == "Cancelled"
    assert held.exploration.nodes_report is kept and not held.exploration.busy
    assert ask(held, "check_nodes").summary.nodes.passed


def test_an_interrupted_check_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    held = service()

    def interrupted(self: Interpreter, node: Any) -> Any:
        raise KeyboardInterrupt

    told: list[Progress] = []
    held.exploration.follow(told.append)
    with monkeypatch.context() as patched:
        patched.setattr(Interpreter, "step", interrupted)
        answer = ask(held, "check_nodes")
    assert answer.code == "Cancelled" and "a check changed nothing" in answer.message
    assert told[0].what == "Checking every node" and told[-1] == Progress() and not held.exploration.busy
    assert ask(held, "check_nodes").summary.nodes.passed


def test_what_onnx_runtime_refuses_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    held = service()

    def refused(*_: Any, **__: Any) -> Any:
        raise RuntimeMismatch("ONNX Runtime stopped")

    monkeypatch.setattr("onnx_explore.check.cost.RuntimeSession", refused)
    answer = ask(held, "measure_cost")
    assert answer.kind == "failed" and "ONNX Runtime stopped" in answer.message
    assert held.exploration.cost_report is None and not held.exploration.busy


def test_progress_is_told() -> None:
    held = service()
    told: list[Progress] = []
    held.exploration.follow(told.append)
    held.exploration.check_nodes(budget=1)
    done = [item.done for item in told]
    total = len(held.exploration.torch_graph.block.nodes)
    assert told[0] == Progress("Checking every node") and told[-1] == Progress()
    assert done[1:-1] == sorted(done[1:-1]) and told[-2] == Progress("Checking every node", total, total)
    assert len(told) > 4  # part by part


def test_what_is_stored_has_the_rows(wrong: Service) -> None:
    assert saved(wrong.exploration)["checks"] == []
    ask(wrong, "check_nodes")
    ask(wrong, "measure_cost")
    stored = cast("Any", json.loads(json.dumps(saved(wrong.exploration))))
    answer, buffers = wrong.handle({"kind": "nodes"})
    assert isinstance(answer, messages.NodesTable)
    nodes, costs = stored["checks"]
    assert nodes["answer"]["targets"] == answer.targets and nodes["buffers"] == numbers(buffers)
    assert costs["answer"]["kind"] == "costs" and stored["summary"]["nodes"]["culprits"] == 1
    small = saved(wrong.exploration, most=7 * 1024)
    assert small["omitted"] and len(json.dumps(small)) < 8 * 1024


def test_a_number_that_is_none_travels_as_its_bits() -> None:
    sent = numbers([floats([1e300, math.nan, 0.5])])[0]
    back = reals(array("i", sent).tobytes())
    assert back[0] == math.inf and math.isnan(back[1]) and back[2] == 0.5
