"""Records a model: the public ``capture``.

In: a model and the arguments of one call. Out: a ``Capture``. The model and the process are afterwards as they were.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import torch

from onnx_explore.capture.captured import Capture, CaptureNote, Conversion, GraphInput, GraphOutput
from onnx_explore.capture.guard import guarded, is_training, model_mode
from onnx_explore.capture.inputs import Call, check_name_count, open_call
from onnx_explore.capture.outputs import Returned, name_outputs
from onnx_explore.capture.parameters import Weight, all_modules, parameter_of, root_modules, weights_of
from onnx_explore.capture.pitfalls import in_our_words
from onnx_explore.capture.replay import make_replay
from onnx_explore.capture.torch_api import api, storage_of, switch_compilation_off, without_compilation
from onnx_explore.capture.trace import trace
from onnx_explore.errors import InvalidArgument
from onnx_explore.torch_ir import Parameter, TorchBlock, TorchGraph, TorchValue, walk

Training = Literal["eval", "preserve", "train"]


def capture(
    model: Callable[..., Any],
    args: Any,
    kwargs: Mapping[str, Any] | None = None,
    *,
    training: Training = "eval",
    input_names: Sequence[str] | None = None,
    output_names: Sequence[str] | None = None,
    record_conversions: bool = True,
    record_scopes: bool = True,
    inline_functions: bool = True,
) -> Capture:
    """Records a model by running it once (a scripted model is read, and run once for its outputs).

    Args:
        model: A module, function, ``functools.partial``, bound method, ``ScriptModule`` or ``ScriptFunction``.
        args: A tensor; a tuple (or list) of arguments; a tuple that ends in a dict of named arguments. An empty dict at
            the end means no named arguments, so that a dict can be the last positional argument.
        kwargs: Named arguments; a dict at the end of ``args`` is positional then.
        training: The mode to capture in: ``"eval"``, ``"train"``, or as the model is (``"preserve"``).
        input_names: Names of the inputs, then of the parameters that the graph uses; fewer are fine.
        output_names: Names of the outputs; fewer are fine.
        record_conversions: Note every tensor that becomes a Python value.
        record_scopes: Note the module path of every node.
        inline_functions: Replace an ``autograd.Function`` by what its forward did; else its node holds that as a block.

    Returns:
        The recorded model.

    Raises:
        InvalidArgument: If the model cannot be called so; nothing was run.
        CaptureError: If the model could not be recorded; what it raised is chained.
        UnsupportedTorch: If PyTorch lacks something private that recording needs.
    """
    start = time.perf_counter()
    if not callable(model):
        raise InvalidArgument(f"a {type(model).__qualname__} cannot be called", argument="model")
    if training not in ("eval", "preserve", "train"):
        raise InvalidArgument(
            f"{training!r} is no mode", argument="training", action="use 'eval', 'preserve' or 'train'"
        )
    if isinstance(model, (torch.nn.DataParallel, torch.nn.parallel.DistributedDataParallel)):
        raise InvalidArgument(
            f"{type(model).__name__} spreads a model over devices, an ONNX model cannot", argument="model",
            action="export model.module",
        )  # fmt: skip
    api()
    model = without_compilation(model)
    if isinstance(model, (torch.jit.ScriptModule, torch.jit.ScriptFunction)):
        from onnx_explore.capture.script import capture_script

        return capture_script(
            model, args, kwargs, training=training, input_names=input_names, output_names=output_names, start=start
        )
    roots = root_modules(model)
    modules = all_modules(roots)
    weights = weights_of(modules)
    call = open_call(model, args, kwargs, input_names)
    check_name_count(input_names, len(call.inputs), len(weights))
    with guarded(modules) as guard:
        for _, module in modules:
            switch_compilation_off(module)
        model_mode([module for _, module in roots], training)
        mode = is_training([module for _, module in roots])
        random_state = torch.get_rng_state()
        traced = trace(
            model,
            call,
            modules,
            weights,
            parameter_names=list(input_names or ())[len(call.inputs) :],
            before_write=guard.before_write,
            record_conversions=record_conversions,
            record_scopes=record_scopes,
            inline_functions=inline_functions,
        )
        eager = own_tensors(traced.returned, weights)
    weights = [*weights, *traced.unpacked]
    parameters = _all_parameters(traced.block, len(call.inputs), weights)
    graph, unused = used_parameters(traced.block, len(call.inputs), parameters)
    check_name_count(input_names, len(call.inputs), len(graph.parameters))
    outputs = graph_outputs(traced.returned, output_names, call, graph)
    # Unused weights stay inputs of torch's own graph.
    everything = TorchGraph(traced.block, parameters)
    return Capture(
        graph=graph,
        mode="trace",
        inputs=graph_inputs(call, graph.inputs),
        outputs=outputs,
        args=call.args,
        kwargs=call.kwargs,
        conversions=traced.conversions,
        notes=(
            *call.notes,
            *_new_warnings(guard.notes, traced.conversions, traced.notes),
            *traced.notes,
            *traced.returned.notes,
            *unused,
        ),
        training=mode,
        seconds=time.perf_counter() - start,
        eager=eager,
        replay=make_replay(traced.make_function, everything, random_state),
        called=traced.called,
    )


def _new_warnings(
    notes: Sequence[CaptureNote], conversions: Sequence[Conversion], told: Sequence[CaptureNote]
) -> list[CaptureNote]:
    """The notes without the tracer's warnings of what we recorded at the same line in words of our own."""
    known = {f"{item.frame.file}:{item.frame.line}" for item in conversions if item.frame is not None}
    known.update(note.where for note in told)
    return [in_our_words(note) for note in notes if note.code != "TracerWarning" or note.where not in known]


