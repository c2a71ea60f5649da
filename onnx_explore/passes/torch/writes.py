"""What a writing operator writes, computed without writing.

In: a node such as ``aten::add_``, what it writes to, its other inputs. Out: the new value, with the dtype and the shape
that PyTorch's in-place operator keeps::

    %1 = aten::add_(%half, %float, %one)   ──►   %5 = aten::add(%half, %float, %one)
                                                 %6 = aten::to(%5, float16)

Cases:

1. ``copy_``: the source, cast and broadcast where it differs; ``fill_``, ``zero_``: ``full_like``, ``zeros_like``.
2. ``fill_diagonal_`` of a matrix: ``diagonal_scatter``.
3. Everything else ending in ``_``, and ``out=``: the functional operator of the same name and arguments. A cast follows
   where type promotion or a comparison gives another dtype. In-place operators never grow ``self``, so only case 1
   has to broadcast.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import Any

import torch

from onnx_explore import dtypes
from onnx_explore.errors import UnsupportedOperatorError
from onnx_explore.passes.torch.builder import Argument, Builder
from onnx_explore.passes.torch.schemas import functional_counterpart
from onnx_explore.torch_ir import Schema, TorchNode, TorchValue

_BOOLEAN = frozenset(
    {
        "aten::eq_",
        "aten::ne_",
        "aten::not_equal_",
        "aten::lt_",
        "aten::less_",
        "aten::le_",
        "aten::less_equal_",
        "aten::gt_",
        "aten::greater_",
        "aten::ge_",
        "aten::greater_equal_",
        "aten::logical_and_",
        "aten::logical_or_",
        "aten::logical_xor_",
        "aten::logical_not_",
    }
)
"""Their functional counterparts return bool, whatever ``self`` is."""

_KEEP_DTYPE = ("index", "_index", "masked", "scatter", "put", "embedding", "lerp", "addmm", "addmv", "addr", "baddbmm")
"""First words of operators whose result has the dtype of ``self`` whatever the other tensors are."""

METADATA_WRITES = frozenset(
    {
        "aten::squeeze_",
        "aten::unsqueeze_",
        "aten::transpose_",
        "aten::swapaxes_",
        "aten::swapdims_",
        "aten::t_",
        "aten::as_strided_",
    }
)
"""Operators that change which part of its storage a tensor shows, and write no element."""

NO_WRITES = frozenset({"aten::detach_", "aten::requires_grad_", "aten::retain_grad", "aten::record_stream"})
"""Operators that declare a write and change no element and no shape."""


def is_out_variant(schema: Schema) -> bool:
    """Whether it writes to keyword arguments only (``out=``)."""
    return all(argument.kwarg_only for argument in schema.arguments if argument.written)


def new_value(
    b: Builder,
    node: TorchNode,
    captured: TorchValue,
    current: Callable[[], TorchValue],
    like: Callable[[], TorchValue],
    inputs: Sequence[TorchValue],
    constants: Mapping[int, Any],
) -> TorchValue:
    """What an in-place operator leaves in its ``self``.

    Args:
        b: Where it is built.
        node: The in-place operator.
        captured: ``self`` as captured.
        current: Gives the value of ``self`` before the write.
        like: Gives some value of the shape and dtype of ``self``.
        inputs: The other inputs.
        constants: Python values of constants, by value id.

    Raises:
        UnsupportedOperatorError: If no functional operator does the same.
    """
    match node.target:
        case "aten::zero_":
            return b.op("aten::zeros_like", "", like(), like=captured)
        case "aten::fill_":
            return _filled(b, captured, like, inputs[0], constants)
        case "aten::copy_" if _is_number(inputs[0], constants):
            return _filled(b, captured, like, inputs[0], constants)
        case "aten::copy_":
            return _copied(b, captured, like, inputs[0], constants)
        case "aten::index_put_" | "aten::_index_put_impl_":
            indices, values, *rest = inputs
            return _computed(b, node, captured, current, (indices, _with_ones(b, values, constants), *rest), constants)
        case "aten::fill_diagonal_":
            return _filled_diagonal(b, node, captured, current, inputs, constants)
        case _:
            return _computed(b, node, captured, current, inputs, constants)


def new_outputs(
    b: Builder,
    node: TorchNode,
    outs: Sequence[TorchValue],
    likes: Sequence[Callable[[], TorchValue]],
    inputs: Sequence[TorchValue],
    constants: Mapping[int, Any],
) -> list[TorchValue]:
    """What an ``out=`` operator leaves in its ``out`` tensors.

    Args:
        b: Where it is built.
        node: The operator.
        outs: What it writes to, as captured after the write.
        likes: For each of them, gives some value of its dtype.
        inputs: All inputs; those written to are not looked at.
        constants: Python values of constants, by value id.

    Raises:
        UnsupportedOperatorError: If no functional operator does the same.
    """
    assert node.schema is not None
    functional = _functional(node)
    given = dict(zip((argument.name for argument in node.schema.arguments), inputs, strict=True))
    arguments: list[Argument] = [given.get(argument.name, argument.default) for argument in functional.arguments]
    tensors = [
        value
        for value, argument in zip(inputs, node.schema.arguments, strict=True)
        if not argument.written and not _is_number(value, constants)
    ]
    # Tensors of one dtype give that dtype, if they give the dtype of `out` at all; comparisons give bool.
    alike = {value.dtype for value in tensors} if f"{node.target}_" not in _BOOLEAN else {torch.bool}
    natural = tuple(b.fresh.value(dtype=out.dtype if alike == {out.dtype} else None, shape=out.shape) for out in outs)
    b.call(functional, arguments, natural)
    return [
        value if value.dtype is not None else _cast(b, value, out, like)
        for value, out, like in zip(natural, outs, likes, strict=True)
    ]


def _functional(node: TorchNode) -> Schema:
    assert node.schema is not None
    functional = functional_counterpart(node.schema)
    if functional is None:
        raise UnsupportedOperatorError(
            "it writes to its arguments, and PyTorch has no operator that does the same without writing",
            target=node.target,
            where=node.origin.where,
            action="use the out-of-place form in the model",
        )
    return functional


def _computed(
    b: Builder,
    node: TorchNode,
    captured: TorchValue,
    current: Callable[[], TorchValue],
    inputs: Sequence[TorchValue],
    constants: Mapping[int, Any],
) -> TorchValue:
    assert node.schema is not None
    functional = _functional(node)
    before = current()
    names = [argument.name for argument in node.schema.arguments[1:]]
    given = dict(zip(names, inputs, strict=True))
    arguments: list[Argument] = [before]
    arguments += [given.get(argument.name, argument.default) for argument in functional.arguments[1:]]
    dtype = _natural_dtype(node, captured, inputs, constants)
    if dtype is not None and dtype == captured.dtype:
        output = b.fresh.value(dtype=dtype, shape=captured.shape, strides=captured.strides)
        b.call(functional, arguments, (output,))
        return output
    output = b.fresh.value(dtype=dtype, shape=captured.shape)
    b.call(functional, arguments, (output,))
    if captured.dtype is None and node.target not in _BOOLEAN and not _other_tensors(node, inputs, constants):
        return output
    return _cast(b, output, captured, lambda: before)


def _is_number(value: TorchValue, constants: Mapping[int, Any]) -> bool:
    """Whether it is a Python number, which PyTorch may pass where a tensor is asked for (``x += 2``)."""
    return not value.is_tensor or isinstance(constants.get(value.id), int | float | complex)


def _other_tensors(node: TorchNode, inputs: Sequence[TorchValue], constants: Mapping[int, Any]) -> list[TorchValue]:
    """The tensors that take part in type promotion; a Python number does not."""
    if node.target.removeprefix("aten::").startswith(_KEEP_DTYPE):
        return []
    return [value for value in inputs if not _is_number(value, constants)]


def _natural_dtype(
    node: TorchNode, captured: TorchValue, inputs: Sequence[TorchValue], constants: Mapping[int, Any]
) -> torch.dtype | None:
    """The dtype of the functional operator's result, or None where it cannot be told."""
    if node.target in _BOOLEAN:
        return torch.bool
    others = _other_tensors(node, inputs, constants)
    if captured.dtype is None or not others:
        return captured.dtype
    if any(value.dtype is None for value in others):
        return None
    if all(value.dtype == captured.dtype for value in others):
        return captured.dtype
    if captured.shape is None or any(value.shape is None for value in others):
        return None
    # Type promotion ranks 0-d tensors below all others.
    ranked = [captured, *others]
    arrays = [value.dtype for value in ranked if value.shape and value.dtype is not None]
    numbers = [value.dtype for value in ranked if not value.shape and value.dtype is not None]
    if not arrays or not numbers:
        return reduce(torch.promote_types, arrays or numbers)
    array = torch.empty(1, dtype=reduce(torch.promote_types, arrays), device="meta")
    return torch.result_type(array, torch.empty((), dtype=reduce(torch.promote_types, numbers), device="meta"))


