"""From the words of a line to arguments and options; from a cell's body to keyword arguments.

A wrong word is one clear line: everything here raises ``WrongWord``, which the magics turn into
IPython's ``UsageError``.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from onnx_explore.notebook.options import Option, WrongValue
from onnx_explore.notebook.words import Unfinished, Word, split


class WrongWord(ValueError):
    """A word of the line, or a line of the cell, that cannot be understood."""


@dataclass(slots=True)
class Line:
    """A parsed line.

    Attributes:
        words: The positional words, in order.
        options: Value by field; True for a switch, a list for an option that repeats; absent if not given.
    """

    words: list[Word] = field(default_factory=list[Word])
    options: dict[str, Any] = field(default_factory=dict[str, Any])

    def get(self, name: str, default: Any = None) -> Any:
        """An option's value."""
        return self.options.get(name, default)


def parse_line(line: str, options: Sequence[Option], *, at_most: int | None = None) -> Line:
    """Sort the words of a line into positional ones and options.

    Args:
        line: What stands behind the magic's name.
        options: The magic's options.
        at_most: How many positional words it takes; None: any number.

    Raises:
        WrongWord: Naming the word, and the one that was probably meant.
    """
    try:
        words = list(split(line.strip().rstrip(";")))
    except Unfinished as error:
        raise WrongWord(str(error)) from error
    flags = {flag: option for option in options for flag in option.flags}
    result = Line()
    only_positional = False
    while words:
        word = words.pop(0)
        if word.text == "--" and not word.quoted:
            only_positional = True
        elif only_positional or word.quoted or not _is_option(word.text, flags):
            result.words.append(word)
        else:
            _read_option(word.text, words, flags, result)
    if at_most is not None and len(result.words) > at_most:
        raise WrongWord(f"'{result.words[at_most].text}' is one word too many")
    return result


def _is_option(text: str, flags: Mapping[str, Option]) -> bool:
    return text in flags or bool(re.match(r"--?[A-Za-z]", text))


def _read_option(text: str, words: list[Word], flags: Mapping[str, Option], result: Line) -> None:
    flag, equals, attached = text.partition("=")
    option = flags.get(flag)
    if option is None:
        raise WrongWord(f"unknown option {flag}{suggestion(flag, flags) or _instead(text)}")
    name = option.flags[0]
    if option.field in result.options and not option.repeats:
        raise WrongWord(f"{name} is given twice")
    if not option.metavar:
        if equals:
            raise WrongWord(f"{name} takes no value")
        result.options[option.field] = True
        return
    if equals:
        word = attached
    elif words and (words[0].quoted or not _is_option(words[0].text, flags)):
        word = words.pop(0).text
    else:
        raise WrongWord(f"{name} needs {option.metavar}")
    if not word:
        raise WrongWord(f"{name} needs {option.metavar}")
    try:
        value = option.read(word)
    except WrongValue as error:
        raise WrongWord(f"{name}: {error}") from error
    if option.repeats:
        result.options.setdefault(option.field, []).append(value)
    else:
        result.options[option.field] = value


def _instead(text: str) -> str:
    return (
        f"; to pass the expression, write ({text})"
        if not text.startswith("--")
        else "; see the options with Tab or `?`"
    )


def suggestion(word: str, known: Mapping[str, Any] | Sequence[str]) -> str:
    """``; did you mean --opset?``, or empty."""
    close = get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"; did you mean {close[0]}?" if close else ""


KEYWORD = re.compile(r"([A-Za-z_]\w*)=(?!=)(.+)", re.DOTALL)
"""A positional word ``name=expression``: a keyword argument of the model's call."""


def merge_axes(
    parts: Sequence[Mapping[str, Mapping[int, str] | Sequence[int]]],
) -> dict[str, Mapping[int, str] | Sequence[int]]:
    """Several ``--dynamic`` into one ``dynamic_axes``.

    Raises:
        WrongWord: If an input is named twice.
    """
    result: dict[str, Mapping[int, str] | Sequence[int]] = {}
    for part in parts:
        for name, axes in part.items():
            if name in result:
                raise WrongWord(f"--dynamic: '{name}' is given twice; write {name}:0=a,1=b")
            result[name] = axes
    return result


def cell_keywords(body: str, known: Sequence[str]) -> dict[str, str]:
    """The keyword arguments in a cell's body, as source text by name.

    Both are understood: a list of keyword arguments as in a call (``dynamic_axes={…}, opset_version=17``), over any
    number of lines, and one assignment a line.

    Args:
        body: The cell.
        known: The names that may stand there.

    Raises:
        WrongWord: For what is not Python, is no keyword argument, or has an unknown name.
    """
    pairs = _as_call(body)
    if pairs is None:
        pairs = _as_assignments(body)
    result: dict[str, str] = {}
    for name, source, row in pairs:
        if name not in known:
            raise WrongWord(f"line {row} of the cell: export has no argument '{name}'{suggestion(name, known)}")
        if name in result:
            raise WrongWord(f"line {row} of the cell: '{name}' is given twice")
        result[name] = source
    return result


def _as_call(body: str) -> list[tuple[str, str, int]] | None:
    text = f"_(\n{body}\n)"
    try:
        call = ast.parse(text, mode="eval").body
    except SyntaxError:  # then it is read as assignments, which reports what is wrong with it
        return None
    assert isinstance(call, ast.Call)
    if call.args:
        raise WrongWord(
            f"line {call.args[0].lineno - 1} of the cell: '{ast.unparse(call.args[0])}' has no name; write name=value"
        )
    rows: list[tuple[str, str, int]] = []
    for item in call.keywords:
        if item.arg is None:
            raise WrongWord(f"line {item.value.lineno - 1} of the cell: '**' is not understood here; write name=value")
        rows.append((item.arg, ast.unparse(item.value), item.value.lineno - 1))
    return rows


def _as_assignments(body: str) -> list[tuple[str, str, int]]:
    try:
        statements = ast.parse(body).body
    except SyntaxError as error:
        raise WrongWord(f"line {error.lineno} of the cell: {error.msg}") from error
    rows: list[tuple[str, str, int]] = []
    for item in statements:
        if not isinstance(item, ast.Assign) or len(item.targets) != 1 or not isinstance(item.targets[0], ast.Name):
            raise WrongWord(f"line {item.lineno} of the cell is not name=value: {ast.unparse(item).splitlines()[0]}")
        value = item.value
        source = ast.get_source_segment(body, value) or ""
        if isinstance(value, ast.Tuple) and len(value.elts) == 1 and not source.startswith("("):
            value = value.elts[0]  # `opset_version=17,` on a line of its own: the comma parts arguments
        rows.append((item.targets[0].id, ast.unparse(value), item.lineno))
    return rows


_DYNAMIC = re.compile(r"""\s*--dynamic(?:=|\s+)(?:"[^"]*"|'[^']*'|\S+)""")


def without_axes(line: str) -> str:
    """The words of a line without ``--dynamic``, for a line that says the axes anew."""
    return " ".join(_DYNAMIC.sub("", line).split())
