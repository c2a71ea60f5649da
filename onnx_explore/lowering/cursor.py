"""The ``Lowering`` cursor: one torch node per ``step()``, one event per step; it can fail, wait, and go on.

In: a TorchGraph that went through the torch passes, the graph inputs, options. Out: an ``onnx_ir.Graph``.

A step is transactional. When a symbolic function fails, what it half emitted is taken back and the cursor stays where it is;
after a symbolic function was registered, the next step tries again. When a registration concerns a node that was lowered
already, the cursor goes back to the first such node.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any

import onnx_ir as ir
import torch

from onnx_explore import dtypes
from onnx_explore.capture.captured import GraphInput, GraphOutput
from onnx_explore.capture.decompose import Decomposed, may_decompose
from onnx_explore.emit import Emitter
from onnx_explore.errors import OnnxExporterError, SymbolicError, UnsupportedOperatorError
from onnx_explore.lowering.decomposition import decomposition, tensor_arguments
from onnx_explore.lowering.fold import fold
from onnx_explore.lowering.quantized import given, returned
from onnx_explore.lowering.resolution import Resolution, resolve
from onnx_explore.lowering.structure import STRUCTURE, is_complex, is_dynamic, is_quantized
from onnx_explore.options import Options
from onnx_explore.recording import Candidate, NodeFailed, NodeLowered, Recorder
from onnx_explore.symbolic.binding import bind, materialize, quantized_constant
from onnx_explore.symbolic.lowered import Complex, Constant, Lowered, Quantized
from onnx_explore.symbolic.registry import REGISTRY
from onnx_explore.torch_ir import TorchGraph, TorchNode, TorchValue

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


@dataclass(slots=True)
class _Done:
    """What is needed to go back to before a node."""

    mark: tuple[int, int, int, int]
    index: int


class Lowering:
    """Lowers one TorchGraph, a node at a time.

    Args:
        graph: After the torch passes.
        inputs: One per ``graph.inputs``.
        outputs: One per ``graph.outputs``.
        options: Of the export.
        recorder: Where events go.

    Attributes:
        position: Index of the next node in ``graph.block.nodes``.
        error: Why the last step failed, or None.
    """

    def __init__(
        self,
        graph: TorchGraph,
        inputs: Sequence[GraphInput],
        outputs: Sequence[GraphOutput],
        options: Options,
        recorder: Recorder,
    ) -> None:
        self.graph = graph
        self.options = options
        self.recorder = recorder
        self.position = 0
        self.error: OnnxExporterError | None = None
        self.nodes = graph.block.nodes
        self._inputs = inputs
        self._outputs = outputs
        self._values: dict[int, Lowered] = {}
        self._done: list[_Done] = []
        self._unpacked = {
            node.inputs[0].id: len(node.outputs) for node in self.nodes if node.target == "prim::ListUnpack"
        }
        self._seen = REGISTRY.version
        self._lists: dict[str, Any] = {}
        opsets = {"": options.opset_version, **options.custom_opsets}
        self.onnx = ir.Graph([], [], nodes=[], opset_imports=opsets, name="main_graph")
        parameters_are_fixed = options.export_params and not options.keep_initializers_as_inputs
        self.emitter = Emitter(
            self.onnx, options.opset_version, fold_parameters=options.do_constant_folding and parameters_are_fixed
        )
        self._declare_inputs()
        self._declare_parameters()

    # -- the interface of the graph ---------------------------------------------------------------------------------

    def _declare_inputs(self) -> None:
        for output in self._outputs:
            self.emitter.names.reserve(output.name)
        for axes in self.options.dynamic_axes.values():
            for symbol in axes.values():
                self.emitter.inference.reserve(symbol)
        for item in self._inputs:
            axes = self.options.dynamic_axes.get(item.name, {})
            value = input_value(item, axes)
            self.emitter.names.reserve(item.name)
            self.onnx.inputs.append(value)
            self._values[item.value.id] = value
            if item.example.is_quantized:
                self._values[item.value.id] = given(value, item.example, self.emitter, self.recorder)

    def _declare_parameters(self) -> None:
        names = self.options.input_names[len(self._inputs) :]
        for index, parameter in enumerate(self.graph.parameters):
            name = names[index] if index < len(names) else parameter.name
            self.emitter.names.reserve(name)
            if self.options.export_params:
                self._values[parameter.value.id] = Constant(parameter.tensor, name, lineage=parameter.name)
                continue
            value = ir.Value(
                name=name,
                shape=ir.Shape(parameter.tensor.shape),
                type=ir.TensorType(dtypes.to_onnx(parameter.tensor.dtype)),
            )
            self.onnx.inputs.append(value)
            self._values[parameter.value.id] = value

    # -- stepping -----------------------------------------------------------------------------------------------------

    @property
    def finished(self) -> bool:
        """Whether every node was lowered."""
        self._notice_registrations()
        return self.position >= len(self.nodes)

    @property
    def node(self) -> TorchNode | None:
        """The node that the next step lowers, or None."""
        return None if self.finished else self.nodes[self.position]

    def step(self) -> NodeLowered | NodeFailed:
        """Lower the next node.

        Returns:
            The event, which is in the recording, too. After a ``NodeFailed``, ``error`` holds the exception and the cursor
            has not moved.
        """
        self._notice_registrations()
        node = self.nodes[self.position]
        g = self.emitter
        mark = g.mark()
        g.torch_nodes = node.derived_from or (node.id,)
        g.scope = node.origin.scope
        first = node.outputs[0].dtype if node.outputs else None
        g.expected = dtypes.to_onnx(first) if first is not None and dtypes.has_onnx(first) else None
        g.example_shape = node.inputs[0].shape if node.inputs else None
        g.example_strides = node.inputs[0].strides if node.inputs else None
        g.expected_count = self._unpacked.get(node.outputs[0].id) if node.outputs else None
        start = time.perf_counter()
        inputs = [self._values[value.id] for value in node.inputs]
        try:
            resolution, results = self._lower(node, inputs)
            results = tuple(self._settle(node, inputs, *pair) for pair in zip(node.outputs, results, strict=True))
        except BaseException as error:
            g.rollback(mark)
            if not isinstance(error, Exception):
                raise
            return self._fail(node, error, time.perf_counter() - start)
        for output, result in zip(node.outputs, results, strict=True):
            self._values[output.id] = result
        self._done.append(_Done(mark, self.position))
        self.position += 1
        self.error = None
        emitted = g.since(mark)
        event = NodeLowered(
            node.id,
            node.target,
            node.overload,
            resolution.function,
            resolution.since,
            resolution.candidates,
            resolution.reason,
            tuple(item.name or "" for item in emitted),
            time.perf_counter() - start,
        )
        self.recorder.add(event)
        self._report_problems(node, mark)
        return event

    def _lower(self, node: TorchNode, inputs: list[Lowered]) -> tuple[Resolution, tuple[Lowered, ...]]:
        g = self.emitter
        arrange = STRUCTURE.get(node.target) or STRUCTURE.get(f"{node.target}.{node.overload}")
        if arrange is not None:
            return _STRUCTURAL, arrange(node, inputs)
        of_complex = any(is_complex(item) for item in inputs)
        of_quantized = any(is_quantized(item) for item in inputs)
        resolution = resolve(node, g.opset, of_complex=of_complex, of_quantized=of_quantized)
        if of_complex and resolution.variant is None:
            raise UnsupportedOperatorError(
                "it has no symbolic function for complex tensors: ONNX has no operators for them",
                action="work on real and imaginary parts (torch.view_as_real)",
            )
        if resolution.variant is None or not resolution.variant.custom:
            folded = fold(
                node, inputs, parameters=g.fold_parameters, tensors=self.options.do_constant_folding
            )
            if folded is not None:
                return Resolution(None, "PyTorch", 0, resolution.candidates, "all inputs are known: folded"), folded
        if of_quantized and resolution.variant is None and not resolution.candidates:
            raise UnsupportedOperatorError(
                "it has no symbolic function for quantized tensors",
                action="call dequantize() before it, and quantize the result again",
            )
        if resolution.variant is None:
            decomposed = decomposition(node, inputs, g)
            if decomposed is None:
                raise resolution.failure(node)
            return self._lower_decomposed(node, inputs, resolution, decomposed)
        if resolution.variant.style == "raw":
            result = resolution.variant.function(g, node, tuple(inputs))
        else:
            assert node.schema is not None
            arguments = bind(g, node.schema, resolution.variant.function, inputs)
            result = resolution.variant.function(g, **arguments)
        if result is None:
            raise UnsupportedOperatorError("its symbolic function returned None: it cannot convert these arguments")
        if len(node.outputs) == 1:
            return resolution, (_as_lowered(result),)
        results = tuple(_as_lowered(item) for item in result)
        if len(results) < len(node.outputs):
            raise SymbolicError(f"its symbolic function returned {len(results)} of {len(node.outputs)} outputs")
        return resolution, results[: len(node.outputs)]

    def _lower_decomposed(
        self, node: TorchNode, inputs: list[Lowered], resolution: Resolution, decomposed: Decomposed
    ) -> tuple[Resolution, tuple[Lowered, ...]]:
        """Lower the nodes of PyTorch's decomposition in place of the node."""
        values: dict[int, Lowered] = {}
        for value, item in zip(decomposed.graph.block.params, tensor_arguments(inputs), strict=True):
            values[value.id] = item
        g = self.emitter
        expected = g.expected
        for inner in decomposed.graph.block.nodes:
            given = [values[value.id] for value in inner.inputs]
            first = inner.outputs[0].dtype if inner.outputs else None
            g.expected = dtypes.to_onnx(first) if first is not None and dtypes.has_onnx(first) else None
            g.example_shape, g.expected_count = inner.inputs[0].shape if inner.inputs else None, None
            g.example_strides = inner.inputs[0].strides if inner.inputs else None
            _, results = self._lower(inner, given)
            for output, result in zip(inner.outputs, results, strict=True):
                values[output.id] = self._settle(inner, given, output, result)
        g.expected = expected
        outcome = tuple(values[value.id] for value in decomposed.graph.block.returns)
        if len(node.outputs) == 1 and node.outputs[0].kind == "Tensor[]":
            outcome = (outcome,)
        reason = f"no symbolic function; decomposed by PyTorch into {', '.join(dict.fromkeys(decomposed.targets))}"
        return Resolution(None, "decomposition", 0, resolution.candidates, reason), outcome

    def _settle(self, node: TorchNode, inputs: list[Lowered], output: TorchValue, result: Lowered) -> Lowered:
        """Complete a result's dtype and shape from what the capture knows for sure."""
        if isinstance(result, Quantized):
            integers = self._settle(node, inputs, output, result.integers)
            return replace(result, integers=integers) if isinstance(integers, ir.Value) else result
        if not isinstance(result, ir.Value) or not output.is_tensor:
            return result
        g = self.emitter
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
                g.problems.append(f"{result.name}: rank {len(result.shape)} inferred, rank {len(output.shape)} captured")
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

    # -- failing, waiting, going back -----------------------------------------------------------------------------------

    def _fail(self, node: TorchNode, error: Exception, seconds: float) -> NodeFailed:
        if not isinstance(error, OnnxExporterError):
            resolution = resolve(node, self.emitter.opset)
            what = f"symbolic function {resolution.function}" if resolution.function else "evaluation"
            wrapped: OnnxExporterError = SymbolicError(
                f"its {what} raised {type(error).__name__}: {error}",
                action="mend the function, register it again, and go on",
            )
            wrapped.__cause__ = error
            error = wrapped
        error.target = error.target or node.target
        error.where = error.where or node.origin.where
        if isinstance(error, UnsupportedOperatorError) and not error.missing:
            error.missing = tuple(self.missing())
        self.error = error
        candidates = resolve(node, self.emitter.opset).candidates
        event = NodeFailed(node.id, node.target, node.overload, error.code, str(error), candidates, seconds)
        self.recorder.add(event)
        return event

    def missing(self) -> list[tuple[str, str]]:
        """Every operator from the cursor on that has no symbolic function at this opset, with its source line."""
        rows: list[tuple[str, str]] = []
        for node in self.nodes[self.position :]:
            if node.target in STRUCTURE or f"{node.target}.{node.overload}" in STRUCTURE:
                continue
            if resolve(node, self.emitter.opset).variant is not None:
                continue
            if node is self.node or node.schema is None or not may_decompose(node.schema):
                rows.append((node.target, node.origin.where))
        return rows

    def _notice_registrations(self) -> None:
        if REGISTRY.version == self._seen:
            return
        changed = {target.split(".")[0] for version, target in REGISTRY.changes if version > self._seen}
        self._seen = REGISTRY.version
        for done in self._done:
            if self.nodes[done.index].target in changed:
                self.back_to(done.index)
                return

    def back_to(self, index: int) -> None:
        """Take back every node from ``index`` on."""
        kept = [done for done in self._done if done.index < index]
        undone = self._done[len(kept) :]
        if not undone:
            return
        self.emitter.rollback(undone[0].mark)
        self.recorder.forget({self.nodes[done.index].id for done in undone})
        self._done = kept
        self.position = index
        self.error = None

    def _report_problems(self, node: TorchNode, mark: tuple[int, int, int, int]) -> None:
        for problem in self.emitter.problems[mark[3] :]:
            self.recorder.note("warning", "ShapeRule", problem, where=node.origin.where, node=node.id)

    # -- finishing ------------------------------------------------------------------------------------------------------

    def lowered(self, value: TorchValue) -> Lowered:
        """What a torch value has become.

        Raises:
            KeyError: If its node was not lowered yet.
        """
        return self._values[value.id]

    def finish(self) -> ir.Graph:
        """Connect the outputs; only once, when ``finished``."""
        assert self.finished and not self.onnx.outputs
        g = self.emitter
        g.scope, g.torch_nodes = "", ()
        used: set[ir.Value] = set()
        for output in self._outputs:
            value = self._tensor_output(output)
            if value in used or value.producer() is None:
                value = g.op("Identity", value)
            used.add(value)
            value.name = output.name
            axes = self.options.dynamic_axes.get(output.name, {})
            value.shape = output_shape(value, output.name, axes, g)
            self.onnx.outputs.append(value)
        return self.onnx

    def _tensor_output(self, output: GraphOutput) -> ir.Value:
        item = self._values[output.value.id]
        if isinstance(item, ir.Value):
            return item
        if isinstance(item, Constant) and item.tensor.is_quantized:
            item = quantized_constant(self.emitter, item)
        if isinstance(item, Quantized):
            return returned(item, output.name, self.recorder)
        if isinstance(item, Constant):
            self.recorder.note(
                "warning",
                "ConstantOutput",
                f"output '{output.name}' does not depend on any input: it is a constant of the model",
            )
            return materialize(self.emitter, item)
        if isinstance(item, bool | int | float):
            dtype = dtypes.to_onnx(output.value.dtype) if output.value.dtype is not None else None
            if dtype is None and isinstance(item, float):
                dtype = ir.DataType.FLOAT
            return self.emitter.const(item, dtype)
        if isinstance(item, Complex):
            raise UnsupportedOperatorError(
                f"output '{output.name}' is complex, and ONNX has no operators for complex tensors",
                action="return torch.view_as_real of it",
            )
        raise UnsupportedOperatorError(f"output '{output.name}' is not a tensor")


