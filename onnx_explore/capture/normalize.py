"""The one list of TorchScript's own C++ passes that a captured graph goes through, in order. Kept as short as possible:
what our passes on the ``TorchGraph`` can do is done there, where it can be watched.
"""

from __future__ import annotations

from collections.abc import Callable

from onnx_explore.capture.torch_api import JitGraph

# A trace needs none. A script is mirrored call by call (see script.py), so it needs none either.
PASSES: tuple[Callable[[JitGraph], None], ...] = ()


def normalize(graph: JitGraph) -> None:
    """Runs the list, in place."""
    for run in PASSES:
        run(graph)
