"""``g`` as a symbolic function of the reference knows it: ``g.op("Elu", x, alpha_f=1.0)``, on a scratch graph.

In: an operator (``Elu``, ``onnx::Elu``, ``my.domain::Foo``), values, attributes whose suffix says their type. Out: one value,
or a tuple. Every node is emitted for a trial at once, so that ``type()`` of what it returns tells dtype and sizes, and
a wrong one fails in the line that made it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch

from onnx_explore.compat.attributes import set_attribute
from onnx_explore.compat.functions import function_name
from onnx_explore.compat.replaying import Replay, split
from onnx_explore.compat.scratch import JitBlock, JitGraph, JitNode, JitValue, Scratch
from onnx_explore.compat.values import is_value
from onnx_explore.emit import Emitter
from onnx_explore.errors import InvalidArgument

_STRUCTURE = (
    "prim::ListConstruct",
    "prim::TupleConstruct",
    "prim::ListUnpack",
    "prim::TupleUnpack",
    "prim::Constant",
)


@dataclass(repr=False)
class GraphContext:
    """The ``g`` of one call of a symbolic function. What it does not know itself, it asks of the scratch graph.

    Attributes:
        graph: The scratch graph, a ``torch._C.Graph``.
        block: The block of it that nodes go to.
        opset: The export's opset.
        original_node: The torch node that is exported.
        params_dict: Weights among the inputs, by name.
        env: The torch node's inputs → the values that the function was given.
        values_in_env: The latter.
        new_nodes: The nodes made so far.
        emitter: Our own way to make nodes.
        scratch: What stands behind all this.
        trial: The walk that finds types out.
    """

    graph: JitGraph
    block: JitBlock
    opset: int
    original_node: Any
    params_dict: dict[str, torch.Tensor]
    env: dict[JitValue, JitValue]
    values_in_env: set[JitValue]
    emitter: Emitter
    scratch: Scratch
    trial: Replay
    new_nodes: list[JitNode] = field(default_factory=list[JitNode])

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or "graph" not in vars(self):
            raise AttributeError(name)
        return getattr(self.graph, name)

    def __repr__(self) -> str:
        return f"<GraphContext of {self.original_node.kind()}, opset {self.opset}>"

    def op(self, opname: str, *raw_args: Any, outputs: int = 1, **kwargs: Any) -> Any:
        """Make a node.

        Args:
            opname: ``Add``, ``onnx::Add``, or ``domain::Op``.
            *raw_args: Values; Python numbers, lists of them, and tensors become constants; None omits an optional input.
            outputs: How many outputs it has.
            **kwargs: Attributes, with the type's suffix; None means that it is not set.

        Returns:
            The output, or a tuple of ``outputs`` of them.

        Raises:
            InvalidArgument: If a name or a value is wrong.
        """
        kind = opname if "::" in opname else f"onnx::{opname}"
        if kind not in _STRUCTURE:
            split(kind)
        if isinstance(outputs, bool) or not isinstance(outputs, int) or outputs < 1:  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InvalidArgument(f"{outputs!r} is not a number of outputs", argument="outputs")
        inputs = [self._input(opname, item) for item in raw_args]
        made = self.scratch.insert(kind, inputs, outputs, self.block)
        node = made[0].node()
        for key, item in sorted(kwargs.items()):
            if item is not None and key not in ("inplace", "aten"):
                set_attribute(node, opname, key, item)
        self.new_nodes.append(node)
        if kind == "onnx::Constant":
            self._type_constant(made[0], node)
        elif kind not in _STRUCTURE and self.block is self.scratch.graph.block():
            self.trial.infer(made)
        return made[0] if outputs == 1 else tuple(made)

    def _type_constant(self, value: JitValue, node: JitNode) -> None:
        names = node.attributeNames()
        if len(names) != 1:
            raise InvalidArgument(
                "a Constant has one attribute", argument="value", action="write value_t=torch.tensor(…)"
            )
        if node.kindOf(names[0]) == "t":
            tensor = node.t(names[0])
            value.setType(self.scratch.symbols.tensor(tensor.dtype, tensor.shape))

    def _input(self, opname: str, item: Any) -> JitValue:
        if is_value(item):
            self.scratch.check_own(item, f"an input of {opname}")
            return item
        if item is None:
            return self.scratch.value(None)
        if isinstance(item, torch.Tensor):
            return self.scratch.constant(item)
        if isinstance(item, bool | int | float):
            return self.scratch.number(item)
        if isinstance(item, str):
            return self.scratch.text(item)
        if isinstance(item, list | tuple):
            items: list[Any] = list(item)  # pyright: ignore[reportUnknownArgumentType]
            return self.scratch.insert("prim::ListConstruct", [self._input(opname, entry) for entry in items])[0]
        raise InvalidArgument(f"{item!r} cannot be an input of {opname}", argument="raw_args")

    def aten_op(self, operator: str, *args: Any, overload_name: str = "", **kwargs: Any) -> Any:
        """Leave an operator of PyTorch in the graph, as ``ATen`` of domain ``org.pytorch.aten``: for a runtime that has it."""
        return self.op("aten::ATen", *args, operator_s=operator, overload_name_s=overload_name, **kwargs)

    at = aten_op

    def onnxscript_op(self, onnx_fn: Any, *raw_args: Any, outputs: int = 1, **kwargs: Any) -> Any:
        """Call an onnx-script function; its body travels in the model as a local function.

        Args:
            onnx_fn: What ``@onnxscript.script(opset)`` made.
            *raw_args: As for ``op``.
            outputs: How many outputs it has.
            **kwargs: Attributes, with the type's suffix.

        Raises:
            InvalidArgument: If it is no onnx-script function, or the model's opset cannot hold it.
        """
        domain, name = function_name(onnx_fn)
        self.scratch.functions[domain, name] = onnx_fn
        return self.op(f"{domain}::{name}", *raw_args, outputs=outputs, **kwargs)