def graph_inputs(call: Call, values: Sequence[TorchValue]) -> tuple[GraphInput, ...]:
    """The call's tensors with their block parameters."""
    return tuple(
        GraphInput(item.name, item.path, value, item.tensor) for item, value in zip(call.inputs, values, strict=True)
    )


def graph_outputs(
    returned: Returned, output_names: Sequence[str] | None, call: Call, graph: TorchGraph
) -> tuple[GraphOutput, ...]:
    """The returned tensors with their values and names."""
    names = name_outputs(returned, output_names, [item.name for item in call.inputs])
    return tuple(
        GraphOutput(name, path, value)
        for (name, _), path, value in zip(names, returned.paths, graph.outputs, strict=True)
    )


def own_tensors(returned: Returned, weights: Sequence[Weight]) -> tuple[torch.Tensor, ...]:
    """The returned tensors; those that share storage with a weight are copied, because weights are restored."""
    shared = {storage_of(weight.tensor) for weight in weights}
    return tuple(
        tensor.detach().clone() if storage_of(tensor) in shared else tensor.detach() for tensor in returned.tensors
    )


def _all_parameters(block: TorchBlock, inputs: int, weights: Sequence[Weight]) -> tuple[Parameter, ...]:
    values = block.params[inputs:]
    return tuple(parameter_of(value, weight) for value, weight in zip(values, weights, strict=True))


def used_parameters(block: TorchBlock, inputs: int, given: Sequence[Parameter]) -> tuple[TorchGraph, list[CaptureNote]]:
    """Drops the weights that no node uses."""
    used: set[TorchValue] = set(block.returns)
    for node in walk(block):
        used.update(node.inputs)
        for inner in node.blocks:
            used.update(inner.returns)
    parameters = [item for item in given if item.value in used]
    unused = [item for item in given if item.value not in used]
    graph = TorchGraph(
        TorchBlock((*block.params[:inputs], *(item.value for item in parameters)), block.nodes, block.returns),
        tuple(parameters),
    )
    notes: list[CaptureNote] = []
    trainable = [weight.name for weight in unused if weight.trainable]
    if trainable:
        shown = ", ".join(trainable[:10]) + (f" and {len(trainable) - 10} more" if len(trainable) > 10 else "")
        notes.append(CaptureNote("info", "UnusedParameter", f"parameters that the graph does not use: {shown}"))
    return graph, notes
