"""Editing the dynamic axes of an exploration, and their audit.

In: edits by name (``ex.axes.name("x", 0, "batch")``) or all at once (``ex.set_dynamic_axes``). Out: the same exploration,
exported again from the same capture; a new name alone exports nothing again. An edit or an audit that is interrupted changes
nothing.
"""

from __future__ import annotations

import math
import re
from abc import abstractmethod
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

import onnx_ir as ir

from onnx_explore import axes as dynamic
from onnx_explore.auditing import Audit, audit_flow
from onnx_explore.auditing.report import Status
from onnx_explore.capture.captured import one_each
from onnx_explore.check.report import Report
from onnx_explore.errors import InvalidArgument
from onnx_explore.explore.failure import short_file
from onnx_explore.explore.shown import Shown
from onnx_explore.explore.tables import Column, fit
from onnx_explore.exported import Exported
from onnx_explore.flow import Flow, Tolerances, collector_paused
from onnx_explore.options import Options
from onnx_explore.passes.onnx.rename import rename_symbols, renamed_text, words_of
from onnx_explore.recording import Checked, Noted, Recorder
from onnx_explore.relations import is_expression, symbols_in

if TYPE_CHECKING:
    from onnx_explore.errors import OnnxExporterError

Place = tuple[str, int]
"""Name of an input, and axis."""
_Same = TypeVar("_Same", bound="Editing")


@dataclass(frozen=True, slots=True)
class AxisRow:
    """One dimension of one input.

    Attributes:
        input: Name of the input.
        axis: Number of the dimension.
        size: Captured size.
        symbol: Its name if it is dynamic, else None.
        status: What the audit says, or else the checks; None for a fixed dimension.
        detail: One line about that.
    """

    input: str
    axis: int
    size: int
    symbol: str | None
    status: Status | None
    detail: str


