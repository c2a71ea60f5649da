"""Comparisons and tests that give bools."""

from __future__ import annotations

import torch

from tests.symbolic.cases import Case, seeded

_INF, _NAN = float("inf"), float("nan")
_ODD = torch.tensor([0.0, -1.5, _INF, -_INF, _NAN, 2.0])


def _pairs(dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
    return seeded(3, 4, dtype=dtype, low=-3, high=3), seeded(4, dtype=dtype, low=-3, high=3)


_OPERATORS = {"eq": torch.eq, "ne": torch.ne, "lt": torch.lt, "le": torch.le, "gt": torch.gt, "ge": torch.ge}
_TYPES = {"float": torch.float32, "int": torch.int64, "bool": torch.bool, "half": torch.float16, "uint8": torch.uint8}
CASES: list[Case] = [
    *[
        Case(kind, f"aten::{name}", run, lambda dtype=dtype: _pairs(dtype), dynamic={0: (0,)})
        for name, run in _OPERATORS.items()
        for kind, dtype in _TYPES.items()
    ],
    *[
        Case("nan", f"aten::{name}", run, lambda: (_ODD, torch.tensor([0.0, _NAN, _INF, _INF, _NAN, 1.0])))
        for name, run in _OPERATORS.items()
    ],
    *[
        Case(
            "number",
            f"aten::{name}",
            lambda x, run=run: run(x, 0.5),
            lambda: (seeded(3, 4, dtype=torch.int64),),
            dynamic={0: (0,)},
        )
        for name, run in _OPERATORS.items()
    ],
    Case("same", "aten::eq", lambda x: (x == x.clone()) & (x[0] == 1), lambda: (torch.ones(3, 2),), dynamic={0: (0,)}),
    Case("mixed", "aten::lt", lambda x, y: x < y, lambda: (seeded(2, 3), torch.tensor([1, 0, -1]))),
    *[
        Case("floats", f"aten::{name}", getattr(torch, name), lambda: (_ODD,), dynamic={0: (0,)})
        for name in ("isnan", "isinf", "isfinite", "isposinf", "isneginf", "isreal")
    ],
    *[
        Case("ints", f"aten::{name}", getattr(torch, name), lambda: (torch.tensor([0, 3]),), dynamic={0: (0,)})
        for name in ("isnan", "isinf", "isfinite", "isposinf", "isneginf", "isreal")
    ],
    Case("half", "aten::isinf", torch.isinf, lambda: (_ODD.half(),), dynamic={0: (0,)}),
    Case("nan", "aten::isclose", torch.isclose, lambda: (_ODD, _ODD + 1e-7)),
    Case("equal-nan", "aten::isclose", lambda x, y: torch.isclose(x, y, 0.1, 0.2, True), lambda: (_ODD, _ODD + 0.25)),
    Case(
        "ints",
        "aten::isclose",
        lambda x, y: torch.isclose(x, y, 0.5),
        lambda: (torch.tensor([1, 9]), torch.tensor([2, 8])),
    ),
    Case("exact", "aten::isclose", lambda x, y: torch.isclose(x, y, 0, 0), lambda: (_ODD, _ODD)),
    Case(
        "tensor",
        "aten::isin",
        torch.isin,
        lambda: (torch.tensor([[1, 2], [3, 4]]), torch.tensor([[4, 1]])),
        dynamic={0: (0,), 1: (1,)},
    ),
    Case(
        "invert",
        "aten::isin",
        lambda x: torch.isin(x, torch.tensor([1.0, 2.0]), invert=True),
        lambda: (torch.tensor([1.0, 5.0]),),
    ),
    Case("number", "aten::isin", lambda x: torch.isin(x, 2), lambda: (torch.tensor([1, 2]),), dynamic={0: (0,)}),
    Case("of-number", "aten::isin", lambda x: torch.isin(2, x), lambda: (torch.tensor([1, 2]),), dynamic={0: (0,)}),
]
