"""``check_export`` over hand-built models: each kind of check, each way it can end."""

from __future__ import annotations

from collections.abc import Callable

import onnx_ir as ir
import pytest
import torch

from onnx_explore.capture.captured import Capture, GraphInput, GraphOutput
from onnx_explore.check.checker import check_export
from onnx_explore.check.report import Check, Report
from onnx_explore.errors import Cancelled, CaptureDiverged, CheckerError, NotAvailable, RuntimeMismatch
from onnx_explore.recording import Checked, Recorder
from onnx_explore.torch_ir import Parameter, TorchBlock, TorchGraph, TorchNode, TorchValue

Function = Callable[..., torch.Tensor | tuple[torch.Tensor, ...]]
BATCH = {"x": {0: "batch"}}


def model(text: str, opset: int = 17) -> ir.Model:
    return ir.from_onnx_text(f'<ir_version: 8, opset_import: ["" : {opset}, "mine" : 1]> {text}')


def captured(
    function: Function,
    outputs: tuple[str, ...] = ("y",),
    nodes: tuple[TorchNode, ...] = (),
    parameters: dict[str, torch.Tensor] | None = None,
    **examples: torch.Tensor,
) -> tuple[Capture, Callable[[tuple[torch.Tensor, ...]], tuple[torch.Tensor, ...]]]:
    """A capture of a function, and what runs it."""

    def run(inputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        result = function(*inputs)
        return result if isinstance(result, tuple) else (result,)

    eager = run(tuple(tensor.clone() for tensor in examples.values()))
    values = [TorchValue(number, name, "Tensor") for number, name in enumerate(examples)]
    weights = [
        Parameter(TorchValue(50 + number, name, "Tensor"), name, tensor)
        for number, (name, tensor) in enumerate((parameters or {}).items())
    ]
    returns = [TorchValue(100 + number, name, "Tensor") for number, name in enumerate(outputs)]
    block = TorchBlock((*values, *(weight.value for weight in weights)), nodes, tuple(returns))
    capture = Capture(
        graph=TorchGraph(block, tuple(weights)),
        mode="trace",
        inputs=tuple(GraphInput(v.name, f"args[{v.id}]", v, examples[v.name]) for v in values),
        outputs=tuple(GraphOutput(v.name, "out", v) for v in returns),
        args=tuple(examples.values()),
        kwargs={},
        conversions=(),
        notes=(),
        training=False,
        seconds=0.0,
        eager=eager,
        replay=lambda inputs: eager,
    )
    return capture, run


def check(
    text: str | ir.Model,
    function: Function,
    axes: dict[str, dict[int, str]] | None = None,
    *,
    outputs: tuple[str, ...] = ("y",),
    opset: int = 17,
    nodes: tuple[TorchNode, ...] = (),
    recorder: Recorder | None = None,
    **examples: torch.Tensor,
) -> Report:
    capture, run = captured(function, outputs, nodes, **examples)
    return check_export(
        model(text, opset) if isinstance(text, str) else text,
        capture,
        run_model=run,
        dynamic_axes=axes or {},
        recorder=recorder or Recorder(),
    )


def item(report: Report, kind: str, subject: str = "") -> Check:
    (found,) = (each for each in report.items if each.kind == kind and subject in ("", each.subject))
    return found


def test_agreement() -> None:
    recorder = Recorder()
    report = check(
        "agraph (float[batch, 3] x) => (float[batch, 3] y, float[batch] z)"
        "{ y = Relu(x)  z = ReduceSum <keepdims = 0> (x, axis) } ".replace("{ y", "<int64[1] axis = {1}> { y"),
        lambda x: (x.relu(), x.sum(1)),
        BATCH,
        outputs=("y", "z"),
        recorder=recorder,
        x=torch.randn(2, 3),
    )
    assert report.passed
    assert [each.kind for each in report.items] == ["structure", "replay", "runtime", "axis"]
    assert report.verdict.startswith("checked: ONNX Runtime agrees with PyTorch on 2 outputs (max abs error ")
    assert report.verdict.endswith("); dynamic axes batch: runs at 2 → 5")
    assert [(event.check, event.passed) for event in recorder.recording.of(Checked)] == [
        ("structure", True),
        ("replay", True),
        ("runtime", True),
        ("axis", True),
    ]
    assert "'z': FLOAT [5] agrees" in report.to_text()
    report.raise_if_failed()


def test_invalid_structure() -> None:
    report = check("agraph (float[2] x) => (float[3] y) { y = Relu(x) }", torch.relu, x=torch.ones(2))
    assert item(report, "structure").status == "failed"
    with pytest.raises(CheckerError, match="Inferred shape"):
        report.raise_if_failed()
    assert report.verdict.startswith("check failed: onnx.checker: ")


def test_wrong_values() -> None:
    report = check("agraph (float[2] x) => (float[2] y) { y = Neg(x) }", torch.relu, x=torch.tensor([1.0, 0.0]))
    assert item(report, "runtime").status == "failed"
    assert report.verdict.startswith("check failed: ONNX Runtime: 'y': 1 of 2 values differ; worst at [0]: ONNX -1")
    with pytest.raises(RuntimeMismatch, match="find_mismatch"):
        report.raise_if_failed()


def test_missing_and_superfluous_outputs() -> None:
    text = "agraph (float[2] x) => (float[2] y) { y = Relu(x) }"
    report = check(text, lambda x: (x.relu(), x), outputs=("y", "z"), x=torch.ones(2))
    assert "PyTorch returns it, ONNX does not" in report.verdict


def test_declared_shapes_are_checked() -> None:
    # ONNX cannot know what Reshape gives here, so the declaration is trusted, and it is wrong.
    text = "agraph (float[2, 3] x, int64[1] s) => (float[5] y) { y = Reshape(x, s) }"
    report = check(text, lambda x, s: x.reshape(-1), x=torch.ones(2, 3), s=torch.tensor([-1]))
    assert "axis 0 of 'y' is declared as 5 and is 6" in report.verdict


def test_unused_inputs_need_not_be_in_the_model() -> None:
    text = "agraph (float[2] x) => (float[2] y) { y = Relu(x) }"
    assert check(text, lambda x, unused: x.relu(), x=torch.ones(2), unused=torch.ones(3)).passed


def test_an_input_that_nobody_gives() -> None:
    text = "agraph (float[2] x, float[2] z) => (float[2] y) { y = Add(x, z) }"
    report = check(text, torch.relu, x=torch.ones(2))
    assert report.verdict == "check failed: ONNX Runtime: no value for the model's input z"


def test_weights_as_inputs_are_fed() -> None:
    weight = torch.randn(3, 3)
    capture, run = captured(lambda x: x @ weight, x=torch.randn(2, 3), parameters={"fc.weight": weight})
    made = model("agraph (float[n, 3] x, float[3, 3] w) => (float[n, 3] y) { y = MatMul(x, w) }")
    made.graph.inputs[1].name = "fc.weight"
    report = check_export(made, capture, run_model=run, dynamic_axes={"x": {0: "n"}}, recorder=Recorder())
    assert report.passed, report


# Dynamic axes

BAKED = """
agraph (float[batch, 4] x) => (float[batch, 2, 2] y) <int64[3] shape = {2, 2, 2}> { [r] y = Reshape(x, shape) }
"""


def test_a_baked_size() -> None:
    report = check(BAKED, lambda x: x.reshape(-1, 2, 2), BATCH, x=torch.randn(2, 4))
    assert item(report, "runtime").status == "passed"
    axis = item(report, "axis")
    assert axis.status == "failed"
    assert axis.detail == (
        "fails at 2 → 3: ONNX Runtime cannot run the model with these inputs: Reshape node 'r': The input tensor "
        "cannot be reshaped to the requested shape. Input shape:{3,4}, requested shape:{2,2,2}"
    )
    with pytest.raises(RuntimeMismatch, match="axis batch"):
        report.raise_if_failed()


def test_a_baked_value() -> None:
    text = "agraph (float[batch] x) => (float[batch] y) <float size = {2.0}> { y = Div(x, size) }"
    report = check(text, lambda x: x / x.shape[0], BATCH, x=torch.randn(2))
    assert item(report, "axis").detail.startswith("differs at 2 → 3: 'y': 3 of 3 values differ")


def test_declared_symbol_of_an_output() -> None:
    text = "agraph (float[batch, 2] x, int64[1] s) => (float[batch] y) { y = Reshape(x, s) }"
    report = check(text, lambda x, s: x.reshape(-1), BATCH, x=torch.randn(2, 2), s=torch.tensor([-1]))
    assert item(report, "axis").detail.endswith("axis 0 of 'y' is declared as 'batch' = 3 and is 6")


def test_one_symbol_on_several_inputs() -> None:
    seen: list[tuple[int, ...]] = []

    def add(x: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
        seen.append((x.shape[0], z.shape[1]))
        return x + z.T

    text = "agraph (float[n, 2] x, float[2, n] z) => (float[n, 2] y) { t = Transpose(z)  y = Add(x, t) }"
    axes = {"x": {0: "n"}, "z": {1: "n"}, "y": {0: "n"}}
    assert check(text, add, axes, x=torch.randn(4, 2), z=torch.randn(2, 4)).passed
    assert seen == [(4, 4), (5, 5)]


@pytest.mark.parametrize(
    ("accepts", "detail"),
    [
        (lambda size: size % 4 == 0, "runs at 8 → 16"),
        (lambda size: size % 2 == 0, "runs at 8 → 16"),
        (lambda size: size <= 8, "runs at 8 → 7"),
        (lambda size: size in (4, 8), "runs at 8 → 4"),
    ],
)
def test_sizes_that_pytorch_accepts(accepts: Callable[[int], bool], detail: str) -> None:
    def picky(x: torch.Tensor) -> torch.Tensor:
        if not accepts(x.shape[0]):
            raise ValueError(f"{x.shape[0]} rows?")
        return x.relu()

    report = check("agraph (float[n] x) => (float[n] y) { y = Relu(x) }", picky, {"x": {0: "n"}}, x=torch.randn(8))
    assert item(report, "axis").detail == detail


def test_no_other_size_that_pytorch_accepts() -> None:
    def picky(x: torch.Tensor) -> torch.Tensor:
        if x.shape[0] != 8:
            raise ValueError("eight rows\nand no others")
        return x.relu()

    report = check("agraph (float[n] x) => (float[n] y) { y = Relu(x) }", picky, {"x": {0: "n"}}, x=torch.randn(8))
    assert item(report, "axis").status == "not run"
    assert item(report, "axis").detail == "PyTorch itself rejects 8 → 9: eight rows and no others"
    assert report.passed
    assert report.verdict.endswith("dynamic axes n: not run, PyTorch itself rejects 8 → 9: eight rows and no others")


def test_axes_that_change_together_only() -> None:
    text = "agraph (float[n, k] x, float[m, k] z) => (float[n, k] y) { y = Add(x, z) }"
    axes = {"x": {0: "n"}, "z": {0: "m"}}
    report = check(text, torch.add, axes, x=torch.randn(4, 3), z=torch.randn(4, 3))
    assert [each.status for each in report.items if each.kind == "axis"] == ["not run", "not run", "passed"]
    assert item(report, "axis", "n + m").detail == "runs at 4 → 5, 4 → 5"


def test_all_axes_at_once() -> None:
    seen: list[tuple[int, ...]] = []

    def relu(x: torch.Tensor) -> torch.Tensor:
        seen.append(tuple(x.shape))
        return x.relu()

    text = "agraph (float[a, b, c] x) => (float[a, b, c] y) { y = Relu(x) }"
    report = check(text, relu, {"x": {0: "a", 1: "b", 2: "c"}}, x=torch.randn(2, 2, 3))
    assert report.passed
    assert seen == [(2, 2, 3), (5, 2, 3), (2, 5, 3), (2, 2, 4), (5, 6, 4)]
    assert report.verdict.endswith("dynamic axes a: runs at 2 → 5, b: runs at 2 → 5, c: runs at 3 → 4")


def test_indices_stay_valid_and_inputs_that_the_model_writes_to() -> None:
    table = torch.randn(10, 3)

    def embed(ids: torch.Tensor) -> torch.Tensor:
        result = table[ids]
        ids.zero_()
        return result

    made = model("agraph (int64[n] ids) => (float[n, 3] y) <float[1] table = {0}> { y = Gather(table, ids) }")
    made.graph.initializers["table"].const_value = ir.tensor_adapters.TorchTensor(table)
    made.graph.initializers["table"].shape = ir.Shape([10, 3])
    assert check(made, embed, {"ids": {0: "n"}}, ids=torch.tensor([3, 9])).passed


def test_without_a_model_to_run() -> None:
    capture, _ = captured(torch.relu, x=torch.ones(2))
    made = model("agraph (float[n] x) => (float[n] y) { y = Relu(x) }")
    report = check_export(made, capture, dynamic_axes={"x": {0: "n"}}, recorder=Recorder())
    assert item(report, "axis").status == "not run"
    assert item(report, "runtime").status == "passed"


def test_random_numbers_are_not_used_up() -> None:
    state = torch.get_rng_state()
    text = "agraph (float[n] x) => (float[n] y) { y = Relu(x) }"

    def noisy(x: torch.Tensor) -> torch.Tensor:
        torch.rand(1)
        return x.relu()

    capture, run = captured(noisy, x=torch.ones(2))
    torch.set_rng_state(state)
    check_export(model(text), capture, run_model=run, dynamic_axes={"x": {0: "n"}}, recorder=Recorder())
    assert torch.equal(torch.get_rng_state(), state)


# Replay


@pytest.mark.parametrize(
    ("error", "status", "detail"),
    [
        (CaptureDiverged("the output differs"), "failed", "the output differs"),
        (NotAvailable("no way"), "not run", "NotAvailable: no way"),
        (RuntimeError("interpreter\nsays no"), "not run", "interpreter says no"),
    ],
)
def test_replay(error: Exception, status: str, detail: str) -> None:
    def diverges(capture: Capture) -> None:
        raise error

    capture, run = captured(torch.relu, x=torch.ones(2))
    made = model("agraph (float[n] x) => (float[n] y) { y = Relu(x) }")
    report = check_export(made, capture, run_model=run, check_replay=diverges, dynamic_axes={}, recorder=Recorder())
    assert item(report, "replay") == Check("replay", "capture", status, detail)  # pyright: ignore[reportArgumentType]
    if status == "failed":
        with pytest.raises(CaptureDiverged):
            report.raise_if_failed()


# Kernels


def test_reference_where_there_is_no_kernel() -> None:
    recorder = Recorder()
    made = model("agraph (bfloat16[n] x) => (bfloat16[n] y) { y = Erf(x) }")
    report = check(made, torch.erf, {"x": {0: "n"}}, recorder=recorder, x=torch.randn(4).bfloat16())
    assert report.passed, report
    assert item(report, "runtime").subject == "onnx.reference"
    assert report.verdict.startswith("checked: onnx.reference agrees with PyTorch on 1 output")
    (note,) = recorder.recording.notes
    assert note.code == "NoRuntimeKernel"
    assert "no kernel for Erf" in note.message


def test_a_slow_reference_runs_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("onnx_explore.check.checker._SLOW", 0.0)
    text = "agraph (bfloat16[n] x) => (bfloat16[n] y) { y = Erf(x) }"
    report = check(text, torch.erf, {"x": {0: "n"}}, x=torch.randn(4).bfloat16())
    assert item(report, "runtime").status == "passed"
    assert item(report, "axis").detail == "onnx.reference is too slow"


def test_no_kernel_anywhere() -> None:
    report = check("agraph (float[n] x) => (float[n] y) { y = mine.Foo(x) }", torch.relu, BATCH, x=torch.ones(2))
    assert item(report, "runtime").status == "not run"
    assert item(report, "axis").status == "not run"
    assert report.passed
    assert report.verdict.startswith("not checked: not run: ONNX Runtime does not know the operator mine:Foo")


# Random outputs

DROPOUT = TorchNode(7, "aten::rand", (), (TorchValue(200, "r", "Tensor"),))


def test_random_outputs() -> None:
    text = """agraph (float[n] x) => (float[n] y, float[n] z, float[1] w)
        { r = RandomUniformLike(x)  y = Add(x, r)  z = Relu(x)  i = RandomNormal <shape = [1]> ()  w = Neg(i) }"""
    report = check(
        text,
        lambda x: (x + torch.rand_like(x), x.relu(), torch.randn(1)),
        {"x": {0: "n"}},
        outputs=("y", "z", "w"),
        x=torch.randn(3),
    )
    assert report.passed, report
    assert "agrees with PyTorch on 1 output" in report.verdict
    assert "agrees in dtype and shape on 'y', 'w', whose values are random" in report.verdict


def test_random_pytorch_is_named_when_values_differ() -> None:
    text = "agraph (float[n] x) => (float[n] y) { y = Relu(x) }"
    report = check(text, lambda x: x + 1, nodes=(DROPOUT,), x=torch.randn(3))
    assert "PyTorch's values are random (aten::rand)" in report.verdict


# Cancel


@pytest.mark.parametrize("looks", range(7))
def test_cancel(looks: int) -> None:
    answers = iter([False] * looks + [True] * 10)
    recorder = Recorder(cancelled=lambda: next(answers))
    with pytest.raises(Cancelled):
        check(
            "agraph (float[a, b] x) => (float[a, b] y) { y = Relu(x) }",
            torch.relu,
            {"x": {0: "a", 1: "b"}},
            recorder=recorder,
            x=torch.randn(2, 3),
        )
