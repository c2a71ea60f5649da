"""LSTM, GRU and RNN over whole sequences, padded or packed.

    PyTorch                              ONNX
    gates i f g o  (LSTM)                i o f c          rows of the weights are put in this order at export
    gates r z n    (GRU)                 z r h            linear_before_reset=1
    layers in one operator               one node each
    (time, batch, directions · hidden)   (time, directions, batch, hidden)

A packed sequence is rows and batch sizes. It is known to come from a padded tensor where it does, and goes back to one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import onnx_ir as ir
import torch

from onnx_explore.emit import Emitter, forms, shapes
from onnx_explore.emit.emitter import PARAMETER
from onnx_explore.errors import UnsupportedOperatorError
from onnx_explore.symbolic.annotations import Tensor
from onnx_explore.symbolic.aten.packed import pack, unpack
from onnx_explore.symbolic.aten.permute import permuted
from onnx_explore.symbolic.aten.projected import in_scan_type, projected_lstm
from onnx_explore.symbolic.aten.random import dropout
from onnx_explore.symbolic.registry import symbolic


@dataclass(frozen=True, slots=True)
class _Kind:
    """An ONNX operator, PyTorch's gates in the order that it wants, and attributes."""

    op_type: str
    gates: tuple[int, ...]
    linear_before_reset: int | None = None
    activation: str = ""


_LSTM = _Kind("LSTM", (0, 3, 1, 2))
_GRU = _Kind("GRU", (1, 0, 2), linear_before_reset=1)
_TANH = _Kind("RNN", (0,), activation="Tanh")
_RELU = _Kind("RNN", (0,), activation="Relu")


@dataclass(frozen=True, slots=True)
class _Cell:
    """Weights of one layer in one direction, as PyTorch has them."""

    w_ih: ir.Value
    w_hh: ir.Value
    b_ih: ir.Value | None
    b_hh: ir.Value | None
    w_hr: ir.Value | None


def _cells(params: Sequence[ir.Value], has_biases: bool, count: int) -> list[_Cell]:
    """The flat list of parameters, cell by cell; an LSTM with projections has one more matrix in each."""
    each = len(params) // count
    rows = [params[start : start + each] for start in range(0, len(params), each)]
    cells: list[_Cell] = []
    for row in rows:
        biases = (row[2], row[3]) if has_biases else (None, None)
        projection = row[-1] if each == (5 if has_biases else 3) else None
        cells.append(_Cell(row[0], row[1], *biases, projection))
    return cells


def _stacked(g: Emitter, rows: Sequence[Sequence[ir.Value]], gates: Sequence[int], what: str) -> ir.Value:
    """Per direction the tensors one below the other, each with its gates reordered: computed now if they are constants."""
    folded: list[torch.Tensor] = []
    for row in rows:
        tensors = [g.torch_tensor(item) for item in row]
        known = [_reordered(tensor, gates) for tensor in tensors if tensor is not None]
        if len(known) == len(row):
            folded.append(torch.cat(known))
    if len(folded) == len(rows):
        names = ", ".join(str(item.meta[PARAMETER]) for row in rows for item in row if PARAMETER in item.meta)
        return g.tensor(
            torch.stack(folded),
            name=g.names.unique(f"{rows[0][0].name}.{what}"),
            lineage=f"{names} → gates in ONNX order" if names else "",
        )
    made: list[ir.Value] = []
    for row in rows:
        parts: list[ir.Value] = []
        for item in row:
            length = shapes.size(g, item, 0)
            pieces = forms.split(g, item, [shapes.div(g, length, len(gates))] * len(gates), 0)
            parts.extend(pieces[gate] for gate in gates)
        one = parts[0] if len(parts) == 1 else g.op("Concat", *parts, axis=0)
        made.append(forms.unsqueeze(g, one, [0]))
    return made[0] if len(made) == 1 else g.op("Concat", *made, axis=0)


def _reordered(tensor: torch.Tensor, gates: Sequence[int]) -> torch.Tensor:
    pieces = tensor.chunk(len(gates))
    return torch.cat([pieces[gate] for gate in gates]) if len(gates) > 1 else tensor


