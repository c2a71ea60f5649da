"""The audit against a corpus: every seeded cause is found at its line and column, nothing is said of clean models.

The expected place stands in the models' source, as a comment; the verdicts are ONNX Runtime's against PyTorch.
"""

from __future__ import annotations

import copy
import inspect
import sys
from typing import Any

import pytest
import torch

from onnx_explore.auditing import Audit, Cause, audit
from tests.axes import baking, clean, elsewhere, realistic

MARK = "# baked:"
Row = tuple[Any, tuple[torch.Tensor, ...], dict[str, dict[int, str]]]


def name_of(row: Row) -> str:
    model = row[0]
    return type(model).__name__ if isinstance(model, torch.nn.Module) else model.__name__


def expected_place(name: str) -> tuple[str, int, set[int]]:
    """File, line and columns of the seeded cause."""
    inner = baking.IN_ANOTHER_FILE.get(name)
    if inner is None:
        item = getattr(baking, name, None) or getattr(realistic, name)
    else:
        item = elsewhere.Settings.note if inner == "note" else inspect.unwrap(getattr(elsewhere, inner))
    lines, first = inspect.getsourcelines(item)
    offset, line = next((index, line) for index, line in enumerate(lines) if MARK in line)
    code, _, wanted = line.partition(MARK)
    wanted = wanted.strip()
    columns = {index + 1 for index in range(len(code)) if code.startswith(wanted, index)} if wanted else set[int]()
    # Python before 3.12 places what stands in an f-string at the string's start.
    return inspect.getsourcefile(item) or "", first + offset, columns


def is_at(cause: Cause, place: tuple[str, int, set[int]]) -> bool:
    file, line, columns = place
    source = cause.source
    if (source.file, source.line) != (file, line):
        return False
    return sys.version_info < (3, 11) or not columns or source.column in columns


def told(result: Audit) -> str:
    return f"\n{result.to_text()}"


@pytest.mark.parametrize("row", [*baking.LINEAR, *baking.OTHER, *realistic.BAKES], ids=name_of)
def test_the_cause_is_named(row: Row) -> None:
    model, args, axes = row
    result = audit(model, args, axes)
    place = expected_place(name_of(row))
    causes = [problem.cause for problem in result.problems]
    assert any(is_at(cause, place) for cause in causes), f"{place}{told(result)}"
    # One place is seeded, and one place is named.
    assert all((cause.source.file, cause.source.line) == place[:2] for cause in causes), told(result)
    assert not result.proven, told(result)
    for problem in result.problems:
        assert problem.carriers and problem.suggestion and problem.axes


@pytest.mark.parametrize(
    "row", [*baking.LINEAR, *(row for row in realistic.BAKES if isinstance(row[0], realistic.MENDED))], ids=name_of
)
def test_the_repair_mends_what_is_linear(row: Row) -> None:
    model, args, axes = row
    result = audit(model, args, axes, repair=True)
    assert result.proven, told(result)
    assert result.problems and all(problem.repaired and problem.expression for problem in result.problems), told(result)


@pytest.mark.parametrize("row", [*clean.CLEAN, *realistic.CLEAN], ids=name_of)
def test_nothing_is_said_of_clean_models(row: Row) -> None:
    model, args, axes = row
    result = audit(model, args, axes)
    assert not result.problems, told(result)
    assert result.proven, told(result)


def test_the_corpus_is_large_enough() -> None:
    assert len(baking.LINEAR) + len(baking.OTHER) >= 40
    assert len(clean.CLEAN) >= 25
    assert len(realistic.BAKES) >= 15 and len(realistic.CLEAN) >= 10


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("row", realistic.BAKES, ids=name_of)
def test_the_label_is_true(row: Row) -> None:
    """PyTorch's own tracer, which is not ours, gives a trace that is wrong at another size, or does not run there."""
    model, args, axes = row
    module = model if isinstance(model, torch.nn.Module) else _Called(model)
    with torch.no_grad():
        traced = torch.jit.trace(copy.deepcopy(module), args, check_trace=False)
        differs = False
        for axis in {axis for named in axes.values() for axis in named}:
            other = tuple(torch.cat([item, item], axis) for item in args)
            wanted = module(*other)
            try:
                got = traced(*other)
            except RuntimeError:
                differs = True
                continue
            differs |= got.shape != wanted.shape or not torch.allclose(got, wanted, rtol=1e-4, atol=1e-5)
    assert differs


class _Called(torch.nn.Module):
    def __init__(self, function: Any) -> None:
        super().__init__()
        self.function = function

    def forward(self, *args: torch.Tensor) -> torch.Tensor:
        return self.function(*args)
