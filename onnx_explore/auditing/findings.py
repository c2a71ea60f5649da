"""From captures at several sizes to problems: what differs, who is to blame, what a baked number is a function of.

In: the first capture and others, each with its sizes. Out: ``Problem``s, and for those that can be repaired the constants and
their expressions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from onnx_explore.auditing.align import Alignment, Difference, align
from onnx_explore.auditing.columns import with_column
from onnx_explore.auditing.fit import fit
from onnx_explore.auditing.idioms import CONSTANT, idiom_at, idiom_of
from onnx_explore.auditing.report import Baked, Carrier, Cause, Problem, SourceLine, steps
from onnx_explore.auditing.sites import Evidence, Site, likely, ranked, sites_of
from onnx_explore.auditing.sizes import Sizes, Symbol
from onnx_explore.capture.captured import Capture
from onnx_explore.passes.torch.sizes import Expression, Unbaked
from onnx_explore.torch_ir import Frame, TorchGraph, TorchNode, walk
from onnx_explore.torch_ir.graph import is_inside_torch

_SMALL = 64
"""Elements of a tensor of constants that may be repaired."""
_NOWHERE = Frame("", 0, "")


@dataclass(frozen=True, slots=True)
class Recorded:
    """A capture, and the sizes that it was made at."""

    capture: Capture
    sizes: Sizes


@dataclass(frozen=True, slots=True)
class Found:
    """A problem, and what would repair it."""

    problem: Problem
    repairs: tuple[Unbaked, ...] = ()


@dataclass(slots=True)
class Findings:
    """Compares captures.

    Attributes:
        first: The export's own capture.
        others: At other sizes.
        same_sizes: A capture at the same sizes with other values, or None: what differs there is no size.
        symbols: Of the dynamic axes.
    """

    first: Recorded
    others: Sequence[Recorded]
    same_sizes: Capture | None
    symbols: Sequence[Symbol]
    sites: list[Site] = field(default_factory=list[Site])
    _alignments: list[Alignment] = field(default_factory=list[Alignment])
    _values: frozenset[int] = frozenset()

    def run(self) -> tuple[list[Found], list[Cause]]:
        """The problems in the order of the graph, and what left the trace without an effect."""
        captures = [self.first.capture, *(item.capture for item in self.others)]
        self.sites = sites_of([*captures, *([self.same_sizes] if self.same_sizes is not None else [])])
        graph = self.first.capture.graph
        self._alignments = [align(graph, item.capture.graph) for item in self.others]
        if self.same_sizes is not None:
            self._values = frozenset(item.node.id for item in align(graph, self.same_sizes.graph).differences)
        context = _Context(graph)
        groups: dict[tuple[Any, ...], list[_Blamed]] = {}
        for blamed in self._blamed(context):
            groups.setdefault(blamed.key, []).append(blamed)
        found = [self._problem(group, context) for group in groups.values()]
        blamed_sites = {id(item.site) for group in groups.values() for item in group}
        others = {id(site) for group in groups.values() for item in group for site in item.also}
        harmless = [
            _cause(site)
            for site in self.varying
            if id(site) not in blamed_sites and id(site) not in others and not site.is_value
        ]
        return found, harmless

    @property
    def varying(self) -> list[Site]:
        """The sites at which another size gave something else."""
        changed = range(1, len(self.others) + 1)
        return [site for site in self.sites if site.varies(changed)]

    # -- blame ------------------------------------------------------------------------------------------------------

    def _blamed(self, context: _Context) -> list[_Blamed]:
        rows: dict[tuple[int, str], dict[int, Difference]] = {}
        for index, alignment in enumerate(self._alignments, 1):
            for item in alignment.differences:
                rows.setdefault(
                    (item.node.id if item.kind != "only" or item.before else -1 - item.node.id, item.kind), {}
                )[index] = item
        varying = self.varying
        result: list[_Blamed] = []
        for by_capture in rows.values():
            item = next(iter(by_capture.values()))
            values = self._values_of(item, by_capture)
            evidence = Evidence(
                item.node,
                context.frames(item.node),
                values if item.kind == "constant" else {},
                frozenset(by_capture),
                len(self.others),
            )
            order = ranked(varying, evidence)
            probable = likely(order)
            maker = context.unpacked(item.node)
            own = item.kind == "count" and maker is not None and idiom_of(item.node, maker) is not CONSTANT
            site = order[0][1] if order and not (own and not _iterates(order[0][1], evidence)) else None
            also = tuple(other for other in probable[1:] if _as_good(order, other)) if site is not None else ()
            result.append(_Blamed(item, by_capture, values, site, also, context.place(item.node)))
        return _without_consequences(result)

    def _values_of(self, item: Difference, by_capture: Mapping[int, Difference]) -> dict[int, Any]:
        """What a node holds in each capture that has it."""
        if item.kind != "constant":
            return {0: item.before, **{index: other.after for index, other in by_capture.items()}}
        values: dict[int, Any] = {0: item.before}
        for index, alignment in enumerate(self._alignments, 1):
            twin = alignment.pairs.get(item.node.id)
            if twin is not None:
                values[index] = twin.constant
        return values

    # -- problems ---------------------------------------------------------------------------------------------------

    def _problem(self, group: Sequence[_Blamed], context: _Context) -> Found:
        first = group[0]
        kind = self._kind(group)
        idiom = (
            idiom_at(first.site.kind, first.site.frame)
            if first.site is not None
            else idiom_of(first.item.node, context.unpacked(first.item.node))
        )
        if first.site is not None:
            cause = _cause(first.site)
        else:
            became = steps(list(first.values.values()))
            maker = context.unpacked(first.item.node) or first.item.node
            place = with_column(first.place or _NOWHERE, maker.target)
            cause = Cause(SourceLine.of(place), idiom.name, became, first.item.node.origin.scope)
        axes = tuple(dict.fromkeys(name for item in group for name in self._axes(item)))
        expressions: list[str] = []
        repairs: list[Unbaked] = []
        for item in group:
            fitted = self._fitted(item, cause) if kind == "constant" else None
            if fitted is not None:
                repairs.append(fitted)
                expressions.append(fitted.text)
        obstacle = "" if kind == "constant" and len(repairs) == len(group) else self._obstacle(kind, group, repairs)
        problem = Problem(
            kind,
            axes,
            cause,
            tuple(_cause(site) for site in dict.fromkeys(site for item in group for site in item.also)),
            tuple(self._carrier(item, context) for item in group),
            idiom.suggestion,
            ", ".join(dict.fromkeys(expressions)),
            obstacle=obstacle,
        )
        return Found(problem, tuple(repairs))

    def _kind(self, group: Sequence[_Blamed]) -> Baked:
        sites = [item.site for item in group if item.site is not None]
        if all(item.item.node.id in self._values for item in group) or (sites and all(site.is_value for site in sites)):
            return "value"
        return "structure" if any(item.item.kind != "constant" for item in group) else "constant"

    def _axes(self, blamed: _Blamed) -> list[str]:
        """The symbols with which it changes: those that alone differ from the captured sizes in a capture that shows it."""
        base = self.first.sizes
        names: dict[str, None] = {}
        for index in blamed.by_capture:
            changed = [name for name, size in self.others[index - 1].sizes.items() if size != base[name]]
            if len(changed) == 1:
                names[changed[0]] = None
        if not names:
            for index in blamed.by_capture:
                names.update(dict.fromkeys(n for n, size in self.others[index - 1].sizes.items() if size != base[n]))
        return list(names)

    def _carrier(self, blamed: _Blamed, context: _Context) -> Carrier:
        node = blamed.item.node
        user, argument = context.user(node) if node.target == "prim::Constant" else (node, "")
        place = context.place(user) or blamed.place
        where = f"{SourceLine.of(place).short}" if place is not None else ""
        if blamed.item.kind == "only":
            counts = sorted({(item.before, item.after) for item in blamed.by_capture.values()})
            became = "; ".join(f"{before} nodes here, {after} there" for before, after in counts)
        elif blamed.item.kind == "wiring":
            became = "takes its input from elsewhere"
        else:
            became = steps(list(blamed.values.values()))
            if blamed.item.kind == "count":
                became = f"{became} parts"
        return Carrier(user.id, user.target, argument, where, became)

    # -- repair -----------------------------------------------------------------------------------------------------

    def _fitted(self, blamed: _Blamed, cause: Cause) -> Unbaked | None:
        node = blamed.item.node
        if node.id in self._values or len(blamed.values) != len(self.others) + 1:
            return None
        sizes = [self.first.sizes, *(item.sizes for item in self.others)]
        columns = _elements(list(blamed.values.values()))
        if columns is None:
            return None
        places = {symbol.name: symbol.places[0] for symbol in self.symbols if symbol.places}
        names = {place: name for name, place in places.items()}
        expressions: list[Expression] = []
        for column in columns:
            points = list(zip(sizes, column, strict=True))
            if len(set(column)) == 1 and isinstance(column[0], int):
                expressions.append(Expression((), column[0]))
                continue
            expression = fit(points, places)
            if expression is None:
                return None
            expressions.append(expression)
        texts = [item.text(names) for item in expressions]
        text = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
        return Unbaked(node.id, tuple(expressions), text, cause.source.short)

    @staticmethod
    def _obstacle(kind: Baked, group: Sequence[_Blamed], repairs: Sequence[Unbaked]) -> str:
        if kind == "structure":
            return "the graphs themselves differ: the number of nodes or parts follows the size"
        if kind == "value":
            return "it depends on the tensor's elements, not on a size"
        if any(isinstance(item.item.before, torch.Tensor) and item.item.before.numel() > 1 for item in group):
            return "a tensor that was computed outside of the trace"
        some = f"{len(group) - len(repairs)} of {len(group)} constants do" if repairs else "it does"
        return f"{some} not follow the size linearly, as far as it was captured"


@dataclass(frozen=True, slots=True)
class _Blamed:
    """A difference, and the site that caused it."""

    item: Difference
    by_capture: dict[int, Difference]
    values: dict[int, Any]
    site: Site | None
    also: tuple[Site, ...]
    place: Frame | None

    @property
    def key(self) -> tuple[Any, ...]:
        """Differences of one key are one problem: the same place in the source, whatever the module path."""
        structural = self.item.kind != "constant"
        if self.site is not None:
            frame = self.site.frame
            return frame.file, frame.line, frame.column, structural
        place = self.place
        return (place.file, place.line, structural) if place is not None else (self.item.node.id, structural)


def _iterates(site: Site, evidence: Evidence) -> bool:
    """Whether a loop over a tensor at this very line made the parts."""
    return site.kind == "iter" and any(
        (frame.file, frame.line) == (site.frame.file, site.frame.line) for frame in evidence.frames
    )


def _as_good(order: Sequence[tuple[float, Site]], site: Site) -> bool:
    """Whether a site explains a difference as well as the best one does, but for where it stands."""
    scores = {id(item): score for score, item in order}
    return order[0][0] - scores[id(site)] < 0.3


def _without_consequences(blamed: Sequence[_Blamed]) -> list[_Blamed]:
    """Lists that are longer because something before them gave more parts are no news."""
    sources = [item for item in blamed if not _is_consequence(item)]
    structural = any(item.item.kind != "constant" for item in sources)
    known = {id(item.site) for item in sources if item.site is not None}
    kept = [item for item in blamed if not _is_consequence(item) or not structural or _is_news(item, known)]
    split = [item.place for item in kept if item.item.kind == "count" and item.site is None and item.place is not None]
    return [item for item in kept if not _is_done_to_parts(item, split)]


def _is_done_to_parts(blamed: _Blamed, split: Sequence[Frame]) -> bool:
    """Whether these are nodes that nothing else explains, further down in the function that takes the parts."""
    place = blamed.place
    if blamed.site is not None or blamed.item.kind != "only" or place is None:
        return False
    return any(
        place.file == other.file
        and place.line >= other.line
        and (place.function == other.function or place.function in _COMPREHENSIONS)
        for other in split
    )


_COMPREHENSIONS = ("<listcomp>", "<dictcomp>", "<setcomp>", "<genexpr>", "<lambda>")


def _is_news(blamed: _Blamed, known: set[int]) -> bool:
    """Whether a place in the node's own function explains it, and nothing else."""
    site, place = blamed.site, blamed.place
    return site is not None and id(site) not in known and place is not None and place.function == site.frame.function


