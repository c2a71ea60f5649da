"""``Exploration``: an export that can be stepped, paused, questioned and gone on with.

The object behind magics and widget::

    ex = explore(model, x, opset_version=17)      # captured, paused before the first node
    ex.step()                                     # one node; an event
    ex.run_until("aten::softmax")                 # pauses before that operator
    ex.run()                                      # to the end, then the checks
    print(ex.to_text())

When a symbolic function fails, the export stands still at that node: ``ex.state == "failed"``, ``ex.error`` tells why.
Register one and call ``ex.run()``: it goes on from there.
"""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, BinaryIO, Literal

import onnx_ir as ir

from onnx_explore.arguments import check_call, check_tolerances, optional_switch, options_for, switch
from onnx_explore.axes import DynamicAxes
from onnx_explore.capture.captured import Capture, one_each
from onnx_explore.check.report import Report
from onnx_explore.check.samples import CAPTURED_ONLY, Trials, check_samples
from onnx_explore.compat.registration import take_over_registrations
from onnx_explore.emit.regions import nodes_of
from onnx_explore.errors import Cancelled, InvalidArgument, OnnxExporterError
from onnx_explore.explore import graphs, summary, text
from onnx_explore.explore.checking import Checking
from onnx_explore.explore.failure import failure_text
from onnx_explore.explore.protocol import Stage
from onnx_explore.explore.shown import matcher
from onnx_explore.explore.tables import seconds_text
from onnx_explore.exported import Exported
from onnx_explore.flow import Flow, Tolerances, collector_paused
from onnx_explore.lowering.structure import STRUCTURE
from onnx_explore.options import Options
from onnx_explore.recording import NodeEntered, NodeFailed, NodeLowered, Recorder, Recording
from onnx_explore.symbolic.registry import REGISTRY
from onnx_explore.torch_ir import TorchGraph, TorchNode, print_graph
from onnx_explore.writing import write_model

if TYPE_CHECKING:
    from onnx_explore.explore.drawing import Drawing

State = Literal["paused", "failed", "exported"]


class Busy(OnnxExporterError):
    """Another thread is running a step of this exploration."""

    code = "Busy"


