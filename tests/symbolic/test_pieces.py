"""Pieces along a dynamic dimension: their number is baked, which is noted; a size that gives another number is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

import onnx_explore
from onnx_explore.check.runtime import run_onnxruntime
from onnx_explore.errors import OnnxExporterError
from tests.symbolic.cases import seeded

MODELS: dict[str, tuple[Callable[[torch.Tensor], Any], list[int], list[int]]] = {
    "split": (lambda x: x.split(2), [3], [2, 5, 6]),
    "split-one": (lambda x: x.split(4), [1, 3], [5]),
    "split-last": (lambda x: x.split(2)[-1], [3], [2, 5]),
    "split-traced-length": (lambda x: x.split(x.size(1)), [3, 4], [2, 5, 6]),
    "chunk": (lambda x: x.chunk(4), [7, 10], [3, 5, 6]),
    "unbind": (lambda x: x.unbind(0)[-1], [], [3, 5]),
    "iteration": (lambda x: torch.stack([row * 2 for row in x]), [], [3, 5]),
    "sizes": (lambda x: x.split([1, 3]), [], [3, 5]),
    "sizes-one": (lambda x: x.split([4]), [], [3, 5]),
    "sizes-traced": (lambda x: x.split([x.size(1), 2]), [], [3, 5]),
    "first-piece": (lambda x: x.split(2)[0], [3, 5, 6, 9], []),
    "first-row": (lambda x: x.unbind(0)[1], [2, 3, 5], [1]),
}
"""Name → model of 4 rows, sizes at which the number of pieces stays (or does not matter), sizes to be refused."""


@pytest.mark.parametrize("opset", [11, 17, 18])
@pytest.mark.parametrize("name", MODELS)
def test_number_of_pieces(name: str, opset: int) -> None:
    model, fitting, refused = MODELS[name]
    start = 8 if name == "chunk" else 4
    exported = onnx_explore.export(
        model, (seeded(start, 2),), input_names=["x"], dynamic_axes={"x": {0: "rows"}}, opset_version=opset
    )
    for size in [start, *fitting]:
        x = seeded(size, 2)
        expected = [leaf for leaf in torch.utils._pytree.tree_leaves(model(x)) if isinstance(leaf, torch.Tensor)]
        for want, got in zip(expected, run_onnxruntime(exported.model, {"x": x}), strict=True):
            torch.testing.assert_close(torch.from_numpy(got), want)
    for size in refused:
        with pytest.raises(OnnxExporterError):
            run_onnxruntime(exported.model, {"x": seeded(size, 2)})
    notes = [note for note in exported.recording.notes if note.code == "BakedCount"]
    if name.startswith("sizes"):
        assert not notes  # that many sizes are in the program
    else:
        (note,) = notes
        assert note.severity == "warning"
        assert "test_pieces.py" in note.where
