"""``torch.autograd.Function`` by its three routes: static ``symbolic``, ``prim::PythonOp``, inlined."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import CheckpointFunction, checkpoint

import onnx_explore
from onnx_explore import symbolic_helper
from onnx_explore.errors import SymbolicError, UnsupportedOperatorError
from onnx_explore.recording import NodeLowered

X = torch.randn(2, 3, generator=torch.Generator().manual_seed(0))


class MyRelu(torch.autograd.Function):
    """The reference's example."""

    @staticmethod
    def forward(ctx: Any, input: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(input)
        return input.clamp(min=0)

    @staticmethod
    def symbolic(g: Any, input: Any) -> Any:
        return g.op("Clip", input, g.op("Constant", value_t=torch.tensor(0, dtype=torch.float)))


class MyLogExp(torch.autograd.Function):
    """The reference's example of one without."""

    @staticmethod
    def forward(ctx: Any, input: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(input)
        h = input.exp()
        return h.log().log()


class Pair(torch.autograd.Function):
    """Tensors and other arguments mixed, two results."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, factor: float, y: torch.Tensor, mode: str, nothing: None = None) -> Any:
        return x * factor, x + y

    @staticmethod
    @symbolic_helper.parse_args("v", "f", "v", "s", "none")
    def symbolic(g: Any, x: Any, factor: float, y: Any, mode: str, nothing: None = None) -> Any:
        assert (factor, mode, nothing) == (3.0, "plain", None)
        return g.op("Mul", x, g.op("Constant", value_t=torch.tensor(factor))), g.op("Add", x, y)


class Outer(torch.autograd.Function):
    """Calls another one."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        first, second = Pair.apply(x, 3.0, x, "plain", None)
        return first - MyLogExp.apply(second.abs() + 2)


class Clamp(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, least: float) -> torch.Tensor:
        return x.clamp(min=least)


def nodes(exported: onnx_explore.Exported) -> list[str]:
    return [node.op_type for node in exported.model.graph]


def test_static_symbolic() -> None:
    exported = onnx_explore.export(MyRelu.apply, X, check=True)
    assert nodes(exported) == ["Clip"]
    (event,) = [item for item in exported.recording.of(NodeLowered) if item.target == "prim::PythonOp"]
    assert event.function.endswith("MyRelu.symbolic")
    assert event.reason == "static symbolic of the autograd.Function MyRelu"
    assert "test_autograd.py" in str(event.candidates) or event.candidates[0].chosen


def test_without_symbolic_it_is_inlined() -> None:
    x = X.abs() + 3
    assert nodes(onnx_explore.export(MyLogExp.apply, x, check=True)) == ["Exp", "Log", "Log"]


def test_arguments_of_all_kinds_and_two_results() -> None:
    def model(x: torch.Tensor) -> Any:
        return Pair.apply(x, 3.0, x * 2, "plain", None)

    exported = onnx_explore.export(model, X, input_names=["x"], dynamic_axes={"x": {0: "n"}}, check=True)
    assert sorted(nodes(exported)) == ["Add", "Mul", "Mul"]
    assert [str(size) for size in exported.model.graph.outputs[1].shape or []] == ["n", "3"]


def test_nested_functions() -> None:
    exported = onnx_explore.export(Outer.apply, X, input_names=["x"], dynamic_axes={"x": {0: "n"}}, check=True)
    lowered = [item.function for item in exported.recording.of(NodeLowered) if item.target == "prim::PythonOp"]
    assert len(lowered) == 1
    assert lowered[0].endswith("Pair.symbolic")
    assert nodes(exported) == ["Mul", "Add", "Abs", "Add", "Exp", "Log", "Log", "Sub"]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("reentrant", [True, False])
def test_checkpoint(reentrant: bool) -> None:
    inner = nn.Sequential(nn.Linear(3, 3), nn.ReLU())
    model = nn.Sequential(nn.Linear(3, 3), inner)

    def run(x: torch.Tensor) -> torch.Tensor:
        return checkpoint(inner, model[0](x), use_reentrant=reentrant)  # type: ignore[no-any-return]

    assert nodes(onnx_explore.export(run, X, check=True)) == ["Gemm", "Gemm", "Relu"]
    assert "apply" not in vars(CheckpointFunction)  # what the capture changed is as it was


def test_a_symbolic_function_for_python_op(register: Callable[..., None]) -> None:
    seen: list[Any] = []

    def symbolic(g: Any, *args: Any, **kwargs: Any) -> Any:
        node = g.original_node
        name = kwargs["name"]
        seen.append((name, node.pyname(), node.cconv(), node.scalar_args(), node.kind(), node.pyobj().__self__))
        if name != "Clamp":
            return symbolic_helper._unimplemented("prim::PythonOp", f"unknown function {name}")
        least = g.op("Constant", value_t=torch.tensor(node.scalar_args()[0]))
        return g.op("Clip", args[0], least).setType(node.type())

    register("prim::PythonOp", symbolic, 1)
    axes = {"input_names": ["x"], "dynamic_axes": {"x": {0: "n"}}, "check": True}
    exported = onnx_explore.export(lambda x: MyRelu.apply(Clamp.apply(x, -0.5)), X, **axes)  # type: ignore[arg-type]
    assert nodes(exported) == ["Clip", "Clip"]  # the static one goes before
    assert seen == [("Clamp", "Clamp", "dc", [-0.5], "prim::PythonOp", Clamp)]
    assert [str(size) for size in exported.model.graph.outputs[0].shape or []] == ["n", "3"]
    with pytest.raises(UnsupportedOperatorError, match="unknown function MyLogExp"):
        onnx_explore.export(MyLogExp.apply, X)


def test_a_symbolic_function_that_takes_the_name_alone(register: Callable[..., None]) -> None:
    register("prim::PythonOp", lambda g, x, name: g.op(f"functions::{name}", x), 1)
    (node,) = onnx_explore.export(lambda x: Clamp.apply(x, 0.5), X).model.graph
    assert (node.domain, node.op_type) == ("functions", "Clamp")
    assert list(node.outputs[0].shape or []) == [2, 3]


def test_without_inlining_the_function_is_missing() -> None:
    with pytest.raises(UnsupportedOperatorError, match="prim::PythonOp") as error:
        onnx_explore.export(MyLogExp.apply, X, autograd_inlining=False)
    assert error.value.where or error.value.target == "prim::PythonOp"
    assert nodes(onnx_explore.export(MyRelu.apply, X, autograd_inlining=False)) == ["Clip"]


def test_a_function_that_fails_names_its_own_line() -> None:
    class Broken(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
            return x + 1

        @staticmethod
        def symbolic(g: Any, x: Any) -> Any:
            g.op("Relu", x)
            return g.op("Relu", y)  # type: ignore[name-defined]  # noqa: F821

    with pytest.raises(SymbolicError, match=r"Broken\.symbolic raised NameError at compat/test_autograd\.py:\d+"):
        onnx_explore.export(Broken.apply, X)


def test_an_exploration_goes_on_after_the_class_is_mended() -> None:
    class Twice(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
            return x * 2

        @staticmethod
        def symbolic(g: Any, x: Any) -> Any:
            raise ValueError("not yet")

    exploration = onnx_explore.explore(lambda x: Twice.apply(x) + 1, X)
    assert exploration.run().state == "failed"
    Twice.symbolic = staticmethod(lambda g, x: g.op("Add", x, x))  # type: ignore[method-assign]
    assert exploration.run().state == "exported"
    assert [node.op_type for node in exploration.onnx_graph] == ["Add", "Add"]
    assert exploration.report is not None
    assert exploration.report.passed


@pytest.mark.filterwarnings("ignore")
def test_another_thread_that_trains_meanwhile_keeps_its_checkpoints() -> None:
    ran: list[int] = []
    layer = nn.Linear(3, 3)

    def train() -> None:
        def inner(x: torch.Tensor) -> torch.Tensor:
            ran.append(1)
            return layer(x)  # type: ignore[no-any-return]

        checkpoint(inner, X.clone().requires_grad_(), use_reentrant=True).sum().backward()

    class Model(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            thread = threading.Thread(target=train)
            thread.start()
            thread.join()
            return x + 1

    onnx_explore.export(Model(), X)
    assert len(ran) == 2  # once for the value, once more for the gradient
    assert layer.weight.grad is not None
