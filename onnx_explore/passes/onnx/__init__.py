"""Passes on the ONNX model, in order. Most of them are ``onnx_ir``'s own.

A pass is ``(ir.Model) -> bool``: it changes the model in place and says whether it did.
"""

from __future__ import annotations

from collections.abc import Callable

import onnx_ir as ir
import onnx_ir.passes.common as common

from onnx_explore.passes.onnx.exact_quantization import quantize_exactly
from onnx_explore.passes.onnx.identities import eliminate_identities
from onnx_explore.passes.onnx.interface import constants_as_nodes, initializers_as_inputs
from onnx_explore.passes.onnx.legalize_types import legalize_types
from onnx_explore.passes.onnx.local_functions import modules_as_functions
from onnx_explore.passes.onnx.separate_biases import separate_biases
from onnx_explore.passes.onnx.subexpressions import eliminate_common_subexpressions

OnnxPass = Callable[[ir.Model], bool]


def _common(make: Callable[[], ir.passes.InPlacePass]) -> OnnxPass:
    def run(model: ir.Model) -> bool:
        return make()(model).modified

    return run


ONNX_PASSES: tuple[tuple[str, OnnxPass], ...] = (
    ("remove_unused", _common(common.RemoveUnusedNodesPass)),
    ("eliminate_identities", eliminate_identities),
    ("separate_biases", separate_biases),
    ("quantize_exactly", quantize_exactly),
    ("part_outputs", _common(common.OutputFixPass)),  # two outputs of a body may be one value now
    ("eliminate_common_subexpressions", eliminate_common_subexpressions),
    ("legalize_types", legalize_types),
    ("modules_as_functions", modules_as_functions),
    ("initializers_as_inputs", initializers_as_inputs),
    ("constants_as_nodes", constants_as_nodes),
)
"""Run in this order on every export."""
