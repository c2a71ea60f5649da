"""Editing the axes of an exploration: what an edit does, what it leaves alone, and what an interrupt leaves behind."""

from __future__ import annotations

from typing import Any

import pytest
import sympy
import torch
from torch import nn

from onnx_explore.emit.inference import ShapeInference
from onnx_explore.errors import InvalidArgument
from onnx_explore.explore.exploration import Exploration, explore
from onnx_explore.flow import Flow
from onnx_explore.lowering.cursor import Lowering
from onnx_explore.recording import Checked

IMAGE = torch.randn(1, 3, 16, 16, generator=torch.Generator().manual_seed(4))


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 4, 3, stride=2, padding=1)
        self.second = nn.Conv2d(4, 4, 3, padding=1)
        self.third = nn.Conv2d(4, 4, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.first(x))
        x = x + self.third(self.second(x))
        return x.flatten(2).transpose(1, 2)


DYNAMIC = {"x": {0: "batch", 2: "height"}}


@pytest.fixture
def ex() -> Exploration:
    return explore(Net(), IMAGE, dynamic_axes=DYNAMIC).run()


def shapes(exploration: Exploration) -> list[list[Any]]:
    return [
        [dim if isinstance(dim, int) else dim.value for dim in value.shape or ()]
        for node in exploration.onnx_graph
        for value in node.outputs
    ]


def same_shapes(left: list[list[Any]], right: list[list[Any]]) -> bool:
    """Expressions may be written in another order."""
    return len(left) == len(right) and all(
        len(a) == len(b)
        and all(sympy.simplify(sympy.sympify(x) - sympy.sympify(y)) == 0 for x, y in zip(a, b, strict=True))
        for a, b in zip(left, right, strict=True)
    )


def test_the_table(ex: Exploration) -> None:
    rows = [(row.input, row.axis, row.size, row.symbol, row.status) for row in ex.axes.rows]
    assert rows == [
        ("x", 0, 1, "batch", "proven"),
        ("x", 1, 3, None, None),
        ("x", 2, 16, "height", "proven"),
        ("x", 3, 16, None, None),
    ]
    assert ex.axes.dynamic_axes == DYNAMIC
    assert ex.axes.text == "dynamic_axes={'x': {0: 'batch', 2: 'height'}}"
    assert ex.axes.line == "%onnx_export model x --dynamic x:0=batch,2=height"
    text = ex.axes.to_text()
    assert "height" in text and "fixed" in text and ex.axes.line in text


def test_edits(ex: Exploration) -> None:
    ex.axes.name("x", 3, "width")
    assert ex.axes.dynamic_axes == {"x": {0: "batch", 2: "height", 3: "width"}}
    assert ex.report is not None and ex.report.passed
    ex.axes.fix("x", 0)
    assert ex.axes.dynamic_axes == {"x": {2: "height", 3: "width"}}
    ex.axes.free("x", 0)
    assert ex.axes.dynamic_axes["x"][0] == "batch"
    ex.axes.tie(("x", 2), ("x", 3))
    assert ex.axes.dynamic_axes["x"] == {0: "batch", 2: "height", 3: "height"}
    declared = ex.exported.model.graph.inputs[0].shape
    assert declared is not None and [str(dim) for dim in declared] == ["batch", "3", "height", "height"]
    with pytest.raises(InvalidArgument, match="one name is one size"):
        ex.axes.tie(("x", 0), ("x", 2))
    assert ex.axes.dynamic_axes["x"] == {0: "batch", 2: "height", 3: "height"} and ex.state == "exported"


def test_wrong_edits(ex: Exploration) -> None:
    with pytest.raises(InvalidArgument, match="no dimension is called"):
        ex.axes.rename("bach", "n")
    with pytest.raises(InvalidArgument, match="has a name"):
        ex.axes.tie(("x", 1), ("x", 3))
    with pytest.raises(InvalidArgument, match="out of range"):
        ex.axes.name("x", 4, "n")
    assert ex.axes.dynamic_axes == DYNAMIC


def test_a_rename_exports_nothing_again(ex: Exploration, monkeypatch: pytest.MonkeyPatch) -> None:
    model, exported = ex.exported.model, ex.exported
    fresh = explore(Net(), IMAGE, dynamic_axes={"x": {0: "n", 2: "rows"}}, check=False).run()
    monkeypatch.setattr(Lowering, "step", lambda _: pytest.fail("it was lowered again"))
    monkeypatch.setattr(Flow, "check", lambda *_: pytest.fail("it was checked again"))
    ex.set_dynamic_axes({"x": {0: "n", 2: "rows"}})
    assert ex.exported.model is model and ex.options.dynamic_axes == {"x": {0: "n", 2: "rows"}}
    assert same_shapes(shapes(ex), shapes(fresh))
    assert {item.subject for item in ex.recording.of(Checked) if item.check == "axis"} == {"n", "rows", "n + rows"}
    assert [row.status for row in ex.axes.rows if row.symbol] == ["proven", "proven"]
    assert exported.report is not None and "batch" in exported.report.verdict  # what somebody holds stays as it was


