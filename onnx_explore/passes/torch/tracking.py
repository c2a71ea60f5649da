"""Which values have to be followed: those that may share storage with one that is written to.

In: a graph. Out: ids of values, and the constants that the views among them are taken with::

    %y = aten::mul(%x, %2)           %y and %v share storage (a view), %w is %v itself (a write):
    %v = aten::select(%y, 1, 0)      the three are tracked, %x and %r are not.
    %w = aten::add_(%v, %one, 1)
    %r = aten::relu(%x)

One linear walk joins values that may share storage into sets, then keeps the sets with a written value. Joining too
much costs nothing but a little work later: sets say "maybe", the functionalization decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from onnx_explore.passes.torch.aliasing import WHOLE, sharing
from onnx_explore.passes.torch.running_statistics import updated_statistics
from onnx_explore.torch_ir import SchemaArgument, TorchBlock, TorchGraph, TorchNode, TorchValue
from onnx_explore.torch_ir.kinds import is_dict, is_list

CONTAINERS = frozenset({"prim::ListConstruct", "prim::TupleConstruct", "prim::NamedTupleConstruct"})
"""Operators whose result holds their inputs."""

UNPACKS = frozenset({"prim::ListUnpack", "prim::TupleUnpack"})
"""Operators whose results are what their input holds."""

_OPAQUE_LISTS = frozenset({"aten::broadcast_tensors", "aten::meshgrid"})
"""Operators that return views of the tensors in a list, and do not declare it."""

_HARMLESS = frozenset({"prim::Constant", "prim::NumToTensor", "prim::Print", "prim::RaiseException"})
"""Operators without a schema, or with none that we need, which keep nothing."""

_PLAIN = frozenset(
    {"int", "float", "bool", "str", "NoneType", "Device", "Scalar", "number", "Generator", "complex"}
    | {f"{kind}{suffix}" for kind in ("int", "float", "bool", "str") for suffix in ("[]", "?", "[]?", "?[]")}
)


OBSERVERS = frozenset({"aten::fused_moving_avg_obs_fake_quant"})
"""They write to what they learned only while their observer is on, and with that they are not exported."""


def writes_tensor(node: TorchNode) -> bool:
    """Whether a node writes to a tensor, or changes its shape in place."""
    schema = node.schema
    if schema is None or node.target in OBSERVERS:
        return False
    return any(
        is_written_tensor(argument, value) for argument, value in zip(schema.arguments, node.inputs, strict=False)
    )


def is_written_tensor(argument: SchemaArgument, value: TorchValue) -> bool:
    """Whether an argument is a tensor that is written to, or a list of such.

    ``Tensor(a!)[]`` writes to the tensors, and the list has no alias set; ``Tensor[](a!)`` writes to the list.
    """
    if not argument.written or value.kind == "NoneType":
        return False
    return argument.type in ("Tensor", "Tensor?") or (argument.type == "Tensor[]" and not argument.alias)


class Tracking:
    """What one linear walk over the graph finds: constants, and the values that may share storage with a written one.

    Attributes:
        constants: Python values of constants and of lists of constants, by value id.
        tracked: Ids of the values that the functionalization has to follow.
    """

    def __init__(self, graph: TorchGraph) -> None:
        self.constants: dict[int, Any] = {}
        self._leader: dict[int, int] = {}
        self._members: list[int] = [value.id for value in graph.block.params]
        written: list[int] = []
        self._visit(graph.block, written)
        roots = {self._find(number) for number in written}
        self.tracked = {number for number in self._members if self._find(number) in roots}

    def _visit(self, block: TorchBlock, written: list[int]) -> None:
        for node in block.nodes:
            self._members.extend(value.id for value in node.outputs)
            self._note_constant(node)
            for inner in node.blocks:
                self._members.extend(value.id for value in inner.params)
                self._visit(inner, written)
            self._join(node, written)

    def _note_constant(self, node: TorchNode) -> None:
        if node.target == "prim::Constant":
            self.constants[node.outputs[0].id] = node.constant
        elif node.target == "prim::ListConstruct" and all(value.id in self.constants for value in node.inputs):
            self.constants[node.outputs[0].id] = [self.constants[value.id] for value in node.inputs]

    def _join(self, node: TorchNode, written: list[int]) -> None:
        if node.blocks:
            for inner in node.blocks:
                self._union_all(inner.returns[len(inner.returns) - len(node.outputs) :], node.outputs)
                if node.target == "prim::Loop":
                    self._union_all(inner.params[1:], node.inputs[2:])
                    self._union_all(inner.params[1:], node.outputs)
        elif node.target in CONTAINERS or node.target in UNPACKS or keeps(node):
            holders = [value for value in (*node.inputs, *node.outputs) if _may_hold_tensors(value)]
            self._union_all(holders, holders[1:])
        elif writes_tensor(node):
            assert node.schema is not None
            rows = zip(node.schema.arguments, node.inputs, strict=False)
            targets = [value for argument, value in rows if is_written_tensor(argument, value)]
            written.extend(value.id for value in targets)
            self._union_all(targets, node.outputs)
        else:
            written.extend(value.id for value in updated_statistics(node, self.constants))
            shared = sharing(node, self.constants)
            if shared is not None:
                self._union(node.inputs[shared.input].id, node.outputs[0].id)

    def _union_all(self, left: Sequence[TorchValue], right: Sequence[TorchValue]) -> None:
        for one, other in zip(left, right, strict=False):
            if _may_hold_tensors(one):
                self._union(one.id, other.id)

    def _find(self, number: int) -> int:
        root = number
        while (above := self._leader.get(root, root)) != root:
            root = above
        while number != root:
            self._leader[number], number = root, self._leader.get(number, number)
        return root

    def _union(self, left: int, right: int) -> None:
        self._leader[self._find(left)] = self._find(right)


def _may_hold_tensors(value: TorchValue) -> bool:
    return "Tensor" in value.kind or value.kind not in _PLAIN


def keeps(node: TorchNode) -> bool:
    """Whether it may keep tensors in, or take them out of, something that this pass does not follow."""
    if node.target in _OPAQUE_LISTS or _gives_another_list(node):
        return True
    if node.target in _HARMLESS or node.target in WHOLE:
        return False
    if node.schema is None:
        return True
    written = any(argument.written for argument in node.schema.arguments)
    return written and not writes_tensor(node) and node.target not in OBSERVERS


def _gives_another_list(node: TorchNode) -> bool:
    """Whether it gives a list or dict that holds what is in another one (``aten::append``, ``aten::slice`` of a list)."""
    if node.schema is None or not node.inputs or not (is_list(node.inputs[0].kind) or is_dict(node.inputs[0].kind)):
        return False
    return _may_hold_tensors(node.inputs[0]) and any(is_list(v.kind) or is_dict(v.kind) for v in node.outputs)
