"""The ``Lowering`` cursor: one torch node per ``step()``, one event per step; it can fail, wait, and go on.

In: a TorchGraph that went through the torch passes, the graph inputs, options. Out: an ``onnx_ir.Graph``.

A step is transactional. When a symbolic function fails, what it half emitted is taken back and the cursor stays where it is;
after a symbolic function was registered, the next step tries again. When a registration concerns a node that was lowered
already, the cursor goes back to the first such node.

The cursor goes into the blocks of ``prim::If`` and ``prim::Loop`` (see ``control``): a step at such a node enters its first
block, and the node itself is made by the step after the last node of its last block.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import onnx_ir as ir

from onnx_explore import dtypes
from onnx_explore.capture.captured import GraphInput, GraphOutput, one_each
from onnx_explore.capture.decompose import may_decompose
from onnx_explore.emit import Emitter
from onnx_explore.emit.emitter import Mark
from onnx_explore.errors import OnnxExporterError, UnsupportedOperatorError
from onnx_explore.lowering.control import OpenIf, OpenLoop, wants_unrolling
from onnx_explore.lowering.frames import Again, Frame, Opened, Place, Plan
from onnx_explore.lowering.interface import (
    input_value,
    one_input_each,
    optional_input,
    output_shape,
    tensor_output,
)
from onnx_explore.lowering.lists import optional_output
from onnx_explore.lowering.operators import Operators
from onnx_explore.lowering.pieces import unpacked_lists
from onnx_explore.lowering.quantized import given
from onnx_explore.lowering.resolution import Resolution, resolve
from onnx_explore.lowering.structure import is_structure
from onnx_explore.lowering.unconverted import convert
from onnx_explore.lowering.values import copied
from onnx_explore.options import Options
from onnx_explore.recording import NodeEntered, NodeFailed, NodeLowered, Recorder
from onnx_explore.relations import symbols_in
from onnx_explore.symbolic.lowered import Constant, Lowered
from onnx_explore.symbolic.outcome import failure
from onnx_explore.symbolic.promotion import NUMBER
from onnx_explore.symbolic.registry import REGISTRY
from onnx_explore.torch_ir import TorchGraph, TorchNode, TorchValue, walk


@dataclass(slots=True)
class _Done:
    """A node that was lowered (or whose blocks were begun): what is needed to go back to before it."""

    mark: Mark
    frame: Frame
    position: int
    events: int
    before: dict[int, Lowered] | None

    @property
    def node(self) -> TorchNode:
        return self.frame.block.nodes[self.position]


class Lowering:
    """Lowers one TorchGraph, a node at a time.

    Args:
        graph: After the torch passes.
        inputs: One per ``graph.inputs``.
        outputs: One per ``graph.outputs``.
        options: Of the export.
        recorder: Where events go.

    Attributes:
        nodes: All nodes, each before those of its blocks.
        error: Why the last step failed, or None.
    """

    def __init__(
        self,
        graph: TorchGraph,
        inputs: Sequence[GraphInput],
        outputs: Sequence[GraphOutput],
        options: Options,
        recorder: Recorder,
    ) -> None:
        self.graph = graph
        self.options = options
        self.recorder = recorder
        self.error: OnnxExporterError | None = None
        self._nested = any(node.blocks for node in graph.block.nodes)
        self.nodes = tuple(walk(graph.block)) if self._nested else graph.block.nodes
        self._order = {node.id: index for index, node in enumerate(self.nodes)} if self._nested else {}
        self._inputs = inputs
        self._outputs = outputs
        self._values: dict[int, Lowered] = {}
        self._done: list[_Done] = []
        self._plans: dict[Place, Plan] = {}
        self._unpacked = unpacked_lists(self.nodes, graph.block)
        self._seen = REGISTRY.version
        opsets = {"": options.opset_version, **options.custom_opsets}
        self.onnx = ir.Graph([], [], nodes=[], opset_imports=opsets, name="main_graph")
        parameters_are_fixed = options.export_params and not options.keep_initializers_as_inputs
        self.emitter = Emitter(
            self.onnx,
            options.opset_version,
            fold_parameters=options.do_constant_folding and parameters_are_fixed,
            integer_kernels=options.integer_kernels,
        )
        self._operators = Operators(
            self.emitter, fold_tensors=options.do_constant_folding, foreign=options.torch_symbolics
        )
        self._frame = Frame(graph.block, self.emitter.region)
        self._declare_inputs()
        self._declare_parameters()

    # -- the interface of the graph ---------------------------------------------------------------------------------

    def _declare_inputs(self) -> None:
        for output in self._outputs:
            self.emitter.names.reserve(output.onnx_name)
        for axes in self.options.dynamic_axes.values():
            for symbol in axes.values():
                for name in symbols_in(symbol):
                    self.emitter.inference.reserve(name)
        for row in one_input_each(self._inputs):
            name = row[0].onnx_name
            value = input_value(
                self.emitter,
                row,
                self.options.dynamic_axes.get(name, {}),
                optional=name in self.options.optional_inputs,
            )
            self.emitter.names.reserve(name)
            self.onnx.inputs.append(value)
            item = optional_input(self.emitter, value) if isinstance(value.type, ir.OptionalType) else value
            self._values.update((each.value.id, item) for each in row)
            for item in row:
                if item.example.is_quantized:
                    self._values[item.value.id] = given(value, item.example, self.emitter, self.recorder)

    def _declare_parameters(self) -> None:
        names = self.options.input_names[len(self._inputs) :]
        for index, parameter in enumerate(self.graph.parameters):
            name = names[index] if index < len(names) else parameter.name
            self.emitter.names.reserve(name)
            if self.options.export_params:
                self._values[parameter.value.id] = Constant(parameter.tensor, name, lineage=parameter.name)
                continue
            value = ir.Value(
                name=name,
                shape=ir.Shape(parameter.tensor.shape),
                type=ir.TensorType(dtypes.to_onnx(parameter.tensor.dtype)),
            )
            self.onnx.inputs.append(value)
            self._values[parameter.value.id] = value

    # -- where it stands ------------------------------------------------------------------------------------------------

    @property
    def position(self) -> int:
        """Index in ``nodes`` of the next node that nothing was done for; ``len(nodes)`` if there is none."""
        frame = self._frame
        if not self._nested:
            return frame.position
        while frame.node is None and frame.parent is not None:  # what comes after a block that is at its end
            parent = frame.parent
            following = parent.position + 1
            if following < len(parent.block.nodes):
                return self._order[parent.block.nodes[following].id]
            frame = parent
            if frame.parent is None:
                return len(self.nodes)
        return len(self.nodes) if frame.node is None else self._order[frame.node.id]

    @property
    def finished(self) -> bool:
        """Whether every node was lowered."""
        self._notice_registrations()
        return self._frame.parent is None and self._frame.node is None

    @property
    def node(self) -> TorchNode | None:
        """The node that the next step lowers, or None. After the last block of an If or a Loop, that node itself."""
        if self.finished:
            return None
        frame = self._frame
        return frame.node or (frame.opened.node if frame.opened is not None else None)

    @property
    def inside(self) -> tuple[TorchNode, ...]:
        """The nodes whose blocks the cursor is in, outermost first."""
        around: list[TorchNode] = []
        frame: Frame | None = self._frame
        while frame is not None and frame.opened is not None:
            around.append(frame.opened.node)
            frame = frame.parent
        return tuple(reversed(around))

    # -- stepping -----------------------------------------------------------------------------------------------------

    def step(self) -> NodeEntered | NodeLowered | NodeFailed:
        """Lower the next node, or go into its blocks.

        Returns:
            The event, which is in the recording, too. After a ``NodeFailed``, ``error`` holds the exception and the cursor
            has not moved.
        """
        self._notice_registrations()
        while True:
            frame = self._frame
            node = frame.node
            if node is None:
                event = self._end_block(frame)
            elif node.target in _CONTROL_FLOW:
                event = self._open(frame, node)
            else:
                event = self._operator(frame, node)
            if event is not None:
                if self._nested:
                    self._leave_blocks()
                return event

    def _operator(self, frame: Frame, node: TorchNode) -> NodeLowered | NodeFailed | None:
        g = self.emitter
        mark = self._begin(frame, node)
        first = node.outputs[0].dtype if node.outputs else None
        g.expected = dtypes.to_onnx(first) if first is not None and dtypes.has_onnx(first) else None
        g.example_shape = node.inputs[0].shape if node.inputs else None
        g.example_strides = node.inputs[0].strides if node.inputs else None
        pieces = self._unpacked.get(node.outputs[0].id) if node.outputs else None
        g.expected_count, g.needed_count = (pieces.count, pieces.needed) if pieces is not None else (None, None)
        start = time.perf_counter()
        inputs = [self._values[value.id] for value in node.inputs]
        try:
            kind = self.options.operator_export_type
            resolution, results = convert(self._operators, node, inputs, kind)
            results = tuple(
                [self._operators.settle(node, inputs, *pair) for pair in zip(node.outputs, results, strict=True)]
            )
        except BaseException as error:
            g.rollback(mark)
            if not isinstance(error, Exception):
                raise
            return self._fail(frame, node, error, time.perf_counter() - start)
        return self._lowered(frame, node, mark, resolution, results, start)

    def _begin(self, frame: Frame, node: TorchNode) -> Mark:
        """Emit for a node from here on."""
        g = self.emitter
        if g.region is not frame.region:
            g.enter(frame.region)
        g.torch_nodes = node.derived_from or (node.id,)
        g.scope = node.origin.scope
        g.rounds = frame.rounds
        return g.mark()

    def _lowered(
        self,
        frame: Frame,
        node: TorchNode,
        mark: Mark,
        resolution: Resolution,
        results: Sequence[Lowered],
        start: float,
    ) -> NodeLowered:
        """A node of a frame is done."""
        self._done.append(self._entry(frame, mark, node.outputs))
        for output, result in zip(node.outputs, results, strict=True):
            self._values[output.id] = result
            if output.kind in _NUMBERS:
                self._mark_number(node, result)
        frame.position += 1
        self.error = None
        emitted = self.emitter.since(mark)
        event = NodeLowered(
            node.id,
            node.target,
            node.overload,
            resolution.function,
            resolution.since,
            resolution.candidates,
            resolution.reason,
            tuple([item.name or "" for item in emitted]),
            time.perf_counter() - start,
        )
        self.recorder.add(event)
        for problem in self.emitter.problems[mark[3] :]:
            self.recorder.note("warning", problem.code, problem.message, where=node.origin.where, node=node.id)
        return event

    def _mark_number(self, node: TorchNode, result: Lowered) -> None:
        """A number that a scripted model computes is none of the tensors that it came from."""
        if isinstance(result, ir.Value) and all(self._values[value.id] is not result for value in node.inputs):
            result.meta[NUMBER] = True

    def _entry(self, frame: Frame, mark: Mark, outputs: Sequence[TorchValue] = ()) -> _Done:
        before = None
        if self._nested:  # the rounds of an unrolled loop write to the same values
            before = {value.id: self._values[value.id] for value in outputs if value.id in self._values}
        return _Done(mark, frame, frame.position, len(self.recorder.recording.events), before)

    # -- blocks -------------------------------------------------------------------------------------------------------

    def _open(self, frame: Frame, node: TorchNode) -> NodeEntered | NodeLowered | NodeFailed | None:
        """Begin the blocks of a node."""
        mark = self._begin(frame, node)
        inputs = [self._values[value.id] for value in node.inputs]
        start = time.perf_counter()
        try:
            opened: Opened
            if node.target == "prim::If":
                opened = OpenIf(self.emitter, frame, node, inputs[0])
            else:
                plan = self._plans.setdefault((*frame.place, (node.id, 0)), Plan())
                opened = OpenLoop(self.emitter, frame, node, inputs, self._goes_on(node), plan)
            first = opened.begin()
        except BaseException as error:
            self.emitter.rollback(mark)
            if not isinstance(error, Exception):
                raise
            return self._fail(frame, node, error, time.perf_counter() - start)
        self._done.append(self._entry(frame, mark))
        if first is None:
            return self._complete(opened, frame)
        self._enter(first)
        self.error = None
        event = NodeEntered(node.id, node.target)
        self.recorder.add(event)
        return event

    def _leave_blocks(self) -> None:
        """From the end of a block to the next one of its node, if there is one: the cursor stands before a node."""
        frame = self._frame
        while frame.node is None and frame.opened is not None and frame.parent is not None:
            mark = self._begin(frame.parent, frame.opened.node)
            try:
                following = frame.opened.proceed(frame, self._returns(frame))
            except Again as again:
                self._restart(again.node)
                return
            except BaseException as error:
                self.emitter.rollback(mark)
                if not isinstance(error, Exception):
                    raise
                return  # the next step meets it again, and records it
            if following is None:
                return
            self._enter(following)
            frame = following

    def _returns(self, frame: Frame) -> tuple[Lowered, ...]:
        return tuple(self._values[value.id] for value in frame.block.returns)

    def _goes_on(self, node: TorchNode) -> Lowered:
        """What the body of a loop returns for going on, if that is a constant; else None."""
        (body,) = node.blocks
        wanted = body.returns[0].id
        inner = next((item for item in body.nodes if item.outputs and item.outputs[0].id == wanted), None)
        if inner is not None:
            return inner.constant if inner.target == "prim::Constant" else None
        return self._values.get(wanted)

    def _enter(self, frame: Frame) -> None:
        """Stand before the next node of a frame."""
        self._frame = frame
        for param, argument in zip(frame.block.params, frame.arguments, strict=True):
            self._values[param.id] = argument
            if param.kind in _NUMBERS and isinstance(argument, ir.Value):
                argument.meta[NUMBER] = True

    def _end_block(self, frame: Frame) -> NodeLowered | NodeFailed | None:
        """At the end of a block: to the next one of its node, or make the node."""
        opened, parent = frame.opened, frame.parent
        assert opened is not None and parent is not None
        mark = self._begin(parent, opened.node)
        start = time.perf_counter()
        try:
            following = opened.proceed(frame, self._returns(frame))
        except Again as again:
            self._restart(again.node)
            return None
        except BaseException as error:
            self.emitter.rollback(mark)
            if not isinstance(error, Exception):
                raise
            return self._fail(frame, opened.node, error, time.perf_counter() - start)
        if following is None:
            return self._complete(opened, parent)
        self._enter(following)
        return None

    def _complete(self, opened: Opened, parent: Frame) -> NodeLowered | NodeFailed | None:
        """Make a node whose blocks are lowered."""
        node = opened.node
        mark = self._begin(parent, node)
        start = time.perf_counter()
        try:
            resolution, results = opened.complete()
        except BaseException as error:
            self.emitter.rollback(mark)
            if not isinstance(error, Exception):
                raise
            return self._fail(self._frame, node, error, time.perf_counter() - start)
        self._frame = parent
        return self._lowered(parent, node, mark, resolution, results, start)

    def _restart(self, node: TorchNode) -> None:
        """Back to before a node whose blocks are being lowered."""
        index = max(number for number, done in enumerate(self._done) if done.node is node)
        self._take_back(index)

    # -- failing, waiting, going back -----------------------------------------------------------------------------------

    def _fail(self, frame: Frame, node: TorchNode, error: Exception, seconds: float) -> NodeFailed | None:
        """Record a failure; None if the loop around was unrolled instead."""
        if wants_unrolling(error) and self._unroll(frame):
            return None
        resolution = self._resolve(node)
        error = failure(error, resolution.variant)
        error.target = error.target or node.target
        error.where = error.where or node.origin.where
        if isinstance(error, UnsupportedOperatorError) and not error.missing:
            error.missing = tuple(self.missing())
        self.error = error
        event = NodeFailed(node.id, node.target, node.overload, error.code, str(error), resolution.candidates, seconds)
        self.recorder.add(event)
        return event

    def _resolve(self, node: TorchNode) -> Resolution:
        return resolve(node, self.emitter.opset, foreign=self.options.torch_symbolics)

    def _unroll(self, frame: Frame | None) -> bool:
        """Unroll the innermost loop around that can be; whether there is one."""
        while frame is not None:
            if isinstance(frame.opened, OpenLoop) and frame.opened.may_unroll:
                plan = frame.opened.plan
                plan.unrolled, plan.reason = True, "what it does needs numbers that are known at export"
                plan.needs_numbers = True
                self._restart(frame.opened.node)
                return True
            frame = frame.parent
        return False

    def missing(self) -> list[tuple[str, str]]:
        """Every operator from the cursor on that has no symbolic function at this opset, with its source line."""
        rows: list[tuple[str, str]] = []
        for node in self.nodes[self.position :]:
            if is_structure(node) or node.target in _CONTROL_FLOW:
                continue
            if self._resolve(node).variant is not None:
                continue
            if node is self.node or node.schema is None or not may_decompose(node.schema):
                rows.append((node.target, node.origin.where))
        return rows

    def _notice_registrations(self) -> None:
        if REGISTRY.version == self._seen:
            return
        changed = {target.split(".")[0] for version, target in REGISTRY.changes if version > self._seen}
        self._seen = REGISTRY.version
        self._plans.clear()  # another function may give other types
        for index, done in enumerate(self._done):
            if done.node.target in changed:
                self._take_back(index)
                return

    def back_to(self, index: int) -> None:
        """Take back every node from ``nodes[index]`` on."""
        for number, done in enumerate(self._done):
            order = self._order[done.node.id] if self._nested else done.position
            if order >= index:
                self._take_back(number)
                return

    def _take_back(self, index: int) -> None:
        """Stand before the node of an entry of ``_done``, as if it and everything after it had not been done."""
        undone = self._done[index:]
        del self._done[index:]
        first = undone[0]
        for done in reversed(undone):
            if done.before:
                self._values.update(done.before)
        self.emitter.rollback(first.mark)
        self.recorder.forget_lowering(first.events)
        frame = first.frame
        frame.position = first.position
        arounds: list[Frame] = []
        while frame.parent is not None and frame.opened is not None:
            arounds.append(frame)
            frame.parent.position = frame.parent.block.nodes.index(frame.opened.node)
            frame = frame.parent
        self._frame = frame
        for around in reversed(arounds):
            self._enter(around)
        self.error = None

    # -- finishing ------------------------------------------------------------------------------------------------------

    def lowered(self, value: TorchValue) -> Lowered:
        """What a torch value has become.

        Raises:
            KeyError: If its node was not lowered yet.
        """
        return self._values[value.id]

    def finish(self) -> ir.Graph:
        """Connect the outputs; only once, when ``finished``."""
        assert self.finished and not self.onnx.outputs
        g = self.emitter
        g.enter(self._frame.region)
        g.scope, g.rounds, g.torch_nodes = "", (), ()
        used: set[ir.Value] = set()
        for output in one_each(self._outputs):
            item = optional_output(g, self._values[output.value.id])
            value = tensor_output(g, output, item, self.recorder)
            if value in used or value.producer() is None:
                value = copied(g, value)
            used.add(value)
            name = output.onnx_name
            value.name = name
            if not output.sequence:
                axes = self.options.dynamic_axes.get(name, {})
                value.shape = output_shape(value, output, axes, g, self.recorder)
            self.onnx.outputs.append(value)
        return self.onnx


_NUMBERS = frozenset({"int", "float", "bool"})
_CONTROL_FLOW = frozenset({"prim::If", "prim::Loop"})
