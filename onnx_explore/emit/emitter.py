"""The Emitter: makes ONNX nodes, with names, shapes and provenance, and can take back what a failed step emitted.

In: operator type, inputs, attributes. Out: ``onnx_ir.Value`` with dtype and (symbolic) shape.

Python numbers and lists of integers may stand where a value is expected: they become int64 constants (``bool`` a bool
constant). A float has no natural ONNX type, so it must be typed: ``g.like(0.5, x)`` or ``g.const(0.5, dtype)``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, overload

import numpy as np
import onnx_ir as ir
import torch
from onnx_ir import tensor_adapters

from onnx_explore import dtypes
from onnx_explore.emit.inference import ShapeInference
from onnx_explore.emit.names import Names
from onnx_explore.emit.regions import Region, bodies
from onnx_explore.errors import InvalidGraph, OpsetTooLow, UnsupportedOperatorError

Value = ir.Value
Mark = tuple[int, int, int, int]
Number = int | float | bool | complex
Input = ir.Value | int | bool | Sequence[int] | None

TORCH_NODES = "onnx_explore.torch_nodes"
"""Key in ``node.meta``: ids of the torch nodes that an ONNX node comes from."""
SCOPE = "onnx_explore.scope"
"""Key in ``node.meta``: the module path."""
Rounds = tuple[tuple[str, int, int], ...]
"""Of each unrolled loop around a node, outermost first: the loop's module path and id, and the number of the round."""
ROUNDS = "onnx_explore.rounds"
"""Key in ``node.meta``: its ``Rounds``, if there are any."""
PARAMETER = "onnx_explore.parameter"
"""Key in ``value.meta`` of an initializer: the parameter's name, or the lineage such as ``fc.weight → transpose``."""

_SMALL = 256  # elements up to which equal constants are shared by content


class Problem(NamedTuple):
    """What is to be said about the node that is being lowered.

    Attributes:
        code: Of the note.
        message: One sentence.
    """

    code: str
    message: str


