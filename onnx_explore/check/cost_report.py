"""What a model costs, as rows: nodes, torch nodes, modules, source lines; and a text for a person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

MADE = "made by ONNX Runtime"
"""The row of what stands for no node of the model, as far as can be told."""

_ROWS = 10


@dataclass(frozen=True, slots=True)
class NodeCost:
    """One node as ONNX Runtime ran it.

    Attributes:
        name: ONNX Runtime's name: that of the model's node, unless ONNX Runtime made it.
        op_type: ONNX Runtime's, such as ``FusedConv``.
        seconds: Median over the runs, without the nodes in its branches or body.
        scope: The module path, all calls of a module together.
        line: The user's source line, or ``""``.
        torch_nodes: Ids of the captured nodes that it was lowered from.
        stands_for: Name of the model's node; of several that were fused, one. ``""`` if it cannot be told.
        torch_seconds: PyTorch's time for the torch nodes that it was lowered from, as a whole: other ONNX nodes may come
            from the same ones. None if PyTorch was not measured.
    """

    name: str
    op_type: str
    seconds: float
    scope: str
    line: str
    torch_nodes: tuple[int, ...]
    stands_for: str
    torch_seconds: float | None


@dataclass(frozen=True, slots=True)
class TorchCost:
    """One torch node that computes; median seconds, a node with branches or a body as a whole."""

    node: int
    target: str
    seconds: float
    scope: str
    line: str


@dataclass(frozen=True, slots=True)
class ModuleCost:
    """A module with all that is in it.

    Attributes:
        path: ``""`` for the model; ``MADE`` for what stands for no node of it.
        seconds: Of ONNX Runtime.
        torch_seconds: Of PyTorch; None if it was not measured, or for ``MADE``.
        nodes: Of ONNX Runtime.
        parameters: Elements of the initializers: weights, buffers and constants. A shared one counts where it is used first.
        bytes: Of these.
    """

    path: str
    seconds: float
    torch_seconds: float | None
    nodes: int
    parameters: int
    bytes: int


@dataclass(frozen=True, slots=True)
class LineCost:
    """What comes from one source line (``""``: from none), in seconds; ``nodes`` of ONNX Runtime."""

    line: str
    seconds: float
    torch_seconds: float | None
    nodes: int


@dataclass(frozen=True, slots=True)
class CostReport:
    """Where the time and the bytes of a model go.

    Attributes:
        nodes: In the order in which ONNX Runtime runs them.
        torch_nodes: In order.
        modules: In the order of the tree, the model first; ``MADE`` last, where there is any.
        lines: The most expensive first.
        runs: How many runs there are medians of.
        run_seconds: A whole run of ONNX Runtime, with what it does between the nodes.
        parameters: Elements of all initializers, each counted once.
        bytes: Of these.
        shared: Names of the initializers that several modules use.
        detail: Why PyTorch was not measured, or ``""``.
    """

    nodes: tuple[NodeCost, ...]
    torch_nodes: tuple[TorchCost, ...]
    modules: tuple[ModuleCost, ...]
    lines: tuple[LineCost, ...]
    runs: int
    run_seconds: float
    parameters: int
    bytes: int
    shared: tuple[str, ...] = ()
    detail: str = ""

    @property
    def seconds(self) -> float:
        """All nodes of ONNX Runtime."""
        return sum(row.seconds for row in self.nodes)

    @property
    def torch_seconds(self) -> float | None:
        """All nodes of PyTorch; None if it was not measured."""
        return None if self.detail else sum(row.seconds for row in self.torch_nodes)

    @property
    def verdict(self) -> str:
        """One line."""
        beside = f", PyTorch's {_ms(self.torch_seconds)}" if self.torch_seconds is not None else ""
        median = "one run" if self.runs == 1 else f"median of {self.runs} runs"
        return (
            f"ONNX Runtime's nodes take {_ms(self.seconds)}{beside} ({median}); "
            f"{self.parameters:,} parameters, {self.bytes:,} bytes"
        )

    def to_text(self) -> str:
        """One line, then tables: modules, the most expensive source lines and nodes."""
        total = self.seconds
        parts = [self.verdict]
        if self.detail:
            parts.append(self.detail)
        if self.shared:
            first = ", ".join(self.shared[:3]) + (" …" if len(self.shared) > 3 else "")
            parts.append(f"used by several modules, counted in the first: {first}")
        parts += _table(
            ("module", "ONNX Runtime", "share", "PyTorch", "parameters", "bytes"),
            [
                (
                    _indented(row.path),
                    _ms(row.seconds),
                    _share(row.seconds, total),
                    _ms(row.torch_seconds),
                    f"{row.parameters:,}",
                    f"{row.bytes:,}",
                )
                for row in self.modules
            ],
        )
        parts += _table(
            ("source line", "ONNX Runtime", "share", "PyTorch", "nodes"),
            [
                (
                    row.line or "(none)",
                    _ms(row.seconds),
                    _share(row.seconds, total),
                    _ms(row.torch_seconds),
                    str(row.nodes),
                )
                for row in self.lines[:_ROWS]
            ],
            len(self.lines),
        )
        parts += _table(
            ("node", "ONNX Runtime", "share", "PyTorch", "operator"),
            [
                (row.name, _ms(row.seconds), _share(row.seconds, total), _ms(row.torch_seconds), row.op_type)
                for row in sorted(self.nodes, key=lambda item: -item.seconds)[:_ROWS]
            ],
            len(self.nodes),
        )
        return "\n".join(parts)

    def __str__(self) -> str:
        return self.to_text()


def _indented(path: str) -> str:
    if not path:
        return "(model)"
    return path if path == MADE else f"{'  ' * (path.count('.') + 1)}{path}"


def _ms(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds * 1e3:.3f} ms"


def _share(part: float, total: float) -> str:
    return f"{100 * part / total:.0f} %" if total else ""


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], of: int = 0) -> list[str]:
    """Lines after an empty one: the first column at the left, an operator's name too, numbers at the right."""
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    left = {0} | ({len(head) - 1} if head[-1] == "operator" else set[int]())
    lines = [
        "  ".join(
            cell.ljust(width) if column in left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in (head, *rows)
    ]
    return ["", *lines, *([f"… {of - len(rows)} more"] if of > len(rows) else [])]
