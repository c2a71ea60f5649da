"""What is checked besides the captured inputs, on request: more inputs, other execution providers.

In: what the user asked for. Out: ``Trials``, of which ``check_export`` makes one check each.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from onnx_explore.capture.captured import Capture, GraphInput
from onnx_explore.capture.samples import sample_inputs
from onnx_explore.check.resize import resampled
from onnx_explore.errors import InvalidArgument

CPU = "CPUExecutionProvider"

_SEED = 1000
"""Of the first random sample."""


@dataclass(frozen=True, slots=True)
class Trials:
    """More trials of an exported model.

    Attributes:
        samples: Name → input tensors, in the order of ``capture.inputs``.
        providers: Execution providers of ONNX Runtime. The first that runs the model also runs what comes after.
    """

    samples: tuple[tuple[str, tuple[torch.Tensor, ...]], ...] = ()
    providers: tuple[str, ...] = (CPU,)


CAPTURED_ONLY = Trials()
"""Nothing besides the captured inputs, on the CPU."""


def read_samples(
    model: Callable[..., Any], capture: Capture, samples: Sequence[Any] | int
) -> tuple[tuple[str, tuple[torch.Tensor, ...]], ...]:
    """Samples by name.

    Args:
        model: The model.
        capture: What was captured of it.
        samples: Arguments, each as ``args`` of ``export``; or how many to draw from the captured ones: values within their
            range, the same in every run.

    Raises:
        InvalidArgument: If it is neither, or a sample does not fit the captured arguments.
    """
    check_samples(samples)
    if isinstance(samples, int | np.integer):
        return tuple(
            (
                f"random sample {number}",
                tuple(resampled(item.example, _SEED + number) for item in capture.inputs),
            )
            for number in range(1, int(samples) + 1)
        )
    found = sample_inputs(model, capture, samples)
    return tuple((f"samples[{number}]", inputs) for number, inputs in enumerate(found))


def check_samples(samples: Any) -> None:
    """Refuse what is no list of samples and no number, before anything runs.

    Raises:
        InvalidArgument: Saying what it is.
    """
    if samples is None or (isinstance(samples, int | np.integer) and not isinstance(samples, bool) and samples >= 0):
        return
    if not isinstance(samples, list | tuple) or hasattr(samples, "_fields"):
        what = repr(samples) if isinstance(samples, int) else f"a {type(samples).__qualname__}"
        raise InvalidArgument(
            f"{what} is neither a list of arguments nor a number from 0 on",
            argument="samples",
            action="pass a list, each item as args, such as samples=[(x1, m1), (x2, m2)]; or how many to draw",
        )


def read_providers(providers: Any) -> tuple[str, ...]:
    """Names of execution providers, each once.

    Raises:
        InvalidArgument: If it is no list of names.
    """
    if providers is None:
        return (CPU,)
    names: list[Any] = list(providers) if isinstance(providers, list | tuple) else []  # pyright: ignore[reportUnknownArgumentType]
    if not names or not all(isinstance(name, str) for name in names):
        raise InvalidArgument(
            f"{providers!r} is no list of names",
            argument="providers",
            action=f'pass names of execution providers, such as providers=["{CPU}"]',
        )
    return tuple(dict.fromkeys(names))


def fixed_size(
    inputs: Sequence[GraphInput], tensors: Sequence[torch.Tensor], dynamic_axes: Mapping[str, Collection[int]]
) -> str:
    """What has another size than was captured, in an axis that is not dynamic, or ``""``."""
    for item, tensor in zip(inputs, tensors, strict=True):
        if item.sequence:
            continue  # the elements of a list have sizes of their own
        rank = tensor.dim()
        free = {axis % rank for axis in dynamic_axes.get(item.onnx_name, ())} if rank else set[int]()
        for axis, (size, captured) in enumerate(zip(tensor.shape, item.example.shape, strict=True)):
            if size != captured and axis not in free:
                return f"axis {axis} of '{item.name}' is {size}; it was exported as {captured}, and is not dynamic"
    return ""
