"""Greatest common divisor and least common multiple: Euclid's algorithm as an ONNX Loop."""

from __future__ import annotations

import onnx_ir as ir

from onnx_explore.emit import Emitter
from onnx_explore.emit.forms import reduce
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
    body = _step(g, a, b)
    greatest, _ = g.op("Loop", None, _any(g, b), a, b, body=body, outputs=2)
    greatest.dtype, greatest.shape = g.dtype(a), a.shape
    return greatest


def _any(g: Emitter, x: Tensor) -> Tensor:
    """Whether one element is not 0, also of an empty tensor."""
    wide = g.op("Cast", g.op("Cast", x, to=ir.DataType.BOOL), to=ir.DataType.FLOAT)
    return g.op("Cast", reduce(g, "ReduceSum", wide, None), to=ir.DataType.BOOL)


def _step(g: Emitter, a: Tensor, b: Tensor) -> ir.Graph:
    """One step on all elements: (a, b) becomes (b, a mod b) where b is not 0 yet."""
    integer, flag = ir.TensorType(ir.DataType.INT64), ir.TensorType(ir.DataType.BOOL)
    inputs = [
        ir.Value(name=g.names.unique("step"), shape=ir.Shape([]), type=integer),
        ir.Value(name=g.names.unique("going"), shape=ir.Shape([]), type=flag),
        ir.Value(name=g.names.unique("larger"), shape=a.shape, type=ir.TensorType(g.dtype(a))),
        ir.Value(name=g.names.unique("smaller"), shape=b.shape, type=ir.TensorType(g.dtype(b))),
    ]
    graph = ir.Graph(inputs, [], nodes=[], opset_imports=g.graph.opset_imports, name=g.names.unique("gcd_step"))
    inner = Emitter(graph, g.opset)
    inner.names, inner.scope, inner.torch_nodes = g.names, g.scope, g.torch_nodes
    larger, smaller = inputs[2:]
    done = inner.op("Equal", smaller, inner.like(0, smaller))
    divisor = inner.op("Where", done, inner.like(1, smaller), smaller)
    rest = inner.op("Where", done, smaller, inner.op("Mod", larger, divisor))
    graph.outputs.extend([_any(inner, rest), inner.op("Where", done, larger, smaller), rest])
    return graph


@symbolic("aten::lcm", since=11)
def lcm(g: Emitter, self: Operand, other: Operand) -> Tensor:
    """lcm(Tensor self, Tensor other) -> Tensor"""
    left, right = arithmetic(g, self, other)
    divisor = _gcd(g, left, right)
    safe = g.op("Max", divisor, g.like(1, divisor))
    return g.op("Abs", g.op("Mul", g.op("Div", left, safe), right))
