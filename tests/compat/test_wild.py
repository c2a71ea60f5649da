"""Symbolic functions as public projects write them: language models, plugins, lists, quantization.

Each is written once and runs with both sets of helper functions: torch's own (``torch.onnx.symbolic_helper``) and ours. What
consists of ONNX operators is compared with PyTorch in ONNX Runtime, with a dynamic axis at a second size where there is one;
nodes of custom domains are compared attribute by attribute.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

import onnx_explore
from onnx_explore import symbolic_helper as ours
from tests.compat.wild import export, only, plain, rand

Register = Callable[..., None]
pytestmark = pytest.mark.usefixtures("wild")


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
