"""The messages about checks and costs, a part of ``protocol``: every node, the passes one by one, where the time goes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

NodeState = Literal["agrees", "introduces", "passes on", "random", "not compared"]
PassState = Literal["agrees", "differs", "not run"]


# -- in the summary ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NodesVerdict:
    """What the check of every node came to; its rows are asked for.

    Attributes:
        stamp: Another one for every report.
        verdict: One line.
        passed: Whether no node gives something else than PyTorch but by rounding.
        culprits: How many nodes introduce a difference.
        passing: How many pass it on.
        compared: How many were compared.
        total: How many there are.
    """

    stamp: int
    verdict: str
    passed: bool
    culprits: int
    passing: int
    compared: int
    total: int


@dataclass(frozen=True, slots=True)
class CostVerdict:
    """What the measurement came to; its rows are asked for. ``stamp``: another one for every report."""

    stamp: int
    verdict: str


@dataclass(frozen=True, slots=True)
class PassVerdict:
    """The model after one pass: whether ONNX gives what PyTorch gives."""

    name: str
    changed: bool
    status: PassState
    detail: str


@dataclass(frozen=True, slots=True)
class PassesVerdict:
    """Which pass changed the result. ``culprit``: its name, or ""."""

    verdict: str
    culprit: str
    passes: list[PassVerdict]


# -- requests ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CheckNodes:
    """Compare every intermediate with PyTorch's. Answer: ``Summary``."""

    kind: Literal["check_nodes"] = "check_nodes"


@dataclass(frozen=True, slots=True)
class MeasureCost:
    """Measure where the time goes. Answer: ``Summary``."""

    kind: Literal["measure_cost"] = "measure_cost"


@dataclass(frozen=True, slots=True)
class BisectPasses:
    """Run the model after each ONNX pass. Answer: ``Summary``."""

    kind: Literal["bisect"] = "bisect"


@dataclass(frozen=True, slots=True)
class GetNodes:
    """Asks for the rows of the last check of every node: ``NodesTable``."""

    kind: Literal["nodes"] = "nodes"


@dataclass(frozen=True, slots=True)
class GetCosts:
    """Asks for the rows of the last measurement: ``CostTables``."""

    kind: Literal["costs"] = "costs"


@dataclass(frozen=True, slots=True)
class GetValues:
    """Asks for the values of one row of the check of every node: ``NodeNumbers``.

    Attributes:
        node: The row's.
        value: The row's.
    """

    node: int
    value: str
    kind: Literal["values"] = "values"


# -- answers -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NodesTable:
    """What the check of every node found: one row per compared tensor, the culprits first.

    Buffers: ``nodes`` (the number to ask for values with), ``starts`` and ``ids`` (torch nodes per row, as for ``PaneText``),
    ``order`` (place in the graph), then as float32 the largest absolute difference as the model runs (``accumulated``) and
    of the node alone (``local``), both again as a multiple of what is allowed (NaN: not known, infinite: another dtype or
    shape), then how many elements are NaN or infinite in PyTorch and in ONNX.

    Attributes:
        inputs: What it was fed with.
        effort: How long it took, in how many parts.
        first_difference: The row of the first one in the graph that is outside of the tolerance, or -1.
        first_nonfinite: The row of the first NaN or infinity, or -1.
        targets: Operator per row.
        scopes: Module path per row.
        wheres: Source line per row, or "".
        values: ONNX value per row, or "".
        statuses: What became of it, per row.
        causes: Why it introduces a difference, per row, or "".
        details: One line per row, or "".
    """

    inputs: str
    effort: str
    first_difference: int
    first_nonfinite: int
    targets: list[str]
    scopes: list[str]
    wheres: list[str]
    values: list[str]
    statuses: list[NodeState]
    causes: list[str]
    details: list[str]
    kind: Literal["nodes"] = "nodes"


@dataclass(frozen=True, slots=True)
class CostRows:
    """One table of costs, in columns.

    Attributes:
        titles: Module path, source line, or ONNX Runtime's name of a node.
        notes: Class of the module, or the node's operator.
        names: Name of the model's node that it stands for, or "".
        counts: ONNX Runtime's nodes.
        parameters: Elements of initializers, of modules only.
        bytes: Of these, as a person reads them, of modules only.
    """

    titles: list[str]
    notes: list[str]
    names: list[str]
    counts: list[int]
    parameters: list[str]
    bytes: list[str]


@dataclass(frozen=True, slots=True)
class CostTables:
    """Where the time and the bytes go, by module, source line and node.

    Buffers, for each of the three in this order: ``seconds`` of ONNX Runtime and ``beside`` of PyTorch (NaN: not measured),
    both as float32, ``starts`` and ``ids`` (torch nodes per row).

    Attributes:
        milliseconds: All nodes of ONNX Runtime.
        run: A whole run of it, in milliseconds.
        beside: All nodes of PyTorch, or None.
        runs: How many there are medians of.
        parameters: Elements of all initializers.
        bytes: Of these, as a person reads them.
        note: What a person should know, or "".
        modules: In the order of the tree.
        lines: The most expensive first.
        nodes: The most expensive first.
    """

    milliseconds: float
    run: float
    beside: float | None
    runs: int
    parameters: str
    bytes: str
    note: str
    modules: CostRows
    lines: CostRows
    nodes: CostRows
    kind: Literal["costs"] = "costs"


@dataclass(frozen=True, slots=True)
class Numbers:
    """PyTorch's values of a node, ONNX's, or what they differ by.

    Attributes:
        name: Which.
        type: Dtype and shape.
        size: Elements.
        odd: How many of them are NaN or infinite.
        low: The smallest, or "".
        high: The largest, or "".
        mean: Their mean, or "".
        std: Their standard deviation, or "".
        first: The first elements.
        histogram: How many elements fall into equal parts from ``start`` to ``end``.
        start: Of the histogram.
        end: Of the histogram.
    """

    name: str
    type: str
    size: int
    odd: int
    low: str
    high: str
    mean: str
    std: str
    first: list[str]
    histogram: list[int]
    start: str
    end: str


@dataclass(frozen=True, slots=True)
class NodeNumbers:
    """The values of one node, ONNX's for PyTorch's own inputs.

    Buffers: some of PyTorch's values, and ONNX's of the same elements, as float32; those that differ by most are among them.

    Attributes:
        node: As it was asked.
        value: As it was asked.
        sides: PyTorch's, ONNX's, and where the shapes agree what they differ by.
        largest: The largest difference, where, and both values; "" where the shapes differ.
    """

    node: int
    value: str
    sides: list[Numbers]
    largest: str
    kind: Literal["values"] = "values"


# -- a trait -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Working:
    """How far long work is, whoever began it: a trait of the widget. ``what`` "": none; ``total`` 0: not known."""

    what: str
    done: int
    total: int
