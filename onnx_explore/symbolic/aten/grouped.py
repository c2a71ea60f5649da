"""Products of groups of rows with a matrix each, as the experts of a mixture take them."""

from __future__ import annotations

import onnx_ir as ir

from onnx_explore.emit import Emitter, forms, shapes
from onnx_explore.errors import UnsupportedOperatorError
from onnx_explore.symbolic.annotations import DType, Tensor
from onnx_explore.symbolic.registry import symbolic


@symbolic("aten::_grouped_mm")
def grouped_mm(
    g: Emitter,
    self: Tensor,
    mat2: Tensor,
    offs: Tensor | None = None,
    bias: Tensor | None = None,
    out_dtype: DType | None = None,
) -> Tensor:
    """_grouped_mm(Tensor self, Tensor mat2, Tensor? offs=None, Tensor? bias=None, ScalarType? out_dtype=None) -> Tensor:
    rows up to ``offs[0]`` with the first matrix, from there to ``offs[1]`` with the second, …
    """
    if bias is not None:
        raise UnsupportedOperatorError("PyTorch has no grouped product with it, either", argument="bias")
    if offs is None:
        result = g.op("MatMul", self, mat2)
    elif g.rank(self) == 2 and g.rank(mat2) == 3:
        result = _by_rows(g, self, mat2, offs)
    else:
        raise UnsupportedOperatorError(
            "groups of columns: only groups of rows of 'self' are supported", argument="offs"
        )
    return result if out_dtype is None else g.cast(result, out_dtype)


def _by_rows(g: Emitter, x: Tensor, matrices: Tensor, offs: Tensor) -> Tensor:
    groups = shapes.size(g, matrices, 0)
    if not isinstance(groups, int):
        raise UnsupportedOperatorError("the number of groups is only known when the model runs", argument="mat2")
    ends = [forms.select(g, g.cast(offs, ir.DataType.INT64), 0, group) for group in range(groups)]
    products: list[Tensor] = []
    for group, end in enumerate(ends):
        rows = forms.slice_axes(g, x, [ends[group - 1] if group else 0], [end], [0])
        products.append(g.op("MatMul", rows, forms.select(g, matrices, 0, group)))
    return g.op("Concat", *products, axis=0)
