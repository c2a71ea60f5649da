"""Arithmetic on two operands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from tests.symbolic.cases import Case, seeded

_X = lambda: (seeded(2, 3), seeded(3, low=0.5, high=3.0))  # noqa: E731
_ALONE = lambda: (seeded(2, 3, low=-4, high=4),)  # noqa: E731
_INTS = lambda: (seeded(2, 3, dtype=torch.int64, low=-9, high=9), torch.tensor([3, -4, 5]))  # noqa: E731
_BOOLS = lambda: (seeded(2, 3, dtype=torch.bool), torch.tensor([True, False, True]))  # noqa: E731
_EDGES = torch.tensor([[1.0, -1.0, 7.5, -7.5], [0.3, -0.3, 1e4, 2.0]])
_DIVISORS = torch.tensor([0.1, -0.1, 2.5, 3.0])


def _row(
    name: str, target: str, run: Callable[..., Any], args: Callable[[], tuple[Any, ...]] = _ALONE, since: int = 7
) -> Case:
    return Case(name, target, run, args, dynamic={0: (0,)}, since=since)


_NAN = float("nan")
CASES: list[Case] = [
    _row("broadcast", "aten::add", lambda x, y: x + y, _X),
    _row("alpha", "aten::add", lambda x, y: torch.add(x, y, alpha=2.5), _X),
    _row("alpha-int", "aten::add", lambda x, y: torch.add(x, y, alpha=-3), _INTS),
    _row("bool", "aten::add", lambda x, y: x + y, _BOOLS),
    _row("bool-and-int", "aten::add", lambda x: x + 2, lambda: (seeded(2, 3, dtype=torch.bool),)),
    _row("int-and-float-number", "aten::add", lambda x: x + 0.5, lambda: (seeded(2, 3, dtype=torch.int32),)),
    _row("half-and-number", "aten::add", lambda x: x + 0.1, lambda: (seeded(2, 3, dtype=torch.float16),)),
    _row("half-and-float", "aten::add", lambda x, y: x.half() + y, _X),
    _row("double-0d", "aten::add", lambda x, y: x + y.sum().double(), _X),
    _row("plain", "aten::sub", lambda x, y: x - y, _X),
    _row("alpha", "aten::sub", lambda x, y: torch.sub(x, y, alpha=0.5), _X),
    _row("number-first", "aten::rsub", lambda x: 1 - x),
    _row("alpha", "aten::rsub", lambda x: torch.rsub(x, 4, alpha=3)),
    _row("plain", "aten::mul", lambda x, y: x * y, _X),
    _row("bool", "aten::mul", lambda x, y: x * y, _BOOLS),
    _row("int-and-float", "aten::mul", lambda x, y: x * y.to(torch.float32), _INTS),
    _row("plain", "aten::div", lambda x, y: x / y, _X),
    _row("ints", "aten::div", lambda x, y: x / y, _INTS),
    _row("number-first", "aten::div", lambda x, y: 2 / y + x, _X),
    _row("trunc", "aten::div", lambda x: torch.div(x, 1.5, rounding_mode="trunc")),
    _row("trunc-ints", "aten::div", lambda x, y: torch.div(x, y, rounding_mode="trunc"), _INTS),
    _row("floor", "aten::div", lambda x: torch.div(x, 0.75, rounding_mode="floor")),
    _row("floor-ints", "aten::div", lambda x, y: torch.div(x, y, rounding_mode="floor"), _INTS),
    _row("none", "aten::div", lambda x: torch.div(x, 3, rounding_mode=None)),
    _row("ints", "aten::true_divide", lambda x, y: torch.true_divide(x, y), _INTS),
    _row("whole", "aten::floor_divide", lambda x: x // 2),
    _row("ints", "aten::floor_divide", lambda x, y: x // y, _INTS),
    _row("ints-number", "aten::floor_divide", lambda x, y: x // 4 + y, _INTS),
    _row("uint8", "aten::floor_divide", lambda x: x // 4, lambda: (seeded(2, 3, dtype=torch.uint8, low=0, high=99),)),
    Case("edges", "aten::floor_divide", lambda x, y: x // y, lambda: (_EDGES, _DIVISORS)),
    Case("by-zero", "aten::floor_divide", lambda x, y: x // y, lambda: (_EDGES, torch.zeros(4))),
    _row("number", "aten::remainder", lambda x: x % 1.5),
    _row("negative-number", "aten::remainder", lambda x: x % -1.5),
    _row("ints", "aten::remainder", lambda x, y: x % y, _INTS),
    Case("edges", "aten::remainder", lambda x, y: x % y, lambda: (_EDGES, _DIVISORS)),
    _row("number-first", "aten::remainder", lambda x: torch.remainder(5, x)),
    Case(
        "double",
        "aten::floor_divide",
        lambda x, y: x.double() // y.double(),
        lambda: (_EDGES, torch.tensor([0.1, -0.75, 2.5, 3.0])),
    ),
    Case("edges", "aten::fmod", torch.fmod, lambda: (_EDGES, _DIVISORS)),
    _row("number", "aten::fmod", lambda x: torch.fmod(x, 1.5)),
    _row("ints", "aten::fmod", lambda x, y: torch.fmod(x, y), _INTS),
    _row("tensor", "aten::pow", lambda x, y: x.abs() ** y, _X),
    _row("two", "aten::pow", lambda x: x**2),
    _row("half", "aten::pow", lambda x: x.abs() ** 0.5),
    _row("minus-half", "aten::pow", lambda x: x.abs() ** -0.5),
    _row("minus-one", "aten::pow", lambda x: x**-1),
    _row("zero", "aten::pow", lambda x: x**0),
    _row("three", "aten::pow", lambda x: x**3),
    _row("ints", "aten::pow", lambda x, y: x**2 + x**3, _INTS),
    Case(
        "ints-large",
        "aten::pow",
        lambda x, y: (x**39, x**y, y**x, (x - 3) ** (-x)),
        lambda: (torch.tensor([3, 2, 1, 5]), torch.tensor([2, 7, 0, -1])),
    ),
    _row("int-base-half", "aten::pow", lambda x, y: x.abs() ** 0.5, _INTS),
    _row("number-base", "aten::pow", lambda x: 2**x),
    _row(
        "int32-tensor",
        "aten::pow",
        lambda x: x ** torch.tensor([1, 2, 3], dtype=torch.int32),
        lambda: (seeded(2, 3, dtype=torch.int32, low=-4, high=4),),
    ),
    _row("number", "aten::float_power", lambda x, y: torch.float_power(x, 2), _INTS),
    _row("tensor", "aten::float_power", lambda x, y: torch.float_power(x.abs(), y), _X),
    _row("plain", "aten::ldexp", lambda x, y: torch.ldexp(x, torch.tensor([1, -2, 3])) + y, _X),
    _row("floats", "aten::maximum", torch.maximum, _X),
    _row("ints", "aten::maximum", torch.maximum, _INTS),
    _row("bools", "aten::maximum", torch.maximum, _BOOLS),
    _row("floats", "aten::minimum", torch.minimum, _X),
    _row("ints", "aten::minimum", torch.minimum, _INTS),
    _row("mixed", "aten::max.other", lambda x, y: torch.max(x, y.int()), _X),
    Case(
        "nan", "aten::fmax", torch.fmax, lambda: (torch.tensor([1, _NAN, _NAN]), torch.tensor([_NAN, 2, _NAN])), since=9
    ),
    Case(
        "nan", "aten::fmin", torch.fmin, lambda: (torch.tensor([1, _NAN, _NAN]), torch.tensor([_NAN, 2, _NAN])), since=9
    ),
    _row("ints", "aten::fmin", torch.fmin, _INTS),
    _row(
        "ints",
        "aten::gcd",
        torch.gcd,
        lambda: (seeded(4, 3, dtype=torch.int64, low=-90, high=90), torch.tensor([12, 0, -18])),
        11,
    ),
    _row(
        "ints",
        "aten::lcm",
        torch.lcm,
        lambda: (seeded(4, 3, dtype=torch.int32, low=-90, high=90), torch.tensor([12, 0, -18])),
        11,
    ),
]
