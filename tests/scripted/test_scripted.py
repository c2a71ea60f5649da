"""Every scripted case, at the default opset; at all others under ``-m full``."""

from __future__ import annotations

import pytest

from tests.scripted.containers import CONTAINERS
from tests.scripted.everyday import EVERYDAY
from tests.scripted.flow import FLOW
from tests.scripted.interface import INTERFACE
from tests.scripted.modules import MODULES
from tests.scripted.numbers import NUMBERS
from tests.scripted.optionals import OPTIONALS
from tests.scripted.recurrent import RECURRENT
from tests.scripted.running import Scripted, check
from tests.scripted.structures import STRUCTURES
from tests.scripted.writes import WRITES

CASES = [*FLOW, *CONTAINERS, *WRITES, *INTERFACE, *MODULES, *RECURRENT, *STRUCTURES, *OPTIONALS, *NUMBERS, *EVERYDAY]
OPSETS = (11, 13, 20, 25)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_it_gives_what_torchscript_gives(case: Scripted):
    check(case, 17)


@pytest.mark.full
@pytest.mark.parametrize(
    ("case", "opset"),
    [(case, opset) for case in CASES for opset in OPSETS if opset >= case.since],
    ids=lambda item: item.name if isinstance(item, Scripted) else str(item),
)
def test_it_does_at_every_opset(case: Scripted, opset: int):
    check(case, opset)
