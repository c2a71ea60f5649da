"""The options of the magics as data.

The parser reads them, the completer offers them, and a test compares them with the help pages.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from onnx_explore.options import NEWEST_OPSET, OLDEST_OPSET

Completes = Literal["nothing", "opset", "variable", "file", "axes", "names", "choice", "keyword", "exploration"]


class WrongValue(ValueError):
    """A word cannot be the value of its option; the text says what could."""


@dataclass(frozen=True, slots=True)
class Option:
    """One option of a magic.

    Attributes:
        flags: As written, the name to print first.
        field: Under which name the parsed value is found.
        metavar: How its value is named in the usage line; empty for a switch.
        read: From the word to the value.
        repeats: Whether it may stand more than once; the values are then a list.
        completes: What Tab offers for its value.
        choices: The values, where there are only these.
    """

    flags: tuple[str, ...]
    field: str
    metavar: str = ""
    read: Callable[[str], Any] = str
    repeats: bool = False
    completes: Completes = "nothing"
    choices: tuple[str, ...] = ()

    @property
    def usage(self) -> str:
        """``--opset N``, ``[…]`` for one that repeats."""
        text = f"{self.flags[0]} {self.metavar}".strip()
        return f"[{text}]…" if self.repeats else f"[{text}]"


def read_opset(word: str) -> int:
    """A number; which ones there are is checked by ``export`` itself."""
    try:
        return int(word)
    except ValueError as error:
        raise WrongValue(f"'{word}' is not a number; opsets are {OLDEST_OPSET} … {NEWEST_OPSET}") from error


def read_count(word: str) -> int:
    """A whole number from 1 on."""
    if not word.isdecimal() or int(word) < 1:
        raise WrongValue(f"'{word}' is not a whole number from 1 on")
    return int(word)


def read_tolerance(word: str) -> float:
    """A number that is not negative."""
    try:
        value = float(word)
    except ValueError as error:
        raise WrongValue(f"'{word}' is not a number, such as 1e-4") from error
    if not value >= 0:
        raise WrongValue(f"{word} is negative")
    return value


def read_names(word: str) -> list[str]:
    """``a,b``."""
    names = [name.strip() for name in word.split(",")]
    if not all(names):
        raise WrongValue(f"'{word}' has an empty name; write a,b without blanks")
    return names


def read_variable(word: str) -> str:
    """A Python name."""
    if not word.isidentifier():
        raise WrongValue(f"'{word}' is not a variable name")
    return word


def read_keyword(word: str) -> tuple[str, str]:
    """``name=expression``."""
    name, equals, expression = word.partition("=")
    if not equals or not name.isidentifier() or not expression:
        raise WrongValue(f"'{word}' is not name=expression")
    return name, expression


def read_axes(word: str) -> dict[str, dict[int, str] | list[int]]:
    """``x:0=batch,1=seq`` (named), ``x:0,1`` (automatic names), several inputs parted by ``;``."""
    result: dict[str, dict[int, str] | list[int]] = {}
    for part in filter(None, word.split(";")):
        name, colon, axes = part.rpartition(":")
        if not colon or not name or not axes:
            raise WrongValue(f"'{part}' is not NAME:AXIS=SYMBOL; write x:0=batch,1=seq or x:0,1")
        if name in result:
            raise WrongValue(f"'{name}' is given twice")
        result[name] = _one_input(name, axes)
    return result


_BETWEEN = re.compile(r",(?![^(]*\))")
"""The commas that are not inside of ``max(a,b)``."""


def _one_input(name: str, axes: str) -> dict[int, str] | list[int]:
    pairs: list[tuple[int, str]] = []
    for item in _BETWEEN.split(axes):
        number, _, symbol = (part.strip() for part in item.partition("="))
        try:
            axis = int(number)
        except ValueError as error:
            raise WrongValue(
                f"axis '{number}' of '{name}' is not a number; write {name}:0={number or 'batch'}"
            ) from error
        if axis in dict(pairs):
            raise WrongValue(f"axis {axis} of '{name}' is given twice")
        pairs.append((axis, symbol))
    if not any(symbol for _, symbol in pairs):
        return [axis for axis, _ in pairs]
    return {axis: symbol or f"{name}_dynamic_axes_{place}" for place, (axis, symbol) in enumerate(pairs, start=1)}


def read_sizes(word: str) -> tuple[str, list[int]]:
    """``batch=3,5,7``."""
    name, equals, numbers = word.partition("=")
    parts = [item.strip() for item in numbers.split(",")]
    if not equals or not name or not all(item.isdecimal() and int(item) > 0 for item in parts):
        raise WrongValue(f"'{word}' is not SYMBOL=N,N,…; write batch=3,5,7")
    return name, [int(item) for item in parts]


TRAINING = ("eval", "preserve", "training")


def read_training(word: str) -> str:
    """One of ``TRAINING``, as the name of a ``TrainingMode``."""
    if word.lower() not in TRAINING:
        raise WrongValue(f"'{word}' is not one of {', '.join(TRAINING)}")
    return word.upper()


OF = Option(("--of",), "of", "EXPR", completes="exploration")
ALL = Option(("--all",), "all")
WIDE = Option(("--wide",), "wide")
RTOL = Option(("--rtol",), "rtol", "R", read_tolerance)
ATOL = Option(("--atol",), "atol", "A", read_tolerance)

EXPORT_OPTIONS = (
    Option(("-o", "--output"), "output", "FILE", completes="file"),
    Option(("--opset",), "opset", "N", read_opset, completes="opset"),
    Option(("--dynamic",), "dynamic", "NAME:AXIS=SYMBOL,…", read_axes, repeats=True, completes="axes"),
    Option(("--names",), "names", "A,B", read_names, completes="names"),
    Option(("--output-names",), "output_names", "A,B", read_names),
    Option(("--kw",), "kw", "NAME=EXPR", read_keyword, repeats=True, completes="keyword"),
    Option(("--training",), "training", "MODE", read_training, completes="choice", choices=TRAINING),
    Option(("--script",), "script"),
    Option(("--no-check",), "no_check"),
    Option(("--no-folding",), "no_folding"),
    RTOL,
    ATOL,
    Option(("--step",), "step"),
    Option(("--as",), "as_name", "VAR", read_variable, completes="variable"),
    Option(("--text",), "text"),
    Option(("--verbose",), "verbose"),
)
GRAPH_OPTIONS = (ALL, WIDE, OF)
DISPATCH_OPTIONS = (ALL, WIDE, OF)
CHECK_OPTIONS = (
    RTOL,
    ATOL,
    Option(("--again",), "again"),
    Option(("--nodes",), "nodes"),
    Option(("--budget",), "budget", "MIB", read_count),
    Option(("--cost",), "cost"),
    Option(("--runs",), "runs", "N", read_count),
    OF,
)
PASSES_OPTIONS = (OF,)
NOTES_OPTIONS = (OF,)
NETRON_OPTIONS = (
    Option(("-o", "--output"), "output", "FILE", completes="file"),
    Option(("--height",), "height", "PIXELS", read_count),
    OF,
)
AXES_OPTIONS = (
    Option(("--dynamic",), "dynamic", "NAME:AXIS=SYMBOL,…", read_axes, repeats=True, completes="axes"),
    Option(("--sizes",), "sizes", "SYMBOL=N,N,…", read_sizes, repeats=True),
    Option(("--repair",), "repair"),
    Option(("--torch-export",), "torch_export"),
    Option(("--table",), "table"),
    Option(("--kw",), "kw", "NAME=EXPR", read_keyword, repeats=True, completes="keyword"),
    OF,
)
OPS_OPTIONS = (
    Option(("--opset",), "opset", "N", read_opset, completes="opset"),
    Option(("--kw",), "kw", "NAME=EXPR", read_keyword, repeats=True, completes="keyword"),
    WIDE,
    OF,
)

STYLES = ("auto", "typed", "torch")


def read_style(word: str) -> str:
    """One of ``STYLES``."""
    if word not in STYLES:
        raise WrongValue(f"'{word}' is not one of {', '.join(STYLES)}")
    return word


SYMBOLIC_OPTIONS = (
    Option(("--opset",), "opset", "N", read_opset, completes="opset"),
    Option(("--style",), "style", "STYLE", read_style, completes="choice", choices=STYLES),
    Option(("--text",), "text"),
)

OPTIONS: dict[str, tuple[Option, ...]] = {
    "onnx_export": EXPORT_OPTIONS,
    "onnx_symbolic": SYMBOLIC_OPTIONS,
    "onnx_graph": GRAPH_OPTIONS,
    "onnx_dispatch": DISPATCH_OPTIONS,
    "onnx_axes": AXES_OPTIONS,
    "onnx_check": CHECK_OPTIONS,
    "onnx_passes": PASSES_OPTIONS,
    "onnx_notes": NOTES_OPTIONS,
    "onnx_ops": OPS_OPTIONS,
    "onnx_netron": NETRON_OPTIONS,
}
"""Magic → its options."""
