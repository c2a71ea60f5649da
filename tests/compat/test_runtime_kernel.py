"""An operator of a custom domain, run in ONNX Runtime: its kernel is a Python function that ``onnxruntime-extensions`` registers.

The operator is one of ``torch.library``, as one of C++ is for the exporter; ``test_cpp.py`` builds one of C++.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx_ir as ir
import onnxruntime
import pytest
import torch

import onnx_explore
from onnx_explore import symbolic_helper

extensions = pytest.importorskip(
    "onnxruntime_extensions", reason="kernels of Python need the package onnxruntime-extensions"
)

SEEN: list[tuple[int, ...]] = []


@pytest.fixture(scope="module")
def kernel() -> None:
    """A kernel that stays registered: the library has no way to take one back."""
    kinds = extensions.PyCustomOpDef

    @extensions.onnx_op(
        op_type="kernel_domain::Foo",
        inputs=[kinds.dt_float, kinds.dt_float],
        outputs=[kinds.dt_float],
        attrs={"attr1": kinds.dt_float, "attr2": kinds.dt_int64},
    )
    def foo(x: Any, y: Any, attr1: float, attr2: int) -> Any:
        SEEN.append(x.shape)
        return (x * np.float32(attr1) + y * np.float32(attr2)).astype(np.float32)


@pytest.fixture
def operator() -> Any:
    library = torch.library.Library("kernels", "DEF")
    library.define("foo_forward(Tensor x, Tensor y, float attr1, int attr2) -> Tensor")
    library.impl("foo_forward", lambda x, y, attr1, attr2: x * attr1 + y * attr2, "CompositeExplicitAutograd")
    yield
    library._destroy()


class FooModel(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(3, 3)

    def forward(self, input1: torch.Tensor, input2: torch.Tensor) -> torch.Tensor:
        return torch.relu(torch.ops.kernels.foo_forward(self.linear(input1), input2, 0.5, 3))


@pytest.mark.parametrize("version", [None, 2])
@pytest.mark.parametrize("functions", [False, True])
def test_a_node_of_a_custom_domain_runs(
    version: int | None, functions: bool, kernel: None, operator: None, register: Callable[..., None]
) -> None:
    @symbolic_helper.parse_args("v", "v", "f", "i")
    def symbolic_foo(g: Any, x: Any, y: Any, attr1: Any, attr2: Any) -> Any:
        return g.op("kernel_domain::Foo", x, y, attr1_f=attr1, attr2_i=attr2).setType(x.type())

    register("kernels::foo_forward", symbolic_foo)
    model = FooModel()
    exported = onnx_explore.export(
        model,
        (torch.randn(2, 3), torch.randn(2, 3)),
        input_names=["x", "y"],
        dynamic_axes={"x": {0: "n"}, "y": {0: "n"}},
        custom_opsets=None if version is None else {"kernel_domain": version},
        export_modules_as_functions=functions,
    )
    assert exported.model.opset_imports["kernel_domain"] == (version or 1)
    options = onnxruntime.SessionOptions()
    options.register_custom_ops_library(extensions.get_library_path())
    session: Any = onnxruntime.InferenceSession(ir.to_proto(exported.model).SerializeToString(), options)
    x, y = torch.randn(5, 3), torch.randn(5, 3)
    SEEN.clear()
    (found,) = session.run(None, {"x": x.numpy(), "y": y.numpy()})
    np.testing.assert_allclose(found, model(x, y).detach().numpy(), rtol=1e-5, atol=1e-6)
    assert SEEN == [(5, 3)]
