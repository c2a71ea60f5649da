"""One operator: its symbolic function is found, its arguments are bound, and its results completed by what the capture knows.

In: a node without blocks and its lowered inputs. Out: its lowered outputs, and how it was done.
"""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from typing import Any

import onnx_ir as ir
import torch

from onnx_explore import dtypes
from onnx_explore.capture.decompose import Decomposed
from onnx_explore.emit import Emitter
from onnx_explore.emit.regions import Region
from onnx_explore.errors import NotConstant, SymbolicError, UnsupportedOperatorError
from onnx_explore.lowering.decomposition import decomposition, tensor_arguments
from onnx_explore.lowering.fold import fold
from onnx_explore.lowering.joining import joined
from onnx_explore.lowering.optionals import condition_of, decided, is_undecided
from onnx_explore.lowering.resolution import Resolution, resolve
from onnx_explore.lowering.structure import is_complex, is_dynamic, is_quantized, structure_of
from onnx_explore.lowering.types import SequenceOf, TensorOf, type_of
from onnx_explore.lowering.values import stacked
from onnx_explore.symbolic.binding import bind
from onnx_explore.symbolic.lowered import Complex, Constant, Lowered, Quantized, has_open_length, is_sequence
from onnx_explore.symbolic.outcome import check_outcome
from onnx_explore.torch_ir import TorchNode, TorchValue

import_module("onnx_explore.symbolic.aten")  # registers the built-in symbolic functions

DATA_DEPENDENT = frozenset(
    {
        "aten::nonzero",
        "aten::nonzero_numpy",
        "aten::argwhere",
        "aten::masked_select",
        "aten::unique",
        "aten::unique_dim",
        "aten::unique_consecutive",
        "aten::unique_dim_consecutive",
        "aten::_unique",
        "aten::_unique2",
        "aten::repeat_interleave",
        "aten::bincount",
        "aten::one_hot",
        "aten::index",
        "aten::_unsafe_index",
        "aten::take",
        "aten::_pack_padded_sequence",
        "aten::_pad_packed_sequence",
        "torchvision::nms",
    }
)
"""Operators whose output shape may depend on the values of their inputs, so that the captured shape proves nothing."""


