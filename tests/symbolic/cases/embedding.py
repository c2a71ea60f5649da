"""Cases: embedding and embedding_bag."""

from __future__ import annotations

import torch
from torch import nn

from tests.symbolic.cases import seeded
from tests.symbolic.cases.shape import row

W = seeded(9, 4)
I = torch.tensor([1, 8, 0, 3, 3, 5])  # noqa: E741
O = torch.tensor([0, 2, 2, 5])  # noqa: E741
bag = nn.functional.embedding_bag

CASES = [
    row("module", "embedding", nn.Embedding(9, 4, padding_idx=0), torch.tensor([[1, 0], [8, 2]]), dynamic={0: (0, 1)}),
    row("scalar", "embedding", nn.Embedding(9, 4), torch.tensor(3)),
    row("int32", "embedding", nn.Embedding(9, 4), torch.tensor([1, 2], dtype=torch.int32)),
    row(
        "max-norm", "embedding_renorm", lambda i, w: nn.functional.embedding(i, w.clone(), max_norm=1.0), I, W, since=9
    ),
    *[
        row(
            f"bag-{mode}",
            "embedding_bag",
            lambda i, o, w, mode=mode: bag(i, w, o.sort()[0], mode=mode),
            I,
            O,
            W,
            dynamic={0: (0,), 1: (0,)},
            since=10,
            opsets=(16,),
        )
        for mode in ("sum", "mean", "max")
    ],
    *[
        row(
            f"bag-{mode}-padding",
            "embedding_bag",
            lambda i, o, w, mode=mode: bag(i, w, o, mode=mode, padding_idx=3),
            I,
            O,
            W,
            since=9 if mode == "max" else 7,
            opsets=(16,),
        )
        for mode in ("sum", "mean", "max")
    ],
    row(
        "bag-weights",
        "embedding_bag",
        lambda i, o, w, s: bag(i, w, o, mode="sum", per_sample_weights=s),
        I,
        O,
        W,
        seeded(6),
        opsets=(16,),
    ),
    row(
        "bag-last-offset",
        "embedding_bag",
        lambda i, o, w: bag(i, w, o, mode="mean", include_last_offset=True),
        I,
        torch.tensor([0, 2, 2, 5, 6]),
        W,
        opsets=(16,),
    ),
    row(
        "bag-rows",
        "embedding_bag",
        nn.EmbeddingBag(9, 4),
        torch.tensor([[1, 2], [0, 8], [3, 3]]),
        dynamic={0: (0, 1)},
        since=9,
        opsets=(11, 16),
    ),
]
