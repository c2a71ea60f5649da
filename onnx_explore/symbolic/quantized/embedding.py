"""Embeddings with 8-, 4- and 2-bit rows: each row has a scale and a (float) zero point. Rows are taken, then made real."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import onnx_ir as ir
import torch

from onnx_explore.emit import Emitter, forms, shapes
from onnx_explore.errors import UnsupportedOperatorError
from onnx_explore.symbolic.annotations import PackedWeight, Quantized, Tensor
from onnx_explore.symbolic.lowered import Constant
from onnx_explore.symbolic.quantized.grids import plain
from onnx_explore.symbolic.registry import Function, symbolic, table


@symbolic("quantized::embedding_bag_prepack")
def embedding_bag_prepack(g: Emitter, weight: Quantized) -> PackedWeight:
    """embedding_bag_prepack(Tensor weight) -> EmbeddingPackedParamsBase"""
    return PackedWeight(weight)


@symbolic("quantized::embedding_bag_unpack")
def embedding_bag_unpack(g: Emitter, W_prepack: PackedWeight) -> Quantized | Tensor:
    """embedding_bag_unpack(EmbeddingPackedParamsBase W_prepack) -> Tensor W_origin"""
    return W_prepack.weight


Rows = Callable[[Emitter, ir.Value], ir.Value]
"""Gives the real rows of an embedding for indices."""


def _packed_rows(packed: PackedWeight, *, half: bool) -> Rows:
    """Rows of packed weights. With 4 bits, PyTorch keeps scale and offset of a row as float16."""
    weight = packed.weight
    if not isinstance(weight, Quantized) or not isinstance(weight.grid.scale, ir.Value):
        raise UnsupportedOperatorError("the rows of the embedding have no scales of their own")
    scale, point = weight.grid.scale, weight.grid.zero_point
    assert isinstance(point, ir.Value)

    def rows(g: Emitter, indices: ir.Value) -> ir.Value:
        integers, scales, points = (g.op("Gather", item, indices, axis=0) for item in (weight.integers, scale, point))
        offset = g.op("Neg", g.op("Mul", g.cast(points, ir.DataType.FLOAT), scales))
        return _row(g, integers, *(_halved(g, item) if half else item for item in (scales, offset)))

    return rows


def _halved(g: Emitter, x: ir.Value) -> ir.Value:
    return g.cast(g.cast(x, ir.DataType.FLOAT16), ir.DataType.FLOAT)


def _row(g: Emitter, integers: ir.Value, scale: ir.Value, offset: ir.Value) -> ir.Value:
    """``integers · scale + offset``, with one scale and offset a row."""
    last = g.rank(integers) - 1
    scale, offset = (forms.unsqueeze(g, item, [last]) for item in (scale, offset))
    return g.op("Add", g.op("Mul", g.cast(integers, ir.DataType.FLOAT), scale), offset)


def _rowwise_rows(weight: Any, bits: int) -> Rows:
    """Rows of a byte matrix whose last bytes in each row are scale and offset: PyTorch's prepacked format.

    8 bits: float32 scale and offset behind the bytes; 4 and 2 bits: float16 ones, the first element in the low bits.
    """
    if not isinstance(weight, Constant):
        raise UnsupportedOperatorError(
            "the packed bytes are known only when the model runs", argument="weight", action="make them a buffer"
        )
    packed = weight.tensor.detach()
    kind = torch.float32 if bits == 8 else torch.float16
    width = 2 * kind.itemsize
    scale, offset = packed[:, -width:].contiguous().view(kind).float().unbind(1)
    each = packed[:, :-width]
    parts = [(each >> shift) & (2**bits - 1) for shift in range(0, 8, bits)]
    integers = torch.stack(parts, dim=2).flatten(1) if bits < 8 else each

    def rows(g: Emitter, indices: ir.Value) -> ir.Value:
        table = g.tensor(integers.contiguous(), name=g.names.unique(f"{weight.name or 'embedding'}.integers"),
                         lineage=weight.lineage)  # fmt: skip
        gathered = (g.op("Gather", item, indices, axis=0) for item in (table, g.tensor(scale), g.tensor(offset)))
        return _row(g, *gathered)

    return rows


@symbolic("quantized::embedding_byte")
def embedding_byte(g: Emitter, weight: PackedWeight, indices: Tensor) -> Tensor:
    """embedding_byte(EmbeddingPackedParamsBase weight, Tensor indices, bool pruned_weights=False) -> Tensor"""
    return _packed_rows(weight, half=False)(g, indices)


@symbolic("quantized::embedding_4bit")
def embedding_4bit(g: Emitter, weight: PackedWeight, indices: Tensor) -> Tensor:
    """embedding_4bit(EmbeddingPackedParamsBase weight, Tensor indices, bool pruned_weights=False) -> Tensor"""
    return _packed_rows(weight, half=True)(g, indices)


def _bags(
    g: Emitter,
    rows: Rows,
    indices: ir.Value,
    offsets: ir.Value | None,
    per_sample_weights: ir.Value | None,
    include_last_offset: bool,
) -> ir.Value:
    """Sums of rows. PyTorch's kernels only add, whatever ``mode`` says; a matrix of indices has a bag in each row."""
    taken = rows(g, indices)
    if g.rank(indices) == 2:
        if per_sample_weights is not None:
            taken = g.op("Mul", taken, forms.unsqueeze(g, per_sample_weights, [2]))
        return forms.reduce(g, "ReduceSum", taken, [1])
    if offsets is None:
        raise UnsupportedOperatorError("a row of indices without offsets", argument="offsets")
    places = forms.iota(g, shapes.size(g, indices, 0))
    found = plain(
        g, "aten::embedding_bag", taken, places, offsets, False, 0, False, per_sample_weights, include_last_offset
    )
    return found[0]


