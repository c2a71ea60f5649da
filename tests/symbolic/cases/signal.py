"""Cases: windows of images as columns and back, short-time Fourier transforms, complex tensors."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from tests.symbolic.cases import seeded
from tests.symbolic.cases.shape import row

SOUND = seeded(2, 120)
WINDOW = torch.hann_window(16)
NEAR = {"rtol": 1e-3, "atol": 1e-4}  # sums of many terms, in another order


def stft(x: torch.Tensor, **options: Any) -> torch.Tensor:
    return torch.view_as_real(torch.stft(x, 16, return_complex=True, **options))


def round_trip(x: torch.Tensor, **options: Any) -> torch.Tensor:
    spectrum = torch.stft(x, 16, window=WINDOW, return_complex=True, **options)
    return torch.istft(spectrum * 0.5, 16, window=WINDOW, **options)


def z(x: torch.Tensor) -> torch.Tensor:
    return torch.view_as_complex(x)


PAIRS = seeded(2, 3, 2)

CASES = [
    row("stft", "stft", lambda x: stft(x, window=WINDOW), SOUND, dynamic={0: (0, 1)}, **NEAR),
    row(
        "stft-options",
        "stft",
        lambda x: stft(x, hop_length=5, win_length=10, window=torch.hamming_window(10), normalized=True),
        SOUND,
        **NEAR,
    ),
    row("stft-no-centre", "stft", lambda x: stft(x, center=False, onesided=False), SOUND, **NEAR),
    row("stft-single", "stft", lambda x: stft(x, window=WINDOW), SOUND[0], dynamic={0: (0,)}, **NEAR),
    row(
        "stft-magnitude",
        "stft",
        lambda x: torch.stft(x, 16, window=WINDOW, return_complex=True).abs().pow(2),
        SOUND,
        dynamic={0: (1,)},
        **NEAR,
    ),
    row("stft-window-is-input", "stft", lambda x, w: stft(x, window=w), SOUND, WINDOW, **NEAR),
    row("istft", "istft", lambda x: round_trip(x), SOUND, dynamic={0: (0,)}, **NEAR),
    row("istft-normalized", "istft", lambda x: round_trip(x, normalized=True, hop_length=5), SOUND, **NEAR),
    row(
        "istft-length",
        "istft",
        lambda x: torch.istft(torch.stft(x, 16, window=WINDOW, return_complex=True), 16, window=WINDOW, length=100),
        SOUND,
        dynamic={0: (0,)},
        **NEAR,
    ),
    row(
        "complex-parts",
        "view_as_complex",
        lambda x: (z(x).real, z(x).imag, z(x).abs(), torch.view_as_real(z(x).conj().resolve_conj())),
        PAIRS,
        dynamic={0: (0, 1)},
    ),
    row(
        "complex-angle",
        "angle",
        lambda x: z(x).angle(),
        torch.tensor([[1.0, 1], [-1, 1], [-1, -1], [1, -1], [0, 2], [0, -2], [0, 0], [-1, 0]]),
        since=9,
    ),
    row(
        "complex-arithmetic",
        "view_as_complex",
        lambda x, y: torch.view_as_real(z(x) * z(y) + (z(x) - 2.0) / z(y) * 1j),
        PAIRS,
        seeded(3, 2),
        dynamic={0: (0,)},
    ),
    row("complex-by-real", "view_as_complex", lambda x, y: torch.view_as_real(z(x) * y), PAIRS, seeded(2, 1)),
    row(
        "complex-shapes",
        "view_as_complex",
        lambda x: torch.view_as_real(
            torch.cat([z(x)[:, 1:], z(x).transpose(0, -1).reshape(2, 3)], -1)[0].unsqueeze(-1)
        ),
        PAIRS,
    ),
    row("polar", "polar", lambda r, a: torch.view_as_real(torch.polar(r, a)), seeded(3).abs(), seeded(3)),
    row("complex", "complex", lambda x, y: torch.view_as_real(torch.complex(x, y)), seeded(3), seeded(3)),
    row("unfold", "im2col", nn.Unfold(3, padding=1), seeded(2, 3, 5, 6), dynamic={0: (0,)}),
    row(
        "unfold-dynamic",
        "im2col",
        nn.Unfold((2, 3), dilation=(2, 1), padding=(1, 2), stride=(2, 1)),
        seeded(2, 3, 6, 7),
        dynamic={0: (0, 1, 2, 3)},
        since=9,
    ),
    row("unfold-single", "im2col", nn.Unfold(2), seeded(3, 5, 6)),
    row("fold", "col2im", nn.Fold((5, 6), 3, padding=1), seeded(2, 18, 30), dynamic={0: (0,)}),
    row(
        "fold-options",
        "col2im",
        nn.Fold((6, 8), (2, 3), dilation=(2, 1), padding=(1, 2), stride=(2, 3)),
        seeded(2, 12, 12),
    ),
    row("fold-single", "col2im", nn.Fold((4, 4), 2, stride=2), seeded(8, 4)),
    row(
        "fold-dynamic",
        "col2im",
        lambda x, y: nn.functional.fold(x, (y.size(0), y.size(1)), 2, stride=2),
        seeded(2, 8, 4),
        seeded(4, 4),
        dynamic={1: (0, 1)},
        since=18,
    ),
]
