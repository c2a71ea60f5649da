"""Which outputs of a node share storage with which of its inputs.

In: a node, and the constants among its inputs. Out: the input whose storage the output shares, and how.

PyTorch's schemas say what *may* be shared (``Tensor(a) -> Tensor(a)``). Four cases need more than the schema:

1. ``reshape``, ``flatten`` … are views only where the strides allow it: decided from the captured strides.
2. ``contiguous``, ``to`` … return the tensor itself if there is nothing to do: decided from strides and dtypes.
3. ``dropout`` in eval mode, ``type_as`` … return the tensor itself, ``atleast_2d``, ``unsafe_chunk`` … views of it, and
   their schemas do not say so.
4. A full slice ``x[:]`` and ``detach`` are the whole tensor again: no view that would have to be undone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from onnx_explore.torch_ir import TorchNode, TorchValue

END = 9223372036854775807


class Sharing(NamedTuple):
    """An output (always the first) shares storage with an input.

    Attributes:
        input: Index of the input.
        whole: Whether the output is the whole input with the same shape, so that nothing has to be undone.
    """

    input: int
    whole: bool


WHOLE = frozenset(
    {
        "aten::_unwrap_optional",
        "aten::alias",
        "aten::cpu",
        "aten::cuda",
        "aten::data",
        "aten::detach",
        "aten::lift",
        "aten::lift_fresh",
        "aten::pin_memory",
        "aten::positive",
        "aten::resolve_conj",
        "aten::resolve_neg",
        "prim::data",
        "prim::unchecked_cast",
    }
)
"""Operators whose result is the whole input, sharing its storage."""

MAYBE_VIEWS = frozenset({"aten::reshape", "aten::reshape_as", "aten::flatten", "aten::ravel"})
"""Views where the strides allow it, else copies."""

CONVERSIONS = frozenset({"aten::to", "aten::type_as", "aten::contiguous", "aten::_to_copy"})
"""The tensor itself if its dtype and memory format are right already, else a copy."""

UNDECLARED = frozenset(
    {
        "aten::atleast_1d",
        "aten::atleast_2d",
        "aten::atleast_3d",
        "aten::unsafe_chunk",
        "aten::unsafe_split",
        "aten::unsafe_split_with_sizes",
    }
)
"""Views whose schemas do not say so."""

DROPOUTS = frozenset({"aten::dropout", "aten::alpha_dropout", "aten::feature_dropout", "aten::feature_alpha_dropout"})
"""The tensor itself outside training, although the schema does not say so."""

REAL_ONLY = frozenset({"aten::real", "aten::conj", "aten::_conj", "aten::conj_physical"})
"""The tensor itself if it is not complex."""


def sharing(node: TorchNode, constants: Mapping[int, Any]) -> Sharing | None:
    """What the first output shares, or None.

    Args:
        node: A node that writes to nothing.
        constants: Python values of the constants among its inputs, by value id.
    """
    target = node.target
    if target in WHOLE:
        # An optional that is known to be there is the same tensor, but what is read must be the tensor.
        return Sharing(0, node.inputs[0].kind == node.outputs[0].kind)
    if not node.outputs or not node.inputs:
        return None
    if target in DROPOUTS:
        return Sharing(0, True) if is_idle_dropout(node, constants) else None
    if target in CONVERSIONS:
        return Sharing(0, True) if _converts_nothing(node, constants) else None
    if target in REAL_ONLY and not is_complex(node.inputs[0]):
        return Sharing(0, True)
    declared = _declared(node)
    if declared is None:
        return None
    if target in MAYBE_VIEWS and not _is_view(node.inputs[0], node.outputs[0]):
        return None
    return Sharing(declared, target == "aten::slice" and is_full_slice(node, constants))


def is_assumed(node: TorchNode) -> bool:
    """Whether the capture does not know enough to decide, so that ``sharing`` is a guess."""
    if not node.inputs or not node.outputs:
        return False
    first, out = node.inputs[0], node.outputs[0]
    if node.target in MAYBE_VIEWS or node.target == "aten::contiguous":
        return first.strides is None or out.shape is None
    if node.target in CONVERSIONS:
        return first.dtype is None or out.dtype is None
    return False


def is_idle_dropout(node: TorchNode, constants: Mapping[int, Any]) -> bool:
    """Whether a dropout drops nothing: not training, or with probability 0."""
    if len(node.inputs) < 3:
        return False
    p, train = node.inputs[1], node.inputs[2]
    return constants.get(train.id) is False or constants.get(p.id) == 0


def is_full_slice(node: TorchNode, constants: Mapping[int, Any]) -> bool:
    """Whether a slice takes everything, such as ``x[:]``."""
    if len(node.inputs) != 5:
        return False
    missing = object()
    start, end, step = (constants.get(value.id, missing) for value in node.inputs[2:])
    return (start is None or start == 0) and (end is None or end == END) and step == 1


def is_complex(value: TorchValue) -> bool:
    """Whether a tensor is, or may be, complex."""
    return value.dtype is None or value.dtype.is_complex


def same_dtype(left: TorchValue, right: TorchValue) -> bool:
    """Whether both dtypes are known and equal."""
    return left.dtype is not None and left.dtype == right.dtype


def _declared(node: TorchNode) -> int | None:
    schema = node.schema
    if node.target == "prim::ListUnpack" or node.target in UNDECLARED:
        return 0
    if schema is None or len(node.outputs) != 1:
        return None
    returned = schema.returns[0]
    for index, argument in enumerate(schema.arguments[: len(node.inputs)]):
        if not argument.alias or argument.written:
            continue
        # Tensor(a)[]: the alias set of the elements is not the list's own, so the return's may be empty.
        names = set(returned.alias.split("|"))
        if "[]" in returned.type or "*" in names or names & set(argument.alias.split("|")):
            return index
    return None


def _converts_nothing(node: TorchNode, constants: Mapping[int, Any]) -> bool:
    first, out = node.inputs[0], node.outputs[0]
    if node.target == "aten::_to_copy":
        return False
    if node.target == "aten::contiguous":
        return first.strides is None or out.strides is None or _same_strides(first, out)
    if not same_dtype(first, out):
        return False
    if node.schema is not None:
        for argument, value in zip(node.schema.arguments, node.inputs, strict=False):
            if argument.name == "copy" and constants.get(value.id, True) is not False:
                return False
    return first.strides is None or out.strides is None or _same_strides(first, out)


def _same_strides(left: TorchValue, right: TorchValue) -> bool:
    if left.shape is None or left.strides is None or right.strides is None:
        return True
    if len(left.strides) != len(right.strides):
        return False
    rows = zip(left.shape, left.strides, right.strides, strict=True)
    return all(size <= 1 or one == other for size, one, other in rows)


def _is_view(first: TorchValue, out: TorchValue) -> bool:
    if first.shape is None or first.strides is None or out.shape is None:
        return True  # what the schema says; see is_assumed
    return reshape_is_view(first.shape, first.strides, out.shape)


def reshape_is_view(shape: tuple[int, ...], strides: tuple[int, ...], new: tuple[int, ...]) -> bool:
    """Whether a reshape can be done without a copy (ATen's ``computeStride``, TensorUtils.cpp)."""
    if 0 in shape:
        return True
    if not shape:
        return True
    position = len(new) - 1
    step = strides[-1]
    old_count = new_count = 1
    for axis in reversed(range(len(shape))):
        old_count *= shape[axis]
        if axis and (shape[axis - 1] == 1 or strides[axis - 1] == old_count * step):
            continue  # this axis and the next outer one are one piece of memory
        while position >= 0 and (new_count < old_count or new[position] == 1):
            new_count *= new[position]
            position -= 1
        if new_count != old_count:
            return False
        if axis:
            step = strides[axis - 1]
            old_count = new_count = 1
    return position == -1
