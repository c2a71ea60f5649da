"""What an audit found: frozen data, and the text that a person reads.

In: nothing but values. Out: ``Audit.to_text()``: the verdict per axis, then each baked size with its source line, what it became,
and what to write instead.
"""

from __future__ import annotations

import linecache
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from onnx_explore.torch_ir import Frame

Status = Literal["proven", "broken", "not tested"]
Baked = Literal["constant", "structure", "value"]
_WORD = re.compile(r"[A-Za-z_]\w*")


@dataclass(frozen=True, slots=True)
class SourceLine:
    """A place in the user's source.

    Attributes:
        file: Path, or a notebook cell's name.
        line: From 1 on.
        column: From 1 on, or None where Python does not know (before 3.11).
        function: The function that it stands in.
        text: The line itself, without indentation; empty if the source is not at hand.
    """

    file: str
    line: int
    column: int | None
    function: str
    text: str

    @staticmethod
    def of(frame: Frame) -> SourceLine:
        """The place of a Python frame."""
        text = linecache.getline(frame.file, frame.line).strip()
        return SourceLine(frame.file, frame.line, frame.column, frame.function, text)

    @property
    def short(self) -> str:
        """``model.py:41:17``, the file by its last two parts."""
        file = "/".join(self.file.replace("\\", "/").rsplit("/", 2)[-2:])
        column = f":{self.column}" if self.column is not None else ""
        return f"{file}:{self.line}{column}"


@dataclass(frozen=True, slots=True)
class Cause:
    """Where a size became a Python value.

    Attributes:
        source: The line and column.
        idiom: What did it: ``int()``, ``range()``, ``a branch (if)`` …
        became: What came out, at the captured size and at another: ``5 → 7``.
        scope: Module path.
    """

    source: SourceLine
    idiom: str
    became: str
    scope: str


@dataclass(frozen=True, slots=True)
class Carrier:
    """A node of the captured graph that carries a baked size.

    Attributes:
        node: Number, in the capture, of the operator that uses the constant; or of the node that differs.
        target: Its operator, such as ``aten::reshape``.
        argument: Which of its arguments, or ``""``.
        where: Its own source line, which may be another one than the cause's.
        became: What it is at the captured size and at others: ``10 → 14``.
    """

    node: int
    target: str
    argument: str
    where: str
    became: str


@dataclass(frozen=True, slots=True)
class Problem:
    """One place where a size was baked.

    Attributes:
        kind: ``constant`` (a number or tensor), ``structure`` (a loop, a branch, a number of parts: the graphs themselves
            differ), or ``value`` (no size: a tensor's element became a constant).
        axes: The symbols that it depends on.
        cause: The likeliest place.
        also: Other places that would explain it, too.
        carriers: The nodes that carry it.
        suggestion: What to write instead.
        expression: What the constant is, over the sizes (``2*seq + 1``), or ``""`` if that is not known.
        repaired: Whether the exported model computes it now.
        obstacle: Why it is not repaired, or ``""``.
    """

    kind: Baked
    axes: tuple[str, ...]
    cause: Cause
    also: tuple[Cause, ...]
    carriers: tuple[Carrier, ...]
    suggestion: str
    expression: str = ""
    repaired: bool = False
    obstacle: str = ""

    @property
    def title(self) -> str:
        """One line."""
        what = {"constant": "is baked", "structure": "decides the graph", "value": "is a value, baked"}[self.kind]
        expression = f" = {self.expression}" if self.expression else ""
        return f"{self.cause.idiom} {what}: {self.cause.became or self.carriers[0].became}{expression}"


@dataclass(frozen=True, slots=True)
class AxisVerdict:
    """What the audit says of one axis.

    Attributes:
        symbol: Its name.
        places: Where it stands: (input, axis) pairs.
        size: The captured size.
        status: ``proven`` (ONNX Runtime agrees with PyTorch at ``sizes``), ``broken`` or ``not tested``.
        sizes: The other sizes at which it ran.
        detail: At which size it broke and how, or why it was not tested.
        problems: Indexes of the problems that concern it.
    """

    symbol: str
    places: tuple[tuple[str, int], ...]
    size: int
    status: Status
    sizes: tuple[int, ...]
    detail: str
    problems: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Combination:
    """Several axes changed at once."""

    sizes: tuple[tuple[str, int], ...]
    status: Status
    detail: str

    @property
    def text(self) -> str:
        """``batch = 5, seq = 11``."""
        return ", ".join(f"{symbol} = {size}" for symbol, size in self.sizes)


@dataclass(frozen=True, slots=True)
class ExportView:
    """What ``torch.export`` says of one axis: its constraint, beside our verdict.

    Attributes:
        symbol: The axis.
        constraint: Such as ``2 … ∞``, ``fixed to 5``, ``= 2*_seq``; or why ``torch.export`` could not tell.
    """

    symbol: str
    constraint: str


