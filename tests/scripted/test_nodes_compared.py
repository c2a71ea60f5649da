"""The comparison node by node follows what scripted models do with lists, dicts, optionals and strings."""

from __future__ import annotations

import pytest

import onnx_explore
from tests.scripted.running import copied, scripted
from tests.scripted.test_scripted import CASES

NAMES = ["dicts", "optional_in_loop", "beams", "list_beside_tensor", "nested_return", "strings", "bool_of_one_element"]


@pytest.mark.parametrize("name", NAMES)
def test_every_node_is_run_and_none_is_accused(name: str):
    case = next(case for case in CASES if case.name == name)
    exploration = onnx_explore.explore(scripted(case.model), copied(case.runs[0]), kwargs={}, check=False).run()
    report = exploration.check_nodes()
    assert "PyTorch stops" not in str(report)
    assert "introduces" not in str(report)
    assert report.passed, report
