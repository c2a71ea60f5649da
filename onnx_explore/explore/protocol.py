"""The messages between the kernel and the browser, version 1: the source of ``labextension/src/protocol.ts``.

Every request carries an ``id`` and a ``kind``; every request is answered with the same ``id``, by its own answer, by
``Failed`` or by ``Busy``. Numbers that come in bulk travel as little-endian int32 buffers beside the message, in the
order in which a class names them under "Buffers". Text of a model (names, doc strings, source) is data: the browser
shows it as text nodes.

``python -m onnx_explore.explore.typescript`` writes the TypeScript; a test fails when the two differ.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

PROTOCOL_VERSION = 1

PaneName = Literal["source", "torch", "dispatch", "onnx"]
Stage = Literal["torch", "onnx"]
State = Literal["paused", "failed", "exported"]
Severity = Literal["info", "warning", "error"]
CheckState = Literal["passed", "failed", "none"]
AxisState = Literal["static", "proven", "broken", "untested"]
NodeKind = Literal["module", "operator", "input", "output", "parameter"]


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
        node: Torch node, or None.
        missing: Every operator without a symbolic function, as "target at line".
    """

    code: str
    message: str
    target: str
    argument: str
    where: str
    action: str
    node: int | None
    missing: list[str]


@dataclass(frozen=True, slots=True)
class Problem:
    """One row of the problems list."""

    severity: Severity
    code: str
    message: str
    where: str
    node: int | None


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
class Summary:
    """The verdict line, the tables, and what the step bar shows.

    Attributes:
        revision: Grows whenever a pane's content may have changed; panes are asked for again then.
        state: Of the export.
        headline: One line.
        checks: What the checks found, line by line.
        check: In one word.
        opset: Of the export.
        position: Nodes lowered.
        total: Nodes there are.
        next_node: The torch node that the next step lowers.
        next_target: Its operator, or "".
        failure: If it stands still.
        problems: Worst first.
        axes: One row per dimension of each input.
        interface: Inputs and outputs.
        passes: In order.
        targets: Operators that are left, each once, for "run to".
        scopes: Module paths, for "run to" and for the graph's breadcrumbs.
    """

    revision: int
    state: State
    headline: str
    checks: list[str]
    check: CheckState
    opset: int
    position: int
    total: int
    next_node: int | None
    next_target: str
    failure: Failure | None
    problems: list[Problem]
    axes: list[Axis]
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
    """Asks for the lines of one pane: ``PaneText``.

    Attributes:
        pane: Which one.
        position: Show it as it was after so many steps (the slider); None: now.
    """

    pane: PaneName
    position: int | None = None
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
    """Go on to the end. Answer: ``Summary``."""

    kind: Literal["continue"] = "continue"


@dataclass(frozen=True, slots=True)
class RunTo:
    """Go on to just before an operator, a module or a source line (as ``Exploration.run_until`` takes it)."""

    what: str
    kind: Literal["run_to"] = "run_to"


@dataclass(frozen=True, slots=True)
class SetAxes:
    """Export again from the same capture with these edits of the dynamic axes. Answer: ``Summary``."""

    edits: list[AxisEdit]
    kind: Literal["set_axes"] = "set_axes"


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
class PaneText:
    """The lines of one pane.

    Buffers: ``starts`` (one more than there are lines) and ``ids``: line *i* is about the torch nodes
    ``ids[starts[i]:starts[i + 1]]``; lines that share a node light up together. ``primary``: per line, the node that
    gives it its colour, -1 for none.

    Attributes:
        pane: Which one.
        revision: Of the summary that it goes with.
        lines: Text, one entry per line.
        labels: What stands in the gutter, one entry per line (line numbers, node numbers), "" for nothing.
        files: For the source pane: the file of each section, and the index of its first line; empty for the others.
        names: For the ONNX pane: the node's name per line, "" for none; empty for the others.
    """

    pane: PaneName
    revision: int
    lines: list[str]
    labels: list[str]
    files: list[SourceFile]
    names: list[str]
    kind: Literal["pane"] = "pane"


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A section of the source pane."""

    name: str
    first: int


@dataclass(frozen=True, slots=True)
class GraphScope:
    """What is inside one module: its operators, and its submodules as one node each.

    Buffers: ``edges`` (pairs: from, to, as indexes into the nodes), ``starts`` and ``ids`` (torch nodes per graph
    node, as for ``PaneText``).

    Attributes:
        stage: Which graph.
        scope: Module path.
        revision: Of the summary that it goes with.
        kinds: Per node.
        titles: Per node: operator or module name.
        subtitles: Per node: shape, class, or "".
        keys: Per node: module path, ONNX node name, or torch node number; unique in this scope.
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
        node: Torch node.
        title: Its operator.
        lines: Arguments, candidates, what was emitted, time.
        symbolic: Source of the symbolic function, or "".
        documentation: Documentation of the ONNX operators that it emitted, or "".
        onnx: Names of the ONNX nodes.
    """

    node: int
    title: str
    lines: list[str]
    symbolic: str
    documentation: str
    onnx: list[str]
    kind: Literal["node"] = "node"


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


Request = GetSummary | GetPane | GetGraph | GetNode | Step | Continue | RunTo | SetAxes | Cancel
Answer = SummaryAnswer | PaneText | GraphScope | NodeDetail | Done | Busy | Failed

REQUESTS: dict[str, type[Request]] = {
    "summary": GetSummary,
    "pane": GetPane,
    "graph": GetGraph,
    "node": GetNode,
    "step": Step,
    "continue": Continue,
    "run_to": RunTo,
    "set_axes": SetAxes,
    "cancel": Cancel,
}
