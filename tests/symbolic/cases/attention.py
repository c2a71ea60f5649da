"""Cases: scaled dot-product attention, and the modules that are made of it."""

from __future__ import annotations

import torch
from torch import nn

from tests.symbolic.cases import seeded
from tests.symbolic.cases.shape import row

Q = seeded(2, 4, 3, 8)
K = seeded(2, 4, 5, 8)
V = seeded(2, 4, 5, 6)
MASK = torch.tensor([[True, True, False, False, True], [False] * 5, [True] * 5])
sdpa = nn.functional.scaled_dot_product_attention


class Encoder(nn.Module):
    """A transformer encoder with a padding mask."""

    def __init__(self, norm_first: bool) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, norm_first=norm_first, activation="gelu")
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.eval()

    def forward(self, x: torch.Tensor, padding: torch.Tensor) -> torch.Tensor:
        return self.encoder(x, src_key_padding_mask=padding)


class Attention(nn.Module):
    """Multi-head attention that returns its weights."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2).eval()

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self.attention(x, y, y)


CASES = [
    row("plain", "scaled_dot_product_attention", lambda q, k, v: sdpa(q, k, v), Q, K, V, dynamic={0: (2,)}),
    row("self", "scaled_dot_product_attention", lambda x: sdpa(x, x, x), Q, dynamic={0: (0, 1, 2)}),
    row(
        "three-dims", "scaled_dot_product_attention", lambda q, k, v: sdpa(q, k, v), Q[0], K[0], V[0], dynamic={0: (1,)}
    ),
    row("scale", "scaled_dot_product_attention", lambda q, k, v: sdpa(q, k, v, scale=0.3), Q, K, V),
    row(
        "causal",
        "scaled_dot_product_attention",
        lambda q: sdpa(q, q, q, is_causal=True),
        Q,
        dynamic={0: (0, 2)},
        since=9,
    ),
    row(
        "causal-longer", "scaled_dot_product_attention", lambda q, k, v: sdpa(q, k, v, is_causal=True), Q, K, V, since=9
    ),
    row("mask-bool", "scaled_dot_product_attention", lambda q, k, v, m: sdpa(q, k, v, m), Q, K, V, MASK, since=9),
    row(
        "mask-bool-row",
        "scaled_dot_product_attention",
        lambda q, k, v, m: sdpa(q, k, v, m),
        Q,
        K,
        V,
        MASK[None, None, :1],
        dynamic={0: (2,)},
        since=9,
    ),
    row(
        "mask-float",
        "scaled_dot_product_attention",
        lambda q, k, v, m: sdpa(q, k, v, m),
        Q,
        K,
        V,
        seeded(2, 1, 3, 5),
        since=9,
    ),
    row(
        "mask-infinite",
        "scaled_dot_product_attention",
        lambda q, k, v, m: sdpa(q, k, v, m),
        Q,
        K,
        V,
        torch.zeros(3, 5).masked_fill(~MASK, float("-inf")),
        since=9,
    ),
    row(
        "groups",
        "scaled_dot_product_attention",
        lambda q, k, v: sdpa(q, k, v, enable_gqa=True),
        Q,
        K[:, :2],
        V[:, 2:],
        dynamic={0: (2,)},
    ),
    row("double", "scaled_dot_product_attention", lambda q, k, v: sdpa(q, k, v), Q.double(), K.double(), V.double()),
    row("half", "scaled_dot_product_attention", lambda q, k, v: sdpa(q, k, v), Q.half(), K.half(), V.half()),
    row(
        "math",
        "_scaled_dot_product_attention_math",
        lambda q, k, v: torch._scaled_dot_product_attention_math(q, k, v),
        Q,
        K,
        V,
    ),
    row(
        "flash",
        "_scaled_dot_product_flash_attention_for_cpu",
        lambda q, k, v: torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(q, k, v)[0],
        Q,
        K,
        K,
    ),
    row("multi-head", "scaled_dot_product_attention", Attention(), seeded(3, 2, 8), seeded(5, 2, 8), dynamic={0: (0,)}),
    row(
        "encoder",
        "scaled_dot_product_attention",
        Encoder(False),
        seeded(2, 5, 8),
        torch.tensor([[False] * 5, [False, False, True, True, True]]),
        since=9,
    ),
    row(
        "encoder-norm-first",
        "scaled_dot_product_attention",
        Encoder(True),
        seeded(2, 5, 8),
        torch.tensor([[False] * 5, [False, False, True, True, True]]),
        since=9,
    ),
]
