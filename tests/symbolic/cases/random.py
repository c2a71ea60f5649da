"""Random numbers and dropout: types and shapes, and the values where they are sure."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from tests.symbolic.cases import Case, seeded


def _row(name, target, run, since=7, exact=False, dynamic=(0,), **more):  # type: ignore[no-untyped-def]
    return Case(
        name,
        f"aten::{target}",
        run,
        lambda: (seeded(3, 4),),
        dynamic={0: dynamic} if dynamic else {},
        since=since,
        exact=exact,
        **more,
    )


def _share(x: torch.Tensor, low: float, high: float) -> torch.Tensor:
    """Whether the mean of many random numbers lies between two bounds."""
    mean = x.float().mean()
    return (mean > low) & (mean < high)


_BIG = 20000
CASES: list[Case] = [
    _row("dynamic", "rand", lambda x: torch.rand(x.shape[0], 2)),
    _row("static", "rand", lambda x: torch.rand(2, 3) + x[0, 0], 7),
    _row("double", "rand", lambda x: torch.rand(x.shape[0], dtype=torch.float64)),
    _row("half", "randn", lambda x: torch.randn(x.shape[0], dtype=torch.float16)),
    _row("dynamic", "randn", lambda x: torch.randn(x.shape)),
    _row("plain", "rand_like", lambda x: torch.rand_like(x), 7),
    _row("plain", "randn_like", lambda x: torch.randn_like(x), 7),
    _row("type", "randn_like", lambda x: torch.randn_like(x, dtype=torch.float64), 7),
    _row("dynamic", "randint", lambda x: torch.randint(5, (x.shape[0], 2))),
    _row("low", "randint", lambda x: torch.randint(-2, 5, (2, 3), dtype=torch.int32) + x[0, 0].int(), 7),
    _row("sure", "randint", lambda x: torch.randint(3, 4, (x.shape[0],)), exact=True),
    _row("plain", "randint_like", lambda x: torch.randint_like(x, 5), 7),
    _row("low", "randint_like", lambda x: torch.randint_like(x, 2, 5), 7),
    _row("sorted", "randperm", lambda x: torch.randperm(x.shape[0]).sort()[0], 10, exact=True),
    _row("in-place", "uniform", lambda x: x.clone().uniform_(0.5, 2), 7),
    _row("in-place", "normal", lambda x: x.clone().normal_(1, 2), 7),
    _row("in-place", "random", lambda x: x.clone().random_(2, 9), 7),
    _row("tensors", "normal.Tensor_Tensor", lambda x: torch.normal(x, x.abs() + 1), 7),
    _row("tensor-float", "normal.Tensor_float", lambda x: torch.normal(x, 0.5), 7),
    _row("float-tensor", "normal.float_Tensor", lambda x: torch.normal(0.5, x.abs()), 7),
    _row("floats", "normal.float_float", lambda x: torch.normal(1.0, 2.0, (x.shape[0], 2))),
    _row("tensor", "bernoulli", lambda x: torch.bernoulli(x.sigmoid()), 7),
    _row("p", "bernoulli", lambda x: torch.bernoulli(x, 0.25), 7),
    _row("sure", "bernoulli", lambda x: torch.bernoulli(torch.zeros_like(x)), exact=True),
    _row("plain", "exponential", lambda x: x.clone().exponential_(2.0), 7),
    _row("plain", "geometric", lambda x: x.clone().geometric_(0.3), 7),
    _row("plain", "cauchy", lambda x: x.clone().cauchy_(), 7),
    _row("plain", "log_normal", lambda x: x.clone().log_normal_(), 7),
    _row("one", "multinomial", lambda x: torch.multinomial(x.softmax(-1), 1)),
    _row("vector", "multinomial", lambda x: torch.multinomial(x[0].softmax(-1), 2)),
    _row("replacement", "multinomial", lambda x: torch.multinomial(x.softmax(-1), 7, replacement=True), 7),
    _row("permutation", "multinomial", lambda x: torch.multinomial(x.softmax(-1), 4).sort()[0], 10, exact=True),
    _row("eval", "dropout", lambda x: F.dropout(x, 0.5, False) + 1, 7, exact=True),
    _row("train", "dropout", lambda x: F.dropout(x, 0.5, True), 7),
    _row("all", "dropout", lambda x: F.dropout(x, 1.0, True), 7, exact=True),
    _row("none", "dropout", lambda x: F.dropout(x, 0.0, True) + 1, 7, exact=True),
    _row("features", "feature_dropout", lambda x: F.dropout2d(x[..., None, None], 0.5, True), 7, dynamic=()),
    _row("dynamic", "feature_dropout", lambda x: F.dropout1d(x[..., None], 0.5, True)),
    _row("train", "alpha_dropout", lambda x: F.alpha_dropout(x, 0.5, True), 7),
    _row("eval", "alpha_dropout", lambda x: F.alpha_dropout(x, 0.5, False) * 2, 7, exact=True),
    _row("train", "feature_alpha_dropout", lambda x: F.feature_alpha_dropout(x[..., None], 0.5, True)),
    _row("mean", "rand", lambda x: _share(torch.rand(_BIG), 0.48, 0.52) & (x[0, 0] > -9), 7, exact=True, dynamic=()),
    _row(
        "mean", "randn", lambda x: _share(torch.randn(_BIG) ** 2, 0.9, 1.1) & (x[0, 0] > -9), 7, exact=True, dynamic=()
    ),
    _row(
        "mean",
        "randint",
        lambda x: _share(torch.randint(2, 5, (_BIG,)), 2.95, 3.05) & (x[0, 0] > -9),
        7,
        exact=True,
        dynamic=(),
    ),
    _row(
        "mean",
        "dropout",
        lambda x: _share(F.dropout(torch.ones_like(x).repeat(1000, 3), 0.25, True), 0.95, 1.05),
        7,
        exact=True,
        dynamic=(),
    ),
    _row(
        "mean",
        "alpha_dropout",
        lambda x: _share(F.alpha_dropout(torch.zeros_like(x).repeat(1000, 3), 0.25, True), -0.1, 0.1),
        7,
        exact=True,
        dynamic=(),
    ),
    _row(
        "mean",
        "exponential",
        lambda x: _share(x.repeat(1000, 3).exponential_(2.0), 0.47, 0.53),
        7,
        exact=True,
        dynamic=(),
    ),
    _row(
        "mean",
        "multinomial",
        lambda x: _share(torch.multinomial(torch.tensor([0.1, 0.2, 0.7]).expand(_BIG, 3) + x[0, 0] * 0, 1), 1.55, 1.65),
        7,
        exact=True,
        dynamic=(),
    ),
    _row(
        "mean-many",
        "multinomial",
        lambda x: _share(torch.multinomial(torch.tensor([0.1, 0.2, 0.7]) + x[0, 0] * 0, _BIG, True), 1.55, 1.65),
        7,
        exact=True,
        dynamic=(),
    ),
    _row(
        "mean",
        "bernoulli",
        lambda x: _share(torch.bernoulli(torch.ones_like(x).repeat(1000, 3) * 0.3), 0.27, 0.33),
        7,
        exact=True,
        dynamic=(),
    ),
]
