"""Runs the captured model again, on other tensors, as it ran when it was captured: what a check compares with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from onnx_explore.capture.captured import Capture
from onnx_explore.capture.capturing import Training
from onnx_explore.capture.guard import guarded, model_mode
from onnx_explore.capture.inputs import open_call
from onnx_explore.capture.outputs import open_result
from onnx_explore.capture.parameters import all_modules, root_modules

Rerun = Callable[[tuple[torch.Tensor, ...]], tuple[torch.Tensor, ...]]


def make_rerun(model: Callable[..., Any], capture: Capture, training: Training = "eval") -> Rerun:
    """A function from input tensors (in the order of ``capture.inputs``) to output tensors.

    Args:
        model: The model.
        capture: What was captured of it.
        training: The mode that it was captured in, as for ``capture``.

    The model's mode and buffers, the random state and torch's flags are afterwards as they were.
    """
    call = open_call(model, capture.args, capture.kwargs, None)
    roots = root_modules(model)
    modules = all_modules(roots)
    scripted = isinstance(model, torch.jit.ScriptModule | torch.jit.ScriptFunction)

    def rerun(inputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        args, kwargs = call.arguments([tensor.clone() for tensor in inputs])
        with guarded(modules), torch.no_grad():
            model_mode([module for _, module in roots], training)
            result = open_result(model(*args, **kwargs), numbers=scripted)
            return tuple(tensor.detach().clone() for tensor in result.tensors)

    return rerun
