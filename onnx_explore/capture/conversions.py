"""Sees what leaves the trace: every tensor, or traced size, that becomes a Python value.

In: the torch calls of this thread while the trace runs. Out: ``Watch.conversions``, each with the user's line and
column. It also makes tensors that require gradients, but are no parameters of the model, constants of the graph: the
tracer refuses them.

What Python functions inside torch convert (``F.interpolate`` reads sizes) is not seen: the mode is off while they run.
"""

from __future__ import annotations

import inspect
import itertools
import reprlib
import sys
from collections.abc import Callable, Iterator, Sequence
from types import CodeType, FrameType
from typing import Any, cast

import numpy as np
import torch
from torch.overrides import TorchFunctionMode

from onnx_explore.capture.captured import Conversion
from onnx_explore.capture.pitfalls import WATCHED, Pitfalls
from onnx_explore.capture.provenance import Provenance, provenance, together
from onnx_explore.capture.recordable import FROM_DATA, holds_sizes, recordable, reinterpreting, stacked
from onnx_explore.capture.scopes import Scopes
from onnx_explore.capture.torch_api import api, storage_of
from onnx_explore.errors import CaptureError
from onnx_explore.torch_ir import Frame

CONVERSIONS = {
    "__int__": "int",
    "__float__": "float",
    "__bool__": "bool",
    "__complex__": "complex",
    "__len__": "len",
    "__index__": "index",
    "__contains__": "contains",
    "__format__": "format",
    "__repr__": "format",
    "__array__": "numpy",
    "__dlpack__": "dlpack",
    "item": "item",
    "numpy": "numpy",
    "tolist": "tolist",
    "is_nonzero": "bool",
    "equal": "equal",
    "allclose": "allclose",
    "stride": "stride",
    "storage_offset": "storage_offset",
    "data_ptr": "data_ptr",
    "untyped_storage": "storage",
    "new_tensor": "tensor",
    "unbind": "iter",  # What Tensor.__iter__ calls; itself it is not seen.
}

_PROPERTIES = {torch.Tensor.nbytes.__get__: "nbytes"}  # type: ignore[attr-defined]
"""Attributes that give a number which the trace does not see."""

_MAKERS = frozenset({torch.tensor, torch.as_tensor, torch.asarray, torch.from_numpy, torch.frombuffer})
"""Make a tensor of Python or NumPy data, which the trace sees only where it is used."""

_OF_SIZES = frozenset({"stride", "nbytes", "storage", "storage_offset", "iter"})
"""What these give depends on sizes alone, whatever tensor they ask."""

_TORCH = torch.__file__.rsplit("__init__", 1)[0]
_NUMPY = np.__file__.rsplit("__init__", 1)[0]
_QUANTIZE = f"{_TORCH}ao/nn/quantized/modules/__init__.py"
_HERE = __file__.rsplit("conversions", 1)[0]
_LONGEST = 80


