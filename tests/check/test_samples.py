"""More inputs, other execution providers, and float64 as the judge, through the public functions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnxruntime
import pytest
import torch

import onnx_explore
from onnx_explore.check.report import Check
from onnx_explore.check.resize import resampled
from onnx_explore.errors import InvalidArgument, RuntimeMismatch

CPU = "CPUExecutionProvider"


class Masked(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.table = torch.nn.Embedding(10, 4)

    def forward(
        self, x: torch.Tensor, ids: torch.Tensor, scale: float = 2.0, *, mask: torch.Tensor, bias: torch.Tensor
    ) -> torch.Tensor:
        return (x + self.table(ids) + bias).masked_fill(mask, 0.0) * scale


class Branch(torch.nn.Module):
    """The trace keeps the branch that the captured input takes."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * 2 if x.sum() > 0 else x - 7


def arguments(size: int = 3, scale: float = 2.0) -> tuple[Any, ...]:
    x, ids = torch.randn(2, size, 4), torch.randint(10, (2, size))
    return x, ids, scale, {"mask": torch.rand(2, size, 4) > 0.5, "bias": torch.randn(4)}


def items(report: Any, kind: str) -> list[Check]:
    return [item for item in report.items if item.kind == kind]


def test_samples_agree_also_at_other_sizes() -> None:
    torch.manual_seed(0)
    axes = {name: {1: "seq"} for name in ("x", "ids", "mask")}
    found = onnx_explore.export(
        Masked(), arguments(), check=True, samples=[arguments(), arguments(5)], dynamic_axes=axes
    ).report
    assert found is not None
    assert [(item.subject, item.status) for item in items(found, "sample")] == [
        ("samples[0]", "passed"),
        ("samples[1]", "passed"),
    ]
    assert items(found, "sample")[1].comparisons[0].expected_shape == (2, 5, 4)
    assert found.verdict.endswith("; 2 of 2 samples agree")


def test_named_arguments_may_come_in_another_order_than_captured() -> None:
    torch.manual_seed(0)
    *positional, named = arguments()
    turned = {"bias": named["bias"], "mask": named["mask"]}
    report = onnx_explore.export(Masked(), tuple(positional), kwargs=turned, check=True, samples=[arguments()]).report
    assert report is not None
    assert report.passed
    assert report.verdict.endswith("; samples[0] agrees")


