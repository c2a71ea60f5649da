"""Results of any nesting, flattened and named."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from onnx_explore.capture import Capture, capture, check_replay
from onnx_explore.errors import CaptureError, InvalidArgument

X = torch.arange(3.0)


def named(found: Capture) -> list[tuple[str, str]]:
    return [(item.name, item.path) for item in found.outputs]


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (lambda x: x + 1, [("output", "out")]),
        (lambda x: (x + 1, x - 1), [("output_0", "out[0]"), ("output_1", "out[1]")]),
        (lambda x: {"a": x + 1, "b": (x, x)}, [("a", "out['a']"), ("b_0", "out['b'][0]"), ("b_1", "out['b'][1]")]),
        (lambda x: ({"boxes": x + 1}, {"boxes": x}), [("boxes", "out[0]['boxes']"), ("boxes_1", "out[1]['boxes']")]),
        (lambda x: [x + 1, None, (x, "text", 3)], [("output_0", "out[0]"), ("output_1", "out[2][0]")]),
    ],
)
def test_names_and_paths(result: Any, expected: list[tuple[str, str]]) -> None:
    found = capture(result, X)
    assert named(found) == expected
    assert len(found.graph.outputs) == len(expected) == len(found.eager)
    check_replay(found)


def test_notes() -> None:
    found = capture(lambda x: {"a": x + 1, "n": 3, "none": None}, X)
    assert {(note.severity, note.code) for note in found.notes} == {
        ("info", "OutputFlattened"),
        ("warning", "OutputDropped"),
        ("info", "OutputDropped"),
    }


def test_an_output_that_an_input_is_named_like() -> None:
    assert named(capture(lambda x: {"x": x + 1}, X)) == [("x_1", "out['x']")]


def test_names_of_the_user() -> None:
    assert named(capture(lambda x: (x, x + 1), X, output_names=["a"])) == [("a", "out[0]"), ("output_1", "out[1]")]
    with pytest.raises(InvalidArgument, match="2 names for 1 outputs"):
        capture(lambda x: x + 1, X, output_names=["a", "b"])
    with pytest.raises(InvalidArgument, match="'x' is the name of an input"):
        capture(lambda x: x + 1, X, output_names=["x"])


def test_an_unregistered_container() -> None:
    class Box:
        def __init__(self, content: torch.Tensor) -> None:
            self.content = content

    with pytest.raises(CaptureError, match=r"returned a .*Box \(out\[1\]\), which holds tensors"):
        capture(lambda x: (x, Box(x)), X)


def test_no_tensor() -> None:
    with pytest.raises(CaptureError, match="returned no tensor, but NoneType"):
        capture(lambda x: None, X)


def test_a_number_of_one_run() -> None:
    with pytest.raises(CaptureError, match=r"returned no tensor, but bool .*or script the model \(torch.jit.script\)"):
        capture(lambda x: torch.equal(x, x), X)


def test_identity_constant_and_twice_the_same() -> None:
    kept = torch.ones(2)
    found = capture(lambda x: (x, x + 1, kept, kept), X)
    assert found.graph.outputs[0] is found.graph.inputs[0]
    assert found.graph.outputs[2] is found.graph.outputs[3]
    check_replay(found)


def test_a_returned_buffer_is_what_it_was_when_it_was_returned() -> None:
    class Counting(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("count", torch.zeros(()))

        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            self.count.add_(1)
            return x + self.count, self.count

    model = Counting()
    found = capture(model, X)
    assert model.count.item() == 0
    assert found.eager[1].item() == 1
    check_replay(found)
    assert model.count.item() == 0
