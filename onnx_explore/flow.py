"""The flow of one export, stage by stage: capture → torch passes → lowering → ONNX passes → check.

``export()`` drains a ``Flow``; the explorer steps the very same object.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Literal

import onnx
import onnx_ir as ir
import torch

from onnx_explore import axes as dynamic
from onnx_explore.capture import capture, check_replay
from onnx_explore.capture.captured import Capture, one_each
from onnx_explore.capture.classes import CalledModule
from onnx_explore.capture.optionals import chosen_optionals
from onnx_explore.capture.pitfalls import conversion_notes
from onnx_explore.capture.rerun import make_rerun
from onnx_explore.check.checker import check_export
from onnx_explore.check.nodes import BUDGET, NodesReport, check_nodes
from onnx_explore.check.passes import PassesReport, check_passes
from onnx_explore.check.report import Report
from onnx_explore.check.samples import CAPTURED_ONLY, Trials, read_providers, read_samples
from onnx_explore.compat.registration import take_over_registrations
from onnx_explore.emit.regions import bodies, nodes_of
from onnx_explore.emit.torchscript_text import torchscript_text
from onnx_explore.errors import Cancelled, InvalidArgument
from onnx_explore.lowering.cursor import Lowering
from onnx_explore.lowering.resolution import resolve
from onnx_explore.options import NEWEST_OPSET, OLDEST_OPSET, Options, TrainingMode
from onnx_explore.passes.onnx import ONNX_PASSES, OnnxPass
from onnx_explore.passes.onnx.chosen_functions import chosen_calls, function_notes
from onnx_explore.passes.onnx.interface import KEEP
from onnx_explore.passes.onnx.local_functions import FUNCTIONS
from onnx_explore.passes.onnx.separate_biases import INTEGER_KERNELS
from onnx_explore.passes.pipeline import run_onnx_passes, run_torch_passes
from onnx_explore.passes.torch import TORCH_PASSES
from onnx_explore.passes.torch.inline_functions import inline_functions
from onnx_explore.passes.torch.optional_inputs import optional_inputs
from onnx_explore.passes.torch.sizes import Unbake, Unbaked
from onnx_explore.recording import Captured, Event, Recorder
from onnx_explore.symbolic.registry import REGISTRY
from onnx_explore.torch_ir import TorchGraph, TorchNode, walk
from onnx_explore.torch_ir.data_sizes import data_sized_targets

MODES: dict[TrainingMode, Literal["eval", "preserve", "train"]] = {
    TrainingMode.EVAL: "eval",
    TrainingMode.PRESERVE: "preserve",
    TrainingMode.TRAINING: "train",
}
"""How the capture calls the modes."""


@dataclass(frozen=True, slots=True)
class Tolerances:
    """Of the comparison with PyTorch; None: by element type."""

    rtol: float | None = None
    atol: float | None = None


@contextmanager
def collector_paused() -> Generator[None]:
    """Without Python's cycle collector, as it was afterwards.

    An export makes hundreds of thousands of small objects that all stay alive; the collector would walk them over and over
    and find nothing (measured: a third of the time of 2,000 Linear layers).
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


@dataclass(frozen=True, slots=True)
class _Passed:
    """What the torch passes gave, and what they recorded."""

    graph: TorchGraph
    events: tuple[Event, ...]
    registrations: int


