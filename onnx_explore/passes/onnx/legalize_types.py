"""Widen element types that an ONNX operator does not take at this opset: Casts around the node.

    %y = Relu(%x : INT32)                     # Relu-6 takes floats only
 →
    %x' = Cast[to=FLOAT](%x)
    %y' = Relu(%x')
    %y  = Cast[to=INT32](%y')

Symbolic functions therefore write ``g.op("Relu", x)`` for every type. What is allowed comes from ``onnx.defs``; a few types
that ONNX allows but ONNX Runtime's CPU provider has no kernel for are treated alike (``_WITHOUT_KERNEL``).
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import onnx
import onnx_ir as ir

from onnx_explore.emit.emitter import ROUNDS, SCOPE, TORCH_NODES

_D = ir.DataType
_WIDER: dict[ir.DataType, tuple[ir.DataType, ...]] = {
    _D.BOOL: (_D.UINT8, _D.INT32, _D.INT64, _D.FLOAT),
    _D.UINT8: (_D.INT32, _D.INT64, _D.FLOAT, _D.DOUBLE),
    _D.INT8: (_D.INT32, _D.INT64, _D.FLOAT, _D.DOUBLE),
    _D.INT16: (_D.INT32, _D.INT64, _D.FLOAT, _D.DOUBLE),
    _D.UINT16: (_D.INT32, _D.INT64, _D.FLOAT, _D.DOUBLE),
    _D.INT32: (_D.INT64, _D.DOUBLE, _D.FLOAT),
    _D.UINT32: (_D.INT64, _D.DOUBLE, _D.FLOAT),
    _D.INT64: (_D.DOUBLE, _D.INT32, _D.FLOAT),
    _D.UINT64: (_D.DOUBLE, _D.INT64, _D.FLOAT),
    _D.FLOAT16: (_D.FLOAT, _D.DOUBLE),
    _D.BFLOAT16: (_D.FLOAT, _D.DOUBLE),
    _D.FLOAT: (_D.DOUBLE,),
    _D.DOUBLE: (_D.FLOAT,),
}
"""What to try, nearest first. Lossless where one of them is allowed."""

_NARROW = frozenset({_D.BOOL, _D.UINT8, _D.INT8, _D.INT16, _D.UINT16, _D.UINT32, _D.UINT64})


class _Formal(NamedTuple):
    variable: str
    allowed: frozenset[ir.DataType]


class _Signature(NamedTuple):
    inputs: tuple[_Formal, ...]
    outputs: tuple[str, ...]
    variadic_input: bool
    variadic_output: bool


_FLOAT_ONLY = (
    "Acos Acosh Asin Asinh Atan Atanh Cosh Elu Erf Gelu HardSigmoid HardSwish LeakyRelu Mish PRelu Selu Sinh Softplus Softsign "
    "Tan ThresholdedRelu"
)
_WITHOUT_KERNEL: dict[str, frozenset[ir.DataType]] = {
    **dict.fromkeys(_FLOAT_ONLY.split(), frozenset({_D.DOUBLE})),
    "Max": frozenset({_D.INT16, _D.UINT16}),
    "Min": frozenset({_D.INT16, _D.UINT16}),
    "Relu": frozenset({_D.INT16, _D.INT64}),
    "Trilu": frozenset({_D.INT8, _D.INT16, _D.UINT8, _D.UINT16, _D.UINT32, _D.UINT64}),
    "GRU": frozenset({_D.DOUBLE}),
    "LSTM": frozenset({_D.DOUBLE}),
    "RNN": frozenset({_D.DOUBLE}),
}
"""Operator → element types that ONNX allows and ONNX Runtime's CPU provider does not run, whatever the opset."""


def legalize_types(model: ir.Model) -> bool:
    """Insert Casts where needed.

    Args:
        model: Changed in place.

    Returns:
        Whether anything changed.
    """
    changed = False
    for graph in model.graphs():
        opset = model.opset_imports.get("", 1)
        for node in list(graph):
            if node.domain in ("", "ai.onnx") and _legalize(graph, node, opset):
                changed = True
    return changed


