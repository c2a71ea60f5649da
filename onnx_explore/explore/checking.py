"""What an exploration can ask about its numbers: every node against PyTorch's.

In: a complete export. Out: reports, which are remembered until the export is made again. A check that is interrupted
leaves the last report, and everything else, as it was.
"""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Callable, Sequence

import onnx_ir as ir
import torch
from onnx_ir.tensor_adapters import TorchTensor

from onnx_explore.arguments import check_tolerances
from onnx_explore.capture.captured import feeds_of
from onnx_explore.capture.guard import kept_random_numbers
from onnx_explore.check.cost import RUNS, measure_cost
from onnx_explore.check.cost_report import CostReport
from onnx_explore.check.nodes import BUDGET, NodeCheck, NodesReport
from onnx_explore.check.nodes.extract import Extract, extract
from onnx_explore.check.passes import PassesReport
from onnx_explore.check.runtime import ReferenceSession, RuntimeSession
from onnx_explore.errors import InvalidArgument, NoRuntimeKernel, NotAvailable
from onnx_explore.explore.editing import Editing
from onnx_explore.explore.repro import Repro, of_failure
from onnx_explore.explore.smallest import Search, refusal_of
from onnx_explore.explore.values import NodeValues
from onnx_explore.exported import Exported
from onnx_explore.writing import check_target, contiguous_array


