"""Python bools where an operator takes a number: PyTorch's tracer has no Scalar that is one, and raises an internal error."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

import onnx_explore
from tests.symbolic.cases import Case
from tests.symbolic.running import compare_outputs, run_exported

MODELS: dict[str, Callable[[Tensor], Tensor]] = {
    "and": lambda x: x & True,
    "or": lambda x: x | False,
    "xor": lambda x: x ^ True,
    "reflected": lambda x: True ^ (False | (True & x)),
    "bitwise": lambda x: torch.bitwise_and(x, True).bitwise_xor(True),
    "in-place": lambda x: x.clone().bitwise_or_(True).__iand__(True),
    "equal": lambda x: (x == True) | (x != False),  # noqa: E712
    "order": lambda x: (x > False) & (x <= True),
    "where": lambda x: torch.where(x > 0, True, False) & x.bool().where(x > 0, True),
    "masked-fill": lambda x: x.masked_fill(x > 0, True).masked_fill_(x > 1, False),
    "scatter": lambda x: x.scatter(0, torch.tensor([1]), True),
    "index-fill": lambda x: x.index_fill(0, torch.tensor([1]), True),
    "pad": lambda x: torch.constant_pad_nd(x, [1, 2], True),
    "sum": lambda x: torch.add(x, x, alpha=True if x.dtype == torch.bool else 1) + True,
    "index-add": lambda x: x.index_add(0, torch.tensor([1]), x[:1], alpha=True),
    "clamp": lambda x: x.long().clamp(False, True),
    "power": lambda x: x.long() ** True,
    "arange": lambda x: torch.arange(False, x.size(0), True) + x,
    "full": lambda x: torch.full((2,), True),
    "scalar": lambda x: torch.scalar_tensor(True) + x,
}


@pytest.mark.parametrize("x", [torch.tensor([True, False, True]), torch.tensor([1, 0, 3])], ids=["bool", "int64"])
@pytest.mark.parametrize("name", MODELS)
def test_bool_as_a_number(name: str, x: Tensor) -> None:
    run = MODELS[name]
    exported = onnx_explore.export(run, (x,), opset_version=18)
    compare_outputs(Case(name, "", run, lambda: (x,)), [run(x.clone())], run_exported(exported, (x,)))
