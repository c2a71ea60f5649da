"""A wrong symbolic function, of either style: one clear error, and no trace in the graph."""

from __future__ import annotations

from typing import Any

import onnx_ir as ir
import pytest
import torch

import onnx_explore
from onnx_explore.errors import OnnxExporterError, UnsupportedOperatorError

X = torch.randn(2, 3, generator=torch.Generator().manual_seed(0))
Tensor = ir.Value
kept: dict[str, Any] = {}


def keeps_a_value(g: Any, x: Any) -> Any:
    kept["value"] = g.op("Neg", x)
    return kept["value"]


def too_few_values(g: Any, x: Any, y: Any) -> Any:
    return g.op("Add", x, y)


def raises_half_way(g: Any, x: Any) -> Any:
    y = g.op("my.domain::Foo", x)
    g.op("Add", y, torch.ones(3))
    raise ValueError("half way")


def wrong_attribute(g: Any, x: Any) -> Any:
    return g.op("my.domain::Foo", x, alpha_f="a")


def wrong_operator_name(g: Any, x: Any) -> Any:
    return g.op("a::b::c", x, alpha_f=1.0)


def returns_garbage(g: Any, x: Any) -> Any:
    g.op("Neg", x, unused_i=1)
    return object()


def returns_a_string(g: Any, x: Any) -> Any:
    return "Relu"


def returns_too_many(g: Any, x: Any) -> Any:
    return g.op("Neg", x), g.op("Abs", x)


def returns_a_kept_value(g: Any, x: Any) -> Any:
    return kept["value"]


def uses_a_kept_value(g: Any, x: Any) -> Any:
    return g.op("Add", x, kept["value"])


def returns_the_context(g: Any, x: Any) -> Any:
    return g


def typed_raises(g: Any, self: Tensor) -> Any:
    g.op("Foo", self, domain="my.domain")
    raise ValueError("half way")


def typed_unknown_argument(g: Any, wrong: Tensor) -> Any:
    return wrong


def typed_wrong_attribute(g: Any, self: Tensor) -> Any:
    return g.op("Foo", self, domain="my.domain", alpha=object())


def typed_returns_garbage(g: Any, self: Tensor) -> Any:
    return {"a": self}


def typed_returns_a_kept_value(g: Any, self: Tensor) -> Any:
    return kept["typed"]


def typed_uses_a_kept_value(g: Any, self: Tensor) -> Any:
    return g.op("Add", self, kept["typed"])


def typed_keeps(g: Any, self: Tensor) -> Any:
    kept["typed"] = g.op("Neg", self)
    return kept["typed"]


CASES = [
    (too_few_values, "torch", "missing 1 required positional argument"),
    (raises_half_way, "torch", "raised ValueError at compat/test_wrong.py:{line:raise ValueError}"),
    (wrong_attribute, "torch", 'at compat/test_wrong.py:{line:alpha_f="a"}'),
    (wrong_operator_name, "torch", "'a::b::c' is not an operator"),
    (returns_garbage, "torch", "which is no value of the graph"),
    (returns_a_string, "torch", "'Relu' (str), which is no value of the graph"),
    (returns_too_many, "torch", "returned 2 values for an output that is one tensor"),
    (returns_a_kept_value, "torch", "a value of another graph"),
    (uses_a_kept_value, "torch", "a value of another graph"),
    (returns_the_context, "torch", "which is no value of the graph"),
    (typed_raises, "typed", "raised ValueError"),
    (typed_unknown_argument, "typed", "wrong"),
    (typed_wrong_attribute, "typed", "attribute 'alpha' cannot hold"),
    (typed_returns_garbage, "typed", "which is no value of the graph"),
    (typed_returns_a_kept_value, "typed", "a value of another graph"),
    (typed_uses_a_kept_value, "typed", "a value of another graph"),
]


def state(exploration: onnx_explore.Exploration) -> Any:
    graph = exploration.onnx_graph
    return (
        [(node.name, node.op_type) for node in graph],
        sorted(graph.initializers),
        dict(graph.opset_imports),
    )


@pytest.mark.parametrize(("function", "style", "message"), CASES, ids=[case[0].__name__ for case in CASES])
def test_it_leaves_no_trace(function: Any, style: Any, message: str) -> None:
    with onnx_explore.symbolic("aten::neg", style="torch")(keeps_a_value):
        onnx_explore.export(torch.neg, X)
    with onnx_explore.symbolic("aten::neg", style="typed")(typed_keeps):
        onnx_explore.export(torch.neg, X)
    exploration = onnx_explore.explore(lambda x: torch.relu(torch.sigmoid(x)) + 1, X)
    exploration.run_until("aten::relu")
    before = state(exploration)
    if "{line:" in message:
        head, _, what = message.partition("{line:")
        message = f"{head}{_line(function, what[:-1])}"
    with onnx_explore.symbolic("aten::relu", style=style)(function):
        assert exploration.run().state == "failed"
        error = exploration.error
        assert isinstance(error, OnnxExporterError)
        text = str(error)
        assert message in text
        assert error.target == "aten::relu"
        assert function.__name__ in text
        assert "\n" not in text
        assert state(exploration) == before
    assert exploration.run().state == "exported"  # the built-in one again
    assert exploration.report is not None
    assert exploration.report.passed


