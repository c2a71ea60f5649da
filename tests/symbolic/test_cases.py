"""Runs every case of every family: export, ONNX Runtime, compare with PyTorch; again at other sizes of the dynamic axes.

By default three cases of each operator run at the default opset; ``-m full`` runs every case at every variant boundary, 7 …
the newest, the default one among them.
"""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

import pytest
import torch

import tests.symbolic.cases as package
from onnx_explore.options import DEFAULT_OPSET, NEWEST_OPSET
from onnx_explore.symbolic.registry import REGISTRY
from tests.symbolic.cases import Case
from tests.symbolic.running import compare_outputs, export_case, run_exported

CASES: list[Case] = [
    case
    for module in pkgutil.iter_modules(package.__path__)
    for case in importlib.import_module(f"{package.__name__}.{module.name}").CASES
]
IDS = [f"{case.target}-{case.name}" for case in CASES]
_QUICK = 3
"""Cases of one operator that run by default."""


def quick(cases: list[Case]) -> list[Case]:
    """The first case of each operator, the last, and some that are spread between them."""
    by_target: dict[str, list[Case]] = {}
    for case in cases:
        by_target.setdefault(case.target, []).append(case)
    return [
        rows[number * (len(rows) - 1) // max(count - 1, 1)]
        for rows in by_target.values()
        for count in [min(len(rows), _QUICK)]
        for number in range(count)
    ]


def boundaries(case: Case) -> list[int]:
    """The opsets at which another variant begins to hold, from the case's first on, and the newest."""
    entries = REGISTRY.lookup(case.target.split(".")[0], case.target.partition(".")[2])
    found = {case.since, DEFAULT_OPSET, NEWEST_OPSET, *case.opsets, 9, 11, 13, 18, 20, 23}
    found |= {variant.since for entry in entries for variant in entry.variants}
    return sorted(opset for opset in found if opset >= case.since)


def _run(case: Case, opset: int) -> None:
    args = case.args()
    exported = export_case(case, args, opset)
    expected = expected_outputs(case, args)
    compare_outputs(case, expected, run_exported(exported, args))
    for index, axes in case.dynamic.items():
        for axis in axes:
            resized = resize(args, index, axis)
            compare_outputs(case, expected_outputs(case, resized), run_exported(exported, resized))


def expected_outputs(case: Case, args: tuple[Any, ...]) -> list[torch.Tensor]:
    with torch.no_grad():
        result = case.run(*[item.clone() if isinstance(item, torch.Tensor) else item for item in args])
    return [item for item in torch.utils._pytree.tree_leaves(result) if isinstance(item, torch.Tensor)]


def resize(args: tuple[Any, ...], index: int, axis: int) -> tuple[Any, ...]:
    """One more element along one axis: a repeated one, so that indices stay valid."""
    tensor = args[index]
    longer = torch.cat([tensor, tensor.narrow(axis, 0, 1)], axis)
    return (*args[:index], longer, *args[index + 1 :])


@pytest.mark.parametrize("case", quick(CASES), ids=lambda case: f"{case.target}-{case.name}")
def test_case(case: Case) -> None:
    _run(case, max(DEFAULT_OPSET, case.since))


@pytest.mark.full
@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_case_at_every_boundary(case: Case) -> None:
    failures: list[str] = []
    for opset in boundaries(case):
        try:
            _run(case, opset)
        except Exception as error:  # noqa: BLE001  (collected and reported below)
            failures.append(f"opset {opset}: {type(error).__name__}: {str(error)[:400]}")
    assert not failures, "\n".join(failures)


@pytest.mark.full
@pytest.mark.parametrize(
    "case", [case for case in CASES if case.since > 7], ids=lambda case: f"{case.target}-{case.name}"
)
def test_too_old_an_opset_is_said(case: Case) -> None:
    from onnx_explore.errors import UnsupportedOperatorError

    with pytest.raises(UnsupportedOperatorError):
        export_case(case, case.args(), case.since - 1)
