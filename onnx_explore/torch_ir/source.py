"""TorchScript source of some nodes of a TorchGraph: Python text that ``torch.jit`` compiles to the same operators again.

In: nodes in order, what they are given, what they return. Out: the ``forward`` of a module, to hand a piece of a model on::

    %3 : Tensor = aten::add.Tensor(%x, %1, %2)        def forward(self, v_x: Tensor):
                                                          v3 = torch.ops.aten.add(v_x, self.w0, alpha=1)
                                                          return v3
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import torch

from onnx_explore.errors import NotAvailable
from onnx_explore.torch_ir.graph import TorchBlock, TorchNode, TorchValue, walk
from onnx_explore.torch_ir.kinds import element, is_dict, is_list, is_tuple, members

_NAMED = re.compile(r"[A-Za-z]\w*")
_PLAIN = {"Tensor", "int", "float", "bool", "str", "complex"}
_IGNORED = {"prim::Print", "aten::warn", "prim::Uninitialized"}


def forward_source(
    nodes: Sequence[TorchNode],
    inputs: Sequence[TorchValue],
    returns: Sequence[TorchValue],
    weights: Mapping[int, str],
) -> str:
    """The method ``forward`` of a ``torch.jit.ScriptModule``.

    Args:
        nodes: In order; they use constants, ``inputs``, ``weights`` and each other.
        inputs: The arguments, in order.
        returns: What it returns.
        weights: Value id → name of the module's attribute.

    Raises:
        NotAvailable: If a node, or the type of an input, cannot be written in TorchScript.
    """
    printer = _Printer({number: f"self.{name}" for number, name in weights.items()})
    arguments = ["self", *(f"{printer.name(value)}: {annotation(value.kind)}" for value in inputs)]
    body = [*printer.nodes(nodes), f"return {printer.several(returns)}"]
    return "\n".join([f"def forward({', '.join(arguments)}):", *(f"    {line}" for line in body)])


def literal(item: Any) -> str:
    """Python's text for a constant that is no tensor.

    Raises:
        NotAvailable: If there is none.
    """
    if item is None or isinstance(item, bool | int | str):
        return repr(item)
    if isinstance(item, float):
        return repr(item) if math.isfinite(item) else f"float('{item}')"
    if isinstance(item, complex):
        return repr(item) if math.isfinite(item.real) and math.isfinite(item.imag) else f"complex('{item}')"
    if isinstance(item, torch.dtype | torch.layout | torch.memory_format):
        return repr(item)
    if isinstance(item, torch.device):
        return f"torch.device({str(item)!r})"
    if isinstance(item, list | tuple):
        entries = ", ".join(literal(entry) for entry in cast("Sequence[Any]", item))
        return f"[{entries}]" if isinstance(item, list) else f"({entries}{',' if len(item) == 1 else ''})"  # pyright: ignore[reportUnknownArgumentType]
    raise NotAvailable(f"a constant of type {type(item).__name__} has no text")


def annotation(kind: str) -> str:
    """A type as TorchScript's source has it: ``Optional[List[int]]`` for ``int[]?``.

    Raises:
        NotAvailable: If it is a class.
    """
    if kind in _PLAIN:
        return kind
    if kind.endswith("?"):
        return f"Optional[{annotation(kind[:-1])}]"
    if is_list(kind):
        return f"List[{annotation(element(kind))}]"
    if is_tuple(kind):
        return f"Tuple[{', '.join(annotation(member) for member in members(kind))}]"
    if is_dict(kind):
        return f"Dict[{', '.join(annotation(member) for member in members(kind))}]"
    if kind == "Device":
        return "torch.device"
    raise NotAvailable(f"an input of type {kind} cannot be written in TorchScript")


def uses(nodes: Sequence[TorchNode]) -> Iterator[TorchValue]:
    """What nodes take from outside: of each other's values none, and of what their blocks make none."""
    every = [each for node in nodes for each in (node, *_inner(node))]
    blocks = [block for node in every for block in node.blocks]
    made = {value.id for node in every for value in node.outputs}
    made.update(value.id for block in blocks for value in block.params)
    read = [value for node in every for value in node.inputs] + [value for block in blocks for value in block.returns]
    seen: set[int] = set()
    for value in read:
        if value.id not in made and value.id not in seen:
            seen.add(value.id)
            yield value


