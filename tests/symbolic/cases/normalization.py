"""Cases of ``symbolic/aten/normalization.py``."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from tests.symbolic.cases import Case, seeded


def _positive(*shape: int) -> torch.Tensor:
    return seeded(*shape, low=0.2, high=2)


class _Norm(nn.Module):
    """A module with parameters that are not ones and zeros."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner
        for item in [*inner.parameters(), *[b for b in inner.buffers() if b.is_floating_point()]]:
            item.data = _positive(*item.shape)
        self.eval()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.inner(x)


class _Weighted(nn.Module):
    def __init__(self, dim: int | None) -> None:
        super().__init__()
        self.inner = torch.nn.utils.weight_norm(nn.Conv1d(3, 4, 3), dim=dim)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.inner(x)


CASES: list[Case] = [
    *[
        Case(
            f"{n}d",
            "aten::batch_norm",
            _Norm(module(3)),
            lambda n=n, w=seeded(4, 3, *[5, 4, 3][:n]): (w,),
            {0: (0, *range(2, 2 + n))},
        )
        for n, module in enumerate((nn.BatchNorm1d, nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d))
    ],
    Case(
        "no-affine",
        "aten::batch_norm",
        _Norm(nn.BatchNorm2d(3, affine=False)),
        lambda: (seeded(4, 3, 5, 4),),
        {0: (0, 2)},
    ),
    Case(
        "no-statistics",
        "aten::batch_norm",
        nn.BatchNorm2d(3, track_running_stats=False),
        lambda: (seeded(4, 3, 5, 4),),
        {0: (0, 2)},
    ),
    Case(
        "training",
        "aten::batch_norm",
        lambda x, w=seeded(3): F.batch_norm(x, torch.zeros(3), torch.ones(3), w, w, training=True, eps=1e-3),
        lambda: (seeded(4, 3, 5, 4),),
        {0: (0, 2)},
        opsets=(13, 14, 15),
    ),
    Case(
        "half",
        "aten::batch_norm",
        lambda x, w=seeded(3), v=_positive(3): F.batch_norm(x, w, v, w, w),
        lambda: (seeded(4, 3, 5, dtype=torch.float16),),
    ),
    Case(
        "native",
        "aten::native_batch_norm",
        lambda x, w=seeded(3): torch.native_batch_norm(x, w, None, None, None, True, 0.1, 1e-5),
        lambda: (seeded(4, 3, 5),),
        {0: (0, 2)},
    ),
    Case(
        "no-training",
        "aten::_native_batch_norm_legit_no_training",
        lambda x, w=seeded(3), v=_positive(3): torch.ops.aten._native_batch_norm_legit_no_training(
            x, w, None, w, v, 0.1, 1e-5
        )[0],
        lambda: (seeded(4, 3, 5),),
        {0: (0, 2)},
    ),
    Case(
        "functional",
        "aten::_native_batch_norm_legit_functional",
        lambda x, w=seeded(3), v=_positive(3): torch.ops.aten._native_batch_norm_legit(
            x, w, None, w.clone(), v.clone(), True, 0.1, 1e-5
        ),
        lambda: (seeded(4, 3, 5),),
        {0: (0, 2)},
    ),
    Case(
        "functional-no-training",
        "aten::_native_batch_norm_legit_functional",
        lambda x, w=seeded(3), v=_positive(3): torch.ops.aten._native_batch_norm_legit(
            x, w, None, w.clone(), v.clone(), False, 0.1, 1e-5
        ),
        lambda: (seeded(4, 3, 5),),
    ),
    Case(
        "functional",
        "aten::_batch_norm_with_update_functional",
        lambda x, mean, variance, w=seeded(3): (
            *torch.ops.aten._batch_norm_with_update(x, w, None, mean, variance, 0.1, 1e-5),
            mean * 1,
            variance * 1,
        ),
        lambda: (seeded(4, 3, 5), seeded(3), seeded(3, low=0.5)),
        {0: (0, 2)},
    ),
    Case(
        "no-stats",
        "aten::_native_batch_norm_legit.no_stats",
        lambda x, w=seeded(3): torch.ops.aten._native_batch_norm_legit.no_stats(x, w, None, True, 0.1, 1e-5),
        lambda: (seeded(4, 3, 5),),
        {0: (0, 2)},
    ),
    *[
        Case(
            f"{n}d",
            "aten::instance_norm",
            module(3, affine=n > 1),
            lambda n=n, w=seeded(2, 3, *[5, 4, 3][:n]): (w,),
            {0: (0, *range(2, 2 + n))},
        )
        for n, module in enumerate((nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d), 1)
    ],
    Case("unbatched", "aten::instance_norm", nn.InstanceNorm1d(3), lambda: (seeded(3, 5),), {0: (1,)}),
    Case(
        "running",
        "aten::instance_norm",
        _Norm(nn.InstanceNorm2d(3, affine=True, track_running_stats=True)),
        lambda: (seeded(2, 3, 5, 4),),
        {0: (0, 2)},
    ),
    Case("last", "aten::layer_norm", _Norm(nn.LayerNorm(6)), lambda: (seeded(2, 5, 6),), {0: (0, 1)}),
    Case("two", "aten::layer_norm", _Norm(nn.LayerNorm((5, 6))), lambda: (seeded(2, 3, 5, 6),), {0: (0, 1)}),
    Case("no-bias", "aten::layer_norm", _Norm(nn.LayerNorm(6, bias=False)), lambda: (seeded(2, 5, 6),), {0: (0, 1)}),
    Case("bare", "aten::layer_norm", lambda x: F.layer_norm(x, (6,), eps=0.1), lambda: (seeded(2, 5, 6),), {0: (0, 1)}),
    Case(
        "over-a-dynamic-axis",
        "aten::layer_norm",
        lambda x: F.layer_norm(x, x.shape[1:]),
        lambda: (seeded(2, 5, 6),),
        {0: (0, 1)},
    ),
    Case("half", "aten::layer_norm", lambda x: F.layer_norm(x, (6,)), lambda: (seeded(2, 5, 6, dtype=torch.float16),)),
    Case(
        "double",
        "aten::layer_norm",
        lambda x, w=seeded(6, dtype=torch.float64): F.layer_norm(x, (6,), w),
        lambda: (seeded(2, 5, 6, dtype=torch.float64),),
    ),
    Case(
        "native",
        "aten::native_layer_norm",
        lambda x, w=seeded(6): torch.native_layer_norm(x, (6,), w, w, 1e-5),
        lambda: (seeded(2, 5, 6),),
        {0: (0, 1)},
    ),
    Case("groups", "aten::group_norm", _Norm(nn.GroupNorm(3, 6)), lambda: (seeded(2, 6, 5, 4),), {0: (0, 2, 3)}),
    Case("bare", "aten::group_norm", lambda x: F.group_norm(x, 2), lambda: (seeded(2, 6, 5),), {0: (0, 2)}),
    Case("flat", "aten::group_norm", lambda x, w=seeded(6): F.group_norm(x, 2, w), lambda: (seeded(2, 6),), {0: (0,)}),
    Case(
        "native",
        "aten::native_group_norm",
        lambda x, w=seeded(6): torch.native_group_norm(x, w, None, x.shape[0], 6, 5, 3, 1e-5),
        lambda: (seeded(2, 6, 5),),
        {0: (0,)},
    ),
    Case("rms", "aten::rms_norm", _Norm(nn.RMSNorm(6)), lambda: (seeded(2, 5, 6),), {0: (0, 1)}),
    Case("two", "aten::rms_norm", lambda x: F.rms_norm(x, (5, 6), eps=0.1), lambda: (seeded(2, 5, 6),), {0: (0,)}),
    Case("half", "aten::rms_norm", lambda x: F.rms_norm(x, (6,)), lambda: (seeded(2, 5, 6, dtype=torch.float16),)),
    Case(
        "fused",
        "aten::_fused_rms_norm",
        lambda x, w=seeded(6): torch.ops.aten._fused_rms_norm(x, [6], w, 1e-5),
        lambda: (seeded(2, 5, 6),),
        {0: (0, 1)},
    ),
    Case(
        "across-channels",
        "aten::avg_pool3d",
        lambda x: F.local_response_norm(x, 3, alpha=0.1, k=2.0),
        lambda: (seeded(2, 6, 5, 4),),
    ),
    Case("weight", "aten::_weight_norm", _Weighted(0), lambda: (seeded(2, 3, 7),), {0: (0, 2)}),
    Case("weight-whole", "aten::_weight_norm", _Weighted(None), lambda: (seeded(2, 3, 7),), {0: (0, 2)}),
    Case(
        "interface",
        "aten::_weight_norm_interface",
        lambda v, w=_positive(1, 5): torch._weight_norm_interface(v, w, 1),
        lambda: (seeded(4, 5),),
        {0: (0,)},
    ),
    Case(
        "norm-except",
        "aten::norm_except_dim",
        lambda v: (torch.norm_except_dim(v, 2, 1), torch.norm_except_dim(v, 1, 0), torch.norm_except_dim(v, 3, -1)),
        lambda: (seeded(4, 5),),
        {0: (0, 1)},
    ),
    Case(
        "normalize", "aten::linalg_vector_norm", lambda x: F.normalize(x, dim=1), lambda: (seeded(4, 5),), {0: (0, 1)}
    ),
]
