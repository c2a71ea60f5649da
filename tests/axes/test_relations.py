"""Dimensions that are expressions over others: declared so by the user, or found by the audit by trying in PyTorch."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import Tensor, nn

from onnx_explore import audit, explore, export
from onnx_explore.errors import InvalidArgument
from onnx_explore.notebook.options import read_axes
from onnx_explore.relations import is_expression, size_of, symbols_in


class Attends(nn.Module):
    """Attention over what was seen before: the mask covers both."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(8, 8)

    def forward(self, x: Tensor, past: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        keys = torch.cat([past, self.linear(x)], 1)
        scores = x @ keys.transpose(1, 2) + mask[:, None, :]
        return scores.softmax(-1) @ keys, keys


NAMES = {"input_names": ["x", "past", "mask"], "output_names": ["y", "keys"]}


def arguments(batch: int = 2, seq: int = 3, past: int = 5) -> tuple[Tensor, ...]:
    return torch.randn(batch, seq, 8), torch.randn(batch, past, 8), torch.randn(batch, seq + past)


def declared(mask: str, keys: str = "past + seq") -> dict[str, dict[int, str]]:
    return {"x": {1: "seq"}, "past": {1: "past"}, "mask": {1: mask}, "keys": {1: keys}}


def test_an_expression_is_written_and_holds_in_onnx_runtime() -> None:
    file = io.BytesIO()
    model = Attends().eval()
    exported = export(model, arguments(), file, dynamic_axes=declared("past + seq"), check=True, **NAMES)
    assert exported.report is not None
    axes = {item.subject: item.status for item in exported.report.items if item.kind == "axis"}
    assert axes == {"seq": "passed", "past": "passed", "seq + past": "passed"}
    proto = onnx.load_from_string(file.getvalue())
    dims = {value.name: [dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim]
            for value in (*proto.graph.input, *proto.graph.output)}  # fmt: skip
    assert dims["mask"] == [2, "past + seq"] and dims["keys"] == [2, "past + seq", 8]
    other = arguments(seq=4, past=9)
    session = onnxruntime.InferenceSession(file.getvalue(), providers=["CPUExecutionProvider"])
    feeds = dict(zip(["x", "past", "mask"], [item.numpy() for item in other], strict=True))
    with torch.no_grad():
        for got, wanted in zip(session.run(None, feeds), model(*other), strict=True):
            np.testing.assert_allclose(got, wanted.numpy(), rtol=1e-4, atol=1e-5)


def test_the_audit_proves_what_follows_with_what_it_follows() -> None:
    found = audit(Attends(), arguments(), declared("past + seq"), **NAMES)
    assert {item.symbol: item.status for item in found.axes} == {
        "seq": "proven", "past": "proven", "past + seq": "proven",
    }  # fmt: skip
    follows = next(item for item in found.axes if item.symbol == "past + seq")
    assert follows.places == (("mask", 1),) and follows.size == 8 and "changed with" in follows.detail
    assert found.proven and [item.status for item in found.combinations] == ["proven"]


def test_a_relation_is_found_by_trying() -> None:
    """The names are independent, the model is not: PyTorch runs with no other mask than past + seq."""
    found = audit(Attends(), arguments(), declared("total", "keys"), **NAMES)
    assert {item.symbol: item.status for item in found.axes} == {"seq": "proven", "past": "proven", "total": "proven"}
    total = next(item for item in found.axes if item.symbol == "total")
    assert "it is seq + past, found by trying" in total.detail and "changed with seq and past" in total.detail
    assert "name it 'seq + past'" in str(found)


class Strided(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Conv2d(3, 4, 3, stride=2, padding=1)

    def forward(self, x: Tensor, half: Tensor) -> Tensor:
        return self.down(x) + half


def test_multiples_and_quotients() -> None:
    args = torch.randn(1, 3, 12, 16), torch.randn(1, 4, 6, 8)
    names = {"input_names": ["x", "half"]}
    given = audit(Strided(), args, {"x": {2: "2*h", 3: "w"}, "half": {2: "h", 3: "w/2"}}, **names)
    assert given.proven, str(given)
    assert all(size % 2 == 0 for item in given.axes if item.symbol == "w" for size in item.sizes)
    alone = audit(nn.Conv1d(2, 2, 3), torch.randn(1, 2, 9), {"x": {2: "2*n + 1"}}, input_names=["x"])
    assert alone.proven and next(item for item in alone.axes if item.symbol == "n").size == 4


class Offset(nn.Module):
    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return x[:, 1:] + y


def test_an_offset_is_found() -> None:
    found = audit(
        Offset(), (torch.randn(2, 7), torch.randn(2, 6)), {"x": {1: "a"}, "y": {1: "b"}}, input_names=["x", "y"]
    )
    assert "it is b + 1, found by trying" in str(found)


class Bakes(nn.Module):
    def forward(self, x: Tensor, past: Tensor, mask: Tensor) -> Tensor:
        return (torch.cat([past, x], 1) + mask[:, :, None]).reshape(2, int(mask.shape[1]), 8)


def test_a_baked_size_of_what_follows_is_found_and_repaired() -> None:
    wanted = {name: axes for name, axes in declared("past + seq").items() if name != "keys"}
    found = audit(Bakes(), arguments(), wanted, input_names=NAMES["input_names"])
    assert {item.status for item in found.axes} == {"broken"}
    assert [item.cause.idiom for item in found.problems] == ["int()"]
    mended = audit(Bakes(), arguments(), wanted, repair=True, input_names=NAMES["input_names"])
    assert mended.proven and [item.repaired for item in mended.problems] == [True]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("past +", "is no expression over names"),
        ("past * seq", "and 'past \\* seq' is 15 at past = 5, seq = 3"),
        ("past + seq + 1", "is 9 at"),
        ("3 + 5", "has no name in it"),
        ("past(seq)", "is no expression"),
        ("__import__('os').system('x')", "is no expression"),
        ("one * other", "nothing tells how large 'one' and 'other' are"),
        ("2*n + 1", "is that for no whole 'n'"),
        ("past / 0", "has no name in it"),
    ],
)
def test_nonsense_is_refused(text: str, what: str) -> None:
    with pytest.raises(InvalidArgument, match=what):
        export(Attends(), arguments(), None, dynamic_axes=declared(text, "keys"), **NAMES)


