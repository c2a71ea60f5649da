"""``prim::If`` and ``prim::Loop``: which become ONNX ``If`` and ``Loop``, and which are decided at export.

In: the node, its lowered inputs. Out: frames (blocks to lower, one after the other), then the node's outputs.

An ``If`` whose condition is known at export is the branch that is taken, in place. A ``Loop`` that runs no time is what it was
given. One whose rounds are known and that holds what ONNX cannot carry (lists, structures) is unrolled: its rounds stand one
after the other. Every other one becomes a subgraph:

- The types of a loop's carried values are first those of the initial values. If a round gives something else (another size,
  a list that grew), the type is widened and the body is lowered again, until it holds.
- Python numbers that differ between branches or rounds become 0-d tensors.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import onnx_ir as ir

from onnx_explore.emit import Emitter
from onnx_explore.emit.regions import Region
from onnx_explore.errors import NotConstant, UnsupportedOperatorError
from onnx_explore.lowering.frames import Again, Frame, Plan
from onnx_explore.lowering.joining import joined, made, sealed, taken
from onnx_explore.lowering.resolution import Resolution
from onnx_explore.lowering.scans import as_list, only_appended, scanned_type
from onnx_explore.lowering.types import (
    Irreconcilable,
    TensorOf,
    Type,
    describe,
    join,
    type_of,
)
from onnx_explore.lowering.values import SEQUENCES_IN_BLOCKS, as_type, handed_on, parts, received, sent, typed
from onnx_explore.symbolic.binding import materialize
from onnx_explore.symbolic.lowered import Constant, Dictionary, Lowered, Maybe, has_open_length
from onnx_explore.torch_ir import TorchNode, walk

MOST_UNROLLED = 4096
"""A loop is unrolled into at most this many nodes (rounds times nodes of the body)."""

_ENDLESS = 2**63 - 1
"""The trip count of a ``while`` loop."""

_LIST_OPERATORS = frozenset(
    {
        "aten::__getitem__",
        "aten::_set_item",
        "aten::append",
        "aten::insert",
        "aten::extend",
        "aten::pop",
        "aten::clear",
        "aten::reverse",
        "aten::remove",
        "aten::Delete",
        "aten::keys",
        "aten::values",
        "aten::items",
        "aten::copy",
        "aten::list",
        "aten::dict",
        "aten::update",
        "aten::setdefault",
        "aten::popitem",
        "aten::__contains__",
        "aten::sort",
        "aten::index",
    }
)
"""What a loop does with lists and dicts, which is simpler without a loop."""


def known_truth(g: Emitter, condition: Lowered) -> bool | None:
    """A condition's value, if it is known at export."""
    if isinstance(condition, Constant):
        return bool(condition.tensor.item())
    if isinstance(condition, ir.Value):
        known = g.known(condition)
        return bool(known.reshape(-1)[0]) if known is not None and known.size == 1 else None
    return bool(condition)


class OpenIf:
    """A ``prim::If``.

    Args:
        g: The emitter.
        frame: The frame of the node.
        node: The node.
        condition: Its lowered condition.
    """

    def __init__(self, g: Emitter, frame: Frame, node: TorchNode, condition: Lowered) -> None:
        self.node = node
        self._g = g
        self._frame = frame
        self._truth = known_truth(g, condition)
        self._condition = condition
        self._regions: list[Region] = []
        self._results: dict[int, tuple[Lowered, ...]] = {}

    def begin(self) -> Frame:
        """The branch that is taken, or the first one."""
        if self._truth is not None:
            number = 0 if self._truth else 1
            return Frame(
                self.node.blocks[number], self._frame.region, (), self._frame, self, number, rounds=self._frame.rounds
            )
        stem = f"{self._g.scope}/If" if self._g.scope else "If"
        self._regions = [self._g.subgraph(f"{stem}.{name}") for name in ("then", "else")]
        return Frame(self.node.blocks[0], self._regions[0], (), self._frame, self, 0, rounds=self._frame.rounds)

    def proceed(self, frame: Frame, returns: tuple[Lowered, ...]) -> Frame | None:
        """The other branch, unless the condition is known."""
        self._results[frame.number] = returns
        if self._truth is not None or frame.number == 1:
            return None
        return Frame(self.node.blocks[1], self._regions[1], (), self._frame, self, 1, rounds=self._frame.rounds)

    def complete(self) -> tuple[Resolution, tuple[Lowered, ...]]:
        """The ONNX If, with what both branches give brought to common types."""
        if self._truth is not None:
            name = "then" if self._truth else "else"
            reason = f"its condition is known at export to be {self._truth}: the {name} branch stands in its place"
            return _resolution("branch taken", reason), self._results[0 if self._truth else 1]
        results, notes = joined(
            self._g,
            _tensor(self._g, self._condition),
            self._regions,
            (self._results[0], self._results[1]),
            self.node.outputs,
            self._frame.region,
        )
        reason = "its condition is only known when the model runs"
        return _resolution("If", "; ".join([reason, *notes])), results


