"""Cases: torch.fft, complex casts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from tests.symbolic.cases import Case, seeded
from tests.symbolic.cases.shape import row

X = seeded(3, 4, 5)
Z = seeded(3, 4, 5, 2)
NEAR = {"rtol": 1e-3, "atol": 1e-4}  # sums of many terms, in another order


def real(x: torch.Tensor) -> torch.Tensor:
    return torch.view_as_real(x.resolve_conj()) if x.is_complex() else x


def transformed(name: str, **options: Any) -> Callable[[torch.Tensor], torch.Tensor]:
    return lambda x: real(getattr(torch.fft, name)(x, **options))


def transformed_complex(name: str, **options: Any) -> Callable[[torch.Tensor], torch.Tensor]:
    return lambda x: real(getattr(torch.fft, name)(torch.view_as_complex(x), **options))


def _cases(name: str) -> list[Case]:
    target = f"fft_{name}"
    longer: dict[str, Any] = {"n": 7, "dim": 1} if name[-1] == "t" else {"s": (7, 6), "dim": (2, 0)}
    shorter: dict[str, Any] = {"n": 3, "dim": 0} if name[-1] == "t" else {"s": (3, 4), "dim": (1, 2)}
    rows = [
        row("plain", target, transformed(name), X, **NEAR),
        row(
            "longer",
            target,
            transformed(name, **longer, norm="ortho"),
            X,
            dynamic={0: (0,)} if "n" in longer else {},
            **NEAR,
        ),
        row(
            "shorter",
            target,
            transformed(name, **shorter, norm="forward"),
            X,
            dynamic={0: (0,)} if "s" in longer else {},
            **NEAR,
        ),
        row("dynamic", target, transformed(name, norm="ortho"), X, dynamic={0: (0, 1, 2)}, since=17, **NEAR),
    ]
    if "rfft" not in name.replace("irfft", "") and "ihfft" not in name:
        rows.append(row("complex", target, transformed_complex(name), Z, **NEAR))
        rows.append(
            row("complex-dynamic", target, transformed_complex(name), Z, dynamic={0: (0, 1, 2)}, since=17, **NEAR)
        )
    return rows


CASES = [
    *[
        case
        for stem in ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft")
        for end in ("", "2", "n")
        for case in _cases(stem + end)
    ],
    row("single", "fft_fft", transformed("fft"), X[0, 0], **NEAR),
    row(
        "round-trip",
        "fft_irfft",
        lambda x: torch.fft.irfft(torch.fft.rfft(x) * 2.0, n=x.size(-1)),
        X,
        dynamic={0: (0, 2)},
        since=17,
        **NEAR,
    ),
    row(
        "to-complex",
        "to",
        lambda x: (torch.view_as_real(x.cfloat()), torch.view_as_real(x.cdouble() * 1j)),
        X,
        dynamic={0: (0,)},
    ),
    row("from-complex", "to", lambda x: torch.view_as_real(torch.view_as_complex(x).to(torch.complex128)), Z),
]
