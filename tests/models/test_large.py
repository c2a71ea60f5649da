"""A model above protobuf's 2 GiB."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import nn

import onnx_explore


@pytest.mark.full
def test_above_two_gib(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(*(nn.Linear(8192, 8192) for _ in range(9))).eval()
    assert sum(item.nbytes for item in model.parameters()) > 2 << 30
    x = torch.randn(2, 8192)
    path = tmp_path / "large.onnx"
    onnx_explore.export(model, x, path, dynamic_axes={"input": {0: "batch"}})
    assert len(list(tmp_path.iterdir())) == 2
    onnx.checker.check_model(path)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    for batch in (2, 3):
        x = torch.randn(batch, 8192)
        with torch.no_grad():
            expected = model(x).numpy()
        (actual,) = session.run(None, {"input": x.numpy()})
        np.testing.assert_allclose(actual, expected, rtol=1e-3, atol=1e-5)
