"""``g`` as a symbolic function of the reference knows it: ``g.op("Elu", x, alpha_f=1.0)``, on our Emitter.

In: an operator (``Elu``, ``onnx::Elu``, ``my.domain::Foo``), values, attributes whose suffix says their type (``_f``
float, ``_i`` int, ``_s`` string, ``_t`` tensor; a list, or ``_fs`` ``_is`` ``_ss`` ``_ts``, several). Out: one value,
or a tuple.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import onnx_ir as ir
import torch
from onnx_ir.tensor_adapters import TorchTensor

from onnx_explore.compat.values import Value, content
from onnx_explore.emit import Emitter
from onnx_explore.errors import InvalidArgument, NotAvailable
from onnx_explore.symbolic.binding import materialize
from onnx_explore.symbolic.lowered import Constant
from onnx_explore.torch_ir import TorchNode

_ATTRIBUTE = re.compile(r"(.+)_(is|fs|ss|ts|[ifstz])")
_PYTHON = {"i": int, "f": float, "s": str}
_FOREIGN = ("aten", "prim", "quantized")


class GraphContext:
    """The ``g`` of one call of a symbolic function.

    Args:
        emitter: Makes the nodes.
        node: The torch node that is lowered.

    Attributes:
        opset: The export's opset.
        original_node: The torch node.
    """

    def __init__(self, emitter: Emitter, node: TorchNode) -> None:
        self._emitter = emitter
        self.original_node = node

    @property
    def opset(self) -> int:
        """The opset of the default domain."""
        return self._emitter.opset

    @property
    def emitter(self) -> Emitter:
        """Our own way to make nodes, for what ``op`` does not offer."""
        return self._emitter

    def op(self, opname: str, *raw_args: Any, outputs: int = 1, **kwargs: Any) -> Any:
        """Make a node.

        Args:
            opname: ``Add``, ``onnx::Add``, or ``domain::Op``.
            *raw_args: Values; Python numbers and tensors become constants; None omits an optional input.
            outputs: How many outputs it has.
            **kwargs: Attributes, with the type's suffix; None means that it is not set.

        Returns:
            The output, or a tuple of ``outputs`` of them.

        Raises:
            InvalidArgument: If a name is wrong.
        """
        domain, op_type = _split(opname)
        attributes = [_attribute(opname, name, item) for name, item in kwargs.items() if item is not None]
        if not domain and op_type == "Constant" and outputs == 1 and not raw_args:
            return Value(self._constant(attributes))
        values = self._inputs(raw_args)
        while values and values[-1] is None:
            values.pop()
        made = self._emitter.raw_op(op_type, values, attributes, outputs, domain)
        return Value(made) if isinstance(made, ir.Value) else tuple(map(Value, made))

    def _constant(self, attributes: Sequence[ir.Attr]) -> ir.Value:
        """A constant is an initializer here; its content is shared where it is small and equal."""
        if len(attributes) != 1:
            raise InvalidArgument(
                "a Constant has one attribute", argument="value", action="write value_t=torch.tensor(…)"
            )
        (item,) = attributes
        if item.type == ir.AttributeType.TENSOR:
            return self._emitter.tensor(torch.from_numpy(item.as_tensor().numpy().copy()))
        if item.type in (ir.AttributeType.STRING, ir.AttributeType.STRINGS):
            plural = "s" if item.type == ir.AttributeType.STRINGS else ""
            return self._emitter.op("Constant", **{f"value_string{plural}": item.value})
        return self._emitter.tensor(torch.tensor(item.value))

    def _inputs(self, raw_args: Sequence[Any]) -> list[ir.Value | None]:
        """Numbers take the element type of the first floating input, so that ``g.op("Mul", x, 0.5)`` fits."""
        given = [item.lowered if isinstance(item, Value) else item for item in raw_args]
        element = next((_element(item) for item in given if _element(item) is not None), torch.float32)
        return [self._input(item, element) for item in given]

    def _input(self, item: Any, element: torch.dtype | None) -> ir.Value | None:
        if item is None or isinstance(item, ir.Value):
            return item
        if isinstance(item, Constant):
            return materialize(self._emitter, item)
        if isinstance(item, torch.Tensor):
            return self._emitter.tensor(item)
        if isinstance(item, float):
            return self._emitter.tensor(torch.tensor(item, dtype=element))
        if isinstance(item, bool | int):
            return self._emitter.const(item)
        if isinstance(item, list | tuple):
            items: list[Any] = list(item)  # pyright: ignore[reportUnknownArgumentType]
            return self._list(items, element)
        raise InvalidArgument(f"{item!r} cannot be an input of a node", argument="args")

    def _list(self, items: list[Any], element: torch.dtype | None) -> ir.Value:
        """A list of numbers as a 1-d tensor; computed sizes are put together."""
        if all(isinstance(entry, bool | int) for entry in items):
            return self._emitter.const([int(entry) for entry in items])
        if all(isinstance(entry, int | float) for entry in items):
            return self._emitter.tensor(torch.tensor(items, dtype=element))
        one = self._emitter.const([-1])
        parts = [self._emitter.op("Reshape", self._input(entry, element), one) for entry in items]
        return self._emitter.op("Concat", *parts, axis=0)

    def onnxscript_op(self, *_: Any, **__: Any) -> Any:
        """Not available yet."""
        raise NotAvailable("onnx-script functions are not available yet", action="compose the nodes with g.op")


def _split(opname: str) -> tuple[str, str]:
    domain, separator, op_type = opname.rpartition("::")
    if not op_type or (separator and not domain):
        raise InvalidArgument(
            f"'{opname}' is not an operator", argument="opname", action='write "Add" or "my.domain::Op"'
        )
    if domain in _FOREIGN:
        raise NotAvailable(
            f"'{opname}' is not an ONNX operator, and PyTorch's own cannot be left in the graph yet",
            argument="opname",
            action="compose it of ONNX operators",
        )
    return ("" if domain in ("onnx", "ai.onnx") else domain), op_type


def _element(item: Any) -> torch.dtype | None:
    """The element type of a floating tensor input."""
    from onnx_explore import dtypes

    if isinstance(item, ir.Value) and item.dtype is not None and item.dtype.is_floating_point():
        return dtypes.to_torch(item.dtype)
    if isinstance(item, Constant) and item.tensor.is_floating_point():
        return item.tensor.dtype
    return None


def _attribute(opname: str, key: str, item: Any) -> ir.Attr:
    """``alpha_f=1.0`` as an ONNX attribute. A value that is constant stands for its content, as in the reference."""
    match = _ATTRIBUTE.fullmatch(key)
    if match is None:
        raise InvalidArgument(
            f"the attribute '{key}' of {opname} does not say its type",
            argument=key,
            action=f"write {key}_f (float), {key}_i (int), {key}_s (string) or {key}_t (tensor)",
        )
    name, suffix = match.groups()
    if isinstance(item, Value):
        item = item.toIValue()
    kind = suffix[0]
    if kind in "tz":
        return _tensors(name, item) if len(suffix) == 2 else _tensor(name, item)
    if isinstance(item, torch.Tensor):
        item = item.tolist()
    several = len(suffix) == 2 or isinstance(item, list | tuple)
    entries: list[Any] = list(item) if isinstance(item, list | tuple) else [item]  # pyright: ignore[reportUnknownArgumentType]
    try:
        plain = [_PYTHON[kind](content(entry.lowered) if isinstance(entry, Value) else entry) for entry in entries]
    except (TypeError, ValueError) as error:
        raise InvalidArgument(
            f"{item!r} cannot be the attribute '{name}' of {opname}, which is {_WORDS[kind]}", argument=key
        ) from error
    return _LISTS[kind](name, plain) if several else _SINGLE[kind](name, plain[0])


_WORDS = {"i": "an int", "f": "a float", "s": "a string"}
_SINGLE: dict[str, Any] = {"i": ir.AttrInt64, "f": ir.AttrFloat32, "s": ir.AttrString}
_LISTS: dict[str, Any] = {"i": ir.AttrInt64s, "f": ir.AttrFloat32s, "s": ir.AttrStrings}


def _as_tensor(item: Any) -> TorchTensor:
    tensor = item if isinstance(item, torch.Tensor) else torch.tensor(item)
    return TorchTensor(tensor.detach().contiguous())


def _tensor(name: str, item: Any) -> ir.Attr:
    return ir.AttrTensor(name, _as_tensor(item))


def _tensors(name: str, items: Any) -> ir.Attr:
    return ir.AttrTensors(name, [_as_tensor(item) for item in items])
