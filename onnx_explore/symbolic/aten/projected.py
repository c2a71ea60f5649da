"""LSTM with projections (``proj_size``), which the ONNX operator does not have: a Scan over time.

h' = o ⊙ tanh(c')  is multiplied by w_hr before it becomes output and next state
"""

from __future__ import annotations

from collections.abc import Sequence

import onnx_ir as ir

from onnx_explore.emit import Emitter, forms, shapes
from onnx_explore.emit.forms.comparison import where
from onnx_explore.emit.shapes import Dim


def projected_lstm(
    g: Emitter,
    x: ir.Value,
    states: Sequence[ir.Value],
    cells: Sequence[Sequence[ir.Value | None]],
    lengths: ir.Value | None,
) -> tuple[ir.Value, list[ir.Value]]:
    """One layer over (time, batch, features).

    Args:
        g: The emitter.
        x: Input.
        states: ``h`` (directions, batch, projection) and ``c`` (directions, batch, hidden).
        cells: Per direction ``w_ih, w_hh, b_ih, b_hh, w_hr``.
        lengths: Of the sequences, or None if all run to the end.

    Returns:
        Output (time, batch, directions · projection), and the last ``h`` and ``c``.
    """
    g.requires(9, "Scan, for an LSTM with projections")
    dtype = g.dtype(x)
    x = in_scan_type(g, x)
    outputs: list[ir.Value] = []
    last: list[list[ir.Value]] = [[], []]
    for direction, (w_ih, w_hh, b_ih, b_hh, w_hr) in enumerate(cells):
        assert w_ih is not None and w_hh is not None and w_hr is not None
        w_ih, w_hh, w_hr = (in_scan_type(g, weight) for weight in (w_ih, w_hh, w_hr))
        h, c = (in_scan_type(g, forms.select(g, state, 0, direction)) for state in states)
        gates = g.op("MatMul", x, g.transposed(w_ih))  # of all time steps at once
        for bias in (b_ih, b_hh):
            if bias is not None:
                gates = g.op("Add", gates, in_scan_type(g, bias))
        run = None if lengths is None else _running(g, lengths, x)
        hidden = shapes.size(g, w_hr, 1)
        y, h, c = _scan(g, gates, run, h, c, g.transposed(w_hh), g.transposed(w_hr), hidden, direction == 1)
        outputs.append(y)
        last[0].append(forms.unsqueeze(g, h, [0]))
        last[1].append(forms.unsqueeze(g, c, [0]))
    joined = [outputs, *last]
    y, h, c = (
        items[0] if len(items) == 1 else g.op("Concat", *items, axis=2 if place == 0 else 0)
        for place, items in enumerate(joined)
    )
    return g.cast(y, dtype), [g.cast(h, dtype), g.cast(c, dtype)]


def in_scan_type(g: Emitter, x: ir.Value) -> ir.Value:
    """In 32 bits where there are fewer: ONNX Runtime has no 16-bit arithmetic, and crashes over the casts that it puts in.

    The cast comes before a transposition: Transpose, Cast, MatMul in a row is one of the things that crash it (1.32).
    """
    return g.cast(x, ir.DataType.FLOAT) if x.dtype in (ir.DataType.FLOAT16, ir.DataType.BFLOAT16) else x


def _running(g: Emitter, lengths: ir.Value, x: ir.Value) -> ir.Value:
    """(time, batch, 1): whether a sequence still runs."""
    steps = forms.unsqueeze(g, forms.iota(g, shapes.size(g, x, 0)), [1])
    return forms.unsqueeze(g, g.op("Less", steps, g.cast(lengths, ir.DataType.INT64)), [2])


def _scan(
    g: Emitter,
    gates: ir.Value,
    run: ir.Value | None,
    h: ir.Value,
    c: ir.Value,
    w_hh: ir.Value,
    w_hr: ir.Value,
    hidden: Dim,
    backwards: bool,
) -> tuple[ir.Value, ...]:
    """The recurrence: states h and c, one row of gates (and of ``run``) a step, one row of output."""
    dtype = g.dtype(gates)
    inner = Emitter(ir.Graph([], [], nodes=[], opset_imports=g.graph.opset_imports, name="step"), g.opset)
    inner.names, inner.scope, inner.torch_nodes = g.names, g.scope, g.torch_nodes
    assert h.shape is not None and c.shape is not None and gates.shape is not None

    def parameter(stem: str, like: ir.Value, dims: Sequence[int | ir.SymbolicDim]) -> ir.Value:
        value = ir.Value(
            name=g.names.unique(f"{g.scope}/{stem}"), shape=ir.Shape(dims), type=ir.TensorType(g.dtype(like))
        )
        inner.graph.inputs.append(value)
        return value

    h_in = parameter("h", h, list(h.shape))
    c_in = parameter("c", c, list(c.shape))
    row = parameter("gates", gates, list(gates.shape)[1:])
    keep = None
    if run is not None:
        assert run.shape is not None
        keep = parameter("run", run, list(run.shape)[1:])
    total = inner.op("Add", row, inner.op("MatMul", h_in, w_hh))
    enter, forget, new, out = forms.split(inner, total, [hidden] * 4, 1)
    kept = inner.op("Mul", inner.op("Sigmoid", forget), c_in)
    c_out = inner.op("Add", kept, inner.op("Mul", inner.op("Sigmoid", enter), inner.op("Tanh", new)))
    wide = inner.op("Mul", inner.op("Sigmoid", out), inner.op("Tanh", c_out))
    h_out = inner.op("MatMul", wide, w_hr)
    if keep is not None:
        h_out, c_out = where(inner, keep, h_out, h_in), where(inner, keep, c_out, c_in)
    # One value as a state and as a row of output, too, makes ONNX Runtime compute nonsense: hence the rows unprojected.
    inner.graph.outputs.extend([h_out, c_out, wide])
    rows = [gates] if run is None else [gates, run]
    h_last, c_last, every = g.op(
        "Scan",
        h,
        c,
        *rows,
        outputs=3,
        body=inner.graph,
        num_scan_inputs=len(rows),
        scan_input_directions=[int(backwards)] * len(rows),
        scan_output_directions=[int(backwards)],
    )
    y = g.op("MatMul", every, w_hr)
    return y if run is None else where(g, run, y, g.const(0, dtype)), h_last, c_last
