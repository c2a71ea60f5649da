"""The places where something left the trace, over several captures, and which of them is to blame for a difference.

In: the conversions of each capture. Out: ``Site``s, one per place in the source, with what came out there in every capture. A
conversion that gives the same at every size bakes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from onnx_explore.auditing.fit import numbers_fit
from onnx_explore.capture.captured import Capture, Conversion
from onnx_explore.capture.scopes import plain
from onnx_explore.torch_ir import Frame, TorchNode

_NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?:e[+-]?\d+)?(?!\w)")
_SCALARS = frozenset(
    {"bool", "int", "float", "complex", "index", "item", "is_nonzero", "equal", "allclose", "contains"}
)
_ENOUGH = 0.5
"""A site with a lower score has nothing to do with the difference, when there is another explanation."""


@dataclass(frozen=True, slots=True)
class Site:
    """One place in the source where something left the trace.

    Attributes:
        kind: As of ``Conversion``.
        frame: The place.
        scope: Module path, without numbers of calls.
        of: As of ``Conversion``.
        constants: As of ``Conversion``.
        values: For each capture, what came out, in order.
        after: For the first capture: the last value that was recorded before each conversion.
    """

    kind: str
    frame: Frame
    scope: str
    of: str
    constants: tuple[int | float, ...]
    values: tuple[tuple[str, ...], ...]
    after: tuple[int | None, ...]

    def varies(self, captures: Sequence[int]) -> bool:
        """Whether something else came out in one of these captures than in the first."""
        return any(self.values[index] != self.values[0] for index in captures)

    @property
    def is_value(self) -> bool:
        """Whether a tensor's element left here, not a size."""
        return self.of == "data" and self.kind in _SCALARS

    def steps(self) -> str:
        """``5 → 7``, the first capture and the first that differs."""
        first = self.values[0]
        other = next((values for values in self.values[1:] if values != first), first)
        if len(first) != len(other):
            return f"{_times(len(first))} → {_times(len(other))}"
        pair = next(((a, b) for a, b in zip(first, other, strict=True) if a != b), None)
        return f"{pair[0]} → {pair[1]}" if pair is not None else (first[0] if first else "")

    def numbers(self) -> list[list[float]]:
        """Each number that came out here, over the captures, where every capture gave as many."""
        rows = [[float(item) for text in values for item in _NUMBER.findall(text)] for values in self.values]
        if len({len(row) for row in rows}) != 1:
            rows = [[float(item) for text in values[:1] for item in _NUMBER.findall(text)] for values in self.values]
        return [list(column) for column in zip(*rows, strict=False)] if rows else []


def _times(count: int) -> str:
    return "once" if count == 1 else "never" if count == 0 else f"{count} times"


def sites_of(captures: Sequence[Capture]) -> list[Site]:
    """All places where something left the trace of one of the captures, in the order of the first that has it."""
    keys: dict[tuple[str, int, int | None, str, str, str], list[list[Conversion]]] = {}
    for index, capture in enumerate(captures):
        for item in capture.conversions:
            if item.frame is None:
                continue
            frame = item.frame
            key = (frame.file, frame.line, frame.column, frame.function, item.kind, plain(item.scope))
            keys.setdefault(key, [[] for _ in captures])[index].append(item)
    sites: list[Site] = []
    for key, rows in keys.items():
        one = next(item for row in rows for item in row)
        assert one.frame is not None
        kinds = {item.of for row in rows for item in row}
        sites.append(
            Site(
                key[4],
                one.frame,
                key[5],
                "data" if "data" in kinds else one.of,
                tuple(dict.fromkeys(number for row in rows for item in row for number in item.constants)),
                tuple(tuple(item.value for item in row) for row in rows),
                tuple(item.after for item in rows[0]),
            )
        )
    return sites


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of a difference when its cause is looked for.

    Attributes:
        node: Where it shows.
        frames: Python frames of that node, or of its nearest neighbour that has some.
        values: For a constant: its value in every capture that has it, by the capture's number.
        shown: Numbers of the captures that show the difference.
        captures: How many other captures there are.
    """

    node: TorchNode
    frames: tuple[Frame, ...]
    values: Mapping[int, Any]
    shown: frozenset[int]
    captures: int


def ranked(sites: Sequence[Site], evidence: Evidence) -> list[tuple[float, Site]]:
    """The sites that may have caused a difference, the likeliest first, each with its score."""
    scored = [(score, site) for site in sites if (score := _score(site, evidence)) > 0]
    return sorted(scored, key=lambda item: -item[0])


def _score(site: Site, evidence: Evidence) -> float:
    """The same numbers count most, then being in a function of the node's call stack, then standing just before it.

    A site that changed in other captures than those that show the difference is hardly its cause.
    """
    varied = {index for index in range(1, evidence.captures + 1) if site.values[index] != site.values[0]}
    if not evidence.shown & varied:
        return 0.0
    place = evidence.node.outputs[0].id if evidence.node.outputs else None
    before = [after for after in site.after if after is not None and place is not None and after < place]
    if site.after and place is not None and not before and all(after is not None for after in site.after):
        return 0.0  # it came later
    score = _values_score(site, evidence.values)
    for depth, frame in enumerate(evidence.frames):
        if (frame.file, frame.function) != (site.frame.file, site.frame.function):
            continue
        distance = frame.line - site.frame.line
        score += 2.0 - min(depth, 8) * 0.05 + (1.0 if distance >= 0 else 0.5) / (1.0 + abs(distance) / 4)
        break
    if site.scope == plain(evidence.node.origin.scope):
        score += 0.5
    if before and place:
        score += 0.4 * max(before) / place
    score -= len(varied - evidence.shown) / evidence.captures + len(evidence.shown - varied) / len(evidence.shown)
    return max(score, 0.01)


def _values_score(site: Site, values: Mapping[int, Any]) -> float:
    """3 for the very numbers, 2 for a linear function of them."""
    best = 0.0
    wanted = [column for column in _columns(values) if len(set(column.values())) > 1]
    for numbers in site.numbers():
        for column in wanted:
            xs = [numbers[index] for index in column]
            ys = list(column.values())
            if xs == ys:
                return 3.0
            if len(set(xs)) > 1 and numbers_fit(xs, ys):
                best = max(best, 2.0)
    return best


def _columns(values: Mapping[int, Any]) -> list[dict[int, float]]:
    """Each number in a constant, and in the shape of one that is a tensor, over the captures."""
    rows: dict[int, list[float]] = {}
    for index, value in values.items():
        if isinstance(value, torch.Tensor):
            rows[index] = [float(size) for size in value.shape]
            if 0 < value.numel() <= 16 and not value.is_complex() and value.layout == torch.strided:
                rows[index] += [float(item) for item in value.detach().reshape(-1).tolist()]
        elif isinstance(value, (int, float)):
            rows[index] = [float(value)]
        elif isinstance(value, (list, tuple)) and all(isinstance(item, (int, float)) for item in value):  # pyright: ignore[reportUnknownVariableType]
            rows[index] = [float(item) for item in value]  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    shortest = min((len(row) for row in rows.values()), default=0)
    return [{index: row[place] for index, row in rows.items()} for place in range(shortest)]


def likely(sites: Sequence[tuple[float, Site]]) -> list[Site]:
    """Those of ranked sites that have anything to do with the difference."""
    return [site for score, site in sites if score >= _ENOUGH]
