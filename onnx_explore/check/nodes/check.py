"""Runs all nodes in PyTorch and in ONNX, part by part within a byte budget, and compares every intermediate.

In: a finished export. Out: a ``NodesReport``. Each part is run twice in ONNX: as the model runs (accumulated error), and with
every node fed with PyTorch's values (local error), so that a node that introduces an error is told from one that passes it
on. Only statistics are kept.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

import numpy as np
import onnx
import onnx_ir as ir
import torch
from onnx_ir.tensor_adapters import TorchTensor

from onnx_explore.capture import Capture
from onnx_explore.capture.captured import feeds_of
from onnx_explore.check.compare import LOCAL_TOLERANCES, TOLERANCES, Array, Comparison, Tolerance, compare
from onnx_explore.check.nodes.interpret import Interpreter, is_structural
from onnx_explore.check.nodes.pairs import Pair, find_pairs
from onnx_explore.check.nodes.report import NodeCheck, NodesReport
from onnx_explore.check.nodes.segments import OWN, Cutting, Part, accumulated, local
from onnx_explore.check.nodes.verdict import cause_of
from onnx_explore.check.quantized import is_quantized, rounds_to_integers
from onnx_explore.check.randomness import random_values
from onnx_explore.check.runtime import ReferenceSession, RuntimeSession, Session
from onnx_explore.dtypes import to_onnx, to_torch
from onnx_explore.errors import (
    Cancelled,
    CheckerError,
    InvalidArgument,
    NoRuntimeKernel,
    RuntimeMismatch,
    UnsupportedOperatorError,
)
from onnx_explore.recording import NodeLowered, Recorder
from onnx_explore.symbolic.lowered import Lowered
from onnx_explore.torch_ir import TorchGraph, TorchNode, TorchValue
from onnx_explore.writing import contiguous_array

BUDGET = 256 << 20
"""Bytes of intermediates that are held at a time, if the caller does not say otherwise."""

_COPIES = 3
"""Each intermediate is held by PyTorch, by ONNX as the model runs, and by ONNX alone."""

_Made = tuple[Part, onnx.ModelProto, dict[str, ir.TensorProtocol]]
"""A part, the model of it, and the weights that this takes as inputs."""


def check_nodes(
    model: ir.Model,
    graph: TorchGraph,
    capture: Capture,
    lowered: Callable[[TorchValue], Lowered],
    recorder: Recorder,
    *,
    inputs: Sequence[torch.Tensor] | None = None,
    budget: int = BUDGET,
    rtol: float | None = None,
    atol: float | None = None,
    progress: Callable[[int, int], None] | None = None,
    as_run: bool = True,
) -> NodesReport:
    """Compare every intermediate of the TorchGraph with the ONNX value that it became.

    Args:
        model: The finished ONNX model. Stays as it is.
        graph: The TorchGraph that was lowered (after the torch passes).
        capture: Where it comes from.
        lowered: What a torch value became.
        recorder: Says which symbolic function lowered a node, and is asked whether to stop.
        inputs: Other inputs than the captured ones, in the order of ``capture.inputs``.
        budget: Bytes of intermediates to hold at a time. A part holds one node at least.
        rtol: Relative tolerance instead of that of the element type for one node.
        atol: Absolute tolerance instead of that of the element type, as a number.
        progress: Called with the nodes done and the nodes in all.
        as_run: Whether the model is run as it is, too; without, there are local errors alone.

    Returns:
        One row per tensor that a torch node made, in order.

    Raises:
        Cancelled: If the recorder says so.
        InvalidArgument: If ``inputs`` are not one tensor per input, or the budget is not positive.
        NotAvailable: If ONNX Runtime is not installed.
    """
    given = tuple(item.example.detach() for item in capture.inputs) if inputs is None else tuple(inputs)
    if len(given) != len(capture.inputs):
        raise InvalidArgument(
            f"{len(given)} tensors for {len(capture.inputs)} inputs", argument="inputs", action="give one per input"
        )
    if budget <= 0:
        raise InvalidArgument(f"{budget} bytes", argument="budget", action="give a positive number of bytes")
    start = time.perf_counter()
    run = _Run(model, graph, capture, find_pairs(graph, lowered, model.graph), recorder, given, budget, rtol, atol)
    run.as_run = as_run
    state = torch.get_rng_state()
    try:
        run.all(progress)
    finally:
        torch.set_rng_state(state)
    return NodesReport(tuple(run.rows), run.parts, budget, run.peak, time.perf_counter() - start, run.note)


class _NoValue(RuntimeMismatch):
    """A part of the model that is fed with what could not be computed."""


@dataclass(slots=True)
class _Step:
    """One torch node that was run: what went in, and what of its outputs is compared."""

    node: TorchNode
    inputs: list[Any]
    pairs: list[tuple[Pair, torch.Tensor]] = field(default_factory=list[tuple[Pair, torch.Tensor]])
    problem: str = ""
    misshapen: str = ""


@dataclass(slots=True)
class _Run:
    model: ir.Model
    graph: TorchGraph
    capture: Capture
    found: list[Pair]
    recorder: Recorder
    given: tuple[torch.Tensor, ...]
    budget: int
    rtol: float | None = None
    atol: float | None = None
    rows: list[NodeCheck] = field(default_factory=list[NodeCheck])
    parts: int = 0
    peak: int = 0
    note: str = ""
    cutting: Cutting = field(init=False)
    torch_values: dict[str, Any] = field(default_factory=dict[str, Any])
    onnx_values: dict[str, Array] = field(default_factory=dict[str, Array])
    alone_values: dict[str, Array] = field(default_factory=dict[str, Array])
    weights: dict[str, torch.Tensor] = field(default_factory=dict[str, torch.Tensor])
    stopped: str = ""
    quantized: bool = False
    as_run: bool = True
    random: frozenset[ir.Value] = frozenset()
    functions: dict[int, NodeLowered] = field(default_factory=dict[int, NodeLowered])
    seen: dict[int, dict[ir.Value, str]] = field(default_factory=dict[int, dict[ir.Value, str]])
    misshapen: dict[int, str] = field(default_factory=dict[int, str])
    aliases: dict[str, int] = field(default_factory=dict[str, int])
    by_node: dict[int, list[Pair]] = field(default_factory=dict[int, list[Pair]])

    def __post_init__(self) -> None:
        order: dict[int, int] = {}
        for position, node in enumerate(self.graph.block.nodes):
            for number in (node.id, *node.derived_from):
                order[number] = position
        asked = {pair.value: order[pair.node.id] for pair in self.found if pair.alias}  # the last one stays
        self.cutting = Cutting(self.model, order, {pair.value for pair in self.found}, asked)
        self.random = random_values(self.model)
        self.quantized = is_quantized(self.graph)
        self.functions = {event.node: event for event in self.recorder.recording.of(NodeLowered)}
        self._see_aliases()
        for pair in self.found:
            self.by_node.setdefault(pair.node.id, []).append(pair)

    def _see_aliases(self) -> None:
        """Find the nodes that use a tensor for which nothing was emitted: they see another one in the same ONNX value."""
        alias = {
            pair.node.outputs[pair.output].id: pair
            for pair in self.found
            if pair.alias and pair.item is None and not is_structural(pair.node)
        }
        members: dict[int, tuple[int, ...]] = {}
        for position, node in enumerate(self.graph.block.nodes):
            inputs = [number for value in node.inputs for number in members.get(value.id, (value.id,))]
            if node.target in ("prim::ListConstruct", "prim::TupleConstruct"):
                members[node.output.id] = tuple(inputs)
            for number in inputs:
                if number in alias:
                    pair = alias[number]
                    for own in (node.id, *node.derived_from):  # an ONNX node knows either
                        self.seen.setdefault(own, {})[pair.value] = _alias_name(pair)
                    self.aliases[_alias_name(pair)] = position

    @property
    def resized(self) -> bool:
        return any(
            tensor.shape != item.example.shape for tensor, item in zip(self.given, self.capture.inputs, strict=True)
        )

    @property
    def _stores(self) -> tuple[dict[str, Any], ...]:
        return self.torch_values, self.onnx_values, self.alone_values

    # Part by part

    def all(self, progress: Callable[[int, int], None] | None) -> None:
        self.torch_values.update(feeds_of(self.capture.inputs, self.given))
        for parameter in self.capture.graph.parameters:  # with export_params=False they are inputs
            for name in (parameter.name, *parameter.aliases):
                self.weights[name] = parameter.tensor.detach()
        interpreter = Interpreter(self.graph, self.given)
        nodes = self.graph.block.nodes
        steps: list[_Step] = []
        first, held = -1, 0
        for position, node in enumerate(nodes):
            self._look()
            step = self._step(interpreter, node)
            steps.append(step)
            held += _COPIES * sum(tensor.nbytes for _, tensor in step.pairs) + self.cutting.copied_at(position)
            is_last = position == len(nodes) - 1
            if is_last or (held >= self.budget and self.cutting.can_cut_after(position)):
                carried = sum(_bytes(item) for store in self._stores for item in store.values())
                self.peak = max(self.peak, held + carried)
                self._part(first, position, steps)
                if progress is not None:
                    progress(position + 1, len(nodes))
                first, held, steps = position + 1, 0, []
            if step.problem:
                # What follows needs its values.
                self._rest(nodes[position + 1 :], f"PyTorch could not run {node.target} before it")
                if steps:
                    self._part(first, position, steps)
                return

    def _step(self, interpreter: Interpreter, node: TorchNode) -> _Step:
        step = _Step(node, [] if is_structural(node) else interpreter.inputs(node))
        try:
            outputs = interpreter.step(node)
        except UnsupportedOperatorError as error:
            step.problem = error.message
            self.note = self.note or f"PyTorch stops at {node.target} at {node.origin.where}: {error.message}"
            return step
        for pair in self.by_node.get(node.id, ()):
            tensor = pair.of(outputs)
            if tensor is not None and not (pair.alias and is_structural(node)):
                step.pairs.append((pair, tensor))
        self._see_shapes(step)
        return step

    def _see_shapes(self, step: _Step) -> None:
        """Note which tensors have another shape or dtype in ONNX: what uses one was lowered for that."""
        node = step.node
        step.misshapen = next((self.misshapen[value.id] for value in node.inputs if value.id in self.misshapen), "")
        if is_structural(node):
            if step.misshapen:
                self.misshapen.update((value.id, step.misshapen) for value in node.outputs)
            return
        for pair, tensor in step.pairs:
            if not self.resized and not _is_declared(pair.value, tensor):
                self.misshapen[node.outputs[pair.output].id] = f"%{node.id} {node.target}"

    def _part(self, first: int, last: int, steps: Sequence[_Step]) -> None:
        """Run and compare the nodes at the positions ``first`` … ``last``."""
        self.parts += 1
        for step in steps:
            for pair, tensor in step.pairs:
                self.torch_values[_alias_name(pair) if pair.alias else pair.name] = tensor
        made = self._made(first, last)
        as_run = self._as_run(first, last, made)
        alone, problems = self._alone(first, last, made)
        for position, step in enumerate(steps, max(first, 0)):
            self.rows.extend(self._rows(step, as_run, alone, problems.get(position, "")))
        for store in self._stores:
            self._forget(store, last)

    def _forget(self, store: dict[str, Any], last: int) -> None:
        needed = {value.name for value in self.cutting.needed_after(last)}
        needed.update(name for name, position in self.aliases.items() if position > last)
        inputs = {value.name for value in self.model.graph.inputs}
        for name in [name for name in store if name not in needed and name not in inputs]:
            del store[name]

    # Running

    def _made(self, first: int, last: int) -> _Made | None:
        part = self.cutting.part(first, last)
        return None if part is None else (part, *accumulated(self.model, part))

    def _as_run(self, first: int, last: int, made: _Made | None) -> dict[str, Array]:
        """What the part gives as the model runs."""
        if self.stopped or made is None or not self.as_run:
            return {}
        _, proto, weights = made
        feeds = feeds_of(self.capture.inputs, self.given)
        try:
            results = self._run(proto, weights, {**self.weights, **feeds, **self.onnx_values})
        except (RuntimeMismatch, CheckerError, NoRuntimeKernel) as error:
            if first < last:
                middle = (first + last) // 2
                left = self._as_run(first, middle, self._made(first, middle))
                return {**left, **self._as_run(middle + 1, last, self._made(middle + 1, last))}
            self.stopped = error.message
            return {}
        self.onnx_values.update(results)
        return results

    def _alone(self, first: int, last: int, made: _Made | None) -> tuple[dict[str, Array], dict[int, str]]:
        """What the part's nodes give when they are fed with PyTorch's values, and which cannot be run, by position."""
        if made is None:
            return {}, {}
        part, proto, weights = made
        proto = local(proto, part, self.cutting.compared, self.seen)
        try:
            results = self._run(proto, weights, {**self.weights, **self.alone_values, **self.torch_values})
        except (RuntimeMismatch, CheckerError, NoRuntimeKernel) as error:
            if first < last:
                middle = (first + last) // 2
                left, left_problems = self._alone(first, middle, self._made(first, middle))
                right, right_problems = self._alone(middle + 1, last, self._made(middle + 1, last))
                return {**left, **right}, {**left_problems, **right_problems}
            # A node whose inputs are not there says nothing of its symbolic function.
            return {}, {} if isinstance(error, _NoValue) else {last: error.message}
        self.alone_values.update({name: array for name, array in results.items() if not name.endswith(OWN)})
        return results, {}

    def _run(
        self, proto: onnx.ModelProto, weights: Mapping[str, ir.TensorProtocol], values: Mapping[str, Any]
    ) -> dict[str, Array]:
        self._look()
        session: Session
        try:
            session = RuntimeSession(proto, weights=weights)
            return self._fed(session, proto, values)
        except NoRuntimeKernel:
            session = ReferenceSession(proto, weights=weights)
            return self._fed(session, proto, values)

    def _fed(self, session: Session, proto: onnx.ModelProto, values: Mapping[str, Any]) -> dict[str, Array]:
        wanted = {item.name: _element_type(item.type) for item in proto.graph.input}
        feeds: dict[str, Any] = {}
        for name in session.inputs:
            if name not in values:
                raise _NoValue(f"'{name}' has no value: what makes it could not be run")
            value, dtype = values[name], wanted[name]
            feeds[name] = (
                [_as_declared(item, dtype) for item in value] if isinstance(value, list) else _as_declared(value, dtype)
            )
        return dict(zip(session.outputs, session.run(feeds), strict=True))

    # Comparing

    def _rows(
        self, step: _Step, as_run: Mapping[str, Array], alone: Mapping[str, Array], problem: str
    ) -> list[NodeCheck]:
        node = step.node
        event = self.functions.get(node.id)
        names = event.emitted if event is not None else ()
        row = NodeCheck(node.id, node.target, node.origin.scope, node.origin.where, "", names, "not compared")
        if step.problem:
            return [replace(row, detail=step.problem)]
        if not step.pairs:
            if is_structural(node) or not names:
                return []
            return [replace(row, detail="no ONNX value is left of it: a pass merged or removed what it became")]
        return [self._row(row, step, *each, as_run, alone, problem) for each in step.pairs]

    def _row(
        self,
        row: NodeCheck,
        step: _Step,
        pair: Pair,
        expected: torch.Tensor,
        as_run: Mapping[str, Array],
        alone: Mapping[str, Array],
        problem: str,
    ) -> NodeCheck:
        is_random = pair.value in self.random
        row = replace(row, value=pair.name, bytes=expected.nbytes)
        if pair.alias:
            given, array = self.onnx_values.get(pair.name), self._fed_with(pair.name)
            given = self._fed_with(pair.name) if pair.value.is_graph_input() else given
        else:
            given, array = as_run.get(pair.name), alone.get(pair.name + OWN)
        # As the model runs, it may be as far off as a whole model may; alone, as a node may.
        together = self._compare(expected, given, pair.name, is_random, TOLERANCES, self.quantized)
        rounds = rounds_to_integers(step.node)
        apart = self._compare(expected, array, pair.name, is_random, LOCAL_TOLERANCES, rounds)
        expected = expected.int_repr() if expected.is_quantized else expected
        counts = (_nonfinite(contiguous_array(TorchTensor(expected))), _nonfinite(given))
        row = replace(row, accumulated=together, local=apart, nonfinite=counts)
        if apart is None:
            if problem and step.misshapen:
                detail = f"lowered for what {step.misshapen} gives in ONNX, which has another shape or dtype; {problem}"
                return replace(row, status="passes on", detail=detail)
            if problem:
                cause = "baked size" if self.resized else "wrong symbolic function"
                return replace(row, status="introduces", cause=cause, detail=problem)
            return replace(row, detail=self.stopped or "its ONNX value was not run")
        if not apart.passed and step.misshapen:
            detail = f"lowered for what {step.misshapen} gives in ONNX, which has another shape or dtype; {apart}"
            return replace(row, status="passes on", detail=detail)
        if not apart.passed:
            assert array is not None
            event = self.functions.get(step.node.id)
            cause, detail = cause_of(
                step.node,
                step.inputs,
                expected,
                array,
                apart,
                event.function if event is not None else "",
                output=pair.output,
                item=pair.item,
                resized=self.resized,
            )
            return replace(row, status="introduces", cause=cause, detail=detail)
        if is_random:
            return replace(row, status="random", detail="dtype and shape agree; the values are random")
        if together is not None and not together.passed:
            return replace(row, status="passes on", detail=str(together))
        return replace(row, status="agrees")

    def _fed_with(self, name: str) -> Array | None:
        """PyTorch's value of an ONNX value, as ONNX would be given it."""
        tensor = self.torch_values.get(name)
        return None if tensor is None else contiguous_array(TorchTensor(tensor))

    def _compare(
        self,
        expected: torch.Tensor,
        actual: Array | None,
        name: str,
        is_random: bool,
        table: Mapping[torch.dtype, Tolerance],
        quantized: bool,
    ) -> Comparison | None:
        if actual is None:
            return None
        (found,) = compare(
            [expected],
            [actual],
            [name],
            rtol=self.rtol,
            atol=self.atol,
            random=(name,) if is_random else (),
            quantized=quantized or expected.is_quantized,
            table=table,
        )
        return found

    def _rest(self, nodes: Sequence[TorchNode], why: str) -> None:
        for node in nodes:
            if not is_structural(node) and self.by_node.get(node.id):
                self.rows.append(
                    NodeCheck(
                        node.id, node.target, node.origin.scope, node.origin.where, "", (), "not compared", detail=why
                    )
                )

    def _look(self) -> None:
        if self.recorder.cancelled():
            raise Cancelled("stopped while the nodes were checked")


