"""Cases: modules of PyTorch's own, scripted; scripted functions and modules inside traced models; the reference's examples."""

from __future__ import annotations

from typing import Any, List, Tuple

import torch
from torch import Tensor, nn

from tests.scripted.flow import NEGATIVE, POSITIVE, ROWS, SIGNS, WIDE, X
from tests.scripted.running import Scripted


def seeded(model: nn.Module) -> nn.Module:
    torch.manual_seed(4)
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.5)
    return model.eval()


@torch.jit.script
def loop(x: Tensor, y: Tensor) -> Tensor:
    for i in range(int(y)):
        x = x + i
    return x


class LoopModel(nn.Module):
    """Of the reference: traced, the loop is unrolled."""

    def forward(self, x: Tensor, y: Tensor):
        for i in range(int(y)):
            x = x + i
        return x


class LoopModel2(nn.Module):
    """Of the reference: the scripted function keeps its loop in a traced model."""

    def forward(self, x: Tensor, y: Tensor):
        return loop(x, y)


@torch.jit.script
def rows_above(x: Tensor, limit: float) -> List[Tensor]:
    out: List[Tensor] = []
    for row in x:
        if row.sum() > limit:
            out.append(row)
    return out


@torch.jit.script
def stack_or_zero(rows: List[Tensor]) -> Tensor:
    if len(rows) == 0:
        return torch.zeros(1, 3)
    return torch.stack(rows)


class ListsBetween(nn.Module):
    """A list of unknown length goes from one scripted function to another."""

    def forward(self, x: Tensor):
        return stack_or_zero(rows_above(x, -1.0)) * 2


class Gate(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 3)

    def forward(self, x: Tensor):
        if x.mean() > 0:
            return self.linear(x)
        return x


class TracedAround(nn.Module):
    """A scripted module inside a traced one, called twice."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = torch.jit.script(Gate())
        self.head = nn.Linear(3, 2)

    def forward(self, x: Tensor):
        return self.head(self.gate(self.gate(x * 2)))


class ScriptedAround(nn.Module):
    """A traced module inside a scripted one."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = torch.jit.trace(nn.Sequential(nn.Linear(3, 3), nn.ReLU()), torch.ones(2, 3))

    def forward(self, x: Tensor, n: int):
        for _ in range(n):
            x = self.inner(x)
        return x


def declared_any(x: Tensor) -> Any:
    return [x, x + 1], x


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(4, 2)

    def forward(self, x: Tensor) -> Tuple[Tensor, Tensor]:
        y, weights = self.attention(x, x, x)
        assert weights is not None
        return y, weights


class Stacked(nn.Module):
    """A list of modules with a list of states, of which each call makes a new one."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.LSTMCell(3, 3), nn.LSTMCell(3, 3)])

    def forward(self, x: Tensor, states: List[Tuple[Tensor, Tensor]]):
        out: List[Tuple[Tensor, Tensor]] = []
        for i, layer in enumerate(self.layers):
            h, c = layer(x, states[i])
            out.append((h, c))
            x = h
        return x, out[0][0], out[1][1]


class BeamLike(nn.Module):
    """A search with a stop that depends on the data: token by token, with a list of tokens that grows."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(6, 3)
        self.cell = nn.GRUCell(3, 3)
        self.out = nn.Linear(3, 6)

    def forward(self, h: Tensor, limit: int):
        token = torch.zeros(h.size(0), dtype=torch.long)
        tokens = torch.jit.annotate(List[Tensor], [])
        score = torch.zeros(h.size(0))
        while len(tokens) < limit:
            h = self.cell(self.embed(token), h)
            logits = torch.log_softmax(self.out(h), -1)
            best, token = logits.max(-1)
            score = score + best
            tokens.append(token)
            if bool((token == 5).all()):
                break
        return torch.stack(tokens, 1), score


H = torch.randn(2, 3, generator=torch.Generator().manual_seed(7))
SEQUENCE = torch.randn(5, 2, 4, generator=torch.Generator().manual_seed(8))
STATES = [(X, X * 0.5), (X - 1, X)]

MODULES: list[Scripted] = [
    Scripted(LoopModel(), [(X, torch.tensor(3)), (POSITIVE, torch.tensor(3))], traced=True, lacks=("Loop",)),
    Scripted(
        LoopModel2(), [(X, torch.tensor(3)), (X, torch.tensor(0)), (X, torch.tensor(9))], traced=True, has=("Loop",)
    ),
    Scripted(ListsBetween(), [(X,), (NEGATIVE,), (WIDE,)], ROWS, traced=True),
    Scripted(seeded(TracedAround()), SIGNS, traced=True, has=("If",)),
    Scripted(seeded(ScriptedAround()), [(X, 2), (X, 0), (X, 5)], has=("Loop",)),
    Scripted(declared_any, [(X,)]),
    Scripted(seeded(nn.RNNCell(3, 4)), [(X,), (NEGATIVE,)], lacks=("If",)),
    Scripted(seeded(nn.LSTMCell(3, 4)), [(X,)], lacks=("If",)),
    Scripted(seeded(Attention()), [(SEQUENCE,)], lacks=("If",)),
    Scripted(seeded(nn.TransformerEncoderLayer(4, 2, 8)), [(SEQUENCE,), (SEQUENCE[:3],)], {"src": {0: "length"}}),
    Scripted(seeded(Stacked()), [(X, STATES)], lacks=("Loop",)),
    Scripted(seeded(BeamLike()), [(H, 5), (H, 1), (-H, 12), (H * 3, 7)], since=13),
]
