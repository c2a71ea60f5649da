"""More of what public code registers: contrib operators of ONNX Runtime, plugins, overrides, and torch's own functions.

They are the ways of detection toolboxes, of quantized inference libraries and of packages for contrib operators, in words
of our own. What ONNX Runtime has a kernel for is compared with PyTorch.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import nn

import onnx_explore
from tests.compat.wild import export, only, plain, rand

Register = Callable[..., None]

ROWS = rand(3, 4) - 0.5
IMAGE = rand(2, 4, 6, 6) - 0.5


@pytest.fixture(autouse=True)
def patterns() -> Iterator[None]:
    library = torch.library.Library("patterns", "DEF")
    operators: dict[str, Any] = {
        "gemm(Tensor x, Tensor w, Tensor b, bool turned) -> Tensor": (
            lambda x, w, b, turned: nn.functional.gelu(x @ (w.T if turned else w) + b)
        ),
        "plugin(Tensor x, Tensor? b, int stride, bool flag, float factor) -> Tensor": lambda x, b, s, f, c: x.clone(),
        "tagged(Tensor x, int[] sizes, str mode) -> Tensor": lambda x, sizes, mode: x.clone(),
    }
    for schema, function in operators.items():
        library.define(schema)
        library.impl(schema.split("(")[0], function, "CompositeExplicitAutograd")
    yield
    library._destroy()


def test_contrib_operators_without_a_namespace(register: Register, sym: Any) -> None:
    """``::name`` is an operator of ATen; opset 1 is every opset."""

    def gelu(g: Any, self: Any, *_approximate: Any) -> Any:
        return g.op("com.microsoft::Gelu", self).setType(self.type())

    def triu(g: Any, self: Any, diagonal: Any) -> Any:
        return g.op("com.microsoft::Trilu", self, diagonal, upper_i=1).setType(self.type())

    def grid_sampler(g: Any, x: Any, grid: Any, mode: Any, padding: Any, corners: Any) -> Any:
        return g.op(
            "com.microsoft::GridSample",
            x,
            grid,
            mode_s=("bilinear", "nearest", "bicubic")[sym._maybe_get_const(mode, "i")],
            padding_mode_s=("zeros", "border", "reflection")[sym._maybe_get_const(padding, "i")],
            align_corners_i=int(sym._maybe_get_const(corners, "b")),
        )

    register("::gelu", gelu, 1)
    register("::triu", triu, 1)
    register("::grid_sampler", grid_sampler, 1)
    assert only(export(nn.GELU(), ROWS)).domain == "com.microsoft"
    assert only(export(lambda x: torch.triu(x, 1), ROWS, dynamic=False)).op_type == "Trilu"
    sampled = export(lambda x, grid: nn.functional.grid_sample(x, grid, align_corners=True), IMAGE, rand(2, 5, 5, 2))
    assert plain(only(sampled)) == {"mode": "bilinear", "padding_mode": "zeros", "align_corners": 1}


def test_numbers_of_a_plugin(register: Register, sym: Any) -> None:
    """All arguments handed on as they come: numbers become constants, None an input that is left out."""
    register("patterns::plugin", lambda g, *values: g.op("vision::Plugin", *values), 9)
    exported = export(lambda x: torch.ops.patterns.plugin(x, None, 2, True, 0.5), ROWS, check=False)
    (node,) = [node for node in exported.model.graph if node.domain == "vision"]
    assert node.inputs[1] is None
    found = [value.const_value.numpy().item() for value in node.inputs[2:] if value is not None and value.const_value]
    assert found == [2, True, 0.5]


def test_a_fused_product_that_looks_at_its_nodes(register: Register, sym: Any) -> None:
    opset9 = pytest.importorskip("torch.onnx.symbolic_opset9", reason="PyTorch has taken its exporter out")

    @sym.parse_args("v", "v", "v", "b")
    def gemm(g: Any, x: Any, w: Any, b: Any, turned: bool) -> Any:
        result = g.op("Gemm", x, w, transA_i=False, transB_i=turned)
        if b.node().kind() != "onnx::Constant":
            result = g.op("Add", result, b)
        return opset9.gelu(g, result)

    register("patterns::gemm", gemm, 9)
    export(lambda x, w, b: torch.ops.patterns.gemm(x, w, b, True), ROWS, rand(5, 4), rand(5))


def test_types_of_what_is_known(register: Register, sym: Any) -> None:
    seen: list[Any] = []

    def tagged(g: Any, x: Any, sizes: Any, mode: Any) -> Any:
        kind = x.type()
        seen.append((x.isCompleteTensor(), kind.scalarType(), kind.sizes(), kind.strides(), kind.dim(), kind.dtype()))
        numbers = [sym._get_const(each, "i", "sizes") for each in sym._unpack_list(sizes)]
        assert (numbers, sym._parse_arg(sizes, "is"), sym._parse_arg(mode, "s")) == ([1, 2], [1, 2], "hi")
        result = g.op("Identity", x)
        result.setType(kind.with_sizes(kind.varyingSizes()))
        result.setDebugName("tagged")
        assert (result.node().kind(), result.debugName(), result.node().output().debugName()) == (
            "onnx::Identity",
            "tagged",
            "tagged",
        )
        return result

    register("patterns::tagged", tagged, 9)
    export(lambda x: torch.ops.patterns.tagged(x * 2, [1, 2], "hi"), ROWS, dynamic=False)
    export(lambda x: torch.ops.patterns.tagged(x * 2, [1, 2], "hi"), ROWS)
    assert seen == [
        (True, "Float", [3, 4], [4, 1], 2, torch.float32),
        (False, "Float", None, None, 2, torch.float32),
    ]


def test_small_overrides(register: Register, sym: Any) -> None:
    """Reshape by a constant or a value, narrow, the results of min, a range, true division, distances."""

    @sym.parse_args("v", "v")
    def reshape(g: Any, self: Any, shape: Any) -> Any:
        numbers = sym._maybe_get_const(shape, "is")
        if not sym._is_value(numbers):
            numbers = g.op("Constant", value_t=torch.LongTensor(numbers))
        return sym._reshape_helper(g, self, numbers)

    @sym.parse_args("v", "i", "i", "i")
    def narrow(g: Any, self: Any, dim: int, start: int, length: int) -> Any:
        return sym._slice_helper(g, self, axes=[dim], starts=[start], ends=[start + length])

    def least(g: Any, self: Any, dim: Any, keepdim: Any) -> Any:
        dim, keepdim = sym._get_const(dim, "i", "dim"), sym._get_const(keepdim, "i", "keepdim")
        values = g.op("ReduceMin", self, axes_i=[dim], keepdims_i=keepdim)
        return values, g.op("ArgMin", self, axis_i=dim, keepdims_i=keepdim)

    def arange(g: Any, *args: Any) -> Any:
        assert len(args) == 5
        zero, one = (g.op("Constant", value_t=torch.tensor(number)) for number in (0, 1))
        return g.op("Range", zero, args[0], one)

    def divide(g: Any, self: Any, other: Any) -> Any:
        if sym._is_fp(self) or sym._is_fp(other):
            return g.op("Div", self, other)
        return g.op("Div", g.op("Cast", self, to_i=1), g.op("Cast", other, to_i=1))

    def distance(g: Any, x: Any, y: Any) -> Any:
        rank = x.type().dim()
        rows, columns = sym._unsqueeze_helper(g, x, [rank - 1]), sym._unsqueeze_helper(g, y, [rank - 2])
        return g.op("ReduceL2", g.op("Sub", rows, columns), axes_i=[-1], keepdims_i=0)

    for name, function in (("reshape", reshape), ("narrow", narrow), ("min", least), ("arange", arange)):
        register(f"aten::{name}", function, 9)
    register("aten::div", divide, 9)
    register("aten::_euclidean_dist", distance, 9)
    export(lambda x: x.reshape(x.shape[0], -1).narrow(1, 3, 5), IMAGE)
    export(lambda x: torch.min(x, 1), ROWS)
    export(lambda x: torch.arange(x.shape[0]) / torch.full((1,), 3), ROWS)
    export(torch.cdist, ROWS, rand(30, 4))


class Mark(torch.autograd.Function):
    """A node for a person who looks for it, with attributes that the caller makes up."""

    @staticmethod
    def symbolic(g: Any, x: Any, kind: str, number: int, attributes: dict[str, Any]) -> Any:
        return g.op("marks::Mark", x, type_s=kind, id_i=number, **attributes)

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, *_: Any) -> torch.Tensor:
        return x.clone()


class Detections(torch.autograd.Function):
    """A plugin with four results, which nobody computes at export."""

    @staticmethod
    def forward(ctx: Any, boxes: torch.Tensor, scores: torch.Tensor, background: int = -1) -> Any:
        kinds = torch.zeros(1, 1, dtype=torch.int32), torch.zeros(1, 7, dtype=torch.int32)
        return kinds[0], torch.zeros(1, 7, 4), torch.zeros(1, 7), kinds[1]

    @staticmethod
    def symbolic(g: Any, boxes: Any, scores: Any, background: int = -1) -> Any:
        count, found, best, classes = g.op(
            "TRT::EfficientNMS_TRT", boxes, scores, background_class_i=background, plugin_version_s="1", outputs=4
        )
        return count, found, best, classes


class Packed(torch.autograd.Function):
    """A product with 4-bit weights, of which PyTorch has no kernel: zeros of the right shape during the export."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, weight: torch.Tensor, scales: torch.Tensor, bits: int, out: int) -> Any:
        assert torch.onnx.is_in_onnx_export() and onnx_explore.is_in_onnx_export()
        return torch.zeros(*x.shape[:-1], out)

    @staticmethod
    def symbolic(g: Any, x: Any, weight: Any, scales: Any, bits: int, out: int) -> Any:
        size = x.type().sizes()[-1]
        return g.op(
            "com.microsoft::MatMulNBits", x, weight, scales, outputs=1, K_i=size, N_i=out, bits_i=bits, block_size_i=16
        )


