"""``operator_export_type``, ``autograd_inlining``: what is converted, and what stays PyTorch's own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx.reference import ReferenceEvaluator
from onnx.reference.op_run import OpRun
from torch import nn

import onnx_explore
from onnx_explore.errors import UnsupportedOperatorError
from onnx_explore.options import OperatorExportTypes
from tests.api.reference import proves

X = torch.randn(3, 3, generator=torch.Generator().manual_seed(0))
ALL = (*OperatorExportTypes, *(torch.onnx.OperatorExportTypes.__members__[each.name] for each in OperatorExportTypes))


class ATen(OpRun):
    """An ATen runtime: PyTorch itself."""

    op_domain = "org.pytorch.aten"

    def _run(self, *inputs: Any, operator: str = "", overload_name: str = "") -> Any:
        overload = getattr(getattr(torch.ops.aten, operator), overload_name or "default")
        return run_aten(overload, inputs)


def run_aten(overload: Any, inputs: Any) -> Any:
    given = [
        torch.from_numpy(item.copy())
        if isinstance(item, np.ndarray) and str(argument.type) in ("Tensor", "Optional[Tensor]")
        else [torch.from_numpy(each) for each in item]
        if isinstance(item, list)
        else item.tolist()
        if isinstance(item, np.ndarray)
        else item
        for argument, item in zip(overload._schema.arguments, inputs, strict=False)
    ]
    names = [argument.name if argument.kwarg_only else None for argument in overload._schema.arguments]
    positional = [item for name, item in zip(names, given, strict=False) if name is None]
    result = overload(*positional, **{name: item for name, item in zip(names, given, strict=False) if name})
    return tuple(item.numpy() for item in (result if isinstance(result, (list, tuple)) else (result,)))


class triu(OpRun):  # noqa: N801
    op_domain = "org.pytorch.aten"

    def _run(self, x: Any, diagonal: Any) -> Any:
        return (np.triu(x, int(diagonal)),)


class Model(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.mul(torch.triu(x, 0), x)


@pytest.fixture
def triu_is_not_supported() -> Iterator[None]:
    """The reference's example assumes it."""
    onnx_explore.register_custom_op_symbolic("aten::triu", lambda g, self, diagonal: None, 9)
    yield
    onnx_explore.unregister_custom_op_symbolic("aten::triu", 9)


def operators(exported: onnx_explore.Exported) -> list[str]:
    return [
        f"{node.domain}::{node.op_type}" if node.domain else node.op_type
        for node in exported.model.graph
        if node.op_type != "Constant"
    ]


def evaluate(exported: onnx_explore.Exported, *inputs: torch.Tensor) -> Any:
    proto = exported.to_proto()
    onnx.checker.check_model(proto, full_check=True)
    session = ReferenceEvaluator(proto, new_ops=[ATen, triu])
    feeds = {item.name: tensor.numpy() for item, tensor in zip(proto.graph.input, inputs, strict=False)}
    return session.run(None, feeds)[0]


@proves("export.operator_export_type: ONNX", "OperatorExportTypes")
def test_onnx_converts_everything(triu_is_not_supported: None) -> None:
    assert operators(onnx_explore.export(nn.Sequential(nn.ReLU()), X, operator_export_type="ONNX")) == ["Relu"]
    with pytest.raises(UnsupportedOperatorError, match="aten::triu"):
        onnx_explore.export(Model(), X)
    assert {each.name for each in OperatorExportTypes} == set(torch.onnx.OperatorExportTypes.__members__)


@proves("export.operator_export_type: ONNX_ATEN_FALLBACK", "example: ONNX_ATEN_FALLBACK", "export.operator_export_type")
@pytest.mark.parametrize("kind", [each for each in ALL if each.name == "ONNX_ATEN_FALLBACK"], ids=["ours", "torchs"])
def test_the_example_of_the_reference(kind: Any, triu_is_not_supported: None) -> None:
    exported = onnx_explore.export(Model(), X, operator_export_type=kind)
    assert operators(exported) == ["org.pytorch.aten::ATen", "Mul"]
    aten = next(node for node in exported.model.graph if node.op_type == "ATen")
    assert aten.attributes["operator"].as_string() == "triu"
    assert aten.attributes["overload_name"].as_string() == ""
    assert [None if value is None else str(value.dtype) for value in aten.inputs] == ["FLOAT", "INT64"]
    assert exported.model.opset_imports["org.pytorch.aten"] == 1
    (note,) = [note for note in exported.recording.notes if note.code == "NotConverted"]
    assert "test_operator_export_types.py" in note.where
    np.testing.assert_allclose(evaluate(exported, X), Model()(X).numpy(), rtol=1e-6)


@proves("export.operator_export_type: ONNX_FALLTHROUGH")
@pytest.mark.parametrize("kind", [each for each in ALL if each.name == "ONNX_FALLTHROUGH"], ids=["ours", "torchs"])
def test_falling_through(kind: Any, triu_is_not_supported: None) -> None:
    exported = onnx_explore.export(Model(), X, operator_export_type=kind)
    assert operators(exported) == ["org.pytorch.aten::triu", "Mul"]
    np.testing.assert_allclose(evaluate(exported, X), Model()(X).numpy(), rtol=1e-6)


