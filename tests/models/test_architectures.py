"""Every architecture of ``transformers`` in the list: exported, and as PyTorch at two batch sizes and two lengths."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest

from tests.models.architectures import ARCHITECTURES, SIZES, Architecture, guide, outcome

GUIDE = Path(__file__).parents[2] / "notebooks" / "guide" / "architectures.md"


@pytest.mark.full
@pytest.mark.parametrize("case", ARCHITECTURES, ids=lambda case: case.name)
def test_architecture(case: Architecture) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = outcome(case)
    if case.fails:
        assert result, f"{case.name} matches now: take its reason away, and write the guide again"
    else:
        assert not result


def test_what_is_promised() -> None:
    assert len({case.name for case in ARCHITECTURES}) == len(ARCHITECTURES)
    assert sum(not case.fails for case in ARCHITECTURES) >= 40
    assert len({batch for batch, _ in SIZES}) == len({length for _, length in SIZES}) == 2


def test_the_guide_lists_every_architecture() -> None:
    rows = [(case, case.fails) for case in ARCHITECTURES]
    assert GUIDE.read_text(encoding="utf-8") == guide(rows)