@dataclass(frozen=True, slots=True)
class Audit:
    """The result of an audit.

    Attributes:
        axes: One verdict per symbol.
        combinations: Axes changed together.
        problems: What was baked, with causes.
        harmless: Sizes that left the trace without any effect on the graph.
        torch_export: Constraints that ``torch.export`` finds, if it was asked.
        captures: How often the model was captured again.
        seconds: Wall time.
    """

    axes: tuple[AxisVerdict, ...]
    combinations: tuple[Combination, ...] = ()
    problems: tuple[Problem, ...] = ()
    harmless: tuple[Cause, ...] = ()
    torch_export: tuple[ExportView, ...] = ()
    captures: int = 0
    seconds: float = 0.0

    @property
    def proven(self) -> bool:
        """Whether every axis is proven, alone and with the others."""
        return all(item.status == "proven" for item in (*self.axes, *self.combinations))

    @property
    def places(self) -> tuple[SourceLine, ...]:
        """Every place that bakes something, or may be what does."""
        return tuple(cause.source for item in self.problems for cause in (item.cause, *item.also))

    @property
    def repairable(self) -> bool:
        """Whether something was found that ``repair=True`` would replace."""
        return any(item.expression and not item.repaired and not item.obstacle for item in self.problems)

    def renamed(self, names: Mapping[str, str]) -> Audit:
        """The same audit with other names of axes."""

        def new(text: str) -> str:
            return _WORD.sub(lambda match: names.get(match[0], match[0]), text)

        return replace(
            self,
            axes=tuple(replace(item, symbol=new(item.symbol)) for item in self.axes),
            combinations=tuple(
                replace(item, sizes=tuple((new(symbol), size) for symbol, size in item.sizes))
                for item in self.combinations
            ),
            problems=tuple(
                replace(item, axes=tuple(map(new, item.axes)), expression=new(item.expression))
                for item in self.problems
            ),
            torch_export=tuple(replace(item, symbol=new(item.symbol)) for item in self.torch_export),
        )

    @property
    def verdict(self) -> str:
        """One line: every axis with its state."""
        parts = [f"{item.symbol}: {item.status}{_at(item)}" for item in self.axes]
        broken = [item for item in self.combinations if item.status == "broken"]
        if broken and all(item.status == "proven" for item in self.axes):
            parts.append(f"together: broken at {broken[0].text}")
        repaired = sum(1 for item in self.problems if item.repaired)
        left = sum(1 for item in self.problems if not item.repaired and item.kind != "value")
        found = [f"{left} baked" if left else "", f"{repaired} repaired" if repaired else ""]
        tail = ", ".join(item for item in found if item)
        return f"{'; '.join(parts) or 'no dynamic axis'}{f' ({tail})' if tail else ''}"

    def to_text(self, place: Callable[[str], str] = str) -> str:
        """Everything.

        Args:
            place: How a source line is shown.
        """
        lines = [f"axes {self.verdict}"]
        width = max((len(item.symbol) for item in self.axes), default=0)
        for item in self.axes:
            where = ", ".join(f"{name} axis {axis}" for name, axis in item.places)
            lines.append(
                f"  {item.status:<10}  {item.symbol:<{width}}  {where}, captured at {item.size}: {place(item.detail)}"
            )
        lines += [f"  {item.status:<10}  {item.text}: {place(item.detail)}" for item in self.combinations]
        for index, problem in enumerate(self.problems, 1):
            lines += ["", *_problem_lines(index, problem, place)]
        if self.harmless:
            lines += ["", "left the trace, and changed nothing in the graph:"]
            lines += [f"  {item.idiom} at {place(item.source.short)}: {item.became}" for item in self.harmless]
        if self.torch_export:
            lines += ["", "torch.export says:"]
            lines += [f"  {item.symbol}: {item.constraint}" for item in self.torch_export]
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.to_text()

    def __repr__(self) -> str:
        return f"<Audit: {self.verdict}>"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """What IPython shows."""
        printer.text(repr(self) if cycle else self.to_text())


def _at(item: AxisVerdict) -> str:
    return f" at {', '.join(map(str, item.sizes))}" if item.status != "not tested" and item.sizes else ""


_MOST = 4


def _problem_lines(index: int, problem: Problem, place: Callable[[str], str]) -> list[str]:
    source = problem.cause.source
    axes = f" [{', '.join(problem.axes)}]" if problem.axes else ""
    lines = [f"{index}. {problem.title}{axes}", f"   at   {place(source.short)} in {source.function}"]
    if source.text:
        lines.append(f"          {source.text}")
    for carrier in problem.carriers[:_MOST]:
        argument = f" argument '{carrier.argument}'" if carrier.argument else ""
        where = f" at {place(carrier.where)}" if carrier.where else ""
        lines.append(f"   node #{carrier.node} {carrier.target}{argument}{where}: {carrier.became}")
    if len(problem.carriers) > _MOST:
        lines.append(f"   and {len(problem.carriers) - _MOST} more nodes")
    lines += [f"   or   {other.idiom} at {place(other.source.short)}: {other.became}" for other in problem.also]
    if problem.repaired:
        lines.append(f"   repaired: it is computed as {problem.expression} now; in the source: {problem.suggestion}")
    else:
        lines.append(f"   do   {problem.suggestion}")
        if problem.obstacle:
            lines.append(f"   not repaired: {problem.obstacle}")
        elif problem.expression:
            lines.append(f"   repair=True would compute it as {problem.expression}")
    return lines


def steps(values: Sequence[Any]) -> str:
    """``5 → 7 → 9``: what a constant is at the captured size and at others."""
    return " → ".join(dict.fromkeys(map(_shown, values)))


def _shown(value: Any) -> str:
    shape = getattr(value, "shape", None)
    if shape is not None:
        if value.numel() <= 4:
            return str(value.tolist())
        return f"a tensor of shape {list(shape)}"
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:39]}…"