class Emitter:
    """Emits into one ``onnx_ir.Graph``.

    Args:
        graph: Where nodes go.
        opset: Version of the default domain.
        fold_parameters: Whether a parameter may be replaced by a value computed from it (``do_constant_folding``).
        integer_kernels: Whether quantized operators take the form that ONNX Runtime has kernels for, whatever these round.

    Attributes:
        graph: Where nodes go now: the graph, or a subgraph.
        region: That graph with what is remembered for it.
        expected: Element type that the capture saw for the (first) result of the node that is being lowered, or None.
        example_strides: Strides that the capture saw for that input, or None.
        example_shape: Shape that the capture saw for the (first) input of that node, or None: a fact about that one run,
            which tells whether a ``squeeze`` took a dimension away.
        expected_count: Into how many values the list that the node makes is unpacked, or None.
        needed_count: How many of these, counted from the first, are needed for those that are used, or None.
        scope: Module path of that node; goes into names.
        torch_nodes: Ids of the torch nodes that what is emitted now comes from.
        problems: What shape inference objected to, and what symbolic functions have to say.
        functions: Local functions of the model, by domain and name.
    """

    def __init__(
        self, graph: ir.Graph, opset: int, *, fold_parameters: bool = True, integer_kernels: bool = False
    ) -> None:
        self.graph = graph
        self.region = Region(graph, {}, None)
        self.opset = opset
        self.fold_parameters = fold_parameters
        self.integer_kernels = integer_kernels
        self.names = Names()
        self.inference = ShapeInference(graph.opset_imports)
        self._root = graph
        self.scope = ""
        self.rounds: Rounds = ()
        self.torch_nodes: tuple[int, ...] = ()
        self.expected: ir.DataType | None = None
        self.example_shape: tuple[int, ...] | None = None
        self.example_strides: tuple[int, ...] | None = None
        self.expected_count: int | None = None
        self.needed_count: int | None = None
        self.problems: list[Problem] = []
        self.functions: dict[tuple[str, str], ir.Function] = {}
        self._emitted: list[ir.Node] = []
        self._constants: dict[object, ir.Value] = {}
        self._tensors: dict[int, tuple[torch.Tensor, ir.Value]] = {}
        self._memo = self.region.memo
        self._undo: list[tuple[Any, object]] = []

    # -- nodes ----------------------------------------------------------------------------------------------------

    @overload
    def op(
        self, op_type: str, *inputs: Input, outputs: Literal[1] = 1, domain: str = "", **attributes: Any
    ) -> ir.Value: ...
    @overload
    def op(
        self, op_type: str, *inputs: Input, outputs: int, domain: str = "", **attributes: Any
    ) -> tuple[ir.Value, ...]: ...
    def op(
        self, op_type: str, *inputs: Input, outputs: int = 1, domain: str = "", **attributes: Any
    ) -> ir.Value | tuple[ir.Value, ...]:
        """Make one node.

        Args:
            op_type: ONNX operator.
            *inputs: Values; None for an omitted optional input; integers, bools and lists of integers become constants.
            outputs: How many outputs the node has.
            domain: Operator domain.
            **attributes: By plain name; the ONNX attribute type follows from the Python type. None means "not set".

        Returns:
            The output, or a tuple of them if ``outputs`` is not 1.
        """
        values = [self.value(item) if item is not None else None for item in inputs]
        while values and values[-1] is None:
            values.pop()
        return self.raw_op(
            op_type,
            values,
            [attribute(name, item) for name, item in attributes.items() if item is not None],
            outputs,
            domain,
        )

    def raw_op(
        self,
        op_type: str,
        values: Sequence[ir.Value | None],
        attributes: Sequence[ir.Attr],
        outputs: int = 1,
        domain: str = "",
        *,
        infer: bool = True,
    ) -> ir.Value | tuple[ir.Value, ...]:
        """Make one node from ready inputs and attributes; see ``op``. ``infer``: fill in dtypes and shapes of the outputs."""
        scope = self.scope
        name = self.names.unique(f"{scope}/{op_type}" if scope else op_type)
        node = ir.Node(domain, op_type, values, attributes, num_outputs=outputs, name=name)
        made = node.outputs
        if outputs == 1:
            made[0].name = f"{name}:0"
        else:
            for index, output in enumerate(made):
                output.name = f"{name}:{index}"
        node.meta[TORCH_NODES] = self.torch_nodes
        if scope:
            node.meta[SCOPE] = scope
        if self.rounds:
            node.meta[ROUNDS] = self.rounds
        if domain and domain not in self._root.opset_imports:
            self._root.opset_imports[domain] = 1
            self._undo.append((self._root.opset_imports, domain))
        self.graph.append(node)
        self._emitted.append(node)
        if infer:
            problem = self.inference.infer(node)
            if problem:
                self.problem("ShapeRule", f"{name}: {problem}")
        return made[0] if outputs == 1 else tuple(made)

    def problem(self, code: str, message: str) -> None:
        """Report something about the node that is being lowered; the lowering makes a note of it, with the source line."""
        self.problems.append(Problem(code, message))

    def requires(self, opset: int, what: str) -> None:
        """State that the present symbolic function needs an opset.

        Raises:
            OpsetTooLow: If the export's opset is older.
        """
        if self.opset < opset:
            raise OpsetTooLow(
                f"{what} exists from opset {opset} on, and the export is for opset {self.opset}", first=opset
            )

    def function(self, function: ir.Function, version: int = 1) -> None:
        """Put a local function into the model; the same one again changes nothing.

        Args:
            function: The function.
            version: The version of its domain, where the export's options state none.

        Raises:
            InvalidGraph: If another function has its domain and name.
        """
        key = (function.domain, function.name)
        known = self.functions.get(key)
        if known is not None:
            if ir.to_proto(known) != ir.to_proto(function):
                raise InvalidGraph(f"two different functions are called {function.domain}::{function.name}")
            return
        self._remember(self.functions, key, function)
        if function.domain not in self._root.opset_imports:
            self._root.opset_imports[function.domain] = version
            self._undo.append((self._root.opset_imports, function.domain))

    # -- constants ------------------------------------------------------------------------------------------------

    def value(self, item: Input | float | torch.Tensor) -> ir.Value:
        """A value for anything that ``op`` takes as an input."""
        if isinstance(item, ir.Value):
            return item
        if isinstance(item, torch.Tensor):
            return self.tensor(item)
        if isinstance(item, float):
            raise InvalidGraph(
                f"the number {item} needs an element type: use g.like({item}, x) or g.const({item}, dtype)"
            )
        if item is None:
            raise InvalidGraph("an input that may not be omitted is None")
        return self.const(item)

    def const(
        self, number: Number | Sequence[Any] | np.ndarray[Any, Any], dtype: ir.DataType | None = None
    ) -> ir.Value:
        """A constant; equal small constants are one value.

        Args:
            number: A number, a (nested) list of numbers, or an array.
            dtype: Element type; default int64 for integers and bool for bools.
        """
        if dtype is None:
            array = np.asarray(number) if not isinstance(number, list | tuple) or len(number) else np.zeros(0, np.int64)
            if array.dtype.kind == "f":
                raise InvalidGraph("a constant of floats needs an element type")
            dtype = ir.DataType.BOOL if array.dtype.kind == "b" else ir.DataType.INT64
        return self.tensor(torch.tensor(number, dtype=dtypes.to_torch(dtype)))

    def like(self, number: Number, x: ir.Value) -> ir.Value:
        """A 0-d constant of the element type of ``x``."""
        return self.const(number, self.dtype(x))

    def tensor(self, tensor: torch.Tensor, *, name: str = "", lineage: str = "") -> ir.Value:
        """An initializer that holds (not copies) a torch tensor.

        Small unnamed tensors with equal content become one initializer, as does the same tensor given twice.
        """
        known = self._tensors.get(id(tensor))
        if known is not None:
            return known[1]
        key: object = None
        if not name and tensor.numel() <= _SMALL and tensor.device.type != "meta":
            key = (tensor.dtype, tuple(tensor.shape), _content(tensor))
            shared = self._constants.get(key)
            if shared is not None:
                return shared
        value = ir.Value(
            name=name or self.names.unique("constant"),
            shape=ir.Shape(tensor.shape),
            type=ir.TensorType(dtypes.to_onnx(tensor.dtype)),
            const_value=tensor_adapters.TorchTensor(tensor.detach().resolve_conj().resolve_neg()),
        )
        if lineage:
            value.meta[PARAMETER] = lineage
        self._root.initializers.add(value)
        self._undo.append((self._root.initializers, value.name))
        if key is not None:
            self._remember(self._constants, key, value)
        else:
            self._remember(self._tensors, id(tensor), (tensor, value))  # holding the tensor keeps its id its own
        return value

    def known(self, value: ir.Value) -> np.ndarray[Any, Any] | None:
        """The content of a value that is constant for this export, or None. Meant for small tensors."""
        constant = ir.convenience.get_const_tensor(value)
        if constant is not None:
            return constant.numpy()
        elements = self.inference.elements(value)
        if elements is not None and value.shape is not None and all(isinstance(item, int) for item in elements):
            array = np.array(elements, np.int64)
            return array[0] if len(value.shape) == 0 else array
        return None

    def torch_tensor(self, value: ir.Value) -> torch.Tensor | None:
        """The torch tensor behind an initializer that may be folded, not copied; None for any other value."""
        constant = value.const_value
        foldable = self.fold_parameters or PARAMETER not in value.meta
        if foldable and value.is_initializer() and isinstance(constant, tensor_adapters.TorchTensor):
            return _raw(constant)
        return None

    def transposed(self, x: ir.Value) -> ir.Value:
        """A matrix, transposed: a constant one as a view of the same memory under its own name, if that may be folded.

        Not where something else uses the matrix as it is (a tied embedding): the file would hold it twice.
        """
        found = self.memo(("transposed", x))
        if found is not None:
            return found
        tensor = None if x.uses() else self.torch_tensor(x)
        if tensor is not None:
            lineage = f"{x.meta[PARAMETER]} → transpose" if PARAMETER in x.meta else ""
            made = self.tensor(tensor.t(), name=self.names.unique(f"{x.name}.T"), lineage=lineage)
        else:
            made = self.op("Transpose", x, perm=[1, 0])
        return self.remember(("transposed", x), made)

    # -- types ----------------------------------------------------------------------------------------------------

    def dtype(self, x: ir.Value) -> ir.DataType:
        """The element type of a tensor.

        Raises:
            UnsupportedOperatorError: If it is not known.
        """
        if x.dtype is None:
            raise UnsupportedOperatorError(f"the element type of '{x.name}' is not known at export")
        return x.dtype

    def cast(self, x: ir.Value, dtype: ir.DataType) -> ir.Value:
        """``x`` in another element type; ``x`` itself if it has it already."""
        if x.dtype == dtype:
            return x
        constant = ir.convenience.get_const_tensor(x)
        if constant is not None and constant.size <= _SMALL and isinstance(constant, tensor_adapters.TorchTensor):
            return self.tensor(_raw(constant).to(dtypes.to_torch(dtype)))
        if ir.DataType.BFLOAT16 in (dtype, x.dtype):
            self.requires(13, "Cast of bfloat16")
        return self.op("Cast", x, to=dtype)

    def rank(self, x: ir.Value) -> int:
        """The number of dimensions of a tensor.

        Raises:
            UnsupportedOperatorError: If it is not known.
        """
        if x.shape is None:
            raise UnsupportedOperatorError(
                f"the rank of '{x.name}' is not known at export",
                action="let every branch and every round of a loop give tensors of the same number of dimensions",
            )
        return len(x.shape)

    def is_model_input(self, x: ir.Value) -> bool:
        """Whether a value is an input of the model, not of the body of a Loop."""
        return x.is_graph_input() and x.graph is self._root

    def axis(self, x: ir.Value, dim: int) -> int:
        """A dimension number of PyTorch, made non-negative (0-d tensors count as 1-d, as in PyTorch)."""
        rank = max(self.rank(x), 1)
        if not -rank <= dim < rank:
            raise UnsupportedOperatorError(f"dimension {dim} is out of range for a tensor of rank {rank}")
        return dim % rank

    # -- subgraphs ------------------------------------------------------------------------------------------------

    def subgraph(self, name: str) -> Region:
        """A new, empty subgraph inside the present region. Nodes go there between ``enter`` of it and of another one.

        Its nodes may use whatever the regions around it made before. Constants stay initializers of the outermost graph, and
        names are unique in the whole model.
        """
        graph = ir.Graph([], [], nodes=[], name=self.names.unique(name))
        return Region(graph, {}, self.region)

    def enter(self, region: Region) -> None:
        """From here on, nodes go into a region, and what is remembered is remembered for it and those inside it."""
        self.region, self.graph, self._memo = region, region.graph, region.memo

    # -- memory of what was made, and taking it back -----------------------------------------------------------------

    def memo(self, key: object) -> ir.Value | None:
        """A value remembered under ``key`` (shape computations that many nodes share), here or in a region around."""
        found = self._memo.get(key)
        return found if found is not None or self.region.outer is None else self.region.outer.memo_of(key)

    def remember(self, key: object, value: ir.Value) -> ir.Value:
        """Remember a value under ``key``; forgotten again if the step that made it fails."""
        self._remember(self._memo, key, value)
        return value

    def _remember(self, table: dict[Any, Any], key: object, value: Any) -> None:
        table[key] = value
        self._undo.append((table, key))

    def mark(self) -> Mark:
        """The present state, for ``rollback`` and ``since``."""
        return len(self._emitted), len(self._undo), self.names.mark(), len(self.problems)

    def since(self, mark: Mark) -> list[ir.Node]:
        """The nodes emitted since a mark."""
        return self._emitted[mark[0] :]

    def rollback(self, mark: Mark) -> None:
        """Take back every node, initializer and name made since a mark."""
        nodes, undo, names, problems = mark
        for node in reversed(self._emitted[nodes:]):
            for body in bodies(node):
                body.outputs.clear()
            assert node.graph is not None
            if node.graph is not self._root:  # a subgraph that was finished, and whose If or Loop then failed
                node.graph.outputs.clear()
            node.graph.remove(node, safe=True)
        del self._emitted[nodes:]
        for table, key in reversed(self._undo[undo:]):
            del table[key]
        del self._undo[undo:]
        del self.problems[problems:]
        self.names.reset(names)


