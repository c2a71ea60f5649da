"""The messages between the kernel and the browser, version 1: the source of ``labextension/src/protocol.ts``.

Every request carries an ``id`` and a ``kind``; every request is answered, with that ``id`` as ``reply``, by its own answer, by
``Failed`` or by ``Busy``. Numbers that come in bulk travel as little-endian int32 buffers beside the message, in the
order in which a class names them under "Buffers"; reals as the bits
of a float32. Text of a model (names, doc strings, source) is data: the browser
shows it as text nodes.

``python -m onnx_explore.explore.typescript`` writes the TypeScript; a test fails when the two differ.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from onnx_explore.explore.check_messages import (
    BisectPasses,
    CheckNodes,
    CostTables,
    CostVerdict,
    GetCosts,
    GetNodes,
    GetValues,
    MeasureCost,
    NodeNumbers,
    NodesTable,
    NodesVerdict,
    PassesVerdict,
)

PROTOCOL_VERSION = 1
STYLE_PLAIN, STYLE_HEADING, STYLE_QUIET, STYLE_ERROR, STYLE_INNER = range(5)
"""Of a pane's line: usual; a file or module that the lines below belong to; declarations; a failure; part of the above."""

PaneName = Literal["source", "torch", "dispatch", "onnx"]
Stage = Literal["torch", "onnx"]
State = Literal["paused", "failed", "exported"]
Severity = Literal["info", "warning", "error"]
CheckState = Literal["passed", "failed", "none"]
AxisState = Literal["static", "proven", "broken", "untested"]
NodeKind = Literal["module", "operator", "input", "output", "weight"]


# -- parts ----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Failure:
    """Why the export stands still.

    Attributes:
        code: Stable code, see the guide.
        message: What happened, with the predicate that failed and its values.
        target: The operator, or "".
        argument: The argument, or "".
        where: Source line, or "".
        action: What to do next, or "".
        ids: The torch nodes that are concerned.
        missing: Every operator without a symbolic function, as "target at line".
        registered: Whether a symbolic function was registered since: going on may get further now.
        resumable: Whether it stands at a node, so that going on tries that node again.
        snippet: What a symbolic function for that node starts with, or "".
    """

    code: str
    message: str
    target: str
    argument: str
    where: str
    action: str
    ids: list[int]
    missing: list[str]
    registered: bool
    resumable: bool
    snippet: str


@dataclass(frozen=True, slots=True)
class Problem:
    """One row of the problems list. ``count``: how often it was noted; ``ids``: the torch nodes that are concerned."""

    severity: Severity
    code: str
    message: str
    where: str
    count: int
    ids: list[int]


@dataclass(frozen=True, slots=True)
class Axis:
    """One dimension of one input.

    Attributes:
        input: Name of the input.
        axis: Number of the dimension.
        size: Captured size.
        symbol: Its name if it is dynamic, else None.
        state: What the checks say.
        detail: One line about that.
    """

    input: str
    axis: int
    size: int
    symbol: str | None
    state: AxisState
    detail: str


@dataclass(frozen=True, slots=True)
class AuditAxis:
    """The verdict on one axis, or on several that were changed together (``places`` is "together" then, ``size`` 0)."""

    symbol: str
    places: str
    size: int
    state: AxisState
    detail: str


@dataclass(frozen=True, slots=True)
class AuditProblem:
    """One place that baked a size.

    Attributes:
        title: What did it, and what came out.
        axes: The symbols that it depends on.
        where: Source line, column and function.
        source: The line itself, or "".
        ids: The torch nodes that carry it.
        carriers: These, one line each.
        also: Other places that would explain it.
        suggestion: What to write instead.
        expression: What a repair computes, or "".
        repaired: Whether it is computed already.
        obstacle: Why it cannot be repaired, or "".
    """

    title: str
    axes: list[str]
    where: str
    source: str
    ids: list[int]
    carriers: list[str]
    also: list[str]
    suggestion: str
    expression: str
    repaired: bool
    obstacle: str