class Flow:
    """One export in progress.

    Args:
        model: What to export.
        args: As for ``export``.
        kwargs: Keyword arguments of the call.
        options: Options; their ``dynamic_axes`` are checked against the captured model here.
        dynamic_axes: As the user wrote them.
        recorder: Where events go.

    Attributes:
        captured: The capture.
        graph: The TorchGraph after the torch passes.
        lowering: The cursor.
        options: With normalised ``dynamic_axes``.
        repairs: Baked sizes that are computed instead.
    """

    def __init__(
        self,
        model: Any,
        args: Any,
        kwargs: Mapping[str, Any] | None,
        options: Options,
        dynamic_axes: dynamic.DynamicAxes | None,
        recorder: Recorder,
        *,
        record_conversions: bool = True,
    ) -> None:
        check_opset(options.opset_version)
        self.recorder = recorder
        self.model = model
        start = time.perf_counter()
        self.captured: Capture = capture(
            model,
            args,
            dict(kwargs) if kwargs is not None else None,
            training=MODES[options.training],
            input_names=options.input_names or None,
            output_names=options.output_names or None,
            record_conversions=record_conversions,
            inline_functions=False,
        )
        self.repairs: tuple[Unbaked, ...] = ()
        self._begin(options, dynamic_axes, time.perf_counter() - start)

    def _begin(
        self,
        options: Options,
        dynamic_axes: dynamic.DynamicAxes | None,
        seconds: float,
        passed: _Passed | None = None,
    ) -> None:
        captured, recorder = self.captured, self.recorder
        if recorder.cancelled():
            raise Cancelled("stopped after the capture")
        recorder.add(
            Captured(
                captured.mode,
                sum(1 for _ in walk(captured.graph.block)),
                tuple(item.onnx_name for item in one_each(captured.inputs)),
                tuple(item.onnx_name for item in one_each(captured.outputs)),
                seconds,
            )
        )
        left = conversion_notes(
            captured.conversions,
            dynamic=bool(dynamic_axes),
            told=captured.notes,
            data_sized=data_sized_targets(captured.graph) if captured.conversions else (),
        )
        for note in (*captured.notes, *left):
            recorder.note(note.severity, note.code, note.message, where=note.where)
        self.options = replace(
            options,
            # Folding would take away the weights that a training runtime is to update.
            do_constant_folding=options.do_constant_folding and not captured.training,
            dynamic_axes=dynamic.normalized(
                dynamic_axes,
                {item.onnx_name: tuple(item.example.shape) for item in captured.inputs},
                {item.onnx_name: item.value.shape for item in captured.outputs},
            ),
        )
        for symbol in dynamic.misread(self.options.dynamic_axes):
            recorder.note(
                "warning",
                "AxisName",
                f"the axis name '{symbol}' reads as an expression, and sizes computed from it are declared as one over its "
                "parts — choose a name of letters, digits and underscores",
            )
        for note in chosen_optionals(captured, self.options.optional_inputs):
            recorder.note(note.severity, note.code, note.message, where=note.where)
        take_over_registrations()
        if passed is None:
            mark = len(recorder.recording.events)
            repair = (("repair_sizes", Unbake(self.repairs)),) if self.repairs else ()
            inline = (("inline_functions", inline_functions(self._keeps_function)),)
            chosen = {item.value.id for item in captured.inputs if item.name in self.options.optional_inputs}
            optional = (("optional_inputs", optional_inputs(chosen)),) if chosen else ()
            graph = run_torch_passes(captured.graph, (*optional, *inline, *repair, *TORCH_PASSES), recorder)
            passed = _Passed(graph, tuple(recorder.recording.events[mark:]), REGISTRY.version)
        else:
            for event in passed.events:
                recorder.add(event)
        self._passed = passed
        self.graph: TorchGraph = passed.graph
        self._outputs = tuple(
            replace(item, value=value) for item, value in zip(captured.outputs, self.graph.outputs, strict=True)
        )
        self._inputs = tuple(
            replace(item, value=value) for item, value in zip(captured.inputs, self.graph.inputs, strict=True)
        )
        self.lowering = Lowering(self.graph, self._inputs, self._outputs, self.options, recorder)

    def _passed_for(self, options: Options) -> bool:
        """Whether the torch passes would give the same again: which functions are inlined is all that options change."""
        mine = self.options
        return self._passed.registrations == REGISTRY.version and (
            (options.opset_version, options.inline_functions, options.torch_symbolics, options.optional_inputs)
            == (mine.opset_version, mine.inline_functions, mine.torch_symbolics, mine.optional_inputs)
        )

    def _keeps_function(self, node: TorchNode) -> bool:
        """Whether an ``autograd.Function`` stays in the graph: something lowers it as it is, or the options say so."""
        options = self.options
        if not options.inline_functions:
            return True
        return resolve(node, options.opset_version, foreign=options.torch_symbolics).variant is not None

    def again(
        self,
        options: Options,
        dynamic_axes: dynamic.DynamicAxes | None,
        recorder: Recorder,
        *,
        repairs: Sequence[Unbaked] | None = None,
    ) -> Flow:
        """A new flow from the same capture, with other options (axes, opset): the model does not run again.

        Args:
            options: The options.
            dynamic_axes: As the user wrote them.
            recorder: Where events go.
            repairs: Baked sizes to compute instead; None: those of this flow.
        """
        other = object.__new__(Flow)
        other.recorder = recorder
        other.model = self.model
        other.captured = self.captured
        other.repairs = self.repairs if repairs is None else tuple(repairs)
        check_opset(options.opset_version)
        same = other.repairs == self.repairs and self._passed_for(options)
        other._begin(options, dynamic_axes, 0.0, self._passed if same else None)
        return other

    def lower(self) -> None:
        """Lower every node.

        Raises:
            OnnxExporterError: At the first node that fails.
            Cancelled: If the user asked to stop.
        """
        _drain(self.lowering, self.recorder)

    def complete(self) -> ir.Model:
        """Connect the outputs and run the ONNX passes. Only once, after the lowering has finished."""
        local = tuple(self.lowering.emitter.functions.values())
        wanted = self._functions()
        model = completed(self.lowering.finish(), self.options, wanted, self.recorder, local)
        for note in function_notes(model, wanted, self.options.export_modules_as_functions):
            self.recorder.note(note.severity, note.code, note.message)
        if self.options.verbose:
            self._document(model)
        return model

    def text(self, model: ir.Model) -> str:
        """The model in the form that the reference prints, with the classes of the modules."""
        return torchscript_text(model, {path: module.name for path, module in self.captured.called.items()})

    def _functions(self) -> dict[str, CalledModule]:
        """The module calls that are to become local functions."""
        return chosen_calls(self.captured.called, self.options.export_modules_as_functions)

    def trials(
        self,
        samples: Sequence[Any] | int | None,
        providers: Sequence[str] | None = None,
        *,
        instead: Trials = CAPTURED_ONLY,
    ) -> Trials:
        """What else is to be checked, as the user wrote it; where no samples are given, those of ``instead``.

        Raises:
            InvalidArgument: If a sample does not fit the captured arguments, or a list is none.
        """
        read = instead.samples if samples is None else read_samples(self.model, self.captured, samples)
        return Trials(read, read_providers(providers))

    def check(self, model: ir.Model, tolerances: Tolerances, trials: Trials = CAPTURED_ONLY) -> Report:
        """Structure, replay, ONNX Runtime against PyTorch, a second size for each dynamic axis, and what was asked for."""
        return check_export(
            model,
            self.captured,
            run_model=make_rerun(self.model, self.captured, MODES[self.options.training]),
            check_replay=check_replay,
            dynamic_axes=self.options.dynamic_axes,
            recorder=self.recorder,
            rtol=tolerances.rtol,
            atol=tolerances.atol,
            trials=trials,
            graph=self.graph,
        )

    def check_nodes(
        self,
        model: ir.Model,
        *,
        inputs: Sequence[torch.Tensor] | None = None,
        budget: int = BUDGET,
        rtol: float | None = None,
        atol: float | None = None,
        progress: Callable[[int, int], None] | None = None,
        culprits_only: bool = False,
    ) -> NodesReport:
        """Every intermediate against ONNX's; see ``onnx_explore.check.nodes``."""
        with collector_paused():
            return check_nodes(
                model,
                self.graph,
                self.captured,
                self.lowering.lowered,
                self.recorder,
                inputs=inputs,
                budget=budget,
                rtol=rtol,
                atol=atol,
                progress=progress,
                culprits_only=culprits_only,
            )

    def check_passes(self, passes: Sequence[tuple[str, OnnxPass]] = ONNX_PASSES) -> PassesReport:
        """Lower again, and run the model after each ONNX pass; this flow's own model stays as it is."""
        again = self.again(self.options, self.options.dynamic_axes, Recorder(cancelled=self.recorder.cancelled))
        again.lower()
        local = tuple(again.lowering.emitter.functions.values())
        model = _assembled(again.lowering.finish(), again.options, again._functions(), local)
        return check_passes(model, passes, again.captured, self.recorder.cancelled)

    def _document(self, model: ir.Model) -> None:
        """Source locations into ``doc_string``: only on request, as paths are private."""
        origins = {node.id: node.origin for node in walk(self.captured.graph.block)}
        graphs = [model.graph, *(function.graph for function in model.functions.values())]
        for node in (node for graph in graphs for node in nodes_of(graph)):
            ids: tuple[int, ...] = node.meta.get("onnx_explore.torch_nodes", ())
            places = [
                str(frame)
                for number in ids
                if number in origins
                for frame in [origins[number].user_frame]
                if frame is not None
            ]
            if places:
                node.doc_string = "\n".join(dict.fromkeys(places))


