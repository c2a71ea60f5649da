"""Sizes behind convolutions and pools, computed once: a network asks for the same ones in every block.

In: a node with a window (Conv, MaxPool …) whose input has symbolic sizes. Out: the spatial sizes that the same window gave
before. Their formula is the dearest of all shape rules (measured: three quarters of lowering a ResNet-50 with dynamic height and
width).
"""

from __future__ import annotations

from typing import Any

import onnx_ir as ir

_WINDOWED = frozenset({"Conv", "MaxPool", "AveragePool", "LpPool"})

_Key = tuple[Any, ...]


class Windows:
    """What windows gave for given sizes."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[_Key, tuple[int | ir.SymbolicDim, ...]] = {}

    def key(self, node: ir.Node) -> _Key | None:
        """What the spatial sizes of the output depend on; None if this node is none of these, or its sizes are numbers."""
        if node.op_type not in _WINDOWED or node.domain or len(node.outputs) != 1:
            return None
        x = node.inputs[0]
        if (
            x is None
            or x.dtype is None
            or x.shape is None
            or len(x.shape) < 3
            or x.shape.is_static()
            or x.shape.has_unknown_dim()
        ):
            return None
        kernel: tuple[Any, ...] = ()
        if node.op_type == "Conv":
            weight = node.inputs[1]
            if weight is None or weight.shape is None or not weight.shape.is_static():
                return None
            kernel = tuple(weight.shape[2:])
        sizes = tuple(dim if isinstance(dim, int) else dim.value for dim in x.shape[2:])
        attributes = tuple(sorted((name, repr(item.value)) for name, item in node.attributes.items()))
        return node.op_type, sizes, kernel, attributes

    def fill(self, key: _Key, node: ir.Node) -> bool:
        """Fill in the output of a node whose key was seen before; whether it was."""
        spatial = self._known.get(key)
        if spatial is None:
            return False
        x = node.inputs[0]
        assert x is not None and x.shape is not None and x.dtype is not None
        channels = x.shape[1]
        if node.op_type == "Conv":
            weight = node.inputs[1]
            assert weight is not None and weight.shape is not None
            channels = weight.shape[0]
        output = node.outputs[0]
        output.shape = ir.Shape([x.shape[0], channels, *spatial])
        output.dtype = x.dtype
        return True

    def remember(self, key: _Key, node: ir.Node) -> None:
        """Keep what a node came to."""
        shape = node.outputs[0].shape
        if shape is not None and len(shape) > 2 and not shape.has_unknown_dim():
            self._known[key] = tuple(shape[2:])
