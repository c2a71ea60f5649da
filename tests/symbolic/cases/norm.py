"""Cases of ``symbolic/aten/norm.py``."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F

from tests.symbolic.cases import Case, seeded

_X = lambda: (seeded(3, 4),)  # noqa: E731
_XYZ = lambda: (seeded(2, 3, 4),)  # noqa: E731
_TWO = lambda: (seeded(3, 4), seeded(3, 4) * 0.5 + 0.1)  # noqa: E731
_P = (2, 1, 0, 3, 0.5, math.inf, -math.inf)

CASES: list[Case] = [
    *[Case(f"p{p}", "aten::norm.ScalarOpt_dim", lambda x, p=p: torch.norm(x, p, 1), _X, {0: (0, 1)}) for p in _P],
    Case("plain", "aten::norm.Scalar", lambda x: torch.ops.aten.norm.Scalar(x, 2), _X, {0: (0, 1)}),
    Case("no-order", "aten::norm.ScalarOpt_dim", lambda x: torch.ops.aten.norm.ScalarOpt_dim(x, None, [0], True), _X),
    Case(
        "dtype",
        "aten::norm.ScalarOpt_dim_dtype",
        lambda x: torch.ops.aten.norm.ScalarOpt_dim_dtype(x, 1, [0, 1], False, dtype=torch.float64),
        _X,
        {0: (0, 1)},
    ),
    Case(
        "dtype-alone",
        "aten::norm.ScalarOpt_dtype",
        lambda x: torch.ops.aten.norm.ScalarOpt_dtype(x, 1, dtype=torch.float64),
        _X,
    ),
    *[
        Case(
            f"p{p}", "aten::linalg_vector_norm", lambda x, p=p: torch.linalg.vector_norm(x, p, 1, True), _X, {0: (0, 1)}
        )
        for p in _P
    ],
    Case("all", "aten::linalg_vector_norm", lambda x: torch.linalg.vector_norm(x), _XYZ, {0: (0, 1)}),
    Case(
        "dtype",
        "aten::linalg_vector_norm",
        lambda x: torch.linalg.vector_norm(x, dim=(0, 2), dtype=torch.float64),
        _XYZ,
    ),
    Case(
        "scalar", "aten::linalg_vector_norm", lambda x: torch.linalg.vector_norm(x, 3, 0), lambda: (torch.tensor(-2.5),)
    ),
    Case("default", "aten::linalg_norm", lambda x: torch.linalg.norm(x), _XYZ, {0: (0, 1)}),
    *[
        Case(f"matrix{p}", "aten::linalg_norm", lambda x, p=p: torch.linalg.norm(x, p), _X, {0: (0, 1)})
        for p in (1, -1, math.inf, -math.inf)
    ],
    Case("vector", "aten::linalg_norm", lambda x: torch.linalg.norm(x, 3, 1), _XYZ, {0: (0, 1)}),
    Case("fro", "aten::linalg_norm.ord_str", lambda x: torch.linalg.norm(x, "fro"), _X, {0: (0, 1)}),
    *[
        Case(
            f"p{p}",
            "aten::linalg_matrix_norm",
            lambda x, p=p: torch.linalg.matrix_norm(x, p, (0, -1)),
            _XYZ,
            {0: (0, 1)},
        )
        for p in (1, -1, math.inf, -math.inf)
    ],
    Case("kept", "aten::linalg_matrix_norm", lambda x: torch.linalg.matrix_norm(x, 1, keepdim=True), _XYZ, {0: (0, 1)}),
    Case("fro", "aten::linalg_matrix_norm.str_ord", lambda x: torch.linalg.matrix_norm(x), _XYZ, {0: (0, 1)}),
    Case(
        "dim", "aten::frobenius_norm.dim", lambda x: torch.ops.aten.frobenius_norm.dim(x, [0, 1], True), _X, {0: (0, 1)}
    ),
    Case("rows", "aten::renorm", lambda x: torch.renorm(x, 2, 0, 1.5), _X, {0: (0, 1)}, since=9),
    Case("inf", "aten::renorm", lambda x: torch.renorm(x, math.inf, 1, 1.0), _XYZ, {0: (0, 1)}, since=9),
    *[Case(f"p{p}", "aten::dist", lambda x, y, p=p: torch.dist(x, y, p), _TWO) for p in (2, 1, 0, 3, math.inf)],
    Case("pairs", "aten::pairwise_distance", lambda x, y: F.pairwise_distance(x, y), _TWO),
    Case("pairs-kept", "aten::pairwise_distance", lambda x, y: F.pairwise_distance(x, y, 1, 0.1, True), _TWO),
    Case("pairs-broadcast", "aten::pairwise_distance", lambda x, y: F.pairwise_distance(x, y[0]), _TWO, {0: (0,)}),
    *[
        Case(f"dim{d}", "aten::cosine_similarity", lambda x, y, d=d: F.cosine_similarity(x, y, d), _TWO)
        for d in (0, 1, -1)
    ],
    Case(
        "broadcast",
        "aten::cosine_similarity",
        lambda x, y: F.cosine_similarity(x[None], y[:, None], -1),
        _TWO,
        {0: (0,), 1: (0,)},
    ),
    *[
        Case(
            f"p{p}",
            "aten::cdist",
            lambda x, y, p=p: torch.cdist(x, y, p),
            lambda: (seeded(2, 3, 4), seeded(5, 4)),
            {0: (0, 1), 1: (0,)},
        )
        for p in (2.0, 1.0, 0.0, 2.5, math.inf)
    ],
    Case("static", "aten::pdist", lambda x: torch.pdist(x), _X),
    Case("dynamic", "aten::pdist", lambda x: torch.pdist(x, 1.0), _X, {0: (0, 1)}, since=9),
]
