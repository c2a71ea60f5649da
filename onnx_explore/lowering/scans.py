"""Lists that a loop only fills, below opset 13: no Loop carries a sequence there, but its scan outputs stack tensors.

%out = prim::Loop(%n, %true, %empty)              %rows = Loop(%n, …)       each round gives %y
block0(%i, %l):                           ──►   %out  = SplitToSequence(%rows)
%m = aten::append(%l, %y)
-> (%true, %m)
"""

from __future__ import annotations

import onnx_ir as ir

from onnx_explore.emit import Emitter
from onnx_explore.lowering.types import SequenceOf, TensorOf, TupleOf, as_type, join, sequence_of, type_of, typed
from onnx_explore.symbolic.lowered import Lowered
from onnx_explore.torch_ir import TorchBlock, walk

SEQUENCES_IN_BLOCKS = 13
"""From this opset on, If and Loop take sequences."""


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


def scanned_type(g: Emitter, element: Lowered) -> TensorOf:
    """The type of what each round appends.

    Raises:
        OpsetTooLow: If its size may differ between rounds: then it cannot be stacked.
    """
    kind = sequence_of(TupleOf((type_of(g, element),))).element
    assert kind is not None
    if kind.sizes is None or any(size is None or _varies(g, size) for size in kind.sizes):
        g.requires(SEQUENCES_IN_BLOCKS, "a Loop that fills a list with tensors of different sizes")
    return kind


def _varies(g: Emitter, size: int | str) -> bool:
    return isinstance(size, str) and g.inference.is_anonymous(ir.SymbolicDim(size))


def as_list(g: Emitter, rows: ir.Value, element: TensorOf, before: tuple[Lowered, ...]) -> ir.Value:
    """The list: what was in it before the loop, then the rows that the loop gave."""
    made = typed(g, g.op("SplitToSequence", rows, axis=0, keepdims=0), SequenceOf(element))
    kind = SequenceOf(element)
    for place, item in enumerate(before):
        more = join(kind, sequence_of(TupleOf((type_of(g, item),))), "Tensor[]")
        assert isinstance(more, SequenceOf) and more.element is not None
        kind = more
        value = as_type(g, item, more.element)
        assert isinstance(value, ir.Value)
        made = typed(g, g.op("SequenceInsert", made, value, g.const(place)), kind)
    return made
