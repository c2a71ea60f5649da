"""Records a model by running it once.

In: a callable and its taken-apart call. Out: a ``Traced``: the graph's mirror, the result, and what left the
trace.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from onnx_explore.capture.captured import CaptureNote, Conversion
from onnx_explore.capture.classes import CalledModule, called_module
from onnx_explore.capture.conversions import Watch, user_frame
from onnx_explore.capture.inputs import Call
from onnx_explore.capture.mirror import Mirror
from onnx_explore.capture.normalize import normalize
from onnx_explore.capture.outputs import Returned, open_result
from onnx_explore.capture.packed import find_packed, held, unpack
from onnx_explore.capture.parameters import NamedModules, Weight
from onnx_explore.capture.replay import copy_of
from onnx_explore.capture.scopes import Scopes
from onnx_explore.capture.script_mirror import ScriptMirror
from onnx_explore.capture.torch_api import JitGraph, api, compiled_object, module_holder
from onnx_explore.errors import CaptureError, OnnxExporterError
from onnx_explore.torch_ir import TorchBlock, TorchGraph


@dataclass(frozen=True, slots=True)
class Traced:
    """A recorded run.

    Attributes:
        make_function: Makes a function of the graph, which takes the inputs and then all weights (and ignores more).
        block: Its mirror; a single row of returned tensors.
        returned: What the model returned.
        conversions: What left the trace.
        called: Path of each module call → module.
        unpacked: Weights that quantized modules hold packed; the last of the block's parameters.
        notes: What the trace could not follow.
    """

    make_function: Callable[[], Callable[..., Any]]
    block: TorchBlock
    returned: Returned
    conversions: tuple[Conversion, ...]
    called: Mapping[str, CalledModule]
    unpacked: tuple[Weight, ...] = ()
    notes: tuple[CaptureNote, ...] = ()


def trace(
    model: Callable[..., Any],
    call: Call,
    modules: NamedModules,
    weights: Sequence[Weight],
    *,
    before_write: Callable[[torch.Tensor], None],
    parameter_names: Sequence[str] = (),
    record_conversions: bool,
    record_scopes: bool,
    inline_functions: bool = True,
) -> Traced:
    """Runs the model once and records it. Must be called inside ``guarded``.

    Args:
        model: What to run.
        call: Its arguments.
        modules: All modules with their paths.
        weights: All parameters and buffers.
        before_write: Called with a tensor that is about to be written to.
        parameter_names: The user's names for the weights that the graph uses, in order.
        record_conversions: Note what leaves the trace.
        record_scopes: Note the module path of every node.
        inline_functions: Replace an ``autograd.Function`` by what its forward did.

    Returns:
        The recorded run.

    Raises:
        CaptureError: If the model (or the recording) raises; the exception is chained.
    """
    inputs = [copy_of(item.tensor) for item in call.inputs]
    tensors = [*inputs, *(weight.tensor for weight in weights)]
    scripted, packed = _scripted(modules), find_packed(modules)
    objects = [item.object for item in packed]
    holder = module_holder([module for _, module in scripted], objects) if scripted or packed else None
    scopes = Scopes(modules, enabled=record_scopes)
    watch = Watch(scopes, {id(tensor) for tensor in tensors}, before_write=before_write, record=record_conversions)
    results: list[Returned] = []

    def run(*traced: torch.Tensor) -> tuple[torch.Tensor, ...]:
        args, kwargs = call.arguments(traced[: len(inputs)])
        with scopes, watch:
            result = model(*args, **kwargs)
        returned = open_result(result)
        watch.adopt(returned.tensors)
        for tensor in returned.tensors:
            api().get_value_trace(tensor)  # A constant that no operator used is not known to the trace yet.
        results.append(returned)
        return returned.tensors

    extra = () if holder is None else (compiled_object(holder),)
    try:
        graph, _ = api().create_graph(run, tuple(tensors), _no_name, False, False, *extra)
    except OnnxExporterError:
        raise
    except Exception as error:
        raise failed(error) from error
    normal = normalize(graph)
    names = {index: item.name for index, item in enumerate(call.inputs)}
    names.update((len(inputs) + index, weight.name) for index, weight in enumerate(weights))
    if parameter_names:
        first = len(inputs) + (holder is not None)
        used = [index for index, value in enumerate(list(normal.inputs())[first:], len(inputs)) if value.uses()]
        names.update(zip(used, parameter_names, strict=False))
    conversions = tuple(watch.conversions)
    called = dict(scopes.called)
    if not scripted or holder is None:
        marks = scopes.marks if normal is graph else scopes.marks.renumbered(_numbers(graph))
        first = int(holder is not None)
        mirror = Mirror(marks, inline_functions=inline_functions)
        block = mirror.graph(normal, {position + first: name for position, name in names.items()})
        if normal is graph:
            conversions = _placed(conversions, watch.positions, mirror)
    else:
        marks = scopes.marks if normal is graph else scopes.marks.renumbered(_numbers(graph))
        mirror = ScriptMirror({id(weight.tensor): weight for weight in weights}, marks=marks, paths=scopes.calls)
        paths = {f"m{index}": path for index, (path, _) in enumerate(scripted)}
        paths |= {f"p{index}": f"{item.name}._packed_params" for index, item in enumerate(packed)}
        block = mirror.traced(normal, names, holder, paths)
        called |= mirror.called
    if packed and not scripted:
        block = held(block, {f"p{index}": item for index, item in enumerate(packed)})
    whole = unpack(TorchGraph(block), [weight.name for weight in weights])

    def make() -> Callable[..., Any]:
        function = api().create_function("replay", graph)
        given = function if holder is None else functools.partial(function, compiled_object(holder))
        return lambda *values: given(*values[: len(tensors)])

    unpacked = [Weight(item.name, item.tensor, trainable=False) for item in whole.parameters]
    return Traced(
        make,
        unpack_returns(whole.block),
        results[0],
        conversions,
        {path: called_module(module) for path, module in called.items()},
        tuple(unpacked),
        tuple(watch.pitfalls.notes),
    )


def _placed(conversions: Sequence[Conversion], positions: Sequence[int], mirror: Mirror) -> tuple[Conversion, ...]:
    """The conversions with the value that was recorded last before each."""
    return tuple(
        replace(item, after=mirror.number(position)) for item, position in zip(conversions, positions, strict=True)
    )


def _numbers(graph: JitGraph) -> list[int]:
    """The numbers of a trace's values, in order; what was read from a holder counts as one of its inputs."""
    before = [value.unique() for value in graph.inputs()]
    for node in graph.nodes():
        read = node.kind() == "prim::GetAttr"
        before.extend(before[-1] if read else output.unique() for output in node.outputs())
    return before


