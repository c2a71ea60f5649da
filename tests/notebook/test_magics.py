"""The magics as a person uses them: what is shown, and what is left behind."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import pytest
import torch
from IPython.core.error import UsageError

import onnx_explore
from onnx_explore.errors import RuntimeMismatch, UnsupportedOperatorError

from .conftest import Session


def test_importing_the_package_does_not_import_ipython() -> None:
    import subprocess
    import sys

    code = "import sys, onnx_explore; sys.exit('IPython' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_export(session: Session, tmp_path: Path) -> None:
    file = tmp_path / "model.onnx"
    shown = session.run(f"%onnx_export model x -o '{file}' --dynamic x:0=batch --output-names y --opset 18")
    flowing = " ".join(shown.split())  # a long folder name wraps the first line
    assert flowing.startswith(f"exported to {file}: opset 18, 3 nodes, 4 weights")
    assert " ms checked: ONNX Runtime agrees with PyTorch on 1 output" in flowing
    assert "axes batch: runs at 2 →" in flowing
    assert "input   x  FLOAT[batch, 3]" in shown
    assert "output  y  FLOAT[batch, 2]" in shown
    assert "%onnx_dispatch aten::linear" in shown
    assert "Out[" not in shown
    assert onnx.load(file).opset_import[0].version == 18
    assert session["_onnx"].state == "exported"


def test_the_value_is_there_when_it_is_used(session: Session) -> None:
    session.run("ex = %onnx_export model x --no-check --as first")
    assert session["ex"] is session["first"]
    assert "exported: opset 17" in session.run("ex")
    assert "In[" not in session.run("%onnx_graph --of first")


@pytest.mark.parametrize(
    "line",
    [
        "model x scale",
        "model x scale=scale",
        "model (x, {'scale': scale})",
        "model *(x, scale)",
        "model **{'x': x, 'scale': scale}",
        "model x --kw scale=torch.ones(2)",
        'model "x + 0" "scale * 1"',
    ],
)
def test_arguments(session: Session, line: str) -> None:
    session.run(f"%onnx_export {line} --no-check")
    assert [item.name for item in session["_onnx"].captured.inputs] == ["x", "scale"]


def test_a_dict_behind_a_tensor_is_an_argument(session: Session) -> None:
    session.run("pick = lambda x, d: x + d['y']")
    shown = session.run("%onnx_export pick x {'y': x}")
    assert "agrees with PyTorch" in shown


def test_cell(session: Session) -> None:
    shown = session.run('%%onnx_export model x\ndynamic_axes={"x": [0]},\noutput_names=["y"]\n')
    assert "FLOAT[x_dynamic_axes_1, 2]" in shown
    shown = session.run("%%onnx_export model x --opset 9\nopset_version=10")
    assert shown.strip() == "UsageError: 'opset_version' is given on the line and in the cell"


def test_local_variables(session: Session) -> None:
    shown = session.run("def f():\n    mine = torch.ones(1, 3)\n    %onnx_export model mine --no-check\nf()")
    assert "FLOAT[1, 3]" in shown


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("", "what is to be exported? Write %onnx_export model x; %onnx_export? has examples"),
        ("modle x", "name 'modle' is not defined; did you mean model?"),
        ("x model", "'x' is a tensor; the model comes first: %onnx_export model x"),
        ("torch.nn.ReLU x", "'torch.nn.ReLU' is a class; pass a model made of it: %onnx_export torch.nn.ReLU() x"),
        ("model.encodr x", "'Small' object has no attribute 'encodr'; did you mean encoder?"),
        ("model x+", "'x+' is not a Python expression"),
        ("model x --opset 99", "opset_version: opset 99 is not one of 7 … 28"),
        ("model x --dynamic z:0=b", "dynamic_axes: 'z' is neither an input nor an output of the model"),
        ("model", "missing a required argument: 'x'"),
        ("model torch.zeros('a')", "raised TypeError"),
        ("model x x=x", "multiple values for argument 'x'"),
    ],
)
def test_wrong_words(session: Session, line: str, message: str) -> None:
    shown = session.run(f"%onnx_export {line}")
    assert message in shown
    assert shown.startswith("UsageError: ")
    assert len(shown.splitlines()) == 1
    assert isinstance(session.error, UsageError)


def test_views(session: Session) -> None:
    assert "nothing was exported yet" in session.run("%onnx_graph")
    session.run("%onnx_export model x --dynamic x:0=batch")
    torch_graph = session.run("%onnx_graph torch")
    assert "aten::linear(x, encoder.0.weight, encoder.0.bias)" in torch_graph
    assert "prim::Constant" not in torch_graph
    assert "encoder.1/Relu" in session.run("%onnx_graph")
    inside = session.run("%onnx_graph onnx encoder")
    assert ".1/Relu" in inside
    assert "head/Gemm" not in inside
    assert "graph main_graph" in session.run("%onnx_graph onnx --all")
    assert "did you mean onnx?" in session.run("%onnx_graph onx")
    table = session.run("%onnx_dispatch")
    assert "aten::linear" in table
    assert "aten.linear.linear" in table
    story = session.run("%onnx_dispatch aten::relu")
    assert "schema     aten::relu(Tensor self) -> Tensor" in story
    assert "chosen     aten.activation.relu (opset ≥ 7): built in" in story
    assert story == session.run("%onnx_dispatch encoder.1/Relu")
    assert "did you mean aten::linear?" in session.run("%onnx_dispatch aten::lineal")
    assert "passed   axis batch" in session.run("%onnx_check")
    assert "remove_dead_code" in session.run("%onnx_passes")
    assert session.run("%onnx_notes").strip() == "nothing to note"


def test_tables_keep_the_width(session: Session) -> None:
    session.run("%onnx_export model x --no-check")
    for magic in ("%onnx_graph torch", "%onnx_graph onnx", "%onnx_dispatch", "%onnx_dispatch aten::linear"):
        assert max(map(len, session.run(magic).splitlines())) <= 118, magic


def test_check_runs_where_none_ran(session: Session) -> None:
    assert ", not checked" in session.run("%onnx_export model x --no-check")
    assert "passed   ONNX Runtime" in session.run("%onnx_check --rtol 1e-2")
    assert "checked: ONNX Runtime agrees" in session.run("_onnx")


def test_step(session: Session) -> None:
    shown = session.run("%onnx_export model x --step")
    assert shown.startswith("paused at node 0 of")
    assert "output  output  float32[2, 2] in PyTorch" in shown
    assert "partial" in session.run("%onnx_graph")
    assert "there is nothing to check yet" in session.run("%onnx_check")
    assert "next operator is" in session.run("_onnx.run_until('aten::relu')")
    assert "exported" in session.run("_onnx.run()")


def test_unsupported_operators(session: Session, missing: Callable[[], Any]) -> None:
    session.shell.push({"bad": missing()})
    shown = session.run("%onnx_export bad x")
    assert isinstance(session.error, UnsupportedOperatorError)
    assert "Traceback" not in shown
    rows = [line.split() for line in shown.splitlines()]
    assert ["magictest::twice", "2"] in [row[:2] for row in rows]
    assert ["magictest::other", "1"] in [row[:2] for row in rows]
    assert 'register one with @onnx_explore.symbolic("magictest::twice")' in shown

    @onnx_explore.symbolic("magictest::twice")
    def twice(g: Any, x: torch.Tensor, s: float) -> Any:
        return g.op("Mul", x, g.like(s, x))

    @onnx_explore.symbolic("magictest::other")
    def other(g: Any, x: Any) -> Any:
        return g.op("Sub", x, g.like(-1.0, x))

    with twice, other:
        assert "agrees with PyTorch" in session.run("_onnx.run()")
        assert "registered by the user" in session.run("%onnx_dispatch magictest::other")


def test_a_wrong_symbolic_function_writes_nothing(session: Session, tmp_path: Path) -> None:
    @onnx_explore.symbolic("aten::relu")
    def wrong(g: Any, x: Any) -> Any:
        return g.op("Abs", x)

    file = tmp_path / "wrong.onnx"
    with wrong:
        shown = session.run(f"%onnx_export torch.nn.ReLU() x -o {file}")
    assert isinstance(session.error, RuntimeMismatch)
    assert shown.startswith("NOT AS PYTORCH, so not written")
    assert not file.exists()
    assert "failed   ONNX Runtime" in session.run("%onnx_check")


def test_a_failing_symbolic_function_shows_its_own_lines(session: Session) -> None:
    session.run("import onnx_explore\n@onnx_explore.symbolic('aten::relu')\ndef broken(g, x):\n    return 1 / 0\n")
    shown = session.run("%onnx_export torch.nn.ReLU() x")
    assert "SymbolicFailed" in shown
    assert "return 1 / 0" in shown
    assert "ZeroDivisionError: division by zero" in shown
    assert "cursor.py" not in shown
    session.run("broken.remove()")
    assert "agrees" in session.run("_onnx.run()")


def test_the_models_own_exception_is_short(session: Session) -> None:
    session.run("class Bad(torch.nn.Module):\n    def forward(self, x):\n        return x @ torch.zeros(5, 5)\n")
    shown = session.run("%onnx_export Bad() x")
    assert shown.startswith("CaptureFailed\n")
    assert "return x @ torch.zeros(5, 5)" in shown
    assert "RuntimeError: mat1 and mat2 shapes cannot be multiplied" in shown
    assert len(shown.splitlines()) < 12
    assert "exported" in session.run("%onnx_export model x --no-check")


def test_source_lines_of_cells(session: Session) -> None:
    session.run("class Mine(torch.nn.Module):\n    def forward(self, x):\n        return torch.relu(x)\n")
    number = session.shell.execution_count - 1
    session.run("%onnx_export Mine() x --no-check")
    assert f"In[{number}]:3" in session.run("%onnx_graph torch")


def test_unwritable_file(session: Session, tmp_path: Path) -> None:
    shown = session.run(f"%onnx_export model x -o {tmp_path / 'no' / 'where.onnx'}")
    assert "WriteFailed" in shown
    (tmp_path / "no").mkdir()
    assert "exported to" in session.run("_onnx.run()")


def test_interrupt_in_the_capture(session: Session) -> None:
    class Slow(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            os.kill(os.getpid(), signal.SIGINT)
            return x + 1

    session.run("%onnx_export model x --no-check")
    before = session["_onnx"]
    session.shell.push({"slow": Slow()})
    shown = session.run("%onnx_export slow x")
    assert shown.startswith("Interrupted")
    assert isinstance(session.error, KeyboardInterrupt)
    assert session["_onnx"] is before
    assert "exported" in session.run("%onnx_export model x --no-check")


def test_interrupt_in_the_lowering(session: Session) -> None:
    interrupts = [True]

    @onnx_explore.symbolic("aten::sigmoid")
    def sigmoid(g: Any, x: Any) -> Any:
        result = g.op("Sigmoid", x)
        if interrupts:
            interrupts.pop()
            os.kill(os.getpid(), signal.SIGINT)
        return result

    with sigmoid:
        shown = session.run("%onnx_export torch.nn.Sequential(torch.nn.ReLU(), torch.nn.Sigmoid()) x")
        assert "paused at node 1 of 2" in shown
        shown = session.run("_onnx.run()")
    assert "exported: opset 17, 2 nodes" in shown
    assert "agrees" in shown


def test_unload(session: Session) -> None:
    session.run("%unload_ext onnx_explore")
    assert "not found" in session.run("%onnx_graph")
    assert session.tab("%onnx_export mod") != ["model"]
    session.run("%load_ext onnx_explore")
    assert session.tab("%onnx_export mod") == ["model"]


def test_help_page(session: Session) -> None:
    shown = (
        session.run("%onnx_export?")
        or session.shell.inspector.info(session.shell.find_line_magic("onnx_export"))["docstring"]
    )
    assert "%onnx_export model x y -o model.onnx" in shown


def test_operators_of_the_last_export_and_of_a_model(session: Session) -> None:
    session.run("%onnx_export model x --no-check")
    shown = session.run("%onnx_ops")
    assert "operators, all of them can be exported at opset 17" in shown
    assert "aten::linear" in shown
    session.run(
        "import torch\n"
        "@torch.library.custom_op('oe_ops::unknown', mutates_args=())\n"
        "def unknown(x: torch.Tensor) -> torch.Tensor:\n"
        "    return x * 2\n"
        "class Unknown(torch.nn.Module):\n"
        "    def forward(self, x):\n"
        "        return unknown(unknown(x)).relu()\n"
        "unknown_model = Unknown()"
    )
    lines = session.run("%onnx_ops unknown_model x --opset 9").splitlines()
    assert lines[0] == "1 of 2 operators cannot be exported at opset 9"
    assert lines[4].split()[:4] == ["oe_ops::unknown", "2", "–", "NONE"]
