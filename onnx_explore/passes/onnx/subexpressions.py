"""Equal nodes become one, by ``onnx_ir``'s own pass; but never two whose results may differ although everything is equal.

That pass knows some random operators, and takes every other node for a function of its inputs. Two Dropouts in training mode
draw two masks, and of a custom operator nobody knows whether it is a function at all: these get an attribute that tells them
apart while the pass runs.
"""

from __future__ import annotations

import onnx_ir as ir
import onnx_ir.passes.common as common

_DRAWS = frozenset({"Bernoulli", "Dropout"})
_APART = "onnx_explore.apart"


def eliminate_common_subexpressions(model: ir.Model) -> bool:
    """Merge equal nodes of the main graph."""
    apart = [node for node in model.graph if node.domain or node.op_type in _DRAWS]
    for number, node in enumerate(apart):
        node.attributes[_APART] = ir.AttrInt64(_APART, number)
    try:
        return common.CommonSubexpressionEliminationPass()(model).modified
    finally:
        for node in apart:
            del node.attributes[_APART]