def test_what_is_a_name_and_what_an_expression() -> None:
    assert not is_expression("batch") and not is_expression("seq-len") and not is_expression("batch size")
    assert is_expression("seq - 1") and symbols_in("max(a, b) // 2") == {"a", "b"}
    assert (
        size_of("h/2", {"h": 7}) is None
        and size_of("h//2", {"h": 7}) == 3
        and size_of("a - b", {"a": 1, "b": 2}) is None
    )
    assert read_axes("m:1=past+seq,2=max(a,b)") == {"m": {1: "past+seq", 2: "max(a,b)"}}


def test_editing() -> None:
    ex = explore(Attends(), arguments(), dynamic_axes=declared("past + seq"), **NAMES).run()
    states = {(row.input, row.axis): row.status for row in ex.axes.rows if row.symbol}
    assert states == {("x", 1): "proven", ("past", 1): "proven", ("mask", 1): "proven"}
    assert "--dynamic mask:1=past+seq" in ex.axes.line
    model = ex.exported.model
    ex.axes.rename("past", "before")
    assert ex.exported.model is model, "nothing is exported again"
    assert ex.axes.dynamic_axes["mask"] == {1: "before + seq"}
    assert str(model.graph.inputs[2].shape) == "[2,before + seq]"
    with pytest.raises(InvalidArgument, match="is 14"):
        ex.axes.name("mask", 1, "before + 3*seq")
    assert ex.axes.dynamic_axes["mask"] == {1: "before + seq"}
    ex.axes.name("mask", 1, "2*seq + 2")  # as large as captured; at another size it is not
    assert (ex.report is not None and not ex.report.passed) or "not run" in str(ex.report)


class Cached(nn.Module):
    """GPT-2 with the keys and values of what was seen before as inputs."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, ids: Tensor, mask: Tensor, *past: Tensor) -> Any:
        from transformers import DynamicCache

        cache = DynamicCache()
        for layer in range(2):
            cache.update(past[2 * layer], past[2 * layer + 1], layer)
        result = self.model(input_ids=ids, attention_mask=mask, past_key_values=cache, use_cache=True)
        layers = result.past_key_values.layers
        return (result.logits, *(item for layer in layers for item in (layer.keys, layer.values)))


@pytest.fixture(scope="module")
def cached() -> tuple[nn.Module, tuple[Tensor, ...]]:
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    config = transformers.GPT2Config(
        vocab_size=50, n_positions=128, n_embd=16, n_layer=2, n_head=2, bos_token_id=0, eos_token_id=0,
        attn_implementation="eager",
    )  # fmt: skip
    past = [torch.randn(2, 2, 5, 8) for _ in range(4)]
    ids = torch.randint(0, 50, (2, 3)), torch.ones(2, 8, dtype=torch.long)
    return Cached(transformers.GPT2LMHeadModel(config).eval()), (*ids, *past)


def axes_of_cached(mask: str) -> dict[str, dict[int, str]]:
    past = {name: {0: "batch", 2: "past"} for name in ("k0", "v0", "k1", "v1")}
    return {"ids": {0: "batch", 1: "seq"}, "mask": {0: "batch", 1: mask}, **past}


CACHED_NAMES = ["ids", "mask", "k0", "v0", "k1", "v1"]


def test_gpt2_with_a_cache(cached: Any) -> None:
    model, args = cached
    found = audit(model, args, axes_of_cached("past + seq"), input_names=CACHED_NAMES, torch_export=True)
    assert found.proven, str(found)
    constraints = {item.symbol: item.constraint for item in found.torch_export}
    assert constraints.keys() == {"batch", "seq", "past", "past + seq"}
    assert constraints["past"] == "2 … ∞"


def test_gpt2_whose_mask_has_a_name_of_its_own(cached: Any) -> None:
    """PyTorch pads a mask that is too short, so the names may be independent there; in the graph that branch is baked."""
    model, args = cached
    found = audit(model, args, axes_of_cached("total"), input_names=CACHED_NAMES)
    assert {item.symbol for item in found.axes if item.status == "broken"} == {"seq", "past"}
    together = [item for item in found.combinations if "total = seq + past" in item.detail]
    assert len(together) == 2 and all(item.status == "proven" for item in together)
    assert all(dict(item.sizes)["total"] == dict(item.sizes)["seq"] + dict(item.sizes)["past"] for item in together)


@pytest.mark.parametrize(("text", "size"), [("2*n", 4097), ("n*n", 4097), ("10%(p-2)", 7)])
def test_sizes_that_no_symbol_gives_are_refused(text: str, size: int) -> None:
    with pytest.raises(InvalidArgument, match="dynamic_axes"):
        export(nn.Identity(), torch.zeros(size), input_names=["x"], dynamic_axes={"x": {0: text}})


def test_a_large_multiple_and_a_rest_are_solved() -> None:
    exported = export(nn.Identity(), torch.zeros(100_001), input_names=["x"], dynamic_axes={"x": {0: "2*n+1"}})
    assert str(exported.model.graph.inputs[0].shape) == "[2*n+1]"
