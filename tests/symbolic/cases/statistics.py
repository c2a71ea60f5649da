"""Cases of ``symbolic/aten/statistics.py``."""

from __future__ import annotations

import itertools

import torch

from tests.symbolic.cases import Case, seeded

_X = lambda: (seeded(3, 4, 5),)  # noqa: E731
_ALL = {0: (0, 1, 2)}
_NAN = float("nan")
_NANS = lambda: (torch.tensor([[1.0, _NAN, 3.0, 7.0], [_NAN, _NAN, -1.0, 2.0], [_NAN, _NAN, _NAN, _NAN]]),)  # noqa: E731
_INTS = lambda: (torch.tensor([[3, 1, 2, 1, 3, 3], [5, 4, 5, 4, 0, 9]]),)  # noqa: E731
_Q = torch.tensor([0.1, 0.5, 0.83])

CASES: list[Case] = [
    *[
        case
        for name in ("var", "std", "var_mean", "std_mean")
        for f in (getattr(torch, name),)
        for case in (
            Case("all", f"aten::{name}.correction", lambda x, f=f: f(x), _X, _ALL),
            Case("biased", f"aten::{name}", lambda x, f=f: f(x, False), _X, _ALL),
            Case("dim", f"aten::{name}.dim", lambda x, f=f: f(x, 1, True, True), _X, _ALL),
            Case("dims", f"aten::{name}.dim", lambda x, f=f: f(x, (0, -1), False), _X, _ALL),
            Case(
                "correction", f"aten::{name}.correction", lambda x, f=f: f(x, 2, correction=2, keepdim=True), _X, _ALL
            ),
            Case("fraction", f"aten::{name}.correction", lambda x, f=f: f(x, (0, 1), correction=0.5), _X, _ALL),
            Case("one", f"aten::{name}.correction", lambda x, f=f: f(x[:1], 0), _X, {0: (1,)}),
        )
    ],
    Case("half", "aten::var.correction", lambda x: x.var(1), lambda: (seeded(3, 9, dtype=torch.float16),)),
    Case("all", "aten::median", lambda x: x.median(), _X, _ALL, since=10),
    Case("dim", "aten::median.dim", lambda x: x.median(1), _X, {0: (0, 2)}),
    Case("dim-kept", "aten::median.dim", lambda x: x.median(-1, keepdim=True).values, _X, _ALL, since=10),
    Case("scalar", "aten::median.dim", lambda x: x.median(0), lambda: (torch.tensor(2.5),)),
    Case("integers", "aten::median", lambda x: x.median(), _INTS),
    Case("all", "aten::nanmedian", lambda x: x.nanmedian(), _NANS, {0: (0, 1)}, since=10),
    Case("dim", "aten::nanmedian.dim", lambda x: x[:2].nanmedian(1), _NANS, since=9),
    Case(
        "dim-kept", "aten::nanmedian.dim", lambda x: x.nanmedian(1, keepdim=True).values, _NANS, {0: (0, 1)}, since=10
    ),
    Case("dim", "aten::kthvalue", lambda x: x.kthvalue(2, 1), _X, {0: (0, 2)}),
    Case("kept", "aten::kthvalue", lambda x: x.kthvalue(3, keepdim=True).values, _X, _ALL),
    Case("last", "aten::kthvalue", lambda x: x.kthvalue(x.shape[1], 1).values, _X, _ALL, since=10),
    Case("scalar", "aten::kthvalue", lambda x: x.kthvalue(1), lambda: (torch.tensor(2.5),)),
    *[
        Case(
            f"{kind}-{dim}-{keep}",
            f"aten::{name}",
            lambda x, f=getattr(torch, name), k=kind, d=dim, kd=keep: f(x, _Q, d, kd, interpolation=k),
            lambda: (seeded(4, 6),),
            {0: (0, 1)},
            since=10,
        )
        for name in ("quantile", "nanquantile")
        for kind, (dim, keep) in itertools.product(
            ("linear", "lower", "higher", "nearest", "midpoint"), ((None, False), (0, True), (1, False))
        )
    ],
    Case("number", "aten::quantile.scalar", lambda x: x.quantile(0.3, 1), _X, _ALL, since=10),
    Case("number-kept", "aten::quantile.scalar", lambda x: x.quantile(0.3, keepdim=True), _X, _ALL, since=10),
    Case("nans", "aten::quantile.scalar", lambda x: x.quantile(0.4, 1), _NANS, {0: (0, 1)}, since=10),
    Case("nans", "aten::nanquantile.scalar", lambda x: x.nanquantile(0.4, 1), _NANS, {0: (0, 1)}, since=10),
    Case(
        "q-is-an-input",
        "aten::quantile",
        lambda x, q: x.quantile(q, 0),
        lambda: (seeded(4, 6), torch.tensor([0.2, 0.9])),
        {0: (0, 1), 1: (0,)},
        since=10,
    ),
    Case("dim", "aten::mode", lambda x: x.mode(1), _INTS, {0: (0, 1)}, since=9),
    Case("kept", "aten::mode", lambda x: x.mode(0, keepdim=True), _INTS, {0: (1,)}, since=9),
    Case("floats", "aten::mode", lambda x: x.float().mode(), _INTS, {0: (0, 1)}, since=9),
    Case("scalar", "aten::mode", lambda x: x.mode(), lambda: (torch.tensor(2.5),), since=9),
]
