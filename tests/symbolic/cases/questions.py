"""What scripted code asks of a tensor or of PyTorch, and how often a number is in a list."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from tests.symbolic.cases import Case, seeded

X = seeded(3, 4)


def cuda(x: Tensor) -> Tensor:
    return x + 1 if x.is_cuda else x * 2


def xla(x: Tensor) -> Tensor:
    return x + 1 if x.is_xla else x * 2


def xpu(x: Tensor) -> Tensor:
    return x + 1 if x.is_xpu else x * 2


def mps(x: Tensor) -> Tensor:
    return x + 1 if x.is_mps else x * 2


def ipu(x: Tensor) -> Tensor:
    return x + 1 if x.is_ipu else x * 2


def maia(x: Tensor) -> Tensor:
    return x + 1 if x.is_maia else x * 2


def vulkan(x: Tensor) -> Tensor:
    return x + 1 if x.is_vulkan else x * 2


def mtia(x: Tensor) -> Tensor:
    return x + 1 if x.is_mtia else x * 2


def mkldnn(x: Tensor) -> Tensor:
    return x + 1 if x.is_mkldnn else x * 2


def meta(x: Tensor) -> Tensor:
    return x + 1 if x.is_meta else x * 2


def nested(x: Tensor) -> Tensor:
    return x + 1 if x.is_nested else x * 2


def sparse(x: Tensor) -> Tensor:
    return x + 1 if x.is_sparse else x * 2


def sparse_csr(x: Tensor) -> Tensor:
    return x + 1 if x.is_sparse_csr else x * 2


def quantized(x: Tensor) -> Tensor:
    return x + 1 if x.is_quantized else x * 2


def cpu(x: Tensor) -> Tensor:
    return x + 1 if x.is_cpu else x * 2


def floating_point(x: Tensor) -> Tensor:
    return x + 1 if x.is_floating_point() and not x.long().is_floating_point() else x * 2


def real(x: Tensor) -> Tensor:
    return x + 1 if x.is_complex() else x * 2


def complex_pair(x: Tensor) -> Tensor:
    pair = torch.view_as_complex(x.reshape(-1, 2))
    return x + 1 if pair.is_complex() else x * 2


def gradient(x: Tensor) -> Tensor:
    return x + 1 if x.requires_grad else x * 2


def left_aligned(x: Tensor) -> Tensor:
    """Both ways give the same: the answer is always no, so that nested tensors are never made."""
    return x + 1 if torch._nested_tensor_from_mask_left_aligned(x[:, :, None], x > 9) else 1 + x


def grad_enabled(x: Tensor) -> Tensor:
    """Both ways give the same: the answer is always yes, see ``prim::requires_grad``."""
    return x + 1 if torch.is_grad_enabled() else 1 + x


def autocast(x: Tensor) -> Tensor:
    return x + 1 if torch.is_autocast_enabled() else x * 2


def counted(x: Tensor) -> Tensor:
    sizes = [x.size(0), 3, x.size(1), 3]
    halves = [0.5, float(x.size(0)), 0.5]
    flags = [True, x.size(0) > 3, False]
    return x + sizes.count(3) + 10 * halves.count(0.5) + 100 * flags.count(True)


def totals(x: Tensor) -> Tensor:
    sizes = [x.size(0), 3, x.size(1)]
    flags = [False, x.size(0) > 2]
    return x + sum(sizes) + 10 * float(any(flags)) + 100 * float(all(flags))


def placed(x: Tensor) -> Tensor:
    return x + [5, x.size(0), x.size(1)].index(x.size(0))


def asked(name: str, target: str, run: Callable[..., Any]) -> Case:
    return Case(name, target, torch.jit.script(run), lambda: (X,), {0: (0,)})


CASES = [
    *[
        asked(run.__name__, f"prim::is_{run.__name__}", run)
        for run in (
            cuda,
            xla,
            xpu,
            mps,
            ipu,
            maia,
            vulkan,
            mtia,
            mkldnn,
            meta,
            nested,
            sparse,
            sparse_csr,
            quantized,
            cpu,
        )
    ],
    asked("floating-point", "aten::is_floating_point", floating_point),
    asked("real", "aten::is_complex", real),
    asked("complex", "complex::is_complex", complex_pair),
    asked("gradient", "prim::requires_grad", gradient),
    asked("left-aligned", "aten::_nested_tensor_from_mask_left_aligned", left_aligned),
    asked("grad-enabled", "aten::is_grad_enabled", grad_enabled),
    asked("autocast", "aten::is_autocast_enabled", autocast),
    asked("counted", "aten::count.int", counted),
    *[asked("totals", f"aten::{name}", totals) for name in ("sum.int", "any.bool", "all.bool")],
    Case("placed", "aten::index.list_int", torch.jit.script(placed), lambda: (X,), {0: (0,)}, since=9),
]
