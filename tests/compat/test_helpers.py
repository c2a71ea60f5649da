"""Our helper functions against torch's own: the same nodes, with the same attributes, at opsets before and after each change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.onnx import symbolic_helper as theirs

import onnx_explore
from onnx_explore import symbolic_helper as ours
from onnx_explore.errors import NotConstant, OnnxExporterError, OpsetTooLow, UnsupportedOperatorError

X = torch.rand(2, 3, 4, generator=torch.Generator().manual_seed(0))


def longs(g: Any, *numbers: int) -> Any:
    return g.op("Constant", value_t=torch.tensor(numbers))


HELPED: dict[str, Callable[[Any, Any, Any], Any]] = {
    "slice": lambda sym, g, x: sym._slice_helper(g, x, axes=[1], starts=[0], ends=[2]),
    "slice with steps": lambda sym, g, x: sym._slice_helper(
        g, x, axes=longs(g, 1), starts=longs(g, 0), ends=longs(g, 2), steps=longs(g, 2)
    ),
    "squeeze": lambda sym, g, x: sym._squeeze_helper(g, sym._unsqueeze_helper(g, x, [0]), [0]),
    "unsqueeze": lambda sym, g, x: sym._unsqueeze_helper(g, x, [0, 2]),
    "sum": lambda sym, g, x: sym._reducesum_helper(g, x, axes_i=[1], keepdims_i=0),
    "sum of all": lambda sym, g, x: sym._reducesum_helper(g, x, keepdims_i=0),
    "reshape": lambda sym, g, x: sym._reshape_helper(g, x, [0, -1]),
    "reshape to a value": lambda sym, g, x: sym._reshape_helper(g, x, longs(g, 4, -1)),
    "topk": lambda sym, g, x: sym._topk_helper(g, x, longs(g, 2), dim=1, sorted=True)[0],
    "sort": lambda sym, g, x: sym._sort_helper(g, x, dim=1)[0],
    "select": lambda sym, g, x: sym._select_helper(g, x, 1, g.op("Constant", value_t=torch.tensor(1))),
    "size": lambda sym, g, x: sym._size_helper(g, x, g.op("Constant", value_t=torch.tensor(1))),
    "numel": lambda sym, g, x: sym._numel_helper(g, x),
    "flatten": lambda sym, g, x: sym._flatten_helper(g, x, 1, 2, 3),
    "flatten in the middle": lambda sym, g, x: sym._flatten_helper(g, x, 0, 1, 3),
    "unbind": lambda sym, g, x: sym._unbind_helper(
        g, x, g.op("Constant", value_t=torch.tensor(1)) if sym is theirs else 1, 3
    )[1],
    "less": lambda sym, g, x: sym._lt_helper(g, x, x),
    "number": lambda sym, g, x: g.op("Mul", x, sym._generate_wrapped_number(g, 2.0)),
    "cast": lambda sym, g, x: sym._maybe_cast_to_type(g, x, _double(sym)),
    "no cast": lambda sym, g, x: g.op("Neg", sym._maybe_cast_to_type(g, x, _float(sym))),
    "scales of a size": lambda sym, g, x: sym._interpolate_size_to_scales(g, x, [8], 3),
    "scales of a factor": lambda sym, g, x: sym._interpolate_get_scales(
        g, g.op("Constant", value_t=torch.tensor(2.0)), 3
    ),
    "argmax": lambda sym, g, x: sym._argmin_argmax_helper(
        g, x, g.op("Constant", value_t=torch.tensor(1)), False, "ArgMax"
    ),
    "argmin of all": lambda sym, g, x: sym._argmin_argmax_helper(g, x, None, True, "ArgMin"),
    "max": lambda sym, g, x: sym._max_helper(g, x),
    "max of a dimension": lambda sym, g, x: sym._max_helper(g, x, longs(g, 1), longs(g, 0))[0],
    "min of two": lambda sym, g, x: sym._min_helper(g, x, g.op("Neg", x)),
    "variance": lambda sym, g, x: sym._var_mean_helper(g, x, [1, 2], 1, 1)[0],
    "variance of all": lambda sym, g, x: sym._var_mean_helper(g, x, None, 0, 0)[0],
    "resize to a size": lambda sym, g, x: sym._interpolate_helper("upsample_linear1d", 3, "linear")(
        g, x, longs(g, 9), g.op("Constant", value_t=torch.tensor(False)), None
    ),
    "resize by a factor": lambda sym, g, x: sym._interpolate_helper("upsample_nearest1d", 3, "nearest")(
        g, x, None, g.op("Constant", value_t=torch.tensor([2.0]))
    ),
}
DIFFERENT = {
    "argmax",
    "argmin of all",
    "variance",
    "variance of all",
    "resize to a size",
    "resize by a factor",
    "unbind",
    "number",
    "scales of a factor",
    "scales of a size",
    "topk",
    "sort",
    "flatten in the middle",
}
"""Ours make other nodes, fewer of them; the type of the result is compared here, its numbers below."""

EAGER: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "unbind": lambda x: x.unbind(1)[1].clone(),
    "topk": lambda x: x.topk(2, 1)[0],
    "sort": lambda x: x.sort(1, descending=True)[0],
    "select": lambda x: x[:, 1:2].clone(),
    "flatten": lambda x: x.flatten(1, 2).clone(),
    "flatten in the middle": lambda x: x.flatten(0, 1).clone(),
    "sum": lambda x: x.sum(1),
    "sum of all": lambda x: x.sum(),
    "size": lambda x: torch.tensor(x.shape[1]),
    "numel": lambda x: torch.tensor(x.numel()),
    "scales of a size": lambda x: torch.tensor([1.0, 1.0, 8 / x.shape[2]]),
    "scales of a factor": lambda x: torch.tensor([1.0, 1.0, 2.0]),
    "reshape": lambda x: x.reshape(x.shape[0], -1).clone(),
    "slice with steps": lambda x: x[:, 0:2:2].clone(),
    "argmax": lambda x: x.argmax(1),
    "argmin of all": lambda x: x.argmin().reshape(1, 1, 1),
    "max": lambda x: x.max(),
    "max of a dimension": lambda x: x.max(1)[0],
    "min of two": lambda x: torch.min(x, -x),
    "variance": lambda x: x.var((1, 2), keepdim=True),
    "variance of all": lambda x: x.var(correction=0),
    "resize to a size": lambda x: nn.functional.interpolate(x, size=9, mode="linear"),
    "resize by a factor": lambda x: nn.functional.interpolate(x, scale_factor=2.0),
}


def _double(sym: Any) -> Any:
    return onnx_explore.JitScalarType.DOUBLE if sym is ours else torch.onnx.JitScalarType.DOUBLE


def _float(sym: Any) -> Any:
    return onnx_explore.JitScalarType.FLOAT if sym is ours else torch.onnx.JitScalarType.FLOAT


def made(sym: Any, name: str, opset: int) -> tuple[list[Any], tuple[Any, ...]]:
    """The nodes that a helper makes, and the type of its result; or the kind of its refusal."""
    nodes: list[Any] = []
    result: list[Any] = []

    def symbolic(g: Any, x: Any) -> Any:
        value = HELPED[name](sym, g, x)
        nodes.extend(
            (
                node.kind(),
                sorted((key, str(theirs._node_get(node, key))) for key in node.attributeNames() if key != "value"),
            )
            for node in g.new_nodes
            if node.kind() != "onnx::Constant"
        )
        result.extend([value.type().scalarType(), value.type().varyingSizes()])
        return g.op("Identity", x)

    with onnx_explore.symbolic("aten::relu", style="torch")(symbolic):
        try:
            onnx_explore.export(torch.relu, X, opset_version=opset)
        except OnnxExporterError:
            return ["refused"], ()
    return nodes, tuple(result)


@pytest.mark.parametrize("name", EAGER)
@pytest.mark.parametrize("opset", [11, 17])
def test_the_same_numbers_as_pytorch(name: str, opset: int) -> None:
    library = torch.library.Library("helped", "DEF")
    library.define("run(Tensor x) -> Tensor")
    library.impl("run", EAGER[name], "CPU")
    try:
        with onnx_explore.symbolic("helped::run", style="torch")(lambda g, x: HELPED[name](ours, g, x)):
            onnx_explore.export(
                lambda x: torch.ops.helped.run(x),
                X,
                input_names=["x"],
                dynamic_axes={"x": {0: "n"}} if "scales" not in name else None,
                opset_version=opset,
                check=True,
            )
    finally:
        library._destroy()


@pytest.mark.parametrize("name", HELPED)
@pytest.mark.parametrize("opset", [9, 10, 12, 13, 17])
def test_the_same_nodes(name: str, opset: int) -> None:
    mine, wanted = made(ours, name, opset), made(theirs, name, opset)
    if name == "sort" and opset == 9:
        assert mine == (["refused"], ())  # there, TopK's size is an attribute; torch makes a node that no opset has
        return
    if name.startswith("resize"):
        if opset < 11:
            assert mine == (["refused"], ())  # torch makes a Resize with sizes, which these opsets do not have
            return
        mine, wanted = (mine[0], mine[1][:1]), (wanted[0], wanted[1][:1])  # torch does not know the sizes
    if name == "scales of a size" and opset == 9:
        mine, wanted = (
            (mine[0], mine[1][:1]),
            (wanted[0], wanted[1][:1]),
        )  # sizes behind a Slice of opset 9 are not known
    if name in DIFFERENT:
        mine, wanted = ([], mine[1]), ([], wanted[1])
    assert mine == wanted


def test_every_name_that_public_code_imports() -> None:
    for name in theirs.__all__:
        if name in NOT_THERE:
            continue
        assert hasattr(ours, name), name


NOT_THERE = {
    "is_caffe2_aten_fallback",
    "_arange_cast_helper",
    "_arange_helper",
    "_batchnorm_helper",
    "_embedding_bag_helper",
    "_linalg_vector_norm_helper",
    "_reduce_op_symbolic_helper",
    "_reduce_with_dtype_helper",
    "_repeat_interleave_single_value_repeat_helper",
    "_repeat_interleave_split_helper",
    "_scatter_helper",
    "check_training_mode",
}
"""Bodies of torch's own symbolic functions: public code calls those of torch, which run on our graph (test_wild_patterns)."""


