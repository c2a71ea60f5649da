"""A failure as one readable block: what, where, what next.

In: an exception. Out: text without a Python traceback through our own or PyTorch's code; all missing operators stand in
a table, and a user's own exception is shown briefly.
"""

from __future__ import annotations

import linecache
import os
import traceback
from collections.abc import Callable, Iterator, Sequence

import torch

from onnx_explore.errors import CaptureError, OnnxExporterError, SymbolicError, UnsupportedOperatorError
from onnx_explore.explore.tables import Column, fit, labelled

_HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_TORCH = os.path.dirname(os.path.abspath(torch.__file__))
_MOST_FRAMES = 6
_MOST_PLACES = 3


def failure_text(error: BaseException, *, width: int | None = None, place: Callable[[str], str] = str) -> str:
    """The block for an exception.

    Args:
        error: What happened.
        width: Characters in a line of a table.
        place: How a file's name, or a text that holds one, is shown.
    """
    if not isinstance(error, OnnxExporterError):
        return "\n".join(_foreign(error, place))
    about = f"{error.target} argument '{error.argument}'" if error.argument else error.target
    rows = [
        ("about", about.strip()),
        ("at", place(error.where)),
        ("what", place(error.message)),
        ("next", error.action),
    ]
    body = labelled([(label, line.splitlines()) for label, line in rows], None if width is None else width - 2)
    parts = [error.code, *(f"  {line}" for line in body.splitlines())]
    if isinstance(error, UnsupportedOperatorError) and error.missing:
        missing = [(target, place(where)) for target, where in error.missing]
        parts += ["", "every operator without a symbolic function at this opset:", "", missing_text(missing, width)]
    cause = error.__cause__
    if isinstance(error, CaptureError | SymbolicError) and cause is not None:
        parts += ["", *_foreign(cause, place)]
    return "\n".join(parts)


def missing_text(missing: Sequence[tuple[str, str]], width: int | None = None) -> str:
    """Operator × count × where, the most frequent first."""
    places: dict[str, list[str]] = {}
    for target, where in missing:
        places.setdefault(target, []).append(where or "an unknown line")
    rows: list[list[str]] = []
    for target, found in sorted(places.items(), key=lambda item: (-len(item[1]), item[0])):
        distinct = list(dict.fromkeys(found))
        more = f" … and {len(distinct) - _MOST_PLACES} more" if len(distinct) > _MOST_PLACES else ""
        rows.append([target, str(len(found)), ", ".join(distinct[:_MOST_PLACES]) + more])
    return fit([Column("operator"), Column("count", right=True), Column("at", "end")], rows, width)


def _foreign(error: BaseException, place: Callable[[str], str]) -> Iterator[str]:
    """A user's (or a library's) exception with the frames that are the user's own."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if _is_users(frame.filename)]
    if frames:
        yield "where it was raised, innermost last, without PyTorch's own frames:"
        if len(frames) > _MOST_FRAMES:
            yield f"  … {len(frames) - _MOST_FRAMES} more"
        for frame in frames[-_MOST_FRAMES:]:
            yield f"  {place(short_file(frame.filename))}:{frame.lineno} in {frame.name}"
            line = frame.line or linecache.getline(frame.filename, frame.lineno or 0).strip()
            if line:
                yield f"      {line}"
    yield from "".join(traceback.format_exception_only(type(error), error)).rstrip().splitlines()


def _is_users(file: str) -> bool:
    """Not ours, not PyTorch's, not generated code; a cell of a terminal session is ``<ipython-input-…>``."""
    if file.startswith("<"):
        return file.startswith("<ipython-input")
    return not os.path.abspath(file).startswith((_HERE, _TORCH))


def short_file(file: str) -> str:
    """The last two parts of a path."""
    return "/".join(file.replace("\\", "/").rsplit("/", 2)[-2:])
