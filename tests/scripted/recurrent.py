"""Cases: recurrent layers written in TorchScript, with lists of steps, reversed lists, and lists of states of states."""

from __future__ import annotations

from typing import List, Tuple

import torch
from torch import Tensor, nn

from tests.scripted.running import Scripted

State = Tuple[Tensor, Tensor]


def turned(items: List[Tensor]) -> List[Tensor]:
    out: List[Tensor] = []
    for i in range(len(items) - 1, -1, -1):
        out += [items[i]]
    return out


class Cell(nn.Module):
    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__()
        self.given = nn.Linear(inputs, 4 * hidden)
        self.kept = nn.Linear(hidden, 4 * hidden, bias=False)

    def forward(self, x: Tensor, state: Tuple[Tensor, Tensor]) -> Tuple[Tensor, Tuple[Tensor, Tensor]]:
        h, c = state
        take, forget, new, give = (self.given(x) + self.kept(h)).chunk(4, 1)
        c = torch.sigmoid(forget) * c + torch.sigmoid(take) * torch.tanh(new)
        h = torch.sigmoid(give) * torch.tanh(c)
        return h, (h, c)


class Layer(nn.Module):
    def __init__(self, inputs: int, hidden: int, backwards: bool) -> None:
        super().__init__()
        self.cell = Cell(inputs, hidden)
        self.backwards = backwards

    def forward(self, x: Tensor, state: Tuple[Tensor, Tensor]) -> Tuple[Tensor, Tuple[Tensor, Tensor]]:
        steps = x.unbind(0)
        if self.backwards:
            steps = turned(steps)
        outputs: List[Tensor] = []
        for step in steps:
            out, state = self.cell(step, state)
            outputs += [out]
        return torch.stack(turned(outputs) if self.backwards else outputs), state


class Both(nn.Module):
    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__()
        self.directions = nn.ModuleList([Layer(inputs, hidden, False), Layer(inputs, hidden, True)])

    def forward(self, x: Tensor, states: List[Tuple[Tensor, Tensor]]) -> Tuple[Tensor, List[Tuple[Tensor, Tensor]]]:
        outputs: List[Tensor] = []
        after: List[Tuple[Tensor, Tensor]] = []
        for i, direction in enumerate(self.directions):
            out, state = direction(x, states[i])
            outputs.append(out)
            after.append(state)
        return torch.cat(outputs, -1), after


class Stack(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(5)
        self.layers = nn.ModuleList([Both(3, 4), Both(8, 4)])

    def forward(
        self, x: Tensor, states: List[List[Tuple[Tensor, Tensor]]]
    ) -> Tuple[Tensor, List[List[Tuple[Tensor, Tensor]]]]:
        after: List[List[Tuple[Tensor, Tensor]]] = []
        i = 0
        for layer in self.layers:
            x, state = layer(x, states[i])
            after += [state]
            i += 1
        return x, after


def _state(seed: int) -> State:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(2, 4, generator=generator), torch.randn(2, 4, generator=generator)


STEPS = torch.randn(5, 2, 3, generator=torch.Generator().manual_seed(9))
STATES = [[_state(1), _state(2)], [_state(3), _state(4)]]

RECURRENT: list[Scripted] = [
    Scripted(
        Stack(),
        [(STEPS, STATES), (STEPS[:3], STATES), (STEPS[:1], STATES)],
        {"x": {0: "steps"}},
        since=13,
        has=("Loop", "SplitToSequence"),
    ),
    Scripted(Layer(3, 4, True), [(STEPS, _state(1))], lacks=("Loop",)),
]
