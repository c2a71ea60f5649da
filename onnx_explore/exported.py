"""The result of an export."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import BinaryIO

import onnx
import onnx_ir as ir

from onnx_explore.check.report import Report
from onnx_explore.emit.regions import count_nodes
from onnx_explore.recording import Recording
from onnx_explore.writing import write_model


@dataclass(frozen=True, slots=True)
class Exported:
    """An exported model.

    Attributes:
        model: The ONNX model as ``onnx_ir`` has it; its initializers hold the PyTorch model's own tensors, not copies.
        recording: What happened, event by event.
        report: What the checks found, or None if none ran.
        path: The file it was written to, or None.
    """

    model: ir.Model
    recording: Recording
    report: Report | None = None
    path: str | None = None

    def save(self, f: str | os.PathLike[str] | BinaryIO, *, external_data: bool | None = None) -> None:
        """Write the model.

        Args:
            f: A path, or a file object open for binary writing.
            external_data: True: weights into a file beside it; None: only where they pass protobuf's 2 GiB.

        Raises:
            WriteError: If it cannot be written; what was there before is untouched.
        """
        write_model(self.model, f, external_data=external_data)

    def to_proto(self) -> onnx.ModelProto:
        """The model as ``onnx.ModelProto`` (this copies the weights)."""
        return ir.to_proto(self.model)

    def __str__(self) -> str:
        graph = self.model.graph
        opset = self.model.opset_imports.get("", 0)
        verdict = f"; {self.report.verdict}" if self.report is not None else ""
        place = f" to {self.path}" if self.path else ""
        return f"exported{place}: opset {opset}, {count_nodes(graph)} nodes, {len(graph.initializers)} initializers{verdict}"

    __repr__ = __str__
