"""Lists of structures that a scripted model returns: one ONNX sequence for each part of an element."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Dict, List, Tuple

import pytest
import torch
from torch import Tensor

import onnx_explore
from onnx_explore.check.runtime import RuntimeSession
from onnx_explore.errors import UnsupportedOperatorError
from tests.scripted.flow import X
from tests.scripted.running import scripted


def pairs(x: Tensor, n: int):
    out: List[Tuple[Tensor, int]] = []
    for i in range(n):
        out.append((x * i, i))
    return out


def detections(x: Tensor, n: int):
    found: List[Dict[str, Tensor]] = []
    for i in range(n):
        found.append({"boxes": x[: i + 1] * i, "labels": x[0] + i})
    return x * 2, found


def of_known_rounds(x: Tensor, n: int):
    out: List[Tuple[Tensor, Tensor]] = []
    for i in range(2):
        out.append((x * i, x - n))
    return out


def rows(x: Tensor, n: int):
    out: List[List[Tensor]] = []
    for i in range(n):
        out.append([x, x[0] * i])
    return out


CASES: dict[str, tuple[Callable[..., Any], list[str], Callable[[Any], list[list[Any]]]]] = {
    "pairs": (pairs, ["output_0", "output_1"], lambda got: [list(part) for part in zip(*got, strict=True)]),
    "detections": (
        detections,
        ["output_0", "boxes", "labels"],
        lambda got: [[got[0]], [item["boxes"] for item in got[1]], [item["labels"] for item in got[1]]],
    ),
    "of known rounds": (
        of_known_rounds,
        ["output_0", "output_1"],
        lambda got: [list(part) for part in zip(*got, strict=True)],
    ),
    "rows": (rows, ["output_0", "output_1"], lambda got: [list(part) for part in zip(*got, strict=True)]),
}


@pytest.mark.parametrize("opset", [13, 17])
@pytest.mark.parametrize("case", CASES)
def test_each_part_is_a_sequence(case: str, opset: int):
    function, names, columns = CASES[case]
    model = scripted(function)
    exported = onnx_explore.export(model, (X, 3), kwargs={}, opset_version=opset, check=True)
    assert exported.report is not None and exported.report.passed
    assert [value.name for value in exported.model.graph.outputs] == names
    session = RuntimeSession(exported.model)
    for n in (3, 1, 5):
        expected = columns(model(X, n))
        actual = [item if isinstance(item, list) else [item] for item in session.run({"x": X, "n": torch.tensor(n)})]
        for want, have in zip(expected, actual, strict=True):
            assert len(want) == len(have)
            for one, other in zip(want, have, strict=True):
                torch.testing.assert_close(torch.as_tensor(other), torch.as_tensor(one), check_dtype=True)


def test_the_user_names_them_and_the_view_says_where_they_stand():
    exploration = onnx_explore.explore(scripted(pairs), (X, 3), output_names=["tensors", "numbers"], check=False).run()
    assert [value.name for value in exploration.exported.model.graph.outputs] == ["tensors", "numbers"]
    text = exploration.summary_text()
    assert "out[…][0]" in text and "out[…][1]" in text


def test_a_list_that_no_loop_fills_is_its_elements():
    def known(x: Tensor, n: int):
        out: List[Tuple[Tensor, Tensor]] = [(x, x + n)]
        out.append((x * 2, x - n))
        return out

    exported = onnx_explore.export(scripted(known), (X, 3), kwargs={}, check=True)
    assert exported.report is not None and exported.report.passed
    assert len(exported.model.graph.outputs) == 4


def test_lists_of_lists_of_unknown_length_are_refused():
    def ragged(x: Tensor, n: int):
        out: List[List[Tensor]] = []
        for i in range(n):
            row = [x]
            for _ in range(i):
                row.append(x * i)
            out.append(row)
        return out

    with pytest.raises(UnsupportedOperatorError, match="sequences of tensors only"):
        onnx_explore.export(scripted(ragged), (X, 3))


def test_an_empty_list_is_not_lost_in_silence():
    def empty(x: Tensor, n: int):
        out: List[Tensor] = []
        for i in range(n):
            out.append(x * i)
        return x, out

    exported = onnx_explore.export(scripted(empty), (X, 0))
    [message] = [item.message for item in exported.recording.events if getattr(item, "code", "") == "OutputDropped"]
    assert "out[1] is an empty list" in message
