"""Binding: a node's inputs, by the ATen schema's names, become the arguments of a symbolic function, by its annotations.

In: the schema, the lowered inputs, the function. Out: keyword arguments. An argument that the function does not name must
hold its schema default, or one of those that say nothing about the result (device, layout …): nothing is ignored in silence.
"""

from __future__ import annotations

import inspect
import keyword
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import onnx_ir as ir
import torch

from onnx_explore import dtypes
from onnx_explore.emit import Emitter, shapes
from onnx_explore.errors import InvalidArgument, NotConstant, UnsupportedOperatorError
from onnx_explore.symbolic.lowered import Complex, Constant, Grid, Lowered, Maybe, PackedCell, PackedWeight, Quantized
from onnx_explore.symbolic.registry import Function
from onnx_explore.torch_ir import Schema

SILENT = frozenset(
    {"device", "layout", "pin_memory", "non_blocking", "memory_format", "generator", "requires_grad", "cudnn_enabled"}
)
"""Schema arguments that do not change the result and need not be named by a symbolic function."""

_MISSING = object()


class Bound(NamedTuple):
    """How one schema argument reaches the function."""

    name: str
    place: int
    convert: Callable[[Emitter, Lowered], Any] | None
    default: Any
    type: str
    parameter: str = ""


@lru_cache(maxsize=8192)
def plan(schema: Schema, function: Function) -> tuple[Bound, ...]:
    """Match a function's parameters with a schema's arguments.

    Raises:
        InvalidArgument: If the function names a parameter that the schema does not have, or uses an unknown annotation.
    """
    parameters = list(inspect.signature(function).parameters.values())[1:]  # without g
    wanted = {_schema_name(parameter.name): parameter for parameter in parameters}
    if _is_on_numbers(schema, wanted):
        positions = zip(schema.arguments, parameters, strict=False)
        wanted = {argument.name: parameter for argument, parameter in positions} | {
            parameter.name: parameter for parameter in parameters[len(schema.arguments) :]
        }
    rows: list[Bound] = []
    known: set[str] = set()
    hints = _hints(function)
    for index, argument in enumerate(schema.arguments):
        known.add(argument.name)
        parameter = wanted.get(argument.name)
        default = argument.default if argument.has_default else _MISSING
        if parameter is None:
            if argument.name not in SILENT:
                rows.append(Bound(argument.name, index, None, default, argument.type))
            continue
        text = hints.get(parameter.name, "")
        convert = _CONVERTERS.get(text)
        if convert is None:
            raise InvalidArgument(
                f"annotation '{text}' is not one that can be bound",
                target=schema.name,
                argument=argument.name,
                action=f"use one of {', '.join(sorted(_CONVERTERS))}",
            )
        rows.append(Bound(argument.name, index, convert, default, argument.type, parameter.name))
    strangers = [
        name for name, parameter in wanted.items() if name not in known and parameter.default is inspect.Parameter.empty
    ]
    if strangers:
        raise InvalidArgument(
            f"the symbolic function names '{strangers[0]}', and the schema is {schema.text}",
            target=schema.name,
            argument=strangers[0],
            action="name parameters as the schema does",
        )
    return tuple(rows)


def _schema_name(parameter: str) -> str:
    """The schema's name of a parameter: ``from_`` stands for ``from``, which Python reserves."""
    return parameter[:-1] if parameter.endswith("_") and keyword.iskeyword(parameter[:-1]) else parameter


def _is_on_numbers(schema: Schema, wanted: Mapping[str, inspect.Parameter]) -> bool:
    """Whether this is the overload on Python numbers of a tensor operator: ``aten::add.int(int a, int b)``. It calls its
    arguments otherwise, so they are bound by position.
    """
    names = {argument.name for argument in schema.arguments}
    return names <= {"a", "b", "x", "y"} and not names & wanted.keys() and len(wanted) >= len(names)


