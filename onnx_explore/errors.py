"""Every failure of the exporter: one tree, stable codes, and a message that says what to do next.

In: the operator, the argument, the user's source line, a next action. Out: an exception whose text names them all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar


class OnnxExporterError(RuntimeError):
    """Base of all errors of this package.

    Attributes:
        code: Stable name of the kind of failure; documented in the user guide.
        message: What happened, without place and advice.
        target: The operator that is concerned, such as ``aten::view``, or ``""``.
        argument: The operator's (or function's) argument that is concerned, or ``""``.
        where: The user's source line, such as ``model.py:41 in encoder.pool``, or ``""``.
        action: What to do next, or ``""``.
    """

    code: ClassVar[str] = "OnnxExporterError"

    def __init__(
        self, message: str, *, target: str = "", argument: str = "", where: str = "", action: str = ""
    ) -> None:
        self.message = message
        self.target = target
        self.argument = argument
        self.where = where
        self.action = action
        super().__init__(self._text())

    def _text(self) -> str:
        subject = self.target
        if self.argument:
            subject = f"{subject} argument '{self.argument}'".strip()
        place = f" at {self.where}" if self.where else ""
        head = f"{self.code}: {subject}{place}: " if subject or place else f"{self.code}: "
        tail = f" — {self.action}" if self.action else ""
        return f"{head}{self.message}{tail}"

    def __str__(self) -> str:
        return self._text()


class InvalidArgument(OnnxExporterError, ValueError):
    """A call of ours was given something that it cannot take; nothing was run."""

    code = "InvalidArgument"


class NotAvailable(OnnxExporterError, NotImplementedError):
    """A documented capability that this version does not have yet."""

    code = "NotAvailable"


class CaptureError(OnnxExporterError):
    """PyTorch could not record the model; the user's own exception, if any, is chained."""

    code = "CaptureFailed"


class CaptureDiverged(OnnxExporterError):
    """The recorded graph, replayed by PyTorch, does not give what the model gave."""

    code = "CaptureDiverged"


class UnsupportedTorch(OnnxExporterError):
    """The installed PyTorch lacks a private symbol that the capture needs."""

    code = "UnsupportedTorch"


class InvalidGraph(OnnxExporterError):
    """A graph breaks an invariant that every pass may rely on: a defect of a pass of ours."""

    code = "InvalidGraph"


class NotConstant(OnnxExporterError):
    """A symbolic function needs the value of an argument at export, and it is only known when the model runs."""

    code = "NotConstant"


class UnsupportedOperatorError(OnnxExporterError):
    """No symbolic function can express the operator, or not with these arguments.

    Attributes:
        missing: Every operator of the graph without a symbolic function, each with its source line.
    """

    code = "UnsupportedOperator"

    def __init__(
        self,
        message: str,
        *,
        target: str = "",
        argument: str = "",
        where: str = "",
        action: str = "",
        missing: Sequence[tuple[str, str]] = (),
    ) -> None:
        self.missing = tuple(missing)
        super().__init__(message, target=target, argument=argument, where=where, action=action)

    def _text(self) -> str:
        text = super()._text()
        if len(self.missing) > 1:
            rows = "\n".join(f"  {target}  at {where or 'an unknown line'}" for target, where in self.missing)
            text = f"{text}\nEvery operator without a symbolic function ({len(self.missing)}):\n{rows}"
        return text


class OpsetTooLow(UnsupportedOperatorError):
    """The operator can be expressed, but only from a newer opset on.

    Attributes:
        first: The first opset that can.
    """

    code = "OpsetTooLow"

    def __init__(
        self, message: str, *, first: int, target: str = "", argument: str = "", where: str = "", action: str = ""
    ) -> None:
        self.first = first
        super().__init__(
            message,
            target=target,
            argument=argument,
            where=where,
            action=action or f"export with opset_version={first} or newer",
        )


class SymbolicError(OnnxExporterError):
    """A symbolic function raised; its exception is chained."""

    code = "SymbolicFailed"


class CheckerError(OnnxExporterError):
    """The ONNX graph breaks the ONNX specification (``onnx.checker``)."""

    code = "InvalidOnnx"


class RuntimeMismatch(OnnxExporterError):
    """ONNX Runtime and PyTorch disagree on dtypes, shapes or values."""

    code = "RuntimeMismatch"


class NoRuntimeKernel(OnnxExporterError):
    """ONNX Runtime has no kernel for a node at this opset: not a wrong export."""

    code = "NoRuntimeKernel"


class WriteError(OnnxExporterError):
    """The file could not be written; what was there before is untouched."""

    code = "WriteFailed"


class Cancelled(OnnxExporterError):
    """The user asked to stop; everything is as it was before."""

    code = "Cancelled"
