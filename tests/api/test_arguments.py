"""Each parameter of ``export``: its values. Bad ones are in ``test_bad_values.py``."""

from __future__ import annotations

import inspect
import io
import logging
from pathlib import Path
from typing import Any, Optional

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import nn

import onnx_explore
from onnx_explore.errors import InvalidArgument, OnnxExporterError
from tests.api.reference import FUNCTIONS, REQUIRED, proves

X = torch.randn(2, 3, generator=torch.Generator().manual_seed(0))


def resolve(name: str) -> Any:
    found: Any = onnx_explore
    for part in name.split("."):
        found = getattr(found, part)
    return found


@proves("export", "export.model", "utils.unconvertible_ops.model", "utils.unconvertible_ops.args")
@pytest.mark.parametrize("function", FUNCTIONS)
def test_signatures_are_those_of_the_reference(function: str) -> None:
    wanted = FUNCTIONS[function]
    parameters = inspect.signature(resolve(function)).parameters
    if function == "utils.unconvertible_ops":  # shown in a call only
        assert {name: parameters[name].default for name in wanted}["opset_version"] is None
        return
    assert list(parameters)[: len(wanted)] == list(wanted)
    assert all(item.kind is inspect.Parameter.KEYWORD_ONLY for item in list(parameters.values())[len(wanted) :])
    for name, default in wanted.items():
        given = parameters[name].default
        if default is REQUIRED:
            # ours may leave f out: then nothing is written
            assert given is inspect.Parameter.empty or (name == "f" and given is None)
        else:
            assert getattr(given, "name", given) == getattr(default, "name", default), name


def run(proto: onnx.ModelProto, **feeds: torch.Tensor) -> list[Any]:
    onnx.checker.check_model(proto, full_check=True)
    session = onnxruntime.InferenceSession(proto.SerializeToString())
    return session.run(None, {name: tensor.numpy() for name, tensor in feeds.items()})


class Named(nn.Module):
    """All ways to take arguments."""

    def forward(self, x: torch.Tensor, y: Any = None, z: Any = None, scale: float = 2.0) -> torch.Tensor:
        if isinstance(y, dict):
            y = y["a"]
        return x * scale + (0 if y is None else y) - (0 if z is None else z)


class Scripted(nn.Module):
    def forward(self, x: torch.Tensor, y: torch.Tensor, z: Optional[torch.Tensor]) -> torch.Tensor:  # noqa: UP045
        if z is None:
            return x + y
        return x + y - z


@proves(
    "export.args",
    "export.args: a tuple of arguments",
    "export.args: a tensor",
    "export.args: a tuple that ends with a dictionary",
    "export.args: a dict as the last argument",
)
def test_the_forms_of_args() -> None:
    x, y, z = X, X + 1, X + 2

    def check(args: Any, names: list[str], **feeds: torch.Tensor) -> None:
        proto = onnx_explore.export(Named(), args).to_proto()
        assert [item.name for item in proto.graph.input] == names
        given = (args if isinstance(args, tuple) else (args,)) if args is not None else ()
        named = given[-1] if given and isinstance(given[-1], dict) else {}
        positional = given[:-1] if given and isinstance(given[-1], dict) else given
        np.testing.assert_allclose(run(proto, **feeds)[0], Named()(*positional, **named).numpy(), rtol=1e-5, atol=1e-6)

    check((x, y, z), ["x", "y", "z"], x=x, y=y, z=z)
    check(x, ["x"], x=x)
    check((x, {"y": y, "z": z}), ["x", "y", "z"], x=x, y=y, z=z)
    check((x, {"z": z}), ["x", "z"], x=x, z=z)  # y takes its default, None
    check((x, {}), ["x"], x=x)
    check((x, {"a": y}, {}), ["x", "y_a"], x=x, y_a=y)  # a dict as the last argument
    check((x, y, None, 3.0), ["x", "y"], x=x, y=y)  # what is no tensor is hard-coded
    with pytest.raises(InvalidArgument, match="args"):
        onnx_explore.export(Named(), (x, {"a": y}))  # interpreted as named arguments

    # Inputs are in the order of the parameters, whatever that of the dictionary: names go by it.
    check((x, {"z": z, "y": y}), ["x", "y", "z"], x=x, y=y, z=z)
    proto = onnx_explore.export(Named(), (x, {"z": z, "y": y}), input_names=["a", "b", "c"]).to_proto()
    np.testing.assert_allclose(run(proto, a=x, b=y, c=z)[0], Named()(x, y, z).numpy(), rtol=1e-5, atol=1e-6)

    class Required(nn.Module):
        def forward(self, x: torch.Tensor, y: Any, *, z: Any) -> torch.Tensor:
            return x + (1 if y is None else y) + (2 if z is None else z)

    exported = onnx_explore.export(Required(), (x, {}))
    assert [value.name for value in exported.model.graph.inputs] == ["x"]
    messages = [note.message for note in exported.recording.notes if note.code == "ConstantInput"]
    assert ["'y'" in messages[0], "'z'" in messages[1]] == [True, True]
    np.testing.assert_allclose(run(exported.to_proto(), x=x)[0], (x + 3).numpy(), rtol=1e-6)
    with pytest.raises(InvalidArgument, match="missing"):
        onnx_explore.export(Required(), (x,))
    scripted = onnx_explore.export(torch.jit.script(Scripted()), (x, {"z": z, "y": y}), input_names=["a", "b", "c"])
    np.testing.assert_allclose(run(scripted.to_proto(), a=x, b=y, c=z)[0], (x + y - z).numpy(), rtol=1e-5, atol=1e-6)
    without = onnx_explore.export(torch.jit.script(Scripted()), (x, {"y": y}))
    np.testing.assert_allclose(run(without.to_proto(), x=x, y=y)[0], (x + y).numpy(), rtol=1e-5, atol=1e-6)


