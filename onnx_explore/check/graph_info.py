"""``GraphInfo``: what was found of one part of a model, and of the two halves that it was split into.

In: a part of the TorchGraph, and whoever compares it with ONNX (``Examiner``). Out: the tree, as objects and as text::

    5 X   __2 X    __1 ✓
    id:  |  id: 0 |  id: 00
         |        |
         |        |__1 X (aten::relu)
         |           id: 01
         |
         |__3 ✓
            id: 1
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from pathlib import Path
from typing import Protocol

import onnx
import onnx_ir as ir
import torch
from onnx_ir.tensor_adapters import TorchTensor

from onnx_explore.errors import InvalidArgument
from onnx_explore.torch_ir import TorchGraph, TorchNode, TorchValue, print_graph

AUXILIARY = frozenset(
    {
        "prim::Constant",
        "prim::ListConstruct",
        "prim::TupleConstruct",
        "prim::DictConstruct",
        "prim::ListUnpack",
        "prim::TupleUnpack",
        "prim::TupleIndex",
        "prim::NumToTensor",
        "prim::unchecked_cast",
    }
)
"""Targets that only arrange values."""

_WIDTH = 80


class OnnxBackend(Enum):
    """What runs the ONNX model. Values are the reference's."""

    REFERENCE = "ONNXReferenceEvaluator"
    ONNX_RUNTIME_CPU = "CPUExecutionProvider"
    ONNX_RUNTIME_CUDA = "CUDAExecutionProvider"


@dataclass
class VerificationOptions:
    """Options of a comparison of ONNX with PyTorch.

    Attributes:
        flatten: The reference's switch for nested outputs; ours are always flat.
        ignore_none: An output that is None is no output (always so here).
        check_shape: Shapes must be equal; False lets them broadcast.
        check_dtype: Element types must be equal.
        backend: What runs the ONNX model.
        rtol: Relative tolerance.
        atol: Absolute tolerance.
        remained_onnx_input_idx: Which inputs the ONNX model kept, by position; None: all that it names.
        acceptable_error_percentage: Share (0 … 1) of elements that may be outside of the tolerance.
    """

    flatten: bool = True
    ignore_none: bool = True
    check_shape: bool = True
    check_dtype: bool = True
    backend: OnnxBackend = OnnxBackend.ONNX_RUNTIME_CPU
    rtol: float = 1e-3
    atol: float = 1e-7
    remained_onnx_input_idx: Sequence[int] | None = None
    acceptable_error_percentage: float | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """A run of nodes that compute tensors, and what it is to give."""

    nodes: tuple[TorchNode, ...]
    returns: tuple[TorchValue, ...]


class Examiner(Protocol):
    """Compares parts of one model with ONNX."""

    def examine(self, info: GraphInfo, options: VerificationOptions) -> None:
        """Compare a part; if it disagrees and can be split, split it and examine both halves."""
        ...

    def graph(self, part: Part) -> TorchGraph:
        """The part as a graph of its own, with the constants, lists and sizes that its nodes need."""
        ...

    def inputs(self, info: GraphInfo) -> tuple[torch.Tensor, ...]:
        """What PyTorch gave the part."""
        ...

    def outputs(self, info: GraphInfo) -> tuple[torch.Tensor, ...]:
        """What PyTorch got from it."""
        ...

    def model(self, info: GraphInfo) -> ir.Model:
        """The part as an ONNX model of its own."""
        ...


