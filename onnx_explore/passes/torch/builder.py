"""Making nodes: an operator by name, Python numbers as constants, schema defaults filled in.

In: a ``Fresh`` and what the new nodes stand for. Out: nodes, in order.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager

import torch

from onnx_explore.passes.torch.schemas import schema_of
from onnx_explore.torch_ir import Fresh, Origin, Schema, TorchNode, TorchValue

Argument = TorchValue | int | float | bool | str | list[int] | None
"""A value, or what becomes a ``prim::Constant``."""


class Builder:
    """Appends nodes to one block.

    Args:
        fresh: Where ids come from.

    Attributes:
        nodes: What was appended.
        producers: Which node made a value, by value id.
        origin: Where new nodes come from.
        derived_from: Ids of the captured nodes that new nodes stand for.
    """

    __slots__ = ("_constants", "derived_from", "fresh", "nodes", "origin", "producers")

    def __init__(self, fresh: Fresh) -> None:
        self.fresh = fresh
        self.nodes: list[TorchNode] = []
        self.producers: dict[int, TorchNode] = {}
        self._constants: dict[tuple[str, str], TorchValue] = {}
        self.origin = Origin()
        self.derived_from: tuple[int, ...] = ()

    @contextmanager
    def standing_for(self, *nodes: TorchNode) -> Generator[None]:
        """Within, new nodes stand for these; the first says where they come from."""
        held = (self.origin, self.derived_from)
        self.origin = nodes[0].origin
        ids: dict[int, None] = {}
        for node in nodes:
            ids.update(dict.fromkeys(node.derived_from or (node.id,)))
        self.derived_from = tuple(ids)
        yield
        self.origin, self.derived_from = held

    def append(self, node: TorchNode) -> None:
        """Append a node as it is."""
        self.nodes.append(node)
        for value in node.outputs:
            self.producers[value.id] = node

    def made_since(self, mark: int) -> list[int]:
        """Ids of the nodes made after ``mark`` nodes for what is stood for now, constants left out."""
        made = [node for node in self.nodes[mark:] if node.target != "prim::Constant"]
        return [node.id for node in made if node.derived_from == self.derived_from]

    def value(self, argument: Argument) -> TorchValue:
        """A value, made a constant if it is none yet; equal constants of one block are one."""
        if isinstance(argument, TorchValue):
            return argument
        key = (_kind(argument), repr(argument))
        if key not in self._constants:
            value = self._constants[key] = self.fresh.value(key[0])
            self.add("prim::Constant", (), (value,), constant=argument)
        return self._constants[key]

    def op(
        self,
        target: str,
        overload: str,
        *arguments: Argument,
        like: TorchValue | None = None,
        dtype: torch.dtype | None = None,
        shape: tuple[int, ...] | None = None,
    ) -> TorchValue:
        """Append an ATen operator with one output; arguments that are not given hold their schema defaults.

        Args:
            target: Such as ``aten::add``.
            overload: Such as ``Tensor``.
            arguments: In the schema's order.
            like: A value whose dtype, shape and strides the output has.
            dtype: Of the output, without ``like``.
            shape: Of the output, without ``like``.
        """
        if like is not None:
            output = self.fresh.value(dtype=like.dtype, shape=like.shape, strides=like.strides)
        else:
            output = self.fresh.value(dtype=dtype, shape=shape)
        self.call(schema_of(target, overload), arguments, (output,))
        return output

    def call(self, schema: Schema, arguments: Sequence[Argument], outputs: tuple[TorchValue, ...]) -> None:
        """Append an operator by its schema; arguments that are not given hold their schema defaults."""
        rest: list[Argument] = [argument.default for argument in schema.arguments[len(arguments) :]]
        inputs = tuple(self.value(argument) for argument in (*arguments, *rest))
        self.add(schema.name, inputs, outputs, schema=schema)

    def list_of(self, values: Sequence[TorchValue], kind: str = "Tensor[]") -> TorchValue:
        """Append a ``prim::ListConstruct``."""
        output = self.fresh.value(kind)
        self.add("prim::ListConstruct", tuple(values), (output,))
        return output

    def add(
        self,
        target: str,
        inputs: tuple[TorchValue, ...],
        outputs: tuple[TorchValue, ...],
        *,
        schema: Schema | None = None,
        constant: Argument = None,
    ) -> None:
        """Append a node with a fresh id."""
        self.append(
            TorchNode(
                self.fresh.node_id(),
                target,
                inputs,
                outputs,
                schema,
                constant,
                origin=self.origin,
                derived_from=self.derived_from,
            )
        )


def _kind(argument: int | float | bool | str | list[int] | None) -> str:
    if argument is None:
        return "NoneType"
    if isinstance(argument, list):
        return "int[]"
    return type(argument).__name__