@proves("export.f", "export.f: a path", "export.f: a file object")
def test_paths_and_file_objects(tmp_path: Path) -> None:
    model = nn.Linear(3, 2)
    buffer = io.BytesIO()
    onnx_explore.export(model, X, str(tmp_path / "a.onnx"))
    onnx_explore.export(model, X, tmp_path / "b.onnx")
    onnx_explore.export(model, X, buffer)
    with open(tmp_path / "c.onnx", "wb") as file:
        assert file.fileno() >= 0
        onnx_explore.export(model, X, file)
    assert len({buffer.getvalue(), *((tmp_path / f"{name}.onnx").read_bytes() for name in "abc")}) == 1


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.norm = nn.BatchNorm2d(4)
        self.drop = nn.Dropout(0.5)
        self.head = nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.drop(self.norm(self.conv(x)).relu()).mean((2, 3))) + self.head.bias.sum()


IMAGE = torch.randn(2, 3, 6, 6, generator=torch.Generator().manual_seed(0))


@proves("export.export_params", "export.export_params: True", "export.export_params: False")
def test_an_untrained_model_takes_its_parameters_as_arguments() -> None:
    model = Net().eval()
    used = [name for name in model.state_dict() if not name.endswith("num_batches_tracked")]
    for keep in (None, True, False):
        proto = onnx_explore.export(model, IMAGE, export_params=False, keep_initializers_as_inputs=keep).to_proto()
        assert [item.name for item in proto.graph.input] == ["x", *used]
        assert not {item.name for item in proto.graph.initializer} & set(used)
    weights = {name: model.state_dict()[name] for name in used}
    with torch.no_grad():
        np.testing.assert_allclose(run(proto, x=IMAGE, **weights)[0], model(IMAGE).numpy(), rtol=1e-4, atol=1e-5)
    assert len(onnx_explore.export(model, IMAGE, export_params=True).model.graph.inputs) == 1


