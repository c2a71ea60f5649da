"""Sums, products and joins of quantized tensors, with tensors and with numbers."""

from __future__ import annotations

import math

import onnx_ir as ir
import torch

from onnx_explore.emit import Emitter
from onnx_explore.emit.forms.quantization import RANGES
from onnx_explore.symbolic.annotations import Quantized
from onnx_explore.symbolic.lowered import Grid
from onnx_explore.symbolic.quantized.grids import is_known, known_numbers, made, on_grid, one_scale, real
from onnx_explore.symbolic.registry import Function, symbolic, table


def _of_two(op_type: str) -> Function:
    def function(g: Emitter, qa: Quantized, qb: Quantized, scale: float, zero_point: int) -> Quantized:
        """add(Tensor qa, Tensor qb, float scale, int zero_point) -> Tensor qc"""
        name, _, relu = op_type.partition("+")
        if name == "MatMul" or g.integer_kernels:
            result = g.op(name, real(g, qa), real(g, qb))
            return made(g, g.op(relu, result) if relu else result, scale, zero_point, qa)
        operand = _rounded_once if name == "Add" else real
        result = g.op(name, operand(g, qa), operand(g, qb))
        return _in_steps(g, g.op(relu, result) if relu else result, Grid(scale, zero_point), g.dtype(qa.integers))

    return function


def _rounded_once(g: Emitter, q: Quantized) -> ir.Value:
    """``integer · scale - (zero point · scale)`` with one rounding, as PyTorch's vector kernels have it: by a table.

    DequantizeLinear multiplies the difference. Now and then that is another float, and one in a million sums another integer.
    """
    dtype = g.dtype(q.integers)
    if not is_known(q.grid) or dtype == ir.DataType.INT32:
        return real(g, q)
    scale, point = known_numbers(q)
    return g.op("Gather", _reals(g, scale, point, dtype), g.cast(q.integers, ir.DataType.INT32), axis=0)


def _reals(g: Emitter, scale: float, point: int, dtype: ir.DataType) -> ir.Value:
    """What each integer stands for, as a table of 256 floats."""
    key = ("reals", scale, point, dtype)
    found = g.memo(key)
    if found is not None:
        return found
    low, high = RANGES[dtype]
    narrow = torch.tensor(scale, dtype=torch.float32)
    integers = torch.cat([torch.arange(0, high + 1), torch.arange(low, 0)])  # an index below zero counts from the end
    reals = (integers.double() * narrow.double() - (narrow * point).double()).float()
    return g.remember(key, g.tensor(reals, name=g.names.unique("integers_as_reals")))


def _in_steps(g: Emitter, x: ir.Value, grid: Grid, dtype: ir.DataType) -> Quantized:
    """Real numbers on a grid, through a product with one over the scale, as PyTorch has it.

    Between DequantizeLinear and QuantizeLinear, ONNX Runtime makes one kernel of a sum or a product, which multiplies by
    quotients of scales: one result in 100,000 falls to the other side of a half.
    """
    assert not isinstance(grid.scale, ir.Value)
    inverse = g.tensor(torch.tensor(grid.scale, dtype=torch.float32).reciprocal())
    steps = on_grid(g, g.op("Mul", x, inverse), Grid(1.0, grid.zero_point), dtype)
    return Quantized(steps.integers, grid)


table(
    {
        "quantized::add": "Add",
        "quantized::add_relu": "Add+Relu",
        "quantized::mul": "Mul",
        "quantized::mul_relu": "Mul+Relu",
        "quantized::matmul": "MatMul",
    },
    _of_two,
)


@symbolic("quantized::add_scalar", "quantized::add.Scalar", "quantized::add.Scalar2", "quantized::add_scalar.Tensor")
def add_scalar(g: Emitter, qa: Quantized, b: float) -> Quantized:
    """add_scalar(Tensor qa, Scalar b) -> Tensor qc"""
    return _moved(g, qa, b, relu=False)


@symbolic(
    "quantized::add_scalar_relu", "quantized::add_relu.Scalar", "quantized::add_relu.Scalar2",
    "quantized::add_scalar_relu.Tensor",
)  # fmt: skip
def add_scalar_relu(g: Emitter, qa: Quantized, b: float) -> Quantized:
    """add_scalar_relu(Tensor qa, Scalar b) -> Tensor qc"""
    return _moved(g, qa, b, relu=True)


