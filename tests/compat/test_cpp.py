"""An operator of C++, built with ``torch.utils.cpp_extension``: the reference's example, its node run by ``onnx.reference``."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
import pytest
import torch
from onnx.reference import ReferenceEvaluator
from onnx.reference.op_run import OpRun

import onnx_explore
from onnx_explore import symbolic_helper

pytestmark = [
    pytest.mark.full,
    pytest.mark.skipif(
        shutil.which("g++") is None or shutil.which("ninja") is None, reason="no C++ compiler, or no ninja, is here"
    ),
]

SOURCE = """
#include <torch/library.h>
#include <ATen/ATen.h>

at::Tensor foo_forward(const at::Tensor& x, const at::Tensor& y, double attr1, int64_t attr2) {
  return x * attr1 + y * attr2;
}

TORCH_LIBRARY(cpptest, m) {
  m.def("foo_forward(Tensor x, Tensor y, float attr1, int attr2) -> Tensor", &foo_forward);
}
"""


class Foo(OpRun):
    """The kernel of a runtime that knows the operator."""

    op_domain = "custom_domain"

    def _run(self, x: Any, y: Any, attr1: float | None = None, attr2: int | None = None) -> Any:
        assert attr1 is not None
        assert attr2 is not None
        return (x * np.float32(attr1) + y * np.float32(attr2),)


class FooModel(torch.nn.Module):
    def __init__(self, attr1: float, attr2: int) -> None:
        super().__init__()
        self.attr1 = attr1
        self.attr2 = attr2

    def forward(self, input1: torch.Tensor, input2: torch.Tensor) -> torch.Tensor:
        return torch.ops.cpptest.foo_forward(input1, input2, self.attr1, self.attr2)


def test_an_operator_of_cpp(register: Callable[..., None], tmp_path: Path) -> None:
    from torch.utils.cpp_extension import load_inline

    load_inline("onnx_explore_cpptest", SOURCE, is_python_module=False, build_directory=str(tmp_path))

    @symbolic_helper.parse_args("v", "v", "f", "i")
    def symbolic_foo_forward(g: Any, input1: Any, input2: Any, attr1: Any, attr2: Any) -> Any:
        return g.op("custom_domain::Foo", input1, input2, attr1_f=attr1, attr2_i=attr2)

    register("cpptest::foo_forward", symbolic_foo_forward, 9)
    x, y = torch.randn(2, 3), torch.randn(2, 3)
    model = FooModel(0.5, 3)
    exported = onnx_explore.export(
        model,
        (x, y),
        input_names=["x", "y"],
        dynamic_axes={"x": {0: "n"}, "y": {0: "n"}},
        custom_opsets={"custom_domain": 2},
    )
    assert exported.model.opset_imports["custom_domain"] == 2
    longer = torch.cat([x, y])
    (found,) = ReferenceEvaluator(ir.to_proto(exported.model), new_ops=[Foo]).run(
        None, {"x": longer.numpy(), "y": longer.numpy()}
    )
    np.testing.assert_allclose(found, model(longer, longer).numpy(), rtol=1e-5, atol=1e-6)
