"""After whatever goes wrong: a clear error, no partial file, model and PyTorch as before, and the next export works."""

from __future__ import annotations

import _thread
import io
import random
import signal
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from torch import Tensor, nn

import onnx_explore
from onnx_explore.errors import (
    Cancelled,
    CaptureError,
    InvalidArgument,
    OnnxExporterError,
    OpsetTooLow,
    UnsupportedOperatorError,
    WriteError,
)
from onnx_explore.recording import Captured, Checked, Event, NodeLowered, PassRan, Recorder
from onnx_explore.symbolic.registry import REGISTRY, Variant


@torch.library.custom_op("tests_robustness::mystery", mutates_args=())
def mystery(x: Tensor) -> Tensor:
    """An operator that nobody has a symbolic function or a decomposition for."""
    return x.clone()


class Model(nn.Module):
    """A model with buffers, dropout and a hook, in a mixed mode; ``trouble`` is what its forward does."""

    def __init__(self, trouble: Callable[[Tensor], Tensor] = lambda x: x) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        self.bn = nn.BatchNorm2d(4)
        self.dropout = nn.Dropout(0.5)
        self.head = nn.Linear(4, 2)
        self.register_buffer("calls", torch.zeros(()))
        self.register_forward_hook(lambda module, args, output: None)
        self.trouble = trouble
        self.train()
        self.bn.eval()

    def forward(self, x: Tensor, scale: Tensor | None = None) -> Tensor:
        self.calls += 1
        x = self.dropout(torch.relu(self.bn(self.conv(x))))
        x = self.trouble(x)
        x = self.head(x.mean((2, 3)))
        return x if scale is None else x * scale