@dataclass(eq=False)
class GraphInfo:
    """A part of a TorchScript graph, whether its ONNX form agrees with PyTorch, and its halves.

    What a search does not need is made when it is first asked for: the graph, the inputs and PyTorch's outputs. They follow the
    model's weights as they are then.

    Attributes:
        part: Which nodes.
        export_options: The documented parameters that it was exported with.
        id: Empty for the whole model; ``0`` and ``1`` for its halves, ``00``, ``01`` … for theirs.
        mismatch_error: What the comparison said, or None if it agrees.
        upper_graph_info: The first half, if it was split.
        lower_graph_info: The second half.
        is_compared: Whether it was compared.
    """

    part: Part
    examiner: Examiner = field(repr=False)
    export_options: object = None
    id: str = ""
    mismatch_error: AssertionError | None = None
    upper_graph_info: GraphInfo | None = None
    lower_graph_info: GraphInfo | None = None
    is_compared: bool = False

    @cached_property
    def graph(self) -> TorchGraph:
        """The part, as a TorchGraph of its own."""
        return self.examiner.graph(self.part)

    @cached_property
    def input_args(self) -> tuple[torch.Tensor, ...]:
        """Its inputs, as PyTorch had them."""
        return self.examiner.inputs(self)

    @cached_property
    def params_dict(self) -> dict[str, torch.Tensor]:
        """Its weights."""
        return {item.name: item.tensor for item in self.graph.parameters}

    @property
    def pt_outs(self) -> tuple[torch.Tensor, ...] | None:
        """What PyTorch gave; None if the part was not compared."""
        return self._outputs if self.is_compared else None

    @cached_property
    def _outputs(self) -> tuple[torch.Tensor, ...]:
        return self.examiner.outputs(self)

    def clear(self) -> None:
        """Forget what was found, and the halves."""
        self.mismatch_error = None
        self.is_compared = False
        self.upper_graph_info = None
        self.lower_graph_info = None

    def find_mismatch(self, options: VerificationOptions | None = None) -> None:
        """Compare this part with ONNX again, and its halves where it disagrees."""
        self.clear()
        self.examiner.examine(self, options or VerificationOptions())

    def has_mismatch(self) -> bool:
        """Whether ONNX disagrees with PyTorch."""
        return self.mismatch_error is not None

    def essential_nodes(self) -> list[TorchNode]:
        """The nodes that compute tensors."""
        return list(self.part.nodes)

    def essential_node_count(self) -> int:
        """How many nodes compute tensors; constants, lists and the arithmetic of sizes do not count."""
        return len(self.part.nodes)

    def essential_node_kinds(self) -> set[str]:
        """The operators of these nodes, such as ``aten::relu``."""
        return {node.target for node in self.part.nodes}

    def all_mismatch_leaf_graph_info(self) -> list[GraphInfo]:
        """The smallest parts that disagree, in order."""
        if not self.has_mismatch():
            return []
        found = [leaf for half in self._halves() for leaf in half.all_mismatch_leaf_graph_info()]
        # Both halves may agree while the whole does not: then the whole is the smallest.
        return found or [self]

    def find_partition(self, id: str) -> GraphInfo | None:  # noqa: A002 (the reference's name)
        """The part with an id, or None."""
        if id == self.id:
            return self
        return next((found for half in self._halves() if (found := half.find_partition(id)) is not None), None)

    def export_repro(self, repro_dir: str | None = None, name: str | None = None) -> str:
        """Write the part as an ONNX test case: ``model.onnx``, and inputs and PyTorch's outputs as ``.pb`` files.

        Args:
            repro_dir: The folder to write into; the current one by default.
            name: Name of the test case, ``test_NAME``; by default made of the id.

        Returns:
            The folder of the test case.

        Raises:
            InvalidArgument: If the part was not compared yet.
        """
        outputs = self.pt_outs
        if outputs is None:
            raise InvalidArgument("there are no outputs of PyTorch", action="call find_mismatch() first")
        model = self.examiner.model(self)
        case = Path(repro_dir or os.getcwd()) / f"test_{name or f'mismatch_{self.id}'}"
        data = case / "test_data_set_0"
        data.mkdir(parents=True, exist_ok=True)
        onnx.save_model(ir.to_proto(model), str(case / "model.onnx"))
        rows = [
            ("input", value.name, tensor) for value, tensor in zip(model.graph.inputs, self.input_args, strict=False)
        ]
        rows += [("output", value.name, tensor) for value, tensor in zip(model.graph.outputs, outputs, strict=True)]
        counts = {"input": 0, "output": 0}
        for kind, value_name, tensor in rows:
            proto = ir.serde.serialize_tensor(TorchTensor(tensor.detach().contiguous(), name=value_name))
            (data / f"{kind}_{counts[kind]}.pb").write_bytes(proto.SerializeToString())
            counts[kind] += 1
        return str(case)

    def _halves(self) -> Iterator[GraphInfo]:
        for half in (self.upper_graph_info, self.lower_graph_info):
            if half is not None:
                yield half

    # -- text -------------------------------------------------------------------------------------------------------

    def pretty_print_mismatch(self, graph: bool = False, *, show: Callable[[str], None] = print) -> None:
        """Print what was found of this part.

        Args:
            graph: Print the TorchScript and the ONNX graph, too.
            show: What prints.
        """
        show(_heading(f"Mismatch info for graph partition {self.id}: "))
        if graph:
            show(_heading("ATen JIT graph "))
            show(print_graph(self.graph))
            show(_heading("ONNX graph "))
            show(onnx.printer.to_text(ir.to_proto(self.examiner.model(self))))
        show(_heading("Mismatch error " if self.has_mismatch() else "No mismatch "))
        if self.has_mismatch():
            show(str(self.mismatch_error))

    def pretty_print_tree(self, *, show: Callable[[str], None] = print) -> None:
        """Print the tree of parts: number of nodes, ``✓`` where ONNX agrees, ``X`` where it does not, and ids."""
        show("\n".join(line.rstrip() for line in self.tree_lines()))

    def tree_lines(self) -> list[str]:
        """The lines of the tree."""
        halves = list(self._halves())
        kinds = ", ".join(sorted(self.essential_node_kinds()))
        mark = "X" if self.has_mismatch() else "✓"
        leaf = f" ({kinds})" if self.has_mismatch() and not halves else ""
        head = [f"{self.essential_node_count()} {mark}{leaf}", f"id: {self.id}"]
        if not halves:
            return head
        width = max(map(len, head))
        first, second = (half.tree_lines() for half in halves)
        joined = [f"  __{first[0]}", *(f" |  {line}" for line in first[1:]), " |"]
        joined += [f" |__{second[0]}", *(f"    {line}" for line in second[1:])]
        return [f"{(head[row] if row < 2 else ''):<{width}}{line}" for row, line in enumerate(joined)]

    def pretty_print(self, *, show: Callable[[str], None] = print) -> None:
        """Print everything: the error, the tree, the smallest parts that disagree and the operators in them."""
        self.pretty_print_mismatch(show=show)
        show(_heading("Tree: "))
        self.pretty_print_tree(show=show)
        leaves = self.all_mismatch_leaf_graph_info()
        if leaves:
            show(_heading("Mismatch leaf subgraphs: "))
            show(str([leaf.id for leaf in leaves]))
            kinds: dict[str, int] = {}
            for leaf in leaves:
                for kind in sorted(leaf.essential_node_kinds()):
                    kinds[kind] = kinds.get(kind, 0) + 1
            show(_heading("Mismatch node kinds: "))
            show(str(kinds))


def is_essential(node: TorchNode) -> bool:
    """Whether a node computes a tensor."""
    if node.target in AUXILIARY:
        return False
    return bool(node.blocks) or any("Tensor" in value.kind for value in node.outputs)


def _heading(text: str) -> str:
    return f" {text}".center(_WIDTH, "=")
