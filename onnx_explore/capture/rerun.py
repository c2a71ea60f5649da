"""Runs the captured model again, on other tensors, as it ran when it was captured: what a check compares with."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Any

import torch
from torch.utils._pytree import tree_leaves, tree_map

from onnx_explore.capture.captured import Capture
from onnx_explore.capture.capturing import Training, capture
from onnx_explore.capture.guard import guarded, model_mode
from onnx_explore.capture.inputs import open_call
from onnx_explore.capture.outputs import open_result
from onnx_explore.capture.parameters import all_modules, root_modules

Rerun = Callable[[tuple[torch.Tensor | None, ...]], tuple[torch.Tensor, ...]]


def make_rerun(model: Callable[..., Any], capture: Capture, training: Training = "eval") -> Rerun:
    """A function from input tensors (in the order of ``capture.inputs``; None for one that may be) to output tensors.

    Args:
        model: The model.
        capture: What was captured of it.
        training: The mode that it was captured in, as for ``capture``.

    The model's mode and buffers, the random state and torch's flags are afterwards as they were.
    """
    call = open_call(model, capture.args, capture.kwargs, None)
    roots = root_modules(model)
    modules = all_modules(roots)

    def rerun(inputs: tuple[torch.Tensor | None, ...]) -> tuple[torch.Tensor, ...]:
        args, kwargs = call.arguments([None if tensor is None else tensor.clone() for tensor in inputs])
        with guarded(modules), torch.no_grad():
            model_mode([module for _, module in roots], training)
            result = open_result(model(*args, **kwargs), numbers=capture.mode == "script")
            return tuple(tensor.detach().clone() for tensor in result.tensors)

    return rerun


Recapture = Callable[[tuple[torch.Tensor, ...]], Capture]


def make_recapture(
    model: Callable[..., Any], first: Capture, training: Training = "eval", *, inline_functions: bool = True
) -> Recapture:
    """A function from input tensors (in the order of ``first.inputs``) to a capture of the model at these.

    Args:
        model: The model.
        first: What was captured of it.
        training: The mode that it was captured in.
        inline_functions: As it was captured.
    """
    call = open_call(model, first.args, first.kwargs, None)
    names = [item.name for item in first.inputs]
    outputs = [item.name for item in first.outputs]

    def recapture(inputs: tuple[torch.Tensor, ...]) -> Capture:
        args, kwargs = call.arguments([tensor.clone() for tensor in inputs])
        again = capture(model, args, kwargs, training=training, input_names=names, inline_functions=inline_functions)
        return replace(
            again,
            outputs=tuple(
                replace(item, name=outputs[index]) if index < len(outputs) else item
                for index, item in enumerate(again.outputs)
            ),
        )

    return recapture


def make_export_program(
    model: Callable[..., Any],
    capture: Capture,
    inputs: tuple[torch.Tensor, ...],
    axes: Collection[tuple[int, int]],
    training: Training = "eval",
) -> tuple[list[list[Any]], dict[str, tuple[Any, Any]]]:
    """What ``torch.export`` finds out about some axes.

    Args:
        model: The model.
        capture: What was captured of it.
        inputs: Example tensors, in the order of ``capture.inputs``.
        axes: Positions of inputs and their axes that may be dynamic, as far as ``torch.export`` lets them.
        training: The mode that the model was captured in.

    Returns:
        The shape of each input in its program (ints, or symbols), and the range of each symbol by name.

    Raises:
        Exception: Whatever ``torch.export`` raises.
    """
    call = open_call(model, capture.args, capture.kwargs, None)
    roots = root_modules(model)
    module = model if isinstance(model, torch.nn.Module) else _Called(model)
    args, kwargs = call.arguments([tensor.clone() for tensor in inputs])
    marked = {id(tensor): index for index, tensor in enumerate(_tensors((args, kwargs)))}

    def wish(value: Any) -> Any:
        if not isinstance(value, torch.Tensor):
            return None
        index = marked[id(value)]
        return {axis: torch.export.Dim.AUTO for axis in range(value.dim()) if (index, axis) in axes}

    wishes_args, wishes_kwargs = tree_map(wish, args), tree_map(wish, kwargs)
    bound = inspect.signature(module.forward).bind(*args, **kwargs).arguments
    parameters = inspect.signature(module.forward).parameters
    rest = list(wishes_args)
    wishes: dict[str, Any] = {}
    for name in bound:
        if parameters[name].kind is inspect.Parameter.VAR_POSITIONAL:
            wishes[name] = tuple(rest)
        elif parameters[name].kind is inspect.Parameter.VAR_KEYWORD:
            wishes[name] = {key: item for key, item in wishes_kwargs.items() if key in bound[name]}
        else:
            wishes[name] = wishes_kwargs[name] if name in wishes_kwargs else rest.pop(0)
    with guarded(all_modules(roots)), torch.no_grad():
        model_mode([item for _, item in roots], training)
        program = torch.export.export(module, args, kwargs, dynamic_shapes=wishes, strict=False)
    holders = {node.name: node for node in program.graph.nodes if node.op == "placeholder"}
    shapes = [
        list(holders[name].meta["val"].shape)
        for name in program.graph_signature.user_inputs
        if isinstance(name, str) and name in holders and isinstance(holders[name].meta.get("val"), torch.Tensor)
    ]
    ranges = {
        str(symbol): (limits.lower, "∞" if not _is_small(limits.upper) else limits.upper)
        for symbol, limits in program.range_constraints.items()
    }
    return shapes, ranges


class _Called(torch.nn.Module):
    """A function as a module."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.forward = function


def _tensors(values: Any) -> list[torch.Tensor]:
    return [item for item in tree_leaves(values) if isinstance(item, torch.Tensor)]


def _is_small(number: Any) -> bool:
    text = str(number)
    return text.isdecimal() and len(text) < 10
