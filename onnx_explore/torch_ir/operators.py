"""The operator of PyTorch behind a schema: what a node of a TorchGraph is when PyTorch itself runs it.

In: a ``Schema``. Out: a callable that takes a node's inputs, in the schema's order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import torch

from onnx_explore import dtypes
from onnx_explore.torch_ir.graph import Schema


class Operator:
    """An operator of ``torch.ops`` that takes its schema's arguments by position.

    Attributes:
        is_random: Whether it draws random numbers.
        writes: Whether it writes to an argument.
    """

    __slots__ = ("_keywords", "_operator", "is_random", "writes")

    def __init__(self, operator: Any, schema: Schema) -> None:
        self._operator = operator
        self._keywords = tuple(item.name if item.kwarg_only else None for item in schema.arguments)
        self.is_random = torch.Tag.nondeterministic_seeded in getattr(operator, "tags", ())
        self.writes = any(item.written for item in schema.arguments)

    def __call__(self, inputs: Sequence[Any]) -> Any:
        """Run it; what it raises is PyTorch's own."""
        positional = [item for item, name in zip(inputs, self._keywords, strict=False) if name is None]
        keywords = {name: item for item, name in zip(inputs, self._keywords, strict=False) if name is not None}
        return self._operator(*positional, **keywords)


def _of_list(make: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
    """``torch.tensor`` of a list: PyTorch's dispatcher takes no list of a generic type (``t[]``)."""

    def operator(data: Any, *, dtype: int | None = None, **more: Any) -> torch.Tensor:
        more.pop("requires_grad", None)
        return make(data, dtype=None if dtype is None else dtypes.from_scalar_type(dtype), **more)

    return operator


def text_of(elem: Any) -> str:
    """``str`` as TorchScript writes it: ``1.`` for 1.0, and a float with all its digits."""
    if isinstance(elem, list):
        return f"[{', '.join(map(text_of, elem))}]"
    if not isinstance(elem, float):
        return str(elem)
    if elem.is_integer() and abs(elem) < 1e10:
        return f"{int(elem)}."
    return f"{elem:.17g}"


def format_text(template: str, *items: Any) -> str:
    """``template.format(*items)`` as TorchScript writes it: each ``{}`` is the next item."""
    pieces = template.split("{}")
    filled = [piece + text_of(item) for piece, item in zip(pieces, items, strict=False)]
    return "".join(filled) + "{}".join(pieces[len(filled) :])


_OF_LISTS = {"aten::tensor": _of_list(torch.tensor), "aten::as_tensor": _of_list(torch.as_tensor)}


@lru_cache(maxsize=4096)
def operator_of(schema: Schema) -> Operator | None:
    """The operator behind a schema, or None if PyTorch does not know it."""
    if schema.name in _OF_LISTS and schema.arguments[0].type == "t[]":
        return Operator(_OF_LISTS[schema.name], schema)
    if schema.name == "aten::str":  # of a generic type, too
        return Operator(text_of, schema)
    namespace, _, name = schema.name.partition("::")
    if schema.name == "aten::view" and not schema.overload:
        name = "reshape"  # what made the tensor contiguous may be gone: it does not change a value
    packet = getattr(getattr(torch.ops, namespace, None), name, None)
    operator = getattr(packet, schema.overload or "default", None) if packet is not None else None
    return Operator(operator, schema) if operator is not None else None