class AxesTable:
    """The table of inputs × dimensions of an exploration: ``ex.axes``. It shows and edits what ``ex.set_dynamic_axes`` sets."""

    def __init__(self, exploration: Editing) -> None:
        self._ex = exploration

    @property
    def rows(self) -> tuple[AxisRow, ...]:
        """One row for each dimension of each input."""
        verdicts = self._ex.axis_verdicts()
        rows: list[AxisRow] = []
        for item in one_each(self._ex.captured.inputs):
            names = self._ex.options.dynamic_axes.get(item.onnx_name, {})
            for axis, size in enumerate(item.example.shape):
                symbol = names.get(axis)
                status, detail = (
                    (None, "") if symbol is None else verdicts.get(symbol, ("not tested", "no check has run"))
                )
                rows.append(AxisRow(item.onnx_name, axis, int(size), symbol, status, detail))
        return tuple(rows)

    @property
    def dynamic_axes(self) -> dict[str, dict[int, str]]:
        """What ``export`` takes as ``dynamic_axes``."""
        return {name: dict(axes) for name, axes in self._ex.options.dynamic_axes.items() if axes}

    @property
    def text(self) -> str:
        """``dynamic_axes={...}``, to copy."""
        return f"dynamic_axes={self.dynamic_axes!r}"

    @property
    def line(self) -> str:
        """The whole ``%onnx_export`` line, to copy."""
        options = [
            f"--dynamic {name}:{','.join(f'{axis}={_plain(symbol)}' for axis, symbol in sorted(axes.items()))}"
            for name, axes in self.dynamic_axes.items()
        ]
        return " ".join(["%onnx_export", self._ex.call_text, *options])

    def name(self, input_name: str, axis: int, symbol: str) -> None:
        """Make a dimension dynamic under a name, or rename it; a name that stands elsewhere ties the two."""
        self._edit([(input_name, axis, symbol)])

    def fix(self, input_name: str, axis: int) -> None:
        """Make a dimension what it was when it was captured."""
        self._edit([(input_name, axis, None)])

    def free(self, input_name: str, axis: int) -> None:
        """Make a dimension dynamic under a name of its own."""
        taken = {symbol for axes in self.dynamic_axes.values() for symbol in axes.values()}
        wanted = "batch" if axis == 0 else re.sub(r"\W", "_", f"{input_name}_{axis}")
        while wanted in taken:
            wanted = f"{wanted}_"
        self._edit([(input_name, axis, wanted)])

    def tie(self, *places: Place, symbol: str | None = None) -> None:
        """Make dimensions one size: under a name, or under that of the first that has one.

        Raises:
            InvalidArgument: If they were captured at different sizes, or none has a name and none is given.
        """
        names = [self.dynamic_axes.get(name, {}).get(axis) for name, axis in places]
        chosen = symbol or next((item for item in names if item is not None), None)
        if chosen is None:
            raise InvalidArgument(
                "none of these dimensions has a name", argument="symbol", action='give symbol="batch"'
            )
        self._edit([(name, axis, chosen) for name, axis in places])

    def rename(self, old: str, new: str) -> None:
        """Rename a symbol wherever it stands; nothing is exported again."""
        places = [
            (name, axis, renamed_text(symbol, {old: new}) if is_expression(symbol) else new)
            for name, axes in self.dynamic_axes.items()
            for axis, symbol in axes.items()
            if old in symbols_in(symbol)
        ]
        if not places:
            raise InvalidArgument(f"no dimension is called '{old}'", argument="old")
        self._edit(places)

    def edited(self, edits: Iterable[tuple[str, int, str | None]]) -> dict[str, dict[int, str]]:
        """``dynamic_axes`` with some edits: input, axis, and name (None: fixed)."""
        axes = self.dynamic_axes
        for name, axis, symbol in edits:
            names = axes.setdefault(name, {})
            names.pop(axis, None)
            if symbol is not None:
                names[axis] = symbol
        return {name: names for name, names in axes.items() if names}

    def _edit(self, edits: Iterable[tuple[str, int, str | None]]) -> None:
        self._ex.set_dynamic_axes(self.edited(edits))

    def to_text(self) -> str:
        """The table, and what can be copied."""
        rows = [
            [row.input, str(row.axis), str(row.size), row.symbol or "fixed", row.status or "", row.detail]
            for row in self.rows
        ]
        columns = [
            Column("input"),
            Column("axis", right=True),
            Column("size", right=True),
            Column("name"),
            Column("state"),
        ]
        return f"{fit([*columns, Column('', 'end')], rows)}\n\n{self.text}\n{self.line}"

    def __str__(self) -> str:
        return self.to_text()

    def __repr__(self) -> str:
        return f"<AxesTable: {self.text}>"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(repr(self) if cycle else self.to_text())


