"""The messages: TypeScript is generated from Python; the service answers every request, errors too."""

from __future__ import annotations

import json
import threading
from array import array
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from torch import nn

import onnx_explore
from onnx_explore.explore import project, protocol
from onnx_explore.explore.saved import saved
from onnx_explore.explore.service import Service, parse
from onnx_explore.explore.typescript import typescript

ROOT = Path(__file__).parents[2]


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(4, 4), nn.ReLU())
        self.head = nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.body(x)
        return self.head(y).softmax(-1)


def service(**options: Any) -> Service:
    return Service(onnx_explore.explore(Net(), torch.randn(3, 4), input_names=["x"], **options))


def ask(service: Service, kind: str, **fields: Any) -> Any:
    answer, _ = service.handle({"kind": kind, **fields})
    json.dumps(project.to_message(answer))
    return answer


def to_end(service: Service) -> protocol.Summary:
    answer = ask(service, "continue")
    while answer.summary.more:
        answer = ask(service, "continue")
    return cast("protocol.Summary", answer.summary)


def ints(buffer: bytes) -> list[int]:
    numbers = array("i")
    numbers.frombytes(buffer)
    return numbers.tolist()


def test_typescript_is_up_to_date() -> None:
    written = (ROOT / "labextension" / "src" / "protocol.ts").read_text(encoding="utf-8")
    assert written == typescript(), "run: python -m onnx_explore.explore.typescript labextension/src/protocol.ts"


def test_every_request_is_answered() -> None:
    held = service()
    for kind, cls in protocol.REQUESTS.items():
        fields: dict[str, Any] = {
            "pane": {"pane": "torch"},
            "graph": {"stage": "torch", "scope": ""},
            "node": {"node": 0, "name": None},
            "run_to": {"what": "aten::softmax"},
            "set_axes": {"edits": [{"input": "x", "axis": 0, "symbol": "batch"}]},
            "audit": {"repair": False},
            "asset": {"name": "layout"},
            "values": {"node": 0, "value": ""},
        }.get(kind, {})
        if kind == "check_nodes":
            to_end(held)
        if kind == "values":
            row = held.exploration.nodes_report.ranked[0]
            fields = {"node": row.node, "value": row.value}
        assert isinstance(parse({"kind": kind, **fields}), cls)
        if kind == "run_to":
            held = service()
        assert ask(held, kind, **fields).kind not in ("failed", "busy")


def test_a_wrong_request_is_answered() -> None:
    held = service()
    wrong = (
        {},
        {"kind": "nothing"},
        {"kind": "pane"},
        {"kind": "pane", "pane": ["x"]},
        {"kind": "run_to", "what": "x::y"},
    )
    for message in wrong:
        answer, _ = held.handle(message)
        assert answer.kind == "failed"
    assert ask(held, "summary").summary.state == "paused"


def test_panes_are_linked() -> None:
    held = service(dynamic_axes={"x": {0: "batch"}})
    assert to_end(held).state == "exported"
    colors: dict[str, int] = {}
    threads: dict[str, set[int]] = {}
    words = {
        "source": "self.head(y).softmax",
        "torch": "aten::softmax",
        "dispatch": "aten::softmax",
        "onnx": "Softmax(",
    }
    for pane, word in words.items():
        answer, buffers = held.handle({"kind": "pane", "pane": pane})
        assert isinstance(answer, protocol.PaneText)
        starts, ids, color, steps, styles = map(ints, buffers)
        count = len(answer.lines)
        assert len(starts) == count + 1 and starts[-1] == len(ids)
        assert len(color) == len(steps) == len(styles) == len(answer.labels) == len(answer.notes) == count
        row = next(index for index, line in enumerate(answer.lines) if word in line)
        colors[pane] = color[row]
        threads[pane] = set(ids[starts[row] : starts[row + 1]])
    assert len(set(colors.values())) == 1 and colors["onnx"] >= 0
    assert threads["torch"] == threads["onnx"] == threads["dispatch"] <= threads["source"]


def test_scopes() -> None:
    held = service()
    to_end(held)
    for stage in ("torch", "onnx"):
        whole = ask(held, "graph", stage=stage, scope="")
        assert "module" in whole.kinds and "body" in whole.titles
        inner, buffers = held.handle({"kind": "graph", "stage": stage, "scope": "body"})
        assert isinstance(inner, protocol.GraphScope)
        assert inner.kinds.count("operator") == 2 and inner.kinds.count("input") == inner.kinds.count("output") == 1
        edges = ints(buffers[0])
        assert len(edges) == 2 * len(inner.labels) and max(edges) < len(inner.titles)


def test_busy_and_views() -> None:
    """While a step runs elsewhere, a step is refused and a look is not."""
    held = service()
    entered, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with held.exploration._owned():
            entered.set()
            leave.wait(10)

    thread = threading.Thread(target=hold)
    thread.start()
    entered.wait(10)
    try:
        assert ask(held, "step").kind == "busy"
        assert ask(held, "summary").summary.busy
        assert ask(held, "pane", pane="torch").kind == "pane"
    finally:
        leave.set()
        thread.join()
    assert ask(held, "step").summary.position == 1