def _legalize(graph: ir.Graph, node: ir.Node, opset: int) -> bool:
    signature = _signature(node.op_type, opset)
    if signature is None:
        return False
    missing = _WITHOUT_KERNEL.get(node.op_type, frozenset())
    present: dict[str, ir.DataType] = {}
    allowed_of: dict[str, frozenset[ir.DataType]] = {}
    illegal: set[str] = set()
    for index, value in enumerate(node.inputs):
        if value is None or value.dtype is None:
            continue
        formal = _at(signature.inputs, index, signature.variadic_input)
        if formal is None:
            continue
        present.setdefault(formal.variable, value.dtype)
        allowed_of[formal.variable] = formal.allowed
        if value.dtype not in formal.allowed or (index == 0 and value.dtype in missing):
            illegal.add(formal.variable)
    changed = False
    for variable in illegal:
        original = present[variable]
        wide = next(
            (item for item in _WIDER.get(original, ()) if item in allowed_of[variable] and item not in missing), None
        )
        if wide is None:
            continue  # the checker reports it, with the node's name
        _widen(graph, node, signature, variable, original, wide)
        changed = True
    return changed


def _widen(
    graph: ir.Graph, node: ir.Node, signature: _Signature, variable: str, original: ir.DataType, wide: ir.DataType
) -> None:
    for index, value in enumerate(node.inputs):
        formal = _at(signature.inputs, index, signature.variadic_input)
        if value is None or formal is None or formal.variable != variable or value.dtype == wide:
            continue
        cast = _cast(node, value, wide, f"{node.name}/Cast_in{index}")
        graph.insert_before(node, cast)
        node.replace_input_with(index, cast.outputs[0])
    for index, output in enumerate(node.outputs):
        name = signature.outputs[min(index, len(signature.outputs) - 1)] if signature.outputs else ""
        if name != variable or not output.name:
            continue
        cast = _cast(node, output, original, f"{node.name}/Cast_out{index}")
        restored = cast.outputs[0]
        restored.shape = output.shape
        graph.insert_after(node, cast)
        for use in list(output.uses()):
            if use.node is not cast:
                use.node.replace_input_with(use.idx, restored)
        if output.is_graph_output():
            for position, result in enumerate(graph.outputs):
                if result is output:
                    graph.outputs[position] = restored
            name_of_output, output.name = output.name, f"{output.name}:wide"
            restored.name = name_of_output
        output.dtype = wide


def _cast(node: ir.Node, value: ir.Value, to: ir.DataType, name: str) -> ir.Node:
    cast = ir.Node("", "Cast", [value], [ir.AttrInt64("to", int(to))], num_outputs=1, name=name)
    cast.outputs[0].name = f"{name}:0"
    cast.outputs[0].dtype = to
    cast.outputs[0].shape = value.shape
    for key in (TORCH_NODES, SCOPE, ROUNDS):
        if key in node.meta:
            cast.meta[key] = node.meta[key]
    return cast


def _at(formals: tuple[_Formal, ...], index: int, variadic: bool) -> _Formal | None:
    if index < len(formals):
        return formals[index]
    return formals[-1] if variadic and formals else None


@lru_cache(maxsize=4096)
def _signature(op_type: str, opset: int) -> _Signature | None:
    if not onnx.defs.has(op_type, opset):
        return None
    schema = onnx.defs.get_schema(op_type, opset)
    allowed = {
        constraint.type_param_str: frozenset(_parse(text) for text in constraint.allowed_type_strs) - {None}
        for constraint in schema.type_constraints
    }
    inputs: list[_Formal] = []
    for formal in schema.inputs:
        types = allowed.get(formal.type_str)
        if types is None:
            types = frozenset(_parse(text) for text in formal.types) - {None}
        inputs.append(_Formal(formal.type_str, types))  # type: ignore[arg-type]
    variadic = onnx.defs.OpSchema.FormalParameterOption.Variadic
    return _Signature(
        tuple(inputs),
        tuple(formal.type_str for formal in schema.outputs),
        bool(schema.inputs) and schema.inputs[-1].option == variadic,
        bool(schema.outputs) and schema.outputs[-1].option == variadic,
    )


_SPELLING = {
    "float": _D.FLOAT,
    "double": _D.DOUBLE,
    "float16": _D.FLOAT16,
    "bfloat16": _D.BFLOAT16,
    "bool": _D.BOOL,
    "string": _D.STRING,
    "complex64": _D.COMPLEX64,
    "complex128": _D.COMPLEX128,
    **{f"{sign}int{bits}": _D[f"{sign.upper()}INT{bits}"] for sign in ("", "u") for bits in (8, 16, 32, 64)},
}


def _parse(text: str) -> ir.DataType | None:
    """``tensor(float16)`` → FLOAT16; sequences, optionals and exotic types → None."""
    if not text.startswith("tensor("):
        return None
    return _SPELLING.get(text[len("tensor(") : -1])