def _cast(b: Builder, value: TorchValue, captured: TorchValue, reference: Callable[[], TorchValue]) -> TorchValue:
    """``value`` in the dtype of ``captured``; where that is not known, of what ``reference`` gives at run time."""
    if captured.dtype not in dtypes.SCALAR_TYPES:
        return b.op("aten::type_as", "", value, reference(), dtype=captured.dtype, shape=value.shape)
    code = dtypes.SCALAR_TYPES.index(captured.dtype)
    return b.op("aten::to", "dtype", value, code, False, False, None, dtype=captured.dtype, shape=value.shape)


def _copied(
    b: Builder,
    captured: TorchValue,
    like: Callable[[], TorchValue],
    source: TorchValue,
    constants: Mapping[int, Any],
) -> TorchValue:
    value = _unbroadcast(b, captured, source, constants)
    if captured.dtype is None or value.dtype != captured.dtype:
        value = _cast(b, value, captured, like)
    if captured.shape is not None and value.shape == captured.shape and 1 not in captured.shape:
        return value  # a size 1 is left to the lowering: in the next run, what is written to may have more there
    return b.op("aten::expand_as", "", value, like(), dtype=captured.dtype, shape=captured.shape)


def _unbroadcast(b: Builder, captured: TorchValue, source: TorchValue, constants: Mapping[int, Any]) -> TorchValue:
    """The source before Python's indexing (``y[:] = row``) gave it the sizes of that one run.

    It drops leading axes of size 1 with ``aten::view``, then broadcasts with ``aten::expand``, both with fixed sizes.
    """
    shape = captured.shape
    value = source
    node = b.producers.get(value.id)
    if node is not None and node.target == "aten::expand" and constants.get(node.inputs[1].id) == list(shape or ()):
        value = node.inputs[0]
    whole = _with_ones(b, value, constants)
    if whole is value or whole.shape is None or shape is None:
        return value
    before, value = whole.shape, whole
    for excess in range(len(before), len(shape), -1):
        smaller = before[len(before) - excess + 1 :]
        value = b.op("aten::squeeze", "dim", value, 0, dtype=source.dtype, shape=smaller)
    return value


