"""Operators that stay PyTorch's own: ``ATen`` nodes, and nodes of a custom domain.

In: a torch node with its lowered inputs. Out: one ONNX node, which a runtime must know for the model to be usable::

    %4 : Tensor = aten::triu(%0, %3)   ──►   ATen[operator="triu", overload_name=""](x, 0)   of org.pytorch.aten
                                       ──►   triu(x, 0)                                      of org.pytorch.aten (falls through)
    %5 : Tensor = my::op(%0, %3)       ──►   op(x, 0)                                        of my              (falls through)

Arguments keep their places: numbers become 0-d constants (a float is float32, as the reference has it), lists of
numbers 1-d ones, lists of tensors sequences, None an omitted input.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import onnx_ir as ir
import torch

from onnx_explore.emit import Emitter
from onnx_explore.errors import NotConstant, UnsupportedOperatorError
from onnx_explore.lowering.operators import Operators
from onnx_explore.lowering.resolution import Resolution
from onnx_explore.options import OperatorExportTypes
from onnx_explore.symbolic.binding import materialize
from onnx_explore.symbolic.lowered import Constant, Lowered
from onnx_explore.torch_ir import TorchNode

ATEN_DOMAIN = "org.pytorch.aten"
"""The domain of operators that stay ATen's, as the reference names it."""

_PYTHON = "prim::PythonOp"


def convert(
    operators: Operators, node: TorchNode, inputs: list[Lowered], kind: OperatorExportTypes
) -> tuple[Resolution, tuple[Lowered, ...]]:
    """Lower a node, or leave it as it is where ``operator_export_type`` says so.

    Raises:
        OnnxExporterError: If it cannot be converted and may not stay.
    """
    g = operators.emitter
    if stays(node, kind) and not operators.is_known(node, inputs):
        return _kept(f"operator_export_type={kind.name}"), unconverted(g, node, inputs, kind)
    mark = g.mark()
    try:
        return operators.lower(node, inputs)
    except (UnsupportedOperatorError, NotConstant) as error:
        if not may_stay(node, kind):
            raise
        g.rollback(mark)
        results = unconverted(g, node, inputs, kind)
        g.problem("NotConverted", f"{node.target} is not converted, the runtime must know it: {error.message}")
        return _kept(f"cannot be converted: {error.message}"), results


def _kept(reason: str) -> Resolution:
    return Resolution(None, "unconverted", 0, (), reason)


def stays(node: TorchNode, kind: OperatorExportTypes) -> bool:
    """Whether a node is not to be converted at all: with ``ONNX_ATEN``, every operator of ATen that gives tensors.

    What gives Python numbers (``aten::size`` and the arithmetic of sizes) is converted as ever.
    """
    if kind is not OperatorExportTypes.ONNX_ATEN or not node.target.startswith("aten::") or node.schema is None:
        return False
    return all(value.is_tensor or value.kind == "Tensor[]" for value in node.outputs)


def may_stay(node: TorchNode, kind: OperatorExportTypes) -> bool:
    """Whether a node that cannot be converted may stay as it is."""
    if kind is OperatorExportTypes.ONNX or (node.blocks and node.target != _PYTHON):
        return False
    if kind is OperatorExportTypes.ONNX_FALLTHROUGH:
        return not node.target.startswith("prim::") or node.target == _PYTHON
    return node.target.startswith("aten::") or node.target == _PYTHON


def unconverted(
    g: Emitter, node: TorchNode, inputs: Sequence[Lowered], kind: OperatorExportTypes
) -> tuple[Lowered, ...]:
    """Emit a node as it is.

    Raises:
        UnsupportedOperatorError: If an argument has no form in ONNX.
    """
    namespace, _, name = node.target.partition("::")
    attributes: list[ir.Attr] = []
    if node.target == _PYTHON:
        domain, op_type = "prim", "PythonOp"
        attributes = _of_function(node)
    elif namespace != "aten":
        domain, op_type = namespace, name
    elif kind is OperatorExportTypes.ONNX_FALLTHROUGH:
        domain, op_type = ATEN_DOMAIN, name
    else:
        domain, op_type = ATEN_DOMAIN, "ATen"
        attributes = [ir.AttrString("operator", name), ir.AttrString("overload_name", node.overload)]
    kinds = [argument.type for argument in node.schema.arguments] if node.schema is not None else []
    kinds += [value.kind for value in node.inputs[len(kinds) :]]
    values = [_input(g, item, wanted) for item, wanted in zip(inputs, kinds, strict=False)]
    while values and values[-1] is None:
        values.pop()
    listed = len(node.outputs) == 1 and node.outputs[0].kind == "Tensor[]"
    count = g.expected_count if listed else len(node.outputs)
    if count is None:
        raise UnsupportedOperatorError("it gives a list of tensors whose length is not known at export")
    made = g.raw_op(op_type, values, attributes, count, domain)
    results = (made,) if isinstance(made, ir.Value) else made
    return (results,) if listed else results


def _of_function(node: TorchNode) -> list[ir.Attr]:
    """The name of an ``autograd.Function``, and its arguments that are no tensors."""
    attributes: list[ir.Attr] = [ir.AttrString("name", str(node.attributes.get("name", "")))]
    numbers: dict[type, list[Any]] = {int: [], float: [], str: []}
    for item in node.attributes.get("scalar_args", ()):
        kind = int if isinstance(item, bool) else type(item)
        if kind in numbers:
            numbers[kind].append(item)
    if numbers[int]:
        attributes.append(ir.AttrInt64s("ints", [int(item) for item in numbers[int]]))
    if numbers[float]:
        attributes.append(ir.AttrFloat32s("floats", numbers[float]))
    if numbers[str]:
        attributes.append(ir.AttrStrings("strings", numbers[str]))
    return attributes


def _input(g: Emitter, item: Lowered, kind: str) -> ir.Value | None:
    if isinstance(item, ir.Value):
        return item
    if item is None or isinstance(item, torch.device):  # a runtime has devices of its own
        return None
    if isinstance(item, Constant):
        return materialize(g, item)
    if isinstance(item, bool | int):
        return g.const(item)
    if isinstance(item, float):
        return g.tensor(torch.tensor(item, dtype=torch.float32))
    if isinstance(item, str):
        return g.op("Constant", value=ir.AttrTensor("value", ir.StringTensor([item.encode()], shape=ir.Shape([]))))
    if isinstance(item, tuple):
        return _list(g, item, kind)
    raise UnsupportedOperatorError("one of its arguments is complex, which no input of an ONNX node can be")


def _list(g: Emitter, items: tuple[Any, ...], kind: str) -> ir.Value:
    if kind.startswith("Tensor"):
        if any(item is None for item in items):
            raise UnsupportedOperatorError("a list of tensors with None in it has no form in ONNX")
        g.requires(11, "a list of tensors")
        if not items:
            return g.op("SequenceEmpty")
        return g.op("SequenceConstruct", *[_input(g, item, "Tensor") for item in items])
    if all(isinstance(item, bool | int) for item in items):
        return g.const([bool(item) for item in items] if kind.startswith("bool") else [int(item) for item in items])
    if all(isinstance(item, bool | int | float) for item in items):
        return g.tensor(torch.tensor([float(item) for item in items], dtype=torch.float32))
    one = g.const([-1])
    return g.op("Concat", *[g.op("Reshape", _input(g, item, "int"), one) for item in items], axis=0)