def attribute(name: str, item: Any) -> ir.Attr:
    """An ONNX attribute whose type follows from the Python type.

    Plain types come first: ``isinstance`` against a class of ``onnx_ir`` is slow where it does not hold. ``bool`` and
    ``ir.DataType`` become INT; an empty list becomes INTS.

    Raises:
        InvalidGraph: If ONNX has no such attribute type.
    """
    if isinstance(item, int | np.integer):  # bool and ir.DataType are ints
        return ir.AttrInt64(name, int(item))
    if isinstance(item, float | np.floating):
        return ir.AttrFloat32(name, float(item))
    if isinstance(item, str):
        return ir.AttrString(name, item)
    if isinstance(item, torch.Tensor):
        return ir.AttrTensor(name, tensor_adapters.TorchTensor(item.detach().contiguous()))
    if isinstance(item, ir.Graph):
        return ir.AttrGraph(name, item)
    if isinstance(item, list | tuple):
        items: list[Any] = list(item)  # pyright: ignore[reportUnknownArgumentType]
        if all(isinstance(entry, int | np.integer) for entry in items):
            return ir.AttrInt64s(name, [int(entry) for entry in items])
        if all(isinstance(entry, int | float | np.number) for entry in items):
            return ir.AttrFloat32s(name, [float(entry) for entry in items])
        if all(isinstance(entry, str) for entry in items):
            return ir.AttrStrings(name, items)
    if isinstance(item, ir.Attr):
        return item
    raise InvalidGraph(f"attribute '{name}' cannot hold {type(item).__name__} {item!r}")


def _raw(constant: tensor_adapters.TorchTensor) -> torch.Tensor:
    """The torch tensor behind an initializer."""
    raw = constant.raw
    assert isinstance(raw, torch.Tensor)
    return raw


def _content(tensor: torch.Tensor) -> bytes:
    plain = tensor.detach().cpu().resolve_conj().resolve_neg().contiguous()
    return plain.as_strided((plain.numel(),), (1,)).view(torch.uint8).numpy().tobytes()
