"""Element-wise losses, and what all losses share: the reduction. ``reduction`` is 0 for none, 1 for mean, 2 for sum."""

from __future__ import annotations

import math

import torch

from onnx_explore import dtypes
from onnx_explore.emit import Emitter, forms
from onnx_explore.emit.forms.comparison import equal, where
from onnx_explore.errors import UnsupportedOperatorError
from onnx_explore.symbolic.annotations import Tensor
from onnx_explore.symbolic.aten.norm import pairwise_distance
from onnx_explore.symbolic.promotion import FLOATS, arithmetic
from onnx_explore.symbolic.registry import symbolic


def reduce_loss(g: Emitter, loss: Tensor, reduction: int) -> Tensor:
    """What ``reduction`` asks for."""
    if reduction not in (0, 1, 2):
        raise UnsupportedOperatorError(f"reduction is {reduction}; PyTorch knows 0, 1 and 2")
    if reduction == 0:
        return loss
    return g.op("ReduceMean" if reduction == 1 else "ReduceSum", loss, keepdims=0)


def _difference(g: Emitter, left: Tensor, right: Tensor) -> Tensor:
    return g.op("Sub", *arithmetic(g, left, right))


def relu(g: Emitter, x: Tensor) -> Tensor:
    """``max(x, 0)``."""
    return g.op("Relu", x)


def softplus(g: Emitter, x: Tensor) -> Tensor:
    """``log(1 + exp(x))``, without overflow: ``max(x, 0) + log(1 + exp(-|x|))``."""
    small = g.op("Exp", g.op("Neg", g.op("Abs", x)))
    return g.op("Add", relu(g, x), g.op("Log", g.op("Add", small, g.like(1, x))))


@symbolic("aten::mse_loss")
def mse_loss(g: Emitter, self: Tensor, target: Tensor, reduction: int = 1) -> Tensor:
    """mse_loss(Tensor self, Tensor target, int reduction=1) -> Tensor"""
    apart = _difference(g, self, target)
    return reduce_loss(g, g.op("Mul", apart, apart), reduction)


@symbolic("aten::l1_loss")
def l1_loss(g: Emitter, self: Tensor, target: Tensor, reduction: int = 1) -> Tensor:
    """l1_loss(Tensor self, Tensor target, int reduction=1) -> Tensor"""
    return reduce_loss(g, g.op("Abs", _difference(g, self, target)), reduction)


@symbolic("aten::smooth_l1_loss")
def smooth_l1_loss(g: Emitter, self: Tensor, target: Tensor, reduction: int = 1, beta: float = 1.0) -> Tensor:
    """smooth_l1_loss(Tensor self, Tensor target, int reduction=1, float beta=1.) -> Tensor"""
    if beta == 0:
        return l1_loss(g, self, target, reduction)
    huber = _huber(g, _difference(g, self, target), beta)
    return reduce_loss(g, g.op("Mul", huber, g.like(1 / beta, huber)), reduction)


@symbolic("aten::huber_loss")
def huber_loss(g: Emitter, self: Tensor, target: Tensor, reduction: int = 1, delta: float = 1.0) -> Tensor:
    """huber_loss(Tensor self, Tensor target, int reduction=1, float delta=1.) -> Tensor"""
    return reduce_loss(g, _huber(g, _difference(g, self, target), delta), reduction)


def _huber(g: Emitter, x: Tensor, delta: float) -> Tensor:
    """``x² / 2`` up to ``delta``, then the tangent: with ``m = min(|x|, delta)`` it is ``m (|x| - m / 2)``."""
    size = g.op("Abs", x)
    small = forms.clip(g, size, None, delta)
    return g.op("Mul", small, g.op("Sub", size, g.op("Mul", small, g.like(0.5, x))))


