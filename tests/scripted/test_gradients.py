"""What scripted code asks of gradients, and texts of what only TorchScript writes."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

import onnx_explore
from onnx_explore.check.runtime import RuntimeSession
from onnx_explore.errors import NotConstant


class InLoop(nn.Module):
    """What is computed with a weight asks for gradients; what a loop carries, too."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((3,), 1.5))

    def forward(self, x: Tensor, n: int):
        y = x * self.weight
        for _ in range(n):
            y = y * 2 if y.requires_grad else y + 1
        return y


def test_a_carried_value_asks_for_gradients() -> None:
    model = torch.jit.script(InLoop())
    x = torch.tensor([3.0, 1.0, 2.0])
    session = RuntimeSession(onnx_explore.export(model, (x, 2)).model)
    for n in (2, 0, 3):
        (actual,) = session.run(dict(zip(session.inputs, (x, torch.tensor(n)), strict=True)))
        torch.testing.assert_close(torch.from_numpy(actual), model(x, n).detach())


class Off(nn.Module):
    def forward(self, x: Tensor):
        with torch.no_grad():
            return x + 1 if torch.is_grad_enabled() else 1 + x


class On(nn.Module):
    def forward(self, x: Tensor):
        return x + 1 if torch.is_grad_enabled() else 1 + x


def test_a_question_where_gradients_are_off_is_told() -> None:
    notes = onnx_explore.export(torch.jit.script(Off()), torch.ones(2)).recording.notes
    (note,) = [note for note in notes if note.code == "GradientQuestion"]
    assert note.severity == "warning" and "test_gradients.py" in note.where
    notes = onnx_explore.export(torch.jit.script(On()), torch.ones(2)).recording.notes
    assert not [note for note in notes if note.code == "GradientQuestion"]


class Written(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("constant", torch.tensor(1.0))

    def forward(self, x: Tensor):
        return x * len(str(self.constant))


def test_the_text_of_a_tensor_is_not_known() -> None:
    with pytest.raises(NotConstant, match="string"):
        onnx_explore.export(torch.jit.script(Written()), torch.ones(2))
