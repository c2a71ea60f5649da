"""Whole models against PyTorch, with many weights: no integer is more than one step off, and nearly all are equal."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator

import onnx
import onnxruntime
import pytest
import torch
import torch.ao.quantization as tq

import onnx_explore
from onnx_explore.check.runtime import run_onnxruntime
from onnx_explore.check.steps import output_steps
from tests.quantization.models import (
    CUSTOM_LSTM,
    PER_TENSOR,
    Signal,
    StaticLstm,
    aware,
    by_fx,
    fused,
    images,
    static,
)

pytestmark = pytest.mark.filterwarnings("ignore")

Make = Callable[[], tuple[torch.nn.Module, torch.Tensor]]


def _lstm(inputs: int, hidden: int, time: int, *, batch: int = 16, **more: object) -> Make:
    def make() -> tuple[torch.nn.Module, torch.Tensor]:
        model = static(StaticLstm(inputs, hidden, **more), torch.randn(time, 8, inputs), custom=CUSTOM_LSTM)
        return model, torch.randn(time, batch, inputs)

    return make


NETWORKS: dict[str, Make] = {
    "convnet": lambda: (static(fused(), images(16)), images(64)),
    "convnet, one scale": lambda: (static(fused(), images(16), qconfig=PER_TENSOR), images(64)),
    # Its layer norm makes many steps of one: it divides by the deviation of nearly constant rows.
    "signal": lambda: (static(Signal(), torch.randn(16, 4, 8), qconfig=PER_TENSOR), torch.randn(64, 4, 8)),
    "trained": lambda: (aware(converted=True), images(64)),
    "fake quantization": lambda: (aware(converted=False), images(64)),
    "fx": lambda: (by_fx(), images(64)),
    "fx reference": lambda: (by_fx("reference", average=False), images(64)),
    "fx decomposed": lambda: (by_fx("decomposed", average=False), images(64)),
    "lstm 4-6": _lstm(4, 6, 5),
    "lstm 16-32": _lstm(16, 32, 12),
    "lstm 8-12, two layers, both ways": _lstm(8, 12, 6, num_layers=2, bidirectional=True),
}


def in_steps(
    model: torch.nn.Module, x: torch.Tensor, wanted: torch.Tensor | None = None, **options: bool
) -> torch.Tensor:
    """How many steps of the output's grid each element of the exported model is off."""
    exported = onnx_explore.export(model, x, input_names=["x"], **options)
    (step,) = output_steps(exported.model).values()
    (given,) = run_onnxruntime(exported.to_proto().SerializeToString(), {"x": x})
    wanted = model(x).detach() if wanted is None else wanted
    return ((torch.from_numpy(given) - wanted).abs() / step).round().int()


def check(make: Make, seeds: range) -> None:
    total = different = 0
    for seed in seeds:
        torch.manual_seed(seed)
        off = in_steps(*make())
        assert off.max() <= 1, f"seed {seed}: {off.bincount(minlength=2).tolist() if off.dim() == 1 else off.max()}"
        total, different = total + off.numel(), different + int((off > 0).sum())
    assert different <= total / 1000


@pytest.mark.parametrize("name", NETWORKS)
def test_integers_are_those_of_pytorch(name: str) -> None:
    check(NETWORKS[name], range(2))


@pytest.mark.full
@pytest.mark.parametrize("name", NETWORKS)
def test_integers_are_those_of_pytorch_for_thirty_weights(name: str) -> None:
    check(NETWORKS[name], range(30))


@contextlib.contextmanager
def engine(name: str) -> Generator[None]:
    before = torch.backends.quantized.engine
    torch.backends.quantized.engine = name
    try:
        yield
    finally:
        torch.backends.quantized.engine = before


@pytest.mark.parametrize("name", ["fbgemm", "onednn", "qnnpack"])
def test_engines(name: str) -> None:
    """Each has its own way to add a bias: qnnpack an int32, the others a float."""
    with engine(name):
        check(lambda: (static(fused(), images(16), qconfig=tq.get_default_qconfig("qnnpack")), images(64)), range(5))
        check(NETWORKS["lstm 4-6"], range(3))


