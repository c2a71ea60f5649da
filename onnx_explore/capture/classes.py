"""Which class a called module has, Python's or a script's.

In: a module, scripted or not. Out: its class, as far as Python knows it, and the class's names. A script keeps the name of the
class that it was made from, a model that was loaded has nothing else: that name is then looked for among the modules that are
imported already, and nothing is imported for it.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass

import torch

from onnx_explore.capture.torch_api import script_class

_MANGLED = re.compile(r"___torch_mangle_\d+\.")
_ROOT = "__torch__"


@dataclass(frozen=True, slots=True)
class CalledModule:
    """A module that was called.

    Attributes:
        module: The module.
        kind: Its class; of a scripted module the one that was scripted, or None if that is not known here.
        domain: The Python module of the class.
        name: The class's name.
    """

    module: torch.nn.Module
    kind: type | None
    domain: str
    name: str

    def one_of(self, kinds: frozenset[type]) -> type | None:
        """Its class, if it is one of these; where only its name is known, that decides."""
        if self.kind is not None:
            return self.kind if self.kind in kinds else None
        return next((kind for kind in kinds if (kind.__module__, kind.__name__) == (self.domain, self.name)), None)


def called_module(module: torch.nn.Module) -> CalledModule:
    """A module with its class."""
    kind: type | None = type(module)
    if isinstance(module, torch.jit.ScriptModule):
        kind, qualified = script_class(module)
        domain, _, name = _MANGLED.sub("", qualified).removeprefix(f"{_ROOT}.").rpartition(".")
        kind = kind or _imported(domain or "__main__", name)
        if kind is None:
            return CalledModule(module, None, domain or "__main__", name)
    return CalledModule(module, kind, kind.__module__, kind.__name__)


def _imported(domain: str, name: str) -> type | None:
    """The module class of this name, if Python has it already."""
    found: object = vars(sys.modules[domain]).get(name) if domain in sys.modules else None
    return found if isinstance(found, type) and issubclass(found, torch.nn.Module) else None
