"""What a capture gives: the TorchGraph, how the user's arguments map onto its inputs, and what left the trace."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

import torch

from onnx_explore.capture.classes import CalledModule
from onnx_explore.torch_ir import Frame, TorchGraph, TorchValue


@dataclass(frozen=True, slots=True)
class GraphInput:
    """One tensor that the caller passes.

    Attributes:
        name: Name in the ONNX graph: the user's, else the ``forward`` parameter's name with the path inside a container
            (``mask``, ``states_0``, ``batch_ids`` for ``batch["ids"]``), made unique.
        path: Where it stands in the call, such as ``args[0]``, ``kwargs['mask']``, ``args[1][0]['ids']``.
        value: The block parameter.
        example: The caller's tensor. Numbers given to a scripted model stand as 0-d tensors.
        sequence: For an element of a list that a scripted model takes: the name of the list, which is one input of the ONNX
            graph (a sequence of any length); else ``""``.
        optional: Whether a scripted model declares it as ``Optional[Tensor]``.
    """

    name: str
    path: str
    value: TorchValue
    example: torch.Tensor
    sequence: str = ""
    optional: bool = False

    @property
    def onnx_name(self) -> str:
        """Name in the ONNX graph: of the list, for an element of one."""
        return self.sequence or self.name

    @property
    def onnx_path(self) -> str:
        """Where that stands."""
        return self.path.rpartition("[")[0] if self.sequence else self.path


@dataclass(frozen=True, slots=True)
class GraphOutput:
    """One tensor that the model returns.

    Attributes:
        name: Name in the ONNX graph: the user's, else made from the path (``logits`` for ``out["logits"]``, else
            ``output``, ``output_0`` …).
        path: Where it stands in the returned structure, such as ``out``, ``out['logits']``, ``out[1][0]``.
        value: The returned value.
        rank: How many dimensions the tensor had in the captured run, where ``value`` does not say so.
        sequence: For an element of a list that a scripted model returns: the name of the list, which is one output of the
            ONNX graph; ``value`` is the list then.
        every: For a part of an element of a list of structures: where the parts that are one output stand.
    """

    name: str
    path: str
    value: TorchValue
    rank: int | None = None
    sequence: str = ""
    every: str = ""

    @property
    def onnx_name(self) -> str:
        """Name in the ONNX graph: of the list, for an element of one."""
        return self.sequence or self.name

    @property
    def onnx_path(self) -> str:
        """Where that stands."""
        return self.every or (self.path.rpartition("[")[0] if self.sequence else self.path)


_End = TypeVar("_End", GraphInput, GraphOutput)


def one_each(items: Sequence[_End]) -> list[_End]:
    """One of each input (output) of the ONNX graph: of the elements of a list, the first."""
    return list({item.onnx_name: item for item in reversed(items)}.values())[::-1]


def feeds_of(inputs: Sequence[GraphInput], tensors: Sequence[torch.Tensor | None]) -> dict[str, Any]:
    """What the ONNX model is given: tensors by name, the elements of a list together."""
    feeds: dict[str, Any] = {}
    for item, tensor in zip(inputs, tensors, strict=True):
        if item.sequence:
            feeds.setdefault(item.sequence, []).append(tensor)
        else:
            feeds[item.name] = tensor
    return feeds


@dataclass(frozen=True, slots=True)
class Conversion:
    """A tensor (or a traced size) that was turned into a Python value while tracing: from there on a constant.

    Attributes:
        kind: ``int``, ``float``, ``bool``, ``len``, ``index``, ``item``, ``numpy``, ``tolist``, ``format``, ``iter`` …
        value: The Python value, as ``repr``, shortened.
        frame: The user's source line, with the column where Python knows it (3.11 and newer).
        scope: The module path.
        of: What it was computed from: ``"size"`` (sizes and constants alone), ``"data"`` (a tensor's elements, too), or ``""``
            where that is not known.
        constants: For ``of="size"``: the numbers that went into it, such as the 512 of ``x.shape[1] > 512``.
        after: Id of the last value that was recorded before, or None.
    """

    kind: str
    value: str
    frame: Frame | None
    scope: str
    of: Literal["size", "data", ""] = ""
    constants: tuple[int | float, ...] = ()
    after: int | None = None


@dataclass(frozen=True, slots=True)
class CaptureNote:
    """A line for the recording: severity, stable code, message, source line."""

    severity: Literal["info", "warning", "error"]
    code: str
    message: str
    where: str = ""


@dataclass(frozen=True, slots=True)
class Capture:
    """A captured model.

    Attributes:
        graph: The TorchGraph.
        mode: ``"trace"`` or ``"script"``.
        inputs: One per tensor input, in the order of ``graph.inputs``.
        outputs: One per returned tensor, in the order of ``graph.outputs``.
        args: Positional arguments of the call, as given (trailing dict split off).
        kwargs: Keyword arguments of the call.
        conversions: Sizes and tensors that left the trace, in order.
        notes: Flattened outputs, dropped outputs, constant inputs, ….
        training: Whether the model was captured in training mode.
        seconds: Wall time of the capture.
        eager: The tensors that the model returned while it was captured, in the order of ``outputs``.
        replay: Runs the recorded graph in PyTorch on the given input tensors (in the order of ``inputs``) and returns
            the tensors of ``outputs``.
        called: Module path (with the number of the call, from the second on) → module, for every call of a module's
            ``forward``.
    """

    graph: TorchGraph
    mode: Literal["trace", "script"]
    inputs: tuple[GraphInput, ...]
    outputs: tuple[GraphOutput, ...]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    conversions: tuple[Conversion, ...]
    notes: tuple[CaptureNote, ...]
    training: bool
    seconds: float
    eager: tuple[torch.Tensor, ...]
    replay: Callable[[tuple[torch.Tensor, ...]], tuple[torch.Tensor, ...]] = field(repr=False)
    called: Mapping[str, CalledModule] = field(default_factory=dict[str, CalledModule], repr=False)
