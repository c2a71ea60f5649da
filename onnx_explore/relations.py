"""Names of dimensions that are expressions over other names: ``past + seq``, ``H/2``, ``2*seq + 1``.

In: the names that the user gave, and the captured sizes. Out: which symbols there are, how large they are, and what an expression
is at other sizes. Expressions are parsed by onnx_ir (names, whole numbers, ``+ - * / // % **``, ``min``, ``max``, ``floor``,
``mod``, ``sqrt``); nothing is evaluated as Python.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import onnx_ir as ir

from onnx_explore.errors import InvalidArgument

_OPERATOR = re.compile(r"[-+*/%()]")
_HYPHENS = re.compile(r"[A-Za-z_][\w.]*(-[A-Za-z_][\w.]*)+")
_LARGEST = 1 << 11
_STEP = 5040
"""Can be divided by every number up to 10."""


@dataclass(frozen=True, slots=True)
class Derived:
    """A dimension of an input whose size follows others.

    Attributes:
        position: Of the input.
        axis: Of its tensor.
        text: The expression.
    """

    position: int
    axis: int
    text: str


def is_expression(text: str) -> bool:
    """Whether a name stands for arithmetic over others. ``seq-len`` is a name; ``seq - len`` is a difference."""
    return bool(_OPERATOR.search(text)) and not _HYPHENS.fullmatch(text)


def symbols_in(text: str) -> frozenset[str]:
    """The names in an expression; of a plain name, itself.

    Raises:
        InvalidArgument: If it is no expression that can be read, or one without names.
    """
    if not is_expression(text):
        return frozenset({text})
    try:
        names = ir.SymbolicDim(text).free_symbols()
    except (ValueError, TypeError, ArithmeticError) as error:
        raise InvalidArgument(
            f"'{text}' is no expression over names: {error}",
            argument="dynamic_axes",
            action='write such as "past + seq", "H/2" or "2*seq + 1", or a name without operators',
        ) from error
    if not names:
        raise InvalidArgument(
            f"'{text}' has no name in it: it is a fixed size", argument="dynamic_axes", action="leave the axis out"
        )
    return names


def size_of(text: str, sizes: Mapping[str, int]) -> int | None:
    """What a name or expression is at some sizes: None if it is no whole number from 0 on, or a name is not known."""
    if not is_expression(text):
        return sizes.get(text)
    dim = ir.SymbolicDim(text)
    if not all(name in sizes for name in dim.free_symbols()):
        return None
    try:
        found = dim.evaluate(dict(sizes))
    except ArithmeticError:  # a remainder of a division by 0
        return None
    return found if isinstance(found, int) and found >= 0 else None


def base_sizes(places: Iterable[tuple[str, int, str]]) -> dict[str, int]:
    """The captured size of every symbol.

    Args:
        places: Name or expression, captured size, and where it stands, for people.

    Raises:
        InvalidArgument: If a symbol has two sizes, an expression is not what its axis is, or a symbol cannot be told.
    """
    found: dict[str, int] = {}
    first: dict[str, str] = {}
    open_ones: list[tuple[str, int, str]] = []
    for text, size, where in places:
        if is_expression(text):
            symbols_in(text)
            open_ones.append((text, size, where))
        elif found.setdefault(text, size) != size:
            raise InvalidArgument(
                f"'{text}' names {first[text]}, which is {found[text]}, and {where}, which is {size}: one name is one size",
                argument="dynamic_axes",
                action="give the two axes different names",
            )
        else:
            first.setdefault(text, where)
    for text, size, where in _solved(open_ones, found):
        _refuse_other(text, size, where, found)
    return found


def _solved(rows: Sequence[tuple[str, int, str]], found: dict[str, int]) -> Sequence[tuple[str, int, str]]:
    """Find the symbols that stand in expressions alone; the rows again."""
    left = list(rows)
    while left:
        row = next((item for item in left if len(symbols_in(item[0]) - found.keys()) < 2), None)
        if row is None:
            text, _, where = left[0]
            names = " and ".join(f"'{name}'" for name in sorted(symbols_in(text) - found.keys()))
            raise InvalidArgument(
                f"{where} is '{text}', and nothing tells how large {names} are",
                argument="dynamic_axes",
                action="name the axes that have these sizes, too; for a plain name, leave the operators out",
            )
        left.remove(row)
        text, size, where = row
        for name in symbols_in(text) - found.keys():
            solved = next(
                (
                    number
                    for number in _tries(text, name, size, found)
                    if size_of(text, {**found, name: number}) == size
                ),
                None,
            )
            if solved is None:
                raise InvalidArgument(
                    f"{where} is {size}, and '{text}' is that for no whole '{name}'", argument="dynamic_axes"
                )
            found[name] = solved
    return rows


def _tries(text: str, name: str, size: int, found: Mapping[str, int]) -> Iterator[int]:
    """Numbers for a symbol: what is right for a multiple of it and a rest, then the small ones."""
    low, high = (size_of(text, {**found, name: number}) for number in (_STEP, 2 * _STEP))
    if low is not None and high is not None and low != high:
        steps, rest = divmod((size - low) * _STEP, high - low)
        if not rest and _STEP + steps > 0:
            yield _STEP + steps
    yield from range(1, min(_LARGEST, 16 * size + 64))


def _refuse_other(text: str, size: int, where: str, found: Mapping[str, int]) -> None:
    given = size_of(text, found)
    if given != size:
        sizes = ", ".join(f"{name} = {found[name]}" for name in sorted(symbols_in(text)))
        what = f"is {given}" if given is not None else "is no size"
        raise InvalidArgument(
            f"{where} is {size}, and '{text}' {what} at {sizes}",
            argument="dynamic_axes",
            action="correct the expression, or give example inputs that it holds for",
        )
