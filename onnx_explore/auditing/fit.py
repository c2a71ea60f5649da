"""Which function of the sizes a baked number is: looked for among ``a·n + b``, over several sizes, then with products.

In: the number at several sizes. Out: an ``Expression`` that gives it at each of them, and at more points than it has unknowns; or
None. Everything is computed in fractions: what fits, fits exactly.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from fractions import Fraction

from onnx_explore.passes.torch.sizes import Expression, Term

_LARGEST_DENOMINATOR = 4096
_PRECISION = 1e-12

Point = tuple[Mapping[str, int], float]
"""Sizes, and the number there."""


def numbers_fit(xs: Sequence[float], ys: Sequence[float]) -> bool:
    """Whether ``y = a·x + b`` holds for at least three different points."""
    points = sorted(set(zip(xs, ys, strict=True)))
    if len({x for x, _ in points}) < 3 or len({x for x, _ in points}) != len(points):
        return False
    (x0, y0), (x1, y1) = points[0], points[1]
    slope = (y1 - y0) / (x1 - x0)
    return slope != 0 and all(math.isclose(y, y0 + slope * (x - x0), rel_tol=1e-9, abs_tol=1e-9) for x, y in points)


def fit(points: Sequence[Point], places: Mapping[str, tuple[int, int]]) -> Expression | None:
    """The simplest expression that gives a number at every point.

    Args:
        points: At different sizes.
        places: Symbol → position of an input and its axis, where the size is read.

    Returns:
        The expression, or None if none of these fits, or if there are too few points to tell.
    """
    values = [_fraction(value) for _, value in points]
    if any(value is None for value in values):
        return None
    exact = [value for value in values if value is not None]
    symbols = [symbol for symbol in places if len({sizes[symbol] for sizes, _ in points}) > 1]
    singles = [(symbol,) for symbol in symbols]
    pairs = list(itertools.combinations(symbols, 2))
    candidates = [[single] for single in singles]
    candidates += [[pair] for pair in pairs]
    candidates += [list(pair) for pair in itertools.combinations(singles, 2)]
    candidates += [[pair, (one,)] for pair in pairs for one in pair]
    candidates += [singles] if len(singles) > 2 else []
    candidates += [[pair, (pair[0],), (pair[1],)] for pair in pairs]
    for monomials in candidates:
        rows = [
            [Fraction(1), *(Fraction(math.prod(sizes[name] for name in item)) for item in monomials)]
            for sizes, _ in points
        ]
        solution = _solved(rows, exact)
        if solution is not None and _is_proven(points, monomials):
            return _expression(solution, monomials, places)
    return None


def _fraction(value: float) -> Fraction | None:
    if isinstance(value, int):
        return Fraction(value)
    if not math.isfinite(value):
        return None
    near = Fraction(value).limit_denominator(_LARGEST_DENOMINATOR)
    return near if math.isclose(float(near), value, rel_tol=_PRECISION, abs_tol=0.0) else None


def _solved(rows: Sequence[Sequence[Fraction]], values: Sequence[Fraction]) -> list[Fraction] | None:
    """The only solution of a linear system with more rows than unknowns, or None."""
    matrix = [[*row, value] for row, value in zip(rows, values, strict=True)]
    unknowns = len(rows[0])
    for column in range(unknowns):
        pivot = next((index for index in range(column, len(matrix)) if matrix[index][column] != 0), None)
        if pivot is None:
            return None
        matrix[column], matrix[pivot] = matrix[pivot], matrix[column]
        head = matrix[column]
        for index, row in enumerate(matrix):
            if index != column and row[column] != 0:
                factor = row[column] / head[column]
                matrix[index] = [left - factor * right for left, right in zip(row, head, strict=True)]
    if any(row[-1] != 0 for row in matrix[unknowns:]):
        return None
    return [matrix[index][-1] / matrix[index][index] for index in range(unknowns)]


def _is_proven(points: Sequence[Point], monomials: Sequence[tuple[str, ...]]) -> bool:
    """Whether each size that counts was seen three times: two points are on a line whatever they are."""
    names = {name for item in monomials for name in item}
    enough = all(len({sizes[name] for sizes, _ in points}) >= 3 for name in names)
    return enough and len(points) > len(monomials) + 1


def _expression(
    solution: Sequence[Fraction], monomials: Sequence[tuple[str, ...]], places: Mapping[str, tuple[int, int]]
) -> Expression:
    divisor = math.lcm(*(value.denominator for value in solution))
    constant, *factors = (int(value * divisor) for value in solution)
    terms = tuple(
        Term(factor, tuple(places[name] for name in item))
        for factor, item in zip(factors, monomials, strict=True)
        if factor
    )
    return Expression(terms, constant, divisor)
