"""Runs the recorded graph in PyTorch, and compares it with what the model gave.

A difference is a capture that lost something: a write that the tracer did not see, a value that is not deterministic.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Generator, Sequence
from typing import Any

import torch

from onnx_explore.capture.captured import Capture, GraphOutput
from onnx_explore.capture.torch_api import api
from onnx_explore.errors import CaptureDiverged
from onnx_explore.torch_ir import TorchBlock, TorchGraph, TorchNode, TorchValue, walk

Replay = Callable[[tuple[torch.Tensor, ...]], tuple[torch.Tensor, ...]]

# They update their running statistics, which their schemas do not say.
_UPDATES = {"aten::batch_norm": (3, 4), "aten::instance_norm": (3, 4), "aten::native_batch_norm": (3, 4)}


def make_replay(
    make_function: Callable[[], Callable[..., Any]], mirrored: TorchGraph, random_state: torch.Tensor
) -> Replay:
    """A function that runs the recorded graph on copies of its inputs.

    Args:
        make_function: Makes a function of torch's graph, which takes the inputs and then the parameters.
        mirrored: The graph's mirror.
        random_state: State of the CPU's random numbers when the model ran; the graph draws the same numbers.
    """
    tensors = [parameter.tensor for parameter in mirrored.parameters]

    @functools.cache  # most captures are never replayed
    def prepared() -> tuple[Callable[..., Any], set[int], list[torch.Tensor]]:
        constants = [node for node in walk(mirrored.block) if isinstance(node.constant, torch.Tensor)]
        roots = [*(parameter.value for parameter in mirrored.parameters), *(node.output for node in constants)]
        written = _written(mirrored.block, roots)
        # A constant may be a tensor that the model holds; the graph holds it too, so it cannot run on a copy.
        live = [node.constant for index, node in enumerate(constants, len(tensors)) if index in written]
        return make_function(), written, live

    def replay(inputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        function, written, live = prepared()
        copies = [copy_of(tensor) for tensor in inputs]
        weights = [copy_of(tensor) if index in written else tensor.detach() for index, tensor in enumerate(tensors)]
        with torch.no_grad(), _unchanged(live), _random_state(random_state), api().optimized_execution(False):
            result = function(*copies, *weights)
        return tuple(result) if isinstance(result, (tuple, list)) else (result,)

    return replay


def copy_of(tensor: torch.Tensor) -> torch.Tensor:
    """A copy with the same strides; the tensor itself where they cannot be copied (expanded tensors)."""
    detached = tensor.detach()
    copy = detached.clone()
    if detached.layout == torch.strided and not detached.is_mkldnn and copy.stride() != detached.stride():
        return detached
    return copy


@contextlib.contextmanager
def _unchanged(tensors: Sequence[torch.Tensor]) -> Generator[None]:
    before = [tensor.clone() for tensor in tensors]
    try:
        yield
    finally:
        for tensor, content in zip(tensors, before, strict=True):
            tensor.copy_(content)


@contextlib.contextmanager
def _random_state(state: torch.Tensor) -> Generator[None]:
    before = torch.get_rng_state()
    torch.set_rng_state(state)
    try:
        yield
    finally:
        torch.set_rng_state(before)


def _written(block: TorchBlock, roots: Sequence[TorchValue]) -> set[int]:
    """Positions of the roots that the block may write to, directly or through a view."""
    bases: dict[TorchValue, set[int]] = {value: {index} for index, value in enumerate(roots)}
    written: set[int] = set()
    for node in walk(block):
        reached = [bases.get(value) for value in node.inputs]
        if not any(reached):
            continue
        together = set[int]().union(*(base for base in reached if base))
        if node.schema is None:
            bases.update((value, together) for value in node.outputs)
            bases.update((value, together) for inner in node.blocks for value in inner.params)
            continue
        updates = _UPDATES.get(node.target, ())
        for index, (argument, base) in enumerate(zip(node.schema.arguments, reached, strict=False)):
            if base and (argument.written or index in updates):
                written |= base
        for value, returned in zip(node.outputs, node.schema.returns, strict=False):
            if returned.alias or value.kind.endswith("[]"):
                bases[value] = together
    return written


def check_replay(capture: Capture) -> None:
    """Replays a capture on its own example inputs, and compares with what the model returned.

    Raises:
        CaptureDiverged: If an output differs; it names the output, the largest difference and the likely cause.
    """
    replayed = capture.replay(tuple(item.example for item in capture.inputs))
    for output, expected, got in zip(capture.outputs, capture.eager, replayed, strict=True):
        difference = _difference(expected, got)
        if difference:
            where, cause = _likely_cause(capture, output)
            raise CaptureDiverged(
                f"output {output.name!r} of the recorded graph differs from the model's: {difference}; {cause}",
                where=where,
                action="make the model compute this with torch operators on its inputs",
            )


def _difference(expected: torch.Tensor, got: torch.Tensor) -> str:
    """What differs, in words; empty if nothing does."""
    if expected.shape != got.shape:
        return f"shape {tuple(expected.shape)} became {tuple(got.shape)}"
    if expected.is_quantized or expected.layout != torch.strided:
        expected, got = (
            expected.dequantize() if expected.is_quantized else expected.to_dense(),
            (got.dequantize() if got.is_quantized else got.to_dense()),
        )
    if not (expected.is_floating_point() or expected.is_complex()):
        wrong = (expected != got).sum().item()
        return f"{wrong} of {expected.numel()} elements" if wrong else ""
    wide = torch.complex128 if expected.is_complex() or got.is_complex() else torch.float64
    narrow = expected.dtype in (torch.float16, torch.bfloat16)
    left, right = expected.detach().to(wide), got.detach().to(wide)
    if torch.allclose(left, right, rtol=1e-2 if narrow else 1e-4, atol=1e-3 if narrow else 1e-6, equal_nan=True):
        return ""
    gap = (left - right).abs()
    return f"by {gap[~gap.isnan()].max().item() if (~gap.isnan()).any() else float('nan'):.3g} at most"


def _likely_cause(capture: Capture, output: GraphOutput) -> tuple[str, str]:
    """Source line and explanation of what the graph most likely lacks."""
    nodes = _above(capture.graph.block, output.value)
    drawn = next((node for node in nodes if node.target in _RANDOM), None)
    if drawn is not None:
        return drawn.origin.where, "it depends on random numbers that cannot be drawn again"
    hidden = next((item for item in capture.conversions if item.kind in ("numpy", "data_ptr", "dlpack")), None)
    if hidden is not None and hidden.frame is not None:
        place = f"{hidden.frame.file}:{hidden.frame.line}"
        return place, "a tensor left the trace there, and what was written or computed outside is not recorded"
    last = next((node for node in reversed(nodes) if node.target.startswith("aten::")), None)
    where = last.origin.where if last is not None else ""
    return where, (
        "something wrote to a tensor behind the tracer's back, such as through .data, .numpy() or a C++ extension, "
        "or the model keeps state between calls; this line is the last recorded operator before the output"
    )


_RANDOM = {
    "aten::rand", "aten::randn", "aten::rand_like", "aten::randn_like", "aten::randint", "aten::randint_like",
    "aten::randperm", "aten::bernoulli", "aten::bernoulli_", "aten::multinomial", "aten::normal", "aten::normal_",
    "aten::uniform_", "aten::dropout", "aten::dropout_", "aten::feature_dropout", "aten::alpha_dropout", "aten::rrelu",
    "aten::random_", "aten::poisson", "aten::exponential_",
}  # fmt: skip


def _above(block: TorchBlock, value: TorchValue) -> Sequence[TorchNode]:
    """The nodes that a value depends on, in order (writes are not followed)."""
    makers = {output: node for node in walk(block) for output in node.outputs}
    found: dict[int, TorchNode] = {}
    pending = [value]
    while pending:
        node = makers.get(pending.pop())
        if node is not None and node.id not in found:
            found[node.id] = node
            pending.extend(node.inputs)
            for inner in node.blocks:
                pending.extend(inner.returns)
    return sorted(found.values(), key=lambda node: node.id)
