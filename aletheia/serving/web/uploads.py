"""Files on their way: kept without a name from their arrival to their answer, and known by a token of one's own."""

from __future__ import annotations

import contextlib
import secrets
import threading
import time
from collections.abc import Iterator

from aletheia.core.errors import InputError
from aletheia.inference.errors import RequestError
from aletheia.serving.uploads import Upload

GONE = "The file did not arrive whole. Choose it again."


def too_many() -> RequestError:
    """The refusal of a file that there is no place for."""
    return RequestError("busy", "Too many files wait here already; try again in 5 seconds.", retry_after=5)


class Uploads:
    """Files that wait to be examined. May be shared by threads.

    None of them has a path: small ones are in memory, large ones on the disk without a name, and they go with the
    process however it ends. A token that nobody can guess stands for each.

    A file is *kept* when it arrives, *claimed* when it is asked about, and *taken* by who examines it. Each happens
    once, so no file is examined twice or by somebody else.

    Parameters
    ----------
    most : int
        Files that may wait. Of further ones each takes the place of the one that nobody has asked about for longest;
        when all were asked about, or have just come, they are refused.
    patience : float
        Seconds in which a file should be asked about; the page does it at once.
    """

    def __init__(self, most: int, patience: float = 5.0) -> None:
        self.most, self.patience = most, patience
        self._kept: dict[str, tuple[Upload, float]] = {}  # since when; the oldest first
        self._claimed: dict[str, Upload] = {}
        self._size = 0
        self._lock = threading.Lock()

    def keep(self, upload: Upload) -> str:
        """Keep a file that has arrived; its token.

        Raises
        ------
        Refused
            When too many wait already.
        """
        token = secrets.token_hex(16)
        with self._lock:
            stale = self._stale() if len(self._kept) + len(self._claimed) >= self.most else None
            upload.taken = True
            self._kept[token] = upload, time.monotonic()
            self._size += upload.size
        self._close(stale)
        return token

    def claim(self, token: str) -> bool:
        """Whether there is a file of this token that nobody asked about yet; from now on somebody has."""
        with self._lock:
            upload = self._unkept(token)
            if upload is not None:
                self._claimed[token] = upload
        return upload is not None

    @contextlib.contextmanager
    def taken(self, token: str) -> Iterator[Upload]:
        """A file that was asked about, for as long as it is looked at; then it is gone.

        Raises
        ------
        InputError
            When there is none.
        """
        with self._lock:
            upload = self._claimed.pop(token, None)
        if upload is None:
            raise InputError(GONE)
        try:
            yield upload
        finally:
            self._close(upload)

    def expire(self, token: str) -> None:
        """Delete a file unless somebody has asked about it."""
        with self._lock:
            upload = self._unkept(token)
        self._close(upload)

    def discard(self, token: str) -> None:
        """Delete a file that was asked about unless somebody looks at it."""
        with self._lock:
            upload = self._claimed.pop(token, None)
        self._close(upload)

    def size(self) -> int:
        """Bytes of all files that wait or are looked at."""
        return self._size

    def close(self) -> None:
        """Delete all that wait."""
        with self._lock:
            left = [*(upload for upload, _ in self._kept.values()), *self._claimed.values()]
            self._kept.clear(), self._claimed.clear()
        for upload in left:
            self._close(upload)

    def _unkept(self, token: str) -> Upload | None:
        return self._kept.pop(token, (None, 0.0))[0]

    def _stale(self) -> Upload | None:
        """The file whose place another may take; Refused when there is none."""
        oldest = next(iter(self._kept), None)
        if oldest is None or time.monotonic() - self._kept[oldest][1] < self.patience:
            raise too_many()
        return self._unkept(oldest)

    def _close(self, upload: Upload | None) -> None:
        if upload is None:
            return
        upload.file.close()
        with self._lock:
            self._size -= upload.size
