"""Constants that are sizes become expressions over the shapes of the inputs: the repair of an audit.

In: a captured graph, and which constants stand for which expression. Out: the graph in which they are computed::

    graph(%x):                                          graph(%x):
      %1 : int = prim::Constant[value=11]()               %7 : int = aten::size(%x, 1)
      %2 : int[] = prim::ListConstruct(%1, ...)    ──►    %8 : int = aten::mul(%7, 2)
      %3 = aten::reshape(%x, %2)                          %9 : int = aten::add(%8, 1)
                                                          %2 : int[] = prim::ListConstruct(%9, ...)
                                                          %3 = aten::reshape(%x, %2)

Every replacement leaves a note in the recording.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch

from onnx_explore.passes.torch.builder import Builder
from onnx_explore.passes.torch.schemas import schema_of
from onnx_explore.passes.torch.substitution import Substitution
from onnx_explore.recording import Recorder
from onnx_explore.torch_ir import Fresh, TorchBlock, TorchGraph, TorchNode, TorchValue

Place = tuple[int, int]
"""Position of an input, and its axis."""


@dataclass(frozen=True, slots=True)
class Term:
    """``factor`` times the sizes at ``places``."""

    factor: int
    places: tuple[Place, ...]


@dataclass(frozen=True, slots=True)
class Expression:
    """``(terms + constant) / divisor`` over the sizes of inputs; exact where the number is a float, else rounded down.

    Attributes:
        terms: With factors that are not 0.
        constant: Is added.
        divisor: At least 1.
    """

    terms: tuple[Term, ...]
    constant: int = 0
    divisor: int = 1

    def text(self, names: Mapping[Place, str]) -> str:
        """``2*seq + 1``."""
        parts: list[str] = []
        for term in self.terms:
            product = "*".join(names[place] for place in term.places)
            head = "" if abs(term.factor) == 1 else f"{abs(term.factor)}*"
            sign = "-" if term.factor < 0 else "+"
            parts.append(f"{sign} {head}{product}")
        if self.constant or not parts:
            parts.append(f"{'-' if self.constant < 0 else '+'} {abs(self.constant)}")
        first = parts[0]
        shown = " ".join([first[2:] if first[0] == "+" else f"-{first[2:]}", *parts[1:]])
        if self.divisor == 1:
            return shown
        return f"{shown}/{self.divisor}" if len(parts) == 1 else f"({shown})/{self.divisor}"

    def value(self, sizes: Mapping[Place, int]) -> float:
        """What it gives at these sizes."""
        total = self.constant
        for term in self.terms:
            product = term.factor
            for place in term.places:
                product *= sizes[place]
            total += product
        return total // self.divisor if total % self.divisor == 0 else total / self.divisor


@dataclass(frozen=True, slots=True)
class Unbaked:
    """One constant that becomes an expression.

    Attributes:
        node: Id of its ``prim::Constant`` in the captured graph.
        expressions: One for a number; for a tensor with one dimension, one for each element.
        text: The expression, for the note.
        where: The source line that baked it.
    """

    node: int
    expressions: tuple[Expression, ...]
    text: str
    where: str = ""


class Unbake:
    """The pass. It does nothing to constants that it is not told of.

    Args:
        constants: What to replace.
    """

    def __init__(self, constants: Sequence[Unbaked]) -> None:
        self._constants = {item.node: item for item in constants}

    def __call__(self, graph: TorchGraph, recorder: Recorder) -> TorchGraph:
        """Replace them."""
        if not self._constants:
            return graph
        run = _Run(graph, self._constants, recorder)
        block = run.block(graph.block, top=True)
        return graph if block is graph.block else replace(graph, block=block)


class _Run:
    def __init__(self, graph: TorchGraph, constants: Mapping[int, Unbaked], recorder: Recorder) -> None:
        self._graph = graph
        self._constants = constants
        self._recorder = recorder
        self._replaced = Substitution()
        self._builder = Builder(Fresh(graph))
        self._sizes: dict[Place, TorchValue] = {}

    def block(self, block: TorchBlock, *, top: bool = False) -> TorchBlock:
        nodes: list[TorchNode] = []
        for node in block.nodes:
            wanted = self._constants.get(node.id)
            # A new node stands where the constant stood; sizes of inputs are read at the top, for everybody.
            nodes.extend([self._replaced.node(node, self.block)] if wanted is None else self._computed(node, wanted))
        if top and self._sizes:
            nodes = [*self._builder.nodes, *nodes]
        return self._replaced.block(block, nodes)

    def _computed(self, node: TorchNode, wanted: Unbaked) -> list[TorchNode]:
        """The nodes that compute a constant, which is replaced by their result."""
        for expression in wanted.expressions:
            for term in expression.terms:
                for place in term.places:
                    self._size(*place)
        local = Builder(self._builder.fresh)
        with local.standing_for(node):
            self._replaced.add(node.output, self._result(local, node, wanted))
        self._recorder.note(
            "info",
            "Repaired",
            f"{_shown(node.constant)} was a constant; it is computed as {wanted.text} now",
            where=wanted.where or node.origin.where,
            node=node.id,
        )
        return local.nodes

    def _size(self, position: int, axis: int) -> TorchValue:
        found = self._sizes.get((position, axis))
        if found is None:
            builder = self._builder
            found = self._sizes[position, axis] = builder.fresh.value("int")
            builder.call(schema_of("aten::size", "int"), (self._graph.inputs[position], axis), (found,))
        return found

    def _result(self, builder: Builder, node: TorchNode, wanted: Unbaked) -> TorchValue:
        output = node.output
        constant = node.constant
        if isinstance(constant, torch.Tensor):
            dtype = constant.dtype
            whole = not dtype.is_floating_point
            numbers = [self._number(builder, item, whole=whole) for item in wanted.expressions]
            tensors = [self._tensor(builder, number, dtype) for number in numbers]
            if constant.dim() == 0:
                return tensors[0]
            stacked = builder.op("aten::stack", "", builder.list_of(tensors), 0, dtype=dtype, shape=(constant.numel(),))
            if constant.dim() == 1:
                return stacked
            return builder.op(
                "aten::reshape", "", stacked, list(constant.shape), dtype=dtype, shape=tuple(constant.shape)
            )
        number = self._number(builder, wanted.expressions[0], whole=isinstance(constant, int))
        # A number in a Tensor's place (x * 5) is a tensor without dimensions.
        return self._tensor(builder, number, output.dtype or torch.int64) if output.is_tensor else number

    @staticmethod
    def _tensor(builder: Builder, number: TorchValue, dtype: torch.dtype) -> TorchValue:
        made = builder.fresh.value(dtype=dtype, shape=())
        builder.call(schema_of("prim::NumToTensor", "Scalar"), (number,), (made,))
        return made

    def _number(self, builder: Builder, expression: Expression, *, whole: bool) -> TorchValue:
        total: TorchValue | None = None
        for term in expression.terms:
            product = self._sizes[term.places[0]]
            for place in term.places[1:]:
                product = _binary(builder, "aten::mul", product, self._sizes[place])
            if term.factor != 1:
                product = _binary(builder, "aten::mul", product, term.factor)
            total = product if total is None else _binary(builder, "aten::add", total, product)
        if total is None:
            total = builder.value(expression.constant)
        elif expression.constant:
            total = _binary(builder, "aten::add", total, expression.constant)
        if not whole:
            made = builder.fresh.value("float")
            builder.call(schema_of("aten::Float", "Scalar"), (total,), (made,))
            if expression.divisor == 1:
                return made
            quotient = builder.fresh.value("float")
            builder.call(schema_of("aten::div", "float"), (made, float(expression.divisor)), (quotient,))
            return quotient
        return total if expression.divisor == 1 else _binary(builder, "aten::floordiv", total, expression.divisor)


def _binary(builder: Builder, target: str, left: TorchValue, right: TorchValue | int) -> TorchValue:
    made = builder.fresh.value("int")
    builder.call(schema_of(target, "int"), (left, right), (made,))
    return made


def _shown(constant: object) -> str:
    return str(constant.tolist()) if isinstance(constant, torch.Tensor) else str(constant)
