"""Cases of ``symbolic/aten/pooling.py`` and ``adaptive_pooling.py``."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F

from tests.symbolic.cases import Case, seeded

_MAX = (F.max_pool1d, F.max_pool2d, F.max_pool3d)
_AVERAGE = (F.avg_pool1d, F.avg_pool2d, F.avg_pool3d)
_ADAPTIVE_MAX = (F.adaptive_max_pool1d, F.adaptive_max_pool2d, F.adaptive_max_pool3d)
_ADAPTIVE_AVERAGE = (F.adaptive_avg_pool1d, F.adaptive_avg_pool2d, F.adaptive_avg_pool3d)


def _pool(
    name: str, functions: Any, kind: str, spatial: int, *args: Any, since: int = 7, dynamic: bool = True, **options: Any
) -> Case:
    suffix = "_with_indices" if options.get("return_indices") and kind == "max_pool" else ""
    return Case(
        f"{name}-{spatial}d" + ("" if dynamic else "-static"),
        f"aten::{kind}{spatial}d{suffix}",
        lambda x: functions[spatial - 1](x, *args, **options),
        lambda: (seeded(2, 3, *[9, 8, 7][:spatial]),),
        dynamic={0: (0, *range(2, 2 + spatial))} if dynamic else {},
        since=since,
    )


def _unpool(x: torch.Tensor, spatial: int) -> torch.Tensor:
    """``F.max_unpool2d`` compares traced sizes in a way that tracing does not survive."""
    values, indices = _MAX[spatial - 1](x, 2, return_indices=True)
    size = [8, 6, 4][:spatial]
    if spatial == 2:
        return torch._C._nn.max_unpool2d(values, indices, size)
    return torch._C._nn.max_unpool3d(values, indices, size, [2] * 3, [0] * 3)


_EVERY = (1, 2, 3)

CASES: list[Case] = [
    *[_pool("max", _MAX, "max_pool", n, 3) for n in _EVERY],
    *[_pool("max-stride-padding", _MAX, "max_pool", n, 3, 2, 1) for n in _EVERY],
    *[_pool("max-indices", _MAX, "max_pool", n, 3, 2, 1, return_indices=True, since=8) for n in _EVERY],
    *[_pool("max-dilation", _MAX, "max_pool", n, 2, 2, 1, 2, return_indices=True, since=10) for n in _EVERY],
    *[_pool("max-ceil", _MAX, "max_pool", n, 3, 4, 1, ceil_mode=True, since=10) for n in _EVERY],
    *[_pool("max-ceil", _MAX, "max_pool", n, 3, 4, 1, ceil_mode=True, dynamic=False) for n in _EVERY],
    *[_pool("average", _AVERAGE, "avg_pool", n, 3) for n in _EVERY],
    *[_pool("average-padding", _AVERAGE, "avg_pool", n, 3, 2, 1) for n in _EVERY],
    *[_pool("average-valid-only", _AVERAGE, "avg_pool", n, 3, 2, 1, count_include_pad=False) for n in _EVERY],
    *[_pool("average-ceil", _AVERAGE, "avg_pool", n, 3, 4, 1, ceil_mode=True, since=10) for n in _EVERY],
    *[_pool("average-ceil", _AVERAGE, "avg_pool", n, 3, 4, 1, ceil_mode=True, dynamic=False) for n in _EVERY],
    *[
        _pool(
            "average-ceil-valid-only",
            _AVERAGE,
            "avg_pool",
            n,
            3,
            4,
            1,
            ceil_mode=True,
            count_include_pad=False,
            dynamic=False,
        )
        for n in _EVERY
    ],
    *[_pool("average-divisor", _AVERAGE, "avg_pool", n, 3, 2, 1, divisor_override=5) for n in (2, 3)],
    *[
        _pool("average-divisor-ceil", _AVERAGE, "avg_pool", n, 3, 4, 1, ceil_mode=True, divisor_override=5, since=9)
        for n in (2, 3)
    ],
    *[_pool("adaptive-average-one", _ADAPTIVE_AVERAGE, "adaptive_avg_pool", n, 1) for n in _EVERY],
    *[_pool("adaptive-average", _ADAPTIVE_AVERAGE, "adaptive_avg_pool", n, 4, since=9) for n in _EVERY],
    *[_pool("adaptive-average", _ADAPTIVE_AVERAGE, "adaptive_avg_pool", n, 4, dynamic=False) for n in _EVERY],
    *[_pool("adaptive-max-one", _ADAPTIVE_MAX, "adaptive_max_pool", n, 1, return_indices=True) for n in _EVERY],
    *[_pool("adaptive-max", _ADAPTIVE_MAX, "adaptive_max_pool", n, 4, return_indices=True, since=9) for n in _EVERY],
    *[
        _pool("adaptive-max", _ADAPTIVE_MAX, "adaptive_max_pool", n, 4, return_indices=True, dynamic=False)
        for n in _EVERY
    ],
    Case(
        "even-windows",
        "aten::adaptive_avg_pool2d",
        lambda x: F.adaptive_avg_pool2d(x, (4, None)),
        lambda: (seeded(2, 3, 8, 6),),
        dynamic={0: (0, 3)},
    ),
    Case(
        "grows",
        "aten::adaptive_avg_pool2d",
        lambda x: F.adaptive_avg_pool2d(x, (11, 1)),
        lambda: (seeded(2, 3, 8, 6),),
        dynamic={0: (0, 2, 3)},
        since=9,
    ),
    Case(
        "to-the-size-of-another",
        "aten::adaptive_avg_pool2d",
        lambda x, y: F.adaptive_avg_pool2d(x, y.shape[2:]),
        lambda: (seeded(2, 3, 8, 6), seeded(1, 1, 3, 4)),
        dynamic={0: (0, 2, 3), 1: (2, 3)},
        since=9,
    ),
    Case(
        "to-the-size-of-another",
        "aten::adaptive_max_pool2d",
        lambda x, y: F.adaptive_max_pool2d(x, y.shape[2:]),
        lambda: (seeded(2, 3, 8, 6), seeded(1, 1, 3, 4)),
        dynamic={0: (2,), 1: (2,)},
        since=9,
    ),
    Case("unbatched", "aten::max_pool2d", lambda x: F.max_pool2d(x, 2), lambda: (seeded(3, 8, 6),), {0: (0, 1)}),
    Case(
        "unbatched",
        "aten::max_pool1d_with_indices",
        lambda x: F.max_pool1d(x, 2, return_indices=True),
        lambda: (seeded(3, 8),),
        {0: (0, 1)},
        since=8,
    ),
    Case("unbatched", "aten::avg_pool3d", lambda x: F.avg_pool3d(x, 2), lambda: (seeded(3, 8, 6, 4),), {0: (0, 1)}),
    Case(
        "unbatched",
        "aten::adaptive_avg_pool2d",
        lambda x: F.adaptive_avg_pool2d(x, 1),
        lambda: (seeded(3, 8, 6),),
        {0: (0, 1)},
    ),
    Case(
        "bytes",
        "aten::max_pool2d",
        lambda x: F.max_pool2d(x, 2),
        lambda: (seeded(1, 3, 8, 6, dtype=torch.uint8, low=0, high=200),),
        since=7,
    ),
    Case(
        "integers",
        "aten::avg_pool2d",
        lambda x: F.avg_pool2d(x, 3),
        lambda: (seeded(1, 3, 9, 6, dtype=torch.int64, low=-90, high=90),),
    ),
    Case("lp", "aten::avg_pool2d", lambda x: F.lp_pool2d(x, 2.0, 3, 2), lambda: (seeded(2, 3, 8, 6),), {0: (0, 2)}),
    *[
        Case(
            f"unpool-{n}d",
            "aten::max_unpool3d" if n == 3 else "aten::max_unpool2d",
            lambda x, n=n: _unpool(x, n),
            lambda n=n: (seeded(2, 3, *[8, 6, 4][:n]),),
            {0: (0, 1)},
            since=9,
        )
        for n in (2, 3)
    ],
    Case(
        "overlapping",
        "aten::max_pool2d_with_indices_backward",
        lambda x, y: torch.ops.aten.max_pool2d_with_indices_backward(
            y, x, [3, 3], [1, 1], [0, 0], [1, 1], False, F.max_pool2d(x, 3, 1, return_indices=True)[1]
        ),
        lambda: (seeded(2, 3, 6, 5), seeded(2, 3, 4, 3)),
        since=16,
    ),
    Case(
        "fractional",
        "aten::fractional_max_pool2d",
        lambda x, u: F.fractional_max_pool2d(x, 2, (4, 3), return_indices=True, _random_samples=u),
        lambda: (seeded(2, 3, 9, 8), seeded(2, 3, 2, low=0, high=1)),
        {0: (2, 3)},
        since=11,
    ),
    Case(
        "fractional",
        "aten::fractional_max_pool3d",
        lambda x, u: F.fractional_max_pool3d(x, 2, (4, 3, 2), return_indices=True, _random_samples=u),
        lambda: (seeded(2, 3, 9, 8, 7), seeded(2, 3, 3, low=0, high=1)),
        {0: (2, 3, 4)},
        since=11,
    ),
]
