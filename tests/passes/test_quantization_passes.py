"""ONNX passes of quantized models: text in, text out, and both give the same numbers."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
import pytest

from onnx_explore.check.runtime import run_onnxruntime
from onnx_explore.passes.onnx import OnnxPass
from onnx_explore.passes.onnx.exact_quantization import quantize_exactly
from onnx_explore.passes.onnx.separate_biases import INTEGER_KERNELS, separate_biases

LAYER = """
<ir_version: 8, opset_import: ["" : 17]>
g (float[1, 2, 4, 4] x, float[3] b) => (float[1, 3, 4, 4] y)
<float scale = {0.1}, uint8 point = {3}, int8 w = {5}, float w_scale = {0.02}, int8 w_point = {0}, int64[4] s = {3, 2, 1, 1}>
{
    q = QuantizeLinear (x, scale, point)
    a = DequantizeLinear (q, scale, point)
    [all] r = Expand (w, s)
    v = DequantizeLinear (r, w_scale, w_point)
    [layer] y = Conv <pads = [0, 0, 0, 0]> (a, v, b)
}
"""


def _model(text: str) -> ir.Model:
    model = ir.from_onnx_text(text)
    ir.passes.common.ShapeInferencePass()(model)
    return model


def _nodes(model: ir.Model) -> list[str]:
    return [
        f"{', '.join(str(value.name) for value in node.outputs)} = {node.op_type}"
        f"({', '.join(str(value.name) for value in node.inputs if value)})"
        for node in model.graph
    ]


def _given(model: ir.Model) -> np.ndarray:
    rng = np.random.default_rng(0)
    feeds = {
        value.name: rng.normal(size=[int(size) for size in value.shape]).astype(np.float32)
        for value in model.graph.inputs
        if value.name and value.shape is not None
    }
    return run_onnxruntime(model, feeds)[0]


def test_a_float_bias_gets_an_add_of_its_own() -> None:
    model = _model(LAYER)
    (before,), wanted = model.graph.outputs, _given(model)
    assert separate_biases(model)
    assert _nodes(model)[-3:] == [
        "layer/layer:0 = Conv(a, v)",
        "layer/bias:0 = Reshape(b, bias/shape_2)",
        "y = Add(layer/layer:0, layer/bias:0)",
    ]
    assert model.graph.outputs[0] is before  # it still stands for what PyTorch computed
    np.testing.assert_allclose(_given(model), wanted, rtol=1e-6)
    assert not separate_biases(model)


def test_a_bias_stays_where_integer_kernels_are_wanted_or_nothing_is_quantized() -> None:
    model = _model(LAYER)
    model.meta[INTEGER_KERNELS] = True
    assert not separate_biases(model)
    assert not separate_biases(_model(LAYER.replace("DequantizeLinear (q, scale, point)", "Identity (x)")))


STEPS = """
<ir_version: 8, opset_import: ["" : 17]>
g (float[2, 8] x) => (float[8, 2] y)
<float scale = {0.1}, uint8 point = {3}, float one = {1.0}>
{
    [q] q = QuantizeLinear (x, scale, point)
    t = Transpose <perm = [1, 0]> (q)
    y = DequantizeLinear (t, one, point)
}
"""


def test_what_is_read_in_steps_is_rounded_once() -> None:
    model = _model(STEPS)
    assert quantize_exactly(model)
    assert _nodes(model)[:5] == [
        "q/wide:0 = Cast(x)",
        "q/scaled:0 = Mul(q/wide:0, q/scaled_by)",
        "q/moved:0 = Add(q/scaled:0, q/moved_by)",
        "q/steps:0 = Cast(q/moved:0)",
        "q = QuantizeLinear(q/steps:0, steps/scale, steps/point_uint8)",
    ]
    # Halves: 0.05 / 0.1 + 3 is 3.5, which goes to 4; rounding first gives 0 + 3.
    x = np.full((2, 8), 0.05, np.float32)
    assert (run_onnxruntime(model, {"x": x})[0] == 1).all()
    assert (run_onnxruntime(_model(STEPS), {"x": x})[0] == 0).all()


@pytest.mark.parametrize("run", [quantize_exactly, separate_biases])
def test_a_pair_of_one_grid_stays(run: OnnxPass) -> None:
    model = _model(STEPS.replace("(t, one, point)", "(t, scale, point)"))
    before = _nodes(model)
    assert not run(model)
    assert _nodes(model) == before
