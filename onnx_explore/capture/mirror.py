"""Copies a ``torch._C.Graph`` into a frozen ``TorchBlock``, in one walk.

In: the graph, names for some of its values, the scopes that the trace pushed. Out: the block, and which ``TorchValue``
stands for which of torch's values. A ``prim::PythonOp`` of an ``autograd.Function`` becomes what its forward did::

    %3 = ^Swish[Subgraph=<Graph>]()(%1)        %3 = aten::mul(%1, %2)
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import torch

from onnx_explore.capture.scopes import Marks
from onnx_explore.capture.torch_api import JitBlock, JitGraph, JitNode, JitValue, kind_of, schema_parts
from onnx_explore.torch_ir import EMPTY, Origin, Schema, SchemaArgument, TorchBlock, TorchNode, TorchValue

_NO_SCHEMA = "(no schema)"
_PYTHON = "prim::PythonOp"
_TENSOR_TYPE = "TensorType"
_WITHOUT_BLOCKS = ("aten::", "quantized::", "torchvision::", "prim::Constant", "prim::GetAttr", "prim::ListConstruct")


class Mirror:
    """Mirrors one graph; ids count from 0.

    Args:
        marks: Which module path holds from which value on; None if that is not known.
        inline_functions: Replace calls of an ``autograd.Function`` by what its forward recorded.
    """

    __slots__ = ("_inline", "_marks", "_origins", "_path", "_schemas", "_stacks", "_values", "next_node", "next_value")

    def __init__(self, marks: Marks | None = None, *, inline_functions: bool = True) -> None:
        self._marks = marks
        self._path = ""
        self._inline = inline_functions
        self._schemas: dict[str, Schema | None] = {_NO_SCHEMA: None}
        self._origins: dict[tuple[str, str], Origin] = {}
        self._stacks: dict[str, str] = {}
        self._values: dict[int, TorchValue] = {}
        self.next_node = 0
        self.next_value = 0

    def graph(self, graph: JitGraph, names: Mapping[int, str]) -> TorchBlock:
        """The whole graph; ``names`` are names of its inputs by position."""
        params = tuple(self.define(value, names.get(position, "")) for position, value in enumerate(graph.inputs()))
        nodes: list[TorchNode] = []
        for node in graph.nodes():
            self._node(node, nodes)
        return TorchBlock(params, tuple(nodes), tuple(self.value(value) for value in graph.outputs()))

    def value(self, value: JitValue) -> TorchValue:
        """The mirror of a value that was defined before."""
        return self._values[value.unique()]

    def number(self, unique: int) -> int | None:
        """The id of the mirror of torch's value of this number, or None."""
        found = self._values.get(unique)
        return found.id if found is not None else None

    def define(self, value: JitValue, name: str = "") -> TorchValue:
        """A new mirror of a value."""
        unique = value.unique()
        kind = value.type()
        number = self.next_value
        self.next_value = number + 1
        name = name or self.value_name(value, number)
        if kind.kind() == _TENSOR_TYPE:
            sizes, strides = kind.sizes(), kind.strides()
            mirrored = TorchValue(
                number,
                name,
                "Tensor",
                kind.dtype(),
                None if sizes is None else tuple(sizes),
                None if strides is None else tuple(strides),
            )
        else:
            mirrored = TorchValue(number, name, kind_of(kind.annotation_str))
        self._values[unique] = mirrored
        return mirrored

    def value_name(self, value: JitValue, number: int) -> str:  # noqa: ARG002
        """The name of a value that the caller did not name: a trace gives none, so it is the value's number."""
        return str(number)

    def fresh(self, kind: str, name: str, example: torch.Tensor | None = None) -> TorchValue:
        """A value that stands for none of torch's."""
        number = self.next_value
        self.next_value = number + 1
        if example is None:
            return TorchValue(number, name or str(number), kind)
        strides = example.stride() if example.layout == torch.strided and not example.is_mkldnn else None
        return TorchValue(number, name, kind, example.dtype, tuple(example.shape), strides)

    def node(
        self,
        target: str,
        inputs: tuple[TorchValue, ...],
        outputs: tuple[TorchValue, ...],
        *,
        schema: Schema | None = None,
        constant: Any = None,
        origin: Origin | None = None,
    ) -> TorchNode:
        """A node that stands for none of torch's."""
        number = self.next_node
        self.next_node = number + 1
        return TorchNode(number, target, inputs, outputs, schema, constant, origin=origin or Origin())

    def block(self, block: JitBlock) -> TorchBlock:
        """A sub-block, with the nodes in it."""
        params = tuple(self.define(value) for value in block.inputs())
        nodes: list[TorchNode] = []
        for node in block.nodes():
            self._node(node, nodes)
        return TorchBlock(params, tuple(nodes), tuple(self.value(value) for value in block.outputs()))

    def _node(self, node: JitNode, nodes: list[TorchNode]) -> None:
        target = node.kind()
        if target == _PYTHON and self._inline and _can_inline(node):
            self._inline_function(node, nodes)
            return
        values = self._values
        inputs = tuple([values[node.inputsAt(index).unique()] for index in range(node.inputsSize())])
        constant: Any = None
        attributes: Mapping[str, Any] = EMPTY
        blocks: tuple[TorchBlock, ...] = ()
        if target == "prim::Constant":
            constant = constant_of(node)
        elif target == _PYTHON:
            attributes, blocks = self._function(node)
        elif not target.startswith(_WITHOUT_BLOCKS):
            blocks = tuple(self.block(inner) for inner in node.blocks())
        if attributes is EMPTY and target != "prim::Constant" and node.hasAttributes():
            attributes = attributes_of(node)
        outputs = tuple([self.define(node.outputsAt(index)) for index in range(node.outputsSize())])
        number = self.next_node
        self.next_node = number + 1
        nodes.append(
            TorchNode(
                number,
                target,
                inputs,
                outputs,
                self.schema(node.schema()),
                constant,
                attributes,
                blocks,
                self._origin(node),
            )
        )

    def _function(self, node: JitNode) -> tuple[Mapping[str, Any], tuple[TorchBlock, ...]]:
        """What is known of a call of an ``autograd.Function``; its forward, if it was recorded, becomes a block."""
        function = node.pyobj()
        attributes = {
            "name": node.pyname(),
            **attributes_of(node),
            "function": getattr(function, "__self__", function),
            "scalar_args": tuple(node.scalar_args()),
            "signature": node.cconv(),
        }
        blocks: tuple[TorchBlock, ...] = ()
        if node.hasAttribute("Subgraph"):
            blocks = (self._subgraph(node.g("Subgraph"), None, []),)
        return MappingProxyType(attributes), blocks

    def _subgraph(self, graph: JitGraph, inputs: Sequence[TorchValue] | None, nodes: list[TorchNode]) -> TorchBlock:
        """A graph inside the graph: its value numbers are its own."""
        outer, self._values = self._values, {}
        marks, self._marks = self._marks, Marks()  # the numbers inside are its own; all of it belongs to the caller
        params: list[TorchValue] = []
        for position, value in enumerate(graph.inputs()):
            if inputs is None:
                params.append(self.define(value))
            else:
                self._values[value.unique()] = inputs[position]
        for node in graph.nodes():
            self._node(node, nodes)
        returns = tuple(self.value(value) for value in graph.outputs())
        self._values, self._marks = outer, marks
        return TorchBlock(tuple(params), tuple(nodes), returns)

    def _inline_function(self, node: JitNode, nodes: list[TorchNode]) -> None:
        self._scope(node)
        inputs = [self._values[node.inputsAt(index).unique()] for index in range(node.inputsSize())]
        returns = self._subgraph(node.g("Subgraph"), inputs, nodes).returns
        output = node.outputsAt(0)
        arity = _arity(node)
        if arity is not None:
            returns = returns * arity if len(returns) == 1 else returns
            packed = self.define(output)
            nodes.append(self.node("prim::TupleConstruct", returns, (packed,), origin=self._origin(node)))
            return
        for index, value in enumerate(returns):
            self._values[node.outputsAt(index).unique()] = value

    def _origin(self, node: JitNode) -> Origin:
        stack, path = node.sourceRange(), self._scope(node)
        key = (stack, path)
        found = self._origins.get(key)
        if found is None:
            clean = self._stacks.get(stack)
            if clean is None:
                clean = self._stacks[stack] = model_rows(stack)
            found = self._origins[key] = Origin(path, clean)
        return found

    def _scope(self, node: JitNode) -> str:
        """The module path of a node; that of the node before it for one that PyTorch made after the trace."""
        marks = self._marks
        if marks is None:
            return ""
        count = node.outputsSize()
        if count:
            number = node.outputsAt(count - 1).unique()
            if number <= marks.last:
                self._path = marks.path(number)
        return self._path

    def schema(self, text: str) -> Schema | None:
        """The schema of a line, parsed once; None for operators without one."""
        if text in self._schemas:
            return self._schemas[text]
        schema = None if "..." in text else read_schema(text)
        self._schemas[text] = schema
        return schema


