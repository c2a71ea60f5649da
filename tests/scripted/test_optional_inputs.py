"""``optional_inputs``: one ONNX model that runs with a tensor and with None."""

from __future__ import annotations

from itertools import product
from typing import Any, Dict, List, Optional

import numpy as np
import onnx
import onnx.reference
import onnxruntime
import pytest
import torch
from torch import Tensor

import onnx_explore
from onnx_explore.errors import InvalidArgument, OpsetTooLow
from tests.scripted.running import scripted

X = torch.linspace(-2, 3, 6).reshape(2, 3)


class Masked(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(3, 3)

    def forward(self, x: Tensor, mask: Optional[Tensor] = None) -> Tensor:
        y = self.linear(x)
        return y.masked_fill(mask, 0.0) if mask is not None else y * 2


def two(x: Tensor, a: Optional[Tensor], b: Optional[Tensor]):
    if a is not None:
        x = x + a
    return x * 2 if b is None else x @ b


def size(x: Tensor, a: Optional[Tensor]):
    n = x.shape[0]
    if a is not None:
        n = n + a.shape[0]
    for _ in range(n):
        x = x + 1
    return x


def inside(x: Tensor, a: Optional[Tensor], more: List[Tensor]):
    for item in more:
        if a is not None:
            x = x + a * item
    return x


def unasked(x: Tensor, a: Optional[Tensor]):
    return x * 2


def attention(x: Tensor, a: Optional[Tensor]):
    return torch.nn.functional.scaled_dot_product_attention(x, x, x, attn_mask=a)


def handed_on(x: Tensor, w: Tensor, b: Optional[Tensor]):
    if b is not None:
        x = x * 2
    return torch.nn.functional.linear(x, w, b)


def in_containers(x: Tensor, a: Optional[Tensor]):
    items: List[Optional[Tensor]] = [None]
    items.append(a)
    pair = (x, items[1])
    for item in (pair[1], items[0]):
        if item is not None:
            x = x + item
    return x


def as_fed(value: Any) -> Any:
    if isinstance(value, list):
        return [item.numpy() for item in value]
    return None if value is None else value.numpy()


def ways(args: tuple[Any, ...], places: list[int]) -> list[tuple[Any, ...]]:
    """The arguments with each of those at the places given, and None."""
    return [
        tuple(None if index in places and not given[places.index(index)] else item for index, item in enumerate(args))
        for given in product((True, False), repeat=len(places))
    ]


CASES: Dict[str, Any] = {
    "mask": (Masked(), (X, X > 0), ["mask"], [1]),
    "two": (two, (X, X * 3, torch.rand(3, 3)), ["a", "b"], [1, 2]),
    "one of two": (two, (X, X * 3, torch.rand(3, 3)), ["b"], [2]),
    "size": (size, (X, torch.rand(4, 1)), ["a"], [1]),
    "attention": (attention, (X[None], X[:, :2]), ["a"], [1]),
    "handed on": (handed_on, (X, torch.rand(3, 3), torch.rand(3)), ["b"], [2]),
    "in containers": (in_containers, (X, X * 3), ["a"], [1]),
    "in a loop": (inside, (X, torch.rand(3), [X, X]), ["a"], [1]),
}


@pytest.mark.parametrize("opset", [15, 18])
@pytest.mark.parametrize("case", CASES)
def test_one_model_runs_with_a_tensor_and_with_none(case: str, opset: int):
    function, args, names, places = CASES[case]
    model = scripted(function)
    exported = onnx_explore.export(model, args, kwargs={}, optional_inputs=names, opset_version=opset, check=True)
    proto = exported.to_proto()
    onnx.checker.check_model(proto, full_check=True)
    session = onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    inputs = [item.name for item in session.get_inputs()]
    assert [item.name for item in proto.graph.input if item.type.HasField("optional_type")] == names
    results = []
    for way in ways(args, places):
        [got] = session.run(None, dict(zip(inputs, map(as_fed, way), strict=True)))
        want = model(*way).detach().numpy()
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)
        results.append(want)
    assert not np.allclose(results[0], results[-1]), "the case tells the ways apart"