class Operators:
    """Lowers operators.

    Args:
        emitter: Where their nodes go.
        fold_tensors: Whether more than scalars and sizes may be folded (``do_constant_folding``).
        foreign: Whether symbolic functions that others registered with PyTorch are used.
    """

    __slots__ = ("_emitter", "_fold_tensors", "_foreign")

    def __init__(self, emitter: Emitter, *, fold_tensors: bool, foreign: bool = True) -> None:
        self._foreign = foreign
        self._emitter = emitter
        self._fold_tensors = fold_tensors

    @property
    def emitter(self) -> Emitter:
        """Where their nodes go."""
        return self._emitter

    def is_known(self, node: TorchNode, inputs: list[Lowered]) -> bool:
        """Whether PyTorch computes the node at export."""
        return fold(node, inputs, parameters=self._emitter.fold_parameters, tensors=self._fold_tensors) is not None

    def lower(self, node: TorchNode, inputs: list[Lowered]) -> tuple[Resolution, tuple[Lowered, ...]]:
        """A node's outputs, one each, and how they came about."""
        g = self._emitter
        arrange = structure_of(node, inputs)
        if arrange is not None:
            of_sequence = any(has_open_length(item) for item in inputs)
            return (_OF_SEQUENCE if of_sequence else _STRUCTURAL), arrange(g, node, inputs)
        place = next((index for index, item in enumerate(inputs) if is_undecided(item)), None)
        if place is not None:
            return self._lower_either_way(node, inputs, place)
        inputs = [_as_vector(g, value, item) for value, item in zip(node.inputs, inputs, strict=True)]
        # One look at the types: this is done for every node.
        of_complex = of_quantized = False
        for item in inputs:
            if type(item) not in _PLAIN:
                of_complex = of_complex or is_complex(item)
                of_quantized = of_quantized or is_quantized(item)
        resolution = resolve(node, g.opset, of_complex=of_complex, of_quantized=of_quantized, foreign=self._foreign)
        if not (resolution.variant is not None and resolution.variant.custom):
            _check_lists(inputs)
        if of_complex and resolution.variant is None:
            raise UnsupportedOperatorError(
                "it has no symbolic function for complex tensors: ONNX has no operators for them",
                action="work on real and imaginary parts (torch.view_as_real)",
            )
        if resolution.variant is None or not resolution.variant.custom:
            folded = fold(node, inputs, parameters=g.fold_parameters, tensors=self._fold_tensors)
            if folded is not None:
                return Resolution(None, "PyTorch", 0, resolution.candidates, "all inputs are known: folded"), folded
        if of_quantized and resolution.variant is None and not resolution.candidates:
            raise UnsupportedOperatorError(
                "it has no symbolic function for quantized tensors",
                action="call dequantize() before it, and quantize the result again",
            )
        if resolution.variant is None:
            decomposed = decomposition(node, inputs, g)
            if decomposed is None and any(value.kind == "str" for value in node.outputs):
                raise NotConstant(
                    "it works on a string that only the running model knows, and ONNX models compute with numbers",
                    action="make the string of what is known at export, or leave it out",
                )
            if decomposed is None:
                raise resolution.failure(node)
            return self._lower_decomposed(node, inputs, resolution, decomposed)
        before = g.mark()
        if resolution.variant.style == "raw":
            result = resolution.variant.function(g, node, tuple(inputs))
        else:
            assert node.schema is not None
            arguments = bind(g, node.schema, resolution.variant.function, inputs)
            result = resolution.variant.function(g, **arguments)
        if result is None:
            raise UnsupportedOperatorError("its symbolic function returned None: it cannot convert these arguments")
        if resolution.variant.custom:
            check_outcome(g, node, result, g.since(before))
        if len(node.outputs) == 1:
            return resolution, (_as_lowered(result),)
        results = tuple(_as_lowered(item) for item in result)
        if len(results) < len(node.outputs):
            raise SymbolicError(f"its symbolic function returned {len(results)} of {len(node.outputs)} outputs")
        return resolution, results[: len(node.outputs)]

    def _lower_either_way(
        self, node: TorchNode, inputs: list[Lowered], place: int
    ) -> tuple[Resolution, tuple[Lowered, ...]]:
        """Lower a node twice, with an argument that may be None and without it, in the branches of an ``If``."""
        g = self._emitter
        outer = g.region
        stem = f"{g.scope}/If" if g.scope else "If"
        regions: list[Region] = []
        rows: list[tuple[Lowered, ...]] = []
        resolutions: list[Resolution] = []
        try:
            for name, present in (("then", True), ("else", False)):
                regions.append(g.subgraph(f"{stem}.{name}"))
                g.enter(regions[-1])
                given = [*inputs[:place], decided(inputs[place], present=present), *inputs[place + 1 :]]
                resolution, results = self.lower(node, given)
                resolutions.append(resolution)
                pairs = zip(node.outputs, results, strict=True)
                rows.append(tuple([self.settle(node, given, *pair) for pair in pairs]))
            condition = condition_of(inputs[place])
            results, notes = joined(g, condition, regions, rows, node.outputs, outer)
        finally:
            g.enter(outer)
        argument = node.schema.arguments[place].name if node.schema is not None else str(place)
        reason = f"in two branches, as only the running model knows whether '{argument}' is None"
        return replace(resolutions[0], reason="; ".join([resolutions[0].reason, reason, *notes])), results

    def _lower_decomposed(
        self, node: TorchNode, inputs: list[Lowered], resolution: Resolution, decomposed: Decomposed
    ) -> tuple[Resolution, tuple[Lowered, ...]]:
        """Lower the nodes of PyTorch's decomposition in place of the node."""
        values: dict[int, Lowered] = {}
        for value, item in zip(decomposed.graph.block.params, tensor_arguments(inputs), strict=True):
            values[value.id] = item
        g = self._emitter
        expected = g.expected
        for inner in decomposed.graph.block.nodes:
            given = [values[value.id] for value in inner.inputs]
            first = inner.outputs[0].dtype if inner.outputs else None
            g.expected = dtypes.to_onnx(first) if first is not None and dtypes.has_onnx(first) else None
            g.example_shape = inner.inputs[0].shape if inner.inputs else None
            g.expected_count = g.needed_count = None
            g.example_strides = inner.inputs[0].strides if inner.inputs else None
            _, results = self.lower(inner, given)
            for output, result in zip(inner.outputs, results, strict=True):
                values[output.id] = self.settle(inner, given, output, result)
        g.expected = expected
        outcome = tuple(values[value.id] for value in decomposed.graph.block.returns)
        if len(node.outputs) == 1 and node.outputs[0].kind == "Tensor[]":
            outcome = (outcome,)
        reason = f"no symbolic function; decomposed by PyTorch into {', '.join(dict.fromkeys(decomposed.targets))}"
        return Resolution(None, "decomposition", 0, resolution.candidates, reason), outcome

    def settle(self, node: TorchNode, inputs: list[Lowered], output: TorchValue, result: Lowered) -> Lowered:
        """Complete a result's dtype and shape from what the capture knows for sure."""
        if isinstance(result, Quantized):
            integers = self.settle(node, inputs, output, result.integers)
            return replace(result, integers=integers) if isinstance(integers, ir.Value) else result
        if not isinstance(result, ir.Value) or not output.is_tensor:
            return result
        g = self._emitter
        if output.dtype is not None and dtypes.has_onnx(output.dtype):
            wanted = dtypes.to_onnx(output.dtype)
            if result.dtype is None:
                result.dtype = wanted
            elif result.dtype != wanted:
                result = g.cast(result, wanted)
        if output.shape is None:
            return result
        if result.shape is None or len(result.shape) != len(output.shape):
            if result.shape is not None:
                g.problem(
                    "ShapeRule", f"{result.name}: rank {len(result.shape)} inferred, {len(output.shape)} captured"
                )
            result.shape = ir.Shape([g.inference.anonymous() for _ in output.shape])
        if not result.shape.is_static() and node.target not in DATA_DEPENDENT and self._all_static(node, inputs):
            result.shape = ir.Shape(output.shape)
        return result

    def _all_static(self, node: TorchNode, inputs: list[Lowered]) -> bool:
        """Whether the sizes of all tensors and all numbers that go in are proven, so that the captured shape is, too."""
        for value, item in zip(node.inputs, inputs, strict=True):
            if value.is_tensor or value.kind in ("Tensor[]", "Tensor?[]", "Tensor?"):
                for entry in item if isinstance(item, tuple) else (item,):
                    entry = entry.pairs if isinstance(entry, Complex) else entry
                    entry = entry.integers if isinstance(entry, Quantized) else entry
                    if isinstance(entry, ir.Value) and (entry.shape is None or not entry.shape.is_static()):
                        return False
            elif is_dynamic(item):
                return False
        return True


