"""Cases of ``symbolic/aten/cumulative.py``."""

from __future__ import annotations

import torch

from tests.symbolic.cases import Case, seeded

_X = lambda: (seeded(2, 3, 4),)  # noqa: E731
_ALL = {0: (0, 1, 2)}
_INTS = lambda: (seeded(2, 3, 4, dtype=torch.int64, low=-3, high=4),)  # noqa: E731
_BOOLS = lambda: (seeded(2, 3, 4, dtype=torch.bool),)  # noqa: E731
_SCALAR = lambda: (torch.tensor(2.5),)  # noqa: E731
_TIES = lambda: (torch.tensor([[1.0, 3.0, 3.0, 2.0, 3.0], [4.0, 4.0, 0.0, -1.0, 5.0]]),)  # noqa: E731

CASES: list[Case] = [
    *[Case(f"static-{d}", "aten::cumsum", lambda x, d=d: x.cumsum(d), _X) for d in (0, 1, -1)],
    *[Case(f"dim-{d}", "aten::cumsum", lambda x, d=d: x.cumsum(d), _X, _ALL, since=11) for d in (0, 1, -1)],
    Case("integers", "aten::cumsum", lambda x: x.int().cumsum(1), _INTS),
    Case("bools", "aten::cumsum", lambda x: x.cumsum(1), _BOOLS, {0: (0,)}),
    Case("dtype", "aten::cumsum", lambda x: x.cumsum(1, dtype=torch.float32), _INTS),
    Case("scalar", "aten::cumsum", lambda x: x.cumsum(0), _SCALAR),
    *[Case(f"dim-{d}", "aten::cumprod", lambda x, d=d: x.cumprod(d), _X, _ALL, since=9) for d in (0, 1, -1)],
    Case("integers", "aten::cumprod", lambda x: x.cumprod(1), _INTS, since=9),
    Case("scalar", "aten::cumprod", lambda x: x.cumprod(0), _SCALAR, since=9),
    *[
        Case(f"dim-{d}", f"aten::{name}", lambda x, f=getattr(torch, name), d=d: f(x, d), _X, _ALL, since=9)
        for name in ("cummax", "cummin", "logcumsumexp")
        for d in (0, 1, -1)
    ],
    *[
        case
        for name in ("cummax", "cummin")
        for case in (
            Case("ties", f"aten::{name}", lambda x, f=getattr(torch, name): f(x, 1), _TIES, {0: (0,)}, since=9),
            Case("integers", f"aten::{name}", lambda x, f=getattr(torch, name): f(x, 1), _INTS, _ALL, since=9),
            Case("bools", f"aten::{name}", lambda x, f=getattr(torch, name): f(x, 1), _BOOLS, since=9),
            Case("scalar", f"aten::{name}", lambda x, f=getattr(torch, name): f(x, 0), _SCALAR, since=9),
        )
    ],
    Case("scalar", "aten::logcumsumexp", lambda x: x.logcumsumexp(0), _SCALAR, since=9),
    *[
        Case(f"{n}-{d}", "aten::diff", lambda x, n=n, d=d: torch.diff(x, n, d), _X, _ALL)
        for n, d in ((1, -1), (2, 0), (5, 1), (0, 1))
    ],
    Case("bools", "aten::diff", lambda x: torch.diff(x), _BOOLS, {0: (2,)}),
    Case("both-ends", "aten::diff", lambda x: torch.diff(x, prepend=x[..., :1], append=x), _INTS, {0: (2,)}),
]
