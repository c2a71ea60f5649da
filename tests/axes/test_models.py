"""The audit on whole models: none of them bakes a size, and nothing is said of them."""

from __future__ import annotations

import pytest
import torch

from onnx_explore.auditing import audit
from tests.models.cases import CASES, ModelCase


@pytest.mark.full
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_axis_is_proven(case: ModelCase) -> None:
    torch.manual_seed(0)
    args, kwargs = case.call(2, 7)
    result = audit(case.build().eval(), args, case.axes, kwargs=kwargs or None, opset_version=max(17, case.lowest))
    assert result.proven and not result.problems, result.to_text()
