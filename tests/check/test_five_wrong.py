"""Five wrong nodes among 200: exactly these are named, by the check of every node and by ``find_mismatch``."""

from __future__ import annotations

import pytest

from onnx_explore import explore
from onnx_explore.mismatch import find_mismatch
from tests.benchmarks.bisection import OPTIONS, WRONG, bisect, broken, subject


def test_exactly_those_five_in_one_run() -> None:
    model, x = subject()
    with broken():
        report = explore(model, x, check=False).run().check_nodes()
    assert [row.scope for row in report.culprits] == [f"layers.{place}" for place in WRONG]
    assert {row.cause for row in report.culprits} == {"wrong symbolic function"}
    assert (report.parts, len(report.rows)) == (1, 200)


def test_the_tree_ends_at_them_as_that_of_a_search_does(capsys: pytest.CaptureFixture[str]) -> None:
    model, x = subject()
    with broken():
        found = find_mismatch(model, x, options=OPTIONS)
        searched = bisect(model, x, "lowered")
    leaves = [(leaf.id, sorted(leaf.essential_node_kinds())) for leaf in found.all_mismatch_leaf_graph_info()]
    assert leaves == [
        (leaf.id, sorted(leaf.essential_node_kinds())) for leaf in searched.all_mismatch_leaf_graph_info()
    ]
    assert [kinds for _, kinds in leaves] == [["aten::gelu"]] * 5


def test_nothing_wrong_is_found_where_nothing_is() -> None:
    model, x = subject()
    assert explore(model, x, check=False).run().check_nodes().passed
    assert not find_mismatch(model, x, options=OPTIONS).has_mismatch()
