"""What a trace cannot follow, told while it happens: where it is, what was frozen to what, and what to write instead.

In: the torch calls of one trace, before they run (``Pitfalls.before``), and what left the trace as Python values
(``conversion_notes``). Out: notes. One of the reference's limitations is lifted on the way: a size is a number in Python,
and ``n += 2`` gives a new number; while tracing it is a tensor, which ``+=`` would change under all of its names, so the operator
runs out of place::

    n = m = x.shape[0]                 n = m = x.shape[0]
    n += 2                     ──►     n = n + 2                       (m stays)
"""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Mapping, Sequence
from types import FrameType
from typing import Any

import numpy as np
import torch

from onnx_explore.capture.captured import CaptureNote, Conversion
from onnx_explore.capture.torch_api import JitNode, api

_DATA = torch.Tensor.data.__get__  # type: ignore[attr-defined]
_SET_DATA = torch.Tensor.data.__set__  # type: ignore[attr-defined]

_OUT_OF_PLACE: Mapping[str, str] = {
    "add_": "add",
    "sub_": "sub",
    "mul_": "mul",
    "div_": "div",
    "floor_divide_": "floor_divide",
    "remainder_": "remainder",
    "pow_": "pow",
    "__iand__": "__and__",
    "__ior__": "__or__",
    "__ixor__": "__xor__",
    "__ilshift__": "__lshift__",
    "__irshift__": "__rshift__",
}
"""What Python's ``+=``, ``-=`` … call on a tensor, and what they are on a number."""

_MAKERS = frozenset({torch.tensor, torch.as_tensor, torch.asarray, torch.from_numpy})
WATCHED = frozenset({"__get__", "__set__", *_OUT_OF_PLACE, *(maker.__name__ for maker in _MAKERS)})
"""Names of the calls that ``Pitfalls`` looks at."""

_SIZES = frozenset({"aten::size", "aten::numel", "aten::dim"})
_ARITHMETIC = frozenset(
    {
        "prim::NumToTensor",
        "aten::Int",
        "aten::add",
        "aten::sub",
        "aten::rsub",
        "aten::mul",
        "aten::floor_divide",
        "aten::div",
        "aten::remainder",
        "aten::fmod",
        "aten::neg",
        "aten::pow",
        "aten::__and__",
        "aten::__or__",
        "aten::__xor__",
        "aten::__lshift__",
        "aten::__rshift__",
    }
)
_LONGEST = 64
"""Nodes that are followed: the arithmetic of sizes is short."""


class Pitfalls:
    """Watches one trace.

    Args:
        place: The user's source line behind a frame, as ``file:line``; ``""`` where PyTorch's own code is the caller.
    """

    def __init__(self, place: Callable[[FrameType | None], str]) -> None:
        self.notes: list[CaptureNote] = []
        self._place = place
        self._told: set[tuple[str, str]] = set()

    def before(self, function: Callable[..., Any], name: str, args: tuple[Any, ...], frame: FrameType | None) -> Any:
        """Look at a call whose name is in ``WATCHED``.

        Returns:
            What to call instead, with the same arguments.
        """
        if name in _OUT_OF_PLACE:
            if _is_size(args[0]):
                self.note("info", "SizeWrittenInPlace", _SIZE_MESSAGE.format(name=name), frame)
                return getattr(torch.Tensor, _OUT_OF_PLACE[name])
        elif function == _DATA:
            self.note("info", "TensorData", _DATA_MESSAGE, frame)
        elif function == _SET_DATA:
            self.note("warning", "TensorData", _SET_MESSAGE, frame)
        elif function in _MAKERS and args and not isinstance(args[0], torch.Tensor):
            self._constant(args[0], frame)
        return function

    def _constant(self, data: Any, frame: FrameType | None) -> None:
        if isinstance(data, np.ndarray):
            shape = tuple(int(size) for size in data.shape)  # pyright: ignore[reportUnknownVariableType]
            message = f"a NumPy array of shape {shape} became a constant of the export — {_NUMPY_ADVICE}"
        elif isinstance(data, list | tuple):
            message = (
                f"the tensor that is made of the Python values {reprlib.repr(data)} is a constant of the export — "
                "make it of tensors (torch.stack) if it depends on an input"
            )
        else:
            return  # A number is a constant in any case.
        self.note("info", "ConstantTensor", message, frame)

    def note(self, severity: Any, code: str, message: str, frame: FrameType | None) -> None:
        """Add a note, once a line."""
        where = self._place(frame)
        if where and (code, where) not in self._told:
            self._told.add((code, where))
            self.notes.append(CaptureNote(severity, code, message, where))


_SIZE_MESSAGE = (
    "an in-place operator ({name}) on a size gives a new number, as in Python, and other names keep the old one; torch.onnx "
    "changes the size under all of its names — write n = n + 2 in place of n += 2"
)
_DATA_MESSAGE = (
    "x.data is recorded as x.detach(); torch.onnx loses what is read from it or written to it — write x.detach()"
)
_SET_MESSAGE = (
    "an assignment to x.data is not followed by the trace: it is lost — write x.copy_(…), or use a new tensor"
)
_NUMPY_ADVICE = "compute it with torch operators on tensors (torch.cat for np.concatenate) if it depends on an input"


