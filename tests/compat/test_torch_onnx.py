"""What others registered with ``torch.onnx``, and ``install()``, which puts ours in its place."""

from __future__ import annotations

import functools
import io
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import onnx
import pytest
import torch

import onnx_explore
from onnx_explore.compat import install
from onnx_explore.errors import InvalidArgument, UnsupportedOperatorError
from onnx_explore.recording import NodeLowered

X = torch.randn(2, 3, generator=torch.Generator().manual_seed(0))


def nodes(exported: onnx_explore.Exported) -> list[str]:
    return [node.op_type for node in exported.model.graph]


@pytest.fixture
def neg() -> Iterator[None]:
    """A third party's registration with torch's own function."""
    torch.onnx.register_custom_op_symbolic("aten::relu", lambda g, x: g.op("Neg", x), 9)
    yield
    torch.onnx.unregister_custom_op_symbolic("aten::relu", 9)


@pytest.mark.usefixtures("neg")
def test_what_others_registered_is_found() -> None:
    exported = onnx_explore.export(torch.relu, X)
    assert nodes(exported) == ["Neg"]
    (event,) = exported.recording.of(NodeLowered)
    assert event.reason == "registered with torch.onnx.register_custom_op_symbolic, newest variant up to opset 17"
    assert [(item.chosen, item.since) for item in event.candidates][:1] == [(True, 9)]
    assert nodes(onnx_explore.export(torch.relu, X, opset_version=8)) == ["Relu"]


@pytest.mark.usefixtures("neg")
def test_it_can_be_left_aside_and_ours_goes_before() -> None:
    assert nodes(onnx_explore.export(torch.relu, X, torch_symbolics=False)) == ["Relu"]
    with onnx_explore.symbolic("aten::relu")(lambda g, x: g.op("Abs", x)):
        assert nodes(onnx_explore.export(torch.relu, X)) == ["Abs"]
    exploration = onnx_explore.explore(torch.relu, X, torch_symbolics=False, check=False).run()
    assert [node.op_type for node in exploration.onnx_graph] == ["Relu"]


def test_it_is_gone_when_it_was_taken_back_and_torchs_own_are_never_used() -> None:
    exported = onnx_explore.export(torch.relu, X)
    assert nodes(exported) == ["Relu"]
    (event,) = exported.recording.of(NodeLowered)
    assert not any("torch.onnx" in item.function for item in event.candidates)


def test_objects_that_can_be_called() -> None:
    class Negates:
        __hash__ = None  # type: ignore[assignment]

        def __eq__(self, other: object) -> bool:
            return True

        def __call__(self, g: Any, x: Any) -> Any:
            return g.op("Neg", x)

    def scaled(g: Any, x: Any, *, by: float) -> Any:
        return g.op("Mul", x, by)

    for function, wanted in ((Negates(), "Neg"), (functools.partial(scaled, by=2.0), "Mul")):
        torch.onnx.register_custom_op_symbolic("aten::relu", function, 9)
        try:
            assert nodes(onnx_explore.export(torch.relu, X)) == [wanted]
        finally:
            torch.onnx.unregister_custom_op_symbolic("aten::relu", 9)


def test_a_registration_under_an_export_that_stands_still() -> None:
    library = torch.library.Library("foreign", "DEF")
    library.define("twice(Tensor x) -> Tensor")
    library.impl("twice", lambda x: x * 2, "CPU")
    try:
        exploration = onnx_explore.explore(lambda x: torch.ops.foreign.twice(x), X)
        assert exploration.run().state == "failed"
        assert isinstance(exploration.error, UnsupportedOperatorError)
        torch.onnx.register_custom_op_symbolic("foreign::twice", lambda g, x: g.op("Add", x, x), 9)
        assert exploration.run().state == "exported"
    finally:
        torch.onnx.unregister_custom_op_symbolic("foreign::twice", 9)
        library._destroy()


def snapshot() -> dict[tuple[str, str], Any]:
    import torch.onnx.utils
    import torch.onnx.verification

    names = ("export", "register_custom_op_symbolic", "export_to_pretty_string", "is_in_onnx_export", "find_mismatch")
    modules = {
        "onnx": torch.onnx,
        "utils": torch.onnx.utils,
        "verification": torch.onnx.verification,
    }
    return {(key, name): getattr(module, name, None) for key, module in modules.items() for name in names}


