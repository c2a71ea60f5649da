"""Arguments in every form that the reference takes."""

from __future__ import annotations

import collections
import dataclasses
from typing import Any

import pytest
import torch

from onnx_explore.capture import Capture, capture, check_replay
from onnx_explore.errors import InvalidArgument

X = torch.arange(6.0).reshape(2, 3)
Y = torch.ones(2, 3)


class Two(torch.nn.Module):
    def forward(self, x: torch.Tensor, y: torch.Tensor | None = None, scale: float = 1.0) -> torch.Tensor:
        return x * scale if y is None else (x - y) * scale


def names(found: Capture) -> list[str]:
    return [item.name for item in found.inputs]


@pytest.mark.parametrize(
    ("args", "kwargs", "inputs", "expected"),
    [
        (X, None, ["x"], X),
        ((X,), None, ["x"], X),
        ([X, Y], None, ["x", "y"], X - Y),
        ((X, Y), None, ["x", "y"], X - Y),
        ((X, {"y": Y}), None, ["x", "y"], X - Y),
        ((X, {"scale": 2.0}), None, ["x"], X * 2),
        ((X, {}), None, ["x"], X),
        ((X,), {"y": Y, "scale": 3.0}, ["x", "y"], (X - Y) * 3),
        ((), {"y": Y, "x": X}, ["y", "x"], X - Y),
        ((X, None, 2.0), None, ["x"], X * 2),
    ],
)
def test_forms(args: Any, kwargs: dict[str, Any] | None, inputs: list[str], expected: torch.Tensor) -> None:
    found = capture(Two(), args, kwargs)
    assert names(found) == inputs
    assert [value.name for value in found.graph.inputs] == inputs
    torch.testing.assert_close(found.eager[0], expected)
    check_replay(found)


def test_an_empty_dict_at_the_end_makes_the_dict_before_it_positional() -> None:
    def model(x: torch.Tensor, options: dict[str, torch.Tensor]) -> torch.Tensor:
        return x + options["y"]

    assert names(capture(model, (X, {"y": Y}, {}))) == ["x", "options_y"]
    assert names(capture(model, (X, {"y": Y}), {})) == ["x", "options_y"]
    with pytest.raises(InvalidArgument, match=r"missing a required argument: 'options'|unexpected keyword argument"):
        capture(model, (X, {"y": Y}))


def test_a_dict_with_keys_that_are_no_names() -> None:
    with pytest.raises(InvalidArgument, match="end args with an empty dict"):
        capture(lambda x: x, (X, {1: Y}))


@dataclasses.dataclass
class Batch:
    ids: torch.Tensor
    mask: torch.Tensor | None = None


Pair = collections.namedtuple("Pair", ["left", "right"])  # noqa: PYI024


def test_nested() -> None:
    def model(batch: Batch, states: list[Any], pair: Any, *rest: torch.Tensor, **more: torch.Tensor) -> torch.Tensor:
        assert isinstance(batch, Batch) and isinstance(pair, Pair) and states[1]["flag"] == "on"
        return batch.ids + states[0] * 2 + states[1]["h"][0] * 4 + pair.left * 8 + rest[0] * 16 + more["z"] * 32

    tensors = [torch.full((2,), float(index)) for index in range(1, 7)]
    args = (Batch(tensors[0]), [tensors[1], {"h": (tensors[2],), "flag": "on"}], Pair(tensors[3], None), tensors[4])
    found = capture(model, args, {"z": tensors[5]})
    assert names(found) == ["batch_ids", "states_0", "states_1_h_0", "pair_left", "rest_0", "z"]
    assert [item.path for item in found.inputs] == [
        "args[0].ids",
        "args[1][0]",
        "args[1][1]['h'][0]",
        "args[2].left",
        "args[3]",
        "kwargs['z']",
    ]
    assert found.eager[0][0] == 1 + 2 * 2 + 3 * 4 + 4 * 8 + 5 * 16 + 6 * 32
    assert [note.message for note in found.notes if note.code == "ConstantInput"] == [
        "args[1][1]['flag'] = 'on' is hard-coded into the graph"
    ]
    other = tuple(tensor + 1 for tensor in tensors)
    assert found.replay(other)[0][0] == 2 + 3 * 2 + 4 * 4 + 5 * 8 + 6 * 16 + 7 * 32


