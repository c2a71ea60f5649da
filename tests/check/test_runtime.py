"""ONNX Runtime and ``onnx.reference``: dtypes, shared weights, what is said when there is no kernel."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import ml_dtypes
import numpy as np
import onnx
import onnx_ir as ir
import pytest
import torch

from onnx_explore.check import runtime
from onnx_explore.check.runtime import ReferenceSession, RuntimeSession, run_onnxruntime, run_reference
from onnx_explore.dtypes import to_onnx
from onnx_explore.errors import CheckerError, InvalidArgument, NoRuntimeKernel, NotAvailable, RuntimeMismatch


def model(text: str, opset: int = 17, ir_version: int = 8) -> ir.Model:
    return ir.from_onnx_text(f'<ir_version: {ir_version}, opset_import: ["" : {opset}, "mine" : 1]> {text}')


ADD = "agraph (float[n] x, float[n] z) => (float[n] y, float[n] w) { y = Add(x, z)  w = Sub(x, z) }"


@pytest.mark.parametrize("run", [run_onnxruntime, run_reference])
def test_every_form_of_a_model(run: type, tmp_path: Path) -> None:
    feeds = {"x": np.array([1, 2], np.float32), "z": torch.tensor([10.0, 20.0]), "unused": np.zeros(3)}
    made = model(ADD)
    proto = ir.to_proto(made)
    onnx.save(proto, tmp_path / "m.onnx")
    for form in (made, proto, proto.SerializeToString(), tmp_path / "m.onnx", str(tmp_path / "m.onnx")):
        y, w = run(form, feeds)
        np.testing.assert_array_equal(y, [11, 22])
        np.testing.assert_array_equal(w, [-9, -18])


@pytest.mark.parametrize(
    ("name", "dtype"),
    [
        ("float", torch.float32),
        ("double", torch.float64),
        ("float16", torch.float16),
        ("bfloat16", torch.bfloat16),
        ("int64", torch.int64),
        ("uint8", torch.uint8),
        ("bool", torch.bool),
        ("float8e4m3fn", torch.float8_e4m3fn),
        ("float8e5m2", torch.float8_e5m2),
    ],
)
def test_dtypes(name: str, dtype: torch.dtype) -> None:
    made = model(f"agraph ({name}[n, 2] x) => ({name}[n, 2] y) {{ y = Identity(x) }}", 19, 9)
    x = torch.tensor([[0.5, 1.0], [2.0, 0.0], [1.0, 3.0]]).to(dtype)
    for example in (x, x.T.contiguous().T):
        (result,) = run_onnxruntime(made, {"x": example})
        assert ir.DataType.from_numpy(result.dtype) == to_onnx(dtype)
        np.testing.assert_array_equal(result.astype(np.float64), x.double().numpy())


def test_empty_and_zero_dimensional_inputs() -> None:
    made = model("agraph (float[n, 2] x, float s) => (float[n, 2] y, float t) { y = Add(x, s)  t = Neg(s) }")
    y, t = run_onnxruntime(made, {"x": torch.empty(0, 2), "s": torch.tensor(2.0)})
    assert (y.shape, t.shape, float(t)) == ((0, 2), (), -2.0)


def with_weight(weight: torch.Tensor, kind: str = "float") -> ir.Model:
    made = model(
        f"agraph ({kind}[n, 256] x) => ({kind}[n, 256] y)"
        "<float[1] weight = {0}, int64[2] perm = {1, 0}> { w = Transpose(weight) y = MatMul(x, w) }"
    )
    value = made.graph.initializers["weight"]
    value.const_value = ir.tensor_adapters.TorchTensor(weight)
    value.shape, value.type = ir.Shape(weight.shape), ir.TensorType(value.const_value.dtype)
    return made


def test_large_weights_share_memory() -> None:
    weight = torch.randn(256, 256)
    session = RuntimeSession(with_weight(weight))
    assert session.inputs == ("x",)
    x = torch.randn(3, 256)
    for _ in range(2):
        torch.testing.assert_close(torch.from_numpy(session.run({"x": x})[0]), x @ weight.T, rtol=1e-4, atol=1e-4)
        weight.mul_(2)


def test_large_weights_in_other_layouts_and_dtypes() -> None:
    weight = torch.randn(256, 256).T
    x = torch.randn(3, 256)
    (y,) = run_onnxruntime(with_weight(weight), {"x": x})
    torch.testing.assert_close(torch.from_numpy(y), x @ weight.T, rtol=1e-4, atol=1e-4)
    made = model("agraph (int64[n] x) => (bfloat16[n, 256] y) <float[1] weight = {0}> { y = Gather(weight, x) }")
    made.graph.initializers["weight"].const_value = ir.tensor_adapters.TorchTensor(weight.bfloat16())
    made.graph.initializers["weight"].type = ir.TensorType(ir.DataType.BFLOAT16)
    made.graph.initializers["weight"].shape = ir.Shape([256, 256])
    (y,) = run_onnxruntime(made, {"x": torch.tensor([5])})
    assert y.dtype == ml_dtypes.bfloat16
    np.testing.assert_array_equal(y[0].astype(np.float32), weight.bfloat16()[5].float().numpy())


def test_large_weights_of_a_parsed_model() -> None:
    weight, x = torch.randn(256, 256), torch.randn(3, 256)
    parsed = ir.from_proto(ir.to_proto(with_weight(weight)))
    (y,) = run_onnxruntime(parsed, {"x": x})
    torch.testing.assert_close(torch.from_numpy(y), x @ weight.T, rtol=1e-4, atol=1e-4)


def test_large_weights_inside_of_subgraphs() -> None:
    made = model("""
        agraph (bool c, float[1, 256] x) => (float[1, 256] y) <float[1] weight = {0}>
        { y = If (c) <then_branch = t () => (float[1, 256] a) { a = MatMul(x, weight) },
                      else_branch = e () => (float[1, 256] b) { b = Neg(x) }> }
    """)
    weight = torch.eye(256) * 3
    made.graph.initializers["weight"].const_value = ir.tensor_adapters.TorchTensor(weight)
    made.graph.initializers["weight"].shape = ir.Shape([256, 256])
    x = torch.ones(1, 256)
    assert run_onnxruntime(made, {"c": torch.tensor(True), "x": x})[0][0, 0] == 3
    assert run_onnxruntime(made, {"c": torch.tensor(False), "x": x})[0][0, 0] == -1


def test_errors_of_feeds() -> None:
    for run in (run_onnxruntime, run_reference):
        with pytest.raises(InvalidArgument, match="input z"):
            run(model(ADD), {"x": np.ones(2, np.float32)})
    with pytest.raises(RuntimeMismatch, match="cannot run the model with these inputs"):
        run_onnxruntime(model(ADD), {"x": np.ones(2, np.float32), "z": np.ones(2)})
    with pytest.raises(RuntimeMismatch, match="cannot run the model with these inputs"):
        run_onnxruntime(model(ADD), {"x": np.ones(2, np.float32), "z": np.ones(3, np.float32)})
    with pytest.raises(RuntimeMismatch, match=r"onnx\.reference cannot run"):
        run_reference(model(ADD), {"x": np.ones(2, np.float32), "z": np.ones(3, np.float32)})


def test_invalid_model() -> None:
    with pytest.raises(CheckerError, match="ONNX Runtime rejects the model"):
        run_onnxruntime(model("agraph (float[2] x) => (int64[2] y) { y = Relu(x) }"), {"x": torch.ones(2)})
    with pytest.raises(CheckerError, match="rejects"):
        run_onnxruntime(b"nonsense", {})


def test_no_kernel_names_the_node() -> None:
    made = model(
        """agraph (float[1, 1, 4, 4] x, float[2, 4] r, int64[2] i) => (float[2, 1, 1, 1] y)
        { [pool] y = RoiAlign(x, r, i) }""",
        22,
        10,
    )
    with pytest.raises(NoRuntimeKernel, match=r"no kernel for RoiAlign of opset 22 \(node 'pool'\)") as caught:
        RuntimeSession(made)
    assert caught.value.target == "RoiAlign"


@pytest.mark.parametrize(
    ("text", "opset", "ir_version", "target"),
    [
        ("agraph (float[n] x) => (float[n] y) { y = mine.Foo(x) }", 17, 8, "mine:Foo"),
        ("agraph (bfloat16[n] x) => (bfloat16[n] y) { y = Erf(x) }", 17, 8, "Erf"),
        ("agraph (float[n] x) => (float[n] y) { y = Relu(x) }", 17, 99, ""),
        ("agraph (float[n] x) => (float[n] y) { y = Relu(x) }", 99, 11, ""),
    ],
)
def test_no_kernel_for_many_reasons(text: str, opset: int, ir_version: int, target: str) -> None:
    with pytest.raises(NoRuntimeKernel) as caught:
        run_onnxruntime(model(text, opset, ir_version), {"x": torch.ones(2)})
    assert caught.value.target == target


def test_reference_lacks_operators_too() -> None:
    made = model("agraph (float[n] x) => (float[n] y) { y = mine.Foo(x) }")
    with pytest.raises(NoRuntimeKernel, match=r"onnx\.reference lacks"):
        ReferenceSession(made).run({"x": torch.ones(2)})


@pytest.mark.parametrize("operator", ["from_file", "save"])
def test_a_model_cannot_touch_files_through_aten(operator: str, tmp_path: Path) -> None:
    file = tmp_path / "made"
    inputs = {"name": np.array(str(file)), "shared": np.array(True), "size": np.array(8)}
    node = onnx.helper.make_node("ATen", list(inputs), ["y"], domain="org.pytorch.aten", operator=operator)
    kinds = (onnx.TensorProto.STRING, onnx.TensorProto.BOOL, onnx.TensorProto.INT64)
    values = [onnx.helper.make_tensor_value_info(name, kind, []) for name, kind in zip(inputs, kinds, strict=True)]
    result = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, None)
    graph = onnx.helper.make_graph([node], "g", values, [result])
    opsets = [onnx.helper.make_opsetid("", 17), onnx.helper.make_opsetid("org.pytorch.aten", 1)]
    with pytest.raises(NoRuntimeKernel, match="a file"):
        ReferenceSession(onnx.helper.make_model(graph, opset_imports=opsets)).run(inputs)
    assert not file.exists()


def test_runtime_is_optional(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(NotAvailable, match="not installed"):
        RuntimeSession(model(ADD))


GROWTH = """
import sys, torch, onnx_ir as ir, resource
from onnx_explore.check.runtime import RuntimeSession
from onnx_explore.check.structure import check_structure

def made(rows):
    model = ir.from_onnx_text(
        '<ir_version: 8, opset_import: ["" : 17]> agraph (float[n, 1024] x) => (float[n, rows] y)'
        '<float[1] weight = {0}> { y = MatMul(x, weight) }'
    )
    value = model.graph.initializers["weight"]
    value.const_value = ir.tensor_adapters.TorchTensor(torch.ones(1024, rows))
    value.shape = ir.Shape([1024, rows])
    return model

def check(model):
    check_structure(model)
    RuntimeSession(model).run({"x": torch.ones(2, 1024)})

check(made(64))
model = made(int(sys.argv[1]))
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
before = peak()
check(model)
print(peak() - before)
"""


@pytest.mark.parametrize("megabytes", [128, pytest.param(2560, marks=pytest.mark.full)])
def test_checks_do_not_copy_the_weights(megabytes: int) -> None:
    command = [sys.executable, "-c", GROWTH, str(megabytes * 256)]
    grown = int(subprocess.run(command, capture_output=True, check=True, text=True).stdout)
    assert grown < 48 << 20


def test_names_of_runtime_errors_exist() -> None:
    assert all(issubclass(error, Exception) for error in runtime._runtime_errors())
