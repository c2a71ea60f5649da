"""The axes drawer for the browser: inputs and dimensions, and the audit. An exploration in, parts of messages out."""

from __future__ import annotations

from onnx_explore.auditing import Combination, Problem
from onnx_explore.auditing.report import Status
from onnx_explore.explore import protocol
from onnx_explore.explore.exploration import Exploration
from onnx_explore.explore.links import Origins

_STATES: dict[Status | None, protocol.AxisState] = {
    None: "static",
    "proven": "proven",
    "broken": "broken",
    "not tested": "untested",
}


def axes_rows(ex: Exploration) -> list[protocol.Axis]:
    """One row for each dimension of each input."""
    return [
        protocol.Axis(row.input, row.axis, row.size, row.symbol, _STATES[row.status], ex.place(row.detail))
        for row in ex.axes.rows
    ]


def audit_view(ex: Exploration, origins: Origins) -> protocol.Audit | None:
    """The last audit, or None."""
    audit = ex.audit
    if audit is None:
        return None
    axes = [
        protocol.AuditAxis(
            item.symbol,
            ", ".join(f"{name} axis {axis}" for name, axis in item.places),
            item.size,
            _STATES[item.status],
            ex.place(item.detail),
        )
        for item in audit.axes
    ]
    return protocol.Audit(
        audit.verdict,
        [*axes, *map(_combination, audit.combinations)],
        [_problem(ex, item, origins) for item in audit.problems],
        [f"{item.idiom} at {ex.place(item.source.short)}: {item.became}" for item in audit.harmless],
        [f"{item.symbol}: {item.constraint}" for item in audit.torch_export],
        audit.repairable,
        f"{audit.seconds:.1f} s, {audit.captures} more captures",
    )


def _combination(item: Combination) -> protocol.AuditAxis:
    return protocol.AuditAxis(item.text, "together", 0, _STATES[item.status], item.detail)


def _problem(ex: Exploration, item: Problem, origins: Origins) -> protocol.AuditProblem:
    source = item.cause.source
    ids = [number for carrier in item.carriers for number in origins.thread(carrier.node)]
    return protocol.AuditProblem(
        item.title,
        list(item.axes),
        ex.place(f"{source.short} in {source.function}"),
        source.text,
        list(dict.fromkeys(ids)),
        [
            f"#{carrier.node} {carrier.target}{f' {carrier.argument!r}' if carrier.argument else ''}: {carrier.became}"
            for carrier in item.carriers
        ],
        [f"{other.idiom} at {ex.place(other.source.short)}" for other in item.also],
        item.suggestion,
        item.expression,
        item.repaired,
        item.obstacle,
    )