@symbolic("aten::binary_cross_entropy")
def binary_cross_entropy(
    g: Emitter, self: Tensor, target: Tensor, weight: Tensor | None = None, reduction: int = 1
) -> Tensor:
    """binary_cross_entropy(Tensor self, Tensor target, Tensor? weight=None, int reduction=1) -> Tensor

    Logarithms are not let below -100.
    """
    one = g.like(1, self)
    present = forms.clip(g, g.op("Log", self), -100, None)
    absent = forms.clip(g, g.op("Log", g.op("Sub", one, self)), -100, None)
    wanted = g.cast(target, g.dtype(self))
    rest = g.op("Sub", wanted, one)
    loss = g.op("Sub", g.op("Mul", rest, absent), g.op("Mul", wanted, present))
    return reduce_loss(g, loss if weight is None else g.op("Mul", loss, weight), reduction)


@symbolic("aten::binary_cross_entropy_with_logits")
def binary_cross_entropy_with_logits(
    g: Emitter,
    self: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    pos_weight: Tensor | None = None,
    reduction: int = 1,
) -> Tensor:
    """binary_cross_entropy_with_logits(Tensor self, Tensor target, Tensor? weight=None, Tensor? pos_weight=None,
        int reduction=1) -> Tensor

    ``(1 - t) x + (1 + (p - 1) t) softplus(-x)``.
    """
    wanted, one = g.cast(target, g.dtype(self)), g.like(1, self)
    log = softplus(g, g.op("Neg", self))
    if pos_weight is not None:
        log = g.op("Mul", log, g.op("Add", g.op("Mul", g.op("Sub", pos_weight, one), wanted), one))
    loss = g.op("Add", g.op("Mul", g.op("Sub", one, wanted), self), log)
    return reduce_loss(g, loss if weight is None else g.op("Mul", loss, weight), reduction)


@symbolic("aten::soft_margin_loss")
def soft_margin_loss(g: Emitter, self: Tensor, target: Tensor, reduction: int = 1) -> Tensor:
    """soft_margin_loss(Tensor self, Tensor target, int reduction=1) -> Tensor"""
    x, y = arithmetic(g, self, target)
    return reduce_loss(g, softplus(g, g.op("Neg", g.op("Mul", x, y))), reduction)


@symbolic("aten::kl_div")
def kl_div(g: Emitter, self: Tensor, target: Tensor, reduction: int = 1, log_target: bool = False) -> Tensor:
    """kl_div(Tensor self, Tensor target, int reduction=1, *, bool log_target=False) -> Tensor

    ``0 log 0`` is 0.
    """
    x, wanted = arithmetic(g, self, target)
    if log_target:
        return reduce_loss(g, g.op("Mul", g.op("Exp", wanted), g.op("Sub", wanted, x)), reduction)
    zero = g.like(0, x)
    entropy = where(g, equal(g, wanted, zero), zero, g.op("Mul", wanted, g.op("Log", wanted)))
    return reduce_loss(g, g.op("Sub", entropy, g.op("Mul", wanted, x)), reduction)


@symbolic("aten::poisson_nll_loss")
def poisson_nll_loss(
    g: Emitter, input: Tensor, target: Tensor, log_input: bool, full: bool, eps: float, reduction: int
) -> Tensor:
    """poisson_nll_loss(Tensor input, Tensor target, bool log_input, bool full, float eps, int reduction) -> Tensor

    ``full`` adds Stirling's term where the target is above 1.
    """
    x, wanted = arithmetic(g, input, target)
    if log_input:
        loss = g.op("Sub", g.op("Exp", x), g.op("Mul", wanted, x))
    else:
        loss = g.op("Sub", x, g.op("Mul", wanted, g.op("Log", g.op("Add", x, g.like(eps, x)))))
    if full:
        # Targets up to 1 are moved to 1, where every logarithm is harmless; their term is then dropped.
        safe = forms.clip(g, wanted, 1, None)
        log = g.op("Log", safe)
        root = g.op("Mul", g.op("Add", log, g.like(math.log(2 * math.pi), x)), g.like(0.5, x))
        term = g.op("Add", g.op("Sub", g.op("Mul", safe, log), safe), root)
        loss = g.op("Add", loss, g.op("Mul", term, g.cast(g.op("Greater", wanted, g.like(1, x)), g.dtype(x))))
    return reduce_loss(g, loss, reduction)


