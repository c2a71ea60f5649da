"""What a trace records: weights, scopes, functions, and the same graph whether or not gradients are wanted."""

from __future__ import annotations

import functools
import linecache
from typing import Any

import pytest
import torch
from torch import nn

from onnx_explore import demo
from onnx_explore.capture import Capture, capture, check_replay
from onnx_explore.capture.torch_api import api
from onnx_explore.errors import CaptureDiverged, CaptureError, InvalidArgument
from onnx_explore.torch_ir import TorchBlock, walk
from onnx_explore.torch_ir.graph import is_inside_torch

X = torch.randn(2, 3)


def text(block: TorchBlock) -> list[Any]:
    """A block without what may differ between two captures of the same thing."""
    numbers = {value: f"p{index}" for index, value in enumerate(block.params)}
    rows: list[Any] = []
    for node in walk(block):
        for value in node.outputs:
            numbers[value] = f"v{len(numbers)}"
        constant = node.constant.tolist() if isinstance(node.constant, torch.Tensor) else node.constant
        shown = [(numbers[value], value.kind, value.dtype, value.shape, value.strides) for value in node.outputs]
        rows.append((node.target, node.overload, [numbers[value] for value in node.inputs], shown, constant))
    return [*rows, [numbers[value] for value in block.returns]]


def targets(found: Capture) -> list[str]:
    return [node.target for node in walk(found.graph.block) if node.target != "prim::Constant"]


def test_values_and_schemas() -> None:
    found = capture(nn.Linear(3, 2), X)
    (node,) = found.graph.block.nodes
    assert node.target == "aten::linear" and node.overload == ""
    assert node.schema is not None
    assert [(item.name, item.type, item.has_default) for item in node.schema.arguments] == [
        ("input", "Tensor", False),
        ("weight", "Tensor", False),
        ("bias", "Tensor?", True),
    ]
    assert (node.output.kind, node.output.dtype, node.output.shape) == ("Tensor", torch.float32, (2, 2))
    assert node.output.strides == (2, 1)
    assert found.graph.outputs == (node.output,)
    assert found.mode == "trace" and not found.training


def test_schema_details() -> None:
    found = capture(lambda x: x.t().add_(1, alpha=2).split(1)[0], X)
    schemas = {node.target: node.schema for node in found.graph.block.nodes if node.schema is not None}
    written = schemas["aten::add_"].arguments
    assert (written[0].alias, written[0].written, written[2].kwarg_only, written[2].type) == ("a", True, True, "Scalar")
    assert schemas["aten::t"].returns[0].alias == "a" and not schemas["aten::t"].arguments[0].written
    assert schemas["aten::split"].returns[0].type == "Tensor[]"
    assert found.graph.block.nodes[-1].target == "prim::ListUnpack" or found.graph.outputs


def test_constants() -> None:
    found = capture(lambda x: (x * 2.0 + torch.ones(3)).sum(1, True).to(torch.float64), X)
    constants = {(node.output.kind, str(node.constant)) for node in found.graph.block.nodes if not node.inputs}
    # A Python number that meets a tensor: its kind is Tensor, its value a number.
    assert ("Tensor", "2.0") in constants
    assert ("bool", "True") in constants
    assert ("NoneType", "None") in constants


def test_tied_weights_are_one_parameter_with_two_names() -> None:
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed = nn.Embedding(5, 3)
            self.head = nn.Linear(3, 5, bias=False)
            self.head.weight = self.embed.weight
            self.twin = self.head

        def forward(self, ids: torch.Tensor) -> torch.Tensor:
            return self.twin(self.embed(ids))

    model = Tied()
    found = capture(model, torch.tensor([1, 2]))
    (parameter,) = found.graph.parameters
    assert (parameter.name, parameter.aliases) == ("embed.weight", ("head.weight", "twin.weight"))
    assert parameter.tensor is model.embed.weight and parameter.trainable