def in_our_words(note: CaptureNote) -> CaptureNote:
    """A warning of the tracer about a constant as the note that we make of one ourselves, where we see it."""
    function, _, rest = note.message.partition(" results are registered as constants")
    if note.code != "TracerWarning" or not rest:
        return note
    what = "a NumPy array" if function == "torch.from_numpy" else "a tensor that is made of Python values"
    message = f"{what} became a constant of the export ({function}) — {_NUMPY_ADVICE}"
    return CaptureNote("info", "ConstantTensor", message, note.where)


def _is_size(item: Any) -> bool:
    """Whether a tensor is what the trace made of a size, or of arithmetic with sizes and numbers."""
    if not isinstance(item, torch.Tensor) or item.dim() or item.dtype.is_complex or api().tracing_state() is None:
        return False
    pending: list[JitNode] = [api().get_value_trace(item).node()]
    found = False
    for _ in range(_LONGEST):
        if not pending:
            return found
        node = pending.pop()
        kind = node.kind()
        if kind in _SIZES:
            found = True
        elif kind in _ARITHMETIC:
            pending.extend(node.inputsAt(index).node() for index in range(node.inputsSize()))
        elif kind != "prim::Constant":
            return False
    return False


# -- what left the trace ----------------------------------------------------------------------------------------------------

_READS_CONTENT = frozenset(
    {"bool", "item", "tolist", "numpy", "float", "complex", "array", "equal", "allclose", "dlpack"}
)
"""Conversions that read a tensor's content, not a size."""

_ADVICE: Mapping[str, str] = {
    "bool": "use torch.where, or torch.jit.script for what is to stay a branch",
    "equal": "use torch.eq(…).all() in torch.where, or torch.jit.script",
    "allclose": "use torch.isclose(…).all() in torch.where, or torch.jit.script",
    "item": "pass the tensor itself: PyTorch casts single-element tensors (x.reshape(y, -1))",
    "int": "leave out int(): a size, and a single-element tensor, can be passed as it is",
    "float": "leave out float() and math functions: use torch operators (torch.sqrt), or pass the tensor itself",
    "numpy": "use torch operators on tensors (torch.cat for np.concatenate)",
    "tolist": "use torch operators on the tensor, or torch.stack of its parts",
    "len": "use x.shape[0], which stays a size, if the number goes into tensor operators",
    "index": "a loop over a size is unrolled: use tensor operators, or torch.jit.script for what is to stay a loop",
    "iter": "a loop over a tensor is unrolled: use tensor operators, or torch.jit.script for what is to stay a loop",
    "complex": "leave out complex(): pass the tensor itself, or use torch.complex",
    "array": "use torch operators on tensors (torch.cat for np.concatenate)",
    "dlpack": "use torch operators on tensors: what another library computes is not in the trace",
    "format": "ONNX computes no text of a number: use the tensor itself, or format what the model returns",
    "contains": "use (x == value).any() in torch.where, or torch.jit.script",
}
"""Kind of conversion → what the reference suggests to write."""


def conversion_notes(
    conversions: Sequence[Conversion],
    *,
    dynamic: bool,
    told: Sequence[CaptureNote] = (),
    data_sized: Sequence[str] = (),
) -> list[CaptureNote]:
    """What left the trace as a Python value, as notes: equal ones once.

    The content of a tensor is another one in the next run: a warning. A size matters only where an axis is
    dynamic, or where sizes depend on the data.

    Args:
        conversions: What left the trace.
        dynamic: Whether any axis is dynamic.
        told: Notes that there are already; a conversion at the line of a tracer's warning is one of these.
        data_sized: Targets of the operators by which sizes depend on the data.
    """
    known = {_short(note.where) for note in told if note.code == "TracerWarning"}
    notes: dict[CaptureNote, None] = {}
    for item in conversions:
        frame = item.frame
        place = _short(f"{frame.file}:{frame.line}") if frame is not None else ""
        if place and place in known:
            continue
        content = item.of == "data" or (not item.of and item.kind in _READS_CONTENT)
        serious = content or dynamic or bool(data_sized)
        scope = f" in {item.scope}" if item.scope else ""
        notes.setdefault(
            CaptureNote("warning" if serious else "info", "PythonValue", _message(item, data_sized), f"{place}{scope}")
        )
    return list(notes)


def _message(item: Conversion, data_sized: Sequence[str]) -> str:
    if item.kind == "bool":
        text = f"Python read a tensor's truth value ({item.value}); what it decided is fixed in the export"
    else:
        text = f"{item.kind} gave the Python value {item.value}; it is a constant of the export"
        if data_sized:
            text += f", and sizes of this model depend on the data ({', '.join(data_sized[:3])})"
    advice = _ADVICE.get(item.kind)
    return f"{text} — {advice}" if advice else text


def _short(where: str) -> str:
    """A source line whose file is named by its last two parts."""
    file, colon, rest = where.partition(" in ")[0].rpartition(":")
    return f"{'/'.join(file.replace(chr(92), '/').rsplit('/', 2)[-2:])}{colon}{rest}"
