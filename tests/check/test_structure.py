"""``check_structure``: valid and invalid models, and weights that are never looked at."""

from __future__ import annotations

import onnx
import onnx_ir as ir
import pytest
import torch

from onnx_explore.check.structure import check_structure
from onnx_explore.check.weights import without_weights
from onnx_explore.errors import CheckerError

MATMUL = """
<ir_version: 8, opset_import: ["" : 17]>
agraph (float[batch, 4] x) => (float[batch, 8] y)
<float[1] weight = {0}, int64[2] shape = {0, 8}>
{
    product = MatMul(x, weight)
    y = Reshape(product, shape)
}
"""


def matmul(weight: torch.Tensor) -> ir.Model:
    model = ir.from_onnx_text(MATMUL)
    value = model.graph.initializers["weight"]
    value.const_value = ir.tensor_adapters.TorchTensor(weight)
    value.shape = ir.Shape(weight.shape)
    return model


def test_valid() -> None:
    check_structure(matmul(torch.ones(4, 8)))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("agraph (float[2] x) => (float[2] y) { y = Nonsense(x) }", "Nonsense"),
        ("agraph (float[2] x) => (float[2] y) { y = Add(x) }", "Add"),
        ("agraph (float[2] x) => (float[3] y) { y = Relu(x) }", "Inferred shape and existing shape differ"),
        ("agraph (float[2] x) => (int64[2] y) { y = Relu(x) }", "elem type"),
        ("agraph (float[2, 3] x, float[2, 3] z) => (float[2, 3] y) { y = MatMul(x, z) }", "Incompatible dimensions"),
        ("agraph (float[2] x) => (float[2] y) { y = Relu <alpha = 3> (x) }", "alpha"),
    ],
)
def test_invalid(text: str, message: str) -> None:
    with pytest.raises(CheckerError, match=message):
        check_structure(ir.from_onnx_text(f'<ir_version: 8, opset_import: ["" : 17]> {text}'))


def test_a_large_weight_has_its_shape_and_is_not_read() -> None:
    # 4 GiB, if somebody read it.
    with pytest.raises(CheckerError, match="Incompatible dimensions"):
        check_structure(matmul(torch.ones(1, 1).expand(5, 1 << 28)))
    check_structure(matmul(torch.ones(1, 1).expand(4, 1 << 28)))


def test_without_weights() -> None:
    model = matmul(torch.ones(4, 8))
    before = ir.to_proto(model)
    proto, weights = without_weights(model, large=64)
    assert [value.name for value in proto.graph.input] == ["x", "weight"]
    assert [tensor.name for tensor in proto.graph.initializer] == ["shape"]
    assert weights == {"weight": model.graph.initializers["weight"].const_value}
    assert ir.to_proto(model) == before
    proto, weights = without_weights(model)
    assert (proto, weights) == (before, {}) or onnx.checker.check_model(proto) is None


def test_weights_that_are_inputs_already() -> None:
    model = ir.from_onnx_text("""
        <ir_version: 3, opset_import: ["" : 8]>
        agraph (float[2, 4] x, float[4, 8] weight) => (float[2, 8] y) <float[1] weight = {0}> { y = MatMul(x, weight) }
    """)
    model.graph.initializers["weight"].const_value = ir.tensor_adapters.TorchTensor(torch.ones(4, 8))
    check_structure(model)
    proto, _ = without_weights(model, large=1)
    assert [value.name for value in proto.graph.input] == ["x", "weight"]
    assert not proto.graph.initializer
