"""Which size follows others though it has a name of its own: found by trying in PyTorch.

In: symbols of which none can change alone. Out: one of them as an expression over others, such as ``total = past + seq``: PyTorch
runs where it holds, at two points at which the sizes differ from each other, and not where that one alone changes.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from onnx_explore.auditing.report import AxisVerdict, Status
from onnx_explore.auditing.sizes import Sizes, Symbol, Trial
from onnx_explore.capture.captured import GraphInput
from onnx_explore.relations import Derived, is_expression, size_of, symbols_in

_MOST_SYMBOLS = 6
_MOST_TERMS = 3
_STEPS = ((1, 2, 4), (4, 1, 2), (2, 4, 8), (4, 8, 4))
"""What the sizes of the terms are raised by; the last ones suit models that need even numbers."""


@dataclass(frozen=True, slots=True)
class Relation:
    """A size that follows others.

    Attributes:
        symbol: It.
        text: The expression.
        of: The names in it.
    """

    symbol: Symbol
    text: str
    of: tuple[str, ...]


def find_relation(trial: Trial, refused: Sequence[Symbol]) -> Relation | None:
    """The simplest relation in which one of some symbols follows others of them, or None.

    Equal sizes are left alone: these are one size, with one name.
    """
    if len(refused) < 2 or len(refused) > _MOST_SYMBOLS or any(is_expression(item.name) for item in refused):
        return None
    for symbol in sorted(refused, key=lambda item: item.size, reverse=True):
        others = [item for item in refused if item is not symbol]
        for text, of in _candidates(symbol, others):
            if _holds(trial, symbol, text, of):
                return Relation(symbol, text, tuple(item.name for item in of))
    return None


def likely_relations(
    trial: Trial, symbols: Sequence[Symbol], broken: AbstractSet[str]
) -> Iterator[tuple[Relation, list[Sizes]]]:
    """Sums of other sizes that the captured sizes are, over an axis that is broken alone; each with two points.

    A model may run where such a relation does not hold, and be written for it all the same.
    """
    for symbol in sorted(symbols, key=lambda item: item.size, reverse=True)[:_MOST_SYMBOLS]:
        others = [item for item in symbols if item is not symbol][:_MOST_SYMBOLS]
        for text, of in _candidates(symbol, others):
            names = tuple(item.name for item in of)
            if len(of) > 1 and sum(item.size for item in of) == symbol.size and not broken.isdisjoint(names):
                points = _points(trial, symbol, text, of)
                if points:
                    yield Relation(symbol, text, names), points


def _candidates(symbol: Symbol, others: Sequence[Symbol]) -> Iterator[tuple[str, tuple[Symbol, ...]]]:
    """Expressions that are the captured size: sums first, those of most terms and without a rest before others."""
    sums = [
        (of, symbol.size - sum(item.size for item in of))
        for count in range(min(_MOST_TERMS, len(others)), 0, -1)
        for of in itertools.combinations(others, count)
    ]
    for of, rest in sorted(sums, key=lambda row: (row[1] != 0, -len(row[0]), abs(row[1]))):
        if len(of) == 1 and rest == 0:
            continue
        tail = "" if rest == 0 else f" {'+' if rest > 0 else '-'} {abs(rest)}"
        yield f"{' + '.join(item.name for item in of)}{tail}", of
        if len(of) == 1 and symbol.size % of[0].size == 0:
            yield f"{symbol.size // of[0].size}*{of[0].name}", of


def _holds(trial: Trial, symbol: Symbol, text: str, of: Sequence[Symbol]) -> bool:
    return bool(_points(trial, symbol, text, of))


def _points(trial: Trial, symbol: Symbol, text: str, of: Sequence[Symbol]) -> list[Sizes]:
    """Two points at which the expression holds, the sizes are others, and PyTorch runs; none if there are not two."""
    points: list[Sizes] = []
    for steps in _STEPS:
        sizes = {item.name: item.size + step for item, step in zip(of, steps, strict=False)}
        size = size_of(text, {**trial.base, **sizes})
        if size is None or size < 1:
            continue
        sizes[symbol.name] = size
        if sizes not in points and not trial.refusal({**trial.base, **sizes}):
            points.append(sizes)
            if len(points) == 2:
                return points
    return []


def verdicts_on(
    derived: Sequence[Derived], axes: Sequence[AxisVerdict], names: Mapping[str, str], inputs: Sequence[GraphInput]
) -> list[AxisVerdict]:
    """A verdict on each axis that follows others: it was changed whenever one of them was.

    Args:
        derived: These axes.
        axes: The verdicts on the others.
        names: Expression → the user's name, where the audit found it.
        inputs: Of the capture.
    """
    rows: dict[str, list[tuple[int, int]]] = {}
    for item in derived:
        rows.setdefault(item.text, []).append((item.position, item.axis))
    found: list[AxisVerdict] = []
    for text, places in rows.items():
        of = [item for item in axes if item.symbol in symbols_in(text)]
        statuses = {item.status for item in of}
        status: Status = "broken" if "broken" in statuses else "proven" if "proven" in statuses else "not tested"
        detail = f"changed with {' and '.join(item.symbol for item in of)}: {_SAID[status]}"
        if text in names:
            detail = f"it is {text}, found by trying: PyTorch runs with no other size; {detail}; name it '{text}'"
        position, axis = places[0]
        found.append(
            AxisVerdict(
                names.get(text, text),
                tuple((inputs[where].name, place) for where, place in places),
                int(inputs[position].example.shape[axis]),
                status,
                (),
                detail,
                tuple(dict.fromkeys(index for item in of for index in item.problems)),
            )
        )
    return found


_SAID: Mapping[Status, str] = {
    "proven": "ONNX Runtime agrees with PyTorch",
    "broken": "broken with them",
    "not tested": "they were not tested",
}