def bind(g: Emitter, schema: Schema, function: Function, inputs: Sequence[Lowered]) -> dict[str, Any]:
    """The keyword arguments for one call.

    Raises:
        NotConstant: If an argument must be constant and is not.
        UnsupportedOperatorError: If an argument that the function does not handle differs from its default.
    """
    arguments: dict[str, Any] = {}
    for row in plan(schema, function):
        if row.place < len(inputs):
            item = inputs[row.place]
        elif row.default is not _MISSING:
            item = row.default
        else:
            raise UnsupportedOperatorError("a required argument is missing", target=schema.name, argument=row.name)
        if row.convert is None:
            if not _is_default(item, row.default):
                raise UnsupportedOperatorError(
                    f"the value {_show(item)} is not supported, only the default",
                    target=schema.name,
                    argument=row.name,
                )
            continue
        try:
            arguments[row.parameter] = row.convert(g, item)
        except NotConstant as error:
            raise NotConstant(
                error.message, target=schema.name, argument=row.name, action=error.action
            ) from error.__cause__
        except _Mismatch as error:
            raise UnsupportedOperatorError(
                f"expected {error.wanted}, found {_show(item)}",
                target=schema.name,
                argument=row.name,
                action="call it in two branches, one where this is None and one where it is not"
                if isinstance(item, Maybe)
                else "",
            ) from error
    return arguments


def _is_default(item: Lowered, default: Any) -> bool:
    if default is _MISSING:
        return False
    if isinstance(item, ir.Value | Constant) or isinstance(default, torch.Tensor):
        return False
    if isinstance(item, tuple):
        return list(item) == (list(default) if isinstance(default, list | tuple) else default)
    return item == default


def _show(item: Lowered) -> str:
    if isinstance(item, ir.Value):
        return f"the tensor '{item.name}'"
    if isinstance(item, Maybe):
        return "something that may be None, which only the running model knows"
    return "a constant tensor" if isinstance(item, Constant) else repr(item)


class _Mismatch(TypeError):
    def __init__(self, wanted: str) -> None:
        self.wanted = wanted
        super().__init__(wanted)


# -- converters, by annotation ------------------------------------------------------------------------------------------


def _tensor(g: Emitter, item: Lowered) -> ir.Value:
    if isinstance(item, ir.Value):
        return item
    if isinstance(item, Constant):
        return materialize(g, item)
    if isinstance(item, bool | int):
        return g.const(item)
    if isinstance(item, float):
        return g.tensor(torch.tensor(item))
    raise _Mismatch("a tensor")


def _tensors(g: Emitter, item: Lowered) -> list[ir.Value]:
    if isinstance(item, tuple):
        return [_tensor(g, entry) for entry in item]
    raise _Mismatch("a list of tensors whose length is known")


def _optional_tensors(g: Emitter, item: Lowered) -> list[ir.Value | None]:
    if isinstance(item, tuple):
        return [None if entry is None else _tensor(g, entry) for entry in item]
    raise _Mismatch("a list of tensors whose length is known")


def _constant(g: Emitter, item: Lowered) -> Any:
    if isinstance(item, Constant):
        if item.tensor.numel() != 1:
            raise _Mismatch("one number")
        return item.tensor.item()
    if isinstance(item, ir.Value):
        known = g.known(item)
        if known is not None and known.size == 1:
            return known.reshape(-1)[0].item()
        raise NotConstant(
            "its value is only known when the model runs, and must be known at export",
            action="pass a Python number that does not depend on an input or on a dynamic axis",
        )
    return item


def _int(g: Emitter, item: Lowered) -> int:
    number = _constant(g, item)
    if isinstance(number, bool | int):
        return int(number)
    if isinstance(number, float) and number.is_integer():
        return int(number)
    raise _Mismatch("an int")


def _float(g: Emitter, item: Lowered) -> float:
    number = _constant(g, item)
    if isinstance(number, bool | int | float):
        return float(number)
    raise _Mismatch("a float")


def _bool(g: Emitter, item: Lowered) -> bool:
    number = _constant(g, item)
    if isinstance(number, bool | int):
        return bool(number)
    raise _Mismatch("a bool")


