"""Losses against classes: negative log-likelihood, cross entropy, and the margins between classes.

Classes are counted along dimension 1, or 0 where the batch dimension is missing.
"""

from __future__ import annotations

import onnx_ir as ir

from onnx_explore.emit import Emitter, forms, shapes
from onnx_explore.emit.forms.comparison import where
from onnx_explore.emit.forms.softmax import softmax
from onnx_explore.errors import UnsupportedOperatorError
from onnx_explore.symbolic.annotations import Scalar, Tensor
from onnx_explore.symbolic.aten.cumulative import cumsum
from onnx_explore.symbolic.aten.loss import reduce_loss, relu
from onnx_explore.symbolic.promotion import is_float
from onnx_explore.symbolic.registry import symbolic


def _class_axis(g: Emitter, x: Tensor) -> int:
    return min(g.rank(x), 2) - 1


def _usable(g: Emitter, target: Tensor, ignore_index: int) -> tuple[Tensor, Tensor]:
    """Which targets count, and targets that are in range everywhere."""
    target = g.cast(target, ir.DataType.INT64)
    counts = g.op("Not", g.op("Equal", target, g.const(ignore_index)))
    return counts, where(g, counts, target, g.const(0))


def _picked(g: Emitter, x: Tensor, target: Tensor, axis: int) -> Tensor:
    """``x`` at the target's class."""
    if g.opset < 11 and not isinstance(shapes.size(g, x, axis), int):
        g.requires(11, "a class loss with a number of classes that is known only at run time")
    index = forms.unsqueeze(g, target, [axis])
    return forms.squeeze(g, forms.gather_elements(g, x, index, axis), [axis])


def _likelihood(
    g: Emitter, x: Tensor, target: Tensor, weight: Tensor | None, reduction: int, ignore_index: int
) -> tuple[Tensor, Tensor]:
    """The loss, and the total weight of the targets that count."""
    counts, safe = _usable(g, target, ignore_index)
    loss = g.op("Neg", _picked(g, x, safe, _class_axis(g, x)))
    zero = g.like(0, x)
    if weight is None:
        share = g.cast(counts, g.dtype(x))
    else:
        share = where(g, counts, g.op("Gather", g.cast(weight, g.dtype(x)), safe, axis=0), zero)
        loss = g.op("Mul", loss, share)
    loss = where(g, counts, loss, zero)
    total = g.op("ReduceSum", share, keepdims=0)
    if reduction == 0:
        return loss, total
    summed = g.op("ReduceSum", loss, keepdims=0)
    return (g.op("Div", summed, total) if reduction == 1 else summed), total


@symbolic("aten::nll_loss", "aten::nll_loss2d", "aten::nll_loss_nd")
def nll_loss(
    g: Emitter,
    self: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    reduction: int = 1,
    ignore_index: int = -100,
) -> Tensor:
    """nll_loss_nd(Tensor self, Tensor target, Tensor? weight=None, int reduction=1, SymInt ignore_index=-100) ->
    Tensor
    """
    return _likelihood(g, self, target, weight, reduction, ignore_index)[0]


@symbolic("aten::nll_loss_forward", "aten::nll_loss2d_forward")
def nll_loss_forward(
    g: Emitter, self: Tensor, target: Tensor, weight: Tensor | None, reduction: int, ignore_index: int
) -> tuple[Tensor, Tensor]:
    """nll_loss_forward(Tensor self, Tensor target, Tensor? weight, int reduction, SymInt ignore_index) -> (Tensor
    output, Tensor total_weight)
    """
    loss, total = _likelihood(g, self, target, weight, reduction, ignore_index)
    return loss, g.like(0, self) if reduction == 0 else total


@symbolic("aten::cross_entropy_loss")
def cross_entropy_loss(
    g: Emitter,
    self: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    reduction: int = 1,
    ignore_index: int = -100,
    label_smoothing: float = 0.0,
) -> Tensor:
    """cross_entropy_loss(Tensor self, Tensor target, Tensor? weight=None, int reduction=1, SymInt
    ignore_index=-100, float label_smoothing=0.) -> Tensor
    """
    axis = _class_axis(g, self)
    log = softmax(g, "LogSoftmax", self, axis)
    if is_float(target) and g.rank(target) == g.rank(self):
        return _against_probabilities(g, log, target, weight, reduction, label_smoothing)
    loss, total = _likelihood(g, log, target, weight, reduction, ignore_index)
    if label_smoothing == 0:
        return loss
    counts, _ = _usable(g, target, ignore_index)
    every = log if weight is None else g.op("Mul", log, _along(g, weight, g.rank(log), axis, g.dtype(log)))
    spread = g.op("Neg", forms.reduce(g, "ReduceSum", every, [axis]))
    spread = where(g, counts, spread, g.like(0, spread))
    if reduction != 0:
        spread = g.op("ReduceSum", spread, keepdims=0)
    if reduction == 1:
        spread = g.op("Div", spread, total)
    share = _class_share(g, log, axis, label_smoothing)
    return g.op("Add", g.op("Mul", loss, g.like(1 - label_smoothing, loss)), g.op("Mul", spread, share))


