"""The corpus of wrong symbolic functions: the culprit is named first, and told from what passes its error on."""

from __future__ import annotations

import functools
from typing import Any

import pytest
import torch
from torch import nn

from onnx_explore import explore, symbolic
from onnx_explore.arguments import make_options
from onnx_explore.check.graph_info import VerificationOptions
from onnx_explore.flow import Flow
from onnx_explore.mismatch import find_mismatch
from onnx_explore.recording import Recorder
from tests.check.wrong import CASES, MODELS, Wrong


@functools.cache
def model_of(name: str) -> tuple[nn.Module, Any]:
    torch.manual_seed(0)
    return MODELS[name]()


def test_the_corpus_is_what_it_claims_to_be() -> None:
    assert len(CASES) >= 15
    assert {case.model for case in CASES} == set(MODELS)
    assert len({case.name for case in CASES}) == len(CASES)


@pytest.mark.parametrize("name", MODELS)
def test_nothing_is_wrong_without_them(name: str) -> None:
    report = explore(*model_of(name), check=False).run().check_nodes()
    assert report.passed, report
    assert not report.culprits
    assert {row.status for row in report.rows} <= {"agrees", "not compared"}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_culprit_is_named_first(case: Wrong) -> None:
    with symbolic(case.target)(case.make(case.target)):
        ex = explore(*model_of(case.model), check=False).run()
    assert ex.error is None, ex.error
    report = ex.check_nodes()
    assert not report.passed
    culprits = report.culprits
    assert {row.target for row in culprits} == {case.target.partition(".")[0]}, report
    assert {row.cause for row in culprits} == {"wrong symbolic function"}, report
    assert [row.node for row in culprits] == sorted(row.node for row in culprits)
    assert report.verdict.startswith(f"nodes differ: %{culprits[0].node} {culprits[0].target} ")
    differing = [row for row in report.rows if row.status in ("introduces", "passes on")]
    assert differing[0] is culprits[0]  # whatever passes an error on comes later


def test_what_passes_an_error_on_is_not_blamed() -> None:
    (case,) = (case for case in CASES if case.name == "wrong epsilon of batch norm")
    with symbolic(case.target)(case.make(case.target)):
        report = explore(*model_of(case.model), check=False).run().check_nodes()
    passing = {row.target for row in report.rows if row.status == "passes on"}
    assert {"aten::_convolution", "aten::elu", "aten::linear"} <= passing


@pytest.mark.parametrize("name", ["padding off by one", "flatten from another axis", "operands of matmul swapped"])
def test_find_mismatch_names_the_node_of_a_model_that_cannot_run(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    (case,) = (case for case in CASES if case.name == name)
    model, args = model_of(case.model)
    with symbolic(case.target)(case.make(case.target)):
        found = find_mismatch(model, args, options=VerificationOptions(rtol=1e-3, atol=1e-4))
    leaves = found.all_mismatch_leaf_graph_info()
    assert {kind for leaf in leaves for kind in leaf.essential_node_kinds()} == {case.target.partition(".")[0]}
    assert "ONNX Runtime" in str(found.mismatch_error)
    assert str(found.mismatch_error) in capsys.readouterr().out


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_search_for_culprits_finds_those_of_the_whole_report(case: Wrong) -> None:
    with symbolic(case.target)(case.make(case.target)):
        model, args = model_of(case.model)
        flow = Flow(model, args, None, make_options(), None, Recorder())
        flow.lower()
        exported = flow.complete()
    tolerances = {"rtol": 1e-3, "atol": 1e-4}
    whole = flow.check_nodes(exported, **tolerances)
    some = flow.check_nodes(exported, **tolerances, culprits_only=True)
    assert [(row.node, row.value, row.cause, row.detail) for row in some.culprits] == [
        (row.node, row.value, row.cause, row.detail) for row in whole.culprits
    ]
    assert len(some.rows) < len(whole.rows)
