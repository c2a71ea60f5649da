"""The model and the process are as they were, on every way out."""

from __future__ import annotations

import contextlib
import threading
import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from onnx_explore.capture import capture, check_replay
from onnx_explore.errors import CaptureError

X = torch.randn(4, 3)


class Stateful(nn.Module):
    """Changes everything that it can reach, and then leaves in the way that it is told to."""

    def __init__(self, leave: Callable[[], None] = lambda: None) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(3)
        self.drop = nn.Dropout()
        self.register_buffer("counter", torch.zeros(()))
        self.register_buffer("replaced", torch.zeros(3))
        self.leave = leave
        self.last: Any = None
        self.seen = 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        assert torch.onnx.is_in_onnx_export()
        assert torch.jit.is_tracing()
        assert not torch.backends.mha.get_fastpath_enabled()
        assert not torch.is_grad_enabled()
        x = self.drop(self.norm(x)) + torch.rand(3)
        self.counter += 1
        self.replaced = self.replaced + 1
        self.last = x
        self.seen += 1
        self.extra = x
        self.norm.eval()
        torch.set_default_dtype(torch.float64)
        self.leave()
        return x


def state(model: nn.Module) -> dict[str, Any]:
    """All that must be as it was, by identity where the object matters."""
    return {
        "modes": [module.training for module in model.modules()],
        "buffers": {name: (id(buffer), buffer.tolist()) for name, buffer in model.named_buffers()},
        "attributes": {
            (name, key): id(value)
            for name, module in model.named_modules()
            for key, value in vars(module).items()
            if not key.startswith("_") and key != "training"
        },
        "random": torch.get_rng_state().tolist(),
        "fast": torch.backends.mha.get_fastpath_enabled(),
        "grad": torch.is_grad_enabled(),
        "dtype": torch.get_default_dtype(),
        "export": torch.onnx.is_in_onnx_export(),
        "cache": torch.is_autocast_cache_enabled(),
        "hooks": (
            len(nn.modules.module._global_forward_hooks),
            len(nn.modules.module._global_forward_pre_hooks),
            len(nn.modules.module._global_forward_hooks_always_called),
        ),
        "filters": list(warnings.filters),
        "showwarning": warnings.showwarning,
        "tracing": torch._C._get_tracing_state(),
        "modes of functions": torch._C._len_torch_function_stack(),
    }


def fail() -> None:
    raise ValueError("no such thing")


def interrupt() -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("training", ["eval", "preserve", "train"])
@pytest.mark.parametrize(
    ("leave", "expected"),
    [
        (lambda: None, contextlib.nullcontext()),
        (fail, pytest.raises(CaptureError)),
        (interrupt, pytest.raises(KeyboardInterrupt)),
    ],
    ids=["returns", "raises", "interrupted"],
)
def test_everything_is_restored(training: Any, leave: Callable[[], None], expected: Any) -> None:
    model = Stateful(leave)
    model.drop.eval()
    before = state(model)
    with expected:
        capture(model, X, training=training)
    assert state(model) == before
    # And the next capture runs.
    model.leave = lambda: None
    capture(model, X)


def test_the_users_exception_is_chained_and_its_line_is_named() -> None:
    with pytest.raises(CaptureError, match="the model raised ValueError: no such thing") as caught:
        capture(nn.Sequential(Stateful(fail)), X)
    assert isinstance(caught.value.__cause__, ValueError)
    assert caught.value.where.startswith(f"{__file__}:{fail.__code__.co_firstlineno + 1} in fail")


def test_modes() -> None:
    model = nn.Sequential(nn.Dropout(0.5), nn.Dropout(0.5)).train()
    model[1].eval()

    def modes(training: Any) -> list[bool]:
        found = capture(model, X, training=training)
        makers = {value: node for node in found.graph.block.nodes for value in node.outputs}
        return [makers[node.inputs[2]].constant for node in found.graph.block.nodes if node.target == "aten::dropout"]

    assert modes("eval") == [False, False]
    assert modes("train") == [True, True]
    assert modes("preserve") == [True, False]
    assert [capture(model, X, training=mode).training for mode in ("eval", "train", "preserve")] == [False, True, True]


def test_batch_norm_in_training_leaves_its_statistics() -> None:
    model = nn.BatchNorm1d(3).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    found = capture(model, X, training="train")
    check_replay(found)
    check_replay(found)
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name]), name
    assert any(note.code == "StateRestored" and "running_mean" in note.message for note in found.notes)


@pytest.mark.parametrize("through_data", [False, True])
def test_weights_and_attributes_that_the_model_writes_to(through_data: bool) -> None:
    class Clipped(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.full((3,), 5.0))
            self.other = nn.Parameter(torch.full((3,), 5.0))
            self.plain = torch.zeros(3)
            self.register_buffer("nan", torch.full((3,), float("nan")))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            (self.weight.data if through_data else self.weight).clamp_(max=1.0)
            self.other[0] = 0.0
            self.plain += 2
            return x * self.weight + self.plain + self.other + self.nan.nan_to_num()

    model = Clipped()
    found = capture(model, X)
    torch.testing.assert_close(found.eager[0], X + 2 + torch.tensor([0.0, 5.0, 5.0]))
    check_replay(found)
    assert model.weight.tolist() == model.other.tolist() == [5.0] * 3
    assert model.plain.tolist() == [0.0] * 3
    (note,) = [note for note in found.notes if note.code == "StateRestored"]
    assert ("TensorData" in {note.code for note in found.notes}) is through_data
    assert note.message.endswith("restored: weight, other, plain") or note.message.endswith(
        "restored: plain, weight, other"
    )


def test_random_numbers_are_replayed() -> None:
    found = capture(nn.Dropout(0.5), torch.ones(100), training="train")
    state_before = torch.get_rng_state()
    check_replay(found)
    assert torch.equal(torch.get_rng_state(), state_before)


def test_only_one_capture_at_a_time_in_a_thread() -> None:
    def outer(x: torch.Tensor) -> torch.Tensor:
        return capture(lambda y: y + 1, x).eager[0]

    with pytest.raises(CaptureError, match="running in this thread already"):
        capture(outer, X)
    capture(lambda y: y + 1, X)


def test_threads_take_turns_and_scopes_are_of_the_own_thread() -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.ReLU())
    stop = threading.Event()

    def run() -> None:
        while not stop.is_set():
            model(X)

    runner = threading.Thread(target=run)
    runner.start()
    found: list[Any] = []
    threads = [threading.Thread(target=lambda: found.append(capture(model, X))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stop.set()
    runner.join()
    assert len(found) == 3
    for item in found:
        assert [node.origin.scope for node in item.graph.block.nodes] == ["0", "1"]


def test_warnings_of_the_model_pass_and_the_tracers_become_notes() -> None:
    def model(x: torch.Tensor) -> torch.Tensor:
        warnings.warn("mine", UserWarning, stacklevel=1)
        return x + torch.tensor(1.0)

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = capture(model, X)
    assert [str(item.message) for item in caught] == ["mine"]
    (note,) = found.notes
    assert (note.severity, note.code) == ("info", "ConstantTensor")
    assert note.where == f"{__file__}:{model.__code__.co_firstlineno + 2}"


def test_weights_are_not_copied() -> None:
    model = nn.Linear(3, 3)
    found = capture(model, X)
    assert [item.tensor for item in found.graph.parameters] == [model.weight, model.bias]
    assert found.graph.parameters[0].tensor is model.weight
    assert model.weight.requires_grad and model.weight.grad is None
