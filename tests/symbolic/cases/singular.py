"""Cases: singular values, eigenvalues of symmetric matrices, and what is made of them."""

from __future__ import annotations

import torch

from tests.symbolic.cases import Case, seeded
from tests.symbolic.cases.shape import row

L = torch.linalg
X = seeded(2, 4, 4)
TALL = seeded(2, 5, 3)
WIDE = seeded(2, 3, 5)
RANK_ONE = seeded(4, 1) @ seeded(1, 3)
NEAR = {"rtol": 1e-3, "atol": 1e-4}
BATCH = {0: (0,)}


def factors(x: torch.Tensor, full: bool) -> tuple[torch.Tensor, ...]:
    """What does not depend on the signs: values, what the vectors make together, and that they are orthonormal."""
    u, s, vh = L.svd(x, full_matrices=full)
    k = s.size(-1)
    return s, (u[..., :k] * s.unsqueeze(-2)) @ vh[..., :k, :], u.mT @ u, vh @ vh.mT


def vectors(x: torch.Tensor, uplo: str) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    values, found = L.eigh(x, UPLO=uplo)
    return values, found.abs(), found.mT @ found


CASES = [
    *[
        row(
            f"{name}-{full}", "_linalg_svd", lambda x, full=full: factors(x, full), x, dynamic=dynamic, since=11, **NEAR
        )
        for full in (True, False)
        for name, x, dynamic in (
            ("square", X, BATCH),
            ("tall", TALL, BATCH),
            ("wide", WIDE, BATCH),
            ("rank-one", RANK_ONE, None),
        )
    ],
    row("values", "linalg_svdvals", lambda x: L.svdvals(x), TALL, dynamic=BATCH, since=11, **NEAR),
    row("large", "linalg_svdvals", lambda x: L.svdvals(x), seeded(40, 33), since=11, **NEAR),
    row("condition", "_linalg_svd", lambda x: L.cond(x), X, dynamic=BATCH, since=11, **NEAR),
    row("rank", "_linalg_svd", lambda x: L.matrix_rank(x), RANK_ONE, since=11),
    row("lower", "_linalg_eigh", lambda x: vectors(x, "L"), X, dynamic=BATCH, since=11, **NEAR),
    row("upper", "_linalg_eigh", lambda x: vectors(x, "U"), X, since=11, **NEAR),
    row("values", "_linalg_eigh", lambda x: L.eigvalsh(x), X, since=11, **NEAR),
    row("default", "linalg_pinv", lambda x: torch.pinverse(x), WIDE, since=11, **NEAR),
    row("tall", "linalg_pinv", lambda x: L.pinv(x), TALL, dynamic=BATCH, since=11, **NEAR),
    row("rank-one", "linalg_pinv", lambda x: L.pinv(x, atol=1e-3), RANK_ONE, since=11, **NEAR),
    row("tolerances", "linalg_pinv", lambda x: L.pinv(x, atol=0.5, rtol=0.3), WIDE, since=11, **NEAR),
    row("hermitian", "linalg_pinv", lambda x: L.pinv(x + x.mT, hermitian=True), X, since=11, **NEAR),
    row("nuclear", "linalg_matrix_norm", lambda x: L.matrix_norm(x, "nuc"), TALL, dynamic=BATCH, since=11, **NEAR),
    row("spectral", "linalg_matrix_norm", lambda x: L.matrix_norm(x, 2, (0, 2), keepdim=True), TALL, since=11, **NEAR),
    row("least", "linalg_matrix_norm", lambda x: L.matrix_norm(x, -2), WIDE, since=11, **NEAR),
    *[
        Case(
            f"{driver}-{rows}x3",
            "aten::linalg_lstsq",
            lambda a, b, driver=driver: tuple(torch.linalg.lstsq(a, b, driver=driver)),
            lambda rows=rows: (seeded(2, rows, 3), seeded(2, rows, 2)),
            since=11,
            rtol=1e-3,
            atol=1e-4,
        )
        for driver in ("gels", "gelsy", "gelsd", "gelss")
        for rows in (2, 4)
    ],
    Case(
        "vector",
        "aten::linalg_lstsq",
        lambda a, b: torch.linalg.lstsq(a, b, driver="gelsd"),
        lambda: (seeded(4, 3), seeded(4)),
        since=11,
        rtol=1e-3,
        atol=1e-4,
    ),
    Case(
        "less-than-full-rank",
        "aten::linalg_lstsq",
        lambda a, b: torch.linalg.lstsq(torch.stack([a, a[:, [0, 0, 1]]]), b, rcond=0.1, driver="gelss"),
        lambda: (seeded(4, 3), seeded(2, 4, 2)),
        since=11,
        rtol=1e-3,
        atol=1e-4,
    ),
]
