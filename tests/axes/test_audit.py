"""The audit beyond the corpus: sizes, ties, values, interrupts, what it leaves behind, and what it says."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import nn

import onnx_explore
from onnx_explore.auditing import Audit, audit
from onnx_explore.errors import Cancelled, InvalidArgument
from onnx_explore.explore.exploration import explore
from onnx_explore.recording import PassRan, Recorder
from tests.axes.baking import BOTH, LENGTH, Attention, X, branch_beyond_a_limit, loop_over_a_range, reshape_by_int


def baked_twice(x: torch.Tensor) -> torch.Tensor:
    length = int(x.shape[1])
    return x.reshape(-1, length * 3)[:, : length + 1]


def test_the_public_name() -> None:
    assert onnx_explore.audit is audit and onnx_explore.Audit is Audit


def test_sizes_can_be_given() -> None:
    result = audit(reshape_by_int, X, LENGTH, sizes={"length": [8, 9, 20]}, repair=True)
    (axis,) = result.axes
    assert (axis.status, axis.sizes) == ("proven", (20,))
    assert result.problems[0].expression == "3*length" or result.problems[0].expression == "length"
    one = audit(reshape_by_int, X, LENGTH, sizes={"length": 6}, repair=True)
    # One size tells that the number follows the size, but not how.
    assert one.axes[0].status == "broken" and not one.problems[0].repaired


@pytest.mark.parametrize(
    ("sizes", "said"),
    [({"lengths": 3}, "no dynamic axis"), ({"length": 0}, "0 is no size"), ({"length": [3, "4"]}, "'4'")],
)
def test_wrong_sizes(sizes: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidArgument, match=said):
        audit(reshape_by_int, X, LENGTH, sizes=sizes)


def test_no_axis_is_an_error() -> None:
    with pytest.raises(InvalidArgument, match="no input has a dynamic axis"):
        audit(reshape_by_int, X, {})
    with pytest.raises(InvalidArgument, match="audit"):
        audit(reshape_by_int, X, LENGTH, opset=17)


def test_an_axis_that_pytorch_fixes_is_not_tested() -> None:
    linear = nn.Linear(3, 2)
    result = audit(linear, torch.randn(4, 3), {"input": {0: "batch", 1: "features"}})
    batch, features = result.axes
    assert batch.status == "proven"
    assert features.status == "not tested" and "PyTorch itself rejects" in features.detail


def test_sizes_that_belong_together_are_said_to_be_one() -> None:
    def product(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return x @ y

    args = (torch.randn(2, 5), torch.randn(5, 3))
    result = audit(product, args, {"x": {1: "left"}, "y": {0: "right"}})
    assert [item.status for item in result.axes] == ["not tested", "not tested"]
    assert "give them one name" in result.axes[0].detail
    (together,) = result.combinations
    assert together.status == "proven" and dict(together.sizes).keys() == {"left", "right"}


def test_multiples_are_found_by_trying() -> None:
    def pairs(x: torch.Tensor) -> torch.Tensor:
        half = int(x.shape[1]) // 4
        return x.reshape(x.shape[0], half, 4)

    result = audit(pairs, torch.randn(2, 8), {"x": {0: "batch", 1: "length"}}, repair=True)
    length = result.axes[1]
    assert length.status == "proven" and all(size % 4 == 0 for size in length.sizes)
    assert result.problems[0].expression == "length/4"


def test_a_number_is_crossed_that_a_size_was_compared_with() -> None:
    result = audit(branch_beyond_a_limit, X, LENGTH)
    (axis,) = result.axes
    assert axis.status == "broken" and axis.sizes == (41,) and "it runs at" in axis.detail


def test_an_element_is_not_taken_for_a_size() -> None:
    def scaled(x: torch.Tensor) -> torch.Tensor:
        top = float(x.max())
        return x.reshape(-1, int(x.shape[1]), 3) / top

    result = audit(scaled, X, LENGTH)
    kinds = {problem.kind: problem for problem in result.problems}
    assert kinds.keys() == {"value", "constant"}
    assert kinds["value"].cause.idiom == "float()" and "elements" in kinds["value"].obstacle


def test_a_branch_on_elements_is_not_taken_for_a_size() -> None:
    def branched(x: torch.Tensor) -> torch.Tensor:
        return x * 2 if x.abs().sum() > 18 else x

    result = audit(branched, X, LENGTH)
    assert all(problem.kind == "value" for problem in result.problems)


def test_everything_is_as_before() -> None:
    class Counting(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm = nn.BatchNorm1d(3)
            self.calls = 0

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.calls += 1
            return self.norm(x.transpose(1, 2)) * int(x.shape[1])

    model = Counting().train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    state, python = torch.get_rng_state(), random.getstate()
    x = X.clone()
    audit(model, x, BOTH, repair=True)
    assert model.training and model.calls == 0
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), state) and random.getstate() == python
    assert torch.equal(x, X)


def test_a_scripted_model_follows_its_sizes() -> None:
    def summed(x: torch.Tensor) -> torch.Tensor:
        total = x[:, 0]
        for step in range(1, x.shape[1]):
            total = total + x[:, step]
        return total

    result = audit(torch.jit.script(summed), X, LENGTH)
    assert not result.problems and result.axes[0].status == "proven", result.to_text()


def test_what_cannot_be_exported_is_still_audited() -> None:
    def unsupported(x: torch.Tensor) -> torch.Tensor:
        return x.reshape(int(x.shape[0]), -1).to_sparse().to_dense()

    result = audit(unsupported, torch.randn(4, 3, 3), {"x": {0: "batch"}})
    (axis,) = result.axes
    assert axis.status == "not tested" and "the export itself fails" in axis.detail
    assert result.problems[0].cause.idiom == "int()"


def test_torch_export_stands_beside_it() -> None:
    result = audit(Attention(), torch.randn(2, 5, 8), BOTH, torch_export=True)
    assert {item.symbol: item.constraint for item in result.torch_export} == {"batch": "2 … ∞", "length": "fixed to 5"}
    assert "torch.export says:" in result.to_text()


def test_an_operator_that_needs_a_number_is_not_repaired() -> None:
    def pooled(x: torch.Tensor) -> torch.Tensor:
        length = int(x.shape[2])
        return torch.nn.functional.avg_pool1d(x, length) * x.new_ones(int(x.shape[1]), 1)

    result = audit(pooled, torch.randn(2, 3, 8), {"x": {1: "channels", 2: "length"}}, repair=True)
    by_axes = {problem.axes: problem for problem in result.problems}
    assert by_axes["channels",].repaired and result.axes[0].status == "proven"
    kernel = by_axes["length",]
    assert not kernel.repaired and "with the expression in its place" in kernel.obstacle
    assert result.axes[1].status == "broken"


# -- an exploration ----------------------------------------------------------------------------------------------------------


def test_the_exploration_goes_on_with_the_repair() -> None:
    ex = explore(baked_twice, X, dynamic_axes=LENGTH).run()
    assert not ex.report.passed  # pyright: ignore[reportOptionalMemberAccess]
    found = ex.audit_axes()
    assert found is ex.audit and found.repairable and ex.axes.rows[1].status == "broken"
    assert ex.report is not None and not ex.report.passed  # it was only looked at
    repaired = ex.audit_axes(repair=True)
    assert repaired.proven and ex.report is not None and ex.report.passed
    notes = [note for note in ex.recording.notes if note.code == "Repaired"]
    assert len(notes) == 2 and all("test_audit.py" in note.where for note in notes)
    assert any(event.name == "repair_sizes" and event.changed for event in ex.recording.of(PassRan))
    # An edit keeps what was repaired.
    ex.set_dynamic_axes(BOTH)
    assert ex.report is not None and ex.report.passed


def test_the_audit_of_a_paused_export_leaves_it_paused() -> None:
    ex = explore(reshape_by_int, X, dynamic_axes=LENGTH)
    ex.step()
    position = ex.position
    assert ex.audit_axes().axes[0].status == "broken"
    assert (ex.state, ex.position) == ("paused", position)
    assert ex.run().state == "exported"


class Interrupting(nn.Module):
    """Raises in one of its calls."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("calls", torch.zeros(()))
        self.left: Iterator[int] | None = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.left is not None and next(self.left, None) is None:
            raise KeyboardInterrupt
        self.calls += 1
        return x.reshape(-1, int(x.shape[1]) * 3)


