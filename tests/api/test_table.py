"""The guide's table is what the tests say, and no name of the reference is without a test."""

from __future__ import annotations

from tests.api.reference import everything
from tests.api.table import GUIDE, proofs, table


def test_every_name_of_the_reference_has_a_test() -> None:
    found = proofs()
    assert [key for key in everything() if not found.get(key)] == []
    assert set(found) <= set(everything())


def test_the_table_is_up_to_date() -> None:
    assert GUIDE.read_text(encoding="utf-8") == table(), "run: python -m tests.api.table"
