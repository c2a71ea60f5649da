"""Memory and size limits of ``write_model``. The large cases are marked ``full``."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
import pytest
import torch

from onnx_explore.writing import write_model
from onnx_explore.writing.plan import PROTOBUF_LIMIT

GROWTH = """
import json, resource, sys
import onnx_ir as ir, torch
from onnx_explore.writing import write_model

megabytes, path, external = int(sys.argv[1]), sys.argv[2], sys.argv[3] == "external"
weights = [torch.ones(64, megabytes * 256) for _ in range(16)]
weights[1] = weights[1].T  # Not contiguous: copied in pieces.
text = '<ir_version: 8, opset_import: ["" : 17]> agraph (float[1] x) => (float[1] y) { y = Identity(x) }'

def model(tensors):
    made = ir.from_onnx_text(text)
    for number, tensor in enumerate(tensors):
        adapter = ir.tensor_adapters.TorchTensor(tensor)
        value = ir.Value(name=f"w{number}", type=ir.TensorType(adapter.dtype), shape=adapter.shape, const_value=adapter)
        made.graph.register_initializer(value)
    return made

write_model(model([torch.ones(2)]), path)  # Imports and caches.
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
before = peak()
result = write_model(model(weights), path, external_data=external)
print(json.dumps({"growth": peak() - before, "bytes": sum(w.numel() * 4 for w in weights)}))
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder that goes with the test: pytest keeps ``tmp_path`` of the last runs, which is gigabytes here."""
    inner = tmp_path / "large"
    inner.mkdir()
    yield inner
    shutil.rmtree(inner)


def growth(megabytes: int, folder: Path, kind: str) -> dict[str, int]:
    command = [sys.executable, "-c", GROWTH, str(megabytes), str(folder / "m.onnx"), kind]
    return json.loads(subprocess.run(command, capture_output=True, check=True, text=True).stdout)


@pytest.mark.parametrize("kind", ["single", pytest.param("external", marks=pytest.mark.full)])
def test_memory_is_not_proportional_to_the_weights(kind: str, folder: Path) -> None:
    figures = growth(128, folder, kind)
    assert figures["bytes"] == 128 << 20
    assert figures["growth"] < 32 << 20


@pytest.mark.full
@pytest.mark.parametrize("kind", ["single", "external"])
def test_memory_for_one_gigabyte(kind: str, folder: Path) -> None:
    figures = growth(1024, folder, kind)
    assert figures["bytes"] == 1 << 30
    assert figures["growth"] < 48 << 20  # Two pieces of 16 MiB, and a little.


def large(elements: int) -> ir.Model:
    """A model whose weights are one vector that ends with 41."""
    model = ir.from_onnx_text(
        '<ir_version: 8, opset_import: ["" : 17]> agraph (int64[1] index) => (float[1] y)'
        "<float[1] weight = {0}> { y = Gather(weight, index) }"
    )
    weight = torch.empty(elements)
    weight[-1] = 41.0
    model.graph.initializers["weight"].const_value = ir.tensor_adapters.TorchTensor(weight)
    model.graph.initializers["weight"].shape = ir.Shape([elements])
    return model


@pytest.mark.full
def test_above_protobuf_limit(folder: Path) -> None:
    import onnxruntime

    elements = 550_000_000
    result = write_model(large(elements), folder / "m.onnx")
    assert result.external_files == (str(folder / "m.onnx.data"),)
    onnx.checker.check_model(folder / "m.onnx", full_check=True)
    session = onnxruntime.InferenceSession(folder / "m.onnx", providers=["CPUExecutionProvider"])
    (value,) = session.run(None, {"index": np.array([elements - 1])})
    assert value == 41.0


@pytest.mark.full
def test_just_below_protobuf_limit(folder: Path) -> None:
    import onnxruntime

    elements = PROTOBUF_LIMIT // 4 - 100
    result = write_model(large(elements), folder / "m.onnx")
    assert result.external_files == ()
    assert PROTOBUF_LIMIT - 1000 < result.bytes <= PROTOBUF_LIMIT
    session = onnxruntime.InferenceSession(folder / "m.onnx", providers=["CPUExecutionProvider"])
    (value,) = session.run(None, {"index": np.array([elements - 1])})
    assert value == 41.0
    del session
    loaded = onnx.load(folder / "m.onnx")
    assert len(loaded.graph.initializer[0].raw_data) == elements * 4