def test_the_reference_runs_it_both_ways():
    model = scripted(Masked())
    proto = onnx_explore.export(model, (X, X > 0), optional_inputs=["mask"]).to_proto()
    for mask in (X > 0, None):
        [got] = onnx.reference.ReferenceEvaluator(proto).run(None, {"x": X.numpy(), "mask": as_fed(mask)})
        np.testing.assert_allclose(got, model(X, mask).detach().numpy(), rtol=1e-5, atol=1e-6)


def test_an_axis_of_it_may_be_dynamic():
    model = scripted(Masked())
    axes = {"x": {0: "batch"}, "mask": {0: "batch"}}
    exported = onnx_explore.export(model, (X, X > 0), optional_inputs=["mask"], dynamic_axes=axes, check=True)
    session = onnxruntime.InferenceSession(exported.to_proto().SerializeToString())
    other = torch.rand(5, 3) - 0.5
    for mask in (other > 0, None):
        [got] = session.run(None, {"x": other.numpy(), "mask": as_fed(mask)})
        np.testing.assert_allclose(got, model(other, mask).detach().numpy(), rtol=1e-5, atol=1e-6)


def test_the_check_runs_every_way():
    exported = onnx_explore.export(
        scripted(two), (X, X, torch.rand(3, 3)), kwargs={}, optional_inputs=["a", "b"], check=True
    )
    assert exported.report is not None
    assert [(item.subject, item.status) for item in exported.report.items if item.kind == "data"] == [
        ("a = None", "passed"),
        ("b = None", "passed"),
        ("a, b = None", "passed"),
    ]


def test_the_check_finds_a_wrong_answer_to_none():
    """A model whose None is not the one that was exported."""
    model = scripted(Masked())
    exploration = onnx_explore.explore(model, (X, X > 0), optional_inputs=["mask"], check=False).run()
    exploration._flow.model = scripted(otherwise)
    report = exploration.check()
    assert [(item.subject, item.status) for item in report.items if item.kind == "data"] == [("mask = None", "failed")]


def otherwise(x: Tensor, mask: Optional[Tensor] = None) -> Tensor:
    return x if mask is not None else x + 100


def test_the_values_of_the_nodes_are_compared():
    exploration = onnx_explore.explore(scripted(Masked()), (X, X > 0), optional_inputs=["mask"], check=False).run()
    assert exploration.check_nodes().passed


def notes(exported: onnx_explore.Exported) -> list[str]:
    return [event.message for event in exported.recording.events if getattr(event, "code", "") == "OptionalInput"]


def test_without_it_a_note_says_how():
    model = scripted(Masked())
    [given] = notes(onnx_explore.export(model, (X, X > 0)))
    assert 'optional_inputs=["mask"]' in given
    for args in ((X,), (X, None)):
        [absent] = notes(onnx_explore.export(model, args))
        assert "'mask'" in absent and "optional_inputs" in absent
    assert notes(onnx_explore.export(model, (X, X > 0), optional_inputs=["mask"])) == []


def test_an_old_opset_is_refused_with_the_first_that_can():
    with pytest.raises(OpsetTooLow, match="'mask'") as caught:
        onnx_explore.export(scripted(Masked()), (X, X > 0), optional_inputs=["mask"], opset_version=14)
    assert caught.value.first == 15


@pytest.mark.parametrize(
    ("model", "args", "name", "message"),
    [
        (scripted(Masked()), (X, X > 0), "x", "does not declare 'x'"),
        (scripted(Masked()), (X, X > 0), "other", "no input"),
        (scripted(Masked()), (X,), "mask", "pass a tensor"),
        (scripted(unasked), (X[None], X[:, :2]), "a", "never asks"),
        (Masked(), (X, X > 0), "mask", "script the model"),
    ],
)
def test_wrong_names_are_refused(model: Any, args: Any, name: str, message: str):
    with pytest.raises(InvalidArgument, match=message):
        onnx_explore.export(model, args, kwargs={}, optional_inputs=[name])
