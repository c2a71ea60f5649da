"""Symbolic functions as public projects write them: detection, plugins, language models, quantization.

Each is written once and runs with both sets of helper functions: torch's own (``torch.onnx.symbolic_helper``) and ours. What
consists of ONNX operators is compared with PyTorch in ONNX Runtime, with a dynamic axis at a second size where there is one;
nodes of custom domains are compared attribute by attribute.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import onnx
import onnx_ir as ir
import pytest
import torch
from torch.onnx import symbolic_helper as theirs
from torch.onnx import symbolic_opset9

import onnx_explore
from onnx_explore import symbolic_helper as ours

Register = Callable[..., None]
F32 = torch.float32


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


@pytest.fixture(autouse=True)
def library() -> Iterator[None]:
    library = torch.library.Library("wild", "DEF")
    for schema, function in OPERATORS.items():
        library.define(schema)
        library.impl(schema.split("(")[0], function, "CPU")
    yield
    library._destroy()


@pytest.fixture(params=[ours, theirs], ids=["ours", "theirs"])
def sym(request: pytest.FixtureRequest) -> Any:
    return request.param


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


# -- detection ----------------------------------------------------------------------------------------------------------


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


# -- language models ------------------------------------------------------------------------------------------------------


def test_rotary_embedding(register: Register, sym: Any) -> None:
    def rotary(g: Any, x: Any, cos: Any, sin: Any) -> Any:
        rank, size = sym._get_tensor_rank(x), sym._get_tensor_dim_size(x, -1)
        assert (rank, size) == (3, 8)
        assert sym._get_tensor_sizes(x) == [None, 5, 8]
        assert sym._get_tensor_sizes(x, allow_nonstatic=False) is None
        left = sym._slice_helper(g, x, axes=[rank - 1], starts=[0], ends=[size // 2])
        right = sym._slice_helper(g, x, axes=[rank - 1], starts=[size // 2], ends=[size])
        turned = g.op("Concat", g.op("Neg", right), left, axis_i=-1)
        assert turned.type().varyingSizes() == [None, 5, 8]
        return g.op("Add", g.op("Mul", x, cos), g.op("Mul", turned, sin)).setType(x.type())

    register("wild::rotary", rotary)
    exported = export(torch.ops.wild.rotary, rand(2, 5, 8), rand(5, 8), rand(5, 8))
    assert [str(size) for size in exported.model.graph.outputs[0].shape or []] == ["n", "5", "8"]


def test_layer_norm_plugin_with_attributes_of_all_kinds(register: Register, sym: Any) -> None:
    @sym.parse_args("v", "v", "v", "f")
    def layer_norm(g: Any, x: Any, w: Any, b: Any, eps: Any) -> Any:
        normal, mean = g.op(
            "trt_plugins::LayerNorm",
            x,
            w,
            b,
            outputs=2,
            epsilon_f=eps,
            axis_i=-1,
            plugin_version_s="1",
            table_t=torch.arange(3.0),
            shape_is=[1, 2],
            ranges_fs=[0.5, 1.5],
            names_ss=["a", "b"],
            lists_i=[3, 4],
            empty_is=[],
            unset_i=None,
        )
        mean.setType(x.type().with_sizes([None, 4]))
        return normal.setType(x.type()), mean

    register("wild::layer_norm", layer_norm)
    exported = onnx_explore.export(
        lambda x: torch.ops.wild.layer_norm(x, torch.ones(6), torch.zeros(6), 1e-5),
        rand(2, 4, 6),
        input_names=["x"],
        dynamic_axes={"x": {0: "n"}},
        custom_opsets={"trt_plugins": 3},
    )
    node = only(exported)
    assert plain(node) == {
        "axis": -1,
        "empty": [],
        "epsilon": pytest.approx(1e-5),
        "lists": [3, 4],
        "names": ["a", "b"],
        "plugin_version": "1",
        "ranges": [0.5, 1.5],
        "shape": [1, 2],
        "table": [0.0, 1.0, 2.0],
    }
    assert exported.model.opset_imports["trt_plugins"] == 3
    shapes = [[str(size) for size in value.shape or []] for value in exported.model.graph.outputs]
    assert shapes[0] == ["n", "4", "6"]
    assert shapes[1][1] == "4"


def test_masked_fill_with_a_computed_constant(register: Register, sym: Any) -> None:
    def masked(g: Any, x: Any, mask: Any, value: Any) -> Any:
        number = sym._maybe_get_scalar(value)
        assert isinstance(number, torch.Tensor)
        return g.op("Where", g.op("Cast", mask, to_i=9), sym._if_scalar_type_as(number, x), x)

    register("wild::masked", masked)
    export(lambda x: torch.ops.wild.masked(x, x > 0.5, float("-inf")), rand(2, 3))


def test_embedding_keeps_the_weight(register: Register) -> None:
    def lookup(g: Any, table: Any, ids: Any) -> Any:
        assert table.debugName() in g.params_dict
        assert g.params_dict[table.debugName()] is weight
        assert table.node().kind() == "prim::Param"
        return g.op("Gather", table, ids)

    register("wild::lookup", lookup)
    module = torch.nn.Embedding(7, 3)
    weight = module.weight
    module.forward = lambda ids: torch.ops.wild.lookup(weight, ids)  # type: ignore[method-assign]
    exported = export(module, torch.tensor([[1, 2, 3]]))
    assert list(exported.model.graph.initializers) == ["weight"]


def test_triu_as_sequence_models_register_it(register: Register, sym: Any) -> None:
    @sym.parse_args("v", "i", "none")
    def triu(g: Any, x: Any, diagonal: Any, out: Any = None) -> Any:
        return g.op("Trilu", x, g.op("Constant", value_t=torch.tensor(diagonal)), upper_i=1)

    register("aten::triu", triu, 14)
    assert only(export(lambda x: torch.triu(x, 1), rand(4, 4))).op_type == "Trilu"


# -- lists, options, types --------------------------------------------------------------------------------------------------


def test_a_list_as_the_result(register: Register, sym: Any) -> None:
    @sym.parse_args("v", "i")
    def parts(g: Any, x: Any, n: Any) -> Any:
        return list(g.op("Split", x, g.op("Constant", value_t=torch.tensor([2] * n)), axis_i=1, outputs=n))

    register("wild::parts", parts, 13)

    def model(x: torch.Tensor) -> torch.Tensor:
        first, second, third = torch.ops.wild.parts(x, 3)
        return first + second * third

    export(model, rand(2, 6))


def test_a_list_as_an_argument(register: Register, sym: Any) -> None:
    def total(g: Any, xs: Any, dim: Any) -> Any:
        assert sym._is_packed_list(xs)
        assert sym._is_tensor_list(xs)
        axis = sym._get_const(dim, "i", "dim")
        wide = [sym._unsqueeze_helper(g, item, [axis]) for item in sym._unpack_list(xs)]
        return sym._reducesum_helper(g, g.op("Concat", *wide, axis_i=axis), axes_i=[axis], keepdims_i=0)

    register("wild::total", total)
    for opset in (11, 17):
        export(lambda x: torch.ops.wild.total([x, x * 2, x + 1], 1), rand(2, 3), opset=opset)


def test_optional_arguments(register: Register, sym: Any) -> None:
    def scaled(g: Any, x: Any, w: Any, eps: Any) -> Any:
        result = x if sym._is_none(w) else g.op("Mul", x, w)
        if w.node().mustBeNone():
            assert sym._is_none(w)
        return result if sym._is_none(eps) else g.op("Add", result, eps)

    register("wild::scaled", scaled)
    assert [node.op_type for node in export(lambda x: torch.ops.wild.scaled(x, x, 0.5), rand(2, 3)).model.graph] == [
        "Mul",
        "Add",
    ]
    assert only(export(lambda x: torch.ops.wild.scaled(x, None, 0.5), rand(2, 3).double())).op_type == "Add"
    assert only(export(lambda x: torch.ops.wild.scaled(x, x), rand(2, 3))).op_type == "Mul"


def test_select_and_unsqueeze_at_old_and_new_opsets(register: Register, sym: Any) -> None:
    @sym.parse_args("v", "i")
    def column(g: Any, x: Any, index: Any) -> Any:
        one = sym._select_helper(g, x, 1, g.op("Constant", value_t=torch.tensor(index)))  # of size 1 there
        return sym._unsqueeze_helper(g, sym._squeeze_helper(g, one, [1]), [1])

    register("wild::column", column)
    for opset in (11, 13):
        export(lambda x: torch.ops.wild.column(x, 2), rand(2, 4), opset=opset)


def test_two_outputs(register: Register, sym: Any) -> None:
    @sym.parse_args("v", "i")
    def best(g: Any, x: Any, k: Any) -> Any:
        return sym._topk_helper(g, x, g.op("Constant", value_t=torch.tensor([k])), dim=1, largest=True, sorted=True)

    register("wild::best", best)
    for opset in (11, 17):
        assert len(export(lambda x: torch.ops.wild.best(x, 2), rand(2, 5), opset=opset).model.graph.outputs) == 2


def test_casts_by_number(register: Register, sym: Any) -> None:
    def as_kind(g: Any, x: Any, dtype: Any) -> Any:
        number = sym._get_const(dtype, "i", "dtype")
        if sym is ours:
            assert sym.scalar_type_to_pytorch_type[number] is torch.float64
        return g.op("Cast", x, to_i=onnx_explore.JitScalarType(number).onnx_type())

    register("wild::as_kind", as_kind)
    export(lambda x: torch.ops.wild.as_kind(x, torch.float64), rand(2, 3))


def test_a_division_that_promotes(register: Register, sym: Any) -> None:
    def ratio(g: Any, a: Any, b: Any) -> Any:
        if sym._is_fp(a) or sym._is_fp(b):
            wanted = sym._type_promote_from_values(a, b)
            assert sym._try_get_scalar_type(a).scalar_name() == "Float"
            return g.op("Div", a, sym._maybe_cast_to_type(g, b, wanted))
        return g.op("Div", g.op("Cast", a, to_i=sym.cast_pytorch_to_onnx["Float"]), g.op("Cast", b, to_i=1))

    register("wild::ratio", ratio)
    export(torch.ops.wild.ratio, rand(2, 3), torch.tensor([2, 3, 4]))
    export(torch.ops.wild.ratio, torch.tensor([[4, 5, 6]]), torch.tensor([2, 3, 4]))


def test_resize_by_factors(register: Register) -> None:
    def enlarge(g: Any, x: Any, scales: Any, mode: Any) -> Any:
        factors = ours._interpolate_get_scales_if_available(g, scales)
        nothing = g.op("Constant", value_t=torch.tensor([], dtype=torch.float32))
        return g.op(
            "Resize",
            x,
            nothing,
            factors,
            mode_s=ours._parse_arg(mode, "s"),
            coordinate_transformation_mode_s="asymmetric",
            nearest_mode_s="floor",
        )

    register("wild::enlarge", enlarge, 11)
    export(lambda x: torch.ops.wild.enlarge(x, [2.0, 3.0], "nearest"), rand(2, 1, 3, 3))


def test_sizes_computed_in_the_graph(register: Register, sym: Any) -> None:
    def rows(g: Any, x: Any) -> Any:
        first = sym._slice_helper(g, g.op("Shape", x), axes=[0], starts=[0], ends=[1])
        rest = g.op("Constant", value_t=torch.tensor([-1]))
        return sym._reshape_helper(g, x, g.op("Concat", first, rest, axis_i=0))

    register("wild::rows", rows)
    export(torch.ops.wild.rows, rand(2, 3, 4))


def test_reduction_over_given_dimensions(register: Register, sym: Any) -> None:
    @sym.parse_args("v", "is", "i")
    def energy(g: Any, x: Any, dims: Any, keep: Any) -> Any:
        return sym._reducesum_helper(g, g.op("Mul", x, x), axes_i=dims, keepdims_i=keep)

    register("wild::energy", energy)
    for opset in (11, 13):
        export(lambda x: torch.ops.wild.energy(x, [1, 2], True), rand(2, 3, 4), opset=opset)


# -- quantization, contrib operators ------------------------------------------------------------------------------------------


def test_quantize_and_dequantize(register: Register) -> None:
    def quantized(g: Any, x: Any, scale: Any) -> Any:
        zero = g.op("Constant", value_t=torch.zeros((), dtype=torch.int8))
        return g.op("DequantizeLinear", g.op("QuantizeLinear", x, scale, zero), scale, zero)

    register("wild::fake_quant", quantized)
    export(lambda x: torch.ops.wild.fake_quant(x, torch.tensor(0.01)), rand(2, 3))


def test_quantized_arguments_and_results(register: Register) -> None:
    """``quantized_args`` around a function for floats: dequantize, compute, quantize."""

    @ours.quantized_args(True)
    def doubled(g: Any, x: Any) -> Any:
        return g.op("Add", x, x)

    def symbolic(g: Any, x: Any, scale: Any) -> Any:
        zero = g.op("Constant", value_t=torch.zeros((), dtype=torch.int8))
        packed = ours.quantize_helper(g, x, scale, zero)
        assert ours._is_tuple_construct(packed)
        result = doubled(g, packed)
        return ours.dequantize_helper(g, result)[0]

    register("wild::fake_quant", symbolic)
    exported = onnx_explore.export(lambda x: torch.ops.wild.fake_quant(x, torch.tensor(0.02)), rand(2, 3) / 2)
    kinds = [node.op_type for node in exported.model.graph]
    assert [kind for kind in kinds if kind != "Cast"] == [
        "QuantizeLinear",
        "DequantizeLinear",
        "Add",
        "QuantizeLinear",
        "DequantizeLinear",
    ]


@pytest.mark.filterwarnings("ignore")
def test_a_quantized_tensor_is_a_tuple(register: Register, sym: Any) -> None:
    """As in the reference: integers, scale, zero point; ``quantized_args`` and the helper functions know it."""

    @sym.quantized_args(True)
    def relu(g: Any, x: Any) -> Any:
        return g.op("Relu", x)

    register("aten::relu", relu, 13)

    class Model(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.relu(torch.quantize_per_tensor(x, 0.02, 3, torch.quint8)).dequantize()

    traced = torch.jit.trace(Model(), rand(2, 3) - 0.5)
    exported = onnx_explore.export(traced, rand(2, 3) - 0.5, check=True)
    kinds = [node.op_type for node in exported.model.graph]
    assert kinds.count("QuantizeLinear") == 2
    assert kinds.count("Relu") == 1


def test_contrib_operator_of_onnx_runtime(register: Register) -> None:
    register("aten::gelu", lambda g, x, approximate: g.op("com.microsoft::Gelu", x), 1)
    assert only(export(torch.nn.functional.gelu, rand(2, 3))).domain == "com.microsoft"


def test_an_aten_node_for_a_runtime_that_has_it(register: Register, sym: Any) -> None:
    @sym.parse_args("v", "f")
    def swish(g: Any, x: Any, beta: Any) -> Any:
        return g.at("swish", x, overload_name="", beta_f=beta)

    register("wild::swish", swish)
    node = only(export(lambda x: torch.ops.wild.swish(x, 1.5), rand(2, 3), check=False))
    assert (node.domain, node.op_type) == ("org.pytorch.aten", "ATen")
    assert plain(node) == {"beta": 1.5, "operator": "swish", "overload_name": ""}


def test_spellings_of_older_releases(register: Register) -> None:
    def swish(g: Any, x: Any, beta: Any) -> Any:
        assert float(beta.node()["value"]) == 1.5
        assert beta.toIValue() == 1.5
        assert beta.node().t("value").dtype is torch.float64
        return g.op("Mul", x, g.op("Sigmoid", g.op("Mul", x, beta)))

    register("wild::swish", swish)
    export(lambda x: torch.ops.wild.swish(x, 1.5), rand(2, 3))
    assert not hasattr(torch._C.Node, "__getitem__")


def test_blocks_of_an_if_and_a_loop(register: Register) -> None:
    """Blocks as torch's own helper adds them: ``g.block`` is another one inside."""
    from torch.onnx._internal.torchscript_exporter.jit_utils import add_op_with_blocks

    def branches(g: Any, x: Any, beta: Any) -> Any:
        positive = g.op("Greater", g.op("ReduceSum", x, keepdims_i=0), 0.0)
        scaled = g.op("Mul", x, beta)
        result, (yes, no), _ = add_op_with_blocks(g, "If", positive, n_blocks=2)
        yes.block.registerOutput(yes.op("Mul", x, yes.op("Sigmoid", scaled)))
        no.block.registerOutput(no.op("Mul", no.op("Sigmoid", no.op("Mul", x, beta)), x))
        return result.setType(x.type())

    register("wild::swish", branches)
    exported = export(lambda x: torch.ops.wild.swish(x, 2.0), rand(2, 3))
    assert [node.op_type for node in exported.model.graph][-1] == "If"

    def loop(g: Any, xs: Any, dim: Any) -> Any:
        first, *_ = sym = ours._unpack_list(xs)
        count = g.op("Constant", value_t=torch.tensor(len(sym) - 1))
        true = g.op("Constant", value_t=torch.tensor(True))
        result, (body,), _ = add_op_with_blocks(g, "Loop", count, true, first, n_blocks=1)
        body.block.addInputToBlock()
        goes_on, so_far = body.block.addInputToBlock(), body.block.addInputToBlock()
        body.block.registerOutput(goes_on)
        body.block.registerOutput(body.op("Add", so_far, first))
        return result.setType(first.type())

    register("wild::total", loop)
    exported = export(lambda x: torch.ops.wild.total([x, x, x], 0), rand(2, 3))
    assert [node.op_type for node in exported.model.graph] == ["Loop"]


