"""Where on its line an operator is called: a node knows its line alone.

In: a source line, and the operator that stands there. Out: the same line with the column of the call, if there is one such call.
"""

from __future__ import annotations

import ast
import linecache
from collections.abc import Iterator
from dataclasses import replace

from onnx_explore.torch_ir import Frame

_NAMES = {"split_with_sizes": "split", "unsafe_split": "split", "unsafe_chunk": "chunk"}


def with_column(place: Frame, target: str) -> Frame:
    """The place of the call of an operator, such as ``aten::unbind``; as it is where that is not one call on the line."""
    if place.column is not None:
        return place
    name = target.partition("::")[2]
    found = [
        column for line, column, called in _calls(place.file) if line == place.line and called == _NAMES.get(name, name)
    ]
    return replace(place, column=found[0]) if len(found) == 1 else place


def _calls(file: str) -> tuple[tuple[int, int, str], ...]:
    """Line, column (1-based, in characters) and name of every call in a file."""
    lines = linecache.getlines(file)
    try:
        tree = ast.parse("".join(lines))
    except (SyntaxError, ValueError):  # a cell with magics in it
        return ()
    return tuple(_found(tree, lines))


def _found(tree: ast.AST, lines: list[str]) -> Iterator[tuple[int, int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute | ast.Name):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id
            before = lines[node.lineno - 1].encode()[: node.col_offset].decode(errors="replace")
            yield node.lineno, len(before) + 1, name