def _arity(node: JitNode) -> int | None:
    """The number of members, if the only output of a node is a tuple."""
    if node.outputsSize() != 1:
        return None
    kind = node.outputsAt(0).type()
    return len(kind.containedTypes()) if kind.kind() == "TupleType" else None


def _can_inline(node: JitNode) -> bool:
    """Whether a function's forward was recorded, and it is clear which of its results is which.

    PyTorch records a tensor that is returned twice only once; one for all is clear.
    """
    if not node.hasAttribute("Subgraph"):
        return False
    recorded = len(list(node.g("Subgraph").outputs()))
    return recorded in (1, _arity(node) or node.outputsSize())


_HERE = __file__.rsplit("mirror", 1)[0]
_FILE = re.compile(r'File "([^"]*)", line (\d+)')
_WATCH = f"{_HERE}conversions"


def model_rows(stack: str) -> str:
    """A Python stack without our own frames: ``Watch`` stands between the model and torch, the trace calls the model.

    TorchScript's excerpt of a source file becomes a row of such a stack.
    """
    script = _FILE.search(stack)
    if script is not None:
        return f"{script[1]}({script[2]}): <script>\n"
    rows: list[str] = []
    for row in stack.splitlines(keepends=True):
        if row.startswith(_WATCH):
            continue
        if row.startswith(_HERE):
            break
        rows.append(row)
    return "".join(rows)