def _as_vector(g: Emitter, value: TorchValue, item: Lowered) -> Lowered:
    """A list of numbers whose length only the running model knows, as a 1-d tensor; anything else as it is."""
    if value.kind in _NUMBER_LISTS and is_sequence(item):
        assert isinstance(item, ir.Value)
        kind = type_of(g, item)
        assert isinstance(kind, SequenceOf) and kind.element is not None
        return stacked(g, item, SequenceOf(TensorOf(kind.element.dtype, ())))
    return item


_NUMBER_LISTS = frozenset({"int[]", "float[]", "bool[]"})


def _check_lists(inputs: list[Lowered]) -> None:
    """Built-in symbolic functions take lists of known length only."""
    for item in inputs:
        if has_open_length(item):
            raise NotConstant(
                "it takes a list whose length is only known when the model runs",
                action="stack the list (torch.stack, torch.cat) and work on the tensor",
            )


_OF_SEQUENCE = Resolution(None, "sequence", 0, (), "the length of the list is only known when the model runs")
_PLAIN = frozenset({ir.Value, int, float, bool, str, type(None)})
"""What is never complex or quantized."""

_STRUCTURAL = Resolution(None, "structure", 0, (), "arranges values, emits nothing")


def _as_lowered(item: Any) -> Lowered:
    if isinstance(item, torch.Tensor):
        return Constant(item)
    if isinstance(item, list | tuple):
        return tuple(_as_lowered(entry) for entry in item)  # pyright: ignore[reportUnknownVariableType]
    return item
