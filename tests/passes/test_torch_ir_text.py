"""The text form of a TorchGraph, and its invariants."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from onnx_explore.capture import capture
from onnx_explore.errors import InvalidGraph
from onnx_explore.torch_ir import TorchBlock, TorchGraph, TorchNode, TorchValue, graph_lines, print_graph, validate
from tests.passes.conftest import graph_of, same

TEXT = """
    graph(%x : Float(4, 5, strides=[1, 4]), %c : bool):
      %one : int = prim::Constant[value=1]()
      %y : Float(4, 5, strides=[5, 1]) = aten::add(%x, %x, %one)
      %z : Tensor = prim::If(%c)
        block0():
          -> (%y)
        block1():
          %w : Tensor = aten::relu(%y)
          -> (%w)
      prim::Print(%z)
      return (%z)
"""


def test_print() -> None:
    same(
        print_graph(graph_of(TEXT), places=False),
        """
        graph(%0 : float32(4, 5, strides=[1, 4]),
              %1 : bool):
          %2 : int = prim::Constant[value=1]()
          %3 : float32(4, 5) = aten::add.Tensor(%0, %0, %2)
          %5 : Tensor = prim::If(%1)
            block0():
              -> (%3)
            block1():
              %4 : Tensor = aten::relu(%3)
              -> (%4)
          prim::Print(%5)
          return (%5)
        """,
    )


def test_lines_are_nodes() -> None:
    graph = graph_of(TEXT)
    lines = graph_lines(graph)
    named = [(number, text.split("(")[0].split()[-1]) for number, text in lines if number is not None]
    assert [number for number, _ in named] == [0, 1, 3, 2, 4]
    assert named[3][1] == "aten::relu"


def test_weights_and_places() -> None:
    graph = capture(torch.nn.Sequential(torch.nn.Linear(2, 3)), (torch.randn(1, 2),)).graph
    text = print_graph(graph)
    assert '= "0.weight"' in text
    assert text.splitlines()[-2].endswith(" in 0")
    assert "#" not in print_graph(graph, places=False)


def test_constants() -> None:
    value = TorchValue(0, "c", "Tensor", torch.float32, (9,))
    small = TorchValue(1, "s", "Tensor", torch.int64, (2,))
    nodes = (
        TorchNode(0, "prim::Constant", (), (value,), constant=torch.zeros(9)),
        TorchNode(1, "prim::Constant", (), (small,), constant=torch.tensor([1, 2])),
    )
    lines = print_graph(TorchGraph(TorchBlock((), nodes, (value,)))).splitlines()
    assert lines[0] == "graph():"
    assert lines[1] == "  %c : float32(9) = prim::Constant[value=<float32(9)>]()"
    assert lines[2] == "  %s : int64(2) = prim::Constant[value=<int64(2) [1, 2]>]()"


def _nodes(graph: TorchGraph, *nodes: TorchNode) -> TorchGraph:
    return replace(graph, block=replace(graph.block, nodes=nodes))


def _swapped(graph: TorchGraph) -> TorchGraph:
    one, add, *rest = graph.block.nodes
    return _nodes(graph, add, one, *rest)


def _same_node_id(graph: TorchGraph) -> TorchGraph:
    one, add, *rest = graph.block.nodes
    return _nodes(graph, one, replace(add, id=one.id), *rest)


def _defined_twice(graph: TorchGraph) -> TorchGraph:
    one, *rest = graph.block.nodes
    return _nodes(graph, one, replace(one, id=99), *rest)


def _copied_value(graph: TorchGraph) -> TorchGraph:
    one, add, *rest = graph.block.nodes
    return _nodes(graph, one, replace(add, inputs=(*add.inputs[:2], replace(add.inputs[2]))), *rest)


def _from_a_block(graph: TorchGraph) -> TorchGraph:
    inner = graph.block.nodes[2].blocks[1].nodes[0].output
    return replace(graph, block=replace(graph.block, returns=(inner,)))


def _too_few_returns(graph: TorchGraph) -> TorchGraph:
    one, add, choice, *rest = graph.block.nodes
    first, second = choice.blocks
    return _nodes(graph, one, add, replace(choice, blocks=(replace(first, returns=()), second)), *rest)


def _constant_with_input(graph: TorchGraph) -> TorchGraph:
    one, *rest = graph.block.nodes
    return _nodes(graph, replace(one, inputs=graph.block.params[:1]), *rest)


@pytest.mark.parametrize(
    ("breaks", "message"),
    [
        (_swapped, "not defined before"),
        (_same_node_id, "used twice"),
        (_defined_twice, "defined twice"),
        (_copied_value, "another value"),
        (_from_a_block, "not defined before"),
        (_too_few_returns, "one value per output"),
        (_constant_with_input, "no inputs"),
    ],
)
def test_validate(breaks: Callable[[TorchGraph], TorchGraph], message: str) -> None:
    graph = graph_of(TEXT)
    validate(graph)
    with pytest.raises(InvalidGraph, match=message):
        validate(breaks(graph))