class Editing(Shown):
    """What an exploration can do to its dynamic axes.

    Attributes:
        call_text: The words of ``%onnx_export`` that name the model and its arguments.
        audit: The last audit of the axes as they are, or None.
    """

    _flow: Flow
    _model: ir.Model | None
    _exported: Exported | None
    _seconds: float
    _tolerances: Tolerances
    _unchecked: bool
    error: OnnxExporterError | None
    place: Callable[[str], str]

    def __init__(self) -> None:
        super().__init__()
        self.call_text = "model x"
        self.audit: Audit | None = None

    @property
    @abstractmethod
    def options(self) -> Options:
        """The options of the export."""

    @property
    @abstractmethod
    def report(self) -> Report | None:
        """What the checks found."""

    @abstractmethod
    def _owned(self, *, content: bool = True, tell: bool = True) -> AbstractContextManager[None]:
        """For whoever runs a step, or needs that nobody does; whether the graphs may change, whether observers are told."""

    @abstractmethod
    def _drain(self, until: float = math.inf, *, check: bool = True) -> bool:
        """To the end, or to a failure."""

    @property
    def axes(self) -> AxesTable:
        """The table of inputs × dimensions; it can be edited."""
        return AxesTable(self)

    def axis_verdicts(self) -> dict[str, tuple[Status, str]]:
        """Symbol → what the audit says of it, or else the checks."""
        if self.audit is not None:
            return {item.symbol: (item.status, item.detail) for item in self.audit.axes}
        found: dict[str, tuple[Status, str]] = {}
        states: dict[str, Status] = {"passed": "proven", "failed": "broken"}
        for item in self.report.items if self.report is not None else ():
            if item.kind == "axis":
                for symbol in item.subject.split(" + "):
                    found.setdefault(symbol, (states.get(item.status, "not tested"), item.detail))
        for text in {text for axes in self.options.dynamic_axes.values() for text in axes.values()}:
            of = [found[name] for name in sorted(symbols_in(text)) if name in found] if is_expression(text) else []
            if of:  # what follows others was changed with each of them
                found[text] = max(of, key=lambda row: _ORDER.index(row[0]))
        return found

    # -- editing ----------------------------------------------------------------------------------------------------

    def set_dynamic_axes(  # noqa: PYI019  (typing has no Self before 3.11)
        self: _Same, dynamic_axes: dynamic.DynamicAxes | None, *, check: bool = True
    ) -> _Same:
        """Export again with other dynamic axes, from the same capture (the model does not run again).

        Where only names change, nothing is exported again. An interrupt leaves everything as it was.

        Args:
            dynamic_axes: As for ``export``; all of them, not only those that change.
            check: False: leave the checks out for now; ``run()`` makes up for it.

        Raises:
            InvalidArgument: If they do not fit; the exploration is then as it was.
        """
        with self._owned():
            names = self._new_names(dynamic_axes)
            if names is not None:
                self._rename(names)
            else:
                self._again(self.options, dynamic_axes, check=check)
        return self

    def set_opset(self: _Same, opset_version: int) -> _Same:  # noqa: PYI019
        """Export again at another opset, from the same capture."""
        with self._owned():
            self._again(replace(self.options, opset_version=opset_version), self.options.dynamic_axes, check=True)
        return self

    def _again(self, options: Options, dynamic_axes: dynamic.DynamicAxes | None, *, check: bool) -> None:
        with collector_paused():
            self._again_without_collector(options, dynamic_axes, check=check)

    def _again_without_collector(
        self, options: Options, dynamic_axes: dynamic.DynamicAxes | None, *, check: bool
    ) -> None:
        finished = self._exported is not None
        flow = self._flow.again(options, dynamic_axes, Recorder(cancelled=self._flow.recorder.cancelled))
        if not finished:
            self._begin_again(flow)
            return
        with self._restored_unless_done() as done:
            self._begin_again(flow)
            self._drain(check=check)
            done.append(self._exported is not None or self.error is not None)

    @contextmanager
    def _restored_unless_done(self) -> Generator[list[bool], None, None]:
        """What is begun inside is taken back, unless it comes to its end: with a result, or with a failure to be shown."""
        held = (self._flow, self._model, self._exported, self.error, self._seconds, self._unchecked, self.audit)
        done: list[bool] = []
        try:
            yield done
        finally:
            if done != [True]:
                self._flow, self._model, self._exported, self.error, self._seconds, self._unchecked, self.audit = held

    def _begin_again(self, flow: Flow) -> None:
        self._flow, self._model, self._exported, self.error = flow, None, None, None
        self._seconds = 0.0
        self._unchecked = False
        self.audit = None

    # -- names alone ------------------------------------------------------------------------------------------------

    def _new_names(self, dynamic_axes: dynamic.DynamicAxes | None) -> dict[str, str] | None:
        """Old name → new name, if the wanted axes are the same ones under other names; else None."""
        if self._model is None or self._exported is None:
            return None
        captured = self.captured
        wanted = dynamic.normalized(
            dynamic_axes,
            {item.onnx_name: tuple(item.example.shape) for item in captured.inputs},
            {item.onnx_name: item.value.shape for item in captured.outputs},
        )
        now = {
            (name, axis): symbol for name, axes in self.options.dynamic_axes.items() for axis, symbol in axes.items()
        }
        then = {(name, axis): symbol for name, axes in wanted.items() for axis, symbol in axes.items()}
        if set(now) != set(then):
            return None
        names: dict[str, str] = {}
        for place, symbol in now.items():
            if names.setdefault(symbol, then[place]) != then[place]:
                return None
        if len(set(names.values())) != len(names) or not names:
            return None
        plain = {old: new for old, new in names.items() if not is_expression(old)}
        if any(
            _plain(renamed_text(old, plain)) != _plain(new) if is_expression(old) else is_expression(new)
            for old, new in names.items()
        ):
            return None  # another expression is no other name
        fresh = {new for old, new in names.items() if old != new} - set(names)
        return None if fresh & words_of(self._model) else names

    def _rename(self, names: Mapping[str, str]) -> None:
        assert self._model is not None and self._exported is not None
        rename_symbols(self._model, names)
        options = self._flow.options
        axes = {
            name: {axis: names[symbol] for axis, symbol in item.items()} for name, item in options.dynamic_axes.items()
        }
        self._flow.options = replace(options, dynamic_axes=axes)
        report = self._exported.report
        if report is not None:
            items = tuple(
                replace(item, subject=renamed_text(item.subject, names)) if item.kind == "axis" else item
                for item in report.items
            )
            self._exported = replace(self._exported, report=Report(items))
        events = self._flow.recorder.recording.events
        events[:] = [
            replace(item, subject=renamed_text(item.subject, names))
            if isinstance(item, Checked) and item.check == "axis"
            else item
            for item in events
        ]
        if self.audit is not None:
            self.audit = self.audit.renamed(names)

    # -- the audit --------------------------------------------------------------------------------------------------

    def audit_axes(
        self,
        *,
        sizes: Mapping[str, int | Sequence[int]] | None = None,
        repair: bool = False,
        torch_export: bool = False,
    ) -> Audit:
        """Prove each dynamic axis, or find what was baked: see ``onnx_explore.audit``.

        With ``repair=True``, the exploration goes on with the repaired export, and ``recording.notes`` tell of every constant. An
        interrupt leaves everything as it was.

        Args:
            sizes: Symbol → sizes to use instead of chosen ones.
            repair: Whether to compute baked sizes instead, where they follow the sizes linearly.
            torch_export: Whether to ask ``torch.export`` for its constraints, too.

        Raises:
            InvalidArgument: If no input has a dynamic axis.
            Cancelled: If the user asked to stop.
        """
        with self._owned():
            flow = self._flow
            whole = (
                flow
                if self._model is not None
                else flow.again(self.options, self.options.dynamic_axes, Recorder(cancelled=flow.recorder.cancelled))
            )
            outcome = audit_flow(
                whole,
                model=self._model,
                sizes=sizes,
                repair=repair,
                torch_export=torch_export,
                tolerances=self._tolerances,
                cancelled=flow.recorder.cancelled,
            )
            if outcome.flow is not None:
                with self._restored_unless_done() as done:
                    outcome.flow.recorder.cancelled = flow.recorder.cancelled
                    self._begin_again(outcome.flow)
                    self._model = outcome.model
                    self._drain()
                    done.append(self._exported is not None or self.error is not None)
            self.audit = outcome.audit
            self._note_baked(outcome.audit)
        return outcome.audit

    def _note_baked(self, audit: Audit) -> None:
        """What an audit found is among the notes of the export; a size that it found harmless is no warning any more."""
        recorder = self._flow.recorder
        of = {_line(item.frame.file, item.frame.line): item.of for item in self.captured.conversions if item.frame}
        guilty = {_line(place.file, place.line) for place in audit.places}
        events = recorder.recording.events
        events[:] = [
            replace(item, severity="info")
            if isinstance(item, Noted)
            and item.code == "PythonValue"
            and of.get(line := item.where.partition(" in ")[0]) == "size"
            and line not in guilty
            else item
            for item in events
            if not (isinstance(item, Noted) and item.code == "BakedSize")
        ]
        for item in audit.problems:
            if item.repaired or item.kind == "value":
                continue
            axes = ", ".join(f"'{name}'" for name in item.axes)
            where = f"{item.cause.source.file}:{item.cause.source.line}"
            recorder.note(
                "error", "BakedSize", f"{item.title}, which depends on {axes}; {item.suggestion}",
                where=where, node=item.carriers[0].node,
            )  # fmt: skip


_ORDER: tuple[Status, ...] = ("not tested", "proven", "broken")


def _plain(text: str) -> str:
    return text.replace(" ", "")


def _line(file: str, line: int) -> str:
    return f"{short_file(file)}:{line}"