def state(model: nn.Module) -> dict[str, Any]:
    """All that an export could leave changed, in the model and in the process."""
    return {
        "modes": {name: module.training for name, module in model.named_modules()},
        "attributes": {name: sorted(vars(module)) for name, module in model.named_modules()},
        "hooks": {
            name: [len(vars(module)[key]) for key in ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks")]
            for name, module in model.named_modules()
        },
        "tensors": {
            name: (id(item), item.detach().clone().tolist()) for name, item in model.state_dict(keep_vars=True).items()
        },
        "requires_grad": {name: item.requires_grad for name, item in model.named_parameters()},
        "rng": torch.get_rng_state().tolist(),
        "numpy rng": repr(np.random.get_state()),
        "python rng": random.getstate(),
        "grad mode": torch.is_grad_enabled(),
        "default dtype": torch.get_default_dtype(),
        "default device": torch.get_default_device(),
        "threads": torch.get_num_threads(),
        "fused attention": torch.backends.mha.get_fastpath_enabled(),
        "export flag": torch.onnx.is_in_onnx_export(),
        "tracing": torch._C._get_tracing_state(),
        "trace modules": torch.jit._trace._trace_module_map,
        "autocast": (torch.is_autocast_enabled("cpu"), torch.is_autocast_cache_enabled()),
        "modes of torch functions": (torch._C._len_torch_function_stack(), torch._C._len_torch_dispatch_stack()),
        "global hooks": (
            len(nn.modules.module._global_forward_hooks),
            len(nn.modules.module._global_forward_pre_hooks),
        ),
        "patched": (nn.Module.__call__, nn.Module._slow_forward, Tensor.__int__, Tensor.__len__, Tensor.item),
        "warnings": (list(warnings.filters), warnings.showwarning),
        "interrupts": signal.getsignal(signal.SIGINT),
    }


@pytest.fixture
def x() -> Tensor:
    torch.manual_seed(3)
    return torch.randn(2, 3, 8, 8)


@contextmanager
def leaves_no_trace(model: Model, x: Tensor, folder: Path) -> Iterator[Path]:
    """Everything is as before after the block, an existing file too, and the next export works."""
    target = folder / "model.onnx"
    target.write_bytes(b"before")
    before, given = state(model), x.clone()
    trouble = model.trouble
    yield target
    after = state(model)
    assert {key: value for key, value in after.items() if value != before[key]} == {}
    assert torch.equal(x, given)
    assert [(item.name, item.read_bytes()) for item in folder.iterdir()] == [("model.onnx", b"before")]
    model.trouble = lambda x: x
    exported = onnx_explore.export(model, x, target, dynamic_axes={"x": {0: "batch"}}, check=True)
    assert exported.report is not None and exported.report.passed
    onnx.checker.check_model(onnx.load(target), full_check=True)
    model.trouble = trouble
    assert {key: value for key, value in state(model).items() if value != before[key]} == {}


def fails(x: Tensor) -> Tensor:
    raise ValueError("the user's own")


def recurses(x: Tensor) -> Tensor:
    onnx_explore.export(nn.ReLU(), x)
    return x


ARGS: Any = object()
"""Stands for the good input."""


@dataclass(frozen=True, slots=True)
class Bad:
    """A call that must fail."""

    name: str
    error: type[OnnxExporterError]
    match: str
    args: Any = ARGS
    trouble: Callable[[Tensor], Tensor] = lambda x: x
    options: dict[str, Any] = field(default_factory=dict)
    file: str = "model.onnx"


EXTRA = torch.ones(2, 2)
BAD = (
    Bad("too_many_args", OnnxExporterError, "forward|argument", (torch.ones(2, 3, 8, 8), EXTRA, EXTRA)),
    Bad("too_few_args", OnnxExporterError, "'x'|argument", ()),
    Bad("unknown_kwarg", OnnxExporterError, "colour", options={"kwargs": {"colour": EXTRA}}),
    Bad("kwarg_twice", OnnxExporterError, "'x'", options={"kwargs": {"x": EXTRA}}),
    Bad("wrong_shape", CaptureError, r"test_robustness\.py:\d+.*expected input", torch.ones(2, 5, 8, 8)),
    Bad("not_a_model", OnnxExporterError, "model", options={"model": 7}),
    Bad("unknown_axis_name", InvalidArgument, "dynamic_axes.*'z'", options={"dynamic_axes": {"z": {0: "batch"}}}),
    Bad("axis_out_of_range", InvalidArgument, "axis 4 of 'x'.*range", options={"dynamic_axes": {"x": {4: "batch"}}}),
    Bad("axis_not_int", InvalidArgument, "dynamic_axes", options={"dynamic_axes": {"x": {"0": "batch"}}}),
    Bad("axes_not_a_dict", InvalidArgument, "dynamic_axes", options={"dynamic_axes": {"x": 0}}),
    Bad("opset_unknown", InvalidArgument, "opset_version.*99", options={"opset_version": 99}),
    Bad("opset_ancient", InvalidArgument, "opset_version.*3", options={"opset_version": 3}),
    Bad("opset_not_int", InvalidArgument, "opset_version", options={"opset_version": "17"}),
    Bad("names_twice", InvalidArgument, "output_names.*'a'", options={"output_names": ["a", "a"]}),
    Bad("names_as_string", InvalidArgument, "input_names", options={"input_names": "x"}),
    Bad("too_many_output_names", OnnxExporterError, "output_names", options={"output_names": ["a", "b", "c"]}),
    Bad("training_unknown", InvalidArgument, "training", options={"training": "soon"}),
    Bad(
        "functions_too_early",
        InvalidArgument,
        "export_modules_as_functions.*opset 15",
        options={"export_modules_as_functions": True, "opset_version": 14},
    ),
    Bad("forward_raises", CaptureError, r"test_robustness\.py:\d+.*the user's own", trouble=fails),
    Bad("export_inside_forward", OnnxExporterError, "forward", trouble=recurses),
    Bad(
        "unsupported_operator",
        UnsupportedOperatorError,
        r"tests_robustness::mystery.*test_robustness\.py:\d+.*register",
        trouble=lambda x: mystery(x),
    ),
    Bad(
        "opset_too_low",
        OpsetTooLow,
        r"aten::unique_dim.*test_robustness\.py:\d+.*opset_version=11",
        trouble=lambda x: torch.unique(x, dim=1),
        options={"opset_version": 10},
    ),
    Bad("no_such_folder", WriteError, "create the folder", file="missing/model.onnx"),
    Bad("a_folder", WriteError, "path of a file", file="."),
)


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: bad.name)
def test_bad_call(bad: Bad, x: Tensor, tmp_path: Path) -> None:
    model = Model(bad.trouble)
    options = dict(bad.options)
    with leaves_no_trace(model, x, tmp_path), pytest.raises(bad.error, match=f"(?s){bad.match}") as caught:
        onnx_explore.export(
            options.pop("model", model), x if bad.args is ARGS else bad.args, tmp_path / bad.file, **options
        )
    assert caught.value.code
    assert str(caught.value).startswith(f"{caught.value.code}: ")