def _layer(
    g: Emitter, kind: _Kind, x: ir.Value, states: Sequence[ir.Value], cells: Sequence[_Cell], lengths: ir.Value | None
) -> tuple[ir.Value, list[ir.Value]]:
    """One layer: (time, batch, features) and states (directions, batch, hidden) to the same of the next layer."""
    w = _stacked(g, [[cell.w_ih] for cell in cells], kind.gates, "W")
    r = _stacked(g, [[cell.w_hh] for cell in cells], kind.gates, "R")
    biases = [[cell.b_ih, cell.b_hh] for cell in cells if cell.b_ih is not None and cell.b_hh is not None]
    b = _stacked(g, biases, kind.gates, "B") if biases else None
    hidden = shapes.size(g, cells[0].w_hh, 1)
    if not isinstance(hidden, int):
        raise UnsupportedOperatorError("the hidden size is known only at run time", argument="params")
    given = [None if _is_zero(g, state) else state for state in states]
    count = len(states) + 1
    y, *last = g.op(
        kind.op_type,
        x,
        w,
        r,
        b,
        None if lengths is None else g.cast(lengths, ir.DataType.INT32),
        *given,
        outputs=count,
        hidden_size=hidden,
        direction="bidirectional" if len(cells) == 2 else None,
        activations=[kind.activation] * len(cells) if kind.activation else None,
        linear_before_reset=kind.linear_before_reset,
    )
    return _joined_directions(g, y, len(cells), hidden), list(last)


def _joined_directions(g: Emitter, y: ir.Value, directions: int, hidden: int) -> ir.Value:
    """(time, directions, batch, hidden) → (time, batch, directions · hidden)."""
    if directions == 1:
        return forms.squeeze(g, y, [1])
    moved = permuted(g, y, [0, 2, 1, 3])
    return forms.reshape(g, moved, [*shapes.sizes(g, moved)[:2], directions * hidden])


def _is_zero(g: Emitter, x: ir.Value) -> bool:
    """Whether a state is what ONNX starts with anyway."""
    constant = ir.convenience.get_const_tensor(x)
    if constant is not None:
        return not constant.numpy().any()
    node = x.producer()
    if node is None:
        return False
    if node.op_type == "ConstantOfShape":
        fill = node.attributes.get("value")
        return fill is None or not fill.as_tensor().numpy().any()
    if node.op_type == "Concat":
        return all(part is not None and _is_zero(g, part) for part in node.inputs)
    inner = node.inputs[0] if node.inputs else None
    return node.op_type in ("Expand", "Cast", "Identity", "Slice") and inner is not None and _is_zero(g, inner)


def _run(
    g: Emitter,
    kind: _Kind,
    x: ir.Value,
    states: Sequence[ir.Value],
    params: Sequence[ir.Value],
    has_biases: bool,
    num_layers: int,
    dropout_p: float,
    train: bool,
    bidirectional: bool,
    lengths: ir.Value | None = None,
) -> list[ir.Value]:
    """All layers over (time, batch, features): output, and the last states of all layers."""
    directions = 2 if bidirectional else 1
    cells = _cells(params, has_biases, num_layers * directions)
    last: list[list[ir.Value]] = []
    for layer in range(num_layers):
        own = cells[layer * directions : (layer + 1) * directions]
        start, end = layer * directions, (layer + 1) * directions
        given = [state if num_layers == 1 else forms.slice_axes(g, state, [start], [end], [0]) for state in states]
        if own[0].w_hr is not None:
            x, final = projected_lstm(g, x, given, [_weights(cell) for cell in own], lengths)
        else:
            x, final = _layer(g, kind, x, given, own, lengths)
        last.append(final)
        if train and dropout_p and layer < num_layers - 1:
            x = dropout(g, x, dropout_p, True)
    merged = [column[0] if num_layers == 1 else g.op("Concat", *column, axis=0) for column in zip(*last, strict=True)]
    return [x, *merged]


def _is_projected(params: Sequence[ir.Value], has_biases: bool, num_layers: int, bidirectional: bool) -> bool:
    return _cells(params, has_biases, num_layers * (2 if bidirectional else 1))[0].w_hr is not None


def _weights(cell: _Cell) -> list[ir.Value | None]:
    return [cell.w_ih, cell.w_hh, cell.b_ih, cell.b_hh, cell.w_hr]


def _sequence(
    g: Emitter, kind: _Kind, input: ir.Value, states: Sequence[ir.Value], batch_first: bool, *rest: object
) -> list[ir.Value]:
    x = permuted(g, input, [1, 0, 2]) if batch_first else input
    assert x.shape is not None
    batch = x.shape[1]
    if g.opset >= 9 and g.inference.may_vanish(batch):
        # ONNX Runtime's LSTM and GRU end the process when there is no sequence: they get one, and its results are dropped.
        size = shapes.size(g, x, 1)
        padded = g.inference.anonymous()
        x, *states = (_never_empty(g, item, size, padded) for item in (x, *states))
        y, *last = (
            _first(g, item, size, batch)
            for item in _run(g, kind, x, states, *rest)  # pyright: ignore[reportArgumentType]
        )
    else:
        y, *last = _run(g, kind, x, states, *rest)  # pyright: ignore[reportArgumentType]
    return [permuted(g, y, [1, 0, 2]) if batch_first else y, *last]