class OpenLoop:
    """A ``prim::Loop``.

    Args:
        g: The emitter.
        frame: The frame of the node.
        node: The node.
        inputs: Its lowered inputs: trip count, condition, carried values.
        goes_on: What its body says of going on, where that is known before the body is lowered.
        plan: What was learnt of it when it was begun before.
    """

    def __init__(
        self, g: Emitter, frame: Frame, node: TorchNode, inputs: Sequence[Lowered], goes_on: Lowered, plan: Plan
    ) -> None:
        self.node = node
        self.plan = plan
        self._g = g
        self._frame = frame
        self._body = node.blocks[0]
        trip, condition, *carried = inputs
        self._carried = tuple(carried)
        self._trip = trip
        self._count = _known_count(g, trip)
        self._condition = condition
        self._runs = known_truth(g, condition)
        self._always = self._runs is True and goes_on is True
        self._size = max(sum(1 for _ in walk(self._body)), 1)
        self._region: Region | None = None
        self._results: tuple[Lowered, ...] = self._carried
        self._returns: tuple[Lowered, ...] = ()
        self._rounds = 0
        self._scans: frozenset[int] = frozenset()
        if g.opset < SEQUENCES_IN_BLOCKS:
            self._scans = frozenset(i for i in only_appended(self._body) if isinstance(self._carried[i], tuple))

    @property
    def may_unroll(self) -> bool:
        """Whether as much as can be known before is known of its rounds."""
        if self.plan.unrolled is not None or self._runs is None or self._count is None:
            return False
        return self._count * self._size <= MOST_UNROLLED or not self._always

    def begin(self) -> Frame | None:
        """The body, or None if it runs no time."""
        plan = self.plan
        if plan.frame is not self._frame:
            self._adopt()
        plan.passes += 1
        if self._runs is False or (self._count is not None and self._count <= 0):
            plan.unrolled, plan.reason = True, "it is known at export to run no time"
            return None
        if plan.unrolled is None and self.may_unroll and self._holds_structures():
            plan.unrolled, plan.reason = True, "it works on lists or structures"
        if plan.unrolled:
            return self._round(0, self._carried)
        return self._begin_body()

    def _adopt(self) -> None:
        """Take over what was learnt when the block around was lowered before: what comes in may have wider types now."""
        plan = self.plan
        plan.frame, plan.passes = self._frame, 0
        known = self._runs is not None and self._count is not None
        if plan.unrolled and not (plan.needs_numbers and known):
            plan.unrolled, plan.reason, plan.needs_numbers = None, "", False
        if plan.types is None:
            return
        now = [type_of(self._g, item) for item in self._carried]
        try:
            plan.types = [
                join(renamed(self._g, old, new), new, param.kind)
                for old, new, param in zip(plan.types, now, self._body.params[1:], strict=True)
            ]
        except Irreconcilable:
            plan.types = now

    def _holds_structures(self) -> bool:
        if any(
            isinstance(item, tuple | Dictionary | Maybe | str | None) or has_open_length(item) for item in self._carried
        ):
            return True
        return any(
            node.target in _LIST_OPERATORS and "Tensor" in node.inputs[0].kind and not node.inputs[0].is_tensor
            for node in walk(self._body)
        )

    # -- unrolled -----------------------------------------------------------------------------------------------------

    def _round(self, number: int, carried: tuple[Lowered, ...]) -> Frame:
        frame = self._frame
        rounds = (*frame.rounds, (self.node.origin.scope, self.node.id, number))
        return Frame(self._body, frame.region, (number, *carried), frame, self, number, rounds=rounds)

    def proceed(self, frame: Frame, returns: tuple[Lowered, ...]) -> Frame | None:
        """The next round of an unrolled loop; None for any other."""
        if not self.plan.unrolled:
            self._returns = returns
            self._widen(returns)
            return None
        self._results = returns[1:]
        self._rounds = frame.number + 1
        truth = known_truth(self._g, returns[0])
        if truth is None:
            self.plan.unrolled = False
            self.plan.reason = "whether it goes on is only known when the model runs"
            raise Again(self.node)
        if not truth or (self._count is not None and self._rounds >= self._count):
            return None
        if self._rounds * self._size > MOST_UNROLLED:
            self.plan.unrolled = False
            self.plan.reason = f"it has more than {MOST_UNROLLED} nodes when it is unrolled"
            raise Again(self.node)
        return self._round(self._rounds, self._results)

    # -- a subgraph ---------------------------------------------------------------------------------------------------

    def _begin_body(self) -> Frame:
        g, plan = self._g, self.plan
        if plan.types is None:
            plan.types = [type_of(g, item) for item in self._carried]
        stem = f"{g.scope}/Loop" if g.scope else "Loop"
        self._region = region = g.subgraph(f"{stem}.body")
        number = _argument(g, region, f"{stem}.iteration", TensorOf(ir.DataType.INT64, ()))
        _argument(g, region, f"{stem}.condition", TensorOf(ir.DataType.BOOL, ()))
        arguments: list[Lowered] = [number]
        g.enter(region)
        for index, (param, kind) in enumerate(zip(self._body.params[1:], plan.types, strict=True)):
            if index in self._scans:
                arguments.append(())
                continue
            name = f"{stem}.{param.name}"
            row = [_argument(g, region, name, part) for part in handed_on(g, kind, "Loop")]
            arguments.append(received(g, kind, row))
        return Frame(self._body, region, tuple(arguments), self._frame, self, 0, rounds=self._frame.rounds)

    def _widen(self, returns: tuple[Lowered, ...]) -> None:
        """Compare what a round gives with what it was given; begin again with wider types if they differ.

        Raises:
            Again: If they do.
            Irreconcilable: If there is no wider type.
        """
        plan, g = self.plan, self._g
        assert plan.types is not None
        changed = False
        for index, (item, kind) in enumerate(zip(returns[1:], plan.types, strict=True)):
            param = self._body.params[index + 1]
            if index in self._scans:
                continue
            try:
                wider = join(kind, type_of(g, item), param.kind)
            except Irreconcilable as error:
                error.argument = error.argument or f"%{param.name}"
                raise
            if wider != kind:
                plan.types[index] = wider
                changed = True
        if changed:
            if plan.passes > 50:
                raise UnsupportedOperatorError("the types of its carried values do not settle")
            raise Again(self.node)

    def complete(self) -> tuple[Resolution, tuple[Lowered, ...]]:
        """The ONNX Loop; nothing for one that was unrolled."""
        if self.plan.unrolled:
            rounds = "round" if self._rounds == 1 else "rounds"
            reason = f"unrolled into {self._rounds} {rounds}: {self.plan.reason}" if self._rounds else self.plan.reason
            return _resolution("unrolled", reason), self._results
        g, plan, region = self._g, self.plan, self._region
        assert plan.types is not None and region is not None
        row: list[tuple[Lowered, Type]] = [(self._returns[0], TensorOf(ir.DataType.BOOL, ()))]
        row += [
            (item, kind)
            for index, (item, kind) in enumerate(zip(self._returns[1:], plan.types, strict=True))
            if index not in self._scans
        ]
        elements: list[Type] = []
        for index in sorted(self._scans):
            appended = self._returns[index + 1]
            assert isinstance(appended, tuple)
            elements.append(scanned_type(g, appended[0]))
            held = any(parts(elements[-1]))
            row.append((appended[0], elements[-1]) if held else (True, TensorOf(ir.DataType.BOOL, ())))
        graph = sealed(g, region, row)
        g.enter(self._frame.region)
        initial: list[ir.Value] = []
        notes: list[str] = []
        rows = zip(self._carried, plan.types, self._body.params[1:], strict=True)
        for index, (item, kind, param) in enumerate(rows):
            if index in self._scans:
                notes.append(f"%{param.name} is only filled: a scan output")
                continue
            initial.extend(sent(g, as_type(g, item, kind), kind))
            first = type_of(g, item)
            if first != kind:
                notes.append(f"%{param.name} begins as {describe(first)} and is carried as {describe(kind)}")
        trip = None if self._count == _ENDLESS else _tensor(g, self._trip)
        always = self._runs is True and self._returns[0] is True
        condition = None if always else _tensor(g, self._condition)
        if condition is None and (trip is None or not initial):  # a node must have its two first inputs
            condition = g.const(True)
        count = len(graph.outputs) - 1
        outputs = made(g, "Loop", [trip, condition, *initial], [ir.AttrGraph("body", graph)], count)
        values, scanned = iter(outputs[: len(initial)]), iter(outputs[len(initial) :])
        rows = iter(elements)
        results = tuple(
            self._filled(index, scanned, next(rows)) if index in self._scans else taken(g, kind, values, "Loop")
            for index, kind in enumerate(plan.types)
        )
        reason = plan.reason or "how often it runs is only known when the model runs"
        if not plan.reason and self._count is not None and always:
            reason = f"{self._count} rounds"
        return _resolution("Loop", "; ".join([reason, *notes])), results

    def _filled(self, index: int, outputs: Iterator[ir.Value], element: Type) -> Lowered:
        before = self._carried[index]
        assert isinstance(before, tuple)
        return as_list(self._g, outputs, element, before)


