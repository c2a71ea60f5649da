"""``g.original_node``: the torch node that is exported, as symbolic functions of the reference ask for it.

In: a ``TorchNode`` and what its inputs have become. Out: a node of a second scratch graph, with the kind, typed inputs and
outputs; what the mirror alone knows (source line, scope, the class behind an ``autograd.Function``) is
answered from the ``TorchNode``.
"""

# ruff: noqa: N802  (the reference's names)
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import onnx_ir as ir
import torch

from onnx_explore.compat.scratch import JitNode, JitValue
from onnx_explore.compat.types import JitC, Symbols, list_type
from onnx_explore.lowering.structure import is_dynamic
from onnx_explore.symbolic.lowered import Constant, Lowered
from onnx_explore.torch_ir import TorchNode, TorchValue


class OriginalNode:
    """Behaves like a ``torch._C.Node``.

    Args:
        node: The torch node.
        inputs: What its inputs have become.
    """

    def __init__(self, node: TorchNode, inputs: Sequence[Lowered]) -> None:
        self._torch = node
        self._graph: Any = JitC.Graph()
        self._symbols = Symbols()
        given = [self._value(value, item) for value, item in zip(node.inputs, inputs, strict=True)]
        self._node: JitNode = self._graph.insertNode(self._graph.create(node.target, given, len(node.outputs)))
        fixed = not any(_open(item) for item in inputs)
        for value, output in zip(node.outputs, self._node.outputs(), strict=True):
            output.setType(self._type(value, fixed=fixed))
        for name in ("inplace", "module"):
            if name in node.attributes:
                getattr(self._node, "i_" if name == "inplace" else "s_")(name, node.attributes[name])

    def __getattr__(self, name: str) -> Any:
        return getattr(self._node, name)

    def env(self, values: Sequence[JitValue]) -> dict[JitValue, JitValue]:
        """This node's inputs → the values that stand for them."""
        return dict(zip(self._node.inputs(), values, strict=True))

    def type(self) -> Any:
        """The type of its (first) output."""
        return self._node.outputsAt(0).type()

    def schema(self) -> str:
        """The schema line, or ``(no schema)``."""
        return self._torch.schema.text if self._torch.schema is not None else "(no schema)"

    def scopeName(self) -> str:
        """The module path."""
        return self._torch.origin.scope

    def sourceRange(self) -> str:
        """The Python stack that made it."""
        return self._torch.origin.stack

    def pyname(self) -> str:
        """The class name of an ``autograd.Function``."""
        return str(self._attribute("name"))

    def pyobj(self) -> Any:
        """The ``apply`` of an ``autograd.Function``."""
        return self._attribute("function").apply

    def cconv(self) -> str:
        """One letter for each argument of an ``autograd.Function``: ``d`` a tensor, ``c`` anything else."""
        return str(self._attribute("signature"))

    def scalar_args(self) -> list[Any]:
        """The arguments of an ``autograd.Function`` that are no tensors."""
        return list(self._attribute("scalar_args"))

    def _attribute(self, name: str) -> Any:
        if name not in self._torch.attributes:
            raise RuntimeError(f"{self._torch.target} is no prim::PythonOp")
        return self._torch.attributes[name]

    def _value(self, value: TorchValue, item: Lowered) -> JitValue:
        if isinstance(item, bool | int | float | str | torch.device) or item is None:
            return self._graph.insertConstant(item)
        if isinstance(item, tuple):
            element = value.kind.removesuffix("?").removesuffix("[]")
            parts = [self._value(TorchValue(-1, "", element), entry) for entry in item]
            made = self._graph.insertNode(self._graph.create("prim::ListConstruct", parts, 1)).output()
            made.setType(list_type(value.kind))
            return made
        made = self._graph.addInput()
        if isinstance(item, ir.Value):
            made.setType(self._symbols.of_value(item))
        elif isinstance(item, Constant):
            made.setType(self._symbols.tensor(item.tensor.dtype, item.tensor.shape))
        return made

    def _type(self, value: TorchValue, *, fixed: bool) -> Any:
        """As captured; sizes only where nothing that goes in may have another one when the model runs."""
        if not value.is_tensor:
            members = value.kind.count("Tensor")
            if value.kind.startswith("("):
                return JitC.TupleType([JitC.TensorType.get()] * members)
            return list_type(value.kind) if value.kind.endswith("[]") else JitC.TensorType.get()
        if value.shape is None or fixed:
            return self._symbols.tensor(value.dtype, value.shape)
        return self._symbols.tensor(value.dtype, [ir.SymbolicDim(None) for _ in value.shape])


def _open(item: Lowered) -> bool:
    """Whether it has, or is, a size that is only known when the model runs."""
    if isinstance(item, tuple):
        return any(_open(entry) for entry in item)
    if isinstance(item, ir.Value):
        return item.shape is None or not item.shape.is_static() or len(item.shape) == 0
    return is_dynamic(item)
