"""Cases of ``symbolic/aten/resize.py``: dynamic ones from opset 11 on, static ones at every opset."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F

from tests.symbolic.cases import Case, seeded

_IMAGE = {
    "nearest": ("aten::upsample_nearest2d.vec", {"mode": "nearest"}),
    "exact": ("aten::_upsample_nearest_exact2d.vec", {"mode": "nearest-exact"}),
    "linear": ("aten::upsample_bilinear2d.vec", {"mode": "bilinear"}),
    "linear-corners": ("aten::upsample_bilinear2d.vec", {"mode": "bilinear", "align_corners": True}),
    "cubic": ("aten::upsample_bicubic2d.vec", {"mode": "bicubic"}),
    "cubic-corners": ("aten::upsample_bicubic2d.vec", {"mode": "bicubic", "align_corners": True}),
    "linear-antialias": ("aten::_upsample_bilinear2d_aa.vec", {"mode": "bilinear", "antialias": True}),
    "cubic-antialias": ("aten::_upsample_bicubic2d_aa.vec", {"mode": "bicubic", "antialias": True}),
}
_OTHERS = {
    "line-nearest": ("aten::upsample_nearest1d.vec", 1, {"mode": "nearest"}),
    "line-exact": ("aten::_upsample_nearest_exact1d.vec", 1, {"mode": "nearest-exact"}),
    "line-linear": ("aten::upsample_linear1d.vec", 1, {"mode": "linear"}),
    "line-corners": ("aten::upsample_linear1d.vec", 1, {"mode": "linear", "align_corners": True}),
    "volume-nearest": ("aten::upsample_nearest3d.vec", 3, {"mode": "nearest"}),
    "volume-exact": ("aten::_upsample_nearest_exact3d.vec", 3, {"mode": "nearest-exact"}),
    "volume-linear": ("aten::upsample_trilinear3d.vec", 3, {"mode": "trilinear"}),
    "volume-corners": ("aten::upsample_trilinear3d.vec", 3, {"mode": "trilinear", "align_corners": True}),
}
_HOW: dict[str, dict[str, Any]] = {
    "larger": {"size": (12, 10)},
    "smaller": {"size": (3, 4)},
    "mixed": {"size": (4, 11)},
    "one": {"size": (1, 1)},
    "twice": {"scale_factor": 2},
    "half": {"scale_factor": 0.5},
    "factors": {"scale_factor": (1.7, 0.6)},
    "recomputed": {"scale_factor": 1.7, "recompute_scale_factor": True},
}


def _pair(name: str, target: str, spatial: int, first: int, **options: Any) -> list[Case]:
    """The same with static sizes and with dynamic ones."""

    def run(x: torch.Tensor) -> torch.Tensor:
        return F.interpolate(x, **options)

    def args() -> tuple[torch.Tensor, ...]:
        return (seeded(2, 3, *[7, 6, 5][:spatial]),)

    return [
        Case(f"{name}-static", target, run, args),
        Case(f"{name}-dynamic", target, run, args, {0: (0, *range(2, 2 + spatial))}, since=first),
    ]


CASES: list[Case] = [
    *[
        case
        for name, (target, options) in _IMAGE.items()
        for how, sizes in _HOW.items()
        for case in _pair(f"{name}-{how}", target, 2, 18 if "antialias" in name else 11, **options, **sizes)
        if not (how == "twice" and name == "nearest" and case.dynamic)
    ],
    *[
        case
        for name, (target, spatial, options) in _OTHERS.items()
        for how, sizes in (("size", {"size": (5, 8, 4)[:spatial]}), ("factor", {"scale_factor": 1.7}))
        for case in _pair(f"{name}-{how}", target, spatial, 11, **options, **sizes)
    ],
    Case(
        "nearest-twice-dynamic",
        "aten::upsample_nearest2d.vec",
        lambda x: F.interpolate(x, scale_factor=2),
        lambda: (seeded(2, 3, 7, 6),),
        {0: (0, 2, 3)},
    ),
    Case(
        "to-the-size-of-another",
        "aten::upsample_bilinear2d.vec",
        lambda x, y: F.interpolate(x, y.shape[2:], mode="bilinear", align_corners=False),
        lambda: (seeded(2, 3, 7, 6), seeded(1, 1, 9, 4)),
        {0: (0, 2), 1: (2, 3)},
        since=11,
    ),
    Case(
        "to-twice-its-own-size",
        "aten::upsample_nearest2d.vec",
        lambda x: F.interpolate(x, (x.shape[2] * 2, x.shape[3] * 2)),
        lambda: (seeded(2, 3, 7, 6),),
        {0: (0, 2)},
        since=11,
    ),
    Case(
        "antialias-corners",
        "aten::_upsample_bilinear2d_aa.vec",
        lambda x: F.interpolate(x, (3, 9), mode="bilinear", antialias=True, align_corners=True),
        lambda: (seeded(2, 3, 7, 6),),
        {0: (0,)},
    ),
    Case(
        "area",
        "aten::adaptive_avg_pool2d",
        lambda x: F.interpolate(x, (3, 4), mode="area"),
        lambda: (seeded(2, 3, 7, 6),),
        {0: (0,)},
    ),
    Case(
        "bytes",
        "aten::upsample_nearest2d.vec",
        lambda x: F.interpolate(x, scale_factor=2),
        lambda: (seeded(1, 3, 7, 6, dtype=torch.uint8, low=0, high=200),),
    ),
    Case(
        "half",
        "aten::upsample_bilinear2d.vec",
        lambda x: F.interpolate(x, scale_factor=2.0, mode="bilinear"),
        lambda: (seeded(1, 3, 7, 6, dtype=torch.float16),),
    ),
    *[
        Case(
            f"plain-{case[0]}",
            f"aten::{case[0]}",
            case[1],
            lambda n=case[2]: (seeded(2, 3, *[7, 6, 5][:n]),),
            {0: (0, 2)},
            since=11,
        )
        for case in (
            ("upsample_nearest1d", lambda x: torch._C._nn.upsample_nearest1d(x, [9], None), 1),
            ("upsample_nearest2d", lambda x: torch._C._nn.upsample_nearest2d(x, [9, 4], None, None), 2),
            ("upsample_nearest3d", lambda x: torch._C._nn.upsample_nearest3d(x, [9, 4, 3], None, None, None), 3),
            ("_upsample_nearest_exact1d", lambda x: torch._C._nn._upsample_nearest_exact1d(x, [9], None), 1),
            ("_upsample_nearest_exact2d", lambda x: torch._C._nn._upsample_nearest_exact2d(x, [9, 4], None, None), 2),
            ("_upsample_nearest_exact3d", lambda x: torch._C._nn._upsample_nearest_exact3d(x, [9, 4, 3]), 3),
            ("upsample_linear1d", lambda x: torch._C._nn.upsample_linear1d(x, [9], False, None), 1),
            ("upsample_bilinear2d", lambda x: torch._C._nn.upsample_bilinear2d(x, [9, 4], True, None, None), 2),
            ("upsample_bicubic2d", lambda x: torch._C._nn.upsample_bicubic2d(x, [9, 4], False, None, None), 2),
            ("upsample_trilinear3d", lambda x: torch._C._nn.upsample_trilinear3d(x, [9, 4, 3], False), 3),
        )
    ],
    *[
        Case(
            f"plain-{name}",
            f"aten::{name}",
            lambda x, f=name: getattr(torch._C._nn, f)(x, [9, 4], False, None, None),
            lambda: (seeded(2, 3, 7, 6),),
            {0: (0, 2)},
            since=18,
        )
        for name in ("_upsample_bilinear2d_aa", "_upsample_bicubic2d_aa")
    ],
    *[
        Case(f"lanczos{suffix}", f"aten::_upsample_lanczos2d_aa{suffix}", run, lambda: (seeded(2, 3, 7, 6),), {0: (0,)})
        for suffix, run in (
            ("", lambda x: torch.ops.aten._upsample_lanczos2d_aa(x, [9, 4], False, None, None)),
            (".vec", lambda x: torch.ops.aten._upsample_lanczos2d_aa.vec(x, None, False, [1.5, 0.5])),
        )
    ],
]
