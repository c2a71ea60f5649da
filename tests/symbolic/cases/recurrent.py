"""Cases: LSTM, GRU and RNN, padded and packed, and their cells."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from tests.symbolic.cases import seeded
from tests.symbolic.cases.shape import row

X = seeded(5, 3, 4)
XB = seeded(3, 5, 4)
BOTH = {0: (0, 1)}
pack, pad = nn.utils.rnn.pack_padded_sequence, nn.utils.rnn.pad_packed_sequence


class Packed(nn.Module):
    """Packs, runs, pads."""

    def __init__(
        self, cell: type[nn.Module], ordered: bool, batch_first: bool, padding: float = 0.0, **options: Any
    ) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.inner = cell(4, 3, batch_first=batch_first, **options)
        self.ordered, self.batch_first, self.padding = ordered, batch_first, padding

    def forward(self, x: torch.Tensor, lengths: torch.Tensor) -> Any:
        packed = pack(x, lengths, self.batch_first, self.ordered)
        y, state = self.inner(packed)
        return pad(y, self.batch_first, self.padding), state


class Doubled(Packed):
    """Changes the packed rows before they are run, and pads to a length."""

    def forward(self, x: torch.Tensor, lengths: torch.Tensor) -> Any:
        packed = pack(x, lengths, self.batch_first, self.ordered)
        packed = nn.utils.rnn.PackedSequence(packed.data * 2, packed.batch_sizes)
        y, state = self.inner(packed)
        return pad(y, self.batch_first, total_length=7), state


def module(cell: type[nn.Module], **options: Any) -> nn.Module:
    torch.manual_seed(3)
    return cell(4, 3, **options).eval()


FALLING, MIXED = torch.tensor([5, 3, 2]), torch.tensor([2, 5, 3])
CELLS = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn_tanh": nn.RNN}

CASES = [
    *[row("plain", f"{name}.input", module(cell), X, dynamic=BOTH) for name, cell in CELLS.items()],
    *[
        row("two-ways", f"{name}.input", module(cell, num_layers=2, bidirectional=True), X, dynamic=BOTH)
        for name, cell in CELLS.items()
    ],
    *[
        row("batch-first", f"{name}.input", module(cell, num_layers=2, batch_first=True, bias=False), XB, dynamic=BOTH)
        for name, cell in CELLS.items()
    ],
    row("relu", "rnn_relu.input", module(nn.RNN, nonlinearity="relu", bidirectional=True), X, dynamic=BOTH),
    row(
        "states",
        "lstm.input",
        lambda x, h, c, m=module(nn.LSTM, num_layers=2): m(x, (h, c)),
        X,
        seeded(2, 3, 3),
        seeded(2, 3, 3),
    ),
    row("states", "gru.input", lambda x, h, m=module(nn.GRU, bidirectional=True): m(x, h), X, seeded(2, 3, 3)),
    row("unbatched", "gru.input", module(nn.GRU), seeded(5, 4), dynamic={0: (0,)}),
    row("dropout-in-eval", "lstm.input", module(nn.LSTM, num_layers=2, dropout=0.5), X),
    row(
        "double", "lstm.input", module(nn.LSTM).double(), X.double(), rtol=1e-5, atol=1e-6
    ),  # ONNX Runtime computes in 32 bits
    row("projected", "lstm.input", module(nn.LSTM, num_layers=2, proj_size=2), X, dynamic=BOTH, since=9),
    row(
        "projected-two-ways",
        "lstm.input",
        module(nn.LSTM, bidirectional=True, proj_size=2, batch_first=True),
        XB,
        dynamic=BOTH,
        since=9,
    ),
    *[
        row(
            "packed",
            f"{name}.data",
            Packed(cell, True, False, num_layers=2, bidirectional=True),
            X,
            FALLING,
            dynamic={0: (0,)},
            since=9,
        )
        for name, cell in CELLS.items()
    ],
    *[
        row(
            "packed-unsorted",
            f"{name}.data",
            Packed(cell, False, True, -1.0, bidirectional=True),
            XB,
            MIXED,
            dynamic={0: (1,)},
            since=9,
        )
        for name, cell in CELLS.items()
    ],
    row("packed-relu", "rnn_relu.data", Packed(nn.RNN, True, True, nonlinearity="relu"), XB, FALLING, since=9),
    row(
        "packed-projected",
        "lstm.data",
        Packed(nn.LSTM, True, True, proj_size=2, bidirectional=True),
        XB,
        FALLING,
        since=9,
    ),
    row("packed-changed", "_pad_packed_sequence", Doubled(nn.GRU, True, True), XB, FALLING, since=11),
    row("lstm-cell", "lstm_cell", module(nn.LSTMCell), seeded(2, 4), dynamic={0: (0,)}),
    row(
        "lstm-cell-states",
        "lstm_cell",
        lambda x, h, c, m=module(nn.LSTMCell, bias=False): m(x, (h, c)),
        seeded(2, 4),
        seeded(2, 3),
        seeded(2, 3),
    ),
    row("gru-cell", "gru_cell", module(nn.GRUCell), seeded(2, 4), dynamic={0: (0,)}),
    row("rnn-cell", "rnn_tanh_cell", module(nn.RNNCell), seeded(2, 4), dynamic={0: (0,)}),
    row("rnn-cell-relu", "rnn_relu_cell", module(nn.RNNCell, nonlinearity="relu"), seeded(2, 4), dynamic={0: (0,)}),
    *[
        row(
            f"{side}-{batch_first}",
            "pad_sequence",
            lambda a, b, side=side, first=batch_first: nn.utils.rnn.pad_sequence([a, b, a[1:]], first, 1.5, side),
            seeded(5, 2),
            seeded(3, 2),
            dynamic={0: (0,), 1: (0,)},
            since=11,
        )
        for side in ("left", "right")
        for batch_first in (True, False)
    ],
]
