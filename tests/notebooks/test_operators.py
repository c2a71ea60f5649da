"""The guide's table of operators is what the registry says."""

from __future__ import annotations

from pathlib import Path

import onnx_explore  # noqa: F401  (fills the registry)
from onnx_explore.explore.operators import support_table
from onnx_explore.symbolic.registry import REGISTRY

GUIDE = Path(__file__).parents[2] / "notebooks/guide/operators.md"


def test_the_table_is_up_to_date():
    assert GUIDE.read_text(encoding="utf-8") == support_table(), (
        "run: python -m onnx_explore.explore.operators notebooks/guide/operators.md"
    )


def test_it_is_ahead_of_the_legacy_registry():
    assert sum(target.startswith("aten::") for target in REGISTRY.targets()) > 310