class Pairs(torch.autograd.Function):
    """Quantization that a runtime fuses."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, scale: torch.Tensor, zero: torch.Tensor) -> torch.Tensor:
        return torch.clamp(torch.round(x / scale), -128, 127) * scale

    @staticmethod
    def symbolic(g: Any, x: Any, scale: Any, zero: Any) -> Any:
        return g.op("DequantizeLinear", g.op("QuantizeLinear", x, scale, zero, axis_i=0), scale, zero, axis_i=0)


def test_functions_of_toolboxes() -> None:
    marked = export(lambda x: Mark.apply(x, "input", 3, {"level_i": 2, "shape_is": [1, 2]}), ROWS, check=False)
    assert plain(only(marked)) == {"type": "input", "id": 3, "level": 2, "shape": [1, 2]}
    found = export(Detections.apply, rand(1, 5, 4), rand(1, 5, 2), check=False, dynamic=False)
    assert [item.name for item in only(found).outputs] == ["output_0", "output_1", "output_2", "output_3"]
    weight, scales = torch.zeros(8, 1, 8, dtype=torch.uint8), torch.ones(8)
    # every weight is 0, which stands for -8
    packed = export(lambda x: Packed.apply(x, weight, scales, 4, 8), rand(2, 16), check=False, dynamic=False)
    assert plain(only(packed)) == {"K": 16, "N": 8, "bits": 4, "block_size": 16}
    export(lambda x: Pairs.apply(x, torch.tensor(0.1), torch.tensor(0, dtype=torch.int8)), ROWS)


TORCHS: list[tuple[str, Any, torch.Tensor]] = [
    ("softmax", nn.Softmax(1), ROWS),
    ("log_softmax", nn.LogSoftmax(1), ROWS),
    ("layer_norm", nn.LayerNorm(4), ROWS),
    ("batch_norm", nn.BatchNorm2d(4).eval(), IMAGE),
    ("group_norm", nn.GroupNorm(2, 4), IMAGE),
    ("max_pool2d", nn.MaxPool2d(2), IMAGE),
    ("adaptive_avg_pool2d", nn.AdaptiveAvgPool2d(1), IMAGE),
    ("pixel_shuffle", nn.PixelShuffle(2), IMAGE),
    ("hardswish", nn.Hardswish(), ROWS),
    ("glu", nn.GLU(1), ROWS),
    ("embedding", nn.Embedding(4, 3), torch.tensor([1, 2, 0])),
    ("lstm", nn.LSTM(4, 3), rand(5, 2, 4)),
    ("topk", lambda x: x.topk(2)[0], ROWS),
    ("pad", lambda x: nn.functional.pad(x, (1, 1)), ROWS),
    ("clamp", lambda x: x.clamp(0, 1), ROWS),
    ("cumsum", lambda x: x.cumsum(1), ROWS),
    ("var_mean", lambda x: torch.var_mean(x, 1), ROWS),
    ("scatter", lambda x: x.scatter(1, torch.tensor([[0], [1], [2]]), 1.0), ROWS),
    ("where", lambda x: torch.where(x > 0, x, -x), ROWS),
    ("repeat", lambda x: x.repeat(2, 1), ROWS),
    ("repeat_interleave", lambda x: x.repeat_interleave(2, 0), ROWS),
    ("stack", lambda x: torch.stack([x, x]), ROWS),
    ("split", lambda x: x.split(2, 1), ROWS),
    ("index", lambda x: x[torch.tensor([0, 2])], ROWS),
    ("index_select", lambda x: x.index_select(1, torch.tensor([0, 2])), ROWS),
    ("index_put", lambda x: x.index_put((torch.tensor([0]),), torch.zeros(4)), ROWS),
    ("masked_fill", lambda x: x.masked_fill(x > 0, 1.0), ROWS),
    ("one_hot", lambda x: nn.functional.one_hot(x.long().clamp(0, 3), 4), ROWS * 4),
    ("einsum", lambda x: torch.einsum("ij,kj->ik", x, x), ROWS),
    ("matmul", lambda x: x @ x.T, ROWS),
    ("argmax", lambda x: x.argmax(1), ROWS),
    ("linalg_vector_norm", lambda x: torch.linalg.vector_norm(x, dim=1), ROWS),
    ("arange", lambda x: torch.arange(0, 3, 1) + x[:, 0], ROWS),
    ("full_like", lambda x: torch.full_like(x, 2.0), ROWS),
]


@pytest.mark.parametrize(("name", "model", "x"), TORCHS, ids=[name for name, *_ in TORCHS])
def test_symbolic_functions_of_torch_run_on_our_graph(
    name: str, model: Any, x: torch.Tensor, register: Register
) -> None:
    """A function of public code often ends in a call of torch's own one, of whatever opset."""
    modules = [importlib.import_module(f"torch.onnx.symbolic_opset{opset}") for opset in range(17, 8, -1)]
    function = next(getattr(module, name) for module in modules if hasattr(module, name))
    calls: list[str] = []

    def theirs(g: Any, *values: Any, **more: Any) -> Any:
        calls.append(name)
        return function(g, *values, **more)

    register(f"aten::{name}", theirs)
    export(model, x, dynamic=False)
    assert calls
