"""What happened during an export, as events that hold ids and numbers, never tensors.

In: the pass runner, the lowering loop and the checker call ``Recorder.add``. Out: a ``Recording``, the one source of
every view (text, widget, HTML). No pass and no symbolic function knows that it is being recorded.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal, TypeVar

Severity = Literal["info", "warning", "error"]

LOG = logging.getLogger("onnx_explore")
"""Tells each event in a line, from level INFO on (``enable_log``)."""


@dataclass(frozen=True, slots=True)
class Captured:
    """The model was recorded by PyTorch.

    Attributes:
        mode: ``"trace"`` or ``"script"``.
        nodes: Nodes of the TorchGraph, blocks included.
        inputs: Names of the graph's inputs.
        outputs: Names of the graph's outputs.
        seconds: Wall time.
    """

    mode: str
    nodes: int
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class PassRan:
    """A pass ran over the TorchGraph (``stage="torch"``) or the ONNX model (``stage="onnx"``).

    ``before`` and ``after`` are shallow indexes of the graph (node ids in order), not clones.
    """

    stage: Literal["torch", "onnx"]
    name: str
    before: tuple[int, ...]
    after: tuple[int, ...]
    changed: bool
    seconds: float


@dataclass(frozen=True, slots=True)
class Candidate:
    """A registration that could have lowered a node, and why it was or was not taken."""

    function: str
    since: int
    chosen: bool
    reason: str


@dataclass(frozen=True, slots=True)
class NodeLowered:
    """One torch node became ONNX nodes.

    Attributes:
        node: Id of the torch node.
        target: Such as ``aten::gelu``.
        overload: Such as ``Tensor``, or ``""``.
        function: Qualified name of what lowered it.
        variant: The opset from which on the chosen variant holds.
        candidates: All registrations that were considered.
        reason: Why this one.
        emitted: Names of the ONNX nodes that it emitted, in order.
        seconds: Wall time.
    """

    node: int
    target: str
    overload: str
    function: str
    variant: int
    candidates: tuple[Candidate, ...]
    reason: str
    emitted: tuple[str, ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class NodeEntered:
    """The blocks of a torch node (``prim::If``, ``prim::Loop``) are lowered from here on; then comes its ``NodeLowered``."""

    node: int
    target: str


@dataclass(frozen=True, slots=True)
class NodeFailed:
    """One torch node could not be lowered; the cursor stands still at it."""

    node: int
    target: str
    overload: str
    code: str
    message: str
    candidates: tuple[Candidate, ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class Checked:
    """One check ran.

    Attributes:
        check: ``"structure"``, ``"replay"``, ``"runtime"``, ``"data"``, ``"axis"`` or ``"sample"``.
        subject: What was checked, such as an axis' name.
        passed: False when the check found a difference; None when it could not run.
        detail: One line for a person.
        seconds: Wall time.
    """

    check: str
    subject: str
    passed: bool | None
    detail: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Noted:
    """Something a person should know: an input that vanished, a size that was baked, a write that has no effect.

    Attributes:
        severity: How bad.
        code: Stable name of the kind of note.
        message: One line.
        where: The user's source line, or ``""``.
        node: Id of the torch node that is concerned, or None.
    """

    severity: Severity
    code: str
    message: str
    where: str = ""
    node: int | None = None


@dataclass(frozen=True, slots=True)
class Wrote:
    """One write (in-place operator, ``out=``, index assignment) was made functional: an entry of the mutation ledger.

    Attributes:
        node: Id of the torch node that wrote.
        target: Its target, such as ``aten::add_``.
        base: Name of the value whose storage it wrote to.
        through: The view operators between the base and what was written, outermost last.
        became: Ids of the functional nodes that replace it.
        effect: ``"functional"``, ``"input"`` (the caller's tensor is not updated by the ONNX model), ``"parameter"``
            (the new value lives in this run only) or ``"dropped"``.
        where: The user's source line.
    """

    node: int
    target: str
    base: str
    through: tuple[str, ...]
    became: tuple[int, ...]
    effect: Literal["functional", "input", "parameter", "dropped"]
    where: str = ""


Event = Captured | PassRan | NodeEntered | NodeLowered | NodeFailed | Checked | Noted | Wrote
_E = TypeVar("_E")


@dataclass(slots=True)
class Recording:
    """The events of one export, in order."""

    events: list[Event] = field(default_factory=list[Event])

    def of(self, kind: type[_E]) -> Iterator[_E]:
        """Events of one class, in order."""
        return (event for event in self.events if isinstance(event, kind))

    @property
    def notes(self) -> list[Noted]:
        """Everything a person should know."""
        return list(self.of(Noted))

    @property
    def ledger(self) -> list[Wrote]:
        """The mutation ledger: one entry per write."""
        return list(self.of(Wrote))


class Recorder:
    """Appends events and tells observers.

    Args:
        observer: Called with each event, after it was appended. Used by progress displays.
        cancelled: Asked by the runner, the lowering loop and the checker between two steps.
    """

    __slots__ = ("_observer", "cancelled", "recording")

    def __init__(
        self, observer: Callable[[Event], None] | None = None, cancelled: Callable[[], bool] = lambda: False
    ) -> None:
        self.recording = Recording()
        self._observer = observer
        self.cancelled = cancelled

    def add(self, event: Event) -> None:
        """Append one event."""
        self.recording.events.append(event)
        # What only arranges values would drown the rest.
        level = logging.DEBUG if isinstance(event, NodeLowered) and not event.emitted else logging.INFO
        if LOG.isEnabledFor(level):
            LOG.log(level, event_line(event))
        if self._observer is not None:
            self._observer(event)

    def forget_lowering(self, since: int) -> None:
        """Drop what the lowering recorded after the first ``since`` events: its nodes are lowered again."""
        events = self.recording.events
        events[since:] = [event for event in events[since:] if not _of_lowering(event)]

    def note(self, severity: Severity, code: str, message: str, *, where: str = "", node: int | None = None) -> None:
        """Append a ``Noted``."""
        self.add(Noted(severity, code, message, where, node))


def _of_lowering(event: Event) -> bool:
    if isinstance(event, Noted):  # after the torch passes, only the lowering of a node speaks of a torch node
        return event.node is not None
    return isinstance(event, NodeEntered | NodeLowered | NodeFailed)


def event_line(event: Event) -> str:
    """An event in one line."""
    match event:
        case Captured():
            return f"captured ({event.mode}): {event.nodes} nodes in {event.seconds:.2f} s"
        case PassRan():
            return f"{event.stage} pass {event.name}: {len(event.before)} → {len(event.after)} nodes"
        case NodeEntered():
            return f"%{event.node} {event.target}: its blocks"
        case NodeLowered():
            emitted = ", ".join(event.emitted) or "nothing"
            return f"%{event.node} {event.target} → {emitted} ({event.function or event.reason})"
        case NodeFailed():
            return f"%{event.node} {event.target} failed: {event.message}"
        case Checked():
            return f"check {event.check} of {event.subject}: {event.detail}"
        case Noted():
            place = f" at {event.where}" if event.where else ""
            return f"{event.severity}: {event.code}: {event.message}{place}"
        case Wrote():
            return f"%{event.node} {event.target} wrote to %{event.base}: {event.effect}"