def _never_empty(g: Emitter, x: ir.Value, size: shapes.Dim, padded: ir.SymbolicDim) -> ir.Value:
    """A sequence of zeros behind those of (…, batch, …) if there are none."""
    missing = shapes.sub(g, shapes.maximum(g, size, 1), size)
    shape = shapes.vector(g, [shapes.size(g, x, 0), missing, shapes.size(g, x, 2)])
    zeros = g.op("ConstantOfShape", shape)
    assert x.shape is not None
    zeros.shape = ir.Shape([x.shape[0], g.inference.anonymous(), x.shape[2]])
    result = g.op("Concat", x, g.cast(zeros, g.dtype(x)), axis=1)
    result.shape = ir.Shape([x.shape[0], padded, x.shape[2]])
    return result


def _first(g: Emitter, x: ir.Value, size: shapes.Dim, batch: int | ir.SymbolicDim) -> ir.Value:
    """The sequences that there were."""
    result = forms.slice_axes(g, x, [0], [size], [1])
    assert x.shape is not None
    result.shape = ir.Shape([x.shape[0], batch, x.shape[2]])
    return result


def _packed(
    g: Emitter, kind: _Kind, data: ir.Value, batch_sizes: ir.Value, states: Sequence[ir.Value], *rest: object
) -> list[ir.Value]:
    x, lengths = unpack(g, data, batch_sizes)
    y, *last = _run(g, kind, x, states, *rest, lengths=lengths)  # pyright: ignore[reportArgumentType]
    return [pack(g, y, lengths, batch_sizes), *last]


@symbolic("aten::lstm.input")
def lstm(
    g: Emitter,
    input: Tensor,
    hx: list[Tensor],
    params: list[Tensor],
    has_biases: bool,
    num_layers: int,
    dropout: float,
    train: bool,
    bidirectional: bool,
    batch_first: bool,
) -> list[Tensor]:
    """lstm.input(Tensor input, Tensor[] hx, Tensor[] params, bool has_biases, int num_layers, float dropout, bool train,
    bool bidirectional, bool batch_first) -> (Tensor, Tensor, Tensor)
    """
    dtype = g.dtype(input)
    x = in_scan_type(g, input) if _is_projected(params, has_biases, num_layers, bidirectional) else input
    result = _sequence(g, _LSTM, x, hx, batch_first, params, has_biases, num_layers, dropout, train, bidirectional)
    return [g.cast(item, dtype) for item in result]


@symbolic("aten::lstm.data", since=9)
def lstm_packed(
    g: Emitter,
    data: Tensor,
    batch_sizes: Tensor,
    hx: list[Tensor],
    params: list[Tensor],
    has_biases: bool,
    num_layers: int,
    dropout: float,
    train: bool,
    bidirectional: bool,
) -> list[Tensor]:
    """lstm.data(Tensor data, Tensor batch_sizes, Tensor[] hx, Tensor[] params, bool has_biases, int num_layers,
    float dropout, bool train, bool bidirectional) -> (Tensor, Tensor, Tensor)
    """
    return _packed(g, _LSTM, data, batch_sizes, hx, params, has_biases, num_layers, dropout, train, bidirectional)


def _register(name: str, kind: _Kind) -> None:
    """``gru``, ``rnn_tanh`` and ``rnn_relu`` have one state and the same arguments."""

    def padded(
        g: Emitter,
        input: Tensor,
        hx: Tensor,
        params: list[Tensor],
        has_biases: bool,
        num_layers: int,
        dropout: float,
        train: bool,
        bidirectional: bool,
        batch_first: bool,
    ) -> list[Tensor]:
        return _sequence(
            g, kind, input, [hx], batch_first, params, has_biases, num_layers, dropout, train, bidirectional
        )

    def packed(
        g: Emitter,
        data: Tensor,
        batch_sizes: Tensor,
        hx: Tensor,
        params: list[Tensor],
        has_biases: bool,
        num_layers: int,
        dropout: float,
        train: bool,
        bidirectional: bool,
    ) -> list[Tensor]:
        return _packed(g, kind, data, batch_sizes, [hx], params, has_biases, num_layers, dropout, train, bidirectional)

    tail = "Tensor[] params, bool has_biases, int num_layers, float dropout, bool train, bool bidirectional"
    padded.__doc__ = f"{name}.input(Tensor input, Tensor hx, {tail}, bool batch_first) -> (Tensor, Tensor)"
    packed.__doc__ = f"{name}.data(Tensor data, Tensor batch_sizes, Tensor hx, {tail}) -> (Tensor, Tensor)"
    padded.__qualname__ = padded.__name__ = name
    packed.__qualname__ = packed.__name__ = f"{name}_packed"
    symbolic(f"aten::{name}.input")(padded)
    symbolic(f"aten::{name}.data", since=9)(packed)


_register("gru", _GRU)
_register("rnn_tanh", _TANH)
_register("rnn_relu", _RELU)