def _moved(g: Emitter, q: Quantized, number: float, *, relu: bool) -> Quantized:
    """The zero point moves by the number's steps; where it would leave its range, the scale grows."""
    scale, point = known_numbers(q)
    dtype = g.dtype(q.integers)
    low, high = RANGES[dtype]
    shifted = point - _nearest(number / scale)
    if low <= shifted <= high:
        grid = Grid(scale, shifted)
        moved = Quantized(q.integers, grid)
        return on_grid(g, g.op("Relu", real(g, moved)), grid, dtype) if relu else moved
    wider = (high - shifted if shifted < low else shifted - low) / (high - low) * scale
    result = g.op("Add", real(g, q), g.const(float(point - shifted) * scale, ir.DataType.FLOAT))
    return on_grid(g, g.op("Relu", result) if relu else result, Grid(wider, low if shifted < low else high), dtype)


def _nearest(number: float) -> int:
    """Rounded, halves to the even number; beyond 32 bits it makes no difference by how much."""
    return round(max(-(2.0**31), min(2.0**31 - 1, number))) if math.isfinite(number) else 0


@symbolic("quantized::mul_scalar", "quantized::mul.Scalar", "quantized::mul.Scalar2", "quantized::mul_scalar.Tensor")
def mul_scalar(g: Emitter, qa: Quantized, b: float) -> Quantized:
    """mul_scalar(Tensor qa, Scalar b) -> Tensor qc"""
    return _scaled(g, qa, b, relu=False)


@symbolic(
    "quantized::mul_scalar_relu", "quantized::mul_relu.Scalar", "quantized::mul_relu.Scalar2",
    "quantized::mul_scalar_relu.Tensor",
)  # fmt: skip
def mul_scalar_relu(g: Emitter, qa: Quantized, b: float) -> Quantized:
    """mul_scalar_relu(Tensor qa, Scalar b) -> Tensor qc"""
    return _scaled(g, qa, b, relu=True)


def _scaled(g: Emitter, q: Quantized, number: float, *, relu: bool) -> Quantized:
    """The scale is multiplied; a negative number turns the range around; zero gives zeros on the grid (1, 0)."""
    scale, point = known_numbers(q)
    dtype = g.dtype(q.integers)
    low, high = RANGES[dtype]
    if number > 0:
        result = Quantized(q.integers, Grid(scale * number, point))
    elif number == 0:
        return on_grid(g, g.op("Mul", real(g, q), g.const(0.0, ir.DataType.FLOAT)), Grid(1.0, 0), dtype)
    else:
        wide = g.cast(q.integers, ir.DataType.INT32)
        turned = g.op("Sub", g.const(low + high, ir.DataType.INT32), wide)
        result = Quantized(g.cast(turned, dtype), Grid(-scale * number, low + high - point))
    return on_grid(g, g.op("Relu", real(g, result)), result.grid, dtype) if relu else result


@symbolic("quantized::cat")
def cat(
    g: Emitter, qx: list[Quantized], dim: int, scale: float | None = None, zero_point: int | None = None
) -> Quantized:
    """cat(Tensor[] qx, int dim, float? scale, int? zero_point) -> Tensor"""
    return joined(g, qx, dim, _grid(qx[0], scale, zero_point), relu=False)


@symbolic("quantized::cat_relu")
def cat_relu(
    g: Emitter, qx: list[Quantized], dim: int, scale: float | None = None, zero_point: int | None = None
) -> Quantized:
    """cat_relu(Tensor[] qx, int dim, float? scale, int? zero_point) -> Tensor"""
    return joined(g, qx, dim, _grid(qx[0], scale, zero_point), relu=True)


@symbolic("quantized_tensor::cat")
def cat_tensors(g: Emitter, tensors: list[Quantized], dim: int = 0) -> Quantized:
    """cat(Tensor[] tensors, int dim=0) -> Tensor: on the first one's grid"""
    return joined(g, tensors, dim, one_scale(tensors[0]), relu=False)


def _grid(first: Quantized, scale: float | None, zero_point: int | None) -> Grid:
    grid = one_scale(first)
    return Grid(grid.scale if scale is None else scale, grid.zero_point if zero_point is None else zero_point)


def joined(g: Emitter, tensors: list[Quantized], dim: int, grid: Grid, *, relu: bool) -> Quantized:
    """Tensors side by side on one grid: their integers where all are on it already."""
    axis = g.axis(tensors[0].integers, dim)
    dtype = g.dtype(tensors[0].integers)
    if not relu and all(same_grid(item.grid, grid) for item in tensors):
        return Quantized(g.op("Concat", *(item.integers for item in tensors), axis=axis), grid)
    whole = g.op("Concat", *(real(g, item) for item in tensors), axis=axis)
    return on_grid(g, g.op("Relu", whole) if relu else whole, grid, dtype)


def same_grid(left: Grid, right: Grid) -> bool:
    """Whether two grids are the same, as far as that is known."""
    return all(
        a is b if isinstance(a, ir.Value) or isinstance(b, ir.Value) else a == b
        for a, b in ((left.scale, right.scale), (left.zero_point, right.zero_point), (left.axis, right.axis))
    )
