"""Writes a model: a single file straight from the tensors' memory, or a model and a data file beside it.

In: an ``onnx_ir.Model`` and a path or a binary file object. Out: the file(s), or everything as it was.
"""

from __future__ import annotations

import errno
import io
import os
import stat
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO, cast

import onnx_ir as ir
from google.protobuf.message import EncodeError

from onnx_explore.errors import Cancelled, InvalidArgument, WriteError
from onnx_explore.writing.payload import pieces
from onnx_explore.writing.plan import PROTOBUF_LIMIT, Plan, plan_external, plan_inline
from onnx_explore.writing.target import Appended, Transaction, write_all, write_error


@dataclass(frozen=True, slots=True)
class WriteResult:
    """What was written.

    Attributes:
        path: Path of the model file; None for a file object.
        bytes: Size of the model file.
        external_files: Paths of the data files beside it.
    """

    path: str | None
    bytes: int
    external_files: tuple[str, ...] = ()


def write_model(
    model: ir.Model,
    f: str | os.PathLike[str] | BinaryIO,
    *,
    external_data: bool | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> WriteResult:
    """Write a model.

    Weights are read when they are written, in pieces, and never copied as a whole. A path gets its new content all at
    once: when anything fails, an earlier file (and its data file) is untouched and usable, and nothing else is left
    behind. A link is followed; only where a data file is needed is it replaced, so that both files stand in the folder
    that was named.

    Args:
        model: The model; stays as it is.
        f: A path, or a file object that is open for writing bytes. A file object is cut back to its position on failure
            where it can seek.
        external_data: True puts initializers of 1 KiB and more into ``<name>.data`` beside the model, False never does,
            None does when a single file would be larger than protobuf allows (2 GiB).
        cancelled: Asked between two pieces (of at most 16 MiB).

    Returns:
        Where it was written, and how large it is.

    Raises:
        WriteError: If the model cannot be written there, or a tensor has no values.
        Cancelled: If ``cancelled`` said so.
        InvalidArgument: If ``f`` is neither a path nor a file object.
    """
    path = _path(f)
    inline = None
    if external_data is not True:
        with _serialization_errors():
            inline = plan_inline(model)
    if inline is not None and inline.size > PROTOBUF_LIMIT:
        if external_data is False:
            raise WriteError(
                f"the model takes {_gib(inline.size)}, and a single file may not be larger than 2 GiB (protobuf)",
                action="let external_data be None or True, so that weights go to a data file beside the model",
            )
        inline = None

    if path is None:
        assert not isinstance(f, str | os.PathLike)
        if inline is None:
            raise WriteError(
                "a file object can hold only a single file, and this model needs a data file beside it"
                + (" (it is larger than 2 GiB)" if external_data is None else " (external_data=True)"),
                action="give a path",
            )
        return _write_object(inline, f, cancelled)
    with _os_errors(path):
        if inline is None:
            return _write_with_data(model, path, cancelled)
        return _write_path(inline, path, cancelled)


def check_target(f: object, *, with_data: bool = False) -> None:
    """Refuse, before anything runs, what could not be written to in the end. Nothing is touched.

    Args:
        f: A path or a file object.
        with_data: Whether a data file is to stand beside it whatever the size.

    Raises:
        InvalidArgument: If it is neither a path nor a file object.
        WriteError: If it is a folder, it or its folder may not be written to, its folder does not exist, a file object takes no
            bytes, or there can be no data file beside it.
    """
    path = _path(f)
    if path is None:
        _check_object(cast(BinaryIO, f))
        if with_data:
            raise WriteError("there is no data file beside a file object (external_data=True)", action="give a path")
        return
    if "\0" in path:
        raise WriteError(f"{path!r} is no path: it holds a null character", action="choose another path")
    with _os_errors(path):
        if os.path.exists(path) and not os.access(path, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        if _is_replaceable(path):
            folder = os.path.dirname(os.path.realpath(path))
            os.stat(folder)
            if not os.access(folder, os.W_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), folder)


def _check_object(file: BinaryIO) -> None:
    if isinstance(file, io.TextIOBase):
        raise WriteError("the file object takes text, and a model is bytes", action="open it with mode 'wb'")
    if getattr(file, "closed", False):
        raise WriteError("the file object is closed", action="open it again with mode 'wb'")
    readable, writable = getattr(file, "readable", None), getattr(file, "writable", None)
    if callable(readable) and callable(writable) and readable() and not writable():
        raise WriteError("the file object is open for reading", action="open it with mode 'wb'")


def _write_path(plan: Plan, path: str, cancelled: Callable[[], bool]) -> WriteResult:
    if not _is_replaceable(path):
        # A device or a pipe: it is not to be replaced by a file.
        with open(path, "wb") as file:
            _write(plan, file, cancelled)
        return WriteResult(path, plan.size)
    with Transaction() as transaction:
        _write(plan, transaction.open(os.path.realpath(path)), cancelled)
        transaction.commit()
    return WriteResult(path, plan.size)


def _write_with_data(model: ir.Model, path: str, cancelled: Callable[[], bool]) -> WriteResult:
    data_path = f"{path}.data"
    for each in (path, data_path):
        if not _is_replaceable(each):
            raise WriteError(f"'{each}' is not a regular file, and this model needs a data file", action="give a path")
    with _serialization_errors():
        plan, data_plan = plan_external(model, os.path.basename(data_path))
    if plan.size > PROTOBUF_LIMIT:
        raise WriteError(
            f"the model takes {_gib(plan.size)} even without its initializers; protobuf allows 2 GiB",
            action="turn large constants into initializers (onnx_ir's LiftConstantsToInitializersPass)",
        )
    with Transaction() as transaction:
        if data_plan.size:
            _write(data_plan, transaction.open(data_path), cancelled)
        _write(plan, transaction.open(path), cancelled)
        transaction.commit()
    return WriteResult(path, plan.size, (data_path,) if data_plan.size else ())


def _write_object(plan: Plan, file: BinaryIO, cancelled: Callable[[], bool]) -> WriteResult:
    _check_object(file)
    target = Appended(file)
    try:
        with target:
            _write(plan, file, cancelled)
            if hasattr(file, "flush"):  # write() alone makes a file-like object.
                file.flush()
    except (io.UnsupportedOperation, TypeError, ValueError) as error:
        raise WriteError(f"the file object does not take bytes: {error}", action="open it with mode 'wb'") from error
    except OSError as error:
        raise write_error(str(getattr(file, "name", "file object")), error, target.leftover) from error
    return WriteResult(None, plan.size)


def _write(plan: Plan, file: BinaryIO, cancelled: Callable[[], bool]) -> None:
    for part in plan.parts:
        if isinstance(part, bytes):
            _look(cancelled)
            write_all(file, part)
            continue
        written = 0
        for piece in _readable(part):
            _look(cancelled)
            write_all(file, piece)
            written += len(piece)
        wanted = part.nbytes
        if written != wanted:
            raise WriteError(
                f"initializer '{part.name}' was to take {wanted} bytes and gave {written}",
                action="do not resize weights while they are written",
            )


def _readable(tensor: ir.TensorProtocol) -> Iterator[memoryview]:
    try:
        yield from pieces(tensor)
    except (OSError, TypeError, ValueError, RuntimeError) as error:
        raise WriteError(
            f"the values of initializer '{tensor.name}' cannot be read: {error}",
            action="replace it by a dense tensor with values",
        ) from error


def _look(cancelled: Callable[[], bool]) -> None:
    if cancelled():
        raise Cancelled("writing was stopped; nothing was changed")


def _path(f: object) -> str | None:
    """The path, or None for a file object."""
    if isinstance(f, str | os.PathLike):
        return os.fsdecode(cast("str | os.PathLike[str]", f))
    if callable(getattr(f, "write", None)):
        return None
    raise InvalidArgument(
        f"a {type(f).__name__} is neither a path nor a file object",
        argument="f",
        action="give a path, such as 'model.onnx'",
    )


def _is_replaceable(path: str) -> bool:
    """Whether a file can be put there: nothing or a regular file is there now."""
    if not os.path.basename(path):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        return True
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    return stat.S_ISREG(mode)


@contextmanager
def _os_errors(path: str) -> Generator[None, None, None]:
    try:
        yield
    except OSError as error:
        raise write_error(path, error) from error


@contextmanager
def _serialization_errors() -> Generator[None, None, None]:
    try:
        yield
    except (ir.serde.SerdeError, EncodeError) as error:
        raise WriteError(f"the model cannot be serialised: {error}") from error


def _gib(size: int) -> str:
    return f"{size / 2**30:.2f} GiB"
