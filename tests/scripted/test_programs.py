"""Random programs give what TorchScript gives, or are refused where a write has effects that only the run knows."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from onnx_explore.errors import UnsupportedOperatorError
from tests.scripted.flow import X
from tests.scripted.programs import load
from tests.scripted.running import Scripted, check, scripted

RUNS = [(X, 2, 1), (X * 0.1, 0, 0), (-X, 3, 2)]
WITHOUT_WRITES = (500, 503, 506, 508, 509, 514, 515, 517, 520, 523)
WITH_WRITES = (504, 510, 519, 522, 525, 528, 540, 549, 138, 13, 1203)


@pytest.mark.parametrize("seed", WITHOUT_WRITES)
def test_a_program_without_writes(seed: int, tmp_path: Path):
    function, _ = load(seed, tmp_path)
    check(Scripted(scripted(function), RUNS), 17)


@pytest.mark.parametrize("seed", WITH_WRITES)
def test_a_program_that_writes_is_right_or_refused(seed: int, tmp_path: Path):
    _right_or_refused(seed, tmp_path)


@pytest.mark.full
@pytest.mark.parametrize("seed", range(1000, 1300))
def test_many_programs(seed: int, tmp_path: Path):
    _right_or_refused(seed, tmp_path)


def _right_or_refused(seed: int, tmp_path: Path) -> None:
    function, source = load(seed, tmp_path)
    try:
        model = scripted(function)
        for args in RUNS:
            model(*[item.clone() if isinstance(item, torch.Tensor) else item for item in args])
    except RuntimeError:
        return  # TorchScript itself does not take the program
    try:
        check(Scripted(model, RUNS), 17)
    except UnsupportedOperatorError as error:
        refused = ("keeps it", "used after a write", "may be this one was changed", "by another name")
        if not any(text in str(error) for text in refused):
            raise AssertionError(source) from error
