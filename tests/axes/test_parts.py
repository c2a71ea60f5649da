"""The parts of the audit, each alone: alignment from text, fits, the repair's golden text, idioms from source."""

from __future__ import annotations

import linecache
from dataclasses import replace

import pytest
import torch

from onnx_explore.auditing.align import Alignment
from onnx_explore.auditing.align import align as aligned
from onnx_explore.auditing.fit import fit
from onnx_explore.auditing.idioms import idiom_at
from onnx_explore.auditing.sizes import Symbol, candidates
from onnx_explore.passes.torch.sizes import Expression, Term, Unbake, Unbaked
from onnx_explore.torch_ir import Frame, Origin, TorchBlock, TorchGraph, walk
from tests.passes.conftest import after, graph_of, same

A, B = ("a", "b")
PLACES = {A: (0, 0), B: (0, 1)}
NAMES = {(0, 0): A, (0, 1): B}


def align(first: TorchGraph, second: TorchGraph) -> Alignment:
    """Texts have other places; a model's own nodes have the same."""
    return aligned(*(replace(item, block=_without_places(item.block)) for item in (first, second)))


def _without_places(block: TorchBlock) -> TorchBlock:
    return replace(block, nodes=tuple(replace(node, origin=Origin()) for node in block.nodes))


def graph(length: int, *extra: str) -> TorchGraph:
    lines = "\n".join(f"          {line}" for line in extra)
    return graph_of(f"""
        graph(%x : Tensor):
          %unused : int = prim::Constant[value={length * 7}]()
          %n : int = prim::Constant[value={length}]()
          %rest : int = prim::Constant[value=-1]()
          %size : int[] = prim::ListConstruct(%n, %rest)
          %y : Tensor = aten::reshape(%x, %size)
{lines}
          %z : Tensor = aten::relu(%y)
          return (%z)
    """)


def test_a_constant_that_differs() -> None:
    (found,) = align(graph(5), graph(7)).differences
    assert (found.kind, found.before, found.after) == ("constant", 5, 7)


def test_nodes_in_one_graph_alone() -> None:
    longer = graph(5, "%w : Tensor = aten::tanh(%y)", "%v : Tensor = aten::sin(%w)")
    # Nothing needs them: they do not matter.
    assert align(graph(5), longer).differences == ()
    used = graph_of("""
        graph(%x : Tensor):
          %y : Tensor = aten::tanh(%x)
          %z : Tensor = aten::relu(%y)
          return (%z)
    """)
    without = graph_of("""
        graph(%x : Tensor):
          %z : Tensor = aten::relu(%x)
          return (%z)
    """)
    (found,) = align(without, used).differences
    assert (found.kind, found.node.target, found.before, found.after) == ("only", "aten::tanh", 0, 1)
    (found,) = align(used, without).differences
    assert (found.kind, found.before, found.after) == ("only", 1, 0)


def test_wiring() -> None:
    text = """
        graph(%x : Tensor):
          %y : Tensor = aten::tanh(%x)
          %z : Tensor = aten::relu(%x)
          %w : Tensor = aten::mul(%y, %z)
          %v : Tensor = aten::sin({})
          %u : Tensor = aten::mul(%v, %w)
          return (%u)
    """
    (found,) = align(graph_of(text.format("%y")), graph_of(text.format("%z"))).differences
    assert (found.kind, found.node.target) == ("wiring", "aten::sin")
    assert align(graph_of(text.format("%y")), graph_of(text.format("%y"))).differences == ()


def points(function, *sizes: tuple[int, int]):
    return [({A: a, B: b}, function(a, b)) for a, b in sizes]


GRID = ((2, 5), (3, 5), (7, 5), (2, 6), (2, 9), (3, 6))


@pytest.mark.parametrize(
    ("function", "text"),
    [
        (lambda a, _: a, "a"),
        (lambda a, _: 3 * a - 4, "3*a - 4"),
        (lambda _, b: 10 - b, "-b + 10"),
        (lambda a, b: a * b, "a*b"),
        (lambda a, b: 2 * a + 3 * b + 1, "2*a + 3*b + 1"),
        (lambda a, b: 2 * a * b + a, "2*a*b + a"),
        (lambda a, _: 0.5 * a, "a/2"),
        (lambda a, b: (a + b) / 4, "(a + b)/4"),
        (lambda a, _: 0.1 * a, "a/10"),
    ],
)
def test_fits(function, text: str) -> None:
    expression = fit(points(function, *GRID), PLACES)
    assert expression is not None and expression.text(NAMES) == text
    fresh = {(0, 0): 20, (0, 1): 12}
    assert expression.value(fresh) == pytest.approx(function(20, 12))


