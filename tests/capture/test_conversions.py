"""What leaves the trace, with line and column."""

from __future__ import annotations

import inspect
import math
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from onnx_explore.capture import capture

X = torch.arange(6.0).reshape(2, 3)


def integer(x: torch.Tensor) -> Any:
    return x + int(x.shape[0])


def length(x: torch.Tensor) -> Any:
    return x + len(x)


def counted(x: torch.Tensor) -> Any:
    for index in range(x.shape[1]):
        x = x + index
    return x


def item(x: torch.Tensor) -> Any:
    return x * x.sum().item()


def formatted(x: torch.Tensor) -> Any:
    return x, f"{x.shape[0]} rows"


def array(x: torch.Tensor) -> Any:
    return x + torch.from_numpy(np.asarray(x.numpy()))


def root(x: torch.Tensor) -> Any:
    return x / math.sqrt(x.shape[-1])


def condition(x: torch.Tensor) -> Any:
    return x + 1 if x.sum() > 0 else x


def listed(x: torch.Tensor) -> Any:
    return x + torch.tensor(x.tolist())


def iterated(x: torch.Tensor) -> Any:
    return torch.stack([row + 1 for row in x])


def arithmetic(x: torch.Tensor) -> Any:
    return x.reshape(x.shape[0] * 3 // 2, -1)


CASES = [
    (integer, "int", "2", "int(x.shape[0])"),
    (length, "len", "2", "len(x)"),
    (counted, "index", "3", "range(x.shape[1])"),
    (item, "item", "15.0", "x.sum().item()"),
    (formatted, "format", "'2'", 'f"{x.shape[0]} rows"'),
    (array, "numpy", "ndarray of shape (2, 3)", "x.numpy()"),
    (root, "float", "3.0", "math.sqrt(x.shape[-1])"),
    (condition, "bool", "True", "x.sum() > 0"),
    (listed, "tolist", "[[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]", "x.tolist()"),
]


@pytest.mark.parametrize(("model", "kind", "value", "source"), CASES, ids=[case[0].__name__ for case in CASES])
def test_line_and_column(model: Callable[..., Any], kind: str, value: str, source: str) -> None:
    (found,) = capture(model, X).conversions
    assert (found.kind, found.value, found.scope) == (kind, value, "")
    lines, first = inspect.getsourcelines(model)
    offset, line = next((index, line) for index, line in enumerate(lines) if source in line)
    assert found.frame is not None
    assert (found.frame.file, found.frame.function, found.frame.line) == (__file__, model.__name__, first + offset)
    # Python before 3.12 places what stands in an f-string at the string's start.
    expected = {line.index(source) + 1}
    if kind == "format":
        expected.add(line.index("{") + 1)
    if sys.version_info >= (3, 11):
        assert found.frame.column in expected
    else:
        assert found.frame.column is None


def test_arithmetic_with_sizes_stays_in_the_trace() -> None:
    found = capture(arithmetic, X)
    assert found.conversions == ()
    assert "aten::size" in {node.target for node in found.graph.block.nodes}


def test_iteration() -> None:
    found = capture(iterated, X).conversions[0]
    assert (found.kind, found.value) == ("iter", "2 parts")
    assert found.frame is not None and found.frame.line == iterated.__code__.co_firstlineno + 1
    assert capture(lambda x: x.unbind(), X).conversions == ()


def test_scope_order_and_switch() -> None:
    class Inner(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x + int(x.shape[0])

    class Outer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = Inner()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.inner(self.inner(x * float(x.sum())))

    assert [(found.kind, found.scope) for found in capture(Outer(), X).conversions] == [
        ("float", ""),
        ("int", "inner"),
        ("int", "inner#2"),
    ]
    assert capture(Outer(), X, record_conversions=False).conversions == ()


def test_warnings_do_not_repeat_conversions() -> None:
    assert not [note for note in capture(integer, X).notes if note.code == "TracerWarning"]
    assert [note for note in capture(integer, X, record_conversions=False).notes if note.code == "TracerWarning"]


def test_sizes_in_a_list_stay_sizes() -> None:
    """``torch.tensor`` of a list takes traced sizes for plain numbers; the trace has them as tensors."""

    def run(x: torch.Tensor) -> Any:
        n, m = x.shape
        nested = torch.tensor([[n, 1], [m, 2.5]])
        return torch.tensor([n, m]), torch.as_tensor([n, 2], dtype=torch.float32), nested, torch.tensor(x.shape), x + n

    found = capture(run, (torch.randn(2, 3),))
    assert not found.conversions
    for got, wanted in zip(found.replay((torch.randn(5, 4),)), run(torch.randn(5, 4)), strict=True):
        assert got.dtype == wanted.dtype
        assert got.shape == wanted.shape
    torch.testing.assert_close(found.replay((torch.zeros(5, 4),)), run(torch.zeros(5, 4)))


def test_a_size_where_a_list_may_stand() -> None:
    """``roll(n // 2, 1)``: PyTorch makes the one number a list of numbers that the trace does not see."""

    def run(x: torch.Tensor) -> Any:
        n = x.shape[1]
        return x.roll(n // 2, 1), torch.roll(input=x, shifts=n - 1, dims=-1), torch.roll(x, n // 2), x.roll(1, 0)

    found = capture(run, (torch.randn(2, 3),))
    x = torch.randn(4, 7)
    torch.testing.assert_close(found.replay((x,)), run(x))


def test_a_gradient_with_a_spacing_for_each_dimension() -> None:
    def run(x: torch.Tensor) -> Any:
        return (
            torch.gradient(x, spacing=[2.0, 0.5]),
            torch.gradient(input=x, spacing=(3,), dim=(1,), edge_order=2),
            torch.gradient(x, spacing=(3, 4.0), dim=(-1, 0)),
            torch.gradient(x, spacing=(3,), dim=1),
        )

    found = capture(run, (torch.randn(4, 3),))
    x = torch.randn(5, 6)
    torch.testing.assert_close(found.replay((x,)), torch.utils._pytree.tree_leaves(run(x)))
