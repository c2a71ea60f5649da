"""Equal nodes become one, by ``onnx_ir``'s own pass; but never two whose results may differ although everything is equal.

That pass knows some random operators, and takes every other node for a function of its inputs. Two Dropouts in training mode
draw two masks, and of a custom operator nobody knows whether it is a function at all: these get an attribute that tells them
apart while the pass runs. So do nodes of module calls that become local functions: what two calls share would be an output of
the first one.
"""

from __future__ import annotations

from collections.abc import Mapping

import onnx_ir as ir
import onnx_ir.passes.common as common

from onnx_explore.passes.onnx.local_functions import FUNCTIONS
from onnx_explore.passes.onnx.module_calls import call_of

_DRAWS = frozenset({"Bernoulli", "Dropout"})
_APART = "onnx_explore.apart"


def eliminate_common_subexpressions(model: ir.Model) -> bool:
    """Merge equal nodes of the main graph."""
    wanted: Mapping[str, object] = model.meta.get(FUNCTIONS, {})
    apart: list[ir.Node] = []
    for number, node in enumerate(model.graph):
        if node.domain or node.op_type in _DRAWS:
            node.attributes[_APART] = ir.AttrInt64(_APART, number)
            apart.append(node)
        elif wanted:
            call = call_of(node, wanted)
            node.attributes[_APART] = ir.AttrString(_APART, repr(call))
            apart.append(node)
    try:
        return common.CommonSubexpressionEliminationPass()(model).modified
    finally:
        for node in apart:
            del node.attributes[_APART]