class Exploration(Checking):
    """One export that is explored. Made by ``explore``.

    Attributes:
        options: The options, with normalised dynamic axes.
        error: Why the export stands still, or None.
        place: How source lines are shown in texts; a notebook lets it say ``In[5]:3`` for a line of a cell.
    """

    def __init__(
        self,
        flow: Flow,
        *,
        f: str | os.PathLike[str] | BinaryIO | None = None,
        check: bool = True,
        tolerances: Tolerances | None = None,
        trials: Trials | None = None,
        external_data: bool | None = None,
    ) -> None:
        super().__init__()
        self._flow = flow
        self._file = f
        self._check = check
        self._tolerances = tolerances or Tolerances()
        self._trials = trials or CAPTURED_ONLY
        self._external_data = external_data
        self._model: ir.Model | None = None
        self._exported: Exported | None = None
        self._seconds = 0.0
        self._unchecked = False
        self._lock = threading.Lock()
        self.error: OnnxExporterError | None = None
        self.place: Callable[[str], str] = str
        self._stop = threading.Event()
        self._registrations = REGISTRY.version
        asked = flow.recorder.cancelled
        flow.recorder.cancelled = lambda: self._stop.is_set() or asked()

    # -- what there is -----------------------------------------------------------------------------------------------

    @property
    def options(self) -> Options:
        """The options of the export."""
        return self._flow.options

    @property
    def recording(self) -> Recording:
        """The events so far."""
        return self._flow.recorder.recording

    @property
    def captured(self) -> Capture:
        """What PyTorch recorded."""
        return self._flow.captured

    @property
    def torch_graph(self) -> TorchGraph:
        """The TorchGraph after the torch passes: what is being lowered."""
        return self._flow.graph

    @property
    def onnx_graph(self) -> ir.Graph:
        """The ONNX graph: partial while paused or failed, and kept after a failure."""
        return self._model.graph if self._model is not None else self._flow.lowering.onnx

    @property
    def state(self) -> State:
        """``"paused"``, ``"failed"`` (stands still at a node, or a check or the writing failed) or ``"exported"``."""
        if self._exported is not None:
            return "exported"
        return "failed" if self.error is not None else "paused"

    @property
    def position(self) -> int:
        """How many nodes were lowered."""
        return self._flow.lowering.position

    @property
    def node(self) -> TorchNode | None:
        """The node that the next step lowers."""
        return self._flow.lowering.node if self._exported is None else None

    @property
    def remaining(self) -> Sequence[TorchNode]:
        """The nodes that are not lowered yet, in order."""
        return self._flow.lowering.nodes[self.position :] if self._model is None else ()

    @property
    def modules(self) -> dict[str, str]:
        """Module path → class name."""
        named = getattr(self._flow.model, "named_modules", None)
        if named is None:
            return {}
        return {name: getattr(module, "original_name", type(module).__name__) for name, module in named()}

    @property
    def registered(self) -> bool:
        """Whether a symbolic function was registered since the last step: going on may get further now."""
        return REGISTRY.version != self._registrations

    @property
    def busy(self) -> bool:
        """Whether a step is running."""
        return self._lock.locked()

    @property
    def exported(self) -> Exported:
        """The result.

        Raises:
            OnnxExporterError: If the export has not come to its end: what stopped it.
        """
        if self._exported is not None:
            return self._exported
        if self.error is not None:
            raise self.error
        raise InvalidArgument("the export is paused", action="call run() first")

    @property
    def report(self) -> Report | None:
        """What the checks found, or None if none ran."""
        return self._exported.report if self._exported is not None else None

    # -- going on ---------------------------------------------------------------------------------------------------

    def step(self) -> NodeEntered | NodeLowered | NodeFailed | None:
        """Lower one node.

        Returns:
            The event; None when no node is left (the export is then completed and checked).
        """
        with self._owned():
            return self._step()

    def run(self) -> Exploration:
        """Go on to the end, or to the first failure (see ``state`` and ``error``).

        An interrupt (Ctrl-C) leaves it paused at the node that was being lowered; call ``run()`` again to go on.
        """
        with self._owned(), collector_paused():
            self._drain()
        return self

    def run_for(self, seconds: float) -> bool:
        """Go on for a slice of time. The ONNX passes and the checks, at the end, are one slice.

        Returns:
            Whether there is more to do.
        """
        with self._owned():
            return self._drain(time.perf_counter() + seconds)

    def _drain(self, until: float = math.inf, *, check: bool = True) -> bool:
        """To the end (of the ONNX graph, without ``check``), to a failure, or until a time; whether there is more to do."""
        begun = False
        while (self._exported is None or (check and self._unchecked)) and not self._flow.recorder.cancelled():
            if begun and (time.perf_counter() >= until or (until < math.inf and not self.remaining)):
                return True
            begun = True
            event = self._step(finishing=until == math.inf, check=check)
            if event is None or isinstance(event, NodeFailed):
                break
        return False

    @property
    def is_unchecked(self) -> bool:
        """Whether an edit of the axes left the checks out; ``run()`` makes up for them."""
        return self._unchecked

    def step_operator(self) -> NodeEntered | NodeLowered | NodeFailed | None:
        """Lower nodes until one emitted something or failed.

        Returns:
            That one's event; None when no node was left (the export is then completed and checked).
        """
        with self._owned():
            event = self._step()
            while self._exported is None and (
                isinstance(event, NodeEntered) or (isinstance(event, NodeLowered) and not event.emitted)
            ):
                event = self._step()
            return event

    def cancel(self) -> None:
        """Stop what is running, at the next node, pass or check: everything stays as it was before that one."""
        self._stop.set()

    def run_until(self, what: str | int | Callable[[TorchNode], bool]) -> Exploration:
        """Go on to just before the next node that fits.

        Args:
            what: A target (``aten::softmax``), a node id, a source line (``model.py:41``), a module path
                (``encoder.layers.0``: its first node), or a predicate.

        Raises:
            InvalidArgument: If no node that is left fits.
        """
        with self._owned():
            lowering = self._flow.lowering
            fits = matcher(what)
            left = lowering.nodes[lowering.position :]
            if not any(fits(node) for node in left):
                raise InvalidArgument(
                    f"no node that is left is {what!r}", action="see the names with to_text() or %onnx_graph"
                )
            while True:
                node = lowering.node
                if node is None or fits(node) or self._stop.is_set() or isinstance(self._step(), NodeFailed):
                    return self

    def _step(self, *, finishing: bool = True, check: bool = True) -> NodeEntered | NodeLowered | NodeFailed | None:
        if self._exported is not None and not self._unchecked:
            return None
        start = time.perf_counter()
        try:
            return self._timed_step(finishing, check)
        finally:
            self._seconds += time.perf_counter() - start

    def _timed_step(self, finishing: bool, check: bool) -> NodeEntered | NodeLowered | NodeFailed | None:
        lowering = self._flow.lowering
        if self.error is not None:
            take_over_registrations()
        self._registrations = REGISTRY.version
        self.error = None
        if self._model is not None or lowering.finished:
            self._finish(check)
            return None
        event = lowering.step()
        self.error = lowering.error
        if finishing and self.error is None and lowering.finished:
            self._finish(check)
        return event

    def _finish(self, check: bool) -> None:
        """Everything after the lowering. What is complete stays so when a later part fails or is interrupted."""
        try:
            if self._model is None:
                self._model = self._complete()
            if not check and self._check:
                self._exported = Exported(self._model, self.recording, None)
                self._unchecked = True
                return
            report = self._flow.check(self._model, self._tolerances, self._trials) if self._check else None
            exported = Exported(self._model, self.recording, report)
            if self._file is not None and (report is None or report.passed):
                write_model(
                    self._model,
                    self._file,
                    external_data=self._external_data,
                    cancelled=self._flow.recorder.cancelled,
                )
                named = self._file if isinstance(self._file, str | os.PathLike) else None
                exported = replace(exported, path=None if named is None else os.fspath(named))
            self._exported = exported
            self._unchecked = False
        except Cancelled:
            pass
        except OnnxExporterError as error:
            self.error = error

    def _complete(self) -> ir.Model:
        """The ONNX passes work in place: when they do not come to their end, the lowering starts again."""
        done = False
        try:
            model = self._flow.complete()
            done = True
            return model
        finally:
            if not done:
                recorder = Recorder(cancelled=self._flow.recorder.cancelled)
                self._begin_again(self._flow.again(self.options, self.options.dynamic_axes, recorder))

    def check(
        self,
        *,
        rtol: float | None = None,
        atol: float | None = None,
        samples: Sequence[Any] | int | None = None,
        providers: Sequence[str] | None = None,
    ) -> Report:
        """Run the checks (again), perhaps with other tolerances; writes no file.

        Args:
            rtol: Relative tolerance; default by element type.
            atol: Absolute tolerance; default by element type.
            samples: As for ``export``; None: those of ``explore``.
            providers: Execution providers of ONNX Runtime; default: the CPU's.

        Raises:
            OnnxExporterError: If the export has not come to its end, or a sample or a tolerance does not fit.
        """
        check_tolerances(rtol, atol)
        with self._owned(content=False), self._at_work("Running the checks"):
            exported, trials = self.exported, self._flow.trials(samples, providers, instead=self._trials)
            report = self._flow.check(exported.model, Tolerances(rtol, atol), trials)
            self._exported, self._unchecked = replace(exported, report=report), False
        return report

    @contextmanager
    def _owned(self, *, content: bool = True, tell: bool = True) -> Generator[None, None, None]:
        if not self._lock.acquire(blocking=False):
            raise Busy("another step is running", action="wait for it, or call cancel()")
        self._stop.clear()
        try:
            yield
        finally:
            self._lock.release()
            if tell:
                self.changed(content=content)

    def save(self, f: str | os.PathLike[str] | BinaryIO) -> None:
        """Write the exported model."""
        self.exported.save(f, external_data=self._external_data)

    # -- text -------------------------------------------------------------------------------------------------------

    @property
    def verdict(self) -> str:
        """One line: exported, paused or failed; opset, size, time, and what the checks say."""
        if self._exported is None:
            return f"{self.headline}: {self.error}" if self.error is not None else self.headline
        return f"{self.headline}; {self.report.verdict}" if self.report is not None else self.headline

    @property
    def headline(self) -> str:
        """The verdict without the checks' details and the failure's message."""
        opset = f"opset {self.options.opset_version}"
        if self._exported is not None:
            size = f"{opset}, {summary.size_text(self.onnx_graph)}, {seconds_text(self._total_seconds)}"
            if self.report is not None and not self.report.passed:
                return f"NOT AS PYTORCH{', so not written' if self._file is not None else ''}: {size}"
            unchecked = ", not checked" if self.report is None else ""
            return f"exported{f' to {self._exported.path}' if self._exported.path else ''}: {size}{unchecked}"
        lowering = self._flow.lowering
        place = f"node {self.position} of {len(lowering.nodes)}"
        if self.error is not None:
            return f"failed {'at ' + place if lowering.node is not None else 'after the last node'} ({opset})"
        upcoming = self.next_operator
        if upcoming is None:
            return f"paused after the last node ({opset}): the ONNX passes and the checks are left"
        where = f" at {self.place(upcoming.origin.where)}" if upcoming.origin.where else ""
        return f"paused at {place} ({opset}): the next operator is #{upcoming.id} {upcoming.target}{where}"

    @property
    def next_operator(self) -> TorchNode | None:
        """The next node that is more than a constant or a list."""
        lowering = self._flow.lowering
        left = lowering.nodes[lowering.position :] if self._model is None else ()
        return next((node for node in left if node.target not in STRUCTURE), None)

    @property
    def _total_seconds(self) -> float:
        return self.captured.seconds + self._seconds

    def summary_text(self, width: int | None = None) -> str:
        """The verdict, the checks, inputs and outputs, notes, and the failure if there is one: one screen.

        Args:
            width: Characters in a line of a table; None: as wide as needed.
        """
        failure = failure_text(self.error, width=width, place=self.place) if self.error is not None else ""
        return summary.summary_text(
            summary.Facts(
                self.headline,
                failure,
                self.onnx_graph,
                self.captured,
                self.options,
                self.report,
                self.recording.notes,
                self.place,
                self.audit.verdict if self.audit is not None else "",
            ),
            width,
        )

    def torch_table(self, *, width: int | None = None, only: str = "") -> str:
        """The traced graph, one line per operator, constants written where they are used.

        Args:
            width: Characters in a line.
            only: Only this module path, operator, or node number.
        """
        return graphs.torch_table(self.torch_graph, self.captured, width=width, only=only, place=self.place)

    def onnx_table(self, *, width: int | None = None, only: str = "") -> str:
        """The ONNX graph, one line per node; arguments as for ``torch_table``."""
        state = "" if self._model is not None else ", partial"
        head = f"ONNX graph (opset {self.options.opset_version}{state}): {summary.size_text(self.onnx_graph)}"
        names = [item.onnx_name for item in one_each(self.captured.outputs)]
        return graphs.onnx_table(self.onnx_graph, head=head, outputs=names, width=width, only=only)

    def dispatch_table(
        self, only: str | int | None = None, *, everything: bool = False, width: int | None = None
    ) -> str:
        """How the operators were lowered, as a table; or the full story of what ``only`` names.

        Args:
            only: A node's number, an operator, a module path, or the name of an ONNX node.
            everything: Also nodes that emitted nothing.
            width: Characters in a line.

        Raises:
            InvalidArgument: If nothing is called ``only``.
        """
        found = graphs.dispatch_table(
            self.recording,
            self.torch_graph,
            self.captured,
            {item.name: item for item in nodes_of(self.onnx_graph) if item.name},
            only=only,
            everything=everything,
            width=width,
            place=self.place,
        )
        if not found:
            raise InvalidArgument(f"there is no node '{only}' in this export", argument="only")
        return found

    def torch_text(self) -> str:
        """The traced graph, as it is lowered."""
        return print_graph(self.torch_graph)

    def onnx_text(self) -> str:
        """The ONNX graph, as far as it is there."""
        if self._model is not None:
            return text.onnx_text(self._model)
        return text.onnx_text(ir.Model(self.onnx_graph, ir_version=10))

    def dispatch_text(self, node: int | str | None = None) -> str:
        """How nodes were lowered: all of them, or one with every detail."""
        names = {item.name: item for item in nodes_of(self.onnx_graph) if item.name}
        return text.dispatch_text(self.recording, self.torch_graph, names, node=node)

    def node_text(self, node: int) -> str:
        """The full story of one node, by its number after the passes."""
        by_name = {item.name: item for item in nodes_of(self.onnx_graph) if item.name}
        return graphs.node_text(self.recording, self.torch_graph, self.captured, by_name, node, self.place)

    def graphviz(self, stage: Stage = "onnx", scope: str = "", *, expand: bool = False) -> Drawing:
        """One of the graphs for Graphviz: SVG in a notebook, and PDF or PNG by its ``render(...)``.

        Args:
            stage: ``"torch"`` or ``"onnx"``.
            scope: Only what is inside this module path.
            expand: Every operator, framed by its module, instead of submodules as one node each.
        """
        from onnx_explore.explore.drawing import draw  # it looks at explorations itself

        return draw(self, stage, scope, expand=expand)

    def passes_text(self) -> str:
        """The passes."""
        return text.passes_text(self.recording)

    def notes_text(self) -> str:
        """What a person should know."""
        return summary.notes_table(summary.sorted_notes(self.recording.notes), self.place)

    def report_text(self) -> str:
        """The checks in full."""
        return self.report.to_text() if self.report is not None else "no check has run"

    def to_text(self) -> str:
        """Verdict, notes, traced graph, dispatch and ONNX graph."""
        parts = [self.verdict]
        notes = self.notes_text()
        if notes:
            parts.append(f"Notes\n{notes}")
        if self.report is not None:
            parts.append(f"Checks\n{self.report_text()}")
        parts.append(f"TorchScript graph\n{self.torch_text()}")
        parts.append(f"Dispatch\n{self.dispatch_text()}")
        parts.append(f"ONNX graph\n{self.onnx_text()}")
        return "\n\n".join(parts)

    def __repr__(self) -> str:
        return f"<Exploration: {self.verdict}>"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """What IPython shows: the summary."""
        printer.text(repr(self) if cycle else self.summary_text())


