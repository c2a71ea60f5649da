"""Conversions of the element type."""

from __future__ import annotations

import torch

from tests.symbolic.cases import Case, seeded


def _x(dtype: torch.dtype = torch.float32):  # type: ignore[no-untyped-def]
    return lambda: (seeded(3, 4, dtype=dtype, low=0, high=9),)


_DTYPES = (torch.float16, torch.float64, torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool)
CASES: list[Case] = [
    *[
        Case(f"to-{str(dtype)[6:]}", "aten::to", lambda x, dtype=dtype: x.to(dtype), _x(), dynamic={0: (0,)})
        for dtype in _DTYPES
    ],
    *[
        Case(f"from-{str(dtype)[6:]}", "aten::to", lambda x: x.float(), _x(dtype), dynamic={0: (0,)})
        for dtype in _DTYPES
    ],
    Case("bfloat16", "aten::to", lambda x: x.bfloat16().float(), _x(), dynamic={0: (0,)}, since=13),
    Case("device", "aten::to", lambda x: x.to("cpu", torch.float64), _x()),
    Case("device-only", "aten::to", lambda x: x.to("cpu") + 1, _x()),
    Case("copy", "aten::to", lambda x: x.to(torch.int64, copy=True), _x()),
    Case("other", "aten::to", lambda x, y: x.to(y), lambda: (seeded(2), torch.tensor([1]))),
    Case("bool-long", "aten::to", lambda x: (x > 1).long(), _x()),
    Case("plain", "aten::type_as", lambda x, y: x.type_as(y), lambda: (seeded(2), torch.tensor([1]))),
    Case("plain", "aten::_cast_Long", lambda x: torch.ops.aten._cast_Long(x), _x()),
    Case("plain", "aten::_cast_Half", lambda x: torch.ops.aten._cast_Half(x), _x()),
    Case("chain", "aten::clone", lambda x: x.t().contiguous().clone().detach() + x.cpu().t(), _x(), dynamic={0: (0,)}),
    Case(
        "channels-last",
        "aten::contiguous",
        lambda x: x.contiguous(memory_format=torch.channels_last) * 2,
        lambda: (seeded(1, 2, 3, 4),),
    ),
    Case("bits", "aten::view.dtype", lambda x: x.view(torch.int32) + 1, lambda: (seeded(3, 4),), {0: (0, 1)}, since=26),
    Case("bits-back", "aten::view.dtype", lambda x: x.view(torch.float64), lambda: (torch.arange(-2, 5),), since=26),
    Case("resolve", "aten::resolve_conj", lambda x: x.conj().resolve_conj().real + 1, _x()),
    Case("broadcast", "aten::copy", lambda x: torch.zeros(3, 4, dtype=torch.int64).copy_(x[0]), _x()),
    Case("dynamic", "aten::copy", lambda x: x.clone().copy_(x[0] * 2), _x(), dynamic={0: (0,)}),
]
