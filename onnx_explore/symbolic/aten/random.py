"""Random numbers and dropout. ONNX draws from its own generator: distributions agree with PyTorch, numbers do not."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import onnx_ir as ir

from onnx_explore.emit import Emitter, forms, shapes
from onnx_explore.emit.algebra import add, div, mul, sub
from onnx_explore.emit.forms.comparison import less
from onnx_explore.emit.shapes import Dim
from onnx_explore.errors import UnsupportedOperatorError
from onnx_explore.symbolic.annotations import DType, Operand, Tensor
from onnx_explore.symbolic.aten.creation import default_float, filled, zeros_like
from onnx_explore.symbolic.promotion import as_type, is_float
from onnx_explore.symbolic.registry import symbolic

_DRAWN = (ir.DataType.FLOAT, ir.DataType.DOUBLE)

# -- drawing ---------------------------------------------------------------------------------------------------------------


def _draw(g: Emitter, op_type: str, size: Sequence[Dim], dtype: ir.DataType, **parameters: Any) -> Tensor:
    """RandomUniform or RandomNormal of a size that may be known only at run time; float16 is drawn as float."""
    size = [shapes.simplified(g, dim) for dim in size]
    if all(isinstance(dim, int) for dim in size) and size:
        return g.cast(g.op(op_type, shape=list(size), dtype=_drawn(dtype), **parameters), dtype)
    return _draw_like(g, op_type, filled(g, size, 0, ir.DataType.FLOAT), dtype, **parameters)


def _draw_like(g: Emitter, op_type: str, x: Tensor, dtype: ir.DataType, **parameters: Any) -> Tensor:
    return g.cast(g.op(f"{op_type}Like", x, dtype=_drawn(dtype), **parameters), dtype)


def _drawn(dtype: ir.DataType) -> ir.DataType:
    return dtype if dtype in _DRAWN else ir.DataType.FLOAT


def _uniform_like(g: Emitter, x: Tensor) -> Tensor:
    """Uniform between 0 and 1, in the type of ``x`` if that is a float."""
    return _draw_like(g, "RandomUniform", x, g.dtype(x) if is_float(x) else ir.DataType.FLOAT)


def _positive_uniform_like(g: Emitter, x: Tensor) -> Tensor:
    """Uniform between 0 (exclusive) and 1, for logarithms."""
    return sub(g, 1.0, _uniform_like(g, x))


@symbolic("aten::rand")
def rand(g: Emitter, size: list[Dim], dtype: DType | None = None) -> Tensor:
    """rand(SymInt[] size, *, ScalarType? dtype=None, …) -> Tensor"""
    return _draw(g, "RandomUniform", size, dtype or g.expected or default_float())


@symbolic("aten::randn")
def randn(g: Emitter, size: list[Dim], dtype: DType | None = None) -> Tensor:
    """randn(SymInt[] size, *, ScalarType? dtype=None, …) -> Tensor"""
    return _draw(g, "RandomNormal", size, dtype or g.expected or default_float())


@symbolic("aten::rand_like")
def rand_like(g: Emitter, self: Tensor, dtype: DType | None = None) -> Tensor:
    """rand_like(Tensor self, *, ScalarType? dtype=None, …) -> Tensor"""
    return _draw_like(g, "RandomUniform", self, dtype or g.dtype(self))


@symbolic("aten::randn_like")
def randn_like(g: Emitter, self: Tensor, dtype: DType | None = None) -> Tensor:
    """randn_like(Tensor self, *, ScalarType? dtype=None, …) -> Tensor"""
    return _draw_like(g, "RandomNormal", self, dtype or g.dtype(self))


def _integers(g: Emitter, unit: Tensor, low: Dim, high: Dim, dtype: ir.DataType) -> Tensor:
    """Integers from ``low`` to ``high - 1`` from doubles between 0 and 1."""
    span = shapes.as_scalar(g, shapes.sub(g, high, low))
    whole = g.cast(g.op("Floor", g.op("Mul", unit, g.cast(span, ir.DataType.DOUBLE))), ir.DataType.INT64)
    drawn = whole if isinstance(low, int) and low == 0 else g.op("Add", whole, shapes.as_scalar(g, low))
    return g.cast(drawn, dtype)


@symbolic("aten::randint")
def randint(g: Emitter, high: Dim, size: list[Dim], low: Dim = 0, dtype: DType | None = None) -> Tensor:
    """randint.low(SymInt low, SymInt high, SymInt[] size, *, ScalarType? dtype=long, …) -> Tensor"""
    unit = _draw(g, "RandomUniform", size, ir.DataType.DOUBLE)
    return _integers(g, unit, low, high, dtype or g.expected or ir.DataType.INT64)


@symbolic("aten::randint_like")
def randint_like(g: Emitter, self: Tensor, high: Dim, low: Dim = 0, dtype: DType | None = None) -> Tensor:
    """randint_like.low_dtype(Tensor self, SymInt low, SymInt high, *, ScalarType? dtype=None, …) -> Tensor"""
    unit = _draw_like(g, "RandomUniform", self, ir.DataType.DOUBLE)
    return _integers(g, unit, low, high, dtype or g.dtype(self))


@symbolic("aten::randperm")
def randperm(g: Emitter, n: Dim, dtype: DType | None = None) -> Tensor:
    """randperm(SymInt n, *, ScalarType? dtype=long, …) -> Tensor: the order of as many random numbers"""
    _, order = forms.top_k(g, _draw(g, "RandomUniform", [n], ir.DataType.FLOAT), n, 0)
    return g.cast(order, dtype or g.expected or ir.DataType.INT64)


@symbolic("aten::random")
def random(g: Emitter, self: Tensor, from_: Dim = 0, to: Dim | None = None) -> Tensor:
    """random.from(Tensor self, int from, int? to, *, Generator? generator=None) -> Tensor"""
    end = _end(g.dtype(self)) if to is None else to
    unit = _draw_like(g, "RandomUniform", self, ir.DataType.DOUBLE)
    return _integers(g, unit, from_, end, g.dtype(self))


def _end(dtype: ir.DataType) -> int:
    """The first integer that a tensor of this type is not filled with; at most what a double can hold."""
    bits = {ir.DataType.FLOAT: 24, ir.DataType.FLOAT16: 11, ir.DataType.BFLOAT16: 8, ir.DataType.DOUBLE: 53}
    return 1 << bits.get(dtype, min(int(8 * dtype.itemsize) - 1, 53))


# -- distributions -------------------------------------------------------------------------------------------------------


@symbolic("aten::uniform")
def uniform(g: Emitter, self: Tensor, from_: float = 0.0, to: float = 1.0) -> Tensor:
    """uniform(Tensor self, float from=0., float to=1., *, Generator? generator=None) -> Tensor"""
    return _draw_like(g, "RandomUniform", self, g.dtype(self), low=from_, high=to)


@symbolic("aten::normal", "aten::normal_functional")
def normal(g: Emitter, self: Tensor, mean: float = 0.0, std: float = 1.0) -> Tensor:
    """normal_functional(Tensor self, float mean=0., float std=1., *, Generator? generator=None) -> Tensor"""
    return _draw_like(g, "RandomNormal", self, g.dtype(self), mean=mean, scale=std)


@symbolic("aten::normal.float_float")
def normal_of_size(g: Emitter, mean: float, std: float, size: list[Dim], dtype: DType | None = None) -> Tensor:
    """normal.float_float(float mean, float std, SymInt[] size, *, Generator? generator=None, ScalarType? dtype=None, …) ->
    Tensor
    """
    return _draw(g, "RandomNormal", size, dtype or g.expected or default_float(), mean=mean, scale=std)


@symbolic("aten::normal.Tensor_float", "aten::normal.float_Tensor", "aten::normal.Tensor_Tensor")
def normal_of_tensors(g: Emitter, mean: Operand, std: Operand = 1.0) -> Tensor:
    """normal.Tensor_Tensor(Tensor mean, Tensor std, *, Generator? generator=None) -> Tensor"""
    tensors = [item for item in (mean, std) if isinstance(item, ir.Value)]
    dtype = g.expected or g.dtype(tensors[0])
    pattern = tensors[0] if len(tensors) == 1 else g.op("Add", *(g.cast(item, dtype) for item in tensors))
    noise = _draw_like(g, "RandomNormal", pattern, dtype)
    return g.op("Add", g.op("Mul", noise, as_type(g, std, dtype)), as_type(g, mean, dtype))


@symbolic("aten::bernoulli")
def bernoulli(g: Emitter, self: Tensor, p: Operand | None = None) -> Tensor:
    """bernoulli.p(Tensor self, float p, *, Generator? generator=None) -> Tensor: by a comparison, because the body that ONNX
    gives its Bernoulli, and that ONNX Runtime runs, draws a 1 with probability 1 - p
    """
    dtype = g.dtype(self)
    if p is None:
        return g.cast(less(g, _uniform_like(g, self), self), dtype)
    unit = _draw_like(g, "RandomUniform", self, ir.DataType.FLOAT)
    return g.cast(less(g, unit, as_type(g, p, ir.DataType.FLOAT)), dtype)


@symbolic("aten::exponential")
def exponential(g: Emitter, self: Tensor, lambd: float = 1.0) -> Tensor:
    """exponential(Tensor self, float lambd=1., *, Generator? generator=None) -> Tensor"""
    return div(g, g.op("Log", _positive_uniform_like(g, self)), -lambd)


@symbolic("aten::geometric")
def geometric(g: Emitter, self: Tensor, p: float) -> Tensor:
    """geometric(Tensor self, float p, *, Generator? generator=None) -> Tensor"""
    trials = g.op("Ceil", div(g, g.op("Log", _positive_uniform_like(g, self)), math.log1p(-p)))
    return g.cast(forms.clip(g, trials, 1.0, None), g.dtype(self))


@symbolic("aten::cauchy")
def cauchy(g: Emitter, self: Tensor, median: float = 0.0, sigma: float = 1.0) -> Tensor:
    """cauchy(Tensor self, float median=0., float sigma=1., *, Generator? generator=None) -> Tensor"""
    angle = mul(g, sub(g, _uniform_like(g, self), 0.5), math.pi)
    return add(g, mul(g, g.op("Tan", angle), sigma), median)


@symbolic("aten::log_normal")
def log_normal(g: Emitter, self: Tensor, mean: float = 1.0, std: float = 2.0) -> Tensor:
    """log_normal(Tensor self, float mean=1., float std=2., *, Generator? generator=None) -> Tensor"""
    return g.op("Exp", _draw_like(g, "RandomNormal", self, g.dtype(self), mean=mean, scale=std))


@symbolic("aten::multinomial")
def multinomial(g: Emitter, self: Tensor, num_samples: Dim, replacement: bool = False) -> Tensor:
    """multinomial(Tensor self, SymInt num_samples, bool replacement=False, *, Generator? generator=None) -> Tensor: the
    largest of log p plus Gumbel noise; with replacement, ONNX's Multinomial on log p
    """
    return _rowwise(g, self, num_samples, _with_operator if replacement and num_samples != 1 else _without_replacement)


@multinomial.since(22)
def _(g: Emitter, self: Tensor, num_samples: Dim, replacement: bool = False) -> Tensor:
    return _rowwise(g, self, num_samples, _by_inversion if replacement and num_samples != 1 else _without_replacement)


def _rowwise(g: Emitter, weights: Tensor, count: Dim, draw: Callable[[Emitter, Tensor, Dim], Tensor]) -> Tensor:
    if g.rank(weights) == 2:
        return draw(g, weights, count)
    return forms.squeeze(g, draw(g, forms.unsqueeze(g, weights, [0]), count), [0])


def _without_replacement(g: Emitter, weights: Tensor, count: Dim) -> Tensor:
    noise = g.op("Neg", g.op("Log", g.op("Neg", g.op("Log", _positive_uniform_like(g, weights)))))
    _, drawn = forms.top_k(g, g.op("Add", g.op("Log", weights), noise), count, 1)
    return drawn


def _with_operator(g: Emitter, weights: Tensor, count: Dim) -> Tensor:
    if not isinstance(count, int):
        g.requires(11, "multinomial with a computed num_samples")
        return _by_inversion(g, weights, count)
    return g.op(
        "Multinomial", g.cast(g.op("Log", weights), ir.DataType.FLOAT), dtype=ir.DataType.INT64, sample_size=count
    )


def _by_inversion(g: Emitter, weights: Tensor, count: Dim) -> Tensor:
    """How many steps of the distribution function lie below a uniform number (but for the last, which is at 1)."""
    sums = g.op("CumSum", weights, g.const(1))
    last = forms.slice_axes(g, sums, [-1], [forms.END], [1])
    steps = forms.unsqueeze(g, forms.slice_axes(g, sums, [0], [-1], [1]), [1])
    unit = _draw(g, "RandomUniform", [shapes.size(g, weights, 0), count], g.dtype(weights))
    passed = g.op("Not", less(g, forms.unsqueeze(g, g.op("Mul", unit, last), [2]), steps))
    return forms.reduce(g, "ReduceSum", g.cast(passed, ir.DataType.INT64), [2])


# -- dropout ---------------------------------------------------------------------------------------------------------------


def _kept(g: Emitter, x: Tensor, p: float) -> Tensor:
    """A mask: False with probability ``p``."""
    unit = _draw_like(g, "RandomUniform", x, ir.DataType.FLOAT)
    return g.op("Not", less(g, unit, g.like(p, unit)))


@symbolic("aten::dropout")
def dropout(g: Emitter, input: Tensor, p: float, train: bool) -> Tensor:
    """dropout(Tensor input, float p, bool train) -> Tensor"""
    return native_dropout(g, input, p, train)[0]


@symbolic("aten::native_dropout")
def native_dropout(g: Emitter, input: Tensor, p: float, train: bool | None = None) -> Any:
    """native_dropout(Tensor input, float p, bool? train) -> (Tensor, Tensor)"""
    return _dropped(g, input, p, train)


@native_dropout.since(12)
def _(g: Emitter, input: Tensor, p: float, train: bool | None = None) -> Any:
    if train is False or p in (0, 1):
        return _dropped(g, input, p, train)
    return g.op("Dropout", input, g.const(p, ir.DataType.FLOAT), g.const(True), outputs=2)


def _dropped(g: Emitter, x: Tensor, p: float, train: bool | None) -> tuple[Tensor, Tensor]:
    size = shapes.sizes(g, x)
    if train is False or p == 0:
        return x, filled(g, size, True, ir.DataType.BOOL)
    if p == 1:
        return zeros_like(g, x), filled(g, size, False, ir.DataType.BOOL)
    mask = _kept(g, x, p)
    return mul(g, g.op("Mul", x, g.cast(mask, g.dtype(x))), 1 / (1 - p)), mask


@symbolic("aten::feature_dropout")
def feature_dropout(g: Emitter, input: Tensor, p: float, train: bool) -> Tensor:
    """feature_dropout(Tensor input, float p, bool train) -> Tensor: whole channels"""
    if not train or p == 0:
        return input
    if p == 1:
        return zeros_like(g, input)
    mask = g.cast(_kept(g, _one_per_channel(g, input), p), g.dtype(input))
    return g.op("Mul", input, mul(g, mask, 1 / (1 - p)))


def _one_per_channel(g: Emitter, x: Tensor) -> Tensor:
    if g.rank(x) < 2:
        raise UnsupportedOperatorError(f"feature dropout needs at least 2 dimensions, and there are {g.rank(x)}")
    size: list[Dim] = [shapes.size(g, x, 0), shapes.size(g, x, 1), *[1] * (g.rank(x) - 2)]
    return filled(g, size, 0, g.dtype(x))


@symbolic("aten::alpha_dropout")
def alpha_dropout(g: Emitter, input: Tensor, p: float, train: bool) -> Tensor:
    """alpha_dropout(Tensor input, float p, bool train) -> Tensor: keeps mean and variance of what selu gives"""
    return _alpha_dropped(g, input, input, p) if train and p > 0 else input


@symbolic("aten::feature_alpha_dropout")
def feature_alpha_dropout(g: Emitter, input: Tensor, p: float, train: bool) -> Tensor:
    """feature_alpha_dropout(Tensor input, float p, bool train) -> Tensor"""
    return _alpha_dropped(g, input, _one_per_channel(g, input), p) if train and p > 0 else input


_SATURATED = -1.7580993408473766  # the limit of selu at minus infinity: -scale * alpha


def _alpha_dropped(g: Emitter, x: Tensor, pattern: Tensor, p: float) -> Tensor:
    if p == 1:
        return zeros_like(g, x)
    a = 1 / math.sqrt((_SATURATED * _SATURATED * p + 1) * (1 - p))
    mask = g.cast(_kept(g, pattern, p), g.dtype(x))
    shift = mul(g, sub(g, 1.0, mask), a * _SATURATED)
    return add(g, add(g, g.op("Mul", x, mul(g, mask, a)), shift), -a * _SATURATED * p)
