"""What a torch value has become during lowering: the values of the lowering's environment.

``Constant`` holds a tensor that is known at export and not (yet) an initializer; an ``onnx_ir.Value`` stands for what is
known only when the model runs (``Complex`` if it is complex, ``Quantized`` if it is quantized); Python numbers, strings, None
and tuples of all these stand for themselves. A list whose length is known is a tuple, else an ``onnx_ir.Value`` of sequence
type (``is_sequence``) if it holds tensors, ``Columns`` if it holds anything else.
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
class Grid:
    """What a quantized tensor's integers mean: ``real = (integer - zero_point) * scale``.

    Attributes:
        scale: A number, or a value: 0-d, or 1-d with one element for each index of ``axis``. Float32.
        zero_point: A number, or a value of the shape of ``scale``: of the integers' type, or float32 where the grid of an
            embedding does not hold zero.
        axis: The dimension that the scales are for; None for one scale.
    """

    scale: float | ir.Value
    zero_point: int | ir.Value
    axis: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Quantized:
    """A quantized tensor.

    Attributes:
        integers: UINT8 (``quint8``), INT8 (``qint8``) or INT32 (``qint32``).
        grid: What they mean.
    """

    integers: ir.Value
    grid: Grid


@dataclass(frozen=True, slots=True, eq=False)
class PackedWeight:
    """What PyTorch packs for a linear layer, a convolution or an embedding.

    Attributes:
        weight: Quantized; a float tensor for float16 weights.
        bias: Float32, or None.
        stride: Of a convolution, one per spatial dimension, as are the others.
        padding: On either side.
        output_padding: Of a transposed convolution.
        dilation: Of the kernel.
        groups: Of a convolution.
        transposed: Whether the convolution is transposed.
    """

    weight: Quantized | ir.Value
    bias: ir.Value | None = None
    stride: tuple[int, ...] = ()
    padding: tuple[int, ...] = ()
    output_padding: tuple[int, ...] = ()
    dilation: tuple[int, ...] = ()
    groups: int = 1
    transposed: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class PackedCell:
    """What PyTorch packs for one layer of a recurrent network in one direction.

    Attributes:
        w_ih: Of the input, with its bias.
        w_hh: Of the state, with its bias.
        reduce_range: Whether activations take 7 bits in place of 8.
    """

    w_ih: PackedWeight
    w_hh: PackedWeight
    reduce_range: bool = False


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


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """A list of structures whose length only the running model knows: ONNX has sequences of tensors only.

    Attributes:
        form: The type of its elements (``lowering.types.Type``).
        values: Sequences of one length, one for each tensor that an element consists of.
    """

    form: Any
    values: tuple[ir.Value, ...]


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
    | Quantized
    | PackedWeight
    | PackedCell
    | Maybe
    | Dictionary
    | Columns
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
    """Whether it is a list of tensors whose length only the running model knows."""
    return isinstance(item, ir.Value) and isinstance(item.type, ir.SequenceType)


def has_open_length(item: object) -> bool:
    """Whether it is a list of anything whose length only the running model knows."""
    return isinstance(item, Columns) or is_sequence(item)


def leaves(item: Lowered) -> Iterator[Lowered]:
    """The tensors, numbers and other single things that a structure holds."""
    if isinstance(item, tuple):
        for entry in item:
            yield from leaves(entry)
    elif isinstance(item, Dictionary):
        yield from leaves(item.values)
    elif isinstance(item, Columns):
        yield from item.values
    elif isinstance(item, Maybe):
        yield item.present
        yield from leaves(item.value)
    else:
        yield item
