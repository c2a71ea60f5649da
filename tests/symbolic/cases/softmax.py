"""Cases of ``symbolic/aten/softmax.py``."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from tests.symbolic.cases import Case, seeded

CASES: list[Case] = [
    *[
        Case(f"dim{dim}", target, lambda x, f=function, d=dim: f(x, d), lambda: (seeded(2, 3, 4),), {0: (0, 1, 2)})
        for target, function in (("aten::softmax.int", torch.softmax), ("aten::log_softmax.int", torch.log_softmax))
        for dim in (0, 1, -1)
    ],
    Case("scalar", "aten::softmax.int", lambda x: torch.softmax(x, 0), lambda: (torch.tensor(2.5),)),
    Case("scalar", "aten::log_softmax.int", lambda x: torch.log_softmax(x, -1), lambda: (torch.tensor(2.5),)),
    Case(
        "dtype",
        "aten::softmax.int",
        lambda x: torch.softmax(x, 1, dtype=torch.float64),
        lambda: (seeded(2, 3),),
        {0: (0, 1)},
    ),
    Case(
        "integers",
        "aten::log_softmax.int",
        lambda x: torch.log_softmax(x, 1, dtype=torch.float32),
        lambda: (seeded(2, 3, dtype=torch.int64),),
    ),
    Case("half", "aten::softmax.int", lambda x: torch.softmax(x, 1), lambda: (seeded(2, 3, dtype=torch.float16),)),
    Case("min", "aten::softmax.int", lambda x: F.softmin(x, 1), lambda: (seeded(2, 3, 4),), {0: (0, 1)}),
    Case(
        "special",
        "aten::special_softmax",
        lambda x: (torch.special.softmax(x, 0), torch.special.log_softmax(x, 0)),
        lambda: (seeded(2, 3),),
        {0: (0, 1)},
    ),
    Case(
        "internal",
        "aten::_softmax",
        lambda x: (torch._softmax(x, 1, False), torch._log_softmax(x, 1, False)),
        lambda: (seeded(2, 3, 4),),
        {0: (0, 1)},
    ),
]