def test_cancel_leaves_it_paused() -> None:
    held = service()
    ex = held.exploration
    ex.observe(lambda: None)
    ex.step_operator()
    ex._flow.recorder.cancelled = lambda: True
    assert ask(held, "continue").summary.state == "paused"
    ex._flow.recorder.cancelled = lambda: False
    assert to_end(held).state == "exported"


def test_an_interrupt_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    held = service()

    def interrupted(seconds: float) -> bool:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(held.exploration, "run_for", interrupted)
        assert ask(held, "continue").code == "Cancelled"
    assert to_end(held).state == "exported"


def test_axes() -> None:
    """The shapes come at once, the checks afterwards; a new name asks for neither."""
    held = service()
    to_end(held)
    summary = ask(held, "set_axes", edits=[{"input": "x", "axis": 0, "symbol": "n"}]).summary
    assert summary.state == "exported" and summary.unchecked and summary.check == "none"
    assert [(axis.symbol, axis.state) for axis in summary.axes] == [("n", "untested"), (None, "static")]
    summary = ask(held, "continue").summary
    assert not summary.unchecked and summary.check == "passed"
    assert [(axis.symbol, axis.state) for axis in summary.axes] == [("n", "proven"), (None, "static")]
    summary = ask(held, "set_axes", edits=[{"input": "x", "axis": 0, "symbol": "rows"}]).summary
    assert not summary.unchecked and summary.check == "passed" and summary.axes[0].state == "proven"
    assert summary.axes_text == "dynamic_axes={'x': {0: 'rows'}}"
    assert summary.axes_line == "%onnx_export model x --dynamic x:0=rows"
    summary = ask(held, "set_axes", edits=[{"input": "x", "axis": 0, "symbol": None}]).summary
    assert [axis.symbol for axis in summary.axes] == [None, None]


def test_audit_and_repair() -> None:
    def baked(x: torch.Tensor) -> torch.Tensor:
        return x.reshape(1, int(x.shape[0]) * 3)

    held = Service(onnx_explore.explore(baked, torch.randn(4, 3), dynamic_axes={"x": {0: "rows"}}))
    to_end(held)
    assert ask(held, "summary").summary.audit is None
    summary = ask(held, "audit", repair=False).summary
    assert summary.audit is not None and summary.audit.repairable and summary.axes[0].state == "broken"
    (problem,) = summary.audit.problems
    assert problem.source == "return x.reshape(1, int(x.shape[0]) * 3)" and problem.expression == "3*rows"
    assert "test_protocol.py:" in problem.where and not problem.repaired
    (told,) = (item for item in summary.problems if item.code == "BakedSize")
    assert told.severity == "error" and told.ids == problem.ids and "test_protocol.py" in told.where
    # The nodes that carry it light up in the panes.
    _, buffers = held.pane("torch")
    assert set(problem.ids) & set(ints(buffers[1]))
    json.dumps(saved(held.exploration))
    summary = ask(held, "audit", repair=True).summary
    assert summary.audit is not None and summary.audit.problems[0].repaired and summary.axes[0].state == "proven"
    codes = {item.code for item in summary.problems}
    assert summary.check == "passed" and "Repaired" in codes and "BakedSize" not in codes
    assert ask(held, "set_axes", edits=[{"input": "x", "axis": 0, "symbol": None}]).summary.audit is None


def test_a_cancelled_audit_changes_nothing() -> None:
    """From another thread, as the browser asks past a running request."""
    running = threading.Event()

    def slow(x: torch.Tensor) -> torch.Tensor:
        if auditing:
            running.set()
            released.wait(5)
        return x * 2

    auditing, released = False, threading.Event()
    held = Service(onnx_explore.explore(slow, torch.randn(4, 3), dynamic_axes={"x": {0: "rows"}}))
    to_end(held)
    kept = held.exploration.exported
    auditing = True
    answers: list[Any] = []
    thread = threading.Thread(target=lambda: answers.append(held.handle({"kind": "audit", "repair": False})[0]))
    thread.start()
    assert running.wait(10)
    assert ask(held, "set_axes", edits=[]).kind == "busy"
    assert ask(held, "cancel").kind == "done"
    released.set()
    thread.join(20)
    assert answers[0].kind == "failed" and answers[0].code == "Cancelled"
    assert held.exploration.exported is kept and held.exploration.audit is None and not held.exploration.busy
    assert ask(held, "audit", repair=False).summary.axes[0].state == "proven"


def test_an_audit_without_axes_is_refused() -> None:
    held = Service(onnx_explore.explore(torch.nn.ReLU(), torch.randn(2)))
    to_end(held)
    answer, _ = held.handle({"kind": "audit", "repair": False})
    assert answer.kind == "failed" and "no input has a dynamic axis" in answer.message


def test_saved_is_small_and_without_weights() -> None:
    held = service()
    to_end(held)
    whole = saved(held.exploration)
    assert {part["answer"]["pane"] for part in whole["panes"]} == {"source", "torch", "dispatch", "onnx"}
    assert not whole["omitted"] and len(json.dumps(whole)) < 64 * 1024
    small = saved(held.exploration, most=5 * 1024)
    assert small["omitted"] and len(json.dumps(small)) < 6 * 1024