def test_the_users_exception_is_chained(x: Tensor) -> None:
    with pytest.raises(CaptureError) as caught:
        onnx_explore.export(Model(fails), x)
    assert isinstance(caught.value.__cause__, ValueError)


@pytest.mark.parametrize("training", ["EVAL", "PRESERVE", "TRAINING"])
def test_a_good_export_leaves_no_trace_either(training: str, x: Tensor, tmp_path: Path) -> None:
    model = Model()
    with leaves_no_trace(model, x, tmp_path):
        onnx_explore.export(model, x, training=training)


class Failing(io.BytesIO):
    """A file object whose third write raises."""

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.error = error
        self.writes = 0

    def write(self, data: Any) -> int:
        self.writes += 1
        if self.writes == 3:
            raise self.error
        return super().write(data)


def test_full_disk(x: Tensor, tmp_path: Path) -> None:
    model = Model()
    file = Failing(OSError(28, "No space left on device"))
    with leaves_no_trace(model, x, tmp_path), pytest.raises(WriteError, match="No space left on device"):
        onnx_explore.export(model, x, file)
    assert file.getvalue() == b""


def interrupts(x: Tensor) -> Tensor:
    raise KeyboardInterrupt


def interrupted_from_outside(x: Tensor) -> Tensor:
    _thread.interrupt_main()
    for _ in range(1000):
        x = x + 0
    return x


@pytest.mark.parametrize("trouble", [interrupts, interrupted_from_outside])
def test_ctrl_c_in_capture(trouble: Callable[[Tensor], Tensor], x: Tensor, tmp_path: Path) -> None:
    model = Model(trouble)
    with leaves_no_trace(model, x, tmp_path) as target, pytest.raises(KeyboardInterrupt):
        onnx_explore.export(model, x, target)


def test_ctrl_c_in_lowering(x: Tensor, tmp_path: Path) -> None:
    model = Model()

    def interrupted(g: Any, self: Any) -> Any:
        raise KeyboardInterrupt

    with leaves_no_trace(model, x, tmp_path) as target:
        REGISTRY.register_custom("aten::relu", Variant(7, interrupted, custom=True))
        try:
            with pytest.raises(KeyboardInterrupt):
                onnx_explore.export(model, x, target)
        finally:
            REGISTRY.unregister_custom("aten::relu")


def test_ctrl_c_in_writing(x: Tensor, tmp_path: Path) -> None:
    model = Model()
    file = Failing(KeyboardInterrupt())
    with leaves_no_trace(model, x, tmp_path), pytest.raises(KeyboardInterrupt):
        onnx_explore.export(model, x, file)
    assert file.getvalue() == b""


def first(kind: type[Event], **fields: str) -> Callable[[Event], bool]:
    return lambda event: isinstance(event, kind) and all(getattr(event, key) == value for key, value in fields.items())


MOMENTS = {
    "captured": first(Captured),
    "torch_pass": first(PassRan, stage="torch"),
    "lowering": first(NodeLowered, target="aten::relu"),
    "onnx_pass": first(PassRan, stage="onnx"),
    "structure": first(Checked, check="structure"),
    "runtime": first(Checked, check="runtime"),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_ctrl_c_between_two_steps(moment: str, x: Tensor, tmp_path: Path) -> None:
    model = Model()

    def observe(event: Event) -> None:
        if MOMENTS[moment](event):
            raise KeyboardInterrupt

    with leaves_no_trace(model, x, tmp_path) as target, pytest.raises(KeyboardInterrupt):
        onnx_explore.export(model, x, target, check=True, recorder=Recorder(observe))


@pytest.mark.parametrize("moment", MOMENTS)
def test_cancel_between_two_steps(moment: str, x: Tensor, tmp_path: Path) -> None:
    model = Model()
    asked: list[Event] = []

    def observe(event: Event) -> None:
        if MOMENTS[moment](event):
            asked.append(event)

    recorder = Recorder(observe, cancelled=lambda: bool(asked))
    with leaves_no_trace(model, x, tmp_path) as target, pytest.raises(Cancelled):
        onnx_explore.export(model, x, target, check=True, recorder=recorder)
