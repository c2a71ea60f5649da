"""PyTorch's own samples of its operators (``op_db``), exported at opset 18 and compared in dtype, shape and value.

By default a fixed choice of operators with two samples each; ``-m full`` runs all 642 with five samples that are spread over
each operator's own list. Left out are random operators, samples with dropout (both stand in opinfo.py), and what PyTorch runs on
a GPU alone.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
import torch

from tests.symbolic.known_failures import UNSTEADY, known_failures
from tests.symbolic.opinfo import Outcome, full_name, operators, try_operator

OPSET = 18
SHARDS = 8
TOTAL = 642
OTHERS = {torch.int64: (453, 447), torch.bool: (337, 335)}
"""Element type → how many operators support it, and how many pass completely."""

_FAST = """
    abs add addmm all amax aminmax angle any argmax argsort as_strided atan2 baddbmm bmm bucketize cat cdist chunk clamp
    copysign cos cross cummax cumprod cumsum diagonal diff einsum erf expand eye fft.fft fft.hfft2 fft.irfft fft.rfftn
    flip fmod full_like gather ge histc index_add index_copy index_put index_reduce.amin index_select isclose kron lerp
    lgamma linalg.det linalg.inv linalg.lu linalg.qr linalg.solve linalg.vector_norm log_softmax logcumsumexp logsumexp
    masked.mean masked.var masked_fill masked_scatter masked_select matmul maximum median meshgrid.list_of_tensors mode movedim
    nan_to_num native_layer_norm nn.functional.adaptive_avg_pool2d nn.functional.adaptive_max_pool2d
    nn.functional.avg_pool2d nn.functional.bilinear nn.functional.conv2d nn.functional.conv_transpose2d
    nn.functional.cross_entropy nn.functional.ctc_loss nn.functional.embedding_bag nn.functional.gelu
    nn.functional.grid_sample nn.functional.group_norm nn.functional.interpolate.bicubic
    nn.functional.interpolate.bilinear nn.functional.interpolate.nearest-exact nn.functional.kl_div
    nn.functional.layer_norm nn.functional.max_pool2d nn.functional.max_unpool2d
    nn.functional.multi_head_attention_forward nn.functional.nll_loss nn.functional.pad.reflect
    nn.functional.pixel_shuffle nn.functional.prelu nn.functional.rms_norm nn.functional.scaled_dot_product_attention
    nn.functional.softplus nn.functional.unfold nonzero norm pow quantile remainder repeat_interleave roll rot90
    round.decimals_3 scatter scatter_reduce.prod searchsorted select_scatter slice softmax sort special.bessel_j0
    special.hermite_polynomial_he split std_mean.unbiased stft sum take_along_dim tensor_split tensordot topk tril triu
    unbind unflatten unfold unique unique_consecutive var where xlogy
"""


@cache
def _by_name() -> dict[str, Any]:
    return {full_name(op): op for op in operators() if torch.float32 in op.supported_dtypes("cpu")}


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    logging.disable(logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
    logging.disable(logging.NOTSET)


def problem(outcome: Outcome, dtype: torch.dtype = torch.float32) -> str:
    """What is wrong with an outcome, or ``""``."""
    known = outcome.name in known_failures(dtype)
    if known and outcome.passed == outcome.total and outcome.name not in UNSTEADY:
        return f"{outcome.name} passes now: take it out of known_failures.py"
    if not known and outcome.passed < outcome.total:
        return f"{outcome.name}: {outcome.passed} of {outcome.total} pass\n    " + "\n    ".join(outcome.failures)
    return ""


@pytest.mark.parametrize("name", _FAST.split())
def test_operator(name: str) -> None:
    outcome = try_operator(_by_name()[name], torch.float32, OPSET, 2)
    assert not problem(outcome), problem(outcome)


@pytest.mark.full
@pytest.mark.parametrize("shard", range(SHARDS))
def test_every_operator(shard: int) -> None:
    problems: list[str] = []
    for op in list(_by_name().values())[shard::SHARDS]:
        found = problem(try_operator(op, torch.float32, OPSET, 5))
        if found:
            problems.append(found)
    assert not problems, "\n".join(problems)


@pytest.mark.full
@pytest.mark.parametrize("dtype", OTHERS, ids=str)
def test_other_element_types(dtype: torch.dtype) -> None:
    outcomes = [try_operator(op, dtype, OPSET, 5) for op in operators() if dtype in op.supported_dtypes("cpu")]
    problems = [found for outcome in outcomes if (found := problem(outcome, dtype))]
    assert not problems, "\n".join(problems)
    passing = [item for item in outcomes if item.passed == item.total]
    assert (len(outcomes), len(passing)) == OTHERS[dtype]


def test_what_is_left_out() -> None:
    known = known_failures(torch.float32)
    assert len(_by_name()) == TOTAL
    assert _by_name().keys() >= known.keys()
    assert len(known) == 7