class Watch(TorchFunctionMode):
    """Watches the torch calls of one trace.

    Args:
        scopes: Tells the module path.
        known: Ids of tensors that the trace knows: inputs and parameters.
        before_write: Called with a tensor that an in-place operator is about to write to.
        record: Whether to keep conversions.
    """

    def __init__(
        self,
        scopes: Scopes,
        known: set[int],
        *,
        before_write: Callable[[torch.Tensor], None],
        record: bool = True,
    ) -> None:
        super().__init__()
        self.conversions: list[Conversion] = []
        self.positions: list[int] = []
        self._scopes = scopes
        self._known = known
        self._record = record
        self._before_write = before_write
        self.pitfalls = Pitfalls(_own_place)
        self._length: tuple[CodeType, int] | None = None
        self._kept: list[torch.Tensor] = []
        self._reinterpreted: dict[int, torch.Tensor] = {}

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Runs ``func``, and notes it if it converts."""
        name: str = getattr(func, "__name__", "")
        if name in WATCHED and self._record:
            func = self.pitfalls.before(func, name, args, inspect.currentframe())
            name = getattr(func, "__name__", "")
        # In-place operators and __setitem__; asking in vain costs little.
        if name.endswith("_") and args and isinstance(args[0], torch.Tensor):
            self._refuse_write(args[0])
            self._before_write(args[0])
        known = self._known
        dtype = reinterpreting(func, args, kwargs)
        if dtype is not None:
            return self._reinterpreted_as(args[0], dtype)
        func, args, kwargs = recordable(func, name, args, kwargs)
        for value in args:
            if isinstance(value, torch.Tensor):
                if value.requires_grad and id(value) not in known:
                    self._constant(value)
            elif type(value) in (list, tuple):
                self.adopt(value)
        if func in FROM_DATA and args and holds_sizes(args[0]):
            func, args, kwargs = stacked, (args[0], args[1:], kwargs or {}), None
        if kwargs:
            self.adopt(kwargs.values())
            if isinstance(kwargs.get("out"), torch.Tensor):
                self._refuse_write(kwargs["out"])
                self._before_write(kwargs["out"])
            result = func(*args, **kwargs)
        else:
            result = func(*args)
        if func in _MAKERS and args and not isinstance(args[0], torch.Tensor):
            # The tracer keeps the tensor itself as a constant, and reads it after the run: a later write would show in it.
            result = result.clone()
        if self._record:
            kind = CONVERSIONS.get(name)
            if kind is None and name == "__get__":
                kind = _PROPERTIES.get(func)
            elif kind is None and func in _MAKERS and args:
                kind = "tensor"
            if kind == "tensor":
                self._note_elements(args, result, inspect.currentframe())
            elif kind is not None:
                self._note(kind, result, inspect.currentframe(), args[0] if args else None)
        return result

    def _reinterpreted_as(self, tensor: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
        """The bits of a tensor as another type: recorded as a copy, so that from here on neither may be written."""
        result = torch.ops.aten.view_copy.dtype(tensor, dtype)
        for item in (tensor, result):
            self._reinterpreted[storage_of(item)] = item
        return result

    def _refuse_write(self, tensor: torch.Tensor) -> None:
        if self._reinterpreted and storage_of(tensor) in self._reinterpreted:
            user = user_frame(inspect.currentframe())
            raise CaptureError(
                "a tensor is written to whose bits .view(dtype) reads as another type: the trace cannot follow that",
                where=f"{user.file}:{user.line}" if user is not None else "",
                action="clone the tensor before .view(dtype), or before the write",
            )

    def _note_elements(self, args: tuple[Any, ...], result: Any, frame: FrameType | None) -> None:
        """A list of traced sizes becomes a tensor of their values; a single one stays in the trace."""
        elements = [item for data in args if isinstance(data, (list, tuple)) for item in _leaves(data)]
        if elements:
            self._note("tensor", result, frame, *elements)

    def _note(self, kind: str, result: Any, frame: FrameType | None, *sources: Any) -> None:
        if kind == "iter" and not _iterates(frame):
            return
        if reads_own_grid(frame):
            return
        user = user_python_frame(frame)
        place = (user.f_code, user.f_lasti) if user is not None else None
        if kind == "len" and isinstance(result, torch.Tensor):
            self._length = place  # While tracing, len() asks for a tensor first, and converts it in a second call.
            return
        if kind == "index" and place is not None and place == self._length:
            kind = "len"
        self._length = None
        about: list[Provenance] = []
        if kind not in _OF_SIZES:
            about = [provenance(item) for item in sources if isinstance(item, torch.Tensor)]
        of, constants = together(about) if about else ("size" if kind in _OF_SIZES else "", ())
        state = api().tracing_state()
        # A tensor of a list, and the rows of a tensor, are noted after they were recorded.
        late = state is None or kind in ("tensor", "iter")
        self.positions.append(-1 if late else api().last_value(state))
        self.conversions.append(Conversion(kind, _shown(result), described(user), self._scopes.current, of, constants))

    def adopt(self, values: Any) -> None:
        """Makes tensors that require gradients, and that the trace does not know yet, constants of the graph."""
        for value in values:
            if isinstance(value, torch.Tensor):
                if value.requires_grad and id(value) not in self._known:
                    self._constant(value)
            elif type(value) in (list, tuple):
                self.adopt(cast("Sequence[Any]", value))

    def _constant(self, tensor: torch.Tensor) -> None:
        if not tensor.is_leaf:  # Made while recording gradients inside the model: the trace knows it.
            return
        base = (
            tensor._base
        )  # A view of a parameter, taken without recording gradients, is a leaf, and the trace knows it.
        if base is not None and id(base) in self._known:
            return
        state = api().tracing_state()
        if state is None:
            return
        self._known.add(id(tensor))
        if base is not None:
            self._known.add(id(base))
        self._kept.append(tensor)
        api().set_value_trace(tensor, state.graph().insertConstant(tensor.data))


def _iterates(frame: FrameType | None) -> bool:
    """Whether ``unbind`` was called to iterate: then the number of parts is fixed by Python code."""
    caller = frame.f_back if frame is not None else None
    return caller is not None and caller.f_code.co_name == "__iter__" and inside_torch(caller.f_code.co_filename)


def inside_torch(file: str) -> bool:
    """Whether a source file is PyTorch's."""
    return file.startswith(_TORCH)


