"""Complex tensors: pairs of real and imaginary parts in a last dimension of size 2. What makes them, and what takes them.

``complex::mul`` is asked for where a complex tensor goes into ``aten::mul``; its function gets the pairs.
"""

from __future__ import annotations

import math
from typing import Any

import onnx_ir as ir
import torch

from onnx_explore.emit import Emitter, forms, shapes
from onnx_explore.emit.forms.comparison import where
from onnx_explore.errors import UnsupportedOperatorError
from onnx_explore.symbolic.annotations import Complex, Dim, DType, Tensor
from onnx_explore.symbolic.aten import slicing
from onnx_explore.symbolic.aten.permute import permuted, swapped
from onnx_explore.symbolic.lowered import Complex as ComplexValue
from onnx_explore.symbolic.lowered import Constant
from onnx_explore.symbolic.registry import symbolic


def parts(g: Emitter, pairs: ir.Value) -> tuple[ir.Value, ir.Value]:
    """Real and imaginary parts."""
    last = g.rank(pairs) - 1
    return forms.select(g, pairs, last, 0), forms.select(g, pairs, last, 1)


def paired(g: Emitter, real: ir.Value, imaginary: ir.Value) -> ComplexValue:
    """The complex tensor with these parts."""
    real, imaginary = forms.broadcast_all(g, [real, imaginary])
    last = g.rank(real)
    columns = [forms.unsqueeze(g, item, [last]) for item in (real, imaginary)]
    return ComplexValue(g.op("Concat", *columns, axis=last))


COMPLEX = {ir.DataType.COMPLEX64: ir.DataType.FLOAT, ir.DataType.COMPLEX128: ir.DataType.DOUBLE}
"""Complex element type → that of its parts."""


def from_real(g: Emitter, x: ir.Value, dtype: ir.DataType) -> ComplexValue:
    """A real tensor as a complex one of this type."""
    return _without_imaginary(g, g.cast(x, COMPLEX[dtype]))


def _without_imaginary(g: Emitter, real: ir.Value) -> ComplexValue:
    last = g.rank(real)
    pads = [0] * (last + 1)
    return ComplexValue(forms.pad(g, forms.unsqueeze(g, real, [last]), pads, [*pads[1:], 1]))


@symbolic("complex::to", "complex::_to_copy")
def to(g: Emitter, self: Complex, dtype: DType | None = None, copy: bool = False) -> Tensor | ComplexValue:
    """to.dtype(Tensor(a) self, ScalarType dtype, bool non_blocking=False, bool copy=False, MemoryFormat?
    memory_format=None) -> Tensor(a): to a real type, the real part
    """
    if dtype is None:
        return ComplexValue(self)
    return ComplexValue(g.cast(self, COMPLEX[dtype])) if dtype in COMPLEX else g.cast(parts(g, self)[0], dtype)


@symbolic("aten::chalf")
def chalf(g: Emitter, self: Tensor) -> ComplexValue:
    """chalf(Tensor self, *, MemoryFormat? memory_format=None) -> Tensor: ONNX has no such type, but pairs of float16"""
    return _without_imaginary(g, g.cast(self, ir.DataType.FLOAT16))


@symbolic("complex::chalf")
def chalf_of_complex(g: Emitter, self: Complex) -> ComplexValue:
    """chalf(Tensor self, *, MemoryFormat? memory_format=None) -> Tensor"""
    return ComplexValue(g.cast(self, ir.DataType.FLOAT16))


@symbolic("aten::view_as_complex")
def view_as_complex(g: Emitter, self: Tensor) -> ComplexValue:
    """view_as_complex(Tensor(a) self) -> Tensor(a)"""
    return ComplexValue(self)


@symbolic("aten::complex")
def complex_(g: Emitter, real: Tensor, imag: Tensor) -> ComplexValue:
    """complex(Tensor real, Tensor imag) -> Tensor"""
    return paired(g, real, imag)


@symbolic("aten::polar")
def polar(g: Emitter, abs: Tensor, angle: Tensor) -> ComplexValue:
    """polar(Tensor abs, Tensor angle) -> Tensor"""
    return paired(g, g.op("Mul", abs, g.op("Cos", angle)), g.op("Mul", abs, g.op("Sin", angle)))


@symbolic("complex::view_as_real")
def view_as_real(g: Emitter, self: Complex) -> Tensor:
    """view_as_real(Tensor(a) self) -> Tensor(a)"""
    return self


