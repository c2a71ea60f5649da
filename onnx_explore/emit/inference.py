"""Shape inference, node by node, as nodes are made: a thin adapter over ``onnx_shape_inference``.

In: one ``onnx_ir.Node`` whose inputs carry types and shapes. Out: the same node, its outputs with dtype and (symbolic) shape
where the operator's rule knows them. Weights are never copied and nothing goes through protobuf.
"""

from __future__ import annotations

from typing import Any

import onnx_ir as ir
import sympy
from onnx_shape_inference import OpUsageError, ShapeInferenceContext, registry
from onnx_shape_inference._symbolic_shapes import dim_to_expr, expr_to_dim

from onnx_explore.emit.windows import Windows

SYMBOLIC_DATA = "pkg.onnx_shape_inference.sym_data"
"""Metadata key under which the package leaves what it knows of a shape tensor's elements; removed before writing."""


class ShapeInference:
    """The state of inference over one graph.

    Args:
        opset_imports: Domain → version.
    """

    __slots__ = ("_context", "_functions", "_opsets", "_windows")

    def __init__(self, opset_imports: dict[str, int]) -> None:
        registry.collect()
        self._opsets = opset_imports
        self._context = ShapeInferenceContext(opset_imports, policy="refine")
        self._functions: dict[tuple[str, str], object] = {}
        self._windows = Windows()

    def reserve(self, name: str) -> None:
        """Keep a dimension name of the user from being handed out as an anonymous one."""
        self._context.reserve_symbol_names([name])

    def anonymous(self) -> ir.SymbolicDim:
        """A dimension of which nothing is known but that it exists."""
        return self._context.new_symbolic_dim()

    def is_anonymous(self, dim: object) -> bool:
        """Whether a dimension is one that ``anonymous`` made."""
        return (
            isinstance(dim, ir.SymbolicDim) and dim.value is not None and self._context.is_generated_symbol(dim.value)
        )

    def may_vanish(self, dim: object) -> bool:
        """Whether a size that depends on the data may be 0: an expression of anonymous dimensions that is 0 where they are."""
        if not isinstance(dim, ir.SymbolicDim):
            return False
        expression: Any = dim_to_expr(dim)
        if expression is None:
            return True
        made = [symbol for symbol in expression.free_symbols if self._context.is_generated_symbol(symbol.name)]
        return bool(made) and expression.subs(dict.fromkeys(made, 0)) == 0

    def elements(self, value: ir.Value) -> list[int | ir.SymbolicDim] | None:
        """The known elements of a 0-d or 1-d integer tensor, or None."""
        known = self._context.get_symbolic_value(value)
        return None if known is None else [_number(item) for item in known]

    def set_elements(self, value: ir.Value, elements: list[int | ir.SymbolicDim]) -> None:
        """State the elements of a 0-d or 1-d integer tensor."""
        self._context.set_symbolic_value(value, elements)

    def infer(self, node: ir.Node) -> str:
        """Fill in the outputs of one node.

        Returns:
            ``""``, or why the operator's rule rejects the node.
        """
        window = self._windows.key(node)
        if window is not None and self._windows.fill(window, node):
            return ""
        key = (node.domain, node.op_type)
        function = self._functions.get(key)
        if function is None:
            version = self._opsets.get(node.domain, 1)
            function = registry.get(node.domain, node.op_type, version=version) or _unknown
            self._functions[key] = function
        try:
            function(self._context, node)  # type: ignore[operator]
        except (OpUsageError, ValueError) as error:
            return str(error)
        if node.op_type in _BROADCASTING and not node.domain:
            self._correct_broadcast(node)
        for output in node.outputs:
            if output.shape is not None and output.shape.has_unknown_dim():
                self._context.name_anonymous_dims(output)
        if window is not None:
            self._windows.remember(window, node)
        return ""

    def _correct_broadcast(self, node: ir.Node) -> None:
        """Two different symbols in one place: the result is the larger one if the other is 1, so it is neither by name.

        The package's rule takes the first one, which declares ``[a]`` for ``[a] + [b]`` and is wrong where a is 1.
        """
        output = node.outputs[0]
        if output.shape is None or output.shape.is_static():
            return
        shapes = [value.shape for value in node.inputs if value is not None and value.shape is not None]
        rank = len(output.shape)
        dims = list(output.shape.dims)
        changed = False
        for place in range(1, rank + 1):
            if isinstance(dims[rank - place], int):
                continue
            symbols = {
                dim.value for shape in shapes if len(shape) >= place and not isinstance(dim := shape[-place], int)
            }
            if len(symbols) > 1:
                dims[rank - place] = self.anonymous()
                changed = True
        if changed:
            output.shape = ir.Shape(dims)


_BROADCASTING = frozenset(
    [
        "Add",
        "Sub",
        "Mul",
        "Div",
        "Pow",
        "Mod",
        "And",
        "Or",
        "Xor",
        "Equal",
        "Less",
        "LessOrEqual",
        "Greater",
        "GreaterOrEqual",
        "Where",
        "Max",
        "Min",
        "Sum",
        "Mean",
        "PRelu",
        "BitShift",
        "BitwiseAnd",
        "BitwiseOr",
        "BitwiseXor",
    ]
)


def _number(item: int | ir.SymbolicDim) -> int | ir.SymbolicDim:
    """An int, where the algebra came out at one (``batch + 3 - batch``)."""
    if isinstance(item, int):
        return item
    text = item.value or ""
    return int(text) if text.removeprefix("-").isdigit() else item


def _unknown(context: ShapeInferenceContext, node: ir.Node) -> None:
    """An operator that the package has no rule for: nothing is known of its outputs."""


def smaller(a: int | ir.SymbolicDim, b: int | ir.SymbolicDim) -> int | ir.SymbolicDim | None:
    """The smaller of two sizes, as an expression; None if one of them is not known."""
    return _extreme(sympy.Min, a, b)


def larger(a: int | ir.SymbolicDim, b: int | ir.SymbolicDim) -> int | ir.SymbolicDim | None:
    """The larger of two sizes, as an expression; None if one of them is not known."""
    return _extreme(sympy.Max, a, b)


def _extreme(function: Any, a: int | ir.SymbolicDim, b: int | ir.SymbolicDim) -> int | ir.SymbolicDim | None:
    expressions = [dim_to_expr(dim) for dim in (a, b)]
    if any(expression is None for expression in expressions):
        return None
    return expr_to_dim(function(*expressions))