class Checking(Editing):
    """The checks of an exploration that go beyond its outputs.

    Attributes:
        times_checked: How often ``check_nodes`` came to its end.
        times_measured: How often ``cost`` came to its end.
    """

    def __init__(self) -> None:
        super().__init__()
        self._nodes: tuple[ir.Model, NodesReport, tuple[torch.Tensor, ...]] | None = None
        self._cost: tuple[ir.Model, CostReport] | None = None
        self._passes: tuple[ir.Model, PassesReport] | None = None
        self.times_checked = 0
        self.times_measured = 0

    @property
    @abstractmethod
    def exported(self) -> Exported:
        """The result."""

    @property
    @abstractmethod
    def modules(self) -> dict[str, str]:
        """Module path → class name."""

    @property
    def nodes_report(self) -> NodesReport | None:
        """What the last ``check_nodes`` of this export found; None if none came to its end since the export was made."""
        return self._nodes[1] if self._nodes is not None and self._is_current(self._nodes[0]) else None

    @property
    def cost_report(self) -> CostReport | None:
        """What the last ``cost`` of this export measured, or None."""
        return self._cost[1] if self._cost is not None and self._is_current(self._cost[0]) else None

    @property
    def passes_report(self) -> PassesReport | None:
        """What the last ``bisect_passes`` of this export found, or None."""
        return self._passes[1] if self._passes is not None and self._is_current(self._passes[0]) else None

    def _is_current(self, model: ir.Model) -> bool:
        return self._exported is not None and self._exported.model is model

    def check_nodes(
        self,
        *,
        inputs: Sequence[torch.Tensor] | None = None,
        budget: int = BUDGET,
        rtol: float | None = None,
        atol: float | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> NodesReport:
        """Compare every intermediate of PyTorch with ONNX's, in one pair of runs.

        Args:
            inputs: Other inputs than the captured ones, one per graph input.
            budget: Bytes of intermediates to hold at a time.
            rtol: Relative tolerance instead of that of the element type.
            atol: Absolute tolerance, as a number, instead of that of the element type.
            progress: Called with the nodes done and the nodes in all, after each part.

        Returns:
            One row per tensor that a torch node made, with accumulated and local error; its ``str`` names the culprits.
            ``nodes_report`` remembers it.

        Raises:
            OnnxExporterError: If the export has not come to its end.
            Cancelled: If it was cancelled.
        """
        check_tolerances(rtol, atol)
        with self._owned(content=False), self._at_work("Checking every node") as told:
            model = self.exported.model

            def both(done: int, total: int) -> None:
                told(done, total)
                if progress is not None:
                    progress(done, total)

            report = self._flow.check_nodes(model, inputs=inputs, budget=budget, rtol=rtol, atol=atol, progress=both)
            self._nodes = model, report, self._given(inputs)
            self.times_checked += 1
        return report

    def _given(self, inputs: Sequence[torch.Tensor] | None) -> tuple[torch.Tensor, ...]:
        return tuple(item.example.detach() for item in self.captured.inputs) if inputs is None else tuple(inputs)

    def cost(self, *, runs: int = RUNS) -> CostReport:
        """Where the time and the bytes go: ONNX Runtime's profile per node, by module and source line, PyTorch's time beside it.

        ``cost_report`` remembers it.

        Args:
            runs: How many runs there are medians of; one more comes first and is dropped.

        Raises:
            OnnxExporterError: If the export has not come to its end, or ONNX Runtime cannot run it.
            Cancelled: If it was cancelled.
        """
        with self._owned(content=False), self._at_work("Measuring time in ONNX Runtime and PyTorch"):
            model, flow = self.exported.model, self._flow
            report = measure_cost(
                model, flow.graph, flow.captured, flow.recorder.cancelled, runs=runs, modules=self.modules
            )
            self._cost = model, report
            self.times_measured += 1
        return report

    def bisect_passes(self) -> PassesReport:
        """Which ONNX pass changed the result: the model is lowered again, and runs after each pass on the captured inputs.

        Returns:
            One row per pass; ``culprit`` is the one that changed the result, or None. The export stays as it is;
            ``passes_report`` remembers the rows.

        Raises:
            OnnxExporterError: If the export has not come to its end.
            Cancelled: If it was cancelled.
        """
        with self._owned(content=False), self._at_work("Running the model after each pass"):
            model = self.exported.model
            report = self._flow.check_passes()
            self._passes = model, report
        return report

    def values(self, node: int, value: str | None = None) -> NodeValues:
        """The values of a node, PyTorch's and ONNX's for the same inputs; its ``str`` has statistics and histograms.

        Args:
            node: Number of the node. Where no ``check_nodes`` has run, it runs.
            value: Name of the ONNX value, of a node with several; default: the first output that both have.

        Raises:
            InvalidArgument: If there is no such node, or no ONNX value is left of it.
            RuntimeMismatch: If ONNX cannot run the node with these inputs.
        """
        report = self.nodes_report or self.check_nodes()
        row = next((row for row in report.of(node) if row.value and value in (None, row.value)), None)
        if row is None:
            named = f" that is called '{value}'" if value is not None else ""
            raise InvalidArgument(
                f"no ONNX value{named} is left of node {node}", argument="node", action="see nodes_report"
            )
        with self._owned(tell=False), kept_random_numbers():
            taken = self._taken(row)
            try:
                actual = RuntimeSession(taken.model).run(taken.inputs)
            except NoRuntimeKernel:
                actual = ReferenceSession(taken.model).run(taken.inputs)
            (expected,) = taken.expected.values()
            plain = expected.int_repr() if expected.is_quantized else expected
            return NodeValues(row, contiguous_array(TorchTensor(plain)), actual[0])

    def _taken(self, row: NodeCheck) -> Extract:
        assert self._nodes is not None
        model, _, given = self._nodes
        fed = {name: item.tensor for item in self.captured.graph.parameters for name in (item.name, *item.aliases)}
        fed |= feeds_of(self.captured.inputs, given)
        return extract(model, self._flow.graph, self._flow.lowering.lowered, given, fed, row)

    def repro(self, path: str | os.PathLike[str]) -> Repro:
        """Write a ZIP that shows the failure without the model: the smallest piece of it that does.

        It holds the piece (nodes of the ONNX model, or TorchScript that cannot be exported), PyTorch's values for its inputs,
        the weights that it needs and no others, the versions, and ``repro.py`` to run it. What is written was seen to fail
        here. Where no ``check_nodes`` has run, it runs.

        Args:
            path: The ZIP to write.

        Returns:
            What was written.

        Raises:
            InvalidArgument: If nothing failed, or if no piece shows it.
            NotAvailable: If what failed cannot be written as a script.
            Cancelled: If it was cancelled.
            WriteError: If the file cannot be written; before anything runs.
        """
        file = os.fspath(path)
        check_target(file)
        if self._exported is None and self.error is not None and self._model is None:
            node = self._flow.lowering.node
            if node is None:
                raise NotAvailable("the export failed at no node", action="hand on the model itself") from self.error
            with self._owned(tell=False), kept_random_numbers():
                return of_failure(file, self._flow, node, self._given(None), self.error)
        model = self._model if self._model is not None else self.exported.model
        with self._owned(tell=False), kept_random_numbers():
            found = refusal_of(file, model, self._flow.recorder.cancelled)
        if found is not None:
            return found
        report = self.nodes_report or self.check_nodes()
        assert self._nodes is not None
        given = self._nodes[2]
        with self._owned(tell=False), kept_random_numbers():
            stop = self._flow.recorder.cancelled
            search = Search(self._flow, self.exported.model, given, self._taken, stop, self._tolerances)
            return search.write(file, report)
