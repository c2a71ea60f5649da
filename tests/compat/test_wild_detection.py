"""Symbolic functions as detection projects write them, each with torch's helper functions and with ours.

What consists of ONNX operators is compared with PyTorch in ONNX Runtime; nodes of custom domains attribute by attribute.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import onnx_ir as ir
import pytest
import torch
from torch.onnx import symbolic_opset9

import onnx_explore
from tests.compat.wild import export, only, plain, rand

Register = Callable[..., None]
pytestmark = pytest.mark.usefixtures("wild")


def test_nms_of_onnx_operators(register: Register, sym: Any) -> None:
    @sym.parse_args("v", "v", "f")
    def symbolic_nms(g: Any, boxes: Any, scores: Any, iou_threshold: Any) -> Any:
        boxes = sym._unsqueeze_helper(g, boxes, [0])
        scores = sym._unsqueeze_helper(g, sym._unsqueeze_helper(g, scores, [0]), [0])
        most = g.op("Constant", value_t=torch.tensor([2**31 - 1], dtype=torch.long))
        threshold = g.op("Constant", value_t=torch.tensor([iou_threshold], dtype=torch.float))
        found = g.op("NonMaxSuppression", boxes, scores, most, threshold)
        return sym._squeeze_helper(g, sym._slice_helper(g, found, axes=[1], starts=[2], ends=[3]), [1])

    register("wild::nms", symbolic_nms, 11)
    corner = rand(6, 2) * 4
    boxes, scores = torch.cat([corner, corner + 3], 1), torch.tensor([0.9, 0.1, 0.8, 0.3, 0.7, 0.2])
    for opset in (11, 17):
        exported = export(lambda b, s: torch.ops.wild.nms(b, s, 0.3), boxes, scores, opset=opset, dynamic=False)
        assert "NonMaxSuppression" in [node.op_type for node in exported.model.graph]


def test_nms_with_symbolic_functions_of_torch(register: Register) -> None:
    def symbolic_nms(g: Any, boxes: Any, scores: Any, iou_threshold: Any) -> Any:
        boxes = symbolic_opset9.unsqueeze(g, boxes, 0)
        scores = symbolic_opset9.unsqueeze(g, symbolic_opset9.unsqueeze(g, scores, 0), 0)
        most = g.op("Constant", value_t=torch.tensor([1000], dtype=torch.long))
        threshold = g.op("Cast", sym_reshape(g, iou_threshold), to_i=1)
        found = g.op("NonMaxSuppression", boxes, scores, most, threshold)
        return symbolic_opset9.squeeze(g, symbolic_opset9.select(g, found, 1, longs(g, [2])), 1)

    def longs(g: Any, numbers: list[int]) -> Any:
        return g.op("Constant", value_t=torch.tensor(numbers))

    def sym_reshape(g: Any, value: Any) -> Any:
        return symbolic_opset9.reshape(g, value, longs(g, [1]))

    register("wild::nms", symbolic_nms, 11)
    corner = rand(6, 2) * 4
    boxes = torch.cat([corner, corner + 3], 1)
    export(lambda b, s: torch.ops.wild.nms(b, s, 0.3), boxes, rand(6), opset=12, dynamic=False)


def test_roi_align_plugin(register: Register, sym: Any) -> None:
    @sym.parse_args("v", "v", "is", "f", "i", "s", "b")
    def roi_align(g: Any, x: Any, rois: Any, size: Any, scale: Any, ratio: Any, mode: Any, aligned: Any) -> Any:
        return g.op(
            "mmcv::MMCVRoiAlign",
            x,
            rois,
            output_height_i=size[0],
            output_width_i=size[1],
            spatial_scale_f=scale,
            sampling_ratio_i=ratio,
            mode_s=mode,
            aligned_i=aligned,
        )

    register("wild::roi_align", roi_align)
    rois = torch.tensor([[0.0, 0, 0, 4, 4], [0, 1, 1, 5, 5]])
    node = only(
        export(
            lambda x, r: torch.ops.wild.roi_align(x, r, [7, 5], 0.25, 2, "avg", True),
            rand(1, 3, 8, 8),
            rois,
            check=False,
            dynamic=False,
        )
    )
    assert (node.domain, node.op_type) == ("mmcv", "MMCVRoiAlign")
    assert plain(node) == {
        "aligned": 1,
        "mode": "avg",
        "output_height": 7,
        "output_width": 5,
        "sampling_ratio": 2,
        "spatial_scale": 0.25,
    }
    assert node.outputs[0].shape == ir.Shape([2, 3, 7, 5])  # captured, and nothing in it may move


def test_roi_align_of_onnx_operators(register: Register, sym: Any) -> None:
    @sym.parse_args("v", "v", "is", "f", "i", "s", "b")
    def roi_align(g: Any, x: Any, rois: Any, size: Any, scale: Any, ratio: Any, mode: Any, aligned: Any) -> Any:
        if g.opset < 16 and aligned:
            return sym._unimplemented("roi_align", "aligned=True below opset 16")
        batch = sym._squeeze_helper(g, sym._slice_helper(g, rois, axes=[1], starts=[0], ends=[1]), [1])
        batch = g.op("Cast", batch, to_i=sym.cast_pytorch_to_onnx["Long"])
        boxes = sym._slice_helper(g, rois, axes=[1], starts=[1], ends=[5])
        return g.op(
            "RoiAlign",
            x,
            boxes,
            batch,
            mode_s=mode,
            output_height_i=size[0],
            output_width_i=size[1],
            sampling_ratio_i=ratio,
            spatial_scale_f=scale,
        )

    register("wild::roi_align", roi_align)
    arguments = rand(1, 3, 8, 8), torch.tensor([[0.0, 0, 0, 4, 4]])
    exported = export(
        lambda x, r: torch.ops.wild.roi_align(x, r, [2, 2], 1.0, 2, "avg", False),
        *arguments,
        check=False,
        dynamic=False,
    )
    assert exported.model.graph.outputs[0].shape == ir.Shape([1, 3, 2, 2])
    with pytest.raises(onnx_explore.errors.OnnxExporterError, match="aligned=True below opset 16"):
        export(
            lambda x, r: torch.ops.wild.roi_align(x, r, [2, 2], 1.0, 2, "avg", True),
            *arguments,
            opset=11,
            check=False,
            dynamic=False,
        )


class DeformConv(torch.autograd.Function):
    """The manner of mmcv: everything that is no tensor is an attribute, bias is optional."""

    @staticmethod
    def symbolic(
        g: Any, x: Any, offset: Any, weight: Any, bias: Any, stride: Any, padding: Any, groups: Any, step: int = 32
    ) -> Any:
        tensors = [x, offset, weight]
        if bias is not None:
            tensors.append(bias)
        return g.op(
            "mmcv::MMCVDeformConv2d",
            *tensors,
            stride_i=stride,
            padding_i=padding,
            groups_i=groups,
            im2col_step_i=step,
        )

    @staticmethod
    def forward(
        ctx: Any, x: Any, offset: Any, weight: Any, bias: Any, stride: Any, padding: Any, groups: Any, step: int = 32
    ) -> torch.Tensor:
        return torch.nn.functional.conv2d(x, weight, bias, stride, padding, 1, groups)


@pytest.mark.parametrize("with_bias", [True, False])
def test_deformable_convolution(with_bias: bool) -> None:
    weight, bias = rand(4, 3, 3, 3), rand(4) if with_bias else None
    node = only(
        export(
            lambda x, o: DeformConv.apply(x, o, weight, bias, (2, 2), (1, 1), 1, 16),
            rand(2, 3, 8, 8),
            rand(2, 18, 4, 4),
            check=False,
        )
    )
    assert plain(node) == {"groups": 1, "im2col_step": 16, "padding": [1, 1], "stride": [2, 2]}
    assert len(node.inputs) == (4 if with_bias else 3)


def test_grid_sampler_plugin_and_operator(register: Register, sym: Any) -> None:
    @sym.parse_args("v", "v", "i", "i", "b")
    def plugin(g: Any, x: Any, grid: Any, interpolation_mode: Any, padding_mode: Any, align_corners: Any) -> Any:
        return g.op(
            "mmcv::grid_sampler",
            x,
            grid,
            interpolation_mode_i=interpolation_mode,
            padding_mode_i=padding_mode,
            align_corners_i=align_corners,
        )

    def operator(g: Any, x: Any, grid: Any, mode: Any, padding: Any, align: Any) -> Any:
        modes = ["bilinear", "nearest", "bicubic"]
        return g.op(
            "GridSample",
            x,
            grid,
            mode_s=modes[sym._maybe_get_const(mode, "i")],
            padding_mode_s=["zeros", "border", "reflection"][sym._get_const(padding, "i", "padding_mode")],
            align_corners_i=int(sym._maybe_get_const(align, "b")),
        )

    def model(x: torch.Tensor, grid: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.grid_sample(x, grid, "bilinear", "border", False)

    register("aten::grid_sampler", plugin)
    arguments = rand(2, 1, 5, 5), rand(2, 4, 4, 2) * 2 - 1
    node = only(export(model, *arguments, check=False))
    assert plain(node) == {"align_corners": 0, "interpolation_mode": 0, "padding_mode": 1}
    register("aten::grid_sampler", operator, 16)
    assert only(export(model, *arguments, dynamic=False)).op_type == "GridSample"