@pytest.mark.parametrize(
    ("descriptor", "make", "wanted"),
    [
        ("i", lambda g: g.op("Constant", value_t=torch.tensor(3)), 3),
        ("i", lambda g: g.op("Constant", value_t=torch.tensor([3])), 3),
        ("f", lambda g: g.op("Constant", value_t=torch.tensor(3)), 3.0),
        ("b", lambda g: g.op("Constant", value_t=torch.tensor(1)), True),
        ("is", lambda g: g.op("Constant", value_t=torch.tensor([1, 2])), [1, 2]),
        ("fs", lambda g: g.op("prim::ListConstruct", longs(g, 1), longs(g, 2)), [1.0, 2.0]),
        ("s", lambda g: g.op("Constant", value_s="text"), "text"),
        ("i", lambda g: 5, 5),
        ("v", lambda g: 5, 5),
    ],
)
def test_descriptors(descriptor: str, make: Any, wanted: Any) -> None:
    found: list[Any] = []

    def symbolic(g: Any, x: Any) -> Any:
        found.append(ours._parse_arg(make(g), descriptor))
        return x

    with onnx_explore.symbolic("aten::relu", style="torch")(symbolic):
        onnx_explore.export(torch.relu, X)
    assert found == [wanted]
    assert type(found[0]) is type(wanted)