def _class_share(g: Emitter, log: Tensor, axis: int, smoothing: float) -> Tensor:
    """The smoothing that falls to each class."""
    classes = shapes.size(g, log, axis)
    if isinstance(classes, int):
        return g.like(smoothing / classes, log)
    return g.op("Div", g.like(smoothing, log), g.cast(classes, g.dtype(log)))


def _along(g: Emitter, vector: Tensor, rank: int, axis: int, dtype: ir.DataType) -> Tensor:
    return forms.unsqueeze(g, g.cast(vector, dtype), list(range(1, rank - axis)))


def _against_probabilities(
    g: Emitter, log: Tensor, target: Tensor, weight: Tensor | None, reduction: int, smoothing: float
) -> Tensor:
    axis = _class_axis(g, log)
    target = g.cast(target, g.dtype(log))
    if smoothing > 0:
        kept = g.op("Mul", target, g.like(1 - smoothing, log))
        target = g.op("Add", kept, _class_share(g, log, axis, smoothing))
    product = g.op("Mul", log, target)
    if weight is not None:
        product = g.op("Mul", product, _along(g, weight, g.rank(log), axis, g.dtype(log)))
    loss = g.op("Neg", forms.reduce(g, "ReduceSum", product, [axis]))
    # The mean is over the samples (and places), each of which is a sum over classes.
    return reduce_loss(g, loss, reduction)


# -- margins between classes -----------------------------------------------------------------------------------------------


@symbolic("aten::multi_margin_loss")
def multi_margin_loss(
    g: Emitter,
    self: Tensor,
    target: Tensor,
    p: Scalar = 1,
    margin: Scalar = 1,
    weight: Tensor | None = None,
    reduction: int = 1,
) -> Tensor:
    """multi_margin_loss(Tensor self, Tensor target, Scalar p=1, Scalar margin=1, Tensor? weight=None, int
        reduction=1) -> Tensor

    The target's own class would give ``margin ** p``: it is taken off.
    """
    if not isinstance(p, int | float) or p not in (1, 2):
        raise UnsupportedOperatorError(f"p is {p}; PyTorch knows 1 and 2")
    if not isinstance(margin, int | float):
        raise UnsupportedOperatorError("margin is known only when the model runs")
    single = g.rank(target) == 0 or g.rank(self) < 2
    x = forms.reshape(g, self, [1, -1]) if g.rank(self) < 2 else self
    labels = forms.reshape(g, g.cast(target, ir.DataType.INT64), [-1])
    right = forms.gather_elements(g, x, forms.unsqueeze(g, labels, [1]), 1)
    over = relu(g, g.op("Add", g.op("Sub", x, right), g.like(float(margin), x)))
    if p == 2:
        over = g.op("Mul", over, over)
    if weight is not None:
        over = g.op("Mul", over, forms.unsqueeze(g, g.op("Gather", weight, labels, axis=0), [1]))
    classes = forms.unsqueeze(g, forms.iota(g, shapes.size(g, x, 1)), [0])
    own = g.op("Equal", classes, forms.unsqueeze(g, labels, [1]))
    loss = forms.reduce(g, "ReduceMean", where(g, own, g.like(0, x), over), [1])
    return reduce_loss(g, forms.squeeze(g, loss, [0]) if single and reduction == 0 else loss, reduction)


@symbolic("aten::multilabel_margin_loss")
def multilabel_margin_loss(g: Emitter, self: Tensor, target: Tensor, reduction: int = 1) -> Tensor:
    """multilabel_margin_loss(Tensor self, Tensor target, int reduction=1) -> Tensor

    A sample's labels end at its first -1. Every label is compared with every class that is none.
    """
    single = g.rank(self) < 2
    x = forms.reshape(g, self, [1, -1]) if single else self
    labels = forms.reshape(g, target, [1, -1]) if single else target
    ended = cumsum(g, g.cast(g.op("Less", labels, g.const(0)), ir.DataType.INT64), 1)
    valid = g.op("Equal", ended, g.const(0))
    safe = where(g, valid, labels, g.const(0))
    classes = forms.iota(g, shapes.size(g, x, 1))
    hit = g.op(
        "And", g.op("Equal", forms.unsqueeze(g, safe, [2]), classes), forms.unsqueeze(g, valid, [2])
    )  # (sample, label, class)
    is_label = forms.reduce(g, "ReduceMax", g.cast(hit, ir.DataType.INT32), [1], keepdims=True)
    score = forms.unsqueeze(g, forms.gather_elements(g, x, safe, 1), [2])
    over = relu(g, g.op("Add", g.op("Sub", forms.unsqueeze(g, x, [1]), score), g.like(1, x)))
    compared = g.op("And", forms.unsqueeze(g, valid, [2]), g.op("Equal", is_label, g.const(0, ir.DataType.INT32)))
    pairs = where(g, compared, over, g.like(0, x))
    loss = forms.reduce(g, "ReduceMean", forms.reduce(g, "ReduceSum", pairs, [1]), [1])
    return reduce_loss(g, forms.squeeze(g, loss, [0]) if single and reduction == 0 else loss, reduction)
