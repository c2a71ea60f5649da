"""The passes, as ordered tuples, and the one runner that records them.

A torch pass is a pure function ``(TorchGraph, Recorder) -> TorchGraph``; it returns the very same graph when it changed
nothing. It may assume a valid graph and must leave one.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import onnx_ir as ir

from onnx_explore.emit.regions import nodes_of
from onnx_explore.errors import Cancelled
from onnx_explore.passes.onnx import OnnxPass
from onnx_explore.recording import PassRan, Recorder
from onnx_explore.torch_ir import TorchGraph, walk

TorchPass = Callable[[TorchGraph, Recorder], TorchGraph]


def run_torch_passes(graph: TorchGraph, passes: tuple[tuple[str, TorchPass], ...], recorder: Recorder) -> TorchGraph:
    """Run passes in order and record each of them.

    Raises:
        Cancelled: If the user asked to stop.
    """
    before = _index(graph)
    for name, run in passes:
        if recorder.cancelled():
            raise Cancelled(f"stopped before pass {name}")
        start = time.perf_counter()
        result = run(graph, recorder)
        seconds = time.perf_counter() - start
        changed = result is not graph
        after = _index(result) if changed else before
        recorder.add(PassRan("torch", name, before, after, changed, seconds))
        graph, before = result, after
    return graph


def _index(graph: TorchGraph) -> tuple[int, ...]:
    return tuple(node.id for node in walk(graph.block))


def run_onnx_passes(model: ir.Model, passes: tuple[tuple[str, OnnxPass], ...], recorder: Recorder) -> None:
    """Run passes in order on the ONNX model, in place, and record each of them.

    Raises:
        Cancelled: If the user asked to stop.
    """
    numbers: dict[ir.Node, int] = {}
    before = _onnx_index(model, numbers)
    for name, run in passes:
        if recorder.cancelled():
            raise Cancelled(f"stopped before pass {name}")
        start = time.perf_counter()
        changed = run(model)
        seconds = time.perf_counter() - start
        after = _onnx_index(model, numbers) if changed else before
        recorder.add(PassRan("onnx", name, before, after, changed, seconds))
        before = after


def _onnx_index(model: ir.Model, numbers: dict[ir.Node, int]) -> tuple[int, ...]:
    return tuple(numbers.setdefault(node, len(numbers)) for node in nodes_of(model.graph))
