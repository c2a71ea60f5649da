"""Every example of the reference as written there, with ``torch.onnx`` read as ``onnx_explore``, on the CPU, not pretrained."""

# ruff: noqa: UP031, RUF059, RET504, E501  (the reference's spelling)
from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch

import onnx_explore as torch_onnx
from onnx_explore.demo import AlexNet
from onnx_explore.errors import UnsupportedOperatorError
from tests.api.reference import proves

data = torch.randn(4, 5, 6, generator=torch.Generator().manual_seed(0))


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The examples write into the current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def outputs(model: Any, args: Any, *inputs: torch.Tensor, **options: Any) -> list[Any]:
    """What ONNX Runtime gives for the inputs."""
    buffer = io.BytesIO()
    torch_onnx.export(model, args, buffer, **options)
    session = ort.InferenceSession(buffer.getvalue())
    feeds = {item.name: tensor.numpy() for item, tensor in zip(session.get_inputs(), inputs, strict=True)}
    return session.run(None, feeds)


def same(model: Any, *inputs: torch.Tensor, **options: Any) -> None:
    """ONNX Runtime agrees with PyTorch on the inputs that the model is exported with."""
    expected = model(*(tensor.clone() for tensor in inputs))
    np.testing.assert_allclose(outputs(model, inputs, *inputs, **options)[0], expected.numpy(), rtol=1e-4, atol=1e-6)


# -- AlexNet --------------------------------------------------------------------------------------------------------------


