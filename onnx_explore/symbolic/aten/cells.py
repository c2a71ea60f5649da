"""Recurrent cells: one time step, as elementary operators."""

from __future__ import annotations

import onnx_ir as ir

from onnx_explore.emit import Emitter, forms, shapes
from onnx_explore.symbolic.annotations import Tensor
from onnx_explore.symbolic.aten.linear import linear
from onnx_explore.symbolic.registry import symbolic


def _gates(g: Emitter, x: ir.Value, count: int) -> tuple[ir.Value, ...]:
    axis = g.rank(x) - 1
    return forms.split(g, x, [shapes.div(g, shapes.size(g, x, axis), count)] * count, axis)


@symbolic("aten::lstm_cell")
def lstm_cell(
    g: Emitter,
    input: Tensor,
    hx: list[Tensor],
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Tensor | None = None,
    b_hh: Tensor | None = None,
) -> list[Tensor]:
    """lstm_cell(Tensor input, Tensor[] hx, Tensor w_ih, Tensor w_hh, Tensor? b_ih=None, Tensor? b_hh=None)
    -> (Tensor, Tensor)
    """
    hidden, cell = hx
    total = g.op("Add", linear(g, input, w_ih, b_ih), linear(g, hidden, w_hh, b_hh))
    enter, forget, new, out = _gates(g, total, 4)
    kept = g.op("Mul", g.op("Sigmoid", forget), cell)
    state = g.op("Add", kept, g.op("Mul", g.op("Sigmoid", enter), g.op("Tanh", new)))
    return [g.op("Mul", g.op("Sigmoid", out), g.op("Tanh", state)), state]


@symbolic("aten::gru_cell")
def gru_cell(
    g: Emitter,
    input: Tensor,
    hx: Tensor,
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Tensor | None = None,
    b_hh: Tensor | None = None,
) -> Tensor:
    """gru_cell(Tensor input, Tensor hx, Tensor w_ih, Tensor w_hh, Tensor? b_ih=None, Tensor? b_hh=None) -> Tensor"""
    from_input = _gates(g, linear(g, input, w_ih, b_ih), 3)
    from_hidden = _gates(g, linear(g, hx, w_hh, b_hh), 3)
    reset = g.op("Sigmoid", g.op("Add", from_input[0], from_hidden[0]))
    update = g.op("Sigmoid", g.op("Add", from_input[1], from_hidden[1]))
    new = g.op("Tanh", g.op("Add", from_input[2], g.op("Mul", reset, from_hidden[2])))
    return g.op("Add", new, g.op("Mul", update, g.op("Sub", hx, new)))


def _register(name: str, activation: str) -> None:
    def cell(
        g: Emitter,
        input: Tensor,
        hx: Tensor,
        w_ih: Tensor,
        w_hh: Tensor,
        b_ih: Tensor | None = None,
        b_hh: Tensor | None = None,
    ) -> Tensor:
        return g.op(activation, g.op("Add", linear(g, input, w_ih, b_ih), linear(g, hx, w_hh, b_hh)))

    cell.__qualname__ = cell.__name__ = name
    cell.__doc__ = (
        f"{name}(Tensor input, Tensor hx, Tensor w_ih, Tensor w_hh, Tensor? b_ih=None, Tensor? b_hh=None) -> Tensor"
    )
    symbolic(f"aten::{name}")(cell)


_register("rnn_tanh_cell", "Tanh")
_register("rnn_relu_cell", "Relu")
