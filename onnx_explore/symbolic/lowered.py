"""What a torch value has become during lowering: the values of the lowering's environment.

``Constant`` holds a tensor that is known at export and not (yet) an initializer; an ``onnx_ir.Value`` stands for what is
known only when the model runs (``Complex`` if it is complex); Python numbers, strings, None and tuples of all these stand for
themselves. A list whose length is known is a tuple, else an ``onnx_ir.Value`` of sequence type (``is_sequence``).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import onnx_ir as ir
import torch


@dataclass(frozen=True, slots=True, eq=False)
class Constant:
    """A tensor known at export.

    Attributes:
        tensor: The tensor; a parameter's is the model's own, not a copy.
        name: Initializer name to use, or ``""``.
        lineage: How it comes from parameters, such as ``fc.weight → aten::t``; empty if it does not.
    """

    tensor: torch.Tensor
    name: str = ""
    lineage: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Complex:
    """A complex tensor that is known only when the model runs. ONNX has no operators for complex numbers.

    Attributes:
        pairs: Real and imaginary parts side by side, in a last dimension of size 2.
    """

    pairs: ir.Value


@dataclass(frozen=True, slots=True, eq=False)
class Maybe:
    """An optional of which only the running model knows whether it is None.

    Attributes:
        present: Whether it is not None: a 0-d bool.
        value: What it is then; something of the same type that nobody looks at, else.
    """

    present: ir.Value
    value: Any


@dataclass(frozen=True, slots=True, eq=False)
class Dictionary:
    """A dict whose keys are known at export.

    Attributes:
        keys: In order of insertion.
        values: One per key.
    """

    keys: tuple[Any, ...]
    values: tuple[Any, ...]


class Undefined:
    """The type of ``UNDEFINED``."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "a value that is never read"


UNDEFINED = Undefined()
"""What a branch that was left by ``return``, ``break`` or an exception gives for a value that nobody reads."""

Lowered = (
    ir.Value
    | Constant
    | Complex
    | Maybe
    | Dictionary
    | Undefined
    | int
    | float
    | bool
    | complex
    | str
    | None
    | tuple[Any, ...]
    | torch.device
)


def is_sequence(item: object) -> bool:
    """Whether it is a list whose length only the running model knows."""
    return isinstance(item, ir.Value) and isinstance(item.type, ir.SequenceType)


def leaves(item: Lowered) -> Iterator[Lowered]:
    """The tensors, numbers and other single things that a structure holds."""
    if isinstance(item, tuple):
        for entry in item:
            yield from leaves(entry)
    elif isinstance(item, Dictionary):
        yield from leaves(item.values)
    elif isinstance(item, Maybe):
        yield item.present
        yield from leaves(item.value)
    else:
        yield item
