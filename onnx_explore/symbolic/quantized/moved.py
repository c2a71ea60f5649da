"""ATen operators on quantized tensors: those that only move values work on the integers, others on real numbers.

Which symbolic function they are made of is that of the same operator on other tensors. In order:

1. moved: the integers go through it, the grid stays (``transpose``, ``max_pool2d`` …); so do all its results.
2. ordered: it gives values and where they stand (``topk``, ``max`` over a dimension …).
3. averaged: a linear function that keeps the grid, in steps of it, so that halves round as in PyTorch (``avg_pool2d`` …).
4. computed: any other function that keeps the grid (``leaky_relu``, ``clamp`` …).
5. compared: the result is no longer a quantized tensor (``ge``, ``eq`` …).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import onnx_ir as ir

from onnx_explore.emit import Emitter
from onnx_explore.errors import OpsetTooLow, UnsupportedOperatorError
from onnx_explore.symbolic.aten.permute import permuted
from onnx_explore.symbolic.binding import bind, quantized_constant
from onnx_explore.symbolic.lowered import Constant, Grid, Lowered, Quantized
from onnx_explore.symbolic.quantized.arithmetic import same_grid
from onnx_explore.symbolic.quantized.grids import in_floats, on_grid, one_scale, real
from onnx_explore.symbolic.registry import REGISTRY, Variant, symbolic
from onnx_explore.torch_ir import TorchNode

_MOVED = """
    as_strided broadcast_to channel_shuffle chunk diagonal expand expand_as flatten flip index index_select max_pool1d
    max_pool2d max_pool3d narrow numpy_T permute pixel_shuffle pixel_unshuffle quantized_max_pool1d quantized_max_pool2d
    quantized_max_pool3d repeat reshape reshape_as select slice split split_with_sizes squeeze stack t
    tile transpose unbind unflatten unfold unsafe_chunk unsafe_split unsafe_split_with_sizes unsqueeze
    upsample_nearest2d upsample_nearest3d _upsample_nearest_exact2d _upsample_nearest_exact3d view view_as
"""
_ORDERED = "max min sort topk"
_AVERAGED = """
    adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d avg_pool1d avg_pool2d avg_pool3d mean relu
    upsample_bilinear2d
"""
_COMPUTED = """
    clamp gelu grid_sampler hardtanh leaky_relu masked_fill pad prelu relu6 std threshold