def renamed(g: Emitter, old: Type, new: Type) -> Type:
    """A tensor's type from an earlier pass, whose sizes that nobody named have other names in this one."""
    if not isinstance(old, TensorOf) or not isinstance(new, TensorOf) or old.sizes is None or new.sizes is None:
        return old
    if len(old.sizes) != len(new.sizes):
        return old
    sizes = tuple(
        now if isinstance(size, str) and g.inference.is_anonymous(ir.SymbolicDim(size)) else size
        for size, now in zip(old.sizes, new.sizes, strict=True)
    )
    return TensorOf(old.dtype, sizes, old.pairs)


def wants_unrolling(error: Exception) -> bool:
    """Whether a body that failed so may succeed with a known iteration number and known carried values."""
    return isinstance(error, NotConstant)


# -- parts ---------------------------------------------------------------------------------------------------------------------


def _resolution(function: str, reason: str) -> Resolution:
    return Resolution(None, function, 0, (), reason)


def _known_count(g: Emitter, trip: Lowered) -> int | None:
    if isinstance(trip, Constant):
        return int(trip.tensor.item())
    if isinstance(trip, ir.Value):
        known = g.known(trip)
        return int(known.reshape(-1)[0]) if known is not None and known.size == 1 else None
    assert isinstance(trip, int)
    return int(trip)


def _argument(g: Emitter, region: Region, stem: str, kind: Any) -> ir.Value:
    value = typed(g, ir.Value(name=g.names.unique(stem)), kind)
    region.graph.inputs.append(value)
    return value


def _tensor(g: Emitter, item: Lowered) -> ir.Value:
    if isinstance(item, Constant):
        return materialize(g, item)
    if isinstance(item, ir.Value):
        return item
    assert isinstance(item, bool | int)
    return g.const(item)
