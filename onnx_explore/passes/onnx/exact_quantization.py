"""Real numbers to integers as PyTorch's vector kernels do it, where nothing but integers is read of the result.

    %q = QuantizeLinear(%x, %scale, %point)   →   %s = %x · (1 / %scale) + %point          in doubles, rounded to float32 once
    %a = DequantizeLinear(%q, 1, %point)          %q = QuantizeLinear(%s, 1, 0)
                                                  %a = DequantizeLinear(%q, 1, %point)

PyTorch multiplies by one over the scale and adds the zero point in one rounding (a fused multiply-add), then rounds to an
integer. QuantizeLinear divides and rounds before it adds: 4 in a million random numbers fall to the other side of a half, and
halves of which the zero point is odd, all of them.

Case 1: each use is a DequantizeLinear of scale 1 (a layer that computes in steps), behind what only moves values: rewritten.
Case 2: anything else reads the integers: the node stays, as a QuantizeLinear → DequantizeLinear pair of one grid that runtimes
know. With ``integer_kernels`` every one stays.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from onnx_explore.emit.regions import nodes_of
from onnx_explore.passes.onnx.derived import constant, derived, drop_unused_constants
from onnx_explore.passes.onnx.separate_biases import INTEGER_KERNELS

_MOVES = frozenset(
    "Expand Flatten Gather Identity MaxPool Reshape Slice Split Squeeze Tile Transpose Unsqueeze".split()  # noqa: SIM905
)


def quantize_exactly(model: ir.Model) -> bool:
    """Rewrite the QuantizeLinear nodes of case 1."""
    if model.meta.get(INTEGER_KERNELS):
        return False
    changed = False
    for node in list(nodes_of(model.graph)):
        if node.op_type == "QuantizeLinear" and node.domain == "":
            changed = _rewrite(model, node) or changed
    if changed:
        drop_unused_constants(model.graph)
    return changed


def _rewrite(model: ir.Model, node: ir.Node) -> bool:
    x, result = node.inputs[0], node.outputs[0]
    scale, point = (_number(item) for item in node.inputs[1:3]) if len(node.inputs) > 2 else (None, None)
    if x is None or node.graph is None or x.dtype != ir.DataType.FLOAT or scale is None or point is None:
        return False
    if scale == 1.0 or result.dtype is None or not _read_in_steps(result):
        return False
    inverse = np.float64(np.float32(1.0) / np.float32(scale))
    one, none = np.array(1.0, np.float32), np.array(0, result.dtype.numpy())
    wide = ir.DataType.DOUBLE
    made = [derived(node, "Cast", [x], "wide", wide, to=int(wide))]
    for op_type, name, number in (("Mul", "scaled", inverse), ("Add", "moved", np.float64(point))):
        right = constant(model, np.array(number), f"{node.name}/{name}_by")
        made.append(derived(node, op_type, [made[-1].outputs[0], right], name, wide))
    made.append(derived(node, "Cast", [made[-1].outputs[0]], "steps", x.dtype, to=int(x.dtype)))
    for item in made:
        item.outputs[0].shape = x.shape
    node.graph.insert_before(node, made)
    node.replace_input_with(0, made[-1].outputs[0])
    node.replace_input_with(1, constant(model, one, "steps/scale"))
    node.replace_input_with(2, constant(model, none, f"steps/point_{result.dtype.name.lower()}"))
    return True


def _number(value: ir.Value | None) -> float | None:
    """A constant of one element."""
    known = ir.convenience.get_const_tensor(value) if value is not None else None
    return float(known.numpy().item()) if known is not None and known.size == 1 else None


def _read_in_steps(value: ir.Value) -> bool:
    """Case 1."""
    uses = [use.node for use in value.uses()]
    if not uses or value.is_graph_output():
        return False
    return all(
        all(_read_in_steps(item) for item in node.outputs if item.name)
        if node.op_type in _MOVES
        else _takes_steps(node)
        for node in uses
    )


def _takes_steps(node: ir.Node) -> bool:
    return node.op_type == "DequantizeLinear" and len(node.inputs) > 1 and _number(node.inputs[1]) == 1.0
