"""Cases of ``symbolic/aten/loss.py``, ``class_loss.py`` and ``ctc_loss.py``."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F

from tests.symbolic.cases import Case, seeded

_REDUCTIONS = ("none", "mean", "sum")


def _other() -> torch.Tensor:
    return seeded(3, 4).flip(0) * 0.7


def _sign() -> torch.Tensor:
    return torch.sign(_other())


_PAIR = lambda: (seeded(3, 4), _other())  # noqa: E731
_SIGNED = lambda: (seeded(3, 4), _sign())  # noqa: E731
_SHARES = lambda: (torch.sigmoid(seeded(3, 4)), torch.sigmoid(_other()), _other().abs())  # noqa: E731
_COUNTS = lambda: (seeded(3, 4).abs(), torch.relu(_other()) * 3)  # noqa: E731


def _rows(
    name: str, target: str, loss: Callable[..., Any], args: Callable[[], tuple[Any, ...]], **more: Any
) -> list[Case]:
    """One case for each reduction."""
    options = {key: more.pop(key) for key in list(more) if key not in ("since", "dynamic")}
    return [
        Case(
            f"{name}-{reduction}",
            target,
            lambda *tensors, r=reduction: loss(*tensors, reduction=r, **options),
            args,
            more.get("dynamic", {}),
            since=more.get("since", 7),
        )
        for reduction in _REDUCTIONS
    ]


_CLASSES = lambda: (seeded(5, 4), torch.tensor([1, 0, 3, 1, 2]))  # noqa: E731
_PIXELS = lambda: (seeded(2, 4, 3, 2), torch.tensor([[[0, 1], [2, 3], [1, 1]], [[3, 1], [0, 0], [2, 1]]]))  # noqa: E731
_SINGLE = lambda: (seeded(4), torch.tensor(2))  # noqa: E731
_PROBABILITIES = lambda: (seeded(2, 4, 3), seeded(2, 4, 3).flip(0).softmax(1))  # noqa: E731
_WEIGHT = torch.tensor([0.5, 2.0, 1.0, 0.25])
_LABELS = torch.tensor([[1, 0, -1, 2], [3, -1, -1, 1], [0, 1, 2, 3]])


def _frames(x: torch.Tensor) -> torch.Tensor:
    return x.log_softmax(-1)


CASES: list[Case] = [
    *_rows("plain", "aten::mse_loss", F.mse_loss, _PAIR),
    *_rows("plain", "aten::l1_loss", F.l1_loss, _PAIR),
    *_rows("plain", "aten::smooth_l1_loss", F.smooth_l1_loss, _PAIR),
    *_rows("beta", "aten::smooth_l1_loss", F.smooth_l1_loss, _PAIR, beta=0.3),
    *_rows("zero", "aten::smooth_l1_loss", F.smooth_l1_loss, _PAIR, beta=0.0),
    *_rows("delta", "aten::huber_loss", F.huber_loss, _PAIR, delta=0.3),
    *_rows("plain", "aten::soft_margin_loss", F.soft_margin_loss, _SIGNED),
    *_rows("weight", "aten::binary_cross_entropy", F.binary_cross_entropy, _SHARES),
    Case(
        "edge",
        "aten::binary_cross_entropy",
        F.binary_cross_entropy,
        lambda: (torch.tensor([0.0, 1.0, 0.0, 1.0]), torch.tensor([0.0, 1.0, 1.0, 0.0])),
        {},
    ),
    *_rows("weight", "aten::binary_cross_entropy_with_logits", F.binary_cross_entropy_with_logits, _SHARES),
    *_rows(
        "positive-weight",
        "aten::binary_cross_entropy_with_logits",
        F.binary_cross_entropy_with_logits,
        lambda: _SHARES()[:2],
        pos_weight=_WEIGHT,
    ),
    *_rows("plain", "aten::kl_div", F.kl_div, lambda: (seeded(3, 4), torch.relu(_other())), since=9),
    *_rows("log", "aten::kl_div", F.kl_div, _PAIR, log_target=True),
    Case("batchmean", "aten::kl_div", lambda x, y: F.kl_div(x, y, reduction="batchmean", log_target=True), _PAIR),
    *_rows("full", "aten::poisson_nll_loss", F.poisson_nll_loss, _COUNTS, full=True),
    *_rows("no-log", "aten::poisson_nll_loss", F.poisson_nll_loss, _COUNTS, log_input=False),
    *_rows("margin", "aten::hinge_embedding_loss", F.hinge_embedding_loss, _SIGNED, since=9, margin=0.4),
    *_rows("margin", "aten::margin_ranking_loss", F.margin_ranking_loss, lambda: (*_PAIR(), _sign()), margin=0.2),
    *_rows(
        "margin",
        "aten::cosine_embedding_loss",
        F.cosine_embedding_loss,
        lambda: (*_PAIR(), torch.tensor([1, -1, 1])),
        since=9,
        margin=0.2,
    ),
    *_rows(
        "swap", "aten::triplet_margin_loss", F.triplet_margin_loss, lambda: (*_PAIR(), _other() * 2 + 0.1), swap=True
    ),
    *_rows("p1", "aten::triplet_margin_loss", F.triplet_margin_loss, lambda: (*_PAIR(), _other() * 2 + 0.1), p=1.0),
    *_rows(
        "variance", "aten::mean", lambda x, y, **o: F.gaussian_nll_loss(x, y, torch.ones(3, 4), full=True, **o), _PAIR
    ),
    *_rows("soft", "aten::mean", F.multilabel_soft_margin_loss, lambda: (seeded(3, 4), (_sign() + 1) / 2)),
    *[
        case
        for (kind, args), weight, ignore in itertools.product(
            (("classes", _CLASSES), ("pixels", _PIXELS), ("single", _SINGLE)), (None, _WEIGHT), (-100, 1)
        )
        for case in (
            *_rows(
                f"{kind}-{weight is not None}-{ignore}",
                "aten::nll_loss_nd",
                F.nll_loss,
                args,
                since=9,
                weight=weight,
                ignore_index=ignore,
            ),
            *_rows(
                f"{kind}-{weight is not None}-{ignore}",
                "aten::cross_entropy_loss",
                F.cross_entropy,
                args,
                since=9,
                weight=weight,
                ignore_index=ignore,
            ),
            *_rows(
                f"{kind}-{weight is not None}-{ignore}-smooth",
                "aten::cross_entropy_loss",
                F.cross_entropy,
                args,
                since=9,
                weight=weight,
                ignore_index=ignore,
                label_smoothing=0.1,
            ),
        )
    ],
    *[
        case
        for smoothing, weight in itertools.product((0.0, 0.1), (None, _WEIGHT))
        for case in _rows(
            f"probabilities-{smoothing}-{weight is not None}",
            "aten::cross_entropy_loss",
            F.cross_entropy,
            _PROBABILITIES,
            label_smoothing=smoothing,
            weight=weight,
        )
    ],
    Case(
        "dynamic-classes",
        "aten::cross_entropy_loss",
        lambda x, t: F.cross_entropy(x, t, label_smoothing=0.2),
        _CLASSES,
        {0: (1,)},
        since=11,
    ),
    Case(
        "dynamic-batch",
        "aten::cross_entropy_loss",
        lambda x: F.cross_entropy(x, x.argmax(1)),
        lambda: (seeded(5, 4),),
        {0: (0,)},
        since=9,
    ),
    Case(
        "forward",
        "aten::nll_loss_forward",
        lambda x, t: torch.ops.aten.nll_loss_forward(x, t, _WEIGHT, 1, -100),
        _CLASSES,
        since=9,
    ),
    Case("two", "aten::nll_loss2d", lambda x, t: torch.ops.aten.nll_loss2d(x, t, None, 1, 1), _PIXELS, since=9),
    Case(
        "two-forward",
        "aten::nll_loss2d_forward",
        lambda x, t: torch.ops.aten.nll_loss2d_forward(x, t, None, 2, 1),
        _PIXELS,
        since=9,
    ),
    *_rows("plain", "aten::multi_margin_loss", F.multi_margin_loss, _CLASSES, since=9),
    *_rows("p2", "aten::multi_margin_loss", F.multi_margin_loss, _CLASSES, since=9, p=2, margin=0.7, weight=_WEIGHT),
    *_rows("single", "aten::multi_margin_loss", F.multi_margin_loss, _SINGLE, since=9),
    *_rows("rows", "aten::multilabel_margin_loss", F.multilabel_margin_loss, lambda: (seeded(3, 4), _LABELS), since=9),
    *_rows(
        "single", "aten::multilabel_margin_loss", F.multilabel_margin_loss, lambda: (seeded(4), _LABELS[0]), since=9
    ),
    *_rows(
        "lists",
        "aten::ctc_loss.IntList",
        lambda x, t, **o: F.ctc_loss(_frames(x), t, (7, 5, 7), (3, 2, 3), **o),
        lambda: (seeded(7, 3, 5), torch.tensor([[1, 1, 2], [3, 4, 0], [4, 2, 2]])),
        since=11,
    ),
    *_rows(
        "tensors",
        "aten::ctc_loss.Tensor",
        lambda x, t, a, b, **o: F.ctc_loss(_frames(x), t, a, b, blank=2, zero_infinity=True, **o),
        lambda: (
            seeded(7, 3, 5),
            torch.tensor([[1, 1, 3], [3, 4, 0], [4, 0, 0]]),
            torch.tensor([7, 2, 2]),
            torch.tensor([3, 2, 3]),
        ),
        since=11,
        dynamic={0: (0,)},
    ),
    Case(
        "concatenated",
        "aten::ctc_loss.IntList",
        lambda x, t: F.ctc_loss(_frames(x), t, (7, 5), (3, 2)),
        lambda: (seeded(7, 2, 5), torch.tensor([1, 1, 2, 3, 4])),
        since=11,
    ),
    Case(
        "impossible",
        "aten::ctc_loss.IntList",
        lambda x, t: F.ctc_loss(_frames(x), t, (2,), (3,), reduction="none"),
        lambda: (seeded(7, 1, 5), torch.tensor([[1, 1, 2]])),
        since=11,
    ),
    Case(
        "unbatched",
        "aten::ctc_loss.Tensor",
        lambda x, t, a, b: F.ctc_loss(_frames(x), t, a, b, reduction="none"),
        lambda: (seeded(7, 5), torch.tensor([1, 1, 2]), torch.tensor(7), torch.tensor(3)),
        since=11,
    ),
]
