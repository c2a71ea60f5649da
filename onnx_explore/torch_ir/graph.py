"""The TorchGraph: a frozen mirror of a TorchScript graph, independent of ``torch._C``.

Everything is frozen and slotted, so keeping a snapshot of a stage costs nothing; values are compared by identity.
A pass builds new nodes and blocks with ``dataclasses.replace`` and shares what it did not touch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import torch

EMPTY: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Frame:
    """One Python frame of the stack that made a node. ``column`` is 1-based, or None where Python does not know."""

    file: str
    line: int
    function: str
    column: int | None = None

    def __str__(self) -> str:
        return f"{self.file}:{self.line} in {self.function}"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a node comes from.

    Attributes:
        scope: The module path, such as ``encoder.layers.0.self_attn``; a module called more than once carries the call
            number (``head#2``). Empty for the top level.
        stack: The Python call stack as PyTorch recorded it, unparsed (parsing is lazy, see ``frames``).
    """

    scope: str = ""
    stack: str = ""

    @property
    def frames(self) -> tuple[Frame, ...]:
        """Python frames of the model, innermost first (the capture leaves out what called the exporter)."""
        return _parse_stack(self.stack)

    @property
    def user_frame(self) -> Frame | None:
        """The innermost frame outside PyTorch itself, or None."""
        frames = self.frames
        return next((frame for frame in frames if not is_inside_torch(frame.file)), None)

    @property
    def where(self) -> str:
        """``file:line in scope`` for messages; the file by its last two parts only. Empty when nothing is known."""
        frame = self.user_frame
        scope = f" in {self.scope}" if self.scope else ""
        if frame is None:  # a module of PyTorch's own, called by another one: its forward is the nearest line there is
            frame = next((item for item in self.frames if item.function == "forward"), None)
        if frame is None:
            return scope[4:]
        short = "/".join(frame.file.replace("\\", "/").rsplit("/", 2)[-2:])
        return f"{short}:{frame.line}{scope}"


@lru_cache(maxsize=65536)
def _parse_stack(stack: str) -> tuple[Frame, ...]:
    frames: list[Frame] = []
    for row in stack.splitlines():
        head, separator, function = row.rpartition("): ")
        file, parenthesis, line = head.rpartition("(")
        if separator and parenthesis and line.isdigit():
            frames.append(Frame(file, int(line), function.strip()))
    return tuple(frames)


_TORCH_FOLDER = torch.__file__.rsplit("__init__", 1)[0]


def is_inside_torch(file: str) -> bool:
    """Whether a source file is PyTorch's own."""
    return file.startswith(_TORCH_FOLDER)


@dataclass(frozen=True, slots=True)
class SchemaArgument:
    """One argument of an ATen schema.

    Attributes:
        name: As in the schema.
        type: Printed type, such as ``Tensor``, ``Tensor?``, ``int[]``, ``Scalar``.
        default: The default, meaningful only if ``has_default``.
        has_default: Whether there is one.
        kwarg_only: Whether it stands behind ``*``.
        alias: Alias set, such as ``a``; empty if it aliases nothing.
        written: Whether the operator writes to it (``Tensor(a!)``).
    """

    name: str
    type: str
    default: Any = None
    has_default: bool = False
    kwarg_only: bool = False
    alias: str = ""
    written: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Schema:
    """An operator's signature, as PyTorch declares it. Compared by identity (one object per schema line).

    Attributes:
        name: Such as ``aten::add``.
        overload: Such as ``Tensor``, or ``""``.
        arguments: In order.
        returns: In order; their ``alias`` says which argument they may share storage with.
        text: The schema line itself.
    """

    name: str
    overload: str
    arguments: tuple[SchemaArgument, ...]
    returns: tuple[SchemaArgument, ...]
    text: str


@dataclass(frozen=True, slots=True, eq=False)
class TorchValue:
    """A value of a TorchGraph. Compared by identity; ``id`` is unique within one capture and its passes.

    Attributes:
        id: Unique number.
        name: Debug name, without ``%``.
        kind: Type as TorchScript prints it: ``Tensor``, ``int``, ``float``, ``bool``, ``str``, ``NoneType``,
            ``Device``, ``int[]``, ``Tensor[]``, ``(Tensor, Tensor)``, ``Tensor?`` …
        dtype: Element type of a tensor where the capture knows it.
        shape: Shape of a tensor as captured: a fact about that one run, not a promise.
        strides: Strides (in elements) of a tensor as captured.
    """

    id: int
    name: str
    kind: str
    dtype: torch.dtype | None = None
    shape: tuple[int, ...] | None = None
    strides: tuple[int, ...] | None = None

    @property
    def is_tensor(self) -> bool:
        """Whether this is a single tensor."""
        return self.kind == "Tensor"


