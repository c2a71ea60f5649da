"""Every program of ``indexing_programs`` exported, and compared with PyTorch at sizes that the capture did not see."""

from __future__ import annotations

import warnings

import pytest
import torch

import onnx_explore
from tests.symbolic.cases import Case, seeded
from tests.symbolic.indexing_programs import PROGRAMS
from tests.symbolic.running import compare_outputs, run_exported


def _inputs(rows: int) -> tuple[torch.Tensor, torch.Tensor]:
    return seeded(rows, 4, 5), seeded(rows, dtype=torch.int64, low=-3, high=3)


def check(name: str, opset: int, sizes: tuple[int, ...] = (8, 6)) -> None:
    run = PROGRAMS[name]
    case = Case(name, "", run, lambda: ())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exported = onnx_explore.export(
            run,
            _inputs(5),
            opset_version=opset,
            input_names=["x", "i"],
            dynamic_axes={"x": {0: "rows"}, "i": {0: "rows"}},
        )
    for rows in sizes:
        args = _inputs(rows)
        result = run(*[item.clone() for item in args])
        expected = [item for item in torch.utils._pytree.tree_leaves(result) if isinstance(item, torch.Tensor)]
        compare_outputs(case, expected, run_exported(exported, args))


@pytest.mark.parametrize("name", PROGRAMS)
def test_program(name: str) -> None:
    check(name, 17, (8,))


@pytest.mark.full
@pytest.mark.parametrize("opset", [11, 13, 18, 23])
@pytest.mark.parametrize("name", PROGRAMS)
def test_program_at_other_opsets(name: str, opset: int) -> None:
    if name == "put_and_accumulate" and opset < 16:
        with pytest.raises(onnx_explore.errors.OpsetTooLow):
            check(name, opset)
    else:
        check(name, opset)
