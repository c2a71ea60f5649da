"""What the tests of public code's manner of symbolic functions share: operators of a library, and exports of them."""

from __future__ import annotations

from typing import Any

import onnx
import onnx_ir as ir
import torch

import onnx_explore


def rand(*shape: int) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(0))


def nms(boxes: torch.Tensor, scores: torch.Tensor, iou: float) -> torch.Tensor:
    """Greedy suppression of boxes (x1, y1, x2, y2)."""
    order, kept = scores.argsort(descending=True).tolist(), []
    while order:
        best = order.pop(0)
        kept.append(best)
        left = torch.maximum(boxes[best, :2], boxes[order][:, :2])
        right = torch.minimum(boxes[best, 2:], boxes[order][:, 2:])
        shared = (right - left).clamp(min=0).prod(1)
        area = (boxes[:, 2:] - boxes[:, :2]).prod(1)
        overlap = shared / (area[best] + area[order] - shared)
        order = [index for index, value in zip(order, overlap.tolist(), strict=True) if value <= iou]
    return torch.tensor(kept)


def rotate(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    half = x.shape[-1] // 2
    return x * cos + torch.cat([-x[..., half:], x[..., :half]], -1) * sin


def fake_quant(x: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    return (x / scale).round().clamp(-128, 127) * scale


OPERATORS: dict[str, Any] = {
    "nms(Tensor boxes, Tensor scores, float iou_threshold) -> Tensor": nms,
    "roi_align(Tensor x, Tensor rois, int[] size, float scale, int ratio, str mode, bool aligned) -> Tensor": (
        lambda x, rois, size, scale, ratio, mode, aligned: x.new_zeros(rois.shape[0], x.shape[1], *size)
    ),
    "rotary(Tensor x, Tensor cos, Tensor sin) -> Tensor": rotate,
    "layer_norm(Tensor x, Tensor w, Tensor b, float eps) -> (Tensor, Tensor)": (
        lambda x, w, b, eps: (torch.nn.functional.layer_norm(x, w.shape, w, b, eps), x.mean(-1))
    ),
    "parts(Tensor x, int n) -> Tensor[]": lambda x, n: [part.clone() for part in x.chunk(n, 1)],
    "total(Tensor[] xs, int dim) -> Tensor": lambda xs, dim: torch.stack(xs, dim).sum(dim),
    "scaled(Tensor x, Tensor? w=None, float? eps=None) -> Tensor": (
        lambda x, w=None, eps=None: (x if w is None else x * w) + (0.0 if eps is None else eps)
    ),
    "column(Tensor x, int index) -> Tensor": lambda x, index: x[:, index].unsqueeze(-1),
    "best(Tensor x, int k) -> (Tensor, Tensor)": lambda x, k: torch.topk(x, k, dim=1),
    "as_kind(Tensor x, ScalarType dtype) -> Tensor": lambda x, dtype: x.to(dtype),
    "ratio(Tensor a, Tensor b) -> Tensor": lambda a, b: a / b,
    "enlarge(Tensor x, float[] scales, str mode) -> Tensor": (
        lambda x, scales, mode: torch.nn.functional.interpolate(x, scale_factor=scales, mode=mode)
    ),
    "rows(Tensor x) -> Tensor": lambda x: x.reshape(x.shape[0], -1),
    "fake_quant(Tensor x, Tensor scale) -> Tensor": fake_quant,
    "energy(Tensor x, int[] dims, bool keep) -> Tensor": lambda x, dims, keep: (x * x).sum(dims, keep),
    "masked(Tensor x, Tensor mask, Scalar value) -> Tensor": lambda x, mask, value: x.masked_fill(mask, value),
    "lookup(Tensor table, Tensor ids) -> Tensor": lambda table, ids: table[ids],
    "swish(Tensor x, float beta) -> Tensor": lambda x, beta: x * torch.sigmoid(beta * x),
}


def export(model: Any, *args: Any, opset: int = 17, check: bool = True, dynamic: bool = True) -> onnx_explore.Exported:
    names = [f"in{index}" for index in range(len(args))]
    axes = {"in0": {0: "n"}} if dynamic else None
    exported = onnx_explore.export(model, args, input_names=names, dynamic_axes=axes, opset_version=opset, check=check)
    onnx.checker.check_model(ir.to_proto(exported.model))
    return exported


def only(exported: onnx_explore.Exported) -> ir.Node:
    (node,) = exported.model.graph
    return node


def plain(node: ir.Node) -> dict[str, Any]:
    return {
        name: item.value.numpy().tolist()
        if item.type == ir.AttributeType.TENSOR
        else list(item.value)
        if isinstance(item.value, tuple)
        else item.value
        for name, item in node.attributes.items()
    }