def test_custom_operators_fall_through_too() -> None:
    library = torch.library.Library("apitest", "DEF")
    try:
        library.define("foo(Tensor x, float a, int[] b, str mode, Tensor? y=None) -> (Tensor, Tensor)")
        library.impl("foo", lambda x, a, b, mode, y=None: (x * a + sum(b), x + 1), "CPU")

        def model(x: torch.Tensor) -> Any:
            return torch.ops.apitest.foo(x, 0.5, [1, 2], "plain")

        with pytest.raises(UnsupportedOperatorError, match="apitest::foo"):
            onnx_explore.export(model, X, operator_export_type="ONNX_ATEN_FALLBACK")
        exported = onnx_explore.export(model, X, operator_export_type="ONNX_FALLTHROUGH")
        assert operators(exported) == ["apitest::foo"]
        (node,) = [node for node in exported.model.graph if node.domain]
        assert [None if value is None else str(value.dtype) for value in node.inputs] == [
            "FLOAT",
            "FLOAT",
            "INT64",
            "STRING",
        ]
        assert len(node.outputs) == 2
        onnx.checker.check_model(exported.to_proto(), full_check=True)
    finally:
        library._destroy()


@proves("export.operator_export_type: ONNX_ATEN")
@pytest.mark.parametrize("kind", [each for each in ALL if each.name == "ONNX_ATEN"], ids=["ours", "torchs"])
def test_every_aten_operator_stays_with_aten(kind: Any) -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(144, 3)).eval()
    x = torch.randn(2, 3, 8, 8)
    exported = onnx_explore.export(
        model, x, operator_export_type=kind, input_names=["x"], dynamic_axes={"x": {0: "batch"}}
    )
    assert set(operators(exported)) == {"org.pytorch.aten::ATen"}
    names = [node.attributes["operator"].as_string() for node in exported.model.graph if node.op_type == "ATen"]
    assert names == ["_convolution", "batch_norm", "relu", "flatten", "linear"]
    more = torch.cat([x, x[:1]])
    with torch.no_grad():
        np.testing.assert_allclose(evaluate(exported, more), model(more).numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", ["ONNX_ATEN", "ONNX_ATEN_FALLBACK"])
def test_the_check_runs_aten_operators(kind: str, triu_is_not_supported: None) -> None:
    exported = onnx_explore.export(
        nn.Sequential(Model(), nn.Linear(3, 3)), X, operator_export_type=kind, check=True, input_names=["x"],
        dynamic_axes={"x": {0: "n"}},
    )  # fmt: skip
    assert exported.report is not None
    assert "onnx.reference agrees with PyTorch" in exported.report.verdict
    assert "runs at 3" in exported.report.verdict


def test_lists_of_tensors_and_several_results() -> None:
    def model(x: torch.Tensor) -> torch.Tensor:
        first, second, third = x.chunk(3)
        return torch.cat([third, first * 2, second]).to(torch.float64)

    exported = onnx_explore.export(model, X, operator_export_type="ONNX_ATEN")
    assert operators(exported).count("SequenceConstruct") == 1
    np.testing.assert_allclose(evaluate(exported, X), model(X).numpy())


def test_random_operators_of_a_custom_domain_are_not_merged() -> None:
    def model(x: torch.Tensor) -> torch.Tensor:
        return torch.bernoulli(x) - torch.bernoulli(x)

    kept = onnx_explore.export(model, X.sigmoid(), operator_export_type="ONNX_ATEN")
    assert operators(kept).count("org.pytorch.aten::ATen") == 3
    twice = onnx_explore.export(lambda x: nn.functional.dropout(x) - nn.functional.dropout(x), X)
    assert operators(twice).count("Dropout") == 2


@proves("export.keep_initializers_as_inputs: None")
@pytest.mark.parametrize("kind", list(OperatorExportTypes), ids=lambda kind: kind.name)
def test_initializers_are_inputs_but_for_onnx(kind: OperatorExportTypes) -> None:
    for keep in (None, False, True):
        exported = onnx_explore.export(nn.Linear(3, 2), X, operator_export_type=kind, keep_initializers_as_inputs=keep)
        expected = kind is not OperatorExportTypes.ONNX if keep is None else keep
        assert len(exported.model.graph.inputs) == (3 if expected else 1)


class MyLogExp(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, input: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(input)
        h = input.exp()
        return h.log().log()


class Apply(nn.Module):
    def forward(self, input: torch.Tensor) -> torch.Tensor:
        return MyLogExp.apply(input)


@proves("example: Inline autograd function", "export.autograd_inlining", "export.autograd_inlining: True")
def test_a_function_is_inlined() -> None:
    exported = onnx_explore.export(Apply(), torch.ones(1) * 2, check=True, autograd_inlining=True)
    assert operators(exported) == ["Exp", "Log", "Log"]


@proves("export.autograd_inlining: False")
@pytest.mark.parametrize("kind", ["ONNX_FALLTHROUGH", "ONNX_ATEN_FALLBACK"])
def test_inlining_is_avoided(kind: str) -> None:
    exported = onnx_explore.export(Apply(), X, operator_export_type=kind)
    assert operators(exported) == ["prim::PythonOp"]
    (node,) = exported.model.graph
    assert node.attributes["name"].as_string() == "MyLogExp"
    with pytest.raises(UnsupportedOperatorError, match="prim::PythonOp"):
        onnx_explore.export(Apply(), X, autograd_inlining=False)