def _bag(half: bool) -> Function:
    def function(
        g: Emitter,
        weight: PackedWeight,
        indices: Tensor,
        offsets: Tensor | None = None,
        scale_grad_by_freq: bool = False,
        mode: int = 0,
        per_sample_weights: Tensor | None = None,
        include_last_offset: bool = False,
    ) -> Tensor:
        """embedding_bag_byte(EmbeddingPackedParamsBase weight, Tensor indices, Tensor? offsets=None, bool
        scale_grad_by_freq=False, int mode=0, bool pruned_weights=False, Tensor? per_sample_weights=None, Tensor?
        compressed_indices_mapping=None, bool include_last_offset=False) -> Tensor
        """
        rows = _packed_rows(weight, half=half)
        return _bags(g, rows, indices, offsets, per_sample_weights, include_last_offset)

    return function


table(
    {"quantized::embedding_bag_byte": "", "quantized::embedding_bag_4bit": "half"},
    lambda half: _bag(bool(half)),
    since=9,
)


def _rowwise_bag(bits: int) -> Function:
    def function(
        g: Emitter,
        weight: Any,
        indices: Tensor,
        offsets: Tensor | None = None,
        scale_grad_by_freq: bool = False,
        mode: int = 0,
        per_sample_weights: Tensor | None = None,
        include_last_offset: bool = False,
    ) -> Tensor:
        """embedding_bag_byte_rowwise_offsets(Tensor weight, Tensor indices, Tensor? offsets=None, bool
        scale_grad_by_freq=False, int mode=0, bool pruned_weights=False, Tensor? per_sample_weights=None, Tensor?
        compressed_indices_mapping=None, bool include_last_offset=False) -> Tensor
        """
        rows = _rowwise_rows(weight, bits)
        return _bags(g, rows, indices, offsets, per_sample_weights, include_last_offset)

    return function


_BITS = {"byte": 8, "4bit": 4, "2bit": 2}
table(
    {f"quantized::embedding_bag_{name}_rowwise_offsets": name for name in _BITS},
    lambda name: _rowwise_bag(_BITS[name]),
    since=9,
)


def _converted(name: str) -> Function:
    """Between floats and packed bytes: PyTorch itself does it, at export."""

    def function(g: Emitter, weight: Any) -> torch.Tensor:
        """embedding_bag_byte_prepack(Tensor weight) -> Tensor"""
        if not isinstance(weight, Constant):
            raise UnsupportedOperatorError(
                "the weight is known only when the model runs", argument="weight", action="pack it before the export"
            )
        return getattr(torch.ops.quantized, name)(weight.tensor.detach())

    return function


table(
    {f"quantized::embedding_bag_{bits}_{what}": f"embedding_bag_{bits}_{what}" for bits in _BITS
     for what in ("prepack", "unpack")},
    _converted,
)  # fmt: skip