def reads_own_grid(frame: FrameType | None) -> bool:
    """Whether ``torch.ao.nn.quantized.Quantize`` makes numbers of its scale and zero point: these are constants anyway."""
    while frame is not None and frame.f_code.co_filename.startswith(_HERE):
        frame = frame.f_back
    return frame is not None and frame.f_code.co_filename == _QUANTIZE


def user_python_frame(frame: FrameType | None) -> FrameType | None:
    """The innermost frame that is neither torch's, NumPy's nor ours."""
    while frame is not None and frame.f_code.co_filename.startswith((_TORCH, _NUMPY, _HERE)):
        frame = frame.f_back
    return frame


def _own_place(frame: FrameType | None) -> str:
    """The caller's line as ``file:line``; nothing where the caller is PyTorch's own code, which mostly knows what it does."""
    while frame is not None and frame.f_code.co_filename.startswith(_HERE):
        frame = frame.f_back
    if frame is None or inside_torch(frame.f_code.co_filename):
        return ""
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


def user_frame(frame: FrameType | None) -> Frame | None:
    """``user_python_frame``, described."""
    return described(user_python_frame(frame))


def described(frame: FrameType | None) -> Frame | None:
    """File, line, function, and the column where Python knows it."""
    if frame is None:
        return None
    code = frame.f_code
    column: int | None = None
    if sys.version_info >= (3, 11):
        position = next(itertools.islice(code.co_positions(), frame.f_lasti // 2, None), None)
        if position is not None and position[2] is not None:
            column = position[2] + 1
    return Frame(code.co_filename, frame.f_lineno, code.co_name, column)


def _leaves(data: Sequence[Any]) -> Iterator[torch.Tensor]:
    """The tensors in nested lists."""
    for item in data:
        if isinstance(item, torch.Tensor):
            yield item
        elif isinstance(item, (list, tuple)):
            yield from _leaves(cast("Sequence[Any]", item))


def _shown(value: Any) -> str:
    if isinstance(value, (torch.Tensor, torch.UntypedStorage)):
        return _shown_tensor(value)
    shape = getattr(value, "shape", None)
    if shape is not None and len(shape):
        return f"{type(value).__name__} of shape {tuple(shape)}"
    if isinstance(value, tuple):
        return f"{len(cast('tuple[Any, ...]', value))} parts"
    if isinstance(value, list):
        return reprlib.repr(cast("Sequence[Any]", value))
    return _short(repr(value))


def _shown_tensor(value: torch.Tensor | torch.UntypedStorage) -> str:
    """Without recording that it was looked at."""
    state = api().tracing_state()
    api().set_tracing_state(None)
    try:
        if isinstance(value, torch.UntypedStorage):
            return f"{value.nbytes()} bytes"
        return _short(repr(value.tolist())) if value.numel() <= _LONGEST else f"Tensor of shape {tuple(value.shape)}"
    finally:
        api().set_tracing_state(state)


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
