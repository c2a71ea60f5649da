"""Where time and bytes go: names, sums and roll-up; what is left behind when it is interrupted. No test looks at a clock."""

from __future__ import annotations

import os
import signal
import tempfile
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import onnx_explore
from onnx_explore.check import cost
from onnx_explore.check.cost_report import MADE, CostReport, ModuleCost
from onnx_explore.check.runtime import RuntimeSession
from onnx_explore.errors import Cancelled, CheckerError, InvalidArgument, NoRuntimeKernel
from onnx_explore.explore.exploration import Exploration


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.norm(self.conv(x)))


class Nested(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(8, 8)  # defined first, called last
        self.body = nn.Sequential(Block(), nn.Flatten(2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.head(self.body(x).mean(2)).sin())


def explored(model: Any, *inputs: torch.Tensor, **options: Any) -> Exploration:
    return onnx_explore.explore(model, inputs, check=False, **options).run()


@pytest.fixture(scope="module")
def nested() -> tuple[Exploration, CostReport]:
    ex = explored(Nested().eval(), torch.randn(1, 3, 8, 8))
    return ex, ex.cost(runs=2)


def test_sums_are_the_totals(nested: tuple[Exploration, CostReport]) -> None:
    _, report = nested
    assert report.runs == 2 and not report.detail
    top = [row for row in report.modules if row.path in ("", MADE)]
    assert sum(row.seconds for row in top) == pytest.approx(report.seconds)
    assert sum(row.nodes for row in top) == len(report.nodes) == sum(row.nodes for row in report.lines)
    assert sum(row.seconds for row in report.lines) == pytest.approx(report.seconds)
    torch_seconds = sum(row.torch_seconds or 0.0 for row in report.lines)
    assert report.torch_seconds == pytest.approx(torch_seconds) == pytest.approx(report.modules[0].torch_seconds)


def test_modules_are_a_tree_in_the_order_of_the_model(nested: tuple[Exploration, CostReport]) -> None:
    ex, report = nested
    paths = [row.path for row in report.modules if row.path != MADE]
    assert paths == [path for path in ex.modules if path in paths]
    assert paths == ["", "head", "body", "body.0", "body.0.conv", "body.0.norm", "body.1"]
    rows = {row.path: row for row in report.modules}
    for path, row in rows.items():
        own = [item for item in report.nodes if item.stands_for and item.scope == path]
        inside: list[ModuleCost] = [
            each for name, each in rows.items() if name and name != MADE and name.rpartition(".")[0] == path != name
        ]
        if path != MADE:
            assert row.seconds == pytest.approx(sum(item.seconds for item in (*own, *inside)))
            assert row.nodes == len(own) + sum(item.nodes for item in inside)


def test_nodes_keep_their_names_and_lines(nested: tuple[Exploration, CostReport]) -> None:
    ex, report = nested
    names = {node.name for node in ex.exported.model.graph}
    assert {row.stands_for for row in report.nodes} <= names | {""}
    (sine,) = (row for row in report.nodes if row.op_type == "Sin")
    assert sine.name == sine.stands_for == "Sin"
    assert sine.line.startswith("check/test_cost.py:")
    assert {row.target for row in report.torch_nodes if row.line == sine.line} >= {"aten::sin", "aten::mean"}
    assert not any(row.target.startswith("prim::") for row in report.torch_nodes)


def test_a_fused_node_counts_for_the_one_of_its_kind(nested: tuple[Exploration, CostReport]) -> None:
    _, report = nested
    (row,) = (row for row in report.nodes if "Conv" in row.op_type)
    assert row.stands_for == "body.0.conv/Conv" and row.scope == "body.0.conv"
    assert not any(row.op_type == "BatchNormalization" for row in report.nodes)


def test_a_node_named_after_another_counts_for_it() -> None:
    made = [
        ("0/MatMul/MatMulAddFusion", "0/MatMul"),
        ("a/MatMul/MatmulTransposeFusion//MatMulScaleFusion/", "a/MatMul"),
    ]
    made += [
        ("Reshape_3_new_reshape", "Reshape_3"),
        ("relu/Relu:0_nchwc", "relu/Relu:0"),
        ("fusion/Conv", "fusion/Conv"),
    ]
    for name, expected in made:
        assert cost._MADE_FROM.sub("", name) == expected
    ex = explored(nn.Sequential(nn.Linear(4, 4)).eval(), torch.randn(2, 3, 4))
    (row,) = (row for row in ex.cost(runs=1).nodes if row.op_type in ("Gemm", "MatMul"))
    assert row.stands_for == "0/MatMul" and row.scope == "0"


def test_both_calls_of_a_module_are_one_row(nested: tuple[Exploration, CostReport]) -> None:
    _, report = nested
    rows = {row.path: row for row in report.modules}
    assert rows["head"].parameters == 8 * 8 + 8
    assert sum(row.target == "aten::linear" for row in report.torch_nodes if row.scope == "head") == 2
    assert report.shared == ()


def test_parameters_are_those_of_the_model(nested: tuple[Exploration, CostReport]) -> None:
    ex, report = nested
    rows = {row.path: row for row in report.modules}
    model = Nested()
    conv, norm = model.get_submodule("body.0.conv"), model.get_submodule("body.0.norm")
    assert rows["body.0.conv"].parameters == sum(item.numel() for item in conv.parameters())
    assert (
        rows["body.0.norm"].bytes
        == 4 * 4 * 8
        == sum(item.nbytes for item in norm.state_dict().values() if item.is_floating_point())
    )
    held = ex.exported.model.graph.initializers.values()
    assert (
        report.bytes == rows[""].bytes == sum(item.const_value.nbytes for item in held if item.const_value is not None)
    )


def test_a_shared_weight_counts_once_and_is_named() -> None:
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Linear(4, 4, bias=False), nn.Linear(4, 4, bias=False)
            self.second.weight = self.first.weight

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.second(self.first(x).relu())

    report = explored(Tied().eval(), torch.randn(2, 4)).cost(runs=1)
    assert report.parameters == 16
    assert len(report.shared) == 1
    assert {row.path: row.parameters for row in report.modules} == {"": 16, "first": 16, "second": 0}
    assert f"counted in the first: {report.shared[0]}" in report.to_text()


def test_a_body_counts_for_the_nodes_inside() -> None:
    class Looped(nn.Module):
        def forward(self, x: torch.Tensor, n: torch.Tensor) -> torch.Tensor:
            for _ in range(int(n)):
                x = torch.tanh(x)
            return x

    report = explored(torch.jit.script(Looped()), torch.randn(2, 4), torch.tensor(3)).cost(runs=1)
    assert {"Loop", "Tanh"} <= {row.op_type for row in report.nodes}
    assert all(row.seconds >= 0 for row in report.nodes)


def test_events_inside_of_events() -> None:
    def event(start: int, microseconds: int) -> dict[str, int]:
        return {"ts": start, "dur": microseconds}

    events = [event(0, 100), event(10, 30), event(12, 8), event(50, 20), event(100, 5)]
    assert cost._without_inner(events) == [50.0, 22.0, 8.0, 20.0, 5.0]


def test_the_first_run_is_dropped_and_runs_are_medians() -> None:
    def session(start: int, microseconds: int) -> dict[str, Any]:
        return {"cat": "Session", "name": "model_run", "ts": start, "dur": microseconds}

    def kernel(start: int, microseconds: int) -> dict[str, Any]:
        args = {"op_name": "Relu"}
        return {"cat": "Node", "name": "a_kernel_time", "ts": start, "dur": microseconds, "args": args}

    events = [kernel(1, 900), session(0, 1000)]
    for start, microseconds in ((2000, 10), (3000, 40), (4000, 20)):
        events += [kernel(start + 1, microseconds), session(start, microseconds + 5)]
    events.append(kernel(5000, 7))  # of a run that did not come to its end
    nodes, seconds, runs = cost._medians(events)
    assert nodes == {("a", "Relu"): pytest.approx(20e-6)}
    assert seconds == pytest.approx(25e-6) and runs == 3
    with pytest.raises(CheckerError, match="no complete run"):
        cost._medians(events[:2])


def test_training_leaves_buffers_and_random_numbers() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Dropout(0.5)).train()
    ex = explored(model, torch.randn(8, 4), training=onnx_explore.TrainingMode.TRAINING)
    before = {name: item.clone() for name, item in model.state_dict().items()}
    state = torch.get_rng_state()
    ex.cost(runs=1)
    assert torch.equal(state, torch.get_rng_state())
    assert all(torch.equal(item, before[name]) for name, item in model.state_dict().items())


def test_no_kernel_is_said() -> None:
    @onnx_explore.symbolic("aten::relu")
    def foreign(g: Any, self: Any) -> Any:
        return g.op("my.domain::Nothing", self)

    with foreign:
        ex = explored(nn.Sequential(nn.ReLU()).eval(), torch.randn(2))
    with pytest.raises(NoRuntimeKernel, match="Nothing") as caught:
        ex.cost()
    assert caught.value.action
    assert not ex.busy


def test_what_cannot_be_measured_is_refused(nested: tuple[Exploration, CostReport]) -> None:
    with pytest.raises(InvalidArgument, match="0 runs"):
        nested[0].cost(runs=0)


@pytest.mark.parametrize("cancels", [False, True])
def test_an_interrupt_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cancels: bool) -> None:
    ex = explored(nn.Sequential(nn.Linear(4, 4), nn.ReLU()).eval(), torch.randn(2, 4))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    run, seen = RuntimeSession.run, list[str]()

    def stopped(self: RuntimeSession, feeds: Any) -> Any:
        seen.extend(path.name for path in tmp_path.rglob("profile*"))
        if cancels:
            ex.cancel()
        else:
            os.kill(os.getpid(), signal.SIGINT)
        return run(self, feeds)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with monkeypatch.context() as patched:
            patched.setattr(RuntimeSession, "run", stopped)
            with pytest.raises(Cancelled if cancels else KeyboardInterrupt):
                ex.cost()
    finally:
        signal.signal(signal.SIGINT, before)
    assert seen and not list(tmp_path.iterdir())
    assert ex.cost(runs=1).runs == 1 and not ex.busy
    assert not list(tmp_path.iterdir())
