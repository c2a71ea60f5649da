"""Cases of ``symbolic/aten/reduce.py``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from tests.symbolic.cases import Case, seeded

_X = lambda: (seeded(2, 3, 4),)  # noqa: E731
_INTS = lambda: (seeded(2, 3, 4, dtype=torch.int64, low=-5, high=5),)  # noqa: E731
_BYTES = lambda: (seeded(2, 3, 4, dtype=torch.uint8, low=0, high=5),)  # noqa: E731
_BOOLS = lambda: (seeded(2, 3, 4, dtype=torch.bool),)  # noqa: E731
_HALVES = lambda: (seeded(2, 3, 4, dtype=torch.float16),)  # noqa: E731
_SCALAR = lambda: (torch.tensor(2.5),)  # noqa: E731
_NANS = lambda: (torch.tensor([[1.0, float("nan"), 3.0], [float("nan"), float("nan"), -1.0]]),)  # noqa: E731


def _row(
    name: str,
    target: str,
    run: Callable[..., Any],
    args: Callable[[], tuple[Any, ...]] = _X,
    axes: tuple[int, ...] = (0, 1, 2),
    **more: Any,
) -> Case:
    return Case(name, target, run, args, {0: axes} if args()[0].dim() > max(axes, default=-1) else {}, **more)


CASES: list[Case] = [
    _row("all", "aten::sum", lambda x: x.sum()),
    _row("dim", "aten::sum.dim_IntList", lambda x: x.sum(1)),
    _row("dims-kept", "aten::sum.dim_IntList", lambda x: x.sum((0, -1), keepdim=True)),
    _row("no-dims", "aten::sum.dim_IntList", lambda x: x.sum(())),
    _row("integers", "aten::sum", lambda x: x.int().sum(), _INTS),
    _row("bools", "aten::sum.dim_IntList", lambda x: x.sum(1), _BOOLS),
    _row("half", "aten::sum.dim_IntList", lambda x: x.sum(1), _HALVES),
    _row("dtype", "aten::sum", lambda x: x.sum(dtype=torch.float64)),
    _row("scalar", "aten::sum.dim_IntList", lambda x: x.sum(0), _SCALAR),
    _row("all", "aten::nansum", lambda x: torch.nansum(x), _NANS, (0, 1), since=9),
    _row("dim", "aten::nansum", lambda x: torch.nansum(x, 1, keepdim=True), _NANS, (0, 1), since=9),
    _row("integers", "aten::nansum", lambda x: torch.nansum(x, 1), _INTS),
    _row("all", "aten::mean", lambda x: x.mean()),
    _row("dim", "aten::mean.dim", lambda x: x.mean((1, -1), keepdim=True)),
    _row("dtype", "aten::mean.dim", lambda x: x.mean(1, dtype=torch.float32), _INTS),
    _row("nothing", "aten::mean.dim", lambda x: x.mean(0), lambda: (torch.zeros(0, 3),), ()),
    _row("dim", "aten::nanmean", lambda x: torch.nanmean(x, 1), _NANS, (0, 1), since=9),
    _row("all", "aten::nanmean", lambda x: torch.nanmean(x), _NANS, (0, 1), since=9),
    _row("all", "aten::prod", lambda x: x.prod()),
    _row("integers", "aten::prod", lambda x: x.prod(), _INTS),
    _row("dim", "aten::prod.dim_int", lambda x: x.prod(1, keepdim=True)),
    _row("dtype", "aten::prod.dim_int", lambda x: x.prod(-1, dtype=torch.float64), _INTS),
    *[
        row
        for name, function in (("amax", torch.amax), ("amin", torch.amin))
        for row in (
            _row("all", f"aten::{name}", lambda x, f=function: f(x)),
            _row("dims", f"aten::{name}", lambda x, f=function: f(x, (0, 2), keepdim=True)),
            _row("integers", f"aten::{name}", lambda x, f=function: f(x, 1), _INTS),
            _row("bytes", f"aten::{name}", lambda x, f=function: f(x, 1), _BYTES),
            _row("bools", f"aten::{name}", lambda x, f=function: f(x, 1), _BOOLS),
            _row("scalar", f"aten::{name}", lambda x, f=function: f(x, 0), _SCALAR),
        )
    ],
    *[
        row
        for name, function in (("argmax", torch.argmax), ("argmin", torch.argmin))
        for row in (
            _row("all", f"aten::{name}", lambda x, f=function: f(x)),
            _row("all-kept", f"aten::{name}", lambda x, f=function: f(x, keepdim=True)),
            _row("dim", f"aten::{name}", lambda x, f=function: f(x, 1)),
            _row("dim-kept", f"aten::{name}", lambda x, f=function: f(x, -1, keepdim=True)),
            _row("half", f"aten::{name}", lambda x, f=function: f(x, 1), _HALVES),
            _row("scalar", f"aten::{name}", lambda x, f=function: f(x, 0), _SCALAR),
        )
    ],
    *[
        row
        for name, function in (("max", torch.max), ("min", torch.min))
        for row in (
            _row("all", f"aten::{name}", lambda x, f=function: f(x)),
            _row("bools", f"aten::{name}", lambda x, f=function: f(x), _BOOLS),
            _row("dim", f"aten::{name}.dim", lambda x, f=function: f(x, 1)),
            _row("dim-kept", f"aten::{name}.dim", lambda x, f=function: f(x, -1, keepdim=True)),
            _row("bools-dim", f"aten::{name}.dim", lambda x, f=function: f(x, 1).values, _BOOLS),
            _row("scalar", f"aten::{name}.dim", lambda x, f=function: f(x, 0), _SCALAR),
            _row("values-alone", f"aten::{name}.dim", lambda x, f=function: f(x, 1).values, _INTS),
        )
    ],
    Case("other", "aten::max.other", torch.max, lambda: (seeded(2, 3), seeded(3)), {0: (0,)}),
    Case("other", "aten::min.other", torch.min, lambda: (seeded(2, 3), seeded(3)), {0: (0,)}),
    _row("all", "aten::aminmax", lambda x: torch.aminmax(x)),
    _row("dim", "aten::aminmax", lambda x: torch.aminmax(x, dim=1, keepdim=True)),
    *[
        row
        for name, function in (("any", torch.any), ("all", torch.all))
        for row in (
            _row("all", f"aten::{name}", lambda x, f=function: f(x), _BOOLS),
            _row("dim", f"aten::{name}.dim", lambda x, f=function: f(x, 1, keepdim=True), _BOOLS),
            _row("dims", f"aten::{name}.dims", lambda x, f=function: f(x, (0, 2)), _BOOLS),
            _row("no-dims", f"aten::{name}.dims", lambda x, f=function: f(x, ()), _X),
            _row("floats", f"aten::{name}.dim", lambda x, f=function: f(x, 1)),
            _row("bytes", f"aten::{name}.dim", lambda x, f=function: f(x, 1), _BYTES),
        )
    ],
    _row("all", "aten::count_nonzero", lambda x: torch.count_nonzero(x), _INTS),
    _row("dim", "aten::count_nonzero", lambda x: torch.count_nonzero(x, 1), _INTS),
    _row("dims", "aten::count_nonzero.dim_IntList", lambda x: torch.count_nonzero(x, (0, 1)), _INTS),
    _row("dim", "aten::logsumexp", lambda x: torch.logsumexp(x * 100, 1)),
    _row("dims-kept", "aten::logsumexp", lambda x: torch.logsumexp(x, (0, 2), keepdim=True)),
    _row("integers", "aten::logsumexp", lambda x: torch.logsumexp(x, 1), _INTS),
]
