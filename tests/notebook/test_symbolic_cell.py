"""``%%onnx_symbolic``: the cell defines a symbolic function, and the export goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch

from onnx_explore.symbolic.registry import REGISTRY

from .conftest import Session

TYPED = """%%onnx_symbolic magictest::twice --text
from onnx_explore.symbolic.annotations import Tensor
def twice(g, x: Tensor, s: float = 2.0):
    return g.op("Mul", x, g.like(s, x))
"""
TORCH = """%%onnx_symbolic magictest::other --text
import torch
def plus_one(g, x):
    one = g.op("Constant", value_t=torch.tensor(1.0))
    return g.op("Add", x, one).setType(x.type())
"""


@pytest.fixture(autouse=True)
def registry() -> Iterator[None]:
    """What a test leaves registered is taken back."""
    yield
    for target in ("magictest::twice", "magictest::other", "aten::relu"):
        if REGISTRY.custom_variants(target):
            REGISTRY.unregister_custom(target)


def test_a_failed_export_goes_on(session: Session, missing: Callable[[], torch.nn.Module]) -> None:
    session.shell.push({"m": missing()})
    session.run("%onnx_export m x --text")
    assert session["_onnx"].state == "failed"
    assert session.tab("%%onnx_symbolic ")[:2] == ["magictest::twice", "magictest::other"]
    shown = session.run(TYPED)
    assert "magictest::twice: lowered by twice (of onnx_explore's own style)" in shown
    assert "magictest::other" in shown  # where it stands still now
    assert session["_onnx"].node.target == "magictest::other"
    shown = session.run(TORCH)
    assert "lowered by plus_one (as written for torch.onnx)" in shown
    assert "ONNX Runtime agrees with PyTorch" in shown
    assert [node.op_type for node in session["_onnx"].onnx_graph] == ["Mul", "Relu", "Add", "Mul"]


def test_a_complete_export_is_lowered_again(session: Session) -> None:
    session.run("%onnx_export model x --text")
    captured = session["_onnx"].captured
    shown = session.run(
        '%%onnx_symbolic aten::relu --text\ndef relu(g, x):\n    return g.op("Max", x, g.like(0.0, x))\n'
    )
    assert "ONNX Runtime agrees with PyTorch" in shown
    assert "Max" in [node.op_type for node in session["_onnx"].onnx_graph]
    assert session["_onnx"].captured is captured
    session.run("relu.remove()")
    assert not REGISTRY.custom_variants("aten::relu")


def test_it_leaves_other_exports_alone(session: Session) -> None:
    session.run("%onnx_export model x --text --step")
    shown = session.run(
        '%%onnx_symbolic aten::relu --opset 18 --style torch\ndef relu(g, x):\n    return g.op("Relu", x)\n'
    )
    assert shown.strip() == (
        "aten::relu: lowered by relu from opset 18 on (as written for torch.onnx); relu.remove() takes it back"
    )
    assert session["_onnx"].state == "paused"


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("%%onnx_symbolic\ndef f(g, x):\n    return x", "which operator?"),
        ("%%onnx_symbolic relu\ndef f(g, x):\n    return x", "'relu' is not an operator name"),
        ("%%onnx_symbolic aten::relu\ny = 1", "the cell defines no function"),
        ("%%onnx_symbolic aten::relu\ndef f(g, x:\n    return x", "line 2 of the cell:"),
        ("%%onnx_symbolic aten::relu --opset 3\ndef f(g, x):\n    return x", "opset 3 is not one of 7 … 28"),
        ("%%onnx_symbolic aten::relu --opset x\ndef f(g, x):\n    return x", "'x' is not a number"),
        (
            "%%onnx_symbolic aten::relu --style mine\ndef f(g, x):\n    return x",
            "'mine' is not one of auto, typed, torch",
        ),
        ("%%onnx_symbolic aten::relu\ndef f():\n    return x", "f() takes no argument"),
    ],
)
def test_wrong_cells(session: Session, cell: str, message: str) -> None:
    shown = session.run(cell)
    assert message in shown
    assert "Traceback" not in shown
    assert not REGISTRY.custom_variants("aten::relu")


@pytest.mark.parametrize(
    ("body", "line"),
    [
        ('    y = g.op("Relu", x)\n    return undefined_name\n', 4),
        ('    y = g.op("Relu", x)\n    return g.op("Relu", x, alpha_f="a")\n', 4),
    ],
)
def test_a_wrong_function_names_its_line_in_the_cell(session: Session, body: str, line: int) -> None:
    session.run("%onnx_export model x --text")
    before = [node.op_type for node in session["_onnx"].onnx_graph]
    shown = session.run(f"%%onnx_symbolic aten::relu --text\ndef broken(g, x):\n{body}")
    flowing = " ".join(shown.split())
    assert f"In[3]:{line}" in flowing
    assert "aten::relu" in flowing
    assert "broken" in flowing
    ex: Any = session["_onnx"]
    assert ex.state == "failed"
    assert [node.op_type for node in ex.onnx_graph] == before[: before.index("Relu")]


def test_tab(session: Session) -> None:
    session.run("%onnx_export model x --text")
    assert session.tab("%%onnx_symbolic aten::r") == ["aten::relu"]
    assert set(session.tab("%%onnx_symbolic aten::relu --")) == {"--opset", "--style", "--text"}
    assert session.tab("%%onnx_symbolic aten::relu --style t") == ["typed", "torch"]
    assert "--opset" not in session.tab("%%onnx_symbolic aten::relu\nde")