@proves("export.verbose", "export.verbose: True", "export.verbose: doc_string", "enable_log", "disable_log")
def test_verbose_and_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    exported = onnx_explore.export(nn.Sequential(nn.Linear(3, 2), nn.ReLU()), X, verbose=True)
    printed = capsys.readouterr().out
    assert "graph(%input : Float(2, 3)\n      %0.weight : Float(2, 3)" in printed
    assert "= onnx::Relu(%0/Gemm:0), scope: Sequential/ReLU[1]" in printed
    assert "onnx_explore: captured (trace)" in printed

    # A source line of the model is outside of torch; here there is none but torch's own.
    class Own(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.exp()

    exported = onnx_explore.export(Own(), X, verbose=True)
    assert all("test_arguments.py" in (node.doc_string or "") for node in exported.model.graph)
    capsys.readouterr()
    silent = onnx_explore.export(Own(), X)
    assert capsys.readouterr().out == ""
    assert not any(node.doc_string for node in silent.model.graph)
    onnx_explore.enable_log()
    try:
        onnx_explore.enable_log()  # twice is once
        onnx_explore.export(Own(), X)
    finally:
        onnx_explore.disable_log()
    log = capsys.readouterr().out
    logger = logging.getLogger("onnx_explore")
    logger.setLevel(logging.ERROR)
    try:
        onnx_explore.export(Own(), X, verbose=True)
        assert logger.level == logging.ERROR  # as the program has set it
    finally:
        logger.setLevel(logging.NOTSET)
    capsys.readouterr()
    assert log.count("captured (trace)") == 1 and "aten::exp → Exp" in log and "graph(" not in log
    onnx_explore.export(Own(), X)
    assert capsys.readouterr().out == ""


def kinds(training: Any, model: nn.Module, **options: Any) -> dict[str, int]:
    """How often each operator occurs; the model and its buffers stay as they are."""
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    modes = [module.training for module in model.modules()]
    exported = onnx_explore.export(model, IMAGE, training=training, **options)
    onnx.checker.check_model(exported.to_proto(), full_check=True)
    onnxruntime.InferenceSession(exported.to_proto().SerializeToString())
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    assert [module.training for module in model.modules()] == modes
    counts: dict[str, int] = {}
    for node in exported.model.graph:
        counts[node.op_type] = counts.get(node.op_type, 0) + 1
    return counts


@proves(
    "export.training",
    "export.training: EVAL",
    "export.training: PRESERVE",
    "export.training: TRAINING",
    "TrainingMode",
)
@pytest.mark.parametrize("modes", [onnx_explore.TrainingMode, torch.onnx.TrainingMode], ids=["ours", "torchs"])
def test_training(modes: Any) -> None:
    assert {mode.name for mode in onnx_explore.TrainingMode} == {"EVAL", "PRESERVE", "TRAINING"}
    for start in (True, False):
        assert "Dropout" not in kinds(modes.EVAL, Net().train(start))
        assert ("Dropout" in kinds(modes.PRESERVE, Net().train(start))) is start
        assert "Dropout" in kinds(modes.TRAINING, Net().train(start))
    exported = onnx_explore.export(Net(), IMAGE, training=modes.TRAINING)
    nodes = {node.op_type: node for node in exported.model.graph}
    assert nodes["BatchNormalization"].attributes["training_mode"].as_int() == 1
    (mode,) = [value for value in nodes["Dropout"].inputs[2:] if value is not None]
    assert mode.const_value is not None and bool(mode.const_value.numpy())

    # Nothing that a training runtime updates is folded away; in inference mode PRESERVE folds as EVAL does.
    class Scaled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.ones(3, 3))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x * (self.weight * 2).sum()

    assert "ReduceSum" in kinds(modes.TRAINING, Scaled())
    assert "ReduceSum" not in kinds(modes.PRESERVE, Scaled().eval())


@proves(
    "export.input_names",
    "export.input_names: a partial list",
    "export.input_names: inputs, then parameters",
    "export.output_names",
    "export.output_names: a partial list",
)
def test_names() -> None:
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(3, 2)

        def forward(self, first: torch.Tensor, second: torch.Tensor) -> Any:
            return self.linear(first), self.linear(second)

    def names(**options: Any) -> tuple[list[str], list[str], list[str]]:
        graph = onnx_explore.export(Two(), (X, X), **options).model.graph
        return [v.name for v in graph.inputs], [v.name for v in graph.outputs], list(graph.initializers)  # type: ignore[misc]

    assert names() == (["first", "second"], ["output_0", "output_1"], ["linear.weight", "linear.bias"])
    assert names(input_names=["a"], output_names=["y"]) == (
        ["a", "second"],
        ["y", "output_1"],
        ["linear.weight", "linear.bias"],
    )
    assert names(input_names=("a", "b", "w"))[2] == ["w", "linear.bias"]
    assert names(input_names=["a", "b", "w", "v"], output_names=["y", "z"]) == (["a", "b"], ["y", "z"], ["w", "v"])


@proves("export.opset_version", "export.opset_version: None", "export.opset_version: 7 to 17 and newer")
def test_opsets() -> None:
    assert onnx_explore.export(nn.Linear(3, 2), X).model.opset_imports[""] == 17
    for opset in (*range(7, 18), min(28, onnx.defs.onnx_opset_version())):
        proto = onnx_explore.export(nn.Linear(3, 2).eval(), X, opset_version=opset, check=opset <= 21).to_proto()
        assert proto.opset_import[0].version == opset


