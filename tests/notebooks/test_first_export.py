"""The first notebook of the course, executed as a student would."""

from __future__ import annotations

import os
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT / "notebooks" / "01_first_export.ipynb"


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """First line of each code cell → everything that it shows."""
    folder = tmp_path_factory.mktemp("course")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    environment = {**os.environ, "PYTHONPATH": path, "IPYTHONDIR": str(folder / ".ipython")}
    client = NotebookClient(notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(folder)}})
    client.execute(env=environment)
    assert (folder / "alexnet.onnx").stat().st_size > 240_000_000
    result: dict[str, str] = {}
    for cell in notebook.cells:
        if cell.cell_type == "code":
            parts: list[str] = []
            for output in cell.outputs:
                parts += [output.get("text", ""), output.get("data", {}).get("text/plain", "")]
                parts += output.get("traceback", [])
            result[cell.source.splitlines()[0]] = "\n".join(filter(None, parts))
    return result


def test_outputs_are_not_committed() -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert cell.outputs == []
            assert cell.execution_count is None


def test_the_export(shown: dict[str, str]) -> None:
    verdict = shown["%%onnx_export model dummy_input -o alexnet.onnx"]
    assert verdict.startswith("exported to alexnet.onnx: opset 17, 20 nodes, 16 weights (244.4 MB)")
    assert "checked: ONNX Runtime agrees with PyTorch" in verdict
    assert "axes batch: runs at 2 →" in verdict
    assert "FLOAT[batch, 3, 224, 224]" in verdict


def test_the_views(shown: dict[str, str]) -> None:
    assert "aten::adaptive_avg_pool2d" in shown["%onnx_graph torch"]
    assert "aten::dropout" not in shown["%onnx_graph torch"]
    assert "In[2]:" in shown["%onnx_graph torch"]
    story = shown["%onnx_dispatch aten::_convolution"]
    assert "stride = [4, 4]" in story
    assert "Conv[kernel_shape=[11, 11]" in story
    assert "%actual_input_1[FLOAT, batchx3x224x224]" in shown["import warnings"]


def test_onnx_runtime(shown: dict[str, str]) -> None:
    assert "batch 1: (1, 1000)" in shown["import numpy as np"]
    assert "batch 5: (5, 1000)" in shown["import numpy as np"]


def test_a_branch_is_warned_of_and_wrong(shown: dict[str, str]) -> None:
    assert "warning" in shown["class Sign(nn.Module):"]
    assert "at In[" in shown["class Sign(nn.Module):"]
    both = shown['session = ort.InferenceSession("sign.onnx", providers=["CPUExecutionProvider"])']
    assert "-11." in both
    assert "-10." in both


def test_an_operator_is_missing_and_then_there(shown: dict[str, str]) -> None:
    failure = shown["%onnx_export Denoise().eval() signal --dynamic x:0=batch"]
    assert "UnsupportedOperator" in failure
    assert "Traceback" not in failure
    assert "course::shrink      2" in failure
    done = shown["_onnx.run()"]
    assert done.lstrip().startswith("exported")
    assert "agrees with PyTorch" in done
    assert "registered by the user" in shown["%onnx_dispatch course::shrink"]
