"""Which pass changed the result, when one did: the model runs after each pass, on the same inputs.

In: a model as it was lowered, and the passes. Out: one row per pass, with what ONNX gives then against PyTorch. Before the first
pass a model may not be valid yet, and then it does not run: the row says so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import onnx_ir as ir

from onnx_explore.capture import Capture
from onnx_explore.check.compare import Comparison, compare
from onnx_explore.check.quantized import is_quantized
from onnx_explore.check.randomness import random_outputs
from onnx_explore.check.runtime import ReferenceSession, RuntimeSession, Session
from onnx_explore.errors import Cancelled, CheckerError, InvalidArgument, NoRuntimeKernel, RuntimeMismatch
from onnx_explore.passes.onnx import OnnxPass

LOWERING = "lowering"
"""Name of the row before the first pass."""


@dataclass(frozen=True, slots=True)
class PassCheck:
    """The model after one pass.

    Attributes:
        name: Of the pass; ``lowering`` before the first.
        changed: Whether the pass says that it changed the model.
        status: Whether ONNX gives what PyTorch gives; ``not run`` if it does not run then.
        detail: What differs, or why it does not run.
    """

    name: str
    changed: bool
    status: Literal["agrees", "differs", "not run"]
    detail: str = ""

    def __str__(self) -> str:
        unchanged = "" if self.changed or self.name == LOWERING else " (changed nothing)"
        return f"{self.name}{unchanged}: {self.status}{f': {self.detail}' if self.detail else ''}"


@dataclass(frozen=True, slots=True)
class PassesReport:
    """One row per pass, in order, the lowering first."""

    rows: tuple[PassCheck, ...]

    @property
    def culprit(self) -> PassCheck | None:
        """The pass after which the model differs (or does not run) although it agreed before; None if there is none."""
        agreed = False
        for row in self.rows:
            if row.status != "agrees" and agreed:
                return row
            agreed = agreed or row.status == "agrees"
        # None before it ran: the first that does run may only show what was wrong already.
        return None

    @property
    def verdict(self) -> str:
        """One line."""
        culprit = self.culprit
        if culprit is not None:
            return f"the pass {culprit.name} changed the result: {culprit.detail}"
        last = self.rows[-1]
        if last.status == "agrees":
            return "no pass changed the result"
        return f"no pass changed the result: it was so after the lowering ({last.detail}); see check_nodes()"

    def to_text(self) -> str:
        """The verdict, and a line for each pass."""
        return "\n".join([self.verdict, *(f"  {row}" for row in self.rows)])

    def __str__(self) -> str:
        return self.to_text()


def check_passes(
    model: ir.Model,
    passes: Sequence[tuple[str, OnnxPass]],
    capture: Capture,
    cancelled: Callable[[], bool],
) -> PassesReport:
    """Run the passes one by one, and the model after each.

    Args:
        model: As it was lowered; the passes change it in place.
        passes: Name and pass, in order.
        capture: What PyTorch gave, and for which inputs.
        cancelled: Whether to stop.

    Raises:
        Cancelled: If ``cancelled`` says so.
    """
    rows = [_row(LOWERING, False, model, capture)]
    for name, run in passes:
        if cancelled():
            raise Cancelled(f"stopped before pass {name}")
        changed = run(model)
        last = rows[-1]
        rows.append(_row(name, True, model, capture) if changed else PassCheck(name, False, last.status, last.detail))
    return PassesReport(tuple(rows))


def _row(name: str, changed: bool, model: ir.Model, capture: Capture) -> PassCheck:
    try:
        found = _compared(model, capture)
    except (CheckerError, InvalidArgument, NoRuntimeKernel, RuntimeMismatch) as error:
        return PassCheck(name, changed, "not run", error.message)
    wrong = [item for item in found if not item.passed]
    return PassCheck(name, changed, "differs" if wrong else "agrees", str(wrong[0]) if wrong else "")


def _compared(model: ir.Model, capture: Capture) -> list[Comparison]:
    feeds: dict[str, Any] = {}
    for item in capture.inputs:
        if item.sequence:
            feeds.setdefault(item.sequence, []).append(item.example.detach())
        else:
            feeds[item.name] = item.example.detach()
    for parameter in capture.graph.parameters:
        for name in (parameter.name, *parameter.aliases, parameter.value.name):
            feeds.setdefault(name, parameter.tensor.detach())
    session: Session
    try:
        session = RuntimeSession(model)
        actual = session.run(feeds)
    except NoRuntimeKernel:
        session = ReferenceSession(model)
        actual = session.run(feeds)
    flat = [each for item in actual for each in (item if isinstance(item, list) else [item])]
    names = [value.name or "" for value in model.graph.outputs] if len(flat) == len(actual) else []
    quantized = is_quantized(capture.graph)
    return compare(capture.eager, flat, names, random=random_outputs(model), quantized=quantized)
