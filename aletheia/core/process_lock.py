"""Locks that one process holds, and that the system frees when that process ends, however it ends."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from aletheia.core.errors import InputError


@contextlib.contextmanager
def process_lock(path: str | Path, what: str) -> Iterator[None]:
    """Hold a lock while the block runs.

    Parameters
    ----------
    path : path
        Its file, readable by its owner alone; it stays, with the number of the last holder in it.
    what : str
        What runs under it, for the message: "A retraining".

    Raises
    ------
    InputError
        When another process holds it.
    """
    with _opened(path) as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(f"{what} is running already (process {holder(path) or 'unknown'}).") from None
        os.ftruncate(handle, 0)
        os.pwrite(handle, str(os.getpid()).encode(), 0)
        yield


@contextlib.contextmanager
def waiting_lock(path: str | Path) -> Iterator[None]:
    """Hold a lock while the block runs, for what takes moments: another holder, process or thread, is waited for.

    Parameters
    ----------
    path : path
        Its file, readable by its owner alone; it stays.
    """
    with _opened(path) as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def _opened(path: str | Path) -> Iterator[int]:
    """Open a lock's file, made if it is missing; not for truncation, which would wipe the holder's number."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        yield handle
    finally:
        os.close(handle)


def holder(path: str | Path) -> int | None:
    """Return the number of the process that holds a lock; None when nobody does."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            text = os.pread(handle, 32, 0).decode("ascii", "replace")
            return int(text) if text.isdigit() else None
        return None
    finally:
        os.close(handle)
