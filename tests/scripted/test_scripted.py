"""Every scripted case, at the default opset; at all others under ``-m full``."""

from __future__ import annotations

import pytest

from tests.scripted.containers import CONTAINERS
from tests.scripted.flow import FLOW
from tests.scripted.interface import INTERFACE
from tests.scripted.modules import MODULES
from tests.scripted.running import Scripted, check
from tests.scripted.writes import WRITES

CASES = [*FLOW, *CONTAINERS, *WRITES, *INTERFACE, *MODULES]
OPSETS = (11, 13, 20, 25)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_it_gives_what_torchscript_gives(case: Scripted):
    check(case, 17)


@pytest.mark.full
@pytest.mark.parametrize("opset", OPSETS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_it_does_at_every_opset(case: Scripted, opset: int):
    if opset < case.since:
        pytest.skip(f"ONNX has what it needs from opset {case.since} on")
    check(case, opset)
