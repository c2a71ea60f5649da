"""``find_mismatch``: which parts of a model ONNX computes otherwise than PyTorch, as a tree of halves.

In: a model and arguments. Out: a tree of ``GraphInfo``. The model runs once, for the capture, and is exported once. If ONNX gives
what PyTorch gives, that is all. Else every node is compared in one pair of runs, each fed with what PyTorch had there, so that
an error of one node is not seen in the next; the tree is read off that, and no part is exported again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import onnx_ir as ir
import torch

from onnx_explore import dtypes
from onnx_explore.arguments import check_kwargs, check_model, make_options
from onnx_explore.capture.captured import GraphInput, GraphOutput, feeds_of
from onnx_explore.check.agreement import assert_agreement, run_for
from onnx_explore.check.graph_info import GraphInfo, Part, VerificationOptions, is_essential
from onnx_explore.check.nodes import NodeCheck
from onnx_explore.check.nodes.interpret import values_of
from onnx_explore.errors import CheckerError, RuntimeMismatch
from onnx_explore.flow import Flow, collector_paused, completed, lowered
from onnx_explore.lowering.cursor import Lowering
from onnx_explore.options import OperatorExportTypes, Options, TrainingMode
from onnx_explore.recording import Recorder
from onnx_explore.torch_ir import TorchBlock, TorchGraph, TorchNode, TorchValue, used_by


def find_mismatch(
    model: Any,
    input_args: Any,
    do_constant_folding: bool = True,
    training: Any = TrainingMode.EVAL,
    opset_version: int | None = None,
    keep_initializers_as_inputs: bool = True,
    verbose: bool = False,
    options: VerificationOptions | None = None,
    *,
    input_kwargs: Mapping[str, Any] | None = None,
    operator_export_type: Any = OperatorExportTypes.ONNX,
    custom_opsets: Mapping[str, int] | None = None,
    autograd_inlining: bool | None = True,
    torch_symbolics: bool = True,
    optional_inputs: Sequence[str] | None = None,
    integer_kernels: bool = False,
) -> GraphInfo:
    """Find all parts of a model that ONNX computes otherwise than PyTorch, and print what was found.

    Args:
        model: As for ``export``.
        input_args: As ``args`` of ``export``.
        do_constant_folding: As for ``export``.
        training: As for ``export``.
        opset_version: As for ``export``.
        keep_initializers_as_inputs: As for ``export``.
        verbose: Print the ONNX graph of the whole model, too.
        options: Tolerances and what runs the ONNX models.
        input_kwargs: Keyword arguments of the call.
        operator_export_type: As for ``export``.
        custom_opsets: As for ``export``.
        autograd_inlining: As for ``export``.
        torch_symbolics: As for ``export``.
        optional_inputs: As for ``export``.
        integer_kernels: As for ``export``.

    Returns:
        The whole model's information; its halves, and theirs, where it disagrees.

    Raises:
        OnnxExporterError: If the model cannot be exported at all.
    """
    made = make_options(
        do_constant_folding=do_constant_folding,
        training=training,
        opset_version=opset_version,
        keep_initializers_as_inputs=keep_initializers_as_inputs,
        verbose=verbose,
        operator_export_type=operator_export_type,
        custom_opsets=custom_opsets,
        autograd_inlining=autograd_inlining,
        torch_symbolics=torch_symbolics,
        optional_inputs=optional_inputs,
        integer_kernels=integer_kernels,
    )
    check_model(model)
    check_kwargs(input_kwargs)
    with collector_paused():
        flow = Flow(model, input_args, input_kwargs, made, None, Recorder())
        examiner = Parts(flow)
        info = examiner.whole()
        if verbose:
            print(flow.text(examiner.model(info)))  # noqa: T201 (asked for)
        info.find_mismatch(options)
    info.pretty_print()
    return info


class Parts:
    """Parts of one captured model, and which of them hold a node that ONNX computes otherwise.

    Args:
        flow: The capture, after the torch passes; nothing was lowered yet.
    """

    def __init__(self, flow: Flow) -> None:
        # A part has an interface of its own.
        self._options: Options = replace(
            flow.options,
            input_names=(),
            output_names=(),
            dynamic_axes={},
            verbose=False,
            export_modules_as_functions=False,
        )
        self._flow = flow if flow.options == self._options else flow.again(self._options, None, Recorder())
        self._graph = self._flow.graph
        nodes = self._graph.block.nodes
        self._place = {node.id: place for place, node in enumerate(nodes)}
        self._essential = {node.id for node in nodes if is_essential(node)}
        self._producers = {value.id: node for node in nodes for value in node.outputs}
        self._pieces = self._pieces_of_lists()

    @cached_property
    def _values(self) -> dict[int, Any]:
        return values_of(self._graph, [item.example for item in self._flow.captured.inputs])

    @cached_property
    def _exported(self) -> ir.Model:
        self._flow.lower()
        return self._flow.complete()

    def whole(self) -> GraphInfo:
        """The whole model, not compared yet."""
        nodes = tuple(node for node in self._graph.block.nodes if node.id in self._essential)
        return self._info(Part(nodes, tuple(dict.fromkeys(self._graph.outputs))), "")

    def examine(self, info: GraphInfo, options: VerificationOptions) -> None:
        """Compare a part with ONNX; if it disagrees, find out which of its nodes do, and split it around them."""
        self._compare(info, options)
        if info.mismatch_error is None:
            return
        wrong = self._wrong(options)
        if any(node.id in wrong for node in info.part.nodes):
            self._divide(info, wrong)

    def _compare(self, info: GraphInfo, options: VerificationOptions) -> None:
        """Compare what a part gives."""
        captured = self._flow.captured
        if not info.id:
            feeds = feeds_of(captured.inputs, [item.example for item in captured.inputs])
            feeds |= {name: item.tensor for item in captured.graph.parameters for name in (item.name, *item.aliases)}
            model = self._exported
        else:
            model = self.model(info)
            feeds = {value.name or "": item for value, item in zip(model.graph.inputs, info.input_args, strict=False)}
        info.is_compared = True
        try:
            assert_agreement(run_for(model, feeds, options), self.outputs(info), options)
        except AssertionError as error:
            info.mismatch_error = error
        except (CheckerError, RuntimeMismatch) as error:  # what a node gives does not fit into the next one
            info.mismatch_error = AssertionError(error.message)

    def _wrong(self, options: VerificationOptions) -> dict[int, AssertionError]:
        """The nodes that give something else than PyTorch when they are fed with its values, and what."""
        report = self._flow.check_nodes(self._exported, rtol=options.rtol, atol=options.atol, culprits_only=True)
        return {row.node: AssertionError(str(row)) for row in report.rows if _is_wrong(row, options)}

    def _divide(self, info: GraphInfo, wrong: Mapping[int, AssertionError]) -> None:
        """Split a part that holds a wrong node, until there is one node left."""
        halves = self._split(info.part)
        if halves is None:
            return
        info.upper_graph_info, info.lower_graph_info = (
            self._info(part, f"{info.id}{place}") for place, part in enumerate(halves)
        )
        for half in (info.upper_graph_info, info.lower_graph_info):
            half.is_compared = True
            half.mismatch_error = next((wrong[node.id] for node in half.part.nodes if node.id in wrong), None)
            if half.mismatch_error is not None:
                self._divide(half, wrong)

    # -- what a part is asked for -----------------------------------------------------------------------------------

    def inputs(self, info: GraphInfo) -> tuple[torch.Tensor, ...]:
        """What PyTorch gave the part."""
        return tuple(self._tensor(value) for value in info.graph.inputs)

    def outputs(self, info: GraphInfo) -> tuple[torch.Tensor, ...]:
        """What PyTorch got from the part; of the whole model, when it was captured."""
        if not info.id:
            return self._flow.captured.eager
        return tuple(self._tensor(value) for value in info.part.returns)

    def model(self, info: GraphInfo) -> ir.Model:
        """The part as an ONNX model."""
        graph = info.graph
        own = zip(self._graph.inputs, self._flow.captured.inputs, strict=True)
        names = {value.id: item.name for value, item in own}
        inputs = [
            GraphInput(names.get(value.id, f"v{value.name}"), "", value, tensor)
            for value, tensor in zip(graph.inputs, info.input_args, strict=True)
        ]
        outputs = [GraphOutput(f"output_{index}", "", value) for index, value in enumerate(graph.outputs)]
        recorder = Recorder()
        lowering = Lowering(graph, inputs, outputs, self._options, recorder)
        graph = lowered(lowering, recorder)
        return completed(graph, self._options, {}, recorder, tuple(lowering.emitter.functions.values()))

    # -- parts ------------------------------------------------------------------------------------------------------

    def _info(self, part: Part, number: str) -> GraphInfo:
        return GraphInfo(part, self, self._options, number)

    def _tensor(self, value: TorchValue) -> torch.Tensor:
        item: Any = self._values[value.id]
        return item if isinstance(item, torch.Tensor) else torch.tensor(item)

    def graph(self, part: Part) -> TorchGraph:
        """A graph of the part's nodes and of the constants, lists and sizes that they need; what else they use is an input."""
        included, taken = self._reach(part)
        nodes = tuple(sorted(included, key=lambda node: self._place[node.id]))
        parameters = {item.value.id for item in self._graph.parameters}
        inputs = sorted((value for value in taken.values() if value.id not in parameters), key=self._order)
        weights = tuple(item for item in self._graph.parameters if item.value.id in taken)
        params = (*inputs, *(item.value for item in weights))
        return TorchGraph(TorchBlock(params, nodes, part.returns), weights)

    def _reach(self, part: Part) -> tuple[list[TorchNode], dict[int, TorchValue]]:
        """The nodes that a part computes, and the values that it takes from outside."""
        own = {node.id for node in part.nodes}
        included = list(part.nodes)
        taken: dict[int, TorchValue] = {}
        pending = [value for node in part.nodes for value in used_by(node)] + list(part.returns)
        seen: set[int] = set()
        while pending:
            value = pending.pop()
            if value.id in seen:
                continue
            seen.add(value.id)
            producer = self._producers.get(value.id)
            if producer is None or not self._belongs(producer, own):
                taken[value.id] = value
            elif producer.id not in own:
                own.add(producer.id)
                included.append(producer)
                pending.extend(used_by(producer))
        return included, taken

    def _belongs(self, node: TorchNode, own: set[int]) -> bool:
        """Whether a part computes a node itself: constants and sizes always, the pieces of a list with what makes the list."""
        if node.id in self._essential:
            return node.id in own
        makers = [self._producers.get(value.id) for value in node.inputs if value.kind == "Tensor[]"]
        return all(maker is None or maker.id in own or maker.id not in self._essential for maker in makers)

    def _order(self, value: TorchValue) -> tuple[int, int]:
        """Where a value is made: the inputs of the model come first."""
        producer = self._producers.get(value.id)
        if producer is None:
            return -1, self._graph.block.params.index(value)
        return self._place[producer.id], producer.outputs.index(value)

    def _split(self, part: Part) -> tuple[Part, Part] | None:
        """Two halves between which only tensors pass that ONNX has; None if there is no such place."""
        size = len(part.nodes)
        middle = size // 2
        for distance in range(middle + 1):
            for place in dict.fromkeys((middle - distance, middle + distance)):
                halves = self._halves(part, place) if 0 < place < size else None
                if halves is not None:
                    return halves
        return None

    def _halves(self, part: Part, place: int) -> tuple[Part, Part] | None:
        upper, lower = part.nodes[:place], part.nodes[place:]
        own = {node.id for node in upper}
        below = Part(lower, tuple(value for value in part.returns if not self._is_made(value, own)))
        if not below.returns:
            return None
        taken = [value for value in self._reach(below)[1].values() if self._is_made(value, own)]
        if not all(self._may_cross(value) for value in taken):
            return None
        crossing = sorted(taken, key=self._order)
        above = tuple(dict.fromkeys([*crossing, *(value for value in part.returns if self._is_made(value, own))]))
        return (Part(upper, above), below) if above else None

    def _is_made(self, value: TorchValue, own: set[int]) -> bool:
        """Whether nodes give a value, or the list that it is a piece of."""
        producer = self._producers.get(value.id)
        if producer is None:
            return False
        return producer.id in own or not own.isdisjoint(self._pieces.get(producer.id, ()))

    def _pieces_of_lists(self) -> dict[int, set[int]]:
        """Nodes that take lists of tensors apart → the nodes that compute these lists."""
        found: dict[int, set[int]] = {}
        for node in self._graph.block.nodes:
            if node.id in self._essential:
                continue
            for value in node.inputs:
                maker = self._producers.get(value.id) if value.kind == "Tensor[]" else None
                if maker is not None:
                    more = {maker.id} if maker.id in self._essential else found.get(maker.id, set[int]())
                    found.setdefault(node.id, set()).update(more)
        return found

    def _may_cross(self, value: TorchValue) -> bool:
        dtype = value.dtype if value.is_tensor else None
        if dtype is None:
            item: Any = self._values[value.id]
            if not isinstance(item, torch.Tensor):
                return False
            dtype = item.dtype
        return dtypes.has_onnx(dtype) and not dtype.is_complex


def _is_wrong(row: NodeCheck, options: VerificationOptions) -> bool:
    """Whether a node introduces more than the options accept."""
    if row.status != "introduces" or row.cause in ("rounding", "unsupported precision"):
        return False
    found = row.local
    if found is None:
        return True
    if found.reason == "dtype" and not options.check_dtype:
        return False
    share = options.acceptable_error_percentage
    return share is None or not found.total or found.mismatched / found.total > share