def test_constants_are_noted() -> None:
    found = capture(Two(), (X, Y, 2.0))
    assert [(note.severity, note.message) for note in found.notes] == [
        ("info", "args[2] = 2.0 is hard-coded into the graph")
    ]


def test_the_same_tensor_twice_is_two_inputs() -> None:
    found = capture(Two(), (X, X))
    assert names(found) == ["x", "y"]
    torch.testing.assert_close(found.replay((X, Y))[0], X - Y)


def test_a_parameter_of_the_model_as_input() -> None:
    layer = torch.nn.Linear(3, 3)
    found = capture(layer, layer.weight)
    assert [item.name for item in found.graph.parameters] == ["weight", "bias"]
    torch.testing.assert_close(found.replay((X,))[0], layer(X))


def test_an_unregistered_container_is_refused() -> None:
    class Box:
        def __init__(self) -> None:
            self.content = [X]

    with pytest.raises(InvalidArgument, match=r"args\[0\].* is a .*Box, which holds tensors"):
        capture(lambda box: box.content[0], (Box(),))


@pytest.mark.parametrize(
    ("args", "kwargs", "problem"),
    [
        ((), None, "missing a required argument: 'x'"),
        ((X, Y, 1.0, 2.0), None, "too many positional arguments"),
        ((X,), {"z": Y}, "unexpected keyword argument 'z'"),
        ((X,), {"x": Y}, "multiple values for argument 'x'"),
    ],
)
def test_wrong_arguments_name_the_signature_and_run_nothing(args: Any, kwargs: Any, problem: str) -> None:
    class Counting(Two):
        calls = 0

        def forward(self, x: torch.Tensor, y: torch.Tensor | None = None, scale: float = 1.0) -> torch.Tensor:
            type(self).calls += 1
            return super().forward(x, y, scale)

    with pytest.raises(InvalidArgument, match=problem) as caught:
        capture(Counting(), args, kwargs)
    assert "forward(x: " in str(caught.value)
    assert Counting.calls == 0


def test_a_decorated_forward_that_takes_more_than_what_it_wraps() -> None:
    import functools

    class Decorated(torch.nn.Module):
        def inner(self, x: torch.Tensor) -> torch.Tensor:
            return x + 1

        @functools.wraps(inner)
        def forward(self, x: torch.Tensor, **dropped: Any) -> torch.Tensor:
            return self.inner(x)

    assert names(capture(Decorated(), (X,), {"return_dict": True})) == ["x"]


def test_names_of_the_user() -> None:
    layer = torch.nn.Linear(3, 2)
    assert names(capture(layer, X, input_names=["a"])) == ["a"]
    assert names(capture(Two(), (X, Y), input_names=["a"])) == ["a", "y"]
    assert names(capture(Two(), (X, Y), input_names=["y"])) == ["y", "y_1"]
    found = capture(layer, X, input_names=["a", "w"])
    assert [value.name for value in found.graph.block.params] == ["a", "w", "bias"]
    assert [item.name for item in found.graph.parameters] == ["weight", "bias"]
    with pytest.raises(InvalidArgument, match="4 names for 1 inputs and 2 parameters"):
        capture(layer, X, input_names=["a", "b", "c", "d"])
    with pytest.raises(InvalidArgument, match="'a' is given twice"):
        capture(Two(), (X, Y), input_names=["a", "a"])


def test_inputs_are_left_as_they_were() -> None:
    x = X.clone()
    found = capture(lambda x: x.add_(1), x)
    torch.testing.assert_close(x, X)
    torch.testing.assert_close(found.eager[0], X + 1)
    assert found.inputs[0].example is x
    check_replay(found)
    torch.testing.assert_close(x, X)


def test_expanded_and_strided_inputs_keep_their_strides() -> None:
    strided, expanded = torch.ones(3, 2).t(), torch.ones(1, 3).expand(2, 3)
    found = capture(Two(), (strided, expanded))
    assert [value.strides for value in found.graph.inputs] == [(1, 2), (0, 1)]


def test_not_callable() -> None:
    with pytest.raises(InvalidArgument, match="int cannot be called"):
        capture(3, X)  # type: ignore[arg-type]
