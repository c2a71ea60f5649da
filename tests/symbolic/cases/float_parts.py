"""Cases: fraction and exponent, the neighbour of a number, the hash of bits."""

from __future__ import annotations

import torch

from tests.symbolic.cases import Case

_INF = float("inf")
_EDGES = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    2.0,
    0.3,
    _INF,
    -_INF,
    float("nan"),
    1e-45,
    -1e-45,
    2.0**-126,
    3.4028234663852886e38,
    65504.0,
]
_DOUBLES = [1.5, -2.0, 0.0, -0.0, 3.0, 1e-45, _INF, -_INF, float("nan"), 1e-310, 5e-324, 0.1, 1e300]
_INTEGERS = [1, 0, 5, -7, 100]


def _pairs(dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
    edges = torch.tensor(_EDGES, dtype=torch.float64).to(dtype)
    return edges.repeat_interleave(len(edges)), edges.repeat(len(edges))


def _hashes(x: torch.Tensor) -> tuple[torch.Tensor, ...]:
    return (
        torch.hash_tensor(x.reshape(-1, 1), dim=1),
        torch.hash_tensor(x),
        torch.hash_tensor(x[None], dim=1, keepdim=True),
    )


CASES = [
    Case(
        "floats",
        "aten::frexp",
        torch.frexp,
        lambda: (torch.tensor([1.0, 0.0, -0.3, 8.0, 7.9999995, 1e-30, -1e30, 0.5, _INF]),),
        {0: (0,)},
        since=9,
    ),
    Case(
        "doubles",
        "aten::frexp",
        torch.frexp,
        lambda: (torch.tensor([*_DOUBLES[:8], *_DOUBLES[9:], 1.7e308], dtype=torch.float64),),
        since=9,
    ),
    *[
        Case(
            f"edges-{str(dtype)[6:]}",
            "aten::nextafter",
            torch.nextafter,
            lambda dtype=dtype: _pairs(dtype),
            since=13 if dtype is torch.bfloat16 else 9,
            rtol=0.0,
            atol=0.0,
        )
        for dtype in (torch.float32, torch.float64, torch.float16, torch.bfloat16)
    ],
    *[
        Case(
            str(dtype)[6:],
            "aten::hash_tensor",
            _hashes,
            lambda dtype=dtype: (
                torch.tensor(_DOUBLES, dtype=torch.float64).to(dtype)
                if dtype.is_floating_point
                else torch.tensor(_INTEGERS).to(dtype),
            ),
            {0: (0,)},
            since=13,
        )
        for dtype in (torch.float32, torch.float64, torch.int64, torch.uint8, torch.bool)
    ],
]