_STRUCTURAL = Resolution(None, "structure", 0, (), "arranges values, emits nothing")


def _as_lowered(item: Any) -> Lowered:
    if isinstance(item, torch.Tensor):
        return Constant(item)
    if isinstance(item, list | tuple):
        return tuple(_as_lowered(entry) for entry in item)  # pyright: ignore[reportUnknownVariableType]
    return item


def input_value(item: GraphInput, axes: Mapping[int, str]) -> ir.Value:
    """The ONNX graph input of one tensor: static but for the dynamic axes."""
    dims: list[int | str] = [axes.get(index, size) for index, size in enumerate(item.example.shape)]
    return ir.Value(name=item.name, shape=ir.Shape(dims), type=ir.TensorType(dtypes.to_onnx(item.example.dtype)))


def output_shape(value: ir.Value, name: str, axes: Mapping[int, str], g: Emitter) -> ir.Shape | None:
    """The shape that an output declares: the user's names, else what was inferred, with readable names for the rest."""
    if value.shape is None:
        return None
    dims: list[int | ir.SymbolicDim | str] = []
    for index, dim in enumerate(value.shape):
        symbol = axes.get(index)
        if symbol is not None:
            dims.append(symbol)
        elif g.inference.is_anonymous(dim):
            dims.append(f"{name}_dim_{index}")
        else:
            dims.append(dim)
    return ir.Shape(dims)


def candidates_text(candidates: Sequence[Candidate]) -> str:
    """One line per candidate, for messages and text views."""
    return "\n".join(
        f"  {'→' if item.chosen else ' '} {item.function} (opset ≥ {item.since}): {item.reason}" for item in candidates
    )
