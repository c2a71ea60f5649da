"""Checks an export: is it valid ONNX, was the capture faithful, does ONNX compute what PyTorch computes, at any size?

In: the ONNX model and the capture it was made of. Out: a ``Report``, and one ``Checked`` event per check. In order:

1. ``structure``: ``onnx.checker`` with strict shape inference.
2. ``replay``: the recorded graph, run by PyTorch, gives what the model gave.
3. ``runtime``: ONNX Runtime (``onnx.reference`` where it has no kernel) gives what the model gave.
4. ``data``: other values, where sizes depend on them; None for each input that may be None, then for all of them.
5. ``axis``: for each symbol of the dynamic axes, the model and ONNX agree at another size; then with all changed.
6. ``sample``: on request, the model and ONNX agree on more inputs.

Where values differ, the graph is run in float64, to tell rounding from a bug.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx_ir as ir
import torch

from onnx_explore.capture import Capture, check_replay
from onnx_explore.capture.captured import feeds_of
from onnx_explore.check.compare import Array, Comparison, compare
from onnx_explore.check.exact import judged
from onnx_explore.check.quantized import is_quantized
from onnx_explore.check.randomness import random_outputs, random_targets
from onnx_explore.check.report import Check, Kind, Report, Status
from onnx_explore.check.resize import Symbol, candidate_sizes, joint_sizes, resampled, resized
from onnx_explore.check.runtime import ReferenceSession, RuntimeSession, Session, missing_provider
from onnx_explore.check.samples import CAPTURED_ONLY, CPU, Trials, fixed_size
from onnx_explore.check.steps import output_steps
from onnx_explore.check.structure import check_structure
from onnx_explore.errors import (
    Cancelled,
    CaptureDiverged,
    CaptureError,
    CheckerError,
    InvalidArgument,
    NoRuntimeKernel,
    NotAvailable,
    RuntimeMismatch,
)
from onnx_explore.recording import Checked, Recorder
from onnx_explore.relations import Derived, base_sizes, is_expression, size_of
from onnx_explore.torch_ir import TorchGraph
from onnx_explore.torch_ir.data_sizes import data_sized_targets

Tensors = tuple[torch.Tensor, ...]
Inputs = tuple[torch.Tensor | None, ...]
RunModel = Callable[[Inputs], Tensors]
Axes = Mapping[str, Mapping[int, str]]

_DRAWS = 4
"""How often other values are drawn, until some give outputs of other sizes."""

_SLOW = 10.0
"""Seconds of one run in ``onnx.reference`` after which it is not run again at other sizes."""


def check_export(
    model: ir.Model,
    capture: Capture,
    *,
    run_model: RunModel | None = None,
    check_replay: Callable[[Capture], object] | None = check_replay,
    dynamic_axes: Axes,
    recorder: Recorder,
    rtol: float | None = None,
    atol: float | None = None,
    trials: Trials = CAPTURED_ONLY,
    graph: TorchGraph | None = None,
) -> Report:
    """Check an exported model.

    Args:
        model: The ONNX model; its inputs and outputs carry the names of the capture's. Stays as it is.
        capture: What it was made of.
        run_model: Runs the PyTorch model on input tensors (in the order of ``capture.inputs``) as it ran when it was
            captured, and leaves it as it was; gives the tensors of ``capture.outputs``. Without it, no other size of a
            dynamic axis can be checked.
        check_replay: Raises ``CaptureDiverged`` if the recorded graph does not compute what the model computed. None
            leaves that check out.
        dynamic_axes: Input name → axis → symbol. Names that are no inputs are ignored.
        recorder: Gets one ``Checked`` event for each check, and is asked whether to stop.
        rtol: Instead of the tolerance for the element type; see ``compare``.
        atol: Instead of the tolerance for the element type.
        trials: More inputs, and execution providers.
        graph: The captured graph after the torch passes, which float64 is computed with. None: there is no such judge.

    Returns:
        The report. A check that fails is an item of it, not an exception.

    Raises:
        Cancelled: If ``recorder.cancelled()`` said so.
    """
    checking = _Checking(model, capture, run_model, recorder, rtol, atol, trials, graph)
    checking.structure()
    if check_replay is not None:
        checking.replay(check_replay)
    checking.runtime()
    checking.data()
    checking.optionals()
    checking.axes(dynamic_axes)
    checking.samples(dynamic_axes)
    return Report(tuple(checking.items))


def check_sizes(
    model: ir.Model,
    capture: Capture,
    *,
    run_model: RunModel,
    dynamic_axes: Axes,
    sizes: Sequence[Mapping[str, int]],
    recorder: Recorder,
    rtol: float | None = None,
    atol: float | None = None,
) -> list[Check]:
    """Check an exported model against PyTorch at given sizes: one ``axis`` check for each of ``sizes``.

    Args:
        model: As for ``check_export``.
        capture: As for ``check_export``.
        run_model: As for ``check_export``.
        dynamic_axes: As for ``check_export``.
        sizes: Symbol → size; symbols that are left out keep their captured size.
        recorder: Is asked whether to stop, and gets the events.
        rtol: As for ``check_export``.
        atol: As for ``check_export``.

    Raises:
        Cancelled: If ``recorder.cancelled()`` said so.
    """
    checking = _Checking(model, capture, run_model, recorder, rtol, atol)
    checking.at(dynamic_axes, sizes)
    return checking.items


@dataclass(slots=True)
class _Checking:
    model: ir.Model
    capture: Capture
    run_model: RunModel | None
    recorder: Recorder
    rtol: float | None
    atol: float | None
    trials: Trials = CAPTURED_ONLY
    graph: TorchGraph | None = None
    items: list[Check] = field(default_factory=list[Check])
    session: Session | None = None
    random: frozenset[str] = frozenset()
    provider: str = CPU
    start: float = 0.0
    slow: bool = False
    sizes: dict[str, int] = field(default_factory=dict[str, int])
    derived: list[Derived] = field(default_factory=list[Derived])

    # The kinds of checks

    def structure(self) -> None:
        self._begin()
        try:
            check_structure(self.model)
        except CheckerError as error:
            self._add("structure", "onnx.checker", "failed", error.message)
        else:
            self._add("structure", "onnx.checker", "passed", "accepts the model")

    def replay(self, check_replay: Callable[[Capture], object]) -> None:
        self._begin()
        try:
            check_replay(self.capture)
        except CaptureDiverged as error:
            self._add("replay", "capture", "failed", error.message)
        except RuntimeError as error:  # PyTorch's interpreter cannot run every graph that it records.
            self._add("replay", "capture", "not run", _line(error))
        else:
            self._add("replay", "capture", "passed", "the recorded graph gives what the model gave")

    def runtime(self) -> None:
        self.random = random_outputs(self.model)
        first: tuple[str, Session | None] = (self.trials.providers[0], None)
        for provider in self.trials.providers:
            self._begin()
            self.provider, self.session = provider, None
            self._runtime()
            first = first if first[1] is not None else (provider, self.session)
        self.provider, self.session = first

    def _runtime(self) -> None:
        missing = missing_provider(self.provider) if self.provider != CPU else ""
        if missing:
            self._add("runtime", self._engine, "not run", missing)
            return
        inputs = tuple(item.example.detach() for item in self.capture.inputs)
        try:
            actual = self._run(inputs)
        except (NoRuntimeKernel, NotAvailable) as error:
            self._add("runtime", self._engine, "not run", error.message)
            return
        except (CheckerError, InvalidArgument, RuntimeMismatch) as error:
            self._add("runtime", self._engine, "failed", error.message)
            return
        # onnx.reference may take minutes, and cannot be stopped: one such run is enough.
        self.slow |= isinstance(self.session, ReferenceSession) and time.perf_counter() - self.start > _SLOW
        problem, comparisons = self._compare(inputs, self.capture.eager, actual, {})
        if problem:
            self._add("runtime", self._engine, "failed", problem, comparisons)
        else:
            self._add("runtime", self._engine, "passed", self._agreement(comparisons), comparisons)

    def at(self, dynamic_axes: Axes, sizes: Sequence[Mapping[str, int]]) -> None:
        self.random = random_outputs(self.model)
        symbols = self._symbols(dynamic_axes)
        for item in sizes:
            self._begin()
            self._axis([symbol for symbol in symbols if symbol.name in item], [item])

    def data(self) -> None:
        """Other values at the captured sizes, where the sizes of results depend on values: best, such that outputs show it."""
        targets = data_sized_targets(self.capture.graph)
        if not targets or self.session is None or self.run_model is None or self.slow:
            return
        self._begin()
        subject = f"other data ({', '.join(targets[:2])})"
        found: tuple[Tensors, Tensors] | None = None
        refusal = ""
        for seed in range(1, _DRAWS + 1):
            inputs = tuple(resampled(item.example, seed) for item in self.capture.inputs)
            try:
                expected = self._eager(self.run_model, inputs)
            except Exception as error:  # noqa: BLE001 (the user's own code: values that it rejects are an answer)
                refusal = refusal or _line(error)
                continue
            found = found or (inputs, expected)
            if _sizes(expected) != _sizes(self.capture.eager):
                found = (inputs, expected)
                break
        if found is None:
            self._add("data", subject, "not run", f"PyTorch itself rejects other values: {refusal}")
            return
        inputs, expected = found
        self._other_data(subject, expected, inputs, "other values")

    def optionals(self) -> None:
        """None for every input that may be None, one by one, then for all at once."""
        names = [value.name or "" for value in self.model.graph.inputs if isinstance(value.type, ir.OptionalType)]
        if self.session is None or self.run_model is None or self.slow:
            return
        for absent in [[name] for name in names] + ([names] if len(names) > 1 else []):
            self._begin()
            subject = f"{', '.join(absent)} = None"
            inputs = tuple(None if item.name in absent else item.example.detach() for item in self.capture.inputs)
            try:
                expected = self._eager(self.run_model, inputs)
            except CaptureError as error:
                self._add("data", subject, "not run", f"there is nothing to compare: {error.message}")
                continue
            except Exception as error:  # noqa: BLE001 (the user's own code: anything may come, and it is an answer)
                self._add("data", subject, "not run", f"PyTorch itself rejects None: {_line(error)}")
                continue
            self._other_data(subject, expected, inputs, "None")

    def _other_data(self, subject: str, expected: Tensors, inputs: Inputs, what: str) -> None:
        try:
            problem, comparisons = self._compare(inputs, expected, self._run(inputs), {})
        except (NoRuntimeKernel, NotAvailable) as error:
            self._add("data", subject, "not run", error.message)
        except (CheckerError, InvalidArgument, RuntimeMismatch) as error:
            self._add("data", subject, "failed", f"fails: {error.message}")
        else:
            detail = f"differs: {problem}" if problem else f"runs with {what}"
            self._add("data", subject, "failed" if problem else "passed", detail, comparisons)

    def axes(self, dynamic_axes: Axes) -> None:
        symbols = self._symbols(dynamic_axes)
        if self.session is None or self.slow:
            reason = self._idle
            for symbol in symbols:
                self._begin()
                self._add("axis", symbol.name, "not run", reason)
            return
        chosen: dict[str, int] = {}
        for symbol in symbols:
            self._begin()
            sizes = self._axis([symbol], [{symbol.name: size} for size in self._candidates(symbol)])
            chosen.update(sizes or {})
        if len(symbols) > 1:
            self._begin()
            self._axis(symbols, list(joint_sizes(symbols, chosen)))

    def samples(self, dynamic_axes: Axes) -> None:
        """More inputs, as the user gave or ordered them."""
        for name, inputs in self.trials.samples:
            self._begin()
            self._sample(name, inputs, dynamic_axes)

    def _sample(self, name: str, inputs: Tensors, dynamic_axes: Axes) -> None:
        if self.session is None or self.slow:
            self._add("sample", name, "not run", self._idle)
            return
        if self.run_model is None:
            self._add("sample", name, "not run", "the PyTorch model is not at hand")
            return
        wrong = fixed_size(self.capture.inputs, inputs, dynamic_axes)
        if wrong:
            self._add("sample", name, "failed", wrong)
            return
        try:
            expected = self._eager(self.run_model, inputs)
        except Exception as error:  # noqa: BLE001 (the user's own code: anything may come, and it is an answer)
            self._add("sample", name, "not run", f"PyTorch itself rejects it: {_line(error)}")
            return
        self._look()
        try:
            problem, comparisons = self._compare(inputs, expected, self._run(inputs), {})
        except (NoRuntimeKernel, NotAvailable) as error:
            self._add("sample", name, "not run", error.message)
        except (CheckerError, InvalidArgument, RuntimeMismatch) as error:
            self._add("sample", name, "failed", f"fails: {error.message}")
        else:
            detail = f"differs: {problem}" if problem else self._agreement(comparisons)
            self._add("sample", name, "failed" if problem else "passed", detail, comparisons)

    @property
    def _idle(self) -> str:
        """Why nothing else runs after the captured sizes."""
        return f"{self._engine} is too slow" if self.slow else "the model did not run at its captured sizes"

    # Axes

    def _symbols(self, dynamic_axes: Axes) -> list[Symbol]:
        rows = [
            (name, position, axis % item.example.dim())
            for position, item in enumerate(self.capture.inputs)
            for axis, name in dynamic_axes.get(item.onnx_name, {}).items()
        ]
        self.sizes = base_sizes((name, self._captured_size(place, axis), "") for name, place, axis in rows)
        self.derived = [Derived(place, axis, name) for name, place, axis in rows if is_expression(name)]
        return [
            Symbol(name, tuple((place, axis) for text, place, axis in rows if text == name), size)
            for name, size in self.sizes.items()
        ]

    def _captured_size(self, position: int, axis: int) -> int:
        return int(self.capture.inputs[position].example.shape[axis])

    def _candidates(self, symbol: Symbol) -> tuple[int, ...]:
        return candidate_sizes(symbol.size, {size for item in self.capture.inputs for size in item.example.shape})

    def _axis(self, symbols: Sequence[Symbol], candidates: Sequence[Mapping[str, int]]) -> Mapping[str, int] | None:
        """Compare at the first of the candidate sizes that PyTorch accepts; the sizes, or None if it accepts none."""
        subject = " + ".join(symbol.name for symbol in symbols)
        if self.run_model is None:
            self._add("axis", subject, "not run", "the PyTorch model is not at hand")
            return None
        refusal = ""
        for sizes in candidates:
            self._look()
            steps = ", ".join(f"{symbol.size} → {sizes[symbol.name]}" for symbol in symbols)
            impossible = next((item.text for item in self.derived if not self._is_size(item, sizes)), "")
            if impossible:
                refusal = refusal or f"at {steps}, {impossible} is no size"
                continue
            inputs = self._resized(symbols, sizes)
            try:
                expected = self._eager(self.run_model, inputs)
            except Exception as error:  # noqa: BLE001 (the user's own code: anything may come, and it is an answer)
                refusal = refusal or f"PyTorch itself rejects {steps}: {_line(error)}"
                continue
            self._look()
            try:
                actual = self._run(inputs)
            except (NoRuntimeKernel, NotAvailable) as error:
                self._add("axis", subject, "not run", error.message)
                return sizes
            except (CheckerError, InvalidArgument, RuntimeMismatch) as error:
                self._add("axis", subject, "failed", f"fails at {steps}: {error.message}")
                return sizes
            problem, comparisons = self._compare(inputs, expected, actual, {**self.sizes, **sizes})
            if problem:
                self._add("axis", subject, "failed", f"differs at {steps}: {problem}", comparisons)
            else:
                self._add("axis", subject, "passed", f"runs at {steps}", comparisons)
            return sizes
        self._add("axis", subject, "not run", refusal or "there is no other size to try")
        return None

    def _is_size(self, item: Derived, sizes: Mapping[str, int]) -> bool:
        return bool(size_of(item.text, {**self.sizes, **sizes}))

    def _resized(self, symbols: Sequence[Symbol], sizes: Mapping[str, int]) -> Tensors:
        changes: dict[int, dict[int, int]] = {}
        for symbol in symbols:
            for position, axis in symbol.places:
                changes.setdefault(position, {})[axis] = sizes[symbol.name]
        for item in self.derived:
            size = size_of(item.text, {**self.sizes, **sizes})
            assert size is not None
            changes.setdefault(item.position, {})[item.axis] = size
        return tuple(
            resized(item.example, changes[position], seed=position) if position in changes else item.example.detach()
            for position, item in enumerate(self.capture.inputs)
        )

    # Running and comparing

    def _eager(self, run_model: RunModel, inputs: Inputs) -> Tensors:
        # The model may write to its inputs; ONNX is to see them as they were.
        state = torch.get_rng_state()
        try:
            with torch.no_grad():
                return run_model(tuple(None if tensor is None else tensor.clone() for tensor in inputs))
        finally:
            torch.set_rng_state(state)

    def _run(self, inputs: Inputs) -> list[Any]:
        """Run the ONNX model, in ONNX Runtime as long as that can.

        Raises:
            NoRuntimeKernel: If neither ONNX Runtime nor the reference can run it.
        """
        if self.session is None:
            try:
                self.session = self._open()
            except NoRuntimeKernel as error:
                self._fall_back(error)
        assert self.session is not None
        try:
            return self.session.run(self._feeds(self.session, inputs))
        except NoRuntimeKernel as error:
            if isinstance(self.session, ReferenceSession):
                self.session = None
                raise
            self._fall_back(error)
            return self.session.run(self._feeds(self.session, inputs))

    def _open(self) -> RuntimeSession:
        session = RuntimeSession(self.model, providers=(self.provider,))
        if self.provider not in session.providers:
            raise NotAvailable(
                f"{self.provider} does not start; ONNX Runtime took {', '.join(session.providers)} instead"
            )
        return session

    def _fall_back(self, error: NoRuntimeKernel) -> None:
        self.session = None
        try:
            self.session = ReferenceSession(self.model)
        except (NoRuntimeKernel, CheckerError) as second:
            raise NoRuntimeKernel(f"{error.message}; {second.message}", target=error.target) from second
        self.recorder.note("warning", error.code, f"{error.message}; checked with {ReferenceSession.engine} instead")

    def _feeds(self, session: Session, inputs: Inputs) -> dict[str, Any]:
        feeds = feeds_of(self.capture.inputs, inputs)
        # Without export_params (and with weights as inputs), the weights are fed, too.
        missing = set(session.inputs) - set(feeds)
        for parameter in self.capture.graph.parameters:
            for name in (parameter.name, *parameter.aliases, parameter.value.name):
                if name in missing:
                    feeds[name] = parameter.tensor.detach()
        return feeds

    def _compare(
        self, inputs: Inputs, expected: Tensors, actual: list[Any], sizes: Mapping[str, int]
    ) -> tuple[str, tuple[Comparison, ...]]:
        """What is wrong, or ``""``, and the comparison of every output."""
        names: list[str] = []
        arrays: list[Array] = []
        for value, item in zip(self.model.graph.outputs, actual, strict=True):
            row: list[Any] = [] if item is None else item if isinstance(item, list) else [item]
            names += [f"{value.name}[{index}]" for index in range(len(row))] if row is item else [value.name or ""]
            arrays += row
        quantized = is_quantized(self.capture.graph)
        steps = output_steps(self.model) if quantized else {}
        comparisons = tuple(
            compare(
                expected,
                arrays,
                names,
                rtol=self.rtol,
                atol=self.atol,
                random=self.random,
                quantized=quantized,
                steps=steps,
            )
        )
        failed = [item for item in comparisons if not item.passed]
        if failed:
            more = f" (and {len(failed) - 1} more outputs)" if len(failed) > 1 else ""
            hint = self._random_hint()
            if quantized and failed[0].reason == "values":
                hint += "; inner layers of a quantized model may round to the other side: atol= allows more than a step"
            elif not hint and failed[0].reason == "values":
                hint = self._judgement(inputs, expected, arrays, comparisons.index(failed[0]))
            return f"{failed[0]}{more}{hint}", comparisons
        for value, array in zip(self.model.graph.outputs, actual, strict=True):
            wrong = _wrong_dimension(value, array, sizes) if isinstance(array, np.ndarray) else ""
            if wrong:
                return wrong, comparisons
        return "", comparisons

    def _agreement(self, comparisons: tuple[Comparison, ...]) -> str:
        compared = [item for item in comparisons if not item.random]
        random = [f"'{item.name}'" for item in comparisons if item.random]
        parts: list[str] = []
        if compared:
            worst = max(item.max_abs for item in compared)
            parts.append(f"agrees with PyTorch on {_count(len(compared), 'output')} (max abs error {worst:.1e})")
        if random:
            parts.append(f"agrees in dtype and shape on {', '.join(random)}, whose values are random")
        return " and ".join(parts) or "runs; the model has no outputs"

    def _judgement(self, inputs: Inputs, expected: Tensors, actual: list[Array], position: int) -> str:
        """Which of the two is nearer to the exact value, where that can be known: not for an optional that is None."""
        given = tuple(item for item in inputs if item is not None)
        if (
            self.graph is None
            or len(given) < len(inputs)
            or max(position + 1, len(actual)) > len(expected)
            or is_quantized(self.graph)
        ):
            return ""
        self._look()
        found = judged(self.graph, given, expected, actual[position], position)
        return f"; {found}" if found else ""

    def _random_hint(self) -> str:
        targets = random_targets(self.capture.graph)
        return f"; PyTorch's values are random ({', '.join(targets[:3])})" if targets else ""

    # Book-keeping

    @property
    def _engine(self) -> str:
        if isinstance(self.session, ReferenceSession):
            return self.session.engine
        return RuntimeSession.engine if self.provider == CPU else f"{RuntimeSession.engine} ({self.provider})"

    def _look(self) -> None:
        if self.recorder.cancelled():
            raise Cancelled("stopped while the export was checked")

    def _begin(self) -> None:
        self._look()
        self.start = time.perf_counter()

    def _add(
        self, kind: Kind, subject: str, status: Status, detail: str, comparisons: tuple[Comparison, ...] = ()
    ) -> None:
        passed = {"passed": True, "failed": False, "not run": None}[status]
        self.items.append(Check(kind, subject, status, detail, comparisons))
        self.recorder.add(Checked(kind, subject, passed, detail, time.perf_counter() - self.start))


def _wrong_dimension(value: ir.Value, array: Array, sizes: Mapping[str, int]) -> str:
    """A dimension of an output that is not what the ONNX model declares, or ``""``."""
    if value.shape is None:
        return ""
    if len(value.shape) != array.ndim:
        return f"'{value.name}' is declared with {len(value.shape)} dimensions and has {array.ndim}"
    for axis, (declared, size) in enumerate(zip(value.shape, array.shape, strict=True)):
        wanted = declared if isinstance(declared, int) else size_of(declared.value or "", sizes)
        if wanted is not None and wanted != size:
            symbol = "" if isinstance(declared, int) else f"'{declared.value}' = "
            return f"axis {axis} of '{value.name}' is declared as {symbol}{wanted} and is {size}"
    return ""


def _sizes(tensors: Tensors) -> list[torch.Size]:
    return [tensor.shape for tensor in tensors]


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _line(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 200 else f"{text[:200]}…"
