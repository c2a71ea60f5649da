"""``ex.repro``: the ZIP shows the failure in another process, with the weights that it needs and no paths of this machine."""

from __future__ import annotations

import inspect
import io
import math
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from onnx_explore import Exploration, explore, symbolic
from onnx_explore.emit import Emitter
from onnx_explore.errors import InvalidArgument, NotAvailable, WriteError
from onnx_explore.explore.repro import Repro
from onnx_explore.explore.smallest import Search
from onnx_explore.symbolic.registry import REGISTRY
from tests.check.wrong import CASES, MODELS, identity

ROOT = Path(__file__).parents[2]


def run(repro: Repro, folder: Path) -> tuple[int, str]:
    """Unzip it elsewhere, run the script, look for what must not be in it."""
    with zipfile.ZipFile(repro.path) as archive:
        archive.extractall(folder)
        for name in archive.namelist():
            assert holds_no_code(archive, name), name
            for private in (str(ROOT), str(Path.home()), str(folder)):
                assert private.encode() not in archive.read(name), (name, private)
    assert len((folder / "repro.py").read_text().splitlines()) < 50
    done = subprocess.run(
        [sys.executable, "repro.py"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    return done.returncode, done.stdout + done.stderr


def holds_no_code(archive: zipfile.ZipFile, name: str) -> bool:
    """Whether nothing of somebody else's runs when it is opened: arrays, protobuf and text, no pickle."""
    content = archive.read(name)
    if name.endswith(".npz"):
        arrays = np.load(io.BytesIO(content), allow_pickle=False)  # raises for an array of objects
        return all(arrays[key].dtype != object for key in arrays.files)
    return name.endswith((".py", ".txt", ".json", ".onnx")) and not content.startswith(b"\x80")


@pytest.mark.parametrize(
    "name",
    [
        "wrong epsilon of batch norm",
        "ceil_mode ignored",
        "relu that emits nothing",
        "gates in another order",
    ],
)
def test_a_culprit_is_seen_in_another_process(name: str, tmp_path: Path) -> None:
    (case,) = (case for case in CASES if case.name == name)
    torch.manual_seed(0)
    model, args = MODELS[case.model]()
    with symbolic(case.target)(case.make(case.target)):
        ex = explore(model, args, check=False).run()
        repro = ex.repro(tmp_path / "bug.zip")
    assert case.target.partition(".")[0] in str(repro)
    code, shown = run(repro, tmp_path)
    assert (code, shown.splitlines()[-1]) == (1, "MISMATCH"), shown
    small = onnx.load(tmp_path / "model.onnx")
    assert len(small.graph.node) < len(ex.exported.model.graph)
    assert not {item.name for item in small.graph.initializer} >= set(ex.exported.model.graph.initializers)


def test_the_script_agrees_where_the_values_do(tmp_path: Path) -> None:
    """With the right values, the very script says so: it can tell."""
    torch.manual_seed(0)
    x = torch.randn(3, 4)
    with symbolic("aten::relu")(identity):
        ex = explore(nn.ReLU(), x, check=False).run()
        repro = ex.repro(tmp_path / "bug.zip")
    assert run(repro, tmp_path)[0] == 1
    values = dict(np.load(tmp_path / "values.npz"))
    (given,) = (item for name, item in values.items() if name.startswith("in/"))
    (wanted,) = (name for name in values if name.startswith("out/"))
    np.savez(tmp_path / "values.npz", **{**values, wanted: given})  # pyright: ignore[reportArgumentType]
    done = subprocess.run([sys.executable, "repro.py"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "agrees")


def test_an_operator_that_cannot_be_lowered(tmp_path: Path) -> None:
    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(8, 8)

        def forward(self, x: Tensor) -> Tensor:
            return torch.ops.aten._fft_c2r(torch.complex(self.linear(x), x), [1], 0, 8)

    ex = explore(Model().eval(), torch.randn(2, 8), check=False, opset_version=9).run()
    assert ex.state == "failed", ex
    repro = ex.repro(tmp_path / "bug.zip")
    code, shown = run(repro, tmp_path)
    assert code == 1 and shown.startswith("FAILED: "), shown
    assert ex.state == "failed" and not ex.busy


def test_nothing_to_show(tmp_path: Path) -> None:
    ex = explore(nn.ReLU(), torch.randn(2), check=False).run()
    with pytest.raises(InvalidArgument, match="nothing to show"):
        ex.repro(tmp_path / "bug.zip")
    assert not list(tmp_path.iterdir())


# Inside of blocks, functions of Python, lists, quantized: each with what has to be in the ZIP, and what must not.


class InLoop(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x: Tensor, n: int) -> Tensor:
        for _ in range(n):
            x = torch.relu(self.linear(x)) * 0.5 + torch.tanh(x)
        return x


class InBranch(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        if bool(x.sum() > 0):
            y = torch.tanh(x) * 2
        else:
            y = torch.relu(x)
        return y + 1


class Lists(nn.Module):
    def forward(self, xs: list[Tensor]) -> list[Tensor]:
        out: list[Tensor] = []
        for x in xs:
            out.append(torch.tanh(x))  # noqa: PERF401 (a loop is what is tested)
        return out


@pytest.mark.parametrize(
    ("model", "args"),
    [
        (InLoop(), (torch.randn(3, 4), 3)),
        (InBranch(), (torch.rand(3, 4),)),
        (Lists(), ([torch.randn(2, 3), torch.randn(2, 3)],)),
    ],
    ids=["loop", "branch", "list"],
)
def test_a_node_in_a_block_is_taken_out_of_it(model: nn.Module, args: Any, tmp_path: Path) -> None:
    with symbolic("aten::tanh")(identity):
        ex = explore(torch.jit.script(model), args, check=False).run()
    assert any(node.op_type in ("If", "Loop") for node in ex.exported.model.graph)
    repro = ex.repro(tmp_path / "bug.zip")
    assert "aten::tanh" in repro.title
    code, shown = run(repro, tmp_path)
    assert (code, shown.splitlines()[-1]) == (1, "MISMATCH"), shown
    small = onnx.load(tmp_path / "model.onnx")
    assert [node.op_type for node in small.graph.node] == ["Identity"], "the tanh alone: it emitted nothing"
    assert not small.graph.initializer


def test_an_export_whose_registration_is_gone_can_still_be_asked(tmp_path: Path) -> None:
    """The symbolic function was taken back after the export: the finished graph stays as it is."""
    with symbolic("aten::relu")(identity):
        ex = explore(nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4)), torch.randn(2, 4)).run()
    before = ex.onnx_text()
    assert run(ex.repro(tmp_path / "bug.zip"), tmp_path)[0] == 1
    assert ex.onnx_text() == before


class Twice(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, factor: float) -> Tensor:  # type: ignore[override]
        return F.relu(x) * factor

    @staticmethod
    def symbolic(g: Any, x: Any, factor: float) -> Any:
        return g.op("Relu", x)


class Refusing(Twice):
    @staticmethod
    def symbolic(g: Any, x: Any, factor: float) -> Any:
        raise RuntimeError("not written yet")


class Calls(nn.Module):
    def __init__(self, function: type[torch.autograd.Function]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function.apply(x + 1, 2.0) - 1  # type: ignore[no-untyped-call]


def test_a_function_whose_symbolic_is_wrong(tmp_path: Path) -> None:
    ex = explore(Calls(Twice), torch.randn(3, 4)).run()
    repro = ex.repro(tmp_path / "bug.zip")
    assert "prim::PythonOp" in repro.title
    code, shown = run(repro, tmp_path)
    assert (code, shown.splitlines()[-1]) == (1, "MISMATCH"), shown
    assert [node.op_type for node in onnx.load(tmp_path / "model.onnx").graph.node] == ["Relu"]


def test_a_function_whose_symbolic_fails_goes_with_its_source(tmp_path: Path) -> None:
    ex = explore(Calls(Refusing), torch.randn(3, 4)).run()
    code, shown = run(ex.repro(tmp_path / "bug.zip"), tmp_path)
    assert code == 1 and shown.startswith("FAILED: SymbolicFailed: prim::PythonOp") and "not written yet" in shown
    own = (tmp_path / "own.py").read_text()
    assert "class Refusing(Twice)" in own and "class Twice(" in own and "class Calls" not in own


def test_a_symbolic_function_of_the_user_goes_with_its_source_and_stays_registered(tmp_path: Path) -> None:
    def fails(g: Emitter, self: Tensor) -> Tensor:
        raise ValueError(f"of my own, {math.pi:.2f}")

    with symbolic("aten::relu")(fails) as registered:
        ex = explore(nn.Sequential(nn.Linear(4, 4), nn.ReLU()), torch.randn(2, 4)).run()
        code, shown = run(ex.repro(tmp_path / "bug.zip"), tmp_path)
        assert code == 1 and "of my own, 3.14" in shown
        (variant,) = REGISTRY.custom_variants("aten::relu")
        assert inspect.unwrap(variant.function) is registered.function


LIBRARY = torch.library.Library("reprotest", "FRAGMENT")
LIBRARY.define("odd(Tensor x, int factor) -> Tensor")
LIBRARY.impl("odd", lambda x, factor: x * factor, "CompositeExplicitAutograd")


class Unknown(nn.Module):
    def forward(self, x: Tensor, size: int) -> Tensor:
        y = torch.relu(x)
        for _ in range(size):
            y = torch.ops.reprotest.odd(y, 3) * y
        return y


class Known(nn.Module):
    def forward(self, x: Tensor, size: int) -> Tensor:
        return (x * 2).unfold(0, size, 1)


@pytest.mark.parametrize(
    ("model", "head"),
    [(Unknown(), "UnsupportedOperator: reprotest::odd"), (Known(), "NotConstant: aten::unfold argument 'size'")],
    ids=["in a loop", "known when it runs"],
)
def test_the_smallest_piece_of_torchscript_fails_as_the_model_does(model: nn.Module, head: str, tmp_path: Path) -> None:
    ex = explore(torch.jit.script(model), (torch.rand(3, 3), 2)).run()
    assert ex.error is not None and str(ex.error).startswith(head)
    code, shown = run(ex.repro(tmp_path / "bug.zip"), tmp_path)
    assert code == 1 and shown.startswith(f"FAILED: {head}"), shown
    script = (tmp_path / "repro.py").read_text()
    assert "relu" not in script and "ops.aten.mul" not in script
    assert ex.error is not None and ex.state == "failed"


def test_a_model_that_the_checker_refuses(tmp_path: Path) -> None:
    def softmax(g: Emitter, self: Tensor) -> Tensor:
        return g.op("Softmax", self, axis=7)

    with symbolic("aten::tanh")(softmax):
        model = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Tanh(), nn.Linear(4, 4))
        ex = explore(model, torch.randn(2, 4)).run()
    code, shown = run(ex.repro(tmp_path / "bug.zip"), tmp_path)
    assert code == 1 and shown.startswith("REFUSED: ") and "'axis' must be in" in shown
    assert [node.op_type for node in onnx.load(tmp_path / "model.onnx").graph.node] == ["Softmax"]


def test_a_model_that_the_runtime_refuses(tmp_path: Path) -> None:
    """Two nodes, each fine, whose types do not fit: they are refused only together."""
    ex = explore(Chain(), torch.randn(4, 8), check=False).run()
    graph = ex.exported.model.graph
    node = next(node for node in graph if node.op_type == "Cos")
    cast = ir.node("Cast", [node.inputs[0]], {"to": ir.DataType.INT64})  # type: ignore[list-item]
    cast.outputs[0].name = "integers"
    graph.insert_before(node, cast)
    node.replace_input_with(0, cast.outputs[0])
    code, shown = run(ex.repro(tmp_path / "bug.zip"), tmp_path)
    assert code == 1 and shown.startswith("REFUSED: "), shown
    assert {item.op_type for item in onnx.load(tmp_path / "model.onnx").graph.node} == {"Cast", "Cos"}


class Chain(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(8, 8) for _ in range(6))

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = torch.cos(layer(x) * 3)
        return x


def test_what_differs_only_together_is_a_run_of_nodes(tmp_path: Path) -> None:
    """Every node is within its tolerance, and together they are not: a little is added after each of them."""
    torch.manual_seed(0)
    ex = explore(Chain(), torch.randn(4, 8), check=False).run()
    graph = ex.exported.model.graph
    for node in [node for node in graph if node.op_type == "Gemm"][1:4]:
        bias = node.inputs[2]
        assert bias is not None and bias.const_value is not None
        bias.const_value = ir.tensor(bias.const_value.numpy() + np.float32(2e-6), name=bias.name)
    ex.check_nodes(rtol=0.0, atol=1.5e-5)
    report = ex.nodes_report
    assert report is not None and not report.culprits and report.unexplained is not None
    repro = ex.repro(tmp_path / "bug.zip")
    assert "with what stands before it" in repro.title
    code, shown = run(repro, tmp_path)
    assert (code, shown.splitlines()[-1]) == (1, "MISMATCH"), shown
    kinds = [node.op_type for node in onnx.load(tmp_path / "model.onnx").graph.node]
    assert 1 < kinds.count("Gemm") < 5, kinds


@pytest.mark.parametrize("place", ["inside", "interface"])
def test_quantized(place: str, tmp_path: Path) -> None:
    model: nn.Module = nn.ReLU()
    x = torch.quantize_per_tensor(torch.randn(3, 4), 0.1, 10, torch.quint8)
    if place == "inside":
        model, x = Quantizes(), torch.randn(3, 4)
    with symbolic("aten::relu")(identity):
        ex = explore(model, x).run()
    code, shown = run(ex.repro(tmp_path / "bug.zip"), tmp_path)
    assert (code, shown.splitlines()[-1]) == (1, "MISMATCH"), shown
    assert "uint8" in shown


class Quantizes(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(torch.quantize_per_tensor(x * 2, 0.1, 10, torch.quint8)).dequantize()


def test_an_operator_on_packed_weights_that_cannot_be_exported(tmp_path: Path) -> None:
    model = torch.ao.nn.quantized.Linear(4, 3)

    def linear(g: Emitter, x: Any) -> Any:
        return x

    class Outer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = model

        def forward(self, x: Tensor) -> Tensor:
            return self.linear(torch.quantize_per_tensor(x, 0.1, 10, torch.quint8)).dequantize()

    with symbolic("quantized::linear")(linear):
        ex = explore(Outer().eval(), torch.randn(2, 4)).run()
        assert ex.state == "failed"
        code, shown = run(ex.repro(tmp_path / "bug.zip"), tmp_path)
    assert code == 1 and "FAILED: UnsupportedOperator: quantized::linear" in shown, shown


def test_what_cannot_be_written_is_an_error_that_says_so(tmp_path: Path) -> None:
    def gone(g: Emitter, self: Tensor) -> Tensor:
        raise ValueError("gone")

    with symbolic("aten::relu")(gone):
        ex: Exploration = explore(nn.ReLU(), torch.randn(2)).run()
    with pytest.raises(NotAvailable, match="hand on the model itself"):
        ex.repro(tmp_path / "bug.zip")
    assert not list(tmp_path.iterdir()) and ex.state == "failed" and not ex.busy


def test_an_interrupt_leaves_no_file_and_an_exploration_that_can_be_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with symbolic("aten::relu")(identity):
        ex = explore(nn.Sequential(nn.Linear(4, 4), nn.ReLU()), torch.randn(2, 4)).run()
    kept = ex.exported, ex.onnx_text(), ex.verdict
    for owner, name in ((Search, "_shows"), (zipfile.ZipFile, "writestr")):
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, interrupted)
            with pytest.raises(KeyboardInterrupt):
                ex.repro(tmp_path / "bug.zip")
        assert not list(tmp_path.iterdir()) and not ex.busy
        assert (ex.exported, ex.onnx_text(), ex.verdict) == kept
    assert run(ex.repro(tmp_path / "bug.zip"), tmp_path)[0] == 1


def interrupted(*_args: object, **_kwargs: object) -> None:
    raise KeyboardInterrupt


def test_a_wrong_tolerance_is_refused() -> None:
    ex = explore(nn.ReLU(), torch.randn(2)).run()
    for wrong in (-1.0, float("nan"), "1e-3"):
        for ask in (ex.check, ex.check_nodes):
            with pytest.raises(InvalidArgument, match="rtol"):
                ask(rtol=wrong)  # type: ignore[arg-type]
    assert ex.report is not None and ex.report.passed


def test_an_operator_of_somebody_else_is_declared_in_the_script(tmp_path: Path) -> None:
    library = torch.library.Library("reprotest", "FRAGMENT")
    library.define("scaled(Tensor x, int factor, *, bool twice=False) -> (Tensor, Tensor)")
    library.impl("scaled", lambda x, factor, twice=False: (x * factor, x + 0), "CompositeExplicitAutograd")

    class Model(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            left, right = torch.ops.reprotest.scaled(x + 1, 2, twice=True)
            return left + right

    ex = explore(Model(), torch.randn(2, 3)).run()
    repro = ex.repro(tmp_path / "bug.zip")
    assert "one that others registered" in repro.title
    code, shown = run(repro, tmp_path)
    assert code == 1 and shown.startswith("FAILED: UnsupportedOperator: reprotest::scaled"), shown


class Baked(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return (x + 1).reshape(int(x.shape[0]), -1) * 2


def test_a_size_that_was_baked_is_shown_at_another_size(tmp_path: Path) -> None:
    ex = explore(Baked(), torch.randn(2, 3), dynamic_axes={"x": {0: "batch"}}).run()
    assert ex.report is not None and not ex.report.passed
    ex.check_nodes(inputs=[torch.randn(5, 3)])
    code, shown = run(ex.repro(tmp_path / "bug.zip"), tmp_path)
    assert code == 1 and "REFUSED: " in shown and "Reshape" in shown
    with np.load(tmp_path / "values.npz") as values:
        assert values["in/x"].shape == values["out/output"].shape == (5, 3)


def test_nested_blocks(tmp_path: Path) -> None:
    with symbolic("aten::tanh")(identity):
        ex = explore(torch.jit.script(Nested()), (torch.rand(3, 4), 3)).run()
    repro = ex.repro(tmp_path / "bug.zip")
    assert "aten::tanh" in repro.title and run(repro, tmp_path)[0] == 1


class Nested(nn.Module):
    def forward(self, x: Tensor, n: int) -> Tensor:
        y = x
        for _ in range(n):
            if bool(y.sum() > 0):
                for _ in range(2):
                    y = torch.tanh(y) + 0.1
            else:
                y = y * 2
        return y


class Noisy(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x + torch.randn_like(x)


def test_random_values_are_no_failure(tmp_path: Path) -> None:
    ex = explore(Noisy(), torch.ones(3, 4)).run()
    state = torch.get_rng_state()
    with pytest.raises(InvalidArgument, match="nothing to show"):
        ex.repro(tmp_path / "bug.zip")
    assert torch.equal(torch.get_rng_state(), state) and not list(tmp_path.iterdir())


def test_a_folder_that_is_missing_is_told_before_anything_runs(tmp_path: Path) -> None:
    ex = explore(Noisy(), torch.ones(3, 4)).run()
    with pytest.raises(WriteError, match="nowhere"):
        ex.repro(tmp_path / "nowhere" / "bug.zip")
    assert ex.nodes_report is None


def test_values_of_a_model_that_takes_a_list() -> None:
    with symbolic("aten::erf")(identity):
        ex = explore(torch.jit.script(Listed()), ([torch.ones(3, 4), torch.ones(3, 4)],)).run()
        row = ex.check_nodes().culprits[0]
        assert ex.values(row.node).row.target == "aten::erf"


class Listed(nn.Module):
    def forward(self, xs: list[Tensor]):
        return torch.erf(xs[0]) + xs[1]
