"""The passes over the TorchGraph, in order.

1. ``fold_constants``, ``resolve_branches`` and ``cancel_tuples`` make arguments, decided branches and structures plain, so that
   the next one sees through them.
2. ``functionalize_lists`` makes lists and dicts values, ``functionalize`` to a tensor and every view functional.
3. ``remove_no_ops`` may then remove copies and aliases: before, each of them matters.
4. ``cancel_tuples`` and ``remove_dead_code`` clean up.
"""

from onnx_explore.passes.pipeline import TorchPass
from onnx_explore.passes.torch.branches import resolve_branches
from onnx_explore.passes.torch.constants import fold_constants
from onnx_explore.passes.torch.dead_code import remove_dead_code
from onnx_explore.passes.torch.functionalize import functionalize
from onnx_explore.passes.torch.lists import functionalize_lists
from onnx_explore.passes.torch.no_ops import remove_no_ops
from onnx_explore.passes.torch.tuples import cancel_tuples

TORCH_PASSES: tuple[tuple[str, TorchPass], ...] = (
    ("fold_constants", fold_constants),
    ("resolve_branches", resolve_branches),
    ("functionalize_lists", functionalize_lists),
    ("cancel_tuples", cancel_tuples),
    ("functionalize", functionalize),
    ("remove_no_ops", remove_no_ops),
    ("cancel_pieces", cancel_tuples),
    ("remove_dead_code", remove_dead_code),
)

__all__ = [
    "TORCH_PASSES",
    "cancel_tuples",
    "fold_constants",
    "functionalize",
    "functionalize_lists",
    "remove_dead_code",
    "remove_no_ops",
    "resolve_branches",
]
