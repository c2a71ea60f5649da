"""Writes ``protocol.py``, with ``check_messages.py``, as TypeScript: ``python -m onnx_explore.explore.typescript [FILE]``."""

from __future__ import annotations

import dataclasses
import inspect
import sys
import types
import typing
from pathlib import Path
from typing import Any, Literal

from onnx_explore.explore import check_messages, protocol

_HEAD = (
    "// Generated from onnx_explore/explore/protocol.py by `python -m onnx_explore.explore.typescript`. Do not edit.\n"
)
_MODULES = (protocol.__name__, check_messages.__name__, "typing", "types")
_PLAIN = {str: "string", int: "number", float: "number", bool: "boolean", type(None): "null"}


def typescript() -> str:
    """The whole of ``protocol.ts``."""
    numbers = {name: item for name, item in vars(protocol).items() if name.isupper() and isinstance(item, int)}
    parts = [_HEAD, "".join(f"export const {name} = {item};\n" for name, item in numbers.items())]
    names = {
        name: item
        for module in (protocol, check_messages)
        for name, item in vars(module).items()
        if not name.startswith("_") and getattr(item, "__module__", module.__name__) in _MODULES
    }
    for name, item in names.items():
        if typing.get_origin(item) is Literal:
            parts.append(f"export type {name} = {_type(item)};\n")
        elif dataclasses.is_dataclass(item) and isinstance(item, type):
            parts.append(_interface(item))
    for name in ("Request", "Answer"):
        members = " | ".join(member.__name__ for member in typing.get_args(getattr(protocol, name)))
        parts.append(f"export type {name} = {members};\n")
    return "\n".join(parts)


def _interface(cls: type[Any]) -> str:
    hints = typing.get_type_hints(cls)
    summary = (inspect.getdoc(cls) or "").split("\n")[0]
    rows = [f"  {field.name}: {_type(hints[field.name])};" for field in dataclasses.fields(cls)]
    return "\n".join([f"/** {summary} */", f"export interface {cls.__name__} {{", *rows, "}", ""])


def _type(annotation: Any) -> str:
    if annotation in _PLAIN:
        return _PLAIN[annotation]
    origin = typing.get_origin(annotation)
    arguments = typing.get_args(annotation)
    if origin is Literal:
        return " | ".join(f'"{item}"' for item in arguments)
    if origin in (types.UnionType, typing.Union):
        return " | ".join(_type(item) for item in arguments)
    if origin is list:
        inner = _type(arguments[0])
        return f"({inner})[]" if "|" in inner else f"{inner}[]"
    if dataclasses.is_dataclass(annotation) and isinstance(annotation, type):
        return annotation.__name__
    raise TypeError(f"protocol.py uses {annotation!r}, which has no TypeScript form here")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(typescript(), encoding="utf-8")
    else:
        sys.stdout.write(typescript())
