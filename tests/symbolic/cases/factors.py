"""Cases: QR and LU factors, and what is solved with them."""

from __future__ import annotations

import torch

from tests.symbolic.cases import seeded
from tests.symbolic.cases.shape import row

L = torch.linalg
X = seeded(2, 4, 4) + 3 * torch.eye(4)
TALL = seeded(2, 5, 3)
WIDE = seeded(2, 3, 5)
FIXED = torch.tensor([[0.0, 2.0, 1.0], [0.0, 1.0, 3.0], [0.0, 0.0, -1.0]])
B = seeded(2, 4, 3)
NEAR = {"rtol": 1e-3, "atol": 1e-4}
BATCH = {0: (0,)}
HOLLOW = seeded(6, 5, 5) * (1 - torch.eye(5))
"""With nothing on the diagonal: pivots of two rows."""
TWOS = L.ldl_factor(HOLLOW)

CASES = [
    *[
        row(f"{name}-{mode}", "linalg_qr", lambda x, mode=mode: L.qr(x, mode), x, dynamic=BATCH, since=9, **NEAR)
        for mode in ("reduced", "complete", "r")
        for name, x in (("square", X), ("tall", TALL), ("wide", WIDE))
    ],
    row("zeros", "linalg_qr", lambda x: L.qr(x), FIXED, since=9, **NEAR),
    row("tall", "qr", lambda x: torch.qr(x), TALL, since=9, **NEAR),
    row("full", "qr", lambda x: torch.qr(x, some=False), TALL, since=9, **NEAR),
    row("tall", "geqrf", lambda x: torch.geqrf(x), TALL, since=9, **NEAR),
    row("wide", "geqrf", lambda x: torch.geqrf(x), WIDE, since=9, **NEAR),
    row(
        "tall",
        "linalg_householder_product",
        lambda a, tau: L.householder_product(a, tau),
        *torch.geqrf(TALL),
        since=9,
        **NEAR,
    ),
    *[
        row(
            f"left-{left}-transpose-{transpose}",
            "ormqr",
            lambda a, tau, x, left=left, transpose=transpose: torch.ormqr(a, tau, x if left else x.mT, left, transpose),
            *torch.geqrf(X),
            B,
            since=9,
            **NEAR,
        )
        for left in (True, False)
        for transpose in (True, False)
    ],
    *[
        row(name, "linalg_lu", lambda x: L.lu(x), x, dynamic=BATCH, since=9, **NEAR)
        for name, x in (("square", X), ("tall", TALL), ("wide", WIDE))
    ],
    row("singular", "linalg_lu", lambda x: L.lu(x), FIXED, since=9, **NEAR),
    row("square", "linalg_lu_factor", lambda x: L.lu_factor(x), X, since=9, **NEAR),
    row("wide", "linalg_lu_factor_ex", lambda x: L.lu_factor_ex(x), WIDE, since=9, **NEAR),
    row("tall", "lu_unpack", lambda a, p: torch.lu_unpack(a, p), *L.lu_factor(TALL), since=9, **NEAR),
    row(
        "data",
        "lu_unpack",
        lambda a, p: torch.lu_unpack(a, p, unpack_pivots=False)[1:],
        *L.lu_factor(X),
        since=9,
        **NEAR,
    ),
    *[
        row(
            f"left-{left}-adjoint-{adjoint}",
            "linalg_lu_solve",
            lambda a, p, b, left=left, adjoint=adjoint: L.lu_solve(
                a, p, b if left else b.mT, left=left, adjoint=adjoint
            ),
            *L.lu_factor(X),
            B,
            since=9,
            **NEAR,
        )
        for left in (True, False)
        for adjoint in (True, False)
    ],
    row("square", "lu_solve", lambda b, a, p: torch.lu_solve(b, a, p), B, *L.lu_factor(X), since=9, **NEAR),
    *[
        row(name, "linalg_ldl_factor_ex", lambda x: L.ldl_factor_ex(x), x, dynamic=BATCH, since=11, **NEAR)
        for name, x in (
            ("definite", X @ X.mT),
            ("indefinite", seeded(4, 5, 5)),
            ("hollow", HOLLOW),
            ("singular", torch.stack([torch.zeros(4, 4), torch.ones(4, 4), torch.diag(torch.tensor([1.0, 0, 2, 0]))])),
            ("one", seeded(3, 1, 1)),
            ("double", seeded(3, 6, 6, dtype=torch.float64)),
        )
    ],
    row(
        "any-size",
        "linalg_ldl_factor",
        lambda x, y: L.ldl_factor(x @ y[:, : x.size(0)]),
        seeded(5, 6),
        seeded(6, 8),
        dynamic={0: (0,)},
        since=11,
        **NEAR,
    ),
    row("hermitian", "linalg_ldl_factor", lambda x: L.ldl_factor(x, hermitian=True), HOLLOW, since=11, **NEAR),
    row("none", "linalg_ldl_factor", lambda x: L.ldl_factor(x), seeded(0, 3, 3), since=11),
    row("empty", "linalg_ldl_factor", lambda x: L.ldl_factor(x), seeded(2, 0, 0), since=11),
    *[
        row(name, "linalg_ldl_solve", lambda a, p, b: L.ldl_solve(a, p, b), *args, since=11, **NEAR)
        for name, args in (
            ("ones", (*L.ldl_factor(X @ X.mT), B)),
            ("twos", (*TWOS, seeded(6, 5, 3))),
            ("shared", (*TWOS, seeded(5, 3))),
            ("one", (TWOS[0][0], TWOS[1][0], seeded(5, 3))),
            ("many", (TWOS[0][0], TWOS[1][0], seeded(2, 5, 3))),
            ("empty", (*L.ldl_factor(seeded(2, 0, 0)), seeded(2, 0, 3))),
        )
    ],
    row(
        "dynamic",
        "linalg_ldl_solve",
        lambda x, b: L.ldl_solve(*L.ldl_factor(x), b),
        HOLLOW,
        seeded(5, 3),
        dynamic={0: (0,), 1: (1,)},
        since=11,
        **NEAR,
    ),
]
