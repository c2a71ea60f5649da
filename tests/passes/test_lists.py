"""Lists that change in place, and writes inside blocks: graphs before and after, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Dict, List

import pytest
import torch
from torch import Tensor

from onnx_explore.errors import UnsupportedOperatorError
from onnx_explore.passes.torch import functionalize, functionalize_lists
from onnx_explore.recording import Recorder
from tests.passes.conftest import after, same, script_of


def loop_and_branch(x: Tensor, n: int):
    out: List[Tensor] = []
    for i in range(n):
        if i > 2:
            out.append(x)
    last = out.pop()
    return last, out


def test_what_blocks_do_to_a_list_becomes_their_result():
    text, recording = after(script_of(loop_and_branch), functionalize_lists)
    same(
        text,
        """
        graph(%0 : Tensor,
              %1 : int):
          %2 : int = prim::Constant[value=-1]()
          %3 : bool = prim::Constant[value=True]()
          %4 : int = prim::Constant[value=2]()
          %5 : Tensor[] = prim::ListConstruct()
          %16 : Tensor[] = prim::Loop(%1, %3, %5)
            block0(%6 : int, %13 : Tensor[]):
              %7 : bool = aten::gt.int(%6, %4)
              %15 : Tensor[] = prim::If(%7)
                block0():
                  %14 : Tensor[] = aten::append.t(%13, %0)
                  -> (%14)
                block1():
                  -> (%13)
              -> (%3, %15)
          %9 : Tensor, %17 : Tensor[] = aten::pop.t(%16, %2)
          %18 : (Tensor, Tensor[]) = prim::TupleConstruct(%9, %17)
          return (%18)
        """,
    )
    assert [entry.target for entry in recording.ledger] == ["aten::append", "aten::pop"]


def nested(x: Tensor):
    rows: List[List[Tensor]] = [[], [x]]
    rows[0].append(x)
    return rows[0], rows


def test_a_list_in_a_list_is_made_anew_where_it_is_used():
    text, _ = after(script_of(nested), functionalize_lists)
    same(
        text,
        """
        graph(%0 : Tensor):
          %1 : int = prim::Constant[value=0]()
          %2 : Tensor[] = prim::ListConstruct()
          %3 : Tensor[] = prim::ListConstruct(%0)
          %9 : Tensor[] = aten::append.t(%2, %0)
          %10 : Tensor[][] = prim::ListConstruct(%9, %3)
          %11 : (Tensor[], Tensor[][]) = prim::TupleConstruct(%9, %10)
          return (%11)
        """,
    )


def two_names_in_a_loop(x: Tensor, n: int):
    a: List[Tensor] = [x]
    b = a
    for _ in range(n):
        a += [x]
        b.append(x)
    return b


def test_two_names_of_a_list_stay_one_list_in_a_loop():
    text, _ = after(script_of(two_names_in_a_loop), functionalize_lists)
    assert text.count("aten::append") == 1 and text.count("aten::add.t") == 1
    assert "return (%" in text


def part_in_branch(x: Tensor, flag: bool):
    y = x * 2
    if flag:
        y[0].add_(1)
    return y


def test_a_write_in_a_branch_becomes_its_result():
    text, _ = after(script_of(part_in_branch), functionalize)
    same(
        text,
        """
        graph(%0 : Tensor,
              %1 : bool):
          %2 : int = prim::Constant[value=2]()
          %3 : int = prim::Constant[value=0]()
          %4 : int = prim::Constant[value=1]()
          %5 : Tensor = aten::mul.Scalar(%0, %2)
          %11 : Tensor = prim::If(%1)
            block0():
              %6 : Tensor = aten::select.int(%5, %3, %3)
              %9 : Tensor = aten::add.Scalar(%6, %4, %4)
              %10 : Tensor = aten::select_scatter(%5, %9, %3, %3)
              -> (%10)
            block1():
              -> (%5)
          return (%11)
        """,
    )


def carried(x: Tensor, n: int):
    y = x * 2
    s = x + 1
    for _ in range(n):
        y += 1
        s[0] = y[1]
    return y, s


def test_a_loop_carries_what_it_writes_to():
    text, _ = after(script_of(carried), functionalize)
    assert text.count("prim::Loop(") == 1 and "add_" not in text and "copy_" not in text
    (loop,) = [line for line in text.splitlines() if "prim::Loop" in line]
    (end,) = [line for line in text.splitlines() if line.strip().startswith("-> (")]
    assert loop.count(" : Tensor") == 2 and end.count(",") == 2
    assert "aten::select_scatter(" in text


def chosen(x: Tensor, flag: bool):
    a: List[Tensor] = []
    b: List[Tensor] = [x]
    c = a if flag else b
    c.append(x)
    return c


def test_a_list_that_is_one_of_two_may_be_changed_if_they_are_not_looked_at_again():
    text, _ = after(script_of(chosen), functionalize_lists)
    assert "aten::append.t" in text


def chosen_and_kept(x: Tensor, flag: bool):
    a: List[Tensor] = []
    b: List[Tensor] = [x]
    c = a if flag else b
    c.append(x)
    return b


def part_of_unknown(x: Tensor, n: int):
    rows: List[List[Tensor]] = [[x], [x]]
    rows[n].append(x)
    return rows


def dict_of_unknown(x: Tensor, key: str):
    rows: Dict[str, List[Tensor]] = {"a": [x]}
    rows[key].append(x)
    return rows


def first_round_writes(x: Tensor, n: int):
    y = x * 2
    z = y
    for _ in range(n):
        z.add_(1)
        z = z * 2
    return y, z


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (chosen_and_kept, "may be this one was changed"),
        (part_of_unknown, "parts are not followed"),
        (dict_of_unknown, "parts are not followed"),
        (first_round_writes, "used after a write that may have changed it"),
    ],
)
def test_refuses_what_only_the_running_model_knows(function: Callable[..., object], reason: str):
    graph = script_of(function)
    with pytest.raises(UnsupportedOperatorError, match=reason):
        functionalize(functionalize_lists(graph, Recorder()), Recorder())


def test_a_graph_without_changes_stays_the_very_same():
    graph = script_of(torch.nn.functional.relu)
    assert functionalize_lists(graph, Recorder()) is graph
