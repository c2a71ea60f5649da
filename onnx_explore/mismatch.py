"""``find_mismatch``: which parts of a model ONNX computes otherwise than PyTorch, as a tree of halves.

In: a model and arguments. Out: a tree of ``GraphInfo``. The model runs once, for the capture, and is exported once. If ONNX gives
what PyTorch gives, that is all. Else every node is compared in one pair of runs, each fed with what PyTorch had there, so that
an error of one node is not seen in the next; the tree is read off that, and no part is exported again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import onnx_ir as ir
import torch

from onnx_explore import dtypes
from onnx_explore.arguments import check_kwargs, check_model, make_options
from onnx_explore.capture.captured import GraphInput, GraphOutput, feeds_of
from onnx_explore.check.agreement import assert_agreement, run_for
from onnx_explore.check.graph_info import GraphInfo, VerificationOptions, is_essential
from onnx_explore.check.nodes import NodeCheck
from onnx_explore.check.nodes.interpret import values_of
from onnx_explore.flow import Flow, completed, lowered
from onnx_explore.lowering.cursor import Lowering
from onnx_explore.options import OperatorExportTypes, Options, TrainingMode
from onnx_explore.recording import Recorder
from onnx_explore.torch_ir import Parameter, TorchBlock, TorchGraph, TorchNode, TorchValue, used_by


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
    )
    check_model(model)
    check_kwargs(input_kwargs)
    flow = Flow(model, input_args, input_kwargs, made, None, Recorder())
    examiner = Parts(flow)
    info = examiner.whole()
    if verbose:
        print(flow.text(examiner.model(info)))  # noqa: T201 (asked for)
    info.find_mismatch(options)
    info.pretty_print()
    return info


@dataclass(frozen=True, slots=True)
class _Part:
    """A run of essential nodes, and what it is to give."""

    nodes: tuple[TorchNode, ...]
    returns: tuple[TorchValue, ...]


class Parts:
    """Parts of one captured model, and which of them hold a node that ONNX computes otherwise.

    Args:
        flow: The capture, after the torch passes.
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
        self._flow = flow.again(self._options, None, Recorder())
        self._graph = self._flow.graph
        self._producers = {value.id: node for node in self._graph.block.nodes for value in node.outputs}
        self._parameters = {item.value.id: item for item in self._graph.parameters}
        self._names = {
            value.id: item.name for value, item in zip(self._graph.inputs, flow.captured.inputs, strict=True)
        }
        self._parts: dict[int, _Part] = {}

    @cached_property
    def _values(self) -> dict[int, Any]:
        return values_of(self._graph, [item.example for item in self._flow.captured.inputs])

    @cached_property
    def _exported(self) -> ir.Model:
        self._flow.lower()
        return self._flow.complete()

    def whole(self) -> GraphInfo:
        """The whole model, not compared yet."""
        nodes = tuple(node for node in self._graph.block.nodes if is_essential(node))
        return self._info(_Part(nodes, tuple(dict.fromkeys(self._graph.outputs))), "")

    def examine(self, info: GraphInfo, options: VerificationOptions) -> None:
        """Compare a part with ONNX; if it disagrees, find out which of its nodes do, and split it around them."""
        self._compare(info, options)
        if info.mismatch_error is None:
            return
        wrong = self._wrong(options)
        own = {node.id for node in self._parts[id(info)].nodes}
        if own & wrong.keys():
            self._divide(info, wrong)

    def _compare(self, info: GraphInfo, options: VerificationOptions) -> None:
        """Compare what a part gives."""
        captured = self._flow.captured
        if not info.id:
            feeds = feeds_of(captured.inputs, [item.example for item in captured.inputs])
            feeds |= {name: item.tensor for item in captured.graph.parameters for name in (item.name, *item.aliases)}
            info.pt_outs, model = captured.eager, self._exported
        else:
            model = self.model(info)
            feeds = {value.name or "": item for value, item in zip(model.graph.inputs, info.input_args, strict=False)}
            info.pt_outs = self._outputs(info)
        try:
            assert_agreement(run_for(model, feeds, options), info.pt_outs, options)
        except AssertionError as error:
            info.mismatch_error = error

    def _wrong(self, options: VerificationOptions) -> dict[int, AssertionError]:
        """The nodes that give something else than PyTorch when they are fed with its values, and what."""
        report = self._flow.check_nodes(self._exported, rtol=options.rtol, atol=options.atol, as_run=False)
        return {row.node: AssertionError(str(row)) for row in report.rows if _is_wrong(row, options)}

    def _divide(self, info: GraphInfo, wrong: Mapping[int, AssertionError]) -> None:
        """Split a part that holds a wrong node, until there is one node left."""
        halves = self._split(self._parts[id(info)])
        if halves is None:
            return
        for place, part in enumerate(halves):
            half = self._info(part, f"{info.id}{place}")
            half.mismatch_error = next((wrong[node.id] for node in part.nodes if node.id in wrong), None)
            half.pt_outs = self._outputs(half)
            if place:
                info.lower_graph_info = half
            else:
                info.upper_graph_info = half
            if half.mismatch_error is not None:
                self._divide(half, wrong)

    def _outputs(self, info: GraphInfo) -> tuple[torch.Tensor, ...]:
        return tuple(self._tensor(value) for value in info.graph.outputs)

    def model(self, info: GraphInfo) -> ir.Model:
        """The part as an ONNX model."""
        graph = info.graph
        inputs = [
            GraphInput(self._names.get(value.id, f"v{value.name}"), "", value, tensor)
            for value, tensor in zip(graph.inputs, info.input_args, strict=True)
        ]
        outputs = [GraphOutput(f"output_{index}", "", value) for index, value in enumerate(graph.outputs)]
        recorder = Recorder()
        lowering = Lowering(graph, inputs, outputs, self._options, recorder)
        graph = lowered(lowering, recorder)
        return completed(graph, self._options, {}, recorder, tuple(lowering.emitter.functions.values()))

    # -- parts ------------------------------------------------------------------------------------------------------

    def _info(self, part: _Part, number: str) -> GraphInfo:
        graph = self._build(part)
        info = GraphInfo(
            graph,
            tuple(self._tensor(value) for value in graph.inputs),
            {item.name: item.tensor for item in graph.parameters},
            self,
            self._options,
            number,
        )
        self._parts[id(info)] = part
        return info

    def _tensor(self, value: TorchValue) -> torch.Tensor:
        item: Any = self._values[value.id]
        return item if isinstance(item, torch.Tensor) else torch.tensor(item)

    def _build(self, part: _Part) -> TorchGraph:
        """A graph of the part's nodes and of the constants, lists and sizes that they need; what else they use is an input."""
        own = {node.id for node in part.nodes}
        included = {node.id for node in part.nodes}
        taken: dict[int, TorchValue] = {}
        pending = [value for node in part.nodes for value in used_by(node)] + list(part.returns)
        seen: set[int] = set()
        while pending:
            value = pending.pop()
            if value.id in seen:
                continue
            seen.add(value.id)
            producer = self._producers.get(value.id)
            if producer is not None and producer.id in included:
                continue
            if producer is None or not self._belongs(producer, own):
                taken[value.id] = value
                continue
            included.add(producer.id)
            pending.extend(used_by(producer))
        nodes = tuple(node for node in self._graph.block.nodes if node.id in included)
        inputs = [value for value in self._order() if value.id in taken and value.id not in self._parameters]
        weights: list[Parameter] = [item for item in self._graph.parameters if item.value.id in taken]
        params = (*inputs, *(item.value for item in weights))
        return TorchGraph(TorchBlock(params, nodes, part.returns), tuple(weights))

    def _belongs(self, node: TorchNode, own: set[int]) -> bool:
        """Whether a part computes a node itself: constants and sizes always, the pieces of a list with what makes the list."""
        if is_essential(node):
            return False
        makers = [self._producers.get(value.id) for value in node.inputs if value.kind == "Tensor[]"]
        return all(maker is None or maker.id in own or not is_essential(maker) for maker in makers)

    def _order(self) -> Iterator[TorchValue]:
        yield from self._graph.block.params
        for node in self._graph.block.nodes:
            yield from node.outputs

    def _split(self, part: _Part) -> tuple[_Part, _Part] | None:
        """Two halves between which only tensors pass that ONNX has; None if there is no such place."""
        size = len(part.nodes)
        middle = size // 2
        for place in sorted(range(1, size), key=lambda each: (abs(each - middle), each)):
            halves = self._halves(part, place)
            if halves is not None:
                return halves
        return None

    def _halves(self, part: _Part, place: int) -> tuple[_Part, _Part] | None:
        upper, lower = part.nodes[:place], part.nodes[place:]
        made = {value.id for value in self._made(upper)}
        below = _Part(lower, tuple(value for value in part.returns if value.id not in made))
        crossing = [value for value in self._build(below).inputs if value.id in made]
        if not below.returns or not all(self._may_cross(value) for value in crossing):
            return None
        above = tuple(dict.fromkeys([*crossing, *(value for value in part.returns if value.id in made)]))
        return (_Part(upper, above), below) if above else None

    def _made(self, nodes: Iterable[TorchNode]) -> Iterator[TorchValue]:
        """What nodes give, with the pieces of the lists that they give."""
        own = {node.id for node in nodes}
        lists: set[int] = set()
        for node in self._graph.block.nodes:
            if node.id in own or (not is_essential(node) and any(value.id in lists for value in node.inputs)):
                yield from node.outputs
                lists.update(value.id for value in node.outputs if value.kind == "Tensor[]")

    def _may_cross(self, value: TorchValue) -> bool:
        item: Any = self._values[value.id]
        return isinstance(item, torch.Tensor) and dtypes.has_onnx(item.dtype) and not item.is_complex()


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
