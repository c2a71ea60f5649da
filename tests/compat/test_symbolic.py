"""``@onnx_explore.symbolic``: typed and positional functions of the user."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import onnx_explore
from onnx_explore.errors import InvalidArgument, UnsupportedOperatorError

X = torch.randn(2, 3, generator=torch.Generator().manual_seed(0))


def nodes(exported: onnx_explore.Exported) -> list[str]:
    return [node.op_type for node in exported.model.graph]


def test_typed() -> None:
    @onnx_explore.symbolic("aten::elu")
    def elu(g: Any, self: torch.Tensor, alpha: float = 1.0) -> Any:
        assert isinstance(alpha, float)
        return g.op("Elu", self, alpha=alpha)

    with elu:
        exported = onnx_explore.export(torch.nn.ELU(0.5), X, check=True)
        assert nodes(exported) == ["Elu"]
        with pytest.raises(UnsupportedOperatorError, match="argument 'scale'"):
            onnx_explore.export(lambda x: torch.ops.aten.elu(x, 1.0, 2.0), X)
    assert "removed" in repr(elu)


def test_positional() -> None:
    @onnx_explore.symbolic("aten::leaky_relu")
    def leaky(g, x, slope):  # type: ignore[no-untyped-def]
        assert isinstance(slope, float)
        return g.op("LeakyRelu", x, alpha=slope)

    with leaky:
        onnx_explore.export(torch.nn.LeakyReLU(0.2), X, check=True)


def test_since_and_removal() -> None:
    @onnx_explore.symbolic("aten::relu", opset=9)
    def old(g, x):  # type: ignore[no-untyped-def]
        return g.op("Abs", x)

    @old.since(18)
    def _(g, x):  # type: ignore[no-untyped-def]
        return g.op("Neg", x)

    try:
        assert nodes(onnx_explore.export(torch.relu, X, opset_version=8)) == ["Relu"]
        assert nodes(onnx_explore.export(torch.relu, X, opset_version=17)) == ["Abs"]
        assert nodes(onnx_explore.export(torch.relu, X, opset_version=18)) == ["Neg"]
    finally:
        old.remove()
    assert nodes(onnx_explore.export(torch.relu, X, opset_version=18)) == ["Relu"]


def test_running_the_cell_again_replaces_it() -> None:
    def register(op_type: str) -> Any:
        @onnx_explore.symbolic("aten::relu")
        def relu(g, x):  # type: ignore[no-untyped-def]
            return g.op(op_type, x)

        return relu

    first = register("Abs")
    second = register("Neg")
    first.remove()  # was replaced: nothing to take back
    assert nodes(onnx_explore.export(torch.relu, X)) == ["Neg"]
    second.remove()
    assert nodes(onnx_explore.export(torch.relu, X)) == ["Relu"]


def test_a_registration_under_a_paused_export() -> None:
    exploration = onnx_explore.explore(torch.nn.Sequential(torch.nn.ReLU(), torch.nn.Sigmoid()), X)
    exploration.step()
    assert exploration.position == 1
    with onnx_explore.symbolic("aten::relu")(lambda g, x: g.op("Neg", x)):
        assert exploration.run().report is not None
        assert [node.op_type for node in exploration.onnx_graph] == ["Neg", "Sigmoid"]
        assert not exploration.report.passed  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "make",
    [
        lambda: onnx_explore.symbolic()(lambda g: None),
        lambda: onnx_explore.symbolic("relu")(lambda g, x: x),
        lambda: onnx_explore.symbolic("aten::relu", opset=3),
        lambda: onnx_explore.symbolic("aten::relu")(lambda: None),
    ],
)
def test_wrong_registrations(make: Any) -> None:
    with pytest.raises(InvalidArgument):
        make()
