"""Runs all nodes in PyTorch and in ONNX, part by part within a byte budget, and compares every intermediate.

In: a finished export. Out: a ``NodesReport``. Each part is run twice in ONNX: as the model runs (accumulated error), and with
every node fed with PyTorch's values (local error), so that a node that introduces an error is told from one that passes it
on. Only statistics are kept.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
import torch

from onnx_explore.capture import Capture
from onnx_explore.capture.captured import feeds_of
from onnx_explore.check.compare import LOCAL_TOLERANCES, TOLERANCES, Array, Comparison, Tolerance, compare
from onnx_explore.check.nodes.interpret import Interpreter, is_structural
from onnx_explore.check.nodes.pairs import Pair, find_pairs
from onnx_explore.check.nodes.report import Cause, NodeCheck, NodesReport, Status
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
from onnx_explore.torch_ir import TorchGraph, TorchNode, TorchValue, used_by
from onnx_explore.writing import array_of

BUDGET = 256 << 20
"""Bytes of intermediates that are held at a time, if the caller does not say otherwise."""

_COPIES = 3
"""Each intermediate is held by PyTorch, by ONNX as the model runs, and by ONNX alone."""

_Made = tuple[Part, onnx.ModelProto, dict[str, ir.TensorProtocol]]
"""A part, the model of it, and the weights that this takes as inputs."""

_Judged = tuple[Status, Cause, str]
"""Status, cause and detail of a row."""


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
    culprits_only: bool = False,
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
        culprits_only: Whether the model is not run as it is, but its nodes alone, and what plainly agrees gets no row.

    Returns:
        One row per tensor that a torch node made, in order; with ``culprits_only`` without what plainly agrees.

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
    run.culprits_only = culprits_only
    state = torch.get_rng_state()
    try:
        run.all(progress)
    finally:
        torch.set_rng_state(state)
    seconds = time.perf_counter() - start
    return NodesReport(tuple(run.rows), run.parts, budget, run.peak, seconds, run.note, inputs is None)


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
    torch_values: dict[str, torch.Tensor] = field(default_factory=dict[str, torch.Tensor])
    onnx_values: dict[str, Array] = field(default_factory=dict[str, Array])
    alone_values: dict[str, Array] = field(default_factory=dict[str, Array])
    weights: dict[str, torch.Tensor] = field(default_factory=dict[str, torch.Tensor])
    lists: dict[str, list[torch.Tensor]] = field(default_factory=dict[str, list[torch.Tensor]])
    stopped: str = ""
    quantized: bool = False
    culprits_only: bool = False
    resized: bool = False
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
        self.resized = any(
            tensor.shape != item.example.shape for tensor, item in zip(self.given, self.capture.inputs, strict=True)
        )
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
            inputs = [number for value in used_by(node) for number in members.get(value.id, (value.id,))]
            if node.target in ("prim::ListConstruct", "prim::TupleConstruct"):
                members[node.output.id] = tuple(inputs)
            for number in inputs:
                if number in alias:
                    pair = alias[number]
                    for own in (node.id, *node.derived_from):  # an ONNX node knows either
                        self.seen.setdefault(own, {})[pair.value] = _alias_name(pair)
                    self.aliases[_alias_name(pair)] = position

    @property
    def _stores(self) -> tuple[dict[str, Any], ...]:
        return self.torch_values, self.onnx_values, self.alone_values

    # Part by part

    def all(self, progress: Callable[[int, int], None] | None) -> None:
        for name, item in feeds_of(self.capture.inputs, self.given).items():
            if isinstance(item, list):
                self.lists[name] = item
            else:
                self.torch_values[name] = item
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
                carried = sum(item.nbytes for store in self._stores for item in store.values())
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
        if last < len(self.graph.block.nodes) - 1:
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
        if self.stopped or made is None or self.culprits_only:
            return {}
        _, proto, weights = made
        feeds = {item.name: tensor for item, tensor in zip(self.capture.inputs, self.given, strict=True)}
        try:
            results = self._run(proto, weights, {**self.weights, **self.lists, **feeds, **self.onnx_values})
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
            # What the symbolic functions emitted, not what ONNX Runtime makes of it: that is in the run of the model as it is.
            values = {**self.weights, **self.lists, **self.alone_values, **self.torch_values}
            results = self._run(proto, weights, values, optimize=False)
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
        self,
        proto: onnx.ModelProto,
        weights: Mapping[str, ir.TensorProtocol],
        values: Mapping[str, Any],
        *,
        optimize: bool = True,
    ) -> dict[str, Array]:
        self._look()
        session: Session
        try:
            session = RuntimeSession(proto, weights=weights, optimize=optimize)
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
            value, code = values[name], wanted[name]
            is_list = isinstance(value, list)
            feeds[name] = [_as_declared(each, code) for each in value] if is_list else _as_declared(value, code)  # pyright: ignore[reportUnknownVariableType]
        return dict(zip(session.outputs, session.run(feeds), strict=True))

    # Comparing

    def _rows(
        self, step: _Step, as_run: Mapping[str, Array], alone: Mapping[str, Array], problem: str
    ) -> list[NodeCheck]:
        node = step.node
        pairs = step.pairs
        if self.culprits_only:
            pairs = [(pair, tensor) for pair, tensor in pairs if not self._is_near(tensor, alone.get(pair.name + OWN))]
        if not pairs and not step.problem and (step.pairs or is_structural(node)):
            return []
        event = self.functions.get(node.id)
        names = event.emitted if event is not None else ()
        row = partial(NodeCheck, node.id, node.target, node.origin.scope, node.origin.where, onnx=names)
        if step.problem:
            return [row(value="", status="not compared", detail=step.problem)]
        if not step.pairs:
            gone = "no ONNX value is left of it: a pass merged or removed what it became"
            return [row(value="", status="not compared", detail=gone)] if names else []
        return [self._row(row, step, *each, as_run, alone, problem) for each in pairs]

    def _is_near(self, expected: torch.Tensor, array: Array | None) -> bool:
        """Whether it takes no more than a glance to see that a node agrees: to within the absolute tolerance alone."""
        if self.atol is None or array is None or expected.dtype != torch.float32 or array.dtype != np.float32:
            return False
        wanted = array_of(expected)
        if wanted.shape != array.shape or not wanted.size:
            return False
        with np.errstate(invalid="ignore", over="ignore"):
            return bool(np.abs(array - wanted).max() <= self.atol)  # a NaN is not

    def _row(
        self,
        row: Callable[..., NodeCheck],
        step: _Step,
        pair: Pair,
        expected: torch.Tensor,
        as_run: Mapping[str, Array],
        alone: Mapping[str, Array],
        problem: str,
    ) -> NodeCheck:
        is_random = pair.value in self.random
        if pair.alias:
            given, array = self.onnx_values.get(pair.name), self._fed_with(pair.name)
            given = self._fed_with(pair.name) if pair.value.is_graph_input() else given
        else:
            given, array = as_run.get(pair.name), alone.get(pair.name + OWN)
        # As the model runs, it may be as far off as a whole model may; alone, as a node may.
        together = self._compare(expected, given, pair.name, is_random, TOLERANCES, self.quantized)
        rounds = rounds_to_integers(step.node)
        apart = self._compare(expected, array, pair.name, is_random, LOCAL_TOLERANCES, rounds)
        plain = expected.int_repr() if expected.is_quantized else expected
        if apart is None:
            status, cause, detail = self._unknown(step, problem)
        elif apart.passed:
            status, cause, detail = _passed(is_random, together)
        else:
            assert array is not None
            status, cause, detail = self._differs(step, pair, plain, array, apart)
        return row(
            value=pair.name,
            status=status,
            cause=cause,
            detail=detail,
            accumulated=together,
            local=apart,
            nonfinite=(_nonfinite(array_of(plain)), _nonfinite(given)),
            bytes=expected.nbytes,
        )

    def _unknown(self, step: _Step, problem: str) -> _Judged:
        """Of a node that was not run alone."""
        if problem and step.misshapen:
            detail = f"lowered for what {step.misshapen} gives in ONNX, which has another shape or dtype; {problem}"
            return "passes on", "", detail
        if problem:
            return "introduces", "baked size" if self.resized else "wrong symbolic function", problem
        return "not compared", "", self.stopped or "its ONNX value was not run"

    def _differs(
        self, step: _Step, pair: Pair, expected: torch.Tensor, array: Array, comparison: Comparison
    ) -> _Judged:
        """Of a node that alone gives something else than PyTorch."""
        if step.misshapen:
            detail = f"lowered for what {step.misshapen} gives in ONNX, which has another shape or dtype; {comparison}"
            return "passes on", "", detail
        event = self.functions.get(step.node.id)
        cause, detail = cause_of(
            step.node,
            step.inputs,
            expected,
            array,
            comparison,
            event.function if event is not None else "",
            output=pair.output,
            item=pair.item,
            resized=self.resized,
        )
        return "introduces", cause, detail

    def _fed_with(self, name: str) -> Array | None:
        """PyTorch's value of an ONNX value, as ONNX would be given it."""
        tensor = self.torch_values.get(name)
        return None if tensor is None else array_of(tensor)

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


def _passed(is_random: bool, together: Comparison | None) -> _Judged:
    """Of a node that alone gives what PyTorch gives."""
    if is_random:
        return "random", "", "dtype and shape agree; the values are random"
    if together is not None and not together.passed:
        return "passes on", "", str(together)
    return "agrees", "", ""


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
        if np.isfinite(np.add.reduce(wide, axis=None)):
            return 0  # the sum over a NaN or an infinity is one, too
    return int(np.count_nonzero(~np.isfinite(wide)))


def _element_type(declared: onnx.TypeProto) -> int:
    """The element type of a tensor, of one that may be None, or of a list's."""
    inner = declared.optional_type.elem_type if declared.HasField("optional_type") else declared
    inner = inner.sequence_type.elem_type if inner.HasField("sequence_type") else inner
    return inner.tensor_type.elem_type


def _as_declared(item: Array | torch.Tensor, code: int) -> Array | torch.Tensor:
    """A value in the element type that the ONNX graph declares; where PyTorch's is another one, that is a row already."""
    wanted = ir.DataType(code)
    if isinstance(item, torch.Tensor):
        return item if to_onnx(item.dtype) == wanted else item.to(to_torch(wanted))
    return item if item.dtype == wanted.numpy() else item.astype(wanted.numpy())
