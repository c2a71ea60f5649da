"""Graphs for Graphviz, and the drawing that needs no program."""

from __future__ import annotations

import shutil
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import pytest
import torch
from torch import nn

import onnx_explore
from onnx_explore.explore.svg import Box, svg


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(4, 4), nn.ReLU())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.body(x) + x


@pytest.fixture(scope="module")
def ex() -> onnx_explore.Exploration:
    return onnx_explore.explore(Net(), torch.randn(3, 4), input_names=["<b>x</b>"], check=False).run()


@pytest.mark.parametrize("stage", ["torch", "onnx"])
def test_digraph(ex: onnx_explore.Exploration, stage: onnx_explore.explore.Stage) -> None:
    source = ex.graphviz(stage).source
    assert "body" in source and "->" in source and '"<b>x</b>' in source
    expanded = ex.graphviz(stage, expand=True).source
    assert "cluster_body" in expanded and expanded.count("->") > source.count("->")
    assert "cluster_body.0" not in expanded  # a frame around one operator says nothing more than its name


@pytest.mark.parametrize("installed", [False, True])
def test_svg(ex: onnx_explore.Exploration, monkeypatch: pytest.MonkeyPatch, installed: bool) -> None:
    if not installed:
        monkeypatch.setattr(shutil, "which", lambda name: None)
    elif shutil.which("dot") is None:
        pytest.skip("the program dot is not installed: apt-get install graphviz")
    shown = ex.graphviz("onnx")._repr_mimebundle_()["image/svg+xml"]
    root = ElementTree.fromstring(shown)
    texts = [item.text for item in root.iter() if item.tag.endswith("}text")]
    assert "<b>x</b>" in texts and "Add" in texts


@pytest.mark.skipif(shutil.which("dot") is None, reason="the program dot is not installed: apt-get install graphviz")
@pytest.mark.parametrize(("form", "begins"), [("pdf", b"%PDF-"), ("png", b"\x89PNG"), ("svg", b"<?xml")])
def test_dot(ex: onnx_explore.Exploration, tmp_path: Path, form: str, begins: bytes) -> None:
    """Figures for papers and slides."""
    made = Path(ex.graphviz("onnx", expand=True).render("figure", directory=tmp_path, format=form))
    assert made.read_bytes().startswith(begins) and made.suffix == f".{form}"


def test_boxes_do_not_overlap() -> None:
    boxes = [Box(f"node {index}", "", "operator") for index in range(7)]
    edges = [(0, index, "") for index in range(1, 6)] + [(index, 6, "") for index in range(1, 6)] + [(6, 0, "back")]
    root = ElementTree.fromstring(svg(boxes, edges))
    rects = [item for item in root.iter() if item.tag.endswith("}rect")]
    spans = sorted((float(item.get("y", 0)), float(item.get("x", 0)), float(item.get("width", 0))) for item in rects)
    for (y, x, width), (lower, right, _) in pairwise(spans):
        assert y != lower or x + width < right
    assert svg([], [])