def _line(function: Any, part: str) -> int:
    import inspect

    rows, first = inspect.getsourcelines(function)
    return next(first + index for index, row in enumerate(rows) if part in row)


def test_torchs_state_is_as_it_was() -> None:
    from torch.onnx._internal.torchscript_exporter._globals import GLOBALS

    before = GLOBALS.export_onnx_opset_version, torch._C.Value.toIValue
    seen: list[int] = []

    def asks(g: Any, x: Any) -> Any:
        seen.append(GLOBALS.export_onnx_opset_version)
        raise KeyError("stop")

    with onnx_explore.symbolic("aten::relu", style="torch")(asks), pytest.raises(OnnxExporterError):
        onnx_explore.export(torch.relu, X, opset_version=11)
    assert seen == [11]
    assert (GLOBALS.export_onnx_opset_version, torch._C.Value.toIValue) == before
    assert not hasattr(torch._C.Node, "__getitem__")


def test_an_error_of_torchs_helper_functions_is_one_line() -> None:
    from torch.onnx import symbolic_helper as theirs

    def asks(g: Any, x: Any) -> Any:
        return g.op("Elu", x, alpha_f=theirs._get_const(g.op("Neg", x), "f", "alpha"))

    with onnx_explore.symbolic("aten::relu")(asks), pytest.raises(OnnxExporterError, match="'alpha' argument") as found:
        onnx_explore.export(torch.relu, X)
    assert isinstance(found.value, UnsupportedOperatorError)
    assert "\n" not in str(found.value)
    assert f"at compat/test_wrong.py:{_line(asks, '_get_const')}" in str(found.value)
    assert found.value.__cause__ is not None


def test_what_torchs_helper_functions_refuse_falls_through() -> None:
    from torch.onnx import symbolic_helper as theirs

    def refuses(g: Any, x: Any) -> Any:
        return theirs._unimplemented("relu", "of this kind")

    with onnx_explore.symbolic("aten::relu")(refuses):
        exported = onnx_explore.export(
            torch.relu, X, operator_export_type=onnx_explore.OperatorExportTypes.ONNX_ATEN_FALLBACK
        )
    (node,) = exported.model.graph
    assert (node.domain, node.op_type) == ("org.pytorch.aten", "ATen")


def test_the_style_is_seen() -> None:
    from onnx_explore import symbolic_helper
    from onnx_explore.compat.styles import is_torch_style

    def suffixed(g: Any, x: Any) -> Any:
        return g.op("Elu", x, alpha_f=1.0)

    def asks(g: Any, x: Any) -> Any:
        return g.op("Relu", x).setType(x.type())

    def helped(g: Any, x: Any) -> Any:
        return symbolic_helper._squeeze_helper(g, x, [0])

    def annotated(g: torch._C.Graph, x: torch._C.Value) -> Any:
        return g.op("Relu", x)

    @symbolic_helper.parse_args("v")
    def parsed(g: Any, x: Any) -> Any:
        return x

    kind = symbolic_helper

    def enclosed(g: Any, x: Any) -> Any:
        return kind._unimplemented("relu", "no")

    def imports(g: Any, x: Any) -> Any:
        from torch.onnx.symbolic_opset9 import relu

        return relu(g, x)

    def plain(g: Any, x: Any) -> Any:
        return g.op("Elu", x, alpha=1.0)

    def typed(g: Any, self: Tensor, alpha: float = 1.0) -> Any:
        return g.op("Elu", self, alpha=alpha)

    assert [is_torch_style(item) for item in (suffixed, asks, helped, annotated, parsed, enclosed, imports)] == [
        True
    ] * 7
    assert [is_torch_style(item) for item in (plain, typed)] == [False] * 2
    for function in (suffixed, plain):
        with onnx_explore.symbolic("aten::relu")(function):
            (node,) = onnx_explore.export(torch.relu, X).model.graph
            assert node.attributes["alpha"].as_float() == 1.0
    with pytest.raises(onnx_explore.errors.InvalidArgument, match="no style"):
        onnx_explore.symbolic("aten::relu", style="other")  # type: ignore[arg-type]