@proves("example: AlexNet from PyTorch to ONNX")
def test_alexnet(capsys: pytest.CaptureFixture[str]) -> None:
    dummy_input = torch.randn(10, 3, 224, 224)
    model = AlexNet()

    input_names = [ "actual_input_1" ] + [ "learned_%d" % i for i in range(16) ]  # fmt: skip
    output_names = [ "output1" ]  # fmt: skip

    torch_onnx.export(model, dummy_input, "alexnet.onnx", verbose=True, input_names=input_names, output_names=output_names)  # fmt: skip

    printed = capsys.readouterr().out
    for line in (
        "graph(%actual_input_1 : Float(10, 3, 224, 224)",
        "      %learned_0 : Float(64, 3, 11, 11)",
        "      %learned_1 : Float(64)",
        "      %learned_2 : Float(192, 64, 5, 5)",
        "      %learned_3 : Float(192)",
        "      %learned_14 : Float(1000, 4096)",
        "      %learned_15 : Float(1000)) {",
        "  return (%output1);",
        "}",
    ):
        assert f"\n{line}\n" in f"\n{printed}\n"
    value = r"%[\w./:]+"
    for wanted in (
        r" : Float\(10, 64, 55, 55\) = onnx::Conv\[dilations=\[1, 1\], group=1, kernel_shape=\[11, 11\], pads=\[2, 2, 2, 2\], strides=\[4, 4\]\]\(%actual_input_1, %learned_0, %learned_1\), scope: AlexNet/Sequential\[features\]/Conv2d\[0\]",
        rf" : Float\(10, 64, 55, 55\) = onnx::Relu\({value}\), scope: AlexNet/Sequential\[features\]/ReLU\[1\]",
        rf" : Float\(10, 64, 27, 27\) = onnx::MaxPool\[kernel_shape=\[3, 3\], pads=\[0, 0, 0, 0\], strides=\[2, 2\]\]\({value}\), scope: AlexNet/Sequential\[features\]/MaxPool2d\[2\]",
        rf" : Float\(10, 256, 6, 6\) = onnx::MaxPool\[.*\]\({value}\), scope: AlexNet/Sequential\[features\]/MaxPool2d\[12\]",
    ):
        assert re.search(rf"^  {value}{wanted}$", printed, re.MULTILINE)
    assert re.search(
        rf"^  %output1 : Float\(10, 1000\) = onnx::Gemm\[.*transB=1\]\({value}, %learned_14, %learned_15\), "
        r"scope: AlexNet/Sequential\[classifier\]/Linear\[6\]$",
        printed,
        re.MULTILINE,
    )

    # Load the ONNX model
    model_proto = onnx.load("alexnet.onnx")

    # Check that the model is well formed
    onnx.checker.check_model(model_proto)

    # Print a human readable representation of the graph
    print(onnx.helper.printable_graph(model_proto.graph))

    ort_session = ort.InferenceSession("alexnet.onnx")

    x = np.random.randn(10, 3, 224, 224).astype(np.float32)
    found = ort_session.run(
        None,
        {"actual_input_1": x},
    )
    print(found[0])
    with torch.no_grad():
        expected = model.eval()(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(found[0], expected, rtol=1e-3, atol=1e-5)


@proves("example: Tracing and scripting")
def test_tracing_unrolls_and_scripting_keeps() -> None:
    class Loops(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = x
            for i in range(x.size(0)):
                if bool(y.sum() > 3):
                    y = y - x[i]
                else:
                    y = y + x[i]
            return y

    x = torch.randn(3, 3)
    axes: dict[str, Any] = {"input_names": ["x"], "dynamic_axes": {"x": [0]}}
    traced = torch_onnx.export(Loops(), x, "traced.onnx", **axes)
    assert not {node.op_type for node in traced.model.graph} & {"If", "Loop"}
    scripted = torch_onnx.export(torch.jit.script(Loops()), x, "scripted.onnx", **axes)
    assert "Loop" in {node.op_type for node in scripted.model.graph}
    session = ort.InferenceSession("scripted.onnx")
    for rows in (1, 3, 6):
        more = torch.randn(rows, 3)
        np.testing.assert_allclose(session.run(None, {"x": more.numpy()})[0], Loops()(more).numpy(), rtol=1e-5)


# -- pitfalls -------------------------------------------------------------------------------------------------------------


@proves("example: Avoid NumPy and built-in Python types")
def test_torch_operators_are_captured_where_numpy_is_a_constant() -> None:
    class Bad(torch.nn.Module):
        def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
            return torch.from_numpy(np.concatenate((x.numpy(), y.numpy()), axis=1)) + 0 * x.sum()

    class Good(torch.nn.Module):
        def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
            return torch.cat((x, y), dim=1)

    x, y = torch.randn(1, 2), torch.randn(1, 2)
    np.testing.assert_allclose(outputs(Good(), (x, y), x + 1, y + 2)[0], Good()(x + 1, y + 2).numpy())
    exported = torch_onnx.export(Bad(), (x, y))
    notes = [note for note in exported.recording.notes if note.code == "PythonValue"]
    assert notes and all("test_examples.py" in note.where for note in notes)
    assert any("numpy" in note.message and "torch operators" in note.message for note in notes)
    assert any(note.code == "UnusedInput" and "'y'" in note.message for note in exported.recording.notes)


def test_a_single_element_tensor_stays_a_variable_where_item_does_not() -> None:
    class Bad(torch.nn.Module):
        def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
            return x.reshape(y.item(), -1)

    class Good(torch.nn.Module):
        def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
            return x.reshape(y, -1)

    x, y = torch.randn(4, 3), torch.tensor(2)
    (found,) = outputs(Good(), (x, y), x, torch.tensor(6))
    assert found.shape == (6, 2)
    exported = torch_onnx.export(Bad(), (x, y))
    (note,) = [note for note in exported.recording.notes if note.code == "PythonValue"]
    assert note.severity == "warning"
    assert "item" in note.message and "2" in note.message and "single-element" in note.message


@proves("example: Avoid Tensor.data")
def test_detach_in_place_of_data() -> None:
    class Data(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = x * 2
            y.data.add_(3)
            return y

    class Detach(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = x * 2
            y.detach().add_(3)
            return y

    x = torch.randn(2, 3)
    same(Detach(), x)
    exported = torch_onnx.export(Data(), x)
    (note,) = [note for note in exported.recording.notes if note.code == "TensorData"]
    assert "test_examples.py" in note.where and "detach()" in note.message


class Model(torch.nn.Module):
    def forward(self, states):  # type: ignore[no-untyped-def]
        batch_size, seq_length = states.shape[:2]
        real_seq_length = seq_length
        real_seq_length += 2
        return real_seq_length + seq_length  # fmt: skip


class Rewritten(torch.nn.Module):
    def forward(self, states):  # type: ignore[no-untyped-def]
        batch_size, seq_length = states.shape[:2]
        real_seq_length = seq_length
        real_seq_length = real_seq_length + 2
        return real_seq_length + seq_length  # fmt: skip


@proves("example: Avoid in-place operations when using tensor.shape in tracing mode")
def test_in_place_on_a_shape_is_what_python_makes_of_it() -> None:
    states = torch.randn(2, 3)
    for model in (Model(), Rewritten()):
        exported = torch_onnx.export(model, states, "m.onnx", input_names=["states"], dynamic_axes={"states": [0, 1]})
        session = ort.InferenceSession("m.onnx")
        for size in (3, 7):
            more = torch.randn(2, size)
            assert session.run(None, {"states": more.numpy()})[0] == model(more) == 2 * size + 2
        notes = [note for note in exported.recording.notes if note.code == "SizeWrittenInPlace"]
        assert len(notes) == isinstance(model, Model)
        assert all("test_examples.py" in note.where for note in notes)


# -- limitations ----------------------------------------------------------------------------------------------------------


@proves("example: Dict and str inputs and outputs")
def test_dicts_and_strings() -> None:
    class Dicts(torch.nn.Module):
        def forward(self, x: torch.Tensor, options: dict[str, Any], mode: str) -> Any:
            y = x * options["scale"] if mode == "mul" else x
            return {"foo": y, "bar": y + 2, "name": "result"}

    x, scale = torch.randn(2, 3), torch.tensor(3.0)
    exported = torch_onnx.export(Dicts(), (x, {"scale": scale}, "mul"), "d.onnx")
    assert [value.name for value in exported.model.graph.inputs] == ["x", "options_scale"]
    assert [value.name for value in exported.model.graph.outputs] == ["foo", "bar"]
    codes = {note.code: note.message for note in exported.recording.notes}
    assert "'mul'" in codes["ConstantInput"]
    assert "dict" in codes["OutputFlattened"]
    assert "'result'" in codes["OutputDropped"]
    session = ort.InferenceSession("d.onnx")
    foo, bar = session.run(None, {"x": x.numpy(), "options_scale": np.array(5, np.float32)})
    np.testing.assert_allclose(foo, (x * 5).numpy(), rtol=1e-6)
    np.testing.assert_allclose(bar, (x * 5 + 2).numpy(), rtol=1e-6)


@proves("example: Tuples and lists in scripts")
def test_tuples_and_lists() -> None:
    class Nested(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> Any:
            return [x, (x + 1, [x * 2])]

    x = torch.randn(3)
    found = outputs(Nested(), x, x)
    for given, expected in zip(found, (x, x + 1, x * 2), strict=True):
        np.testing.assert_allclose(given, expected.numpy())

    class Scripted(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
            pair = (x, x + 1)
            pieces = [pair[0] * 2, pair[1]]
            return pieces

    for given, expected in zip(outputs(torch.jit.script(Scripted()), x, x), (x * 2, x + 1), strict=True):
        np.testing.assert_allclose(given, expected.numpy())


@proves("example: Indexing: reads")
def test_reads() -> None:
    # Tensor indices that includes negative values.
    same(lambda data: data[torch.tensor([[1, 2], [2, -3]]), torch.tensor([-2, 3])], data)


@proves("example: Indexing: writes")
def test_writes() -> None:
    def write(case: Any) -> Any:
        def model(data: torch.Tensor, new_data: torch.Tensor) -> torch.Tensor:
            data = data.clone()
            case(data, new_data)
            return data

        return model

    # Multiple tensor indices if any has rank >= 2
    def rank(data: torch.Tensor, new_data: torch.Tensor) -> None:
        data[torch.tensor([[1, 2], [2, 3]]), torch.tensor([2, 3])] = new_data

    # Multiple tensor indices that are not consecutive
    def apart(data: torch.Tensor, new_data: torch.Tensor) -> None:
        data[torch.tensor([2, 3]), :, torch.tensor([1, 2])] = new_data

    # Tensor indices that includes negative values.
    def negative(data: torch.Tensor, new_data: torch.Tensor) -> None:
        data[torch.tensor([1, -2]), torch.tensor([-2, 3])] = new_data

    # Implicit broadcasting required for new_data.
    def broadcast(data: torch.Tensor, new_data: torch.Tensor) -> None:
        data[torch.tensor([[0, 2], [1, 1]]), 1:3] = new_data

    same(write(rank), data, torch.randn(2, 2, 6))
    same(write(apart), data, torch.randn(2, 5))
    same(write(negative), data, torch.randn(2, 6))
    same(write(broadcast), torch.randn(3, 4, 5), torch.randn(5))


# -- operators ------------------------------------------------------------------------------------------------------------


@proves(
    "example: A symbolic function for an operator",
    "register_custom_op_symbolic",
    "register_custom_op_symbolic.symbolic_name",
    "register_custom_op_symbolic.symbolic_fn",
    "register_custom_op_symbolic.opset_version",
    "unregister_custom_op_symbolic",
    "unregister_custom_op_symbolic.symbolic_name",
    "unregister_custom_op_symbolic.opset_version",
    "errors.UnsupportedOperatorError",
    "errors.OnnxExporterError",
)
def test_an_operator_without_a_symbolic_function() -> None:
    library = torch.library.Library("api_examples", "DEF")
    try:
        library.define("foo(Tensor input_0, Tensor input_1) -> Tensor")
        library.impl("foo", lambda input_0, input_1: input_0 + 2 * input_1, "CPU")

        def model(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
            return torch.ops.api_examples.foo(x, y)

        x, y = torch.randn(2), torch.randn(2)
        with pytest.raises(UnsupportedOperatorError, match="api_examples::foo") as caught:
            torch_onnx.export(model, (x, y), "foo.onnx")
        assert isinstance(caught.value, torch_onnx.errors.OnnxExporterError) and isinstance(caught.value, RuntimeError)

        def foo(g, input_0, input_1):  # type: ignore[no-untyped-def]
            return g.op("Add", input_0, g.op("Mul", input_1, g.op("Constant", value_t=torch.tensor(2.0))))

        torch_onnx.register_custom_op_symbolic("api_examples::foo", foo, 9)
        try:
            same(model, x, y)
        finally:
            torch_onnx.unregister_custom_op_symbolic("api_examples::foo", 9)
        with pytest.raises(UnsupportedOperatorError):
            torch_onnx.export(model, (x, y))
    finally:
        library._destroy()


@proves("example: Symbolic function of aten::elu")
def test_elu() -> None:
    graph = torch.jit.trace(
        torch.nn.ELU(), # module
        torch.ones(1)   # example input
    ).graph  # fmt: skip
    assert "aten::elu" in str(graph)

    def elu(g, input, alpha, inplace=False):  # type: ignore[no-untyped-def]
        return g.op("Elu", input, alpha_f=alpha)

    torch_onnx.register_custom_op_symbolic("aten::elu", elu, 9)
    try:
        exported = torch_onnx.export(torch.nn.ELU(0.5), torch.ones(1), "elu.onnx", check=True)
    finally:
        torch_onnx.unregister_custom_op_symbolic("aten::elu", 9)
    (node,) = exported.model.graph
    assert node.op_type == "Elu" and node.attributes["alpha"].as_float() == 0.5


class MyRelu(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, input: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(input)
        return input.clamp(min=0)

    @staticmethod
    def symbolic(g: Any, input: Any) -> Any:
        return g.op("Clip", input, g.op("Constant", value_t=torch.tensor(0, dtype=torch.float)))


@proves("example: Static symbolic method")
def test_static_symbolic_method() -> None:
    exported = torch_onnx.export(lambda x: MyRelu.apply(x), torch.randn(3), check=True)
    assert [node.op_type for node in exported.model.graph] == ["Clip"]


@proves("example: C++ operators", "symbolic_helper.parse_args")
def test_custom_operators() -> None:
    library = torch.library.Library("custom_ops", "FRAGMENT")
    try:
        library.define("foo_forward(Tensor input1, Tensor input2, float attr1, int attr2) -> Tensor")
        library.impl("foo_forward", lambda a, b, c, d: a * c + b * d, "CPU")
        from onnx_explore import symbolic_helper

        # Define custom symbolic function
        @symbolic_helper.parse_args("v", "v", "f", "i")
        def symbolic_foo_forward(g, input1, input2, attr1, attr2):  # type: ignore[no-untyped-def]
            return g.op("custom_domain::Foo", input1, input2, attr1_f=attr1, attr2_i=attr2)

        # Register custom symbolic function
        torch_onnx.register_custom_op_symbolic("custom_ops::foo_forward", symbolic_foo_forward, 9)

        class FooModel(torch.nn.Module):
            def __init__(self, attr1: float, attr2: int) -> None:
                super().__init__()
                self.attr1 = attr1
                self.attr2 = attr2

            def forward(self, input1: torch.Tensor, input2: torch.Tensor) -> torch.Tensor:
                # Calling custom op
                return torch.ops.custom_ops.foo_forward(input1, input2, self.attr1, self.attr2)

        attr1, attr2 = 0.5, 3
        example_input1 = torch.randn(2)
        model = FooModel(attr1, attr2)
        torch_onnx.export(
            model,
            (example_input1, example_input1),
            "model.onnx",
            # only needed if you want to specify an opset version > 1.
            custom_opsets={"custom_domain": 2},
        )
        proto = onnx.load("model.onnx")
        (node,) = proto.graph.node
        assert (node.domain, node.op_type) == ("custom_domain", "Foo")
        assert {item.name: onnx.helper.get_attribute_value(item) for item in node.attribute} == {
            "attr1": 0.5,
            "attr2": 3,
        }
        assert {opset.domain: opset.version for opset in proto.opset_import}["custom_domain"] == 2
    finally:
        torch_onnx.unregister_custom_op_symbolic("custom_ops::foo_forward", 9)
        library._destroy()


@proves(
    "example: Discovering all unconvertible ATen ops at once",
    "utils.unconvertible_ops",
    "utils.unconvertible_ops.opset_version",
)
def test_unconvertible_ops() -> None:
    library = torch.library.Library("api_missing", "DEF")
    try:
        for name in ("one", "two"):
            library.define(f"{name}(Tensor x) -> Tensor")
            library.impl(name, lambda x: x * 2, "CPU")

        class Missing(torch.nn.Module):
            def forward(self, x: torch.Tensor) -> torch.Tensor:
                y = torch.ops.api_missing.one(x).relu()
                return torch.ops.api_missing.two(torch.ops.api_missing.one(y)) + torch.unique(x, dim=0).sum()

        # prepare model, args, opset_version
        model, args, opset_version = Missing(), (torch.ones(2, 2),), 15

        torch_script_graph, unconvertible_ops = torch_onnx.utils.unconvertible_ops(
            model, args, opset_version=opset_version
        )

        assert set(unconvertible_ops) == {"api_missing::one", "api_missing::two"}
        assert unconvertible_ops.count("api_missing::one") == 2
        assert "api_missing::two" in str(torch_script_graph) and "aten::relu" in str(torch_script_graph)
        older = torch_onnx.utils.unconvertible_ops(model, args, opset_version=10)[1]
        assert "aten::unique_dim" in older
        assert torch_onnx.utils.unconvertible_ops(torch.nn.ReLU(), args)[1] == []
    finally:
        library._destroy()


# -- questions and answers --------------------------------------------------------------------------------------------------


@proves("example: An LSTM with dynamic sizes")
def test_lstm() -> None:
    model = torch.nn.LSTM(3, 4)
    torch_onnx.export(model, torch.randn(5, 2, 3), "lstm.onnx", input_names=["x"], dynamic_axes={"x": [0, 1]})
    session = ort.InferenceSession("lstm.onnx")
    for sequence, batch in ((5, 2), (9, 1)):
        x = torch.randn(sequence, batch, 3)
        with torch.no_grad():
            expected, (hidden, cell) = model(x)
        for given, wanted in zip(session.run(None, {"x": x.numpy()}), (expected, hidden, cell), strict=True):
            np.testing.assert_allclose(given, wanted.numpy(), rtol=1e-4, atol=1e-5)


@proves("example: Primitive type inputs")
def test_primitive_inputs() -> None:
    class Primitive(torch.nn.Module):
        def forward(self, x: torch.Tensor, n: int, f: float) -> torch.Tensor:
            return x * n + f

    x = torch.ones(2)
    exported = torch_onnx.export(torch.jit.script(Primitive()), (x, 3, 0.5), "p.onnx")
    assert [value.name for value in exported.model.graph.inputs] == ["x", "n", "f"]
    session = ort.InferenceSession("p.onnx")
    (found,) = session.run(None, {"x": x.numpy(), "n": np.array(7), "f": np.array(0.25)})
    np.testing.assert_allclose(found, [7.25, 7.25])
    np.testing.assert_allclose(outputs(Primitive(), (x, 3, 0.5), x)[0], [3.5, 3.5])


@proves("example: Implicit scalar casting")
def test_scalar_casting() -> None:
    same(lambda x: x.to(torch.float64) * 2 + 1.5, torch.randn(3))
    same(lambda x: (x.to(torch.float16) * 2.5 + 1).to(torch.float32), torch.ones(3))
    same(lambda x: x.to(torch.int64) * 2 + 0.5, torch.randn(3))


@proves("example: Lists of tensors")
def test_lists_of_tensors() -> None:
    class Lists(torch.nn.Module):
        def forward(self, xs: list[torch.Tensor]) -> list[torch.Tensor]:
            return [torch.cat(xs), xs[0] * len(xs)]

    xs = [torch.ones(2), torch.ones(3)]
    fours, ones = np.zeros(2, np.float32) + 4, np.ones(3, np.float32)
    traced = torch_onnx.export(Lists(), (xs,), "l.onnx", opset_version=11)
    assert [value.name for value in traced.model.graph.inputs] == ["xs_0", "xs_1"]
    first, second = ort.InferenceSession("l.onnx").run(None, {"xs_0": fours, "xs_1": ones})
    np.testing.assert_allclose(first, [4, 4, 1, 1, 1])
    np.testing.assert_allclose(second, [8, 8])
    # A scripted model takes a sequence, of any length.
    scripted = torch_onnx.export(torch.jit.script(Lists()), (xs,), "l.onnx", opset_version=11)
    assert [value.name for value in scripted.model.graph.inputs] == ["xs"]
    first, second = ort.InferenceSession("l.onnx").run(None, {"xs": [fours, ones, ones]})
    np.testing.assert_allclose(first, [4, 4, 1, 1, 1, 1, 1, 1])
    np.testing.assert_allclose(second, [12, 12])


# -- the API's own examples -------------------------------------------------------------------------------------------------


class SumModule(torch.nn.Module):
    def forward(self, x):  # type: ignore[no-untyped-def]
        return torch.sum(x, dim=1)


@proves(
    "example: SumModule and dynamic_axes",
    "export.dynamic_axes",
    "export.dynamic_axes: dict of names",
    "export.dynamic_axes: list with automatic names",
)
def test_sum_module() -> None:
    def dims(value: onnx.ValueInfoProto) -> list[Any]:
        return [dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim]

    torch_onnx.export(
        SumModule(),
        (torch.ones(2, 2),),
        "onnx.pb",
        input_names=["x"],
        output_names=["sum"]
    )  # fmt: skip
    graph = onnx.load("onnx.pb").graph
    assert [(value.name, dims(value)) for value in (*graph.input, *graph.output)] == [("x", [2, 2]), ("sum", [2])]

    torch_onnx.export(
        SumModule(),
        (torch.ones(2, 2),),
        "onnx.pb",
        input_names=["x"],
        output_names=["sum"],
        dynamic_axes={
            # dict value: manually named axes
            "x": {0: "my_custom_axis_name"},
            # list value: automatic names
            "sum": [0],
        }
    )  # fmt: skip
    graph = onnx.load("onnx.pb").graph
    assert dims(graph.input[0]) == ["my_custom_axis_name", 2]
    assert dims(graph.output[0]) == ["sum_dynamic_axes_1"]
    (found,) = ort.InferenceSession("onnx.pb").run(None, {"x": np.ones((5, 2), np.float32)})
    np.testing.assert_allclose(found, [2] * 5)


@proves("errors.CheckerError")
def test_an_invalid_graph_is_a_checker_error() -> None:
    torch_onnx.register_custom_op_symbolic("aten::relu", lambda g, x: g.op("Relu", x, nonsense_i=1), 9)
    try:
        with pytest.raises(torch_onnx.errors.CheckerError, match="nonsense"):
            torch_onnx.export(torch.nn.ReLU(), torch.ones(2), "wrong.onnx", check=True)
    finally:
        torch_onnx.unregister_custom_op_symbolic("aten::relu", 9)
    assert not Path("wrong.onnx").exists()