@dataclass(frozen=True, slots=True)
class Audit:
    """What the audit of the axes found.

    Attributes:
        verdict: One line.
        axes: Each axis, then those that were changed together.
        problems: In the order of the graph.
        harmless: Sizes that left the trace without an effect, one line each.
        torch_export: Constraints of ``torch.export``, one line each; empty if it was not asked.
        repairable: Whether a repair would change something.
        effort: How long it took.
    """

    verdict: str
    axes: list[AuditAxis]
    problems: list[AuditProblem]
    harmless: list[str]
    torch_export: list[str]
    repairable: bool
    effort: str


@dataclass(frozen=True, slots=True)
class Interface:
    """One input or output of the ONNX graph."""

    name: str
    direction: Literal["input", "output"]
    path: str
    type: str


@dataclass(frozen=True, slots=True)
class Pass:
    """One pass of the pipeline."""

    stage: Stage
    name: str
    before: int
    after: int
    changed: bool
    milliseconds: float


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the checks: a check (``status``), or one output that it compared (``status`` "detail")."""

    status: Literal["passed", "failed", "not run", "detail"]
    subject: str
    detail: str


@dataclass(frozen=True, slots=True)
class Summary:
    """The verdict line, the tables, and what the step bar shows. A step is an operator; constants and lists are none.

    Attributes:
        revision: Grows with every change.
        content: The revision that last may have changed what is in a pane; older panes are asked for again.
        state: Of the export.
        headline: One line, without its first word.
        verdict: What the checks say, in one line; "" if none ran.
        checks: What the checks found.
        check: In one word.
        unchecked: Whether an edit of the axes put the checks off; ``Continue`` makes up for them.
        opset: Of the export.
        position: Operators lowered.
        total: Operators there are.
        busy: Whether a step is running, started by somebody else.
        more: Whether ``Continue`` stopped after its slice of time and wants to be asked again.
        next_ids: The torch nodes that the next step lowers.
        next_target: Its operator, or "".
        next_where: Its source line, or "".
        failure: If it stands still.
        problems: Worst first.
        axes: One row per dimension of each input.
        axes_text: ``dynamic_axes=…``, to copy.
        axes_line: The ``%onnx_export`` line with these axes, to copy.
        audit: The last audit of these axes, or None.
        nodes: The last check of every node of this export, or None.
        cost: The last measurement of this export, or None.
        bisect: The last search for the pass that changed the result, or None.
        interface: Inputs and outputs.
        passes: In order.
        targets: Operators that are left, each once, for "run to".
        scopes: Module paths that are left, for "run to".
    """

    revision: int
    content: int
    state: State
    headline: str
    verdict: str
    checks: list[Check]
    check: CheckState
    unchecked: bool
    opset: int
    position: int
    total: int
    busy: bool
    more: bool
    next_ids: list[int]
    next_target: str
    next_where: str
    failure: Failure | None
    problems: list[Problem]
    axes: list[Axis]
    axes_text: str
    axes_line: str
    audit: Audit | None
    nodes: NodesVerdict | None
    cost: CostVerdict | None
    bisect: PassesVerdict | None
    interface: list[Interface]
    passes: list[Pass]
    targets: list[str]
    scopes: list[str]


@dataclass(frozen=True, slots=True)
class AxisEdit:
    """Make a dimension dynamic under a name, or static (``symbol`` None)."""

    input: str
    axis: int
    symbol: str | None


# -- requests -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class GetSummary:
    """Asks for ``Summary``."""

    kind: Literal["summary"] = "summary"


@dataclass(frozen=True, slots=True)
class GetPane:
    """Asks for the lines of one pane: ``PaneText``."""

    pane: PaneName
    kind: Literal["pane"] = "pane"


@dataclass(frozen=True, slots=True)
class GetGraph:
    """Asks for one module's inside as a graph: ``GraphScope``.

    Attributes:
        stage: Which graph.
        scope: Module path; "" for the whole model.
    """

    stage: Stage
    scope: str
    kind: Literal["graph"] = "graph"


@dataclass(frozen=True, slots=True)
class GetNode:
    """Asks for everything about one torch node, or the ONNX node of that name: ``NodeDetail``."""

    node: int | None
    name: str | None
    kind: Literal["node"] = "node"


@dataclass(frozen=True, slots=True)
class Step:
    """Lower one operator that emits something. Answer: ``Summary``."""

    kind: Literal["step"] = "step"


@dataclass(frozen=True, slots=True)
class Continue:
    """Go on towards the end, for a slice of time. Answer: ``Summary``; while its ``more`` is true, ask again.

    In slices, because a kernel that serves one message at a time would see neither a cancel nor anything else before the
    end. The ONNX passes and the checks are one slice.
    """

    kind: Literal["continue"] = "continue"


@dataclass(frozen=True, slots=True)
class RunTo:
    """Go on to just before an operator, a module or a source line (as ``Exploration.run_until`` takes it)."""

    what: str
    kind: Literal["run_to"] = "run_to"


@dataclass(frozen=True, slots=True)
class SetAxes:
    """Export again from the same capture with these edits of the dynamic axes. Answer: ``Edited``.

    The checks are put off, so that the new shapes are there at once: ``unchecked`` says so, and ``Continue`` makes up for them.
    """

    edits: list[AxisEdit]
    kind: Literal["set_axes"] = "set_axes"


@dataclass(frozen=True, slots=True)
class RunAudit:
    """Audit the dynamic axes, and with ``repair`` go on with the repaired export. Answer: ``Summary``."""

    repair: bool
    kind: Literal["audit"] = "audit"


@dataclass(frozen=True, slots=True)
class GetAsset:
    """Asks for a script that is only loaded when it is needed, or for what is stored with a notebook: ``Asset``."""

    name: Literal["layout", "saved"]
    kind: Literal["asset"] = "asset"


@dataclass(frozen=True, slots=True)
class Cancel:
    """Stop what is running, at the next node. Answered at once, by ``Done``."""

    kind: Literal["cancel"] = "cancel"


# -- answers --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SummaryAnswer:
    """Answers everything that changes the export, and ``GetSummary``."""

    summary: Summary
    kind: Literal["summary"] = "summary"


@dataclass(frozen=True, slots=True)
class Edited:
    """Answers ``SetAxes``: the new shapes come along, so that they need no request of their own.

    Buffers: those of ``onnx``, if it is there.

    Attributes:
        summary: As after everything that changes the export.
        onnx: The ONNX pane; None for a large graph, whose pane is asked for.
    """

    summary: Summary
    onnx: PaneText | None
    kind: Literal["edited"] = "edited"


@dataclass(frozen=True, slots=True)
class PaneText:
    """The lines of one pane.

    Buffers: ``starts`` (one more than there are lines) and ``ids``: line *i* is about the torch nodes
    ``ids[starts[i]:starts[i + 1]]``; lines that share a node light up together. ``colors``: per line, the ordinal of the
    source line that produced it (the same in every pane), -1 if it produced no output. ``steps``: per line, the step that
    lowered it (the first is 1), 0 if none has. ``styles``: per line, one of the ``STYLE_`` numbers.

    Attributes:
        pane: Which one.
        revision: Of the summary that it goes with.
        lines: Text, one entry per line.
        notes: What stands behind it, one entry per line: types, times; "" for nothing.
        labels: What stands in the gutter, one entry per line (line numbers, node numbers), "" for nothing.
        names: For the ONNX pane: the node's name per line, "" for none; empty for the others.
    """

    pane: PaneName
    revision: int
    lines: list[str]
    notes: list[str]
    labels: list[str]
    names: list[str]
    kind: Literal["pane"] = "pane"


@dataclass(frozen=True, slots=True)
class GraphScope:
    """What is inside one module: its operators, and its submodules as one node each.

    Buffers: ``edges`` (pairs: from, to, as indexes into the nodes), ``starts``, ``ids``, ``colors`` and ``steps`` (per
    graph node, as for ``PaneText``).

    Attributes:
        stage: Which graph.
        scope: Module path that is shown; it may lie below the one that was asked for, where that held one module alone.
        revision: Of the summary that it goes with.
        kinds: Per node.
        titles: Per node: operator or module name.
        subtitles: Per node: shape, class, or "".
        keys: Per node: module path, ONNX node name, or torch node number; unique in this scope and kind.
        sizes: Per node: operators inside (1 for an operator).
        labels: Per edge: the type that flows, such as ``FLOAT[batch, 3]``.
    """

    stage: Stage
    scope: str
    revision: int
    kinds: list[NodeKind]
    titles: list[str]
    subtitles: list[str]
    keys: list[str]
    sizes: list[int]
    labels: list[str]
    kind: Literal["graph"] = "graph"


@dataclass(frozen=True, slots=True)
class NodeDetail:
    """Everything about one node, as lines of text.

    Attributes:
        ids: Torch nodes.
        title: Its operator.
        lines: Arguments, candidates, what was emitted, time.
        symbolic: Source of the symbolic function, or "".
        documentation: Documentation of the ONNX operators that it emitted, or "".
        onnx: Names of the ONNX nodes.
    """

    ids: list[int]
    title: str
    lines: list[str]
    symbolic: str
    documentation: str
    onnx: list[str]
    kind: Literal["node"] = "node"


@dataclass(frozen=True, slots=True)
class Asset:
    """A script, or what is stored as JSON. Buffers: its UTF-8 text."""

    name: str
    kind: Literal["asset"] = "asset"


@dataclass(frozen=True, slots=True)
class Done:
    """Heard."""

    kind: Literal["done"] = "done"


@dataclass(frozen=True, slots=True)
class Busy:
    """A step is running; nothing was queued."""

    message: str
    kind: Literal["busy"] = "busy"


@dataclass(frozen=True, slots=True)
class Failed:
    """The request could not be served; the exploration is as it was."""

    code: str
    message: str
    kind: Literal["failed"] = "failed"


# -- before the first request ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FirstLines:
    """The first lines of one pane. ``numbers``: its buffers, as lists; ``whole``: whether the pane has no more lines."""

    text: PaneText
    numbers: list[list[int]]
    whole: bool


@dataclass(frozen=True, slots=True)
class Opening:
    """What the browser paints before it has asked for anything: a trait of the widget, empty once it is out of date."""

    summary: Summary
    panes: list[FirstLines]


Request = (
    GetSummary | GetPane | GetGraph | GetNode | Step | Continue | RunTo | SetAxes | RunAudit | CheckNodes | MeasureCost
    | BisectPasses | GetNodes | GetCosts | GetValues | GetAsset | Cancel
)  # fmt: skip
Answer = (
    SummaryAnswer | Edited | PaneText | GraphScope | NodeDetail | NodesTable | CostTables | NodeNumbers | Asset | Done
    | Busy | Failed
)  # fmt: skip

REQUESTS: dict[str, type[Request]] = {
    "summary": GetSummary,
    "pane": GetPane,
    "graph": GetGraph,
    "node": GetNode,
    "step": Step,
    "continue": Continue,
    "run_to": RunTo,
    "set_axes": SetAxes,
    "audit": RunAudit,
    "check_nodes": CheckNodes,
    "measure_cost": MeasureCost,
    "bisect": BisectPasses,
    "nodes": GetNodes,
    "costs": GetCosts,
    "values": GetValues,
    "asset": GetAsset,
    "cancel": Cancel,
}