def test_a_reference_model_gives_what_the_lowered_model_gives() -> None:
    """PyTorch's reference model averages floats, so that the noise of a sum decides where an average lies on a half.

    What its own integer kernels make of the same model differs from it by two steps now and then. ONNX Runtime does not differ
    from these kernels.
    """
    from_itself = 0
    for seed in range(5):
        torch.manual_seed(seed)
        model, x = by_fx("reference"), images(64)
        torch.manual_seed(seed)
        lowered = by_fx()(x)
        from_itself += int((model(x) != lowered).sum())
        off = in_steps(model, x, lowered)
        assert off.max() <= 1
        assert (off > 0).float().mean() < 0.001
    assert from_itself > 0


@pytest.mark.parametrize("kind", ["reference", "decomposed"])
def test_every_operator_of_a_reference_model_is_within_one_step(kind: str) -> None:
    """Each with PyTorch's own inputs: what one step becomes behind it ("passes on") does not count."""
    torch.manual_seed(0)
    exploration = onnx_explore.explore(by_fx(kind), images(16))
    exploration.run()
    rows = exploration.check_nodes().rows
    assert {row.status for row in rows} <= {"agrees", "passes on"}
    assert sum(row.status == "agrees" for row in rows) > 20


def optimized(model: onnx_explore.Exported, path: str) -> list[str]:
    """The operators that ONNX Runtime makes of a model."""
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath, options.log_severity_level = path, 3
    onnxruntime.InferenceSession(model.to_proto().SerializeToString(), options, providers=["CPUExecutionProvider"])
    return [node.op_type for node in onnx.load(path).graph.node]


def test_integer_kernels(tmp_path: object) -> None:
    """The bias is an int32 inside the layer, and ONNX Runtime has one kernel for each layer and for the sum."""
    torch.manual_seed(0)
    model, x = NETWORKS["convnet"]()
    exported = onnx_explore.export(model, x, integer_kernels=True, check=True)
    made = optimized(exported, f"{tmp_path}/integers.onnx")
    assert [made.count(name) for name in ("QLinearConv", "QLinearAdd", "QGemm", "Conv", "Add", "Gemm")] == [
        2,
        1,
        1,
        0,
        0,
        0,
    ]
    biases = [item for item in exported.model.graph.initializers.values() if item.dtype and item.dtype.name == "INT32"]
    assert sorted(len(item.const_value.numpy()) for item in biases if item.const_value is not None) == [5, 8, 8]
    by_default = optimized(onnx_explore.export(model, x), f"{tmp_path}/exact.onnx")
    assert "QLinearConv" not in by_default and "QGemm" in by_default


def test_one_integer_kernel_is_one_step_off_at_most() -> None:
    for seed in range(5):
        torch.manual_seed(seed)
        layer = static(torch.nn.Sequential(tq.QuantStub(), torch.nn.Conv2d(3, 8, 3), tq.DeQuantStub()), images(16))
        assert in_steps(layer, images(64), integer_kernels=True).max() <= 1


def test_transposed_convolution_gives_what_fbgemm_gives() -> None:
    """In PyTorch 2.13, oneDNN (the engine x86, on CPUs with VNNI) mixes up weights where there is no output padding."""
    torch.manual_seed(0)
    w = torch.quantize_per_tensor(torch.randn(4, 6, 3, 3) * 0.3, 0.01, 0, torch.qint8)
    x = torch.quantize_per_tensor(torch.randn(2, 4, 6, 6), 0.03, 110, torch.quint8)

    class Layer(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.packed = torch.ops.quantized.conv_transpose2d_prepack(
                w, torch.randn(6), [1, 1], [1, 1], [0, 0], [1, 1], 1
            )

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.ops.quantized.conv_transpose2d(x, self.packed, 0.2, 120)

    torch.manual_seed(1)
    exported = onnx_explore.export(Layer(), x, input_names=["x"])
    with engine("fbgemm"):
        torch.manual_seed(1)
        wanted = Layer()(x).int_repr().int()
    (given,) = run_onnxruntime(exported.model, {"x": x.int_repr()})
    assert (torch.from_numpy(given).int() - wanted).abs().max() <= 1
