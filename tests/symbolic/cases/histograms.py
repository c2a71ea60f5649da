"""Cases: histograms by bins and by edges, of one dimension and several."""

from __future__ import annotations

import torch

from tests.symbolic.cases import Case, seeded

_EDGES = torch.tensor([-1.0, 0.0, 0.5, 2.0])
_ON_EDGES = torch.tensor([-1.0, 0.0, 0.0, 0.4, 0.5, 2.0, 2.1, -1.1, float("nan")])

CASES = [
    Case(
        "own-range",
        "aten::histogram.bin_ct",
        lambda x: torch.histogram(x, 4),
        lambda: (seeded(5, 3),),
        {0: (0,)},
        since=9,
    ),
    Case(
        "point",
        "aten::histogram.bin_ct",
        lambda x: torch.histogram(x * 0 + 2, 3),
        lambda: (seeded(5),),
        {0: (0,)},
        since=9,
    ),
    Case(
        "density",
        "aten::histogram.bin_ct",
        lambda x, w: torch.histogram(x, 4, range=(-1.0, 1.0), weight=w, density=True),
        lambda: (seeded(5, 3), seeded(5, 3, low=0.0)),
        since=9,
    ),
    Case("nothing", "aten::histogram.bin_ct", lambda x: torch.histogram(x[:0], 4), lambda: (seeded(5),), since=9),
    Case(
        "nothing-left",
        "aten::histogram.bin_ct",
        lambda x: torch.histogram(x[x > 7], 4),
        lambda: (seeded(5),),
        {0: (0,)},
        since=9,
    ),
    Case(
        "edges",
        "aten::histogram.bins_tensor",
        lambda x: torch.histogram(x, _EDGES),
        lambda: (_ON_EDGES,),
        {0: (0,)},
        since=9,
    ),
    Case("edges-given", "aten::histogram.bins_tensor", torch.histogram, lambda: (_ON_EDGES, _EDGES), since=9),
    Case(
        "points",
        "aten::histogramdd",
        lambda x: torch.histogramdd(x, [2, 3, 4], density=True),
        lambda: (seeded(15, 3),),
        {0: (0,)},
        since=9,
    ),
    Case(
        "range",
        "aten::histogramdd",
        lambda x: torch.histogramdd(x, [2, 3], range=[-1.0, 1.0, 0.0, 2.0]),
        lambda: (seeded(4, 5, 2),),
        {0: (0,)},
        since=9,
    ),
    Case(
        "weights",
        "aten::histogramdd.int_bins",
        lambda x, w: torch.histogramdd(x, 3, weight=w),
        lambda: (seeded(15, 2), seeded(15, low=0.0)),
        since=9,
    ),
    Case(
        "edges",
        "aten::histogramdd.TensorList_bins",
        lambda x, a, b: torch.histogramdd(x, [a, b]),
        lambda: (seeded(15, 2), torch.tensor([0.0, 1.0, 2.0]), torch.tensor([-1.0, 0.0, 0.5, 1.0])),
        {0: (0,)},
        since=9,
    ),
]
