"""Dynamically quantized LSTM, GRU and their cells: the input is quantized once for all steps, the state at every step.

    for each layer and direction:  gates = linear_dynamic(input, w_ih)                     (all steps at once)
                                   Scan: gates + linear_dynamic(state, w_hh) → next state

The operators LSTM and GRU of ONNX have no place for that rounding of the state, hence the Scan. Float16 weights round
nothing, but run the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import onnx_ir as ir

from onnx_explore.emit import Emitter, forms, shapes
from onnx_explore.emit.forms.comparison import where
from onnx_explore.symbolic.annotations import PackedCell, PackedWeight, Tensor
from onnx_explore.symbolic.aten.packed import pack, unpack
from onnx_explore.symbolic.aten.permute import permuted
from onnx_explore.symbolic.lowered import Quantized as QuantizedValue
from onnx_explore.symbolic.quantized.grids import plain
from onnx_explore.symbolic.quantized.layers import dynamic, turned
from onnx_explore.symbolic.registry import Function, symbolic, table

Step = Callable[[Emitter, ir.Value, ir.Value, Sequence[ir.Value]], list[ir.Value]]
"""Gates of the input, gates of the state, the states → the next states; the first one is the output."""


@symbolic("quantized::make_quantized_cell_params_dynamic")
def cell_params_dynamic(
    g: Emitter,
    w_ih: PackedWeight,
    w_hh: PackedWeight,
    bias_ih: Tensor,
    bias_hh: Tensor,
    reduce_range: bool = False,
) -> PackedCell:
    """make_quantized_cell_params_dynamic(LinearPackedParamsBase w_ih, LinearPackedParamsBase w_hh, Tensor bias_ih, Tensor
    bias_hh, bool reduce_range=False) -> CellParamsBase

    PyTorch adds the biases that are packed with the weights, here and in the cells below.
    """
    return PackedCell(w_ih, w_hh, reduce_range)


@symbolic("quantized::make_quantized_cell_params_fp16")
def cell_params_fp16(g: Emitter, w_ih: PackedWeight, w_hh: PackedWeight) -> PackedCell:
    """make_quantized_cell_params_fp16(LinearPackedParamsBase w_ih, LinearPackedParamsBase w_hh) -> CellParamsBase"""
    return PackedCell(w_ih, w_hh)


# -- one step -----------------------------------------------------------------------------------------------------------


def _halves(g: Emitter, x: ir.Value, count: int) -> Sequence[ir.Value]:
    width = shapes.size(g, x, g.rank(x) - 1)
    return forms.split(g, x, [shapes.div(g, width, count)] * count, g.rank(x) - 1)


def _lstm_step(g: Emitter, given: ir.Value, kept: ir.Value, states: Sequence[ir.Value]) -> list[ir.Value]:
    enter, forget, new, out = _halves(g, g.op("Add", given, kept), 4)
    held = g.op("Mul", g.op("Sigmoid", forget), states[1])
    c = g.op("Add", held, g.op("Mul", g.op("Sigmoid", enter), g.op("Tanh", new)))
    return [g.op("Mul", g.op("Sigmoid", out), g.op("Tanh", c)), c]


def _gru_step(g: Emitter, given: ir.Value, kept: ir.Value, states: Sequence[ir.Value]) -> list[ir.Value]:
    (r_in, z_in, n_in), (r_state, z_state, n_state) = _halves(g, given, 3), _halves(g, kept, 3)
    reset = g.op("Sigmoid", g.op("Add", r_in, r_state))
    update = g.op("Sigmoid", g.op("Add", z_in, z_state))
    new = g.op("Tanh", g.op("Add", n_in, g.op("Mul", reset, n_state)))
    return [g.op("Add", new, g.op("Mul", update, g.op("Sub", states[0], new)))]


def _rnn_step(op_type: str) -> Step:
    return lambda g, given, kept, states: [g.op(op_type, g.op("Add", given, kept))]


def _gates(
    g: Emitter, x: ir.Value, packed: PackedWeight, *, reduce_range: bool, matrix: ir.Value | None = None
) -> ir.Value:
    """What a weight makes of an input; ``matrix`` is that weight, turned."""
    if isinstance(packed.weight, QuantizedValue):
        return dynamic(g, x, packed, reduce_range, matrix)
    result = g.op("MatMul", x, turned(g, packed) if matrix is None else matrix)
    return result if packed.bias is None else g.op("Add", result, packed.bias)


# -- cells --------------------------------------------------------------------------------------------------------------


@symbolic("quantized::quantized_lstm_cell_dynamic")
def lstm_cell(
    g: Emitter,
    input: Tensor,
    hx: list[Tensor],
    w_ih: PackedWeight,
    w_hh: PackedWeight,
    bias_ih: Tensor,
    bias_hh: Tensor,
) -> list[Tensor]:
    """quantized_lstm_cell_dynamic(Tensor input, Tensor[] hx, LinearPackedParamsBase w_ih, LinearPackedParamsBase w_hh,
    Tensor bias_ih, Tensor bias_hh) -> (Tensor, Tensor)
    """
    return _cell(g, _lstm_step, input, hx, PackedCell(w_ih, w_hh, reduce_range=True))


def _one_state(step: Step) -> Function:
    def function(
        g: Emitter, input: Tensor, hx: Tensor, w_ih: PackedWeight, w_hh: PackedWeight, b_ih: Tensor, b_hh: Tensor
    ) -> Tensor:
        """quantized_gru_cell_dynamic(Tensor input, Tensor hx, LinearPackedParamsBase w_ih, LinearPackedParamsBase w_hh,
        Tensor b_ih, Tensor b_hh) -> Tensor
        """
        return _cell(g, step, input, [hx], PackedCell(w_ih, w_hh, reduce_range=True))[0]

    return function


_STEPS = {"gru": _gru_step, "rnn_relu": _rnn_step("Relu"), "rnn_tanh": _rnn_step("Tanh")}
table({f"quantized::quantized_{name}_cell_dynamic": name for name in _STEPS}, lambda name: _one_state(_STEPS[name]))


def _cell(g: Emitter, step: Step, x: ir.Value, states: Sequence[ir.Value], cell: PackedCell) -> list[ir.Value]:
    given, kept = (
        _gates(g, item, packed, reduce_range=cell.reduce_range)
        for item, packed in ((x, cell.w_ih), (states[0], cell.w_hh))
    )
    return step(g, given, kept, states)


# -- sequences ----------------------------------------------------------------------------------------------------------


@symbolic("aten::quantized_lstm.input", since=9)
def quantized_lstm(
    g: Emitter,
    input: Tensor,
    hx: list[Tensor],
    params: list[PackedCell],
    has_biases: bool,
    num_layers: int,
    dropout: float,
    train: bool,
    bidirectional: bool,
    batch_first: bool,
    dtype: Any = None,
    use_dynamic: bool = False,
) -> list[Tensor]:
    """quantized_lstm.input(Tensor input, Tensor[] hx, CellParamsBase[] params, bool has_biases, int num_layers, float
    dropout, bool train, bool bidirectional, bool batch_first, *, ScalarType? dtype=None, bool use_dynamic=False) -> (Tensor,
    Tensor, Tensor)
    """
    return _sequence(g, _lstm_step, input, hx, params, bidirectional, batch_first, dropout if train else 0.0)


@symbolic("aten::quantized_gru.input", since=9)
def quantized_gru(
    g: Emitter,
    input: Tensor,
    hx: Tensor,
    params: list[PackedCell],
    has_biases: bool,
    num_layers: int,
    dropout: float,
    train: bool,
    bidirectional: bool,
    batch_first: bool,
) -> list[Tensor]:
    """quantized_gru.input(Tensor input, Tensor hx, CellParamsBase[] params, bool has_biases, int num_layers, float dropout,
    bool train, bool bidirectional, bool batch_first) -> (Tensor, Tensor)
    """
    return _sequence(g, _gru_step, input, [hx], params, bidirectional, batch_first, dropout if train else 0.0)


@symbolic("aten::quantized_lstm.data", since=9)
def quantized_lstm_packed(
    g: Emitter,
    data: Tensor,
    batch_sizes: Tensor,
    hx: list[Tensor],
    params: list[PackedCell],
    has_biases: bool,
    num_layers: int,
    dropout: float,
    train: bool,
    bidirectional: bool,
    dtype: Any = None,
    use_dynamic: bool = False,
) -> list[Tensor]:
    """quantized_lstm.data(Tensor data, Tensor batch_sizes, Tensor[] hx, CellParamsBase[] params, bool has_biases, int
    num_layers, float dropout, bool train, bool bidirectional, *, ScalarType? dtype=None, bool use_dynamic=False) -> (Tensor,
    Tensor, Tensor)
    """
    return _packed(g, _lstm_step, data, batch_sizes, hx, params, bidirectional, dropout if train else 0.0)


@symbolic("aten::quantized_gru.data", since=9)
def quantized_gru_packed(
    g: Emitter,
    data: Tensor,
    batch_sizes: Tensor,
    hx: Tensor,
    params: list[PackedCell],
    has_biases: bool,
    num_layers: int,
    dropout: float,
    train: bool,
    bidirectional: bool,
) -> list[Tensor]:
    """quantized_gru.data(Tensor data, Tensor batch_sizes, Tensor hx, CellParamsBase[] params, bool has_biases, int
    num_layers, float dropout, bool train, bool bidirectional) -> (Tensor, Tensor)
    """
    return _packed(g, _gru_step, data, batch_sizes, [hx], params, bidirectional, dropout if train else 0.0)


def _packed(
    g: Emitter,
    step: Step,
    data: ir.Value,
    batch_sizes: ir.Value,
    states: Sequence[ir.Value],
    params: Sequence[PackedCell],
    bidirectional: bool,
    dropout: float,
) -> list[ir.Value]:
    """A packed sequence, padded for the loop: what does not run is zero, which never widens an observed range."""
    x, lengths = unpack(g, data, batch_sizes)
    steps = forms.unsqueeze(g, forms.iota(g, shapes.size(g, x, 0)), [1])
    run = forms.unsqueeze(g, g.op("Less", steps, g.cast(lengths, ir.DataType.INT64)), [2])
    y, *last = _sequence(g, step, x, states, params, bidirectional, False, dropout, run)
    return [pack(g, y, lengths, batch_sizes), *last]


def _sequence(
    g: Emitter,
    step: Step,
    x: ir.Value,
    states: Sequence[ir.Value],
    params: Sequence[PackedCell],
    bidirectional: bool,
    batch_first: bool,
    dropout: float,
    run: ir.Value | None = None,
) -> list[ir.Value]:
    """All layers over (time, batch, features), where ``run`` (time, batch, 1) holds; the output and the last states."""
    g.requires(9, "Scan")
    directions = 2 if bidirectional else 1
    y = permuted(g, x, [1, 0, 2]) if batch_first else x
    last: list[list[ir.Value]] = [[] for _ in states]
    for layer in range(len(params) // directions):
        if layer and dropout:
            y = plain(g, "aten::dropout", y, dropout, True)
        outputs: list[ir.Value] = []
        for direction in range(directions):
            number = layer * directions + direction
            start = [forms.select(g, state, 0, number) for state in states]
            rows, ends = _scan(g, step, _masked(g, run, y), start, params[number], run, backwards=direction == 1)
            outputs.append(rows)
            for column, end in zip(last, ends, strict=True):
                column.append(forms.unsqueeze(g, end, [0]))
        y = outputs[0] if directions == 1 else g.op("Concat", *outputs, axis=2)
    y = permuted(g, y, [1, 0, 2]) if batch_first else y
    return [y, *(column[0] if len(column) == 1 else g.op("Concat", *column, axis=0) for column in last)]


def _masked(g: Emitter, run: ir.Value | None, x: ir.Value) -> ir.Value:
    """Zero where no sequence runs."""
    return x if run is None else where(g, run, x, g.const(0.0, ir.DataType.FLOAT))


def _scan(
    g: Emitter,
    step: Step,
    x: ir.Value,
    states: Sequence[ir.Value],
    cell: PackedCell,
    run: ir.Value | None,
    *,
    backwards: bool,
) -> tuple[ir.Value, list[ir.Value]]:
    """One layer in one direction: the outputs of all steps, and the last states."""
    gates = _gates(g, x, cell.w_ih, reduce_range=cell.reduce_range)
    matrix = turned(g, cell.w_hh)  # made once, outside of the loop
    outside, inside = g.region, g.subgraph("step")
    rows = [gates] if run is None else [gates, run]
    assert gates.shape is not None
    formal: list[ir.Value] = []
    for value in (*states, *rows):
        assert value.shape is not None
        dims = list(value.shape) if len(formal) < len(states) else list(value.shape)[1:]
        name = g.names.unique(f"{g.scope}/{'state' if len(formal) < len(states) else 'row'}")
        formal.append(ir.Value(name=name, shape=ir.Shape(dims), type=ir.TensorType(g.dtype(value))))
    inside.graph.inputs.extend(formal)
    before, given = formal[: len(states)], formal[len(states)]
    keep = formal[-1] if run is not None else None
    g.enter(inside)
    kept = _gates(g, _masked(g, keep, before[0]), cell.w_hh, reduce_range=cell.reduce_range, matrix=matrix)
    ends = step(g, given, kept, before)
    if keep is not None:
        ends = [where(g, keep, end, state) for end, state in zip(ends, before, strict=True)]
    # One value as a state and as a row of output, too, makes ONNX Runtime compute nonsense.
    inside.graph.outputs.extend([*ends, g.op("Identity", ends[0])])
    g.enter(outside)
    *last, outputs = g.op(
        "Scan",
        *states,
        *rows,
        outputs=len(states) + 1,
        body=inside.graph,
        num_scan_inputs=len(rows),
        scan_input_directions=[int(backwards)] * len(rows),
        scan_output_directions=[int(backwards)],
    )
    return outputs, list(last)
