"""The check of every node: pairs, parts, accumulated and local error, and who is to blame."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch
from torch import Tensor, nn

from onnx_explore import explore, symbolic
from onnx_explore.check.nodes import NodesReport
from onnx_explore.emit import Emitter
from onnx_explore.errors import InvalidArgument


class Block(nn.Module):
    """Several outputs, lists, an index, a residual: what a graph consists of."""

    def __init__(self) -> None:
        super().__init__()
        self.up = nn.Linear(8, 16)
        self.down = nn.Linear(16, 8)
        self.norm = nn.LayerNorm(8)

    def forward(self, x: Tensor, order: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        y = self.norm(self.down(nn.functional.gelu(self.up(x))) + x)
        y = nn.functional.elu(y[:, order])
        left, right = y.log_softmax(-1).split(2, 1)
        return left, right, (y > 0).sum()


def arguments() -> tuple[Tensor, Tensor]:
    torch.manual_seed(0)
    return torch.randn(3, 8), torch.tensor([0, 3, 1, 1])


def checked(model: nn.Module, args: object, **options: object) -> NodesReport:
    ex = explore(model, args, check=False).run()
    assert ex.error is None, ex.error
    return ex.check_nodes(**options)  # pyright: ignore[reportArgumentType]


@contextmanager
def wrong_gelu() -> Iterator[None]:
    @symbolic("aten::gelu")
    def sigmoid_gelu(g: Emitter, self: Tensor, approximate: str = "none") -> object:
        return g.op("Mul", self, g.op("Sigmoid", g.op("Mul", self, g.tensor(torch.tensor(1.702)))))

    try:
        yield
    finally:
        sigmoid_gelu.remove()


def test_all_agree() -> None:
    report = checked(Block().eval(), arguments())
    assert report.passed
    assert {row.status for row in report.rows} == {"agrees"}
    assert [row.target for row in report.rows].count("aten::linear") == 2
    assert all(row.local_error <= 1e-5 and row.accumulated_error <= 1e-5 for row in report.rows)
    assert "every node agrees" in str(report)


def test_the_culprit_is_told_from_those_that_pass_it_on() -> None:
    with wrong_gelu():
        report = checked(Block().eval(), arguments())
    (culprit,) = report.culprits
    assert (culprit.target, culprit.cause) == ("aten::gelu", "wrong symbolic function")
    assert "sigmoid_gelu" in culprit.detail
    assert culprit.where.startswith("check/test_nodes.py:")
    passing = [row.target for row in report.rows if row.status == "passes on"]
    assert "aten::layer_norm" in passing and "aten::linear" in passing
    assert not report.passed


@pytest.mark.parametrize("budget", [1, 1000, 1 << 30])
def test_parts_do_not_change_what_is_found(budget: int) -> None:
    with wrong_gelu():
        whole = checked(Block().eval(), arguments())
        parts = checked(Block().eval(), arguments(), budget=budget)
    assert (parts.parts > 1) == (budget < 1 << 30)
    assert [(row.target, row.status) for row in parts.rows] == [(row.target, row.status) for row in whole.rows]


def test_a_part_holds_no_more_than_the_budget_and_one_node() -> None:
    model = nn.Sequential(*[nn.Linear(64, 64) for _ in range(20)]).eval()
    report = checked(model, torch.randn(100, 64), budget=200_000)
    one = 100 * 64 * 4 * 3
    assert report.parts > 5
    assert report.peak <= 200_000 + 2 * one


def test_nothing_of_the_random_state_is_used_up() -> None:
    class Noisy(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return (x + torch.rand_like(x)).relu()

    ex = explore(Noisy(), torch.randn(2, 3), check=False).run()
    before = torch.get_rng_state()
    report = ex.check_nodes()
    assert torch.equal(before, torch.get_rng_state())
    assert [row.status for row in report.rows] == ["random", "random", "random"]


def test_nan_is_found_first_where_it_arises() -> None:
    class Root(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return (x.exp().sqrt() + x.log()).tanh()

    report = checked(Root(), torch.tensor([1.0, -1.0, 0.0]))
    first = report.first_nonfinite
    assert first is not None
    assert (first.target, first.nonfinite) == ("aten::log", (2, 2))
    assert report.passed


def test_rounding_is_no_wrong_formula() -> None:
    class Cancel(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.sum(-1)

    torch.manual_seed(0)
    x = torch.randn(4, 100_000) * 1e4
    x[:, ::2] = -x[:, 1::2]
    report = checked(Cancel(), x)
    assert report.passed
    assert {row.cause for row in report.rows} <= {"", "rounding"}


def test_other_inputs() -> None:
    ex = explore(Block().eval(), arguments(), check=False, dynamic_axes={"x": {0: "batch"}}).run()
    report = ex.check_nodes(inputs=(torch.randn(5, 8), torch.tensor([1, 1, 2, 0])))
    assert report.passed
    assert {row.local.actual_shape[0] for row in report.rows if row.target == "aten::linear" and row.local} == {5}
    with pytest.raises(InvalidArgument, match="inputs"):
        ex.check_nodes(inputs=(torch.randn(5, 8),))


def test_control_flow_is_one_node() -> None:
    @torch.jit.script
    def steps(x: Tensor, n: int) -> Tensor:
        for _ in range(n):
            if bool(x.sum() > 0):
                x = x - 1
            else:
                x = x * 2 + 3
        return x.tanh()

    ex = explore(steps, (torch.randn(3), 4), check=False).run()
    assert ex.error is None, ex.error
    report = ex.check_nodes()
    assert report.passed
    assert {"prim::Loop", "aten::tanh"} <= {row.target for row in report.rows}


def test_a_function_that_emits_nothing_is_found_out() -> None:
    @symbolic("aten::relu")
    def nothing(g: Emitter, self: Tensor) -> object:
        return self

    class Pieces(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            a, b = x.split(2)
            return torch.cat([a.relu(), b]).exp() + a.sum()

    try:
        for budget in (1, 1 << 20):
            report = checked(Pieces(), torch.randn(4, 3), budget=budget)
            assert [row.target for row in report.culprits] == ["aten::relu"]
    finally:
        nothing.remove()
