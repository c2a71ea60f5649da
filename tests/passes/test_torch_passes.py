"""Golden text pairs of the passes over the TorchGraph, and what all of them promise."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from onnx_explore.passes.pipeline import TorchPass
from onnx_explore.passes.torch import TORCH_PASSES, cancel_tuples, fold_constants, remove_dead_code, remove_no_ops
from onnx_explore.recording import Recorder
from onnx_explore.torch_ir import Fresh, TorchBlock, TorchGraph
from tests.passes.conftest import after, graph_of, same, script_of


def test_fold_constants() -> None:
    graph = graph_of("""
        graph(%x : Float(4, 5, strides=[5, 1])):
          %two : int = prim::Constant[value=2]()
          %rest : int = prim::Constant[value=-1]()
          %a : int[] = prim::ListConstruct(%two, %rest)
          %size : int = aten::size(%x, %two)
          %t : Tensor = prim::NumToTensor(%size)
          %n : int = aten::Int(%t)
          %b : int[] = prim::ListConstruct(%n, %rest)
          %y : Tensor = aten::view(%x, %a)
          %z : Tensor = aten::view(%y, %b)
          return (%z)
    """)
    text, _ = after(graph, fold_constants)
    same(
        text,
        """
        graph(%0 : float32(4, 5)):
          %1 : int = prim::Constant[value=2]()
          %2 : int = prim::Constant[value=-1]()
          %3 : int[] = prim::Constant[value=[2, -1]]()
          %4 : int = aten::size.int(%0, %1)
          %5 : Tensor = prim::NumToTensor.Scalar(%4)
          %7 : int[] = prim::ListConstruct(%4, %2)
          %8 : Tensor = aten::view(%0, %3)
          %9 : Tensor = aten::view(%8, %7)
          return (%9)
        """,
    )


def test_fold_constants_leaves_growing_lists_alone() -> None:
    def grows(n: int) -> list[int]:
        sizes = [1, 2]
        for i in range(n):
            sizes.append(2 * i)  # noqa: PERF401 (the growing list is the case)
        return sizes

    graph = script_of(grows)
    assert fold_constants(graph, Recorder()) is graph


def test_cancel_tuples() -> None:
    graph = graph_of("""
        graph(%x : Tensor, %y : Tensor):
          %one : int = prim::Constant[value=1]()
          %t : (Tensor, Tensor) = prim::TupleConstruct(%x, %y)
          %a : Tensor, %b : Tensor = prim::TupleUnpack(%t)
          %c : Tensor = prim::TupleIndex(%t, %one)
          %l : Tensor[] = prim::ListConstruct(%a, %c)
          %d : Tensor, %e : Tensor = prim::ListUnpack(%l)
          %s : Tensor = aten::add(%d, %e, %one)
          %r : (Tensor, (Tensor, Tensor)) = prim::TupleConstruct(%s, %t)
          return (%r)
    """)
    text, _ = after(graph, cancel_tuples, remove_dead_code)
    same(
        text,
        """
        graph(%0 : Tensor,
              %1 : Tensor):
          %2 : int = prim::Constant[value=1]()
          %10 : Tensor = aten::add.Tensor(%0, %1, %2)
          return (%10, %0, %1)
        """,
    )


def test_cancel_tuples_flattens_a_dict() -> None:
    def named(x):  # type: ignore[no-untyped-def]
        return {"a": x + 1, "b": x}

    text, _ = after(script_of(named), cancel_tuples, remove_dead_code)
    assert text.splitlines()[-1] == "  return (%4, %0)"


def test_remove_no_ops() -> None:
    graph = graph_of("""
        graph(%x : Float(4, 6, strides=[6, 1])):
          %p : float = prim::Constant[value=0.5]()
          %no : bool = prim::Constant[value=0]()
          %yes : bool = prim::Constant[value=1]()
          %zero : int = prim::Constant[value=0]()
          %half : int = prim::Constant[value=5]()
          %float : int = prim::Constant[value=6]()
          %none : NoneType = prim::Constant()
          %one : int = prim::Constant[value=1]()
          %end : int = prim::Constant[value=9223372036854775807]()
          %d : Float(4, 6, strides=[6, 1]) = aten::dropout(%x, %p, %no)
          %c : Float(4, 6, strides=[6, 1]) = aten::contiguous(%d, %zero)
          %e : Float(4, 6, strides=[6, 1]) = aten::detach(%c)
          %t : Float(4, 6, strides=[6, 1]) = aten::to(%e, %float, %no, %no, %none)
          %h : Half(4, 6, strides=[6, 1]) = aten::to(%t, %half, %no, %no, %none)
          %s : Half(4, 6, strides=[6, 1]) = aten::slice(%h, %zero, %zero, %end, %one)
          %k : Half(4, 6, strides=[6, 1]) = aten::clone(%s, %none)
          %q : Half(4, 6, strides=[6, 1]) = aten::dropout(%k, %p, %yes)
          return (%q)
    """)
    text, _ = after(graph, remove_no_ops, remove_dead_code)
    same(
        text,
        """
        graph(%0 : float32(4, 6)):
          %1 : float = prim::Constant[value=0.5]()
          %2 : bool = prim::Constant[value=False]()
          %3 : bool = prim::Constant[value=True]()
          %5 : int = prim::Constant[value=5]()
          %7 : NoneType = prim::Constant[value=None]()
          %14 : float16(4, 6) = aten::to.dtype(%0, %5, %2, %2, %7)
          %17 : float16(4, 6) = aten::dropout(%14, %1, %3)
          return (%17)
        """,
    )


def test_remove_no_ops_waits_for_functionalization() -> None:
    graph = graph_of("""
        graph(%x : Float(2)):
          %none : NoneType = prim::Constant()
          %y : Float(2) = aten::clone(%x, %none)
          %z : Float(2) = aten::relu_(%y)
          return (%x, %z)
    """)
    assert remove_no_ops(graph, Recorder()) is graph


def test_remove_dead_code() -> None:
    graph = graph_of("""
        graph(%x : Float(2), %y : Float(2), %c : bool, %n : int):
          %one : int = prim::Constant[value=1]()
          %yes : bool = prim::Constant[value=1]()
          %product : Tensor = aten::mul(%x, %y)
          %r : Tensor = aten::relu(%x)
          prim::Print(%product)
          %a : Tensor, %b : Tensor = prim::If(%c)
            block0():
              %p : Tensor = aten::neg(%r)
              %q : Tensor = aten::exp(%r)
              -> (%p, %q)
            block1():
              -> (%r, %r)
          %k : Tensor, %j : Tensor = prim::Loop(%n, %yes, %a, %b)
            block0(%i : int, %m : Tensor, %o : Tensor):
              %s : Tensor = aten::add(%m, %m, %one)
              %t : Tensor = aten::add(%o, %o, %one)
              -> (%yes, %s, %t)
          return (%k)
    """)
    text, recording = after(graph, remove_dead_code)
    same(
        text,
        """
        graph(%0 : float32(2),
              %1 : float32(2),
              %2 : bool,
              %3 : int):
          %4 : int = prim::Constant[value=1]()
          %5 : bool = prim::Constant[value=True]()
          %7 : Tensor = aten::relu(%0)
          %10 : Tensor = prim::If(%2)
            block0():
              %8 : Tensor = aten::neg(%7)
              -> (%8)
            block1():
              -> (%7)
          %17 : Tensor = prim::Loop(%3, %5, %10)
            block0(%12 : int, %13 : Tensor):
              %15 : Tensor = aten::add.Tensor(%13, %13, %4)
              -> (%5, %15)
          return (%17)
        """,
    )
    assert [(note.code, note.severity) for note in recording.notes] == [
        ("SideEffectDropped", "info"),
        ("UnusedInput", "warning"),
    ]
    assert recording.notes[1].message == "input '1' has no effect on any output"


def test_dead_code_keeps_a_list_that_grows() -> None:
    def grows(x, n: int):  # type: ignore[no-untyped-def]
        rows = [x]
        for _ in range(n):
            rows.append(x)  # noqa: PERF401 (the growing list is the case)
        return rows

    graph = script_of(grows)
    text, _ = after(graph, remove_dead_code)
    assert "aten::append" in text


@pytest.mark.parametrize(("name", "run"), TORCH_PASSES, ids=[name for name, _ in TORCH_PASSES])
def test_returns_the_same_graph_when_nothing_applies(name: str, run: TorchPass) -> None:
    graph = graph_of("""
        graph(%x : Float(2)):
          %y : Float(2) = aten::relu(%x)
          return (%y)
    """)
    recorder = Recorder()
    assert run(graph, recorder) is graph, name
    assert not recorder.recording.events


def _long(count: int) -> TorchGraph:
    """``count`` nodes: a sum of relus."""
    block = graph_of("""
        graph(%x : Float(2, 3, strides=[3, 1])):
          %one : int = prim::Constant[value=1]()
          %y : Float(2, 3, strides=[3, 1]) = aten::relu(%x)
          %z : Float(2, 3, strides=[3, 1]) = aten::add(%x, %y, %one)
          return (%z)
    """).block
    one, relu, add = block.nodes
    nodes, x = [one], block.params[0]
    fresh = Fresh(TorchGraph(block))
    while len(nodes) < count:
        y, z = fresh.value(), fresh.value()
        nodes.append(replace(relu, id=fresh.node_id(), inputs=(x,), outputs=(y,)))
        nodes.append(replace(add, id=fresh.node_id(), inputs=(x, y, one.output), outputs=(z,)))
        x = z
    return TorchGraph(TorchBlock(block.params, tuple(nodes), (x,)))


def test_speed(record_property: Callable[[str, object], None]) -> None:
    graph = _long(10_000)
    recorder = Recorder()
    rows: list[str] = []
    for name, run in TORCH_PASSES:
        start = time.perf_counter()
        assert run(graph, recorder) is graph
        rows.append(f"{name} {(time.perf_counter() - start) * 1000:.1f} ms")
    record_property("milliseconds", ", ".join(rows))
    print(f"{len(graph.block.nodes)} nodes: {', '.join(rows)}")
    assert not recorder.recording.events
