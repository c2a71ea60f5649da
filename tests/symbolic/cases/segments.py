"""Cases: reductions over segments, by lengths and by offsets, with segments of no element."""

from __future__ import annotations

import torch

from tests.symbolic.cases import Case, seeded

_LENGTHS = torch.tensor([2, 0, 3, 1])
_OFFSETS = torch.tensor([[0, 2, 2, 5, 6], [0, 1, 3, 4, 6]])

CASES = [
    *[
        Case(
            f"lengths-{kind}-{initial}",
            "aten::segment_reduce",
            lambda x, n, kind=kind, initial=initial: torch.segment_reduce(x, kind, lengths=n, initial=initial),
            lambda: (seeded(6, 3), _LENGTHS),
            {0: (1,)},
            since=11,
        )
        for kind in ("sum", "mean", "max", "min", "prod")
        for initial in (None, 0.5)
    ],
    Case(
        "offsets",
        "aten::segment_reduce",
        lambda x, o: torch.segment_reduce(x, "mean", offsets=o, axis=1),
        lambda: (seeded(2, 6, 2), _OFFSETS),
        {0: (2,)},
        since=11,
    ),
    Case(
        "inner-lengths",
        "aten::segment_reduce",
        lambda x, n: torch.segment_reduce(x, "max", lengths=n, axis=1),
        lambda: (seeded(2, 6), torch.tensor([[1, 5], [4, 2]])),
        since=11,
    ),
    Case(
        "fewer",
        "aten::segment_reduce",
        lambda x, n: torch.segment_reduce(x, "sum", lengths=n, unsafe=True),
        lambda: (seeded(6), torch.tensor([2, 3])),
        {0: (0,)},
        since=11,
    ),
]
