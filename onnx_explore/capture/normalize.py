"""The one list of TorchScript's own C++ passes that a captured graph goes through, in order.

Kept as short as possible: what our passes on the ``TorchGraph`` can do is done there, where it can be watched.
"""

from __future__ import annotations

from collections.abc import Callable

from onnx_explore.capture.torch_api import JitGraph, inline_functions

PASSES: tuple[Callable[[JitGraph], JitGraph], ...] = (
    # Python cannot reach the body of a scripted function that was loaded from a file. Method calls we inline ourselves.
    inline_functions,
)


def normalize(graph: JitGraph) -> JitGraph:
    """The graph after all passes; the given one stays as it is."""
    for run in PASSES:
        graph = run(graph)
    return graph
