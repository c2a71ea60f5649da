"""ONNX Loops inside of one symbolic function: iterations whose number is known only when the model runs.

``loop(g, [a, b], step, going=more)`` becomes::

    a', b' = Loop(None, more, a, b) body (number, going, a, b) { … step … }
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import onnx_ir as ir

from onnx_explore.emit.emitter import Emitter, attribute

Step = Callable[[Emitter, ir.Value, list[ir.Value]], tuple[ir.Value | None, Sequence[ir.Value]]]
"""Emitter, number of the iteration, states → whether to go on (None: as before), new states."""


def loop(
    g: Emitter,
    states: Sequence[ir.Value],
    step: Step,
    *,
    count: ir.Value | int | None = None,
    going: ir.Value | None = None,
) -> list[ir.Value]:
    """Loop-1, Loop-11: states that keep their element types and shapes.

    Args:
        g: The emitter.
        states: What the iterations carry.
        step: Emits one iteration into the body; it may use outer values.
        count: How often at most (0-d int64), or None for no limit.
        going: Whether to begin at all (0-d bool), or None for yes.

    Returns:
        The states after the last iteration.
    """

    def parameter(name: str, dtype: ir.DataType, shape: ir.Shape | None) -> ir.Value:
        return ir.Value(name=g.names.unique(name), shape=shape, type=ir.TensorType(dtype))

    number = parameter("iteration", ir.DataType.INT64, ir.Shape([]))
    condition = parameter("going", ir.DataType.BOOL, ir.Shape([]))
    inside = [parameter("state", g.dtype(state), state.shape) for state in states]
    given = [g.value(count) if count is not None else None, going, *states]
    outer, body = g.region, g.subgraph("step")
    body.graph.inputs.extend([number, condition, *inside])
    g.enter(body)
    try:
        more, after = step(g, number, inside)
        # ONNX wants a body's outputs to be made in it.
        made = [g.op("Identity", state) if state in body.graph.inputs else state for state in after]
        body.graph.outputs.extend([g.op("Identity", condition if more is None else more), *made])
    finally:
        g.enter(outer)
    result = g.raw_op("Loop", given, [attribute("body", body.graph)], len(states))
    results = [result] if isinstance(result, ir.Value) else list(result)
    for result, state in zip(results, states, strict=True):
        result.dtype, result.shape = g.dtype(state), state.shape
    return results