def _scripted(modules: NamedModules) -> NamedModules:
    """The outermost scripted modules of a model that is not scripted itself, each once."""
    found: dict[torch.nn.Module, str] = {}
    for path, module in modules:
        inside = any(path.startswith(f"{outer}.") for outer in found.values())
        if isinstance(module, torch.jit.ScriptModule) and not inside:
            found.setdefault(module, path)
    return [(path, module) for module, path in found.items()]


def _no_name(_: torch.Tensor) -> str:
    """Values keep their numbers: looking for the names of local variables costs more than the trace."""
    return ""


def unpack_returns(block: TorchBlock) -> TorchBlock:
    """A returned tuple of tensors becomes as many returned values."""
    if len(block.returns) != 1 or not block.nodes:
        return block
    last = block.nodes[-1]
    if last.target != "prim::TupleConstruct" or last.outputs != block.returns:
        return block
    return TorchBlock(block.params, block.nodes[:-1], last.inputs)


_NOT_RECORDED = ("unordered_map::at", "_Map_base::at")
"""How C++ libraries word the failed look-up of a tensor that the tracer has not seen."""


def failed(error: Exception) -> CaptureError:
    """The user's exception, with the innermost of the model's source lines."""
    where = ""
    step = error.__traceback__
    while step is not None:
        frame = user_frame(step.tb_frame)
        if frame is not None and step.tb_frame.f_code.co_filename == frame.file:
            where = f"{frame.file}:{step.tb_lineno} in {frame.function}"
        step = step.tb_next
    if where and any(text in str(error) for text in _NOT_RECORDED):
        # What the tracer says if an autograd.Function's forward uses a recorded tensor that it was not given directly.
        return CaptureError(
            "an autograd.Function uses a tensor of the model that is not among its arguments "
            "(it comes in a list, from self or from a closure): PyTorch cannot record that",
            where=where,
            action="pass every tensor to apply() as an argument of its own",
        )
    if "not part of the active trace" in str(error):
        return CaptureError(
            "the model uses a scripted or quantized object that PyTorch cannot record from outside",
            where=where,
            action="call torch.jit.trace (or torch.jit.script) on the model, and export what it returns",
        )
    return CaptureError(
        f"the model raised {type(error).__name__}: {error}",
        where=where,
        action="see the exception above; the model must run with these arguments",
    )