@pytest.mark.parametrize(
    ("ask", "error", "message"),
    [
        (lambda g, x: ours._get_const(x, "i", "size"), NotConstant, "argument 'size'"),
        (lambda g, x: ours._unpack_list(x), NotConstant, "not a list whose length is known"),
        (lambda g, x: ours._parse_arg(longs(g, 1, 2), "i", "n"), UnsupportedOperatorError, r"\[1, 2\]"),
        (lambda g, x: ours._unimplemented("relu", "no"), UnsupportedOperatorError, "gives up on relu: no"),
        (lambda g, x: ours._onnx_unsupported("relu"), UnsupportedOperatorError, "cannot convert relu"),
        (lambda g, x: ours._onnx_opset_unsupported("relu", 17, 18), OpsetTooLow, "opset_version=18"),
        (lambda g, x: ours._onnx_opset_unsupported("relu", 17, 9), UnsupportedOperatorError, "opset_version=9"),
        (
            lambda g, x: ours._block_list_in_opset("relu")(g, x),
            UnsupportedOperatorError,
            "cannot be converted at opset 17",
        ),
    ],
)
def test_refusals(ask: Any, error: Any, message: str) -> None:
    with onnx_explore.symbolic("aten::relu", style="torch")(ask), pytest.raises(error, match=message) as found:
        onnx_explore.export(torch.relu, X)
    assert found.value.target == "aten::relu"
