"""Scaled dot-product attention: the ONNX operator from opset 23 on; below, MatMul, Softmax, MatMul."""

from __future__ import annotations

import math

import onnx_ir as ir

from onnx_explore.emit import Emitter, forms, shapes
from onnx_explore.emit.forms.comparison import equal, where
from onnx_explore.errors import UnsupportedOperatorError
from onnx_explore.symbolic.annotations import Tensor
from onnx_explore.symbolic.aten.linear import linear
from onnx_explore.symbolic.aten.permute import permuted, swapped
from onnx_explore.symbolic.aten.random import dropout
from onnx_explore.symbolic.registry import symbolic


@symbolic("aten::scaled_dot_product_attention")
def scaled_dot_product_attention(
    g: Emitter,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """scaled_dot_product_attention(Tensor query, Tensor key, Tensor value, Tensor? attn_mask=None, float dropout_p=0.,
    bool is_causal=False, *, float? scale=None, bool enable_gqa=False) -> Tensor
    """
    dtype = g.dtype(query)
    if dtype == ir.DataType.BFLOAT16:  # 8 bits are not enough for the scores; PyTorch has them in 32, too
        query, key, value = (g.cast(item, ir.DataType.FLOAT) for item in (query, key, value))
    if enable_gqa:
        key, value = (_shared_heads(g, query, item) for item in (key, value))
    weights = attention_weights(g, query, key, attn_mask, is_causal, scale)
    if dropout_p:
        weights = dropout(g, weights, dropout_p, True)  # PyTorch does so in eval mode, too: the caller passes 0 there
    return g.cast(g.op("MatMul", weights, value), dtype)


@scaled_dot_product_attention.since(23)
def _(
    g: Emitter,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    ranks = {g.rank(item) for item in (query, key, value)}
    # ONNX's scale is a 32-bit attribute, which is not enough for doubles.
    other = query.dtype in (ir.DataType.DOUBLE, ir.DataType.BFLOAT16)
    if ranks != {4} or dropout_p or other or not _same_batch(query, key, value):
        older = scaled_dot_product_attention.variants[0].function
        return older(g, query, key, value, attn_mask, dropout_p, is_causal, scale, enable_gqa)
    if attn_mask is not None:  # its last two dimensions must be there in full
        rows, columns = shapes.size(g, query, 2), shapes.size(g, key, 2)
        attn_mask = forms.expand(g, attn_mask, [*[-1] * (g.rank(attn_mask) - 2), rows, columns])
        if attn_mask.dtype != ir.DataType.BOOL:
            attn_mask = g.cast(attn_mask, g.dtype(query))
    return g.op("Attention", query, key, value, attn_mask, is_causal=int(is_causal) or None, scale=scale)


def _same_batch(query: ir.Value, key: ir.Value, value: ir.Value) -> bool:
    """Whether no leading dimension has to be broadcast, as far as is declared."""
    assert query.shape is not None and key.shape is not None and value.shape is not None
    first = query.shape[0]
    return all(
        item.shape is not None and (item.shape[0] == first or first != 1 != item.shape[0]) for item in (key, value)
    )


def attention_weights(
    g: Emitter, query: ir.Value, key: ir.Value, mask: ir.Value | None, is_causal: bool, scale: float | None
) -> ir.Value:
    """Softmax of the scaled products; a row that is masked throughout gets zeros, as in PyTorch."""
    scores = g.op("MatMul", _scaled(g, query, scale), swapped(g, key, -2, -1))
    low = g.like(float("-inf"), scores)
    if is_causal:
        rows = forms.unsqueeze(g, forms.iota(g, shapes.size(g, query, -2)), [1])
        later = g.op("Less", rows, forms.iota(g, shapes.size(g, key, -2)))
        scores = where(g, later, low, scores)
    last = g.rank(scores) - 1
    if mask is None:
        return g.op("Softmax", scores, axis=last)
    if mask.dtype == ir.DataType.BOOL:
        weights = g.op("Softmax", where(g, mask, scores, low), axis=last)
        return where(g, mask, weights, g.like(0, scores))
    scores = g.op("Add", scores, g.cast(mask, g.dtype(scores)))
    empty = equal(g, forms.reduce(g, "ReduceMax", scores, [last], keepdims=True), low)
    return where(g, empty, g.like(0, scores), g.op("Softmax", scores, axis=last))


def _scaled(g: Emitter, query: ir.Value, scale: float | None) -> ir.Value:
    if scale is not None:
        return g.op("Mul", query, g.like(scale, query))
    width = shapes.size(g, query, -1)
    if isinstance(width, int):
        return g.op("Mul", query, g.like(1 / math.sqrt(width) if width else math.inf, query))
    return g.op("Div", query, g.op("Sqrt", g.cast(width, g.dtype(query))))


def _shared_heads(g: Emitter, query: ir.Value, x: ir.Value) -> ir.Value:
    """Keys or values with each head repeated for its group of query heads."""
    wanted, have = shapes.size(g, query, -3), shapes.size(g, x, -3)
    if forms.same_size(g, wanted, x, g.axis(x, -3)):
        return x
    group = shapes.div(g, wanted, have)
    axis = g.axis(x, -3)
    sizes = shapes.sizes(g, x)
    wide = forms.expand(g, forms.unsqueeze(g, x, [axis + 1]), [*sizes[: axis + 1], group, *sizes[axis + 1 :]])
    return forms.reshape(g, wide, [*sizes[:axis], shapes.mul(g, have, group), *sizes[axis + 1 :]])


@symbolic("aten::_scaled_dot_product_flash_attention_for_cpu")
def flash_attention_for_cpu(
    g: Emitter,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    attn_mask: Tensor | None = None,
    scale: float | None = None,
) -> list[Tensor | None]:
    """_scaled_dot_product_flash_attention_for_cpu(Tensor query, Tensor key, Tensor value, float dropout_p=0.,
    bool is_causal=False, *, Tensor? attn_mask=None, float? scale=None) -> (Tensor output, Tensor logsumexp)
    """
    return [scaled_dot_product_attention(g, query, key, value, attn_mask, dropout_p, is_causal, scale), None]


@symbolic("aten::_scaled_dot_product_attention_math")
def attention_math(
    g: Emitter,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    dropout_mask: Tensor | None = None,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> list[Tensor]:
    """_scaled_dot_product_attention_math(Tensor query, Tensor key, Tensor value, Tensor? attn_mask=None,
    float dropout_p=0., bool is_causal=False, Tensor? dropout_mask=None, *, float? scale=None, bool enable_gqa=False)
    -> (Tensor, Tensor)
    """
    if dropout_p or dropout_mask is not None:
        raise UnsupportedOperatorError("attention with dropout that returns its weights", argument="dropout_p")
    if enable_gqa:
        key, value = (_shared_heads(g, query, item) for item in (key, value))
    weights = attention_weights(g, query, key, attn_mask, is_causal, scale)
    return [g.op("MatMul", weights, value), weights]


def _heads(g: Emitter, x: ir.Value, heads: int, width: int) -> ir.Value:
    """(batch, length, heads · width) → (batch, heads, length, width)."""
    batch, length, _ = shapes.sizes(g, x)
    return permuted(g, forms.reshape(g, x, [batch, length, heads, width]), [0, 2, 1, 3])


@symbolic("aten::_native_multi_head_attention")
def native_multi_head_attention(
    g: Emitter,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    embed_dim: int,
    num_head: int,
    qkv_weight: Tensor,
    qkv_bias: Tensor,
    proj_weight: Tensor,
    proj_bias: Tensor,
    mask: Tensor | None = None,
    need_weights: bool = True,
    average_attn_weights: bool = True,
    mask_type: int | None = None,
) -> list[Tensor | None]:
    """_native_multi_head_attention(Tensor query, Tensor key, Tensor value, int embed_dim, int num_head,
    Tensor qkv_weight, Tensor qkv_bias, Tensor proj_weight, Tensor proj_bias, Tensor? mask=None, bool need_weights=True,
    bool average_attn_weights=True, int? mask_type=None) -> (Tensor, Tensor): a true mask element is left out
    """
    width = embed_dim // num_head
    axis = 0
    parts = [
        linear(g, x, w, b)
        for x, w, b in zip(
            (query, key, value),
            forms.split(g, qkv_weight, [embed_dim] * 3, axis),
            forms.split(g, qkv_bias, [embed_dim] * 3, axis),
            strict=True,
        )
    ]
    q, k, v = (_heads(g, part, num_head, width) for part in parts)
    keep = None
    if mask is not None:
        keep = mask if mask.dtype != ir.DataType.BOOL else g.op("Not", mask)
        if mask_type == 1:  # (batch, keys); an attention mask (0) is (queries, keys), the merged one (2) has all four
            keep = forms.unsqueeze(g, keep, [1, 2])
    weights = attention_weights(g, q, k, keep, False, None)
    batch, length, _ = shapes.sizes(g, query)
    mixed = forms.reshape(g, permuted(g, g.op("MatMul", weights, v), [0, 2, 1, 3]), [batch, length, embed_dim])
    shown = None
    if need_weights:
        shown = forms.reduce(g, "ReduceMean", weights, [1]) if average_attn_weights else weights
    return [linear(g, mixed, proj_weight, proj_bias), shown]
