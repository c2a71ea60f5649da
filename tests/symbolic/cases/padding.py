"""Cases of ``symbolic/aten/padding.py``."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from tests.symbolic.cases import Case, seeded

CASES: list[Case] = [
    Case(
        "constant",
        "aten::constant_pad_nd",
        lambda x: F.pad(x, (1, 2, 0, 3), value=1.5),
        lambda: (seeded(2, 3, 4),),
        {0: (1, 2)},
    ),
    Case("crop", "aten::constant_pad_nd", lambda x: F.pad(x, (-1, 2, 1, -1)), lambda: (seeded(2, 3, 4),), {0: (0,)}),
    Case(
        "int",
        "aten::constant_pad_nd",
        lambda x: F.pad(x, (1, 1), value=7),
        lambda: (seeded(3, 4, dtype=torch.int64, high=9),),
    ),
    Case(
        "computed",
        "aten::constant_pad_nd",
        lambda x, y: F.pad(x, (0, y.shape[1] - x.shape[1])),
        lambda: (seeded(2, 3), seeded(2, 7)),
        {1: (1,)},
        since=11,
    ),
    Case(
        "reflect-1d",
        "aten::reflection_pad1d",
        lambda x: F.pad(x, (2, 1), mode="reflect"),
        lambda: (seeded(2, 3, 5),),
        {0: (0, 2)},
    ),
    Case(
        "reflect-2d",
        "aten::reflection_pad2d",
        lambda x: F.pad(x, (2, 1, 1, 0), mode="reflect"),
        lambda: (seeded(1, 2, 4, 5),),
        {0: (2,)},
    ),
    Case(
        "reflect-3d",
        "aten::reflection_pad3d",
        lambda x: F.pad(x, (1, 1, 1, 0, 1, 1), mode="reflect"),
        lambda: (seeded(1, 2, 3, 4, 5),),
    ),
    Case(
        "replicate-1d",
        "aten::replication_pad1d",
        lambda x: F.pad(x, (3, 4), mode="replicate"),
        lambda: (seeded(2, 3, 5),),
        {0: (2,)},
    ),
    Case(
        "replicate-crop",
        "aten::replication_pad2d",
        lambda x: F.pad(x, (-1, 2, 3, 1), mode="replicate"),
        lambda: (seeded(1, 2, 4, 5),),
    ),
    Case(
        "replicate-crop-all",
        "aten::replication_pad2d",
        lambda x: F.pad(x, (-5, 2, 1, -4), mode="replicate"),
        lambda: (seeded(2, 3, 4, 5),),
    ),
    Case(
        "replicate-3d",
        "aten::replication_pad3d",
        lambda x: F.pad(x, (1, 0, 1, 2, 0, 1), mode="replicate"),
        lambda: (seeded(1, 2, 3, 4, 5),),
    ),
    Case(
        "circular",
        "aten::pad",
        lambda x: F.pad(x, (2, 1, 0, 3), mode="circular"),
        lambda: (seeded(1, 2, 4, 5),),
        {0: (0, 3)},
        since=9,
    ),
]
