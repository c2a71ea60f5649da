"""Cases by family: each module has a list ``CASES``. The runner (tests/symbolic/test_cases.py) collects them all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch


@dataclass(frozen=True)
class Case:
    """One operator in one use: exported, run in ONNX Runtime, compared with PyTorch in dtype, shape and value.

    Attributes:
        name: Unique within its family, such as ``gelu-tanh``.
        target: The ATen target that it covers, such as ``aten::gelu``.
        run: The model: a function of the tensors in ``args``, or a module.
        args: Example inputs; a function of a seeded generator-free call, so that cases stay independent.
        dynamic: Input index → axes that are dynamic; the case then runs again with each of these axes resized.
        since: The first opset that can express it (checked: the opset below must raise OpsetTooLow or
            UnsupportedOperator).
        opsets: More opsets to run at, besides ``since``, each variant's boundary and the newest.
        rtol: Relative tolerance, where the default by dtype does not fit; say why in a comment.
        atol: Absolute tolerance.
        exact: False for random results: only dtype and shape are compared.
    """

    name: str
    target: str
    run: Callable[..., Any]
    args: Callable[[], tuple[Any, ...]]
    dynamic: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    since: int = 7
    opsets: tuple[int, ...] = ()
    rtol: float | None = None
    atol: float | None = None
    exact: bool = True


def seeded(*shape: int, dtype: torch.dtype = torch.float32, low: float = -2.0, high: float = 2.0) -> torch.Tensor:
    """A tensor of reproducible values, uniform between ``low`` and ``high`` (integers: in that range)."""
    generator = torch.Generator().manual_seed(sum(shape) + 17)
    if dtype is torch.bool:
        return torch.rand(shape, generator=generator) > 0.5
    values = torch.rand(shape, generator=generator, dtype=torch.float64) * (high - low) + low
    return values.to(dtype)
