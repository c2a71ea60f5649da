"""Activation functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F

from tests.symbolic.cases import Case, seeded


def _row(
    target: str,
    run: Callable[..., Any],
    *,
    name: str = "plain",
    since: int = 7,
    dtype: torch.dtype = torch.float32,
    exact: bool = True,
    rtol: float | None = None,
) -> Case:
    return Case(
        name, f"aten::{target}", run, lambda: (seeded(2, 4, 3, low=-6, high=6, dtype=dtype),),
        dynamic={0: (0, 2)}, since=since, exact=exact, rtol=rtol,
    )  # fmt: skip


_DOUBLE = {"dtype": torch.float64, "name": "double"}
_HALF = {"dtype": torch.float16, "name": "half"}
CASES: list[Case] = [
    _row("relu", F.relu),
    _row("relu", F.relu, dtype=torch.int64, name="ints"),
    _row("relu", F.relu, dtype=torch.int32, name="int32"),
    _row("relu", F.relu, **_HALF),
    _row("relu6", F.relu6),
    _row("hardtanh", F.hardtanh),
    _row("hardtanh", lambda x: F.hardtanh(x, -2.5, 0.5), name="bounds"),
    _row("hardtanh", lambda x: F.hardtanh(x, -2, 3), dtype=torch.int64, name="ints"),
    _row("leaky_relu", lambda x: F.leaky_relu(x, 0.2)),
    _row("leaky_relu", lambda x: F.leaky_relu(x, 0.3), **_DOUBLE),
    _row("prelu", lambda x: F.prelu(x, torch.tensor([0.25])), name="one"),
    _row("prelu", torch.nn.PReLU(4).eval(), name="channels"),
    _row("prelu", lambda x: F.prelu(x, torch.tensor([0.1, 0.2, 0.3, 0.4]).double()), **_DOUBLE),
    _row("gelu", F.gelu, since=9, rtol=1e-5, **_DOUBLE),  # ORT: Erf for float only
    _row("gelu", lambda x: F.gelu(x, approximate="tanh"), dtype=torch.float64, name="tanh-double"),
    Case("vector", "aten::prelu", lambda x: F.prelu(x, torch.tensor([0.25])), lambda: (seeded(5),), dynamic={0: (0,)}),
    Case(
        "matrix",
        "aten::prelu",
        lambda x: F.prelu(x, torch.tensor([0.25, 0.5, 2.0])),
        lambda: (seeded(5, 3),),
        dynamic={0: (0,)},
    ),
    _row("rrelu", lambda x: F.rrelu(x, 0.1, 0.3, training=False)),
    _row("rrelu", lambda x: F.rrelu(x, 0.1, 0.3, training=True), name="training", exact=False, since=9),
    _row("threshold", lambda x: F.threshold(x, 0.5, -7.0), since=9),
    _row("threshold", lambda x: F.threshold(x, 0, 0), name="zero"),
    _row("threshold", lambda x: F.threshold(x, 1, 9), dtype=torch.int64, name="ints"),
    _row("elu", F.elu),
    _row("elu", lambda x: F.elu(x, 0.5), **_DOUBLE),
    _row("elu", lambda x: torch.ops.aten.elu(x, 1.5, 2.0, 0.75), name="scales"),
    _row("selu", F.selu),
    _row("selu", F.selu, **_DOUBLE),
    _row("celu", lambda x: F.celu(x, 0.75)),
    _row("celu", lambda x: F.celu(x, 1.5), **_HALF),
    _row("hardsigmoid", F.hardsigmoid),
    _row("hardsigmoid", F.hardsigmoid, **_DOUBLE),
    _row("hardswish", F.hardswish),
    _row("hardswish", F.hardswish, **_DOUBLE),
    _row("softplus", F.softplus),
    _row("softplus", lambda x: F.softplus(x, 2.0, 3.0), name="threshold", since=9),
    _row("softplus", lambda x: F.softplus(x, 0.5), name="beta"),
    _row("softplus", F.softplus, since=9, **_DOUBLE),
    _row("softsign", F.softsign),
    _row("log_sigmoid", F.logsigmoid),
    _row("log_sigmoid", F.logsigmoid, **_DOUBLE),
    _row("gelu", F.gelu, since=9),
    _row("gelu", lambda x: F.gelu(x, approximate="tanh"), name="tanh"),
    _row("gelu", F.gelu, since=9, **_HALF),
    _row("silu", F.silu),
    _row("silu", F.silu, **_HALF),
    _row("mish", F.mish),
    _row("mish", F.mish, **_DOUBLE),
    _row("glu", lambda x: F.glu(x, 1), name="fixed"),
    Case(
        "dynamic",
        "aten::glu",
        lambda x: F.glu(torch.cat([x, x])[:, 0], 0),
        lambda: (seeded(4, 2),),
        dynamic={0: (0,)},
        since=9,
    ),
    _row("softshrink", F.softshrink),
    _row("softshrink", lambda x: F.softshrink(x, 1.3), **_DOUBLE),
    _row("hardshrink", F.hardshrink, since=9),
    _row("hardshrink", lambda x: F.hardshrink(x, 1.3), name="lambda", since=9),
    _row("tanhshrink", F.tanhshrink),
]