@proves("export.do_constant_folding", "export.do_constant_folding: True", "export.do_constant_folding: False")
def test_folding() -> None:
    class Scaled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.randn(4, 3))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x @ (self.weight.t() * 2)

    def operators(folding: bool) -> list[str]:
        exported = onnx_explore.export(Scaled(), X, do_constant_folding=folding, check=True)
        return [node.op_type for node in exported.model.graph]

    assert operators(True) == ["MatMul"]
    assert operators(False) == ["Transpose", "Mul", "MatMul"]


@proves(
    "export.keep_initializers_as_inputs",
    "export.keep_initializers_as_inputs: True",
    "export.keep_initializers_as_inputs: False",
)
@pytest.mark.parametrize(("keep", "opset", "expected"), [(True, 17, 3), (False, 17, 1), (None, 17, 1), (False, 8, 3)])
def test_initializers_as_inputs(keep: bool | None, opset: int, expected: int) -> None:
    class Same(nn.Module):
        """Two weights with the same values: they stay two, so that each can be fed."""

        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Parameter(torch.ones(3))
            self.second = nn.Parameter(torch.ones(3))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x * self.first + self.second

    proto = onnx_explore.export(Same(), X, keep_initializers_as_inputs=keep, opset_version=opset).to_proto()
    assert len(proto.graph.input) == expected
    np.testing.assert_allclose(run(proto, x=X)[0], (X + 1).numpy(), rtol=1e-6)
    if keep:
        fed = run(proto, x=X, first=torch.full((3,), 2.0), second=torch.zeros(3))[0]
        np.testing.assert_allclose(fed, (X * 2).numpy(), rtol=1e-6)


@proves("export.custom_opsets", "export.custom_opsets: given", "export.custom_opsets: not mentioned: version 1")
def test_custom_opsets() -> None:
    onnx_explore.register_custom_op_symbolic("aten::frac", lambda g, x: g.op("my.domain::Frac", x), 9)
    try:
        for given, version in (({"my.domain": 2}, 2), (None, 1)):
            exported = onnx_explore.export(torch.frac, X, custom_opsets=given)
            assert exported.model.opset_imports["my.domain"] == version
    finally:
        onnx_explore.unregister_custom_op_symbolic("aten::frac", 9)


@proves("select_model_mode_for_export", "select_model_mode_for_export.model", "select_model_mode_for_export.mode")
def test_select_model_mode() -> None:
    model = nn.Sequential(nn.Dropout(), nn.Dropout())
    model.train()
    model[1].eval()
    before = [module.training for module in model.modules()]
    for mode in (onnx_explore.TrainingMode.EVAL, torch.onnx.TrainingMode.EVAL):
        with onnx_explore.select_model_mode_for_export(model, mode):
            assert not any(module.training for module in model.modules())
        assert [module.training for module in model.modules()] == before
    with onnx_explore.select_model_mode_for_export(model, onnx_explore.TrainingMode.TRAINING):
        assert all(module.training for module in model.modules())
    with onnx_explore.select_model_mode_for_export(model, onnx_explore.TrainingMode.PRESERVE):
        assert [module.training for module in model.modules()] == before
    with pytest.raises(ValueError, match="mine"), onnx_explore.select_model_mode_for_export(model, "EVAL"):
        raise ValueError("mine")
    assert [module.training for module in model.modules()] == before
    scripted = torch.jit.script(nn.Sequential(nn.Dropout()).train())
    with onnx_explore.select_model_mode_for_export(scripted, "EVAL"):
        assert not scripted.training
    assert scripted.training
    with pytest.raises(InvalidArgument, match="mode"), onnx_explore.select_model_mode_for_export(model, "often"):
        pass


