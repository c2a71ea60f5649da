"""Lists that a loop only fills, below opset 13: no Loop carries a sequence there, but its scan outputs stack tensors.

%out = prim::Loop(%n, %true, %empty)              %rows = Loop(%n, …)       each round gives %y
block0(%i, %l):                           ──►   %out  = SplitToSequence(%rows)
%m = aten::append(%l, %y)
-> (%true, %m)
"""

from __future__ import annotations

from collections.abc import Iterator

import onnx_ir as ir

from onnx_explore.emit import Emitter
from onnx_explore.lowering.sequences import inserted
from onnx_explore.lowering.types import (
    ColumnsOf,
    SequenceOf,
    TensorOf,
    TupleOf,
    Type,
    generalized,
    listed,
    type_of,
)
from onnx_explore.lowering.values import SEQUENCES_IN_BLOCKS, columns_of, parts, typed, unstacked
from onnx_explore.symbolic.lowered import Columns, Lowered
from onnx_explore.torch_ir import TorchBlock, walk


def only_appended(body: TorchBlock) -> frozenset[int]:
    """Which carried values of a loop's body are lists that each round appends one element to, and nothing else looks at."""
    found: set[int] = set()
    users: dict[int, int] = {}
    for node in walk(body):
        for value in node.inputs:
            users[value.id] = users.get(value.id, 0) + 1
        for inner in node.blocks:
            for value in inner.returns:
                users[value.id] = users.get(value.id, 0) + 1
    for value in body.returns:
        users[value.id] = users.get(value.id, 0) + 1
    appends = {node.outputs[0].id: node for node in body.nodes if node.target == "aten::append" and node.outputs}
    for index, (param, returned) in enumerate(zip(body.params[1:], body.returns[1:], strict=True)):
        node = appends.get(returned.id)
        if node is not None and node.inputs[0] is param and users[param.id] == 1 and users[returned.id] == 1:
            found.add(index)
    return frozenset(found)


def scanned_type(g: Emitter, element: Lowered) -> Type:
    """The type of what each round appends.

    Raises:
        OpsetTooLow: If a size in it may differ between rounds: then it cannot be stacked.
    """
    kind = generalized(type_of(g, element))
    for part in parts(kind):
        sizes = part.sizes if isinstance(part, TensorOf) else None
        if sizes is None or any(size is None or _varies(g, size) for size in sizes):
            g.requires(SEQUENCES_IN_BLOCKS, "a Loop that fills a list with tensors of different sizes")
    return kind


def _varies(g: Emitter, size: int | str) -> bool:
    return isinstance(size, str) and g.inference.is_anonymous(ir.SymbolicDim(size))


def as_list(g: Emitter, outputs: Iterator[ir.Value], element: Type, before: tuple[Lowered, ...]) -> Lowered:
    """The list: what was in it before the loop, then the rows that the loop gave, one tensor for each part of an element."""
    columns: list[ir.Value] = []
    for part in columns_of(element):
        assert part.sizes is not None
        rows = typed(g, next(outputs), TensorOf(part.dtype, (None, *part.sizes)))
        columns.append(unstacked(g, rows, SequenceOf(part)))
    kind = listed(TupleOf((element,)))
    made: Lowered = Columns(kind.element, tuple(columns)) if isinstance(kind, ColumnsOf) else columns[0]
    for place, item in enumerate(before):
        made = inserted(g, made, item, g.const(place))
    return made
