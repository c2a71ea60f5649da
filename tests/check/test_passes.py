"""``bisect_passes``: the pass that changed the result is named, and a wrong symbolic function is no pass's fault."""

from __future__ import annotations

import onnx_ir as ir
import pytest
import torch
from torch import nn

from onnx_explore import explore, symbolic
from onnx_explore.errors import OnnxExporterError
from onnx_explore.explore.exploration import Exploration
from onnx_explore.passes.onnx import ONNX_PASSES
from tests.check.wrong import identity


def exported() -> Exploration:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 3), nn.Softmax(-1)).eval()
    return explore(model, torch.randn(2, 4), check=False).run()


def other_axis(model: ir.Model) -> bool:
    """Softmax over another axis."""
    for node in model.graph:
        if node.op_type == "Softmax":
            node.attributes["axis"] = ir.AttrInt64("axis", 0)
    return True


def dangling(model: ir.Model) -> bool:
    """An operator that there is not."""
    for node in model.graph:
        if node.op_type == "Softmax":
            node.op_type = "Softmix"
    return True


def test_nothing_changed_the_result() -> None:
    ex = exported()
    model = ex.exported.model
    text = ex.onnx_text()
    report = ex.bisect_passes()
    assert report.culprit is None
    assert report.verdict == "no pass changed the result"
    assert [row.name for row in report.rows] == ["lowering", *(name for name, _ in ONNX_PASSES)]
    assert ex.exported.model is model and ex.onnx_text() == text


@pytest.mark.parametrize("place", range(len(ONNX_PASSES) + 1))
def test_a_wrong_pass_is_named(place: int) -> None:
    passes = (*ONNX_PASSES[:place], ("other_axis", other_axis), *ONNX_PASSES[place:])
    report = exported()._flow.check_passes(passes)  # pyright: ignore[reportPrivateUsage]
    assert report.culprit is not None, report
    assert (report.culprit.name, report.culprit.status) == ("other_axis", "differs")
    assert report.verdict.startswith("the pass other_axis changed the result: 'output': ")


def test_a_pass_that_breaks_the_model_is_named() -> None:
    report = exported()._flow.check_passes((*ONNX_PASSES, ("dangling", dangling)))  # pyright: ignore[reportPrivateUsage]
    assert report.culprit is not None
    assert (report.culprit.name, report.culprit.status) == ("dangling", "not run")


def test_a_wrong_symbolic_function_is_no_passs_fault() -> None:
    with symbolic("aten::relu")(identity):
        report = exported().bisect_passes()
    assert report.culprit is None
    assert "it was so after the lowering" in report.verdict
    assert {row.status for row in report.rows} == {"differs"}


def test_it_needs_an_export() -> None:
    ex = explore(nn.ReLU(), torch.randn(2), check=False)
    with pytest.raises(OnnxExporterError):
        ex.bisect_passes()
    assert not ex.busy