"""
_COMPARED = "eq ge gt le lt ne"

_PLAIN_NAMES = {f"quantized_max_pool{dims}d": f"max_pool{dims}d" for dims in (1, 2, 3)}


def _run(g: Emitter, node: TorchNode, inputs: Sequence[Lowered]) -> Any:
    """What the symbolic function for other tensors makes of these inputs."""
    name = node.target.partition("::")[2]
    target = f"aten::{_PLAIN_NAMES.get(name, name)}"
    assert node.schema is not None
    entries = REGISTRY.lookup(target, node.overload)
    for entry in entries:
        variant = entry.at(g.opset)
        if variant is not None and variant.style == "raw":
            return variant.function(g, node, tuple(inputs))
        if variant is not None:
            return variant.function(g, **bind(g, node.schema, variant.function, inputs))
    first = min(item.since for entry in entries for item in entry.variants)
    raise OpsetTooLow(f"its symbolic function needs opset {first}", first=first, target=node.target)


def _quantized(g: Emitter, inputs: Sequence[Lowered]) -> list[Quantized]:
    """All quantized tensors among the inputs, in order."""
    found: list[Quantized] = []
    for item in inputs:
        if isinstance(item, tuple):
            found.extend(_quantized(g, item))
        elif isinstance(item, Quantized):
            found.append(item)
        elif isinstance(item, Constant) and item.tensor.is_quantized:
            found.append(quantized_constant(g, item))
    return found


def _replaced(g: Emitter, inputs: Sequence[Lowered], replace: Callable[[Quantized], ir.Value]) -> list[Lowered]:
    """The inputs with something else in place of the quantized tensors."""
    made: list[Lowered] = []
    for item in inputs:
        if isinstance(item, tuple):
            made.append(tuple(_replaced(g, item, replace)))
        elif isinstance(item, Constant) and item.tensor.is_quantized:
            made.append(replace(quantized_constant(g, item)))
        else:
            made.append(replace(item) if isinstance(item, Quantized) else item)
    return made


def _grid(tensors: Sequence[Quantized]) -> Grid:
    """The one grid of all operands.

    Raises:
        UnsupportedOperatorError: If there are several.
    """
    grid = one_scale(tensors[0])
    if not all(same_grid(item.grid, grid) for item in tensors[1:]):
        raise UnsupportedOperatorError(
            "its tensors are on different grids", action="quantize all of them with the same scale and zero point"
        )
    return grid


def moved(g: Emitter, node: TorchNode, inputs: Sequence[Lowered]) -> Any:
    """The integers go through the operator."""
    tensors = _quantized(g, inputs)
    grid = _grid(tensors)
    result = _run(g, node, _replaced(g, inputs, lambda item: item.integers))
    if isinstance(result, list | tuple):
        return [Quantized(item, grid) for item in result]  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    return Quantized(result, grid)


def ordered(g: Emitter, node: TorchNode, inputs: Sequence[Lowered]) -> Any:
    """The integers go through the operator; if it gives places, too, these are as they are."""
    grid = _grid(_quantized(g, inputs))
    expected = g.expected
    result = _run(g, node, _replaced(g, inputs, lambda item: item.integers))
    g.expected = expected
    if isinstance(result, list | tuple):
        values, places = result  # pyright: ignore[reportUnknownVariableType]
        return [Quantized(values, grid), places]
    return Quantized(result, grid)


def averaged(g: Emitter, node: TorchNode, inputs: Sequence[Lowered]) -> Quantized:
    """A linear function of the steps: as if the scale were 1.

    PyTorch adds the zero point before it rounds, so that halves go to an even integer, not to an even number of steps; but its
    kernel of ``avg_pool2d`` and ``avg_pool3d`` for channels last, which is what quantized convolutions give, rounds first.
    """
    (operand,) = _quantized(g, inputs)
    grid = one_scale(operand)
    steps, dtype = Grid(1.0, grid.zero_point), g.dtype(operand.integers)
    with in_floats(g):
        result = _run(g, node, _replaced(g, inputs, lambda item: real(g, Quantized(item.integers, steps))))
    if _rounds_first(node):
        return Quantized(on_grid(g, result, steps, dtype).integers, grid)
    point = grid.zero_point
    if isinstance(point, ir.Value) or point:
        point = point if isinstance(point, ir.Value) else g.const(float(point), ir.DataType.FLOAT)
        result = g.op("Add", result, g.cast(point, ir.DataType.FLOAT))
    return Quantized(on_grid(g, result, Grid(1.0, 0), dtype).integers, grid)


def _rounds_first(node: TorchNode) -> bool:
    """Whether the operator rounds steps: ``relu`` has none to round, and pools of channels last do."""
    strides = node.inputs[0].strides
    pooled = node.target in ("aten::avg_pool2d", "aten::avg_pool3d")
    return node.target == "aten::relu" or (pooled and strides is not None and strides[1] == 1)


def computed(g: Emitter, node: TorchNode, inputs: Sequence[Lowered]) -> Quantized:
    """A function of the real numbers; the result is on the first operand's grid."""
    first = _quantized(g, inputs)[0]
    with in_floats(g):
        result = _run(g, node, _replaced(g, inputs, lambda item: real(g, item)))
    return on_grid(g, result, one_scale(first), g.dtype(first.integers))


def compared(g: Emitter, node: TorchNode, inputs: Sequence[Lowered]) -> Any:
    """A function of the real numbers whose result is no quantized tensor."""
    return _run(g, node, _replaced(g, inputs, lambda item: real(g, item)))


def _register() -> None:
    for names, function in (
        (_MOVED, moved), (_ORDERED, ordered), (_AVERAGED, averaged), (_COMPUTED, computed), (_COMPARED, compared),
    ):  # fmt: skip
        for name in names.split():
            (entry,) = REGISTRY.lookup(f"aten::{_PLAIN_NAMES.get(name, name)}", "")
            REGISTRY.function(f"quantized_tensor::{name}").add(Variant(entry.variants[0].since, function, style="raw"))


_register()


@symbolic("quantized_tensor::movedim")
def movedim(g: Emitter, self: Quantized, source: list[int], destination: list[int]) -> Quantized:
    """movedim.intlist(Tensor(a) self, int[] source, int[] destination) -> Tensor(a)"""
    rank = g.rank(self.integers)
    placed = {g.axis(self.integers, to): g.axis(self.integers, of) for of, to in zip(source, destination, strict=True)}
    rest = iter(axis for axis in range(rank) if axis not in placed.values())
    order = [placed[axis] if axis in placed else next(rest) for axis in range(rank)]
    return Quantized(permuted(g, self.integers, order), one_scale(self))
