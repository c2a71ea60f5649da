"""Which outputs depend on a random operator."""

from __future__ import annotations

import onnx_ir as ir
import pytest

from onnx_explore.check.randomness import random_outputs, random_targets
from onnx_explore.torch_ir import Schema, SchemaArgument, TorchBlock, TorchGraph, TorchNode, TorchValue


@pytest.mark.parametrize(
    ("body", "random"),
    [
        ("{ y = Relu(x) z = Neg(x) }", set()),
        ("{ r = RandomNormalLike(x) y = Relu(r) z = Neg(x) }", {"y"}),
        ("{ b = Bernoulli(x) y = Relu(b) z = Add(y, x) }", {"y", "z"}),
        ("{ y = Dropout(x) z = Neg(x) }", set()),
        ("<float r = {0.5}, bool t = {1}> { y = Dropout(x, r, t) z = Neg(x) }", {"y"}),
        ("<float r = {0.5}, bool t = {0}> { y = Dropout(x, r, t) z = Neg(x) }", set()),
        ("{ y = mine.noise(x) z = mine.twice(x) }", {"y"}),
        ("{ y = mine.outer(x) z = Neg(x) }", {"y"}),
        (
            """{ r = RandomNormalLike(x)
            y = If (c) <then_branch = a () => (float[2] p) { p = Relu(r) }, else_branch = b () => (float[2] q)
            { q = Neg(x) }> z = If (c) <then_branch = a2 () => (float[2] p2) { p2 = Relu(x) },
            else_branch = b2 () => (float[2] q2) { q2 = Neg(x) }> }""",
            {"y"},
        ),
        (
            """{ y = If (c) <then_branch = a () => (float[2] p) { p = RandomNormalLike(x) },
            else_branch = b () => (float[2] q) { q = Neg(x) }> z = Neg(x) }""",
            {"y"},
        ),
    ],
)
def test_random_outputs(body: str, random: set[str]) -> None:
    model = ir.from_onnx_text(
        f"""<ir_version: 8, opset_import: ["" : 17, "mine" : 1]>
        agraph (float[2] x, bool c) => (float[2] y, float[2] z) {body}
        <domain: "mine", opset_import: ["" : 17]> noise (a) => (b) {{ b = RandomNormalLike(a) }}
        <domain: "mine", opset_import: ["" : 17]> twice (a) => (b) {{ b = Add(a, a) }}
        <domain: "mine", opset_import: ["" : 17, "mine" : 1]> outer (a) => (b) {{ b = mine.noise(a) }}
        """
    )
    assert random_outputs(model) == random


def test_random_targets() -> None:
    x, on, off, p = (
        TorchValue(number, str(number), kind) for number, kind in enumerate(["Tensor", "bool", "bool", "f"])
    )
    outputs = [TorchValue(10 + number, str(number), "Tensor") for number in range(3)]
    schema = Schema(
        "aten::dropout",
        "",
        tuple(SchemaArgument(name, kind) for name, kind in [("input", "Tensor"), ("p", "float"), ("train", "bool")]),
        (),
        "",
    )
    nodes = (
        TorchNode(0, "prim::Constant", (), (on,), constant=True),
        TorchNode(1, "prim::Constant", (), (off,), constant=False),
        TorchNode(2, "aten::dropout", (x, p, off), (outputs[0],), schema),
        TorchNode(3, "aten::rand_like", (x,), (outputs[1],)),
    )
    assert random_targets(TorchGraph(TorchBlock((x, p), nodes, ()))) == ("aten::rand_like",)
    trains = TorchNode(4, "aten::dropout", (x, p, on), (outputs[2],), schema)
    assert random_targets(TorchGraph(TorchBlock((x, p), (*nodes, trains), ()))) == ("aten::rand_like", "aten::dropout")