def test_a_sample_shows_what_the_captured_input_hides(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    with pytest.raises(RuntimeMismatch, match=r"samples\[1\]: differs: .* 3 of 3 values") as caught:
        onnx_explore.export(Branch(), torch.ones(3), str(path), check=True, samples=[torch.ones(3) * 2, -torch.ones(3)])
    assert not path.exists()
    assert "float64" not in str(caught.value), "the graph is not what the model computes: it cannot be the judge"


def test_an_axis_that_is_not_dynamic_is_named() -> None:
    ex = onnx_explore.explore(Branch(), torch.ones(3), samples=[torch.ones(4)]).run()
    (item,) = items(ex.report, "sample")
    assert (item.status, item.detail) == ("failed", "axis 0 of 'x' is 4; it was exported as 3, and is not dynamic")


def test_what_pytorch_rejects_is_not_run() -> None:
    def model(x: torch.Tensor) -> torch.Tensor:
        if x[0] < 0:
            raise ValueError("negative")
        return x + 1

    ex = onnx_explore.explore(model, torch.ones(3), samples=[-torch.ones(3)]).run()
    (item,) = items(ex.report, "sample")
    assert (item.status, item.detail) == ("not run", "PyTorch itself rejects it: negative")
    assert ex.report is not None
    assert ex.report.verdict.endswith("samples[0]: not run, PyTorch itself rejects it: negative")


def test_drawn_samples_stay_in_range_and_are_the_same_in_every_run() -> None:
    torch.manual_seed(0)
    ex = onnx_explore.explore(Masked(), arguments(), samples=2).run()
    first, second = items(ex.report, "sample")
    assert (first.subject, first.status) == ("random sample 1", "passed")
    assert first.comparisons != second.comparisons
    assert items(ex.check(), "sample") == [first, second], "drawn again, the same"
    assert len(items(ex.check(samples=1), "sample")) == 1
    ids = torch.tensor([[3, 1, 4, 1, 5, 9, 2, 6]])
    drawn = resampled(ids, 1001)
    assert drawn.dtype == ids.dtype
    assert not torch.equal(drawn, ids), "a batch of one is drawn from, too"
    assert set(drawn.flatten().tolist()) <= set(ids.flatten().tolist())


def change(place: int, value: Any) -> tuple[Any, ...]:
    given = list(arguments())
    given[place] = value
    return tuple(given)


@pytest.mark.parametrize(
    ("sample", "message"),
    [
        (arguments()[:1], r"samples\[1\] is no call of the model: missing a required"),
        (arguments(scale=3.0), r"args\[2\] of samples\[1\] is 3.0, and 2.0 is hard-coded"),
        (change(2, torch.tensor(2.0)), r"args\[2\] of samples\[1\] is a tensor, where 2.0 was captured"),
        (change(0, 1.0), r"args\[0\] of samples\[1\] is no tensor"),
        (change(0, torch.randn(2, 3, 4).double()), r"args\[0\] of samples\[1\] is torch.float64, where torch.float32"),
        (change(1, torch.tensor(1)), r"args\[1\] of samples\[1\] has 0 dimensions, where 2 were captured"),
        (change(1, [torch.tensor(1)]), r"samples\[1\] has no args\[1\]"),
        (change(3, {"mask": torch.ones(1) > 0, "bias": None}), r"samples\[1\] has no kwargs\['bias'\]"),
        (change(0, (torch.ones(1), torch.ones(1))), r"samples\[1\] has no args\[0\]"),
    ],
)
def test_a_sample_of_another_structure_is_named(sample: Any, message: str) -> None:
    with pytest.raises(InvalidArgument, match=message) as caught:
        onnx_explore.export(Masked(), arguments(), check=True, samples=[arguments(), sample])
    assert caught.value.argument == "samples"


def test_a_sample_that_has_more_than_was_captured_is_named() -> None:
    def model(x: torch.Tensor, y: torch.Tensor | None = None) -> torch.Tensor:
        return x if y is None else x + y

    with pytest.raises(InvalidArgument, match=r"samples\[0\] has args\[1\], which the captured"):
        onnx_explore.explore(model, torch.ones(1), samples=[(torch.ones(1), torch.ones(1))])


@pytest.mark.parametrize("samples", [torch.ones(3), True, -1, 1.5, {"x": 1}, "x"])
def test_what_is_no_list_of_samples_is_refused_before_the_model_runs(samples: Any) -> None:
    ran: list[int] = []

    def model(x: torch.Tensor) -> torch.Tensor:
        ran.append(1)
        return x

    with pytest.raises(InvalidArgument, match="neither a list of arguments nor a number"):
        onnx_explore.export(model, torch.ones(3), check=True, samples=samples)
    with pytest.raises(InvalidArgument, match="pass check=True"):
        onnx_explore.export(model, torch.ones(3), samples=2)
    assert not ran


def test_each_installed_provider_runs_and_others_say_why_not() -> None:
    ex = onnx_explore.explore(torch.nn.Linear(3, 2), torch.ones(1, 3), dynamic_axes={"input": {0: "n"}}).run()
    report = ex.check(providers=["NoExecutionProvider", CPU, *onnxruntime.get_available_providers()], samples=1)
    runtimes = items(report, "runtime")
    assert [(item.subject, item.status) for item in runtimes[:2]] == [
        ("ONNX Runtime (NoExecutionProvider)", "not run"),
        ("ONNX Runtime", "passed"),
    ]
    assert runtimes[0].detail.startswith("NoExecutionProvider is not installed; there are ")
    assert len(runtimes) == 1 + len(onnxruntime.get_available_providers())
    assert [item.status for item in (*items(report, "axis"), *items(report, "sample"))] == ["passed", "passed"]


def test_no_installed_provider_is_no_agreement() -> None:
    ex = onnx_explore.explore(torch.nn.Linear(3, 2), torch.ones(1, 3), samples=1).run()
    report = ex.check(providers=["NoExecutionProvider"])
    assert report.verdict.startswith("not checked: not run: NoExecutionProvider is not installed")
    assert [item.status for item in items(report, "sample")] == ["not run"]
    for wrong in ([], CPU, [1]):
        with pytest.raises(InvalidArgument, match="no list of names"):
            ex.check(providers=wrong)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_rounding_is_named(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.Softmax(-1), torch.nn.Linear(64, 8)).to(dtype)
    x = torch.randn(16, 64, dtype=dtype)
    ex = onnx_explore.explore(model, x, rtol=0.0, atol=1e-12, dynamic_axes={"input": {0: "n"}}, samples=1).run()
    report = ex.report
    assert report is not None
    assert not report.passed, "rounding is still outside of the tolerance"
    for kind in ("runtime", "axis", "sample"):
        (item,) = items(report, kind)
        assert "; rounding: ONNX " in item.detail, kind
        assert item.detail.endswith(" from float64")


def test_a_wrong_symbolic_function_is_no_rounding() -> None:
    @onnx_explore.symbolic("aten::elu")
    def elu(g: Any, self: torch.Tensor, alpha: float = 1.0) -> Any:
        return g.op("Mul", g.op("Elu", self, alpha=alpha), g.op("Constant", value_float=1.01))

    try:
        with pytest.raises(RuntimeMismatch, match=r"; ONNX is \d\.\de-02 off, PyTorch \d\.\de-\d\d \(from float64\)"):
            onnx_explore.export(torch.nn.ELU(), torch.linspace(-2, 2, 9), check=True)
    finally:
        elu.remove()


def test_a_baked_size_has_no_judge() -> None:
    def model(x: torch.Tensor) -> torch.Tensor:
        return x.sum(0) / float(len(x))

    ex = onnx_explore.explore(model, torch.rand(4, 3) + 1, dynamic_axes={"x": {0: "n"}}).run()
    (item,) = items(ex.report, "axis")
    assert item.status == "failed"
    assert "values differ" in item.detail
    assert "float64" not in item.detail, "the recorded graph is as wrong as ONNX"


def test_an_operator_that_refuses_float64_leaves_no_judge() -> None:
    asked: list[torch.dtype] = []

    @torch.library.custom_op("samples_test::narrow", mutates_args=())
    def narrow(x: torch.Tensor) -> torch.Tensor:
        asked.append(x.dtype)
        assert x.dtype == torch.float32, "float32 alone"
        return x * 2

    @onnx_explore.symbolic("samples_test::narrow")
    def wrong(g: Any, x: torch.Tensor) -> Any:
        return g.op("Neg", x)

    def model(x: torch.Tensor) -> torch.Tensor:
        return narrow(x)

    try:
        report = onnx_explore.explore(model, torch.ones(3)).run().report
    finally:
        wrong.remove()
    assert report is not None
    assert "3 of 3 values differ" in report.verdict
    assert "float64" not in report.verdict
    assert torch.float64 in asked
