"""The audit of dynamic axes: see ``audit``."""

from onnx_explore.auditing.audit import Outcome, audit, audit_flow
from onnx_explore.auditing.report import (
    Audit,
    AxisVerdict,
    Carrier,
    Cause,
    Combination,
    ExportView,
    Problem,
    SourceLine,
)

__all__ = [
    "Audit",
    "AxisVerdict",
    "Carrier",
    "Cause",
    "Combination",
    "ExportView",
    "Outcome",
    "Problem",
    "SourceLine",
    "audit",
    "audit_flow",
]