def _str(g: Emitter, item: Lowered) -> str:
    if isinstance(item, str):
        return item
    raise _Mismatch("a string")


def _scalar(g: Emitter, item: Lowered) -> Any:
    if isinstance(item, Constant):
        return item.tensor.item() if item.tensor.numel() == 1 else materialize(g, item)
    if isinstance(item, ir.Value | bool | int | float | complex):
        return item
    raise _Mismatch("a number")


_NUMBER_TYPES = (torch.float64, torch.int64, torch.bool, torch.complex128)


def _operand(g: Emitter, item: Lowered) -> Any:
    """A trace writes the number in ``x * 2`` as a 0-d constant tensor of one of these types."""
    if isinstance(item, Constant):
        if item.tensor.dim() == 0 and item.tensor.dtype in _NUMBER_TYPES:
            return item.tensor.item()
        return materialize(g, item)
    if isinstance(item, ir.Value | bool | int | float | complex):
        return item
    raise _Mismatch("a tensor or a number")


def _dim(g: Emitter, item: Lowered) -> int | ir.Value:
    if isinstance(item, ir.Value):
        return shapes.simplified(g, item)
    return _int(g, item)


def _dtype(g: Emitter, item: Lowered) -> ir.DataType:
    if isinstance(item, int):
        return dtypes.to_onnx(dtypes.from_scalar_type(item))
    raise _Mismatch("a dtype")


def _list_of(convert: Callable[[Emitter, Lowered], Any], wanted: str) -> Callable[[Emitter, Lowered], list[Any]]:
    def many(g: Emitter, item: Lowered) -> list[Any]:
        if isinstance(item, tuple | list):
            return [convert(g, entry) for entry in item]
        if isinstance(item, Constant) and item.tensor.dim() == 1:
            return item.tensor.tolist()
        if isinstance(item, ir.Value) and item.shape is not None and len(item.shape) == 1:
            return _elements(g, item, convert)
        if item is None:
            raise _Mismatch(wanted)
        return [convert(g, item)]  # `int[2] kernel_size` takes a bare int, too

    return many


def _elements(g: Emitter, item: ir.Value, convert: Callable[[Emitter, Lowered], Any]) -> list[Any]:
    """The elements of a 1-d tensor whose length is known, each a number or a 0-d value."""
    assert item.shape is not None
    length = item.shape[0]
    if not isinstance(length, int):
        raise NotConstant("its length is only known when the model runs", action="use a list of known length")
    return [convert(g, g.op("Gather", item, g.const(index), axis=0)) for index in range(length)]


def _optional(convert: Callable[[Emitter, Lowered], Any]) -> Callable[[Emitter, Lowered], Any]:
    def maybe(g: Emitter, item: Lowered) -> Any:
        return None if item is None else convert(g, item)

    return maybe


def _complex(g: Emitter, item: Lowered) -> ir.Value:
    """The pairs of a complex tensor."""
    if isinstance(item, Complex):
        return item.pairs
    if isinstance(item, Constant) and item.tensor.is_complex():
        return g.tensor(torch.view_as_real(item.tensor.resolve_conj()))
    raise _Mismatch("a complex tensor")


def _complexes(g: Emitter, item: Lowered) -> list[ir.Value]:
    if isinstance(item, tuple):
        return [_complex(g, entry) for entry in item]
    raise _Mismatch("a list of complex tensors whose length is known")


def _quantized(g: Emitter, item: Lowered) -> Quantized:
    if isinstance(item, Quantized):
        return item
    if isinstance(item, Constant) and item.tensor.is_quantized:
        return quantized_constant(g, item)
    raise _Mismatch("a quantized tensor")


def _several_quantized(g: Emitter, item: Lowered) -> list[Quantized]:
    if isinstance(item, tuple):
        return [_quantized(g, entry) for entry in item]
    raise _Mismatch("a list of quantized tensors whose length is known")


def _packed_weight(g: Emitter, item: Lowered) -> PackedWeight:
    if isinstance(item, PackedWeight):
        return item
    raise _Mismatch("packed weights of a quantized layer")


