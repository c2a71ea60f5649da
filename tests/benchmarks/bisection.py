"""The yardstick for finding a mismatch: bisection as the reference describes it, with every half exported again.

In: a model and arguments. Out: the tree of halves. Each half becomes an ONNX model, a session of ONNX Runtime, and is run in
PyTorch, too. What makes the ONNX model can be chosen:

- ``legacy``: ``torch.onnx.export(..., dynamo=False)``, whose tool ``find_mismatch`` was: the reference.
- ``ours``: ``onnx_explore.export``, from the capture on.
- ``lowered``: the nodes are lowered again out of the one capture that there is: as little as a search over halves can do.
"""

from __future__ import annotations

import tempfile
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import onnxruntime
import torch
from torch import Tensor, nn

from onnx_explore import explore, symbolic
from onnx_explore.arguments import make_options
from onnx_explore.check.agreement import assert_agreement, run_for
from onnx_explore.check.graph_info import GraphInfo, VerificationOptions
from onnx_explore.check.nodes.interpret import Interpreter
from onnx_explore.emit import Emitter
from onnx_explore.export import export
from onnx_explore.flow import Flow
from onnx_explore.mismatch import Parts, find_mismatch
from onnx_explore.recording import Recorder
from onnx_explore.torch_ir import TorchGraph
from tests.benchmarks.exporters import quiet

Halves = Literal["legacy", "ours", "lowered"]

WRONG = (11, 60, 101, 139, 187)
"""Places of the wrong nodes in ``Long``."""

OPTIONS = VerificationOptions(rtol=1e-3, atol=1e-4)
"""The default ``atol`` of 1e-7 is less than what 200 operators round: nothing would ever be right."""


def wrong_gelu(g: Emitter, self: Any, approximate: str = "none") -> Any:
    """A formula that is about right."""
    del approximate
    return g.op("Mul", self, g.op("Sigmoid", g.op("Mul", self, g.tensor(torch.tensor(1.702)))))


def _linear() -> nn.Module:
    return torch.nn.utils.parametrize.remove_parametrizations(
        torch.nn.utils.parametrizations.orthogonal(nn.Linear(64, 64)), "weight"
    )


def _leaky() -> nn.Module:
    return nn.LeakyReLU(0.9)


def _norm() -> nn.Module:
    return nn.LayerNorm(64)


class Long(nn.Module):
    """A chain that neither swallows an error nor blows one up: Linear, LeakyReLU, LayerNorm …, and GELU at some places.

    Args:
        size: How many operators.
        gelus: Places of the GELUs.
    """

    def __init__(self, size: int = 200, gelus: tuple[int, ...] = WRONG) -> None:
        super().__init__()
        kinds = (_linear, _leaky, _norm, _leaky)
        self.layers = nn.Sequential(*(nn.GELU() if place in gelus else kinds[place % 4]() for place in range(size)))

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


def subject() -> tuple[nn.Module, Tensor]:
    torch.manual_seed(0)
    return Long().eval().requires_grad_(False), torch.randn(32, 64)


@contextmanager
def broken() -> Generator[None]:
    """GELU has a wrong symbolic function, here and in ``torch.onnx``."""

    def of_torch(g: Any, self: Any, approximate: Any) -> Any:
        del approximate
        return g.op("Mul", self, g.op("Sigmoid", g.op("Mul", self, g.op("Constant", value_t=torch.tensor(1.702)))))

    torch.onnx.utils.register_custom_op_symbolic("aten::gelu", of_torch, 17)  # pyright: ignore[reportPrivateImportUsage]
    try:
        with symbolic("aten::gelu")(wrong_gelu):
            yield
    finally:
        torch.onnx.utils.unregister_custom_op_symbolic("aten::gelu", 17)  # pyright: ignore[reportPrivateImportUsage]


class Half(nn.Module):
    """A part as a model, so that it can be exported like one."""

    def __init__(self, graph: TorchGraph) -> None:
        super().__init__()
        own = tuple(replace(item, tensor=nn.Parameter(item.tensor, requires_grad=False)) for item in graph.parameters)
        self.graph = replace(graph, parameters=own)
        self.weights = nn.ParameterList(item.tensor for item in own)

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        run = Interpreter(self.graph, inputs, keep=True)
        for node in self.graph.block.nodes:
            run.step(node)
        return tuple(run.value(value.id) for value in self.graph.outputs)


class Bisection(Parts):
    """Searches halves instead of checking all nodes in one pair of runs.

    Args:
        flow: The capture.
        exporter: What exports the halves.
    """

    def __init__(self, flow: Flow, exporter: Halves) -> None:
        super().__init__(flow)
        self._exporter = exporter

    def examine(self, info: GraphInfo, options: VerificationOptions) -> None:
        """Export a part again and compare it; if it disagrees, examine its halves."""
        half = Half(info.graph)
        outputs: tuple[Tensor, ...] = half(*info.input_args)
        info.is_compared = True
        try:
            assert_agreement(self._run(half, info, options), outputs, options)
        except AssertionError as error:
            info.mismatch_error = error
            halves = self._split(info.part)
            if halves is not None:
                info.upper_graph_info, info.lower_graph_info = (
                    self._info(part, f"{info.id}{digit}") for digit, part in enumerate(halves)
                )
                self.examine(info.upper_graph_info, options)
                self.examine(info.lower_graph_info, options)

    def _run(self, half: Half, info: GraphInfo, options: VerificationOptions) -> list[Tensor]:
        if self._exporter == "legacy":
            with tempfile.TemporaryDirectory() as folder:
                file = str(Path(folder, "half.onnx"))
                with quiet():
                    torch.onnx.export(half, info.input_args, file, dynamo=False, opset_version=17)
                return _run_file(file, info.input_args)
        model = self.model(info) if self._exporter == "lowered" else export(half, info.input_args).model
        feeds = {value.name or "": item for value, item in zip(model.graph.inputs, info.input_args, strict=False)}
        return run_for(model, feeds, options)


def _run_file(file: str, inputs: Sequence[Tensor]) -> list[Tensor]:
    """The outputs of a file: no more is done than must be, for it is the time of a peer."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    feeds = {each.name: item.numpy() for each, item in zip(session.get_inputs(), inputs, strict=False)}
    return [torch.from_numpy(array) for array in session.run(None, feeds)]


def bisect(model: nn.Module, args: Any, exporter: Halves) -> GraphInfo:
    """``find_mismatch`` by the yardstick."""
    flow = Flow(model, args, None, make_options(keep_initializers_as_inputs=True), None, Recorder())
    info = Bisection(flow, exporter).whole()
    info.find_mismatch(OPTIONS)
    return info


def search(model: nn.Module, x: Tensor, how: str) -> int:
    """How many wrong nodes are found: by ``find_mismatch`` and ``check_nodes`` of this package, or by a yardstick."""
    match how:
        case "find_mismatch":
            return len(find_mismatch(model, x, options=OPTIONS).all_mismatch_leaf_graph_info())
        case "check_nodes":
            return len(explore(model, x, check=False).run().check_nodes().culprits)
        case "legacy" | "ours" | "lowered":
            return len(bisect(model, x, how).all_mismatch_leaf_graph_info())
        case _:
            raise ValueError(how)