def test_unused_weights_are_dropped_and_noted() -> None:
    class Unused(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.used = nn.Linear(3, 3)
            self.unused = nn.Linear(3, 3)
            self.register_buffer("table", torch.ones(2))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.used(x)

    found = capture(Unused(), X)
    assert [item.name for item in found.graph.parameters] == ["used.weight", "used.bias"]
    assert [value.name for value in found.graph.block.params] == ["x", "used.weight", "used.bias"]
    (note,) = found.notes
    assert (note.code, note.message.rpartition(": ")[2]) == ("UnusedParameter", "unused.weight, unused.bias")
    check_replay(found)


def test_scopes_and_call_numbers() -> None:
    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(3, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.linear(x).relu()

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.blocks = nn.ModuleList([Block(), Block()])
            self.head = Block()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            for block in self.blocks:
                x = block(x)
            return nn.Tanh()(self.head(self.head(x)))

    found = capture(Model(), X)
    assert [(node.target, node.origin.scope) for node in found.graph.block.nodes] == [
        ("aten::linear", "blocks.0.linear"),
        ("aten::relu", "blocks.0"),
        ("aten::linear", "blocks.1.linear"),
        ("aten::relu", "blocks.1"),
        ("aten::linear", "head.linear"),
        ("aten::relu", "head"),
        ("aten::linear", "head#2.linear"),
        ("aten::relu", "head#2"),
        ("aten::tanh", "Tanh"),
    ]
    assert {node.origin.scope for node in capture(Model(), X, record_scopes=False).graph.block.nodes} == {""}


def test_stacks_name_the_users_line() -> None:
    def model(x: torch.Tensor) -> torch.Tensor:
        y = x + 1
        return y.relu()

    for record in (True, False):
        nodes = capture(model, X, record_conversions=record).graph.block.nodes
        lines = [node.origin.user_frame.line for node in nodes if node.origin.user_frame]
        first = model.__code__.co_firstlineno
        assert lines == [*[first + 1] * (len(nodes) - 1), first + 2]
        assert [frame.file for frame in nodes[-1].origin.frames] == [__file__]


def test_stacks_of_models_in_this_package() -> None:
    """What calls the exporter is left out, not a model that lives beside it."""
    nodes = capture(demo.AlexNet().eval(), torch.zeros(1, 3, 64, 64)).graph.block.nodes
    frames = next(node.origin.frames for node in nodes if node.target == "aten::flatten")
    assert [frame.file for frame in frames if not is_inside_torch(frame.file)] == [demo.__file__]


class Swish(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: torch.Tensor, scale: float, bias: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        y = x * torch.sigmoid(x) * scale
        return y, y if bias is None else y + bias

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> Any:
        raise NotImplementedError


class Half(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, unused: torch.Tensor) -> torch.Tensor:
        return Swish.apply(x, 0.5, None)[0]

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> Any:
        raise NotImplementedError


def test_autograd_functions_are_inlined() -> None:
    def model(x: torch.Tensor) -> torch.Tensor:
        first, second = Swish.apply(x, 2.0, torch.full((3,), 5.0))
        return Half.apply(first, x) + second

    found = capture(model, X)
    check_replay(found)
    assert "prim::PythonOp" not in targets(found)
    # Replay runs the functions themselves, so the inlined nodes must be run to see that they compute the same.
    torch.testing.assert_close(run(found, X), model(X))


def run(found: Capture, *inputs: torch.Tensor) -> torch.Tensor:
    """Runs the mirror itself, node by node."""
    values: dict[Any, Any] = dict(zip(found.graph.inputs, inputs, strict=True))
    values.update((item.value, item.tensor) for item in found.graph.parameters)
    for node in found.graph.block.nodes:
        args = [values[value] for value in node.inputs]
        if node.target == "prim::Constant":
            values[node.output] = node.constant
        elif node.target in ("prim::TupleConstruct", "prim::ListConstruct"):
            values[node.output] = args
        elif node.target in ("prim::TupleUnpack", "prim::ListUnpack"):
            values.update(zip(node.outputs, args[0], strict=True))
        else:
            space, name = node.target.split("::")
            operator = getattr(getattr(getattr(torch.ops, space), name), node.overload or "default")
            assert node.schema is not None
            keyword = {
                item.name: value for item, value in zip(node.schema.arguments, args, strict=True) if item.kwarg_only
            }
            positional = [value for item, value in zip(node.schema.arguments, args, strict=True) if not item.kwarg_only]
            positional = [torch.tensor(v) if isinstance(v, float) and a.type == "Tensor" else v
                          for v, a in zip(positional, node.schema.arguments, strict=False)]  # fmt: skip
            values[node.output] = operator(*positional, **keyword)
    return values[found.graph.outputs[0]]


def test_an_autograd_function_that_uses_more_than_its_arguments() -> None:
    class Listed(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: torch.Tensor, more: list[torch.Tensor]) -> torch.Tensor:
            return x + more[0]

    with pytest.raises(CaptureError, match="an argument of its own"):
        capture(lambda x: Listed.apply(x + 1, [x * 2]), X)


def attention() -> tuple[nn.Module, Any]:
    return nn.MultiheadAttention(4, 2, batch_first=True), (torch.randn(2, 5, 4),) * 3


def encoder() -> tuple[nn.Module, Any]:
    layer = nn.TransformerEncoderLayer(4, 2, 8, batch_first=True)
    mask = torch.zeros(2, 5, dtype=torch.bool)
    mask[1, 3:] = True
    return nn.TransformerEncoder(layer, 2), (torch.randn(2, 5, 4), {"src_key_padding_mask": mask})


def recurrent() -> tuple[nn.Module, Any]:
    return nn.LSTM(4, 3, 2, bidirectional=True), torch.randn(5, 2, 4)


@pytest.mark.parametrize("make", [attention, encoder, recurrent])
@pytest.mark.parametrize("grad", [True, False])
def test_frozen_and_trainable_give_the_same_graph(make: Any, grad: bool) -> None:
    model, args = make()
    with torch.set_grad_enabled(grad):
        trainable = capture(model, args)
        frozen = capture(model.requires_grad_(False), args)
    assert text(trainable.graph.block) == text(frozen.graph.block)
    assert not any(
        "nested" in target or "native_multi_head" in target or "_transformer" in target for target in targets(frozen)
    )
    check_replay(trainable)
    check_replay(frozen)


def test_tensors_that_require_gradients_but_are_no_parameters() -> None:
    free = torch.randn(3, requires_grad=True)
    alone = torch.randn(1, 3, requires_grad=True)

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.plain = torch.randn(3, requires_grad=True)

        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            y = torch.cat([x * self.plain + free, alone]) * self.plain
            return y, alone

    found = capture(Model(), X)
    check_replay(found)
    assert sum(isinstance(node.constant, torch.Tensor) for node in found.graph.block.nodes) == 3
    assert free.requires_grad


def test_callables() -> None:
    layer = nn.Linear(3, 3).eval()

    def double(x: torch.Tensor, factor: float) -> torch.Tensor:
        return layer(x) * factor

    def expected(model: Any, *names: str) -> None:
        found = capture(model, X)
        assert [item.name for item in found.graph.parameters] == list(names)
        torch.testing.assert_close(found.eager[0], model(X))
        check_replay(found)

    expected(functools.partial(double, factor=2.0), "layer.weight", "layer.bias")
    expected(layer.forward, "weight", "bias")
    expected(lambda x: layer(x), "layer.weight", "layer.bias")
    expected(torch.relu)
    expected(functools.partial(nn.functional.linear, weight=layer.weight))


def test_a_function_is_captured_in_the_mode_that_is_asked_for() -> None:
    drop = nn.Dropout().train()
    found = capture(lambda x: drop(x), torch.ones(50))
    assert torch.equal(found.eager[0], torch.ones(50)) and drop.training


def test_writes_through_data_are_seen() -> None:
    def model(x: torch.Tensor) -> torch.Tensor:
        y = x * 2
        y.data.add_(3)
        y.data[0] = 1
        return y + 0

    check_replay(capture(model, X))


def test_hidden_writes_diverge() -> None:
    def model(x: torch.Tensor) -> torch.Tensor:
        y = x * 2
        torch.from_dlpack(y).add_(3)
        return y + 0

    found = capture(model, X)
    with pytest.raises(CaptureDiverged, match=r"output 'output'.*by 3 at most") as caught:
        check_replay(found)
    assert f"test_trace.py:{model.__code__.co_firstlineno + 2}" in caught.value.where


def test_writes_through_numpy_name_the_line_where_it_left() -> None:
    def model(x: torch.Tensor) -> torch.Tensor:
        y = x * 2
        y.numpy()[:] = 7
        return y + 0

    with pytest.raises(CaptureDiverged, match="a tensor left the trace there") as caught:
        check_replay(capture(model, X))
    assert linecache.getline(__file__, int(caught.value.where.rpartition(":")[2])).strip() == "y.numpy()[:] = 7"


def test_scripted_functions_and_modules_inside_a_trace() -> None:
    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.before = nn.Linear(3, 3)
            self.scripted = torch.jit.script(nn.Sequential(nn.Linear(3, 3), nn.ReLU()))
            self.traced = torch.jit.trace(nn.Linear(3, 3), X)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return summed(self.traced(self.scripted(self.before(x))), 3)

    found = capture(Model(), X)
    check_replay(found)
    assert [item.name for item in found.graph.parameters] == [
        "before.weight",
        "before.bias",
        "scripted.0.weight",
        "scripted.0.bias",
        "traced.weight",
        "traced.bias",
    ]
    assert {node.origin.scope for node in walk(found.graph.block) if node.target == "aten::linear"} == {
        "before",
        "scripted.0",
        "traced",
    }
    assert "prim::Loop" in targets(found) and not any("Call" in target for target in targets(found))


@torch.jit.script
def summed(x: torch.Tensor, count: int) -> torch.Tensor:
    for _ in range(count):
        x = x + x
    return x


def test_compiled_models_are_captured_uncompiled() -> None:
    inner = nn.Linear(3, 3)
    inner.compile()
    for model in (torch.compile(nn.Linear(3, 3)), nn.Sequential(torch.compile(nn.Linear(3, 3)), inner)):
        check_replay(capture(model, X))
    assert inner._compiled_call_impl is not None


def test_refused_models() -> None:
    with pytest.raises(InvalidArgument, match="lazy parameter weight"):
        capture(nn.LazyLinear(3), X)
    with pytest.raises(InvalidArgument, match=r"export model\.module"):
        capture(nn.DataParallel(nn.Linear(3, 3)), X)


def test_autocast() -> None:
    layer = nn.Linear(3, 3)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        layer(X)
        found = capture(layer, X)
    assert targets(found).count("aten::to") == 3
    assert found.eager[0].dtype == torch.bfloat16
    assert [item.name for item in found.graph.parameters] == ["weight", "bias"]


def test_the_probe_names_a_missing_symbol(monkeypatch: pytest.MonkeyPatch) -> None:
    from onnx_explore.errors import UnsupportedTorch

    api.cache_clear()
    monkeypatch.delattr(torch._C, "_create_graph_by_tracing")
    with pytest.raises(UnsupportedTorch, match=rf"PyTorch {torch.__version__.split('+')[0]}.*_create_graph_by_tracing"):
        capture(nn.Linear(3, 3), X)
    monkeypatch.undo()
    api.cache_clear()
    capture(nn.Linear(3, 3), X)
