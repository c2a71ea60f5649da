"""Whether somebody uses the value of the magic that runs: ``ex = %onnx_export …`` does, a line of its own does not.

A magic that prints should not be echoed by ``Out[3]`` as well, and yet be assignable. IPython turns ``x = %magic …``
into ``x = get_ipython().run_line_magic(…)``; the calling frame's syntax tree tells the two apart.
"""

from __future__ import annotations

import ast
import inspect
from types import FrameType

from executing import Source

_ENTRIES = ("run_line_magic", "run_cell_magic")


def value_is_used() -> bool:
    """For a magic's body to ask; True where it cannot be found out."""
    frame = _caller(inspect.currentframe())
    if frame is None:
        return True
    node = Source.executing(frame).node
    parent = getattr(node, "parent", None)
    return not isinstance(parent, ast.Expr)


def _caller(frame: FrameType | None) -> FrameType | None:
    """The frame that called IPython's entry for magics."""
    seen = False
    while frame is not None:
        if frame.f_code.co_name in _ENTRIES:
            seen = True
        elif seen:
            return frame
        frame = frame.f_back
    return None