def read_schema(text: str) -> Schema:
    """Parses a schema line such as ``aten::relu(Tensor self) -> Tensor``."""
    name, overload, arguments, returns = schema_parts(text)
    return Schema(
        name,
        overload,
        tuple(
            SchemaArgument(
                part.name, part.type, part.default, part.has_default, part.kwarg_only, part.alias, part.written
            )
            for part in arguments
        ),
        tuple(SchemaArgument(part.name, part.type, alias=part.alias, written=part.written) for part in returns),
        text,
    )


def constant_of(node: JitNode) -> Any:
    """The Python value of a ``prim::Constant``.

    A number although the value's kind is ``Tensor`` is what PyTorch calls a wrapped number: ``x * 2.0`` gives the float
    ``2.0``, while ``x * torch.tensor(2.0)`` gives a tensor. Only the latter takes part in promotion among 0-d tensors.
    """
    value = node.output().toIValue()
    return value.detach() if isinstance(value, torch.Tensor) and value.requires_grad else value


def attributes_of(node: JitNode) -> Mapping[str, Any]:
    """All attributes but sub-graphs, read by their kind; types as ``TorchValue.kind`` has them."""
    values = {
        name: getattr(node, node.kindOf(name))(name) for name in node.attributeNames() if node.kindOf(name) != "g"
    }
    for name in values:
        if node.kindOf(name) == "tys":
            values[name] = tuple(kind_of(item.annotation_str) for item in values[name])
    return MappingProxyType(values) if values else EMPTY
