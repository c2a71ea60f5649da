"""Logical and bitwise operators, and shifts."""

from __future__ import annotations

import torch

from tests.symbolic.cases import Case, seeded

_LOGICAL = {"and": torch.logical_and, "or": torch.logical_or, "xor": torch.logical_xor}
_BITWISE = {"and": torch.bitwise_and, "or": torch.bitwise_or, "xor": torch.bitwise_xor}
_PYTHON = {"and": lambda x, y: x & y, "or": lambda x, y: x | y, "xor": lambda x, y: x ^ y}


def _pair(dtype: torch.dtype, low: float = -9) -> tuple[torch.Tensor, torch.Tensor]:
    return seeded(3, 4, dtype=dtype, low=low, high=9), seeded(4, dtype=dtype, low=low, high=9)


_SHIFTS = torch.tensor([0, 3, 62, 63, 64, -1])
_NUMBERS = torch.tensor([[5, -5, 7, -7, 9, -9], [1 << 40, -(1 << 40), -1, 1, -(1 << 63), 3]])
CASES: list[Case] = [
    *[
        Case("bool", f"aten::logical_{name}", run, lambda: _pair(torch.bool), dynamic={0: (0,)})
        for name, run in _LOGICAL.items()
    ],
    *[
        Case(
            "float",
            f"aten::logical_{name}",
            run,
            lambda: (torch.tensor([0.0, 0.3, -2.0]), torch.tensor([0.0, 0.0, 1.0])),
        )
        for name, run in _LOGICAL.items()
    ],
    Case("bool", "aten::logical_not", torch.logical_not, lambda: (seeded(3, 4, dtype=torch.bool),), dynamic={0: (0,)}),
    Case("ints", "aten::logical_not", torch.logical_not, lambda: (torch.tensor([0, 2, -1]),), dynamic={0: (0,)}),
    *[
        Case("bool", f"aten::bitwise_{name}", run, lambda: _pair(torch.bool), dynamic={0: (0,)})
        for name, run in _BITWISE.items()
    ],
    *[
        Case("bool", f"aten::__{name}__", run, lambda: _pair(torch.bool), dynamic={0: (0,)})
        for name, run in _PYTHON.items()
    ],
    *[
        Case(
            str(dtype)[6:],
            f"aten::bitwise_{name}",
            run,
            lambda dtype=dtype, low=low: _pair(dtype, low),
            dynamic={0: (0,)},
            since=18,
        )
        for name, run in _BITWISE.items()
        for dtype, low in ((torch.int64, -9), (torch.uint8, 0))
    ],
    Case(
        "number",
        "aten::__and__",
        lambda x: (x & 3) | 4,
        lambda: (seeded(3, dtype=torch.int32, low=-9, high=9),),
        since=18,
    ),
    *[
        Case(
            str(dtype)[6:],
            "aten::bitwise_not",
            torch.bitwise_not,
            lambda dtype=dtype: (seeded(3, 4, dtype=dtype, low=0, high=9),),
            dynamic={0: (0,)},
        )
        for dtype in (torch.bool, torch.int64, torch.int32, torch.uint8)
    ],
    Case("tensor", "aten::bitwise_left_shift", torch.bitwise_left_shift, lambda: (_NUMBERS, _SHIFTS)),
    Case("tensor", "aten::bitwise_right_shift", torch.bitwise_right_shift, lambda: (_NUMBERS, _SHIFTS)),
    *[
        Case(f"by-{by}", "aten::bitwise_left_shift", lambda x, by=by: x << by, lambda: (_NUMBERS,), dynamic={0: (0,)})
        for by in (1, 5, 63, 64)
    ],
    *[
        Case(f"by-{by}", "aten::bitwise_right_shift", lambda x, by=by: x >> by, lambda: (_NUMBERS,), dynamic={0: (0,)})
        for by in (1, 5, 62, 63, 64)
    ],
    Case(
        "uint8",
        "aten::bitwise_left_shift",
        lambda x: (x << 3) >> 1,
        lambda: (torch.tensor([3, 200, 255], dtype=torch.uint8),),
    ),
    Case(
        "uint8-tensor",
        "aten::bitwise_right_shift",
        torch.bitwise_right_shift,
        lambda: (torch.tensor([3, 200, 255], dtype=torch.uint8), torch.tensor([1, 7, 2], dtype=torch.uint8)),
    ),
    Case("int32", "aten::bitwise_right_shift", lambda x: x >> 2, lambda: (torch.tensor([-7, 7], dtype=torch.int32),)),
]
