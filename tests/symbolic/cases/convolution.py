"""Cases of ``symbolic/aten/convolution.py``."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from tests.symbolic.cases import Case, seeded


def _conv(name: str, spatial: int, **options: Any) -> Case:
    kernel = options.pop("kernel", 3)
    groups = options.get("groups", 1)
    weight = seeded(4, 4 // groups, *[kernel] * spatial)
    bias = seeded(4) if options.pop("bias", True) else None
    function = (F.conv1d, F.conv2d, F.conv3d)[spatial - 1]
    return Case(
        name,
        f"aten::conv{spatial}d" + (".padding" if isinstance(options.get("padding"), str) else ""),
        lambda x: function(x, weight, bias, **options),
        lambda: (seeded(2, 4, *[9, 8, 7][:spatial]),),
        dynamic={0: (0, *range(2, 2 + spatial))},
    )


def _transposed(name: str, spatial: int, **options: Any) -> Case:
    groups = options.get("groups", 1)
    weight = seeded(4, 6 // groups, *[3, 2, 4][:spatial])
    bias = seeded(6) if options.pop("bias", True) else None
    function = (F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d)[spatial - 1]
    target = f"aten::conv_transpose{spatial}d" + ("" if spatial == 1 else ".input")
    return Case(
        name,
        target,
        lambda x: function(x, weight, bias, **options),
        lambda: (seeded(2, 4, *[5, 4, 3][:spatial]),),
        dynamic={0: (0, *range(2, 2 + spatial))},
    )


CASES: list[Case] = [
    *[_conv(f"conv{n}d", n) for n in (1, 2, 3)],
    *[_conv(f"conv{n}d-all", n, stride=2, padding=1, dilation=2, groups=2, bias=False) for n in (1, 2, 3)],
    *[_conv(f"conv{n}d-same", n, padding="same", kernel=3, dilation=2) for n in (1, 2, 3)],
    *[_conv(f"conv{n}d-valid", n, padding="valid", stride=2) for n in (1, 2, 3)],
    _conv("same-even-kernel", 2, padding="same", kernel=4),
    _conv("depthwise", 2, groups=4, padding=1),
    *[_transposed(f"transpose{n}d", n) for n in (1, 2, 3)],
    *[
        _transposed(f"transpose{n}d-all", n, stride=3, padding=1, output_padding=2, groups=2, bias=False)
        for n in (1, 2, 3)
    ],
    *[
        _transposed(f"transpose{n}d-output-padding-beyond-stride", n, stride=1, padding=1, output_padding=2, dilation=3)
        for n in (1, 2, 3)
    ],
    Case(
        "unbatched",
        "aten::conv2d",
        lambda x, w=seeded(4, 3, 3, 3), v=seeded(4): F.conv2d(x, w, v),
        lambda: (seeded(3, 8, 7),),
        dynamic={0: (1, 2)},
    ),
    Case(
        "unbatched-transposed",
        "aten::conv_transpose1d",
        lambda x, w=seeded(3, 4, 2): F.conv_transpose1d(x, w, stride=2),
        lambda: (seeded(3, 8),),
        dynamic={0: (1,)},
    ),
    Case(
        "weight-is-an-input",
        "aten::conv2d",
        F.conv2d,
        lambda: (seeded(2, 3, 8, 7), seeded(4, 3, 3, 2)),
        dynamic={0: (0, 2, 3), 1: (0, 2, 3)},
    ),
    Case(
        "same-with-a-kernel-of-dynamic-size",
        "aten::conv1d.padding",
        lambda x, w: F.conv1d(x, w, padding="same"),
        lambda: (seeded(2, 3, 8), seeded(4, 3, 3)),
        dynamic={1: (2,)},
    ),
    Case(
        "same-with-a-dilated-kernel-of-dynamic-size",
        "aten::conv2d.padding",
        lambda x, w: F.conv2d(x, w, padding="same", dilation=(2, 1)),
        lambda: (seeded(2, 3, 8, 7), seeded(4, 3, 3, 3)),
        dynamic={1: (2,)},
        since=11,
    ),
    Case(
        "module",
        "aten::_convolution",
        nn.Sequential(nn.Conv2d(3, 6, 3, padding="same"), nn.ConvTranspose2d(6, 3, 2, 2)),
        lambda: (seeded(2, 3, 8, 6),),
        dynamic={0: (0, 2, 3)},
    ),
    Case(
        "reflect",
        "aten::_convolution",
        nn.Conv2d(3, 6, 3, padding=1, padding_mode="reflect"),
        lambda: (seeded(2, 3, 8, 6),),
        dynamic={0: (0, 2, 3)},
    ),
    Case(
        "internal",
        "aten::convolution",
        lambda x, w=seeded(4, 3, 3): torch.convolution(x, w, None, [1], [1], [1], False, [0], 1),
        lambda: (seeded(2, 3, 8),),
        dynamic={0: (0, 2)},
    ),
    Case(
        "by-mode",
        "aten::_convolution_mode",
        lambda x, w=seeded(4, 3, 3): torch._convolution_mode(x, w, None, [1], "same", [1], 1),
        lambda: (seeded(2, 3, 8),),
        dynamic={0: (0, 2)},
    ),
    Case(
        "time-batch-channel",
        "aten::conv_tbc",
        lambda x, w=seeded(3, 4, 5), v=seeded(5): torch.conv_tbc(x, w, v, 1),
        lambda: (seeded(7, 2, 4),),
        dynamic={0: (0, 1)},
    ),
    Case(
        "slow",
        "aten::_slow_conv2d_forward",
        lambda x, w=seeded(4, 3, 3, 3): torch.ops.aten._slow_conv2d_forward(x, w, [3, 3], None, [1, 1], [1, 1]),
        lambda: (seeded(2, 3, 8, 7),),
        dynamic={0: (0, 2)},
    ),
    Case(
        "double",
        "aten::conv1d",
        lambda x, w=seeded(4, 3, 3, dtype=torch.float64): F.conv1d(x, w),
        lambda: (seeded(2, 3, 8, dtype=torch.float64),),
        rtol=1e-5,
        atol=1e-5,
    ),
]
