"""Clamps, Where, masks, interpolation, signs."""

from __future__ import annotations

import torch

from tests.symbolic.cases import Case, seeded

_INF, _NAN = float("inf"), float("nan")
_ODD = torch.tensor([0.0, -1.5, _INF, -_INF, _NAN, 2.0])
_X = lambda: (seeded(3, 4),)  # noqa: E731
_I = lambda: (seeded(3, 4, dtype=torch.int64, low=-9, high=9),)  # noqa: E731
_QUADRANTS = (torch.tensor([1.0, 1, -1, -1, 0, 0, 2, -2, 0]), torch.tensor([1.0, -1, 1, -1, 2, -2, 0, -0.0, 0]))


def _row(name, target, run, args=_X, since=7, **more):  # type: ignore[no-untyped-def]
    return Case(name, target, run, args, dynamic={0: (0,)}, since=since, **more)


def _mask() -> tuple[torch.Tensor, torch.Tensor]:
    return seeded(3, 4), seeded(4, dtype=torch.bool)


CASES: list[Case] = [
    _row("both", "aten::clamp", lambda x: x.clamp(-0.5, 1)),
    _row("low", "aten::clamp", lambda x: x.clamp(min=0.25)),
    _row("high", "aten::clamp", lambda x: x.clamp(max=1)),
    _row("crossed", "aten::clamp", lambda x: x.clamp(1, -1)),
    _row("ints", "aten::clamp", lambda x: x.clamp(-2, 5), _I),
    _row("ints-float", "aten::clamp", lambda x: x.clamp(-2.5, 5), _I),
    _row("tensors", "aten::clamp", lambda x: x.clamp(torch.full((4,), -0.5), torch.tensor(1.0))),
    _row("tensors-mixed", "aten::clamp", lambda x: x.clamp(torch.tensor(-0.5), x.mean(0))),
    _row("tensor-low", "aten::clamp", lambda x: x.clamp(min=torch.tensor([0.0, 1.0, -1.0, 0.5]))),
    _row("0d", "aten::clamp", lambda x: x.clamp(x.mean(), x.max())),
    _row("half", "aten::clamp", lambda x: x.half().clamp(-0.5, 0.5)),
    _row("number", "aten::clamp_min", lambda x: torch.clamp_min(x, 0.1)),
    _row("tensor", "aten::clamp_min", lambda x: torch.clamp_min(x, x.mean())),
    _row("number", "aten::clamp_max", lambda x: torch.clamp_max(x, 0.1)),
    _row("default", "aten::nan_to_num", torch.nan_to_num, lambda: (_ODD,), 9),
    _row("given", "aten::nan_to_num", lambda x: x.nan_to_num(1.0, 2.0, -3.0), lambda: (_ODD,), 9),
    _row("posinf", "aten::nan_to_num", lambda x: x.nan_to_num(posinf=7.0), lambda: (_ODD,), 9),
    _row("half", "aten::nan_to_num", lambda x: x.half().nan_to_num(), lambda: (_ODD,), 9),
    _row("ints", "aten::nan_to_num", torch.nan_to_num, _I),
    _row("tensors", "aten::where.self", lambda x: torch.where(x > 0, x, -x), since=9),
    _row("number", "aten::where.self", lambda x: torch.where(x > 0, x, 2), since=9),
    _row("numbers", "aten::where.self", lambda x: torch.where(x > 0, 1.5, 2), since=9),
    _row("ints", "aten::where.self", lambda x: torch.where(x > 0, x, -1), _I),
    _row("bools", "aten::where.self", lambda x: torch.where(x > 0, x < 1, x > -1)),
    _row("broadcast", "aten::where.self", lambda x, m: torch.where(m, x, x[:, :1]), _mask, since=9),
    _row(
        "types", "aten::where.self", lambda x, m: torch.where(m, x, torch.tensor(2, dtype=torch.int64)), _mask, since=9
    ),
    Case("indices", "aten::where", lambda x: torch.where(x > 0), _X, dynamic={0: (0,)}, since=9),
    _row("number", "aten::masked_fill", lambda x, m: x.masked_fill(m, -_INF), _mask, since=9),
    _row("min", "aten::masked_fill", lambda x, m: x.masked_fill(~m, torch.finfo(x.dtype).min), _mask, since=9),
    _row("tensor", "aten::masked_fill", lambda x, m: x.masked_fill(m, torch.tensor(3)), _mask, since=9),
    _row("ints", "aten::masked_fill", lambda x: x.masked_fill(x < 0, 7), _I),
    _row("in-place", "aten::masked_fill", lambda x, m: x.clone().masked_fill_(m, 2.0), _mask, since=9),
    _row("floats", "aten::heaviside", lambda x: torch.heaviside(x.round(), torch.tensor(0.5)), since=9),
    _row("ints", "aten::heaviside", lambda x: torch.heaviside(x, torch.tensor(3)), _I),
    _row("number", "aten::lerp", lambda x: torch.lerp(x, x * 3, 0.25)),
    _row("large-number", "aten::lerp", lambda x: torch.lerp(x, x * 3, 0.75)),
    _row("tensor", "aten::lerp", lambda x: torch.lerp(x, x * 3, x[0])),
    _row("plain", "aten::addcmul", lambda x: torch.addcmul(x, x, x[0])),
    _row("value", "aten::addcmul", lambda x: torch.addcmul(x, x, x[0], value=-0.5)),
    _row("ints", "aten::addcmul", lambda x: torch.addcmul(x, x, x, value=2), _I),
    _row("plain", "aten::addcdiv", lambda x: torch.addcdiv(x, x, x[0].abs() + 1)),
    _row("value", "aten::addcdiv", lambda x: torch.addcdiv(x, x, x.abs() + 1, value=3)),
    Case(
        "tensor",
        "aten::copysign",
        torch.copysign,
        lambda: (torch.tensor([1.0, -2.0, 3.0, 0.0]), torch.tensor([-1.0, -0.0, 0.0, -3.0])),
        since=9,
    ),
    _row("number", "aten::copysign", lambda x: torch.copysign(x, -1), since=9),
    _row("ints", "aten::copysign", lambda x: torch.copysign(x, x[0] - 1), _I, since=9),
    Case("large", "aten::hypot", torch.hypot, lambda: (torch.tensor([3.0, 1e30, 0.0]), torch.tensor([4.0, 1e30, 0.0]))),
    Case("quadrants", "aten::atan2", torch.atan2, lambda: (_QUADRANTS[0][:-1], _QUADRANTS[1][:-1]), since=9),
    Case("origin", "aten::atan2", torch.atan2, lambda: (torch.zeros(2), torch.tensor([0.0, 3.0])), since=9),
    _row("ints", "aten::atan2", lambda x: torch.atan2(x, x + 1), _I, since=9),
    Case(
        "edges",
        "aten::logaddexp",
        torch.logaddexp,
        lambda: (torch.tensor([1.0, -_INF, _INF, 90.0, -90.0]), torch.tensor([2.0, -_INF, _INF, 1.0, -91.0])),
        since=9,
    ),
    Case(
        "edges",
        "aten::logaddexp2",
        torch.logaddexp2,
        lambda: (torch.tensor([1.0, -_INF, _INF, 90.0]), torch.tensor([2.0, -_INF, _INF, 1.0])),
        since=9,
    ),
]
