"""Files written whole or not at all, and read only when they are what they should be."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from aletheia.core.errors import DISK_FULL, InputError
from aletheia.core.shards import member_bytes

MAX_BYTES = 2_000_000_000  # of any file that is read
_WRONG_PLACE = (
    *(errno.EACCES, errno.EROFS, errno.EPERM),
    *(errno.ENOTDIR, errno.EEXIST, errno.EISDIR, errno.ENOENT, errno.ENAMETOOLONG),
)


def _umask() -> int:
    # The mask cannot be read without setting it.
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


_UMASK = _umask()  # once: while it is set, files of other threads would get the wrong permissions


@contextlib.contextmanager
def replacing(path: str | Path, *, durable: bool = False) -> Iterator[IO[bytes]]:
    """Open a file for writing that takes the place of `path` only when the block ends without an error.

    The content goes to a temporary file in the same folder: renaming is atomic only within a file system.

    Parameters
    ----------
    path : path
        Its folder is made if it is missing.
    durable : bool
        Flush the content to the disk before the renaming, so that it survives a power cut, too.

    Raises
    ------
    OSError
        As the system raises it.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".partial", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            if durable:
                file.flush()
                os.fsync(file.fileno())
        temporary.chmod(0o666 & ~_UMASK)
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


@contextlib.contextmanager
def atomic_write(path: str | Path) -> Iterator[IO[bytes]]:
    """Open a file for writing as `replacing` does, durably, and say in one sentence why it cannot be written.

    Raises
    ------
    InputError
        When the disk is full, the folder cannot be written, or no file can have this path.
    """
    try:
        with replacing(path, durable=True) as file:
            yield file
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise InputError(f"{path} cannot be written. {DISK_FULL}") from None
        if error.errno in _WRONG_PLACE:
            raise InputError(f"{path} cannot be written ({error.strerror}); name another place.") from None
        raise


def check_file(file: Path, limit: int = MAX_BYTES) -> None:
    """Refuse a path that is missing, no regular file or too large, before it is opened.

    Raises
    ------
    InputError
        With the reason.
    """
    try:
        status = file.stat()
    except (OSError, ValueError):
        raise InputError(f"There is no file {file}.") from None
    if not stat.S_ISREG(status.st_mode):
        raise InputError(f"{file} is not a regular file.")
    if status.st_size > limit:
        raise InputError(f"{file} has {status.st_size:,} bytes; at most {limit:,} are read.")


def file_state(path: str | Path) -> str:
    """Describe size and time of a file's last change, to notice that it is another one; empty when it is missing."""
    stamp = _stamp(path)
    return f"{stamp[0]} bytes, {stamp[1]}" if stamp else ""


def stamped_path(path: str) -> str:
    """Join a path with the size and the time of the file's last change, for keys; empty when it is missing."""
    stamp = _stamp(path)
    return f"{path}\0{stamp[0]}\0{stamp[1]}\0" if stamp else ""


def _stamp(path: str | Path) -> tuple[int, int] | None:
    try:
        status = Path(path).stat()
    except NotADirectoryError:
        size = member_bytes(path)  # a shard grows at its end: its own time says nothing of what stands in it
        return None if size is None else (size, 0)
    except (OSError, ValueError):
        return None
    return status.st_size, status.st_mtime_ns
