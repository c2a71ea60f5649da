"""Cases of ``symbolic/aten/sort.py`` and ``unique.py``."""

from __future__ import annotations

import itertools

import torch

from tests.symbolic.cases import Case, seeded

_X = lambda: (seeded(3, 4, 5),)  # noqa: E731
_ALL = {0: (0, 1, 2)}
_INTS = lambda: (torch.tensor([[3, 1, 2, 1, 3, 3], [5, 4, 5, 4, 0, 9]]),)  # noqa: E731
_BYTES = lambda: (torch.tensor([[3, 1, 200], [5, 0, 255]], dtype=torch.uint8),)  # noqa: E731
_BOOLS = lambda: (seeded(3, 4, dtype=torch.bool),)  # noqa: E731
_SCALAR = lambda: (torch.tensor(2.5),)  # noqa: E731
_LINE = torch.tensor([-1.5, -0.5, 0.0, 0.5, 0.5, 1.5])
_HISTOGRAM = lambda: (torch.tensor([0.1, 0.5, 0.9, 2.0, -1.0, 0.5, 1.0, 0.0]),)  # noqa: E731
_RUNS = lambda: (torch.tensor([[1, 1, 2], [1, 1, 2], [3, 3, 1], [1, 1, 2]]),)  # noqa: E731

CASES: list[Case] = [
    Case("last", "aten::sort", lambda x: x.sort(), _X),
    Case("dim", "aten::sort", lambda x: x.sort(1), _X, _ALL, since=10),
    Case("descending", "aten::sort", lambda x: x.sort(0, descending=True), _X, _ALL, since=10),
    Case("stable", "aten::sort.stable", lambda x: x.sort(dim=1, stable=True), _INTS, {0: (0, 1)}, since=10),
    Case("stable-descending", "aten::sort.stable", lambda x: x.sort(dim=1, descending=True, stable=True), _INTS),
    Case("bytes", "aten::sort", lambda x: x.sort(1), _BYTES),
    Case("bools", "aten::sort.stable", lambda x: x.sort(dim=1, stable=True), _BOOLS),
    Case("half", "aten::sort", lambda x: x.sort(1).values, lambda: (seeded(3, 4, dtype=torch.float16),)),
    Case("scalar", "aten::sort", lambda x: x.sort(), _SCALAR),
    Case("dim", "aten::argsort", lambda x: x.argsort(1), _X, _ALL, since=10),
    Case("stable", "aten::argsort.stable", lambda x: torch.argsort(x, dim=1, stable=True, descending=True), _INTS),
    Case("first", "aten::msort", lambda x: torch.msort(x), _X, _ALL, since=10),
    Case("largest", "aten::topk", lambda x: x.topk(2), _X, {0: (0, 1)}),
    Case("smallest", "aten::topk", lambda x: x.topk(2, 1, largest=False), _X, {0: (0, 2)}),
    Case("unsorted", "aten::topk", lambda x: x.topk(3, 0, sorted=False), _X),
    Case("integers", "aten::topk", lambda x: x.topk(1, 1).values, _INTS),
    Case("computed-k", "aten::topk", lambda x: x.topk(x.shape[1] // 2, 1).values, _X, _ALL, since=10),
    Case("scalar", "aten::topk", lambda x: x.topk(1), _SCALAR),
    *[
        Case(
            f"{right}-{narrow}",
            "aten::searchsorted.Tensor",
            lambda v, r=right, n=narrow: torch.searchsorted(_LINE, v, right=r, out_int32=n),
            lambda: (torch.tensor([[-9.0, -0.5, 0.5], [0.25, 1.5, 9.0]]),),
            {0: (0, 1)},
        )
        for right, narrow in itertools.product((False, True), (False, True))
    ],
    Case(
        "rows",
        "aten::searchsorted.Tensor",
        lambda s, v: torch.searchsorted(s, v, side="right"),
        lambda: (seeded(2, 5).sort().values, seeded(2, 3)),
        {1: (1,)},
    ),
    Case(
        "sorter",
        "aten::searchsorted.Tensor",
        lambda s, v: torch.searchsorted(s, v, sorter=s.argsort()),
        lambda: (seeded(2, 5), seeded(2, 3)),
        {0: (1,), 1: (1,)},
        since=10,
    ),
    Case("number", "aten::searchsorted.Scalar", lambda s: torch.searchsorted(s, 0.5), lambda: (_LINE,)),
    Case("integers", "aten::bucketize.Tensor", lambda v: torch.bucketize(v, _LINE), _INTS, {0: (0, 1)}),
    Case("right", "aten::bucketize.Tensor", lambda v: torch.bucketize(v, _LINE, right=True), _X, _ALL),
    Case("number", "aten::bucketize.Scalar", lambda s: torch.bucketize(0.5, s, out_int32=True), lambda: (_LINE,)),
    Case("own-range", "aten::histc", lambda x: torch.histc(x, 4), _HISTOGRAM, {0: (0,)}, since=9),
    Case("range", "aten::histc", lambda x: torch.histc(x, 5, 0, 1), _HISTOGRAM, {0: (0,)}, since=9),
    Case("point", "aten::histc", lambda x: torch.histc(x * 0 + 2, 5), _HISTOGRAM, {0: (0,)}, since=9),
    Case("plain", "aten::bincount", lambda x: torch.bincount(x[0]), _INTS, {0: (1,)}, since=9),
    Case("longer", "aten::bincount", lambda x: torch.bincount(x[0], minlength=9), _INTS, {0: (1,)}, since=9),
    Case(
        "weights",
        "aten::bincount",
        lambda x, w: torch.bincount(x, w, 2),
        lambda: (torch.tensor([1, 3, 1]), torch.tensor([0.5, 2.0, 0.25])),
        since=9,
    ),
    Case("values", "aten::_unique2", lambda x: torch.unique(x), _INTS, {0: (0, 1)}, since=11),
    Case("everything", "aten::_unique2", lambda x: torch.unique(x, True, True, True), _INTS, {0: (0, 1)}, since=11),
    Case("floats", "aten::_unique2", lambda x: torch.unique(x, return_inverse=True), _HISTOGRAM, {0: (0,)}, since=11),
    Case("bools", "aten::_unique2", lambda x: torch.unique(x, return_counts=True), _BOOLS, {0: (0,)}, since=11),
    Case("internal", "aten::_unique", lambda x: torch._unique(x, True, True), _INTS, {0: (0,)}, since=11),
    Case("rows", "aten::unique_dim", lambda x: torch.unique(x, True, True, True, dim=0), _RUNS, {0: (0, 1)}, since=11),
    Case("bools", "aten::unique_dim", lambda x: torch.unique(x > 1, dim=1), _RUNS, {0: (0, 1)}, since=11),
    Case(
        "neighbours",
        "aten::unique_consecutive",
        lambda x: torch.unique_consecutive(x, True, True),
        _RUNS,
        {0: (0, 1)},
        since=11,
    ),
    Case(
        "rows",
        "aten::unique_consecutive",
        lambda x: torch.unique_consecutive(x, True, True, dim=0),
        _RUNS,
        {0: (0, 1)},
        since=11,
    ),
    Case("floats", "aten::unique_consecutive", lambda x: torch.unique_consecutive(x), _HISTOGRAM, {0: (0,)}, since=11),
    Case(
        "dim",
        "aten::unique_dim_consecutive",
        lambda x: torch.ops.aten.unique_dim_consecutive(x, 1, True, True),
        _RUNS,
        {0: (0, 1)},
        since=11,
    ),
]
