"""``register_custom_op_symbolic`` with functions as people wrote them for the reference."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch

import onnx_explore
from onnx_explore import symbolic_helper
from onnx_explore.errors import InvalidArgument, NotAvailable, NotConstant, UnsupportedOperatorError

X = torch.randn(2, 3, generator=torch.Generator().manual_seed(0))


@pytest.fixture(autouse=True)
def library() -> Iterator[None]:
    library = torch.library.Library("compattest", "DEF")
    library.define("foo(Tensor x, Tensor y, float a, int b) -> Tensor")
    library.define("pair(Tensor x, int[] sizes, str mode='plain') -> (Tensor, Tensor)")
    library.impl("foo", lambda x, y, a, b: x * a + y * b, "CPU")
    library.impl("pair", lambda x, sizes, mode="plain": (x + sum(sizes), x * 2), "CPU")
    yield
    library._destroy()


def foo(x: torch.Tensor) -> torch.Tensor:
    return torch.ops.compattest.foo(x, x, 0.5, 3)


def nodes(exported: onnx_explore.Exported) -> list[str]:
    return [f"{node.domain}::{node.op_type}" if node.domain else node.op_type for node in exported.model.graph]


def test_the_references_example(register: Callable[..., None]) -> None:
    @symbolic_helper.parse_args("v", "v", "f", "i")
    def symbolic_foo(g: Any, input1: Any, input2: Any, attr1: Any, attr2: Any) -> Any:
        assert (attr1, attr2) == (0.5, 3)
        return g.op("custom_domain::Foo", input1, input2, attr1_f=attr1, attr2_i=attr2)

    register("compattest::foo", symbolic_foo)
    exported = onnx_explore.export(foo, X, custom_opsets={"custom_domain": 2})
    (node,) = exported.model.graph
    assert nodes(exported) == ["custom_domain::Foo"]
    assert node.attributes["attr1"].as_float() == 0.5
    assert node.attributes["attr2"].as_int() == 3
    assert exported.model.opset_imports["custom_domain"] == 2
    (output,) = exported.model.graph.outputs
    assert list(output.shape or []) == [2, 3]


def test_parse_args_of_torch(register: Callable[..., None]) -> None:
    from torch.onnx import symbolic_helper as theirs

    @theirs.parse_args("v", "v", "f", "i")
    def symbolic_foo(g: Any, input1: Any, input2: Any, attr1: Any, attr2: Any) -> Any:
        assert isinstance(attr1, float)
        return g.op("d::Foo", input1, input2, attr1_f=attr1 * 2, attr2_i=attr2)

    register("compattest::foo", symbolic_foo)
    (node,) = onnx_explore.export(foo, X).model.graph
    assert node.attributes["attr1"].as_float() == 1.0


def test_values_in_place_of_numbers_and_numbers_in_place_of_values(register: Callable[..., None]) -> None:
    def symbolic_foo(g: Any, first: Any, second: Any, a: Any, b: Any) -> Any:
        left = g.op("Mul", first, a)  # a float takes the element type of its neighbour
        right = g.op("Mul", second, g.op("Constant", value_t=torch.tensor(3.0)))
        assert b.node().kind() == "onnx::Constant"
        return g.op("onnx::Add", left, right)

    register("compattest::foo", symbolic_foo)
    assert onnx_explore.export(foo, X, check=True).report is not None
    onnx_explore.export(foo, X.double(), check=False)


def test_attributes(register: Callable[..., None]) -> None:
    def everything(g: Any, x: Any, *_: Any) -> Any:
        return g.op(
            "d::All", x, None, a_i=1, b_f=2, c_s="c", d_t=torch.ones(2), e_i=[1, 2], f_fs=[1.5], g_s=["x"], h_i=None
        )

    register("aten::relu", everything)
    (node,) = onnx_explore.export(torch.relu, X).model.graph
    kinds = {name: item.type.name for name, item in node.attributes.items()}
    assert kinds == {
        "a": "INT",
        "b": "FLOAT",
        "c": "STRING",
        "d": "TENSOR",
        "e": "INTS",
        "f": "FLOATS",
        "g": "STRINGS",
    }
    assert len(node.inputs) == 1


def test_several_outputs_and_lists(register: Callable[..., None]) -> None:
    def pair(g: Any, x: Any, sizes: Any, mode: Any) -> Any:
        assert mode.toIValue() == "plain"
        assert symbolic_helper._get_const(sizes, "is", "sizes") == [1, 2]
        first, second = g.op("d::Pair", x, outputs=2)
        return first, second

    register("compattest::pair", pair)
    exported = onnx_explore.export(lambda x: torch.ops.compattest.pair(x, [1, 2]), X)
    assert [value.name for value in exported.model.graph.outputs] == ["output_0", "output_1"]


def test_types(register: Callable[..., None]) -> None:
    seen: list[Any] = []

    def relu(g: Any, x: Any) -> Any:
        seen.extend([x.type().scalarType(), x.type().sizes(), x.type().dim(), x.isCompleteTensor()])
        seen.extend([x.node().kind(), x.type().dtype(), symbolic_helper._get_tensor_rank(x), g.opset])
        return g.op("d::R", x).setType(x.type())

    register("aten::relu", relu)
    exported = onnx_explore.export(torch.relu, X, input_names=["x"], dynamic_axes={"x": {0: "n"}}, opset_version=13)
    assert seen == ["Float", None, 2, False, "prim::Param", torch.float32, 2, 13]
    (output,) = exported.model.graph.outputs
    assert [str(size) for size in output.shape or []] == ["n", "3"]


def test_it_goes_before_the_built_in_one_and_can_be_replaced_and_taken_back() -> None:
    onnx_explore.register_custom_op_symbolic("::relu", lambda g, x: g.op("d::A", x), 9)
    onnx_explore.register_custom_op_symbolic("::relu", lambda g, x: g.op("d::B", x), 9)
    onnx_explore.register_custom_op_symbolic("::relu", lambda g, x: g.op("d::C", x), 18)
    assert nodes(onnx_explore.export(torch.relu, X, opset_version=8)) == ["Relu"]
    assert nodes(onnx_explore.export(torch.relu, X)) == ["d::B"]
    assert nodes(onnx_explore.export(torch.relu, X, opset_version=19)) == ["d::C"]
    onnx_explore.unregister_custom_op_symbolic("aten::relu", 18)
    onnx_explore.unregister_custom_op_symbolic("aten::relu", 9)
    assert nodes(onnx_explore.export(torch.relu, X)) == ["Relu"]
    with pytest.raises(InvalidArgument, match="no custom symbolic function"):
        onnx_explore.unregister_custom_op_symbolic("aten::relu", 9)


@pytest.mark.parametrize(
    ("name", "function", "opset", "message"),
    [
        ("relu", lambda g, x: x, 9, "not an operator's name"),
        ("onnx::Relu", lambda g, x: x, 9, "is an ONNX operator"),
        ("aten::relu", 3, 9, "cannot be called"),
        ("aten::relu", lambda g, x: x, "9", "is not one of"),
        ("aten::relu", lambda g, x: x, 99, "is not one of"),
    ],
)
def test_wrong_registrations(name: str, function: Any, opset: Any, message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        onnx_explore.register_custom_op_symbolic(name, function, opset)


@pytest.mark.parametrize(
    ("function", "error", "message"),
    [
        (lambda g, x: g.op("Relu", x, alpha=1), InvalidArgument, "does not say its type"),
        (lambda g, x: g.op("Relu", x, alpha_f="a"), InvalidArgument, "which is a float"),
        (lambda g, x: g.op("aten::relu", x), NotAvailable, "is not an ONNX operator"),
        (lambda g, x: g.op("Relu", x, alpha_f=x), NotConstant, "only known when the model runs"),
        (lambda g, x: None, UnsupportedOperatorError, "returned None"),
        (lambda g: g.op("Relu"), UnsupportedOperatorError, "takes 0 values, and the operator has 1"),
    ],
)
def test_wrong_functions(register: Callable[..., None], function: Any, error: Any, message: str) -> None:
    register("aten::relu", function)
    with pytest.raises(error, match=message) as found:
        onnx_explore.export(torch.relu, X)
    assert found.value.target == "aten::relu"


def test_inputs_that_are_left_out_must_hold_their_default(register: Callable[..., None]) -> None:
    register("aten::elu", lambda g, x, alpha: g.op("Elu", x, alpha_f=alpha))
    assert nodes(onnx_explore.export(torch.nn.ELU(0.5), X, check=True)) == ["Elu"]
    with pytest.raises(UnsupportedOperatorError, match="argument 'scale'"):
        onnx_explore.export(lambda x: torch.ops.aten.elu(x, 1.0, 2.0), X)
