"""Store of the files that were handed in on the page: without names, from their arrival to their answer."""

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


def store_full_error() -> RequestError:
    """Return the error for a file that there is no place for."""
    return RequestError("busy", "Too many files wait here already; try again in 5 seconds.", retry_after=5)


class UploadStore:
    """Files that wait to be examined. May be shared by threads.

    None of them has a path: small ones are in memory, large ones on the disk without a name, and they go with the
    process however it ends. A token that cannot be guessed stands for each.

    A file is *kept* when it arrives, *claimed* when it is asked about, and *taken* by the code that examines it. Each
    happens once, so no file is examined twice or for somebody else.

    Parameters
    ----------
    capacity : int
        Files that may wait. A further one takes the place of the oldest that was not claimed in time; when there is
        none, it is refused.
    claim_timeout : float
        Seconds in which a file should be claimed; the page does so at once.
    """

    def __init__(self, capacity: int, claim_timeout: float = 5.0) -> None:
        self.capacity, self.claim_timeout = capacity, claim_timeout
        self._kept: dict[str, tuple[Upload, float]] = {}  # with the time of arrival; the oldest first
        self._claimed: dict[str, Upload] = {}
        self._size = 0
        self._lock = threading.Lock()

    def keep(self, upload: Upload) -> str:
        """Keep a file that has arrived; returns its token.

        Raises
        ------
        RequestError
            When too many wait already.
        """
        token = secrets.token_hex(16)
        with self._lock:
            stale = self._make_room() if len(self._kept) + len(self._claimed) >= self.capacity else None
            upload.taken = True
            self._kept[token] = upload, time.monotonic()
            self._size += upload.size
        self._close(stale)
        return token

    def claim(self, token: str) -> bool:
        """Claim a file; False when there is none with this token, or it was claimed before."""
        with self._lock:
            upload = self._pop_kept(token)
            if upload is not None:
                self._claimed[token] = upload
        return upload is not None

    @contextlib.contextmanager
    def taken(self, token: str) -> Iterator[Upload]:
        """Take a claimed file for as long as it is examined; then it is deleted.

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
        """Delete a file unless it was claimed."""
        with self._lock:
            upload = self._pop_kept(token)
        self._close(upload)

    def discard(self, token: str) -> None:
        """Delete a claimed file unless it was taken."""
        with self._lock:
            upload = self._claimed.pop(token, None)
        self._close(upload)

    def size(self) -> int:
        """Return the bytes of all files that wait or are examined."""
        return self._size

    def close(self) -> None:
        """Delete all files that wait."""
        with self._lock:
            uploads = [*(upload for upload, _ in self._kept.values()), *self._claimed.values()]
            self._kept.clear()
            self._claimed.clear()
        for upload in uploads:
            self._close(upload)

    def _pop_kept(self, token: str) -> Upload | None:
        upload, _ = self._kept.pop(token, (None, 0.0))
        return upload

    def _make_room(self) -> Upload | None:
        """Remove the oldest file that was not claimed in time; RequestError when there is none."""
        oldest = next(iter(self._kept), None)
        if oldest is None or time.monotonic() - self._kept[oldest][1] < self.claim_timeout:
            raise store_full_error()
        return self._pop_kept(oldest)

    def _close(self, upload: Upload | None) -> None:
        if upload is None:
            return
        upload.file.close()
        with self._lock:
            self._size -= upload.size