@dataclass(frozen=True, slots=True, eq=False)
class TorchNode:
    """An operator applied to values. Compared by identity.

    Attributes:
        id: Unique number; a node that a pass derives from another gets a new one.
        target: Such as ``aten::add`` or ``prim::If``.
        inputs: In the schema's order.
        outputs: In order.
        schema: The ATen schema, or None for most of ``prim::``.
        constant: Value of a ``prim::Constant``: number, string, None, tensor, device, list of these.
        attributes: What else the node carries (``name`` of a ``prim::GetAttr``, …).
        blocks: Sub-blocks of ``prim::If`` and ``prim::Loop``.
        origin: Where it comes from.
        derived_from: Ids of the captured nodes that this one stands for, when a pass made it; else empty.
    """

    id: int
    target: str
    inputs: tuple[TorchValue, ...]
    outputs: tuple[TorchValue, ...]
    schema: Schema | None = None
    constant: Any = None
    attributes: Mapping[str, Any] = field(default_factory=lambda: EMPTY)
    blocks: tuple[TorchBlock, ...] = ()
    origin: Origin = field(default_factory=Origin)
    derived_from: tuple[int, ...] = ()

    @property
    def overload(self) -> str:
        """The overload's name, or ``""``."""
        return self.schema.overload if self.schema is not None else ""

    @property
    def output(self) -> TorchValue:
        """The only output.

        Raises:
            ValueError: If there is not exactly one.
        """
        (value,) = self.outputs
        return value


@dataclass(frozen=True, slots=True, eq=False)
class TorchBlock:
    """Parameters, nodes in topological order, and returned values."""

    params: tuple[TorchValue, ...]
    nodes: tuple[TorchNode, ...]
    returns: tuple[TorchValue, ...]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A weight or buffer of the model that the graph takes as a block parameter. Never copied.

    Attributes:
        value: The block parameter.
        name: Its name in ``state_dict``, such as ``encoder.weight`` (the first name of a tied one).
        tensor: The live tensor of the model.
        trainable: True for an ``nn.Parameter``, False for a buffer.
        aliases: Further names of the same tensor.
    """

    value: TorchValue
    name: str
    tensor: torch.Tensor
    trainable: bool = True
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TorchGraph:
    """A captured model.

    Attributes:
        block: The top block; its ``params`` are the inputs followed by the parameters.
        parameters: The weights and buffers among ``block.params``, in order.
    """

    block: TorchBlock
    parameters: tuple[Parameter, ...] = ()

    @property
    def inputs(self) -> tuple[TorchValue, ...]:
        """Block parameters that are not weights."""
        return self.block.params[: len(self.block.params) - len(self.parameters)]

    @property
    def outputs(self) -> tuple[TorchValue, ...]:
        """The returned values."""
        return self.block.returns

    def __str__(self) -> str:
        from onnx_explore.torch_ir.printing import print_graph  # it imports this module

        return print_graph(self)


def walk(block: TorchBlock) -> Iterator[TorchNode]:
    """All nodes of a block in order, each before the nodes of its sub-blocks."""
    for node in block.nodes:
        yield node
        for inner in node.blocks:
            yield from walk(inner)


def used_by(node: TorchNode) -> Iterator[TorchValue]:
    """The values that a node reads from outside, inside its blocks, too."""
    yield from node.inputs
    inner = [each for block in node.blocks for each in walk(block)]
    blocks = [*node.blocks, *(deeper for each in inner for deeper in each.blocks)]
    known = {value.id for each in inner for value in each.outputs}
    known.update(value.id for block in blocks for value in block.params)
    read = [value for each in inner for value in each.inputs] + [value for block in blocks for value in block.returns]
    yield from (value for value in read if value.id not in known)


class Fresh:
    """Hands out ids that the graph does not use yet, for passes that make nodes and values."""

    __slots__ = ("_node", "_value")

    def __init__(self, graph: TorchGraph) -> None:
        self._node = max((node.id for node in walk(graph.block)), default=-1)
        values = list(graph.block.params)
        for node in walk(graph.block):
            values.extend(node.outputs)
            for inner in node.blocks:
                values.extend(inner.params)
        # A new value's name is its id: it must not be the name of a captured one either.
        names = (int(value.name) for value in values if value.name.isdecimal())
        self._value = max(max((value.id for value in values), default=-1), max(names, default=-1))

    def node_id(self) -> int:
        """A new node id."""
        self._node += 1
        return self._node

    def value(
        self,
        kind: str = "Tensor",
        *,
        dtype: torch.dtype | None = None,
        shape: tuple[int, ...] | None = None,
        strides: tuple[int, ...] | None = None,
        name: str = "",
    ) -> TorchValue:
        """A new value."""
        self._value += 1
        return TorchValue(self._value, name or str(self._value), kind, dtype, shape, strides)
