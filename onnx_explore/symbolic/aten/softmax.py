"""Softmax and its logarithm."""

from __future__ import annotations

from collections.abc import Callable

from onnx_explore.emit import Emitter
from onnx_explore.emit.forms.softmax import softmax as softmax_form
from onnx_explore.symbolic.annotations import DType, Tensor
from onnx_explore.symbolic.promotion import floating
from onnx_explore.symbolic.registry import alias, symbolic, table


def _make(op_type: str) -> Callable[..., Tensor]:
    def softmax(g: Emitter, self: Tensor, dim: int, dtype: DType | None = None) -> Tensor:
        """softmax.int(Tensor self, int dim, ScalarType? dtype=None) -> Tensor"""
        x = g.cast(self, dtype) if dtype is not None else floating(g, self)[0]
        return softmax_form(g, op_type, x, g.axis(x, dim))

    return softmax


table(
    {
        "aten::softmax": "Softmax",
        "aten::log_softmax": "LogSoftmax",
    },
    _make,
)
alias("aten::softmax", "aten::special_softmax")
alias("aten::log_softmax", "aten::special_log_softmax")


@symbolic("aten::_softmax")
def internal_softmax(g: Emitter, self: Tensor, dim: int, half_to_float: bool) -> Tensor:
    """_softmax(Tensor self, int dim, bool half_to_float) -> Tensor"""
    return _internal(g, "Softmax", self, dim, half_to_float)


@symbolic("aten::_log_softmax")
def internal_log_softmax(g: Emitter, self: Tensor, dim: int, half_to_float: bool) -> Tensor:
    """_log_softmax(Tensor self, int dim, bool half_to_float) -> Tensor"""
    return _internal(g, "LogSoftmax", self, dim, half_to_float)


def _internal(g: Emitter, op_type: str, x: Tensor, dim: int, half_to_float: bool) -> Tensor:
    if half_to_float and g.expected is not None:
        x = g.cast(x, g.expected)
    return softmax_form(g, op_type, x, g.axis(x, dim))