def lowered(lowering: Lowering, recorder: Recorder) -> ir.Graph:
    """Lower every node, and connect the outputs.

    Raises:
        OnnxExporterError: At the first node that fails.
        Cancelled: If the user asked to stop.
    """
    _drain(lowering, recorder)
    return lowering.finish()


def _drain(lowering: Lowering, recorder: Recorder) -> None:
    while not lowering.finished:
        if recorder.cancelled():
            raise Cancelled(f"stopped at node {lowering.position} of {len(lowering.nodes)}")
        lowering.step()
        if lowering.error is not None:
            raise lowering.error


def completed(
    graph: ir.Graph,
    options: Options,
    functions: Mapping[str, CalledModule],
    recorder: Recorder,
    local: Sequence[ir.Function] = (),
) -> ir.Model:
    """A model around a finished graph, after the ONNX passes.

    Args:
        graph: With its outputs connected.
        options: Of the export.
        functions: Module calls that become local functions, by their path.
        recorder: Where events go.
        local: Local functions that its nodes call already.
    """
    model = _assembled(graph, options, functions, local)
    run_onnx_passes(model, ONNX_PASSES, recorder)
    for value in _values(model.graph):
        value.metadata_props.clear()
    return model


def _assembled(
    graph: ir.Graph, options: Options, functions: Mapping[str, CalledModule], local: Sequence[ir.Function]
) -> ir.Model:
    """A model before the ONNX passes."""
    model = ir.Model(
        graph,
        ir_version=ir_version(options.opset_version),
        producer_name="onnx_explore",
        producer_version=_version(),
        functions=local,
    )
    if options.keep_initializers_as_inputs:
        model.meta[KEEP] = True
    model.meta[FUNCTIONS] = functions
    model.meta[INTEGER_KERNELS] = options.integer_kernels
    return model


def _values(graph: ir.Graph) -> list[ir.Value]:
    found = [*graph.inputs, *graph.initializers.values()]
    for node in nodes_of(graph):
        found.extend(node.outputs)
        for body in bodies(node):
            found.extend(body.inputs)
    return found


def check_opset(opset: int) -> None:
    """Refuse an opset that does not exist here.

    Raises:
        InvalidArgument: Naming the range.
    """
    if isinstance(opset, bool) or not isinstance(opset, int):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidArgument(f"{opset!r} is not an int", argument="opset_version")
    newest = min(NEWEST_OPSET, onnx.defs.onnx_opset_version())
    if not OLDEST_OPSET <= opset <= newest:
        raise InvalidArgument(
            f"opset {opset} is not one of {OLDEST_OPSET} … {newest}",
            argument="opset_version",
            action="choose one of these" if opset <= NEWEST_OPSET else "upgrade onnx_explore and onnx for a newer one",
        )


def ir_version(opset: int) -> int:
    """The lowest IR version that goes with an opset (ONNX's own table)."""
    return max(3, onnx.helper.find_min_ir_version_for([onnx.helper.make_opsetid("", opset)]))


def _version() -> str:
    from onnx_explore import __version__

    return __version__
