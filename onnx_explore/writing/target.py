"""Where bytes go: files that take their place all at once or not at all, or a file object of the caller's.

In: bytes. Out: a whole file, or everything as it was, whatever ends the writing (an error, an interrupt, a cancel).
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import secrets
import stat
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO, cast

from onnx_explore.errors import WriteError

if TYPE_CHECKING:
    from typing_extensions import Self

_BUFFER = 1 << 20

_ACTIONS = {
    errno.ENOSPC: "free some space on that disk, or choose another folder",
    errno.EDQUOT: "free some space of your quota, or choose another folder",
    errno.EFBIG: "the system limits the size of files there; pass external_data=True, or choose another folder",
    errno.EACCES: "choose a file and a folder that you may write to",
    errno.EPERM: "choose a file and a folder that you may write to",
    errno.EROFS: "choose a folder on a disk that is not read-only",
    errno.ENOENT: "create the folder first",
    errno.ENOTDIR: "a part of the path before the file's name is not a folder; correct it",
    errno.EISDIR: "give the path of a file",
    errno.ENAMETOOLONG: "choose a shorter name",
}


def write_error(path: str, error: OSError, more: str = "") -> WriteError:
    """What to tell the user about an ``OSError``; raise it from that error."""
    reason = error.strerror or str(error)
    action = _ACTIONS.get(error.errno or 0, "choose another path")
    return WriteError(f"cannot write '{path}': {reason}{more}", action=action)


def write_all(file: BinaryIO, data: memoryview | bytes) -> None:
    """Write all of ``data``, also to an unbuffered file that takes it in portions.

    Raises:
        OSError, ValueError, TypeError: As ``file.write`` does.
    """
    rest = memoryview(data)
    while rest:
        written = cast("int | None", file.write(rest))
        if written is None:
            if isinstance(file, io.RawIOBase):
                raise BlockingIOError(errno.EAGAIN, "the file object is non-blocking and its buffer is full")
            return  # Many file-like objects return nothing; they took everything.
        rest = rest[written:]


@dataclass(slots=True)
class _Replacement:
    target: str
    temporary: str
    mode: int | None
    backup: str | None = None
    file: BinaryIO | None = None

    @property
    def moved(self) -> bool:
        """Whether the temporary file took the target's place; asks the disk, for an interrupt may come anywhere."""
        return not os.path.lexists(self.temporary)


class Transaction:
    """Files that are written beside their targets and take their places together, at ``commit``.

    Use as a context manager. Without a commit, or when something fails before the last file is in its place, the
    targets are as they were and no temporary file is left. The last file that was opened is the one whose appearance
    makes everything valid: open data files first, the model last.
    """

    def __init__(self) -> None:
        self._replacements: list[_Replacement] = []
        self._moving = False

    def open(self, target: str) -> BinaryIO:
        """A new file that will be ``target``, which must be a regular file if it exists.

        Raises:
            OSError: If it cannot be made.
        """
        mode = None
        with contextlib.suppress(FileNotFoundError):
            mode = stat.S_IMODE(os.stat(target).st_mode)
            if not os.access(target, os.W_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), target)
        replacement = _Replacement(target, _beside(target), mode)
        self._replacements.append(replacement)
        # "x": never write through something that stands there already. The mode follows the umask, as for any new file.
        replacement.file = open(replacement.temporary, "xb", buffering=_BUFFER)  # noqa: SIM115 (closed by __exit__)
        if mode is not None:
            os.chmod(replacement.temporary, mode)
        return replacement.file

    def commit(self) -> None:
        """Put every file in its place, in the order of opening.

        Raises:
            OSError: If that fails; ``__exit__`` then restores what was there.
        """
        for replacement in self._replacements:
            if replacement.file is not None:
                replacement.file.close()
                replacement.file = None
        for replacement in self._replacements[:-1]:
            if os.path.lexists(replacement.target):
                replacement.backup = _beside(replacement.target)
                _keep(replacement.target, replacement.backup)
        self._moving = True
        for replacement in self._replacements:
            os.replace(replacement.temporary, replacement.target)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        replacements = self._replacements
        committed = self._moving and replacements[-1].moved
        for replacement in reversed(replacements):
            if replacement.file is not None:
                with contextlib.suppress(OSError):  # Flushing may fail again; the error that led here is on its way.
                    replacement.file.close()
            if not committed:
                if replacement.backup is not None and os.path.lexists(replacement.backup):
                    os.replace(replacement.backup, replacement.target)
                elif self._moving and replacement.moved:
                    os.unlink(replacement.target)  # There was none before.
            # rename(2) leaves both names of one file alone, so the backup may still be there after it was restored.
            for leftover in filter(None, (replacement.temporary, replacement.backup)):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(leftover)


class Appended:
    """A file object of the caller's that is cut back to where it was if the writing fails and it can seek.

    Attributes:
        leftover: After a failure: why it could not be cut back, or ``""``.
    """

    def __init__(self, file: BinaryIO) -> None:
        self.leftover = ""
        self._file = file
        self._start: int | None = None

    def __enter__(self) -> Self:
        with contextlib.suppress(AttributeError, OSError):  # Not every file-like object can tell or seek.
            self._start = self._file.tell() if self._file.seekable() else None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is None or self._start is None:
            return
        try:
            self._file.seek(self._start)
            self._file.truncate()
        except (OSError, ValueError, AttributeError) as failure:
            self.leftover = f"; it could not be cut back to position {self._start} ({failure})"


def _beside(target: str) -> str:
    """A name for a temporary file on the same disk as ``target``."""
    folder, name = os.path.split(target)
    return os.path.join(folder, f".{name[:100]}.{secrets.token_hex(8)}.tmp")


def _keep(path: str, backup: str) -> None:
    """Give a file a second name; where the disk has no hard links, another name."""
    try:
        os.link(path, backup, follow_symlinks=False)
    except OSError:
        os.replace(path, backup)