@symbolic("complex::real")
def real(g: Emitter, self: Complex) -> Tensor:
    """real(Tensor(a) self) -> Tensor(a)"""
    return parts(g, self)[0]


@symbolic("complex::imag")
def imag(g: Emitter, self: Complex) -> Tensor:
    """imag(Tensor(a) self) -> Tensor(a)"""
    return parts(g, self)[1]


@symbolic("complex::abs")
def absolute(g: Emitter, self: Complex) -> Tensor:
    """abs(Tensor self) -> Tensor"""
    return forms.reduce(g, "ReduceL2", self, [g.rank(self) - 1])


@symbolic("complex::angle")
def angle(g: Emitter, self: Complex) -> Tensor:
    """angle(Tensor self) -> Tensor: the arc tangent of imaginary by real part, in the right quadrant"""
    x, y = parts(g, self)
    zero = g.like(0, x)
    left = g.op("Less", x, zero)
    turn = where(g, g.op("Less", y, zero), g.like(-math.pi, x), g.like(math.pi, x))
    upright = g.op("Not", g.op("Or", left, g.op("Greater", x, zero)))
    slope = g.op("Atan", g.op("Div", y, where(g, upright, g.like(1, x), x)))
    quarter = g.op("Mul", g.op("Sign", y), g.like(math.pi / 2, x))
    return where(g, upright, quarter, where(g, left, g.op("Add", slope, turn), slope))


@symbolic("complex::conj", "complex::_conj", "complex::_conj_physical", "complex::conj_physical")
def conj(g: Emitter, self: Complex) -> ComplexValue:
    """conj(Tensor(a) self) -> Tensor(a)"""
    return ComplexValue(g.op("Mul", self, g.const([1, -1], g.dtype(self))))


@symbolic(
    "complex::resolve_conj",
    "complex::resolve_neg",
    "complex::clone",
    "complex::contiguous",
    "complex::detach",
    "complex::alias",
)
def same(g: Emitter, self: Complex) -> ComplexValue:
    """resolve_conj(Tensor(a) self) -> Tensor(a)"""
    return ComplexValue(self)


@symbolic("complex::neg")
def neg(g: Emitter, self: Complex) -> ComplexValue:
    """neg(Tensor self) -> Tensor"""
    return ComplexValue(g.op("Neg", self))


def _split(g: Emitter, operand: Any, like: ir.DataType) -> tuple[ir.Value, ir.Value]:
    """Real and imaginary parts of a complex or real tensor, or of a number."""
    if isinstance(operand, ComplexValue):
        return parts(g, operand.pairs)
    if isinstance(operand, Constant):
        tensor = operand.tensor.detach().resolve_conj()
        pieces = (tensor.real, tensor.imag) if tensor.is_complex() else (tensor, torch.zeros_like(tensor))
        return tuple(g.cast(g.tensor(piece.contiguous()), like) for piece in pieces)  # pyright: ignore[reportReturnType]
    if isinstance(operand, ir.Value):
        return g.cast(operand, like), g.const(0, like)
    number = complex(operand)
    return g.const(number.real, like), g.const(number.imag, like)


def _kind(g: Emitter, *operands: Any) -> ir.DataType:
    return next(g.dtype(item.pairs) for item in operands if isinstance(item, ComplexValue))


@symbolic("complex::mul")
def mul(g: Emitter, self: Any, other: Any) -> ComplexValue:
    """mul.Tensor(Tensor self, Tensor other) -> Tensor"""
    kind = _kind(g, self, other)
    (a, b), (c, d) = _split(g, self, kind), _split(g, other, kind)
    return paired(
        g,
        g.op("Sub", g.op("Mul", a, c), g.op("Mul", b, d)),
        g.op("Add", g.op("Mul", a, d), g.op("Mul", b, c)),
    )


@symbolic("complex::div")
def div(g: Emitter, self: Any, other: Any) -> ComplexValue:
    """div.Tensor(Tensor self, Tensor other) -> Tensor"""
    kind = _kind(g, self, other)
    (a, b), (c, d) = _split(g, self, kind), _split(g, other, kind)
    size = g.op("Add", g.op("Mul", c, c), g.op("Mul", d, d))
    return paired(
        g,
        g.op("Div", g.op("Add", g.op("Mul", a, c), g.op("Mul", b, d)), size),
        g.op("Div", g.op("Sub", g.op("Mul", b, c), g.op("Mul", a, d)), size),
    )


