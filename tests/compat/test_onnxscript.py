"""``g.onnxscript_op``: the function's body travels in the model, and ONNX Runtime runs it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.reference
import onnxruntime
import pytest
import torch

import onnx_explore
from onnx_explore import symbolic_helper
from onnx_explore.errors import InvalidArgument, OnnxExporterError, OpsetTooLow

functions = pytest.importorskip(
    "tests.compat.onnxscript_functions", reason="onnx-script is an optional extra", exc_type=ModuleNotFoundError
)
X = torch.randn(1, 2, 3, 4, generator=torch.Generator().manual_seed(0), requires_grad=True)


def custom_selu(g: Any, X: Any) -> Any:  # noqa: N803  (the reference's example)
    return g.onnxscript_op(functions.Selu, X).setType(X.type())


def run(file: Path, *inputs: torch.Tensor) -> list[np.ndarray[Any, Any]]:
    model = onnx.load(file)
    onnx.checker.check_model(model, full_check=True)
    feeds = {item.name: tensor.detach().numpy() for item, tensor in zip(model.graph.input, inputs, strict=True)}
    found = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"]).run(None, feeds)
    for mine, theirs in zip(found, onnx.reference.ReferenceEvaluator(model).run(None, feeds), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-5, atol=1e-6)
    return list(found)


def test_the_references_example(register: Callable[..., None], tmp_path: Path) -> None:
    register("aten::selu", custom_selu, 15)
    model = torch.nn.Sequential(torch.nn.SELU(), torch.nn.SELU())
    file = tmp_path / "model.onnx"
    exported = onnx_explore.export(
        model,
        X,
        file,
        input_names=["x"],
        dynamic_axes={"x": {0: "n"}},
        opset_version=15,
        custom_opsets={"onnx-script": 2},
        check=True,
    )
    assert [(node.domain, node.op_type) for node in exported.model.graph] == [("onnx-script", "Selu")] * 2
    assert [str(size) for size in exported.model.graph.outputs[0].shape or []] == ["n", "2", "3", "4"]
    written = onnx.load(file)
    assert [(item.domain, item.name) for item in written.functions] == [("onnx-script", "Selu")]
    assert {item.domain: item.version for item in written.opset_import} == {"": 15, "onnx-script": 2}
    assert written.ir_version >= 8
    for x in (X, torch.cat([X, X * 2])):
        np.testing.assert_allclose(run(file, x)[0], model(x).detach().numpy(), rtol=1e-4, atol=1e-5)


def test_attributes_results_and_a_function_inside(register: Callable[..., None], tmp_path: Path) -> None:
    def symbolic(g: Any, x: Any, dims: Any, keep: Any) -> Any:
        first, second = g.onnxscript_op(functions.ScaledPair, x, outputs=2, factor_f=4.0)
        return first.setType(x.type()), second.setType(x.type())

    register("aten::aminmax", symbolic, 17)

    def model(x: torch.Tensor) -> Any:
        return torch.aminmax(x, dim=0, keepdim=True)

    file = tmp_path / "model.onnx"
    x = torch.randn(1, 3)
    exported = onnx_explore.export(model, x, file)
    assert sorted(name for _, name, _ in exported.model.functions) == ["Half", "ScaledPair"]
    first, second = run(file, x)
    np.testing.assert_allclose(first, 2 * x.numpy(), rtol=1e-6)
    np.testing.assert_allclose(second, -x.numpy())


@pytest.fixture
def foo() -> Iterator[None]:
    library = torch.library.Library("custom_ops", "DEF")
    library.define("foo_forward(Tensor x, Tensor y, float attr1, int attr2) -> Tensor")
    library.impl("foo_forward", lambda x, y, attr1, attr2: x * attr1 + y * attr2, "CPU")
    yield
    library._destroy()


@pytest.mark.usefixtures("foo")
def test_a_custom_operator_whose_body_is_a_function(register: Callable[..., None], tmp_path: Path) -> None:
    """The reference's example of an operator of C++: with a body in the model, every runtime can run it."""

    @symbolic_helper.parse_args("v", "v", "f", "i")
    def symbolic_foo_forward(g: Any, input1: Any, input2: Any, attr1: Any, attr2: Any) -> Any:
        return g.onnxscript_op(functions.Foo, input1, input2, attr1_f=attr1, attr2_i=attr2).setType(input1.type())

    register("custom_ops::foo_forward", symbolic_foo_forward)

    def model(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return torch.ops.custom_ops.foo_forward(x, y, 0.5, 3)

    file = tmp_path / "model.onnx"
    x, y = torch.randn(2, 3), torch.randn(2, 3)
    exported = onnx_explore.export(model, (x, y), file, check=True)
    assert exported.model.opset_imports["custom_domain"] == 2
    np.testing.assert_allclose(run(file, x, y)[0], model(x, y).numpy(), rtol=1e-5, atol=1e-6)


def test_what_cannot_be(register: Callable[..., None]) -> None:
    register("aten::selu", custom_selu, 9)
    with pytest.raises(OpsetTooLow, match="from opset 15 on"):
        onnx_explore.export(torch.selu, X, opset_version=13)
    with pytest.raises(InvalidArgument, match=r"written for opset 15, in which .* is another than in opset 17"):
        onnx_explore.export(torch.selu, X, opset_version=17)
    register("aten::selu", lambda g, x: g.onnxscript_op(len, x), 9)
    with pytest.raises(OnnxExporterError, match="is no onnx-script function"):
        onnx_explore.export(torch.selu, X, opset_version=17)


def test_a_failed_step_leaves_no_function(register: Callable[..., None]) -> None:
    def half_way(g: Any, x: Any) -> Any:
        g.onnxscript_op(functions.Selu, x)
        raise ValueError("half way")

    register("aten::selu", half_way, 15)
    exploration = onnx_explore.explore(torch.selu, X, opset_version=15)
    exploration.run()
    assert exploration.state == "failed"
    register("aten::selu", lambda g, x: g.op("Selu", x), 15)
    exploration.run()
    assert not exploration.exported.model.functions
    assert dict(exploration.exported.model.opset_imports) == {"": 15}