def _inner(node: TorchNode) -> Iterator[TorchNode]:
    for block in node.blocks:
        yield from walk(block)


class _Printer:
    def __init__(self, names: dict[int, str]) -> None:
        self._names = names

    def name(self, value: TorchValue) -> str:
        known = self._names.get(value.id)
        if known is None:
            known = f"v_{value.name}" if _NAMED.fullmatch(value.name) else f"v{value.id}"
            if known in self._names.values():
                known = f"{known}_{value.id}"
            self._names[value.id] = known
        return known

    def several(self, values: Sequence[TorchValue]) -> str:
        return ", ".join(self.name(value) for value in values)

    def nodes(self, nodes: Sequence[TorchNode]) -> Iterator[str]:
        for node in nodes:
            yield from self._node(node)

    def _node(self, node: TorchNode) -> Iterator[str]:
        if node.target == "prim::If":
            yield from self._if(node)
        elif node.target == "prim::Loop":
            yield from self._loop(node)
        elif node.target == "prim::Constant":
            self._constant(node)
        elif node.target == "prim::RaiseException":
            yield "raise RuntimeError()"
        elif node.target not in _IGNORED:
            text = self._expression(node)
            yield f"{self.several(node.outputs)} = {text}" if node.outputs else text

    def _constant(self, node: TorchNode) -> None:
        if node.output.id in self._names:  # a tensor, which is an attribute
            return
        self._names[node.output.id] = literal(node.constant)

    def _expression(self, node: TorchNode) -> str:
        items = [self.name(value) for value in node.inputs]
        if node.target == "prim::ListConstruct":
            text = f"[{', '.join(items)}]"
            return text if items else f"torch.jit.annotate({annotation(node.output.kind)}, [])"
        if node.target == "prim::TupleConstruct":
            return f"({', '.join(items)}{',' if len(items) == 1 else ''})"
        if node.target == "prim::DictConstruct":
            return f"{{{', '.join(f'{key}: {item}' for key, item in zip(items[::2], items[1::2], strict=True))}}}"
        if node.target in ("prim::ListUnpack", "prim::TupleUnpack"):
            return items[0] if len(node.outputs) != 1 else f"{items[0]}[0]"
        if node.target in ("prim::TupleIndex", "aten::__getitem__"):
            return f"{items[0]}[{items[1]}]"
        if node.target == "prim::unchecked_cast":
            optional = node.inputs[0].kind.endswith("?")
            return f"torch.jit._unwrap_optional({items[0]})" if optional else items[0]
        if node.schema is None:
            raise NotAvailable(f"{node.target} cannot be written in TorchScript")
        namespace, _, name = node.target.partition("::")
        named = [item.name if item.kwarg_only else "" for item in node.schema.arguments]
        words = [f"{word}={item}" if word else item for item, word in zip(items, named, strict=False)]
        return f"torch.ops.{namespace}.{name}({', '.join(words)})"

    def _if(self, node: TorchNode) -> Iterator[str]:
        left = self.several(node.outputs)
        for head, block in zip((f"if {self.name(node.inputs[0])}:", "else:"), node.blocks, strict=True):
            yield head
            yield from self._block(block, left)

    def _loop(self, node: TorchNode) -> Iterator[str]:
        trips, goes_on, *start = node.inputs
        (body,) = node.blocks
        count, *carried = body.params
        for value, item in zip(carried, start, strict=True):
            yield f"{self.name(value)} = {self.name(item)}"
        going = f"go{node.id}"
        yield f"{going} = {self.name(goes_on)}"
        yield f"{self.name(count)} = 0"
        yield f"while {going} and {self.name(count)} < {self.name(trips)}:"
        yield from self._block(body, ", ".join([going, *map(self.name, carried)]), count)
        for value, item in zip(node.outputs, carried, strict=True):
            yield f"{self.name(value)} = {self.name(item)}"

    def _block(self, block: TorchBlock, left: str, count: TorchValue | None = None) -> Iterator[str]:
        lines = list(self.nodes(block.nodes))
        lines += [f"{left} = {self.several(block.returns)}"] if left else []
        lines += [f"{self.name(count)} += 1"] if count is not None else []
        for line in lines or ["pass"]:
            yield f"    {line}"
