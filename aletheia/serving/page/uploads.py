"""Files on their way: they come into a folder of their own and leave it with the answer."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from pathlib import Path
from typing import Any

from aletheia.errors import InputError
from aletheia.scratch import Scratch

_GONE = "The file did not arrive whole. Choose it again."


class Uploads:
    """The folder of uploads, which goes with the process.

    Every file is deleted when it has been answered. What was sent without ever being asked about, or only in part, goes
    after a while.

    Parameters
    ----------
    keep : float
        Seconds after which such a file goes; longer than any answer may take.
    """

    def __init__(self, keep: float = 600.0) -> None:
        self._scratch = Scratch("uploads")
        self.folder, self.keep = self._scratch.folder, keep
        self._closed = threading.Event()
        threading.Thread(target=_sweep, args=(self.folder, keep, self._closed), name="uploads", daemon=True).start()

    def file(self, payload: Any) -> Path:
        """The file of an upload.

        Parameters
        ----------
        payload
            What the browser sends: ``{"path": …}``. A client can send what it likes, and no request may name a file of
            the server: only what lies in the folder is one.

        Raises
        ------
        InputError
            For anything else.
        """
        named = payload.get("path") if isinstance(payload, dict) else None
        if not isinstance(named, str) or "\0" in named or len(named) > 4096:
            raise InputError(_GONE)
        path = Path(named).resolve()
        if not path.is_relative_to(self.folder) or not path.is_file():
            raise InputError(_GONE)
        return path

    def size(self) -> int:
        """Bytes of all files that lie there."""
        total = 0
        for path in self.folder.rglob("*"):
            with contextlib.suppress(OSError):  # gone meanwhile
                total += path.lstat().st_size
        return total

    def delete(self, path: Path) -> None:
        """Delete a file and the folder that was made for it alone."""
        path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # another upload of the same content lies there, too
            path.parent.rmdir()

    def close(self) -> None:
        """Delete the folder."""
        self._closed.set()
        self._scratch.close()


def _sweep(folder: Path, keep: float, closed: threading.Event) -> None:
    while not closed.wait(min(keep / 2, 60)):
        for path in folder.rglob("*"):
            with contextlib.suppress(OSError):
                if path.is_file() and time.time() - os.stat(path).st_mtime > keep:
                    path.unlink()
