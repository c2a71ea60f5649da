"""Undoing a view: the functional inverse that puts a written part back into the whole.

In: a view node, the whole before the write, the part after it. Out: the whole after it::

    %v = aten::select(%y, 1, 0)          %v' = …
    … %v is written …             ──►    %y' = aten::select_scatter(%y, %v', 1, 0)

Cases:

1. Parts: ``slice``, ``select``, ``narrow``, ``diagonal``, ``as_strided`` → the ``*_scatter`` operators.
2. Orders: ``transpose``, ``permute``, ``movedim``, ``t`` … → the inverse order.
3. Shapes: ``view``, ``reshape``, ``squeeze``, ``unflatten``, ``expand`` to the same number of elements … →
   ``aten::reshape_as`` the whole, so no size is baked. ``unsqueeze`` ↔ ``squeeze`` directly.
4. Pieces: ``split``, ``chunk``, ``unbind`` … → ``aten::cat`` or ``aten::stack`` of all pieces.
5. Everything else (``unfold``, ``expand``, complex views, reinterpreted dtypes) cannot be written through: an error.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

from onnx_explore.errors import UnsupportedOperatorError
from onnx_explore.passes.torch.aliasing import is_complex
from onnx_explore.passes.torch.builder import Argument, Builder
from onnx_explore.passes.torch.schemas import schema_of
from onnx_explore.torch_ir import TorchNode, TorchValue

_UNKNOWN = object()


@dataclass(frozen=True, slots=True)
class Part:
    """A written part that goes back into the whole.

    Attributes:
        b: Where the inverse is built.
        node: The view as captured.
        rest: The view's inputs but the first, as values of the functional graph.
        whole: The whole before the write.
        new: The part after it; a list for a view with many outputs.
        like: The first value of the whole, for its shape.
        captured: The whole as captured: its dtype, shape, strides.
        constants: Python values of constants, by value id.
        writer: The node that wrote.
    """

    b: Builder
    node: TorchNode
    rest: tuple[TorchValue, ...]
    whole: TorchValue
    new: TorchValue
    like: TorchValue
    captured: TorchValue
    constants: Mapping[int, Any]
    writer: TorchNode

    def op(self, target: str, overload: str, *arguments: Argument) -> TorchValue:
        """An operator whose result looks like the whole."""
        return self.b.op(target, overload, *arguments, like=self.captured)

    def constant(self, name: str) -> Any:
        """The Python value of one of the view's arguments, or ``_UNKNOWN``."""
        return self.constants.get(self.argument(name).id, _UNKNOWN)

    def argument(self, name: str) -> TorchValue:
        """One of the view's arguments, by the schema's name."""
        assert self.node.schema is not None
        names = [argument.name for argument in self.node.schema.arguments]
        return self.rest[names.index(name) - 1]

    def refuse(self, reason: str) -> UnsupportedOperatorError:
        """The error for a view that cannot be undone."""
        return UnsupportedOperatorError(
            f"{self.writer.target} writes through the view {self.node.target}: {reason}",
            target=self.node.target,
            where=self.writer.origin.where,
            action="write to a copy (.clone()), or build the new tensor with torch.cat or torch.where",
        )


def put_back(part: Part) -> TorchValue:
    """The whole after its part was written.

    Raises:
        UnsupportedOperatorError: If the view has no inverse.
    """
    undo = _INVERSES.get(part.node.target)
    if undo is None:
        raise part.refuse("this view has no inverse")
    return undo(part)


def _slice(part: Part) -> TorchValue:
    return part.op("aten::slice_scatter", "", part.whole, part.new, *part.rest)


def _select(part: Part) -> TorchValue:
    return part.op("aten::select_scatter", "", part.whole, part.new, *part.rest)


def _narrow(part: Part) -> TorchValue:
    dim, start, length = part.rest
    if start.is_tensor:
        number = part.b.fresh.value("int")
        part.b.call(schema_of("aten::Int", "Tensor"), (start,), (number,))
        start = number
    first, count = part.constants.get(start.id, _UNKNOWN), part.constants.get(length.id, _UNKNOWN)
    end: Argument
    if isinstance(first, int) and isinstance(count, int):
        end = first + count if first >= 0 or first + count < 0 else None
    else:
        end = part.b.fresh.value("int")
        part.b.call(schema_of("aten::add", "int"), (start, length), (end,))
    return part.op("aten::slice_scatter", "", part.whole, part.new, dim, start, end, 1)


def _diagonal(part: Part) -> TorchValue:
    return part.op("aten::diagonal_scatter", "", part.whole, part.new, *part.rest)


def _as_strided(part: Part) -> TorchValue:
    shape, strides = part.captured.shape, part.captured.strides
    if shape is None or strides is None or strides != contiguous_strides(shape):
        raise part.refuse("the layout of the tensor that it looks into is not the standard one")
    return part.op("aten::as_strided_scatter", "", part.whole, part.new, *part.rest)


def _same_operator(part: Part) -> TorchValue:
    """Transpositions that undo themselves: ``t``, ``transpose``, ``swapaxes``, ``numpy_T``, ``mT``."""
    assert part.node.schema is not None
    output = part.b.fresh.value(dtype=part.captured.dtype, shape=part.captured.shape, strides=part.captured.strides)
    part.b.call(part.node.schema, (part.new, *part.rest), (output,))
    return output


