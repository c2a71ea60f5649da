"""The drawers of checks and costs for the browser. An exploration in, messages (and their buffers) out."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

from onnx_explore.check.cost_report import MADE, CostReport
from onnx_explore.check.report import Report
from onnx_explore.errors import InvalidArgument
from onnx_explore.explore import check_messages as messages
from onnx_explore.explore import protocol
from onnx_explore.explore.columns import Buffers, floats, ints, ragged
from onnx_explore.explore.exploration import Exploration
from onnx_explore.explore.links import Origins
from onnx_explore.explore.tables import bytes_text
from onnx_explore.explore.values import Array, NodeValues, ends_of, first, histogram, sample, statistics

MOST_POINTS = 600
"""Of a plot of one side's values against the other's."""


def check_rows(ex: Exploration, report: Report | None) -> list[protocol.Check]:
    """The checks of the whole model, each with the outputs that it compared."""
    found: list[protocol.Check] = []
    for item in report.items if report is not None else ():
        subject = f"axis {item.subject}" if item.kind == "axis" else item.subject
        found.append(protocol.Check(item.status, subject, ex.place(item.detail)))
        for comparison in item.comparisons:
            if str(comparison) in item.detail:
                continue
            allowed = f"; allowed rtol {comparison.rtol:.1e}, atol {comparison.atol:.1e}" if comparison.total else ""
            shown = f"{comparison}{allowed}" if comparison.passed else str(comparison)
            found.append(protocol.Check("detail", "", shown))
    return found


def nodes_verdict(ex: Exploration) -> messages.NodesVerdict | None:
    """The last check of every node, in one line."""
    report = ex.nodes_report
    if report is None:
        return None
    passing = sum(row.status == "passes on" for row in report.rows)
    return messages.NodesVerdict(
        ex.times_checked, ex.place(report.verdict), report.passed, len(report.culprits), passing, len(report.compared),
        len(report.rows),
    )  # fmt: skip


def cost_verdict(ex: Exploration) -> messages.CostVerdict | None:
    """The last measurement, in one line."""
    report = ex.cost_report
    return None if report is None else messages.CostVerdict(ex.times_measured, report.verdict)


def passes_verdict(ex: Exploration) -> messages.PassesVerdict | None:
    """The last search for the pass that changed the result."""
    report = ex.passes_report
    if report is None:
        return None
    culprit = report.culprit
    passes = [messages.PassVerdict(row.name, row.changed, row.status, row.detail) for row in report.rows]
    return messages.PassesVerdict(report.verdict, culprit.name if culprit is not None else "", passes)


# -- every node -------------------------------------------------------------------------------------------------------


def nodes_table(ex: Exploration, origins: Origins) -> tuple[messages.NodesTable, Buffers]:
    """The rows of the last check of every node.

    Raises:
        InvalidArgument: If none came to its end.
    """
    report = ex.nodes_report
    if report is None:
        raise InvalidArgument("the nodes of this export were not checked", action="call check_nodes() first")
    ranked = report.ranked
    places = {id(row): place for place, row in enumerate(report.rows)}
    where = {id(row): place for place, row in enumerate(ranked)}
    message = messages.NodesTable(
        inputs="the captured inputs" if report.captured_inputs else "inputs given to check_nodes()",
        effort=report.effort,
        first_difference=where.get(id(report.first_difference), -1),
        first_nonfinite=where.get(id(report.first_nonfinite), -1),
        targets=[row.target for row in ranked],
        scopes=[row.scope for row in ranked],
        wheres=[ex.place(row.where) for row in ranked],
        values=[row.value for row in ranked],
        statuses=[row.status for row in ranked],
        causes=[row.cause for row in ranked],
        details=[ex.place(row.detail) for row in ranked],
    )
    buffers = [
        ints(row.node for row in ranked),
        *ragged([origins.thread(row.node) for row in ranked]),
        ints(places[id(row)] for row in ranked),
        floats(row.accumulated_error for row in ranked),
        floats(row.local_error for row in ranked),
        floats(row.accumulated_excess for row in ranked),
        floats(row.local_excess for row in ranked),
        ints(row.nonfinite[0] for row in ranked),
        ints(row.nonfinite[1] for row in ranked),
    ]
    return message, buffers


def node_numbers(values: NodeValues) -> tuple[messages.NodeNumbers, Buffers]:
    """The values of one node."""
    sides = [_numbers("PyTorch", values.expected, values.ends), _numbers("ONNX", values.actual, values.ends)]
    difference = values.difference
    largest = ""
    if difference is not None:
        sides.append(_numbers("difference", difference, ends_of(difference)))
        largest = str(values.largest or "none: they are equal")
    points = sample(values, MOST_POINTS)
    message = messages.NodeNumbers(values.row.node, values.row.value, sides, largest)
    return message, [floats(item.tolist()) for item in points]


def _numbers(name: str, item: Array, ends: tuple[float, float]) -> messages.Numbers:
    found = statistics(item)
    low, high, mean, std = (
        "" if math.isnan(number) else f"{number:.4g}" for number in (found.low, found.high, found.mean, found.std)
    )
    return messages.Numbers(
        name, f"{item.dtype} {list(item.shape)}", found.size, found.odd, low, high, mean, std, first(item),
        histogram(item, ends), f"{ends[0]:.4g}", f"{ends[1]:.4g}",
    )  # fmt: skip


# -- costs ------------------------------------------------------------------------------------------------------------


def cost_tables(ex: Exploration) -> tuple[messages.CostTables, Buffers]:
    """The rows of the last measurement.

    Raises:
        InvalidArgument: If none came to its end.
    """
    report = ex.cost_report
    if report is None:
        raise InvalidArgument("the cost of this export was not measured", action="call cost() first")
    notes = [report.detail] if report.detail else []
    if report.shared:
        notes.append(f"used by several modules, counted in the first: {', '.join(report.shared)}")
    modules, module_buffers = _modules(ex, report)
    lines, line_buffers = _lines(ex, report)
    nodes, node_buffers = _nodes(report)
    beside = report.torch_seconds
    message = messages.CostTables(
        milliseconds=report.seconds * 1e3,
        run=report.run_seconds * 1e3,
        beside=None if beside is None else beside * 1e3,
        runs=report.runs,
        parameters=f"{report.parameters:,}",
        bytes=bytes_text(report.bytes),
        note="; ".join(notes),
        modules=modules,
        lines=lines,
        nodes=nodes,
    )
    return message, [*module_buffers, *line_buffers, *node_buffers]


def _modules(ex: Exploration, report: CostReport) -> tuple[messages.CostRows, Buffers]:
    inside = _collected(report, lambda scope, _: [scope, *_parents(scope)])
    classes = ex.modules
    found = messages.CostRows(
        titles=[row.path for row in report.modules],
        notes=[classes.get(row.path, "") for row in report.modules],
        names=[],
        counts=[row.nodes for row in report.modules],
        parameters=[f"{row.parameters:,}" for row in report.modules],
        bytes=[bytes_text(row.bytes) for row in report.modules],
    )
    return found, [
        floats(row.seconds for row in report.modules),
        floats(_or_nan(row.torch_seconds) for row in report.modules),
        *ragged([inside.get(row.path, []) if row.path != MADE else [] for row in report.modules]),
    ]


def _lines(ex: Exploration, report: CostReport) -> tuple[messages.CostRows, Buffers]:
    inside = _collected(report, lambda _, line: [line])
    found = messages.CostRows(
        titles=[ex.place(row.line) for row in report.lines],
        notes=[],
        names=[],
        counts=[row.nodes for row in report.lines],
        parameters=[],
        bytes=[],
    )
    return found, [
        floats(row.seconds for row in report.lines),
        floats(_or_nan(row.torch_seconds) for row in report.lines),
        *ragged([inside.get(row.line, []) for row in report.lines]),
    ]


def _nodes(report: CostReport) -> tuple[messages.CostRows, Buffers]:
    ranked = sorted(report.nodes, key=lambda row: -row.seconds)
    found = messages.CostRows(
        titles=[row.name for row in ranked],
        notes=[row.op_type for row in ranked],
        names=[row.stands_for for row in ranked],
        counts=[],
        parameters=[],
        bytes=[],
    )
    return found, [
        floats(row.seconds for row in ranked),
        floats(_or_nan(row.torch_seconds) for row in ranked),
        *ragged([row.torch_nodes for row in ranked]),
    ]


def _collected(report: CostReport, keys: Callable[[str, str], Iterable[str]]) -> dict[str, list[int]]:
    """Torch nodes by what their ONNX nodes belong to."""
    found: dict[str, dict[int, None]] = {}
    for row in report.nodes:
        for key in keys(row.scope, row.line):
            found.setdefault(key, {}).update(dict.fromkeys(row.torch_nodes))
    return {key: list(ids) for key, ids in found.items()}


def _parents(scope: str) -> list[str]:
    """``a.b.c`` → ``a.b``, ``a``, ``""``."""
    parts = scope.split(".") if scope else []
    return [".".join(parts[:length]) for length in range(len(parts) - 1, -1, -1)]


def _or_nan(number: float | None) -> float:
    return math.nan if number is None else number
