"""Least squares, by the pseudo-inverse."""

from __future__ import annotations

import onnx_ir as ir

from onnx_explore.emit import Emitter, forms, shapes
from onnx_explore.emit.forms.comparison import where
from onnx_explore.symbolic.annotations import Tensor
from onnx_explore.symbolic.aten.singular import pseudo_inverse, relative_limit
from onnx_explore.symbolic.registry import symbolic


@symbolic("aten::linalg_lstsq", since=11)
def linalg_lstsq(
    g: Emitter,
    self: Tensor,
    b: Tensor,
    rcond: float | None = None,
    driver: str | None = None,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """linalg_lstsq(Tensor self, Tensor b, float? rcond=None, *, str? driver=None)
    -> (Tensor solution, Tensor residuals, Tensor rank, Tensor singular_values)

    Which of the results have elements depends on the driver, as in LAPACK; the residuals also on the ranks.
    """
    driver = driver or "gelsy"
    rows, columns = shapes.size(g, self, -2), shapes.size(g, self, -1)
    assert isinstance(rows, int) and isinstance(columns, int), "pseudo_inverse takes static sizes only"
    vector = g.rank(b) == g.rank(self) - 1
    given = forms.unsqueeze(g, b, [g.rank(b)]) if vector else b
    limit = relative_limit(g, self) if rcond is None or rcond < 0 else g.const(rcond, ir.DataType.DOUBLE)
    inverse, values, counts = pseudo_inverse(g, self, g.const(0.0, ir.DataType.DOUBLE), limit)
    solution = g.op("MatMul", inverse, given)
    nothing = g.const([], g.dtype(self))
    residuals = nothing
    if rows > columns and driver != "gelsy":
        error = g.op("Sub", g.op("MatMul", self, solution), given)
        residuals = forms.reduce(g, "ReduceSum", g.op("Mul", error, error), [g.rank(error) - 2])
        if driver != "gels":
            residuals = _if_all(g, counts, residuals)
    ranks = forms.reduce(g, "ReduceSum", g.cast(counts, ir.DataType.INT64), [g.rank(counts) - 1])
    if vector:
        solution = forms.squeeze(g, solution, [g.rank(solution) - 1])
    return (
        solution,
        residuals,
        g.const([], ir.DataType.INT64) if driver == "gels" else ranks,
        values if driver in ("gelsd", "gelss") else nothing,
    )


def _if_all(g: Emitter, counts: ir.Value, residuals: ir.Value) -> ir.Value:
    """The residuals if every matrix has full rank, else an empty vector: the rank of the result is not known at export."""
    full = forms.reduce(g, "ReduceMin", g.cast(forms.reshape(g, counts, [-1]), ir.DataType.INT32), [0])
    full = g.cast(full, ir.DataType.INT64)
    flat = forms.reshape(g, residuals, [-1])
    whole = shapes.as_vector(g, shapes.size(g, flat, 0))
    kept = forms.slice_axes(g, flat, [0], [g.op("Mul", whole, full)], [0])
    rank = g.rank(residuals)
    # Of the sizes and a -1 behind them, all but the last one, or the last one alone.
    sizes = g.op("Concat", shapes.shape(g, residuals), g.const([-1]), axis=0)
    start = where(g, g.op("Equal", full, g.const(1)), g.const(0), g.const(rank))
    end = g.op("Add", start, where(g, g.op("Equal", full, g.const(1)), g.const(rank), g.const(1)))
    shape = forms.slice_axes(g, sizes, [start], [end], [0])
    return g.op("Reshape", kept, shape)