def _adjoint(part: Part) -> TorchValue:
    if is_complex(part.captured):
        raise part.refuse("complex numbers are conjugated lazily")
    return part.op("aten::transpose", "int", part.new, -2, -1)


def _permute(part: Part) -> TorchValue:
    dims = part.constants.get(part.rest[0].id, _UNKNOWN)
    if not isinstance(dims, list):
        raise part.refuse("the order of its axes is not constant")
    order: list[int] = dims  # pyright: ignore[reportUnknownVariableType]
    inverse = [0] * len(order)
    for position, axis in enumerate(order):
        inverse[axis % len(order)] = position
    return part.op("aten::permute", "", part.new, inverse)


def _movedim(part: Part) -> TorchValue:
    source, destination = part.rest
    return part.op("aten::movedim", part.node.overload, part.new, destination, source)


def _reshape(part: Part) -> TorchValue:
    return part.op("aten::reshape_as", "", part.new, part.like)


def _view(part: Part) -> TorchValue:
    if part.node.overload == "dtype":
        raise part.refuse("it reads the same bytes as another dtype")
    return _reshape(part)


def _unsqueeze(part: Part) -> TorchValue:
    return part.op("aten::squeeze", "dim", part.new, *part.rest)


def _squeeze(part: Part) -> TorchValue:
    shape = part.captured.shape
    dim = part.constants.get(part.rest[0].id, _UNKNOWN) if part.node.overload == "dim" else _UNKNOWN
    if shape and isinstance(dim, int) and shape[dim] == 1:
        return part.op("aten::unsqueeze", "", part.new, dim)
    return _reshape(part)


def _expand(part: Part) -> TorchValue:
    shape, out = part.captured.shape, part.node.output.shape
    if shape is None or out is None or prod(shape) != prod(out):
        raise part.refuse("several of its elements are one place in memory")
    return _reshape(part)


def _cat(part: Part) -> TorchValue:
    return part.op("aten::cat", "", part.new, part.argument("dim"))


def _stack(part: Part) -> TorchValue:
    return part.op("aten::stack", "", part.new, part.argument("dim"))


def _cat_at(dim: int) -> Callable[[Part], TorchValue]:
    def undo(part: Part) -> TorchValue:
        return part.op("aten::cat", "", part.new, dim)

    return undo


def _hsplit(part: Part) -> TorchValue:
    if part.captured.shape is None:
        raise part.refuse("the rank of the tensor is not known")
    return part.op("aten::cat", "", part.new, 0 if len(part.captured.shape) == 1 else 1)


def _itself(part: Part) -> TorchValue:
    return part.new


def _complex(part: Part) -> TorchValue:
    raise part.refuse("it is a part of a complex tensor, which ONNX does not have")


def contiguous_strides(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Strides of a tensor in the standard layout."""
    strides: list[int] = []
    step = 1
    for size in reversed(shape):
        strides.append(step)
        step *= max(size, 1)
    return tuple(reversed(strides))


_INVERSES: dict[str, Callable[[Part], TorchValue]] = {
    "aten::slice": _slice,
    "aten::select": _select,
    "aten::narrow": _narrow,
    "aten::diagonal": _diagonal,
    "aten::linalg_diagonal": _diagonal,
    "aten::as_strided": _as_strided,
    "aten::t": _same_operator,
    "aten::transpose": _same_operator,
    "aten::swapaxes": _same_operator,
    "aten::swapdims": _same_operator,
    "aten::numpy_T": _same_operator,
    "aten::mT": _same_operator,
    "aten::mH": _adjoint,
    "aten::matrix_H": _adjoint,
    "aten::adjoint": _adjoint,
    "aten::permute": _permute,
    "aten::movedim": _movedim,
    "aten::moveaxis": _movedim,
    "aten::view": _view,
    "aten::view_as": _reshape,
    "aten::reshape": _reshape,
    "aten::reshape_as": _reshape,
    "aten::_unsafe_view": _reshape,
    "aten::_reshape_alias": _reshape,
    "aten::flatten": _reshape,
    "aten::unflatten": _reshape,
    "aten::ravel": _reshape,
    "aten::atleast_1d": _reshape,
    "aten::atleast_2d": _reshape,
    "aten::atleast_3d": _reshape,
    "aten::unsqueeze": _unsqueeze,
    "aten::squeeze": _squeeze,
    "aten::expand": _expand,
    "aten::expand_as": _expand,
    "aten::broadcast_to": _expand,
    "aten::chunk": _cat,
    "aten::split": _cat,
    "aten::split_with_sizes": _cat,
    "aten::unsafe_chunk": _cat,
    "aten::unsafe_split": _cat,
    "aten::unsafe_split_with_sizes": _cat,
    "aten::tensor_split": _cat,
    "aten::hsplit": _hsplit,
    "aten::vsplit": _cat_at(0),
    "aten::dsplit": _cat_at(2),
    "aten::unbind": _stack,
    "prim::unchecked_cast": _itself,
    "aten::_unwrap_optional": _itself,
    "aten::real": _complex,
    "aten::imag": _complex,
    "aten::view_as_real": _complex,
    "aten::view_as_complex": _complex,
}