def _is_consequence(blamed: _Blamed) -> bool:
    item = blamed.item
    return item.kind == "wiring" or (
        item.kind == "count" and item.node.target in ("prim::ListConstruct", "prim::TupleConstruct")
    )


def _cause(site: Site) -> Cause:
    return Cause(SourceLine.of(site.frame), idiom_at(site.kind, site.frame).name, site.steps(), site.scope)


def _elements(values: Sequence[Any]) -> list[list[int | float]] | None:
    """The numbers of a constant, each over the captures; None if they are not of one kind and shape."""
    if all(isinstance(value, torch.Tensor) for value in values):
        first: torch.Tensor = values[0]
        if first.numel() > _SMALL or first.numel() == 0 or first.dtype == torch.bool or first.is_complex():
            return None
        if any(value.shape != first.shape or value.dtype != first.dtype for value in values):
            return None
        rows: list[list[int | float]] = [value.detach().reshape(-1).tolist() for value in values]
        return [list(column) for column in zip(*rows, strict=True)]
    if all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values):
        kinds = {type(value) for value in values}
        return [list(values)] if len(kinds) == 1 else None
    return None


class _Context:
    """Who makes and who uses what, and which line a node belongs to."""

    def __init__(self, graph: TorchGraph) -> None:
        self._makers: dict[int, TorchNode] = {}
        self._users: dict[int, list[tuple[TorchNode, int]]] = {}
        for node in walk(graph.block):
            for value in node.outputs:
                self._makers[value.id] = node
            for index, value in enumerate(node.inputs):
                self._users.setdefault(value.id, []).append((node, index))

    def user(self, node: TorchNode) -> tuple[TorchNode, str]:
        """The operator that a constant goes into, through lists, and the name of the argument."""
        item, argument = node, ""
        while item.outputs and self._users.get(item.outputs[0].id):
            consumer, index = self._users[item.outputs[0].id][0]
            if consumer.schema is not None:
                argument = consumer.schema.arguments[index].name if index < len(consumer.schema.arguments) else ""
                return consumer, argument
            item = consumer
        return item, argument

    def unpacked(self, node: TorchNode) -> TorchNode | None:
        """The operator whose list a node unpacks."""
        if node.target not in ("prim::ListUnpack", "prim::TupleUnpack") or not node.inputs:
            return None
        return self._makers.get(node.inputs[0].id)

    def frames(self, node: TorchNode) -> tuple[Frame, ...]:
        """The user's Python frames of a node; those of a neighbour if it has none itself."""
        for item in self._neighbours(node):
            frames = tuple(frame for frame in item.origin.frames if not is_inside_torch(frame.file))
            if frames:
                return frames
        return ()

    def place(self, node: TorchNode) -> Frame | None:
        """Its source line."""
        return next(iter(self.frames(node)), None)

    def _neighbours(self, node: TorchNode) -> list[TorchNode]:
        found = [node]
        for value in node.inputs if node.target != "prim::ListConstruct" else ():
            found += [self._makers[value.id]] if value.id in self._makers else []
        item = node
        while item.outputs and self._users.get(item.outputs[0].id) and len(found) < 8:
            item = self._users[item.outputs[0].id][0][0]
            found.append(item)
        return found
