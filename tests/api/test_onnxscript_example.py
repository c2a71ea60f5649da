"""The reference's example of an ONNX-script function, as written there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

import onnx_explore as torch_onnx
from tests.api.reference import proves

onnxscript = pytest.importorskip("onnxscript", reason="onnxscript is an optional extra")

# There are three opset version needed to be aligned
# This is (1) the opset version in ONNX function
from onnxscript.onnx_opset import opset15 as op  # noqa: E402

opset_version = 15

x = torch.randn(1, 2, 3, 4, requires_grad=True)
model = torch.nn.SELU()

custom_opset = onnxscript.values.Opset(domain="onnx-script", version=1)


@onnxscript.script(custom_opset)
def Selu(X):  # type: ignore[no-untyped-def]  # noqa: N802, N803
    alpha = 1.67326  # auto wrapped as Constants
    gamma = 1.0507
    alphaX = op.CastLike(alpha, X)  # noqa: N806
    gammaX = op.CastLike(gamma, X)  # noqa: N806
    neg = gammaX * (alphaX * op.Exp(X) - alphaX)
    pos = gammaX * X
    zero = op.CastLike(0, X)
    return op.Where(X <= zero, neg, pos)  # noqa: SIM300


# setType API provides shape/type to ONNX shape/type inference
def custom_selu(g: Any, X: Any) -> Any:  # noqa: N803
    return g.onnxscript_op(Selu, X).setType(X.type())


@proves("example: ONNX-script functions")
def test_the_example_of_the_reference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    # Register custom symbolic function
    # There are three opset version needed to be aligned
    # This is (2) the opset version in registry
    torch_onnx.register_custom_op_symbolic(
        symbolic_name="aten::selu",
        symbolic_fn=custom_selu,
        opset_version=opset_version,
    )
    try:
        # There are three opset version needed to be aligned
        # This is (2) the opset version in exporter
        torch_onnx.export(
            model,
            x,
            "model.onnx",
            opset_version=opset_version,
            # only needed if you want to specify an opset version > 1.
            custom_opsets={"onnx-script": 2},
        )
    finally:
        torch_onnx.unregister_custom_op_symbolic("aten::selu", opset_version)
    proto = onnx.load("model.onnx")
    assert [(node.domain, node.op_type) for node in proto.graph.node] == [("onnx-script", "Selu")]
    assert {opset.domain: opset.version for opset in proto.opset_import} == {"": 15, "onnx-script": 2}
    session = onnxruntime.InferenceSession("model.onnx")
    (found,) = session.run(None, {session.get_inputs()[0].name: x.detach().numpy()})
    np.testing.assert_allclose(found, model(x).detach().numpy(), rtol=1e-4, atol=1e-5)