@pytest.mark.parametrize("calls", [0, 2, 4, 5, 6, 7, 8])
def test_an_interrupt_leaves_everything_as_it_was(calls: int) -> None:
    model = Interrupting()
    ex = explore(model, X, dynamic_axes=LENGTH).run()
    kept = (ex.exported, ex.options, ex.onnx_text(), len(ex.recording.events), ex.audit)
    model.left = iter(range(calls))
    with pytest.raises(KeyboardInterrupt):
        ex.audit_axes(repair=True)
    model.left = None
    assert (ex.exported, ex.options, ex.onnx_text(), len(ex.recording.events), ex.audit) == kept
    assert model.calls.item() == 0 and not ex.busy
    assert ex.audit_axes(repair=True).proven


def test_a_cancelled_audit() -> None:
    asked = 0

    def cancelled() -> bool:
        nonlocal asked
        asked += 1
        return asked > 30

    with pytest.raises(Cancelled):
        audit(loop_over_a_range, X, BOTH, recorder=Recorder(cancelled=cancelled))


# -- text --------------------------------------------------------------------------------------------------------------------


def test_the_text_says_what_to_do() -> None:
    text = audit(baked_twice, X, LENGTH).to_text()
    assert text.startswith("axes length: broken at ")
    for part in (
        "int() is baked: 5 → 6",
        "length = int(x.shape[1])",
        "argument 'shape'",
        "repair=True would compute",
        "drop int()",
    ):
        assert part in text, text
    assert repr(audit(baked_twice, X, LENGTH, repair=True)) == "<Audit: length: proven at 11, 13 (1 repaired)>"
