"""What an exploration can ask about its numbers: every node against PyTorch's.

In: a complete export. Out: reports, which are remembered until the export is made again. A check that is interrupted
leaves the last report, and everything else, as it was.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence

import onnx_ir as ir
import torch

from onnx_explore.check.nodes import BUDGET, NodesReport
from onnx_explore.explore.editing import Editing
from onnx_explore.exported import Exported


class Checking(Editing):
    """The checks of an exploration that go beyond its outputs."""

    def __init__(self) -> None:
        super().__init__()
        self._nodes: tuple[ir.Model, NodesReport] | None = None

    @property
    @abstractmethod
    def exported(self) -> Exported:
        """The result."""

    @property
    def nodes_report(self) -> NodesReport | None:
        """What the last ``check_nodes`` of this export found; None if none came to its end since the export was made."""
        if self._nodes is None or self._exported is None or self._nodes[0] is not self._exported.model:
            return None
        return self._nodes[1]

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
        with self._owned():
            model = self.exported.model
            report = self._flow.check_nodes(
                model, inputs=inputs, budget=budget, rtol=rtol, atol=atol, progress=progress
            )
            self._nodes = model, report
        return report
