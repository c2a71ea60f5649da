"""Cases: determinants, inverses and linear systems of small size."""

from __future__ import annotations

import torch

from tests.symbolic.cases import Case, seeded
from tests.symbolic.cases.shape import row

A = seeded(4, 4) + 0.1 * torch.eye(4)
X = seeded(2, 3, 3) + torch.eye(3)
B = seeded(4, 2)
P = A @ A.T + torch.eye(4)
L = A.tril() + 3 * torch.eye(4)
NEAR = {"rtol": 1e-3, "atol": 1e-4}  # elimination in another order than LAPACK's

CASES = [
    row("det", "det", lambda x: torch.det(x), A, since=11),
    row("linalg-det-batch", "linalg_det", lambda x: torch.linalg.det(x), X, dynamic={0: (0,)}, since=11),
    row("logdet", "logdet", lambda x: torch.logdet(x), P, since=11),
    row("slogdet", "slogdet", lambda x: torch.slogdet(x), A, since=11),
    row("linalg-slogdet", "linalg_slogdet", lambda x: torch.linalg.slogdet(x), X, since=11),
    row("inverse", "inverse", lambda x: torch.inverse(x), A, since=9, **NEAR),
    row("inverse-pivoting", "inverse", lambda x: torch.inverse(x), torch.tensor([[0.0, 2.0], [1.0, 1.0]]), since=9),
    row("linalg-inv-batch", "linalg_inv", lambda x: torch.linalg.inv(x), X, dynamic={0: (0,)}, since=9, **NEAR),
    row("linalg-inv-ex", "linalg_inv_ex", lambda x: torch.linalg.inv_ex(x), X, since=9, **NEAR),
    row("inverse-double", "linalg_inv", lambda x: torch.linalg.inv(x), A.double(), since=9),
    row("solve", "linalg_solve", lambda a, b: torch.linalg.solve(a, b), A, B, since=9, **NEAR),
    row("solve-vector", "linalg_solve", lambda a, b: torch.linalg.solve(a, b), A, seeded(4), since=9, **NEAR),
    row(
        "solve-right",
        "linalg_solve",
        lambda a, b: torch.linalg.solve(a, b, left=False),
        A,
        seeded(2, 4),
        since=9,
        **NEAR,
    ),
    row(
        "solve-batch",
        "linalg_solve",
        lambda a, b: torch.linalg.solve(a, b),
        X,
        seeded(3, 1, 3, 2),
        dynamic={0: (0,)},
        since=9,
        **NEAR,
    ),
    row(
        "solve-triangular",
        "linalg_solve_triangular",
        lambda a, b: torch.linalg.solve_triangular(a, b, upper=False),
        L,
        B,
        since=9,
    ),
    row(
        "solve-triangular-upper",
        "linalg_solve_triangular",
        lambda a, b: torch.linalg.solve_triangular(a, b, upper=True, unitriangular=True),
        L.T,
        B,
        since=9,
    ),
    row(
        "solve-triangular-right",
        "linalg_solve_triangular",
        lambda a, b: torch.linalg.solve_triangular(a, b, upper=False, left=False),
        L,
        seeded(2, 4),
        since=9,
    ),
    row(
        "triangular-solve",
        "triangular_solve",
        lambda a, b: torch.triangular_solve(b, a, upper=False, transpose=True),
        L,
        B,
        since=9,
    ),
    row(
        "cholesky",
        "linalg_cholesky",
        lambda x: (torch.linalg.cholesky(x), torch.linalg.cholesky(x, upper=True)),
        P,
        since=9,
    ),
    row("cholesky-ex", "linalg_cholesky_ex", lambda x: torch.linalg.cholesky_ex(x), P, since=9),
    row("cholesky-solve", "cholesky_solve", lambda a, b: torch.cholesky_solve(b, a), L, B, since=9),
    row("cholesky-inverse", "cholesky_inverse", lambda a: torch.cholesky_inverse(a, upper=True), L.T, since=9),
    row("cholesky-old", "cholesky", lambda x: torch.cholesky(x), P, since=9),
    row(
        "matrix-power",
        "matrix_power",
        lambda x: (torch.matrix_power(x, 5), torch.matrix_power(x, 1) + 1, torch.matrix_power(x, 0)),
        X,
    ),
    row("matrix-power-negative", "linalg_matrix_power", lambda x: torch.linalg.matrix_power(x, -2), X, since=9, **NEAR),
    row("vander", "linalg_vander", lambda x: torch.linalg.vander(x, N=4), seeded(2, 3), dynamic={0: (0, 1)}),
    Case(
        "scales",
        "aten::linalg_matrix_exp",
        torch.matrix_exp,
        lambda: (seeded(3, 4, 4) * torch.tensor([0.1, 1.0, 4.0])[:, None, None],),
        {0: (0,)},
        since=9,
    ),
    Case("doubles", "aten::linalg_matrix_exp", torch.matrix_exp, lambda: (seeded(3, 3, dtype=torch.float64),), since=9),
    Case(
        "dynamic-size",
        "aten::linalg_matrix_exp",
        lambda x: torch.linalg.matrix_exp(x @ x.T),
        lambda: (seeded(3, 2),),
        {0: (0,)},
        since=9,
    ),
]