@proves("is_in_onnx_export")
def test_is_in_onnx_export() -> None:
    seen: list[tuple[str, bool, bool]] = []

    def note(place: str) -> None:
        seen.append((place, onnx_explore.is_in_onnx_export(), torch.onnx.is_in_onnx_export()))

    class Asks(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            note("forward")
            return x.relu()

    def relu(g: Any, x: Any) -> Any:
        note("symbolic")
        return g.op("Relu", x)

    onnx_explore.register_custom_op_symbolic("aten::relu", relu, 9)
    try:
        onnx_explore.export(Asks(), X)
    finally:
        onnx_explore.unregister_custom_op_symbolic("aten::relu", 9)
    assert ("forward", True, True) in seen and ("symbolic", True, True) in seen
    seen.clear()
    note("outside")
    assert seen == [("outside", False, False)]
    with pytest.raises(OnnxExporterError):
        onnx_explore.export(lambda x: x / "a", X)  # type: ignore[operator]
    assert not onnx_explore.is_in_onnx_export()


@proves(
    "export_to_pretty_string",
    "export_to_pretty_string.model",
    "export_to_pretty_string.args",
    "export_to_pretty_string.google_printer",
    "export_to_pretty_string.google_printer: False",
    "export_to_pretty_string.google_printer: True",
    "export_to_pretty_string.add_node_names",
    "export_to_pretty_string.add_node_names: False",
    "export_to_pretty_string.export_type",
)
def test_pretty_strings() -> None:
    model = nn.Sequential(nn.Linear(3, 2), nn.ReLU())
    text = onnx_explore.export_to_pretty_string(model, X, input_names=["x"], output_names=["y"])
    for line in (
        "ModelProto {",
        '  producer_name: "onnx_explore"',
        '        inputs: [{name: "x", type:Tensor dims: 2 3}]'[2:],
        'Node {type: "Relu", inputs: [0/Gemm:0], outputs: [y], attributes: []}',
        "opset_import: [OperatorSetIdProto { domain: , version: 17}]",
        "initializers: [TensorProto shape: [2 3],TensorProto shape: [2]]",
    ):
        assert line in text
    google = onnx_explore.export_to_pretty_string(model, X, google_printer=True, input_names=["x"])
    proto = onnx.ModelProto()
    from google.protobuf import text_format

    text_format.Parse(google, proto)
    onnx.checker.check_model(proto)
    assert [node.name for node in proto.graph.node] == ["0/Gemm", "1/Relu"]
    unnamed = onnx_explore.export_to_pretty_string(model, X, google_printer=True, add_node_names=False)
    proto = text_format.Parse(unnamed, onnx.ModelProto())
    assert [node.name for node in proto.graph.node] == ["", ""]
    with pytest.raises(InvalidArgument, match="export_type"):
        onnx_explore.export_to_pretty_string(model, X, export_type="tar")
    with pytest.raises(InvalidArgument, match="google_printer"):
        onnx_explore.export_to_pretty_string(model, X, google_printer="yes")


@proves(
    "export_to_pretty_string.export_params",
    "export_to_pretty_string.verbose",
    "export_to_pretty_string.training",
    "export_to_pretty_string.input_names",
    "export_to_pretty_string.output_names",
    "export_to_pretty_string.operator_export_type",
    "export_to_pretty_string.opset_version",
    "export_to_pretty_string.keep_initializers_as_inputs",
    "export_to_pretty_string.custom_opsets",
    "export_to_pretty_string.do_constant_folding",
    "export_to_pretty_string.dynamic_axes",
)
@pytest.mark.parametrize(
    ("options", "shows"),
    [
        ({"export_params": False}, '{name: "conv.weight", type:Tensor dims: 4 3 3 3}'),
        ({"verbose": True}, "test_arguments.py"),
        ({"training": torch.onnx.TrainingMode.TRAINING}, '"Dropout"'),
        ({"input_names": ["image"]}, '"image"'),
        ({"output_names": ["logits"]}, "outputs: [logits]"),
        ({"operator_export_type": torch.onnx.OperatorExportTypes.ONNX_ATEN}, 'domain: "org.pytorch.aten"'),
        ({"opset_version": 11}, "version: 11"),
        ({"keep_initializers_as_inputs": True}, '{name: "head.bias", type:Tensor dims: 2}'),
        ({"custom_opsets": {"mine": 3}}, "domain: mine, version: 3"),
        ({"do_constant_folding": False}, '"ReduceSum"'),
        ({"input_names": ["x"], "dynamic_axes": {"x": {0: "batch"}}}, '{name: "x", type:Tensor dims: batch 3 6 6}'),
    ],
    ids=lambda item: next(iter(item)) if isinstance(item, dict) else "",
)
def test_pretty_strings_take_the_same_parameters(
    options: dict[str, Any], shows: str, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = onnx_explore.export_to_pretty_string(Net().eval(), IMAGE)
    text = onnx_explore.export_to_pretty_string(Net().eval(), IMAGE, **options)
    assert shows in text and shows not in plain
