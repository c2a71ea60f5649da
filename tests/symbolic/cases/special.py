"""Cases: special functions of two arguments, and those that are composed of pieces."""

from __future__ import annotations

import torch

from tests.symbolic.cases import Case

_INF, _NAN = float("inf"), float("nan")
_PAIRS = [
    (0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (2.0, 1.5), (5.0, 20.0), (0.3, 0.1), (1e-3, 0.5), (0.5, 3.0), (50.0, 50.0),
    (100.0, 80.0), (200.0, 230.0), (1000.0, 1010.0), (10000.0, 10000.0), (1.0, 1.0), (0.2, 1.05), (30.0, 28.0), (-1.0, 1.0),
    (1.0, -1.0), (_INF, 2.0), (3.0, _INF), (_INF, _INF), (_NAN, 1.0), (1.0, _NAN),
]  # fmt: skip


def _pairs(dtype: torch.dtype = torch.float32) -> tuple[torch.Tensor, ...]:
    return tuple(torch.tensor(_PAIRS, dtype=dtype).T.contiguous())


CASES = [
    Case("pairs", "aten::igamma", torch.igamma, _pairs, since=11),
    Case("doubles", "aten::igamma", torch.igamma, lambda: _pairs(torch.float64), since=11),
    Case(
        "broadcast",
        "aten::igamma",
        lambda a, x: torch.special.gammainc(a[:, None], x),
        lambda: (torch.tensor([0.5, 3.0]), torch.tensor([0.2, 2.0, 9.0])),
        {0: (0,), 1: (0,)},
        since=11,
    ),
    Case("pairs", "aten::igammac", torch.igammac, _pairs, since=11),
    Case("doubles", "aten::igammac", torch.igammac, lambda: _pairs(torch.float64), since=11),
    Case(
        "pieces",
        "aten::special_airy_ai",
        torch.special.airy_ai,
        lambda: (torch.cat([torch.linspace(-12, 12, 97), torch.tensor([_INF, -_INF, _NAN, 104.0])]),),
        {0: (0,)},
        since=9,
    ),
]
