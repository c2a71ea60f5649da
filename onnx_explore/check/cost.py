"""What a model costs: ONNX Runtime's own profile per node, PyTorch's time beside it, parameters and bytes.

In: an exported model and its capture. Out: a ``CostReport``, rolled up to modules and source lines. ONNX Runtime runs the
model as a user would run it, all its optimisations on, with as many threads as PyTorch. So some of its nodes are not the
model's: a fused one counts for the node of its kind that is gone (a ``Conv`` with its ``Relu`` counts for the ``Conv``), else
for the node whose output it gives; what cannot be told has a row of its own. A node with branches or a body counts without
what runs inside.
"""

from __future__ import annotations

import json
import re
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

import onnx_ir as ir
import torch

from onnx_explore.capture import Capture
from onnx_explore.capture.captured import feeds_of
from onnx_explore.check.cost_report import MADE, CostReport, LineCost, ModuleCost, NodeCost, TorchCost
from onnx_explore.check.nodes.interpret import Interpreter, is_structural
from onnx_explore.check.runtime import RuntimeSession
from onnx_explore.emit.emitter import SCOPE, TORCH_NODES
from onnx_explore.emit.regions import nodes_of
from onnx_explore.errors import Cancelled, CheckerError, InvalidArgument, UnsupportedOperatorError
from onnx_explore.torch_ir import Origin, TorchGraph, walk
from onnx_explore.writing import write_model

RUNS = 10
"""How many runs are measured unless told otherwise; one more comes first and is dropped."""

_KERNEL = "_kernel_time"

# 1/MatMul/MatMulAddFusion and Reshape_3_new_reshape are named after a node, relu/Relu:0_nchwc after an output.
_MADE_FROM = re.compile(r"((/+\w+(?i:fusion))+/*|_new_reshape|_nchwc)$")


def measure_cost(
    model: ir.Model,
    graph: TorchGraph,
    captured: Capture,
    cancelled: Callable[[], bool],
    *,
    runs: int = RUNS,
    modules: Iterable[str] = (),
) -> CostReport:
    """Run a model in ONNX Runtime and in PyTorch, and say where the time goes.

    Args:
        model: The exported model.
        graph: The TorchGraph that it was lowered from.
        captured: Where its inputs are.
        cancelled: Asked between two runs.
        runs: How many runs are measured.
        modules: Paths of the modules in the order of the tree.

    Raises:
        InvalidArgument: If ``runs`` is less than 1.
        NoRuntimeKernel: If ONNX Runtime has no kernel for a node.
        CheckerError: If it rejects the model, or writes a profile without a complete run.
        RuntimeMismatch: If it cannot run the model with the captured inputs.
        Cancelled: If ``cancelled`` says so.
    """
    if runs < 1:
        raise InvalidArgument(f"{runs} runs cannot be measured", argument="runs", action="give 1 or more")
    given = [item.example.detach() for item in captured.inputs]
    with tempfile.TemporaryDirectory(prefix="onnx_explore_") as folder:
        events, optimized = _profiled(model, feeds_of(captured.inputs, given), Path(folder), runs, cancelled)
    per_node, run_seconds, measured = _medians(events)
    seconds, detail = _torch_seconds(graph, given, runs, cancelled)
    torch_rows = tuple(
        TorchCost(node.id, node.target, seconds[node.id], _scope(node.origin.scope), _line(node.origin))
        for node in graph.block.nodes
        if node.id in seconds
    )
    origins = {node.id: node.origin for block in (graph.block, captured.graph.block) for node in walk(block)}
    by_captured = {number: node.id for node in graph.block.nodes for number in node.derived_from or (node.id,)}
    original = _Originals(model, optimized)
    rows: list[NodeCost] = []
    for (name, op_type), spent in per_node.items():
        node = original.of(name, op_type)
        ids: tuple[int, ...] = tuple(node.meta.get(TORCH_NODES, ())) if node is not None else ()
        line = next((found for number in ids if number in origins if (found := _line(origins[number]))), "")
        sources = {by_captured[number] for number in ids if number in by_captured}
        beside = sum(seconds[number] for number in sources if number in seconds) if not detail else None
        scope = _scope(str(node.meta.get(SCOPE, ""))) if node is not None else ""
        stands_for = (node.name or "") if node is not None else ""
        rows.append(NodeCost(name, op_type, spent, scope, line, ids, stands_for, beside))
    weights = _weights(model)
    return CostReport(
        nodes=tuple(rows),
        torch_nodes=torch_rows,
        modules=_modules(rows, torch_rows, weights, tuple(modules), not detail),
        lines=_lines(rows, torch_rows, not detail),
        runs=measured,
        run_seconds=run_seconds,
        parameters=sum(item.parameters for item in weights),
        bytes=sum(item.bytes for item in weights),
        shared=tuple(item.name for item in weights if item.shared),
        detail=detail,
    )


