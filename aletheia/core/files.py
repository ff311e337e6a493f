"""Files of models: written whole or not at all, read only when they are what they should be."""

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

MAX_BYTES = 2_000_000_000  # of any file that is read


def _umask() -> int:
    # There is no way to read it without setting it.
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


_UMASK = _umask()  # once: while it is read, files of other threads would get the wrong rights


@contextlib.contextmanager
def atomic_write(path: str | Path) -> Iterator[IO[bytes]]:
    """Open a file for writing that takes the place of `path` only when the block ends without an error.

    The content goes to a temporary file in the same folder (renaming is atomic only within a file system), is
    flushed to the disk, and then renamed.

    Raises
    ------
    InputError
        When the disk is full or the folder cannot be written.
    """
    path = Path(path)
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".partial", dir=path.parent)
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_UMASK)
        os.replace(temporary, path)
        temporary = None
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise InputError(f"{path} cannot be written. {DISK_FULL}") from None
        if error.errno in (errno.EACCES, errno.EROFS, errno.ENOTDIR, errno.EPERM):
            raise InputError(f"{path} cannot be written ({error.strerror}); name another folder.") from None
        raise
    finally:
        if temporary is not None:
            with contextlib.suppress(OSError):
                os.unlink(temporary)


def check_file(file: Path, limit: int = MAX_BYTES) -> None:
    """Refuse what is no regular file or too large, before it is opened.

    Raises
    ------
    InputError
        Which of the two it is, or that there is no such file.
    """
    try:
        status = file.stat()
    except (OSError, ValueError):
        raise InputError(f"There is no file {file}.") from None
    if not stat.S_ISREG(status.st_mode):
        raise InputError(f"{file} is not a regular file.")
    if status.st_size > limit:
        raise InputError(f"{file} has {status.st_size:,} bytes; at most {limit:,} are read.")