def _summed(g: Emitter, op_type: str, self: Any, other: Any, alpha: float) -> ComplexValue:
    if alpha != 1:
        raise UnsupportedOperatorError(f"the factor {alpha} with complex tensors", argument="alpha")
    kind = _kind(g, self, other)
    (a, b), (c, d) = _split(g, self, kind), _split(g, other, kind)
    return paired(g, g.op(op_type, a, c), g.op(op_type, b, d))


@symbolic("complex::add")
def add(g: Emitter, self: Any, other: Any, alpha: float = 1) -> ComplexValue:
    """add.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor"""
    return _summed(g, "Add", self, other, alpha)


@symbolic("complex::sub")
def sub(g: Emitter, self: Any, other: Any, alpha: float = 1) -> ComplexValue:
    """sub.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor"""
    return _summed(g, "Sub", self, other, alpha)


# -- shapes: the same, but that the last dimension of the pairs does not count ------------------------------------------


def _dim(g: Emitter, pairs: ir.Value, dim: int, extra: int = 0) -> int:
    return dim % (g.rank(pairs) - 1 + extra)


@symbolic("complex::size")
def size(g: Emitter, self: Complex, dim: int | None = None) -> Dim | list[Dim]:
    """size.int(Tensor self, int dim) -> int"""
    return shapes.sizes(g, self)[:-1] if dim is None else shapes.size(g, self, _dim(g, self, dim))


@symbolic("complex::slice")
def slice_(
    g: Emitter, self: Complex, dim: int = 0, start: Dim | None = None, end: Dim | None = None, step: Dim = 1
) -> ComplexValue:
    """slice.Tensor(Tensor(a) self, int dim=0, SymInt? start=None, SymInt? end=None, SymInt step=1) -> Tensor(a)"""
    return ComplexValue(slicing.slice_(g, self, _dim(g, self, dim), start, end, step))


@symbolic("complex::select")
def select(g: Emitter, self: Complex, dim: int, index: Dim) -> ComplexValue:
    """select.int(Tensor(a) self, int dim, SymInt index) -> Tensor(a)"""
    return ComplexValue(forms.select(g, self, _dim(g, self, dim), index))


@symbolic("complex::unsqueeze")
def unsqueeze(g: Emitter, self: Complex, dim: int) -> ComplexValue:
    """unsqueeze(Tensor(a) self, int dim) -> Tensor(a)"""
    return ComplexValue(forms.unsqueeze(g, self, [_dim(g, self, dim, 1)]))


@symbolic("complex::squeeze.dim")
def squeeze(g: Emitter, self: Complex, dim: int) -> ComplexValue:
    """squeeze.dim(Tensor(a) self, int dim) -> Tensor(a)"""
    axis = _dim(g, self, dim)
    assert self.shape is not None
    return ComplexValue(forms.squeeze(g, self, [axis]) if self.shape[axis] == 1 else self)


@symbolic("complex::transpose")
def transpose(g: Emitter, self: Complex, dim0: int, dim1: int) -> ComplexValue:
    """transpose.int(Tensor(a) self, int dim0, int dim1) -> Tensor(a)"""
    return ComplexValue(swapped(g, self, _dim(g, self, dim0), _dim(g, self, dim1)))


@symbolic("complex::permute")
def permute(g: Emitter, self: Complex, dims: list[int]) -> ComplexValue:
    """permute(Tensor(a) self, int[] dims) -> Tensor(a)"""
    return ComplexValue(permuted(g, self, [*[_dim(g, self, dim) for dim in dims], g.rank(self) - 1]))


@symbolic("complex::reshape")
def reshape(g: Emitter, self: Complex, shape: list[Dim]) -> ComplexValue:
    """reshape(Tensor(a) self, SymInt[] shape) -> Tensor(a)"""
    return ComplexValue(forms.reshape(g, self, [*shape, 2]))


@symbolic("complex::view")
def view(g: Emitter, self: Complex, size: list[Dim]) -> ComplexValue:
    """view(Tensor(a) self, SymInt[] size) -> Tensor(a)"""
    return ComplexValue(forms.reshape(g, self, [*size, 2]))


@symbolic("complex::cat")
def cat(g: Emitter, tensors: list[Complex], dim: int = 0) -> ComplexValue:
    """cat(Tensor[] tensors, int dim=0) -> Tensor"""
    return ComplexValue(g.op("Concat", *tensors, axis=_dim(g, tensors[0], dim)))