# -- margins -----------------------------------------------------------------------------------------------------------------


@symbolic("aten::hinge_embedding_loss")
def hinge_embedding_loss(g: Emitter, self: Tensor, target: Tensor, margin: float = 1.0, reduction: int = 1) -> Tensor:
    """hinge_embedding_loss(Tensor self, Tensor target, float margin=1., int reduction=1) -> Tensor"""
    zero = g.like(0, self)
    far = relu(g, g.op("Sub", g.like(margin, self), self))
    negative = where(g, equal(g, target, g.like(1, target)), zero, far)
    positive = where(g, equal(g, target, g.like(-1, target)), zero, self)
    return reduce_loss(g, g.op("Add", negative, positive), reduction)


@symbolic("aten::margin_ranking_loss")
def margin_ranking_loss(
    g: Emitter, input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0.0, reduction: int = 1
) -> Tensor:
    """margin_ranking_loss(Tensor input1, Tensor input2, Tensor target, float margin=0., int reduction=1) -> Tensor"""
    one, two, sign = arithmetic(g, input1, input2, target)
    product = g.op("Mul", sign, g.op("Sub", two, one))
    return reduce_loss(g, _relu(g, product, margin), reduction)


def _relu(g: Emitter, x: Tensor, margin: float) -> Tensor:
    """``max(x + margin, 0)``; Relu takes integers late, Clip serves them."""
    moved = x if margin == 0 else g.op("Add", x, g.like(margin, x))
    return g.op("Relu", moved) if moved.dtype in FLOATS else forms.clip(g, moved, 0, None)


@symbolic("aten::cosine_embedding_loss")
def cosine_embedding_loss(
    g: Emitter, input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0.0, reduction: int = 1
) -> Tensor:
    """cosine_embedding_loss(Tensor input1, Tensor input2, Tensor target, float margin=0., int reduction=1) -> Tensor"""
    left, right = arithmetic(g, input1, input2)
    if left.dtype not in FLOATS:
        left, right = (g.cast(item, dtypes.to_onnx(torch.get_default_dtype())) for item in (left, right))
    axis, tiny = [g.rank(target)], g.like(1e-12, left)
    dot = forms.reduce(g, "ReduceSum", g.op("Mul", left, right), axis)
    squares = [g.op("Add", forms.reduce(g, "ReduceSum", g.op("Mul", item, item), axis), tiny) for item in (left, right)]
    cosine = g.op("Div", dot, g.op("Sqrt", g.op("Mul", *squares)))
    zero = g.like(0, cosine)
    apart = g.op("Sub", g.like(1, cosine), cosine)
    near = relu(g, g.op("Sub", cosine, g.like(margin, cosine)))
    positive = where(g, equal(g, target, g.like(1, target)), apart, zero)
    negative = where(g, equal(g, target, g.like(-1, target)), near, zero)
    return reduce_loss(g, g.op("Add", positive, negative), reduction)


@symbolic("aten::triplet_margin_loss")
def triplet_margin_loss(
    g: Emitter,
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    margin: float = 1.0,
    p: float = 2.0,
    eps: float = 1e-6,
    swap: bool = False,
    reduction: int = 1,
) -> Tensor:
    """triplet_margin_loss(Tensor anchor, Tensor positive, Tensor negative, float margin=1., float p=2., float
    eps=9.9999999999999995e-07, bool swap=False, int reduction=1) -> Tensor
    """
    anchor, positive, negative = arithmetic(g, anchor, positive, negative)
    if anchor.dtype not in FLOATS:
        float_type = dtypes.to_onnx(torch.get_default_dtype())
        anchor, positive, negative = (g.cast(item, float_type) for item in (anchor, positive, negative))
    near = pairwise_distance(g, anchor, positive, p, eps)
    far = pairwise_distance(g, anchor, negative, p, eps)
    if swap:
        far = g.op("Min", far, pairwise_distance(g, positive, negative, p, eps))
    return reduce_loss(g, _relu(g, g.op("Sub", near, far), margin), reduction)
