"""What the check of every node found: one row per compared tensor, the culprits first, a text for a person."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from onnx_explore.check.compare import Comparison

Status = Literal["agrees", "introduces", "passes on", "random", "not compared"]
Cause = Literal["", "wrong symbolic function", "rounding", "training mode", "baked size", "unsupported precision"]

_HARMLESS = ("rounding", "unsupported precision")
_ROWS = 10


@dataclass(frozen=True, slots=True)
class NodeCheck:
    """One tensor of the TorchGraph against the ONNX value that it became.

    Attributes:
        node: Id of the torch node.
        target: Such as ``aten::gelu``.
        scope: The module path.
        where: The user's source line, or ``""``.
        value: Name of the ONNX value; ``""`` if a pass left none.
        onnx: Names of the ONNX nodes that the torch node became.
        status: ``agrees``; ``introduces`` (differs though it was fed with PyTorch's own values); ``passes on`` (differs only
            as what it is fed with differs); ``random``; ``not compared``.
        cause: Why it introduces a difference.
        detail: One line.
        accumulated: The comparison as the model runs.
        local: The comparison where the node is fed with PyTorch's values.
        nonfinite: How many elements are NaN or infinite, in PyTorch and in ONNX as the model runs.
        bytes: Of the tensor.
    """

    node: int
    target: str
    scope: str
    where: str
    value: str
    onnx: tuple[str, ...]
    status: Status
    cause: Cause = ""
    detail: str = ""
    accumulated: Comparison | None = None
    local: Comparison | None = None
    nonfinite: tuple[int, int] = (0, 0)
    bytes: int = 0

    @property
    def accumulated_error(self) -> float:
        """Largest absolute difference as the model runs; infinite where dtype or shape differ, NaN if unknown."""
        return _error(self.accumulated)

    @property
    def local_error(self) -> float:
        """Largest absolute difference of the node alone; infinite where dtype or shape differ, NaN if unknown."""
        return _error(self.local)

    @property
    def accumulated_excess(self) -> float:
        """Largest difference as the model runs, as a multiple of what is allowed there; NaN if unknown."""
        return float("nan") if self.accumulated is None else self.accumulated.excess

    @property
    def local_excess(self) -> float:
        """Largest difference of the node alone, as a multiple of what is allowed there; NaN if unknown."""
        return float("nan") if self.local is None else self.local.excess

    def __str__(self) -> str:
        place = " ".join(
            part for part in (f"%{self.node}", self.target, f"at {self.where}" if self.where else "") if part
        )
        cause = f" ({self.cause})" if self.cause else ""
        return f"{place}: {self.status}{cause}{f': {self.detail}' if self.detail else ''}"


@dataclass(frozen=True, slots=True)
class NodesReport:
    """All rows, in the order of the TorchGraph.

    Attributes:
        rows: One per compared tensor.
        parts: How many parts the model was run in.
        budget: Bytes of intermediates that were held at a time.
        peak: Bytes of intermediates that were held at most.
        seconds: Wall time.
        note: What concerns the whole check, or ``""``.
        captured_inputs: Whether the model ran on the inputs that it was captured with.
    """

    rows: tuple[NodeCheck, ...]
    parts: int = 0
    budget: int = 0
    peak: int = 0
    seconds: float = 0.0
    note: str = ""
    captured_inputs: bool = True

    @property
    def culprits(self) -> tuple[NodeCheck, ...]:
        """The rows that introduce a difference, likeliest first: wrong functions before rounding, then in order."""
        found = [row for row in self.rows if row.status == "introduces"]
        return tuple(sorted(found, key=lambda row: row.cause in _HARMLESS))

    @property
    def ranked(self) -> tuple[NodeCheck, ...]:
        """All rows: the culprits, what passes on in order, what agrees by how near it comes to the tolerance, the rest."""
        passing = [row for row in self.rows if row.status == "passes on"]
        near = sorted(
            (row for row in self.rows if row.status == "agrees"),
            key=lambda row: -row.local_excess if row.local is not None else 0.0,
        )
        rest = [row for row in self.rows if row.status in ("random", "not compared")]
        return (*self.culprits, *passing, *near, *rest)

    @property
    def first_difference(self) -> NodeCheck | None:
        """The first row, in the order of the graph, that is outside of the tolerance alone or as the model runs."""
        return next((row for row in self.rows if row.status in ("introduces", "passes on")), None)

    @property
    def first_nonfinite(self) -> NodeCheck | None:
        """The first tensor with a NaN or an infinity on one side only, else the first with one on both."""
        one = next((row for row in self.rows if bool(row.nonfinite[0]) != bool(row.nonfinite[1])), None)
        return one or next((row for row in self.rows if any(row.nonfinite)), None)

    @property
    def passed(self) -> bool:
        """Whether something was compared, and no node gives something else than PyTorch but by rounding."""
        return bool(self.compared) and self.unexplained is None and all(row.cause in _HARMLESS for row in self.culprits)

    @property
    def compared(self) -> tuple[NodeCheck, ...]:
        """The rows that were compared, alone or as the model runs."""
        return tuple(row for row in self.rows if row.local is not None or row.accumulated is not None)

    @property
    def unexplained(self) -> NodeCheck | None:
        """The first row that passes a difference on that no row before it introduces: the culprit was not compared."""
        for row in self.rows:
            if row.status == "introduces":
                return None
            if row.status == "passes on":
                return row
        return None

    def of(self, node: int) -> tuple[NodeCheck, ...]:
        """The rows of a torch node."""
        return tuple(row for row in self.rows if row.node == node)

    @property
    def verdict(self) -> str:
        """One line."""
        compared, culprits, unexplained = self.compared, self.culprits, self.unexplained
        count = f"{len(compared)} of {len(self.rows)} intermediates compared"
        if self.note:
            count = f"{count}; {self.note}"
        if not compared:
            return f"no node could be compared: {count}"
        if unexplained is not None and all(row.cause in _HARMLESS for row in culprits):
            return f"nodes differ, and what introduces it was not compared: it stands before {unexplained}; {count}"
        if not culprits:
            worst = max((row.local_error for row in compared if row.local is not None), default=0.0)
            some = "every node" if len(compared) == len(self.rows) else "every compared node"
            return f"{some} agrees: {count} (max local error {worst:.1e})"
        first, *rest = culprits
        more = f" and {len(rest)} more" if rest else ""
        return f"{'rounding only' if self.passed else 'nodes differ'}: {first}{more}; {count}"

    def to_text(self, rows: int = _ROWS) -> str:
        """The verdict, the culprits, the first NaN or infinity, and the largest errors."""
        lines = [self.verdict]
        culprits = self.culprits
        if culprits:
            lines.append("Introduce a difference:")
            lines += [f"  {row}" for row in culprits[:rows]]
            if len(culprits) > rows:
                lines.append(f"  … and {len(culprits) - rows} more")
        passing = [row for row in self.rows if row.status == "passes on"]
        if passing:
            lines.append(f"Pass it on: {len(passing)} intermediates, from {passing[0]}")
        odd = self.first_nonfinite
        if odd is not None:
            lines.append(
                f"First NaN or infinity: {odd.value} of %{odd.node} {odd.target} at {odd.where}: "
                f"{odd.nonfinite[0]} elements in PyTorch, {odd.nonfinite[1]} in ONNX"
            )
        lines += _table(self.rows, rows)
        left = [row for row in self.rows if row.status == "not compared"]
        if left:
            lines.append(f"Not compared: {len(left)}")
            lines += [f"  {row}" for row in left[:rows]]
        lines.append(self.effort)
        return "\n".join(lines)

    @property
    def effort(self) -> str:
        """In how many parts it ran, with how many bytes, for how long."""
        return (
            f"{self.parts} {'part' if self.parts == 1 else 'parts'}, {self.peak / (1 << 20):.1f} MiB of intermediates "
            f"at a time (budget {self.budget / (1 << 20):.0f} MiB), {self.seconds:.2f} s"
        )

    def __str__(self) -> str:
        return self.to_text()


def _table(rows: tuple[NodeCheck, ...], limit: int) -> list[str]:
    compared = [row for row in rows if row.local is not None]
    worst = sorted(compared, key=lambda row: row.local_error, reverse=True)[:limit]
    if not worst:
        return []
    cells: list[tuple[str, ...]] = [("node", "target", "module", "accumulated", "local", "value")]
    cells += [
        (
            f"%{row.node}",
            row.target,
            row.scope,
            _number(row.accumulated_error),
            _number(row.local_error),
            row.value,
        )
        for row in worst
    ]
    widths = [max(len(line[column]) for line in cells) for column in range(6)]
    head = "Largest local errors (absolute):"
    return [head, *("  " + "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
                    for line in cells)]  # fmt: skip


def _number(error: float) -> str:
    return "-" if error != error else f"{error:.1e}"


def _error(comparison: Comparison | None) -> float:
    if comparison is None:
        return float("nan")
    return float("inf") if comparison.reason in ("dtype", "shape", "missing") else comparison.max_abs