@pytest.mark.parametrize("function", [lambda a, _: a // 2, lambda a, _: a * a, lambda a, _: 1 / a, lambda a, _: a**0.5])
def test_what_is_not_linear_does_not_fit(function) -> None:
    assert fit(points(function, *GRID), PLACES) is None


def test_two_sizes_prove_nothing() -> None:
    assert fit(points(lambda a, _: 3 * a, (2, 5), (3, 5)), PLACES) is None


def test_the_repair_as_text() -> None:
    before = graph_of("""
        graph(%x : Float(4, 5, strides=[5, 1])):
          %n : int = prim::Constant[value=11]()
          %rest : int = prim::Constant[value=-1]()
          %size : int[] = prim::ListConstruct(%rest, %n)
          %y : Tensor = aten::reshape(%x, %size)
          %s : float = prim::Constant[value=2.5]()
          %z : Tensor = aten::mul(%y, %s)
          return (%z)
    """)
    nodes = {str(node.constant): node.id for node in walk(before.block)}
    double = Unbaked(nodes["11"], (Expression((Term(2, ((0, 1),)),), 1),), "2*b + 1")
    half = Unbaked(nodes["2.5"], (Expression((Term(1, ((0, 1),)),), 0, 2),), "b/2")
    text, recording = after(before, Unbake([double, half]))
    same(
        text,
        """
        graph(%0 : float32(4, 5)):
          %8 : int = prim::Constant[value=1]()
          %7 : int = aten::size.int(%0, %8)
          %10 : int = prim::Constant[value=2]()
          %9 : int = aten::mul.int(%7, %10)
          %12 : int = prim::Constant[value=1]()
          %11 : int = aten::add.int(%9, %12)
          %2 : int = prim::Constant[value=-1]()
          %3 : int[] = prim::ListConstruct(%2, %11)
          %4 : Tensor = aten::reshape(%0, %3)
          %13 : float = aten::Float.Scalar(%7)
          %15 : float = prim::Constant[value=2.0]()
          %14 : float = aten::div.float(%13, %15)
          %6 : Tensor = aten::mul.Scalar(%4, %14)
          return (%6)
        """,
    )
    assert [note.message for note in recording.notes] == [
        "11 was a constant; it is computed as 2*b + 1 now",
        "2.5 was a constant; it is computed as b/2 now",
    ]


def test_a_repair_of_nothing_changes_nothing() -> None:
    before = graph(5)
    text, _ = after(before, Unbake([]))
    assert text == after(before)[0]


def test_candidates_are_coprime_and_never_one() -> None:
    found = list(candidates(Symbol(A, ((0, 0),), 6), {3, 7}))
    assert found[:3] == [11, 13, 17] and 12 in found and 3 in found
    assert all(size > 1 and size != 6 for size in found)
    assert next(iter(candidates(Symbol(A, ((0, 0),), 1), {1, 2}))) == 3


@pytest.mark.parametrize(
    ("line", "at", "kind", "name"),
    [
        ("y = x * int(n)", "int", "int", "int()"),
        ("for i in range(n): pass", "range", "index", "range()"),
        ("y = items[n]", "items", "index", "a Python index"),
        ("y = math.sqrt(n)", "math", "float", "math.sqrt()"),
        ("y = np.prod(s)", "np", "numpy", "np.prod()"),
        ("t = torch.tensor([n])", "torch", "tensor", "torch.tensor([...])"),
        ("t = f'{n} rows'", "f'", "format", "an f-string"),
        ("t = str(n)", "str", "format", "str()"),
        ("if n > 3: pass", "n >", "bool", "a branch (if)"),
        ("while n > 3: pass", "n >", "bool", "a loop (while)"),
        ("y = a if n > 3 else b", "n >", "bool", "a branch (if)"),
        ("y = min(n, 4)", "min", "bool", "min() or max()"),
        ("assert n > 3", "n >", "bool", "assert"),
        ("y = len(x)", "len", "len", "len()"),
        ("y = n.item()", "n.", "item", ".item()"),
    ],
)
@pytest.mark.parametrize("with_column", [True, False])
def test_idioms(line: str, at: str, kind: str, name: str, with_column: bool) -> None:
    file = f"<idiom {line}>"
    linecache.cache[file] = (len(line), None, [f"{line}\n"], file)
    column = line.index(at) + 1 if with_column else None
    try:
        assert idiom_at(kind, Frame(file, 1, "f", column)).name == name
    finally:
        del linecache.cache[file]


def test_without_the_source_the_kind_must_do() -> None:
    assert idiom_at("int", Frame("<nowhere>", 3, "f", 5)).name == "int()"


def test_wrapped_numbers_become_tensors() -> None:
    def scaled(x: torch.Tensor) -> torch.Tensor:
        return x.to(torch.int32) * int(x.shape[0])

    from onnx_explore.auditing import audit

    result = audit(scaled, torch.arange(12.0).reshape(3, 4), {"x": {0: "batch"}}, repair=True)
    assert result.proven, result.to_text()