def _packed_cells(g: Emitter, item: Lowered) -> list[PackedCell]:
    if isinstance(item, tuple):
        cells = [entry for entry in item if isinstance(entry, PackedCell)]
        if len(cells) == len(item):
            return cells
    raise _Mismatch("a list of packed weights of recurrent cells")


def _anything(g: Emitter, item: Lowered) -> Any:
    return item


_PLAIN: dict[str, Callable[[Emitter, Lowered], Any]] = {
    "Tensor": _tensor,
    "Complex": _complex,
    "list[Complex]": _complexes,
    "list[Tensor]": _tensors,
    "list[Tensor | None]": _optional_tensors,
    "int": _int,
    "float": _float,
    "bool": _bool,
    "str": _str,
    "Scalar": _scalar,
    "Operand": _operand,
    "Dim": _dim,
    "DType": _dtype,
    "list[int]": _list_of(_int, "a list of ints"),
    "list[float]": _list_of(_float, "a list of floats"),
    "list[bool]": _list_of(_bool, "a list of bools"),
    "list[Dim]": _list_of(_dim, "a list of sizes"),
    "list[Scalar]": _list_of(_scalar, "a list of numbers"),
    "Quantized": _quantized,
    "list[Quantized]": _several_quantized,
    "PackedWeight": _packed_weight,
    "list[PackedCell]": _packed_cells,
    "Any": _anything,
}
_CONVERTERS = _PLAIN | {f"{_text} | None": _optional(_convert) for _text, _convert in _PLAIN.items()}


def materialize(g: Emitter, constant: Constant) -> ir.Value:
    """A constant tensor as an initializer."""
    return g.tensor(constant.tensor, name=constant.name, lineage=constant.lineage)


def quantized_constant(g: Emitter, constant: Constant) -> Quantized:
    """A constant quantized tensor: its integers as an initializer, its scales and zero points as constants."""
    tensor = constant.tensor
    integers = g.tensor(tensor.int_repr(), name=constant.name, lineage=constant.lineage)
    if tensor.qscheme() in (torch.per_tensor_affine, torch.per_tensor_symmetric):
        return Quantized(integers, Grid(tensor.q_scale(), tensor.q_zero_point()))
    points = tensor.q_per_channel_zero_points()
    return Quantized(
        integers,
        Grid(
            g.tensor(tensor.q_per_channel_scales().float()),
            g.tensor(points if points.is_floating_point() else points.to(dtypes.to_torch(g.dtype(integers)))),
            tensor.q_per_channel_axis(),
        ),
    )


@lru_cache(maxsize=4096)
def _hints(function: Function) -> dict[str, str]:
    """Annotations as canonical text, whether they were written as strings or as objects."""
    raw = getattr(function, "__annotations__", {})
    return {name: _spell(item) for name, item in raw.items()}


def _spell(annotation: Any) -> str:
    if isinstance(annotation, str):
        plain = annotation.replace("shapes.", "").replace("torch.Tensor", "Tensor").replace("ir.Value", "Tensor")
        return plain.replace("Optional[Tensor]", "Tensor | None").strip()
    if annotation is ir.Value:
        return "Tensor"
    if annotation is ir.DataType:
        return "DType"
    if annotation is type(None) or annotation is None:
        return "None"
    if annotation == shapes.Dim:
        return "Dim"
    if annotation == int | float | bool | complex | ir.Value:
        return "Operand"
    origin = typing.get_origin(annotation)
    if origin is list:
        return f"list[{_spell(typing.get_args(annotation)[0])}]"
    if origin in (types.UnionType, typing.Union):
        parts = typing.get_args(annotation)
        rest = tuple(part for part in parts if part is not type(None))
        inner = _spell(rest[0]) if len(rest) == 1 else _spell(typing.Union[rest])  # noqa: UP007
        return f"{inner} | None" if len(rest) < len(parts) else " | ".join(_spell(part) for part in parts)
    return getattr(annotation, "__name__", str(annotation))
