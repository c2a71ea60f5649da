"""Cases of ``symbolic/aten/grid.py``."""

from __future__ import annotations

import itertools

import torch
import torch.nn.functional as F

from tests.symbolic.cases import Case, seeded

CASES: list[Case] = [
    *[
        Case(
            f"{mode}-{padding}-{corners}",
            "aten::grid_sampler",
            lambda x, g, m=mode, p=padding, c=corners: F.grid_sample(x, g, m, p, c),
            lambda: (seeded(2, 3, 6, 5), seeded(2, 4, 3, 2) * 0.8),
            {0: (1, 2), 1: (1,)},
            since=9,
        )
        for mode, padding, corners in itertools.product(
            ("bilinear", "nearest", "bicubic"), ("zeros", "border", "reflection"), (False, True)
        )
    ],
    *[
        Case(
            f"volume-{mode}-{padding}-{corners}",
            "aten::grid_sampler",
            lambda x, g, m=mode, p=padding, c=corners: F.grid_sample(x, g, m, p, c),
            lambda: (seeded(2, 3, 6, 5, 4), seeded(2, 4, 3, 2, 3) * 0.8),
            {0: (2,), 1: (1,)},
            since=9,
        )
        for mode, padding, corners in itertools.product(
            ("bilinear", "nearest"), ("zeros", "border", "reflection"), (False, True)
        )
    ],
    Case(
        "image-alone",
        "aten::grid_sampler_2d",
        lambda x, g: torch.grid_sampler_2d(x, g, 0, 0, False),
        lambda: (seeded(2, 3, 6, 5), seeded(2, 4, 3, 2)),
        since=9,
    ),
    Case(
        "volume-alone",
        "aten::grid_sampler_3d",
        lambda x, g: torch.grid_sampler_3d(x, g, 0, 0, False),
        lambda: (seeded(2, 3, 6, 5, 4), seeded(2, 4, 3, 2, 3)),
        since=9,
    ),
    *[
        Case(
            f"static-{corners}",
            "aten::affine_grid_generator",
            lambda t, c=corners: F.affine_grid(t, (2, 3, 4, 5), c),
            lambda: (seeded(2, 2, 3),),
        )
        for corners in (False, True)
    ],
    *[
        Case(
            f"one-row-{corners}",
            "aten::affine_grid_generator",
            lambda t, c=corners: F.affine_grid(t, (2, 3, 1, 5), c),
            lambda: (seeded(2, 2, 3),),
        )
        for corners in (False, True)
    ],
    *[
        Case(
            f"dynamic-{corners}",
            "aten::affine_grid_generator",
            lambda t, x, c=corners: F.affine_grid(t, x.shape, c),
            lambda: (seeded(2, 2, 3), seeded(2, 3, 4, 5)),
            {1: (2, 3)},
            since=9,
        )
        for corners in (False, True)
    ],
    Case(
        "volume",
        "aten::affine_grid_generator",
        lambda t, x: F.affine_grid(t, x.shape, False),
        lambda: (seeded(2, 3, 4), seeded(2, 3, 4, 5, 3)),
        {1: (2, 4)},
        since=9,
    ),
    Case(
        "spatial-transformer",
        "aten::grid_sampler",
        lambda t, x: F.grid_sample(x, F.affine_grid(t, x.shape, False), align_corners=False),
        lambda: (seeded(2, 2, 3), seeded(2, 3, 4, 5)),
        {1: (2, 3)},
        since=9,
    ),
]
