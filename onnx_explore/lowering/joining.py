"""The end of an ``If``: what both branches give becomes one.

In: the regions of the two branches, and what each gives. Out: the node, and its outputs brought to common types.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import onnx_ir as ir

from onnx_explore.emit import Emitter
from onnx_explore.emit.regions import Region
from onnx_explore.lowering.types import Irreconcilable, Type, describe, join, type_of
from onnx_explore.lowering.values import as_type, copied, handed_on, received, sent
from onnx_explore.symbolic.lowered import Lowered
from onnx_explore.torch_ir import TorchValue

Row = tuple[Lowered, ...]


def joined(
    g: Emitter,
    condition: ir.Value,
    regions: Sequence[Region],
    results: Sequence[Row],
    outputs: Sequence[TorchValue],
    outer: Region,
) -> tuple[Row, list[str]]:
    """Make an ``If`` of two branches that are lowered.

    Args:
        g: The emitter.
        condition: A 0-d bool.
        regions: Of the branch for True, and of the other one.
        results: What each gives, one for each output.
        outputs: The values that the results are for.
        outer: Where the node goes.

    Returns:
        The outputs, and what there is to say of types that differed.

    Raises:
        Irreconcilable: If there is no common type.
        OpsetTooLow: If lists differ in a way that the opset's If cannot hand on.
    """
    kinds: list[Type] = []
    notes: list[str] = []
    same = [one is other for one, other in zip(*results, strict=True)]
    for output, one, other, shared in zip(outputs, *results, same, strict=True):
        types = type_of(g, one), type_of(g, other)
        try:
            kind = types[0] if shared else join(*types, output.kind)
        except Irreconcilable as error:
            error.argument = error.argument or f"%{output.name}"
            raise
        kinds.append(kind)
        if types[0] != types[1]:
            notes.append(f"%{output.name} is {describe(types[0])} or {describe(types[1])}: {describe(kind)}")
    graphs: list[ir.Graph] = []
    for region, row in zip(regions, results, strict=True):
        graphs.append(
            sealed(
                g, region, [pair for pair, shared in zip(zip(row, kinds, strict=True), same, strict=True) if not shared]
            )
        )
    g.enter(outer)
    attributes = [ir.AttrGraph("then_branch", graphs[0]), ir.AttrGraph("else_branch", graphs[1])]
    values = iter(made(g, "If", [condition], attributes, len(graphs[0].outputs)))
    return tuple(
        one if shared else taken(g, kind, values, "If")
        for one, kind, shared in zip(results[0], kinds, same, strict=True)
    ), notes


def taken(g: Emitter, kind: Type, values: Iterator[ir.Value], op_type: str) -> Lowered:
    """The next value of a type from the outputs of an ``If`` or ``Loop``, or from what goes into a body."""
    return received(g, kind, [next(values) for _ in handed_on(g, kind, op_type)])


def made(
    g: Emitter, op_type: str, inputs: Sequence[ir.Value | None], attributes: Sequence[ir.Attr], count: int
) -> list[ir.Value]:
    """The outputs of a node with subgraphs; there is none without outputs, as it does nothing."""
    if not count:
        return []
    outputs = g.raw_op(op_type, inputs, attributes, count, infer=False)
    return [outputs] if isinstance(outputs, ir.Value) else list(outputs)


def sealed(g: Emitter, region: Region, row: Sequence[tuple[Lowered, Type]]) -> ir.Graph:
    """The graph of a region, with these outputs: each one a value that a node of this very graph made, each only once."""
    g.enter(region)
    graph = region.graph
    outputs: list[ir.Value] = []
    for item, kind in row:
        for value in sent(g, as_type(g, item, kind), kind):
            producer = value.producer()
            if producer is None or producer.graph is not graph or value in outputs:
                value = copied(g, value)
            outputs.append(value)
    graph.outputs.clear()
    graph.outputs.extend(outputs)
    return graph
