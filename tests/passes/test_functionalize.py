"""Golden text pairs of the functionalization, its ledger and its refusals."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

import onnx_explore
from onnx_explore import export
from onnx_explore.capture import capture
from onnx_explore.check.runtime import run_onnxruntime
from onnx_explore.errors import UnsupportedOperatorError
from onnx_explore.passes.torch import TORCH_PASSES, functionalize, remove_dead_code
from onnx_explore.recording import Recorder, Recording
from onnx_explore.torch_ir import TorchGraph, validate, walk
from tests.passes.conftest import after, graph_of, same, script_of


def test_part_of_a_tensor() -> None:
    """``y[:, 0] += 1`` is select, add_, select, copy_ in a trace."""
    graph = graph_of("""
        graph(%x : Float(4, 5, strides=[5, 1])):
          %zero : int = prim::Constant[value=0]()
          %one : int = prim::Constant[value=1]()
          %y : Float(4, 5, strides=[5, 1]) = aten::relu(%x)
          %v : Float(4, strides=[5]) = aten::select(%y, %one, %zero)
          %w : Float(4, strides=[5]) = aten::add_(%v, %one, %one)
          %u : Float(4, strides=[5]) = aten::select(%y, %one, %zero)
          %no : bool = prim::Constant[value=0]()
          %c : Float(4, strides=[5]) = aten::copy_(%u, %w, %no)
          return (%y)
    """)
    text, recording = after(graph, functionalize, remove_dead_code)
    same(
        text,
        """
        graph(%0 : float32(4, 5)):
          %1 : int = prim::Constant[value=0]()
          %2 : int = prim::Constant[value=1]()
          %3 : float32(4, 5) = aten::relu(%0)
          %4 : float32(4, strides=[5]) = aten::select.int(%3, %2, %1)
          %9 : float32(4, strides=[5]) = aten::add.Scalar(%4, %2, %2)
          %10 : float32(4, 5) = aten::select_scatter(%3, %9, %2, %1)
          return (%10)
        """,
    )
    ledger = [(write.target, write.base, write.through, write.became, write.effect) for write in recording.ledger]
    assert ledger == [
        ("aten::add_", "3", ("aten::select",), (8, 9), "functional"),
        ("aten::copy_", "3", ("aten::select",), (), "functional"),
    ]


def test_dtype_and_shape_stay() -> None:
    graph = graph_of("""
        graph(%x : Half(4, 5, strides=[5, 1]), %z : Float(5, strides=[1])):
          %one : int = prim::Constant[value=1]()
          %no : bool = prim::Constant[value=0]()
          %t : Half(5, 4, strides=[1, 5]) = aten::t(%x)
          %w : Half(4, 5, strides=[5, 1]) = aten::add_(%x, %z, %one)
          %c : Half(4, 5, strides=[5, 1]) = aten::copy_(%w, %z, %no)
          %r : Half(5, 4, strides=[1, 5]) = aten::relu_(%t)
          return (%x, %t, %w)
    """)
    text, recording = after(graph, functionalize)
    same(
        text,
        """
        graph(%0 : float16(4, 5),
              %1 : float32(5)):
          %2 : int = prim::Constant[value=1]()
          %3 : bool = prim::Constant[value=False]()
          %8 : float32(4, 5) = aten::add.Tensor(%0, %1, %2)
          %10 : int = prim::Constant[value=5]()
          %11 : bool = prim::Constant[value=False]()
          %12 : NoneType = prim::Constant[value=None]()
          %9 : float16(4, 5) = aten::to.dtype(%8, %10, %11, %11, %12)
          %13 : float16(5) = aten::to.dtype(%1, %10, %11, %11, %12)
          %14 : float16(4, 5) = aten::expand_as(%13, %0)
          %4 : float16(5, 4, strides=[1, 5]) = aten::t(%14)
          %15 : float16(5, 4, strides=[1, 5]) = aten::relu(%4)
          %16 : float16(4, 5) = aten::t(%15)
          return (%16, %15, %16)
        """,
    )
    assert {write.effect for write in recording.ledger} == {"input"}
    assert [note.code for note in recording.notes] == ["InputMutated"]


def test_pieces_are_joined_once() -> None:
    graph = graph_of("""
        graph(%x : Float(4, 6, strides=[6, 1])):
          %two : int = prim::Constant[value=2]()
          %one : int = prim::Constant[value=1]()
          %y : Float(4, 6, strides=[6, 1]) = aten::relu(%x)
          %l : Tensor[] = aten::chunk(%y, %two, %one)
          %a : Float(4, 3, strides=[6, 1]), %b : Float(4, 3, strides=[6, 1]) = prim::ListUnpack(%l)
          %w : Float(4, 3, strides=[6, 1]) = aten::mul_(%a, %two)
          %v : Float(4, 3, strides=[6, 1]) = aten::add_(%b, %w, %one)
          %s : Tensor[] = prim::ListConstruct(%y, %a)
          %c : Tensor = aten::cat(%s, %one)
          return (%c)
    """)
    text, _ = after(graph, functionalize)
    same(
        text,
        """
        graph(%0 : float32(4, 6)):
          %1 : int = prim::Constant[value=2]()
          %2 : int = prim::Constant[value=1]()
          %3 : float32(4, 6) = aten::relu(%0)
          %4 : Tensor[] = aten::chunk(%3, %1, %2)
          %5 : float32(4, 3, strides=[6, 1]), %6 : float32(4, 3, strides=[6, 1]) = prim::ListUnpack(%4)
          %11 : float32(4, 3, strides=[6, 1]) = aten::mul.Scalar(%5, %1)
          %12 : float32(4, 3, strides=[6, 1]) = aten::add.Tensor(%6, %11, %2)
          %13 : Tensor[] = prim::ListConstruct(%11, %12)
          %14 : float32(4, 6) = aten::cat(%13, %2)
          %9 : Tensor[] = prim::ListConstruct(%14, %11)
          %10 : Tensor = aten::cat(%9, %2)
          return (%10)
        """,
    )


class _Model(nn.Module):
    def __init__(self, function: Callable[[nn.Module, Tensor], object]) -> None:
        super().__init__()
        self.function = function
        self.scale = nn.Parameter(torch.ones(3))
        self.register_buffer("cache", torch.zeros(2, 3))
        self.register_buffer("steps", torch.zeros((), dtype=torch.long))

    def forward(self, x: Tensor) -> object:
        return self.function(self, x)


def _run(function: Callable[..., object]) -> tuple[TorchGraph, Recording]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        graph = capture(_Model(function), (torch.randn(2, 3),)).graph
    recorder = Recorder()
    for _, run in TORCH_PASSES:
        graph = run(graph, recorder)
        validate(graph)
    return graph, recorder.recording


def _targets(graph: TorchGraph) -> list[str]:
    return [node.target for node in walk(graph.block) if node.target != "prim::Constant"]


def test_writes_to_one_part_scatter_once() -> None:
    def several(_: nn.Module, x: Tensor) -> Tensor:
        y = x * 2
        y[0].add_(1).mul_(3)
        y[0] -= 1
        return y

    graph, _ = _run(several)
    assert _targets(graph) == [
        "aten::mul", "aten::select", "aten::add", "aten::mul", "aten::sub", "aten::select_scatter",
    ]  # fmt: skip


def test_what_is_overwritten_is_not_computed() -> None:
    def overwritten(_: nn.Module, x: Tensor) -> Tensor:
        y = x * 2
        y[0] += 1
        y.zero_()
        y[1] = x[0]
        return y

    graph, _ = _run(overwritten)
    assert _targets(graph) == ["aten::mul", "aten::zeros_like", "aten::select", "aten::select_scatter"]


def test_residual_net_with_in_place_relu() -> None:
    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(2, 2, 3, padding=1)
            self.relu = nn.ReLU(inplace=True)

        def forward(self, x: Tensor) -> Tensor:
            out = self.relu(self.conv(x))
            out += x
            return self.relu(out)

    graph = capture(nn.Sequential(Block(), Block()), (torch.randn(1, 2, 4, 4),)).graph
    recorder = Recorder()
    for _, run in TORCH_PASSES:
        graph = run(graph, recorder)
    once = ["aten::_convolution", "aten::relu", "aten::add", "aten::relu"]
    assert [target for target in _targets(graph) if target != "prim::ListConstruct"] == once * 2
    assert [write.target for write in recorder.recording.ledger] == ["aten::relu_", "aten::add_", "aten::relu_"] * 2
    assert {write.where.rpartition(" in ")[2] for write in recorder.recording.ledger} >= {"0.relu", "1.relu"}


def test_ledger_of_buffers_and_parameters() -> None:
    def mutates(self: nn.Module, x: Tensor) -> Tensor:
        self.steps.add_(1)
        self.cache[0] = x[0]
        self.scale.data.mul_(2)
        return x * self.scale + self.cache

    _, recording = _run(mutates)
    ledger = [(write.base, write.through, write.effect) for write in recording.ledger]
    assert ("steps", (), "parameter") in ledger
    assert ("cache", ("aten::select",), "parameter") in ledger
    notes = {note.message.split("'")[1]: (note.code, note.severity) for note in recording.notes if "'" in note.message}
    assert notes["steps"] == ("BufferMutated", "info")
    assert notes["cache"] == ("BufferMutated", "warning")


def test_new_nodes_know_what_they_stand_for() -> None:
    def part(_: nn.Module, x: Tensor) -> Tensor:
        y = x * 2
        y[0] += 1
        return y

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        captured = capture(_Model(part), (torch.randn(2, 3),)).graph
    known = {node.id: node for node in walk(captured.block)}
    graph = functionalize(captured, Recorder())
    made = [node for node in walk(graph.block) if node.derived_from]
    assert {node.target for node in made} == {"aten::add", "aten::select_scatter"}
    for node in made:
        assert set(node.derived_from) <= set(known)
        assert node.origin.where.endswith("in part") or "test_functionalize.py" in node.origin.where
    (scatter,) = (node for node in made if node.target == "aten::select_scatter")
    assert [known[number].target for number in scatter.derived_from] == ["aten::add_", "aten::select"]


def _refused(function: Callable[..., object]) -> UnsupportedOperatorError:
    with pytest.raises(UnsupportedOperatorError) as caught:
        _run(function)
    return caught.value


def test_refuses_overlapping_memory() -> None:
    def overlapping(_: nn.Module, x: Tensor) -> Tensor:
        y = x * 2
        y.unfold(1, 2, 1)[:, 0].zero_()
        return y

    error = _refused(overlapping)
    assert "aten::unfold" in str(error) and "test_functionalize.py" in str(error)


def test_refuses_complex_parts() -> None:
    def part(_: nn.Module, x: Tensor) -> Tensor:
        y = torch.complex(x, x)
        y.imag.zero_()
        return y.abs()

    assert "complex" in str(_refused(part))


def test_refuses_another_storage() -> None:
    def swapped(_: nn.Module, x: Tensor) -> Tensor:
        y = x * 2
        y.set_(x)
        return y + 1

    assert "aten::set_" in str(_refused(swapped))


def test_refuses_resizing() -> None:
    graph = graph_of("""
        graph(%x : Float(2, 3, strides=[3, 1])):
          %sizes : int[] = prim::Constant[value=[1, 2]]()
          %none : NoneType = prim::Constant()
          %y : Float(2, 3, strides=[3, 1]) = aten::relu(%x)
          %z : Float(1, 2, strides=[2, 1]) = aten::resize_(%y, %sizes, %none)
          return (%z)
    """)
    with pytest.raises(UnsupportedOperatorError, match="aten::resize_: it changes the number"):
        functionalize(graph, Recorder())


def _local(x, flag: bool):  # type: ignore[no-untyped-def]
    y = x * 2
    if flag:
        z = y + 1
        z.add_(1)
    else:
        z = y - 1
        z[0].relu_()
    return z


def _outside(x, flag: bool):  # type: ignore[no-untyped-def]
    y = x * 2
    if flag:
        y.add_(1)
    return y


def _carried(x, n: int):  # type: ignore[no-untyped-def]
    y = x * 2
    for _ in range(n):
        y += 1
    return y


def _two_names(x, flag: bool):  # type: ignore[no-untyped-def]
    y = x * 2
    z = y if flag else y * 2
    z.add_(1)
    return y, z


def _kept_in_list(x, n: int):  # type: ignore[no-untyped-def]
    rows = [x]
    for _ in range(n):
        row = x * 2
        row.relu_()
        rows.append(row)
    return torch.stack(rows)


def _written_in_list(x):  # type: ignore[no-untyped-def]
    row = x * 2
    rows = [x]
    rows.append(row)
    row.relu_()
    return torch.stack(rows)


@pytest.mark.parametrize("function", [_local, _kept_in_list])
def test_writes_to_what_a_block_made(function: Callable[..., object]) -> None:
    text, recording = after(script_of(function), *(run for _, run in TORCH_PASSES))
    assert "relu(" in text and "relu_" not in text and "add_" not in text
    assert recording.ledger


@pytest.mark.parametrize("function", [_outside, _carried])
def test_writes_to_what_a_block_did_not_make(function: Callable[..., object]) -> None:
    text, recording = after(script_of(function), functionalize)
    assert "add.Scalar(" in text and "add_" not in text
    assert [entry.effect for entry in recording.ledger] == ["functional"]


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (_two_names, "used after a write that may have changed it"),
        (_written_in_list, "aten::append"),
    ],
)
def test_refuses_what_it_does_not_follow(function: Callable[..., object], reason: str) -> None:
    with pytest.raises(UnsupportedOperatorError, match=reason):
        functionalize(script_of(function), Recorder())


class _Normalized(nn.Module):
    """Normalizes in training, and returns the running statistics before and after it."""

    def __init__(self, norm: nn.Module) -> None:
        super().__init__()
        self.norm = norm

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        before = self.norm.running_mean * 1
        return self.norm(x), before, self.norm.running_mean * 1, self.norm.running_var + 0, self.norm(x * 2)


@pytest.mark.parametrize(
    ("norm", "shape"),
    [
        (nn.BatchNorm1d(3), (4, 3)),
        (nn.BatchNorm2d(3, momentum=0.3), (4, 3, 2, 5)),
        (nn.InstanceNorm2d(3, affine=True, track_running_stats=True), (4, 3, 2, 5)),
    ],
    ids=["BatchNorm1d", "BatchNorm2d", "InstanceNorm2d"],
)
@pytest.mark.parametrize("opset", [11, 17])
def test_running_statistics_are_writes(norm: nn.Module, shape: tuple[int, ...], opset: int) -> None:
    model = _Normalized(norm).train()
    model.norm.reset_running_stats()
    x = torch.randn(*shape, generator=torch.Generator().manual_seed(0)) * 3 + 1
    before = copy.deepcopy(model.state_dict())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exported = export(
            model, (x,), training=onnx_explore.TrainingMode.TRAINING, opset_version=opset, do_constant_folding=False,
            input_names=["x"], dynamic_axes={"x": {0: "batch"}},
        )  # fmt: skip
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[name]), name
    ledger = [(write.target, write.base, write.effect) for write in exported.recording.ledger]
    for statistic in ("norm.running_mean", "norm.running_var"):
        assert sum(base == statistic and effect == "parameter" for _, base, effect in ledger) == 2
        assert any(note.code == "BufferMutated" and statistic in note.message for note in exported.recording.notes)
    for given in (x, torch.cat([x, x[:1] + 1])):
        expected = copy.deepcopy(model)(given)
        for want, got in zip(expected, run_onnxruntime(exported.model, {"x": given}), strict=True):
            torch.testing.assert_close(torch.from_numpy(got), want.detach(), rtol=1e-4, atol=1e-5)