def test_install_and_undo(tmp_path: Path) -> None:
    before = snapshot()
    file = tmp_path / "model.onnx"
    with install() as handle:
        assert handle.active
        assert "onnx_explore" in repr(handle)
        torch.onnx.export(
            torch.nn.Linear(3, 2),
            (X,),
            str(file),
            dynamo=False,
            opset_version=13,
            input_names=["x"],
            dynamic_axes={"x": {0: "n"}},
            verify=True,
        )
        assert onnx.load(file).producer_name == "onnx_explore"
        assert torch.onnx.register_custom_op_symbolic is onnx_explore.register_custom_op_symbolic
        assert torch.onnx.utils.unconvertible_ops is onnx_explore.utils.unconvertible_ops  # type: ignore[attr-defined]
        assert "Relu" in torch.onnx.export_to_pretty_string(torch.nn.ReLU(), X)  # type: ignore[attr-defined]
    assert snapshot() == before
    assert not handle.active


def test_a_registration_under_install_is_ours() -> None:
    with install():
        torch.onnx.register_custom_op_symbolic("aten::relu", lambda g, x: g.op("Neg", x), 9)
        try:
            buffer = io.BytesIO()
            torch.onnx.export(torch.nn.ReLU(), X, buffer, dynamo=False)
            assert [node.op_type for node in onnx.load_from_string(buffer.getvalue()).graph.node] == ["Neg"]
        finally:
            torch.onnx.unregister_custom_op_symbolic("aten::relu", 9)


def test_positional_parameters_as_the_reference_has_them() -> None:
    buffer = io.BytesIO()
    with install():
        torch.onnx.utils.export(torch.nn.Linear(3, 2), X, buffer, False, False)
    assert len(onnx.load_from_string(buffer.getvalue()).graph.input) == 3  # export_params=False


def test_nested_and_undone_in_any_order() -> None:
    before = snapshot()
    first = install()
    replaced = snapshot()
    second = install()
    first.undo()
    first.undo()
    assert snapshot() == replaced
    second.undo()
    assert snapshot() == before
    with install(), pytest.raises(ZeroDivisionError):
        raise ZeroDivisionError
    assert snapshot() == before


def test_what_somebody_else_put_there_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    before = snapshot()
    handle = install()
    monkeypatch.setattr(torch.onnx, "is_in_onnx_export", max)
    handle.undo()
    assert torch.onnx.is_in_onnx_export is max
    monkeypatch.undo()
    torch.onnx.is_in_onnx_export = before["onnx", "is_in_onnx_export"]
    assert snapshot() == before


def test_many_threads() -> None:
    before = snapshot()
    threads = [threading.Thread(target=lambda: [install().undo() for _ in range(50)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert snapshot() == before


def test_the_other_exporter_stays_torchs(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def fake(*args: Any, dynamo: bool = True, **kwargs: Any) -> str:
        asked.append((args, dynamo, kwargs))
        return "theirs"

    monkeypatch.setattr(torch.onnx, "export", fake)
    with install():
        assert torch.onnx.export(torch.nn.ReLU(), (X,), dynamo=True) == "theirs"
        assert torch.onnx.export(torch.nn.ReLU(), (X,)) == "theirs"
    assert len(asked) == 2
    assert torch.onnx.export is fake


def test_wrong_arguments() -> None:
    with install():
        with pytest.raises(InvalidArgument, match="nothing says where to write"):
            torch.onnx.export(torch.nn.ReLU(), (X,), dynamo=False)
        with pytest.raises(InvalidArgument, match="belongs to dynamo=True"):
            torch.onnx.export(torch.nn.ReLU(), (X,), io.BytesIO(), dynamo=False, dynamic_shapes={"x": {0: "n"}})
        with pytest.warns(UserWarning, match="'report' belongs to dynamo=True"):
            torch.onnx.export(torch.nn.ReLU(), (X,), io.BytesIO(), dynamo=False, report=True)


FIRST = """
import io, torch, onnx, onnx_explore
with onnx_explore.compat.install():
    file = io.BytesIO()
    assert not torch.onnx.is_in_onnx_export()
    torch.onnx.export(torch.nn.ReLU(), torch.zeros(2), file, dynamo=False)
print(onnx.load_from_string(file.getvalue()).producer_name)
"""


def test_the_first_thing_that_a_process_does() -> None:
    """Nothing has asked PyTorch for its flag before: ours must not be asked in its place."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FIRST], check=False, capture_output=True, text=True, timeout=300
    )
    assert (done.returncode, done.stdout.strip()) == (0, "onnx_explore"), done.stderr[-2000:]


def test_an_exception_inside_undoes_it() -> None:
    before = snapshot()
    with pytest.raises(KeyError), install():
        raise KeyError("of the user")
    assert snapshot() == before
