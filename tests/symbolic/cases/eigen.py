"""Cases: eigenvalues and eigenvectors of real matrices.

PyTorch leaves the order of the eigenvalues open, and the phase of the eigenvectors. So neither is compared here: the cases
give the sorted real parts, imaginary parts and sizes of the eigenvalues, ``A V - V diag(L)``, and the lengths of the vectors.
"""

from __future__ import annotations

import torch

from tests.symbolic.cases import seeded
from tests.symbolic.cases.shape import row

X = seeded(3, 5, 5)
BATCH = {0: (0,)}
NEAR = {"rtol": 1e-3, "atol": 1e-4}
Y = seeded(7, 7)
TURN = torch.tensor([[0.0, 1.0], [-1.0, 0.0]])
SPECIAL = torch.stack(
    [
        torch.zeros(4, 4),
        seeded(4, 4).triu(),
        seeded(4, 4).tril(),  # balancing makes it upper triangular, which gives the order
        torch.roll(torch.eye(4), 1, 0),  # no sweep changes it: other shifts must
        TURN.kron(torch.eye(2)),
        seeded(4, 4) + seeded(4, 4).mT,
        torch.diag(torch.ones(3), 1) + 2 * torch.eye(4),  # one eigenvector alone
        torch.block_diag(seeded(2, 2), TURN),
        torch.tensor([[1.0, 1e4, 0.0, 1e8], [1e-4, 2.0, 1e4, 1.0], [0.0, 1e-4, 3.0, 1.0], [1e-8, 0.0, 1.0, 4.0]]),
    ]
)
"""Matrices at which an iteration without LAPACK's precautions would stop, turn in a circle, or lose digits."""


def values(x: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Of the eigenvalues, what does not depend on their order."""
    return told(torch.linalg.eigvals(x))


def told(found: torch.Tensor) -> tuple[torch.Tensor, ...]:
    return tuple(part.sort(-1).values for part in (found.real, found.imag, found.abs()))


def pairs(x: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Also of the vectors, what does not depend on their phase: that they are of length 1, and ``A v = λ v``."""
    found, vectors = torch.linalg.eig(x)
    a, b = found.real.unsqueeze(-2), found.imag.unsqueeze(-2)
    u, v = vectors.real, vectors.imag
    scale = x.abs().amax((-2, -1), keepdim=True) + 1
    return *told(found), (u * u + v * v).sum(-2), (x @ u - u * a + v * b) / scale, (x @ v - u * b - v * a) / scale


CASES = [
    row("pairs", "linalg_eig", pairs, X, dynamic=BATCH, since=11, **NEAR),
    row("pairs-of-one", "linalg_eig", pairs, seeded(4, 4), since=11, **NEAR),
    row(
        "pairs-of-any-size",
        "linalg_eig",
        lambda x: pairs(x @ Y[: x.size(1), : x.size(0)]),
        seeded(4, 3),
        dynamic={0: (0,)},
        since=11,
        **NEAR,
    ),
    row("pairs-double", "linalg_eig", pairs, seeded(2, 3, 4, 4, dtype=torch.float64), since=11),
    row("pairs-special", "linalg_eig", lambda x: pairs(x[1:6]), SPECIAL, since=11, **NEAR),
    row("pairs-unlike", "linalg_eig", lambda x: pairs(x[7:]), SPECIAL, since=11, **NEAR),
    row("pairs-of-none", "linalg_eig", pairs, seeded(0, 3, 3), since=11),
    row(
        "pairs-empty",
        "linalg_eig",
        lambda x: [*map(torch.view_as_real, torch.linalg.eig(x))],
        seeded(2, 0, 0),
        since=11,
    ),
    row("values", "linalg_eigvals", values, X, dynamic=BATCH, since=11, **NEAR),
    row("values-of-two", "linalg_eigvals", values, seeded(6, 2, 2), dynamic=BATCH, since=11, **NEAR),
    row("values-of-one", "linalg_eigvals", values, seeded(6, 1, 1), dynamic=BATCH, since=11, **NEAR),
    row("values-large", "linalg_eigvals", values, seeded(40, 40), since=11, **NEAR),
    row("values-special", "linalg_eigvals", values, SPECIAL[:6], since=11, **NEAR),
]