def _with_ones(b: Builder, value: TorchValue, constants: Mapping[int, Any]) -> TorchValue:
    """The tensor before Python's indexing dropped its leading axes of size 1, one of which may be longer in the next run."""
    node = b.producers.get(value.id)
    if node is None or node.target != "aten::view" or node.overload:
        return value
    before = node.inputs[0].shape
    dropped = before is not None and constants.get(node.inputs[1].id) == _without_leading_ones(before)
    return node.inputs[0] if dropped else value


def _without_leading_ones(shape: tuple[int, ...]) -> list[int]:
    first = next((index for index, size in enumerate(shape) if size != 1), len(shape))
    return list(shape[first:])


def _filled(
    b: Builder,
    captured: TorchValue,
    like: Callable[[], TorchValue],
    fill: TorchValue,
    constants: Mapping[int, Any],
) -> TorchValue:
    if not fill.is_tensor:
        return b.op("aten::full_like", "", like(), fill, like=captured)
    known = constants.get(fill.id)
    if isinstance(known, torch.Tensor) and known.numel() == 1 and not known.is_complex():
        known = known.item()
    if isinstance(known, int | float):  # bool, too
        return b.op("aten::full_like", "", like(), known, like=captured)
    return _copied(b, captured, like, fill, constants)


def _filled_diagonal(
    b: Builder,
    node: TorchNode,
    captured: TorchValue,
    current: Callable[[], TorchValue],
    inputs: Sequence[TorchValue],
    constants: Mapping[int, Any],
) -> TorchValue:
    fill, wrap = inputs
    if captured.shape is None or len(captured.shape) != 2 or constants.get(wrap.id) is not False:
        raise UnsupportedOperatorError(
            "only the plain diagonal of a matrix can be filled",
            target=node.target,
            where=node.origin.where,
            action="write through torch.diagonal",
        )
    before = current()
    count = min(captured.shape)
    diagonal = b.op("aten::diagonal", "", before, 0, 0, 1, dtype=captured.dtype, shape=(count,))
    filled = b.op("aten::full_like", "", diagonal, fill, dtype=captured.dtype, shape=(count,))
    return b.op("aten::diagonal_scatter", "", before, filled, 0, 0, 1, like=captured)
