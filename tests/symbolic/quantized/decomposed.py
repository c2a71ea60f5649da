"""The operators of pt2e, ``quantized_decomposed::``, once each: rows as in ``rows.py``."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.ao.quantization.fx._decomposed  # registers them
import torch.nn.functional as F

from tests.symbolic.cases import seeded
from tests.symbolic.quantized.rows import Row, image

_X, _FLAT = image(2, 4, 6, 6), image(3, 8)
_SCALES, _POINTS = torch.tensor([0.02, 0.05, 0.1, 0.2]), torch.tensor([100, 3, 250, 0])

dec = torch.ops.quantized_decomposed
_GRID, _CHANNELS = (0.03, 100, 0, 255, torch.uint8), (_SCALES, _POINTS, 1, 0, 255, torch.uint8)
_WIDE = (1e-3, 7, -32768, 32767, torch.int16)
_TABLE = seeded(5, 8)


def _chosen_grid(symmetric: bool, dtype: torch.dtype, low: int, high: int) -> Callable[[torch.Tensor], torch.Tensor]:
    # The overloads that take tensors: without their names, PyTorch makes numbers of one-element tensors.
    choose = (dec.choose_qparams_symmetric if symmetric else dec.choose_qparams).tensor

    def run(x: torch.Tensor) -> torch.Tensor:
        grid = choose(x, low, high, 1e-5, dtype)
        integers = dec.quantize_per_tensor.tensor(x, *grid, low, high, dtype)
        return dec.dequantize_per_tensor.tensor(integers, *grid, low, high, dtype)

    return run


def _per_channel_weight(x: torch.Tensor) -> torch.Tensor:
    scales, points = torch.linspace(0.006, 0.012, 5), torch.zeros(5, dtype=torch.int64)
    w = dec.quantize_per_channel(_TABLE, scales, points, 0, -128, 127, torch.int8)
    return F.linear(x, dec.dequantize_per_channel(w, scales, points, 0, -128, 127, torch.int8))


DECOMPOSED = [
    Row("quantized_decomposed::quantize_per_tensor", lambda x: dec.quantize_per_tensor(x, *_GRID), _X, step=1),
    Row("quantized_decomposed::quantize_per_tensor",
        lambda x: dec.quantize_per_tensor(x, 0.03, 60, 0, 127, torch.uint8), _X, "7 bits", step=1),
    Row("quantized_decomposed::quantize_per_tensor",
        lambda x: dec.quantize_per_tensor(
            x, torch.tensor(0.03), torch.tensor(3), torch.tensor(-127), torch.tensor(127), torch.int8), _X, "tensors", step=1),
    Row("quantized_decomposed::quantize_per_tensor", lambda x: dec.quantize_per_tensor(x, *_WIDE), _X, "16 bits", step=1),
    Row("quantized_decomposed::quantize_per_tensor",
        lambda x: dec.quantize_per_tensor(x, 1e-5, 0, -(2**31), 2**31 - 1, torch.int32), _X, "32 bits", step=1),
    Row("quantized_decomposed::dequantize_per_tensor",
        lambda x: dec.dequantize_per_tensor(dec.quantize_per_tensor(x, *_GRID), *_GRID), _X, step=0.0300001),
    Row("quantized_decomposed::dequantize_per_tensor",
        lambda x: dec.dequantize_per_tensor(dec.quantize_per_tensor(x, *_GRID), *_GRID, out_dtype=torch.float16), _X, "half",
        step=0.0301),
    Row("quantized_decomposed::dequantize_per_tensor",
        lambda x: dec.dequantize_per_tensor(dec.quantize_per_tensor(x, *_WIDE), *_WIDE), _X, "16 bits", step=0.00100001),
    Row("quantized_decomposed::quantize_per_channel", lambda x: dec.quantize_per_channel(x, *_CHANNELS), _X, step=1),
    Row("quantized_decomposed::dequantize_per_channel",
        lambda x: dec.dequantize_per_channel(dec.quantize_per_channel(x, *_CHANNELS), *_CHANNELS), _X, step=0.2000001),
    Row("quantized_decomposed::dequantize_per_channel", _per_channel_weight, _FLAT, "weight"),
    Row("quantized_decomposed::fake_quant_per_channel",
        lambda x: dec.fake_quant_per_channel(x, _SCALES, _POINTS.int(), 1, 0, 255), _X, step=0.2000001),
    Row("quantized_decomposed::choose_qparams", _chosen_grid(False, torch.uint8, 0, 255), _X, step=0.0275),
    Row("quantized_decomposed::choose_qparams_symmetric", _chosen_grid(True, torch.int8, -127, 127), _X, step=0.0315),
    Row("quantized_decomposed::choose_qparams_symmetric", _chosen_grid(True, torch.uint8, 0, 255), _X, "unsigned", step=0.0315),
]  # fmt: skip