def test_an_operator_that_is_removed_otherwise(register: Register) -> None:
    register("aten::dropout", lambda g, x, p, train: g.op("my.domain::Dropout", x, p_f=p))
    (node,) = export(torch.nn.Dropout(0.25), rand(2, 3), check=False).model.graph
    assert node.attributes["p"].as_float() == 0.25


def test_attributes_of_the_context(register: Register) -> None:
    seen: list[Any] = []

    def swish(g: Any, x: Any, beta: Any) -> Any:
        node = g.original_node
        seen.extend([node.kind(), node.inputsSize(), node.schema(), g.opset, isinstance(g.graph, torch._C.Graph)])
        seen.extend([x in g.values_in_env, beta in g.env.values(), len(g.new_nodes)])
        made = g.op("Sigmoid", x)
        seen.extend([len(g.new_nodes), made.node().kind(), g.block is g.graph.block(), node.output().type().dim()])
        return g.op("Mul", x, made)

    register("wild::swish", swish)
    export(lambda x: torch.ops.wild.swish(x, 1.0), rand(2, 3), opset=13)
    schema = "wild::swish(Tensor x, float beta) -> Tensor"
    assert seen == ["wild::swish", 2, schema, 13, True, True, True, 0, 1, "onnx::Sigmoid", True, 2]
