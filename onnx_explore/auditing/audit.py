"""The audit of dynamic axes: proves each of them, or names what was baked and where; repairs it on request.

In: an export's flow. Out: an ``Audit``, and with ``repair=True`` a flow whose graph computes what was baked. In order:

1. Sizes are chosen, by trying them in PyTorch.
2. The model is captured again with each axis changed, twice, and with all; the graphs are aligned with the first one. Where a
   branch on a size went the same way every time, also beyond the number that the size was compared with.
3. Constants that differ are looked for among functions of the sizes.
4. ONNX Runtime is compared with PyTorch at sizes that nothing was derived from, one axis at a time, then together.

The model, its buffers, the random state and torch's flags are afterwards as they were, and an interrupt changes nothing.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import onnx_ir as ir

from onnx_explore.arguments import check_call, options_for
from onnx_explore.auditing.export_view import export_view
from onnx_explore.auditing.findings import Findings, Found, Recorded
from onnx_explore.auditing.related import Relation, find_relation, likely_relations, verdicts_on
from onnx_explore.auditing.report import Audit, AxisVerdict, Cause, Combination, ExportView, Problem, Status
from onnx_explore.auditing.sites import sites_of
from onnx_explore.auditing.sizes import (
    Sizes,
    Symbol,
    Trial,
    derived_of,
    given_sizes,
    inputs_with_other_values,
    symbols_of,
)
from onnx_explore.axes import DynamicAxes
from onnx_explore.capture.captured import Capture
from onnx_explore.capture.rerun import make_recapture, make_rerun
from onnx_explore.check.checker import RunModel, check_sizes
from onnx_explore.check.report import Check
from onnx_explore.errors import Cancelled, CaptureError, InvalidArgument, OnnxExporterError
from onnx_explore.flow import MODES, Flow, Tolerances
from onnx_explore.recording import Recorder
from onnx_explore.relations import Derived, size_of, symbols_in
from onnx_explore.torch_ir import TorchNode, walk

_MOST_PAIRS = 6
_MOST_BEYOND = 4
"""Captures beyond numbers that sizes are compared with."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """An audit, and the repaired export.

    Attributes:
        audit: The report.
        flow: A completed flow with the repairs in it, or None if there are none.
        model: What it gave.
    """

    audit: Audit
    flow: Flow | None = None
    model: ir.Model | None = None


def audit(
    model: Any,
    args: Any,
    dynamic_axes: DynamicAxes,
    *,
    kwargs: Mapping[str, Any] | None = None,
    sizes: Mapping[str, int | Sequence[int]] | None = None,
    repair: bool = False,
    torch_export: bool = False,
    rtol: float | None = None,
    atol: float | None = None,
    recorder: Recorder | None = None,
    **options: Any,
) -> Audit:
    """Prove each dynamic axis of a model, or find what was baked.

    Args:
        model: As for ``export``.
        args: As for ``export``.
        dynamic_axes: As for ``export``: the axes to prove.
        kwargs: Keyword arguments of the call.
        sizes: Symbol → sizes to use instead of chosen ones: the first two for captures, the rest for the proof.
        repair: Whether to try to replace baked constants by expressions over the sizes, and to prove the result.
        torch_export: Whether to ask ``torch.export``, too, for its constraints.
        rtol: Relative tolerance of the comparison; default by element type.
        atol: Absolute tolerance of the comparison; default by element type.
        recorder: Receives the events, and is asked whether to stop.
        **options: The other parameters of ``export``, by name.

    Returns:
        The report; ``str`` of it is text.

    Raises:
        InvalidArgument: If no input has a dynamic axis, or an argument is wrong.
        CaptureError: If the model cannot be recorded at its example inputs.
        Cancelled: If the recorder said so.
    """
    made = options_for("audit", options)
    check_call(model, kwargs=kwargs, dynamic_axes=dynamic_axes, rtol=rtol, atol=atol, recorder=recorder)
    flow = Flow(model, args, kwargs, made, dynamic_axes, recorder or Recorder())
    tolerances = Tolerances(rtol, atol)
    return audit_flow(flow, sizes=sizes, repair=repair, torch_export=torch_export, tolerances=tolerances).audit


def audit_flow(
    flow: Flow,
    *,
    model: ir.Model | None = None,
    sizes: Mapping[str, int | Sequence[int]] | None = None,
    repair: bool = False,
    torch_export: bool = False,
    tolerances: Tolerances | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Outcome:
    """Audit an export; ``flow`` itself stays as it is if ``model``, which it gave, is given.

    Raises:
        InvalidArgument: If no input has a dynamic axis.
        Cancelled: If the user asked to stop.
    """
    return _Auditing(flow, tolerances or Tolerances(), cancelled or flow.recorder.cancelled).run(
        model, sizes, repair=repair, torch_export=torch_export
    )


@dataclass(slots=True)
class _Plan:
    """The sizes of one symbol: to derive from, and to prove at."""

    derive: list[int]
    prove: list[int]
    tied: tuple[str, ...] = ()
    reason: str = ""


@dataclass(slots=True)
class _Found:
    """What a round found."""

    found: list[Found] = field(default_factory=list[Found])
    harmless: list[Cause] = field(default_factory=list[Cause])


@dataclass(frozen=True, slots=True)
class _Proof:
    """What ONNX Runtime said."""

    axes: list[AxisVerdict]
    combinations: list[Combination]
    problems: list[Problem]


@dataclass(slots=True)
class _Auditing:
    flow: Flow
    tolerances: Tolerances
    cancelled: Callable[[], bool]
    captures: int = 0
    symbols: list[Symbol] = field(default_factory=list[Symbol])
    plans: dict[str, _Plan] = field(default_factory=dict[str, _Plan])
    beyond: dict[str, list[int]] = field(default_factory=dict[str, list[int]])
    same_sizes: Capture | None = None
    derived: list[Derived] = field(default_factory=list[Derived])
    found: dict[str, Relation] = field(default_factory=dict[str, Relation])

    def run(
        self,
        model: ir.Model | None,
        sizes: Mapping[str, int | Sequence[int]] | None,
        *,
        repair: bool,
        torch_export: bool,
    ) -> Outcome:
        start = time.perf_counter()
        captured = self.flow.captured
        self.symbols = symbols_of(captured.inputs, self.flow.options.dynamic_axes)
        if not self.symbols:
            raise InvalidArgument(
                "no input has a dynamic axis", argument="dynamic_axes", action='name them: {"x": {0: "batch"}}'
            )
        rerun = make_rerun(self.flow.model, captured, MODES[self.flow.options.training])
        self.derived = derived_of(captured.inputs, self.flow.options.dynamic_axes)
        trial = Trial(captured.inputs, self.symbols, rerun, self._look, self.derived)
        given = given_sizes(sizes, self.symbols)
        trial = self._planned(trial, given)
        failure = ""
        if model is None:
            model, failure = self._lowered(self.flow)
        recorded = self._recorded(trial)
        findings, proof, exported = self._round(recorded, trial, rerun, (model, failure), repair=repair)
        more = self._unexplained(proof, trial, recorded)
        if more:
            findings, proof, exported = self._round([*recorded, *more], trial, rerun, (model, failure), repair=repair)
        view: tuple[ExportView, ...] = ()
        if torch_export:
            self._look()
            view = export_view(self.flow, self.symbols, self.derived)
        report = Audit(
            tuple(proof.axes),
            tuple(proof.combinations),
            tuple(proof.problems),
            tuple(findings.harmless),
            view,
            self.captures,
            time.perf_counter() - start,
        )
        return Outcome(report, *exported)

    def _round(
        self,
        recorded: Sequence[Recorded],
        trial: Trial,
        rerun: RunModel,
        exported: tuple[ir.Model | None, str],
        *,
        repair: bool,
    ) -> tuple[_Found, _Proof, tuple[Flow | None, ir.Model | None]]:
        """Problems, their repair if asked for, and the proof of what came out."""
        findings = _Found()
        if recorded:
            first = Recorded(self.flow.captured, trial.base)
            findings.found, findings.harmless = Findings(first, recorded, self.same_sizes, self.symbols).run()
        problems = [item.problem for item in findings.found]
        model, failure = exported
        flow: Flow | None = None
        if repair and any(item.repairs for item in findings.found):
            flow, repaired_model, problems = self._repaired(findings.found)
            if flow is not None:
                model, failure = repaired_model, ""
        proof = self._proof(flow or self.flow, model, failure, rerun, problems, trial)
        return findings, proof, (flow, model if flow is not None else None)

    def _unexplained(self, proof: _Proof, trial: Trial, recorded: Sequence[Recorded]) -> list[Recorded]:
        """Captures at sizes where ONNX Runtime differs and nothing that was found says why."""
        if self.flow.captured.mode == "script":
            return []
        known = [item.sizes for item in recorded]
        wanted: list[Sizes] = [
            {**trial.base, item.symbol: item.sizes[0]}
            for item in proof.axes
            if item.status == "broken" and not item.problems
        ]
        if not wanted and not proof.problems:
            wanted = [{**trial.base, **dict(item.sizes)} for item in proof.combinations if item.status == "broken"][:1]
        return [row for sizes in wanted if sizes not in known for row in self._capture(trial, sizes)]

    def _look(self) -> None:
        if self.cancelled():
            raise Cancelled("stopped during the audit")

    # -- sizes ------------------------------------------------------------------------------------------------------

    def _planned(self, trial: Trial, given: Mapping[str, list[int]]) -> Trial:
        """Sizes for every symbol. Where PyTorch runs with none of one alone, what it follows is looked for by trying."""
        while True:
            self.plans = {symbol.name: self._plan(symbol, trial, given.get(symbol.name)) for symbol in self.symbols}
            refused = [symbol for symbol in self.symbols if not self.plans[symbol.name].derive]
            relation = find_relation(trial, refused)
            if relation is None:
                return trial
            self.found[relation.symbol.name] = relation
            self.symbols = [symbol for symbol in self.symbols if symbol is not relation.symbol]
            self.derived += [Derived(position, axis, relation.text) for position, axis in relation.symbol.places]
            trial = Trial(trial.inputs, self.symbols, trial.run, self._look, self.derived)

    def _plan(self, symbol: Symbol, trial: Trial, given: list[int] | None) -> _Plan:
        if given is not None:
            accepted = [size for size in given if not trial.refusal({**trial.base, symbol.name: size})]
            reason = trial.refusal({**trial.base, symbol.name: given[0]}) if given else "no other size was given"
        else:
            accepted = trial.sizes_for(symbol)
            reason = trial.refusals.get(symbol.name, "there is no other size to try")
        if not accepted:
            tied = trial.tied(symbol)
            if tied:
                names = " and ".join(f"'{name}'" for name in tied)
                verb = "changes" if len(tied) == 1 else "change"
                reason = f"PyTorch runs only if {names} {verb} with it: give them one name if they are one size"
            return _Plan([], [], tied, reason)
        derive = accepted[:2] if len(accepted) > 2 else accepted[:1]
        prove = accepted[len(derive) :] or accepted[:1]
        return _Plan(derive, prove)

    def _joint(self, trial: Trial, sizes: Mapping[str, int]) -> Sizes | None:
        """All given symbols at once, if PyTorch runs so."""
        joint = {**trial.base, **sizes}
        return joint if not trial.refusal(joint) else None

    # -- captures ---------------------------------------------------------------------------------------------------

    def _recorded(self, trial: Trial) -> list[Recorded]:
        """The model at other sizes: each axis changed alone, twice, and all together."""
        captured = self.flow.captured
        if captured.mode == "script":
            return []  # a scripted graph is the same at every size
        first = Recorded(captured, trial.base)
        # Two sizes for each: one point tells that a number follows the size, two tell whether it does so linearly.
        others = [*self._captured(trial, 0), *self._captured_together(trial), *self._captured(trial, 1)]
        self.same_sizes = self._with_other_values([captured, *(item.capture for item in others)])
        return [*others, *self._captured_beyond(trial, [first, *others])]

    def _captured(self, trial: Trial, which: int) -> list[Recorded]:
        rows: list[Recorded] = []
        for name, plan in self.plans.items():
            if which < len(plan.derive):
                rows += self._capture(trial, {**trial.base, name: plan.derive[which]})
        return rows

    def _captured_together(self, trial: Trial) -> list[Recorded]:
        sizes = {name: plan.derive[0] for name, plan in self.plans.items() if plan.derive}
        rows: list[Recorded] = []
        if len(sizes) > 1:
            joint = self._joint(trial, sizes)
            if joint is not None:
                rows += self._capture(trial, joint)
        for name, plan in self.plans.items():
            if plan.tied:
                tied = trial.in_step(name, *plan.tied)
                rows += self._capture(trial, tied) if tied is not None else []
        return rows

    def _capture(self, trial: Trial, sizes: Sizes) -> list[Recorded]:
        """One more capture; none if the tracer fails where PyTorch itself runs."""
        self._look()
        flow = self.flow
        recapture = make_recapture(flow.model, flow.captured, MODES[flow.options.training], inline_functions=False)
        try:
            again = recapture(trial.at(sizes))
        except CaptureError as error:
            flow.recorder.note(
                "warning", error.code, f"the audit could not capture the model at {sizes}: {error.message}"
            )
            return []
        self.captures += 1
        return [Recorded(again, sizes)]

    def _with_other_values(self, captures: Sequence[Capture]) -> Capture | None:
        """A capture at the same sizes with other values, if anything that left the trace may depend on values."""
        sites = sites_of(captures)
        if not any(site.of == "data" and site.varies(range(1, len(captures))) for site in sites):
            return None
        self._look()
        flow = self.flow
        recapture = make_recapture(flow.model, flow.captured, MODES[flow.options.training], inline_functions=False)
        try:
            again = recapture(inputs_with_other_values(flow.captured.inputs))
        except CaptureError:  # other values may not be valid: then nothing is known of them
            return None
        self.captures += 1
        return again

    def _captured_beyond(self, trial: Trial, known: Sequence[Recorded]) -> list[Recorded]:
        """Captures on the other side of the numbers that a size was compared with."""
        sites = sites_of([item.capture for item in known])
        numbers = dict.fromkeys(
            int(number)
            for site in sites
            if site.kind in ("bool", "contains", "equal")
            and site.of == "size"
            and not site.varies(range(1, len(known)))
            for number in site.constants
            if 1 < number < 1 << 20
        )
        rows: list[Recorded] = []
        for symbol, number in itertools.product(self.symbols, numbers):
            seen = {item.sizes[symbol.name] for item in known}
            if min(seen) <= number < max(seen):
                continue
            size = number + 1 if number >= max(seen) else number - 1
            if size < 2 or size in seen or len(rows) == _MOST_BEYOND:
                continue
            sizes = {**trial.base, symbol.name: size}
            if not trial.refusal(sizes):
                rows += self._capture(trial, sizes)
                self.beyond.setdefault(symbol.name, []).append(size)
        return rows

    # -- the export, and its repair -----------------------------------------------------------------------------------

    @staticmethod
    def _lowered(flow: Flow) -> tuple[ir.Model | None, str]:
        try:
            flow.lower()
            return flow.complete(), ""
        except Cancelled:
            raise
        except OnnxExporterError as error:
            return None, f"the export itself fails: {error}"

    def _repaired(self, found: Sequence[Found]) -> tuple[Flow | None, ir.Model | None, list[Problem]]:
        """The export with the repairs in it; those that an operator cannot take are left out."""
        done: dict[int, str] = {index: "" for index, item in enumerate(found) if item.repairs}
        while any(reason == "" for reason in done.values()):
            self._look()
            repairs = tuple(
                unbaked for index, reason in done.items() if reason == "" for unbaked in found[index].repairs
            )
            recorder = Recorder(cancelled=self.cancelled)
            flow = self.flow.again(self.flow.options, self.flow.options.dynamic_axes, recorder, repairs=repairs)
            model, failure = self._lowered(flow)
            if model is not None:
                problems = [self._told(item, done.get(index)) for index, item in enumerate(found)]
                return flow, model, problems
            guilty = self._guilty(flow, found, done) or [index for index, reason in done.items() if reason == ""]
            for index in guilty:
                done[index] = f"with the expression in its place, {failure}"
        return None, None, [self._told(item, done.get(index)) for index, item in enumerate(found)]

    @staticmethod
    def _told(item: Found, reason: str | None) -> Problem:
        if reason is None:
            return item.problem
        if reason:
            return replace(item.problem, obstacle=reason)
        whole = len(item.repairs) == len(item.problem.carriers)
        return replace(item.problem, repaired=whole)

    def _guilty(self, flow: Flow, found: Sequence[Found], done: Mapping[int, str]) -> list[int]:
        """The repairs that go into the node which failed, through numbers and lists of them."""
        failed = flow.lowering.node
        if failed is None:
            return []
        wanted = set(failed.derived_from or (failed.id,))
        users: dict[int, list[TorchNode]] = {}
        nodes = {node.id: node for node in walk(self.flow.captured.graph.block)}
        for node in nodes.values():
            for value in node.inputs:
                users.setdefault(value.id, []).append(node)

        def reaches(start: TorchNode) -> bool:
            pending, seen = [start], {start.id}
            while pending:
                node = pending.pop()
                if node.id in wanted:
                    return True
                if node is start or not any(value.is_tensor for value in node.outputs):
                    after = [user for value in node.outputs for user in users.get(value.id, ()) if user.id not in seen]
                    seen.update(user.id for user in after)
                    pending += after
            return False

        open_ones = [index for index, reason in done.items() if reason == ""]
        return [index for index in open_ones if any(reaches(nodes[item.node]) for item in found[index].repairs)]

    # -- proof ------------------------------------------------------------------------------------------------------

    def _proof(
        self,
        flow: Flow,
        model: ir.Model | None,
        failure: str,
        rerun: RunModel,
        problems: list[Problem],
        trial: Trial,
    ) -> _Proof:
        runs = {
            name: list(dict.fromkeys([*plan.prove[:2], *self.beyond.get(name, [])]))
            for name, plan in self.plans.items()
        }
        # Where the graphs differ, ONNX Runtime runs where they do, too: the other sizes may happen to agree.
        for name, sizes in runs.items():
            if any(name in item.axes and not item.repaired for item in problems):
                sizes += [size for size in self.plans[name].derive if size not in sizes]
        wanted: list[Sizes] = [{name: size} for name, sizes in runs.items() for size in sizes]
        together, pairs = self._combinations(trial, runs)
        checks: list[Check] = []
        joint: list[Sizes] = []
        if model is not None:
            checks = self._checked(flow, model, rerun, [*wanted, *together])
            joint = together
            if any(check.status != "passed" for check in checks[len(wanted) :]):  # pairs tell which of them it is
                checks += self._checked(flow, model, rerun, pairs)
                joint = [*together, *pairs]
        axes: list[AxisVerdict] = []
        for symbol in self.symbols:
            mine = [
                (item[symbol.name], check) for item, check in zip(wanted, checks, strict=False) if symbol.name in item
            ]
            axes.append(self._verdict(symbol, mine, failure, problems))
        combinations = [
            Combination(tuple(item.items()), _status(check), _tail(check))
            for item, check in zip(joint, checks[len(wanted) :], strict=False)
        ]
        if model is not None:
            combinations += self._likely(flow, model, rerun, trial, axes)
        names = {relation.text: name for name, relation in self.found.items()}
        axes += verdicts_on(self.derived, axes, names, self.flow.captured.inputs)
        return _Proof(axes, combinations, problems)

    def _likely(
        self, flow: Flow, model: ir.Model, rerun: RunModel, trial: Trial, axes: Sequence[AxisVerdict]
    ) -> list[Combination]:
        """Where axes are broken alone: whether they are not, if one of the sizes is the sum of others."""
        broken = {item.symbol for item in axes if item.status == "broken"}
        if len(self.symbols) < 3 or not broken:
            return []
        for relation, points in itertools.islice(likely_relations(trial, self.symbols, broken), _MOST_PAIRS):
            checks = self._checked(flow, model, rerun, points)
            if all(check.status == "passed" for check in checks):
                name = relation.symbol.name
                said = f"ONNX Runtime agrees with PyTorch where {name} = {relation.text}: name it '{relation.text}'"
                return [Combination(tuple(point.items()), "proven", said) for point in points]
        return []

    def _checked(self, flow: Flow, model: ir.Model, rerun: RunModel, sizes: Sequence[Sizes]) -> list[Check]:
        self._look()
        base = {symbol.name: symbol.size for symbol in self.symbols}
        rows: list[Sizes] = []
        for item in sizes:  # the model has the user's names: what was found to follow others is given, too
            more = {name: size_of(relation.text, {**base, **item}) for name, relation in self.found.items()}
            rows.append({**item, **{name: size for name, size in more.items() if size is not None}})
        return check_sizes(
            model,
            flow.captured,
            run_model=rerun,
            dynamic_axes=flow.options.dynamic_axes,
            sizes=rows,
            recorder=Recorder(cancelled=self.cancelled),
            rtol=self.tolerances.rtol,
            atol=self.tolerances.atol,
        )

    def _combinations(self, trial: Trial, runs: Mapping[str, Sequence[int]]) -> tuple[list[Sizes], list[Sizes]]:
        """All axes together, and pairs of them; with sizes that differ from each other where PyTorch lets them."""
        able = [name for name, sizes in runs.items() if sizes]
        result = self._different(trial, runs, able) if len(able) > 1 else []
        pairs = list(itertools.combinations(able, 2))[:_MOST_PAIRS] if len(able) > 2 else []
        for name, plan in self.plans.items():
            tied = trial.in_step(name, *plan.tied) if plan.tied else None
            if tied is not None:
                moved = {other: tied[other] for other in (name, *plan.tied)}
                if sorted(moved) not in [sorted(item) for item in result]:
                    result.append(moved)
        return result, [sizes for pair in pairs for sizes in self._different(trial, runs, pair)]

    def _different(self, trial: Trial, runs: Mapping[str, Sequence[int]], names: Sequence[str]) -> list[Sizes]:
        """One size for each symbol, no two the same if there are enough; none if PyTorch does not run so."""
        sizes: Sizes = {}
        for name in names:
            plan = self.plans[name]
            free = [size for size in (runs[name][0], *plan.prove, *plan.derive) if size not in sizes.values()]
            sizes[name] = next(iter(free), runs[name][0])
        return [sizes] if self._joint(trial, sizes) is not None else []

    def _verdict(
        self, symbol: Symbol, checks: Sequence[tuple[int, Check]], failure: str, problems: Sequence[Problem]
    ) -> AxisVerdict:
        inputs = self.flow.captured.inputs
        derived = [(item.position, item.axis) for item in self.derived if symbol.name in symbols_in(item.text)]
        places = tuple((inputs[position].name, axis) for position, axis in symbol.places or derived)
        mine = tuple(index for index, item in enumerate(problems) if symbol.name in item.axes)
        failed = [(size, check) for size, check in checks if check.status == "failed"]
        passed = [(size, check) for size, check in checks if check.status == "passed"]
        if failed:
            size, check = failed[0]
            note = f"; it runs at {', '.join(str(size) for size, _ in passed)}" if passed else ""
            return AxisVerdict(symbol.name, places, symbol.size, "broken", (size,), f"{check.detail}{note}", mine)
        if passed:
            sizes = tuple(size for size, _ in passed)
            detail = f"ONNX Runtime agrees with PyTorch at {', '.join(map(str, sizes))}"
            return AxisVerdict(symbol.name, places, symbol.size, "proven", sizes, detail, mine)
        reason = failure or next((check.detail for _, check in checks), "") or self.plans[symbol.name].reason
        return AxisVerdict(symbol.name, places, symbol.size, "not tested", (), f"because {reason}", mine)


def _status(check: Check) -> Status:
    statuses: dict[str, Status] = {"passed": "proven", "failed": "broken"}
    return statuses.get(check.status, "not tested")


def _tail(check: Check) -> str:
    return "ONNX Runtime agrees with PyTorch" if check.status == "passed" else check.detail
