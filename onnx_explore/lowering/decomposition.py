"""The fallback for a target without a symbolic function: what to ask PyTorch's decomposition for.

In: a node with its lowered inputs. Out: PyTorch's decomposition over other targets, or None.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import onnx_ir as ir

from onnx_explore import dtypes
from onnx_explore.capture.decompose import Decomposed, TensorSpec, decompose
from onnx_explore.emit import Emitter
from onnx_explore.symbolic.lowered import Constant, Lowered
from onnx_explore.symbolic.registry import REGISTRY
from onnx_explore.torch_ir import TorchNode, TorchValue


def decomposition(node: TorchNode, inputs: Sequence[Lowered], g: Emitter) -> Decomposed | None:
    """PyTorch's decomposition of a node; None if there is none, or if too little is known of the inputs.

    Raises:
        UnsupportedOperatorError: If the decomposition would fix a dynamic size.
    """
    if node.schema is None or node.blocks or not node.target.startswith("aten::"):
        return None
    specs: list[Any] = []
    for value, item in zip(node.inputs, inputs, strict=True):
        spec = _spec(value, item)
        if spec is _UNKNOWN:
            return None
        specs.append(spec)

    def keep(target: str) -> bool:
        return any(entry.at(g.opset) is not None for entry in REGISTRY.lookup(target, ""))

    return decompose(node.schema, specs, keep, node.origin)


def tensor_arguments(inputs: Sequence[Lowered]) -> Iterator[Lowered]:
    """The tensors among lowered inputs, in order of appearance: the arguments of a decomposition's graph."""
    for item in inputs:
        if isinstance(item, tuple):
            yield from tensor_arguments(item)
        elif isinstance(item, ir.Value | Constant):
            yield item


_UNKNOWN = object()


def _spec(value: TorchValue, item: Lowered) -> Any:
    if isinstance(item, Constant):
        return TensorSpec(item.tensor.dtype, tuple(item.tensor.shape), (False,) * item.tensor.dim())
    if isinstance(item, ir.Value):
        if value.is_tensor and value.shape is not None and value.dtype is not None:
            return _tensor(item, value.shape)
        return _UNKNOWN
    if isinstance(item, tuple):
        entries = [_entry(entry) for entry in item]
        return _UNKNOWN if any(entry is _UNKNOWN for entry in entries) else entries
    return item


def _entry(item: Lowered) -> Any:
    """An element of a list: its captured shape is not at hand, so it must be static."""
    if isinstance(item, Constant):
        return TensorSpec(item.tensor.dtype, tuple(item.tensor.shape), (False,) * item.tensor.dim())
    if isinstance(item, ir.Value):
        if item.shape is None or item.dtype is None or not item.shape.is_static():
            return _UNKNOWN
        return _tensor(item, tuple(int(dim) for dim in item.shape))  # type: ignore[arg-type]
    return item


def _tensor(item: ir.Value, shape: tuple[int, ...]) -> Any:
    if item.dtype is None or item.shape is None or len(item.shape) != len(shape):
        return _UNKNOWN
    dynamic = tuple(not isinstance(dim, int) for dim in item.shape)
    return TensorSpec(dtypes.to_torch(item.dtype), shape, dynamic)
