"""The scratch graph: the ``torch._C.Graph`` on which one call of a symbolic function of the reference works.

In: what the inputs of a torch node have become (``Lowered``). Out: values of ``torch._C`` to hand to the function, and what
each of them stands for. The function adds nodes; ``replaying`` copies them into the ONNX graph.

=====================  ==============================================
lowered                on the scratch graph
=====================  ==============================================
computed by the model  an input of the graph, with its type
a weight               an input of the graph, in ``params_dict``
a number, a tensor     ``onnx::Constant``
a string               ``onnx::Constant``
a list, a tuple        ``prim::ListConstruct``, ``prim::TupleConstruct``
a quantized tensor     ``prim::TupleConstruct`` of integers, scale, zero point and maybe axis
None, a device         ``prim::Constant``
=====================  ==============================================
"""

from __future__ import annotations

from typing import Any

import onnx_ir as ir
import torch

from onnx_explore.compat.types import JitC, Symbols, list_type
from onnx_explore.emit.emitter import PARAMETER
from onnx_explore.errors import InvalidArgument, UnsupportedOperatorError
from onnx_explore.symbolic.lowered import (
    Columns,
    Complex,
    Constant,
    Dictionary,
    Lowered,
    Maybe,
    PackedCell,
    PackedWeight,
    Quantized,
    Undefined,
)

JitValue = Any
JitNode = Any
JitGraph = Any
JitBlock = Any


