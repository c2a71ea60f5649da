"""Models and arguments on any device: nothing is moved. There is no accelerator here, but ``meta``, and a device in Python."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import onnx
import pytest
import torch
from torch import nn
from torch.utils import backend_registration

import onnx_explore
from onnx_explore.errors import WriteError

ROOT = Path(__file__).parents[2]


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 4)
        self.norm = nn.LayerNorm(4)
        self.register_buffer("table", torch.ones(4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.norm(self.linear(x)).relu() * (self.table + 1)
        return y.reshape(x.shape[0], -1) + torch.ones(x.shape[0], 1, device=x.device)


def test_a_model_without_values(tmp_path: Path) -> None:
    model = Net().to("meta")
    x = torch.empty(2, 3, device="meta")
    axes = {"input_names": ["x"], "dynamic_axes": {"x": {0: "n"}}}
    proto = onnx_explore.export(model, x, tmp_path / "m.onnx", export_params=False, **axes).to_proto()
    onnx.checker.check_model(proto, full_check=True)
    assert [item.name for item in proto.graph.input] == ["x", *model.state_dict()]
    on_cpu = onnx_explore.export(Net(), torch.ones(2, 3), export_params=False, **axes)
    assert [node.op_type for node in proto.graph.node] == [node.op_type for node in on_cpu.model.graph]
    assert {tensor.device.type for tensor in model.state_dict().values()} == {"meta"}
    # Its weights have no values to write.
    exported = onnx_explore.export(model, x)
    with pytest.raises(WriteError, match="cannot be read"):
        exported.save(tmp_path / "weights.onnx")
    assert [path.name for path in tmp_path.iterdir()] == ["m.onnx"]


def test_a_device_of_its_own() -> None:
    if not hasattr(backend_registration, "_setup_privateuseone_for_python_backend"):
        pytest.skip("this PyTorch cannot have a device in Python")
    ran = subprocess.run(
        [sys.executable, "-m", "tests.api.python_device"], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout.splitlines()[-1])
    verdict = found.pop("verdict")
    assert found == {"device": "npy", "passed": True, "stayed": True, "training": True, "close": True}, verdict
