"""``ex.repro``: the ZIP shows the failure in another process, with the weights that it needs and no paths of this machine."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch import Tensor, nn

from onnx_explore import explore, symbolic
from onnx_explore.errors import InvalidArgument
from onnx_explore.explore.repro import Repro
from tests.check.wrong import CASES, MODELS, identity

ROOT = Path(__file__).parents[2]


def run(repro: Repro, folder: Path) -> tuple[int, str]:
    """Unzip it elsewhere, run the script, look for what must not be in it."""
    with zipfile.ZipFile(repro.path) as archive:
        archive.extractall(folder)
        for name in archive.namelist():
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
