"""``resolve_branches``: golden pairs."""

from __future__ import annotations

import pytest

from onnx_explore.passes.torch.branches import resolve_branches
from onnx_explore.recording import Recorder
from onnx_explore.torch_ir import print_graph, walk
from tests.passes.conftest import graph_of

BRANCH = """
graph(%x : Tensor):
  %c : bool = prim::Constant[value={value}]()
  %n : bool = aten::__not__(%c)
  %y : Tensor = prim::If(%n)
    block0():
      %a : Tensor = aten::relu(%x)
      -> (%a)
    block1():
      %b : Tensor = aten::sigmoid(%x)
      -> (%b)
  return (%y)
"""


@pytest.mark.parametrize(("value", "target"), [(0, "aten::relu"), (1, "aten::sigmoid")])
def test_the_decided_branch_takes_the_place_of_the_if(value: int, target: str):
    before = graph_of(BRANCH.replace("{value}", str(value)))
    after = resolve_branches(before, Recorder())
    targets = [node.target for node in walk(after.block)]
    assert "prim::If" not in targets
    assert target in targets
    assert len(targets) == 3
    assert after.outputs[0] in after.block.nodes[-1].outputs


def test_an_open_condition_is_left_alone():
    before = graph_of(
        """
        graph(%x : Tensor, %c : bool):
          %y : Tensor = prim::If(%c)
            block0():
              -> (%x)
            block1():
              %b : Tensor = aten::sigmoid(%x)
              -> (%b)
          return (%y)
        """
    )
    assert resolve_branches(before, Recorder()) is before


def test_none_is_decided_by_type():

    before = graph_of(
        """
        graph(%x : Tensor):
          %n : NoneType = prim::Constant()
          %c : bool = aten::__is__(%x, %n)
          %y : Tensor = prim::If(%c)
            block0():
              %a : Tensor = aten::relu(%x)
              -> (%a)
            block1():
              -> (%x)
          return (%y)
        """
    )
    after = resolve_branches(before, Recorder())
    assert "prim::If" not in print_graph(after)
    assert after.outputs == after.inputs
