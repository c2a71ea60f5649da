"""Cases: orthogonal polynomials, of a degree that is known and of degrees that are inputs."""

from __future__ import annotations

from typing import Any

import torch

from tests.symbolic.cases import Case, seeded

NAMES = (
    "chebyshev_polynomial_t",
    "chebyshev_polynomial_u",
    "chebyshev_polynomial_v",
    "chebyshev_polynomial_w",
    "hermite_polynomial_h",
    "hermite_polynomial_he",
    "laguerre_polynomial_l",
    "legendre_polynomial_p",
    "shifted_chebyshev_polynomial_t",
    "shifted_chebyshev_polynomial_u",
    "shifted_chebyshev_polynomial_v",
    "shifted_chebyshev_polynomial_w",
)
DEGREES = torch.tensor([-1.0, 0.0, 1.0, 2.0, 3.7, 9.0])
NEAR: dict[str, Any] = {"rtol": 1e-3, "atol": 1e-4}  # PyTorch takes the closed form for high degrees


def _cases(name: str) -> list[Case]:
    polynomial = getattr(torch.special, name)
    target = f"aten::special_{name}"
    known = [
        Case(f"degree-{n}", target, lambda x, n=n: polynomial(x, n), lambda: (seeded(3, 4),), {0: (0, 1)}, **NEAR)
        for n in (0, 1, 5)
    ]
    return [
        *known,
        Case(
            "degrees",
            target,
            lambda x, n: polynomial(x, n),
            lambda: (seeded(3, 6), DEGREES),
            {0: (0,)},
            since=11,
            **NEAR,
        ),
        Case(
            "degrees-of-a-number",
            target,
            lambda n: polynomial(0.5, n),
            lambda: (torch.arange(5),),
            {0: (0,)},
            since=11,
            **NEAR,
        ),
    ]


CASES = [case for name in NAMES for case in _cases(name)]
