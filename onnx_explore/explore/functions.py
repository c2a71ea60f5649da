"""Which function of a source file a line stands in.

In: a file's lines and the numbers of some. Out: first and last line of the functions around them. Only those functions are
parsed: files of models are long (and PyTorch's own longer), and this is on the way to the first picture of an export.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Sequence

Span = tuple[int, int]
_DEF = re.compile(r"[ \t]*(?:async[ \t]+)?def[ \t]")
_MOST_ATTEMPTS = 8


def sections(text: Sequence[str], wanted: Collection[int]) -> list[Span]:
    """First and last line of each function that holds a line of interest; the line alone where it is in none.

    Args:
        text: Lines of the file, with their ends.
        wanted: Numbers of lines, from 1.

    Returns:
        In order, each once.
    """
    heads = [number for number, line in enumerate(text, start=1) if "def" in line and _DEF.match(line)]
    known: dict[int, Span | None] = {}
    return sorted({_around(text, heads, known, number) for number in wanted})


def _around(text: Sequence[str], heads: Sequence[int], known: dict[int, Span | None], number: int) -> Span:
    """The innermost function: of those that end at or behind the line, the one that begins last."""
    for head in reversed([head for head in heads if head <= number]):
        if head not in known:
            known[head] = _span(text, head)
        span = known[head]
        if span is not None and span[1] >= number:
            return span
    return number, number


def _span(text: Sequence[str], head: int) -> Span | None:
    """Where the function ends whose ``def`` stands at a line, or None if it is not one (a word in a string).

    A guess by indentation, proven by the parser: a bracket or a string may hold lines that stand further left.
    """
    indent = _indent(text[head - 1])
    attempts = 0
    for end in range(head, len(text) + 1):
        last = end == len(text)
        if not last and (not text[end].strip() or _indent(text[end]) > indent):
            continue
        try:
            length = _parsed("".join(text[head - 1 : end]), indented=indent > 0)
        except (SyntaxError, ValueError):
            attempts += 1
            if attempts == _MOST_ATTEMPTS:
                return None
            continue
        return head, head - 1 + length
    return None


def _parsed(source: str, *, indented: bool) -> int:
    """The last line of a function's text."""
    tree = ast.parse(f"if 1:\n{source}" if indented else source)
    (statement,) = tree.body
    return (statement.end_lineno or 1) - indented


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())
