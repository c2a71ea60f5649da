"""More arguments of the model that was captured, as input tensors.

In: the capture, and arguments in the forms that ``export`` takes. Out: for each, tensors in the order of ``capture.inputs``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from onnx_explore.capture.captured import Capture
from onnx_explore.capture.inputs import open_call
from onnx_explore.errors import InvalidArgument


def sample_inputs(
    model: Callable[..., Any], capture: Capture, samples: Sequence[Any]
) -> tuple[tuple[torch.Tensor, ...], ...]:
    """The input tensors of each sample.

    Args:
        model: The model.
        capture: What was captured of it.
        samples: Arguments, each as ``args`` of ``export``.

    Raises:
        InvalidArgument: If a sample does not have the structure, the dtypes and ranks, and the constants of the captured
            arguments. Sizes may be others.
    """
    captured = open_call(model, capture.args, capture.kwargs, None)
    return tuple(_inputs(model, capture, captured.constants, f"samples[{i}]", item) for i, item in enumerate(samples))


def _inputs(
    model: Callable[..., Any], capture: Capture, constants: Mapping[str, Any], name: str, sample: Any
) -> tuple[torch.Tensor, ...]:
    try:
        call = open_call(model, sample, None, None)
    except InvalidArgument as error:
        raise InvalidArgument(f"{name} is no call of the model: {error.message}", argument="samples") from error
    given = {item.path: item.tensor for item in call.inputs}
    wanted = {item.path: item.example for item in capture.inputs}
    _check_places(name, set(given) | set(call.constants), set(wanted) | set(constants))
    for path, example in wanted.items():
        tensor = given.get(path)
        if tensor is None:
            raise _wrong(f"{path} of {name} is no tensor")
        if tensor.dtype != example.dtype:
            raise _wrong(f"{path} of {name} is {tensor.dtype}, where {example.dtype} was captured")
        if tensor.dim() != example.dim():
            raise _wrong(f"{path} of {name} has {tensor.dim()} dimensions, where {example.dim()} were captured")
    for path, value in constants.items():
        if path in given:
            raise _wrong(f"{path} of {name} is a tensor, where {value!r} was captured")
        if isinstance(value, bool | int | float | str) and call.constants[path] != value:
            raise _wrong(f"{path} of {name} is {call.constants[path]!r}, and {value!r} is hard-coded into the graph")
    return tuple(given[path].detach() for path in wanted)


def _check_places(name: str, given: set[str], wanted: set[str]) -> None:
    lacking, strange = sorted(wanted - given), sorted(given - wanted)
    if lacking:
        raise _wrong(f"{name} has no {', '.join(lacking)}")
    if strange:
        raise _wrong(f"{name} has {', '.join(strange)}, which the captured arguments do not have")


def _wrong(message: str) -> InvalidArgument:
    return InvalidArgument(
        message, argument="samples", action="give each sample the structure, dtypes and constants of args"
    )