# -- ONNX Runtime -------------------------------------------------------------------------------------------------------


def _profiled(
    model: ir.Model, feeds: Mapping[str, Any], folder: Path, runs: int, cancelled: Callable[[], bool]
) -> tuple[list[dict[str, Any]], ir.Model]:
    """The events of a profile, and the graph as ONNX Runtime optimised it (its values are gone with the folder)."""
    file = folder / "model.onnx"
    write_model(model, file, cancelled=cancelled)
    session = RuntimeSession(file, profile=folder)
    try:
        for run in range(runs + 1):
            if cancelled():
                raise Cancelled(f"stopped before run {run} of ONNX Runtime")
            session.run(feeds)
    finally:
        profile = session.end_profiling()
    with open(profile, encoding="utf-8") as opened:
        events: list[dict[str, Any]] = json.load(opened)
    return events, ir.load(folder / RuntimeSession.OPTIMIZED)


def _medians(events: Sequence[Mapping[str, Any]]) -> tuple[dict[tuple[str, str], float], float, int]:
    """Seconds of each node by name and operator, seconds of a run, and how many runs there were; without the first run."""
    whole = [item for item in events if item.get("cat") == "Session" and item.get("name") == "model_run"][1:]
    if not whole:
        raise CheckerError(
            "ONNX Runtime's profile has no complete run after the first one: it holds a million events at most",
            action="measure a smaller part of the model",
        )
    kernels = sorted(
        (item for item in events if item.get("cat") == "Node" and str(item["name"]).endswith(_KERNEL)),
        key=lambda item: (item["ts"], -item["dur"]),
    )
    own = _without_inner(kernels)
    spent: dict[tuple[str, str], list[float]] = {}
    for index, run in enumerate(sorted(whole, key=lambda item: item["ts"])):
        for item, microseconds in zip(kernels, own, strict=True):
            if run["ts"] <= item["ts"] <= run["ts"] + run["dur"]:
                key = str(item["name"]).removesuffix(_KERNEL), str(item["args"].get("op_name", ""))
                spent.setdefault(key, [0.0] * len(whole))[index] += microseconds * 1e-6
    return (
        {key: median(found) for key, found in spent.items()},
        median(item["dur"] * 1e-6 for item in whole),
        len(whole),
    )


def _without_inner(kernels: Sequence[Mapping[str, Any]]) -> list[float]:
    """Microseconds of each event without those inside of it: what a branch or a body took counts there."""
    own = [float(item["dur"]) for item in kernels]
    around: list[int] = []
    for index, item in enumerate(kernels):
        while around and item["ts"] >= kernels[around[-1]]["ts"] + kernels[around[-1]]["dur"]:
            around.pop()
        if around:
            own[around[-1]] = max(0.0, own[around[-1]] - item["dur"])
        around.append(index)
    return own


class _Originals:
    """Which node of the model a node of ONNX Runtime stands for."""

    def __init__(self, model: ir.Model, optimized: ir.Model) -> None:
        graphs = [model.graph, *(function.graph for function in model.functions.values())]
        nodes = [node for graph in graphs for node in nodes_of(graph)]
        self._named = {node.name: node for node in nodes if node.name}
        self._makers = {value.name: node for node in nodes for value in node.outputs if value.name}
        run = list(nodes_of(optimized.graph))
        self._run = {node.name: node for node in run if node.name}
        self._gone = {id(node) for node in nodes if node.name not in self._run}

    def of(self, name: str, op_type: str) -> ir.Node | None:
        """The node, or None if it cannot be told."""
        if name in self._named:
            return self._named[name]
        run = self._run.get(name)
        values = [value.name for value in run.outputs] if run is not None else []
        plain = _MADE_FROM.sub("", name)
        if plain in self._named:
            return self._named[plain]
        maker = next((self._makers[value] for value in (*values, plain) if value in self._makers), None)
        return self._of_kind(maker, op_type.removeprefix("Fused")) if maker is not None else None

    def _of_kind(self, last: ir.Node, op_type: str) -> ir.Node:
        """Of the nodes that were fused into the last one, the one of this kind; else the last one itself."""
        seen, waiting = {id(last)}, [last]
        while waiting:
            node = waiting.pop(0)
            if node.op_type == op_type:
                return node
            for value in node.inputs:
                before = value.producer() if value is not None else None
                if before is not None and id(before) in self._gone and id(before) not in seen:
                    seen.add(id(before))
                    waiting.append(before)
        return last


