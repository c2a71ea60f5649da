"""Source of the user's own functions and classes, with what they use, as a module that stands alone.

In: functions or classes that a failure depends on, such as an ``autograd.Function`` or a symbolic function. Out: Python source:
imports, constants, then definitions, each after what it uses. Nothing of it is run here.
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import FunctionType, ModuleType
from typing import Any

from onnx_explore.errors import NotAvailable
from onnx_explore.torch_ir.source import literal

_INSTALLED = frozenset({"numpy", "onnx", "onnx_explore", "onnx_ir", "onnxruntime", "torch", "torchvision"})


def own_source(objects: Sequence[Any]) -> str:
    """The source of a module that defines ``objects`` under their own names.

    Raises:
        NotAvailable: If there is no source of one, or if it uses what cannot be written down.
    """
    found = _Module()
    for item in objects:
        found.define(item)
    return "\n".join(["from __future__ import annotations\n", *sorted(found.imports), "", *found.parts, ""])


@dataclass(slots=True)
class _Module:
    imports: set[str] = field(default_factory=set[str])
    parts: list[str] = field(default_factory=list[str])
    seen: set[str] = field(default_factory=set[str])

    def define(self, item: Any) -> None:
        """Add a function or class, after what it uses."""
        name = item.__name__
        if name in self.seen:
            return
        self.seen.add(name)
        try:
            text = textwrap.dedent(inspect.getsource(item))
        except (OSError, TypeError) as error:
            raise NotAvailable(f"there is no source of {name}") from error
        if not text.startswith(("class ", "def ", "@")):
            raise NotAvailable(f"{name} is not defined by a statement of its own")
        text = _undecorated(text) if inspect.isfunction(item) else text
        words = {node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)}
        for word, used in _globals_of(item).items():
            if word != name and word in words:
                self._use(word, used)
        self.parts.append(text)

    def _use(self, name: str, used: Any) -> None:
        if name in self.seen:
            return
        if isinstance(used, ModuleType):
            if not _is_installed(used.__name__):
                raise NotAvailable(f"it uses the module {used.__name__}")
            self.imports.add(f"import {used.__name__} as {name}")
        elif isinstance(used, type) or inspect.isroutine(used):
            place = getattr(used, "__module__", None) or ""
            if _is_installed(place):
                self.imports.add(f"from {place} import {used.__name__} as {name}")
            elif used.__name__ == name:
                self.define(used)
            else:
                raise NotAvailable(f"it uses {name}")
        elif getattr(used, "__module__", None) == "typing" and isinstance(getattr(used, "_name", None), str):
            self.imports.add(f"from typing import {used._name} as {name}")
        else:
            self.seen.add(name)
            self.parts.append(f"{name} = {literal(used)}\n")


def _is_installed(module: str) -> bool:
    top = module.partition(".")[0]
    return top in _INSTALLED or (top in sys.stdlib_module_names and top != "__main__")


def _undecorated(text: str) -> str:
    """Without what registers it where it stands."""
    start = re.search(r"^def ", text, re.MULTILINE)
    return text[start.start() :] if start is not None else text


def _globals_of(item: Any) -> Mapping[str, Any]:
    """The names that its code may use: of its module, and of the functions around it."""
    if not isinstance(item, type):
        return {**item.__globals__, **_closure(item)}
    module = sys.modules.get(item.__module__)
    found: dict[str, Any] = dict(vars(module)) if module is not None else {}
    for member in vars(item).values():
        function = inspect.unwrap(getattr(member, "__func__", member))
        if isinstance(function, FunctionType):
            found |= {**function.__globals__, **_closure(function)}
    found |= {base.__name__: base for base in item.__bases__}
    return found


def _closure(function: Any) -> dict[str, Any]:
    names = function.__code__.co_freevars
    found: dict[str, Any] = {}
    for name, cell in zip(names, function.__closure__ or (), strict=True):
        try:
            found[name] = cell.cell_contents
        except ValueError:  # not assigned yet where the function was defined
            continue
    return found
