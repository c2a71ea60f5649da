"""``x[...]`` with tensors: aten::index and aten::index_put.

Every mask becomes index tensors (NonZero), so that one rule is left: index tensors broadcast to a common shape, which takes
the place of the indexed dimensions where those are adjacent, and goes to the front where they are not.

    x[mask]           → Compress                        x[mask] = number      → Where
    x[:, i]           → Gather                          x[i] = rows           → ScatterND
    x[i, j], x[i,:,j] → (Transpose) GatherND            x[:, i, :, j] = rows  → Transpose, ScatterND, Transpose
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import onnx_ir as ir

from onnx_explore.emit import Emitter, forms, shapes
from onnx_explore.emit.forms.comparison import where
from onnx_explore.errors import UnsupportedOperatorError
from onnx_explore.symbolic.annotations import Dim, Operand, Tensor
from onnx_explore.symbolic.aten.permute import permuted
from onnx_explore.symbolic.promotion import as_type
from onnx_explore.symbolic.registry import symbolic

_MASKS = (ir.DataType.BOOL, ir.DataType.UINT8)


@dataclass(frozen=True, slots=True)
class _Place:
    """One entry of an index: a tensor at a dimension; a mask covers as many dimensions as it has."""

    dim: int
    tensor: ir.Value

    @property
    def is_mask(self) -> bool:
        return self.tensor.dtype in _MASKS

    @property
    def span(self) -> int:
        assert self.tensor.shape is not None
        return len(self.tensor.shape) if self.is_mask else 1


def _places(g: Emitter, x: ir.Value, indices: Sequence[ir.Value | None]) -> list[_Place]:
    """The entries that are not None. (A 0-d mask never comes: Python's indexing makes it 1-d.)"""
    places: list[_Place] = []
    dim = 0
    for entry in indices:
        if entry is None:
            dim += 1
            continue
        place = _Place(dim, entry)
        places.append(place)
        dim += place.span
    if dim > g.rank(x):
        raise UnsupportedOperatorError(f"{dim} indices for a tensor of rank {g.rank(x)}", argument="indices")
    return places


def _as_integers(g: Emitter, places: Sequence[_Place]) -> tuple[list[int], list[ir.Value]]:
    """Dimensions and integer index tensors; a mask gives one tensor for each of its dimensions."""
    dims: list[int] = []
    tensors: list[ir.Value] = []
    for place in places:
        if not place.is_mask:
            dims.append(place.dim)
            tensors.append(place.tensor)
            continue
        found = g.op("NonZero", g.cast(place.tensor, ir.DataType.BOOL))
        for offset in range(place.span):
            dims.append(place.dim + offset)
            tensors.append(forms.select(g, found, 0, offset))
    return dims, tensors


def _adjacent(dims: Sequence[int]) -> bool:
    return dims[-1] - dims[0] == len(dims) - 1


@symbolic("aten::index", "aten::_unsafe_index")
def index(g: Emitter, self: Tensor, indices: list[Tensor | None]) -> Tensor:
    """index.Tensor(Tensor self, Tensor?[] indices) -> Tensor"""
    x, places = self, _places(g, self, indices)
    if not places:
        return x
    if len(places) == 1 and places[0].is_mask:
        g.requires(9, "a mask as an index")
        (place,) = places
        merged = forms.merge(g, x, place.dim, place.dim + place.span - 1)
        mask = forms.reshape(g, g.cast(place.tensor, ir.DataType.BOOL), [-1])
        return g.op("Compress", merged, mask, axis=place.dim)
    if any(place.is_mask for place in places):
        g.requires(9, "a mask as an index")
    dims, tensors = _as_integers(g, places)
    if len(dims) == 1:
        return forms.gather(g, x, tensors[0], dims[0])
    assert x.shape is not None
    sizes = [size for size in (x.shape[dim] for dim in dims) if isinstance(size, int)]
    if _adjacent(dims) and dims[0] and len(sizes) == len(dims):
        merged = forms.merge(g, x, dims[0], dims[-1])
        return forms.gather(g, merged, forms.linear(g, tensors, sizes), dims[0])
    rest = [dim for dim in range(g.rank(x)) if dim not in dims]
    taken = forms.gather_nd(g, permuted(g, x, [*dims, *rest]), tensors)
    if not _adjacent(dims) or dims[0] == 0:
        return taken
    width = max(g.rank(tensor) for tensor in tensors)
    before = [width + number for number in range(dims[0])]
    after = [width + number for number in range(dims[0], len(rest))]
    return permuted(g, taken, [*before, *range(width), *after])


@symbolic("aten::_unsafe_masked_index")
def unsafe_masked_index(g: Emitter, self: Tensor, mask: Tensor, indices: list[Tensor | None], fill: Operand) -> Tensor:
    """_unsafe_masked_index(Tensor self, Tensor mask, Tensor?[] indices, Scalar fill) -> Tensor

    Where the mask is false the index may be out of range; it is read as 0 there.
    """
    zero = g.const(0)
    safe = [None if item is None else where(g, mask, g.cast(item, ir.DataType.INT64), zero) for item in indices]
    taken = index(g, self, safe)
    return where(g, mask, taken, as_type(g, fill, g.dtype(self)))


@symbolic("aten::index_put", "aten::_unsafe_index_put")
def index_put(
    g: Emitter, self: Tensor, indices: list[Tensor | None], values: Tensor, accumulate: bool = False
) -> Tensor:
    """index_put(Tensor self, Tensor?[] indices, Tensor values, bool accumulate=False) -> Tensor"""
    values = g.cast(values, g.dtype(self))
    places = _places(g, self, indices)
    if not places:
        return _sum(g, self, values) if accumulate else forms.expand(g, values, shapes.sizes(g, self))
    if len(places) == 1 and places[0].is_mask:
        result = _put_masked(g, self, places[0], values, accumulate)
        if result is not None:
            return result
    return _put(g, self, places, values, accumulate)


@symbolic("aten::_index_put_impl")
def index_put_impl(
    g: Emitter,
    self: Tensor,
    indices: list[Tensor | None],
    values: Tensor,
    accumulate: bool = False,
    unsafe: bool = False,
) -> Tensor:
    """_index_put_impl(Tensor self, Tensor?[] indices, Tensor values, bool accumulate=False, bool unsafe=False) -> Tensor"""
    return index_put(g, self, indices, values, accumulate)


def _sum(g: Emitter, x: ir.Value, y: ir.Value) -> ir.Value:
    return g.op("Or" if x.dtype == ir.DataType.BOOL else "Add", x, y)


def _put_masked(g: Emitter, x: ir.Value, place: _Place, values: ir.Value, accumulate: bool) -> ir.Value | None:
    """Where, if the values do not differ from one masked element to the next; None if they may."""
    rest = g.rank(x) - place.dim - place.span
    assert values.shape is not None
    extra = len(values.shape) - rest
    if any(dim != 1 for dim in values.shape[: max(extra, 0)]):
        return None
    g.requires(9, "a mask as an index")
    row = forms.squeeze(g, values, list(range(max(extra, 0))))
    mask = g.cast(place.tensor, ir.DataType.BOOL)
    mask = forms.unsqueeze(g, mask, [place.span + number for number in range(rest)])
    return where(g, mask, _sum(g, x, row) if accumulate else row, x)


def _put(g: Emitter, x: ir.Value, places: Sequence[_Place], values: ir.Value, accumulate: bool) -> ir.Value:
    if any(place.is_mask for place in places):
        g.requires(9, "a mask as an index")
    if accumulate:
        g.requires(16, "index_put that accumulates")
    sizes = shapes.sizes(g, x)
    dims, tensors = _as_integers(g, places)
    tensors = [forms.wrapped(g, tensor, sizes[dim]) for dim, tensor in zip(dims, tensors, strict=True)]
    rest = [dim for dim in range(len(sizes)) if dim not in dims]
    coordinates = forms.coordinates(g, tensors)
    width = g.rank(coordinates) - 1
    common: list[Dim] = [shapes.size(g, coordinates, axis) for axis in range(width)]
    front = dims[0] if _adjacent(dims) else 0
    shape = [*[sizes[dim] for dim in rest[:front]], *common, *[sizes[dim] for dim in rest[front:]]]
    given = _with_rank(g, values, len(shape))
    given = forms.expand(g, given, shape)
    given = permuted(g, given, [*range(front, front + width), *range(front), *range(front + width, len(shape))])
    order = [*dims, *rest]
    kind = "none"
    if accumulate:
        kind = "max" if x.dtype == ir.DataType.BOOL else "add"
    written = forms.scatter_nd(g, permuted(g, x, order), coordinates, given, kind)
    return permuted(g, written, [order.index(dim) for dim in range(len(order))])


def _with_rank(g: Emitter, values: ir.Value, rank: int) -> ir.Value:
    """Values with more dimensions than there is room for have leading ones: PyTorch drops them."""
    return forms.squeeze(g, values, list(range(g.rank(values) - rank)))
