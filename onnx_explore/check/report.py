"""What the checks found: items, one line for everybody, and a text for those who want to know."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from onnx_explore.check.compare import Comparison
from onnx_explore.errors import CaptureDiverged, CheckerError, OnnxExporterError, RuntimeMismatch

Kind = Literal["structure", "replay", "runtime", "data", "axis", "sample"]
Status = Literal["passed", "failed", "not run"]

_ACTIONS: dict[Kind, str] = {
    "structure": "report it as a defect of the symbolic function of the node that is named",
    "replay": "avoid what the tracer cannot see (Python side effects, .data), or script the model",
    "runtime": "look for the first node that differs with find_mismatch",
    "data": "look at what left the trace as a Python value, and compute it as a tensor, or script the model",
    "axis": "look at the sizes that left the trace as Python values, and mark or compute them as tensors",
    "sample": "mark the axes that differ as dynamic, or export with this sample as args and run check_nodes()",
}


@dataclass(frozen=True, slots=True)
class Check:
    """One check.

    Attributes:
        kind: ``structure`` (``onnx.checker``), ``replay`` (the recorded graph against the model, in PyTorch),
            ``runtime`` (ONNX against PyTorch, at the captured sizes), ``data`` (the same with other values, where sizes
            depend on them), ``axis`` (the same at another size) or ``sample`` (the same with inputs of the user's, or drawn).
        subject: What was checked: the runtime's name, the axis' (``batch``, ``batch + seq`` for both at once), or the
            sample's (``samples[0]``).
        status: ``passed``, ``failed`` or ``not run``.
        detail: One line.
        comparisons: One for each output, where outputs were compared.
    """

    kind: Kind
    subject: str
    status: Status
    detail: str
    comparisons: tuple[Comparison, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """All checks of one export, in order."""

    items: tuple[Check, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether no check failed. One that could not run did not fail; the verdict says so."""
        return not self.failures

    @property
    def failures(self) -> tuple[Check, ...]:
        """The checks that failed."""
        return tuple(item for item in self.items if item.status == "failed")

    @property
    def ran(self) -> bool:
        """Whether ONNX ran, where it was to run."""
        runtimes = [item for item in self.items if item.kind == "runtime"]
        return any(item.status == "passed" for item in runtimes) or not runtimes

    @property
    def verdict(self) -> str:
        """Everything in one line."""
        if self.failures:
            first, *rest = self.failures
            more = f" (and {len(rest)} more)" if rest else ""
            return f"check failed: {_name(first)}: {first.detail}{more}"
        runtimes = [item for item in self.items if item.kind == "runtime"]
        parts = [
            f"{item.subject} {item.detail}" if item.status == "passed" else f"not run: {item.detail}"
            for item in runtimes
        ] or [f"{item.subject} {item.detail}" for item in self.items if item.kind == "structure"]
        # A run with all axes changed adds no news when it agrees.
        single = [item for item in self.items if item.kind == "axis" and " + " not in item.subject]
        if single:
            axes = ", ".join(
                f"{item.subject}: {item.detail}"
                if item.status == "passed"
                else f"{item.subject}: not run, {item.detail}"
                for item in single
            )
            parts.append(f"dynamic axes {axes}")
        samples = [item for item in self.items if item.kind == "sample"]
        if samples:
            agree = sum(item.status == "passed" for item in samples)
            parts.append(f"{agree} of {len(samples)} samples agree" if len(samples) > 1 else _one(samples[0]))
        return ("checked: " if self.ran and self.items else "not checked: ") + ("; ".join(parts) or "nothing ran")

    def to_text(self) -> str:
        """The verdict, every check, and every output that was compared."""
        lines = [self.verdict]
        width = max((len(_name(item)) for item in self.items), default=0)
        for item in self.items:
            lines.append(f"  {item.status:<8} {_name(item):<{width}}  {item.detail}")
            lines += [f"             {comparison}" for comparison in item.comparisons]
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.to_text()

    def raise_if_failed(self) -> None:
        """Raise for the first failure.

        Raises:
            CheckerError: If the ONNX model is not valid.
            CaptureDiverged: If the recorded graph does not compute what the model computes.
            RuntimeMismatch: If ONNX does not compute what PyTorch computes.
        """
        if not self.failures:
            return
        first = self.failures[0]
        kinds: dict[Kind, type[OnnxExporterError]] = {"structure": CheckerError, "replay": CaptureDiverged}
        error = kinds.get(first.kind, RuntimeMismatch)
        raise error(self.verdict.removeprefix("check failed: "), action=_ACTIONS[first.kind])


def _one(item: Check) -> str:
    return f"{item.subject} agrees" if item.status == "passed" else f"{item.subject}: not run, {item.detail}"


def _name(item: Check) -> str:
    return f"axis {item.subject}" if item.kind == "axis" else item.subject
