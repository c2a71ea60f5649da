"""Packed sequences: rows of all time steps, one step after the other, each with as many rows as sequences still run.

    padded (time, batch, …), lengths [3, 2, 1]   ⇄   rows (6, …): t0 b0, t0 b1, t0 b2, t1 b0, t1 b1, t2 b0;  batch_sizes [3, 2, 1]

Sequences are in the order of falling length: PyTorch sorts them before it packs.
"""

from __future__ import annotations

import onnx_ir as ir

from onnx_explore.emit import Emitter, forms, shapes
from onnx_explore.emit.forms.comparison import where
from onnx_explore.symbolic.annotations import Dim, Operand, Tensor
from onnx_explore.symbolic.aten.permute import swapped
from onnx_explore.symbolic.promotion import as_type
from onnx_explore.symbolic.registry import symbolic

_INT = ir.DataType.INT64


def _running(g: Emitter, counts: ir.Value, size: shapes.Dim) -> ir.Value:
    """``place < counts[k]`` as a (place, k) mask: lengths give (time, batch), batch sizes (batch, time)."""
    return g.op("Less", forms.unsqueeze(g, forms.iota(g, size), [1]), counts)


def _totals(g: Emitter, mask: ir.Value) -> ir.Value:
    return forms.reduce(g, "ReduceSum", g.cast(mask, _INT), [1])


def pack(g: Emitter, padded: ir.Value, lengths: ir.Value, batch_sizes: ir.Value) -> ir.Value:
    """Rows of a padded (time, batch, …); remembers the padded tensor."""
    mask = _running(g, lengths, shapes.size(g, padded, 0))
    rows = g.op("Compress", forms.merge(g, padded, 0, 1), forms.reshape(g, mask, [-1]), axis=0)
    g.remember(("padded", rows), padded)
    g.remember(("lengths", batch_sizes), lengths)
    return rows


def unpack(g: Emitter, data: ir.Value, batch_sizes: ir.Value) -> tuple[ir.Value, ir.Value]:
    """The padded (time, batch, …) of rows, with rows of some sequence's own where nothing runs, and the lengths."""
    batch_sizes = g.cast(batch_sizes, _INT)
    lengths = g.memo(("lengths", batch_sizes))
    padded = g.memo(("padded", data))
    if lengths is not None and padded is not None:
        return padded, lengths
    batch = shapes.simplified(g, g.op("Gather", batch_sizes, g.const(0), axis=0))
    mask = _running(g, batch_sizes, batch)  # (batch, time)
    lengths = _totals(g, mask)
    g.requires(11, "CumSum")
    before = g.op("CumSum", batch_sizes, g.const(0), exclusive=1)
    places = g.op("Add", forms.unsqueeze(g, before, [1]), forms.iota(g, batch))  # (time, batch)
    inside = g.op("Transpose", mask, perm=[1, 0])
    padded = g.op("Gather", data, where(g, inside, places, g.const(0)), axis=0)
    return padded, lengths


@symbolic("aten::_pack_padded_sequence", since=9)
def pack_padded_sequence(g: Emitter, input: Tensor, lengths: Tensor, batch_first: bool) -> list[Tensor]:
    """_pack_padded_sequence(Tensor input, Tensor lengths, bool batch_first) -> (Tensor, Tensor)"""
    padded = swapped(g, input, 0, 1) if batch_first else input
    lengths = g.cast(lengths, _INT)
    longest = forms.reduce(g, "ReduceMax", lengths, [0])
    end = shapes.simplified(g, longest)
    padded = forms.slice_axes(g, padded, [0], [end], [0])
    batch_sizes = _totals(g, _running(g, lengths, end))
    return [pack(g, padded, lengths, batch_sizes), batch_sizes]


def _is_longer(g: Emitter, total_length: Dim, batch_sizes: ir.Value) -> bool:
    """Whether a length was asked for that may not be the number of steps (which is what PyTorch asks for by default)."""
    if isinstance(total_length, int):
        return total_length > 0
    return not forms.same_size(g, total_length, batch_sizes, 0)


@symbolic("aten::_pad_packed_sequence", since=9)
def pad_packed_sequence(
    g: Emitter, data: Tensor, batch_sizes: Tensor, batch_first: bool, padding_value: Operand, total_length: Dim
) -> list[Tensor]:
    """_pad_packed_sequence(Tensor data, Tensor batch_sizes, bool batch_first, Scalar padding_value, int total_length)
    -> (Tensor, Tensor)
    """
    padded, lengths = unpack(g, data, batch_sizes)
    steps = shapes.size(g, padded, 0)
    running = _running(g, lengths, steps)
    running = forms.unsqueeze(g, running, list(range(2, g.rank(padded))))
    fill = as_type(g, padding_value, g.dtype(padded))
    padded = where(g, running, padded, fill)
    if _is_longer(g, total_length, batch_sizes):
        g.requires(11, "padding to a length")
        missing = shapes.sub(g, total_length, steps)
        rank = g.rank(padded)
        amounts = shapes.vector(g, [0] * rank + [missing] + [0] * (rank - 1))
        padded = g.op("Pad", padded, amounts, fill, mode="constant")
    return [swapped(g, padded, 0, 1) if batch_first else padded, lengths]


@symbolic("aten::pad_sequence", since=11)
def pad_sequence(
    g: Emitter,
    sequences: list[Tensor],
    batch_first: bool = False,
    padding_value: float = 0.0,
    padding_side: str = "right",
) -> Tensor:
    """pad_sequence(Tensor[] sequences, bool batch_first=False, float padding_value=0., str padding_side="right") -> Tensor"""
    sizes = [shapes.size(g, item, 0) for item in sequences]
    longest = sizes[0]
    for size in sizes[1:]:
        longest = shapes.maximum(g, longest, size)
    rows: list[ir.Value] = []
    for item, size in zip(sequences, sizes, strict=True):
        none: list[Dim] = [0] * g.rank(item)
        amounts: list[Dim] = [shapes.sub(g, longest, size), *none[1:]]
        before, after = (amounts, none) if padding_side == "left" else (none, amounts)
        rows.append(
            forms.unsqueeze(g, forms.pad(g, item, before, after, fill=padding_value), [0 if batch_first else 1])
        )
    return g.op("Concat", *rows, axis=0 if batch_first else 1)
