"""Greatest common divisor and least common multiple: Euclid's algorithm as an ONNX Loop."""

from __future__ import annotations

import onnx_ir as ir

from onnx_explore.emit import Emitter
from onnx_explore.emit.forms import reduce
from onnx_explore.emit.loops import loop
from onnx_explore.symbolic.annotations import Operand, Tensor
from onnx_explore.symbolic.promotion import arithmetic
from onnx_explore.symbolic.registry import symbolic


@symbolic("aten::gcd", since=11)
def gcd(g: Emitter, self: Operand, other: Operand) -> Tensor:
    """gcd(Tensor self, Tensor other) -> Tensor"""
    return _gcd(g, *arithmetic(g, self, other))


def _gcd(g: Emitter, left: Tensor, right: Tensor) -> Tensor:
    nothing = g.op("Mul", g.op("Add", left, right), g.like(0, left))
    a, b = g.op("Add", g.op("Abs", left), nothing), g.op("Add", g.op("Abs", right), nothing)

    def step(g: Emitter, _number: Tensor, states: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """On all elements: (a, b) becomes (b, a mod b) where b is not 0 yet."""
        larger, smaller = states
        done = g.op("Equal", smaller, g.like(0, smaller))
        divisor = g.op("Where", done, g.like(1, smaller), smaller)
        rest = g.op("Where", done, smaller, g.op("Mod", larger, divisor))
        return _any(g, rest), [g.op("Where", done, larger, smaller), rest]

    return loop(g, [a, b], step, going=_any(g, b))[0]


def _any(g: Emitter, x: Tensor) -> Tensor:
    """Whether one element is not 0, also of an empty tensor."""
    wide = g.op("Cast", g.op("Cast", x, to=ir.DataType.BOOL), to=ir.DataType.FLOAT)
    return g.op("Cast", reduce(g, "ReduceSum", wide, None), to=ir.DataType.BOOL)


@symbolic("aten::lcm", since=11)
def lcm(g: Emitter, self: Operand, other: Operand) -> Tensor:
    """lcm(Tensor self, Tensor other) -> Tensor"""
    left, right = arithmetic(g, self, other)
    divisor = _gcd(g, left, right)
    safe = g.op("Max", divisor, g.like(1, divisor))
    return g.op("Abs", g.op("Mul", g.op("Div", left, safe), right))