# -- PyTorch ------------------------------------------------------------------------------------------------------------


def _torch_seconds(
    graph: TorchGraph, given: Sequence[torch.Tensor], runs: int, cancelled: Callable[[], bool]
) -> tuple[dict[int, float], str]:
    """Seconds of each node that computes, or why there are none."""
    kept = tuple(
        item if item.trainable else replace(item, tensor=item.tensor.detach().clone()) for item in graph.parameters
    )  # in training mode, running statistics are written
    graph = replace(graph, parameters=kept)
    spent: dict[int, list[float]] = {}
    state = torch.get_rng_state()
    try:
        for run in range(runs + 1):
            interpreter = Interpreter(graph, given)
            for node in graph.block.nodes:
                if cancelled():
                    raise Cancelled(f"stopped in run {run} of PyTorch")
                start = time.perf_counter()
                interpreter.step(node)
                taken = time.perf_counter() - start
                if run and not is_structural(node):
                    spent.setdefault(node.id, []).append(taken)
    except UnsupportedOperatorError as error:
        return {}, f"PyTorch was not measured: {error.message}"
    finally:
        torch.set_rng_state(state)
    return {number: median(found) for number, found in spent.items()}, ""


# -- rolling up ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Weight:
    """One initializer, where it is used first."""

    name: str
    scope: str
    parameters: int
    bytes: int
    shared: bool


def _weights(model: ir.Model) -> list[_Weight]:
    users: dict[str, list[str]] = {}
    for node in nodes_of(model.graph):
        for value in node.inputs:
            if value is not None and value.is_initializer() and value.name:
                users.setdefault(value.name, []).append(_scope(str(node.meta.get(SCOPE, ""))))
    found: list[_Weight] = []
    for name, value in model.graph.initializers.items():
        tensor = value.const_value
        if tensor is not None:
            scopes = users.get(name, [""])
            found.append(_Weight(name, scopes[0], int(tensor.size), int(tensor.nbytes), len(set(scopes)) > 1))
    return found


def _modules(
    rows: Sequence[NodeCost],
    torch_rows: Sequence[TorchCost],
    weights: Sequence[_Weight],
    order: Sequence[str],
    measured: bool,
) -> tuple[ModuleCost, ...]:
    placed = [row for row in rows if row.stands_for]
    rank = {path: number for number, path in enumerate(order)}
    found = [""]
    for scope in dict.fromkeys(item.scope for each in (placed, torch_rows, weights) for item in each):
        found.extend(path for path in _and_around(scope) if path not in found)
    for path in found:
        rank.setdefault(path, len(rank))

    def cost(path: str) -> ModuleCost:
        inside = f"{path}." if path else ""
        mine = [row for row in placed if row.scope == path or row.scope.startswith(inside)]
        held = [item for item in weights if item.scope == path or item.scope.startswith(inside)]
        theirs = [row.seconds for row in torch_rows if row.scope == path or row.scope.startswith(inside)]
        return ModuleCost(
            path,
            sum(row.seconds for row in mine),
            sum(theirs) if measured else None,
            len(mine),
            sum(item.parameters for item in held),
            sum(item.bytes for item in held),
        )

    found.sort(key=lambda path: [rank[each] for each in _and_around(path)])
    made = [row for row in rows if not row.stands_for]
    rest = [ModuleCost(MADE, sum(row.seconds for row in made), None, len(made), 0, 0)] if made else []
    return (*map(cost, found), *rest)


def _lines(rows: Sequence[NodeCost], torch_rows: Sequence[TorchCost], measured: bool) -> tuple[LineCost, ...]:
    lines = dict.fromkeys(item.line for each in (rows, torch_rows) for item in each)
    found = [
        LineCost(
            line,
            sum(row.seconds for row in rows if row.line == line),
            sum(row.seconds for row in torch_rows if row.line == line) if measured else None,
            sum(row.line == line for row in rows),
        )
        for line in lines
    ]
    return tuple(sorted(found, key=lambda item: -item.seconds))


def _and_around(path: str) -> list[str]:
    """``a.b`` gives ``"", a, a.b``."""
    parts = path.split(".") if path else []
    return ["", *(".".join(parts[:count]) for count in range(1, len(parts) + 1))]


def _scope(scope: str) -> str:
    """All calls of a module are one: without the numbers of the calls."""
    return re.sub(r"#\d+", "", scope)


def _line(origin: Origin) -> str:
    """The source line of a node, or ``""``."""
    where = origin.where
    if where == origin.scope:  # no frame is known
        return ""
    return where.removesuffix(f" in {origin.scope}") if origin.scope else where