def test_names_can_be_exchanged(ex: Exploration) -> None:
    before = shapes(ex)
    ex.set_dynamic_axes({"x": {0: "height", 2: "batch"}})
    ex.set_dynamic_axes({"x": {0: "batch", 2: "height"}})
    assert shapes(ex) == before


def test_a_name_that_stands_in_a_shape_already_is_lowered_anew() -> None:
    def flat(x: torch.Tensor) -> torch.Tensor:
        return x[x > 0].sum()

    ex = explore(flat, torch.randn(4, 3), dynamic_axes={"x": {0: "batch"}}).run()
    declared = {str(dim) for value in (*ex.onnx_graph.inputs, *ex.onnx_graph.outputs) for dim in value.shape or ()}
    used = next(
        str(dim)
        for row in shapes(ex)
        for dim in row
        if isinstance(dim, str) and dim.isidentifier() and dim not in declared
    )
    ex.axes.rename("batch", used)
    declared = [str(dim) for value in (*ex.onnx_graph.inputs, *ex.onnx_graph.outputs) for dim in value.shape or ()]
    assert declared[0] == used and ex.report is not None and ex.report.passed


def test_an_edit_without_its_check(ex: Exploration) -> None:
    ex.set_dynamic_axes({"x": {0: "batch"}}, check=False)
    assert ex.state == "exported" and ex.report is None and ex.is_unchecked and "not checked" in ex.verdict
    assert ex.axes.rows[0].status == "not tested"
    ex.run()
    assert ex.report is not None and ex.report.passed and not ex.is_unchecked


@pytest.mark.parametrize("where", ["lowering", "passes", "check"])
def test_an_interrupted_edit_changes_nothing(ex: Exploration, where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = (ex.exported, ex.options, ex.onnx_text(), ex.recording, ex.verdict)
    owner, name = {"lowering": (Lowering, "step"), "passes": (Flow, "complete"), "check": (Flow, "check")}[where]
    whole = getattr(owner, name)
    calls = 0

    def interrupted(*args: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == (5 if where == "lowering" else 1):
            raise KeyboardInterrupt
        return whole(*args)

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, interrupted)
        with pytest.raises(KeyboardInterrupt):
            ex.set_dynamic_axes({"x": {3: "width"}})
    assert (ex.exported, ex.options, ex.onnx_text(), ex.recording, ex.verdict) == kept and not ex.busy
    ex.set_dynamic_axes({"x": {3: "width"}})
    assert ex.report is not None and ex.report.passed


def test_a_cancelled_edit_changes_nothing(ex: Exploration, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = (ex.exported, ex.options)
    whole = Lowering.step

    def step(lowering: Lowering) -> Any:
        ex.cancel()
        return whole(lowering)

    with monkeypatch.context() as patch:
        patch.setattr(Lowering, "step", step)
        ex.set_dynamic_axes({"x": {3: "width"}})
    assert (ex.exported, ex.options) == kept


def test_an_interrupted_rename_changes_nothing(ex: Exploration, monkeypatch: pytest.MonkeyPatch) -> None:
    before = shapes(ex)
    calls = 0
    values = [node.outputs[0] for node in ex.onnx_graph]
    kind = type(values[0])
    setter = kind.shape.fset  # type: ignore[attr-defined]

    def shape(value: Any, new: Any) -> None:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise KeyboardInterrupt
        setter(value, new)

    with monkeypatch.context() as patch:
        patch.setattr(kind, "shape", property(kind.shape.fget, shape))  # type: ignore[attr-defined]
        with pytest.raises(KeyboardInterrupt):
            ex.axes.rename("batch", "n")
    assert shapes(ex) == before and ex.axes.dynamic_axes == DYNAMIC


def test_convolution_sizes_are_computed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """And they are the same ones as without the memory."""
    dynamic = {"x": {0: "batch", 2: "height", 3: "width"}}
    seen: list[str] = []
    infer = ShapeInference.infer

    def counted(self: ShapeInference, node: Any) -> str:
        before = len(self._windows._known)
        result = infer(self, node)
        if node.op_type == "Conv":
            seen.append("new" if len(self._windows._known) > before else "known")
        return result

    with monkeypatch.context() as patch:
        patch.setattr(ShapeInference, "infer", counted)
        with_memory = shapes(explore(Net(), IMAGE, dynamic_axes=dynamic, check=False).run())
    assert seen == ["new", "new", "known"]
    with monkeypatch.context() as patch:
        patch.setattr("onnx_explore.emit.windows.Windows.fill", lambda *_: False)
        without = shapes(explore(Net(), IMAGE, dynamic_axes=dynamic, check=False).run())
    assert with_memory == without


def test_notes_after_an_audit_tell_what_matters() -> None:
    def model(x: torch.Tensor) -> torch.Tensor:
        assert x.shape[0] > 1
        return x.reshape(int(x.shape[0]), -1)

    ex = explore(model, torch.randn(3, 4), dynamic_axes={"x": {0: "batch"}}).run()
    assert ex.notes_text().count("warning") == 2
    ex.audit_axes()
    lines = ex.notes_text().splitlines()
    assert sum(line.startswith("warning") for line in lines) == 1
    assert next(line for line in lines if line.startswith("warning")).count("int gave the Python value 3")
    assert "audit of the axes: batch: broken" in ex.summary_text()