def explore(
    model: Any,
    args: Any,
    f: str | os.PathLike[str] | BinaryIO | None = None,
    *,
    kwargs: Mapping[str, Any] | None = None,
    dynamic_axes: DynamicAxes | None = None,
    check: bool = True,
    rtol: float | None = None,
    atol: float | None = None,
    samples: Sequence[Any] | int | None = None,
    external_data: bool | None = None,
    record: bool = True,
    recorder: Recorder | None = None,
    **options: Any,
) -> Exploration:
    """Capture a model and pause before the first node.

    Args:
        model: As for ``export``.
        args: As for ``export``.
        f: Where to write at the end, or None; if that fails, mend it and call ``run()``.
        kwargs: Keyword arguments of the call.
        dynamic_axes: As for ``export``.
        check: Whether to run the checks at the end.
        rtol: Relative tolerance of the check.
        atol: Absolute tolerance of the check.
        samples: As for ``export``.
        external_data: As for ``export``.
        record: As for ``export``.
        recorder: Receives the events while they happen.
        **options: Others of ``export``, by name.

    Returns:
        The exploration; call ``run()``, ``step()`` or ``run_until(...)`` on it.

    Raises:
        OnnxExporterError: If the capture fails or an argument is wrong.
    """
    made = options_for("explore", options)
    check_call(model, kwargs=kwargs, dynamic_axes=dynamic_axes, rtol=rtol, atol=atol, recorder=recorder)
    check, external_data = switch(check, "check"), optional_switch(external_data, "external_data")
    check_samples(samples)
    events = recorder if recorder is not None else Recorder()
    with collector_paused():
        flow = Flow(model, args, kwargs, made, dynamic_axes, events, record_conversions=switch(record, "record"))
    tolerances, trials = Tolerances(rtol, atol), flow.trials(samples)
    return Exploration(flow, f=f, check=check, tolerances=tolerances, trials=trials, external_data=external_data)
