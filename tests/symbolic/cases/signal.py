"""Cases: windows of images as columns and back."""

from __future__ import annotations

from torch import nn

from tests.symbolic.cases import seeded
from tests.symbolic.cases.shape import row

CASES = [
    row("unfold", "im2col", nn.Unfold(3, padding=1), seeded(2, 3, 5, 6), dynamic={0: (0,)}),
    row("unfold-dynamic", "im2col", nn.Unfold((2, 3), dilation=(2, 1), padding=(1, 2), stride=(2, 1)), seeded(2, 3, 6, 7), dynamic={0: (0, 1, 2, 3)}, since=9),
    row("unfold-single", "im2col", nn.Unfold(2), seeded(3, 5, 6)),
    row("fold", "col2im", nn.Fold((5, 6), 3, padding=1), seeded(2, 18, 30), dynamic={0: (0,)}),
    row("fold-options", "col2im", nn.Fold((6, 8), (2, 3), dilation=(2, 1), padding=(1, 2), stride=(2, 3)), seeded(2, 12, 12)),
    row("fold-single", "col2im", nn.Fold((4, 4), 2, stride=2), seeded(8, 4)),
    row("fold-dynamic", "col2im", lambda x, y: nn.functional.fold(x, (y.size(0), y.size(1)), 2, stride=2), seeded(2, 8, 4), seeded(4, 4), dynamic={1: (0, 1)}, since=18),
]