def _bytes(item: Any) -> int:
    """Of a tensor, an array, or a list of them."""
    return sum(map(_bytes, cast("list[Any]", item))) if isinstance(item, list) else item.nbytes


def _alias_name(pair: Pair) -> str:
    return f"{pair.name}::{pair.node.outputs[pair.output].id}"


def _is_declared(value: ir.Value, tensor: torch.Tensor) -> bool:
    """Whether the ONNX graph declares the tensor's dtype and, where it knows them, its sizes."""
    if value.dtype is not None and not tensor.is_quantized and value.dtype != to_onnx(tensor.dtype):
        return False
    if value.shape is None:
        return True
    sizes = list(value.shape)
    return len(sizes) == tensor.ndim and all(
        size == actual for size, actual in zip(sizes, tensor.shape, strict=True) if isinstance(size, int)
    )


def _nonfinite(item: Array | None) -> int:
    if item is None or item.dtype.kind not in "fcV" or not item.size:
        return 0
    wide = item if item.dtype.kind in "fc" else item.astype(np.float32)
    with np.errstate(invalid="ignore", over="ignore"):
        if np.isfinite(np.sum(wide)):
            return 0  # the sum over a NaN or an infinity is one, too
    return int(np.count_nonzero(~np.isfinite(wide)))


def _element_type(declared: onnx.TypeProto) -> int:
    """The element type of a tensor, of one that may be None, or of those in a list."""
    inner = declared.optional_type.elem_type if declared.HasField("optional_type") else declared
    inner = inner.sequence_type.elem_type if inner.HasField("sequence_type") else inner
    return inner.tensor_type.elem_type


def _as_declared(item: Array | torch.Tensor, code: int) -> Array | torch.Tensor:
    """A value in the element type that the ONNX graph declares; where PyTorch's is another one, that is a row already."""
    wanted = ir.DataType(code)
    if isinstance(item, torch.Tensor):
        return item if to_onnx(item.dtype) == wanted else item.to(to_torch(wanted))
    return item if item.dtype == wanted.numpy() else item.astype(wanted.numpy())
