"""Every built-in symbolic function has a case, and every one of its variants is called in one of them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from onnx_explore.lowering import cursor, resolution
from onnx_explore.options import DEFAULT_OPSET, NEWEST_OPSET
from onnx_explore.symbolic.registry import REGISTRY, SymbolicFunction, Variant
from tests.symbolic.cases import Case
from tests.symbolic.running import export_case
from tests.symbolic.test_cases import CASES, boundaries

assert cursor  # importing it fills the registry

_ALIAS = "PyTorch's tracer and compiler write another name of it, whose arguments are called otherwise: "
_NO_OP = "the pass no_ops takes copies and aliases out of a graph; only a decomposition may bring it in again"

_QUANTIZED = "onnx_explore.symbolic.quantized."

NOT_CALLED: dict[str, str] = {
    "aten::det": _ALIAS + "aten::linalg_det",
    "aten::inverse": _ALIAS + "aten::linalg_inv",
    "aten::swapaxes": _ALIAS + "aten::transpose",
    "aten::positive": _NO_OP,
    "aten::split": "only the overload without a name; PyTorch's compiler takes split.Tensor or split.sizes before it",
    "complex::resolve_conj": _NO_OP,
}
"""Target → why no case calls its symbolic function. ``test_every_variant_is_called`` keeps it true."""


def entries() -> dict[SymbolicFunction, list[str]]:
    """The built-in symbolic functions with their targets: one that is registered for several counts once.

    Those of quantized tensors have rows of their own (test_quantized.py), which run several operators each.
    """
    found: dict[SymbolicFunction, list[str]] = {}
    for target, entry in REGISTRY._functions.items():
        if not any(variant.function.__module__.startswith(_QUANTIZED) for variant in entry.variants):
            found.setdefault(entry, []).append(target)
    return found


def without_case(cases: list[Case]) -> list[str]:
    """The targets (all of an entry, joined) that no case covers and NOT_CALLED does not excuse."""
    covered = {case.target for case in cases} | {case.target.split(".")[0] for case in cases}
    return [
        " = ".join(targets)
        for entry, targets in entries().items()
        if not _has_rows(entry)
        and not any(target in covered or target.split(".")[0] in covered or target in NOT_CALLED for target in targets)
    ]


def _has_rows(entry: SymbolicFunction) -> bool:
    """Those of quantized tensors have rows in tests/symbolic/quantized, which a test of their own counts."""
    modules = [item.function.__module__ for item in entry.variants]
    return bool(modules) and all(name.startswith("onnx_explore.symbolic.quantized") for name in modules)


def test_every_symbolic_function_has_a_case() -> None:
    missing = without_case(CASES)
    assert not missing, "add a Case to tests/symbolic/cases for: " + ", ".join(missing)


def test_a_symbolic_function_without_a_case_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = SymbolicFunction("aten::no_such_operator")
    monkeypatch.setattr(REGISTRY, "_functions", {**REGISTRY._functions, entry.target: entry})
    assert without_case(CASES) == [entry.target]


@pytest.fixture
def uncalled(monkeypatch: pytest.MonkeyPatch) -> Iterator[set[tuple[str, int]]]:
    """Target and first opset of every built-in variant; one that is called, by the cursor or another one, goes out."""
    left: set[tuple[str, int]] = set()

    def noticed(function: Callable[..., Any], key: tuple[str, int]) -> Callable[..., Any]:
        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            left.discard(key)
            return function(*args, **kwargs)

        return call

    for entry in entries():
        if _has_rows(entry):
            continue
        variants: list[Variant] = []
        for variant in entry.variants:
            key = (entry.target, variant.since)
            left.add(key)
            variants.append(Variant(variant.since, noticed(variant.function, key), variant.custom, variant.style))
        monkeypatch.setattr(entry, "variants", tuple(variants))
    resolution._resolve.cache_clear()
    yield left
    resolution._resolve.cache_clear()


def exports() -> Iterator[tuple[Case, int]]:
    """All cases at all their opsets; first at those that reach most variants."""
    seen: set[tuple[int, int]] = set()
    chosen: tuple[Callable[[Case], list[int]], ...] = (
        lambda case: [max(DEFAULT_OPSET, case.since)],
        lambda case: [case.since, NEWEST_OPSET],
        boundaries,
    )
    for opsets in chosen:
        for index, case in enumerate(CASES):
            for opset in opsets(case):
                if (index, opset) not in seen:
                    seen.add((index, opset))
                    yield case, opset


@pytest.mark.full
def test_every_variant_is_called(uncalled: set[tuple[str, int]]) -> None:
    for case, opset in exports():
        export_case(case, case.args(), opset)
        if {target for target, _ in uncalled} <= NOT_CALLED.keys():
            break
    missing = {target for target, _ in uncalled}
    assert missing <= NOT_CALLED.keys(), (
        f"no case calls {sorted(item for item in uncalled if item[0] not in NOT_CALLED)}"
    )
    assert missing == NOT_CALLED.keys(), f"take out of NOT_CALLED: {NOT_CALLED.keys() - missing}"
