"""Branches and loops in the views: nested lines, links into blocks, blocks as scopes of the graph."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch import nn

import onnx_explore
from onnx_explore.explore import project
from onnx_explore.explore.columns import numbers
from onnx_explore.explore.protocol import PaneName
from tests.scripted.running import scripted


class Gate(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 3)

    def forward(self, x: torch.Tensor, n: int):
        out = [x]
        for i in range(n):
            x = self.linear(x) if x.sum() > 0 else torch.tanh(x) - i
            out.append(x)
        return torch.stack(out)


class Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.gate = Gate()

    def forward(self, x: torch.Tensor, n: int):
        parts = [x]
        for i in range(2):
            parts.append(torch.sigmoid(x) * i)
        return self.gate(parts[0] * 2, n) + parts[2]


@pytest.fixture(scope="module")
def ex() -> onnx_explore.Exploration:
    return onnx_explore.explore(scripted(Model()), (torch.ones(2, 3), 3)).run()


def lines_of(ex: onnx_explore.Exploration, name: PaneName) -> tuple[list[str], list[list[int]]]:
    message, buffers = project.pane(ex, name, 1)
    starts, ids = numbers(buffers)[:2]
    return message.lines, [ids[start:end] for start, end in pairwise(starts)]


def test_nodes_of_blocks_have_lines_with_links(ex: onnx_explore.Exploration):
    rows, threads = lines_of(ex, "onnx")
    (inner,) = [index for index, row in enumerate(rows) if "= Tanh(" in row]
    assert rows[inner].startswith("      ")
    (loop,) = [index for index, row in enumerate(rows) if "= Loop(" in row]
    assert loop < inner
    torch_rows, torch_threads = lines_of(ex, "torch")
    (tanh,) = [index for index, row in enumerate(torch_rows) if "aten::tanh" in row]
    assert threads[inner] == torch_threads[tanh]
    dispatch_rows, dispatch_threads = lines_of(ex, "dispatch")
    assert threads[inner] in [dispatch_threads[index] for index, row in enumerate(dispatch_rows) if "aten::tanh" in row]
    source_rows, source_threads = lines_of(ex, "source")
    (line,) = [index for index, row in enumerate(source_rows) if "torch.tanh(x) - i" in row]
    assert set(threads[inner]) <= set(source_threads[line])


def test_the_rounds_of_an_unrolled_loop_are_one_entry_with_all_that_they_emitted(ex: onnx_explore.Exploration):
    rows, _ = lines_of(ex, "dispatch")
    (entry,) = [index for index, row in enumerate(rows) if row.startswith("aten::sigmoid")]
    assert "Sigmoid" in rows[entry + 1]
    (step,) = [row for row in rows if row.startswith("prim::Loop") and "nothing" in row]
    assert step


def test_blocks_are_scopes_of_the_graph(ex: onnx_explore.Exploration):
    for stage, paths in (
        ("onnx", ["gate", "gate.Loop", "gate.Loop.body", "gate.Loop.body.If", "gate.Loop.body.If.else"]),
        ("torch", ["gate"]),
    ):
        for path in paths:
            found, _ = project.graph(ex, stage, path, 1)
            assert found.titles, path
    inside, _ = project.graph(ex, "onnx", "gate.Loop.body.If.else", 1)
    assert "Tanh" in inside.titles and "Sub" in inside.titles
    body, _ = project.graph(ex, "onnx", "gate.Loop.body", 1)
    assert ("module", "If") in list(zip(body.kinds, body.titles, strict=True))
    assert "carried" in body.titles
    outside, _ = project.graph(ex, "onnx", "gate", 1)
    assert dict(zip(outside.titles, outside.subtitles, strict=True))["Loop"] == "Loop"


def test_a_node_of_a_block_has_its_story(ex: onnx_explore.Exploration):
    node = next(node for node in ex._flow.lowering.nodes if node.target == "aten::tanh")
    found = project.detail(ex, node.id, None)
    assert any("aten::tanh" in line for line in found.lines)
    assert found.onnx and all(name.endswith("Tanh") for name in found.onnx)
    by_name = project.detail(ex, None, found.onnx[0])
    assert by_name.ids == found.ids
    assert "aten::tanh" in ex.dispatch_text("aten::tanh")
    assert "    " in ex.onnx_text()
