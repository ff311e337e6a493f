"""Temporary folders that are deleted with their process, however it ends."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
import weakref
from collections.abc import Iterator
from pathlib import Path

_FRESH_SECONDS = 60.0


class TemporaryFolder:
    """A folder that no other user can read, deleted by `close`, at the latest when the process ends.

    A killed process deletes nothing. Each therefore holds a lock on its folder, which the system releases with the
    process: the next process that makes a folder of the same name deletes those that are no longer locked.

    Parameters
    ----------
    name : str
        Purpose, as part of the folder's name.
    parent : Path, optional
        By default the system's folder for temporary files.
    """

    def __init__(self, name: str, parent: Path | None = None) -> None:
        prefix = f"aletheia-{name}-"
        _delete_orphans(parent or Path(tempfile.gettempdir()), prefix)
        self.folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent)).resolve()
        descriptor = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        self._close = weakref.finalize(self, _delete, self.folder, descriptor)

    def close(self) -> None:
        """Delete the folder with all that is in it."""
        self._close()


@contextlib.contextmanager
def collect_temporary_files(name: str) -> Iterator[None]:
    """Delete what libraries leave in the folder for temporary files while a block runs, such as MLRun.

    For all threads of this process: they get a folder of their own in its place.
    """
    former, folder = tempfile.tempdir, TemporaryFolder(name)
    tempfile.tempdir = str(folder.folder)
    try:
        yield
    finally:
        tempfile.tempdir = former
        folder.close()


def _delete(folder: Path, descriptor: int) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    os.close(descriptor)


def _delete_orphans(parent: Path, prefix: str) -> None:
    for folder in parent.glob(f"{prefix}*"):
        try:
            status = folder.lstat()
            # A new one may not be locked yet; those of other users are left alone.
            if status.st_uid != os.getuid() or time.time() - status.st_mtime < _FRESH_SECONDS:
                continue
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError:
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        except BlockingIOError:
            pass  # in use
        finally:
            os.close(descriptor)