class Scratch:
    """One scratch graph.

    Attributes:
        graph: The graph of ``torch._C``.
        symbols: Its dynamic sizes.
        lowered: What a value given to the function stands for, by its number.
        numbers: Constants that were Python numbers: they take the element type of what they are combined with.
        parameters: Weights among the inputs, by name.
        functions: onnx-script functions that were called, by domain and name.
    """

    def __init__(self) -> None:
        self.graph: JitGraph = JitC.Graph()
        self.symbols = Symbols()
        self.lowered: dict[int, Lowered] = {}
        self.numbers: set[int] = set()
        self.parameters: dict[str, torch.Tensor] = {}
        self.functions: dict[tuple[str, str], Any] = {}
        self._top = self.graph.block()
        self._values: dict[int, JitValue] = {}

    # -- what goes in ---------------------------------------------------------------------------------------------------

    def value(self, item: Lowered, kind: str = "") -> JitValue:
        """A value that stands for something lowered.

        Args:
            item: What it stands for.
            kind: The torch value's kind as TorchScript prints it; tells the element type of a list.

        Raises:
            UnsupportedOperatorError: For complex tensors that are known only when the model runs.
        """
        if isinstance(item, ir.Value):
            return self._computed(item)
        if isinstance(item, Constant):
            return self._tensor(item)
        if isinstance(item, tuple):
            element = kind.removesuffix("?").removesuffix("[]") if kind.endswith(("[]", "[]?")) else ""
            return self._structure([self.value(entry, element) for entry in item], kind, item)
        if isinstance(item, Complex):
            raise UnsupportedOperatorError(
                "a complex tensor goes in, and ONNX has no operators for them",
                action="work on real and imaginary parts (torch.view_as_real)",
            )
        if isinstance(item, Quantized):
            return self._quantized(item)
        if isinstance(item, Maybe | Dictionary | Columns | Undefined | PackedWeight | PackedCell):
            raise UnsupportedOperatorError(
                "a dict, a list of structures, packed weights, or what may be None when the model runs, goes in: "
                "no value of a graph stands for it",
                action="register a typed symbolic function with @onnx_explore.symbolic",
            )
        if item is None or isinstance(item, torch.device):
            made = self.graph.insertConstant(item)
            self.lowered[made.unique()] = item
            return made
        if isinstance(item, str):
            return self.text(item)
        return self.number(item)

    def _computed(self, item: ir.Value) -> JitValue:
        known = self._values.get(id(item))
        if known is not None:
            return known
        constant = ir.convenience.get_const_tensor(item)
        raw: Any = getattr(constant, "raw", None)
        if constant is not None and PARAMETER not in item.meta and not isinstance(constant, ir.StringTensor):
            made = self.constant(raw if isinstance(raw, torch.Tensor) else torch.from_numpy(constant.numpy().copy()))
        else:
            made = self.graph.addInput()
            made.setType(self.symbols.of_value(item))
            if isinstance(raw, torch.Tensor):
                self.parameters[made.debugName()] = raw
        self._values[id(item)] = made
        self.lowered[made.unique()] = item
        return made

    def _tensor(self, item: Constant) -> JitValue:
        if not item.name and not item.lineage:
            made = self.constant(item.tensor)
        else:
            made = self.graph.addInput()
            made.setType(self.symbols.tensor(item.tensor.dtype, item.tensor.shape))
            if item.name.isidentifier() or "." in item.name:
                made.setDebugName(item.name)
            self.parameters[made.debugName()] = item.tensor
        self.lowered[made.unique()] = item
        return made

    def _quantized(self, item: Quantized) -> JitValue:
        """Scale and zero point as the reference has them: float32, and an integer of 64 bits where it is a number."""
        grid = item.grid
        scale = (
            grid.scale if isinstance(grid.scale, ir.Value) else Constant(torch.tensor(grid.scale, dtype=torch.float32))
        )
        zero = grid.zero_point if isinstance(grid.zero_point, ir.Value) else Constant(torch.tensor(grid.zero_point))
        parts = [self.value(item.integers), self.value(scale), self.value(zero)]
        if grid.axis is not None:
            parts.append(self.value(Constant(torch.tensor(grid.axis))))
        return self._structure(parts, "(", ())

    def _structure(self, parts: list[JitValue], kind: str, item: tuple[Any, ...]) -> JitValue:
        name = "prim::TupleConstruct" if kind.startswith("(") else "prim::ListConstruct"
        made = self.insert(name, parts)[0]
        if name == "prim::ListConstruct":
            made.setType(list_type(kind) if kind else JitC.ListType(_element(item)))
        else:
            made.setType(JitC.TupleType([part.type() for part in parts]))
        return made

    def constant(self, tensor: torch.Tensor) -> JitValue:
        """An ``onnx::Constant`` that holds (not copies) a tensor."""
        (made,) = self.insert("onnx::Constant", [])
        made.node().t_("value", tensor.detach())
        made.setType(self.symbols.tensor(tensor.dtype, tensor.shape))
        return made

    def number(self, number: float | complex) -> JitValue:
        """An ``onnx::Constant`` for a Python number; a float is exact: a double."""
        dtype = torch.float64 if isinstance(number, float) else None
        made = self.constant(torch.tensor(number, dtype=dtype))
        self.numbers.add(made.unique())
        return made

    def text(self, text: str) -> JitValue:
        """An ``onnx::Constant`` for a string."""
        (made,) = self.insert("onnx::Constant", [])
        made.node().s_("value", text)
        made.setType(JitC.StringType.get())
        return made

    # -- nodes --------------------------------------------------------------------------------------------------------

    def insert(self, kind: str, inputs: list[JitValue], outputs: int = 1, block: JitBlock = None) -> list[JitValue]:
        """Put a node at the end of a block (default: of the graph); its outputs."""
        if block is None or block is self._top:
            node = self.graph.insertNode(self.graph.create(kind, inputs, outputs))
        else:
            node = block.addNode(kind, inputs)
            for _ in range(1, outputs):
                node.addOutput()
            if not outputs:
                node.eraseOutput(0)
        return list(node.outputs())

    def check_own(self, value: JitValue, what: str) -> None:
        """Refuse a value of another graph.

        Raises:
            InvalidArgument: If it is one, for example kept from an earlier export.
        """
        try:
            block = value.node().owningBlock()
            while block is not self._top and block.owningNode() is not None:
                block = block.owningNode().owningBlock()
            own = block is self._top
        except RuntimeError:  # PyTorch's word for a value whose graph is gone
            own = False
        if not own:
            raise InvalidArgument(
                f"{what} is a value of another graph, from another call or an earlier export",
                action="use only the values that this call was given, and what g.op returned to it",
            )


def _element(item: tuple[Any, ...]) -> Any:
    """The element type of a list whose kind nobody told."""
    kinds = {type(entry) for entry in item}
    if kinds == {int}:
        return JitC.IntType.get()
    return JitC.FloatType.get() if kinds == {float} else JitC.TensorType.get()
