"""Cases of ``symbolic/torchvision``, with stand-ins of the operators where torchvision is not there."""

from __future__ import annotations

import itertools
from typing import Any

import torch

from tests.symbolic.cases import Case, seeded
from tests.symbolic.torchvision_standins import register

register()
OPS: Any = torch.ops.torchvision


def boxes(count: int = 14, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """Overlapping boxes, and a score each in the last column."""
    corners = seeded(count, 2, low=0, high=6)
    sizes = seeded(count, 2, 1, low=1, high=6).squeeze(-1)
    return torch.cat([corners, corners + sizes, seeded(count, 1, low=0, high=1)], 1).to(dtype)


def rois(dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """Regions of two images of 8 by 10 at a scale of 1/2: plain, on halves, tiny, malformed, outside."""
    return torch.tensor(
        [
            [0, 2, 3, 13, 11],
            [1, 0, 0, 19.9, 15.9],
            [0, 1, 3, 5, 7],
            [1, 4.2, 4.4, 4.6, 4.5],
            [0, 9, 8, 5, 3],
            [1, -7, -6, 5, 4],
            [0, 14, 10, 26.3, 22.1],
            [1, 60, 60, 70, 80],
            [1, 6, 6, 6, 6],
        ],
        dtype=dtype,
    )


def tied() -> torch.Tensor:
    """Two boxes that overlap by 3 of 10 exactly, two with the same score, one without area."""
    return torch.tensor(
        [[0, 0, 10, 1, 0.9], [0, 0, 3, 1, 0.8], [20, 0, 24, 4, 0.5], [21, 0, 25, 4, 0.5], [3, 3, 3, 3, 0.1]]
    )


def nms(threshold: float) -> Any:
    return lambda found: OPS.nms(found[:, :4], found[:, 4], threshold)


def deform(
    stride: tuple[int, int] = (1, 1),
    pad: tuple[int, int] = (0, 0),
    dilation: tuple[int, int] = (1, 1),
    groups: int = 1,
    offset_groups: int = 1,
    use_mask: bool = False,
) -> Any:
    def run(x: torch.Tensor, weight: torch.Tensor, offset: torch.Tensor, *rest: torch.Tensor) -> torch.Tensor:
        mask = rest[0] if use_mask else x.new_zeros(x.shape[0], 1)
        bias = rest[-1] if len(rest) > use_mask else x.new_zeros(weight.shape[0])
        return OPS.deform_conv2d(
            x, weight, offset, mask, bias, *stride, *pad, *dilation, groups, offset_groups, use_mask
        )

    return run


CASES: list[Case] = [
    *[
        Case(f"{threshold}", "torchvision::nms", nms(threshold), lambda: (boxes(),), {0: (0,)}, since=10)
        for threshold in (0.0, 0.3, 0.5, 1.0, 1.5)
    ],
    Case("at-the-threshold", "torchvision::nms", nms(0.3), lambda: (tied(),), {0: (0,)}, since=10),
    Case("static", "torchvision::nms", nms(0.4), lambda: (boxes(),), since=10),
    Case("none", "torchvision::nms", nms(0.5), lambda: (torch.zeros(0, 5),), since=10),
    Case(
        "none-left",
        "torchvision::nms",
        lambda found: OPS.nms(found[found[:, 4] > 2][:, :4], found[found[:, 4] > 2][:, 4], 0.5),
        lambda: (boxes(),),
        {0: (0,)},
        since=10,
    ),
    Case("double", "torchvision::nms", nms(0.5), lambda: (boxes(dtype=torch.float64),), {0: (0,)}, since=10),
    Case(
        "kept-boxes",
        "torchvision::nms",
        lambda found: found[OPS.nms(found[:, :4], found[:, 4], 0.3)[:3]],
        lambda: (boxes(),),
        {0: (0,)},
        since=10,
    ),
    *[
        Case(
            f"{ratio}-{aligned}",
            "torchvision::roi_align",
            lambda x, r, s=ratio, a=aligned: OPS.roi_align(x, r, 0.5, 3, 2, s, a),
            lambda: (seeded(2, 3, 8, 10), rois()),
            {0: (0, 2), 1: (0,)},
            since=8 if ratio > 0 else 9,
        )
        for ratio, aligned in itertools.product((1, 2, 3, 0, -1), (False, True))
    ],
    *[
        Case(
            f"static-{ratio}-{aligned}",
            "torchvision::roi_align",
            lambda x, r, s=ratio, a=aligned: OPS.roi_align(x, r, 1.0, 2, 4, s, a),
            lambda: (seeded(2, 3, 8, 10), rois()),
            since=8 if ratio > 0 else 9,
        )
        for ratio, aligned in itertools.product((2, 0), (False, True))
    ],
    *[
        Case(
            f"double-{aligned}",
            "torchvision::roi_align",
            lambda x, r, a=aligned: OPS.roi_align(x, r, 0.25, 3, 2, 0, a),
            lambda: (seeded(2, 3, 8, 10, dtype=torch.float64), rois(torch.float64)),
            {1: (0,)},
            since=9,
        )
        for aligned in (False, True)
    ],
    Case(
        "all-malformed",
        "torchvision::roi_align",
        lambda x, r: OPS.roi_align(x, r[:, [0, 3, 4, 1, 2]], 0.5, 3, 2, 0, True),
        lambda: (seeded(2, 3, 8, 10), rois()),
        {1: (0,)},
        since=9,
    ),
    *[
        Case(
            f"half-{aligned}",
            "torchvision::roi_align",
            lambda x, r, a=aligned: OPS.roi_align(x, r, 0.5, 3, 2, 2, a),
            lambda: (seeded(2, 3, 8, 10, dtype=torch.float16), rois(torch.float16)),
            {1: (0,)},
            since=8,
        )
        for aligned in (False, True)
    ],
    *[
        Case(
            f"no-regions-{aligned}",
            "torchvision::roi_align",
            lambda x, r, a=aligned: OPS.roi_align(x, r[r[:, 0] > 5], 0.25, 3, 2, 0, a),
            lambda: (seeded(2, 3, 8, 10), rois()),
            {1: (0,)},
            since=9,
        )
        for aligned in (False, True)
    ],
    *[
        Case(
            f"{scale}",
            "torchvision::roi_pool",
            lambda x, r, s=scale: OPS.roi_pool(x, r, s, 3, 2),
            lambda: (seeded(2, 3, 8, 10), rois()),
            {0: (0, 2), 1: (0,)},
            since=9,
        )
        for scale in (0.25, 0.5, 1.0)
    ],
    Case(
        "values-only",
        "torchvision::roi_pool",
        lambda x, r: OPS.roi_pool(x, r, 0.5, 2, 4)[0],
        lambda: (seeded(2, 3, 8, 10), rois()),
        {1: (0,)},
        since=9,
    ),
    Case(
        "double",
        "torchvision::roi_pool",
        lambda x, r: OPS.roi_pool(x, r, 0.5, 2, 4),
        lambda: (seeded(2, 3, 8, 10, dtype=torch.float64), rois(torch.float64)),
        {1: (0,)},
        since=9,
    ),
    Case(
        "no-regions",
        "torchvision::roi_pool",
        lambda x, r: OPS.roi_pool(x, r[r[:, 0] > 5], 0.5, 2, 4),
        lambda: (seeded(2, 3, 8, 10), rois()),
        {1: (0,)},
        since=9,
    ),
    *[
        Case(
            f"{ratio}",
            "torchvision::ps_roi_align",
            lambda x, r, s=ratio: OPS.ps_roi_align(x, r, 0.5, 3, 2, s),
            lambda: (seeded(2, 12, 8, 10), rois()),
            {0: (0, 2), 1: (0,)},
            since=8 if ratio > 0 else 9,
        )
        for ratio in (2, 0)
    ],
    *[
        Case(
            f"{scale}",
            "torchvision::ps_roi_pool",
            lambda x, r, s=scale: OPS.ps_roi_pool(x, r, s, 3, 2),
            lambda: (seeded(2, 12, 8, 10), rois()),
            {0: (0, 2), 1: (0,)},
            since=9,
        )
        for scale in (0.5, 1.0)
    ],
    Case(
        "plain",
        "torchvision::deform_conv2d",
        deform(),
        lambda: (seeded(2, 4, 6, 7), seeded(3, 4, 3, 2), seeded(2, 12, 4, 6)),
        since=8,
    ),
    Case(
        "strides-padding-dilation",
        "torchvision::deform_conv2d",
        deform(stride=(2, 1), pad=(1, 2), dilation=(2, 1)),
        lambda: (seeded(2, 4, 7, 6), seeded(3, 4, 2, 3), seeded(2, 12, 4, 8) * 4),
        since=8,
    ),
    *[
        Case(
            f"groups-{groups}-{offset_groups}",
            "torchvision::deform_conv2d",
            deform(pad=(1, 1), groups=groups, offset_groups=offset_groups, use_mask=True),
            lambda o=offset_groups, c=4 // groups: (
                seeded(2, 4, 5, 6),
                seeded(6, c, 3, 3),
                seeded(2, 18 * o, 5, 6),
                seeded(2, 9 * o, 5, 6),
                seeded(6),
            ),
            since=8,
        )
        for groups, offset_groups in itertools.product((1, 2), (1, 2, 4))
    ],
    Case(
        "double",
        "torchvision::deform_conv2d",
        deform(pad=(1, 1), use_mask=True),
        lambda: (
            seeded(2, 4, 5, 6, dtype=torch.float64),
            seeded(6, 4, 3, 3, dtype=torch.float64),
            seeded(2, 18, 5, 6, dtype=torch.float64),
            seeded(2, 9, 5, 6, dtype=torch.float64),
            seeded(6, dtype=torch.float64),
        ),
        since=8,
    ),
    Case(
        "half",
        "torchvision::deform_conv2d",
        deform(pad=(1, 1), use_mask=True),
        lambda: (
            seeded(2, 4, 5, 6, dtype=torch.float16),
            seeded(6, 4, 3, 3, dtype=torch.float16),
            seeded(2, 18, 5, 6, dtype=torch.float16),
            seeded(2, 9, 5, 6, dtype=torch.float16),
            seeded(6, dtype=torch.float16),
        ),
        since=8,
        # The stand-in adds up nine half-precision convolutions.
        rtol=2e-2,
        atol=5e-2,
    ),
    Case(
        "offsets-from-the-input",
        "torchvision::deform_conv2d",
        lambda x, weight, maker: deform(pad=(1, 1), offset_groups=2)(
            x, weight, torch.nn.functional.conv2d(x, maker, padding=1)
        ),
        lambda: (seeded(2, 4, 5, 6), seeded(3, 4, 3, 3), seeded(36, 4, 3, 3)),
        {0: (0, 2, 3)},
        since=9,
    ),
]
