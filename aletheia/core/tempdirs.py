"""Folders for what is needed for a while: gone with the process, however it ends."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
import weakref
from pathlib import Path

_FRESH_SECONDS = 60.0


class TemporaryFolder:
    """A folder that nobody else can read, deleted by `close`, at the latest when the process ends.

    A process that is killed deletes nothing. So each holds a lock on its folder, which the system lets go of with the
    process: whoever makes a folder of the same name deletes those that nobody holds any more.

    Parameters
    ----------
    name : str
        What it is for, as part of its name.
    """

    def __init__(self, name: str) -> None:
        prefix = f"aletheia-{name}-"
        _delete_orphans(prefix)
        self.folder = Path(tempfile.mkdtemp(prefix=prefix)).resolve()
        held = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
        fcntl.flock(held, fcntl.LOCK_EX)
        self._close = weakref.finalize(self, _delete, self.folder, held)

    def close(self) -> None:
        """Delete the folder with all that is in it."""
        self._close()


def _delete(folder: Path, held: int) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    os.close(held)


def _delete_orphans(prefix: str) -> None:
    for folder in Path(tempfile.gettempdir()).glob(f"{prefix}*"):
        try:
            status = folder.lstat()
            # One that is new may not be held yet; what belongs to others is none of ours.
            if status.st_uid != os.getuid() or time.time() - status.st_mtime < _FRESH_SECONDS:
                continue
            held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError:
            continue
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        except BlockingIOError:
            pass  # somebody uses it
        finally:
            os.close(held)
